"""How much ground a pixel sees: the ground sampling distance over an image, from its pose and camera.

The ground is taken as a level plane at the height that the pose states (above ground, else above the take-off point).
That is not good enough to say whose yard a thing stands in (``geofence.locate`` does that, with terrain), but it is
good enough to choose how large an image is shown to a detector: a height that is 20 % wrong makes a car 20 % larger,
which a detector bears.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from flight.camera import Camera, Orientation, rays
from flight.track import Pose, orientation_of

GRID_CELLS: Final = 48  # samples along the longer axis; GSD is smooth, a twentieth of the image is fine enough
LEAST_HEIGHT_M: Final = 2.0  # below this the level-ground picture says nothing


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GroundScale:
    """Ground sampling distance over one image.

    Attributes:
        width_px, height_px: The image's size.
        gsd_m: (rows, columns) metres across the line of sight that one pixel sees, sampled at the centres of a regular
            grid over the image; ``inf`` at and above the horizon.
        height_m: Height above the ground that was assumed, metres.
    """

    width_px: int
    height_px: int
    gsd_m: NDArray[np.float64] = field(repr=False)
    height_m: float

    def __post_init__(self) -> None:
        if self.gsd_m.ndim != 2 or not np.all(self.gsd_m > 0):
            raise ValueError("GSD is a grid of positive metres (infinite above the horizon)")


def height_above_ground_m(pose: Pose) -> float | None:
    """Return the height over level ground that the pose states, metres, or None when it states none above 2 m.

    Heights above the ellipsoid or the sea say nothing about the ground without a terrain model and are not used here.
    """
    for height in (pose.height_agl, pose.height_takeoff):
        if height is not None and height.metres >= LEAST_HEIGHT_M:
            return height.metres
    return None


def ground_offsets_m(
    camera: Camera, orientation: Orientation, height_m: float, pixels: ArrayLike
) -> NDArray[np.float64]:
    """Return (..., 2) east and north of the camera, metres, where (..., 2) pixels meet level ground; NaN for sky."""
    towards = rays(camera, orientation, pixels)
    down = -towards[..., 2:3]
    reach = height_m / np.where(down > 1e-6, down, np.nan)
    offsets: NDArray[np.float64] = towards[..., :2] * reach
    return offsets


def ground_scale(pose: Pose, camera: Camera | None) -> GroundScale | None:
    """Return the GSD over the image, or None when pose or camera do not tell.

    GSD here is slant range divided by focal length: the metres that one pixel spans across its line of sight, which
    is what decides how many pixels a standing thing fills. (Along the ground the spacing is larger, by 1/sin of the
    depression angle; Mikhail, Bethel & McGlone, Introduction to Modern Photogrammetry, 2001, ch. 4.)
    """
    orientation, height_m = orientation_of(pose), height_above_ground_m(pose)
    if camera is None or orientation is None or height_m is None:
        return None
    cell_px = max(camera.width_px, camera.height_px) / GRID_CELLS
    columns, rows = (max(2, math.ceil(side / cell_px)) for side in (camera.width_px, camera.height_px))
    across = (np.arange(columns) + 0.5) / columns * camera.width_px
    down_px = (np.arange(rows) + 0.5) / rows * camera.height_px
    gsd = gsd_at(pose, camera, np.stack(np.meshgrid(across, down_px), axis=-1))
    if gsd is None:
        return None
    return GroundScale(width_px=camera.width_px, height_px=camera.height_px, gsd_m=gsd, height_m=height_m)


def gsd_at(pose: Pose, camera: Camera | None, pixels: ArrayLike) -> NDArray[np.float64] | None:
    """Return (...) the GSD at (..., 2) pixels, metres, ``inf`` for sky, or None when pose or camera do not tell."""
    down, height_m = steepness_at(pose, camera, pixels), height_above_ground_m(pose)
    if camera is None or down is None or height_m is None:
        return None
    gsd: NDArray[np.float64] = np.where(down > 1e-6, height_m / np.maximum(down, 1e-6) / camera.focal_px, np.inf)
    return gsd


def steepness_at(pose: Pose, camera: Camera | None, pixels: ArrayLike) -> NDArray[np.float64] | None:
    """Return (...) how steeply (..., 2) pixels look down: the sine of the depression angle, 1 for straight down.

    Not above the horizon: it is negative there. None when pose or camera do not tell.
    """
    orientation = orientation_of(pose)
    if camera is None or orientation is None:
        return None
    down: NDArray[np.float64] = -rays(camera, orientation, pixels)[..., 2]
    return down
