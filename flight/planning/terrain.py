"""Terrain for planning: heights of the ground from a DEM raster, and lines that follow it.

The raster may be in any reference system that it declares; heights are metres. What matters here is the height of the
ground above the ground at home, so the vertical datum cancels out. Where the raster says nothing the plan is refused:
an invented ground kills aircraft. Reading rasters is this module's alone (rasterio).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.errors import InputRefused, PlanRefused
from core.points import LocalPlane, from_plane
from core.text import _
from flight.planning.routing import Points

STEP_M: Final = 10.0  # ground is looked at this often along a line


@dataclass(frozen=True, slots=True, kw_only=True)
class Terrain:
    """Ground heights on a grid in the local plane.

    Attributes:
        west_m, south_m: Plane position of the first node.
        step_m: Distance between nodes.
        heights_m: (rows, columns) above the ground at home, rows going north; NaN where unknown.
        source: The raster's name.
    """

    west_m: float
    south_m: float
    step_m: float
    heights_m: NDArray[np.float64]
    source: str


def read_terrain(path: Path, plane: LocalPlane, bounds_m: tuple[float, float, float, float]) -> Terrain:
    """Return the ground of the DEM at ``path`` on a grid over ``bounds_m`` (west, south, east, north in the plane).

    Raises:
        InputRefused: The raster cannot be read, or declares no reference system.
        PlanRefused: It says nothing about the ground at home.
    """
    import rasterio
    from pyproj import Transformer
    from scipy.ndimage import map_coordinates

    try:
        with rasterio.open(path) as raster:
            crs, transform = raster.crs, raster.transform
            band = raster.read(1, masked=True).astype(np.float64).filled(np.nan)
    except rasterio.errors.RasterioError as error:
        raise InputRefused(
            path, _("the terrain raster cannot be read ({error})").format(error=error), _("Give a GeoTIFF of heights.")
        ) from error
    if crs is None:
        raise InputRefused(
            path, _("the terrain raster declares no reference system"), _("Export it with its reference system.")
        )
    west, south, east, north = bounds_m
    step = max(STEP_M / 2, (east - west) / 2_000, (north - south) / 2_000)
    columns = np.arange(west, east + step, step)
    rows = np.arange(south, north + step, step)
    nodes = np.stack(np.meshgrid(columns, rows), axis=-1)
    lonlat = from_plane(plane, nodes.reshape(-1, 2))
    x, y = Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform(lonlat[:, 0], lonlat[:, 1])
    a, b, c, d, e, f = tuple(~transform)[:6]
    column, row = a * x + b * y + c, d * x + e * y + f
    heights = map_coordinates(band, [row - 0.5, column - 0.5], order=1, mode="constant", cval=np.nan)
    grid = heights.reshape(nodes.shape[:2])
    terrain = Terrain(west_m=west, south_m=south, step_m=step, heights_m=grid, source=path.name)
    at_home = float(ground_heights(terrain, np.zeros((1, 2)))[0])
    return Terrain(west_m=west, south_m=south, step_m=step, heights_m=grid - at_home, source=path.name)


def ground_heights(terrain: Terrain, points: Points) -> NDArray[np.float64]:
    """Return (n,) ground heights above home at (n, 2) plane points, bilinear.

    Raises:
        PlanRefused: The raster says nothing about one of them.
    """
    from scipy.ndimage import map_coordinates

    rows = (points[:, 1] - terrain.south_m) / terrain.step_m
    columns = (points[:, 0] - terrain.west_m) / terrain.step_m
    heights: NDArray[np.float64] = map_coordinates(
        terrain.heights_m, [rows, columns], order=1, mode="constant", cval=np.nan
    )
    if not np.all(np.isfinite(heights)):
        raise PlanRefused(
            _("the terrain raster {name} says nothing about ground that is flown over; give one that covers it").format(
                name=terrain.source
            )
        )
    return heights


def followed(
    terrain: Terrain, path: Points, height_agl_m: float, *, steepest_climb: float, steepest_descent: float,
    tolerance_m: float,
) -> tuple[Points, NDArray[np.float64]]:  # fmt: skip
    """Return a path with the fewest waypoints that keeps a height above ground, and its heights above home.

    The aircraft is never lower than asked by more than half the tolerance; where the ground is steeper than it can
    climb or sink it flies higher, beginning early enough.

    Args:
        terrain: The ground.
        path: (n, 2) plane metres.
        height_agl_m: Above ground.
        steepest_climb: Metres up for a metre forward.
        steepest_descent: Metres down for a metre forward.
        tolerance_m: How far the height may stray.

    Returns:
        (m, 2) path through the same bends, and (m,) heights above home.
    """
    along, dense, bends = _dense(path)
    wanted = ground_heights(terrain, dense) + height_agl_m
    heights = wanted.copy()
    steps = np.diff(along)
    for i in range(1, len(heights)):
        heights[i] = max(heights[i], heights[i - 1] - steepest_descent * steps[i - 1])
    for i in range(len(heights) - 2, -1, -1):
        heights[i] = max(heights[i], heights[i + 1] - steepest_climb * steps[i])
    kept = _fewest(along, heights, set(bends), tolerance_m / 2)
    return dense[kept], heights[kept]


def strays_m(
    terrain: Terrain, path: Points, heights_m: NDArray[np.float64], height_agl_m: float
) -> tuple[float, float]:
    """Return how far a flown path strays below and above the height asked for, measured between waypoints too."""
    along, dense, _bends = _dense(path)
    corners = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(path, axis=0).T))])
    over_ground = np.interp(along, corners, heights_m) - ground_heights(terrain, dense) - height_agl_m
    return float(max(0.0, -over_ground.min())), float(max(0.0, over_ground.max()))


def over_ground_m(terrain: Terrain, path: Points, heights_m: NDArray[np.float64]) -> tuple[float, float]:
    """Return the lowest and highest true height of a flown path, metres, measured between waypoints too."""
    low, high = math.inf, -math.inf
    for ends, levels in zip(pairwise(path), pairwise(heights_m), strict=True):
        leg = np.stack(ends)
        along, dense, _bends = _dense(leg)
        share = along / along[-1] if along[-1] > 0 else np.linspace(0.0, 1.0, len(along))
        above = levels[0] + (levels[1] - levels[0]) * share - ground_heights(terrain, dense)
        low, high = min(low, float(above.min())), max(high, float(above.max()))
    return low, high


def highest_ground_m(terrain: Terrain, path: Points) -> float:
    """Return the highest ground under a path, metres above home."""
    return float(ground_heights(terrain, _dense(path)[1]).max())


def _dense(path: Points) -> tuple[NDArray[np.float64], Points, list[int]]:
    """Return distances along, points at most :data:`STEP_M` apart, and the indices of the path's own points."""
    points, bends = [path[0]], [0]
    for a, b in pairwise(path):
        count = max(1, math.ceil(float(np.hypot(*(b - a))) / STEP_M))
        points.extend(a + (b - a) * (i / count) for i in range(1, count + 1))
        bends.append(len(points) - 1)
    dense = np.array(points)
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(dense, axis=0).T))])
    return along, dense, bends


def _fewest(along: NDArray[np.float64], heights: NDArray[np.float64], keep: set[int], within_m: float) -> list[int]:
    """Return indices of a profile whose straight pieces stay ``within_m`` of it (Douglas and Peucker 1973)."""
    kept = set(keep)
    waiting = list(zip(sorted(keep)[:-1], sorted(keep)[1:], strict=True))
    while waiting:
        low, high = waiting.pop()
        if high - low < 2:
            continue
        inner = np.arange(low + 1, high)
        straight = np.interp(along[inner], [along[low], along[high]], [heights[low], heights[high]])
        off = np.abs(heights[inner] - straight)
        worst = int(np.argmax(off))
        if off[worst] > within_m:
            kept.add(int(inner[worst]))
            waiting += [(low, int(inner[worst])), (int(inner[worst]), high)]
    return sorted(kept)
