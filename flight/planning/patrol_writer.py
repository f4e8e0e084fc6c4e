"""Write a patrol as a patrol file (YAML): the inverse of :mod:`flight.planning.patrol_file`.

What is written is read back and compared before anybody is told that it was written, so that a patrol that the file's
form cannot say (a camera made by hand, an aircraft that the catalogue lacks) is refused and never quietly changed.
Shapes of several parts have no written form; they go into a GeoJSON file beside the patrol.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import shapely
import yaml
from shapely.geometry.base import BaseGeometry

from core.clock import BEIJING
from core.errors import InputRefused
from core.points import GeoPoint
from core.text import _
from core.whole_file import write_text
from flight.patrol import Approval, Crew, KeyArea, NoFlyZone, Obstacle, Patrol, TimeWindow
from flight.planning.catalogue import SHIPPED, Catalogue, read_catalogue
from flight.planning.patrol_file import read_patrol
from flight.track import PoseDeclaration

_AREA_FIELDS = (
    "front_overlap", "side_overlap", "gimbal_pitch_deg", "priority", "crosshatch", "angle_deg", "width_m",
    "standoff_m", "top_m", "laps", "hover_s", "every_days", "risk_grade", "credit_grade",
)  # fmt: skip

AddShape = Callable[[str, BaseGeometry], dict[str, Any]]


def write_patrol(patrol: Patrol, path: Path, *, catalogue_folder: Path = SHIPPED, note: str = "") -> None:
    """Write a patrol to ``path``, and shapes of several parts to a GeoJSON file beside it.

    Args:
        patrol: The patrol; its aircraft and camera are of the catalogue.
        path: The YAML file.
        catalogue_folder: Aircraft and cameras; the shipped catalogue by default.
        note: A comment for its head.

    Raises:
        InputRefused: The patrol cannot be said in a patrol file.
    """
    beside: list[dict[str, Any]] = []
    shapes = path.with_suffix(".geojson")

    def add_shape(name: str, shape: BaseGeometry) -> dict[str, Any]:
        written = _written(shape)
        if written is not None:
            return written
        name = f"{len(beside) + 1} {name}"
        feature = {"type": "Feature", "properties": {"name": name}, "geometry": shapely.geometry.mapping(shape)}
        beside.append(feature)
        return {"file": shapes.name, "name": name}

    document = _document(patrol, path, catalogue_folder, add_shape)
    if beside:
        write_text(shapes, json.dumps({"type": "FeatureCollection", "features": beside}, ensure_ascii=False) + "\n")
    head = "".join(f"# {line}\n" for line in note.splitlines())
    text = yaml.safe_dump(document, allow_unicode=True, sort_keys=False, width=120, default_flow_style=None)
    write_text(path, head + text)
    again = read_patrol(path, catalogue_folder=catalogue_folder)
    # A file that the patrol names goes by another path from another folder; nothing else may differ.
    if not _same(replace(again, terrain=patrol.terrain), patrol):
        path.unlink()
        problem = _("holds what a patrol file cannot say: {what}").format(what=", ".join(_differing(again, patrol)))
        raise InputRefused(path, problem, _("Choose the aircraft and the camera from the catalogue."))


def _same(one: Patrol, other: Patrol) -> bool:
    return not _differing(one, other)


def _differing(one: Patrol, other: Patrol) -> list[str]:
    names = [field.name for field in fields(Patrol) if field.name != "terrain"]
    return [name for name in names if getattr(one, name) != getattr(other, name)]


def _document(patrol: Patrol, path: Path, catalogue_folder: Path, add_shape: AddShape) -> dict[str, Any]:
    catalogue = read_catalogue(catalogue_folder)
    aircraft = next((key for key, known in catalogue.aircraft.items() if known == patrol.aircraft), None)
    if aircraft is None or patrol.camera_key not in catalogue.cameras:
        problem = _("has an aircraft or a camera that the catalogue lacks")
        raise InputRefused(path, problem, _("Choose the aircraft and the camera from the catalogue."))
    document: dict[str, Any] = {
        "skywarden": "patrol/1",
        "name": patrol.name,
        "operator": patrol.operator,
        "jurisdiction": patrol.jurisdiction,
        "emergency": patrol.emergency,
        "aircraft": aircraft,
        "camera": patrol.camera_key,
        "home": _point(patrol.home),
        "rally_points": [_point(point) for point in patrol.rally_points],
        "crews": [_crew(crew, catalogue, aircraft) for crew in patrol.crews],
        "areas": [_area(area, add_shape) for area in patrol.areas],
        "no_fly_zones": [_zone(zone, add_shape) for zone in patrol.no_fly_zones],
        "permitted": None if patrol.permitted is None else add_shape("permitted", patrol.permitted),
        "obstacles": [_obstacle(obstacle, add_shape) for obstacle in patrol.obstacles],
        "limits": {field.name: getattr(patrol.limits, field.name) for field in fields(patrol.limits)},
        "periods": list(patrol.periods),
        "approval": None if patrol.approval is None else _approval(patrol.approval),
        "wind": {field.name: getattr(patrol.wind, field.name) for field in fields(patrol.wind)},
        "temperature_c": patrol.temperature_c,
        "declares": _declares(patrol.declares),
        "terrain": None if patrol.terrain is None else os.path.relpath(patrol.terrain, path.parent),
    }
    left_out: tuple[object, ...] = ([], {}, None, "")
    return {key: value for key, value in document.items() if value not in left_out}


def _point(point: GeoPoint) -> dict[str, float]:
    return {"lon": point.lon_deg, "lat": point.lat_deg}


def _area(area: KeyArea, add_shape: AddShape) -> dict[str, Any]:
    blank = {field.name: field.default for field in fields(KeyArea)}
    told = {name: getattr(area, name) for name in _AREA_FIELDS if getattr(area, name) != blank[name]}
    entry: dict[str, Any] = {
        "name": area.name,
        "shape": add_shape(area.name, area.shape),
        "pattern": area.pattern.value,
        "height_agl_m": area.height_agl_m,
        "speed_m_s": area.speed_m_s,
        **told,
    }
    if area.window is not None:
        entry["window"] = _window(area.window)
    if area.airspace:
        entry["airspace"] = list(area.airspace)
    return entry


def _window(window: TimeWindow | Approval) -> dict[str, str]:
    return {
        "starts_at": window.starts_at.astimezone(BEIJING).isoformat(),
        "ends_at": window.ends_at.astimezone(BEIJING).isoformat(),
    }


def _approval(approval: Approval) -> dict[str, Any]:
    return {"number": approval.number, **_window(approval), "max_height_agl_m": approval.max_height_agl_m}


def _crew(crew: Crew, catalogue: Catalogue, aircraft: str) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": crew.name, "launch": _point(crew.launch), "batteries": crew.batteries}
    if crew.licence:
        entry["licence"] = crew.licence
    kit = crew.kit
    if kit is not None:
        entry["aircraft"] = next((key for key, known in catalogue.aircraft.items() if known == kit.aircraft), aircraft)
        entry["camera"] = kit.camera_key
    return entry


def _declares(declared: PoseDeclaration) -> dict[str, Any]:
    angles = {"pitch_deg": declared.pitch_deg, "roll_deg": declared.roll_deg}
    gimbal = {name: angle for name, angle in angles.items() if angle is not None}
    heading = "course" if declared.course_as_yaw else declared.yaw_deg
    return ({"gimbal": gimbal} if gimbal else {}) | ({} if heading is None else {"heading": heading})


def _zone(zone: NoFlyZone, add_shape: AddShape) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": zone.name, "shape": add_shape(zone.name, zone.shape), "floor_m": zone.floor_m}
    if zone.ceiling_m != float("inf"):
        entry["ceiling_m"] = zone.ceiling_m
    return entry | ({"reason": zone.reason} if zone.reason else {})


def _obstacle(obstacle: Obstacle, add_shape: AddShape) -> dict[str, Any]:
    return {"name": obstacle.name, "shape": add_shape(obstacle.name, obstacle.shape), "top_m": obstacle.top_m}


def _written(shape: BaseGeometry) -> dict[str, Any] | None:
    """Return a shape as a patrol file writes it, or None for one of several parts."""
    if isinstance(shape, shapely.Polygon):
        rings = {"coordinates": _positions(shape.exterior)}
        holes = [_positions(ring) for ring in shape.interiors]
        return rings | ({"holes": holes} if holes else {})
    if isinstance(shape, shapely.Point | shapely.LineString):
        return {"coordinates": _positions(shape)}
    if isinstance(shape, shapely.MultiPoint):
        return {"coordinates": [position for part in shape.geoms for position in _positions(part)]}
    return None


def _positions(shape: BaseGeometry) -> list[list[float]]:
    positions: list[list[float]] = shapely.get_coordinates(shape).tolist()
    return positions
