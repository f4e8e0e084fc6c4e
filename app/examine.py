"""Examines one footage file: hash, pose, frames, detections, fixes.

The original is hashed before anything else opens it, and is never written to. Whatever happens, the file gives
findings: frames with their fixes and unlocated detections, or a refusal that says why there are none.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Final

from app.inputs import FootageFile, Kind
from app.instruments import Instruments
from app.journal import FrameFindings, InputFindings
from app.views import keep_view
from core.refusal import Refusal
from core.text import _
from detection.frame import Frame
from detection.photo_frames import open_photo
from detection.video_frames import frames_of_video, video_size
from evidence.ingest import ingest_file
from evidence.original import Original
from evidence.sealing.frame_record import record_frame
from flight.telemetry.photo import read_photo
from flight.telemetry.srt import read_srt
from flight.telemetry.video_camera import camera_of_video
from flight.track import missing
from geofence.fix import Fix
from geofence.locate import locate

BATCH: Final = 4  # frames in memory at a time


def take_in(file: FootageFile, instruments: Instruments) -> Original | Refusal:
    """Hash a file, before anything else reads it."""
    if file.kind is Kind.OTHER:
        return Refusal(
            subject=file.path.name,
            code="not-footage",
            reason=_("the file is neither a photo nor a video with its subtitles"),
        )
    return ingest_file(file.path, clock=instruments.clock)


def examine(file: FootageFile, original: Original, instruments: Instruments, *, views: Path) -> InputFindings:
    """Return what a footage file gives.

    Args:
        file: The file.
        original: Its digests.
        instruments: What to examine it with.
        views: Folder for the reduced frames that the map's mosaic is made of.
    """
    frames: list[FrameFindings] = []
    refusals: list[Refusal] = []
    waiting = _frames(file, original, instruments)
    while batch := list(islice(waiting, BATCH)):
        refusals.extend(given for given in batch if isinstance(given, Refusal))
        seen = [given for given in batch if isinstance(given, Frame)]
        frames.extend(_find(seen, instruments))
        for frame in seen:
            keep_view(views, frame)
    if not frames and not refusals:
        refusals.append(Refusal(subject=original.name, code="no-frames", reason=_("no frame could be read from it")))
    return InputFindings(
        sha256=original.sha256,
        name=original.name,
        ingested_at=original.ingested_at,
        frames=tuple(frames),
        refusals=tuple(refusals),
    )


def reopen(
    file: FootageFile, original: Original, wanted: Collection[str], instruments: Instruments
) -> dict[str, Frame]:
    """Return the wanted frames of a file with their pixels, by frame id; those that it no longer gives are missing."""
    return {
        given.frame_id: given
        for given in _frames(file, original, instruments)
        if isinstance(given, Frame) and given.frame_id in wanted
    }


def _frames(file: FootageFile, original: Original, instruments: Instruments) -> Iterator[Frame | Refusal]:
    return _photo(original, instruments) if file.kind is Kind.PHOTO else _video(file, original, instruments)


def _photo(original: Original, instruments: Instruments) -> Iterator[Frame | Refusal]:
    told = read_photo(original.path, camera_zone=instruments.camera_zone)
    if isinstance(told, Refusal):
        yield told
        return
    lacking = missing(told.pose)
    if lacking:
        yield Refusal(
            subject=original.name,
            code="no-pose",
            reason=_("the photo does not say its {parts}, so nothing in it can be put on the ground").format(
                parts=", ".join(lacking)
            ),
            remedy=_("Use the photo as the aircraft wrote it; editors and messengers remove these fields."),
        )
        return
    yield open_photo(
        original.path,
        sha256=original.sha256,
        captured_at=told.captured_at,
        pose=told.pose,
        camera=told.camera,
    )


def _video(file: FootageFile, original: Original, instruments: Instruments) -> Iterator[Frame | Refusal]:
    if file.subtitles is None:
        yield Refusal(
            subject=original.name,
            code="no-telemetry",
            reason=_("the video has no subtitle file beside it, so its poses are unknown"),
            remedy=_("Copy the .SRT file of the same name from the card too."),
        )
        return
    told = read_srt(file.subtitles, camera_zone=instruments.camera_zone)
    if isinstance(told, Refusal):
        yield told
        return
    if told.track is None:
        yield Refusal(
            subject=file.subtitles.name,
            code="no-time",
            reason=_("the subtitles of this aircraft hold no time of the world, so the video's time is unknown"),
        )
        return
    size = video_size(original.path)
    if isinstance(size, Refusal):
        yield size
        return
    camera, notes = camera_of_video(told, width_px=size[0], height_px=size[1])
    for given in frames_of_video(
        original.path,
        sha256=original.sha256,
        track=told.track,
        camera=camera,
        started_at=told.video_started_at,
    ):
        if isinstance(given, Refusal):
            yield given
        else:
            yield replace(given, pose=replace(given.pose, assumptions=(*given.pose.assumptions, *notes)))


def _find(frames: Sequence[Frame], instruments: Instruments) -> Iterator[FrameFindings]:
    """Detect in a batch of frames and put every detection on the ground, or say why not."""
    if not frames:
        return
    for frame, detections in zip(frames, instruments.detector.detect(frames), strict=True):
        placed = [
            locate(
                detection,
                pose=frame.pose,
                camera=frame.camera,
                ground=instruments.ground,
                captured_at=frame.captured_at,
            )
            for detection in detections
        ]
        yield FrameFindings(
            frame=record_frame(frame),
            fixes=tuple(given for given in placed if isinstance(given, Fix)),
            unlocated=tuple(given for given in placed if not isinstance(given, Fix)),
        )
