"""Points on Earth and the local metric plane.

Positions inside Skywarden are WGS-84 (CGCS2000 is the same to a few centimetres); GCJ-02 and BD-09 exist only at the
border, in ``geofence.datums``. The order of longitude and latitude is settled here: fields are named, and every array
is (..., 2) as (longitude, latitude) in degrees, as Shapely and GeoJSON have it.

The local plane is the east-north tangent plane of the ellipsoid at an origin. Lengths in it are true to 1e-6 within
10 km (scale error d²/2R²), so areas, spacings and error ellipses are computed in it; it is exactly invertible. It is
not meant for extents beyond 50 km.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

# WGS-84 defining parameters, NGA.STND.0036.
_A: Final = 6_378_137.0
_F: Final = 1 / 298.257223563
_E2: Final = _F * (2 - _F)

PLANE_LIMIT_M: Final = 50_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GeoPoint:
    """A position on the WGS-84 ellipsoid.

    Attributes:
        lon_deg: Longitude, degrees east, in [-180, 180].
        lat_deg: Latitude, degrees north, in [-90, 90].
    """

    lon_deg: float
    lat_deg: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.lon_deg) and -180 <= self.lon_deg <= 180):
            raise ValueError(f"longitude {self.lon_deg} is not in [-180, 180]")
        if not (math.isfinite(self.lat_deg) and -90 <= self.lat_deg <= 90):
            raise ValueError(f"latitude {self.lat_deg} is not in [-90, 90]")


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalPlane:
    """The east-north tangent plane at ``origin``; metres.

    Attributes:
        origin: Where the plane touches the ellipsoid; its coordinates are (0, 0).
    """

    origin: GeoPoint


def to_ecef(lonlat: ArrayLike, height_hae_m: ArrayLike = 0.0) -> NDArray[np.float64]:
    """Return Earth-centred coordinates of geodetic positions.

    Args:
        lonlat: (..., 2) longitude and latitude, degrees.
        height_hae_m: (...) heights above the ellipsoid, metres.

    Returns:
        (..., 3) metres, WGS-84 ECEF.
    """
    position = np.radians(np.asarray(lonlat, dtype=np.float64))
    height = np.asarray(height_hae_m, dtype=np.float64)
    lon, lat = position[..., 0], position[..., 1]
    normal = _A / np.sqrt(1 - _E2 * np.sin(lat) ** 2)
    return np.stack(
        [
            (normal + height) * np.cos(lat) * np.cos(lon),
            (normal + height) * np.cos(lat) * np.sin(lon),
            (normal * (1 - _E2) + height) * np.sin(lat),
        ],
        axis=-1,
    )


def from_ecef(ecef: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (..., 2) longitude and latitude in degrees and (...) heights above the ellipsoid of ECEF positions.

    Bowring's iteration (Survey Review 28, 1985), three rounds: below 1e-9 m for heights up to 100 km.
    """
    xyz = np.asarray(ecef, dtype=np.float64)
    x, y, z = xyz[..., 0], xyz[..., 1], xyz[..., 2]
    b = _A * (1 - _F)
    second_e2 = _E2 / (1 - _E2)
    p = np.hypot(x, y)
    beta = np.arctan2(z, (1 - _F) * p)
    lat = beta
    for _ in range(3):
        lat = np.arctan2(z + second_e2 * b * np.sin(beta) ** 3, p - _E2 * _A * np.cos(beta) ** 3)
        beta = np.arctan2((1 - _F) * np.sin(lat), np.cos(lat))
    normal = _A / np.sqrt(1 - _E2 * np.sin(lat) ** 2)
    height = p * np.cos(lat) + z * np.sin(lat) - _A**2 / normal
    lonlat = np.stack([np.degrees(np.arctan2(y, x)), np.degrees(lat)], axis=-1)
    return lonlat, height


def _axes(origin: GeoPoint) -> NDArray[np.float64]:
    """Return the (3, 3) rows east, north, up at ``origin`` in ECEF."""
    lon, lat = math.radians(origin.lon_deg), math.radians(origin.lat_deg)
    return np.array(
        [
            [-math.sin(lon), math.cos(lon), 0.0],
            [-math.sin(lat) * math.cos(lon), -math.sin(lat) * math.sin(lon), math.cos(lat)],
            [math.cos(lat) * math.cos(lon), math.cos(lat) * math.sin(lon), math.sin(lat)],
        ]
    )


def to_enu(plane: LocalPlane, lonlat: ArrayLike, height_hae_m: ArrayLike = 0.0) -> NDArray[np.float64]:
    """Return (..., 3) east, north, up in metres, relative to the plane's origin on the ellipsoid.

    Args:
        plane: The local plane.
        lonlat: (..., 2) longitude and latitude, degrees.
        height_hae_m: (...) heights above the ellipsoid, metres.
    """
    origin = to_ecef([plane.origin.lon_deg, plane.origin.lat_deg])
    enu: NDArray[np.float64] = (to_ecef(lonlat, height_hae_m) - origin) @ _axes(plane.origin).T
    return enu


def from_enu(plane: LocalPlane, enu: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (..., 2) longitude and latitude in degrees and (...) ellipsoidal heights in metres of ENU points."""
    origin = to_ecef([plane.origin.lon_deg, plane.origin.lat_deg])
    return from_ecef(np.asarray(enu, dtype=np.float64) @ _axes(plane.origin) + origin)


def to_plane(plane: LocalPlane, lonlat: ArrayLike) -> NDArray[np.float64]:
    """Return (..., 2) east and north in metres of positions on the ellipsoid.

    Args:
        plane: The local plane.
        lonlat: (..., 2) longitude and latitude, degrees.

    Raises:
        ValueError: A position lies more than 50 km from the origin, where the plane is no longer metric.
    """
    enu = to_enu(plane, lonlat)
    # All three axes count: the antipode of the origin lies at east = north = 0 too, 12,700 km below the plane.
    if enu.size and not np.all(np.sqrt(np.sum(enu * enu, axis=-1)) <= PLANE_LIMIT_M):
        raise ValueError("a position lies more than 50 km from the local plane's origin, or is not finite")
    return enu[..., :2]


def from_plane(plane: LocalPlane, east_north: ArrayLike) -> NDArray[np.float64]:
    """Return (..., 2) longitude and latitude in degrees of plane coordinates; the exact inverse of :func:`to_plane`.

    Raises:
        ValueError: A point lies more than 50 km from the origin, where the plane is no longer metric.
    """
    flat = np.asarray(east_north, dtype=np.float64)
    if flat.size and not np.all(np.hypot(flat[..., 0], flat[..., 1]) <= PLANE_LIMIT_M):
        raise ValueError("a point lies more than 50 km from the local plane's origin, or is not finite")
    # The point of the ellipsoid above or below (east, north): find its depth under the tangent plane by fixed point.
    up = -(flat[..., 0] ** 2 + flat[..., 1] ** 2) / (2 * _A)
    lonlat = np.empty_like(flat)
    for _ in range(4):
        lonlat, height = from_enu(plane, np.concatenate([flat, up[..., None]], axis=-1))
        up = up - height
    return lonlat


def distance_m(a: GeoPoint, b: GeoPoint) -> float:
    """Return the distance of two points on the ellipsoid in metres (chord in the plane at ``a``; for under 50 km)."""
    east, north, up = to_enu(LocalPlane(origin=a), [b.lon_deg, b.lat_deg])
    return float(math.sqrt(east**2 + north**2 + up**2))
