import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from pyproj import Transformer

from core.errors import InputRefused
from core.heights import AglHeight, Geoid, HaeHeight, MslHeight, TakeoffHeight
from core.points import GeoPoint, from_plane, to_enu
from flight.camera import project
from flight.track import orientation_of
from geofence.fix import Fix, Unlocated
from geofence.locate import locate
from geofence.locating.geoid import Undulation
from geofence.locating.ground import FlatAtTakeoff, NoStanding, Standing
from geofence.locating.ground_dem import DemGround
from geofence.locating.raycast import bilinear, first_hits, height_grid
from tests.geofence.locating import CAMERA, HERE, NOON, PLANE, plan, pose, seen


def write_dem(path: Path, heights: np.ndarray, *, cell_m: float = 10.0, crs: str = "EPSG:32650") -> Path:
    """Write posts as a GeoTIFF centred on HERE, north up."""
    x, y = Transformer.from_crs(4326, crs, always_xy=True).transform(HERE.lon_deg, HERE.lat_deg)
    rows, columns = heights.shape
    size_x = size_y = cell_m
    if crs == "EPSG:4326":
        size_y = cell_m / 110_760
        size_x = cell_m / 102_930
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=columns,
        height=rows,
        count=1,
        dtype="float32",
        crs=crs,
        nodata=-9999.0,
        transform=Affine(size_x, 0.0, x - columns / 2 * size_x, 0.0, -size_y, y + rows / 2 * size_y),
    ) as raster:
        raster.write(np.where(np.isfinite(heights), heights, -9999.0).astype(np.float32), 1)
    return path


def hills(size: int = 300, *, relief_m: float = 30.0, seed: int = 6) -> np.ndarray:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size]
    out = np.zeros((size, size))
    for _ in range(12):
        fx, fy, phase = rng.uniform(-0.09, 0.09), rng.uniform(-0.09, 0.09), rng.uniform(0, 6)
        out += np.sin(fx * x + fy * y + phase)
    return out / 12 * relief_m + 50


def brute_force(grid: np.ndarray, start: np.ndarray, step: np.ndarray, z: np.ndarray, last: float) -> float:
    """Return the first hit by walking in steps of two centimetres, refined by bisection."""
    surface = height_grid(grid.astype(np.float32))

    def above(t: np.ndarray) -> np.ndarray:
        at = start + step * t[:, None]
        return z[0] + t * (z[1] + t * z[2]) - bilinear(surface, at[:, 0], at[:, 1])

    t = np.arange(0, last, 0.02)
    gap = above(t)
    bad = np.flatnonzero(~(gap > 0))
    if not bad.size or math.isnan(gap[bad[0]]):
        return math.nan
    low, high = t[bad[0] - 1], t[bad[0]]
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if above(np.array([middle]))[0] > 0 else (low, middle)
    return float(low)


def test_rays_hit_the_bilinear_surface_first_where_brute_force_does() -> None:
    rng = np.random.default_rng(7)
    heights = rng.uniform(0, 12, (60, 70))
    surface = height_grid(heights.astype(np.float32))
    count = 150
    starts = rng.uniform(5, 55, (count, 2))
    azimuth, fall = rng.uniform(0, 2 * np.pi, count), np.radians(rng.uniform(1, 80, count))
    steps = np.stack([np.sin(azimuth), np.cos(azimuth)], axis=1) * np.cos(fall)[:, None] / 5.0  # 5 m posts
    z = np.stack([np.full(count, 20.0), -np.sin(fall), np.cos(fall) ** 2 / 2 / 6.371e6], axis=1)
    limits = np.tile([0.0, 400.0], (count, 1))
    found = first_hits(surface, starts, steps, z, limits)
    expected = np.array([brute_force(heights, s, d, h, 400.0) for s, d, h in zip(starts, steps, z, strict=True)])
    assert np.array_equal(np.isnan(found), np.isnan(expected))
    assert np.isfinite(found).sum() > 80
    assert np.nanmax(np.abs(found - expected)) < 1e-4


def test_a_thin_ridge_is_not_jumped_over() -> None:
    heights = np.zeros((101, 101))
    heights[:, 60] = 8.0  # one post wide
    surface = height_grid(heights.astype(np.float32))
    # From 10 m above column 10, falling 1 m per 20 m: would reach the plain at column 210 but for the ridge.
    found = first_hits(
        surface,
        np.array([[10.0, 50.2]]),
        np.array([[1.0, 0.0]]),
        np.array([[10.0, -0.05, 0.0]]),
        np.array([[0.0, 500.0]]),
    )
    # On the ridge's near flank 8·(x − 59) = 10 − 0.05·(x − 10).
    assert found[0] == pytest.approx((10 + 8 * 59 + 0.5) / 8.05 - 10, abs=1e-6)


def test_rays_over_unknown_ground_have_no_hit() -> None:
    heights = np.zeros((50, 50))
    heights[20:30, 20:30] = np.nan
    surface = height_grid(heights.astype(np.float32))
    found = first_hits(
        surface,
        np.array([[5.0, 25.0], [5.0, 5.0]]),
        np.array([[1.0, 0.0], [1.0, 0.0]]),
        np.array([[4.0, -0.1, 0.0], [4.0, -0.1, 0.0]]),
        np.array([[0.0, 200.0], [0.0, 200.0]]),
    )
    assert math.isnan(found[0])
    assert found[1] == pytest.approx(40.0)


@pytest.mark.parametrize("crs", ["EPSG:32650", "EPSG:4326", "EPSG:4547"])
def test_a_flat_raster_is_flat_ground_in_any_crs(tmp_path: Path, crs: str) -> None:
    dem = DemGround(path=write_dem(tmp_path / "flat.tif", np.full((300, 300), 20.0), crs=crs), vertical=None)
    at = replace(pose(yaw=30, pitch=-40), height_takeoff=None, height_hae=HaeHeight(metres=120.0, sigma_m=0.1))
    fix = locate(seen(2300, 1000), pose=at, camera=CAMERA, ground=dem, captured_at=NOON)
    level = pose(yaw=30, pitch=-40)
    flat = locate(seen(2300, 1000), pose=level, camera=CAMERA, ground=FlatAtTakeoff(), captured_at=NOON)
    assert isinstance(fix, Fix)
    assert isinstance(flat, Fix)
    assert np.hypot(*(plan(fix.point) - plan(flat.point))) < 0.01
    assert fix.ground_hae_m == pytest.approx(20.0, abs=1e-3)


def test_a_slope_is_not_flat_ground(tmp_path: Path) -> None:
    # Rising 10 % to the north: a ray falling at 30° meets it at 100 / (tan 30° + 0.1) instead of 100 / tan 30°.
    rows = np.arange(300)[:, None]
    slope = np.broadcast_to((149.5 - rows) * 10 * 0.1, (300, 300))
    dem = DemGround(path=write_dem(tmp_path / "slope.tif", slope), vertical=None, takeoff=HERE)
    fix = locate(seen(2000, 1500), pose=pose(pitch=-30), camera=CAMERA, ground=dem, captured_at=NOON)
    assert isinstance(fix, Fix)
    north = 100 / (math.tan(math.radians(30)) + 0.1)
    # Grid north of UTM 50 is 1.17° east of true north here, which a north slope hardly feels.
    assert plan(fix.point) == pytest.approx([0.0, north], abs=0.5)
    assert abs(north - 100 / math.tan(math.radians(30))) > 20


def test_the_take_off_point_may_lie_lower_than_the_ground_flown_over(tmp_path: Path) -> None:
    rows = np.arange(300)[:, None]
    slope = np.broadcast_to((149.5 - rows) * 10 * 0.1, (300, 300))
    lon, lat = from_plane(PLANE, [0.0, -500.0])
    below = GeoPoint(lon_deg=float(lon), lat_deg=float(lat))
    dem = DemGround(path=write_dem(tmp_path / "slope.tif", slope), vertical=None, takeoff=below)
    standing = dem.stand(pose(height_m=100.0))
    assert isinstance(standing, Standing)
    assert standing.height_m == pytest.approx(50.0, abs=0.5)


def test_heights_are_related_to_the_raster_in_the_order_of_trust(tmp_path: Path) -> None:
    dem = DemGround(path=write_dem(tmp_path / "flat.tif", np.full((100, 100), 20.0)), vertical=None, takeoff=HERE)
    bare = replace(pose(sigma=None), height_takeoff=None)
    relative = TakeoffHeight(metres=100.0)
    loose, tight = HaeHeight(metres=300.0), HaeHeight(metres=121.0, sigma_m=0.05)

    def height(**heights: object) -> tuple[float, float | None]:
        standing = dem.stand(replace(bare, **heights))  # type: ignore[arg-type]
        assert isinstance(standing, Standing)
        return standing.height_m, standing.sigma_m

    assert height(height_takeoff=relative, height_hae=tight) == (121.0, 0.05)
    assert height(height_takeoff=relative, height_hae=loose) == (pytest.approx(120.0), None)
    assert height(height_agl=AglHeight(metres=80.0), height_hae=loose) == (pytest.approx(100.0), None)
    assert height(height_hae=loose) == (300.0, 10.0)
    # Nobody says where the take-off point is: level ground nearby tells more than a barometer, a mountain does not.
    dem.takeoff = None
    assert height(height_takeoff=relative, height_hae=loose) == (pytest.approx(120.0), pytest.approx(1.2))
    assert isinstance(dem.stand(replace(bare, height_takeoff=relative)), NoStanding)
    rows = np.arange(100)[:, None]
    dem = DemGround(path=write_dem(tmp_path / "steep.tif", np.broadcast_to(rows * 4.0, (100, 100))), vertical=None)
    assert height(height_takeoff=relative, height_hae=loose) == (300.0, 10.0)


def test_a_geoid_is_never_ignored(tmp_path: Path) -> None:
    path = write_dem(tmp_path / "flat.tif", np.full((100, 100), 20.0))
    at = replace(pose(), height_takeoff=None, height_hae=HaeHeight(metres=115.0, sigma_m=0.05))
    bare = DemGround(path=path, vertical=Geoid.EGM2008, geoid=None)
    assert isinstance(bare.stand(at), NoStanding)
    found = locate(seen(2000, 1500), pose=at, camera=CAMERA, ground=bare, captured_at=NOON)
    assert isinstance(found, Unlocated)
    assert found.code == "no-pose"
    # With the geoid 5 m below the ellipsoid, 115 m above the ellipsoid are 120 m above the geoid.
    informed = DemGround(
        path=path,
        vertical=Geoid.EGM2008,
        geoid=lambda _point, _geoid: Undulation(metres=-5.0, sigma_m=0.1, source="made"),
    )
    standing = informed.stand(at)
    assert isinstance(standing, Standing)
    assert standing.height_m == pytest.approx(120.0)
    assert standing.reference_hae_m == pytest.approx(-5.0)
    same = replace(pose(), height_takeoff=None, height_msl=MslHeight(metres=120.0, geoid=Geoid.EGM2008))
    direct = bare.stand(same)
    assert isinstance(direct, Standing)
    assert direct.height_m == 120.0


def test_outside_the_raster_there_is_no_ground(tmp_path: Path) -> None:
    dem = DemGround(path=write_dem(tmp_path / "small.tif", np.full((10, 10), 20.0)), vertical=None)
    at = replace(pose(pitch=-30), height_takeoff=None, height_hae=HaeHeight(metres=120.0, sigma_m=0.1))
    found = locate(seen(2000, 1500), pose=at, camera=CAMERA, ground=dem, captured_at=NOON)
    assert isinstance(found, Unlocated)
    assert found.code == "beyond-range"
    far = replace(at, position=GeoPoint(lon_deg=100.0, lat_deg=30.0))
    assert isinstance(locate(seen(2000, 1500), pose=far, camera=CAMERA, ground=dem, captured_at=NOON), Unlocated)


def test_a_file_that_is_no_raster_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "dem.tif"
    path.write_bytes(b"not a raster")
    with pytest.raises(InputRefused, match=r"dem\.tif"):
        DemGround(path=path, vertical=None).height_at(HERE)


def test_hills_put_back_what_was_projected(tmp_path: Path) -> None:
    heights = hills()
    dem = DemGround(path=write_dem(tmp_path / "hills.tif", heights), vertical=None)
    at = replace(pose(yaw=70, pitch=-35), height_takeoff=None, height_hae=HaeHeight(metres=180.0, sigma_m=0.1))
    orientation = orientation_of(at)
    assert orientation is not None
    for u, v in [(300.0, 900.0), (2000.0, 1500.0), (3800.0, 2900.0)]:
        fix = locate(seen(u, v), pose=at, camera=CAMERA, ground=dem, captured_at=NOON)
        assert isinstance(fix, Fix)
        height = dem.height_at(fix.point)
        assert height == pytest.approx(fix.ground_hae_m, abs=0.01)
        assert height is not None
        enu = to_enu(PLANE, [fix.point.lon_deg, fix.point.lat_deg], height) - [0, 0, 180.0]
        assert project(CAMERA, orientation, enu) == pytest.approx([u, v], abs=0.2)
