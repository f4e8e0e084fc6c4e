"""Draws a scene as one self-contained Folium map: one file, no network, the same bytes for the same scene.

Folium by itself links ten files from content networks, names every element at
random and escapes nothing; here the links are replaced by Leaflet's own text, the names are counted, and every popup
comes from ``maps.popups``. There is no base map: sites, zones and the mosaic of the flight's own frames are the ground.
"""

from __future__ import annotations

import base64
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.text import _
from core.whole_file import write_text
from geofence.hazard import Value
from geofence.site import ZoneType
from maps import palette
from maps.assets import leaflet_script, leaflet_style
from maps.features import Feature, layers_of
from maps.popups import incident_popup, legend, place_popup, style
from maps.scene import Scene, bounds_of

if TYPE_CHECKING:
    from branca.element import Element
    from folium import Map

_BIND_POPUP = "(f,l)=>{if(f.properties.popup)l.bindPopup(f.properties.popup,{maxWidth:380,minWidth:240,maxHeight:460})}"


def draw(scene: Scene, path: Path, *, chinese: bool = False) -> None:
    """Write the scene's map to ``path``, whole or not at all.

    Args:
        scene: What to show.
        path: The HTML file to write.
        chinese: Whether hazards are named in Chinese (the other words follow the installed catalogue).

    Raises:
        ValueError: The scene shows nothing.
        OSError: The file cannot be written.
    """
    write_text(path, render(scene, chinese=chinese))


def render(scene: Scene, *, chinese: bool = False) -> str:
    """Return the scene's map as HTML; the same text for the same scene."""
    import folium
    from branca.element import Element, MacroElement

    west, south, east, north = bounds_of(scene)
    drawn = bare_map(((south + north) / 2, (west + east) / 2))
    figure = drawn.get_root()
    figure.title = escape(scene.title)
    figure.header.add_child(Element(f"<meta charset='utf-8'><style>{leaflet_style()}\n{style()}</style>"), name="style")
    figure.header.add_child(Element(f"<script>{leaflet_script()}</script>"), name="leaflet")
    layers = layers_of(scene)
    if scene.mosaic is not None:
        mosaic = scene.mosaic
        folium.raster_layers.ImageOverlay(
            f"data:{mosaic.media_type};base64,{base64.b64encode(mosaic.image).decode()}",
            bounds=[[mosaic.south_deg, mosaic.west_deg], [mosaic.north_deg, mosaic.east_deg]],
            name=_("frames laid on the ground"),
        ).add_to(drawn)
    for name, features, shown, marker in _styled_layers(scene, layers, chinese=chinese):
        if features:
            _add_layer(drawn, name, features, shown=shown, marker=marker)
    drawn.fit_bounds([[south, west], [north, east]], padding=(20, 20), max_zoom=19)
    folium.LayerControl(collapsed=True).add_to(drawn)
    figure.html.add_child(Element(legend(scene)), name="legend")
    count_names(figure, MacroElement)
    html: str = figure.render()
    return html


def bare_map(centre: tuple[float, float]) -> Map:
    """Return a Folium map that links nothing and has no tiles."""
    import folium

    class BareMap(folium.Map):  # type: ignore[misc]  # folium carries no type information
        default_js: list[tuple[str, str]] = []  # noqa: RUF012 - folium's own class attribute, emptied
        default_css: list[tuple[str, str]] = []  # noqa: RUF012 - as above

    return BareMap(
        location=centre,
        tiles=None,
        zoom_start=17,
        max_zoom=22,
        control_scale=True,
        zoom_snap=0.5,
        attribution_control=False,
    )


def _add_layer(drawn: Map, name: str, features: list[Feature], *, shown: bool, marker: bool) -> None:
    """Add one layer of styled features to the map."""
    import folium

    folium.GeoJson(
        {"type": "FeatureCollection", "features": features},
        name=name,
        show=shown,
        marker=folium.CircleMarker(radius=6) if marker else None,
        on_each_feature=folium.JsCode(_BIND_POPUP),
    ).add_to(drawn)


def _styled_layers(
    scene: Scene, layers: dict[str, list[Feature]], *, chinese: bool
) -> list[tuple[str, list[Feature], bool, bool]]:
    """Return name, styled features, shown at first, and whether they are points, of each layer from back to front."""

    def sites(properties: dict[str, Any]) -> tuple[palette.Style, str]:
        rows = [(_("credit code"), properties["code"]), (_("open leads"), str(properties["leads"]))]
        return palette.site_style(properties["leads"]), place_popup(properties["name"], rows)

    def zones(properties: dict[str, Any]) -> tuple[palette.Style, str]:
        kind = ZoneType(properties["zone_type"])
        rows = [(_("zone"), palette.zone_name(kind)), (_("enterprise"), properties["site_code"])]
        return palette.zone_style(kind), place_popup(properties["name"] or properties["zone_id"], rows)

    def no_fly(properties: dict[str, Any]) -> tuple[palette.Style, str]:
        return palette.NO_FLY_STYLE, place_popup(properties["name"], [(_("no-fly zone"), properties["reason"])])

    def footprints(properties: dict[str, Any]) -> tuple[palette.Style, str]:
        rows = [(_("detections"), str(properties["detections"]))]
        return palette.FOOTPRINT_STYLE, place_popup(properties["name"], rows)

    def others(properties: dict[str, Any]) -> tuple[palette.Style, str]:
        rows = [
            (_("seen"), str(properties["seen"])),
            (_("confidence"), f"{properties['best_score']:.2f}"),
            (_("error"), f"± {properties['semi_major_90_m']:.1f} m (90 %)"),
        ]
        return palette.SIGHTING_STYLE, place_popup(properties["label"], rows)

    def incidents(feature: Feature) -> tuple[palette.Style, str]:
        properties = feature["properties"]
        look = palette.incident_style(Value(properties["value"]), decided=properties["site_decided"])
        thumbnail = scene.thumbnails.get(properties["incident_id"])
        explanation = scene.explanations.get(properties["incident_id"], "")
        return look, incident_popup(feature, thumbnail, chinese=chinese, explanation=explanation)

    def styled(name: str, look: Any) -> list[Feature]:  # noqa: ANN401 - one of the local functions above
        return [
            {**feature, "properties": {"style": dict(path_style), "popup": popup}}
            for feature in layers[name]
            for path_style, popup in [look(feature["properties"])]
        ]

    def ellipses(*, of_incidents: bool) -> list[Feature]:
        plain = styled("ellipses", lambda _properties: (palette.ELLIPSE_STYLE, ""))
        named = [bool(feature["properties"]["name"]) for feature in layers["ellipses"]]
        return [feature for feature, is_incident in zip(plain, named, strict=True) if is_incident == of_incidents]

    front = [
        {**feature, "properties": {"style": dict(dot), "popup": popup, "number": feature["properties"]["number"]}}
        for feature in layers["incidents"]
        for dot, popup in [incidents(feature)]
    ]
    return [
        (_("ground seen, by frame"), styled("footprints", footprints), False, False),
        (_("sites"), styled("sites", sites), True, False),
        (_("zones"), styled("zones", zones), True, False),
        (_("no-fly zones"), styled("no_fly_zones", no_fly), True, False),
        (_("ways flown"), styled("flown", lambda _properties: (palette.FLOWN_STYLE, "")), True, False),
        (_("error ellipses of incidents"), ellipses(of_incidents=True), True, False),
        (_("error ellipses of other sightings"), ellipses(of_incidents=False), False, False),
        (_("other sightings"), styled("sightings", others), True, True),
        (_("incidents"), front, True, True),
    ]


def count_names(root: Element, macro_element: type[Any]) -> None:
    """Replace Folium's random element ids by a count, so that one scene gives one text."""
    number = 0
    waiting = [root, root.header, root.html, root.script]
    seen: set[int] = set()
    while waiting:
        element = waiting.pop()
        if id(element) in seen:
            continue
        seen.add(id(element))
        number += 1
        element._id = f"{number:04d}"  # noqa: SLF001 - branca has no public way to name an element
        waiting.extend(element._children.values())  # noqa: SLF001 - as above
        waiting.extend(value for value in vars(element).values() if isinstance(value, macro_element))
