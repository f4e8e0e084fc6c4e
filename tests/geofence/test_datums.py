import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.points import GeoPoint, distance_m
from geofence.datums import (
    Datum,
    bd09_to_gcj02,
    from_wgs84,
    gcj02_to_bd09,
    gcj02_to_wgs84,
    in_gcj_area,
    to_wgs84,
    wgs84_to_gcj02,
)

# (latitude, longitude) WGS-84 and GCJ-02, as the map services give them.
VECTORS = [
    ((31.1774276, 121.5272106), (31.17530398364597, 121.531541859215)),
    ((22.543847, 113.912316), (22.540796131694766, 113.9171764808363)),
    ((39.911954, 116.377817), (39.91334545536069, 116.38404722455657)),
]


@pytest.mark.parametrize(("wgs", "gcj"), VECTORS)
def test_published_vectors(wgs: tuple[float, float], gcj: tuple[float, float]) -> None:
    assert np.abs(wgs84_to_gcj02(wgs[::-1]) - gcj[::-1]).max() < 1e-11
    assert np.abs(gcj02_to_wgs84(gcj[::-1]) - wgs[::-1]).max() < 1e-11


@given(lon=st.floats(72.1, 137.7), lat=st.floats(0.9, 55.7), datum=st.sampled_from(list(Datum)))
@settings(max_examples=100)
def test_the_way_back_undoes_the_way_in(lon: float, lat: float, datum: Datum) -> None:
    back = to_wgs84(from_wgs84([lon, lat], datum), datum)
    assert np.abs(back - [lon, lat]).max() < 1e-11  # a micrometre


def test_the_one_step_inverse_would_be_decimetres_off() -> None:
    gcj = wgs84_to_gcj02([113.912316, 22.543847])
    one_step = gcj - (wgs84_to_gcj02(gcj) - gcj)
    wrong = distance_m(
        GeoPoint(lon_deg=float(one_step[0]), lat_deg=float(one_step[1])),
        GeoPoint(lon_deg=113.912316, lat_deg=22.543847),
    )
    assert wrong > 0.1


def test_the_shift_is_hundreds_of_metres_and_axes_are_not_swapped() -> None:
    for wgs, _gcj in VECTORS:
        there = wgs84_to_gcj02(wgs[::-1])
        shift = distance_m(
            GeoPoint(lon_deg=wgs[1], lat_deg=wgs[0]), GeoPoint(lon_deg=float(there[0]), lat_deg=float(there[1]))
        )
        assert 300 < shift < 700


@pytest.mark.parametrize("outside", [[2.35, 48.85], [-74.0, 40.7], [10.188, 56.206], [151.2, -33.9]])
def test_outside_china_nothing_is_shifted(outside: list[float]) -> None:
    assert not in_gcj_area(outside)
    assert np.array_equal(wgs84_to_gcj02(outside), outside)
    assert np.array_equal(gcj02_to_wgs84(outside), outside)


def test_arrays_keep_their_shape_and_input_is_not_written_to() -> None:
    grid = np.stack(np.meshgrid(np.linspace(100, 120, 5), np.linspace(20, 40, 4)), axis=-1)
    before = grid.copy()
    assert to_wgs84(grid, Datum.WGS84) is not grid
    assert wgs84_to_gcj02(grid).shape == grid.shape == bd09_to_gcj02(gcj02_to_bd09(grid)).shape
    assert np.array_equal(grid, before)


def test_baidu_is_turned_from_gcj_by_about_a_kilometre() -> None:
    gcj = [116.404, 39.915]
    assert np.abs(gcj02_to_bd09(gcj) - [116.41036949371029, 39.92133699351021]).max() < 1e-9
