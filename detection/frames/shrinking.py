"""Shrinking pictures: what a network, a mosaic and a measurement are shown of many million pixels.

An area mean is the right filter, and by a factor that is no whole number it is slow: it costs as much as a third of a
network's forward pass. Here a picture is halved by means of two by two pixels, which is exact and fast, as often as it
stays larger than wanted, and the rest, less than a half, is interpolated. The outcome differs from the area mean by
one or two grey levels at most on average (``tests/detection/test_shrinking.py``).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def shrink(pixels: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Return (height, width, channels) or (height, width) pixels, not larger than those given in either direction.

    Raises:
        ValueError: The wanted size is larger, or nothing.
    """
    import cv2

    high, wide = pixels.shape[:2]
    if not (0 < width <= wide and 0 < height <= high):
        raise ValueError(f"{wide} by {high} pixels are not shrunk to {width} by {height}")
    halved = 1
    while width * halved * 2 <= wide and height * halved * 2 <= high:
        half_high, half_wide = (side // 2 for side in pixels.shape[:2])
        even = pixels[: half_high * 2, : half_wide * 2]
        pixels = np.asarray(cv2.resize(even, (half_wide, half_high), interpolation=cv2.INTER_AREA), dtype=np.uint8)
        halved *= 2
    if wide % halved == 0 == high % halved:
        if (wide // halved, high // halved) != (width, height):
            pixels = np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)
        return pixels
    # An odd row or column was left over: what is seen must not move by it, so the places are computed from all of it.
    across, down = wide / halved / width, high / halved / height
    moved = np.array([[across, 0, across / 2 - 0.5], [0, down, down / 2 - 0.5]])
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    drawn = cv2.warpAffine(pixels, moved, (width, height), flags=how, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(drawn, dtype=np.uint8)
