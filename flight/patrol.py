"""Patrol: a plan of work in a file, as a value.

What matters (areas), when (periods), with what (aircraft, camera), how finely (pattern, overlap), and within which
limits. The file's shape (YAML) is ``flight.patrol_file``; making flights of it is ``flight.plan``.

Polygons here are Shapely geometries in WGS-84 longitude and latitude.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from shapely import MultiPolygon, Polygon

from core.clock import in_utc
from core.points import GeoPoint
from flight.camera import Camera


class Pattern(StrEnum):
    """How an area is flown."""

    SURVEY = "survey"
    CORRIDOR = "corridor"
    PERIMETER = "perimeter"
    ORBIT = "orbit"
    FACADE = "facade"
    POINTS = "points"


@dataclass(frozen=True, slots=True, kw_only=True)
class Aircraft:
    """An aircraft as far as planning needs it; figures from the catalogue, with their source.

    Attributes:
        model: Name in the catalogue ("DJI M30T").
        cruise_m_s, climb_m_s, descent_m_s: Speeds, metres per second.
        endurance_s: Hover endurance on one battery without wind, seconds.
        max_wind_m_s: Wind above which it does not fly, metres per second.
        turn_radius_m: Radius at which it turns at cruise speed; 0 for a multirotor that stops and turns.
        autopilot: "ardupilot", "px4" or "dji".
        source: Where the figures are from.
    """

    model: str
    cruise_m_s: float
    climb_m_s: float
    descent_m_s: float
    endurance_s: float
    max_wind_m_s: float
    turn_radius_m: float = 0.0
    autopilot: str
    source: str

    def __post_init__(self) -> None:
        for name in ("cruise_m_s", "climb_m_s", "descent_m_s", "endurance_s", "max_wind_m_s"):
            figure = getattr(self, name)
            if not (math.isfinite(figure) and figure > 0):
                raise ValueError(f"{self.model}: {name} is a positive number")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyArea:
    """A key area (重点区域) to be looked at.

    Attributes:
        name: Its name.
        shape: Polygon or multipolygon, lon/lat.
        pattern: How it is flown.
        height_agl_m: Flying height above ground, metres.
        front_overlap, side_overlap: Shares in [0, 0.95].
        gimbal_pitch_deg: Camera pitch; −90 is nadir.
        speed_m_s: Ground speed on the lines, metres per second.
        priority: 1 is flown first.
    """

    name: str
    shape: Polygon | MultiPolygon
    pattern: Pattern = Pattern.SURVEY
    height_agl_m: float
    front_overlap: float = 0.7
    side_overlap: float = 0.6
    gimbal_pitch_deg: float = -90.0
    speed_m_s: float
    priority: int = 1

    def __post_init__(self) -> None:
        if not (0 <= self.front_overlap <= 0.95 and 0 <= self.side_overlap <= 0.95):
            raise ValueError(f"{self.name}: overlaps are shares in [0, 0.95]")
        if not (math.isfinite(self.height_agl_m) and self.height_agl_m > 0):
            raise ValueError(f"{self.name}: the flying height is positive")
        if not (math.isfinite(self.speed_m_s) and self.speed_m_s > 0):
            raise ValueError(f"{self.name}: the speed is positive")
        if not -90 <= self.gimbal_pitch_deg <= 30:
            raise ValueError(f"{self.name}: gimbal pitch is in [-90, 30] degrees")


@dataclass(frozen=True, slots=True, kw_only=True)
class NoFlyZone:
    """Ground over which the aircraft must not be, between two heights.

    Attributes:
        name: Its name.
        shape: Polygon or multipolygon, lon/lat.
        floor_m, ceiling_m: The forbidden band above take-off, metres; by default every height.
        reason: Why it is forbidden, for the checklist.
    """

    name: str
    shape: Polygon | MultiPolygon
    floor_m: float = 0.0
    ceiling_m: float = math.inf
    reason: str = ""

    def __post_init__(self) -> None:
        if not self.floor_m < self.ceiling_m:
            raise ValueError(f"{self.name}: the band's floor lies below its ceiling")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What every sortie keeps.

    Attributes:
        max_height_agl_m: Highest true height (真高), metres; 120 for cn without approval.
        battery_reserve: Share of the battery kept on landing, in (0, 0.9].
        no_fly_margin_m: Distance kept from no-fly zones and from the edge of the permitted airspace, metres.
        max_distance_m: Farthest from home, metres.
    """

    max_height_agl_m: float = 120.0
    battery_reserve: float = 0.25
    no_fly_margin_m: float = 15.0
    max_distance_m: float = 5_000.0

    def __post_init__(self) -> None:
        if not 0 < self.battery_reserve <= 0.9:
            raise ValueError("the battery reserve is a share in (0, 0.9]")
        if not (self.max_height_agl_m > 0 and self.no_fly_margin_m >= 0 and self.max_distance_m > 0):
            raise ValueError("limits are positive")


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """The flight approval (飞行活动批准) that the bureau holds.

    Attributes:
        number: As issued.
        starts_at, ends_at: The approved window, aware UTC.
        max_height_agl_m: The approved true height, metres.
    """

    number: str
    starts_at: datetime
    ends_at: datetime
    max_height_agl_m: float

    def __post_init__(self) -> None:
        if not self.number:
            raise ValueError("an approval has a number")
        object.__setattr__(self, "starts_at", in_utc(self.starts_at))
        object.__setattr__(self, "ends_at", in_utc(self.ends_at))
        if not self.starts_at < self.ends_at:
            raise ValueError("an approval's window ends after it starts")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wind:
    """Steady wind for planning: speed in metres per second and the direction it blows from, degrees from north."""

    speed_m_s: float = 0.0
    from_deg: float = 0.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.speed_m_s) and self.speed_m_s >= 0 and math.isfinite(self.from_deg)):
            raise ValueError("wind speed is not negative and its direction is finite")


@dataclass(frozen=True, slots=True, kw_only=True)
class Patrol:
    """A plan of work: which areas, in which periods, with which aircraft and camera, within which limits.

    Attributes:
        name: Its name.
        areas: Key areas, at least one.
        aircraft, camera: From the catalogue.
        home: Take-off and landing point.
        no_fly_zones: Forbidden ground.
        permitted: The airspace that may not be left (lon/lat), or None for no outer bound.
        limits: What every sortie keeps.
        periods: Codes of the key periods (重点时段) it is for; empty for any time.
        approval: The flight approval, or None while it is not issued (then the plan may be made but not flown).
        wind: Wind to plan with.
    """

    name: str
    areas: tuple[KeyArea, ...]
    aircraft: Aircraft
    camera: Camera
    home: GeoPoint
    no_fly_zones: tuple[NoFlyZone, ...] = ()
    permitted: Polygon | MultiPolygon | None = None
    limits: Limits = Limits()
    periods: tuple[str, ...] = ()
    approval: Approval | None = None
    wind: Wind = Wind()

    def __post_init__(self) -> None:
        if not self.areas:
            raise ValueError("a patrol has at least one key area")
        names = [area.name for area in self.areas]
        if len(set(names)) != len(names):
            raise ValueError("two key areas have one name")
