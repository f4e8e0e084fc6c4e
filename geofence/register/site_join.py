"""Join many points with many fences: which point lies in which fence, without error, fast.

This is the plain question, without uncertainty; :mod:`geofence.attribute` asks the honest one. It serves overviews and
whatever must run over millions of points. Answers are those of Shapely's ``intersects`` and so of ``geopandas.sjoin``
(a point on the fence is inside), reached in another way:

1. Points are taken in tiles of 16 neighbours (sorted into strips of equal number by longitude, then by latitude).
2. A tree over the fences' bounding boxes is asked once a tile, and its answer narrowed point by point.
3. Of a pair's fence, only the edges that straddle the point's latitude are looked at, two or so of forty; an odd number
   of them to the east means inside.
4. Which side of an edge the point lies on is the sign of a determinant, believed only beyond its rounding error
   (Shewchuk, Discrete & Computational Geometry 18, 1997, bound A). The few pairs in doubt, and points level with a
   vertex, are asked of Shapely, whose predicates are exact.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray

from geofence.register.site_index import Fences, closed_rings

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_POINTS_AT_ONCE: Final = 16_384
_TILE: Final = 16
_VERTICES_AT_ONCE: Final = 60_000
_ORIENTATION_ERROR: Final = (3 + 16 * 2**-53) * 2**-53


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class JoinIndex:
    """Fences ready to be joined.

    Attributes:
        shapes: (n,) the shapes, degrees.
        tree: Over their bounding boxes.
        west: (n,) the bounding boxes' edges.
        south: (n,) as above.
        east: (n,) as above.
        north: (n,) as above.
        lon: (v,) vertices of all rings, each ring closed.
        lat: (v,) as above.
        is_edge: (v,) whether an edge runs from this vertex to the next.
        offsets: (n + 1,) where each fence's vertices begin.
    """

    shapes: NDArray[np.object_] = field(repr=False)
    tree: shapely.STRtree = field(repr=False)
    west: Floats = field(repr=False)
    south: Floats = field(repr=False)
    east: Floats = field(repr=False)
    north: Floats = field(repr=False)
    lon: Floats = field(repr=False)
    lat: Floats = field(repr=False)
    is_edge: NDArray[np.bool_] = field(repr=False)
    offsets: Integers


def build_join(fences: Fences) -> JoinIndex:
    """Return the index that joins with the sites or zones of a register's index."""
    return build_join_of(fences.shapes, fences.tree)


def build_join_of(shapes: NDArray[np.object_], tree: shapely.STRtree | None = None) -> JoinIndex:
    """Return the index that joins with polygons in degrees.

    Args:
        shapes: (n,) polygons and multipolygons.
        tree: Over the shapes, if there is one already.
    """
    vertices, is_edge, counts = closed_rings(shapes)
    west, south, east, north = np.ascontiguousarray(shapely.bounds(shapes).reshape(-1, 4).T)
    return JoinIndex(
        shapes=shapes,
        tree=shapely.STRtree(shapes) if tree is None else tree,
        west=west,
        south=south,
        east=east,
        north=north,
        lon=np.ascontiguousarray(vertices[:, 0]),
        lat=np.ascontiguousarray(vertices[:, 1]),
        is_edge=is_edge,
        offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
    )


def join_points(index: JoinIndex, lonlat: Floats, *, threads: int | None = None) -> tuple[Integers, Integers]:
    """Return every pair of a point and a fence that holds it.

    Args:
        index: The fences.
        lonlat: (n, 2) points, degrees.
        threads: How many work at once; None for one a core. The answer does not depend on it.

    Returns:
        (m,) places of points, ascending, and (m,) places of fences, ascending within each point.
    """
    order = _by_tile(lonlat)
    chunks = [order[begin : begin + _POINTS_AT_ONCE] for begin in range(0, len(order), _POINTS_AT_ONCE)]
    workers = threads or os.cpu_count() or 1
    with ThreadPoolExecutor(workers) as pool:  # numpy and Shapely let go of the interpreter while they compute
        found = list(pool.map(lambda chunk: _join_chunk(index, lonlat, chunk), chunks))
    points = np.concatenate([points for points, _ in found]) if found else np.zeros(0, dtype=np.int64)
    places = np.concatenate([places for _, places in found]) if found else np.zeros(0, dtype=np.int64)
    ordered = np.argsort(points * np.int64(max(1, len(index.shapes))) + places, kind="stable")
    return points[ordered], places[ordered]


def join_stream(
    index: JoinIndex, batches: Iterable[Floats], *, threads: int | None = None
) -> Iterator[tuple[Integers, Integers]]:
    """Yield :func:`join_points` of each batch, places of points counted from the stream's first.

    Args:
        index: The fences.
        batches: Arrays of (n, 2) points, degrees, as they come.
        threads: As in :func:`join_points`.
    """
    before = 0
    for batch in batches:
        points, places = join_points(index, batch, threads=threads)
        yield points + before, places
        before += len(batch)


def _by_tile(lonlat: Floats) -> Integers:
    """Return an order of which every 16 points in a row are neighbours on the ground, however they are spread."""
    if not len(lonlat):
        return np.zeros(0, dtype=np.int64)
    strips = max(1, round(float(np.sqrt(len(lonlat) / _TILE))))
    some = lonlat[:: max(1, len(lonlat) // 20_000), 0]
    edges = np.quantile(some, np.linspace(0, 1, strips + 1)[1:-1])
    return np.lexsort((lonlat[:, 1], np.searchsorted(edges, lonlat[:, 0]))).astype(np.int64)


def _near(index: JoinIndex, lon: Floats, lat: Floats) -> tuple[Integers, Integers]:
    """Return the pairs of points and fences whose bounding box holds the point, fence by fence within a tile."""
    tiles = np.arange(0, len(lon), _TILE)
    lows = np.minimum.reduceat(lon, tiles), np.minimum.reduceat(lat, tiles)
    highs = np.maximum.reduceat(lon, tiles), np.maximum.reduceat(lat, tiles)
    tile, place = index.tree.query(shapely.box(*lows, *highs))
    points = (tile[:, None] * _TILE + np.arange(_TILE)).ravel()
    places = np.repeat(place, _TILE)
    if len(lon) % _TILE:  # the last tile is not full
        real = points < len(lon)
        points, places = points[real], places[real]
    for values, low, high in ((lon, index.west, index.east), (lat, index.south, index.north)):
        here = values[points]
        held = np.flatnonzero((here >= low[places]) & (here <= high[places]))
        points, places = points[held], places[held]
    return points, places


def _join_chunk(index: JoinIndex, lonlat: Floats, chunk: Integers) -> tuple[Integers, Integers]:
    lon, lat = np.ascontiguousarray(lonlat[chunk, 0]), np.ascontiguousarray(lonlat[chunk, 1])
    points, places = _near(index, lon, lat)
    counts = index.offsets[places + 1] - index.offsets[places]
    inside = np.empty(len(points), dtype=bool)
    ends = np.cumsum(counts)
    begin = 0
    while begin < len(points):
        before = int(ends[begin - 1]) if begin else 0
        end = max(begin + 1, int(np.searchsorted(ends, before + _VERTICES_AT_ONCE)))
        part = slice(begin, end)
        inside[part] = _inside(index, places[part], counts[part], lon[points[part]], lat[points[part]])
        begin = end
    return chunk[points[inside]], places[inside].astype(np.int64)


def _inside(index: JoinIndex, places: Integers, counts: Integers, lon: Floats, lat: Floats) -> NDArray[np.bool_]:
    """Return whether each point lies in the fence paired with it; ``counts`` are the fences' vertices."""
    offsets = np.cumsum(counts) - counts
    vertices = np.arange(int(counts.sum())) + np.repeat(index.offsets[places] - offsets, counts)
    level = index.lat[vertices]
    own = np.repeat(lat, counts)
    above = level > own
    straddles = np.flatnonzero((above[1:] != above[:-1]) & index.is_edge[vertices[:-1]])
    start = vertices[straddles]
    pair = np.searchsorted(offsets, straddles, side="right") - 1
    east, north = lon[pair], lat[pair]
    left = (index.lon[start] - east) * (index.lat[start + 1] - north)
    right = (index.lat[start] - north) * (index.lon[start + 1] - east)
    side = left - right
    eastward = (side > 0) == (index.lat[start + 1] > index.lat[start])
    crossings = np.bincount(pair[eastward], minlength=len(places))
    inside: NDArray[np.bool_] = crossings % 2 == 1
    in_doubt = np.zeros(len(places), dtype=bool)
    in_doubt[pair[np.abs(side) <= _ORIENTATION_ERROR * (np.abs(left) + np.abs(right))]] = True
    in_doubt[np.searchsorted(offsets, np.flatnonzero(level == own), side="right") - 1] = True
    ask = np.flatnonzero(in_doubt)
    if len(ask):
        inside[ask] = shapely.intersects_xy(index.shapes[places[ask]], lon[ask], lat[ask])
    return inside
