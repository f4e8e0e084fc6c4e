"""Lay one frame on one patch of ground: north up, a fixed scale, so that two flights' pictures can be compared.

The patch is level; its height below the camera is what the frame's own fix says, or else the height above take-off.
Two patches about one thing agree in scale and direction; what is left of their poses' errors can be measured from the
pictures themselves (:func:`offset_px`), as far as the ground looks alike.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.points import GeoPoint, LocalPlane, to_plane
from flight.camera import project
from maps.mosaic import View

LEAST_SEEN: Final = 0.6
"""Share of a patch that a frame must show."""
_LEAST_RESPONSE: Final = 0.12
_SOFT_PX: Final = 3

Pixels = NDArray[np.uint8]


def lay_patch(view: View, centre: GeoPoint, *, half_m: float, side_px: int) -> Pixels | None:
    """Return (side, side, 3) BGR pixels of the ground about a point, north up; None where the frame shows too little.

    Args:
        view: The frame, its pose and its height above the patch.
        centre: The patch's middle.
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
    inside = (
        (pixels[..., 0] >= 0)
        & (pixels[..., 0] <= view.camera.width_px)
        & (pixels[..., 1] >= 0)
        & (pixels[..., 1] <= view.camera.height_px)
    )
    if inside.mean() < LEAST_SEEN:
        return None
    source = np.nan_to_num(pixels, nan=-1e4).astype(np.float32)
    # OpenCV counts from pixel centres, the camera model from pixel edges.
    laid = cv2.remap(view.pixels, source[..., 0] - 0.5, source[..., 1] - 0.5, cv2.INTER_LINEAR)
    laid[~inside] = 0
    patch: Pixels = laid
    return patch


def offset_px(before: Pixels, after: Pixels) -> tuple[float, float] | None:
    """Return by how many pixels right and down the second patch lies beside the first, or None where that is unclear.

    Phase correlation (Kuglin and Hines 1975) of the pictures' edges under a Hann window.
    """
    import cv2

    edges = [_edges(patch) for patch in (before, after)]
    window = cv2.createHanningWindow((before.shape[1], before.shape[0]), cv2.CV_32F)
    (right, down), response = cv2.phaseCorrelate(edges[0], edges[1], window)
    return (float(right), float(down)) if response >= _LEAST_RESPONSE else None


def _edges(patch: Pixels) -> NDArray[np.float32]:
    import cv2

    grey = cv2.GaussianBlur(cv2.cvtColor(patch, cv2.COLOR_BGR2GRAY).astype(np.float32), (0, 0), _SOFT_PX)
    edges: NDArray[np.float32] = np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))
    return edges
