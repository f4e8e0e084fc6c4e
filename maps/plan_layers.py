"""What a plan's map shows, as styled GeoJSON features by layer; drawing them is ``maps.plan_map``.

Longitudes are counted on from home, so that a patrol over the antimeridian stays in one piece. Every word that comes
from the patrol is escaped.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import Any, Final

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from core.clock import BEIJING
from core.points import GeoPoint, LocalPlane, to_plane
from core.text import _
from flight.exports.colours import AREA_COLOUR, NO_FLY_COLOUR, hex_of, sortie_colour
from flight.exports.geojson import photo_footprints
from flight.flight_plan import FlightPlan, Leg, Sortie, Waypoint
from flight.patrol import KeyArea, Patrol
from flight.planning.plan_table import band_words
from flight.planning.profile import Moment, profile
from maps.popups import place_popup

Feature = dict[str, Any]

_MOST_ARROWS: Final = 60  # of one sortie: enough to see which way it flies, few enough to read
_DECIMALS: Final = 7
_INK: Final = "#1f2933"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A layer of the map: its name, its features from back to front, and whether it is shown at first."""

    name: str
    features: tuple[Feature, ...]
    shown: bool = True


def leg_name(leg: Leg) -> str:
    """Return what an aircraft does on a leg, in the reader's language."""
    return {
        Leg.TAKEOFF: _("take-off"),
        Leg.TRANSIT: _("transit"),
        Leg.LINE: _("line with photographs"),
        Leg.LOOK: _("to one photograph, standing still"),
        Leg.RETURN: _("way home"),
        Leg.LAND: _("landing"),
    }[leg]


def unwrapped(shape: BaseGeometry, home: GeoPoint) -> BaseGeometry:
    """Return a lon/lat shape with longitudes counted on from home, past ±180° where need be, to a centimetre."""

    def near_home(lonlat: NDArray[np.float64]) -> NDArray[np.float64]:
        lon = home.lon_deg + (lonlat[:, 0] - home.lon_deg + 180.0) % 360.0 - 180.0
        return np.column_stack([lon, lonlat[:, 1]]).astype(np.float64).round(_DECIMALS)

    moved: BaseGeometry = shapely.transform(shape, near_home)
    return moved


def plan_map_layers(flight_plan: FlightPlan, patrol: Patrol) -> tuple[Layer, ...]:
    """Return the layers of a plan's map, from back to front."""
    closed = tuple(_closed(flight_plan, patrol))
    layers = [
        Layer(name=_("ground each photograph sees"), features=tuple(_footprints(flight_plan, patrol)), shown=False),
        Layer(name=_("areas"), features=tuple(_areas(flight_plan, patrol))),
        Layer(name=_("no-fly zones and obstacles"), features=closed),
    ]
    layers += [
        Layer(name=_("sortie {number} {crew}").format(number=one.number, crew=one.crew).strip(), features=features)
        for one in flight_plan.sorties
        for features in [tuple(_sortie(one, patrol, flight_plan.home))]
    ]
    layers.append(Layer(name=_("home, launch and rally points"), features=tuple(_places(flight_plan, patrol))))
    return tuple(layer for layer in layers if layer.features)


def _feature(shape: BaseGeometry, home: GeoPoint, **properties: Any) -> Feature:  # noqa: ANN401 - style and words
    geometry = shapely.geometry.mapping(unwrapped(shape, home))
    return {"type": "Feature", "geometry": geometry, "properties": {"style": {}, **properties}}


def _icon(html: str, **properties: Any) -> dict[str, Any]:  # noqa: ANN401 - words
    return {"icon": html, **properties}


def _label(words: str, colour: str) -> str:
    return f'<span class="sky-name" style="color:{colour}">{escape(words)}</span>'


def _footprints(flight_plan: FlightPlan, patrol: Patrol) -> Iterator[Feature]:
    """Yield one feature for each sortie and area: the outlines of its photographs together."""
    by_place: dict[tuple[int, str], list[shapely.Polygon]] = {}
    for number, area, shape in photo_footprints(flight_plan, patrol):
        by_place.setdefault((number, area), []).append(shape)
    for (number, _area), shapes in by_place.items():
        look = {"color": hex_of(sortie_colour(number)), "weight": 1, "opacity": 0.6, "fill": False}
        yield _feature(shapely.MultiPolygon(shapes), flight_plan.home, style=look)


def _areas(flight_plan: FlightPlan, patrol: Patrol) -> Iterator[Feature]:
    ink = hex_of(AREA_COLOUR)
    for area in patrol.areas:
        popup = place_popup(area.name, _area_rows(area, patrol))
        if area.shape.geom_type not in {"Point", "MultiPoint"}:
            look = {"color": ink, "weight": 2, "fill": False}
            yield _feature(area.shape, flight_plan.home, style=look, popup=popup)
        for spot in shapely.get_parts(area.shape):
            if spot.geom_type == "Point":
                icon = _icon('<span class="sky-spot"></span>', popup=popup)
                yield _feature(spot, flight_plan.home, **icon)
        yield _feature(_top(area.shape), flight_plan.home, **_icon(_label(area.name, ink), popup=popup))
    if patrol.permitted is not None:
        look = {"color": "#0072b2", "weight": 2, "dashArray": "8 4", "fill": False}
        popup = place_popup(_("permitted airspace"), [])
        yield _feature(patrol.permitted, flight_plan.home, style=look, popup=popup)


def _top(shape: BaseGeometry) -> shapely.Point:
    """Return the northernmost position of a shape: where its name is written."""
    positions = shapely.get_coordinates(shape)
    return shapely.Point(positions[int(np.argmax(positions[:, 1]))])


def _area_rows(area: KeyArea, patrol: Patrol) -> list[tuple[str, str]]:
    gsd_cm = 100 * area.height_agl_m / patrol.camera.focal_px
    rows = [
        (_("pattern"), area.pattern.value),
        (_("height"), _("{height:.0f} m above ground").format(height=area.height_agl_m)),
        (_("resolution"), _("{gsd:.1f} cm a pixel straight down").format(gsd=gsd_cm)),
        (
            _("overlap"),
            _("{front:.0%} front, {side:.0%} side").format(front=area.front_overlap, side=area.side_overlap),
        ),
        (_("speed"), f"{area.speed_m_s:g} m/s"),
        (_("priority"), str(area.priority)),
    ]
    if area.window is not None:
        ends = [moment.astimezone(BEIJING).strftime("%m-%d %H:%M") for moment in _ends(area)]
        rows.append((_("time window"), f"{ends[0]} – {ends[1]}" + _(" Beijing time")))
    if area.airspace:
        rows.append((_("controlled ground"), ", ".join(area.airspace)))
    if area.risk_grade is not None:
        rows.append((_("hazard grade"), str(area.risk_grade)))
    if area.credit_grade:
        rows.append((_("credit grade"), area.credit_grade))
    return rows


def _ends(area: KeyArea) -> tuple[Any, ...]:
    return () if area.window is None else (area.window.starts_at, area.window.ends_at)


def _closed(flight_plan: FlightPlan, patrol: Patrol) -> Iterator[Feature]:
    red = hex_of(NO_FLY_COLOUR)
    for zone in patrol.no_fly_zones:
        popup = place_popup(zone.name, [(_("closed"), band_words(zone)), (_("reason"), zone.reason)])
        look = {"color": red, "weight": 3, "dashArray": "10 4 2 4", "fillColor": red, "fillOpacity": 0.22}
        yield _feature(zone.shape, flight_plan.home, style=look, popup=popup)
        words = _label(f"{zone.name} {band_words(zone)}", red)
        yield _feature(_top(zone.shape), flight_plan.home, **_icon(words, popup=popup))
    for obstacle in patrol.obstacles:
        height = _("{height:.0f} m above take-off").format(height=obstacle.top_m)
        popup = place_popup(obstacle.name, [(_("obstacle up to"), height)])
        if obstacle.shape.geom_type not in {"Point", "MultiPoint"}:
            look = {"color": _INK, "weight": 3, "dashArray": "1 5", "fillOpacity": 0.3}
            yield _feature(obstacle.shape, flight_plan.home, style=look, popup=popup)
        words = _label(f"▲ {obstacle.name} {height}", _INK)
        yield _feature(_top(obstacle.shape), flight_plan.home, **_icon(words, popup=popup))


def _sortie(sortie: Sortie, patrol: Patrol, home: GeoPoint) -> Iterator[Feature]:
    """Yield a sortie's ways, its arrows, its waypoints with their battery, and its number."""
    colour = hex_of(sortie_colour(sortie.number))
    plane = LocalPlane(origin=sortie.waypoints[0].position)
    lonlat = [(point.position.lon_deg, point.position.lat_deg) for point in sortie.waypoints]
    way = to_plane(plane, lonlat)
    legs: dict[bool, list[shapely.LineString]] = {True: [], False: []}
    for index, (a, b) in enumerate(pairwise(lonlat), start=1):
        if a != b:
            legs[sortie.waypoints[index].leg is Leg.LINE].append(shapely.LineString([a, b]))
    for photographed, look in ((False, {"weight": 2, "dashArray": "5 6"}), (True, {"weight": 3})):
        if legs[photographed]:
            joined = shapely.MultiLineString(legs[photographed])
            yield _feature(joined, home, style={"color": colour, "opacity": 0.95, **look})
    for place, course in _arrows(way, lonlat):
        arrow = f'<b class="sky-arrow" style="color:{colour};transform:rotate({course:.0f}deg)">▲</b>'
        yield _feature(shapely.Point(place), home, **_icon(arrow))
    told = math.inf
    for moment, waypoint, place in zip(profile(sortie, patrol), sortie.waypoints, lonlat, strict=True):
        level = round(moment.battery_left * 10)
        words = f"{moment.battery_left:.0%}" if level < told and waypoint.leg is Leg.LINE else ""
        told = min(told, level) if words else told
        dot = f'<span class="sky-dot" style="border-color:{colour}"></span>' + (f"<em>{words}</em>" if words else "")
        popup = place_popup(f"{sortie.number}.{moment.index}", _waypoint_rows(moment, waypoint))
        tip = f"{sortie.number}.{moment.index} · {_battery(moment)}"
        yield _feature(shapely.Point(place), home, **_icon(dot, popup=popup, tooltip=tip))
    first = next((index for index, one in enumerate(sortie.waypoints) if one.leg is Leg.LINE), 1) - 1
    badge = f'<b class="sky-number" style="background:{colour}">{sortie.number}</b>'
    yield _feature(shapely.Point(lonlat[first]), home, **_icon(badge))


def _battery(moment: Moment) -> str:
    return _("battery {left:.0%}").format(left=moment.battery_left)


def _arrows(way: NDArray[np.float64], lonlat: list[tuple[float, float]]) -> Iterator[tuple[tuple[float, float], float]]:
    """Yield place and course of an arrow in the middle of a leg, each time another share of the way is flown."""
    steps = np.diff(way, axis=0)
    lengths = np.hypot(*steps.T)
    apart = max(float(lengths.sum()) / _MOST_ARROWS, 1.0)
    since = apart
    for index, length in enumerate(lengths.tolist()):
        since += length
        if since >= apart and length >= apart / 4:
            (west, south), (east, north) = lonlat[index], lonlat[index + 1]
            turn = (east - west + 180.0) % 360.0 - 180.0
            yield (west + turn / 2, (south + north) / 2), math.degrees(math.atan2(*steps[index])) % 360.0
            since = 0.0


def _waypoint_rows(moment: Moment, point: Waypoint) -> list[tuple[str, str]]:
    minutes, seconds = divmod(round(moment.time_s), 60)
    rows = [
        (_("battery left"), f"{moment.battery_left:.1%}"),
        (_("time"), _("{minutes}:{seconds:02d} after take-off").format(minutes=minutes, seconds=seconds)),
        (_("way to it"), leg_name(point.leg) + (f", {point.area}" if point.area else "")),
        (_("height"), _("{height:.1f} m above take-off").format(height=point.height.metres)),
        (_("speed"), f"{point.speed_m_s:.1f} m/s"),
        (_("camera pitch"), f"{point.gimbal_pitch_deg:.0f}°"),
        (_("heading"), _("along the way") if point.yaw_deg is None else f"{point.yaw_deg:.0f}°"),
    ]
    if point.photo_spacing_m is not None:
        rows.append((_("photograph every"), f"{point.photo_spacing_m:.1f} m"))
    if point.hover_s:
        rows.append((_("hover"), f"{point.hover_s:g} s"))
    rows.append((_("position"), f"{point.position.lat_deg:.6f}, {point.position.lon_deg:.6f}"))
    return rows


def _places(flight_plan: FlightPlan, patrol: Patrol) -> Iterator[Feature]:
    marks = [("H", _("home"), flight_plan.home)] if not patrol.crews else []
    marks += [("L", _("launch point of {crew}").format(crew=crew.name), crew.launch) for crew in patrol.crews]
    marks += [
        ("R", _("rally point {number}").format(number=number), point)
        for number, point in enumerate(patrol.rally_points, start=1)
    ]
    for letter, name, point in marks:
        popup = place_popup(name, [(_("position"), f"{point.lat_deg:.6f}, {point.lon_deg:.6f}")])
        icon = f'<b class="sky-place sky-place-{letter.lower()}">{letter}</b>'
        yield _feature(
            shapely.Point(point.lon_deg, point.lat_deg),
            flight_plan.home,
            **_icon(icon, popup=popup, tooltip=escape(name)),
        )
