import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Transformer

from core.points import GeoPoint, LocalPlane, distance_m, from_ecef, from_enu, from_plane, to_ecef, to_enu, to_plane

PLANE = LocalPlane(origin=GeoPoint(lon_deg=113.9, lat_deg=22.5))


def test_ecef_agrees_with_proj() -> None:
    rng = np.random.default_rng(1)
    lonlat = np.stack([rng.uniform(-180, 180, 200), rng.uniform(-90, 90, 200)], axis=-1)
    height = rng.uniform(-400, 9000, 200)
    x, y, z = Transformer.from_crs(4979, 4978, always_xy=True).transform(lonlat[:, 0], lonlat[:, 1], height)
    assert np.abs(to_ecef(lonlat, height) - np.stack([x, y, z], axis=-1)).max() < 1e-6


@given(
    lon=st.floats(-180, 180),
    lat=st.floats(-89.9, 89.9),
    height=st.floats(-500, 10_000),
)
@settings(max_examples=60)
def test_ecef_round_trip(lon: float, lat: float, height: float) -> None:
    lonlat, back = from_ecef(to_ecef([lon, lat], height))
    assert abs(float(back) - height) < 1e-6
    assert np.allclose(to_ecef(lonlat, back), to_ecef([lon, lat], height), atol=1e-6)


@given(east=st.floats(-30_000, 30_000), north=st.floats(-30_000, 30_000))
@settings(max_examples=60)
def test_plane_round_trip_is_exact(east: float, north: float) -> None:
    back = to_plane(PLANE, from_plane(PLANE, [east, north]))
    assert np.abs(back - [east, north]).max() < 1e-6


def test_plane_lengths_are_metric() -> None:
    # 0.001° of latitude at 22.5° N is 110.74 m (meridian radius 6,344,863 m).
    east, north = to_plane(PLANE, [113.9, 22.501])
    assert abs(east) < 1e-9
    assert north == pytest.approx(110.738, abs=0.002)


def test_plane_axes_are_east_and_north() -> None:
    east, north = to_plane(PLANE, [113.901, 22.5])
    assert east > 100
    assert abs(north) < 0.01


@pytest.mark.parametrize("far", [[115.0, 22.5], [113.9 - 180, -22.5], [float("nan"), 22.5]])
def test_far_positions_are_refused_even_the_antipode(far: list[float]) -> None:
    with pytest.raises(ValueError, match="50 km"):
        to_plane(PLANE, far)


def test_far_plane_points_are_refused() -> None:
    with pytest.raises(ValueError, match="50 km"):
        from_plane(PLANE, [60_000.0, 0.0])


def test_across_the_antimeridian() -> None:
    plane = LocalPlane(origin=GeoPoint(lon_deg=179.999, lat_deg=10))
    assert to_plane(plane, [-179.999, 10])[0] == pytest.approx(219.2, abs=0.5)


def test_enu_is_inverted_with_heights() -> None:
    offsets = np.array([[10.0, -20.0, 30.0], [0.0, 0.0, -5.0]])
    lonlat, height = from_enu(PLANE, offsets)
    assert np.abs(to_enu(PLANE, lonlat, height) - offsets).max() < 1e-7


@pytest.mark.parametrize(("lon", "lat"), [(181.0, 0.0), (0.0, 91.0), (float("nan"), 0.0), (0.0, float("inf"))])
def test_impossible_points_are_refused(lon: float, lat: float) -> None:
    with pytest.raises(ValueError, match="not in"):
        GeoPoint(lon_deg=lon, lat_deg=lat)


def test_distance_is_symmetric() -> None:
    a, b = GeoPoint(lon_deg=113.9, lat_deg=22.5), GeoPoint(lon_deg=113.91, lat_deg=22.51)
    assert distance_m(a, b) == pytest.approx(distance_m(b, a), abs=1e-6)
