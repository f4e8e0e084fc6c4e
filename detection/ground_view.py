"""Which cells of a ground grid a camera sees, and where in the image each lies.

Cells are projected into the image, not sampled from it, so none is missed between samples, and it is known of each
whether the image holds all of it. The ground is level at the height the pose states, as in
:mod:`detection.ground_scale`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.points import LocalPlane, to_plane
from detection.ground_scale import ground_offsets_m, height_above_ground_m
from flight.camera import Camera, project, rays
from flight.track import Pose, orientation_of

FARTHEST_CELLS: Final = 150  # ground farther than so many cells is not followed
EDGE_POINTS: Final = 17
SHIFT: Final = 1 << 20
"""Cells are numbered ``(column + SHIFT) * 2 * SHIFT + row + SHIFT``: one number, neighbours northward next to it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GroundView:
    """The cells that a camera sees; n of them.

    Attributes:
        keys: (n,) numbers of the cells, rising.
        gsd_m: (n,) metres across the line of sight that a pixel spans at the cell's centre.
        towards: (n, 2) east and north parts of the unit vector from the cell to the camera.
        boxes_px: (n, 4) left, top, right, bottom of the cell in the image.
        reach_m: Ground farther than this from the point below the camera is not among the cells.
    """

    keys: NDArray[np.int64]
    gsd_m: NDArray[np.float64]
    towards: NDArray[np.float64]
    boxes_px: NDArray[np.float64]
    reach_m: float


def view_ground(
    pose: Pose, camera: Camera | None, plane: LocalPlane, *, cell_m: float, coarsest_gsd_m: float
) -> GroundView | None:
    """Return the cells of which any part may be in view at ``coarsest_gsd_m`` or finer, or None for an unknown pose.

    Args:
        pose: Position, height and all three angles are needed.
        camera: The camera, or None when it is unknown.
        plane: The local plane of the grid.
        cell_m: Side of a cell, metres.
        coarsest_gsd_m: Ground seen with a larger GSD is left out.
    """
    orientation, height_m = orientation_of(pose), height_above_ground_m(pose)
    if camera is None or orientation is None or height_m is None or pose.position is None:
        return None
    slant_m = coarsest_gsd_m * camera.focal_px
    reach_m = min(math.sqrt(max(slant_m**2 - height_m**2, 0.0)), FARTHEST_CELLS * cell_m)
    here = to_plane(plane, [pose.position.lon_deg, pose.position.lat_deg])
    edges = np.stack(
        np.meshgrid(np.linspace(0, camera.width_px, EDGE_POINTS), np.linspace(0, camera.height_px, EDGE_POINTS)), -1
    ).reshape(-1, 2)
    offsets = ground_offsets_m(camera, orientation, height_m, edges)
    level = rays(camera, orientation, edges)[:, :2]
    skyward = ~np.isfinite(offsets).all(axis=1)
    offsets[skyward] = level[skyward] * 1e9
    offsets = offsets[np.isfinite(offsets).all(axis=1)]
    if not len(offsets) or reach_m <= 0:
        return _nothing(reach_m)
    offsets *= np.minimum(1.0, reach_m / np.maximum(np.hypot(*offsets.T), 1e-9))[:, None]
    low = np.floor((offsets.min(axis=0) + here) / cell_m).astype(np.int64)
    high = np.floor((offsets.max(axis=0) + here) / cell_m).astype(np.int64)
    column, row = np.meshgrid(np.arange(low[0], high[0] + 1), np.arange(low[1], high[1] + 1), indexing="ij")
    cells = np.stack([column.ravel(), row.ravel()], axis=-1)
    centres = (cells + 0.5) * cell_m - here
    flat = np.hypot(*centres.T)
    cells, centres = cells[flat <= reach_m], centres[flat <= reach_m]
    corners = centres[:, None, :] + np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]]) * cell_m
    down = np.full((*corners.shape[:2], 1), -height_m)
    pixels = project(camera, orientation, np.concatenate([corners, down], axis=-1))
    known = np.isfinite(pixels).all(axis=(1, 2))
    cells, centres, pixels = cells[known], centres[known], pixels[known]
    boxes = np.concatenate([pixels.min(axis=1), pixels.max(axis=1)], axis=1)
    size = np.array([camera.width_px, camera.height_px])
    inside = np.concatenate([boxes[:, :2] < size, boxes[:, 2:] > 0], axis=1).all(axis=1)
    cells, centres, boxes = cells[inside], centres[inside], boxes[inside]
    slant = np.sqrt(np.sum(centres**2, axis=1) + height_m**2)
    return GroundView(
        keys=(cells[:, 0] + SHIFT) * 2 * SHIFT + cells[:, 1] + SHIFT,
        gsd_m=slant / camera.focal_px,
        towards=-centres / slant[:, None],
        boxes_px=boxes,
        reach_m=reach_m,
    )


def whole_in_view(view: GroundView, camera: Camera, *, margin_m: float) -> NDArray[np.bool_]:
    """Return (n,) whether the image holds all of each cell and ``margin_m`` of ground around it."""
    margin = (margin_m / view.gsd_m)[:, None]
    size = np.array([camera.width_px, camera.height_px])
    near, far = view.boxes_px[:, :2] >= margin, view.boxes_px[:, 2:] <= size - margin
    return np.asarray(np.concatenate([near, far], axis=1).all(axis=1))


def _nothing(reach_m: float) -> GroundView:
    return GroundView(
        keys=np.empty(0, np.int64),
        gsd_m=np.empty(0),
        towards=np.empty((0, 2)),
        boxes_px=np.empty((0, 4)),
        reach_m=reach_m,
    )
