"""What patrols looked at, as ground: where a clear frame saw it, how large that is, and how much of each site it holds.

Ground that only blurred, badly exposed, far or thermal frames show was not looked at: nothing could have been found
there (:mod:`detection.coverage_map`). That is the other half of every map of findings, so it is computed, not guessed
from the findings. Areas are geodesic (WGS-84, Karney's algorithm through pyproj).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Final

import numpy as np
import shapely
from shapely import MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry

from detection.coverage_map import GSD_STEPS_M, VIEW_STEPS, SeenPart

if TYPE_CHECKING:
    from pyproj import Geod

GRID_DEG: Final = 1e-7  # a centimetre: unions on a grid cannot fail on slivers
SIMPLE_DEG: Final = 2e-6  # 0.2 m, far below a footprint's own error
LEAST_SHARE: Final = 0.01
DRAWN_DEG: Final = 2e-5  # a cell of two metres: outlines lose the stairs of their cells
SPECK_M2: Final = 16.0
"""Islands and, but in the ground looked at, holes smaller than this (four cells) are not drawn."""
VIEWS: Final = VIEW_STEPS[1:]


def seen_ground(coverage: Sequence[SeenPart]) -> tuple[Polygon | MultiPolygon, float]:
    """Return the ground that was looked at (lon/lat) and its area in square kilometres."""
    ground = _union([part for part in coverage if part.views[0] >= 1])
    return ground, area_km2(ground)


def missed_ground(coverage: Sequence[SeenPart]) -> Polygon | MultiPolygon:
    """Return what no clear frame saw: of the ground that was asked for, and of what blurred frames show (lon/lat)."""
    return _drawn(_union([part for part in coverage if part.views[1] == 0]), keep_holes=True)


def ground_by_views(coverage: Sequence[SeenPart]) -> tuple[tuple[int, Polygon | MultiPolygon], ...]:
    """Return the ground seen at least so often, by steps of :data:`VIEWS`: each lies in the one before.

    A step that adds nothing to the next higher one is left out, but for the first, which is the ground looked at.
    """
    steps: list[tuple[int, Polygon | MultiPolygon]] = []
    count = 0
    for least in reversed(VIEWS):
        parts = [part for part in coverage if part.views[0] >= least]
        if len(parts) > count or (parts and least == VIEWS[0]):
            count = len(parts)
            steps.insert(0, (least, _drawn(_union(parts), keep_holes=least == VIEWS[0])))
    return tuple(steps)


def ground_by_gsd(coverage: Sequence[SeenPart]) -> tuple[tuple[float, Polygon | MultiPolygon], ...]:
    """Return the ground whose finest look is at most so many metres a pixel, coarsest step first.

    Each lies in the one before; a step that adds nothing to the next finer one is left out.
    """
    steps: list[tuple[float, Polygon | MultiPolygon]] = []
    count = 0
    for most in GSD_STEPS_M:
        parts = [part for part in coverage if part.gsd_m is not None and part.gsd_m <= most]
        if len(parts) > count:
            count = len(parts)
            steps.insert(0, (most, _drawn(_union(parts), keep_holes=False)))
    return tuple(steps)


def _union(parts: Sequence[SeenPart]) -> Polygon | MultiPolygon:
    shapes = shapely.make_valid(np.array([part.shape for part in parts], dtype=object))
    return areal(shapely.simplify(shapely.union_all(shapes, grid_size=GRID_DEG), SIMPLE_DEG))


def _drawn(ground: Polygon | MultiPolygon, *, keep_holes: bool) -> Polygon | MultiPolygon:
    """Return ground as it is drawn: without the stairs of its cells, and without specks."""
    smooth = areal(shapely.simplify(ground, DRAWN_DEG))
    polygons = [
        Polygon(one.exterior, [hole for hole in one.interiors if keep_holes or _m2(Polygon(hole)) >= SPECK_M2])
        for one in shapely.get_parts(smooth)
        if _m2(one) >= SPECK_M2
    ]
    return polygons[0] if len(polygons) == 1 else MultiPolygon(polygons)


def _m2(small: Polygon) -> float:
    """Return a small polygon's area in square metres, closely enough to tell specks."""
    south_m = 111_320.0
    return float(small.area * south_m**2 * np.cos(np.radians(small.centroid.y)))


def areal(shape: BaseGeometry) -> Polygon | MultiPolygon:
    """Return the polygons of a shape, without its points and lines."""
    parts = [part for part in shapely.get_parts(shapely.make_valid(shape)) if part.geom_type == "Polygon"]
    return parts[0] if len(parts) == 1 else MultiPolygon(parts)


def area_km2(shape: BaseGeometry) -> float:
    """Return a lon/lat shape's geodesic area in square kilometres."""
    if shape.is_empty:
        return 0.0
    square_metres, _perimeter = _earth().geometry_area_perimeter(shapely.orient_polygons(shape))
    return abs(float(square_metres)) / 1e6


def share_seen(sites: Sequence[Polygon | MultiPolygon], ground: Polygon | MultiPolygon) -> dict[int, float]:
    """Return what share of each site the ground covers, by the site's place; sites seen less than 1 % are left out."""
    if not len(sites) or ground.is_empty:
        return {}
    shapes = np.array(sites, dtype=object)
    near = shapely.STRtree(shapes).query(ground, predicate="intersects")
    common = shapely.area(shapely.intersection(shapes[near], ground, grid_size=GRID_DEG))
    shares = common / shapely.area(shapes[near])  # of one small place, so degrees' scale cancels out
    return {
        int(place): float(min(1.0, share))
        for place, share in sorted(zip(near.tolist(), shares.tolist(), strict=True))
        if share >= LEAST_SHARE
    }


@cache
def _earth() -> Geod:
    from pyproj import Geod

    return Geod(ellps="WGS84")
