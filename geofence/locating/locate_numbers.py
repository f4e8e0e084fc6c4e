"""Locating on plain numbers alone: no noun has to be built first.

:func:`locate_numbers` is for notebooks and other programs: position, heights, angles, lens and pixels are numbers and
arrays. It builds the camera and the ground and calls :func:`geofence.locating.locate_pixels.locate_pixels`.
"""

from __future__ import annotations

from pathlib import Path

from numpy.typing import ArrayLike

from core.heights import HeightDatum
from core.points import GeoPoint
from flight.camera import Camera, Lens
from geofence.locating.error_budget import DeviceClass
from geofence.locating.locate_pixels import LocatedPixels, locate_pixels
from geofence.locating.locate_point import ground_of


def locate_numbers(
    pixels: ArrayLike,
    *,
    lon_deg: float,
    lat_deg: float,
    height_m: float,
    height_datum: HeightDatum | str,
    height_takeoff_m: float | None = None,
    yaw_deg: float,
    pitch_deg: float,
    roll_deg: float,
    width_px: int,
    height_px: int,
    focal_px: float | tuple[float, float],
    centre_px: tuple[float, float] | None = None,
    distortion: tuple[float, ...] = (),
    lens: str = "brown-conrady",
    focal_sigma: float = 0.01,
    ground_height_m: float | None = None,
    ground_datum: HeightDatum | str | None = None,
    ground_sigma_m: float | None = None,
    dem: Path | str | None = None,
    takeoff_lonlat: tuple[float, float] | None = None,
    takeoff_height_m: float | None = None,
    errors: bool = True,
    device_class: str = "gnss",
    pixel_sigma_px: float = 1.0,
) -> LocatedPixels:
    """Return where the pixels of one photo look on the ground; a million at once is as good as one.

    Args:
        pixels: (n, 2) columns and rows, pixels from the image's top-left corner.
        lon_deg: WGS-84 longitude of the camera, degrees.
        lat_deg: Its latitude, degrees.
        height_m: Its height, metres, above
        height_datum: "takeoff", "ground", "ellipsoid", "EGM96", "EGM2008", or "unstated" for a geoid that the maker
            does not name.
        height_takeoff_m: Its height above the take-off point too, where both are known: the better known of the two
            that the ground can use is used, as for a photo (a barometer's absolute height is wrong by tens of metres).
        yaw_deg: Camera heading, clockwise from true north.
        pitch_deg: Up from the horizon; nadir is −90.
        roll_deg: Clockwise seen from behind; 180 for an inverted camera.
        width_px: Width of the image as stored.
        height_px: Its height.
        focal_px: Focal length, pixels of this image; along a row and along a column where they differ.
        centre_px: Principal point, pixels from the top-left corner; the image's middle where None. DJI's cx and cy
            count from the middle: add half the width and height. OpenCV's count from pixel centres: add 0.5.
        distortion: Coefficients of ``lens``: k1, k2, p1, p2, k3 for "brown-conrady" (DJI DewarpData), with k4, k5, k6
            for "rational", k1 to k4 for "fisheye".
        lens: Which formula that is.
        focal_sigma: Relative one-sigma error of the focal length.
        ground_height_m: Height of level ground above ``ground_datum``; without it and without ``dem`` the ground is
            level at the take-off point's height.
        ground_datum: "ellipsoid", "EGM96" or "EGM2008": what the ground's or the raster's heights are measured from.
        ground_sigma_m: One-sigma error of those heights; the default of the ground's kind where None.
        dem: An elevation raster.
        takeoff_lonlat: The take-off point, for a raster under a height above take-off.
        takeoff_height_m: Height of the ground at the take-off point above ``ground_datum``, where the level ground
            is not at its height.
        errors: Whether to work out covariances (twenty times the work).
        device_class: "rtk", "gnss" or "unstabilised": whose pose errors to assume.
        pixel_sigma_px: One-sigma error of each pixel.

    Returns:
        One row per pixel: position, height, slant, what became of it, covariance; and every assumption. NaN where a
        pixel cannot be located, with a code that says why (:class:`geofence.locating.locate_pixels.PixelCode`).

    Raises:
        ValueError: Numbers that are impossible or cannot be related: a height datum that the ground cannot use.
    """
    along, across = focal_px if isinstance(focal_px, tuple) else (focal_px, None)
    camera = Camera(
        model="numbers",
        width_px=width_px,
        height_px=height_px,
        focal_px=along,
        focal_y_px=across,
        centre_x_px=width_px / 2 if centre_px is None else centre_px[0],
        centre_y_px=height_px / 2 if centre_px is None else centre_px[1],
        distortion=distortion,
        lens=Lens(lens),
        focal_sigma=focal_sigma,
        source="plain numbers",
    )
    ground = ground_of(
        dem=None if dem is None else Path(dem),
        ground_height_m=None if ground_height_m is None else float(ground_height_m),
        height_datum=None if ground_datum is None else HeightDatum(ground_datum),
        sigma_m=ground_sigma_m,
        takeoff=None if takeoff_lonlat is None else GeoPoint(lon_deg=takeoff_lonlat[0], lat_deg=takeoff_lonlat[1]),
        takeoff_height_m=None if takeoff_height_m is None else float(takeoff_height_m),
    )
    return locate_pixels(
        pixels,
        # Any kind of number will do, numpy's own too.
        lon_deg=float(lon_deg),
        lat_deg=float(lat_deg),
        height_m=float(height_m),
        height_datum=HeightDatum(height_datum),
        height_takeoff_m=None if height_takeoff_m is None else float(height_takeoff_m),
        yaw_deg=float(yaw_deg),
        pitch_deg=float(pitch_deg),
        roll_deg=float(roll_deg),
        camera=camera,
        ground=ground,
        errors=errors,
        device_class=DeviceClass(device_class),
        pixel_sigma_px=pixel_sigma_px,
    )
