"""Which ground a run looked at, and how finely: what a patrol did not find is gone only there.

Ground counts when two frames or more saw it, because a detector misses some of what one frame shows. The ground is
level at the height that the pose states, as for the map's footprints; what a building hides is not known here, so a
person looks at the pictures of before and after.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry

from core.points import PLANE_LIMIT_M, GeoPoint, LocalPlane, distance_m, from_plane, to_plane
from detection.ground_scale import ground_offsets_m, height_above_ground_m
from evidence.sealing.frame_record import FrameRecord
from flight.track import orientation_of

CELL_M: Final = 2.0
LEAST_VIEWS: Final = 2
GRADES_M: Final = (0.01, 0.014, 0.02, 0.028, 0.04, 0.056, 0.08, 0.112, 0.16)
"""Ground sampling distances, each √2 of the one before; coarser than the last a car is thirty pixels and less."""
_MOST_SAMPLES: Final = 220
_SHIFT: Final = 1 << 20

Grade = tuple[float, Polygon | MultiPolygon]


def ground_looked_at(frames: Sequence[FrameRecord], *, least_views: int = LEAST_VIEWS) -> tuple[Grade, ...]:
    """Return the ground that frames saw, by how finely: GSD in metres, finest first, and the ground seen so or finer.

    Args:
        frames: Every frame of a run; those without a full pose show nothing.
        least_views: In how many frames ground must be seen.
    """
    planes: list[LocalPlane] = []
    seen: list[list[list[NDArray[np.int64]]]] = []
    for frame in frames:
        if frame.pose.position is None:
            continue
        number = _plane_near(planes, frame.pose.position)
        if number == len(planes):
            planes.append(LocalPlane(origin=frame.pose.position))
            seen.append([[] for _ in GRADES_M])
        cells, gsd = _cells(frame, planes[number])
        for grade, coarsest in enumerate(GRADES_M):
            seen[number][grade].append(np.unique(cells[gsd <= coarsest]))
    grades: list[Grade] = []
    for grade, coarsest in enumerate(GRADES_M):
        parts = [
            _outline(np.concatenate(by_grade[grade]), plane, least_views)
            for plane, by_grade in zip(planes, seen, strict=True)
        ]
        ground = shapely.union_all(parts)
        if isinstance(ground, Polygon | MultiPolygon) and not ground.is_empty:
            grades.append((coarsest, ground))
    return tuple(grades)


def _plane_near(planes: Sequence[LocalPlane], point: GeoPoint) -> int:
    """Return which plane serves a point; the number of planes when a new one is needed."""
    for number, plane in enumerate(planes):
        if abs(plane.origin.lat_deg - point.lat_deg) < 1 and distance_m(plane.origin, point) < PLANE_LIMIT_M / 2:
            return number
    return len(planes)


def _cells(frame: FrameRecord, plane: LocalPlane) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return (n,) the cells that samples of a frame fall into and (n,) the ground that a pixel sees there, metres."""
    nothing = np.zeros(0, dtype=np.int64), np.zeros(0)
    pose, camera = frame.pose, frame.camera
    orientation, height_m = orientation_of(pose), height_above_ground_m(pose)
    if camera is None or pose.position is None or orientation is None or height_m is None:
        return nothing
    step = max(CELL_M * camera.focal_px / height_m / 1.5, max(camera.width_px, camera.height_px) / _MOST_SAMPLES, 1.0)
    across, down = (np.arange(step / 2, side, step) for side in (camera.width_px, camera.height_px))
    offsets = ground_offsets_m(camera, orientation, height_m, np.stack(np.meshgrid(across, down), axis=-1))
    flat = offsets.reshape(-1, 2)
    slant = np.sqrt(np.sum(flat**2, axis=-1) + height_m**2)
    near = np.isfinite(slant) & (slant / camera.focal_px <= GRADES_M[-1])
    here = to_plane(plane, [pose.position.lon_deg, pose.position.lat_deg])
    column, row = np.floor((flat[near] + here) / CELL_M).astype(np.int64).T
    return (column + _SHIFT) * 2 * _SHIFT + row + _SHIFT, slant[near] / camera.focal_px


def _outline(cells: NDArray[np.int64], plane: LocalPlane, least_views: int) -> BaseGeometry:
    """Return the ground, degrees, of the cells seen often enough."""
    unique, views = np.unique(cells, return_counts=True)
    often = unique[views >= least_views]
    if not len(often):
        return Polygon()
    breaks = np.flatnonzero(np.diff(often) != 1) + 1  # neighbours northward have neighbouring numbers
    first, last = often[np.append(0, breaks)], often[np.append(breaks - 1, len(often) - 1)]
    column, south = np.divmod(first, 2 * _SHIFT)
    north = last % (2 * _SHIFT) + 1
    west = (column - _SHIFT) * CELL_M
    # United before they are turned into degrees, so that no hair stays between two columns.
    boxes = shapely.box(west, (south - _SHIFT) * CELL_M, west + CELL_M, (north - _SHIFT) * CELL_M)
    return shapely.transform(shapely.union_all(boxes), lambda metres: from_plane(plane, metres))


def gsd_of(frame: FrameRecord | None, slant_m: float) -> float | None:
    """Return the ground that a pixel of a frame sees at a distance, metres; None without a camera."""
    if frame is None or frame.camera is None or not math.isfinite(slant_m):
        return None
    return slant_m / frame.camera.focal_px
