"""Known points as a CSV file: which pixel of which photo shows a point whose position is known.

Columns ``photo,u,v,lat,lon`` and, where they are known, ``height`` (metres) and ``sigma`` (metres per axis); a header
line names them, in any order. Degrees are of the datum that the caller declares.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from core.errors import InputRefused
from core.points import GeoPoint
from core.text import _
from geofence.datums import Datum, to_wgs84

_NEEDED: Final = ("photo", "u", "v", "lat", "lon")
_SIGMA_M: Final = 0.5  # of a corner clicked on a map, where the file does not say


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownRow:
    """One line: the photo's file name, the pixel, the point, its height (or None) and how well it is known."""

    photo: str
    u_px: float
    v_px: float
    point: GeoPoint
    height_m: float | None
    sigma_m: float


def read_known_points(path: Path, *, datum: Datum = Datum.WGS84) -> tuple[KnownRow, ...]:
    """Return the points of a file.

    Args:
        path: The CSV file, UTF-8.
        datum: What its degrees are in.

    Raises:
        InputRefused: It cannot be read, lacks a column, or a line is no known point.
    """
    remedy = _("Give a CSV file with the columns photo,u,v,lat,lon and, where known, height and sigma.")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputRefused(path, _("it cannot be read ({why})").format(why=error), remedy) from error
    table = csv.DictReader(io.StringIO(text), skipinitialspace=True)
    lacking = [name for name in _NEEDED if name not in (table.fieldnames or ())]
    if lacking:
        raise InputRefused(path, _("it has no column {names}").format(names=", ".join(lacking)), remedy)
    rows = []
    for number, line in enumerate(table, start=2):
        try:
            rows.append(_row(line, datum))
        except (TypeError, ValueError) as wrong:
            problem = _("line {number} is no known point ({why})").format(number=number, why=wrong)
            raise InputRefused(path, problem, remedy) from wrong
    if not rows:
        raise InputRefused(path, _("it holds no points"), remedy)
    return tuple(rows)


def _row(line: Mapping[str, str], datum: Datum) -> KnownRow:
    u_px, v_px, lat_deg, lon_deg = (float(line[name]) for name in ("u", "v", "lat", "lon"))
    lon, lat = to_wgs84(np.array([lon_deg, lat_deg]), datum)
    height, sigma = (line.get(name) or "" for name in ("height", "sigma"))
    row = KnownRow(
        photo=line["photo"].strip(),
        u_px=u_px,
        v_px=v_px,
        point=GeoPoint(lon_deg=float(lon), lat_deg=float(lat)),
        height_m=float(height) if height.strip() else None,
        sigma_m=float(sigma) if sigma.strip() else _SIGMA_M,
    )
    if not all(map(math.isfinite, (u_px, v_px, row.sigma_m, row.height_m or 0.0))) or row.sigma_m <= 0:
        raise ValueError(_("a pixel, a height and a positive sigma are finite numbers"))
    return row
