"""A frame as something to lay on the ground: its pixels at any reduced size, and where it looked from."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from core.points import GeoPoint, LocalPlane, to_plane
from flight.camera import Camera, Orientation, project


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class View:
    """One frame to lay on the ground.

    Attributes:
        pixels: (height, width, 3) uint8 BGR, of any reduced size.
        camera: The camera at that size.
        orientation: Where it looked.
        point: Where it was.
        height_m: Its height above the ground, metres.
    """

    pixels: NDArray[np.uint8] = field(repr=False)
    camera: Camera
    orientation: Orientation
    point: GeoPoint
    height_m: float


def lay_square(
    view: View, centre: GeoPoint, *, half_m: float, side_px: int
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Return (side, side, 3) BGR pixels of level ground about a point, north up, and (side, side) where it is shown.

    Args:
        view: The frame, its pose and its height above that ground.
        centre: The square's middle.
        half_m: Half its side, metres.
        side_px: Its side in pixels.
    """
    import cv2

    middle = to_plane(LocalPlane(origin=view.point), [centre.lon_deg, centre.lat_deg])
    steps = (np.arange(side_px) + 0.5) / side_px * 2 * half_m - half_m
    east, north = np.meshgrid(steps + middle[0], middle[1] - steps)
    pixels = project(
        view.camera, view.orientation, np.stack([east, north, np.full_like(east, -view.height_m)], axis=-1)
    )
    inside: NDArray[np.bool_] = (
        (pixels[..., 0] >= 0)
        & (pixels[..., 0] <= view.camera.width_px)
        & (pixels[..., 1] >= 0)
        & (pixels[..., 1] <= view.camera.height_px)
    )
    source = np.nan_to_num(pixels, nan=-1e4).astype(np.float32)
    # OpenCV counts from pixel centres, the camera model from pixel edges.
    laid = cv2.remap(view.pixels, source[..., 0] - 0.5, source[..., 1] - 0.5, cv2.INTER_LINEAR)
    laid[~inside] = 0
    return laid.astype(np.uint8, copy=False), inside
