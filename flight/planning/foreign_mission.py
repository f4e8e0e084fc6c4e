"""Missions made elsewhere (QGroundControl ``.plan``, Mission Planner ``.waypoints``), read to be checked.

They become sorties and are measured by the same findings as our own plans; what their photographs see is measured
too. What cannot be judged is refused: a survey item that QGroundControl has not written out, a height above sea level,
a jump.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import shapely

from core.errors import InputRefused
from core.heights import TakeoffHeight
from core.points import GeoPoint, to_plane
from core.text import _
from flight.exports.geojson import photo_footprints
from flight.flight_plan import Finding, FlightPlan, Leg, Severity, Sortie, Waypoint
from flight.mavlink.mission import Command
from flight.patrol import Patrol, Pattern
from flight.planning.endurance import fly_effort, hover_effort
from flight.planning.ground import Ground, in_plane
from flight.planning.plan_findings import FULLY_SEEN, Measured, mission_findings

_NAV_LOITER_TIME: Final = 19
_NAV_SPLINE: Final = 82
_DO_JUMP: Final = 177
_RELATIVE_FRAMES: Final = {3, 6}
_PLACED: Final = {Command.NAV_WAYPOINT, Command.NAV_TAKEOFF, Command.NAV_LAND, _NAV_LOITER_TIME, _NAV_SPLINE}
_FLOWN: Final = {*_PLACED, Command.NAV_RETURN_TO_LAUNCH}
_LAST_NAV: Final = 95  # MAV_CMD_NAV_LAST: commands up to it move the aircraft
_DO_GIMBAL_MANAGER: Final = 1000  # MAV_CMD_DO_GIMBAL_MANAGER_PITCHYAW
_ONE_PHOTO: Final = {Command.DO_DIGICAM_CONTROL, Command.IMAGE_START_CAPTURE}
_ROUNDING: Final = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Item:
    """A mission item as a file has it: command, frame, seven parameters (None where unset)."""

    command: int
    frame: int
    params: tuple[float | None, ...]


@dataclass(slots=True, kw_only=True)
class _State:
    """What a mission has set so far: home, speed, distance between photographs, camera pitch; and its stops."""

    home: GeoPoint
    speed_m_s: float
    spacing_m: float | None = None
    pitch_deg: float = math.nan
    stops: list[Waypoint] = field(default_factory=list)


def read_foreign_mission(path: Path, patrol: Patrol) -> Sortie:
    """Return the mission in ``path`` as one sortie of the patrol's aircraft, begun where the file says.

    Raises:
        InputRefused: The file cannot be read, or says something that cannot be checked.
    """
    items, home = _plan_items(path) if path.suffix.lower() == ".plan" else _waypoint_items(path)
    state = _State(home=home or patrol.home, speed_m_s=patrol.aircraft.cruise_m_s)
    lands = False
    for number, item in enumerate(items, start=1):
        moves = item.command <= _LAST_NAV
        if item.command == _DO_JUMP or (moves and item.command not in _FLOWN):
            raise InputRefused(
                path,
                _("item {number} (command {command}) flies a way that cannot be checked").format(
                    number=number, command=item.command
                ),
                _("Write it out as waypoints."),
            )
        _set(state, item)
        if item.command == Command.NAV_RETURN_TO_LAUNCH:
            state.stops.append(_stop(state, state.home, state.stops[-1].height.metres if state.stops else 0.0, 0.0))
        if item.command in _PLACED:
            before = state.stops[-1].position if state.stops else state.home
            hold = item.params[0] if item.command in {Command.NAV_WAYPOINT, _NAV_LOITER_TIME} else 0.0
            state.stops.append(_stop(state, *_placed(path, number, item, before), hold or 0.0))
        lands = item.command == Command.NAV_LAND or (lands and not moves)
    if len(state.stops) < 2:
        raise InputRefused(path, _("the mission has no way to fly"), _("Give a mission with waypoints."))
    return _sortie(state, patrol, lands=lands)


def check_mission(path: Path, patrol: Patrol) -> tuple[Sortie, tuple[Finding, ...]]:
    """Return a mission made elsewhere and the findings of its check against the patrol's limits.

    Raises:
        InputRefused: As for :func:`read_foreign_mission`.
        PlanRefused: A shape of the patrol is unusable.
    """
    sortie = read_foreign_mission(path, patrol)
    ground = Ground(patrol)
    measured = Measured(patrol=patrol, ground=ground, sorties=(sortie,), shares={}, strays_m=(0.0, 0.0))
    return sortie, (*mission_findings(measured), *_seen(sortie, patrol, ground))


def _seen(sortie: Sortie, patrol: Patrol, ground: Ground) -> list[Finding]:
    """Return how much of each area to be surveyed the mission's own photographs see."""
    surveyed = [area for area in patrol.areas if area.pattern is Pattern.SURVEY]
    if not sortie.photos:
        return [
            Finding(code="coverage", severity=Severity.WARN, text=_("the mission takes no photographs that it names"))
        ]
    if math.isnan(sortie.waypoints[-1].gimbal_pitch_deg):
        text = _("the mission never points the camera, so what its photographs see is not known")
        return [Finding(code="coverage", severity=Severity.WARN, text=text)]
    plan = FlightPlan(patrol=patrol.name, home=patrol.home, sorties=(sortie,), findings=(), covered_share=0.0)
    seen = shapely.union_all(
        [in_plane(ground.plane, _("photograph"), shape) for _number, _area, shape in photo_footprints(plan, patrol)]
    )
    found = []
    for area in surveyed:
        asked = ground.areas[area.name]
        share = asked.intersection(seen).area / asked.area
        found.append(
            Finding(
                code="coverage",
                severity=Severity.PASS if share >= FULLY_SEEN else Severity.WARN,
                text=_("{area}: {share:.1%} of it is seen by the mission's photographs").format(
                    area=area.name, share=share
                ),
            )
        )
    return found


def _set(state: _State, item: _Item) -> None:
    """Take over what a command sets for the way that follows, or what it does at the last place."""
    first, second = (value or 0.0 for value in item.params[:2])
    if item.command == Command.DO_CHANGE_SPEED and second > 0:
        state.speed_m_s = second
    elif item.command == Command.DO_SET_CAM_TRIGG_DIST:
        state.spacing_m = first if first > 0 else None
    elif item.command in {Command.DO_MOUNT_CONTROL, _DO_GIMBAL_MANAGER} and item.params[0] is not None:
        state.pitch_deg = first
    elif item.command in _ONE_PHOTO and state.stops and state.stops[-1].leg is Leg.TRANSIT:
        state.stops[-1] = replace(state.stops[-1], leg=Leg.LOOK)


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


def _stop(state: _State, position: GeoPoint, height_m: float, hold_s: float) -> Waypoint:
    return Waypoint(
        leg=Leg.LINE if state.spacing_m else Leg.TRANSIT,
        position=position,
        height=TakeoffHeight(metres=height_m),
        speed_m_s=state.speed_m_s,
        gimbal_pitch_deg=state.pitch_deg,
        photo_spacing_m=state.spacing_m,
        hover_s=hold_s,
    )


def _bare(stop: Waypoint, leg: Leg, position: GeoPoint, height: TakeoffHeight, speed_m_s: float) -> Waypoint:
    """Return a stop made into one without photographs and without a pause."""
    return replace(
        stop, leg=leg, position=position, height=height, speed_m_s=speed_m_s, photo_spacing_m=None, hover_s=0.0
    )


def _sortie(state: _State, patrol: Patrol, *, lands: bool) -> Sortie:
    """Return the sortie over the stops; a mission that does not land is taken home at its last height."""
    craft, stops = patrol.aircraft, state.stops
    begin = _bare(stops[0], Leg.TAKEOFF, state.home, stops[0].height, craft.climb_m_s)
    down = TakeoffHeight(metres=0.0)
    if lands:
        over = replace(stops[-1], height=stops[-2].height)
        end = [over, _bare(over, Leg.LAND, over.position, down, craft.descent_m_s)]
        stops = stops[:-1]
    else:
        home = _bare(stops[-1], Leg.RETURN, state.home, stops[-1].height, craft.cruise_m_s)
        end = [home, _bare(home, Leg.LAND, state.home, down, craft.descent_m_s)]
    waypoints = (begin, *stops, *end)
    ground = Ground(patrol)
    points = to_plane(ground.plane, [[point.position.lon_deg, point.position.lat_deg] for point in waypoints])
    effort = fly_effort(craft, (0.0, 0.0, begin.height.metres), 1.0, patrol.wind, patrol.temperature_c)
    photos = 0
    for leg, (before, after) in zip(np.diff(points, axis=0), pairwise(waypoints), strict=True):
        up = after.height.metres - before.height.metres
        effort += fly_effort(
            craft, (float(leg[0]), float(leg[1]), up), after.speed_m_s, patrol.wind, patrol.temperature_c
        )
        effort += hover_effort(craft, after.hover_s, patrol.wind, patrol.temperature_c)
        photos += after.leg is Leg.LOOK
        if after.photo_spacing_m is not None:
            photos += math.floor(float(np.hypot(*leg)) / after.photo_spacing_m + _ROUNDING) + (
                before.leg is not Leg.LINE
            )
    return Sortie(
        number=1,
        waypoints=waypoints,
        length_m=float(np.hypot(*np.diff(points, axis=0).T).sum()),
        duration_s=effort.time_s,
        photos=photos,
        battery_used=effort.battery,
    )


def _plan_items(path: Path) -> tuple[list[_Item], GeoPoint | None]:
    try:
        document: Any = json.loads(path.read_text(encoding="utf-8"))
        mission = document["mission"]
        lat, lon = (mission.get("plannedHomePosition") or (None, None))[:2]
        items = [item for entry in mission["items"] for item in _simple_items(path, entry)]
        return items, _home(lon, lat)
    except OSError as error:
        raise InputRefused(
            path, _("the file cannot be read ({error})").format(error=error.strerror), _("Name a .plan file.")
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputRefused(
            path, _("this is not a QGroundControl plan ({error})").format(error=error), _("Save it again.")
        ) from error


def _home(lon: float | None, lat: float | None) -> GeoPoint | None:
    """Return where a file says that home is, or None where it says nothing."""
    return None if lon is None or lat is None or (lon == 0 and lat == 0) else GeoPoint(lon_deg=lon, lat_deg=lat)


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


def _waypoint_items(path: Path) -> tuple[list[_Item], GeoPoint | None]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputRefused(
            path, _("the file cannot be read ({error})").format(error=error), _("Name a .waypoints file.")
        ) from error
    if not lines or not lines[0].startswith("QGC WPL"):
        raise InputRefused(path, _("the first line is not QGC WPL"), _("Save it from Mission Planner again."))
    items: list[_Item] = []
    home = None
    for number, line in enumerate(lines[1:], start=2):
        fields = line.split("\t")
        if not line.strip():
            continue
        try:
            index, _current, frame, command = (int(fields[i]) for i in range(4))
            params = tuple(float(fields[i]) for i in range(4, 11))
            home = _home(params[5], params[4]) if index == 0 else home
        except (ValueError, IndexError) as error:
            raise InputRefused(
                path, _("line {line} is not a mission item").format(line=number), _("Correct the line.")
            ) from error
        if index > 0:  # item 0 is home
            items.append(_Item(command=command, frame=frame, params=params))
    return items, home
