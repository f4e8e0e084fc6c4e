"""The datums of China at the border: WGS-84 ↔ GCJ-02 ↔ BD-09, exactly invertible.

Inside Skywarden every position is WGS-84 (CGCS2000 agrees to a few centimetres and is taken as the same). GCJ-02
(火星坐标, Amap and Tencent) and BD-09 (Baidu) are offsets of up to 700 m that exist only in files and tiles that come
in or go out; nothing is ever stored in them. A file says which datum it is in; nothing here guesses.

GCJ-02 is defined by an unpublished algorithm; the formula below is the one that circulates since 2010 and that every
map service's public behaviour agrees with. It is applied inside the rectangle 72.004–137.8347° E, 0.8293–55.8271° N,
as the services do. Its inverse is found by fixed-point iteration, not by the common one-step approximation, which
errs by decimetres and more.
"""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

# The Krasovsky 1940 ellipsoid that the GCJ-02 formula is written on.
_A: Final = 6_378_245.0
_E2: Final = 0.00669342162296594323
_WEST, _EAST, _SOUTH, _NORTH = 72.004, 137.8347, 0.8293, 55.8271
_BD_TURN: Final = math.pi * 3000 / 180

# A round leaves about 1/170 of the error before it: 2 rounds 24 mm, 3 rounds 0.14 mm, 8 rounds 1e-12°.
INVERSE_ROUNDS: Final = 10


class Datum(StrEnum):
    """The datum that a file's longitudes and latitudes are in."""

    WGS84 = "WGS-84"
    CGCS2000 = "CGCS2000"
    GCJ02 = "GCJ-02"
    BD09 = "BD-09"


def in_gcj_area(lonlat: ArrayLike) -> NDArray[np.bool_]:
    """Return whether (..., 2) longitudes and latitudes lie in the rectangle where GCJ-02 is applied."""
    position = np.asarray(lonlat, dtype=np.float64)
    lon, lat = position[..., 0], position[..., 1]
    inside: NDArray[np.bool_] = (lon >= _WEST) & (lon <= _EAST) & (lat >= _SOUTH) & (lat <= _NORTH)
    return inside


def _gcj_offset(lonlat: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (..., 2) GCJ-02 minus WGS-84 in degrees at WGS-84 positions, whether or not GCJ-02 is applied there."""
    lon, lat = lonlat[..., 0], lonlat[..., 1]
    x, y = lon - 105.0, lat - 35.0
    root = np.sqrt(np.abs(x))
    waves = (20 * np.sin(6 * x * math.pi) + 20 * np.sin(2 * x * math.pi)) * 2 / 3
    north = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root + waves
    north += (20 * np.sin(y * math.pi) + 40 * np.sin(y / 3 * math.pi)) * 2 / 3
    north += (160 * np.sin(y / 12 * math.pi) + 320 * np.sin(y * math.pi / 30)) * 2 / 3
    east = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root + waves
    east += (20 * np.sin(x * math.pi) + 40 * np.sin(x / 3 * math.pi)) * 2 / 3
    east += (150 * np.sin(x / 12 * math.pi) + 300 * np.sin(x / 30 * math.pi)) * 2 / 3
    phi = np.radians(lat)
    w2 = 1 - _E2 * np.sin(phi) ** 2
    per_lat = np.radians(_A * (1 - _E2) / (w2 * np.sqrt(w2)))
    per_lon = np.radians(_A / np.sqrt(w2) * np.cos(phi))
    return np.stack([east / per_lon, north / per_lat], axis=-1)


def wgs84_to_gcj02(lonlat: ArrayLike) -> NDArray[np.float64]:
    """Return (..., 2) GCJ-02 longitudes and latitudes of WGS-84 ones, degrees; unchanged outside the GCJ-02 area."""
    wgs = np.asarray(lonlat, dtype=np.float64)
    return wgs + np.where(in_gcj_area(wgs)[..., None], _gcj_offset(wgs), 0.0)


def gcj02_to_wgs84(lonlat: ArrayLike) -> NDArray[np.float64]:
    """Return (..., 2) WGS-84 longitudes and latitudes of GCJ-02 ones, degrees: the exact inverse (below 1e-9 m).

    A position counts as shifted when its WGS-84 origin lies in the GCJ-02 area, so that the way back undoes the way in
    on both sides of the border.
    """
    gcj = np.asarray(lonlat, dtype=np.float64)
    wgs = gcj - _gcj_offset(gcj)
    for _round in range(INVERSE_ROUNDS):
        wgs = gcj - _gcj_offset(wgs)
    return np.where(in_gcj_area(wgs)[..., None], wgs, gcj)


def gcj02_to_bd09(lonlat: ArrayLike) -> NDArray[np.float64]:
    """Return (..., 2) BD-09 longitudes and latitudes of GCJ-02 ones, degrees."""
    gcj = np.asarray(lonlat, dtype=np.float64)
    x, y = gcj[..., 0], gcj[..., 1]
    radius = np.hypot(x, y) + 0.00002 * np.sin(y * _BD_TURN)
    angle = np.arctan2(y, x) + 0.000003 * np.cos(x * _BD_TURN)
    return np.stack([radius * np.cos(angle) + 0.0065, radius * np.sin(angle) + 0.006], axis=-1)


def bd09_to_gcj02(lonlat: ArrayLike) -> NDArray[np.float64]:
    """Return (..., 2) GCJ-02 longitudes and latitudes of BD-09 ones, degrees: the exact inverse (below 1e-8 m)."""
    bd = np.asarray(lonlat, dtype=np.float64)
    gcj = bd - [0.0065, 0.006]
    for _round in range(INVERSE_ROUNDS):
        gcj = gcj + (bd - gcj02_to_bd09(gcj))
    return gcj


def to_wgs84(lonlat: ArrayLike, datum: Datum) -> NDArray[np.float64]:
    """Return (..., 2) WGS-84 longitudes and latitudes of positions in ``datum``, degrees."""
    if datum is Datum.GCJ02:
        return gcj02_to_wgs84(lonlat)
    if datum is Datum.BD09:
        return gcj02_to_wgs84(bd09_to_gcj02(lonlat))
    return np.array(lonlat, dtype=np.float64)


def from_wgs84(lonlat: ArrayLike, datum: Datum) -> NDArray[np.float64]:
    """Return (..., 2) longitudes and latitudes in ``datum`` of WGS-84 positions, degrees; for export only."""
    if datum is Datum.GCJ02:
        return wgs84_to_gcj02(lonlat)
    if datum is Datum.BD09:
        return gcj02_to_bd09(wgs84_to_gcj02(lonlat))
    return np.array(lonlat, dtype=np.float64)
