"""Reduced frames kept beside the journal, for the map's mosaic; never evidence."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.whole_file import write_bytes
from detection.frame import Frame
from detection.frame_on_ground import View
from detection.frames.shrinking import shrink
from detection.ground_scale import height_above_ground_m
from evidence.sealing.frame_record import FrameRecord
from flight.camera import resized
from flight.track import orientation_of

WIDTH_PX: Final = 1_200
QUALITY: Final = 82


def keep_view(folder: Path, frame: Frame) -> None:
    """Write a frame reduced to :data:`WIDTH_PX` to ``folder``, unless it is there."""
    from PIL import Image

    path = folder / f"{frame.frame_id}.jpg"
    if path.exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(_reduced_pixels(frame.pixels))
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=QUALITY)
    write_bytes(path, stream.getvalue())


def _reduced_pixels(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return RGB pixels whose longer side is :data:`WIDTH_PX` at most."""
    height, width = pixels.shape[:2]
    scale = min(1.0, WIDTH_PX / max(height, width))
    if scale < 1:
        pixels = shrink(pixels, max(1, round(width * scale)), max(1, round(height * scale)))
    return np.ascontiguousarray(pixels[..., ::-1])


def read_view(folder: Path, record: FrameRecord) -> View | None:
    """Return a kept frame as the mosaic needs it, or None when its pose or camera is incomplete or it was not kept."""
    from PIL import Image

    path = folder / f"{record.frame_id}.jpg"
    orientation, height_m = orientation_of(record.pose), height_above_ground_m(record.pose)
    if record.camera is None or record.pose.position is None or orientation is None or height_m is None:
        return None
    if not path.is_file():
        return None
    with Image.open(path) as picture:
        pixels = np.ascontiguousarray(np.asarray(picture.convert("RGB"))[..., ::-1])
    return View(
        pixels=pixels,
        camera=resized(
            record.camera,
            pixels.shape[1] / record.camera.width_px,
            width_px=pixels.shape[1],
            height_px=pixels.shape[0],
        ),
        orientation=orientation,
        point=record.pose.position,
        height_m=height_m,
    )
