"""Which ground a camera has seen: cells of a local grid, and the frames that are worth looking at.

A video shows each yard a hundred times; a detector needs to see it a few times. From the track alone, before anything
is decoded, this module says which instants show ground not seen enough before. The ground is level at the height the
pose states, as in :mod:`detection.ground_scale`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from core.points import LocalPlane, to_plane
from detection.ground_scale import ground_offsets_m, height_above_ground_m
from flight.camera import Camera
from flight.track import Pose, orientation_of

Cell = tuple[int, int]
SAMPLES: Final = 64  # ground points looked at along the longer side of an image


@dataclass(slots=True, kw_only=True)
class Coverage:
    """How often each cell of ground was seen.

    Attributes:
        plane: The local plane of the grid.
        cell_m: Side of a cell, metres.
        views: Cell (column east, row north) → number of frames that saw it.
    """

    plane: LocalPlane
    cell_m: float
    views: Counter[Cell] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        if not self.cell_m > 0:
            raise ValueError("a cell has a size")

    def add(self, cells: Iterable[Cell]) -> None:
        """Count one more view of each of ``cells``."""
        self.views.update(cells)

    def wanting(self, cells: frozenset[Cell], views: int) -> float:
        """Return the share of ``cells`` that were seen fewer than ``views`` times; 0 for no cells."""
        if not cells:
            return 0.0
        return sum(self.views[cell] < views for cell in cells) / len(cells)


def seen_cells(
    pose: Pose, camera: Camera, plane: LocalPlane, *, cell_m: float, coarsest_gsd_m: float
) -> frozenset[Cell] | None:
    """Return the cells of ground in view at ``coarsest_gsd_m`` or finer, or None when the pose does not tell.

    Args:
        pose: Position, height and all three angles are needed.
        camera: The camera.
        plane: The local plane of the grid.
        cell_m: Side of a cell, metres.
        coarsest_gsd_m: Ground seen with a larger GSD does not count as seen.
    """
    orientation, height_m = orientation_of(pose), height_above_ground_m(pose)
    if orientation is None or height_m is None or pose.position is None:
        return None
    step_px = max(camera.width_px, camera.height_px) / SAMPLES
    across = np.arange(step_px / 2, camera.width_px, step_px)
    down = np.arange(step_px / 2, camera.height_px, step_px)
    offsets = ground_offsets_m(camera, orientation, height_m, np.stack(np.meshgrid(across, down), axis=-1))
    slant_m = np.sqrt(np.sum(offsets**2, axis=-1) + height_m**2)
    near = np.isfinite(slant_m) & (slant_m / camera.focal_px <= coarsest_gsd_m)
    here = to_plane(plane, [pose.position.lon_deg, pose.position.lat_deg])
    cells = np.unique(np.floor((offsets[near] + here) / cell_m).astype(np.int64), axis=0)
    return frozenset((int(column), int(row)) for column, row in cells)
