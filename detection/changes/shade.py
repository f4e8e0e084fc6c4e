"""Where the sun's shadows lie, from the heights of what stands there: what a shadow explains is no change.

Ground is in the shade where something towards the sun is as high as the sun's ray is above that place. The heights are
those that a plane sweep between two pictures of one patrol found, at the place in the picture where a thing of that
height leans to. Heights of plain roofs are found at their edges only, which is where shadows begin.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from detection.changes.align import Mask
from detection.changes.sweep import HIGHEST_M, Floats

_STEP_M: Final = 0.5
_LONGEST_M: Final = 60.0
_LOWEST_M: Final = 0.5
_TALLER: Final = 1.3
"""Heights are found too small where a thing's top has no edges; a shadow may thus be as much longer."""
_LEAST_ELEVATION_DEG: Final = 5.0


def shaded_ground(
    height_m: Floats,
    shown: Mask,
    *,
    azimuth_deg: float,
    elevation_deg: float,
    camera_px: tuple[float, float],
    camera_height_m: float,
    gsd_m: float,
) -> tuple[Mask, Mask]:
    """Return (height, width) where ground may lie in the shade of what is shown, and of what stands beyond the picture.

    Args:
        height_m: (height, width) what stands where in the picture, metres; zero for ground.
        shown: (height, width) where the picture shows anything.
        azimuth_deg: Of the sun, clockwise from north.
        elevation_deg: Of the sun.
        camera_px: Column and row of the place plumb below the camera.
        camera_height_m: Its height above the ground.
        gsd_m: Metres a pixel.
    """
    import cv2

    rows, columns = height_m.shape
    if elevation_deg < _LEAST_ELEVATION_DEG:
        return np.ones((rows, columns), dtype=np.bool_), np.ones((rows, columns), dtype=np.bool_)
    azimuth, rise = math.radians(azimuth_deg), math.tan(math.radians(elevation_deg))
    towards = (math.sin(azimuth), -math.cos(azimuth))  # columns run east, rows run south
    # What stands there stands between its edges too.
    gap = max(3, round(3.0 / gsd_m) // 2 * 2 + 1)
    solid = cv2.morphologyEx(height_m, cv2.MORPH_CLOSE, np.ones((gap, gap), np.uint8)) * np.float32(_TALLER)
    shade, beyond = np.zeros((rows, columns), dtype=np.bool_), np.zeros((rows, columns), dtype=np.bool_)
    for metres in np.arange(_STEP_M, min(_LONGEST_M, HIGHEST_M / rise) + _STEP_M, _STEP_M).tolist():
        needed = metres * rise
        lean = needed / max(1.0, camera_height_m - needed)
        reach = metres / gsd_m
        # The point that would cast it is seen where its height leans it to.
        scale = 1 + lean
        matrix = np.array(
            [
                [scale, 0.0, reach * towards[0] * scale - camera_px[0] * lean],
                [0.0, scale, reach * towards[1] * scale - camera_px[1] * lean],
            ]
        )
        flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
        there = cv2.warpAffine(solid, matrix, (columns, rows), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        shade |= there >= max(needed, _LOWEST_M)
        beyond |= cv2.warpAffine(shown.astype(np.uint8), matrix, (columns, rows), flags=flags) == 0
    edge = np.ones((max(3, round(1.0 / gsd_m) // 2 * 2 + 1),) * 2, np.uint8)
    dilated: Mask = cv2.dilate(shade.astype(np.uint8), edge) > 0
    return dilated, beyond & ~dilated
