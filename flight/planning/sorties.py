"""Runs into sorties: what is flown in one go, joined by ways over free ground, cut where batteries end.

Every sortie comes home with the reserve; the way home from each of its points is counted, so that it could turn back
anywhere. A run too long for one battery is divided between two photographs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from core.errors import PlanRefused
from core.heights import TakeoffHeight
from core.points import GeoPoint, from_plane
from core.text import _
from flight.flight_plan import Leg, Sortie, Waypoint
from flight.patrol import Patrol
from flight.planning.endurance import NO_EFFORT, Effort, fly_effort, hover_effort
from flight.planning.ground import Ground
from flight.planning.routing import Points, length_m
from flight.planning.run import Run, cut_at, first_yaw_deg
from flight.planning.terrain import Terrain, highest_ground_m

LAND_AND_CHECK_S: Final = 30.0  # hovering before landing: look down, correct, touch
_LEAST_PROGRESS_M: Final = 1.0
_CLEARANCE_M: Final = 30.0  # least height of a transit above the highest ground under it
_SETTINGS_OF_A_RUN: Final = 6  # camera on and off, speed twice, camera pitch, heading at its beginning
_ITEMS_OF_A_FLIGHT: Final = 12  # home, take-off, the way home, landing
_LEVEL_M: Final = 0.5
_SAME_M: Final = 0.01


@dataclass(slots=True, kw_only=True)
class _Stop:
    """A waypoint in the plane while a sortie is being built."""

    leg: Leg
    at: Points
    height_m: float
    speed_m_s: float
    gimbal_pitch_deg: float
    yaw_deg: float | None = None
    photo_spacing_m: float | None = None
    area: str = ""
    hover_s: float = 0.0


@dataclass(slots=True, kw_only=True)
class Flight:
    """A sortie while it is built: where it started, what it has flown, and what that cost."""

    home: Points
    stops: list[_Stop] = field(default_factory=list)
    effort: Effort = NO_EFFORT
    photos: int = 0
    length_m: float = 0.0
    items: int = 0


class SortieBuilder:
    """Builds the sorties of one patrol from runs, in the order given."""

    def __init__(self, patrol: Patrol, ground: Ground, terrain: Terrain | None = None) -> None:
        self.patrol = patrol
        self.ground = ground
        self.terrain = terrain
        self.allowed = 1.0 - patrol.limits.battery_reserve
        self.clearance_m = min([_CLEARANCE_M, *(area.height_agl_m for area in patrol.areas)])

    def build(
        self, runs: list[Run], launch: Points, *, first_number: int = 1, crew: str = "", takeoff_s: float | None = None
    ) -> list[Sortie]:
        """Return the sorties that fly ``runs`` in order from and to ``launch`` (plane metres).

        Args:
            runs: What is flown.
            launch: Take-off and landing point.
            first_number: Number of the first sortie.
            crew: Who flies it.
            takeoff_s: When the first one takes off, seconds after the plan begins; the others follow as they can.

        Raises:
            PlanRefused: A run cannot be reached over free ground, or lies beyond what one battery reaches.
        """
        sorties: list[Sortie] = []
        flight: Flight | None = None
        waiting = list(reversed(runs))
        while waiting:
            run = waiting.pop()
            fresh = flight is None
            flight = self._begun(launch, run) if flight is None else flight
            longer = self._with(flight, run)
            if longer.items > self.patrol.aircraft.max_items and not fresh:
                waiting.append(run)
                sorties.append(self._landed(flight, first_number + len(sorties), crew))
                flight = None
                continue
            if self._home_used(longer) <= self.allowed:
                flight = longer
                continue
            head, tail = self._divided(flight, run)
            if head is not None and tail is not None:
                flight = self._with(flight, head)
                waiting.append(tail)
            elif fresh:
                raise PlanRefused(self.too_far(run))
            else:
                waiting.append(run)
            sorties.append(self._landed(flight, first_number + len(sorties), crew))
            flight = None
        if flight is not None:
            sorties.append(self._landed(flight, first_number + len(sorties), crew))
        return [replace(sorties[0], takeoff_s=takeoff_s), *sorties[1:]] if sorties else []

    def transfer(self, start: Run | Points, run: Run) -> Effort:
        """Return what the way from the end of one run (or a launch point) to the beginning of another costs."""
        at, height = (start.path[-1], float(start.heights_m[-1])) if isinstance(start, Run) else (start, 0.0)
        way, high = self._way(at, height, run.path[0], float(run.heights_m[0]), run.area)
        cruise = self.patrol.aircraft.cruise_m_s
        effort = self._leg(0.0, 0.0, high - height, cruise)
        for leg in np.diff(way, axis=0):
            effort += self._leg(float(leg[0]), float(leg[1]), 0.0, cruise)
        return effort + self._leg(0.0, 0.0, float(run.heights_m[0]) - high, cruise)

    def run_effort(self, run: Run) -> Effort:
        """Return what flying the run itself costs."""
        effort = NO_EFFORT
        for leg, up in zip(np.diff(run.path, axis=0), np.diff(run.heights_m), strict=True):
            effort += self._leg(float(leg[0]), float(leg[1]), float(up), run.speed_m_s)
        if run.hover_s:
            effort += hover_effort(self.patrol.aircraft, run.hover_s, self.patrol.wind, self.patrol.temperature_c)
        return effort

    def home_effort(self, run: Run, launch: Points) -> Effort:
        """Return what coming home from the end of a run and landing costs."""
        return self.home_effort_from(run.path[-1], float(run.heights_m[-1]), launch, run.area)

    def home_effort_from(self, at: Points, height_m: float, launch: Points, area: str) -> Effort:
        """Return what coming home from a place at a height above take-off and landing costs."""
        way, high = self._way_home(at, height_m, launch, area)
        effort = self._leg(0.0, 0.0, high - height_m, self.patrol.aircraft.cruise_m_s)
        for leg in np.diff(way, axis=0):
            effort += self._leg(float(leg[0]), float(leg[1]), 0.0, self.patrol.aircraft.cruise_m_s)
        return effort + self._landing(high)

    def too_far(self, run: Run) -> str:
        """Return why a run cannot be flown on one battery, for a person."""
        return _(
            "{area}: one battery of the {aircraft} does not reach it and come home with {reserve:.0%} left; launch "
            "nearer to it or bring an aircraft that flies longer"
        ).format(area=run.area, aircraft=self.patrol.aircraft.model, reserve=self.patrol.limits.battery_reserve)

    def _begun(self, launch: Points, run: Run) -> Flight:
        flight = Flight(home=launch)
        _path, height = self._way(launch, 0.0, run.path[0], float(run.heights_m[0]), run.area)
        self.ground.check_launch(launch, height)
        flight.stops.append(
            _Stop(
                leg=Leg.TAKEOFF,
                at=launch,
                height_m=height,
                speed_m_s=self.patrol.aircraft.climb_m_s,
                gimbal_pitch_deg=run.gimbal_pitch_deg,
            )
        )
        flight.effort = self._leg(0.0, 0.0, height, self.patrol.aircraft.cruise_m_s)
        return flight

    def _leg(self, east_m: float, north_m: float, up_m: float, speed_m_s: float) -> Effort:
        return fly_effort(
            self.patrol.aircraft, (east_m, north_m, up_m), speed_m_s, self.patrol.wind, self.patrol.temperature_c
        )

    def _with(self, flight: Flight, run: Run) -> Flight:
        """Return the flight with the way to ``run`` and the run itself added."""
        longer = Flight(
            home=flight.home,
            stops=list(flight.stops),
            effort=flight.effort,
            photos=flight.photos,
            length_m=flight.length_m,
            items=flight.items,
        )
        begin = float(run.heights_m[0])
        last = longer.stops[-1]
        way, high = self._way(last.at, last.height_m, run.path[0], begin, run.area)
        if high > last.height_m + _LEVEL_M:
            self._transit(longer, way[0], high, run)
        level = abs(high - begin) <= _LEVEL_M
        for point in way[1:-1] if run.look and level else way[1:]:
            if np.hypot(*(point - longer.stops[-1].at)) > _SAME_M:
                self._transit(longer, point, high, run)
        if not run.look and (
            abs(longer.stops[-1].height_m - begin) > _LEVEL_M
            or np.hypot(*(longer.stops[-1].at - run.path[0])) > _SAME_M
        ):
            self._transit(longer, run.path[0], begin, run)
        if not run.look and longer.stops[-1].leg is Leg.TRANSIT:
            # The first photograph is taken where the line begins: the aircraft must look along it before it is there.
            longer.stops[-1] = replace(longer.stops[-1], yaw_deg=first_yaw_deg(run))
        for index in range(1, len(run.path)):
            self._go(
                longer,
                _Stop(
                    leg=Leg.LINE,
                    at=run.path[index],
                    height_m=float(run.heights_m[index]),
                    speed_m_s=run.speed_m_s,
                    gimbal_pitch_deg=run.gimbal_pitch_deg,
                    yaw_deg=run.yaws_deg[index] if run.yaws_deg else None,
                    photo_spacing_m=run.photo_spacing_m,
                    area=run.area,
                ),
            )
        if run.look:
            self._stand(longer, run)
        new = len(longer.stops) - len(flight.stops)
        longer.items += new + len(run.yaws_deg) + _SETTINGS_OF_A_RUN + (0 if flight.items else _ITEMS_OF_A_FLIGHT)
        longer.photos += 1 if run.look else math.floor(length_m(run.path) / run.photo_spacing_m + 1e-6) + 1
        return longer

    def _stand(self, flight: Flight, run: Run) -> None:
        """Add the place of a look: reached without photographs, stood at, then photographed from."""
        self._go(
            flight,
            _Stop(
                leg=Leg.LOOK,
                at=run.path[0],
                height_m=float(run.heights_m[0]),
                speed_m_s=run.speed_m_s,
                gimbal_pitch_deg=run.gimbal_pitch_deg,
                yaw_deg=run.yaws_deg[0] if run.yaws_deg else None,
                area=run.area,
                hover_s=run.hover_s,
            ),
        )
        flight.effort += hover_effort(self.patrol.aircraft, run.hover_s, self.patrol.wind, self.patrol.temperature_c)

    def _transit(self, flight: Flight, at: Points, height_m: float, run: Run) -> None:
        self._go(
            flight,
            _Stop(
                leg=Leg.TRANSIT,
                at=at,
                height_m=height_m,
                speed_m_s=self.patrol.aircraft.cruise_m_s,
                gimbal_pitch_deg=run.gimbal_pitch_deg,
            ),
        )

    def _way(
        self, start: Points, start_height_m: float, end: Points, end_height_m: float, area: str
    ) -> tuple[Points, float]:
        """Return a way over free ground and the height to fly it at; a :class:`PlanRefused` names the area."""
        level = max(start_height_m, end_height_m)
        lowest = min(start_height_m, end_height_m) if start_height_m > 0 else end_height_m
        way = self.ground.router(lowest, level).way(start, end)
        if way is not None and self.terrain is not None:
            level = max(level, highest_ground_m(self.terrain, way) + self.clearance_m)
            way = self.ground.router(lowest, level).way(start, end)
        if way is None:
            raise PlanRefused(
                _(
                    "{area}: no way leads there that stays in the permitted airspace and out of the no-fly zones "
                    "with {margin:g} m to spare"
                ).format(area=area, margin=self.patrol.limits.no_fly_margin_m)
            )
        return way, level

    def _way_home(self, at: Points, height_m: float, launch: Points, area: str) -> tuple[Points, float]:
        return self._way(at, height_m, launch, height_m, area)

    def _go(self, flight: Flight, stop: _Stop) -> None:
        last = flight.stops[-1]
        east, north = stop.at - last.at
        flight.effort += self._leg(float(east), float(north), stop.height_m - last.height_m, stop.speed_m_s)
        flight.length_m += math.hypot(east, north)
        flight.stops.append(stop)

    def _home_used(self, flight: Flight) -> float:
        """Return the share of the battery used when the flight now goes home and lands."""
        last = flight.stops[-1]
        home = self.home_effort_from(last.at, last.height_m, flight.home, last.area)
        return flight.effort.battery + home.battery

    def _landing(self, height_m: float) -> Effort:
        return self._leg(0.0, 0.0, -height_m, self.patrol.aircraft.cruise_m_s) + hover_effort(
            self.patrol.aircraft, LAND_AND_CHECK_S, self.patrol.wind, self.patrol.temperature_c
        )

    def _divided(self, flight: Flight, run: Run) -> tuple[Run | None, Run | None]:
        """Return the longest head of ``run`` that still lets the flight come home, and the tail; None, None if none."""
        if run.look:
            return None, None
        steps = math.floor(length_m(run.path) / run.photo_spacing_m)
        low, high = 0, steps
        while low < high:
            middle = (low + high + 1) // 2
            head, _tail = cut_at(run, middle * run.photo_spacing_m)
            if self._home_used(self._with(flight, head)) <= self.allowed:
                low = middle
            else:
                high = middle - 1
        if low * run.photo_spacing_m < max(_LEAST_PROGRESS_M, 0.1 * length_m(run.path)):
            return None, None
        if length_m(run.path) - low * run.photo_spacing_m < _LEAST_PROGRESS_M:
            low -= 1
        if low < 1:
            return None, None
        return cut_at(run, low * run.photo_spacing_m)

    def _landed(self, flight: Flight, number: int, crew: str) -> Sortie:
        last = flight.stops[-1]
        way, high = self._way_home(last.at, last.height_m, flight.home, last.area)
        points = ([way[0]] if high > last.height_m + _LEVEL_M else []) + list(way[1:])
        for point in points:
            self._go(
                flight,
                _Stop(
                    leg=Leg.RETURN,
                    at=point,
                    height_m=high,
                    speed_m_s=self.patrol.aircraft.cruise_m_s,
                    gimbal_pitch_deg=last.gimbal_pitch_deg,
                ),
            )
        flight.effort += self._landing(high)
        flight.stops.append(
            _Stop(
                leg=Leg.LAND,
                at=flight.home,
                height_m=0.0,
                speed_m_s=self.patrol.aircraft.descent_m_s,
                gimbal_pitch_deg=last.gimbal_pitch_deg,
            )
        )
        return Sortie(
            number=number,
            waypoints=self._waypoints(flight.stops),
            length_m=flight.length_m,
            duration_s=flight.effort.time_s,
            photos=flight.photos,
            battery_used=flight.effort.battery,
            crew=crew,
        )

    def _waypoints(self, stops: list[_Stop]) -> tuple[Waypoint, ...]:
        lonlat = from_plane(self.ground.plane, np.stack([stop.at for stop in stops]))
        return tuple(
            Waypoint(
                leg=stop.leg,
                position=GeoPoint(lon_deg=float(lon), lat_deg=float(lat)),
                height=TakeoffHeight(metres=stop.height_m),
                speed_m_s=stop.speed_m_s,
                gimbal_pitch_deg=stop.gimbal_pitch_deg,
                yaw_deg=stop.yaw_deg,
                photo_spacing_m=stop.photo_spacing_m,
                area=stop.area,
                hover_s=stop.hover_s,
            )
            for stop, (lon, lat) in zip(stops, lonlat, strict=True)
        )
