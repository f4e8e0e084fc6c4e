"""Scene: everything that one map shows, as a value.

A scene is put together by the pipeline, which has the records of one run; ``maps.sheet`` makes of it what the page
shows, and ``maps.geo_files`` writes it for QGIS. A scene is a view: it holds no fact that the records do not hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from shapely import Polygon

from core.clock import in_utc
from core.points import GeoPoint
from detection.coverage_map import SeenPart
from evidence.incident import Incident
from flight.patrol import NoFlyZone, Patrol
from geofence.sighting import Sighting
from geofence.site import Register
from maps.change_file import Change


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """The ground that one frame saw.

    Attributes:
        name: The original's name, with the frame number for a video.
        shape: Polygon, lon/lat.
        camera: Where the camera was.
        detections: How many things were detected in it.
        thermal: Whether a thermal camera took it: searched for hot spots, not for what daylight shows.
    """

    name: str
    shape: Polygon
    camera: GeoPoint
    detections: int
    thermal: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Mosaic:
    """Frames laid on the ground as one picture.

    Attributes:
        image: The encoded picture, with transparency where no frame saw the ground.
        media_type: "image/webp".
        west_deg, south_deg, east_deg, north_deg: Its bounds.
        metres_per_pixel: Its resolution.
    """

    image: bytes = field(repr=False)
    media_type: str
    west_deg: float
    south_deg: float
    east_deg: float
    north_deg: float
    metres_per_pixel: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """What one patrol left on the map: where it flew and what it looked at.

    Attributes:
        name: The patrol's name.
        started_at, ended_at: When its first and its last frame were taken, aware UTC.
        ways: Ways flown, each a sequence of points in order of time.
        footprints: What each frame shows, whether or not it is clear enough to find anything on it.
        coverage: Ground seen alike, and ground that was to be looked at and was not: what "looked at" means.
        mosaic: Its frames laid on the ground, or None.
        changes: What a comparison with an earlier patrol found.
    """

    name: str
    started_at: datetime
    ended_at: datetime
    ways: tuple[tuple[GeoPoint, ...], ...] = ()
    footprints: tuple[Footprint, ...] = ()
    coverage: tuple[SeenPart, ...] = ()
    mosaic: Mosaic | None = None
    changes: tuple[Change, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "started_at", in_utc(self.started_at))
        object.__setattr__(self, "ended_at", in_utc(self.ended_at))
        if self.ended_at < self.started_at:
            raise ValueError(f"{self.name}: a patrol does not end before it starts")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Everything that one map shows.

    Attributes:
        title: The map's title.
        drawn_at: When the records were taken, aware UTC.
        register: Sites and zones.
        incidents: Incidents to draw.
        thumbnails: JPEG by incident id, shown in the incident's popup.
        others: Sightings that are no incident.
        traces: What each patrol left.
        no_fly_zones: Forbidden ground.
        plans: The patrols as they were planned, whose key areas are drawn.
        histories: What earlier patrols said of each incident's hazard, in words, by incident id.
        explanations: A small map (SVG) that explains each incident's attribution, by incident id.
    """

    title: str
    drawn_at: datetime
    register: Register
    incidents: tuple[Incident, ...] = ()
    thumbnails: Mapping[str, bytes] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    others: tuple[Sighting, ...] = ()
    traces: tuple[Trace, ...] = ()
    no_fly_zones: tuple[NoFlyZone, ...] = ()
    plans: tuple[Patrol, ...] = ()
    histories: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    explanations: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "drawn_at", in_utc(self.drawn_at))
