"""The colour of a thing in its picture, in a form that light changes little: to tell one parked car from the next.

The median of the middle of the box, in CIE 1976 L*a*b* (ISO/CIE 11664-4, D65). A box's corners show ground and its
rim shadows; a car's middle is its roof. Lightness goes with sun, shade and exposure, so it is compared loosely; a and b
go with the paint.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from detection.detection import Box

Colour = tuple[float, float, float]

_LEAST_PX: Final = 6.0  # a smaller box is all rim
_MIDDLE: Final = 0.5  # of the box's width and height
_MOST_PX: Final = 32  # so many rows and columns are enough for a median
_TO_XYZ: Final = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)  # IEC 61966-2-1
_WHITE: Final = _TO_XYZ.sum(axis=1)
# One sigma of the difference of two looks at one thing, measured on cars of overlapping photographs and rendered
# flights (docs/locating.md): lightness, and each of a and b.
SIGMA_LIGHTNESS: Final = 12.0
SIGMA_PAINT: Final = 4.0
# A box that is a little off takes in some of the ground, which is grey: that fades a colour, but keeps its hue.
FADED: Final = 0.2


def colour_of(pixels: NDArray[np.uint8], box: Box) -> Colour | None:
    """Return the median L*, a*, b* of the middle of a box; None where too little of it is in the picture.

    Args:
        pixels: (height, width, 3) uint8, BGR.
        box: In pixels of that picture.
    """
    wide, high = box.right_px - box.left_px, box.bottom_px - box.top_px
    if min(wide, high) < _LEAST_PX:
        return None
    rim_x, rim_y = wide * (1 - _MIDDLE) / 2, high * (1 - _MIDDLE) / 2
    rows = slice(max(0, round(box.top_px + rim_y)), max(0, round(box.bottom_px - rim_y)))
    columns = slice(max(0, round(box.left_px + rim_x)), max(0, round(box.right_px - rim_x)))
    middle = pixels[rows, columns]
    if middle.shape[0] < 2 or middle.shape[1] < 2:
        return None
    middle = middle[:: max(1, middle.shape[0] // _MOST_PX), :: max(1, middle.shape[1] // _MOST_PX)]
    lightness, a, b = np.median(_lab(middle.reshape(-1, 3)), axis=0)
    return round(float(lightness), 1), round(float(a), 1), round(float(b), 1)


def colours_apart(one: Colour, two: Colour) -> float:
    """Return the squared distance of two looks' colours, in sigmas of what one thing's looks differ by."""
    lightness, *paint = np.subtract(one, two)
    vivid = np.array(max((one[1:], two[1:]), key=lambda paint: float(np.hypot(*paint))))
    chroma = float(np.hypot(*vivid))
    hue = vivid / chroma if chroma > 0 else np.array([1.0, 0.0])
    faded = float(hue @ paint)
    turned = float(hue[0] * paint[1] - hue[1] * paint[0])
    return float(
        (lightness / SIGMA_LIGHTNESS) ** 2
        + faded**2 / (SIGMA_PAINT**2 + (FADED * chroma) ** 2)
        + (turned / SIGMA_PAINT) ** 2
    )


def _lab(bgr: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return (n, 3) L*, a*, b* of (n, 3) sRGB pixels, blue first."""
    rgb = bgr[:, ::-1] / 255.0
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    xyz = linear @ _TO_XYZ.T / _WHITE
    bent = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = bent.T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1)
