"""How good an image is: sharp or blurred, well exposed or not. Measured, not judged.

Sharpness is the mean squared gradient of the brightness (Tenengrad; Krotkov, Focusing, IJCV 1987), taken at half size
so that sensor noise counts little, and divided by the brightness variance so that a dull scene is not called blurred.
It compares frames of one camera over like ground; it is no absolute measure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

DARK: Final = 16
BRIGHT: Final = 250
LONGEST_PX: Final = 960  # images are shrunk to this before they are measured


_WIDENED: Final = np.clip(np.rint((np.arange(256) - 16) * 255 / 219), 0, 255).astype(np.uint8)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageQuality:
    """What was measured of one image.

    Attributes:
        sharpness: Mean squared gradient over brightness variance; higher is sharper.
        brightness: Mean brightness, 0 to 255.
        dark_share: Share of pixels without shadow detail.
        bright_share: Share of pixels without highlight detail.
    """

    sharpness: float
    brightness: float
    dark_share: float
    bright_share: float

    @property
    def is_exposed(self) -> bool:
        """Whether most of the image holds detail."""
        return self.dark_share < 0.6 and self.bright_share < 0.4


def measure_quality(pixels: NDArray[np.uint8], *, limited: bool = False) -> ImageQuality:
    """Return the quality of a (height, width, 3) BGR image, or of its (height, width) brightness alone.

    Args:
        pixels: The image.
        limited: Whether brightness runs from 16 to 235, as most videos store it (ITU-R BT.709-6, 3.4).
    """
    import cv2

    longest = max(pixels.shape[:2])
    factor = min(0.5, LONGEST_PX / longest)
    size = (max(2, round(pixels.shape[1] * factor)), max(2, round(pixels.shape[0] * factor)))
    grey = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    if grey.ndim == 3:
        grey = cv2.cvtColor(grey, cv2.COLOR_BGR2GRAY)
    if limited:
        grey = cv2.LUT(grey, _WIDENED)
    across = cv2.Sobel(grey, cv2.CV_32F, 1, 0)
    down = cv2.Sobel(grey, cv2.CV_32F, 0, 1)
    variance = float(grey.astype(np.float32).var())
    return ImageQuality(
        sharpness=float((across**2 + down**2).mean()) / (variance + 1.0),
        brightness=float(grey.mean()),
        dark_share=float((grey < DARK).mean()),
        bright_share=float((grey > BRIGHT).mean()),
    )
