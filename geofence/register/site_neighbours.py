"""Fences that overlap, repeat each other, or leave a sliver between them.

All pairs of neighbours are asked together: a tree gives the pairs whose boxes nearly meet, and each step is one call
over a batch of pairs, batches side by side on all cores (GEOS works without the interpreter's lock). What reaches only
the common window of two fences is cut to it first, so that a fence of sixty corners costs no more than its side.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from core.points import GeoPoint, LocalPlane, from_plane
from geofence.register.local_outlines import Floats, Shapes, is_local, origins_of, to_metres
from geofence.site import Site

OVERLAP_M2: Final = 1.0
"""Overlaps below a square metre are the rounding of coordinates."""
SLIVER_M: Final = 2.0
"""An overlap or gap narrower than this (twice its area by its outline) is a shifted or twice-traced fence."""
SAME_OUTLINE: Final = 0.98
_METRES_PER_DEGREE: Final = 110_500.0
_TOUCHING_M: Final = 0.01
_PAIRS_AT_ONCE: Final = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Between:
    """What lies between two fences.

    Attributes:
        one, other: Places of the sites in the register, ``one`` first.
        shared_m2: Common ground.
        width_m: Its width: twice its area by its outline.
        same: Whether both have one outline.
        gap_m2: Ground between them that is narrower than a sliver.
        shared: The common ground, WGS-84 degrees; None where it is the rounding of coordinates.
        strip: The ground between them, WGS-84 degrees, or None.
    """

    one: int
    other: int
    shared_m2: float
    width_m: float
    same: bool
    gap_m2: float
    shared: BaseGeometry | None
    strip: BaseGeometry | None


def look_between(sites: Sequence[Site]) -> Iterator[Between]:
    """Yield what is wrong between fences, in the register's order.

    Args:
        sites: Of one register.
    """
    shapes = np.array([site.shape for site in sites], dtype=object)
    if len(shapes) < 2:
        return
    local = is_local(shapes)
    first, second = _pairs(shapes, local)
    origins = origins_of(shapes)
    metric = shapes.copy()
    metric[local] = to_metres(shapes[local], origins[local])
    chunks = [slice(begin, begin + _PAIRS_AT_ONCE) for begin in range(0, len(first), _PAIRS_AT_ONCE)]

    def look(chunk: slice) -> list[Between]:
        return _look(metric, shapes, origins, first[chunk], second[chunk])

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for found in pool.map(look, chunks):
            yield from found


def _pairs(shapes: Shapes, local: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the pairs of fences whose boxes, widened by a sliver, meet; each once, in order."""
    west, south, east, north = shapely.bounds(shapes).T
    reach = SLIVER_M / _METRES_PER_DEGREE
    aside = reach / np.maximum(0.01, np.cos(np.radians((south + north) / 2)))
    windows = shapely.box(west - aside, south - reach, east + aside, north + reach)
    first, second = shapely.STRtree(shapes).query(windows)
    kept = (second > first) & local[first] & local[second]
    order = np.lexsort((second[kept], first[kept]))
    return first[kept][order].astype(np.int64), second[kept][order].astype(np.int64)


def _look(
    metric: Shapes, shapes: Shapes, origins: Floats, first: NDArray[np.int64], second: NDArray[np.int64]
) -> list[Between]:
    """Return what is wrong between the pairs of one batch."""
    mine = metric[first]
    theirs = to_metres(shapes[second], origins[first])  # both in the first one's plane
    near = shapely.dwithin(mine, theirs, SLIVER_M)
    first, second, mine, theirs = first[near], second[near], mine[near], theirs[near]
    shared = shapely.intersection(mine, theirs)
    shared_m2 = shapely.area(shared)
    same = shared_m2 > SAME_OUTLINE * np.maximum(shapely.area(mine), shapely.area(theirs))
    length = shapely.length(shared)
    width = np.divide(2 * shared_m2, length, out=np.zeros(len(shared)), where=length > 0)
    strips = _strips(mine, theirs)
    gap_m2 = shapely.area(strips)
    found = []
    for place in np.flatnonzero(same | (shared_m2 > OVERLAP_M2) | (gap_m2 > OVERLAP_M2)).tolist():
        lon, lat = origins[first[place]].tolist()
        plane = LocalPlane(origin=GeoPoint(lon_deg=lon, lat_deg=lat))
        found.append(
            Between(
                one=int(first[place]),
                other=int(second[place]),
                shared_m2=float(shared_m2[place]),
                width_m=float(width[place]),
                same=bool(same[place]),
                gap_m2=float(gap_m2[place]),
                shared=_placed(plane, shared[place]) if shared_m2[place] > OVERLAP_M2 else None,
                strip=_placed(plane, strips[place]) if gap_m2[place] > OVERLAP_M2 else None,
            )
        )
    return found


def _strips(mine: Shapes, theirs: Shapes) -> Shapes:
    """Return the ground between two fences that run alongside each other closer than a sliver's width.

    That is what a closing (grown by half a sliver, shrunk again) adds to both, as far as it touches both.
    """
    low = np.maximum(shapely.bounds(mine)[:, :2], shapely.bounds(theirs)[:, :2]) - 2 * SLIVER_M
    high = np.minimum(shapely.bounds(mine)[:, 2:], shapely.bounds(theirs)[:, 2:]) + 2 * SLIVER_M
    window = shapely.box(low[:, 0], low[:, 1], high[:, 0], high[:, 1])
    one, other = shapely.intersection(mine, window), shapely.intersection(theirs, window)
    both = shapely.union(one, other)
    half = SLIVER_M / 2
    grown = shapely.buffer(both, half, join_style="mitre")
    closed = shapely.buffer(grown, -half, join_style="mitre")
    # A closing adds nothing to fences that share one line: most pairs end here.
    adds = np.flatnonzero(shapely.area(closed) - shapely.area(both) > OVERLAP_M2)
    strips = np.full(len(mine), shapely.Polygon(), dtype=object)
    parts, of_pair = shapely.get_parts(shapely.difference(closed[adds], both[adds]), return_index=True)
    of_pair = adds[of_pair]
    touches = shapely.dwithin(parts, one[of_pair], _TOUCHING_M) & shapely.dwithin(parts, other[of_pair], _TOUCHING_M)
    for pair in np.unique(of_pair[touches]).tolist():
        strips[pair] = shapely.union_all(parts[touches & (of_pair == pair)])
    return strips


def _placed(plane: LocalPlane, shape: BaseGeometry) -> BaseGeometry:
    return shapely.transform(shape, lambda metres: from_plane(plane, metres))
