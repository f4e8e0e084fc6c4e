"""Photos as frames: bytes in, pixels and pose out, or a refusal that says why not.

Pixels are taken as the sensor wrote them: the EXIF Orientation tag is *not* applied, because camera geometry and gimbal
angles refer to the sensor's rows and columns, and a photo turned after the fact no longer fits them. Decoding is
strict: a JPEG that ends early is refused, not filled up with grey. The bytes are read once, and they must be the bytes
that were hashed when the photo was taken in.
"""

from __future__ import annotations

import hashlib
import io
import warnings
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.refusal import Refusal
from core.text import _
from detection.frame import Frame
from detection.frames.image_quality import measure_quality
from detection.thermal.jpeg_segments import SegmentsBroken, is_jpeg, picture_start
from flight.camera import Camera
from flight.track import Pose

LEAST_SIDE_PX: Final = 32
_END: Final = b"\xff\xd9"
_CLUSTER: Final = 4096
MOST_PIXELS: Final = 200_000_000  # the largest aerial cameras have 151 million; 20,000 × 20,000 is no camera's photo


def open_photo(path: Path, *, sha256: str, captured_at: datetime, pose: Pose, camera: Camera | None) -> Frame | Refusal:
    """Return the photo at ``path`` as a frame.

    Args:
        path: A JPEG, PNG, TIFF or WebP file.
        sha256: Its digest when it was taken in, hex; other bytes are refused.
        captured_at: When it was taken, aware.
        pose: Where the camera was, as far as known.
        camera: The camera at the photo's size, or None.

    Returns:
        The frame, or a refusal with code "unreadable", "empty", "altered", "not-an-image", "truncated", "too-small",
        "too-large" or "camera-mismatch".
    """
    try:
        content = path.read_bytes()
    except OSError as problem:
        return _refused(path, "unreadable", _("the file cannot be read ({problem})").format(problem=problem.strerror))
    if not content:
        return _refused(path, "empty", _("the file is empty"), _("Copy it from the card again."))
    if hashlib.sha256(content).hexdigest() != sha256:
        return _refused(
            path,
            "altered",
            _("its bytes are not those that were hashed when it was taken in"),
            _("Restore the original and process it again."),
        )
    pixels = _decoded(path, content)
    if isinstance(pixels, Refusal):
        return pixels
    if camera is not None and (camera.height_px, camera.width_px) != pixels.shape[:2]:
        return _refused(
            path,
            "camera-mismatch",
            _("the photo is {width}×{height} pixels, the camera {camera_width}×{camera_height}").format(
                width=pixels.shape[1],
                height=pixels.shape[0],
                camera_width=camera.width_px,
                camera_height=camera.height_px,
            ),
            _("Describe the camera at the size of its files; a cropped or resized photo is a camera of its own."),
        )
    return Frame(
        original_sha256=sha256,
        original_name=path.name,
        captured_at=captured_at,
        pixels=pixels,
        pose=pose,
        camera=camera,
        quality=measure_quality(pixels),
    )


def _decoded(path: Path, content: bytes) -> NDArray[np.uint8] | Refusal:
    """Return (height, width, 3) BGR pixels of an image file's bytes; the size is checked before anything is decoded."""
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own limit follows
            image = Image.open(io.BytesIO(content))
            refusal = _size_refusal(path, *image.size)
            if refusal is not None:
                return refusal
            rgb = np.asarray(image.convert("RGB"))
    except Image.DecompressionBombError:
        return _refused(path, "too-large", _("the image has more pixels than any camera's photo"))
    except UnidentifiedImageError:
        return _refused(path, "not-an-image", _("the file is not an image"), _("Name JPEG, PNG, TIFF or WebP photos."))
    except (OSError, SyntaxError, ValueError) as problem:
        return _refused(
            path,
            "truncated",
            _("the image ends early or is damaged ({problem})").format(problem=problem),
            _("Copy it from the card again."),
        )
    if _has_gap(content):
        return _refused(
            path,
            "truncated",
            _("a part of the image is missing: the file holds zeros there, or ends without its end"),
            _("Copy it from the card again."),
        )
    return np.ascontiguousarray(rgb[..., ::-1])


def _has_gap(content: bytes) -> bool:
    """Return whether a JPEG's picture holds a hole, which decoders fill with grey or smear without a word.

    A card that fails or a copy that breaks off leaves whole clusters of zeros; no camera's entropy coding writes so
    many. A picture that never ends (no EOI marker, ITU-T T.81 B.1.1.3) was not written to its end.
    """
    if not is_jpeg(content):
        return False
    try:
        begin = picture_start(content)
    except SegmentsBroken:
        return True
    end = content.find(_END, begin)
    return end < 0 or content.find(bytes(_CLUSTER), begin, end) >= 0


def _size_refusal(path: Path, width_px: int, height_px: int) -> Refusal | None:
    size = {"width": width_px, "height": height_px}
    if min(width_px, height_px) < LEAST_SIDE_PX:
        return _refused(path, "too-small", _("an image of {width}×{height} pixels shows nothing").format(**size))
    if width_px * height_px > MOST_PIXELS:
        return _refused(
            path,
            "too-large",
            _("an image of {width}×{height} pixels is larger than any camera's photo").format(**size),
            _("Give single photos, not mosaics."),
        )
    return None


def _refused(path: Path, code: str, reason: str, remedy: str = "") -> Refusal:
    return Refusal(subject=path.name, code=code, reason=reason, remedy=remedy)
