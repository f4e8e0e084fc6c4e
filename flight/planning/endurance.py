"""How much of a battery a flight uses: speed, climb, wind and temperature.

The catalogue gives one measured figure, the hover endurance. Everything else is relative to hover: forward flight
follows the rotary-wing power curve of Zeng, Xu and Zhang (IEEE Trans. Wireless Commun. 18(4), 2019, eq. 12), which
dips at moderate airspeed and rises with its cube; climbing adds the work against gravity; cold takes capacity from a
lithium battery. The dip is not trusted below nine tenths of hover, because published flight times rarely show more.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from flight.patrol import Aircraft, Wind

# Zeng et al. 2019, table I: blade and induced power in hover (W), tip speed and induced velocity (m/s). Their drag term
# is that of a large, clean airframe; ours is fitted to published figures of a small one: DJI Mavic 3E hovers 38 min and
# flies 32 km at 15 m/s, so that 15 m/s costs 1.07 of hover (and 9 m/s by the curve 0.81, published 0.84).
_BLADE_W: Final = 79.86
_INDUCED_W: Final = 88.63
_TIP_M_S: Final = 120.0
_INDUCED_M_S: Final = 4.03
_DRAG_W: Final = 0.0217

LEAST_SHARE_OF_HOVER: Final = 0.9
CLIMB_SHARE_PER_M_S: Final = 0.08  # g / (0.7 · 170 W/kg): climb power at 70 % efficiency over a typical hover power
_FULL_CAPACITY_C: Final = 15.0
_LOSS_PER_C: Final = 0.01  # capacity lost per degree below 15 °C, a common figure for lithium polymer
_LEAST_CAPACITY: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """What a leg costs: ``time_s`` in seconds and ``battery``, a share of one battery."""

    time_s: float
    battery: float

    def __add__(self, other: Effort) -> Effort:
        return Effort(time_s=self.time_s + other.time_s, battery=self.battery + other.battery)


NO_EFFORT: Final = Effort(time_s=0.0, battery=0.0)


def power_share(airspeed_m_s: float) -> float:
    """Return the power of level flight at an airspeed as a share of hover power."""
    v2 = airspeed_m_s * airspeed_m_s
    ratio = v2 / _INDUCED_M_S**2
    blade = _BLADE_W * (1 + 3 * v2 / _TIP_M_S**2)
    induced = _INDUCED_W * math.sqrt(max(math.sqrt(1 + ratio * ratio / 4) - ratio / 2, 0.0))
    drag = _DRAG_W * v2 * airspeed_m_s
    return max((blade + induced + drag) / (_BLADE_W + _INDUCED_W), LEAST_SHARE_OF_HOVER)


def capacity_share(temperature_c: float) -> float:
    """Return the share of a battery's capacity that is there at an air temperature."""
    return min(1.0, max(_LEAST_CAPACITY, 1 - _LOSS_PER_C * (_FULL_CAPACITY_C - temperature_c)))


def airspeed_m_s(ground_speed_m_s: float, course_deg: float, wind: Wind) -> float:
    """Return the airspeed that holds a ground speed on a course (degrees from north) in a wind."""
    relative = math.radians(wind.from_deg - course_deg)
    return math.hypot(ground_speed_m_s + wind.speed_m_s * math.cos(relative), wind.speed_m_s * math.sin(relative))


def fly_effort(
    aircraft: Aircraft,
    leg_m: tuple[float, float, float],
    speed_m_s: float,
    wind: Wind,
    temperature_c: float = 20.0,
) -> Effort:
    """Return what a straight leg costs.

    Args:
        aircraft: What flies.
        leg_m: East, north and up, metres.
        speed_m_s: Ground speed asked for; lowered where the leg climbs or descends faster than the aircraft can.
        wind: Steady wind.
        temperature_c: Air temperature.
    """
    east_m, north_m, up_m = leg_m
    way = math.hypot(east_m, north_m)
    vertical_speed = aircraft.climb_m_s if up_m > 0 else aircraft.descent_m_s
    time_s = max(way / speed_m_s, abs(up_m) / vertical_speed)
    if time_s <= 0:
        return NO_EFFORT
    course = math.degrees(math.atan2(east_m, north_m))
    share = power_share(airspeed_m_s(way / time_s, course, wind)) + CLIMB_SHARE_PER_M_S * max(up_m / time_s, 0.0)
    return Effort(time_s=time_s, battery=time_s * share / (aircraft.endurance_s * capacity_share(temperature_c)))


def hover_effort(aircraft: Aircraft, time_s: float, wind: Wind, temperature_c: float = 20.0) -> Effort:
    """Return what standing still over the ground costs."""
    share = power_share(wind.speed_m_s)
    return Effort(time_s=time_s, battery=time_s * share / (aircraft.endurance_s * capacity_share(temperature_c)))
