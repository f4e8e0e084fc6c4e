"""How a file's frames are put on the ground: whose camera, which ground, from which take-off point.

What the run declares comes first, then what the file says; what neither knows is a refusal that names the camera and
how to declare it. Nothing is guessed: a take-off point is declared, or the telemetry says it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from pathlib import Path
from typing import Final

from app.instruments import Instruments
from core.errors import InputRefused
from core.points import GeoPoint
from core.refusal import Refusal
from core.text import _
from flight.camera import Camera
from flight.cameras.catalogue import catalogue_camera
from flight.cameras.declared import DeclaredCamera, camera_as_declared
from flight.planning.patrol_file import read_patrol
from flight.telemetry.photo import PhotoTelemetry
from flight.telemetry.read_track import Declared, read_track
from flight.telemetry.srt import SrtTelemetry
from flight.telemetry.video_camera import camera_of_video
from geofence.locating.ground import AtLaserSpot, Ground
from geofence.locating.ground_dem import DemGround

ON_THE_GROUND_M: Final = 1.5  # a height above take-off below this is still the take-off point


def camera_of_photo(
    told: PhotoTelemetry, declared: DeclaredCamera | None, *, name: str
) -> tuple[Camera, tuple[str, ...]] | Refusal:
    """Return a photo's camera and what is assumed of it, or a refusal that says how to declare it.

    Args:
        told: What its header says.
        declared: What the run declares, or None.
        name: The file's name, for the refusal.
    """
    if declared is not None:
        found = camera_as_declared(
            declared, told.model, told.width_px, told.height_px, told.focal_mm, told.digital_zoom
        )
        if isinstance(found, Camera):
            return found, (_("the camera is declared: {source}").format(source=found.source),)
    elif told.camera is not None:
        return told.camera, ()
    else:
        found = catalogue_camera(
            told.model or _("unnamed camera"),
            told.width_px,
            told.height_px,
            focal_mm=told.focal_mm,
            digital_zoom=told.digital_zoom,
        )
        if isinstance(found, Camera):
            return found, ()
    return Refusal(
        subject=name,
        code=found.code,
        reason=_("its camera {model} cannot be measured with: {why}").format(model=found.subject, why=found.reason),
        remedy=found.remedy,
    )


def camera_of_footage(
    told: SrtTelemetry, declared: DeclaredCamera | None, *, width_px: int, height_px: int, name: str
) -> tuple[Camera, tuple[str, ...]] | Refusal:
    """Return a video's camera and what is assumed of it, or a refusal that says how to declare it."""
    if declared is not None:
        zooms = {record.fields.camera.zoom for record in told.records if record.fields.camera.zoom is not None}
        if len(zooms) > 1:
            return Refusal(
                subject=name,
                code="zoom-changes",
                reason=_("its digital zoom changes while it runs, so no one camera took it"),
                remedy=_("Cut the video where the zoom changes."),
            )
        zoom = max([1.0, *zooms])
        found = camera_as_declared(declared, told.source, width_px, height_px, None, zoom)
        if isinstance(found, Camera):
            return found, (_("the camera is declared: {source}").format(source=found.source),)
        return Refusal(subject=name, code=found.code, reason=found.reason, remedy=found.remedy)
    camera, notes = camera_of_video(told, width_px=width_px, height_px=height_px)
    if camera is not None:
        return camera, notes
    return Refusal(
        subject=name,
        code="unknown-camera",
        reason=_("the camera of {source} cannot be measured with: {why}").format(
            source=told.source, why="; ".join(notes)
        ),
        remedy=_("Declare it with --camera: a key of the lens catalogue, 24mm as 35 mm equivalent, or a lens file."),
    )


def ground_of_photo(told: PhotoTelemetry, instruments: Instruments) -> Ground:
    """Return the ground for a photo: the run's, or the level of its laser's spot where the run declares none."""
    if told.laser is not None and not instruments.ground_declared:
        return AtLaserSpot(distance_m=told.laser.distance_m)
    return instruments.ground


def ground_of_footage(told: SrtTelemetry, ground: Ground) -> Ground:
    """Return the ground for a video: a raster learns the take-off point from telemetry that says it.

    The home point that the aircraft writes, or a first sample that is still on the ground; else the raster stays
    without, and heights above take-off are refused on it.
    """
    if not isinstance(ground, DemGround) or ground.takeoff is not None:
        return ground
    home = next((record.fields.home for record in told.records if record.fields.home is not None), None)
    if home is None and told.track is not None and told.track.poses:
        first = told.track.poses[0]
        if first.height_takeoff is not None and abs(first.height_takeoff.metres) <= ON_THE_GROUND_M:
            home = first.position
    return ground if home is None else replace(ground, takeoff=home)


def takeoff_of(said: str) -> GeoPoint:
    """Return the take-off point that ``--takeoff`` declares.

    Args:
        said: "latitude,longitude"; or a patrol file, whose home it is; or a flight log, whose first sample it is where
            that is still on the ground.

    Raises:
        InputRefused: It is none of these.
    """
    path = Path(said)
    if not path.is_file():
        return _position(said)
    if path.suffix.lower() in {".yaml", ".yml"}:
        return read_patrol(path).home
    # Its clock does not matter: only where the first sample is.
    track = read_track(path, Declared(camera_zone=UTC))
    if isinstance(track, Refusal):
        raise InputRefused(path, track.reason, track.remedy)
    first = track.poses[0]
    if first.position is None or first.height_takeoff is None or abs(first.height_takeoff.metres) > ON_THE_GROUND_M:
        raise InputRefused(
            path,
            _("its first sample is not at the take-off point"),
            _("Give the take-off point as latitude,longitude."),
        )
    return first.position


def _position(text: str) -> GeoPoint:
    try:
        lat_deg, lon_deg = (float(part) for part in text.split(","))
        return GeoPoint(lon_deg=lon_deg, lat_deg=lat_deg)
    except ValueError as wrong:
        raise InputRefused(
            text, _("is no position"), _("Write latitude,longitude in WGS-84 degrees, like 22.55,113.95.")
        ) from wrong
