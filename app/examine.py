"""Examines one footage file: hash, pose, frames, detections, fixes.

The original is hashed before anything else opens it, and is never written to. Whatever happens, the file gives
findings: frames with their fixes and unlocated detections, or a refusal that says why there are none.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Final

from app.corrections import apply_corrections
from app.footage_pose import pose_of_photo, poses_of_video
from app.inputs import FootageFile, Kind
from app.instruments import Instruments
from app.journal import FrameFindings, InputFindings
from app.placing import camera_of_photo, ground_of_photo
from app.thermal_photos import thermogram_of
from app.views import keep_view
from core.ids import derived_id
from core.refusal import Refusal
from core.text import _
from detection.frame import Frame
from detection.frames.photo_frames import open_photo
from detection.frames.video_frames import frames_of_video
from detection.thermal.hot_spot_detector import detect_hot_spots
from detection.thermal.thermogram import Thermogram
from evidence.ingest import ingest_file
from evidence.original import Original
from evidence.sealing.frame_record import record_frame
from flight.telemetry.photo import read_photo
from flight.track import missing
from geofence.fix import Fix
from geofence.locate import locate
from geofence.locating.ground import Ground

BATCH: Final = 4  # frames in memory at a time


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Placed:
    """A frame, the ground that its rays are cut with, and its temperatures where a thermal camera took it."""

    frame: Frame
    ground: Ground
    thermogram: Thermogram | None = None


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
        seen = [given for given in batch if isinstance(given, _Placed)]
        frames.extend(_find(seen, instruments))
        for placed in seen:
            keep_view(views, placed.frame)
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
        given.frame.frame_id: given.frame
        for given in _frames(file, original, instruments)
        if isinstance(given, _Placed) and given.frame.frame_id in wanted
    }


def _frames(file: FootageFile, original: Original, instruments: Instruments) -> Iterator[_Placed | Refusal]:
    return _photo(file, original, instruments) if file.kind is Kind.PHOTO else _video(file, original, instruments)


def _photo(file: FootageFile, original: Original, instruments: Instruments) -> Iterator[_Placed | Refusal]:
    told = read_photo(original.path, camera_zone=instruments.camera_zone)
    if isinstance(told, Refusal):
        yield told
        return
    pose = pose_of_photo(told, instruments)
    lacking = missing(pose)
    if lacking:
        yield Refusal(
            subject=original.name,
            code="no-pose",
            reason=_("the photo does not say its {parts}, so nothing in it can be put on the ground").format(
                parts=", ".join(lacking)
            ),
            remedy=_(
                "Use the photo as the aircraft wrote it, for editors and messengers remove these fields; or let the "
                "patrol declare the camera's angles."
            ),
        )
        return
    seen_by = camera_of_photo(told, instruments.camera, name=original.name)
    if isinstance(seen_by, Refusal):
        yield seen_by
        return
    camera, notes = seen_by
    pose = replace(pose, assumptions=(*pose.assumptions, *notes))
    pose, camera = apply_corrections(instruments.corrections, derived_id("frame", original.sha256, 0), pose, camera)
    given = open_photo(
        original.path,
        sha256=original.sha256,
        captured_at=pose.captured_at,
        pose=pose,
        camera=camera,
    )
    if isinstance(given, Refusal):
        yield given
        return
    thermogram = thermogram_of(file, told, given, instruments)
    if isinstance(thermogram, Refusal):
        yield thermogram
        return
    yield _Placed(frame=given, ground=ground_of_photo(told, instruments), thermogram=thermogram)


def _video(file: FootageFile, original: Original, instruments: Instruments) -> Iterator[_Placed | Refusal]:
    told = poses_of_video(original.path, file.subtitles, instruments)
    if isinstance(told, Refusal):
        yield told
        return
    for given in frames_of_video(
        original.path,
        sha256=original.sha256,
        track=told.track,
        camera=told.camera,
        started_at=told.started_at,
    ):
        if isinstance(given, Refusal):
            yield given
        else:
            pose = replace(given.pose, assumptions=(*given.pose.assumptions, *told.notes))
            yield _Placed(frame=replace(given, pose=pose), ground=told.ground)


def _find(placed: Sequence[_Placed], instruments: Instruments) -> Iterator[FrameFindings]:
    """Detect in a batch of frames and put every detection on the ground, or say why not."""
    if not placed:
        return
    # Weights are trained on daylight: on a thermal picture's false colours they would see what is not there.
    by_weight = iter(instruments.detector.detect([given.frame for given in placed if given.thermogram is None]))
    for given in placed:
        frame = given.frame
        detections = next(by_weight) if given.thermogram is None else detect_hot_spots(frame, given.thermogram)
        outcomes = [
            locate(
                detection,
                pose=frame.pose,
                camera=frame.camera,
                ground=given.ground,
                captured_at=frame.captured_at,
            )
            for detection in detections
        ]
        yield FrameFindings(
            frame=record_frame(frame),
            fixes=tuple(outcome for outcome in outcomes if isinstance(outcome, Fix)),
            unlocated=tuple(outcome for outcome in outcomes if not isinstance(outcome, Fix)),
        )
