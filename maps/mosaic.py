"""Lays frames on the ground as one picture, so that a map without any base layer still shows the place.

Each ground pixel takes its colour from the frame that looked down on it most steeply. The ground is taken as level at
the take-off height: good enough to recognise a place and to see that a marker lies on a car, not a measurement. The
picture's axes are east and north of a local plane; over a kilometre that differs from the map's projection by less
than 0.1 m. The only module of this room that imports OpenCV.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.points import LocalPlane, from_plane, to_plane
from detection.frame_on_ground import View
from flight.camera import project
from maps.scene import Mosaic

MAX_OFF_NADIR_DEG: Final = 65.0
MAX_SIDE_PX: Final = 3_000
FINEST_M: Final = 0.10
QUALITY: Final = 72


def lay_mosaic(views: Sequence[View]) -> Mosaic | None:
    """Return the frames as one picture on the ground, or None when no frame looks steeply enough at it."""
    useful = [view for view in views if view.height_m > 0]
    if not useful:
        return None
    plane = LocalPlane(origin=useful[0].point)
    centres = to_plane(plane, [[view.point.lon_deg, view.point.lat_deg] for view in useful])
    reach = max(view.height_m for view in useful) * math.tan(math.radians(MAX_OFF_NADIR_DEG))
    low, high = centres.min(axis=0) - reach, centres.max(axis=0) + reach
    step = max(FINEST_M, float(max(high - low)) / MAX_SIDE_PX)
    columns, rows = (math.ceil(extent / step) for extent in high - low)
    canvas = _Canvas(
        low=low,
        step=step,
        picture=np.zeros((rows, columns, 4), dtype=np.uint8),
        steepest=np.zeros((rows, columns), dtype=np.float32),
    )
    for view, centre in zip(useful, centres, strict=True):
        _lay(view, centre, canvas)
    seen_rows, seen_columns = np.nonzero(canvas.picture[..., 3])
    if seen_rows.size == 0:
        return None
    top, bottom = int(seen_rows.min()), int(seen_rows.max()) + 1
    left, right = int(seen_columns.min()), int(seen_columns.max()) + 1
    # Row 0 of the canvas is the south edge; a picture's row 0 is its north edge.
    picture = canvas.picture[top:bottom, left:right][::-1]
    corners = from_plane(plane, np.array([[left, top], [right, bottom]]) * step + low)
    return Mosaic(
        image=_encoded(picture),
        media_type="image/webp",
        west_deg=float(corners[0, 0]),
        south_deg=float(corners[0, 1]),
        east_deg=float(corners[1, 0]),
        north_deg=float(corners[1, 1]),
        metres_per_pixel=step,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Canvas:
    """The picture in the making: rows run north from ``low`` in steps of ``step`` metres."""

    low: NDArray[np.float64]
    step: float
    picture: NDArray[np.uint8]
    steepest: NDArray[np.float32]


def _lay(view: View, centre: NDArray[np.float64], canvas: _Canvas) -> None:
    """Draw one view on the canvas wherever it looks down more steeply than what is there."""
    import cv2

    low, step, steepest = canvas.low, canvas.step, canvas.steepest

    reach = view.height_m * math.tan(math.radians(MAX_OFF_NADIR_DEG))
    rows, columns = steepest.shape
    left, bottom = (max(0, int(edge)) for edge in (centre - reach - low) / step)
    right, top = (
        min(limit, math.ceil(edge)) for limit, edge in zip((columns, rows), (centre + reach - low) / step, strict=True)
    )
    east = (np.arange(left, right) + 0.5) * step + low[0] - centre[0]
    north = (np.arange(bottom, top) + 0.5) * step + low[1] - centre[1]
    offsets = np.stack([*np.meshgrid(east, north), np.full((top - bottom, right - left), -view.height_m)], axis=-1)
    steepness = (view.height_m / np.linalg.norm(offsets, axis=-1)).astype(np.float32)
    pixels = project(view.camera, view.orientation, offsets).astype(np.float32)
    inside = (
        (pixels[..., 0] >= 0)
        & (pixels[..., 0] <= view.camera.width_px)
        & (pixels[..., 1] >= 0)
        & (pixels[..., 1] <= view.camera.height_px)
        & (steepness >= math.cos(math.radians(MAX_OFF_NADIR_DEG)))
    )
    window = (slice(bottom, top), slice(left, right))
    better = inside & (steepness > steepest[window])
    if not better.any():
        return
    # OpenCV counts from pixel centres, the camera model from pixel edges.
    picture = cv2.remap(view.pixels, pixels[..., 0] - 0.5, pixels[..., 1] - 0.5, cv2.INTER_LINEAR, borderMode=1)
    canvas.picture[window][better] = np.concatenate(
        [picture[better], np.full((int(better.sum()), 1), 255, dtype=np.uint8)], axis=1
    )
    steepest[window][better] = steepness[better]


def _encoded(picture: NDArray[np.uint8]) -> bytes:
    """Return the (height, width, 4) BGRA picture as WebP with transparency."""
    import cv2

    fine, buffer = cv2.imencode(".webp", np.ascontiguousarray(picture), [cv2.IMWRITE_WEBP_QUALITY, QUALITY])
    if not fine:
        raise ValueError("the mosaic could not be encoded")
    content: bytes = buffer.tobytes()
    return content
