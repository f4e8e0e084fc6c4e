"""FlightPlan: what ``flight.plan`` gives: sorties of waypoints, and what was found on the way.

Positions are WGS-84; heights of waypoints are above the take-off point, because that is what an aircraft flies by.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from core.heights import TakeoffHeight
from core.points import GeoPoint


class Leg(StrEnum):
    """What the aircraft does on its way to a waypoint."""

    TAKEOFF = "takeoff"
    TRANSIT = "transit"  # no photographs
    LINE = "line"  # photographs at the waypoint's spacing from the previous waypoint to this one
    LOOK = "look"  # no photographs on the way; standing still at the waypoint, then one photograph
    RETURN = "return"  # on the way home, no photographs
    LAND = "land"


@dataclass(frozen=True, slots=True, kw_only=True)
class Waypoint:
    """A point of a sortie.

    Attributes:
        leg: What happens on the way to it.
        position: Where it is.
        height: Above the take-off point.
        speed_m_s: Ground speed on the way to it, metres per second.
        gimbal_pitch_deg: Camera pitch on the way to it.
        yaw_deg: Heading to hold on the way to it (degrees from north), or None to face along the way.
        photo_spacing_m: Distance between photographs on the way to it, metres; None for none.
        area: Name of the key area that a LINE or LOOK belongs to; empty elsewhere.
        hover_s: Time stood still on arrival, seconds.
    """

    leg: Leg
    position: GeoPoint
    height: TakeoffHeight
    speed_m_s: float
    gimbal_pitch_deg: float
    yaw_deg: float | None = None
    photo_spacing_m: float | None = None
    area: str = ""
    hover_s: float = 0.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.speed_m_s) and self.speed_m_s > 0):
            raise ValueError("a waypoint's speed is positive")
        if self.photo_spacing_m is not None and not self.photo_spacing_m > 0:
            raise ValueError("the photo spacing is positive")
        if (self.leg is Leg.LINE) != (self.photo_spacing_m is not None):
            raise ValueError("photographs are taken on lines, and only there")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sortie:
    """One battery's flight, from take-off to landing.

    Attributes:
        number: From 1.
        waypoints: First TAKEOFF, last LAND, both at home.
        length_m: Way flown over ground, metres.
        duration_s: Time from take-off to landing, seconds.
        photos: Photographs planned.
        battery_used: Share of the battery used, in [0, 1].
        crew: Who flies it, when the patrol names crews.
        takeoff_s: When it takes off, seconds after the plan begins; None: as soon as its crew is free.
    """

    number: int
    waypoints: tuple[Waypoint, ...]
    length_m: float
    duration_s: float
    photos: int
    battery_used: float
    crew: str = ""
    takeoff_s: float | None = None

    def __post_init__(self) -> None:
        if len(self.waypoints) < 2:
            raise ValueError("a sortie takes off and lands")
        if self.waypoints[0].leg is not Leg.TAKEOFF or self.waypoints[-1].leg is not Leg.LAND:
            raise ValueError("a sortie begins with a take-off and ends with a landing")


class Severity(StrEnum):
    """How grave a finding is."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of the plan's checklist.

    Attributes:
        code: Stable slug ("height-limit").
        severity: PASS, WARN or FAIL; a plan with a FAIL may be looked at and exported for checking, never flown.
        text: What was found, with the value.
        basis: The rule or article it rests on; empty for engineering findings.
    """

    code: str
    severity: Severity
    text: str
    basis: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlightPlan:
    """Sorties that fly a patrol, and the checklist.

    Attributes:
        patrol: The patrol's name.
        home: Take-off and landing point.
        sorties: In order of flight.
        findings: The checklist, in order.
        covered_share: Share of the areas' ground that the planned footprints see at least once, in [0, 1].
    """

    patrol: str
    home: GeoPoint
    sorties: tuple[Sortie, ...]
    findings: tuple[Finding, ...]
    covered_share: float

    def __post_init__(self) -> None:
        if not self.sorties:
            raise ValueError("a flight plan has at least one sortie")
        if not 0 <= self.covered_share <= 1 + 1e-9:
            raise ValueError("the covered share is in [0, 1]")
