"""The air between the scene and the lens, and the night: haze that grows with distance, dark, and lamps.

Both change slowly over an image. They are worked out on a coarse grid for the level ground (and the sky above the
horizon) and enlarged; that things stand a little nearer than the ground behind them does not show.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from flight.rehearsal.render_canvas import Canvas
from flight.rehearsal.render_view import Floats, View
from flight.rehearsal.world_things import Lamp

CELL_PX: Final = 16
STRIP_ROWS: Final = 64
AIR_LIGHT: Final = 205.0
HAZE_UNIT_M: Final = 100.0
EVEN: Final = 0.015
"""Haze that differs by less over the image is taken as even: two levels of brightness at most."""

SKY_M: Final = 4_000.0
"""Distance that is taken for the sky."""


def grid_on_ground(view: View) -> tuple[Floats, Floats]:
    """Return (rows, columns, 2) east-north of the ground at a coarse grid of pixels, and (rows, columns) distances."""
    rows = (np.arange(view.height_px // CELL_PX + 2) - 0.5) * CELL_PX
    columns = (np.arange(view.width_px // CELL_PX + 2) - 0.5) * CELL_PX
    x = (columns[None, :] - view.centre_x_px) / view.focal_px
    y = (rows[:, None] - view.centre_y_px) / view.focal_px
    ray = view.right * x[..., None] + view.down * y[..., None] + view.forward
    length = np.linalg.norm(ray, axis=-1)
    falling = np.minimum(ray[..., 2], -1e-6)
    reach = np.minimum(view.place[2] / -falling, SKY_M / length)
    return view.place[:2] + ray[..., :2] * reach[..., None], reach * length


def veil(canvas: Canvas) -> None:
    """Lay the haze over an image: the farther, the more air light."""
    import cv2

    haze = canvas.light.haze
    if haze <= 0:
        return
    _places, distance = grid_on_ground(canvas.view)
    share = 1 - (1 - haze) ** (distance / HAZE_UNIT_M)
    if np.ptp(share) < EVEN:  # looking down, all is equally far: one table does it
        levels = np.arange(256) * (1 - share.mean()) + AIR_LIGHT * share.mean()
        canvas.pixels[:] = cv2.LUT(canvas.pixels, np.round(levels).astype(np.uint8))
        return
    keep = _enlarged((1 - share) * 255, canvas.pixels)
    _scaled(canvas.pixels, keep, AIR_LIGHT)


def darken(canvas: Canvas, lamps: Sequence[Lamp]) -> None:
    """Take the daylight away by ``light.dark``, and give back what lamps give (by the square of the distance)."""
    dark = canvas.light.dark
    if dark <= 0:
        return
    places, _distance = grid_on_ground(canvas.view)
    level = np.full((*places.shape[:2], 3), 1 - dark)
    for lamp in lamps:
        square = ((places - np.asarray(lamp.centre)) ** 2).sum(axis=-1)
        # A lamp at height h over a place r off its foot: cosine law, normalised to 1 under the lamp.
        lit = lamp.strength * (lamp.height_m**2 / (square + lamp.height_m**2)) ** 1.5
        level += lit[..., None] * dark * np.asarray(lamp.colour[::-1]) / 255
    keep = _enlarged(np.clip(level, 0, 1) * 255, canvas.pixels)
    _scaled(canvas.pixels, keep, 0.0)


def _enlarged(coarse: Floats, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a coarse map at the image's size; cell centres lie half a cell outside its first row and column."""
    import cv2

    height, width = pixels.shape[:2]
    grow = np.array([[1 / CELL_PX, 0, 1 / CELL_PX * 0.5 + 0.5], [0, 1 / CELL_PX, 1 / CELL_PX * 0.5 + 0.5]])
    return np.asarray(
        cv2.warpAffine(
            np.round(coarse).astype(np.uint8),
            grow,
            (width, height),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        ),
        dtype=np.uint8,
    )


def _scaled(pixels: NDArray[np.uint8], keep: NDArray[np.uint8], towards: float) -> None:
    """Move pixels towards a grey: ``keep`` (of 255) of what they were, the rest of ``towards``."""
    import cv2

    for top in range(0, len(pixels), STRIP_ROWS):
        rows = slice(top, top + STRIP_ROWS)
        factor = keep[rows] if keep.ndim == 3 else cv2.merge([keep[rows]] * 3)
        kept = cv2.multiply(pixels[rows], factor, scale=1 / 255)
        if towards:
            cv2.scaleAdd(cv2.bitwise_not(factor), towards / 255, kept, dst=kept)
        pixels[rows] = kept
