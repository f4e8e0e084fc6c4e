"""Single pictures of a video for people to look at, each with the exact time at which the video shows it.

Unlike the frames that detection measures in, a still is turned the way its container asks players to turn it, and may
be reduced; it is a view, never evidence.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.refusal import Refusal
from core.text import _
from detection.frames.video_decoding import NotAVideoError, VideoCursor, decoding, timeline_zero_s


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Still:
    """One picture of a video.

    Attributes:
        pixels: (height, width, 3) uint8 BGR, upright.
        time_s: When the video shows it, seconds on its timeline, as exact as the container's time stamps.
        turned_deg: How far it was turned clockwise to stand upright: 0, 90, 180 or 270.
        device: What decoded it ("software", "cuda", …).
    """

    pixels: NDArray[np.uint8]
    time_s: float
    turned_deg: int
    device: str


def thumbnail(path: Path, at_s: float = 0.0, *, width_px: int | None = None, hardware: bool = True) -> Still | Refusal:
    """Return the first picture that a video shows at or after a time (half a frame earlier at most).

    Args:
        path: The video; opened for reading only.
        at_s: Seconds on its timeline, not negative.
        width_px: Width to reduce it to; None, or more than it has, for its own.
        hardware: Whether to look for hardware that decodes it.

    Returns:
        The still; or a refusal with code "not-a-video" or "no-frame" (the video ends before, or is damaged to its end).
    """
    if not (np.isfinite(at_s) and at_s >= 0) or (width_px is not None and width_px < 1):
        raise ValueError("a still is taken at a time from zero on, and has a width")
    try:
        with decoding(path, hardware=hardware) as how:
            cursor = VideoCursor(how, zero_s=timeline_zero_s(how.container))
            image = cursor.at(at_s)
            if image is None:
                reason = _("shows no picture at {time:.3f} s or after").format(time=at_s)
                return Refusal(subject=path.name, code="no-frame", reason=reason)
            turned = round(-image.rotation / 90) % 4 * 90
            pixels = np.rot90(image.to_ndarray(format="bgr24"), -turned // 90)
            return Still(
                pixels=_reduced(np.ascontiguousarray(pixels), width_px),
                time_s=cursor.time_s(image),
                turned_deg=turned,
                device=how.device,
            )
    except NotAVideoError as problem:
        return Refusal(subject=path.name, code="not-a-video", reason=str(problem))


def _reduced(pixels: NDArray[np.uint8], width_px: int | None) -> NDArray[np.uint8]:
    """Return a picture at a smaller width, its proportions kept."""
    import cv2

    height, width = pixels.shape[:2]
    if width_px is None or width_px >= width:
        return pixels
    size = (width_px, max(round(height * width_px / width), 1))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
