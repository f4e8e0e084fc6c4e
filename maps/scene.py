"""Scene: everything that one map shows, as a value.

A scene is put together by whoever has the records (the pipeline, the station); drawing it is ``maps.offline_map``, and
writing it for QGIS is ``maps.geo_files``. A scene is a view: it holds no fact that the records do not hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from shapely import MultiPolygon, Polygon

from core.clock import in_utc
from core.points import GeoPoint
from evidence.incident import Incident
from flight.patrol import NoFlyZone
from geofence.sighting import Sighting
from geofence.site import Register


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """The ground that one frame saw.

    Attributes:
        name: The original's name, with the frame number for a video.
        shape: Polygon, lon/lat.
        camera: Where the camera was.
        detections: How many things were detected in it.
    """

    name: str
    shape: Polygon
    camera: GeoPoint
    detections: int


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
class Scene:
    """Everything that one map shows.

    Attributes:
        title: The map's title.
        drawn_at: When the records were taken, aware UTC.
        register: Sites and zones.
        incidents: Incidents to draw.
        thumbnails: JPEG by incident id, shown in the incident's popup.
        others: Sightings that are no incident.
        footprints: Ground seen, frame by frame.
        no_fly_zones: Forbidden ground.
        flown: Ways flown, each a sequence of points in order of time.
        mosaic: Frames laid on the ground, or None.
        histories: What earlier patrols said of each incident's hazard, in words, by incident id.
        explanations: A small map (SVG) that explains each incident's attribution, by incident id.
    """

    title: str
    drawn_at: datetime
    register: Register
    incidents: tuple[Incident, ...] = ()
    thumbnails: Mapping[str, bytes] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    others: tuple[Sighting, ...] = ()
    footprints: tuple[Footprint, ...] = ()
    no_fly_zones: tuple[NoFlyZone, ...] = ()
    flown: tuple[tuple[GeoPoint, ...], ...] = ()
    mosaic: Mosaic | None = None
    histories: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    explanations: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "drawn_at", in_utc(self.drawn_at))


def bounds_of(scene: Scene) -> tuple[float, float, float, float]:
    """Return west, south, east, north in degrees of what the scene is about.

    Footprints that reach to the horizon and registers that span a city must not decide: incidents, other sightings and
    the mosaic do, then the sites, then the footprints.

    Raises:
        ValueError: The scene shows nothing at all.
    """
    boxes = [
        (point.lon_deg, point.lat_deg, point.lon_deg, point.lat_deg)
        for point in (
            *(incident.sighting.point for incident in scene.incidents),
            *(sighting.point for sighting in scene.others),
            *(point for way in scene.flown for point in way),
        )
    ]
    if scene.mosaic is not None:
        mosaic = scene.mosaic
        boxes.append((mosaic.west_deg, mosaic.south_deg, mosaic.east_deg, mosaic.north_deg))
    shapes: tuple[Polygon | MultiPolygon, ...] = tuple(site.shape for site in scene.register.sites)
    if not boxes:
        boxes = [shape.bounds for shape in shapes] or [footprint.shape.bounds for footprint in scene.footprints]
    if not boxes:
        raise ValueError("the scene shows nothing")
    west, south, east, north = zip(*boxes, strict=True)
    return min(west), min(south), max(east), max(north)
