"""Redacts a clip of a package: looks at the original's frames where it is here, places secret ground by the track."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from app.redacting.looking import look_at_frame, scaled_box, tell_detectors
from app.redacting.made_from import record_of
from app.redacting.secret_file import SecretGround
from core.refusal import Refusal
from core.text import _
from detection.detection import Detection, Detector
from detection.frame import Frame
from detection.frames.video_decoding import NotAVideoError, VideoCursor, decoding, timeline_zero_s
from evidence.handing_out.redact_clip import ClipPicture, Mark, SecretPlaces, redact_clip
from evidence.handing_out.secret_ground import secret_pixels
from evidence.sealing.again import Contents
from evidence.sealing.derivation import Derived
from evidence.sealing.frame_record import FrameRecord
from flight.camera import Camera, resized
from flight.track import Pose, Track, pose_at

SAME_FRAME_S = 0.002
POSE_GAP_S = 0.5  # between two poses of a track; frames in longer gaps follow the picture's motion


def redacted_clip(
    contents: Contents,
    copy: Derived,
    detectors: Sequence[Detector],
    *,
    marks: Sequence[Mark],
    secret: SecretGround | None,
    seen_by: str,
) -> Derived | Refusal:
    """Return a clip, redacted, or why it stays here."""
    times = _clip_times(contents, copy)

    seen = _seen_in_original(contents, copy, detectors, times)

    def look(picture: ClipPicture) -> Iterator[Detection]:
        if seen is not None:
            yield from seen[picture.number]
        else:
            at = contents.incident.sighting.first_seen if times is None else times.at[picture.number]
            pixels = np.ascontiguousarray(picture.pixels[:, :, ::-1])
            yield from look_at_frame(detectors, _clip_frame(copy, picture.number, at, pixels, times))
        if times is not None:
            yield from _known(contents, times, picture.number, picture.pixels.shape[1])

    return redact_clip(
        copy,
        look,
        looked_by=tell_detectors(detectors),
        looked_at=_("the original's frames") if seen is not None else _("the clip's frames"),
        looked_for=sorted({label for one in detectors for label in one.labels}),
        seen_by=seen_by,
        marks=marks,
        secret=None if secret is None else _secret_in(copy, times, secret),
    )


def _clip_frame(copy: Derived, number: int, at: datetime, pixels: NDArray[np.uint8], times: _ClipTimes | None) -> Frame:
    """Return a picture of a clip, or of the original at the same time, as detectors look at it."""
    camera = None if times is None else times.camera_at(pixels.shape)
    return Frame(
        original_sha256=copy.sha256,
        original_name=copy.name,
        index=number,
        captured_at=at,
        pixels=pixels,
        pose=Pose(captured_at=at) if times is None else times.nearest_pose(at),
        camera=camera,
    )


def _seen_in_original(
    contents: Contents, copy: Derived, detectors: Sequence[Detector], times: _ClipTimes | None
) -> list[list[Detection]] | None:
    """Return what is seen in the original, which shows more, at each of a clip's frames, in the clip's pixels.

    None where the package does not carry the original, or not every frame can be read from it.
    """
    made_from = copy.derivation.source_sha256
    original = next((one for one in contents.originals if one.sha256 == made_from), None)
    if times is None or original is None or made_from not in contents.carried:
        return None
    told = dict(copy.derivation.parameters)
    seen = []
    try:
        with decoding(original.path, hardware=False) as how:
            cursor = VideoCursor(how, zero_s=timeline_zero_s(how.container))
            for number, at_s in enumerate(float(text) for text in told["frame_times_s"].split()):
                image = cursor.at(at_s)
                if image is None or abs(cursor.time_s(image) - at_s) > SAME_FRAME_S:
                    return None
                turned = np.rot90(image.to_ndarray(format="bgr24"), -(round(-image.rotation / 90) % 4))
                pixels = np.ascontiguousarray(turned, dtype=np.uint8)
                scale = float(told["width_px"]) / pixels.shape[1]
                frame = _clip_frame(copy, number, times.at[number], pixels, times)
                found = look_at_frame(detectors, frame)
                seen.append([replace(one, box=scaled_box(one.box, scale)) for one in found])
    except NotAVideoError:
        return None
    return seen


@dataclass(frozen=True, slots=True, kw_only=True)
class _ClipTimes:
    """What a package knows of a clip's frames.

    Attributes:
        record: Of the frame that the clip was cut around.
        at: When each frame was taken.
        track: Where the camera was.
    """

    record: FrameRecord
    at: tuple[datetime, ...]
    track: Track | None

    def camera_at(self, shape: tuple[int, ...]) -> Camera | None:
        """Return the camera at a size (rows, columns), or None when it is unknown or the clip was stood upright."""
        scale = shape[1] / self.record.width_px
        camera = self.record.camera
        if camera is None or abs(self.record.height_px * scale - shape[0]) > 2:
            return None
        return resized(camera, scale, width_px=shape[1], height_px=shape[0])

    def nearest_pose(self, at: datetime) -> Pose:
        """Return the pose nearest in time: near enough to tell how large things are, not where they are."""
        poses = (self.record.pose,) if self.track is None else (self.record.pose, *self.track.poses)
        return min(poses, key=lambda pose: abs(pose.captured_at - at))


def _clip_times(contents: Contents, copy: Derived) -> _ClipTimes | None:
    """Return what a package knows of a clip's frames; None where its record does not say when they were taken."""
    told = dict(copy.derivation.parameters)
    record = record_of(copy, contents)
    if record is None or "frame_s" not in told:
        return None
    times = (float(text) for text in told["frame_times_s"].split())
    return _ClipTimes(
        record=record,
        at=tuple(record.captured_at + timedelta(seconds=time_s - float(told["frame_s"])) for time_s in times),
        track=contents.reading.track,
    )


def _known(contents: Contents, times: _ClipTimes, number: int, width_px: int) -> Iterator[Detection]:
    """Yield what the case itself was seen by, where a clip's frame is one that it was seen in."""
    if contents.reading.frames is None:
        return
    near = timedelta(milliseconds=1)
    shown = {
        record.frame_id: width_px / record.width_px
        for record in contents.reading.frames.frames
        if record.original_sha256 == times.record.original_sha256 and abs(record.captured_at - times.at[number]) <= near
    }
    for one in (fix.detection for fix in contents.incident.sighting.fixes):
        if one.frame_id in shown:
            yield replace(one, box=scaled_box(one.box, shown[one.frame_id]))


def _secret_in(copy: Derived, times: _ClipTimes | None, secret: SecretGround) -> SecretPlaces:
    """Return where a clip shows secret ground, by the poses that the sealed track has for its frames."""
    known = (
        {}
        if times is None or times.track is None
        else {number: pose_at(times.track, at, max_gap_s=POSE_GAP_S) for number, at in enumerate(times.at)}
    )
    poses = {number: pose for number, pose in known.items() if isinstance(pose, Pose)}

    told = dict(copy.derivation.parameters)
    shape = (int(told.get("height_px", 0)), int(told.get("width_px", 0)))

    def place(posed: int, onto_posed: NDArray[np.float64], drift_px: float) -> NDArray[np.bool_] | Refusal:
        return secret_pixels(
            secret.outlines,
            pose=poses[posed],
            camera=None if times is None else times.camera_at(shape),
            name=copy.name,
            onto_posed=onto_posed,
            more_px=drift_px,
        )

    return SecretPlaces(name=secret.name, posed=tuple(sorted(poses)), place=place)
