"""Which ground of a patrol was seen, and how often: the coverage map as numbers and cells.

A finding that is absent means something only where the ground was seen. The report counts cells of the areas that were
asked for: never seen, seen too seldom, seen often enough; what was not seen is listed, so that a map can show it and a
next patrol can fly it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import contains_xy
from shapely.geometry.base import BaseGeometry

from core.points import GeoPoint, LocalPlane, from_plane, to_plane
from detection.coverage import Cell, Coverage, seen_cells
from flight.camera import Camera
from flight.track import Pose


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageReport:
    """How well the areas of a patrol were seen.

    Attributes:
        views_wanted: How often each cell should be seen.
        cell_m: Side of a cell, metres.
        cells: Cells in the areas.
        seen: Of these, seen at least once.
        seen_enough: Of these, seen as often as wanted.
        unseen: The cells never seen, as (n, 2) longitude and latitude of their centres, degrees.
        unplaced: Frames whose pose or camera did not tell which ground they see; they count for nothing.
    """

    views_wanted: int
    cell_m: float
    cells: int
    seen: int
    seen_enough: int
    unseen: tuple[tuple[float, float], ...]
    unplaced: int

    @property
    def seen_share(self) -> float | None:
        """Share of the ground seen at least once; None when the areas hold no cell."""
        return self.seen / self.cells if self.cells else None


def coverage_of(
    views: Iterable[tuple[Pose, Camera | None]], origin: GeoPoint, *, cell_m: float, coarsest_gsd_m: float
) -> tuple[Coverage, int]:
    """Return the coverage that frames with these poses and cameras give, and how many could not be placed.

    Args:
        views: Pose and camera of each frame.
        origin: Origin of the grid.
        cell_m: Side of a cell, metres.
        coarsest_gsd_m: Ground seen with a larger GSD does not count as seen.
    """
    coverage = Coverage(plane=LocalPlane(origin=origin), cell_m=cell_m)
    unplaced = 0
    for pose, camera in views:
        cells = None
        if camera is not None:
            cells = seen_cells(pose, camera, coverage.plane, cell_m=cell_m, coarsest_gsd_m=coarsest_gsd_m)
        if cells is None:
            unplaced += 1
        else:
            coverage.add(cells)
    return coverage, unplaced


def report_coverage(coverage: Coverage, area: BaseGeometry, *, views: int, unplaced: int = 0) -> CoverageReport:
    """Return how well ``area`` (polygons in longitude and latitude) was seen.

    A cell belongs to the area when its centre does.
    """
    if views < 1:
        raise ValueError("ground is wanted to be seen at least once")
    cells = _cells_of(coverage, area)
    counts = [coverage.views[cell] for cell in cells]
    unseen = [cell for cell, count in zip(cells, counts, strict=True) if count == 0]
    centres = from_plane(coverage.plane, _centres(coverage, unseen)) if unseen else np.empty((0, 2))
    return CoverageReport(
        views_wanted=views,
        cell_m=coverage.cell_m,
        cells=len(cells),
        seen=sum(count > 0 for count in counts),
        seen_enough=sum(count >= views for count in counts),
        unseen=tuple((float(lon), float(lat)) for lon, lat in centres),
        unplaced=unplaced,
    )


def cell_ring(coverage: Coverage, cell: Cell) -> NDArray[np.float64]:
    """Return the (4, 2) corners of a cell, longitude and latitude, anticlockwise: for maps."""
    corners = (np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) + cell) * coverage.cell_m
    return from_plane(coverage.plane, corners)


def _cells_of(coverage: Coverage, area: BaseGeometry) -> list[Cell]:
    flat = shapely.transform(area, partial(to_plane, coverage.plane))
    west, south, east, north = (bound / coverage.cell_m for bound in flat.bounds)
    columns = np.arange(math.floor(west), math.ceil(east) + 1)
    rows = np.arange(math.floor(south), math.ceil(north) + 1)
    grid = np.stack(np.meshgrid(columns, rows), axis=-1).reshape(-1, 2)
    centres = (grid + 0.5) * coverage.cell_m
    inside = grid[contains_xy(flat, centres[:, 0], centres[:, 1])]
    return [(int(column), int(row)) for column, row in inside]


def _centres(coverage: Coverage, cells: list[Cell]) -> NDArray[np.float64]:
    centres: NDArray[np.float64] = (np.array(cells, dtype=np.float64) + 0.5) * coverage.cell_m
    return centres
