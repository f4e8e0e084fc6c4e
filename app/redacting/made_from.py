"""What a package knows of the frame that a copy was made from: its record, and its camera at the copy's size."""

from __future__ import annotations

from dataclasses import replace

from evidence.sealing.again import Contents
from evidence.sealing.derivation import Derived
from evidence.sealing.frame_record import FrameRecord
from flight.camera import Camera, resized


def record_of(copy: Derived, contents: Contents) -> FrameRecord | None:
    """Return the record of the frame that a copy was made from."""
    made_from = copy.derivation.source_sha256, copy.derivation.source_index
    records = contents.reading.frames.frames if contents.reading.frames is not None else ()
    return next((one for one in records if (one.original_sha256, one.index) == made_from), None)


def camera_of(copy: Derived, record: FrameRecord, shape: tuple[int, ...]) -> Camera | None:
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
    return resized(camera, scale, width_px=shape[1], height_px=height_px)
