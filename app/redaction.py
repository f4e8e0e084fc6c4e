"""Makes the pictures and clips of a package fit to leave the bureau: every detector looks, a person may add regions.

This is where the drivers for redaction are chosen: CenterFace for faces, the station's YOLO weights for vehicles and,
where the bureau registered one that finds them, people.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from shapely import MultiPolygon, Polygon

from app.weights import open_detector
from core.errors import InputRefused
from core.refusal import Refusal
from core.text import _
from detection.detection import Box, Detection, Detector
from detection.frame import Frame
from detection.frames.video_decoding import NotAVideoError, VideoCursor, decoding, timeline_zero_s
from evidence.handing_out.redact import Region, redact_frame, regions_of
from evidence.handing_out.redact_clip import ClipPicture, Mark, SecretPlaces, redact_clip
from evidence.handing_out.secret_ground import secret_pixels
from evidence.sealing.again import Contents
from evidence.sealing.derivation import Derived
from evidence.sealing.frame_record import FrameRecord
from flight.camera import Camera
from flight.track import Pose, Track, pose_at
from geofence.register.site_features import read_features

BY_HAND_CELLS = 4
SAME_FRAME_S = 0.002
POSE_GAP_S = 0.5  # between two poses of a track; frames in longer gaps follow the picture's motion


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """What a person adds to a copy.

    Attributes:
        name: The copy's name, or "" for every picture.
        at_s: In a clip, when it shows the picture that the shape is drawn in, seconds.
        shape: A box that becomes unreadable, or a polygon that is covered; pixels.
    """

    name: str
    at_s: float
    shape: Box | Polygon


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretGround:
    """Ground that no copy may show.

    Attributes:
        name: Of its file.
        outlines: WGS-84 longitude and latitude.
    """

    name: str
    outlines: tuple[Polygon | MultiPolygon, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Redacted:
    """What may leave, and what may not.

    Attributes:
        copies: Redacted.
        left_out: Why each other copy stays here.
    """

    copies: tuple[Derived, ...]
    left_out: tuple[Refusal, ...]


def read_secret_ground(path: Path) -> SecretGround:
    """Return the secret ground of a file of polygons (GeoJSON, GeoPackage, Shapefile, KML, CSV with WKT).

    Raises:
        InputRefused: It cannot be read, or holds anything but polygons.
    """
    features, refused = read_features(path)
    shapes = [one.shape for one in features]
    outlines = tuple(one for one in shapes if isinstance(one, Polygon | MultiPolygon) and one.is_valid and one.area)
    if refused or not outlines or len(outlines) != len(shapes):
        raise InputRefused(
            path, _("holds secret ground that is no valid polygon"), _("Mend the file; every outline must count.")
        )
    return SecretGround(name=path.name, outlines=outlines)


def open_redactors(weights: Sequence[str]) -> tuple[Detector, ...]:
    """Return the detectors that look for faces, and for vehicles and people.

    Args:
        weights: Registered weights for vehicles and people, by name or file; the defaults when empty.

    Raises:
        WeightRefused: A weight cannot be used.
    """
    from evidence.handing_out.face_detector import FaceDetector

    detector, _cards = open_detector(weights, device="auto")
    return FaceDetector(), detector


def redacted_copies(
    contents: Contents,
    detectors: Sequence[Detector],
    *,
    added: Sequence[Added] = (),
    secret: SecretGround | None = None,
    clips_seen_by: str = "",
    by: str,
) -> Redacted:
    """Return each picture and clip of a package, redacted, or why it stays here.

    Args:
        contents: The package.
        detectors: Look at every picture and every frame.
        added: What a person adds.
        secret: Ground that no copy may show.
        clips_seen_by: Who looked through the clips for what no detector looks for; empty for nobody.
        by: Who added what is added.

    Raises:
        InputRefused: The package holds no picture and no clip, or something is added to one that it does not hold.
    """
    shown = {"image/jpeg", "image/png", "video/mp4"}
    copies = [copy for copy in contents.derived if copy.media_type in shown and copy.derivation.operation != "redact"]
    names = {copy.name for copy in copies}
    if not copies:
        raise InputRefused(
            contents.incident.number, _("its package holds no picture"), _("There is nothing to redact.")
        )
    for name in [one.name for one in added if one.name and one.name not in names]:
        raise InputRefused(
            name,
            _("is no picture of this package"),
            _("Its pictures are {names}.").format(names=", ".join(sorted(names))),
        )
    given: list[Derived] = []
    left_out: list[Refusal] = []
    for copy in copies:
        if copy.media_type == "video/mp4":
            here = [one for one in added if one.name == copy.name]
            done = _redacted_clip(
                contents,
                copy,
                detectors,
                marks=[Mark(at_s=one.at_s, shape=one.shape, by=by) for one in here],
                secret=secret,
                seen_by=clips_seen_by,
            )
        else:
            done = _redacted_picture(
                contents,
                copy,
                detectors,
                added=[one for one in added if one.name in {"", copy.name}],
                secret=secret,
                by=by,
            )
        if isinstance(done, Refusal):
            left_out.append(done)
        else:
            given.append(done)
    return Redacted(copies=tuple(given), left_out=tuple(left_out))


def _told(detectors: Sequence[Detector]) -> list[str]:
    return [f"{','.join(one.labels)}: weight {one.weight_sha256[:16]}" for one in detectors]


def _redacted_picture(
    contents: Contents,
    copy: Derived,
    detectors: Sequence[Detector],
    *,
    added: Sequence[Added],
    secret: SecretGround | None,
    by: str,
) -> Derived | Refusal:
    """Return a picture, redacted, or why secret ground cannot be placed in it."""
    frame, seen = _frame_of(copy, contents)
    regions = [
        *(region for one in detectors for region in regions_of(_found(one, seen))),
        *(
            Region(kind="by-hand", box=one.shape, cells=BY_HAND_CELLS, found_by=by)
            for one in added
            if isinstance(one.shape, Box)
        ),
    ]
    secret_there = None
    if secret is not None:
        placed = secret_pixels(secret.outlines, pose=seen.pose, camera=seen.camera, name=copy.name)
        if isinstance(placed, Refusal):
            return placed
        secret_there = placed
    return redact_frame(
        frame,
        regions=regions,
        masks=[one.shape for one in added if isinstance(one.shape, Polygon)],
        looked_by=_told(detectors),
        secret_there=secret_there,
        secret="" if secret is None else secret.name,
    )


def _redacted_clip(
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
            yield from _found_by_all(detectors, _clip_frame(copy, picture.number, at, pixels, times))
        if times is not None:
            yield from _known(contents, times, picture.number, picture.pixels.shape[1])

    return redact_clip(
        copy,
        look,
        looked_by=_told(detectors),
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
                found = _found_by_all(detectors, frame)
                seen.append([replace(one, box=_scaled(one.box, scale)) for one in found])
    except NotAVideoError:
        return None
    return seen


def _found_by_all(detectors: Sequence[Detector], frame: Frame) -> Iterator[Detection]:
    """Yield what detectors find in a frame of a clip; its ground scale tells how large things are, where it is known.

    The frames before and after are further looks at the same things, so one size is enough here.
    """
    for detector in detectors:
        if frame.camera is None:
            yield from _found(detector, frame)
        else:
            yield from detector.detect([frame])[0]


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
        return _resized(camera, scale, width_px=shape[1], height_px=shape[0])

    def nearest_pose(self, at: datetime) -> Pose:
        """Return the pose nearest in time: near enough to tell how large things are, not where they are."""
        poses = (self.record.pose,) if self.track is None else (self.record.pose, *self.track.poses)
        return min(poses, key=lambda pose: abs(pose.captured_at - at))


def _clip_times(contents: Contents, copy: Derived) -> _ClipTimes | None:
    """Return what a package knows of a clip's frames; None where its record does not say when they were taken."""
    told = dict(copy.derivation.parameters)
    record = _record_of(copy, contents)
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
            yield replace(one, box=_scaled(one.box, shown[one.frame_id]))


def _scaled(box: Box, scale: float) -> Box:
    left, top, right, bottom = (edge * scale for edge in (box.left_px, box.top_px, box.right_px, box.bottom_px))
    return Box(left_px=left, top_px=top, right_px=right, bottom_px=bottom)


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


def _found(detector: Detector, frame: Frame) -> Iterator[Detection]:
    """Yield what a detector finds in a picture at its own, half and double size, without its ground scale and with it.

    A crop and a reduced whole frame show a vehicle at very different sizes; pose and camera tell which, where known.
    What only one of the looks finds is made unreadable too.
    """
    plain = replace(frame, camera=None)
    looks = [(1.0, plain), (2.0, replace(plain, pixels=plain.pixels[::2, ::2].copy()))]
    if frame.camera is not None:
        looks.append((1.0, frame))
    else:
        looks.append((0.5, replace(plain, pixels=plain.pixels.repeat(2, axis=0).repeat(2, axis=1))))
    for scale, look in looks:
        [seen] = detector.detect([look])
        for one in seen:
            yield replace(one, box=_scaled(one.box, scale))


def _frame_of(copy: Derived, contents: Contents) -> tuple[Frame, Frame]:
    """Return a derived picture as the frame that is redacted, and as the frame that detectors look at.

    The second is the picture without the strip of words below it, with the pose and camera of the frame that it was
    made from.
    """
    from PIL import Image

    with Image.open(BytesIO(copy.content)) as picture:
        pixels = np.asarray(picture.convert("RGB"))[:, :, ::-1].copy()
    at = contents.incident.sighting.first_seen
    whole = Frame(
        original_sha256=copy.sha256,
        original_name=copy.name,
        captured_at=at,
        pixels=pixels,
        pose=Pose(captured_at=at),
        camera=None,
    )
    record = _record_of(copy, contents)
    camera = None if record is None else _camera_of(copy, record, pixels.shape)
    if record is None or camera is None:
        return whole, whole
    return whole, replace(whole, pixels=pixels[: camera.height_px].copy(), pose=record.pose, camera=camera)


def _record_of(copy: Derived, contents: Contents) -> FrameRecord | None:
    """Return the record of the frame that a copy was made from."""
    made_from = copy.derivation.source_sha256, copy.derivation.source_index
    records = contents.reading.frames.frames if contents.reading.frames is not None else ()
    return next((one for one in records if (one.original_sha256, one.index) == made_from), None)


def _camera_of(copy: Derived, record: FrameRecord, shape: tuple[int, ...]) -> Camera | None:
    """Return the camera of a picture that was made smaller or cut out of a frame, or None when that is not known."""
    camera, told = record.camera, dict(copy.derivation.parameters)
    if camera is None:
        return None
    if copy.derivation.operation == "crop":
        return replace(
            camera,
            width_px=shape[1],
            height_px=shape[0],
            centre_x_px=camera.centre_x_px - float(told["left_px"]),
            centre_y_px=camera.centre_y_px - float(told["top_px"]),
        )
    if copy.derivation.operation != "annotate":
        return None
    scale = shape[1] / record.width_px
    height_px = min(shape[0], max(1, round(record.height_px * scale)))
    return _resized(camera, scale, width_px=shape[1], height_px=height_px)


def _resized(camera: Camera, scale: float, *, width_px: int, height_px: int) -> Camera:
    """Return a camera whose picture was made smaller or larger."""
    return replace(
        camera,
        width_px=width_px,
        height_px=height_px,
        focal_px=camera.focal_px * scale,
        focal_y_px=None if camera.focal_y_px is None else camera.focal_y_px * scale,
        centre_x_px=camera.centre_x_px * scale,
        centre_y_px=camera.centre_y_px * scale,
    )
