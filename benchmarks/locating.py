"""How fast and how truly pixels are located: ``python -m benchmarks.locating [--full]``.

Speed on one core, against a peer in plain Python that does the same work pixel by pixel, in the same run. With
``--full`` also the error ellipses over thousands of drawn poses per device class and slant, what gathering counts on
rendered sites with and without colour, which of their vehicles are told to be lorries, and, where the shared
photographs are at hand, how far apart fixes of the same ground and of the same cars lie before and after
self-calibration.
"""

from __future__ import annotations

import argparse
import math
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

for _library in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_library] = "1"  # one core; must be set before numpy is loaded

import numpy as np  # noqa: E402 - after the thread counts
from rich.console import Console  # noqa: E402
from rich.table import Table  # noqa: E402

from core.heights import HeightDatum  # noqa: E402
from flight.camera import Camera  # noqa: E402
from geofence.locating.ground import FlatAtTakeoff, Ground  # noqa: E402
from geofence.locating.ground_dem import DemGround  # noqa: E402
from geofence.locating.locate_pixels import locate_pixels  # noqa: E402

LON, LAT, HEIGHT = 113.95, 22.55, 120.0
YAW, PITCH = 33.0, -50.0
SIZE, FOCAL = (4000, 3000), 3000.0
LENS = (-0.11, 0.02, 0.0004, -0.0003, -0.02)


def camera(*, bent: bool) -> Camera:
    return Camera(
        model="bench",
        width_px=SIZE[0],
        height_px=SIZE[1],
        focal_px=FOCAL,
        centre_x_px=SIZE[0] / 2,
        centre_y_px=SIZE[1] / 2,
        distortion=LENS if bent else (),
        source="benchmark",
    )


def hills(cells: int, cell_m: float) -> np.ndarray:
    y, x = np.mgrid[:cells, :cells] * cell_m
    return (8 * np.sin(x / 61) + 6 * np.cos(y / 47) + 3 * np.sin((x + y) / 19)).astype(np.float32)


def write_dem(folder: Path, cells: int, cell_m: float) -> Path:
    import rasterio
    from affine import Affine
    from pyproj import Transformer

    x, y = Transformer.from_crs(4326, 32650, always_xy=True).transform(LON, LAT)
    path = folder / f"hills-{cell_m:g}m.tif"
    half = cells / 2 * cell_m
    with rasterio.open(
        path, "w", driver="GTiff", width=cells, height=cells, count=1, dtype="float32", crs="EPSG:32650",
        transform=Affine(cell_m, 0.0, x - half, 0.0, -cell_m, y + half),
    ) as raster:  # fmt: skip
        raster.write(hills(cells, cell_m), 1)
    return path


def plain_ray(u: float, v: float) -> tuple[float, float, float]:
    """Return a ray as plain Python would: no arrays."""
    x, y = (u - SIZE[0] / 2) / FOCAL, (v - SIZE[1] / 2) / FOCAL
    yaw, pitch = math.radians(YAW), math.radians(PITCH)
    forward = math.cos(pitch) + y * math.sin(pitch)
    up = math.sin(pitch) - y * math.cos(pitch)
    east, north = x * math.cos(yaw) + forward * math.sin(yaw), -x * math.sin(yaw) + forward * math.cos(yaw)
    length = math.sqrt(east * east + north * north + up * up)
    return east / length, north / length, up / length


def plain_geodetic(east: float, north: float, up: float) -> tuple[float, float]:
    """Return longitude and latitude of a point in the frame at the camera: to Earth-centred axes, then Bowring."""
    a, f = 6_378_137.0, 1 / 298.257223563
    e2 = f * (2 - f)
    lon, lat = math.radians(LON), math.radians(LAT)
    sin_lat, cos_lat, sin_lon, cos_lon = math.sin(lat), math.cos(lat), math.sin(lon), math.cos(lon)
    normal = a / math.sqrt(1 - e2 * sin_lat**2)
    out, level = normal * cos_lat + cos_lat * up - sin_lat * north, -sin_lon * east
    x, y = out * cos_lon + level, out * sin_lon + cos_lon * east
    z = normal * (1 - e2) * sin_lat + cos_lat * north + sin_lat * up
    p = math.hypot(x, y)
    beta = math.atan2(z, (1 - f) * p)
    latitude = beta
    for _ in range(3):
        latitude = math.atan2(z + e2 / (1 - e2) * a * (1 - f) * math.sin(beta) ** 3, p - e2 * a * math.cos(beta) ** 3)
        beta = math.atan2((1 - f) * math.sin(latitude), math.cos(latitude))
    return math.degrees(math.atan2(y, x)), math.degrees(latitude)


def plain_flat(pixels: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return longitude and latitude by plain Python on flat ground."""
    places = []
    for u, v in pixels:
        east, north, up = plain_ray(u, v)
        slant = HEIGHT / -up
        places.append(plain_geodetic(east * slant, north * slant, 0.0))
    return places


def plain_dem(
    pixels: list[tuple[float, float]], heights: list[list[float]], cell_m: float
) -> list[tuple[float, float]]:
    """Return longitude and latitude by plain Python: steps of half a cell, then bisection."""
    middle = len(heights) / 2 - 0.5

    def ground(east: float, north: float) -> float:
        column, row = middle + east / cell_m, middle - north / cell_m
        left, above = int(column), int(row)
        x, y = column - left, row - above
        near, far = heights[above], heights[above + 1]
        return (near[left] * (1 - x) + near[left + 1] * x) * (1 - y) + (far[left] * (1 - x) + far[left + 1] * x) * y

    places = []
    for u, v in pixels:
        east, north, up = plain_ray(u, v)
        step, slant = cell_m / 2, 0.0
        while HEIGHT + up * slant > ground(east * slant, north * slant):
            slant += step
        low, high = slant - step, slant
        for _ in range(20):
            half = (low + high) / 2
            low, high = (half, high) if HEIGHT + up * half > ground(east * half, north * half) else (low, half)
        places.append(plain_geodetic(east * low, north * low, HEIGHT + up * low))
    return places


def rate(work: Callable[[], object], count: int, *, times: int = 3) -> float:
    """Return how many per second of one core's own time (other work does not count), in the best of some runs."""
    best = math.inf
    for _ in range(times):
        begin = time.process_time()
        work()
        best = min(best, time.process_time() - begin)
    return count / best


def speed(console: Console) -> None:
    rng = np.random.default_rng(0)
    pixels = rng.uniform([0, 0], SIZE, (1_000_000, 2))
    few = [(float(u), float(v)) for u, v in pixels[:20_000]]
    table = Table(title="Pixels located per second, one core")
    for heading in ("ground", "ours", "plain Python", "ratio"):
        table.add_column(heading, justify="left" if heading == "ground" else "right")

    def ours(ground: Ground, datum: HeightDatum, *, bent: bool, count: int, errors: bool = False) -> float:
        def work() -> None:
            locate_pixels(
                pixels[:count],
                lon_deg=LON,
                lat_deg=LAT,
                height_m=HEIGHT,
                height_datum=datum,
                yaw_deg=YAW,
                pitch_deg=PITCH,
                roll_deg=0.0,
                camera=camera(bent=bent),
                ground=ground,
                errors=errors,
            )

        work()
        return rate(work, count)

    def row(name: str, mine: float, peer: float | None) -> None:
        table.add_row(
            name, f"{mine:,.0f}", "" if peer is None else f"{peer:,.0f}", "" if peer is None else f"{mine / peer:.0f}×"
        )

    flat_peer = rate(lambda: plain_flat(few), len(few))
    flat = FlatAtTakeoff()
    same = locate_pixels(
        few, lon_deg=LON, lat_deg=LAT, height_m=HEIGHT, height_datum=HeightDatum.TAKEOFF, yaw_deg=YAW, pitch_deg=PITCH,
        roll_deg=0.0, camera=camera(bent=False), ground=flat,
    )  # fmt: skip
    apart = np.abs(same.lonlat - np.array(plain_flat(few))).max() * 111_000
    console.print(
        f"Ours and plain Python put 20,000 pixels on flat ground at most {apart:.3f} m apart (the Earth's curve)."
    )
    row("flat, pinhole", ours(flat, HeightDatum.TAKEOFF, bent=False, count=len(pixels)), flat_peer)
    row("flat, Brown-Conrady lens", ours(flat, HeightDatum.TAKEOFF, bent=True, count=len(pixels)), None)
    row("flat, with covariances", ours(flat, HeightDatum.TAKEOFF, bent=False, count=50_000, errors=True), None)
    with tempfile.TemporaryDirectory() as folder:
        for cells, cell_m in ((600, 10.0), (3000, 1.0)):
            dem = DemGround(path=write_dem(Path(folder), cells, cell_m), vertical=None)
            posts = hills(cells, cell_m).tolist()
            peer = rate(lambda posts=posts, cell=cell_m: plain_dem(few[:1000], posts, cell), 1000, times=2)  # type: ignore[misc]
            mine = ours(dem, HeightDatum.ELLIPSOID, bent=False, count=200_000)
            row(f"DEM, {cell_m:g} m posts, {cells} × {cells}", mine, peer)
    console.print(table)


def ellipses(console: Console, draws: int) -> None:
    from tests.geofence.drawn_truth import SLANTS, DeviceClass, coverage

    table = Table(title=f"Error ellipses over {draws} drawn poses each")
    for heading in ("device class", "slant", "50 % holds", "90 % holds", "median miss", "refused"):
        table.add_column(heading, justify="left" if heading in {"device class", "slant"} else "right")
    for device_class in DeviceClass:
        for name, slant in SLANTS.items():
            row = coverage(device_class, slant, draws=draws, seed=1)
            table.add_row(
                device_class,
                name,
                f"{row.half:.1%}",
                f"{row.ninety:.1%}",
                f"{row.median_miss_m:.2f} m",
                str(row.refused),
            )
    console.print(table)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--full", action="store_true", help="also the error ellipses and the shared photographs")
    arguments.add_argument("--draws", type=int, default=3000)
    options = arguments.parse_args()
    console = Console(width=110)
    speed(console)
    if options.full:
        from benchmarks.locating_auair import auair_spreads
        from benchmarks.locating_gathering import gathered_counts
        from benchmarks.locating_lengths import told_lengths
        from benchmarks.locating_photos import spreads

        spreads(console)
        auair_spreads(console)
        gathered_counts(console)
        told_lengths(console, tuple(range(100, 140)), find=False)
        ellipses(console, options.draws)


if __name__ == "__main__":
    main()
