"""Locating on plain numbers: many pixels of one photo, or of many, at once.

The same geometry as :func:`geofence.locate.locate` (both go through :func:`geofence.locating.locate_cast.cast`),
without nouns: position, height, angles and pixels are numbers and arrays. Only the height keeps its kind, because a
height without one is a guess. Pixels are points of the ground; nothing is lifted or shifted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.heights import AglHeight, Geoid, HaeHeight, HeightDatum, MslHeight, TakeoffHeight
from core.points import GeoPoint
from flight.camera import Camera, Orientation
from flight.track import Pose, PoseSigma
from geofence.locating.error_budget import DeviceClass, budget_of, ray_sigmas
from geofence.locating.ground import Ground, NoStanding, Standing
from geofence.locating.locate_cast import PARAMETERS, Aim, cast, on_earth

_CHUNK: Final = 32_768  # pixels at a time: their arrays stay in the processor's cache
_NO_TIME: Final = datetime(2000, 1, 1, tzinfo=UTC)  # a pose needs an instant; nothing here depends on it


class PixelCode(StrEnum):
    """What became of a pixel."""

    LOCATED = "located"
    NO_RAY = "no-ray"
    ABOVE_HORIZON = "above-horizon"
    TOO_GRAZING = "too-grazing"
    BEYOND_RANGE = "beyond-range"
    OUTSIDE_IMAGE = "outside-image"


CODES: Final = tuple(PixelCode)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LocatedPixels:
    """Where pixels look on the ground.

    Attributes:
        lonlat: (n, 2) WGS-84 longitude and latitude, degrees; NaN where not located.
        height_m: (n,) height of that ground above the ground's reference (take-off plane, ellipsoid or geoid), metres.
        slant_m: (n,) distance from the camera, metres.
        code: (n,) index into :data:`CODES`.
        covariance_m2: (n, 3) variances east, north and their covariance, square metres; None when not asked for. NaN
            where an error of one sigma takes the ray off the ground.
        assumptions: What was assumed, as sentences.
    """

    lonlat: NDArray[np.float64]
    height_m: NDArray[np.float64]
    slant_m: NDArray[np.float64]
    code: NDArray[np.int8]
    covariance_m2: NDArray[np.float64] | None
    assumptions: tuple[str, ...]


def pose_of_numbers(
    *,
    lon_deg: float,
    lat_deg: float,
    height_m: float,
    height_datum: HeightDatum,
    yaw_deg: float,
    pitch_deg: float,
    roll_deg: float,
    height_takeoff_m: float | None = None,
    sigma: PoseSigma | None = None,
) -> Pose:
    """Return the pose that plain numbers describe; angles as in :class:`flight.camera.Orientation`."""
    pose = Pose(
        captured_at=_NO_TIME,
        position=GeoPoint(lon_deg=lon_deg, lat_deg=lat_deg),
        yaw_deg=yaw_deg,
        pitch_deg=pitch_deg,
        roll_deg=roll_deg,
        height_takeoff=None if height_takeoff_m is None else TakeoffHeight(metres=height_takeoff_m),
        sigma=sigma,
    )
    sigma_m = None if sigma is None else sigma.vertical_m
    match HeightDatum(height_datum):
        case HeightDatum.TAKEOFF:
            return replace(pose, height_takeoff=TakeoffHeight(metres=height_m, sigma_m=sigma_m))
        case HeightDatum.GROUND:
            return replace(pose, height_agl=AglHeight(metres=height_m, sigma_m=sigma_m))
        case HeightDatum.ELLIPSOID:
            return replace(pose, height_hae=HaeHeight(metres=height_m, sigma_m=sigma_m))
        case HeightDatum.EGM96 | HeightDatum.EGM2008 | HeightDatum.UNSTATED_GEOID as datum:
            return replace(pose, height_msl=MslHeight(metres=height_m, geoid=Geoid(datum), sigma_m=sigma_m))


def locate_pixels(
    pixels: ArrayLike,
    *,
    lon_deg: float,
    lat_deg: float,
    height_m: float,
    height_datum: HeightDatum,
    yaw_deg: float,
    pitch_deg: float,
    roll_deg: float,
    camera: Camera,
    ground: Ground,
    height_takeoff_m: float | None = None,
    errors: bool = False,
    sigma: PoseSigma | None = None,
    device_class: DeviceClass = DeviceClass.GNSS,
    pixel_sigma_px: float = 1.0,
    reach_m: float = 2_000.0,
    least_depression_deg: float = 5.0,
) -> LocatedPixels:
    """Return where the pixels of one photo look on the ground.

    Args:
        pixels: (n, 2) column and row, pixels, from the image's top-left corner (the first pixel's centre is 0.5, 0.5).
        lon_deg: WGS-84 longitude of the camera, degrees.
        lat_deg: Its latitude, degrees.
        height_m: Its height, metres.
        height_datum: What that height is measured from. It must be one that ``ground`` can use; nothing is converted
            without a geoid.
        yaw_deg: Camera heading, clockwise from true north.
        pitch_deg: Up from the horizon; nadir is −90.
        roll_deg: Clockwise seen from behind; 180 for an inverted camera.
        camera: Its lens at this image size.
        ground: The ground: :class:`geofence.locating.ground.FlatAtTakeoff`, :class:`geofence.locating.ground.FlatAt`,
            :class:`geofence.locating.ground_dem.DemGround`.
        height_takeoff_m: Its height above the take-off point too, where both are known.
        errors: Whether to work out covariances too (twenty times the work).
        sigma: One-sigma errors of the pose; None for those of ``device_class``.
        device_class: See :mod:`geofence.locating.error_budget`.
        pixel_sigma_px: One-sigma error of each pixel.
        reach_m: Hits farther away are not located, metres.
        least_depression_deg: Rays flatter than this are not located, degrees.

    Returns:
        One row per pixel, in order; none is left out. What cannot be located is NaN, and its code says why: "no-ray"
        (not finite, masked, or beyond the lens's formula), "outside-image", "above-horizon", "too-grazing",
        "beyond-range". Memory is 60 bytes a pixel, 84 with covariances; the work goes in blocks.

    Raises:
        ValueError: The ground cannot use this kind of height, or a number is impossible (not finite, out of range, of
            the wrong shape).
    """
    pose = pose_of_numbers(
        lon_deg=lon_deg,
        lat_deg=lat_deg,
        height_m=height_m,
        height_datum=height_datum,
        yaw_deg=yaw_deg,
        pitch_deg=pitch_deg,
        roll_deg=roll_deg,
        height_takeoff_m=height_takeoff_m,
        sigma=sigma,
    )
    if not (np.isfinite(pixel_sigma_px) and pixel_sigma_px >= 0):
        raise ValueError("a pixel's sigma is finite and not negative")
    uv = pixel_array(pixels)
    standing = ground.stand(pose)
    if isinstance(standing, NoStanding):
        raise ValueError(standing.reason)  # noqa: TRY004 - the numbers are wrong, not their types
    reference = standing.reference_hae_m if standing.reference_hae_m is not None else 0.0
    orientation = Orientation(yaw_deg=yaw_deg, pitch_deg=pitch_deg, roll_deg=roll_deg)
    count = len(uv)
    lonlat, height, slant = np.empty((count, 2)), np.empty(count), np.empty(count)
    code = np.empty(count, dtype=np.int8)
    covariance = np.empty((count, 3)) if errors else None
    budget = budget_of(pose, device_class)
    sines = np.sin(np.radians(least_depression_deg))
    for begin in range(0, count, _CHUNK):
        part = slice(begin, min(begin + _CHUNK, count))
        aim = _aim(pose, standing, orientation, camera, uv[part])
        hits = cast(aim, ground, reach_m=reach_m)
        up = hits.directions[:, 2]
        outside = np.any((uv[part] < 0) | (uv[part] > [camera.width_px, camera.height_px]), axis=1)
        code[part] = np.select(
            [outside, np.isnan(up), up >= 0, up > -sines, np.isnan(hits.slant_m)],
            [
                CODES.index(c)
                for c in (
                    PixelCode.OUTSIDE_IMAGE,
                    PixelCode.NO_RAY,
                    PixelCode.ABOVE_HORIZON,
                    PixelCode.TOO_GRAZING,
                    PixelCode.BEYOND_RANGE,
                )
            ],
            CODES.index(PixelCode.LOCATED),
        )
        lost = code[part] != CODES.index(PixelCode.LOCATED)
        lonlat[part] = on_earth(aim.point, hits.enu_m, reference)
        lonlat[part][lost] = np.nan
        height[part] = np.where(lost, np.nan, hits.height_m)
        slant[part] = np.where(lost, np.nan, hits.slant_m)
        if covariance is not None:
            sigmas = ray_sigmas(
                budget,
                standing_m=standing.sigma_m,
                focal=camera.focal_sigma,
                pixel_px=(pixel_sigma_px, pixel_sigma_px),
                ground_m=ground.sigma_m,
            )
            covariance[part] = np.where(lost[:, None], np.nan, _covariances(aim, ground, sigmas, 1.5 * reach_m))
    return LocatedPixels(
        lonlat=lonlat,
        height_m=height,
        slant_m=slant,
        code=code,
        covariance_m2=covariance,
        assumptions=(*standing.assumptions, *((budget.source,) if errors else ())),
    )


def pixel_array(pixels: ArrayLike) -> NDArray[np.float64]:
    """Return pixels as (n, 2) floats; rows that are not finite or are masked become NaN, which no ray goes through.

    Raises:
        ValueError: They are no columns and rows: of another shape, or not real numbers.
    """
    if np.iscomplexobj(pixels):
        raise ValueError("pixels are real numbers")
    hidden = np.ma.getmaskarray(pixels) if isinstance(pixels, np.ma.MaskedArray) else None
    uv = np.array(pixels, dtype=np.float64)
    if uv.size == 0 and uv.ndim == 1:
        uv = uv.reshape(0, 2)
    if uv.ndim != 2 or uv.shape[1] != 2:
        raise ValueError("pixels are (n, 2) columns and rows")
    uv[~np.isfinite(uv).all(axis=1)] = np.nan
    if hidden is not None:
        uv[np.any(hidden, axis=1)] = np.nan
    return uv


def _aim(pose: Pose, standing: Standing, orientation: Orientation, camera: Camera, pixels: NDArray[np.float64]) -> Aim:
    """Return the rays of pixels that are points of the ground."""
    if pose.position is None:
        raise ValueError("a pose without a position cannot be located from")
    return Aim(
        point=pose.position,
        height_m=standing.height_m,
        orientation=orientation,
        camera=camera,
        pixels=pixels,
        lift_m=np.zeros(len(pixels)),
    )


def _covariances(aim: Aim, ground: Ground, sigmas: dict[str, float], reach_m: float) -> NDArray[np.float64]:
    """Return (n, 3) east and north variances and their covariance of many rays."""
    count = len(aim.pixels)
    total = np.full((count, 3), [1e-6, 1e-6, 0.0])
    for name, sigma in sigmas.items():
        if sigma == 0:
            continue
        deviation = np.zeros((count, len(PARAMETERS)))
        deviation[:, PARAMETERS.index(name)] = sigma
        there = cast(aim, ground, deviation, reach_m=reach_m).enu_m[:, :2]
        back = cast(aim, ground, -deviation, reach_m=reach_m).enu_m[:, :2]
        east, north = ((there - back) / 2).T
        total += np.stack([east * east, north * north, east * north], axis=1)
    return total
