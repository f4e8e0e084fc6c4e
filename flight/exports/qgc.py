"""QGroundControl's ``.plan``: mission, geofence and rally points (file format version 1, mission version 2).

A ``.plan`` holds one mission. A flight plan of several sorties gives one file for each, numbered.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, Final

import shapely
from shapely.geometry.base import BaseGeometry

from core.errors import PlanRefused
from core.text import _
from core.whole_file import write_text
from flight.flight_plan import FlightPlan, Sortie
from flight.mavlink.mission import HOME_WAYPOINT, WITH_POSITION, Dialect, MissionItem, dialect_of, mission_items
from flight.patrol import Patrol, flown_by

_FIRMWARE: Final = {Dialect.ARDUPILOT: 3, Dialect.PX4: 12}  # MAV_AUTOPILOT
_QUADROTOR: Final = 2  # MAV_TYPE


def sortie_path(path: Path, number: int, count: int) -> Path:
    """Return the file for sortie ``number`` of ``count``: ``path`` itself for one, with ``-number`` for several."""
    return path if count == 1 else path.with_name(f"{path.stem}-{number}{path.suffix}")


def write_plan(flight_plan: FlightPlan, path: Path, *, patrol: Patrol | None = None) -> tuple[Path, ...]:
    """Write one ``.plan`` for each sortie and return the paths, in order.

    Args:
        flight_plan: What to write.
        path: Where; with several sorties the number is added to the name.
        patrol: Gives the fence (permitted airspace, no-fly zones) and rally points; None writes none.

    Raises:
        PlanRefused: A no-fly zone has a hole, or the plan flies over or under it: a ``.plan`` fence cannot say that.
    """
    fence = {"circles": [], "polygons": _polygons(flight_plan, patrol) if patrol else [], "version": 2}
    points = patrol.rally_points if patrol else ()
    rally = [[point.lat_deg, point.lon_deg, _rally_height(flight_plan)] for point in points]
    written = []
    for sortie in flight_plan.sorties:
        document = {
            "fileType": "Plan",
            "geoFence": fence,
            "groundStation": "QGroundControl",
            "mission": _mission(sortie, patrol),
            "rallyPoints": {"points": rally, "version": 2},
            "version": 1,
        }
        target = sortie_path(path, sortie.number, len(flight_plan.sorties))
        write_text(target, json.dumps(document, indent=4, allow_nan=False) + "\n")
        written.append(target)
    return tuple(written)


def _rally_height(flight_plan: FlightPlan) -> float:
    return max(point.height.metres for sortie in flight_plan.sorties for point in sortie.waypoints)


def _mission(sortie: Sortie, patrol: Patrol | None) -> dict[str, Any]:
    dialect = dialect_of(flown_by(patrol, sortie.crew).aircraft.autopilot) if patrol else Dialect.ARDUPILOT
    start = sortie.waypoints[0].position
    # A .plan holds home beside its items and not as item 0; the ground station adds that where the autopilot wants it.
    items = [item for item in mission_items(sortie, start, dialect=dialect) if item.waypoint != HOME_WAYPOINT]
    cruise = max(point.speed_m_s for point in sortie.waypoints[1:-1]) if len(sortie.waypoints) > 2 else 5.0
    return {
        "cruiseSpeed": cruise,
        "firmwareType": _FIRMWARE[dialect],
        "globalPlanAltitudeMode": 1,
        "hoverSpeed": cruise,
        "items": [_item(item, number) for number, item in enumerate(items, start=1)],
        "plannedHomePosition": [start.lat_deg, start.lon_deg, 0.0],
        "vehicleType": _QUADROTOR,
        "version": 2,
    }


def _item(item: MissionItem, number: int) -> dict[str, Any]:
    placed = item.command in WITH_POSITION
    scale = 1e7 if placed else 1.0
    values = [*item.params, item.x_e7 / scale, item.y_e7 / scale, item.z]
    return {
        "AMSLAltAboveTerrain": None,
        **({"Altitude": item.z, "AltitudeMode": 1} if placed else {}),
        "autoContinue": True,
        "command": int(item.command),
        "doJumpId": number,
        "frame": int(item.frame),
        "params": [None if math.isnan(value) else value for value in values],
        "type": "SimpleItem",
    }


def _polygons(flight_plan: FlightPlan, patrol: Patrol) -> list[dict[str, Any]]:
    """Return the fence: permitted airspace, and each no-fly zone at every height.

    A fence knows no height bands. A zone with one is closed whole, which is stricter, unless the plan itself flies over
    or under it.
    """
    ways = shapely.MultiLineString(
        [[(p.position.lon_deg, p.position.lat_deg) for p in sortie.waypoints] for sortie in flight_plan.sorties]
    )
    polygons = []
    if patrol.permitted is not None:
        polygons += _rings(_("permitted"), patrol.permitted, inclusion=True)
    for zone in patrol.no_fly_zones:
        banded = zone.floor_m > 0 or math.isfinite(zone.ceiling_m)
        if banded and ways.intersects(zone.shape):
            raise PlanRefused(
                _(
                    "{name}: the plan passes it, and a .plan fence cannot say its height band {floor:g}…{ceiling:g} m"
                ).format(name=zone.name, floor=zone.floor_m, ceiling=zone.ceiling_m)
            )
        polygons += _rings(zone.name, zone.shape, inclusion=False)
    return polygons


def _rings(name: str, shape: BaseGeometry, *, inclusion: bool) -> list[dict[str, Any]]:
    rings = []
    for part in shapely.get_parts(shape):
        if part.interiors:
            raise PlanRefused(_("{name}: a .plan fence cannot say a polygon with holes").format(name=name))
        ring = shapely.get_coordinates(part.exterior)[:-1]
        rings.append({"inclusion": inclusion, "polygon": [[lat, lon] for lon, lat in ring.tolist()], "version": 1})
    return rings
