"""A sortie over time: when each waypoint is reached and what the battery holds there."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from core.points import LocalPlane, to_plane
from flight.flight_plan import Leg, Sortie
from flight.patrol import Patrol, flown_by
from flight.planning.endurance import NO_EFFORT, fly_effort, hover_effort
from flight.planning.sorties import LAND_AND_CHECK_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A waypoint in time: seconds since take-off began, and the share of the battery left on reaching it."""

    index: int
    time_s: float
    battery_left: float


def profile(sortie: Sortie, patrol: Patrol) -> tuple[Moment, ...]:
    """Return a moment for each waypoint of ``sortie``, flown by its crew's aircraft in the patrol's wind and warmth."""
    plane = LocalPlane(origin=sortie.waypoints[0].position)
    points = to_plane(plane, [[point.position.lon_deg, point.position.lat_deg] for point in sortie.waypoints])
    patrol = flown_by(patrol, sortie.crew)
    craft, wind, warmth = patrol.aircraft, patrol.wind, patrol.temperature_c
    spent = NO_EFFORT + fly_effort(craft, (0.0, 0.0, sortie.waypoints[0].height.metres), craft.cruise_m_s, wind, warmth)
    moments = [Moment(index=0, time_s=spent.time_s, battery_left=1 - spent.battery)]
    for (index, (before, after)), (a, b) in zip(
        enumerate(pairwise(sortie.waypoints), 1), pairwise(points), strict=True
    ):
        east, north = b - a
        leg = (float(east), float(north), after.height.metres - before.height.metres)
        speed = craft.cruise_m_s if after.leg is Leg.LAND else after.speed_m_s
        spent += fly_effort(craft, leg, speed, wind, warmth)
        if after.leg is Leg.LAND:
            spent += hover_effort(craft, LAND_AND_CHECK_S, wind, warmth)
        moments.append(Moment(index=index, time_s=spent.time_s, battery_left=1 - spent.battery))
        if after.hover_s:
            spent += hover_effort(craft, after.hover_s, wind, warmth)
    return tuple(moments)
