"""Which pixels of a box are smoke: what drifts has no outline of its own, so it is cut from the ground around it.

A box around a plume holds much ground. GrabCut (Rother, Kolmogorov & Blake, ACM Transactions on Graphics 23, 2004) cuts
it by colour: the ring around the box is ground for certain, the ellipse in the box is smoke to begin with, and colour
models of both are fitted and cut in turn. Smoke of
the ground's own colour is not told from it, and then nothing is said.

What is found is stated with the error that was measured for it, on rendered smoke whose true outline is known
(``make bench-smoke``); real smoke has no truth to compare with.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detection.detection import Box

SIDE_PX: Final = 192  # patches are cut at this size: smoke has no finer edge
RING: Final = 0.35  # of the box's side, on each side: the ground that it is compared with
ROUNDS: Final = 4
RIM: Final = 0.04  # of the box's side: smoke thins out towards its edge, and the cut runs inside it by about so much
LEAST_SHARE: Final = 0.08  # of the box; less than this is no plume that filled the box
MOST_CORNERS: Final = 48
AREA_SIGMA: Final = 0.35
"""One sigma of the area found, as a share of it: measured, see the module's text."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SmokePatch:
    """The part of an image that is smoke.

    Attributes:
        outline_px: (n, 2) corners of its outline, column and row in the whole image, not closed.
        share: Its share of the box.
    """

    outline_px: NDArray[np.float64]
    share: float


def cut_smoke(pixels: NDArray[np.uint8], box: Box) -> SmokePatch | None:
    """Return the part of a box that is smoke, or None where it cannot be told from the ground around it.

    Args:
        pixels: (height, width, 3) uint8, BGR.
        box: The detection's box.
    """
    window = _window(pixels, box)
    left, top, right, bottom = window
    if right - left < 8 or bottom - top < 8:
        return None
    mask, scale = _cut(pixels[top:bottom, left:right], box, window)
    return _patch(mask, box, (left, top), scale)


def smoke_mask(patch: SmokePatch, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return the (height, width) pixels of an image that a patch covers."""
    import cv2

    mask = np.zeros(shape, np.uint8)
    cv2.fillPoly(mask, [np.round(patch.outline_px).astype(np.int32)], 1)
    covered: NDArray[np.bool_] = mask.astype(bool)
    return covered


def _window(pixels: NDArray[np.uint8], box: Box) -> tuple[int, int, int, int]:
    """Return the box with its ring, cut to the image: left, top, right, bottom."""
    height, width = pixels.shape[:2]
    ring = RING * max(box.right_px - box.left_px, box.bottom_px - box.top_px)
    return (
        max(0, int(box.left_px - ring)),
        max(0, int(box.top_px - ring)),
        min(width, int(box.right_px + ring) + 1),
        min(height, int(box.bottom_px + ring) + 1),
    )


def _cut(pixels: NDArray[np.uint8], box: Box, window: tuple[int, int, int, int]) -> tuple[NDArray[np.uint8], float]:
    """Return the mask of smoke at a reduced size, and how many of its pixels are one of the image."""
    import cv2

    scale = min(1.0, SIDE_PX / max(pixels.shape[:2]))
    size = (max(8, round(pixels.shape[1] * scale)), max(8, round(pixels.shape[0] * scale)))
    small = cv2.GaussianBlur(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), (0, 0), 1.0)
    left, top = (box.left_px - window[0]) * scale, (box.top_px - window[1]) * scale
    right, bottom = (box.right_px - window[0]) * scale, (box.bottom_px - window[1]) * scale
    rows, columns = np.mgrid[0 : size[1], 0 : size[0]]
    inside = (columns >= left) & (columns < right) & (rows >= top) & (rows < bottom)
    across = (columns - (left + right) / 2) / max(1.0, (right - left) / 2)
    down = (rows - (top + bottom) / 2) / max(1.0, (bottom - top) / 2)
    begins = inside & (across**2 + down**2 <= 1)
    mask = np.where(begins, cv2.GC_PR_FGD, np.where(inside, cv2.GC_PR_BGD, cv2.GC_BGD)).astype(np.uint8)
    if not begins.any() or not (mask == cv2.GC_BGD).any():
        return np.zeros(small.shape[:2], np.uint8), scale
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.setRNGSeed(0)  # its colour models begin with clusters drawn at random
    cv2.grabCut(small, mask, None, *models, ROUNDS, cv2.GC_INIT_WITH_MASK)
    found = ((mask == cv2.GC_FGD) | (mask == cv2.GC_PR_FGD)).astype(np.uint8)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    solid = cv2.morphologyEx(cv2.morphologyEx(found, cv2.MORPH_OPEN, kernel), cv2.MORPH_CLOSE, kernel)
    rim = round(RIM * math.sqrt(max(0.0, (right - left) * (bottom - top))))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * rim + 1, 2 * rim + 1))
    return np.asarray(cv2.dilate(solid, kernel), dtype=np.uint8), scale


def _patch(mask: NDArray[np.uint8], box: Box, corner: tuple[int, int], scale: float) -> SmokePatch | None:
    """Return the largest piece of a mask as an outline in the whole image."""
    import cv2

    outlines, _tree = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not outlines:
        return None
    largest = max(outlines, key=cv2.contourArea)
    slack = 0.5
    while len(simple := cv2.approxPolyDP(largest, slack, closed=True)) > MOST_CORNERS:
        slack *= 1.3
    if len(simple) < 3:
        return None
    area = float(cv2.contourArea(simple)) / scale**2
    share = area / ((box.right_px - box.left_px) * (box.bottom_px - box.top_px))
    if share < LEAST_SHARE:
        return None
    outline = (simple[:, 0, :].astype(np.float64) + 0.5) / scale + np.array(corner, dtype=np.float64)
    return SmokePatch(outline_px=outline, share=min(1.0, share))
