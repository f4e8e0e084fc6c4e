"""What patrols looked at, as ground: the union of footprints, its area, and how much of each site it holds.

Areas are geodesic (WGS-84, Karney's algorithm through pyproj). What no footprint covers was not looked at; that is the
other half of every map of findings, so it is computed, not guessed from the findings.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Final

import numpy as np
import shapely
from shapely import MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry

from maps.scene import Footprint

if TYPE_CHECKING:
    from pyproj import Geod

GRID_DEG: Final = 1e-7  # a centimetre: unions on a grid cannot fail on slivers
SIMPLE_DEG: Final = 2e-6  # 0.2 m, far below a footprint's own error
LEAST_SHARE: Final = 0.01


def seen_ground(footprints: Sequence[Footprint]) -> tuple[Polygon | MultiPolygon, float]:
    """Return the union of footprints (lon/lat) and its area in square kilometres."""
    shapes = shapely.make_valid(np.array([footprint.shape for footprint in footprints], dtype=object))
    ground = areal(shapely.simplify(shapely.union_all(shapes, grid_size=GRID_DEG), SIMPLE_DEG))
    return ground, area_km2(ground)


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
