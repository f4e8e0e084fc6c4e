"""Draws a flight plan as one self-contained Folium map: one file, no network, the same bytes for the same plan.

Areas, sorties by colour with their direction, what each photograph sees, how often each piece of ground is seen, no-fly
zones with their heights, the battery at every waypoint, launch and rally points, the sorties' table, the checklist.
The map is a view: what is flown is the plan file.
"""

from __future__ import annotations

import base64
import io
import json
import math
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import shapely
from numpy.typing import NDArray

from core.text import _
from core.whole_file import write_text
from flight.exports.colours import coverage_words, hex_of, sortie_colour
from flight.exports.coverage_count import coverage_counts, shaded
from flight.exports.geojson import photo_footprints
from flight.flight_plan import Finding, FlightPlan
from flight.patrol import Patrol
from flight.planning.plan_table import sortie_rows, verdict_name
from maps.assets import leaflet_script, leaflet_style
from maps.offline_map import bare_map, count_names
from maps.plan_layers import plan_map_layers, unwrapped
from maps.popups import style, templates

if TYPE_CHECKING:
    from folium import Map

_GRID_PX: Final = 640  # longer side of the coverage count
_BIND: Final = (
    "(f,l)=>{const p=f.properties;"
    "if(p.icon)l.setIcon(L.divIcon({html:p.icon,className:'sky-icon',iconSize:[0,0]}));"
    "if(p.popup)l.bindPopup(p.popup,{maxWidth:320,minWidth:200,maxHeight:320});"
    "if(p.tooltip)l.bindTooltip(p.tooltip,{direction:'top',offset:[0,-6]})}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Grid:
    """The coverage count on a grid that is even in Web Mercator, as Leaflet lays a picture."""

    counts: NDArray[np.int32]
    west_deg: float
    south_deg: float
    east_deg: float
    north_deg: float


def draw_plan(flight_plan: FlightPlan, path: Path, *, patrol: Patrol) -> None:
    """Write the plan's map to ``path`` (HTML), whole or not at all.

    Args:
        flight_plan: What to show.
        path: The file to write.
        patrol: What the plan was made of.

    Raises:
        OSError: The file cannot be written.
    """
    write_text(path, render_plan(flight_plan, patrol))


def render_plan(flight_plan: FlightPlan, patrol: Patrol) -> str:
    """Return the plan's map as HTML; the same text for the same plan."""
    import folium
    from branca.element import Element, MacroElement

    home = flight_plan.home
    drawn = bare_map((home.lat_deg, home.lon_deg))
    figure = drawn.get_root()
    figure.title = escape(flight_plan.patrol)
    sheet = templates().get_template("plan.css").render()
    figure.header.add_child(
        Element(f"<meta charset='utf-8'><style>{leaflet_style()}\n{style()}\n{sheet}</style>"), name="style"
    )
    figure.header.add_child(Element(f"<script>{leaflet_script()}</script>"), name="leaflet")
    grid = _grid(flight_plan, patrol)
    if grid is not None:
        folium.raster_layers.ImageOverlay(
            _png(shaded(grid.counts), "RGBA"),
            bounds=[[grid.south_deg, grid.west_deg], [grid.north_deg, grid.east_deg]],
            name=_("expected coverage count"),
            opacity=0.85,
        ).add_to(drawn)
    for layer in plan_map_layers(flight_plan, patrol):
        folium.GeoJson(
            {"type": "FeatureCollection", "features": list(layer.features)},
            name=layer.name,
            show=layer.shown,
            on_each_feature=folium.JsCode(_BIND),
        ).add_to(drawn)
    box = _bounds(flight_plan, patrol)
    folium.LayerControl(collapsed=True).add_to(drawn)
    figure.html.add_child(Element(_panel(flight_plan, seen=grid is not None)), name="panel")
    count_names(figure, MacroElement)
    # Folium writes its own script behind this one, so this one waits for the page.
    figure.script.add_child(Element(f"addEventListener('load',()=>{{{_script(drawn, grid, box)}}});"), name="asking")
    html: str = figure.render()
    return html


def _bounds(flight_plan: FlightPlan, patrol: Patrol) -> tuple[float, float, float, float]:
    ways = [
        shapely.LineString([(point.position.lon_deg, point.position.lat_deg) for point in sortie.waypoints])
        for sortie in flight_plan.sorties
    ]
    everything = [*ways, *(area.shape for area in patrol.areas)]
    west, south, east, north = shapely.total_bounds([unwrapped(shape, flight_plan.home) for shape in everything])
    return float(west), float(south), float(east), float(north)


def _mercator(lat_deg: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the northing of Web Mercator in degrees of longitude."""
    northing: NDArray[np.float64] = np.degrees(np.log(np.tan(np.pi / 4 + np.radians(lat_deg) / 2)))
    return northing


def _grid(flight_plan: FlightPlan, patrol: Patrol) -> _Grid | None:
    """Return how many photographs see each pixel, or None when none has a footprint."""
    rings = [
        shapely.get_coordinates(unwrapped(shape, flight_plan.home))
        for _number, _area, shape in photo_footprints(flight_plan, patrol)
    ]
    if not rings:
        return None
    flat = [np.column_stack([ring[:, 0], _mercator(ring[:, 1])]) for ring in rings]
    corners = np.concatenate(flat)
    (west, low), (east, high) = corners.min(axis=0), corners.max(axis=0)
    scale = _GRID_PX / max(east - west, high - low)
    width, height = max(1, math.ceil((east - west) * scale)), max(1, math.ceil((high - low) * scale))
    east, low = west + width / scale, high - height / scale
    pixels = [
        list(zip(((ring[:, 0] - west) * scale).tolist(), ((high - ring[:, 1]) * scale).tolist(), strict=True))
        for ring in flat
    ]
    south, north = (math.degrees(2 * math.atan(math.exp(math.radians(y))) - math.pi / 2) for y in (low, high))
    return _Grid(
        counts=coverage_counts(pixels, width, height),
        west_deg=float(west),
        south_deg=south,
        east_deg=float(east),
        north_deg=north,
    )


def _png(pixels: NDArray[np.uint8], mode: str) -> str:
    """Return a picture as a data URI."""
    from PIL import Image

    held = io.BytesIO()
    Image.fromarray(pixels, mode).save(held, format="PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(held.getvalue()).decode()}"


def _panel(flight_plan: FlightPlan, *, seen: bool) -> str:
    """Return the table of sorties with the checklist, and the legend."""
    heading, rows = sortie_rows(flight_plan)
    colours = [hex_of(sortie_colour(sortie.number)) for sortie in flight_plan.sorties]
    by_sortie = {sortie.number: [] for sortie in flight_plan.sorties}  # type: dict[int, list[Finding]]
    engineering: list[Finding] = []
    for finding in flight_plan.findings:
        number = _sortie_of(finding)
        (engineering if number is None else by_sortie.setdefault(number, [])).append(finding)
    groups = [(_("flight"), engineering)]
    groups += [(_("law: sortie {number}").format(number=number), found) for number, found in by_sortie.items()]
    return (
        templates()
        .get_template("plan.html")
        .render(
            title=flight_plan.patrol,
            heading=heading,
            rows=list(zip([*colours, ""], rows, strict=True)),
            groups=[
                (name, [(one.severity.value, verdict_name(one.severity), one.text, one.basis) for one in found])
                for name, found in groups
                if found
            ],
            classes=[(hex_of(colour), words) for colour, words in coverage_words()] if seen else [],
        )
    )


def _sortie_of(finding: Finding) -> int | None:
    """Return the sortie whose lawful-flight checklist a finding belongs to, or None."""
    parts = finding.code.split("-")
    return int(parts[1]) if len(parts) > 2 and parts[0] == "law" and parts[1].isdigit() else None


def _script(drawn: Map, grid: _Grid | None, box: tuple[float, float, float, float]) -> str:
    """Return what the page does when it is there.

    On a wide screen the panels open and the plan stands between them; far out the battery is written smaller or not at
    all; a click on the ground tells how many photographs see it.
    """
    west, south, east, north = box
    looks = (
        f"const map={drawn.get_name()},far=()=>map.getContainer().classList.toggle('sky-far',map.getZoom()<16.5);"
        "const wide=innerWidth>=1000;document.querySelectorAll('.sky-fold').forEach(d=>d.open=wide);"
        f"map.fitBounds([[{south},{west}],[{north},{east}]],"
        "{paddingTopLeft:[wide?530:24,24],paddingBottomRight:[wide?280:24,24],maxZoom:19,animate:false});"
        "map.on('zoomend',far);far();"
    )
    if grid is None:
        return looks
    levels = _png(np.minimum(grid.counts, 255).astype(np.uint8), "L")
    words = json.dumps([_("photographs see this spot"), _("no photograph sees this spot")], ensure_ascii=False)
    words = words.replace("<", "\\u003c")
    edges = json.dumps([grid.west_deg, grid.south_deg, grid.east_deg, grid.north_deg])
    return looks + (
        f"const words={words},box={edges},seen=new Image(),"
        "y=d=>Math.log(Math.tan(Math.PI/4+d*Math.PI/360));let ink=null;"
        "seen.onload=()=>{const c=document.createElement('canvas');c.width=seen.width;c.height=seen.height;"
        "ink=c.getContext('2d',{willReadFrequently:true});ink.drawImage(seen,0,0)};"
        f"seen.src='{levels}';"
        "map.on('click',e=>{if(!ink||e.originalEvent.target.closest('.sky-fold'))return;"
        "const u=(e.latlng.lng-box[0])/(box[2]-box[0]),v=(y(box[3])-y(e.latlng.lat))/(y(box[3])-y(box[1]));"
        "const n=u<0||v<0||u>=1||v>=1?0:"
        "ink.getImageData(Math.floor(u*seen.width),Math.floor(v*seen.height),1,1).data[0];"
        "L.popup().setLatLng(e.latlng).setContent(n?n+' '+words[0]:words[1]).openOn(map)})"
    )
