from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from geofence.register.site_join import build_join_of, join_points, join_stream
from tests.geofence.synthetic_district import draw_parcels, place_parcels


def by_shapely(shapes: NDArray[np.object_], lonlat: NDArray[np.float64]) -> list[tuple[int, int]]:
    points, places = shapely.STRtree(shapes).query(shapely.points(lonlat), predicate="intersects")
    return sorted(zip(points.tolist(), places.tolist(), strict=True))


def pairs(joined: tuple[NDArray[np.int64], NDArray[np.int64]]) -> list[tuple[int, int]]:
    return list(zip(joined[0].tolist(), joined[1].tolist(), strict=True))


@pytest.fixture(scope="module")
def parcels() -> NDArray[np.object_]:
    return place_parcels(draw_parcels(np.random.default_rng(7), 12))


def test_the_answer_is_shapelys(parcels: NDArray[np.object_]) -> None:
    rng = np.random.default_rng(8)
    west, south, east, north = shapely.total_bounds(parcels)
    lonlat = rng.uniform([west, south], [east, north], (20_000, 2))
    joined = join_points(build_join_of(parcels), lonlat)
    assert pairs(joined) == by_shapely(parcels, lonlat)
    assert len(joined[0]) > 10_000


def test_points_on_fences_and_vertices_are_inside_as_shapely_has_it(parcels: NDArray[np.object_]) -> None:
    vertices = shapely.get_coordinates(parcels)
    on_edges = shapely.get_coordinates(shapely.line_interpolate_point(shapely.boundary(parcels), 0.37, normalized=True))
    middles = (vertices[1:] + vertices[:-1]) / 2
    lonlat = np.concatenate([vertices, on_edges, middles[:2000]])
    assert pairs(join_points(build_join_of(parcels), lonlat)) == by_shapely(parcels, lonlat)


@given(
    st.lists(st.tuples(st.integers(-3, 12), st.integers(-3, 12)), min_size=1, max_size=30),
    st.sampled_from([1.0, 0.1, 1e-3, 1 / 3]),
)
@settings(max_examples=60, deadline=None)
def test_lattices_where_everything_is_level_with_something(points: list[tuple[int, int]], scale: float) -> None:
    ring = [(0, 0), (9, 0), (9, 9), (6, 9), (6, 3), (3, 3), (3, 9), (0, 9)]
    holed = shapely.Polygon([(1, -2), (11, -2), (11, 8), (1, 8)], [[(2, 1), (8, 1), (8, 2), (2, 2)]])
    two = shapely.MultiPolygon([shapely.box(-2, -2, 1, 1), shapely.box(7, 7, 10, 10)])
    shapes = np.array(
        [shapely.transform(shape, lambda xy: 113 + xy * scale) for shape in (shapely.Polygon(ring), holed, two)]
    )
    lonlat = 113 + np.array(points, dtype=float) * scale
    assert pairs(join_points(build_join_of(shapes), lonlat)) == by_shapely(shapes, lonlat)


def test_threads_batches_and_order_do_not_change_the_answer(parcels: NDArray[np.object_]) -> None:
    rng = np.random.default_rng(9)
    west, south, east, north = shapely.total_bounds(parcels)
    lonlat = rng.uniform([west, south], [east, north], (50_000, 2))
    index = build_join_of(parcels)
    once = pairs(join_points(index, lonlat, threads=1))
    assert pairs(join_points(index, lonlat, threads=4)) == once
    streamed = [pair for batch in join_stream(index, np.array_split(lonlat, 7)) for pair in pairs(batch)]
    assert streamed == once
    shuffled = rng.permutation(len(lonlat))
    again = pairs(join_points(index, lonlat[shuffled]))
    assert sorted((int(shuffled[point]), place) for point, place in again) == once


def test_nothing_joins_with_nothing(parcels: NDArray[np.object_]) -> None:
    assert pairs(join_points(build_join_of(parcels), np.zeros((0, 2)))) == []
    assert pairs(join_points(build_join_of(np.array([], dtype=object)), np.ones((3, 2)))) == []
