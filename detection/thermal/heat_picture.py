"""The grey picture that weights for heat are shown: what a thermogram measured, the warmest white.

A camera's own thermal picture is coloured by a palette that its pilot chose and stretched by a rule that its maker
keeps to himself. The grey picture is made of the numbers instead, by one rule for all cameras:

1. Black and white hang on the 1st and the 99.5th percentile of what was measured: single dead or glowing pixels, and a
   person, who is a few hundredths of a per cent of the picture, do not move them.
2. These two become grey 52 and 206 and not 0 and 255: so they lie in the pictures that the weights were trained on
   (medians over the 2,898 of HIT-UAV), and what is warmer still stays distinct from what is merely warm.
3. They are no nearer to each other than three kelvins, or ground of one temperature would be blown up to noise; and
   neither is farther from the median than forty, or the sky in a corner or a furnace would leave a person no contrast.
4. Counts have no kelvins. There a kelvin is taken as a three-hundredth of the median, as if counts stood for absolute
   temperature; it only sets the two limits of rule 3.

Three and forty kelvins are chosen, not learnt: a drone's thermal camera tells a twentieth of a kelvin, which is then
three greys of the 256.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detection.thermal.thermogram import Scale, Thermogram

COLD_PERCENTILE: Final = 1.0
WARM_PERCENTILE: Final = 99.5
COLD_GREY: Final = 52
WARM_GREY: Final = 206
LEAST_SPAN_K: Final = 3.0
FARTHEST_K: Final = 40.0
_GROUND_K: Final = 300.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HeatPicture:
    """A thermogram as a weight sees it.

    Attributes:
        pixels: (height, width, 3) uint8, three times the same grey.
        black, white: What grey 0 and 255 stand for, in the thermogram's scale.
    """

    pixels: NDArray[np.uint8] = field(repr=False)
    black: float
    white: float


def heat_picture(thermogram: Thermogram) -> HeatPicture | None:
    """Return a thermogram as a grey picture, or None where nothing at all was measured.

    Pixels that were not measured get the median's grey.
    """
    measured = thermogram.values[np.isfinite(thermogram.values)]
    if not measured.size:
        return None
    cold, usual, warm = (float(each) for each in np.percentile(measured, (COLD_PERCENTILE, 50.0, WARM_PERCENTILE)))
    kelvin = 1.0 if thermogram.scale is Scale.CELSIUS else max(abs(usual), 1.0) / _GROUND_K
    cold = max(cold, usual - FARTHEST_K * kelvin)
    warm = min(warm, usual + FARTHEST_K * kelvin)
    lacking = max(0.0, LEAST_SPAN_K * kelvin - (warm - cold))
    cold, warm = cold - lacking / 2, warm + lacking / 2
    a_grey = (warm - cold) / (WARM_GREY - COLD_GREY)
    black = cold - COLD_GREY * a_grey
    values = np.where(np.isfinite(thermogram.values), thermogram.values, usual)
    grey = np.rint((values - black) / a_grey).clip(0, 255).astype(np.uint8)
    return HeatPicture(pixels=np.repeat(grey[..., None], 3, axis=2), black=black, white=black + 255 * a_grey)
