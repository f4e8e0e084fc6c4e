"""Smoke and fire over time: what burns moves, and what only looks like it does not.

A red roof, a cloud's reflection and a patch of pale ground pass for fire or smoke in one frame. Over a few seconds fire
flickers and smoke billows, while a roof keeps still (video fire detection has used temporal change so since Töreyin et
al., Pattern Recognition Letters 27, 2006). Patches around one detection are laid over each other by the ground around
the box alone (enhanced correlation, Evangelidis & Psarakis, IEEE PAMI 30, 2008), so that neither the aircraft's
movement nor the smoke's own drift is taken for the other. They are smoothed, because noise is fine and smoke is coarse;
then the change inside the box is compared with what the same noise and the same residual shake do: the change of the
ground around it, and more where edges are strong.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detection.detection import Box
from detection.frame import Frame

SIDE_PX: Final = 96  # patches are compared at this size
CONTEXT: Final = 2.0  # patch side over box side: the ring around the box is the yardstick
LEAST_FRAMES: Final = 4
LEAST_SPAN_S: Final = 0.8
SMOOTH_PX: Final = 2.0
RIM_PX: Final = 6  # patches that were laid over each other lack their rims
SHAKE_PX: Final = 0.3  # what is left of the aircraft's movement, pixels of the patch
FLOOR: Final = 0.3  # grey levels that coding alone changes
ALIVE_RATIO: Final = 1.0
STILL_RATIO: Final = 0.65

BURNING: Final = frozenset({"smoke", "fire", "flame"})
"""Classes whose life over time says whether they are what they look like."""


class PlumeLife(StrEnum):
    """What a detection's change over time says."""

    ALIVE = "alive"  # it changes as burning things do
    UNCLEAR = "unclear"  # it changes a little; a person looks
    STILL = "still"  # it keeps as still as the ground around it


@dataclass(frozen=True, slots=True, kw_only=True)
class PlumeMotion:
    """How a patch of image changed over time.

    Attributes:
        ratio: Change inside the box (its upper fifth) over what noise and shake do there; about a half for what keeps
            still.
        growth_per_s: Growth of the box's area per second, as a share of its first area.
        span_s: Seconds between the first and the last frame.
        frames: How many frames were compared.
    """

    ratio: float
    growth_per_s: float
    span_s: float
    frames: int = LEAST_FRAMES

    @property
    def life(self) -> PlumeLife:
        """What it says: measured on rendered smoke, fire and ground (``docs/detection.md``)."""
        if self.ratio >= ALIVE_RATIO:
            return PlumeLife.ALIVE
        return PlumeLife.STILL if self.ratio < STILL_RATIO else PlumeLife.UNCLEAR

    @property
    def is_alive(self) -> bool:
        """Whether it changes as burning things do."""
        return self.life is PlumeLife.ALIVE


def watch_plume(frames: Sequence[Frame], boxes: Sequence[Box]) -> PlumeMotion | None:
    """Return how a detection changed over frames, or None when there are too few of them to tell.

    Args:
        frames: Frames in order of time, a second or more in all.
        boxes: The detection's box in each.

    Raises:
        ValueError: A frame has no box, or frames are not in rising order of time.
    """
    times = _times_of(frames, boxes)
    span_s = (times[-1] - times[0]).total_seconds() if times else 0.0
    if len(frames) < LEAST_FRAMES or span_s < LEAST_SPAN_S:
        return None
    side_px = CONTEXT * max(max(box.right_px - box.left_px, box.bottom_px - box.top_px) for box in boxes)
    change = _changes([_patch(frame.pixels, box, side_px) for frame, box in zip(frames, boxes, strict=True)])
    if change is None:
        return None
    # Inside, the upper fifth: flames fill only a part of their box.
    ratio = float(np.percentile(change[_inside(boxes[0], side_px)], 80))
    areas = [(box.right_px - box.left_px) * (box.bottom_px - box.top_px) for box in boxes]
    growth = float(np.polyfit([(time - times[0]).total_seconds() for time in times], areas, 1)[0] / areas[0])
    return PlumeMotion(ratio=ratio, growth_per_s=growth, span_s=span_s, frames=len(frames))


def _times_of(frames: Sequence[Frame], boxes: Sequence[Box]) -> list[datetime]:
    if len(frames) != len(boxes):
        raise ValueError("each frame has its box")
    times = [frame.captured_at for frame in frames]
    if any(later <= earlier for earlier, later in pairwise(times)):
        raise ValueError("frames are in rising order of time")
    return times


def _inside(box: Box, side_px: float) -> NDArray[np.bool_]:
    """Return (SIDE_PX, SIDE_PX) the part of a patch that its box fills; a pixel at least each way."""
    half = [
        max(1.0, (high - low) / side_px * SIDE_PX / 2)
        for low, high in ((box.left_px, box.right_px), (box.top_px, box.bottom_px))
    ]
    rows, columns = np.mgrid[0:SIDE_PX, 0:SIDE_PX] + 0.5 - SIDE_PX / 2
    within: NDArray[np.bool_] = (np.abs(columns) <= half[0]) & (np.abs(rows) <= half[1])
    return within


def _ring() -> NDArray[np.bool_]:
    """Return (SIDE_PX, SIDE_PX) the ground around the box, without the rims."""
    ring = np.zeros((SIDE_PX, SIDE_PX), dtype=bool)
    ring[RIM_PX:-RIM_PX, RIM_PX:-RIM_PX] = True
    inner = slice(round(SIDE_PX * (1 - 1 / CONTEXT) / 2), round(SIDE_PX * (1 + 1 / CONTEXT) / 2))
    ring[inner, inner] = False
    return ring


def _patch(pixels: NDArray[np.uint8], box: Box, side_px: float) -> NDArray[np.float32]:
    """Return the smoothed brightness of a square around a box's centre, (SIDE_PX, SIDE_PX)."""
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
    smooth: NDArray[np.float32] = cv2.GaussianBlur(grey, (0, 0), SMOOTH_PX).astype(np.float32)
    return smooth


def _changes(patches: Sequence[NDArray[np.float32]]) -> NDArray[np.float64] | None:
    """Return (side, side) the change of each pixel over what noise and shake do, or None for too few."""
    import cv2

    ring = _ring()
    steady = _laid_over(patches, ring)
    if len(steady) < LEAST_FRAMES:
        return None
    stack = np.stack(steady)
    change, mean = stack.std(axis=0), stack.mean(axis=0)
    slopes = (cv2.Sobel(mean, cv2.CV_32F, *order) / 8 for order in ((1, 0), (0, 1)))
    slope = cv2.dilate(np.hypot(*slopes), np.ones((5, 5)))
    noise = float(np.median(change[ring]))
    ratio: NDArray[np.float64] = change / (FLOOR + noise + SHAKE_PX * slope)
    return ratio


def _laid_over(patches: Sequence[NDArray[np.float32]], ring: NDArray[np.bool_]) -> list[NDArray[np.float32]]:
    """Return the patches shifted and turned onto the middle one by their rings, and levelled to its brightness."""
    import cv2

    middle = patches[len(patches) // 2]
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    until = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 40, 1e-4)
    steady = []
    for patch in patches:
        matrix = np.eye(2, 3, dtype=np.float32)
        try:
            _found, matrix = cv2.findTransformECC(
                middle, patch, matrix, cv2.MOTION_EUCLIDEAN, until, ring.astype(np.uint8), 1
            )
        except cv2.error:  # ground without any mark (water, snow) gives nothing to lay it by; it lies as it was placed
            matrix = np.eye(2, 3, dtype=np.float32)
        moved = cv2.warpAffine(patch, matrix, (SIDE_PX, SIDE_PX), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        steady.append(moved + (np.median(middle[ring]) - np.median(moved[ring])))
    return steady
