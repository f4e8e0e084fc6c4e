"""Patrol: a plan of work in a file, as a value.

What matters (areas), when (periods), with what (aircraft, camera), how finely (pattern, overlap), and within which
limits. The file's shape (YAML) is ``flight.planning.patrol_file``; making flights of it is ``flight.plan``.

Polygons here are Shapely geometries in WGS-84 longitude and latitude.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TypeAlias

from shapely import LineString, MultiLineString, MultiPoint, MultiPolygon, Point, Polygon

from core.clock import in_utc
from core.points import GeoPoint
from flight.camera import Camera
from flight.track import NOTHING_DECLARED, PoseDeclaration

AreaShape: TypeAlias = Polygon | MultiPolygon | LineString | MultiLineString | Point | MultiPoint


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
        mass_kg: Take-off mass; decides the legal class (微型, 轻型, 小型, 中型).
        min_temperature_c, max_temperature_c: Air temperatures it may fly in.
        max_items: Mission items the autopilot holds, home included.
        wpml_drone: DJI's (droneEnumValue, droneSubEnumValue) for WPML files, or None when it reads none.
        kind: "multirotor", "fixed-wing" or "vtol" (fixed-wing flight between a vertical take-off and landing).
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
    mass_kg: float = 1.0
    min_temperature_c: float = 0.0
    max_temperature_c: float = 40.0
    max_items: int = 650
    wpml_drone: tuple[int, int] | None = None
    kind: str = "multirotor"

    def __post_init__(self) -> None:
        for name in ("cruise_m_s", "climb_m_s", "descent_m_s", "endurance_s", "max_wind_m_s"):
            figure = getattr(self, name)
            if not (math.isfinite(figure) and figure > 0):
                raise ValueError(f"{self.model}: {name} is a positive number")


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeWindow:
    """When something may happen: from ``starts_at`` to ``ends_at``, aware UTC."""

    starts_at: datetime
    ends_at: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "starts_at", in_utc(self.starts_at))
        object.__setattr__(self, "ends_at", in_utc(self.ends_at))
        if not self.starts_at < self.ends_at:
            raise ValueError("a time window ends after it starts")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyArea:
    """A key area (重点区域) to be looked at.

    Attributes:
        name: Its name.
        shape: Lon/lat. Polygons for survey, perimeter, orbit and facade; lines for corridor; points for points (and,
            as the centre of the thing, for orbit).
        pattern: How it is flown.
        height_agl_m: Flying height above ground, metres.
        front_overlap, side_overlap: Shares in [0, 0.95].
        gimbal_pitch_deg: Camera pitch; −90 is nadir.
        speed_m_s: Ground speed on the lines, metres per second.
        priority: 1 is flown first.
        crosshatch: Whether a survey is flown a second time across its lines.
        angle_deg: Direction of a survey's lines, clockwise from north; None lets the planner choose the cheapest.
        width_m: Corridor: full width of the ground to be seen, centred on the line; 0 for one pass along the line.
        standoff_m: Perimeter, orbit, facade, points: horizontal distance kept from the thing looked at.
        top_m: Facade and orbit: height of the thing above ground, so that all of its side is seen.
        laps: Orbit: circles flown, at heights spread up to ``height_agl_m``.
        hover_s: Points: time stood still at each point.
        window: When it may be flown, or None for any time.
        every_days: How often it must be flown in its periods; None for a single flight.
        risk_grade: Hazard grade of the enterprise (重大危险源 一级…四级 as 1…4), or None.
        credit_grade: Its credit grade ("A"…"D"), or empty.
        airspace: Kinds of controlled ground below it ("hazmat", "port"); the jurisdiction's rules name them.
    """

    name: str
    shape: AreaShape
    pattern: Pattern = Pattern.SURVEY
    height_agl_m: float
    front_overlap: float = 0.7
    side_overlap: float = 0.6
    gimbal_pitch_deg: float = -90.0
    speed_m_s: float
    priority: int = 1
    crosshatch: bool = False
    angle_deg: float | None = None
    width_m: float = 0.0
    standoff_m: float = 0.0
    top_m: float = 0.0
    laps: int = 1
    hover_s: float = 2.0
    window: TimeWindow | None = None
    every_days: float | None = None
    risk_grade: int | None = None
    credit_grade: str = ""
    airspace: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not (0 <= self.front_overlap <= 0.95 and 0 <= self.side_overlap <= 0.95):
            raise ValueError(f"{self.name}: overlaps are shares in [0, 0.95]")
        if not (math.isfinite(self.height_agl_m) and self.height_agl_m > 0):
            raise ValueError(f"{self.name}: the flying height is positive")
        if not (math.isfinite(self.speed_m_s) and self.speed_m_s > 0):
            raise ValueError(f"{self.name}: the speed is positive")
        if not -90 <= self.gimbal_pitch_deg <= 30:
            raise ValueError(f"{self.name}: gimbal pitch is in [-90, 30] degrees")
        for name in ("width_m", "standoff_m", "top_m", "hover_s"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) >= 0):
                raise ValueError(f"{self.name}: {name} is not negative")
        if self.laps < 1 or self.priority < 1:
            raise ValueError(f"{self.name}: laps and priority count from 1")
        if self.every_days is not None and not self.every_days > 0:
            raise ValueError(f"{self.name}: every_days is positive")


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
        obstacle_distance_m: Distance kept from obstacles, metres.
        terrain_tolerance_m: How far the height above ground may stray from what was asked, metres.
        night_flight: Whether the crew and lights allow flight between sunset and sunrise.
    """

    max_height_agl_m: float = 120.0
    battery_reserve: float = 0.25
    no_fly_margin_m: float = 15.0
    max_distance_m: float = 5_000.0
    obstacle_distance_m: float = 10.0
    terrain_tolerance_m: float = 10.0
    night_flight: bool = False

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
class Obstacle:
    """Something that stands up: a stack, a mast, a crane, a power line.

    Attributes:
        name: Its name.
        shape: Where it stands, lon/lat.
        top_m: Its height above take-off, metres.
    """

    name: str
    shape: AreaShape
    top_m: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.top_m) and self.top_m > 0):
            raise ValueError(f"{self.name}: an obstacle's height is positive")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kit:
    """An aircraft with its camera, as a crew brings it.

    Attributes:
        aircraft, camera: From the catalogue.
        photo_interval_s: Shortest time between two photographs that the camera allows, seconds.
        camera_key: The camera's key in the catalogue; empty when it was made by hand.
        wpml_payload: DJI's payloadEnumValue of the camera for WPML files, or None.
        wpml_lens: DJI's payloadLensIndex of the lens that photographs: "wide", "ir", "visable" (their spelling).
    """

    aircraft: Aircraft
    camera: Camera
    photo_interval_s: float = 2.0
    camera_key: str = ""
    wpml_payload: int | None = None
    wpml_lens: str = "wide"


@dataclass(frozen=True, slots=True, kw_only=True)
class Crew:
    """A pilot with one aircraft at a launch point.

    Attributes:
        name: The crew's name.
        launch: Where it takes off and lands.
        batteries: Charged batteries it brings; each flies one sortie.
        licence: The pilot's licence number, for the application sheet; may be empty.
        kit: The aircraft and camera it brings; None for the patrol's.
    """

    name: str
    launch: GeoPoint
    batteries: int = 4
    licence: str = ""
    kit: Kit | None = None

    def __post_init__(self) -> None:
        if self.batteries < 1:
            raise ValueError(f"{self.name}: a crew brings at least one battery")


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
        crews: Who flies; empty for one crew at home with as many batteries as the plan needs.
        rally_points: Safe places to land besides home.
        obstacles: What stands up in the area.
        terrain: DEM raster to follow, or None for ground that is level with home.
        temperature_c: Air temperature to plan with.
        photo_interval_s: Shortest time between two photographs that the camera allows, seconds.
        camera_key: The camera's key in the catalogue; empty when it was made by hand.
        jurisdiction: Whose flight rules apply ("cn").
        emergency: Whether this is an emergency flight (应急任务), for which shorter notice holds.
        operator: Who organises the flight, for the application sheet.
        wpml_payload: DJI's payloadEnumValue of the camera for WPML files, or None.
        wpml_lens: DJI's payloadLensIndex of the lens that photographs.
        declares: Camera angles to go by where the footage's telemetry does not tell them.
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
    crews: tuple[Crew, ...] = ()
    rally_points: tuple[GeoPoint, ...] = ()
    obstacles: tuple[Obstacle, ...] = ()
    terrain: Path | None = None
    temperature_c: float = 20.0
    photo_interval_s: float = 2.0
    camera_key: str = ""
    jurisdiction: str = "cn"
    emergency: bool = False
    operator: str = ""
    wpml_payload: int | None = None
    wpml_lens: str = "wide"
    declares: PoseDeclaration = NOTHING_DECLARED

    def __post_init__(self) -> None:
        if not self.areas:
            raise ValueError("a patrol has at least one key area")
        names = [area.name for area in self.areas]
        if len(set(names)) != len(names):
            raise ValueError("two key areas have one name")
        crews = [crew.name for crew in self.crews]
        if len(set(crews)) != len(crews):
            raise ValueError("two crews have one name")


def flown_by(patrol: Patrol, crew: str) -> Patrol:
    """Return the patrol as the crew of that name flies it: with its aircraft and camera in place of the patrol's."""
    kit = next((one.kit for one in patrol.crews if one.name == crew), None)
    if kit is None:
        return patrol
    return replace(
        patrol,
        aircraft=kit.aircraft,
        camera=kit.camera,
        photo_interval_s=kit.photo_interval_s,
        camera_key=kit.camera_key,
        wpml_payload=kit.wpml_payload,
        wpml_lens=kit.wpml_lens,
    )
