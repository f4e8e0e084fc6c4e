"""GeoJSON of a plan, layer by layer: areas, no-fly zones, lines, waypoints, footprints.

Heights stay properties (``height_takeoff_m``): GeoJSON's third coordinate is above the ellipsoid, which a plan above
take-off does not know.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from core.points import LocalPlane, from_plane, to_plane
from flight.camera import Orientation
from flight.flight_plan import FlightPlan, Leg, Sortie
from flight.patrol import Patrol, flown_by
from flight.planning.footprint import footprint

Layers = dict[str, dict[str, Any]]
_ROUNDING_M: Final = 1e-3
_HALF_GLOBE_DEG: Final = 180.0


def write_geojson(flight_plan: FlightPlan, path: Path, *, patrol: Patrol | None = None) -> None:
    """Write every layer of the plan into one FeatureCollection; the property ``layer`` tells them apart."""
    features: list[dict[str, Any]] = []
    for layer, collection in plan_layers(flight_plan, patrol).items():
        features += [{**one, "properties": {"layer": layer, **one["properties"]}} for one in collection["features"]]
    document = {"type": "FeatureCollection", "features": features}
    path.write_text(json.dumps(document, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


def plan_layers(flight_plan: FlightPlan, patrol: Patrol | None = None) -> Layers:
    """Return FeatureCollections by layer: "areas", "no_fly_zones", "permitted", "sorties", "waypoints", "footprints".

    Args:
        flight_plan: The plan.
        patrol: Adds areas, zones, permitted airspace, and the footprints of its camera; None leaves them out.
    """
    layers: Layers = {}
    if patrol is not None:
        layers["areas"] = _collection(
            [_feature(area.shape, {"name": area.name, "pattern": area.pattern.value, "height_agl_m": area.height_agl_m})
             for area in patrol.areas]
        )  # fmt: skip
        layers["no_fly_zones"] = _collection(
            [_feature(zone.shape, {"name": zone.name, "reason": zone.reason, "floor_m": zone.floor_m,
                                   "ceiling_m": zone.ceiling_m if math.isfinite(zone.ceiling_m) else None})
             for zone in patrol.no_fly_zones]
        )  # fmt: skip
        if patrol.permitted is not None:
            layers["permitted"] = _collection([_feature(patrol.permitted, {})])
    layers["sorties"] = _collection([_sortie(sortie) for sortie in flight_plan.sorties])
    layers["waypoints"] = _collection([feature for sortie in flight_plan.sorties for feature in _waypoints(sortie)])
    if patrol is not None:
        layers["footprints"] = _collection(
            [_feature(shape, {"sortie": number, "area": area})
             for number, area, shape in photo_footprints(flight_plan, patrol)]
        )  # fmt: skip
    return layers


def photo_footprints(flight_plan: FlightPlan, patrol: Patrol) -> list[tuple[int, str, shapely.Polygon]]:
    """Return (sortie, area, lon/lat polygon) of what each planned photograph sees of ground level with home.

    Photographs whose picture shows the horizon have no footprint and are left out.
    """
    plane = LocalPlane(origin=flight_plan.home)
    found = []
    for sortie in flight_plan.sorties:
        camera = flown_by(patrol, sortie.crew).camera
        points = to_plane(plane, [[point.position.lon_deg, point.position.lat_deg] for point in sortie.waypoints])
        for index, place, height in _photographs(sortie, points):
            waypoint = sortie.waypoints[index]
            course = math.degrees(math.atan2(*(points[index] - points[index - 1])))
            look = Orientation(
                yaw_deg=course if waypoint.yaw_deg is None else waypoint.yaw_deg,
                pitch_deg=waypoint.gimbal_pitch_deg,
                roll_deg=0.0,
            )
            outline = footprint(camera, look, height) if height > 0 else None
            if outline is not None:
                found.append((sortie.number, waypoint.area, shapely.Polygon(from_plane(plane, outline + place))))
    return found


def _photographs(sortie: Sortie, points: NDArray[np.float64]) -> Iterator[tuple[int, NDArray[np.float64], float]]:
    """Yield (waypoint led to, place in the plane, height above take-off) of each photograph.

    The distance to the next photograph runs on over the bends of a line, as the trigger of the camera does.
    """
    to_next = 0.0
    for index in range(1, len(sortie.waypoints)):
        before, waypoint = sortie.waypoints[index - 1], sortie.waypoints[index]
        spacing = waypoint.photo_spacing_m
        if waypoint.leg is Leg.LOOK:
            yield index, points[index], waypoint.height.metres
        if spacing is None:
            continue
        runs_on = (before.leg, before.area, before.photo_spacing_m) == (waypoint.leg, waypoint.area, spacing)
        if not runs_on:
            to_next = 0.0
        leg = points[index] - points[index - 1]
        length = float(np.hypot(*leg))
        rise = waypoint.height.metres - before.height.metres
        while to_next <= length + _ROUNDING_M:
            share = min(1.0, to_next / length) if length > 0 else 0.0
            yield index, points[index - 1] + leg * share, before.height.metres + rise * share
            to_next += spacing
        to_next -= length


def _sortie(sortie: Sortie) -> dict[str, Any]:
    line = shapely.LineString([[point.position.lon_deg, point.position.lat_deg] for point in sortie.waypoints])
    return _feature(
        line,
        {
            "sortie": sortie.number,
            "length_m": round(sortie.length_m, 1),
            "duration_s": round(sortie.duration_s, 1),
            "photos": sortie.photos,
            "battery_used": round(sortie.battery_used, 3),
        },
    )


def _waypoints(sortie: Sortie) -> list[dict[str, Any]]:
    return [
        _feature(
            shapely.Point(point.position.lon_deg, point.position.lat_deg),
            {
                "sortie": sortie.number,
                "index": index,
                "leg": point.leg.value,
                "area": point.area,
                "height_takeoff_m": round(point.height.metres, 2),
                "speed_m_s": round(point.speed_m_s, 2),
                "gimbal_pitch_deg": round(point.gimbal_pitch_deg, 2),
                "yaw_deg": None if point.yaw_deg is None else round(point.yaw_deg, 2),
                "photo_spacing_m": None if point.photo_spacing_m is None else round(point.photo_spacing_m, 3),
            },
        )
        for index, point in enumerate(sortie.waypoints)
    ]


def _collection(features: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": features}


def _feature(shape: BaseGeometry, properties: dict[str, Any]) -> dict[str, Any]:
    geometry = json.loads(shapely.to_geojson(parted(shape)))
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def parted(shape: BaseGeometry) -> BaseGeometry:
    """Return a lon/lat shape cut where it crosses the antimeridian, as GeoJSON asks (RFC 7946, 3.1.9).

    A shape that spans more than half the globe is taken as one that crosses it: no patrol is that large.
    """
    west, south, east, north = shape.bounds
    if east - west <= _HALF_GLOBE_DEG:
        return shape
    onward = shapely.transform(shape, lambda lonlat: np.column_stack([lonlat[:, 0] % 360.0, lonlat[:, 1]]))
    before = onward.intersection(shapely.box(0.0, south, 180.0, north))
    behind = onward.intersection(shapely.box(180.0, south, 360.0, north))
    behind = shapely.transform(behind, lambda lonlat: lonlat - [360.0, 0.0])
    return shapely.union_all([before, behind])
