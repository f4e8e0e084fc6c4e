"""Smoke and fire over time: what burns moves, and what only looks like it does not.

A red roof, a cloud's reflection and a patch of pale ground pass for fire or smoke in one frame. Over a few seconds fire
flickers and smoke billows, while a roof keeps still. Patches around one detection are laid over each other (phase
correlation takes the aircraft's movement out), and the change of brightness inside the box is compared with the change
of the ground around it: the same sensor noise, the same compression, the same residual shake. Video fire detection has
used temporal change so since Töreyin et al., Pattern Recognition Letters 27 (2006).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detection.detection import Box
from detection.frame import Frame

SIDE_PX: Final = 96  # patches are compared at this size
CONTEXT: Final = 2.0  # patch side over box side: the ring around the box is the yardstick
LEAST_FRAMES: Final = 4
ALIVE_RATIO: Final = 1.8


@dataclass(frozen=True, slots=True, kw_only=True)
class PlumeMotion:
    """How a patch of image changed over time.

    Attributes:
        ratio: Change inside the box (its upper fifth) over change around it; about 1 for what keeps still.
        growth_per_s: Growth of the box's area per second, as a share of its first area.
        span_s: Seconds between the first and the last frame.
        is_alive: Whether it changes as burning things do.
    """

    ratio: float
    growth_per_s: float
    span_s: float
    is_alive: bool


def watch_plume(frames: Sequence[Frame], boxes: Sequence[Box]) -> PlumeMotion | None:
    """Return how a detection changed over frames, or None when there are too few of them to tell.

    Args:
        frames: Frames in order of time, a second or so in all.
        boxes: The detection's box in each.
    """
    if len(frames) != len(boxes):
        raise ValueError("each frame has its box")
    if len(frames) < LEAST_FRAMES:
        return None
    times: list[datetime] = [frame.captured_at for frame in frames]
    if any(later <= earlier for earlier, later in pairwise(times)):
        raise ValueError("frames are in rising order of time")
    side_px = CONTEXT * max(max(box.right_px - box.left_px, box.bottom_px - box.top_px) for box in boxes)
    patches = [_patch(frame.pixels, box, side_px) for frame, box in zip(frames, boxes, strict=True)]
    steady = _laid_over(patches)
    change = steady.std(axis=0)
    inner = slice(round(SIDE_PX * (1 - 1 / CONTEXT) / 2), round(SIDE_PX * (1 + 1 / CONTEXT) / 2))
    inside = np.zeros((SIDE_PX, SIDE_PX), dtype=bool)
    inside[inner, inner] = True
    ring = ~inside
    ring[:4], ring[-4:], ring[:, :4], ring[:, -4:] = False, False, False, False  # laid-over patches lack their rims
    # Inside, the upper fifth: flames fill only a part of their box. Around, the median: smoke that leaves the box must
    # not be its own yardstick.
    ratio = float(np.percentile(change[inside], 80) / (np.median(change[ring]) + 1.0))
    span_s = (times[-1] - times[0]).total_seconds()
    areas = [(box.right_px - box.left_px) * (box.bottom_px - box.top_px) for box in boxes]
    growth = float(np.polyfit([(time - times[0]).total_seconds() for time in times], areas, 1)[0] / areas[0])
    return PlumeMotion(ratio=ratio, growth_per_s=growth, span_s=span_s, is_alive=ratio >= ALIVE_RATIO)


def _patch(pixels: NDArray[np.uint8], box: Box, side_px: float) -> NDArray[np.float32]:
    """Return the brightness of a square around a box's centre, (SIDE_PX, SIDE_PX)."""
    import cv2

    centre = ((box.left_px + box.right_px) / 2, (box.top_px + box.bottom_px) / 2)
    step = side_px / SIDE_PX
    matrix = np.array(
        [[step, 0, centre[0] - side_px / 2], [0, step, centre[1] - side_px / 2]],
        dtype=np.float64,
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    square = cv2.warpAffine(pixels, matrix, (SIDE_PX, SIDE_PX), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    grey: NDArray[np.float32] = cv2.cvtColor(square, cv2.COLOR_BGR2GRAY).astype(np.float32)
    return grey


def _laid_over(patches: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return (n, side, side) patches shifted onto the first, and levelled to its brightness."""
    import cv2

    window = cv2.createHanningWindow((SIDE_PX, SIDE_PX), cv2.CV_32F)
    first = patches[0]
    steady = [first]
    for patch in patches[1:]:
        (right, down), _response = cv2.phaseCorrelate(first, patch, window)
        matrix = np.array([[1.0, 0.0, -right], [0.0, 1.0, -down]])
        moved = cv2.warpAffine(patch, matrix, (SIDE_PX, SIDE_PX), borderMode=cv2.BORDER_REPLICATE)
        steady.append(moved + (np.median(first) - np.median(moved)))
    return np.stack(steady)
