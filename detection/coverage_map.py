"""The coverage map of a run: which ground was seen how often, how finely and how sharply, and which never.

A finding that is absent means something only where the ground was seen. Frames are counted cell by cell
(:mod:`detection.ground_view`); a blurred or badly exposed frame is counted apart, for it shows that the camera was
there and no more. The map is of outlines of ground seen alike, with what was never seen of the ground that was asked
for. The ground is level at the height that poses state.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from core.points import PLANE_LIMIT_M, GeoPoint, LocalPlane, distance_m, from_plane, to_plane
from detection.frames.image_quality import ImageQuality
from detection.ground_view import SHIFT, view_ground, whole_in_view
from detection.seen_ground import UsualSharpness, is_clear
from flight.camera import Camera
from flight.track import Pose

CELL_M: Final = 2.0
COARSEST_GSD_M: Final = 0.3
VIEW_STEPS: Final = (0, 1, 2, 3, 6, 12)
"""Ground is told apart by having been seen at least so often."""
GSD_STEPS_M: Final = (0.02, 0.04, 0.08, 0.15, COARSEST_GSD_M)
"""And by its finest look: at most so many metres a pixel."""
REDUCED_AT: Final = 1_000_000  # cells waiting before they are counted together: memory stays flat


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SeenPart:
    """Ground that was seen alike.

    Attributes:
        shape: Polygons, longitude and latitude.
        views: The least and the greatest number of clear frames that saw a cell of it; 0 for ground never seen so.
        unclear: The greatest number of blurred or badly exposed frames that saw a cell of it.
        gsd_m: The finest look at it: median over its cells, metres a pixel; None where never seen.
        sharpness: The sharpest look at it: median over its cells, as measured; None where it is not known.
        area_m2: Its area, square metres.
    """

    shape: BaseGeometry
    views: tuple[int, int]
    unclear: int
    gsd_m: float | None
    sharpness: float | None
    area_m2: float


class CoverageMap:
    """Counts the ground that frames see.

    Args:
        cell_m: Side of a cell, metres.
        coarsest_gsd_m: Ground seen with a larger GSD does not count as seen.
    """

    def __init__(self, *, cell_m: float = CELL_M, coarsest_gsd_m: float = COARSEST_GSD_M) -> None:
        if not (cell_m > 0 and coarsest_gsd_m > 0):
            raise ValueError("a cell and the coarsest GSD are positive")
        self._cell_m, self._coarsest = cell_m, coarsest_gsd_m
        self._usual = UsualSharpness()
        self._grids: list[_Grid] = []
        self.unplaced = 0

    def add(self, pose: Pose, camera: Camera | None, quality: ImageQuality | None) -> None:
        """Count a frame; one whose pose or camera does not tell what it sees is counted in :attr:`unplaced`.

        Args:
            pose: Where the camera was.
            camera: The camera, or None when it is unknown.
            quality: How good the frame is; None where it was not measured, and then it counts as clear.
        """
        clear = True
        if quality is not None:
            clear = is_clear(quality, self._usual)
            self._usual.note(quality.sharpness)
        if pose.position is None or camera is None:
            self.unplaced += 1
            return
        grid = self._grid_near(pose.position)
        view = view_ground(pose, camera, grid.plane, cell_m=self._cell_m, coarsest_gsd_m=self._coarsest)
        if view is None:
            self.unplaced += 1
            return
        whole = whole_in_view(view, camera, margin_m=0.0) & (view.gsd_m <= self._coarsest)
        sharpness = np.nan if quality is None or not clear else quality.sharpness
        grid.count(view.keys[whole], view.gsd_m[whole], sharpness, is_clear=clear)

    def parts(self, asked_for: BaseGeometry | None = None) -> tuple[SeenPart, ...]:
        """Return the ground by how it was seen, most often first, and last what was never seen.

        Args:
            asked_for: Polygons, longitude and latitude; of these it is told what was never seen.
        """
        parts = [part for grid in self._grids for part in grid.parts(self._cell_m)]
        if asked_for is not None and not asked_for.is_empty:
            missed = shapely.difference(asked_for, shapely.union_all([part.shape for part in parts if part.views[0]]))
            if not missed.is_empty:
                parts.append(
                    SeenPart(
                        shape=missed, views=(0, 0), unclear=0, gsd_m=None, sharpness=None, area_m2=_area_m2(missed)
                    )
                )
        return tuple(sorted(parts, key=lambda part: -part.views[0]))

    def _grid_near(self, point: GeoPoint) -> _Grid:
        for grid in self._grids:
            origin = grid.plane.origin
            if abs(origin.lat_deg - point.lat_deg) < 1 and distance_m(origin, point) < PLANE_LIMIT_M / 2:
                return grid
        self._grids.append(_Grid(LocalPlane(origin=point)))
        return self._grids[-1]


class _Grid:
    """Counts of one local plane: (n, 5) clear views, unclear views, finest GSD, sharpest, by rising cell number."""

    def __init__(self, plane: LocalPlane) -> None:
        self.plane = plane
        self._keys = np.empty(0, np.int64)
        self._counts = np.empty((0, 4))
        self._waiting: list[tuple[NDArray[np.int64], NDArray[np.float64]]] = []

    def count(self, keys: NDArray[np.int64], gsd_m: NDArray[np.float64], sharpness: float, *, is_clear: bool) -> None:
        """Count one look at cells."""
        rows = np.empty((len(keys), 4))
        rows[:, 0], rows[:, 1] = is_clear, not is_clear
        rows[:, 2] = gsd_m if is_clear else np.nan
        rows[:, 3] = sharpness
        self._waiting.append((keys, rows))
        if sum(len(some) for some, _rows in self._waiting) > REDUCED_AT:
            self._reduce()

    def _reduce(self) -> None:
        keys = np.concatenate([self._keys, *(some for some, _rows in self._waiting)])
        rows = np.concatenate([self._counts, *(rows for _keys, rows in self._waiting)])
        self._waiting.clear()
        if not len(keys):
            return
        order = np.argsort(keys, kind="stable")
        keys, rows = keys[order], rows[order]
        starts = np.flatnonzero(np.append(True, np.diff(keys) != 0))
        self._keys = keys[starts]
        self._counts = np.column_stack(
            [
                np.add.reduceat(rows[:, :2], starts, axis=0),
                np.fmin.reduceat(rows[:, 2], starts),
                np.fmax.reduceat(rows[:, 3], starts),
            ]
        )

    def parts(self, cell_m: float) -> Iterator[SeenPart]:
        """Yield the ground by steps of views and of GSD."""
        self._reduce()
        views, gsd_m = self._counts[:, 0], self._counts[:, 2]
        by_views = np.searchsorted(VIEW_STEPS, views, side="right")
        by_gsd = np.where(views > 0, np.searchsorted(GSD_STEPS_M, np.nan_to_num(gsd_m)), -1)
        for kind in np.unique(np.column_stack([by_views, by_gsd]), axis=0):
            cells = (by_views == kind[0]) & (by_gsd == kind[1])
            counts = self._counts[cells]
            seen = bool(counts[0, 0])
            sharp = counts[~np.isnan(counts[:, 3]), 3]
            yield SeenPart(
                shape=_outline(self._keys[cells], self.plane, cell_m),
                views=(int(counts[:, 0].min()), int(counts[:, 0].max())),
                unclear=int(counts[:, 1].max()),
                gsd_m=float(np.median(counts[:, 2])) if seen else None,
                sharpness=float(np.median(sharp)) if len(sharp) else None,
                area_m2=float(cells.sum()) * cell_m**2,
            )


def _outline(keys: NDArray[np.int64], plane: LocalPlane, cell_m: float) -> BaseGeometry:
    """Return the ground, degrees, of cells given by their rising numbers."""
    breaks = np.flatnonzero(np.diff(keys) != 1) + 1  # neighbours northward have neighbouring numbers
    first, last = keys[np.append(0, breaks)], keys[np.append(breaks - 1, len(keys) - 1)]
    column, south = np.divmod(first, 2 * SHIFT)
    north = last % (2 * SHIFT) + 1
    west = (column - SHIFT) * cell_m
    boxes = shapely.box(west, (south - SHIFT) * cell_m, west + cell_m, (north - SHIFT) * cell_m)
    return shapely.transform(shapely.union_all(boxes), lambda metres: from_plane(plane, metres))


def _area_m2(shape: BaseGeometry) -> float:
    centre = shape.envelope.centroid
    plane = LocalPlane(origin=GeoPoint(lon_deg=centre.x, lat_deg=centre.y))
    return float(shapely.transform(shape, lambda degrees: to_plane(plane, degrees)).area)
