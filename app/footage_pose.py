"""Where a video's poses come from: its subtitle file, the subtitles inside it, or the metadata inside it.

What the patrol declares and the clock's correction are put on here, once, so that they travel with every frame.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from statistics import median
from typing import Protocol

from app.placing import camera_of_footage, ground_of_footage
from core.refusal import Refusal
from core.text import _
from detection.frames.video_frames import video_size
from flight.camera import Camera
from flight.cameras.declared import DeclaredCamera, camera_as_declared
from flight.telemetry.clock_offset import ClockOffset, with_offset
from flight.telemetry.klv import KlvTelemetry
from flight.telemetry.photo import PhotoTelemetry
from flight.telemetry.read_track import read_video
from flight.telemetry.srt import SrtTelemetry, read_srt
from flight.telemetry.video_camera import SIGMA_VIDEO
from flight.track import Pose, PoseDeclaration, Track, declare_track
from geofence.locating.ground import Ground

FIELD_OF_VIEW: int = 16  # ST 0601's item of the horizontal field of view


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoPoses:
    """What is known of a video besides its pixels.

    Attributes:
        track: Its poses, with what the patrol declares.
        camera: Its camera, or None.
        ground: The ground that its rays are cut with.
        started_at: World time of the zero of its timeline, aware UTC, or None.
        notes: What was assumed, as sentences.
    """

    track: Track
    camera: Camera | None
    ground: Ground
    started_at: datetime | None
    notes: tuple[str, ...]


class Declared(Protocol):
    """What of a run's instruments bears on poses; :class:`app.instruments.Instruments` is one."""

    @property
    def ground(self) -> Ground:
        """The ground that rays are cut with."""
        ...

    @property
    def camera_zone(self) -> tzinfo:
        """The zone that a camera's bare clock time is declared to be in."""
        ...

    @property
    def camera(self) -> DeclaredCamera | None:
        """What the run declares the camera to be, or None to believe each file."""
        ...

    @property
    def declaration(self) -> PoseDeclaration:
        """Camera angles to go by where the footage does not tell them."""
        ...

    @property
    def clock_offset(self) -> ClockOffset | None:
        """How far the camera's clock is off, or None for not at all."""
        ...


def poses_of_video(path: Path, subtitles: Path | None, instruments: Declared) -> VideoPoses | Refusal:
    """Return a video's poses, or why there are none.

    Args:
        path: The video.
        subtitles: The subtitle file beside it, or None.
        instruments: The declared zone, clock correction and angles.
    """
    zone = instruments.camera_zone
    told = read_srt(subtitles, camera_zone=zone) if subtitles is not None else read_video(path, camera_zone=zone)
    if isinstance(told, Refusal):
        return told
    size = video_size(path)
    if isinstance(size, Refusal):
        return size
    if isinstance(told, KlvTelemetry):
        return _of_metadata(told, size, instruments)
    return _of_subtitles(told, size, instruments, name=path.name)


def pose_of_photo(told: PhotoTelemetry, instruments: Declared) -> Pose:
    """Return a photo's pose with what the patrol declares, and its time set right where it is the camera's own."""
    track = Track(poses=(told.pose,), source=told.model)
    if instruments.clock_offset is not None and told.camera_clock:
        track = with_offset(track, instruments.clock_offset)
    return declare_track(track, instruments.declaration).poses[0]


def _of_subtitles(
    told: SrtTelemetry, size: tuple[int, int], instruments: Declared, *, name: str
) -> VideoPoses | Refusal:
    if told.track is None:
        return Refusal(
            subject=told.source,
            code="no-time",
            reason=_("the subtitles of this aircraft hold no time of the world, so the video's time is unknown"),
        )
    track, started = told.track, told.video_started_at
    if instruments.clock_offset is not None:
        track = with_offset(track, instruments.clock_offset)
        started = None if started is None else started + timedelta(seconds=instruments.clock_offset.offset_s)
    seen_by = camera_of_footage(told, instruments.camera, width_px=size[0], height_px=size[1], name=name)
    if isinstance(seen_by, Refusal):
        return seen_by
    return VideoPoses(
        track=declare_track(track, instruments.declaration),
        camera=seen_by[0],
        ground=ground_of_footage(told, instruments.ground),
        started_at=started,
        notes=seen_by[1],
    )


def _of_metadata(told: KlvTelemetry, size: tuple[int, int], instruments: Declared) -> VideoPoses | Refusal:
    """Return the poses of MISB metadata: its time stamps are a receiver's, and its field of view gives the camera."""
    if not told.track.poses:
        return Refusal(subject=told.source, code="no-time", reason=_("its metadata holds no position with a time"))
    zeros = [record.at - timedelta(seconds=record.pts_s) for record in told.records if record.pts_s is not None]
    started = (
        zeros[0] + timedelta(seconds=median((zero - zeros[0]).total_seconds() for zero in zeros)) if zeros else None
    )
    camera, notes = _camera_of_view(told, size)
    if instruments.camera is not None:
        found = camera_as_declared(instruments.camera, told.source, size[0], size[1], None, 1.0)
        if isinstance(found, Refusal):
            return found
        camera, notes = found, (_("the camera is declared: {source}").format(source=found.source),)
    return VideoPoses(
        track=declare_track(told.track, instruments.declaration),
        camera=camera,
        ground=instruments.ground,
        started_at=started,
        notes=notes,
    )


def _camera_of_view(told: KlvTelemetry, size: tuple[int, int]) -> tuple[Camera | None, tuple[str, ...]]:
    """Return the camera of a constant field of view; a zoom that moves leaves none."""
    views = {round(record.values[FIELD_OF_VIEW], 2) for record in told.records if FIELD_OF_VIEW in record.values}
    if len(views) != 1 or not 0 < (view := views.pop()) < 170:
        return None, (_("the metadata names no single field of view, so the focal length in pixels is not known"),)
    camera = Camera(
        model=told.source,
        width_px=size[0],
        height_px=size[1],
        focal_px=size[0] / 2 / math.tan(math.radians(view) / 2),
        centre_x_px=size[0] / 2,
        centre_y_px=size[1] / 2,
        focal_sigma=SIGMA_VIDEO,
        source="ST 0601 item 16, horizontal field of view",
    )
    return camera, (_("the metadata's field of view is taken as that of the whole picture"),)
