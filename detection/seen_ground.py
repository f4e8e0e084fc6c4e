"""Which ground a run has seen often enough: from different sides, recently, finely and sharply.

A patrol's photos overlap, so that each yard is seen five to fifteen times; the detector needs a few looks. This module
remembers of each cell of ground the last looks that differ in their direction. Whether they are enough is asked from
the point of view of a later look: a look that was coarser than the later one does not count, for the later one can see
what it could not; one that is long ago does not, for things come and go; a blurred or badly exposed one never does.

What it does not know: what stands behind a wall. Looks from different directions see behind most of them.
"""

from __future__ import annotations

import math
import statistics
from collections import deque
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.points import PLANE_LIMIT_M, GeoPoint, LocalPlane, distance_m
from detection.frames.image_quality import ImageQuality
from detection.ground_view import GroundView, view_ground, whole_in_view
from flight.camera import Camera
from flight.track import Pose

PRUNE_EVERY: Final = 200  # looks between two clearings of what is too old to count
USUAL_OF: Final = 15
BLURRED_BELOW: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Enough:
    """When ground has been seen often enough.

    Attributes:
        views: Looks from different directions that are enough where nothing was found.
        found_views: As many where something was found: more looks place it better and tell whether it moves.
        turned_deg: Two looks differ when the directions from the ground to the camera do by this much.
        moment_s: Looks from one direction that are as far apart in time differ too; infinite for never.
        fresh_s: A look counts for later ones up to this long after it.
        margin_m: Ground nearer than this to an image's edge does not count as seen; poses err.
        gsd_slack: A look counts for a later one that is finer by no more than this factor.
    """

    views: int = 3
    found_views: int = 6
    turned_deg: float = 6.0
    moment_s: float = math.inf
    fresh_s: float = 120.0
    margin_m: float = 5.0
    gsd_slack: float = 1.25

    def __post_init__(self) -> None:
        if not 1 <= self.views <= self.found_views <= 100:
            raise ValueError("ground is seen at least once, and not less often where something was found")
        if not (0 <= self.turned_deg < 180 and self.margin_m >= 0 and self.gsd_slack >= 1):
            raise ValueError("a turn is in [0, 180) degrees, a margin not negative, a slack at least one")
        if not (self.moment_s > 0 and self.fresh_s > 0):
            raise ValueError("times are positive")


class UsualSharpness:
    """Tells blurred frames by the frames before them: sharpness compares like with like only."""

    def __init__(self, *, blurred_below: float = BLURRED_BELOW, of: int = USUAL_OF) -> None:
        self._below = blurred_below
        self._usual: deque[float] = deque(maxlen=of)

    def is_blurred(self, sharpness: float) -> bool:
        """Return whether a frame is much less sharp than the frames noted so far; never before the third."""
        return len(self._usual) >= 3 and sharpness < self._below * statistics.median(self._usual)

    def note(self, sharpness: float) -> None:
        """Remember a frame's sharpness."""
        self._usual.append(sharpness)


class SeenGround:
    """The looks at the ground of one run, for one detector.

    Args:
        enough: When ground has been seen often enough.
        cell_m: Side of a cell, metres.
        coarsest_gsd_m: Ground seen with a larger GSD is not looked at.
        finest_gsd_m: The detector's own GSD: finer images are reduced to it before it sees them.
    """

    def __init__(
        self, enough: Enough, *, cell_m: float, coarsest_gsd_m: float = math.inf, finest_gsd_m: float = 0.0
    ) -> None:
        if not (cell_m > 0 and coarsest_gsd_m > 0):
            raise ValueError("a cell and the coarsest GSD are positive")
        self.enough = enough
        self.cell_m = cell_m
        self.coarsest_gsd_m, self.finest_gsd_m = coarsest_gsd_m, finest_gsd_m
        self._grids: list[_Grid] = []
        self._zero: datetime | None = None

    def look(self, pose: Pose, camera: Camera | None, at: datetime) -> Look | None:
        """Return a look at the ground, compared with those so far; None when the pose does not tell where.

        Args:
            pose: Where the camera is.
            camera: The camera, or None when it is unknown.
            at: When, aware.
        """
        if pose.position is None or camera is None:
            return None
        grid = self._grid_near(pose.position)
        view = view_ground(pose, camera, grid.plane, cell_m=self.cell_m, coarsest_gsd_m=self.coarsest_gsd_m)
        if view is None:
            return None
        self._zero = self._zero or at
        return Look(self, grid, view, camera, (at - self._zero).total_seconds())

    def _grid_near(self, point: GeoPoint) -> _Grid:
        for grid in self._grids:
            origin = grid.plane.origin
            if abs(origin.lat_deg - point.lat_deg) < 1 and distance_m(origin, point) < PLANE_LIMIT_M / 2:
                return grid
        self._grids.append(_Grid(LocalPlane(origin=point), self.enough))
        return self._grids[-1]


class _Grid:
    """Cells of one local plane, sorted by number; of each cell, slots with the last looks that differ."""

    def __init__(self, plane: LocalPlane, enough: Enough) -> None:
        self.plane, self._enough = plane, enough
        self._looks = 0
        slots = enough.found_views
        self.keys = np.empty(0, np.int64)
        self.times = np.empty((0, slots), np.float64)
        self.towards = np.empty((0, slots, 2), np.float32)
        self.gsd = np.empty((0, slots), np.float32)
        self.sources = np.empty((0, slots), np.int32)
        self.found_at = np.empty(0, np.float64)

    def places(self, keys: NDArray[np.int64]) -> NDArray[np.intp]:
        """Return (n,) rows of the cells; -1 for cells not seen yet."""
        rows = np.searchsorted(self.keys, keys)
        known = rows < len(self.keys)
        known[known] = self.keys[rows[known]] == keys[known]
        return np.where(known, rows, -1)

    def rows_for(self, keys: NDArray[np.int64]) -> NDArray[np.intp]:
        """Return (n,) rows of the cells, made where missing; the numbers are distinct and rising."""
        new = keys[self.places(keys) < 0]
        at = np.searchsorted(self.keys, new)
        self.keys = np.insert(self.keys, at, new)
        self.times = np.insert(self.times, at, -np.inf, axis=0)
        self.towards = np.insert(self.towards, at, 0, axis=0)
        self.gsd = np.insert(self.gsd, at, np.inf, axis=0)
        self.sources = np.insert(self.sources, at, -1, axis=0)
        self.found_at = np.insert(self.found_at, at, -np.inf)
        return self.places(keys)

    def prune(self, now_s: float) -> None:
        """Forget, every so many looks, the cells whose looks are all too old to count: memory stays flat."""
        self._looks += 1
        if self._looks % PRUNE_EVERY:
            return
        kept = now_s - np.maximum(self.times.max(axis=1), self.found_at) <= self._enough.fresh_s
        self.keys, self.times, self.towards = self.keys[kept], self.times[kept], self.towards[kept]
        self.gsd, self.sources, self.found_at = self.gsd[kept], self.sources[kept], self.found_at[kept]


class Look:
    """One look at the ground, before and after it is noted; made by :meth:`SeenGround.look`."""

    def __init__(self, ground: SeenGround, grid: _Grid, view: GroundView, camera: Camera, at_s: float) -> None:
        enough = ground.enough
        self._grid, self.view, self.at_s, self._enough = grid, view, at_s, enough
        self.coarsest_gsd_m = ground.coarsest_gsd_m
        self._whole = whole_in_view(view, camera, margin_m=enough.margin_m)
        self._gsd = np.maximum(view.gsd_m, ground.finest_gsd_m)
        rows = grid.places(view.keys)
        known = rows >= 0
        self._valid = np.zeros((len(rows), enough.found_views), np.bool_)
        self._same = np.zeros_like(self._valid)
        found = np.zeros(len(rows), np.bool_)
        times, gsd = grid.times[rows[known]], grid.gsd[rows[known]]
        age = np.abs(at_s - times)
        self._valid[known] = (age <= enough.fresh_s) & (gsd <= enough.gsd_slack * self._gsd[known, None])
        turned = _turned_cos(view.towards[known], grid.towards[rows[known]])
        near = turned > math.cos(math.radians(enough.turned_deg))
        self._same[known] = self._valid[known] & near & (age < enough.moment_s)
        found[known] = np.abs(at_s - grid.found_at[rows[known]]) <= enough.fresh_s
        self._sources = np.full_like(self._valid, -1, dtype=np.int32)
        self._sources[known] = grid.sources[rows[known]]
        wanted = np.where(found, enough.found_views, enough.views)
        self.lacks: NDArray[np.bool_] = np.asarray(self._valid.sum(axis=1) < wanted)

    @property
    def gain(self) -> float:
        """Share of the cells wholly in view to which this look adds what they lack; 0 when there are none."""
        adds = self.lacks & ~self._same.any(axis=1)
        return float(np.mean(adds[self._whole])) if self._whole.any() else 0.0

    @property
    def shows_ground(self) -> bool:
        """Whether any cell is wholly in view."""
        return bool(self._whole.any())

    def cells_in(self, left_px: float, top_px: float, right_px: float, bottom_px: float) -> NDArray[np.bool_]:
        """Return (n,) which cells a part of the image may show."""
        boxes = self.view.boxes_px
        inside: NDArray[np.bool_] = (
            (boxes[:, 0] < right_px) & (boxes[:, 2] > left_px) & (boxes[:, 1] < bottom_px) & (boxes[:, 3] > top_px)
        )
        return inside

    def leant_on(self, cells: NDArray[np.bool_]) -> frozenset[int]:
        """Return the sources of the looks that make these cells seen enough."""
        return frozenset(self._sources[cells][self._valid[cells]].tolist())

    def note(self, *, source: int = 0) -> None:
        """Count this look for the cells wholly in view that lacked one.

        A look from the direction of an earlier one takes its place, so that looks that count always differ.

        Args:
            source: A number for what was looked at, given back by :meth:`leant_on`.
        """
        adding = np.flatnonzero(self.lacks & self._whole)
        if not len(adding):
            return
        grid = self._grid
        rows = grid.rows_for(self.view.keys[adding])
        same = self._same[adding]
        again: NDArray[np.bool_] = np.asarray(same.any(axis=1))
        oldest = np.where(self._valid[adding], np.inf, grid.times[rows]).argmin(axis=1)
        slot = np.where(again, same.argmax(axis=1), oldest)
        finer_kept = np.logical_and(again, grid.gsd[rows, slot] * self._enough.gsd_slack < self._gsd[adding])
        used = np.flatnonzero(np.logical_not(finer_kept))
        rows, slot, adding, again = rows[used], slot[used], adding[used], again[used]
        grid.times[rows, slot] = self.at_s
        grid.gsd[rows, slot] = self._gsd[adding]
        grid.sources[rows, slot] = source
        fresh = np.flatnonzero(~again)
        grid.towards[rows[fresh], slot[fresh]] = self.view.towards[adding[fresh]]
        grid.prune(self.at_s)

    def mark_found(self, boxes_px: NDArray[np.float64], *, margin_m: float = 3.0) -> NDArray[np.int64]:
        """Remember that something was found on the ground behind these (n, 4) boxes: it is worth more looks.

        Returns:
            Numbers of the cells, distinct and rising.
        """
        found = np.zeros(len(self.view.keys), np.bool_)
        for left, top, right, bottom in boxes_px:
            cells = self.cells_in(left, top, right, bottom)
            if cells.any():
                margin = margin_m / float(self.view.gsd_m[cells].min())
                found |= self.cells_in(left - margin, top - margin, right + margin, bottom + margin)
        keys = np.sort(self.view.keys[found])
        rows = self._grid.rows_for(keys)  # first, for it makes a longer array where cells are new
        self._grid.found_at[rows] = self.at_s
        return keys


def is_clear(quality: ImageQuality, usual: UsualSharpness) -> bool:
    """Return whether a frame shows the ground: exposed, and not much less sharp than the frames before it."""
    return quality.is_exposed and not usual.is_blurred(quality.sharpness)


def _turned_cos(one: NDArray[np.float64], others: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return (n, m) cosines between (n, 2) and (n, m, 2) directions given by their level parts; all point upward."""
    up_one = np.sqrt(np.maximum(1 - np.sum(one**2, axis=-1), 0))
    up_others = np.sqrt(np.maximum(1 - np.sum(others.astype(np.float64) ** 2, axis=-1), 0))
    cosines: NDArray[np.float64] = np.sum(one[:, None, :] * others, axis=-1) + up_one[:, None] * up_others
    return cosines
