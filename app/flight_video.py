"""The frames of a video that its flight can be calibrated from: a few that overlap, spread over the flight.

The telemetry is the video's own (subtitles beside or inside it, or metadata); the frames come from the same reader that
``process`` uses, so that a correction found here is of the same poses.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Final

import numpy as np

from app.calibrate import FlightPhoto
from app.footage_pose import poses_of_video
from app.inputs import FootageFile
from core.refusal import Refusal
from core.text import _
from detection.frame import Frame
from detection.frames.frame_choice import FrameChoice, choose_instants
from detection.frames.video_frames import frames_at
from flight.camera import Camera
from flight.cameras.declared import DeclaredCamera
from flight.telemetry.clock_offset import ClockOffset
from flight.track import NOTHING_DECLARED, PoseDeclaration, Track, missing
from geofence.calibrating.self_calibration import View
from geofence.locating.ground import Ground

STRETCHES: Final = 6  # of the flight, from each of which some frames that follow each other are taken
FRAMES_EACH: Final = 6
_CHOICE: Final = FrameChoice(views=2, new_share=0.3)


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoDeclaration:
    """What is declared of a video when nothing but its poses is wanted."""

    ground: Ground
    camera_zone: tzinfo
    camera: DeclaredCamera | None = None
    declaration: PoseDeclaration = NOTHING_DECLARED
    clock_offset: ClockOffset | None = None


def flight_frames(
    file: FootageFile, declared: VideoDeclaration, *, track: Track | None = None
) -> tuple[tuple[FlightPhoto, ...], Track] | Refusal:
    """Return frames of a video with whole poses, and the track that their poses come from; or why there are none.

    Args:
        file: The video.
        declared: Its ground, its clock's zone and its camera.
        track: A flight log whose poses are used instead of the video's own, or None.
    """
    told = poses_of_video(file.path, file.subtitles, declared)
    if isinstance(told, Refusal):
        return told
    if told.camera is None:
        return Refusal(
            subject=file.path.name, code="unknown-camera", reason="; ".join(told.notes), remedy=_("Declare --camera.")
        )
    posed_by = told.track if track is None else track
    lacking = missing(posed_by.poses[len(posed_by.poses) // 2]) if posed_by.poses else ("position",)
    if lacking:
        return Refusal(
            subject=file.path.name,
            code="no-pose",
            reason=_("the video's telemetry does not say its {parts}").format(parts=", ".join(lacking)),
            remedy=_("Give the flight's log with --log."),
        )
    with file.path.open("rb") as video:
        sha256 = hashlib.file_digest(video, "sha256").hexdigest()
    start = told.started_at or told.track.poses[0].captured_at
    length_s = (told.track.poses[-1].captured_at - start).total_seconds()
    # The times are the video's own: a log's clock may be off, and by how much is to be found.
    chosen = [
        given[0]
        for given in choose_instants(posed_by, told.camera, start, length_s, _CHOICE)
        if isinstance(given, tuple)
    ]
    given = frames_at(
        file.path,
        [start + timedelta(seconds=chosen[number]) for number in sorted(spread_over(len(chosen)))],
        sha256=sha256,
        track=posed_by,
        camera=told.camera,
        started_at=start,
    )
    return tuple(_photo(file, frame, told.camera, start) for frame in given if not missing(frame.pose)), posed_by


def spread_over(count: int, *, stretches: int = STRETCHES, each: int = FRAMES_EACH) -> set[int]:
    """Return which of so many frames to take: all of a few; of many, runs that follow each other, evenly spread."""
    if count <= stretches * each:
        return set(range(count))
    begins = np.linspace(0, count - each, stretches).round().astype(int)
    return {int(begin) + step for begin in begins for step in range(each)}


def _photo(file: FootageFile, frame: Frame, camera: Camera, start: datetime) -> FlightPhoto:
    import cv2

    return FlightPhoto(
        path=file.path,
        view=View(frame_id=frame.frame_id, pose=frame.pose, camera=camera),
        video_sha256=frame.original_sha256,
        video_s=(frame.captured_at - start).total_seconds(),
        grey=np.asarray(cv2.cvtColor(frame.pixels, cv2.COLOR_BGR2GRAY), dtype=np.uint8),
    )
