"""Watching a flight: what is wrong now, and the one planned answer to it.

Each monitor is a small judge over the vehicle's states; :class:`Monitors` asks them all and gives the gravest advice.
None of them ever acts against a pilot: that is ``flight.fly``'s business, which drops all advice but warnings once the
pilot has taken over. Distances are in the local plane at home; times are the vehicle's, so monitors work at any
simulator speed that the link can follow.

The answers, from mild to grave: WARN (say it), HOLD (stop and hold), RETURN, LAND.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Final

import shapely
from shapely import LineString, MultiPolygon, Polygon

from core.points import GeoPoint, LocalPlane, to_plane
from core.text import _
from flight.flight_plan import Sortie
from flight.link import VehicleState
from flight.patrol import Limits, NoFlyZone

BRAKING_M_S2: Final = 2.5  # ArduCopter's default; from 9.5 m/s it took 23 m from the order to the stop, as measured
REACTION_S: Final = 1.0  # from the report of a position to the beginning of braking
_STATION_S: Final = 0.12  # of which the station itself, its poll and its order, takes this, wall clock
_RETURN_SPEED_M_S: Final = 8.0
_DESCENT_M_S: Final = 1.2


class Action(IntEnum):
    """What to do, the graver the higher."""

    NONE = 0
    WARN = 1
    HOLD = 2
    RETURN = 3
    LAND = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What a monitor says.

    Attributes:
        monitor: Its name, stable ("corridor").
        action: What to do.
        text: Why, with the value.
    """

    monitor: str
    action: Action
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What a flight is watched against.

    Attributes:
        home: Take-off and landing point.
        sortie: The plan of the sortie.
        zones: No-fly zones.
        permitted: The airspace that may not be left, or None.
        limits: What every sortie keeps.
        window_ends_at: When the approval ends, aware UTC, or None.
        corridor_m: How far from its leg the aircraft may be, metres.
        battery_tolerance: By how much the battery may lie below the plan's curve before it is said, a share.
    """

    home: GeoPoint
    sortie: Sortie
    zones: tuple[NoFlyZone, ...] = ()
    permitted: Polygon | MultiPolygon | None = None
    limits: Limits = field(default_factory=Limits)
    window_ends_at: datetime | None = None
    corridor_m: float = 25.0
    battery_tolerance: float = 0.10


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a flight has come.

    Attributes:
        along_m, length_m: Way flown along the plan, and all of it, metres.
        off_m: Distance from the leg, metres; None without a position.
        home_m: Distance to home, metres; None without a position.
        home_s: Time to be on the ground at home when turning back now, seconds.
        battery_home: Charge expected on the ground at home when turning back now; None when it is not reported.
        edge_m: Distance to the nearest edge that may not be crossed, metres; None when there is none.
    """

    along_m: float
    length_m: float
    off_m: float | None
    home_m: float | None
    home_s: float
    battery_home: float | None
    edge_m: float | None


@dataclass(slots=True)
class Monitors:
    """The monitors of one flight; ask :meth:`look` with every state.

    Attributes:
        bounds: What is watched against.
    """

    bounds: Bounds
    _plane: LocalPlane = field(init=False)
    _points: list[tuple[float, float]] = field(init=False)
    _top_m_s: float = field(init=False)
    _lengths: list[float] = field(init=False)
    _zones: list[tuple[NoFlyZone, Polygon | MultiPolygon]] = field(init=False)
    _permitted: Polygon | MultiPolygon | None = field(init=False)
    _before: tuple[VehicleState, tuple[float, float]] | None = None
    _battery_start: float | None = None
    _airborne_at: datetime | None = None
    _joined: tuple[int, tuple[float, float]] | None = None
    _off_since: datetime | None = None
    _blind_since: datetime | None = None
    _jumped_at: datetime | None = None
    _target: int = 0

    def __post_init__(self) -> None:
        self._plane = LocalPlane(origin=self.bounds.home)
        self._points = [self._flat(waypoint.position) for waypoint in self.bounds.sortie.waypoints]
        self._top_m_s = max(waypoint.speed_m_s for waypoint in self.bounds.sortie.waypoints)
        self._lengths = [0.0]
        for before, after in zip(self._points, self._points[1:], strict=False):
            self._lengths.append(self._lengths[-1] + math.dist(before, after))
        self._zones = [(zone, self._in_plane(zone.shape)) for zone in self.bounds.zones]
        self._permitted = None if self.bounds.permitted is None else self._in_plane(self.bounds.permitted)

    def _flat(self, point: GeoPoint) -> tuple[float, float]:
        east, north = to_plane(self._plane, [point.lon_deg, point.lat_deg])
        return float(east), float(north)

    def _in_plane(self, shape: Polygon | MultiPolygon) -> Polygon | MultiPolygon:
        flat: Polygon | MultiPolygon = shapely.transform(shape, lambda lonlat: to_plane(self._plane, lonlat))
        shapely.prepare(flat)
        return flat

    # --- asking -------------------------------------------------------------------------------------------------

    def look(self, state: VehicleState, *, in_mission: bool) -> tuple[list[Advice], Progress]:
        """Return what is wrong now, gravest first, and how far the flight has come.

        Args:
            state: The present state.
            in_mission: Whether the autopilot flies the mission (off its legs it is not judged by them).
        """
        here = None if state.position is None else self._flat(state.position)
        airborne = state.armed and state.landed is not True
        if airborne and self._airborne_at is None:
            self._airborne_at, self._battery_start = state.at, state.battery_share
        progress = self._progress(state, here)
        advice: list[Advice | None] = []
        if airborne:
            advice += [self._position_lost(state, here), self._position_jump(state, here)]
            advice += [self._battery(state, progress), self._window(state, progress)]
            # A position that has just leapt says nothing of where the aircraft is; it is judged again when steady.
            if here is not None and self.settled(state):
                advice += [self._edge(state, here)]
                if in_mission:
                    advice += [self._corridor(state, progress)]
        if here is not None:
            self._before = (state, here)
        return sorted((a for a in advice if a is not None), key=lambda a: -a.action), progress

    def rebase(self, state: VehicleState, waypoint: int | None = None) -> None:
        """Judge the way to ``waypoint`` (or to the present one) from here: it was skipped to, or flown anew by hand."""
        target = state.waypoint if waypoint is None else waypoint
        if state.position is not None and target is not None:
            self._joined = (target, self._flat(state.position))
        self._off_since = None

    def _leg(self, target: int) -> tuple[tuple[float, float], tuple[float, float]]:
        """Return both ends of the way to a waypoint."""
        start = self._points[max(0, target - 1)]
        if self._joined is not None and self._joined[0] == target:
            start = self._joined[1]
        return start, self._points[target]

    def _progress(self, state: VehicleState, here: tuple[float, float] | None) -> Progress:
        if (state.armed and state.waypoint is not None) or self._airborne_at is None:
            self._target = min(max(state.waypoint or 0, 0), len(self._points) - 1)
        target = self._target  # ArduPilot forgets its place when it disarms; the flight had come as far as it had
        along, off = self._lengths[max(0, target - 1)], None
        if here is not None:
            start, end = self._leg(target)
            leg = LineString([start, end]) if start != end else None
            at = shapely.Point(here)
            off = at.distance(leg) if leg is not None else math.dist(here, end)
            along = self._lengths[target] - math.dist(here, end) if leg is not None else self._lengths[target]
            along = max(along, self._lengths[max(0, target - 1)])
        home_m = None if here is None else math.dist(here, self._flat(self.bounds.home))
        home_s = (home_m or 0.0) / _RETURN_SPEED_M_S + max(0.0, state.height_takeoff_m) / _DESCENT_M_S + 10.0
        return Progress(
            along_m=along,
            length_m=self._lengths[-1],
            off_m=off,
            home_m=home_m,
            home_s=home_s,
            battery_home=self._battery_home(state, home_s),
            edge_m=self._edge_distance(state, here),
        )

    # --- battery ------------------------------------------------------------------------------------------------

    def _battery_home(self, state: VehicleState, home_s: float) -> float | None:
        """Return the charge left on the ground at home, from the plan's drain or the measured one, the greater."""
        if state.battery_share is None:
            return None
        drain = self.bounds.sortie.battery_used / max(1.0, self.bounds.sortie.duration_s)
        if self._airborne_at is not None and self._battery_start is not None:
            flown_s = (state.at - self._airborne_at).total_seconds()
            if flown_s > 60:  # the report is in whole per cent; a minute makes a rate of it
                drain = max(drain, (self._battery_start - state.battery_share) / flown_s)
        return state.battery_share - drain * home_s

    def _battery(self, state: VehicleState, progress: Progress) -> Advice | None:
        if state.battery_share is None or self._battery_start is None or self._airborne_at is None:
            return None
        reserve = self.bounds.limits.battery_reserve
        # Two points of slack: the report is in whole per cent, and the plan's own landing may use the reserve up to it.
        if progress.battery_home is not None and progress.battery_home < reserve - 0.02:
            return Advice(
                monitor="battery",
                action=Action.RETURN,
                text=_("battery {now:.0%}; {home:.0%} would be left at home, the reserve is {reserve:.0%}").format(
                    now=state.battery_share, home=progress.battery_home, reserve=reserve
                ),
            )
        share = progress.along_m / progress.length_m if progress.length_m > 0 else 0.0
        planned = self._battery_start - self.bounds.sortie.battery_used * share
        if state.battery_share < planned - self.bounds.battery_tolerance:
            return Advice(
                monitor="battery-curve",
                action=Action.WARN,
                text=_("battery {now:.0%} lies below the plan's {planned:.0%}").format(
                    now=state.battery_share, planned=planned
                ),
            )
        return None

    # --- window -------------------------------------------------------------------------------------------------

    def _window(self, state: VehicleState, progress: Progress) -> Advice | None:
        ends_at = self.bounds.window_ends_at
        if ends_at is None:
            return None
        left_s = (ends_at - state.at).total_seconds()
        if left_s <= progress.home_s + 30:
            return Advice(
                monitor="window",
                action=Action.RETURN,
                text=_("the approved window ends in {left:.0f} s; the way home takes {home:.0f} s").format(
                    left=left_s, home=progress.home_s
                ),
            )
        return None

    # --- position -----------------------------------------------------------------------------------------------

    def _position_lost(self, state: VehicleState, here: tuple[float, float] | None) -> Advice | None:
        if here is not None:
            self._blind_since = None
            return None
        self._blind_since = self._blind_since or state.at
        blind_s = (state.at - self._blind_since).total_seconds()
        if blind_s < 2:
            return None
        return Advice(
            monitor="position",
            action=Action.HOLD if blind_s < 10 else Action.LAND,
            text=_("no position for {seconds:.0f} s").format(seconds=blind_s),
        )

    def _position_jump(self, state: VehicleState, here: tuple[float, float] | None) -> Advice | None:
        if here is None or self._before is None:
            return None
        earlier, there = self._before
        dt_s = (state.at - earlier.at).total_seconds()
        moved = math.dist(here, there)
        # What it could have flown at the greater of both speeds, half again, and what GNSS may wander.
        possible = 1.5 * max(state.ground_speed_m_s, earlier.ground_speed_m_s, 2.0) * max(dt_s, 0.0) + 8.0
        if 0 <= dt_s < 5 and moved > possible:
            self._jumped_at = state.at
            return Advice(
                monitor="position-jump",
                action=Action.HOLD,
                text=_("the position leapt {moved:.0f} m in {seconds:.1f} s").format(moved=moved, seconds=dt_s),
            )
        return None

    def settled(self, state: VehicleState, *, after_s: float = 5.0) -> bool:
        """Return whether the position has been steady for ``after_s`` since it last leapt or was lost."""
        if state.position is None:
            return False
        return self._jumped_at is None or (state.at - self._jumped_at).total_seconds() >= after_s

    # --- corridor and edges -------------------------------------------------------------------------------------

    def _corridor(self, state: VehicleState, progress: Progress) -> Advice | None:
        if progress.off_m is None or progress.off_m <= self.bounds.corridor_m:
            self._off_since = None
            return None
        self._off_since = self._off_since or state.at
        if (state.at - self._off_since).total_seconds() < 2.0:
            return None
        return Advice(
            monitor="corridor",
            action=Action.RETURN,
            text=_("{off:.0f} m off its leg, {limit:.0f} m are allowed").format(
                off=progress.off_m, limit=self.bounds.corridor_m
            ),
        )

    def _edge_distance(self, state: VehicleState, here: tuple[float, float] | None) -> float | None:
        if here is None:
            return None
        at = shapely.Point(here)
        distances = [
            shape.distance(at)
            for zone, shape in self._zones
            if zone.floor_m <= state.height_takeoff_m <= zone.ceiling_m
        ]
        if self._permitted is not None:
            inside = self._permitted.contains(at)
            distances.append(self._permitted.boundary.distance(at) if inside else 0.0)
        return min(distances) if distances else None

    def _edge(self, state: VehicleState, here: tuple[float, float]) -> Advice | None:
        """Look ahead by the distance that stopping takes at the present speed: before the edge, not after it."""
        speed = math.hypot(state.east_m_s, state.north_m_s)
        stop_m = stopping_distance_m(speed, top_m_s=self._top_m_s, reaction_s=reaction_s(state.time_rate))
        at = shapely.Point(here)
        ahead: shapely.Point | LineString = at
        if speed > 0.5:
            east, north = state.east_m_s / speed * stop_m, state.north_m_s / speed * stop_m
            ahead = LineString([here, (here[0] + east, here[1] + north)])
        for zone, shape in self._zones:
            # Climbing and sinking count too: the band that will be reached while stopping.
            reach = sorted((state.height_takeoff_m, state.height_takeoff_m + state.climb_m_s * 3.0))
            if reach[1] < zone.floor_m or reach[0] > zone.ceiling_m:
                continue
            if shape.intersects(at):
                return _trespass(zone.name)
            if shape.intersects(ahead):
                return Advice(
                    monitor="no-fly",
                    action=Action.HOLD,
                    text=_("{zone} lies {away:.0f} m ahead; stopping takes {stop:.0f} m").format(
                        zone=zone.name, away=shape.distance(at), stop=stop_m
                    ),
                )
        if self._permitted is not None:
            if not self._permitted.contains(at):
                return _trespass(_("the ground outside the permitted airspace"))
            if not self._permitted.contains(ahead):
                return Advice(
                    monitor="airspace",
                    action=Action.HOLD,
                    text=_(
                        "the edge of the permitted airspace lies {away:.0f} m away; stopping takes {stop:.0f} m"
                    ).format(away=self._permitted.boundary.distance(at), stop=stop_m),
                )
        return None

    def way_home_clear(self, state: VehicleState) -> bool:
        """Return whether the straight way home crosses no no-fly zone (at any height: a return climbs first)."""
        if state.position is None:
            return False
        way = LineString([self._flat(state.position), self._flat(self.bounds.home)])
        return not any(shape.intersects(way) for _zone, shape in self._zones)


def stopping_distance_m(speed_m_s: float, *, top_m_s: float | None = None, reaction_s: float = REACTION_S) -> float:
    """Return the way to a stop: reaction, then even braking, v·t + v²/2a.

    Args:
        speed_m_s: The present speed.
        top_m_s: The speed that it may be gathering still: it is taken to gain on it until the braking begins. None for
            an aircraft that flies as fast as it will.
        reaction_s: From the report of the position to the beginning of braking.
    """
    gained = min(BRAKING_M_S2 * reaction_s, max(0.0, (top_m_s or 0.0) - speed_m_s))
    until_braking_m = speed_m_s * reaction_s + 0.5 * gained * reaction_s
    return until_braking_m + (speed_m_s + gained) ** 2 / (2 * BRAKING_M_S2)


def reaction_s(time_rate: float) -> float:
    """Return the reaction in vehicle time: a station needs its moment by its own clock, whatever the vehicle's rate."""
    return REACTION_S + _STATION_S * max(0.0, time_rate - 1.0)


def _trespass(name: str) -> Advice:
    return Advice(monitor="trespass", action=Action.RETURN, text=_("it is over {zone}").format(zone=name))
