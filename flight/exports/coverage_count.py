"""Expected coverage count: how many planned photographs see each piece of ground, on a grid of pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from flight.exports.colours import COVERAGE_CLASSES

Ring = Sequence[tuple[float, float]]


def coverage_counts(rings: Sequence[Ring], width_px: int, height_px: int) -> NDArray[np.int32]:
    """Return (height_px, width_px) counts of the rings that hold each pixel.

    Args:
        rings: Outlines of what each photograph sees, as (x, y) in pixels, y downwards.
        width_px: Width of the grid.
        height_px: Its height.
    """
    from PIL import Image, ImageDraw

    counts = np.zeros((height_px, width_px), dtype=np.int32)
    for ring in rings:
        left, top = (max(0, math.floor(min(values))) for values in zip(*ring, strict=True))
        right = min(width_px, math.ceil(max(x for x, _y in ring)) + 1)
        low = min(height_px, math.ceil(max(y for _x, y in ring)) + 1)
        if right <= left or low <= top:
            continue
        mask = Image.new("L", (right - left, low - top))
        ImageDraw.Draw(mask).polygon([(x - left, y - top) for x, y in ring], fill=1)
        counts[top:low, left:right] += np.asarray(mask, dtype=np.int32)
    return counts


def shaded(counts: NDArray[np.int32]) -> NDArray[np.uint8]:
    """Return (..., 4) RGBA colours of counts by class; transparent where no photograph sees the ground."""
    colours = np.zeros((*counts.shape, 4), dtype=np.uint8)
    for low, colour in COVERAGE_CLASSES:
        colours[counts >= low] = (*colour, 255)
    return colours
