"""The air, the lens and the sensor: what lies between a scene and its photograph."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from flight.camera import Camera
from flight.rehearsal.world import Light

NOISE_ROWS: Final = 256
NOISE_COLUMNS: Final = 4096
STRIP_ROWS: Final = 48


def wide_enough(camera: Camera) -> Camera:
    """Return the ideal camera whose image holds all that a distorting lens sees: the same one without distortion."""
    if not camera.distortion:
        return camera
    edge = np.linspace(0, 1, 33)
    frame = np.concatenate(
        [np.column_stack([edge * camera.width_px, np.full(33, level * camera.height_px)]) for level in (0.0, 1.0)]
        + [np.column_stack([np.full(33, level * camera.width_px), edge * camera.height_px]) for level in (0.0, 1.0)]
    )
    ideal = _ideal_pixels(camera, frame)
    low, high = np.floor(ideal.min(axis=0)) - 2, np.ceil(ideal.max(axis=0)) + 2
    return replace(
        camera,
        width_px=int(high[0] - low[0]),
        height_px=int(high[1] - low[1]),
        centre_x_px=camera.centre_x_px - float(low[0]),
        centre_y_px=camera.centre_y_px - float(low[1]),
        distortion=(),
    )


def _ideal_pixels(camera: Camera, pixels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return where (..., 2) pixels would lie without distortion: Brown and Conrady, by fixed point."""
    k1, k2, p1, p2, k3 = camera.distortion
    centre = np.array([camera.centre_x_px, camera.centre_y_px])
    seen = (pixels - centre) / camera.focal_px
    x, y = seen[..., 0], seen[..., 1]
    for _round in range(30):
        square = x * x + y * y
        radial = 1 + k1 * square + k2 * square**2 + k3 * square**3
        aside_x = 2 * p1 * x * y + p2 * (square + 2 * x * x)
        aside_y = p1 * (square + 2 * y * y) + 2 * p2 * x * y
        x, y = (seen[..., 0] - aside_x) / radial, (seen[..., 1] - aside_y) / radial
    ideal: NDArray[np.float64] = np.stack([x, y], axis=-1) * camera.focal_px + centre
    return ideal


def through_lens(pixels: NDArray[np.uint8], ideal: Camera, camera: Camera) -> NDArray[np.uint8]:
    """Return the ideal image bent as the camera's lens bends it; the same image for a lens without distortion."""
    if not camera.distortion:
        return pixels
    import cv2

    # A coarse grid of the smooth inverse, enlarged: the full grid would take longer than the picture.
    step = 8
    rows, columns = np.meshgrid(
        np.arange(0, camera.height_px + step, step, dtype=np.float64),
        np.arange(0, camera.width_px + step, step, dtype=np.float64),
        indexing="ij",
    )
    source = _ideal_pixels(camera, np.stack([columns + 0.5, rows + 0.5], axis=-1))
    shift = np.array([ideal.centre_x_px - camera.centre_x_px, ideal.centre_y_px - camera.centre_y_px]) - 0.5
    coarse = (source + shift).astype(np.float32)
    enlarge = np.array([[1 / step, 0, 0], [0, 1 / step, 0]])
    full = cv2.warpAffine(
        coarse, enlarge, (camera.width_px, camera.height_px), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    )
    bent: NDArray[np.uint8] = cv2.remap(pixels, full, None, cv2.INTER_LINEAR)
    return bent


@lru_cache(maxsize=1)
def _noise() -> NDArray[np.int8]:
    """Return a wide tile of sensor noise, sigma 2.2 in brightness and 1.0 in colour (8-bit units)."""
    random = np.random.default_rng(20)
    size = (NOISE_ROWS, NOISE_COLUMNS)
    luma = random.standard_normal((*size, 1), dtype=np.float32) * 2.2
    return np.clip(np.round(luma + random.standard_normal((*size, 3), dtype=np.float32)), -127, 127).astype(np.int8)


def develop(pixels: NDArray[np.uint8], light: Light, *, seed: int) -> NDArray[np.uint8]:
    """Return the image after exposure, the lens's blur and the sensor's noise, which is stronger in the dark.

    Args:
        pixels: (H, W, 3) uint8.
        light: Exposure and darkness.
        seed: Settles where the noise tile is laid.
    """
    import cv2

    soft: NDArray[np.uint8] = cv2.GaussianBlur(pixels, (3, 3), 0.55)
    levels = np.arange(256, dtype=np.float64)
    bright = np.clip(levels * light.exposure, 0, 255)
    table = np.round(bright).astype(np.uint8)
    tile = _noise()
    random = np.random.default_rng((seed, 77))
    height, width = soft.shape[:2]
    for top in range(0, height, STRIP_ROWS):
        for left in range(0, width, NOISE_COLUMNS // 2):
            block = soft[top : top + STRIP_ROWS, left : left + NOISE_COLUMNS // 2]
            high, wide = block.shape[:2]
            if light.exposure != 1:
                cv2.LUT(block, table, dst=block)
            for _layer in range(1 + round(4 * light.dark)):  # an amplified sensor: up to five times the variance
                row, column = random.integers(NOISE_ROWS - high + 1), random.integers(NOISE_COLUMNS - wide + 1)
                cv2.add(block, tile[row : row + high, column : column + wide], dst=block, dtype=cv2.CV_8U)
    return soft
