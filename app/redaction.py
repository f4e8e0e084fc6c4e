"""Makes the pictures of a package fit to leave the bureau: every detector looks at each, a person may add regions.

This is where the drivers for redaction are chosen: CenterFace for faces, the station's YOLO weight for vehicles and
people.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from io import BytesIO

from shapely import Polygon

from app.weights import open_detector
from core.errors import InputRefused
from core.text import _
from detection.detection import Box, Detection, Detector
from detection.frame import Frame
from evidence.handing_out.redact import Region, redact_frame, regions_of
from evidence.sealing.again import Contents
from evidence.sealing.derivation import Derived
from evidence.sealing.frame_record import FrameRecord
from flight.camera import Camera
from flight.track import Pose

BY_HAND_CELLS = 4


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
    boxes: Sequence[tuple[str, Box]] = (),
    masks: Sequence[tuple[str, Polygon]] = (),
    by: str,
) -> tuple[Derived, ...]:
    """Return each picture of a package, redacted.

    Args:
        contents: The package.
        detectors: Look at every picture.
        boxes: What a person adds, each with the name of a picture, or "" for every one.
        masks: Secret ground, likewise.
        by: Who added them.

    Raises:
        InputRefused: The package holds no picture, or a box or mask names one that it does not hold.
    """
    pictures = [copy for copy in contents.derived if copy.media_type in {"image/jpeg", "image/png"}]
    names = {copy.name for copy in pictures}
    if not pictures:
        raise InputRefused(
            contents.incident.number, _("its package holds no picture"), _("There is nothing to redact.")
        )
    for name in [name for name, _what in (*boxes, *masks) if name and name not in names]:
        raise InputRefused(
            name,
            _("is no picture of this package"),
            _("Its pictures are {names}.").format(names=", ".join(sorted(names))),
        )
    looked_by = [f"{','.join(one.labels)}: weight {one.weight_sha256[:16]}" for one in detectors]
    given = []
    for copy in pictures:
        frame, seen = _frame_of(copy, contents)
        regions = [
            *(region for one in detectors for region in regions_of(_found(one, seen))),
            *(
                Region(kind="by-hand", box=box, cells=BY_HAND_CELLS, found_by=by)
                for name, box in boxes
                if name in {"", copy.name}
            ),
        ]
        covered = [mask for name, mask in masks if name in {"", copy.name}]
        given.append(redact_frame(frame, regions=regions, masks=covered, looked_by=looked_by))
    return tuple(given)


def _found(detector: Detector, frame: Frame) -> Iterator[Detection]:
    """Yield what a detector finds in a picture as it stands, and without its ground scale at its own and half its size.

    A crop and a reduced whole frame show a vehicle at very different sizes; pose and camera tell which, where known.
    What only one of the looks finds is made unreadable too.
    """
    plain = replace(frame, camera=None)
    looks = [(1, plain), (2, replace(plain, pixels=plain.pixels[::2, ::2].copy()))]
    if frame.camera is not None:
        looks.append((1, frame))
    for scale, look in looks:
        [seen] = detector.detect([look])
        for one in seen:
            box = one.box
            edges = (box.left_px, box.top_px, box.right_px, box.bottom_px)
            left, top, right, bottom = (edge * scale for edge in edges)
            yield replace(one, box=Box(left_px=left, top_px=top, right_px=right, bottom_px=bottom))


def _frame_of(copy: Derived, contents: Contents) -> tuple[Frame, Frame]:
    """Return a derived picture as the frame that is redacted, and as the frame that detectors look at.

    The second is the picture without the strip of words below it, with the pose and camera of the frame that it was
    made from.
    """
    import numpy as np
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
    made_from = copy.derivation.source_sha256, copy.derivation.source_index
    records = contents.reading.frames.frames if contents.reading.frames is not None else ()
    record = next((one for one in records if (one.original_sha256, one.index) == made_from), None)
    camera = None if record is None else _camera_of(copy, record, pixels.shape)
    if record is None or camera is None:
        return whole, whole
    return whole, replace(whole, pixels=pixels[: camera.height_px].copy(), pose=record.pose, camera=camera)


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
    return replace(
        camera,
        width_px=shape[1],
        height_px=min(shape[0], max(1, round(record.height_px * scale))),
        focal_px=camera.focal_px * scale,
        focal_y_px=None if camera.focal_y_px is None else camera.focal_y_px * scale,
        centre_x_px=camera.centre_x_px * scale,
        centre_y_px=camera.centre_y_px * scale,
    )
