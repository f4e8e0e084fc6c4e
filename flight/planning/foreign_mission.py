"""Missions made elsewhere (QGroundControl ``.plan``, Mission Planner ``.waypoints``), read to be checked.

They become sorties of transits and are measured by the same findings as our own plans. What cannot be judged is
refused: a survey item that QGroundControl has not written out, a height above sea level, a jump.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np

from core.errors import InputRefused
from core.heights import TakeoffHeight
from core.points import GeoPoint, to_plane
from core.text import _
from flight.exports.mission_items import NAV_LAND, NAV_TAKEOFF, NAV_WAYPOINT
from flight.flight_plan import Finding, Leg, Sortie, Waypoint
from flight.patrol import Patrol
from flight.planning.endurance import fly_effort
from flight.planning.ground import Ground
from flight.planning.plan_findings import Measured, mission_findings

_NAV_LOITER_TIME: Final = 19
_NAV_RTL: Final = 20
_NAV_SPLINE: Final = 82
_DO_JUMP: Final = 177
_DO_CHANGE_SPEED: Final = 178
_RELATIVE_FRAMES: Final = {3, 6}
_PLACED: Final = {NAV_WAYPOINT, NAV_TAKEOFF, NAV_LAND, _NAV_LOITER_TIME, _NAV_SPLINE}
_LAST_NAV: Final = 95  # MAV_CMD_NAV_LAST: commands up to it move the aircraft


@dataclass(frozen=True, slots=True, kw_only=True)
class _Item:
    """A mission item as a file has it: command, frame, seven parameters (None where unset)."""

    command: int
    frame: int
    params: tuple[float | None, ...]


def read_foreign_mission(path: Path, patrol: Patrol) -> Sortie:
    """Return the mission in ``path`` as one sortie of the patrol's aircraft.

    Raises:
        InputRefused: The file cannot be read, or says something that cannot be checked.
    """
    items = _plan_items(path) if path.suffix.lower() == ".plan" else _waypoint_items(path)
    stops: list[Waypoint] = []
    speed = patrol.aircraft.cruise_m_s
    lands = False
    for number, item in enumerate(items, start=1):
        if item.command == _DO_JUMP or (item.command <= _LAST_NAV and item.command not in _PLACED | {_NAV_RTL}):
            raise InputRefused(
                path,
                _("item {number} (command {command}) flies a way that cannot be checked").format(
                    number=number, command=item.command
                ),
                _("Write it out as waypoints."),
            )
        if item.command == _DO_CHANGE_SPEED and item.params[1] is not None and item.params[1] > 0:
            speed = item.params[1]
        if item.command == _NAV_RTL:
            stops.append(_stop(patrol.home, stops[-1].height.metres if stops else 0.0, speed))
        if item.command in _PLACED:
            before = stops[-1].position if stops else patrol.home
            stops.append(_stop(*_placed(path, number, item, before), speed))
        lands = item.command == NAV_LAND or (lands and item.command > _LAST_NAV)
    if len(stops) < 2:
        raise InputRefused(path, _("the mission has no way to fly"), _("Give a mission with waypoints."))
    return _sortie(stops, patrol, lands=lands)


def check_mission(path: Path, patrol: Patrol) -> tuple[Sortie, tuple[Finding, ...]]:
    """Return a mission made elsewhere and the findings of its check against the patrol's limits.

    Raises:
        InputRefused: As for :func:`read_foreign_mission`.
        PlanRefused: A shape of the patrol is unusable.
    """
    sortie = read_foreign_mission(path, patrol)
    measured = Measured(patrol=patrol, ground=Ground(patrol), sorties=(sortie,), shares={}, strays_m=(0.0, 0.0))
    return sortie, tuple(mission_findings(measured))


def _placed(path: Path, number: int, item: _Item, before: GeoPoint) -> tuple[GeoPoint, float]:
    """Return where an item is and its height above take-off; without a position it is where the one before was."""
    lat, lon, height = item.params[4], item.params[5], item.params[6]
    if item.frame not in _RELATIVE_FRAMES:
        raise InputRefused(
            path,
            _("item {number} has a height that is not above take-off (frame {frame})").format(
                number=number, frame=item.frame
            ),
            _("Set the mission's altitudes relative to launch."),
        )
    if height is None or not math.isfinite(height):
        raise InputRefused(path, _("item {number} has no height").format(number=number), _("Give it one."))
    if lat is None or lon is None or (lat == 0 and lon == 0):
        return before, height
    try:
        return GeoPoint(lon_deg=lon, lat_deg=lat), height
    except ValueError as error:
        raise InputRefused(
            path, _("item {number}: {error}").format(number=number, error=error), _("Correct the position.")
        ) from error


def _stop(position: GeoPoint, height_m: float, speed_m_s: float) -> Waypoint:
    return Waypoint(
        leg=Leg.TRANSIT,
        position=position,
        height=TakeoffHeight(metres=height_m),
        speed_m_s=speed_m_s,
        gimbal_pitch_deg=0.0,
    )


def _sortie(stops: list[Waypoint], patrol: Patrol, *, lands: bool) -> Sortie:
    """Return the sortie over ``stops``; a mission that does not land is taken home at its last height."""
    craft = patrol.aircraft
    begin = replace(stops[0], leg=Leg.TAKEOFF, position=patrol.home, speed_m_s=craft.climb_m_s)
    down = TakeoffHeight(metres=0.0)
    if lands:
        end = [replace(stops[-2], position=stops[-1].position), replace(stops[-1], leg=Leg.LAND, height=down)]
        stops = stops[:-1]
    else:
        home = replace(stops[-1], leg=Leg.RETURN, position=patrol.home, speed_m_s=craft.cruise_m_s)
        end = [home, replace(home, leg=Leg.LAND, height=down, speed_m_s=craft.descent_m_s)]
    waypoints = (begin, *stops, *end)
    ground = Ground(patrol)
    points = to_plane(ground.plane, [[point.position.lon_deg, point.position.lat_deg] for point in waypoints])
    effort = fly_effort(craft, (0.0, 0.0, begin.height.metres), 1.0, patrol.wind, patrol.temperature_c)
    for leg, (before, after) in zip(np.diff(points, axis=0), pairwise(waypoints), strict=True):
        up = after.height.metres - before.height.metres
        effort += fly_effort(
            craft, (float(leg[0]), float(leg[1]), up), after.speed_m_s, patrol.wind, patrol.temperature_c
        )
    return Sortie(
        number=1,
        waypoints=waypoints,
        length_m=float(np.hypot(*np.diff(points, axis=0).T).sum()),
        duration_s=effort.time_s,
        photos=0,
        battery_used=effort.battery,
    )


def _plan_items(path: Path) -> list[_Item]:
    try:
        document: Any = json.loads(path.read_text(encoding="utf-8"))
        return [item for entry in document["mission"]["items"] for item in _simple_items(path, entry)]
    except OSError as error:
        raise InputRefused(
            path, _("the file cannot be read ({error})").format(error=error.strerror), _("Name a .plan file.")
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputRefused(
            path, _("this is not a QGroundControl plan ({error})").format(error=error), _("Save it again.")
        ) from error


def _simple_items(path: Path, entry: dict[str, Any]) -> list[_Item]:
    if entry["type"] == "ComplexItem":
        written = entry.get("TransectStyleComplexItem", {}).get("Items")
        if not written:
            raise InputRefused(
                path,
                _("the complex item {kind} is not written out").format(kind=entry.get("complexItemType", "?")),
                _("Save the plan with QGroundControl, which writes its items."),
            )
        return [item for inner in written for item in _simple_items(path, inner)]
    params = tuple(None if value is None else float(value) for value in entry["params"])
    if len(params) != 7:
        raise ValueError("an item has seven parameters")
    return [_Item(command=int(entry["command"]), frame=int(entry["frame"]), params=params)]


def _waypoint_items(path: Path) -> list[_Item]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputRefused(
            path, _("the file cannot be read ({error})").format(error=error), _("Name a .waypoints file.")
        ) from error
    if not lines or not lines[0].startswith("QGC WPL"):
        raise InputRefused(path, _("the first line is not QGC WPL"), _("Save it from Mission Planner again."))
    items = []
    for number, line in enumerate(lines[1:], start=2):
        fields = line.split("\t")
        if not line.strip():
            continue
        try:
            index, _current, frame, command = (int(fields[i]) for i in range(4))
            params = tuple(float(fields[i]) for i in range(4, 11))
        except (ValueError, IndexError) as error:
            raise InputRefused(
                path, _("line {line} is not a mission item").format(line=number), _("Correct the line.")
            ) from error
        if index > 0:  # item 0 is home
            items.append(_Item(command=command, frame=frame, params=params))
    return items
