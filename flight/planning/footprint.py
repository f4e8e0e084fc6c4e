"""What one photograph sees of level ground, and what follows from it: swath width, photo spacing, line spacing."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from flight.camera import Camera, Orientation, rays

_GRAZING: Final = math.sin(math.radians(0.5))  # rays within half a degree of the horizon meet no useful ground
_EDGE_STEPS: Final = 8  # a distorted lens bends the picture's edges; a pinhole's are straight


def footprint(camera: Camera, orientation: Orientation, height_m: float) -> NDArray[np.float64] | None:
    """Return the outline on level ground of what a photograph sees.

    Args:
        camera: The camera.
        orientation: Where it looks.
        height_m: Height of the camera above that ground, metres.

    Returns:
        (n, 2) east and north in metres relative to the point under the camera, n = 4 for a pinhole and 32 for a lens
        with distortion, in the order of the picture's corners clockwise from the top left; None when a part of the
        picture shows the horizon or what is above it.
    """
    if not height_m > 0:
        raise ValueError("a footprint is seen from above the ground")
    directions = rays(camera, orientation, _outline_px(camera))
    if np.any(directions[:, 2] > -_GRAZING):
        return None
    ground: NDArray[np.float64] = directions[:, :2] * (height_m / -directions[:, 2:3])
    return ground


def _outline_px(camera: Camera) -> NDArray[np.float64]:
    corners = np.array(
        [[0, 0], [camera.width_px, 0], [camera.width_px, camera.height_px], [0, camera.height_px]], dtype=np.float64
    )
    if not camera.distortion:
        return corners
    steps = np.linspace(0.0, 1.0, _EDGE_STEPS, endpoint=False)[:, None]
    return np.concatenate([a + (b - a) * steps for a, b in zip(corners, np.roll(corners, -1, axis=0), strict=True)])


def ground_extent_m(camera: Camera, gimbal_pitch_deg: float, height_m: float) -> tuple[float, float] | None:
    """Return (across, along) of a photograph's footprint in metres, flying the way it looks; None at the horizon.

    Across is the width where the footprint is narrowest, so that side overlap holds over the whole picture; along is
    its length in the middle.
    """
    outline = footprint(camera, Orientation(yaw_deg=0.0, pitch_deg=gimbal_pitch_deg, roll_deg=0.0), height_m)
    if outline is None:
        return None
    top, bottom = outline[: len(outline) // 4 + 1], outline[len(outline) // 2 : 3 * len(outline) // 4 + 1]
    across = min(float(np.ptp(top[:, 0])), float(np.ptp(bottom[:, 0])))
    along = abs(float(np.mean(top[:, 1])) - float(np.mean(bottom[:, 1])))
    return across, along


def gsd_m(camera: Camera, height_m: float) -> float:
    """Return the ground sampling distance of a nadir photograph, metres a pixel."""
    return height_m / camera.focal_px
