"""Hot spots in a thermogram: what is much warmer than the ground around it.

1. The background is the ground's own temperature: the picture without whatever is narrower than 41 pixels (a grey-level
   opening by reconstruction; Vincent, IEEE Transactions on Image Processing 2, 1993). Roofs, yards and water that are
   wider keep their own. Where numbers are temperatures, what the sun alone cannot make so hot is no background
   however wide it is.
2. The spread of what is left (1.4826 times the median absolute deviation; Rousseeuw & Croux, JASA 88, 1993) is what the
   scene does by itself: texture, edges of shadows, noise.
3. A spot begins where a pixel rises above the background by eight spreads and, where numbers are temperatures, by 15 K
   at least; it reaches as far as half of that. Fewer than three pixels are a fault of the sensor or a glint.
4. Counts know no 15 K. There a spot is besides warmer than the picture's own warm surfaces: it lies above the median
   three times as far as nine tenths of the picture do at most. In the sun every roof, wall and stone rises above the
   ground around it by many spreads, and does not rise above the next roof.

Fifteen kelvins, eight spreads and three times are chosen, not learnt: there is no labelled set of drones' thermograms
of this kind. Over 49 photos of eight DJI cameras the last rule left 184 of 1,138 spots: 2 of the 427 in five pictures
of buildings and a solar field, 29 of the 32 in six with cars, ships, stacks and people.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detection.detection import Box
from detection.thermal.thermogram import Scale, Thermogram

Floats = NDArray[np.float32]

LEAST_RISE_K: Final = 15.0
LEAST_SPREADS: Final = 8.0
LEAST_PX: Final = 3
WARMER_TIMES: Final = 3.0
_WARM_PERCENTILE: Final = 90.0
MOST_SPOTS: Final = 100
_WIDEST_PX: Final = 41
_MOST_ROUNDS: Final = 400
_SMOOTH_PX: Final = 0.8
HEATED_TO_C: Final = 95.0
"""What the sun alone makes of a dark, dry, insulated surface at most: 80 to 90 °C are measured on bitumen roofs."""
_MAD: Final = 1.4826
# No ground out of doors is more even than half a kelvin, which is 0.2 % of a count that stands for kelvins.
_LEAST_SPREAD_K: Final = 0.5
_LEAST_SPREAD_SHARE: Final = 0.002


@dataclass(frozen=True, slots=True, kw_only=True)
class HotSpot:
    """A patch that is warmer than what surrounds it.

    Attributes:
        box: In the thermogram's pixels.
        area_px: How many of its pixels rise.
        peak, mean, background: In the thermogram's scale; the peak is the warmest pixel's.
        spreads: How many times the scene's spread the peak lies above the background.
        peak_sigma_k: One sigma of the peak, kelvin; None where unknown.
        at_ceiling: Whether the peak is at the end of what the camera measures, so that it may be hotter.
        score: From 0.5, at the threshold, towards 1; a strength and no probability.
    """

    box: Box
    area_px: int
    peak: float
    mean: float
    background: float
    spreads: float
    peak_sigma_k: float | None
    at_ceiling: bool
    score: float


def find_hot_spots(
    thermogram: Thermogram, *, least_rise_k: float = LEAST_RISE_K, least_spreads: float = LEAST_SPREADS
) -> tuple[HotSpot, ...]:
    """Return the hot spots of a thermogram, strongest first, at most a hundred.

    Args:
        thermogram: Temperatures or counts.
        least_rise_k: By how much a spot rises above its background at least, kelvin; not used for counts.
        least_spreads: The same in spreads of the scene.
    """
    import cv2

    values = thermogram.values
    measured = np.isfinite(values)
    if measured.mean() < 0.5:
        return ()
    smooth = cv2.GaussianBlur(_filled(values), (0, 0), _SMOOTH_PX)
    background = _background(smooth, thermogram.scale)
    # Smooth less smooth: against a sharp picture the edges of every roof would rise.
    rise = np.where(measured, smooth - background, 0.0).astype(np.float32)
    sharp = np.where(measured, values - background, 0.0).astype(np.float32)
    celsius = thermogram.scale is Scale.CELSIUS
    floor = _LEAST_SPREAD_K if celsius else _LEAST_SPREAD_SHARE * abs(float(np.median(values[measured])))
    spread = max(floor, _MAD * float(np.median(np.abs(rise[measured]))))
    least = max(least_spreads * spread, least_rise_k if celsius else 0.0)
    warm = np.isfinite(values) if celsius else values >= _warm_end(values[measured])
    _count, numbers = cv2.connectedComponents((rise >= least / 2).astype(np.uint8), connectivity=8)
    found = []
    for number in np.unique(numbers[rise >= least]).tolist():
        # Sharp again: smoothing makes one pixel nine.
        inside = (numbers == number) & (sharp >= least / 2)
        if int((inside & (sharp >= least) & warm).sum()) >= LEAST_PX:
            found.append(_spot(thermogram, inside, sharp, background, spread, least))
    return tuple(sorted(found, key=lambda spot: -spot.score)[:MOST_SPOTS])


def _warm_end(counts: Floats) -> float:
    """Return up to which count the warm surfaces of a picture are ordinary ones."""
    usual, warm = (float(each) for each in np.percentile(counts, (50.0, _WARM_PERCENTILE)))
    return usual + WARMER_TIMES * (warm - usual)


def _filled(values: Floats) -> Floats:
    """Return values with the usual one where nothing was measured."""
    return np.where(np.isfinite(values), values, np.nanmedian(values)).astype(np.float32)


def _background(ground: Floats, scale: Scale) -> Floats:
    """Return (height, width) the ground's own value at each pixel of a smoothed picture."""
    import cv2

    usual = float(np.median(ground))
    if scale is Scale.CELSIUS:
        ground = np.where(ground > HEATED_TO_C, usual, ground).astype(np.float32)
    kernel = np.ones((_WIDEST_PX, _WIDEST_PX), dtype=np.uint8)
    reached = cv2.erode(ground, kernel, borderType=cv2.BORDER_REPLICATE)
    # What survived the erosion grows back to its whole shape, corners and all, but not beyond its own level.
    step, grown = np.ones((5, 5), dtype=np.uint8), np.empty_like(reached)
    for number in range(_MOST_ROUNDS):
        cv2.min(cv2.dilate(reached, step, dst=grown), ground, dst=grown)
        # Comparing costs as much as growing does.
        settled = number % 4 == 3 and np.array_equal(grown, reached)
        reached, grown = grown, reached
        if settled:
            break
    background: Floats = (reached + np.float32(np.median(ground - reached))).astype(np.float32)
    return background


def _spot(  # noqa: PLR0917 - the images of one scene, cut by one mask
    thermogram: Thermogram, inside: NDArray[np.bool_], rise: Floats, background: Floats, spread: float, least: float
) -> HotSpot:
    rows, columns = np.nonzero(inside)
    values = np.where(inside, thermogram.values, -np.inf)
    row, column = np.unravel_index(int(np.argmax(values)), values.shape)
    peak = float(thermogram.values[row, column])
    above = float(rise[row, column])
    sigma = None if thermogram.sigma_k is None else float(thermogram.sigma_k[row, column])
    ceiling = thermogram.ceiling
    return HotSpot(
        box=Box(
            left_px=float(columns.min()),
            top_px=float(rows.min()),
            right_px=float(columns.max() + 1),
            bottom_px=float(rows.max() + 1),
        ),
        area_px=int(inside.sum()),
        peak=peak,
        mean=float(thermogram.values[inside].mean()),
        background=float(background[row, column]),
        spreads=above / spread,
        peak_sigma_k=sigma,
        at_ceiling=ceiling is not None and peak >= ceiling,
        score=above / (above + least),
    )
