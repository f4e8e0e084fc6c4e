"""Several aircraft at once: kept apart by height and by time, before they fly and while they do.

Two sorties are apart when, at every moment at which both are in the air, they are ``horizontal_m`` or ``vertical_m``
away from each other. :func:`conflicts` looks for moments when they would not be; :func:`departures` delays take-offs
until none is left; ``flight.flying.sky`` watches the aircraft that really fly. Times are those that the plan expects,
so a margin covers wind and delay: each aircraft is taken to be anywhere on the part of its way that it could have
reached.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from core.points import GeoPoint, LocalPlane, to_plane
from core.text import _
from flight.flight_plan import Sortie
from flight.link import VehicleState

CLIMB_M_S: Final = 3.0
LANDING_M_S: Final = 1.2
_STEP_S: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Separation:
    """How far apart aircraft stay.

    Attributes:
        horizontal_m, vertical_m: One of the two must be kept.
        early_s, late_s: By how much an aircraft may be ahead of or behind its plan.
    """

    horizontal_m: float = 30.0
    vertical_m: float = 15.0
    early_s: float = 10.0
    late_s: float = 30.0

    def __post_init__(self) -> None:
        figures = (self.horizontal_m, self.vertical_m, self.early_s, self.late_s)
        if not all(math.isfinite(figure) and figure >= 0 for figure in figures):
            raise ValueError("separations are not negative")


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """Two sorties that come too close.

    Attributes:
        first, second: Names of the aircraft.
        at_s: When, seconds after the common start.
        horizontal_m, vertical_m: How close.
    """

    first: str
    second: str
    at_s: float
    horizontal_m: float
    vertical_m: float

    def __str__(self) -> str:
        return _(
            "{first} and {second} come within {h:.0f} m and {v:.0f} m of height {at:.0f} s after the start"
        ).format(first=self.first, second=self.second, h=self.horizontal_m, v=self.vertical_m, at=self.at_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """One aircraft's sortie and when it takes off, seconds after the common start."""

    aircraft: str
    sortie: Sortie
    takeoff_s: float = 0.0


def schedule(sortie: Sortie, plane: LocalPlane) -> list[tuple[float, float, float, float]]:
    """Return (seconds after take-off, east, north, height) at each waypoint, at the planned speeds."""
    points = []
    now_s, before = 0.0, None
    for waypoint in sortie.waypoints:
        east, north = (float(part) for part in to_plane(plane, [waypoint.position.lon_deg, waypoint.position.lat_deg]))
        up = waypoint.height.metres
        if before is None:
            points.append((0.0, east, north, 0.0))
            now_s = up / CLIMB_M_S
        else:
            level_s = math.hypot(east - before[0], north - before[1]) / waypoint.speed_m_s
            rise = up - before[2]
            now_s += max(level_s, rise / CLIMB_M_S if rise > 0 else -rise / LANDING_M_S)
        points.append((now_s, east, north, up))
        before = (east, north, up)
    return points


def _at(points: Sequence[tuple[float, float, float, float]], seconds: float) -> tuple[float, float, float] | None:
    """Return where an aircraft is, or None when it is not in the air."""
    if not points[0][0] <= seconds <= points[-1][0]:
        return None
    for before, after in itertools.pairwise(points):
        if before[0] <= seconds <= after[0]:
            span = after[0] - before[0]
            share = (seconds - before[0]) / span if span > 0 else 1.0
            return (
                before[1] + share * (after[1] - before[1]),
                before[2] + share * (after[2] - before[2]),
                before[3] + share * (after[3] - before[3]),
            )
    return None


def conflicts(departures: Sequence[Departure], home: GeoPoint, separation: Separation | None = None) -> list[Conflict]:
    """Return the first moment of each pair of aircraft at which they would be too close.

    Args:
        departures: What flies when.
        home: Origin of the plane in which distances are taken.
        separation: What is kept; the default's figures when None.
    """
    keep = separation or Separation()
    plane = LocalPlane(origin=home)
    ways = [(departure, schedule(departure.sortie, plane)) for departure in departures]
    found = []
    for (one, way), (other, other_way) in itertools.combinations(ways, 2):
        conflict = _first_conflict(one, way, other, other_way, keep)
        if conflict is not None:
            found.append(conflict)
    return found


def _first_conflict(
    one: Departure,
    way: Sequence[tuple[float, float, float, float]],
    other: Departure,
    other_way: Sequence[tuple[float, float, float, float]],
    keep: Separation,
) -> Conflict | None:
    slack = (-keep.late_s, 0.0, keep.early_s)  # behind, on time, ahead
    for step in range(int(way[-1][0] / _STEP_S) + 1):
        here = _at(way, step * _STEP_S)
        at_s = one.takeoff_s + step * _STEP_S
        spread = keep.early_s + keep.late_s
        offsets = [slack[0] + spread * part / 8 for part in range(9)]
        for offset in offsets:
            there = _at(other_way, at_s - other.takeoff_s + offset)
            if here is None or there is None:
                continue
            horizontal, vertical = math.dist(here[:2], there[:2]), abs(here[2] - there[2])
            if horizontal < keep.horizontal_m and vertical < keep.vertical_m:
                return Conflict(
                    first=one.aircraft,
                    second=other.aircraft,
                    at_s=at_s,
                    horizontal_m=horizontal,
                    vertical_m=vertical,
                )
    return None


def departures(
    sorties: Mapping[str, Sortie], home: GeoPoint, separation: Separation | None = None, *, step_s: float = 10.0
) -> tuple[Departure, ...]:
    """Return take-off times, in the order given, at which no two aircraft come too close; each as early as it can.

    Args:
        sorties: By aircraft.
        home: Origin of the plane in which distances are taken.
        separation: What is kept; the default's figures when None.
        step_s: Grain of the delays, seconds.

    A solution always exists: at the latest an aircraft takes off when the one before it has landed.
    """
    settled: list[Departure] = []
    for aircraft, sortie in sorties.items():
        delay_s = 0.0
        while True:
            candidate = Departure(aircraft=aircraft, sortie=sortie, takeoff_s=delay_s)
            if not any(conflicts([earlier, candidate], home, separation) for earlier in settled):
                settled.append(candidate)
                break
            delay_s += step_s
    return tuple(settled)


def return_heights(
    sorties: Mapping[str, Sortie], separation: Separation | None = None, *, ceiling_m: float
) -> dict[str, float | None]:
    """Return a height for each aircraft's way home, so that any of them may come home at any moment and meet none.

    A failsafe does not ask who else is on the way. Each height is at least that of the aircraft's own plan, for there
    the obstacles are known, and the vertical separation above the next lower one.

    Args:
        sorties: By aircraft.
        separation: What is kept; the default's figures when None.
        ceiling_m: The highest that may be flown, metres above take-off.

    Returns:
        Metres above take-off by aircraft; None for those for which there is no room under the ceiling.
    """
    keep = separation or Separation()
    tops = {name: max(point.height.metres for point in sortie.waypoints) for name, sortie in sorties.items()}
    heights: dict[str, float | None] = dict.fromkeys(sorties)
    lowest = 0.0
    for name in sorted(tops, key=lambda one: tops[one]):
        height = max(tops[name], lowest)
        if height > ceiling_m:
            break
        heights[name], lowest = height, height + keep.vertical_m
    return heights


def gap(one: VehicleState, other: VehicleState) -> tuple[float, float] | None:
    """Return how far two aircraft are apart, horizontally and in height, metres; None when one has no position."""
    if one.position is None or other.position is None:
        return None
    east, north = to_plane(LocalPlane(origin=one.position), [other.position.lon_deg, other.position.lat_deg])
    return math.hypot(float(east), float(north)), abs(one.height_takeoff_m - other.height_takeoff_m)


def gap_to_way(one: VehicleState, end: GeoPoint, other: VehicleState) -> float | None:
    """Return the distance of ``other`` from the straight way of ``one`` to ``end``, metres; None without positions.

    Where an aircraft of which nothing is heard may be: its failsafe brings it home, at a height that it chooses.
    """
    if one.position is None or other.position is None:
        return None
    plane = LocalPlane(origin=one.position)
    there, home = (to_plane(plane, [point.lon_deg, point.lat_deg]) for point in (other.position, end))
    east, north, length_m2 = float(home[0]), float(home[1]), float(home[0]) ** 2 + float(home[1]) ** 2
    share = 0.0 if length_m2 == 0 else (float(there[0]) * east + float(there[1]) * north) / length_m2
    share = min(1.0, max(0.0, share))
    return math.hypot(float(there[0]) - share * east, float(there[1]) - share * north)
