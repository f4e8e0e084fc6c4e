"""Ground from an elevation raster (driver for rasterio).

The raster's heights refer to a vertical datum that its file seldom states; the user declares it. A camera's height
above that datum comes, in this order of trust, from

1. an ellipsoidal or mean-sea-level height of the same datum that states a sigma of at most half a metre (RTK, PPK),
2. the height above take-off plus the raster's own height at the take-off point (errors of the datum cancel),
3. the height above ground plus the raster's height below the camera,
4. the better known of two: any other ellipsoidal or mean-sea-level height, with ten metres of doubt where none is
   stated (barometric absolute altitudes of consumer drones are wrong by that much); and the height above take-off plus
   the raster's mean height around the camera, as doubtful as that ground is uneven: nobody takes off far away.

Heights of another datum are turned into the raster's with a geoid (:mod:`geofence.locating.geoid`) where one is given,
and refused otherwise: the geoid ignored costs a median of 14.6 m instead of 1.2 m.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from core.errors import InputRefused
from core.heights import Geoid, HaeHeight, HeightDatum
from core.points import GeoPoint, LocalPlane, from_plane, to_enu
from core.text import _
from flight.track import Pose
from geofence.locating.geoid import GeoidHeights, installed_geoid, on_datum
from geofence.locating.ground import (
    BAROMETER_SIGMA_M,
    TIGHT_SIGMA_M,
    NoStanding,
    Standing,
    ray_heights,
    slants_down_to,
    takeoff_sigma,
)
from geofence.locating.raycast import HeightGrid, bilinear, first_hits, height_grid

_LOOSE_ABSOLUTE_SIGMA_M: Final = 10.0
DEM_SIGMA_M: Final = 2.4  # Copernicus GLO-30: 4 m at 90 %
_NEARBY_M: Final = 300.0  # how far from its photos a drone that is flown in sight took off
_MOST_CELLS: Final = 64_000_000
_SLACK_M: Final = 500.0  # a window is read this much larger than asked, so that the next photo finds it ready


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Window:
    """A part of the raster around an origin, as a grid, with the map from the local plane to its columns and rows."""

    origin: tuple[float, float]
    radius_m: float
    grid: HeightGrid
    to_grid: NDArray[np.float64]  # (6, 2): coefficients of 1, e, n, e², e·n, n² in kilometres


@dataclass(slots=True, kw_only=True)
class DemGround:
    """Ground from an elevation raster.

    Attributes:
        path: A raster that rasterio opens (GeoTIFF); band 1 is height in metres.
        vertical: The geoid its heights refer to, or None when they are above the WGS-84 ellipsoid.
        sigma_m: One-sigma error of its heights, metres (Copernicus GLO-30: 4 m at 90 %, so 2.4 m).
        takeoff: The take-off point, for poses that state their height above it; None when it is not known.
        geoid: Gives the geoid's height above the ellipsoid ; by default the installed grids, None for none.
    """

    path: Path
    vertical: Geoid | None
    sigma_m: float = DEM_SIGMA_M
    takeoff: GeoPoint | None = None
    geoid: GeoidHeights | None = field(default_factory=installed_geoid)
    _window: _Window | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        if not (math.isfinite(self.sigma_m) and self.sigma_m >= 0):
            raise ValueError("a ground's sigma is finite and not negative")

    def height_at(self, point: GeoPoint) -> float | None:
        """Return the raster's height at ``point``, metres on its own datum; None outside it and where it is empty."""
        window = self._window_at((point.lon_deg, point.lat_deg), 0.0)
        east_north = _offset(window, (point.lon_deg, point.lat_deg))
        column_row = _to_grid(window, east_north[None, :])
        height = float(bilinear(window.grid, column_row[:, 0], column_row[:, 1])[0])
        return None if math.isnan(height) else height

    def stand(self, pose: Pose) -> Standing | NoStanding:
        """Return the camera's height above the raster's datum, by the order of trust in the module's docstring."""
        if pose.position is None:
            return NoStanding(reason=_("the pose has no position"))
        reference: float | None = 0.0
        datum = HeightDatum.ELLIPSOID
        if self.vertical is not None:
            datum = HeightDatum(self.vertical)
            undulation = None if self.geoid is None else self.geoid(pose.position, self.vertical)
            reference = None if undulation is None else undulation.metres
        note = _("the ground is {name}, heights above {datum}, ± {sigma:g} m").format(
            name=self.path.name, datum=self.vertical or "WGS-84", sigma=self.sigma_m
        )

        def standing(height_m: float, sigma_m: float | None, *notes: str) -> Standing:
            return Standing(
                height_m=height_m, datum=datum, sigma_m=sigma_m, reference_hae_m=reference, assumptions=(note, *notes)
            )

        absolute = self._absolute(pose, pose.position)
        if absolute is not None and absolute[1] is not None and absolute[1] <= TIGHT_SIGMA_M:
            return standing(absolute[0], math.hypot(absolute[1], absolute[2]), *absolute[3])
        relative = self._relative(pose)
        if relative is not None:
            return standing(*relative)
        doubt = _LOOSE_ABSOLUTE_SIGMA_M if absolute is None or absolute[1] is None else absolute[1]
        nearby = self._above_nearby(pose)
        if nearby is not None and absolute is not None and nearby[1] < math.hypot(doubt, absolute[2]):
            return standing(*nearby)
        if absolute is not None:
            way = _("the camera's absolute height is taken as stated, ± {sigma:g} m").format(sigma=doubt)
            return standing(absolute[0], math.hypot(doubt, absolute[2]), *absolute[3], way)
        return NoStanding(
            reason=_(
                "the pose states no height that can be related to the elevation raster ({datum}); "
                "give the take-off point or a geoid grid"
            ).format(datum=self.vertical or "WGS-84")
        )

    def _absolute(self, pose: Pose, point: GeoPoint) -> tuple[float, float | None, float, tuple[str, ...]] | None:
        """Return the camera's height above the raster's datum from its absolute heights.

        With the sigma stated, what the change of datum adds to it, and how it was done.
        """
        for stated in (pose.height_hae, pose.height_msl):
            changed = None if stated is None else on_datum(stated, self.vertical, point, self.geoid)
            if stated is not None and changed is not None:
                sigma = stated.sigma_m
                if sigma is None and isinstance(stated, HaeHeight) and pose.sigma is not None:
                    sigma = pose.sigma.vertical_m
                return changed[0], sigma, changed[1], changed[2]
        return None

    def _relative(self, pose: Pose) -> tuple[float, float | None, str] | None:
        """Return the camera's height from one above take-off or above ground, its sigma, and how it was found."""
        if pose.height_takeoff is not None and self.takeoff is not None:
            base = self.height_at(self.takeoff)
            if base is not None:
                way = _("the take-off point stands on the raster's ground, {height:.1f} m").format(height=base)
                return base + pose.height_takeoff.metres, takeoff_sigma(pose), way
        if pose.height_agl is not None and pose.position is not None:
            base = self.height_at(pose.position)
            if base is not None:
                way = _("the height above ground is taken above the raster's ground below the camera")
                return base + pose.height_agl.metres, pose.height_agl.sigma_m, way
        return None

    def _above_nearby(self, pose: Pose) -> tuple[float, float, str] | None:
        """Return the camera's height from one above take-off where nobody says where that was: on the ground nearby."""
        if pose.height_takeoff is None or pose.position is None:
            return None
        window = self._window_at((pose.position.lon_deg, pose.position.lat_deg), _NEARBY_M)
        middle = _offset(window, (pose.position.lon_deg, pose.position.lat_deg))
        steps = np.linspace(-_NEARBY_M, _NEARBY_M, 31)
        around = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
        around = around[np.hypot(*around.T) <= _NEARBY_M]
        heights = bilinear(window.grid, *_to_grid(window, middle + around).T)
        known = heights[np.isfinite(heights)]
        if len(known) < len(heights) / 2:
            return None
        own = takeoff_sigma(pose)
        sigma = math.hypot(float(np.std(known)), BAROMETER_SIGMA_M if own is None else own)
        way = _(
            "nobody says where the take-off point is: it is taken to be within {radius:g} m, on ground of "
            "{height:.1f} ± {sigma:.1f} m; declare it"
        ).format(radius=_NEARBY_M, height=float(np.mean(known)), sigma=float(np.std(known)))
        return float(np.mean(known)) + pose.height_takeoff.metres, sigma, way

    def strike(
        self,
        origin: tuple[float, float],
        starts_m: NDArray[np.float64],
        directions: NDArray[np.float64],
        reach_m: float,
    ) -> NDArray[np.float64]:
        """Return (n,) slant distances to the raster's surface; see :class:`geofence.locating.ground.Ground`."""
        window = self._window_at(origin, reach_m)
        shift = _offset(window, origin)
        plan = starts_m[:, :2] + shift
        # Rays are straight in the plane and very nearly so on the raster; each is mapped at its start and its end.
        far = np.full(len(plan), reach_m)
        begin = _to_grid(window, plan)
        end = _to_grid(window, plan + directions[:, :2] * far[:, None])
        steps = (end - begin) / far[:, None]
        heights = ray_heights(starts_m, directions)
        first = _down_to(heights, window.grid.top_m)
        below = starts_m[:, 2] <= bilinear(window.grid, begin[:, 0], begin[:, 1])
        limits = np.stack([first, np.where(below | ~np.isfinite(directions[:, 2]), -np.inf, far)], axis=1)
        return first_hits(window.grid, begin, steps, heights, limits)

    def _window_at(self, origin: tuple[float, float], radius_m: float) -> _Window:
        """Return a window that covers ``radius_m`` around ``origin``, the one at hand if it does."""
        window = self._window
        if window is not None and float(np.hypot(*_offset(window, origin))) + radius_m <= window.radius_m:
            return window
        self._window = _read_window(self.path, origin, radius_m + _SLACK_M)
        return self._window


def _down_to(heights: NDArray[np.float64], top_m: float) -> NDArray[np.float64]:
    """Return (n,) distances at which rays come down to the highest ground (0 when they start below it)."""
    first = slants_down_to(heights, top_m)
    return np.where(np.isfinite(first), first * (1 - 1e-9), 0.0)


def _features(east_north_m: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (n, 6) terms of a second-order map of (n, 2) plane coordinates."""
    e, n = (east_north_m / 1000).T
    return np.stack([np.ones_like(e), e, n, e * e, e * n, n * n], axis=1)


def _to_grid(window: _Window, east_north_m: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (n, 2) fractional columns and rows of (n, 2) plane coordinates at the window's origin."""
    return _features(east_north_m) @ window.to_grid


def _offset(window: _Window, lonlat: tuple[float, float]) -> NDArray[np.float64]:
    """Return (2,) east and north of a position in the window's plane (inf when it is far away)."""
    plane = LocalPlane(origin=GeoPoint(lon_deg=window.origin[0], lat_deg=window.origin[1]))
    enu = to_enu(plane, np.array(lonlat))
    return np.array([np.inf, np.inf]) if abs(enu[2]) > 200.0 else enu[:2]


def _read_window(path: Path, origin: tuple[float, float], radius_m: float) -> _Window:
    """Read the raster around ``origin`` and fit the map from the plane to its posts.

    Raises:
        InputRefused: The file is no raster, has no coordinate system, or the window would be too large.
    """
    import rasterio
    from rasterio.errors import RasterioError

    try:
        with rasterio.open(path) as raster:
            if raster.crs is None:
                raise InputRefused(path, _("the raster has no coordinate system"), _("Give a GeoTIFF with its CRS."))
            return _windowed(raster, path, origin, radius_m)
    except RasterioError as error:
        raise InputRefused(
            path, _("it cannot be read as an elevation raster ({error})").format(error=error), _("Give a GeoTIFF.")
        ) from error


def _windowed(raster: Any, path: Path, origin: tuple[float, float], radius_m: float) -> _Window:  # noqa: ANN401 - rasterio is untyped
    """Return the window of an open raster."""
    from pyproj import Transformer
    from rasterio.windows import Window

    plane = LocalPlane(origin=GeoPoint(lon_deg=origin[0], lat_deg=origin[1]))
    # A 9 × 9 pattern over the window, mapped exactly, then fitted: the fit is good to a thousandth of a post.
    line = np.linspace(-radius_m, radius_m, 9)
    pattern = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
    lonlat = from_plane(plane, pattern)
    x, y = Transformer.from_crs(4326, raster.crs, always_xy=True).transform(lonlat[:, 0], lonlat[:, 1])
    a, b, c, d, e, f = tuple(raster.transform)[:6]
    cell = np.linalg.inv(np.array([[a, b], [d, e]])) @ np.stack([np.asarray(x) - c, np.asarray(y) - f])
    columns, rows = cell - 0.5  # posts are pixel centres
    if not (np.all(np.isfinite(columns)) and np.all(np.isfinite(rows))):
        raise InputRefused(path, _("the raster's coordinate system does not reach here"), _("Give a DEM of this area."))
    left, top = max(0, math.floor(columns.min()) - 1), max(0, math.floor(rows.min()) - 1)
    right, bottom = min(raster.width, math.ceil(columns.max()) + 2), min(raster.height, math.ceil(rows.max()) + 2)
    if min(right - left, bottom - top) < 2:
        posts = np.full((2, 2), np.nan, dtype=np.float32)  # the raster lies elsewhere: no ground is known here
        left = top = 0
    elif (right - left) * (bottom - top) > _MOST_CELLS:
        raise InputRefused(
            path,
            _("{count} cells lie within reach, too many to hold").format(count=(right - left) * (bottom - top)),
            _("Give a coarser DEM or a shorter reach."),
        )
    else:
        band = raster.read(1, window=Window(left, top, right - left, bottom - top), masked=True)
        posts = np.ma.filled(band.astype(np.float32), np.nan)
    wanted = np.stack([columns - left, rows - top], axis=1)
    to_grid, *_rest = np.linalg.lstsq(_features(pattern), wanted, rcond=None)
    return _Window(origin=origin, radius_m=radius_m, grid=height_grid(posts), to_grid=to_grid)
