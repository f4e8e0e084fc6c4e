"""Examines one footage file: hash, pose, frames, detections, fixes.

The original is hashed before anything else opens it, and is never written to. Whatever happens, the file gives
findings: frames with their fixes and unlocated detections, or a refusal that says why there are none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Final

from app.corrections import apply_corrections, correct_video
from app.footage_pose import VideoPoses, pose_of_photo, poses_of_video
from app.inputs import FootageFile, Kind
from app.instruments import Instruments
from app.journal import FrameFindings, InputFindings
from app.placing import camera_of_photo, ground_of_photo
from app.plume_watch import burst_of, watch
from app.thermal_photos import thermogram_of
from app.views import keep_view
from core.ids import derived_id
from core.refusal import Refusal
from core.text import _
from detection.detection import Box, Detection
from detection.frame import Frame
from detection.frames.following import FoundAt, instants_to_follow
from detection.frames.image_quality import ImageQuality
from detection.frames.photo_frames import open_photo
from detection.frames.video_burst import BurstSource
from detection.frames.video_frames import frames_at, frames_of_video
from detection.lookout import PastLook
from detection.thermal.hot_spot_detector import detect_hot_spots
from detection.thermal.read_thermogram import refuse_sequence
from detection.thermal.thermogram import Thermogram
from detection.weight_card import Sees
from evidence.ingest import ingest_file
from evidence.original import Original
from evidence.sealing.frame_record import record_frame
from flight.telemetry.photo import read_photo
from flight.track import missing
from geofence.fix import Fix
from geofence.locate import locate
from geofence.locating.ground import Ground
from geofence.locating.look_colour import colour_of

BATCH: Final = 4  # frames in memory at a time
FLICKERING: Final = frozenset({"smoke", "fire"})
MOVEMENT_S: Final = 1.0  # shorter than what gathering bridges for a thing that moves
KEY_GAP_S: Final = 1.25
_OTHER_PHOTOS: Final = frozenset({".heic", ".heif", ".avif", ".png", ".webp", ".dng", ".tif", ".tiff", ".bmp"})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Placed:
    """A frame, the ground that its rays are cut with, and its temperatures where a thermal camera took it.

    ``video`` is the video whose next frames may be looked at, where the frame was chosen from one.
    """

    frame: Frame
    ground: Ground
    thermogram: Thermogram | None = None
    video: BurstSource | None = None


def take_in(file: FootageFile, instruments: Instruments) -> Original | Refusal:
    """Hash a file, before anything else reads it."""
    if file.kind is Kind.OTHER and file.path.suffix.lower() in _OTHER_PHOTOS:
        return Refusal(
            subject=file.path.name,
            code="other-format",
            reason=_("photos of this format are not read"),
            remedy=_("Let the camera write JPEG; a photo converted later has often lost its pose."),
        )
    if file.kind is Kind.OTHER:
        return refuse_sequence(file.path) or Refusal(
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
    lookout = instruments.lookout
    if lookout is not None:
        lookout.begin(original.sha256)
    frames: list[FrameFindings] = []
    refusals: list[Refusal] = []
    told = _poses_of_video(file, original, instruments) if file.kind is Kind.VIDEO else None
    waiting = _photo(file, original, instruments) if told is None else _video(original, told)
    while batch := list(islice(waiting, BATCH)):
        refusals.extend(given for given in batch if isinstance(given, Refusal))
        seen = [given for given in batch if isinstance(given, _Placed)]
        frames.extend(_find(seen, instruments))
        for placed in seen:
            keep_view(views, placed.frame)
    not_followed = 0
    if isinstance(told, VideoPoses) and instruments.following is not None:
        further, not_followed = _follow(original, told, frames, instruments)
        frames = sorted((*frames, *further), key=lambda given: given.frame.index)
    if not frames and not refusals:
        refusals.append(Refusal(subject=original.name, code="no-frames", reason=_("no frame could be read from it")))
    return InputFindings(
        sha256=original.sha256,
        name=original.name,
        ingested_at=original.ingested_at,
        frames=tuple(frames),
        refusals=tuple(refusals),
        tiles={} if lookout is None else dict(lookout.counts),
        leans_on=() if lookout is None else tuple(sorted(lookout.leans_on)),
        not_followed=not_followed,
    )


def recall_looks(found: InputFindings, instruments: Instruments) -> None:
    """Tell the lookout what an earlier try of the run has looked at, so that this one goes on as that one would."""
    if instruments.lookout is None:
        return
    instruments.lookout.begin(found.sha256)
    for given in found.frames:
        if given.quality is None or (given.thermal and instruments.heat is None):
            continue
        boxes: dict[str, list[Box]] = {}
        seen = [fix.detection for fix in given.fixes] + [lost.detection for lost in given.unlocated]
        for detection in seen:
            boxes.setdefault(detection.weight_sha256, []).append(detection.box)
        past = PastLook(
            pose=given.frame.pose,
            camera=given.frame.camera,
            captured_at=given.frame.captured_at,
            quality=given.quality,
            found={sha256: tuple(some) for sha256, some in boxes.items()},
            narrowed=given.followed,
            sees=Sees.HEAT if given.thermal else Sees.LIGHT,
        )
        instruments.lookout.recall(past)


def reopen(
    file: FootageFile, original: Original, wanted: Mapping[str, datetime], instruments: Instruments
) -> dict[str, Frame]:
    """Return the wanted frames of a file with their pixels, by frame id; those that it no longer gives are missing.

    Args:
        file: The file.
        original: Its digests.
        wanted: When each wanted frame was taken, by its id.
        instruments: What it was examined with.
    """
    if file.kind is Kind.PHOTO:
        given = [placed.frame for placed in _photo(file, original, instruments) if isinstance(placed, _Placed)]
    else:
        told = _poses_of_video(file, original, instruments)
        instants = sorted(wanted.values())
        given = [] if isinstance(told, Refusal) else [placed.frame for placed in _video_at(original, told, instants)]
    return {frame.frame_id: frame for frame in given if frame.frame_id in wanted}


def _follow(
    original: Original, told: VideoPoses, frames: Sequence[FrameFindings], instruments: Instruments
) -> tuple[list[FrameFindings], int]:
    """Look again shortly before and after what was found in a video; return that, and how many frames were too many."""
    if instruments.following is None:
        return [], 0
    # What flickers is followed densely; for movement a look a second before and after is enough, and key frames do.
    sparse = replace(instruments.following, frames=2, span_s=2 * MOVEMENT_S)
    known = {given.frame.frame_id for given in frames}
    further: list[FrameFindings] = []
    too_many = 0
    with instruments.lookout.narrowed() if instruments.lookout is not None else nullcontext():
        for flickers, following, key_gap_s in ((True, instruments.following, 0.0), (False, sparse, KEY_GAP_S)):
            found = [
                FoundAt(
                    captured_at=given.frame.captured_at,
                    points=tuple(fix.point for fix in given.fixes if (fix.detection.label in FLICKERING) is flickers),
                )
                for given in frames
            ]
            instants, more = instants_to_follow(found, following)
            too_many += more
            waiting = _video_at(original, told, instants, key_gap_s=key_gap_s)
            while batch := list(islice(waiting, BATCH)):
                new = [placed for placed in batch if placed.frame.frame_id not in known]
                known |= {placed.frame.frame_id for placed in new}
                further.extend(replace(given, followed=True) for given in _find(new, instruments))
    return further, too_many


def _video_at(
    original: Original, told: VideoPoses, instants: Sequence[datetime], *, key_gap_s: float = 0.0
) -> Iterator[_Placed]:
    """Yield the frames of a video at given instants, with the pose that the video's other frames have.

    Where key frames are never farther apart than ``key_gap_s``, the nearest of them are given instead.
    """
    for given in frames_at(
        original.path,
        instants,
        sha256=original.sha256,
        track=told.track,
        camera=told.camera,
        started_at=told.started_at,
        key_gap_s=key_gap_s,
    ):
        yield _placed(given, told)


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


def _poses_of_video(file: FootageFile, original: Original, instruments: Instruments) -> VideoPoses | Refusal:
    """Return a video's poses, with the corrections that the run was given."""
    told = poses_of_video(original.path, file.subtitles, instruments)
    if isinstance(told, Refusal) or instruments.corrections is None or not told.track.poses:
        return told
    track, camera = correct_video(instruments.corrections, original.sha256, told.track, told.camera)
    # Poses that were moved in time do not tell any more when the video began.
    began = told.started_at or told.track.poses[0].captured_at
    return replace(told, track=track, camera=camera, started_at=began)


def _video(original: Original, told: VideoPoses | Refusal) -> Iterator[_Placed | Refusal]:
    if isinstance(told, Refusal):
        yield told
        return
    source = BurstSource(path=original.path, track=told.track, started_at=told.started_at)
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
            yield replace(_placed(given, told), video=source)


def _placed(frame: Frame, told: VideoPoses) -> _Placed:
    pose = replace(frame.pose, assumptions=(*frame.pose.assumptions, *told.notes))
    return _Placed(frame=replace(frame, pose=pose), ground=told.ground)


def _with_colour(fix: Fix, placed: _Placed) -> Fix:
    """Return a fix with the colour of what it shows; a thermal picture's false colours are of no thing.

    Nor are lengths told from thermal boxes: how much larger than their vehicles boxes are was measured by daylight.
    """
    if placed.thermogram is not None:
        return replace(fix, scale_sigma=None)
    return replace(fix, colour_lab=colour_of(placed.frame.pixels, fix.detection.box))


def _find(placed: Sequence[_Placed], instruments: Instruments) -> Iterator[FrameFindings]:
    """Detect in a batch of frames and put every detection on the ground, or say why not."""
    if not placed:
        return
    # Weights for light are trained on daylight: on a thermal picture's false colours they would see what is not there.
    by_weight = iter(instruments.detector.detect([given.frame for given in placed if given.thermogram is None]))
    for given in placed:
        frame = given.frame
        detections, quality = (
            (next(by_weight), frame.quality)
            if given.thermogram is None
            else _find_in_heat(frame, given.thermogram, instruments)
        )
        burst = burst_of(given.video, frame)
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
            fixes=tuple(
                watch(_with_colour(outcome, given), frame, given.ground, burst)
                for outcome in outcomes
                if isinstance(outcome, Fix)
            ),
            unlocated=tuple(outcome for outcome in outcomes if not isinstance(outcome, Fix)),
            quality=quality,
            thermal=given.thermogram is not None,
        )


def _find_in_heat(
    frame: Frame, thermogram: Thermogram, instruments: Instruments
) -> tuple[Sequence[Detection], ImageQuality | None]:
    """Return the hot spots of a thermal frame and what weights for heat see, and how good what they were shown is."""
    spots = detect_hot_spots(frame, thermogram)
    seen = None if instruments.heat is None else instruments.heat.look(frame, thermogram)
    return (spots, frame.quality) if seen is None else ((*spots, *seen.detections), seen.quality)
