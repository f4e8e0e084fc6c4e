"""The camera as a measuring device, and the one rotation chain of the house.

A camera is described for the image size that its files really have; a cropped or zoomed mode is a camera of its own.
Axes: the camera frame is x right, y down, z forward (OpenCV); the world frame is local east, north, up. Angles are
DJI's and MAVLink's: yaw clockwise from true north, pitch up from the horizon (nadir −90°), roll clockwise seen from
behind. They rotate the *ray*, in the order roll, pitch, yaw; adding pixel angles to azimuth and pitch is wrong by
metres away from the image centre.

This module knows geometry only. Where a ray meets the ground is ``geofence.locate``; which cameras exist is the
``flight.cameras.catalogue``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray


class Lens(StrEnum):
    """The formula that a camera's distortion coefficients belong to."""

    BROWN_CONRADY = "brown-conrady"  # OpenCV's pinhole model: (k1, k2, p1, p2, k3); DJI's DewarpData is this one
    RATIONAL = (
        "rational"  # the same over (1 + k4·r² + k5·r⁴ + k6·r⁶): (k1, k2, p1, p2, k3, k4, k5, k6), DJI DewarpDataK6
    )
    FISHEYE = "fisheye"  # OpenCV's Kannala–Brandt model: (k1, k2, k3, k4) of the angle from the axis


_COEFFICIENTS: Final = {Lens.BROWN_CONRADY: 5, Lens.RATIONAL: 8, Lens.FISHEYE: 4}


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """A camera at one image size and focal length.

    Attributes:
        model: The maker's name as EXIF writes it ("FC220").
        width_px, height_px: Image size, pixels.
        focal_px: Focal length along a row, pixels.
        focal_y_px: Focal length along a column, pixels; None for square pixels.
        centre_x_px, centre_y_px: Principal point, pixels from the image's top-left corner (pixel edges, so the middle
            of a W-pixel row is W/2). OpenCV counts from pixel centres: add 0.5 to its cx and cy.
        distortion: Coefficients in the order of ``lens``; empty for none known.
        lens: Which formula ``distortion`` belongs to. A fisheye without coefficients is equidistant (r = f·θ).
        focal_sigma: Relative standard deviation of the focal length (0.01 = one per cent).
        mount_deg: Yaw, pitch and roll of the optical axis against the orientation that the telemetry states, applied to
            the ray first: how a rigid camera is bolted to its airframe, or what a calibration found a gimbal to be off.
        source: Where these numbers come from ("EXIF FocalLengthIn35mmFilm", "DewarpData", "catalogue").
    """

    model: str
    width_px: int
    height_px: int
    focal_px: float
    focal_y_px: float | None = None
    centre_x_px: float
    centre_y_px: float
    distortion: tuple[float, ...] = ()
    lens: Lens = Lens.BROWN_CONRADY
    focal_sigma: float = 0.01
    mount_deg: tuple[float, float, float] = (0.0, 0.0, 0.0)
    source: str

    def __post_init__(self) -> None:
        if self.width_px < 1 or self.height_px < 1:
            raise ValueError("a camera's image has at least one pixel")
        for focal in (self.focal_px, self.focal_y_px):
            if focal is not None and not (math.isfinite(focal) and focal > 0):
                raise ValueError("a focal length is positive")
        if not (math.isfinite(self.centre_x_px) and math.isfinite(self.centre_y_px)):
            raise ValueError("a principal point is finite")
        if len(self.distortion) not in {0, _COEFFICIENTS[self.lens]} or not all(map(math.isfinite, self.distortion)):
            raise ValueError(
                f"the distortion of a {self.lens} lens is empty or {_COEFFICIENTS[self.lens]} finite coefficients"
            )
        if not (math.isfinite(self.focal_sigma) and self.focal_sigma >= 0):
            raise ValueError("the focal length's sigma is not negative")
        if not all(map(math.isfinite, self.mount_deg)):
            raise ValueError("a mount's angles are finite")


@dataclass(frozen=True, slots=True, kw_only=True)
class Orientation:
    """Where a camera looks.

    Attributes:
        yaw_deg: Clockwise from true north, any real number of degrees.
        pitch_deg: Up from the horizon; −90 is nadir. In [−180, 180]: beyond ±90 the camera is overhead-inverted.
        roll_deg: Clockwise seen from behind the camera; 180 is an inverted mount.
    """

    yaw_deg: float
    pitch_deg: float
    roll_deg: float

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, (self.yaw_deg, self.pitch_deg, self.roll_deg))):
            raise ValueError("an orientation's angles are finite")
        if not (-180 <= self.pitch_deg <= 180 and -360 <= self.roll_deg <= 360):
            raise ValueError("pitch is in [-180, 180] and roll in [-360, 360] degrees")


UNDISTORT_ROUNDS: Final = 20  # Newton rounds at most; ordinary lenses settle below 1e-10 in four
_SETTLED: Final = 1e-12  # of the tangent of an angle: far below a millionth of a pixel


def rotations(yaw_deg: ArrayLike, pitch_deg: ArrayLike, roll_deg: ArrayLike) -> NDArray[np.float64]:
    """Return the (..., 3, 3) rotations that take camera axes (right, down, forward) to east, north, up.

    At zero yaw, pitch and roll the camera looks north, level: right is east, down is −up, forward is north. The chain
    is yaw · pitch · roll, applied to the ray from the right; the three arguments broadcast.
    """
    yaw, pitch, roll = np.broadcast_arrays(*(np.radians(np.asarray(a, float)) for a in (yaw_deg, pitch_deg, roll_deg)))
    sin_y, cos_y, sin_p, cos_p = np.sin(yaw), np.cos(yaw), np.sin(pitch), np.cos(pitch)
    sin_r, cos_r = np.sin(roll), np.cos(roll)
    # Before roll: right is level, forward is raised by pitch, down completes the frame.
    right = np.stack([cos_y, -sin_y, np.zeros_like(yaw)], axis=-1)
    down = np.stack([sin_p * sin_y, sin_p * cos_y, -cos_p], axis=-1)
    forward = np.stack([cos_p * sin_y, cos_p * cos_y, sin_p], axis=-1)
    rolled_right = right * cos_r[..., None] + down * sin_r[..., None]
    rolled_down = down * cos_r[..., None] - right * sin_r[..., None]
    return np.stack([rolled_right, rolled_down, forward], axis=-1)


def camera_to_enu(orientation: Orientation) -> NDArray[np.float64]:
    """Return the (3, 3) rotation of one orientation; see :func:`rotations`."""
    return rotations(orientation.yaw_deg, orientation.pitch_deg, orientation.roll_deg)


def mount_of(camera: Camera) -> NDArray[np.float64] | None:
    """Return the (3, 3) rotation from the camera's own axes to those that the telemetry's angles speak of, or None."""
    if camera.mount_deg == (0.0, 0.0, 0.0):
        return None
    level = rotations(0.0, 0.0, 0.0)
    mount: NDArray[np.float64] = level.T @ rotations(*camera.mount_deg)
    return mount


def _seen(camera: Camera, pixels: ArrayLike) -> NDArray[np.float64]:
    """Return (..., 2) pixels centred and divided by focal length, still as the lens bent them."""
    uv = np.asarray(pixels, dtype=np.float64)
    return (uv - [camera.centre_x_px, camera.centre_y_px]) / [camera.focal_px, camera.focal_y_px or camera.focal_px]


def _brown(coefficients: tuple[float, ...], xy: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """Return Brown–Conrady's x', y' and its derivatives dx'/dx, dx'/dy (= dy'/dx), dy'/dy at ideal ``xy``."""
    k1, k2, p1, p2, k3, *below = coefficients
    x, y = xy[..., 0], xy[..., 1]
    r2 = x * x + y * y
    radial = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
    slope = 2 * (k1 + r2 * (2 * k2 + 3 * r2 * k3))  # d(radial)/d(r²) doubled, so that times x it is d(radial)/dx
    if below:
        k4, k5, k6 = below
        divisor = 1 + r2 * (k4 + r2 * (k5 + r2 * k6))
        slope = (slope - radial / divisor * 2 * (k4 + r2 * (2 * k5 + 3 * r2 * k6))) / divisor
        radial = radial / divisor
    return (
        x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x),
        y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y,
        radial + x * x * slope + 2 * p1 * y + 6 * p2 * x,
        x * y * slope + 2 * p1 * x + 2 * p2 * y,
        radial + y * y * slope + 6 * p1 * y + 2 * p2 * x,
    )


def undistorted(camera: Camera, pixels: ArrayLike) -> NDArray[np.float64]:
    """Return (..., 2) ideal image coordinates (x/z, y/z) of (..., 2) pixels: centred, divided by focal, undistorted.

    Brown–Conrady is inverted by Newton's method. NaN where the lens formula has no inverse (a pixel beyond the fold of
    its polynomial) and, for a fisheye, where the pixel looks 90° or more from the axis: use :func:`camera_rays` there.
    """
    if camera.lens is Lens.FISHEYE:
        directions = _optical_rays(camera, pixels)
        depth = np.where(directions[..., 2:3] > _SETTLED, directions[..., 2:3], np.nan)
        return directions[..., :2] / depth
    seen = _seen(camera, pixels)
    if not camera.distortion:
        return seen
    flat = seen.reshape(-1, 2)
    ideal, miss = flat.copy(), np.full(len(flat), np.inf)
    # After two rounds most pixels have settled; only the others go on.
    left: NDArray[np.int64] | slice = slice(None)
    for round_ in range(UNDISTORT_ROUNDS):
        trial = ideal[left]
        x, y, xx, xy, yy = _brown(camera.distortion, trial)
        error_x, error_y = x - flat[left, 0], y - flat[left, 1]
        miss[left] = np.hypot(error_x, error_y)
        determinant = xx * yy - xy * xy
        # On the fold itself Newton has no step; a point that comes there is NaN, and reported by the check below.
        safe = np.where(np.abs(determinant) > _SETTLED, determinant, np.nan)
        trial[:, 0] -= (yy * error_x - xy * error_y) / safe
        trial[:, 1] -= (xx * error_y - xy * error_x) / safe
        ideal[left] = trial
        if round_ >= 2:
            left = np.flatnonzero(miss > _SETTLED)
            if not left.size:
                break
    found = (miss < 1e-9) & (np.sum(ideal**2, axis=-1) < _fold_r2(camera))
    return np.where(found[:, None], ideal, np.nan).reshape(seen.shape)


def _fold_r2(camera: Camera) -> float:
    """Return the squared ideal radius at which the radial polynomial stops rising (inf when it never does)."""
    if camera.lens is Lens.FISHEYE or not camera.distortion:
        return math.inf
    k1, k2, _p1, _p2, k3, *below = camera.distortion
    above, divisor, s = np.poly1d([k3, k2, k1, 1.0]), np.poly1d([*below[::-1], 1.0]), np.poly1d([1.0, 0.0])
    # With s = r²: d(r·above/divisor)/dr vanishes where this does; so, too, does the formula where the divisor does.
    rise = (above + 2 * s * above.deriv()) * divisor - 2 * s * above * divisor.deriv()
    roots = np.concatenate([rise.roots, divisor.roots])
    rising_until = [root.real for root in roots if abs(root.imag) < 1e-9 * max(abs(root), 1.0) and root.real > 0]
    return min(rising_until, default=math.inf)


def distorted(camera: Camera, ideal: ArrayLike) -> NDArray[np.float64]:
    """Return (..., 2) image coordinates after the lens of (..., 2) ideal ones (OpenCV's formulas).

    NaN beyond the fold of a Brown–Conrady polynomial, where a point far outside the view would be folded back into it.
    """
    xy = np.asarray(ideal, dtype=np.float64)
    if camera.lens is Lens.FISHEYE:
        return _fisheye(camera, xy, np.ones(xy.shape[:-1]))
    if not camera.distortion:
        return xy
    x, y, *_slopes = _brown(camera.distortion, xy)
    inside = np.sum(xy * xy, axis=-1) < _fold_r2(camera)
    return np.where(inside[..., None], np.stack([x, y], axis=-1), np.nan)


def _bent_angle(camera: Camera, theta: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return Kannala–Brandt's image radius for the angle ``theta`` from the axis, radians, and its slope."""
    k1, k2, k3, k4 = camera.distortion or (0.0, 0.0, 0.0, 0.0)
    t2 = theta * theta
    radius = theta * (1 + t2 * (k1 + t2 * (k2 + t2 * (k3 + t2 * k4))))
    slope = 1 + t2 * (3 * k1 + t2 * (5 * k2 + t2 * (7 * k3 + t2 * 9 * k4)))
    return radius, slope


def _fisheye(camera: Camera, xy: NDArray[np.float64], z: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (..., 2) fisheye image coordinates of directions (x, y, z)."""
    lateral = np.hypot(xy[..., 0], xy[..., 1])
    theta = np.arctan2(lateral, z)
    radius, slope = _bent_angle(camera, theta)
    with np.errstate(invalid="ignore", divide="ignore"):
        scale = np.where(lateral > 0, radius / lateral, 1.0 / np.where(z > 0, z, np.nan))
    return np.where((slope > 0)[..., None], xy * scale[..., None], np.nan)


def camera_rays(camera: Camera, pixels: ArrayLike) -> NDArray[np.float64]:
    """Return (..., 3) unit vectors right, down, forward along which (..., 2) pixels look; NaN where none does.

    The axes are those that the telemetry's angles speak of: a mount that is off is part of the way from pixel to ray.
    """
    directions, mount = _optical_rays(camera, pixels), mount_of(camera)
    return directions if mount is None else directions @ mount.T


def _optical_rays(camera: Camera, pixels: ArrayLike) -> NDArray[np.float64]:
    """Return (..., 3) unit vectors in the axes of the lens itself."""
    if camera.lens is not Lens.FISHEYE:
        ideal = undistorted(camera, pixels)
        directions = np.concatenate([ideal, np.ones((*ideal.shape[:-1], 1))], axis=-1)
        unit: NDArray[np.float64] = directions / np.sqrt(np.sum(directions * directions, axis=-1, keepdims=True))
        return unit
    seen = _seen(camera, pixels)
    radius = np.hypot(seen[..., 0], seen[..., 1])
    theta = radius.copy()
    for _round in range(UNDISTORT_ROUNDS):
        bent, slope = _bent_angle(camera, theta)
        if not np.any(np.abs(bent - radius) > _SETTLED):
            break
        theta = theta - (bent - radius) / np.where(slope > _SETTLED, slope, np.nan)
    bent, slope = _bent_angle(camera, theta)
    found = (np.abs(bent - radius) < 1e-9) & (slope > 0) & (theta >= 0) & (theta < math.pi)
    share = np.sin(theta) / np.where(radius > 0, radius, 1.0)
    directions = np.concatenate([seen * share[..., None], np.cos(theta)[..., None]], axis=-1)
    return np.where(found[..., None], directions, np.nan)


def rays(camera: Camera, orientation: Orientation, pixels: ArrayLike) -> NDArray[np.float64]:
    """Return (..., 3) unit vectors east, north, up along which the (..., 2) pixels look; NaN where none does."""
    directions: NDArray[np.float64] = camera_rays(camera, pixels) @ camera_to_enu(orientation).T
    return directions


def project(camera: Camera, orientation: Orientation, offsets_enu_m: ArrayLike) -> NDArray[np.float64]:
    """Return (..., 2) pixels at which points are seen; NaN for points that the lens does not see.

    A pinhole sees nothing behind itself, nor beyond the fold of its distortion polynomial; pixels outside the image
    are returned as they are.

    Args:
        camera: The camera.
        orientation: Where it looks.
        offsets_enu_m: (..., 3) points relative to the camera, east, north, up, metres.
    """
    in_camera = np.asarray(offsets_enu_m, dtype=np.float64) @ camera_to_enu(orientation)
    mount = mount_of(camera)
    if mount is not None:
        in_camera = in_camera @ mount
    if camera.lens is Lens.FISHEYE:
        seen = _fisheye(camera, in_camera[..., :2], in_camera[..., 2])
    else:
        depth = in_camera[..., 2:3]
        seen = distorted(camera, in_camera[..., :2] / np.where(depth > 0, depth, np.nan))
    focal = [camera.focal_px, camera.focal_y_px or camera.focal_px]
    pixels: NDArray[np.float64] = seen * focal + [camera.centre_x_px, camera.centre_y_px]
    return pixels


def orientation_of_rotation(rotation: ArrayLike, *, near: Orientation) -> Orientation:
    """Return the orientation that this (3, 3) rotation is of, of the two that exist the one nearer to ``near``.

    Straight down or up, yaw and roll turn about one axis and only their sum is known: roll is then kept from ``near``.
    """
    right, down, forward = np.asarray(rotation, dtype=np.float64).T
    sin_pitch = max(-1.0, min(1.0, float(forward[2])))
    if math.hypot(float(forward[0]), float(forward[1])) < 1e-9:
        level = camera_to_enu(
            Orientation(yaw_deg=0.0, pitch_deg=math.copysign(90.0, sin_pitch), roll_deg=near.roll_deg)
        )
        yaw = math.atan2(float(right @ np.array([level[1, 0], -level[0, 0], 0.0])), float(right[:2] @ level[:2, 0]))
        return Orientation(
            yaw_deg=_nearest(math.degrees(yaw), near.yaw_deg),
            pitch_deg=math.copysign(90.0, sin_pitch),
            roll_deg=near.roll_deg,
        )
    yaw = math.degrees(math.atan2(float(forward[0]), float(forward[1])))
    pitch = math.degrees(math.asin(sin_pitch))
    roll = math.degrees(math.atan2(-float(right[2]), -float(down[2])))
    turned_pitch = 180.0 - pitch if near.pitch_deg >= 0 else -180.0 - pitch
    pairs = []
    for y, p, r in ((yaw, pitch, roll), (yaw + 180.0, turned_pitch, roll + 180.0)):
        y_near, r_near = _nearest(y, near.yaw_deg), _nearest(r, near.roll_deg)
        apart = abs(y_near - near.yaw_deg) + abs(p - near.pitch_deg) + abs(r_near - near.roll_deg)
        if -180 <= p <= 180 and -360 <= r_near <= 360:
            pairs.append((apart, y_near, p, r_near))
    _apart, yaw, pitch, roll = min(pairs)
    return Orientation(yaw_deg=yaw, pitch_deg=pitch, roll_deg=roll)


def _nearest(angle_deg: float, to_deg: float) -> float:
    """Return ``angle_deg`` plus whole turns such that it lies within half a turn of ``to_deg``."""
    return to_deg + (angle_deg - to_deg + 180.0) % 360.0 - 180.0


def resized(camera: Camera, scale: float, *, width_px: int, height_px: int) -> Camera:
    """Return the camera of the same image made ``scale`` times as large, which came out at the given whole pixels."""
    return replace(
        camera,
        width_px=width_px,
        height_px=height_px,
        focal_px=camera.focal_px * scale,
        focal_y_px=None if camera.focal_y_px is None else camera.focal_y_px * scale,
        centre_x_px=camera.centre_x_px * scale,
        centre_y_px=camera.centre_y_px * scale,
    )


def turned_half(camera: Camera) -> Camera:
    """Return the camera of the same photos stored turned by 180°: centre, tangential terms and mount are mirrored."""
    yaw, pitch, roll = camera.mount_deg
    distortion = camera.distortion
    if camera.lens is not Lens.FISHEYE and distortion:
        k1, k2, p1, p2, *others = distortion
        distortion = (k1, k2, -p1, -p2, *others)
    return replace(
        camera,
        centre_x_px=camera.width_px - camera.centre_x_px,
        centre_y_px=camera.height_px - camera.centre_y_px,
        distortion=distortion,
        mount_deg=(-yaw, -pitch, roll),
    )
