"""The camera as a measuring device, and the one rotation chain of the house.

A camera is described for the image size that its files really have; a cropped or zoomed mode is a camera of its own.
Axes: the camera frame is x right, y down, z forward (OpenCV); the world frame is local east, north, up. Angles are
DJI's and MAVLink's: yaw clockwise from true north, pitch up from the horizon (nadir −90°), roll clockwise seen from
behind. They rotate the *ray*, in the order roll, pitch, yaw; adding pixel angles to azimuth and pitch is wrong by
metres away from the image centre.

This module knows geometry only. Where a ray meets the ground is ``geofence.locate``; which cameras exist is the
catalogue in ``missions/catalogue``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """A camera at one image size and focal length.

    Attributes:
        model: The maker's name as EXIF writes it ("FC220").
        width_px, height_px: Image size, pixels.
        focal_px: Focal length, pixels (square pixels).
        centre_x_px, centre_y_px: Principal point, pixels from the image's top-left corner (pixel edges, so the middle
            of a W-pixel row is W/2).
        distortion: Brown–Conrady coefficients in OpenCV's order (k1, k2, p1, p2, k3); empty for none known.
        focal_sigma: Relative standard deviation of the focal length (0.01 = one per cent).
        source: Where these numbers come from ("EXIF FocalLengthIn35mmFilm", "DewarpData", "catalogue").
    """

    model: str
    width_px: int
    height_px: int
    focal_px: float
    centre_x_px: float
    centre_y_px: float
    distortion: tuple[float, ...] = ()
    focal_sigma: float = 0.01
    source: str

    def __post_init__(self) -> None:
        if self.width_px < 1 or self.height_px < 1:
            raise ValueError("a camera's image has at least one pixel")
        if not (math.isfinite(self.focal_px) and self.focal_px > 0):
            raise ValueError("a focal length is positive")
        if not (math.isfinite(self.centre_x_px) and math.isfinite(self.centre_y_px)):
            raise ValueError("a principal point is finite")
        if len(self.distortion) not in {0, 5} or not all(map(math.isfinite, self.distortion)):
            raise ValueError("distortion is empty or five finite coefficients (k1, k2, p1, p2, k3)")
        if not (math.isfinite(self.focal_sigma) and self.focal_sigma >= 0):
            raise ValueError("the focal length's sigma is not negative")


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


UNDISTORT_ROUNDS: Final = 8  # fixed-point rounds; below 1e-6 px for the coefficients of catalogue lenses


def camera_to_enu(orientation: Orientation) -> NDArray[np.float64]:
    """Return the (3, 3) rotation that takes camera axes (right, down, forward) to east, north, up.

    At zero yaw, pitch and roll the camera looks north, level: right is east, down is −up, forward is north. The chain
    is yaw · pitch · roll, applied to the ray from the right.
    """
    yaw, pitch, roll = (
        math.radians(angle) for angle in (orientation.yaw_deg, orientation.pitch_deg, orientation.roll_deg)
    )
    level = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
    about_up = np.array([[math.cos(yaw), math.sin(yaw), 0], [-math.sin(yaw), math.cos(yaw), 0], [0, 0, 1]])
    about_right = np.array([[1, 0, 0], [0, math.cos(pitch), -math.sin(pitch)], [0, math.sin(pitch), math.cos(pitch)]])
    about_forward = np.array([[math.cos(roll), -math.sin(roll), 0], [math.sin(roll), math.cos(roll), 0], [0, 0, 1]])
    rotation: NDArray[np.float64] = about_up @ about_right @ level @ about_forward
    return rotation


def undistorted(camera: Camera, pixels: ArrayLike) -> NDArray[np.float64]:
    """Return (..., 2) ideal image coordinates (x/z, y/z) of (..., 2) pixels: centred, divided by focal, undistorted."""
    uv = np.asarray(pixels, dtype=np.float64)
    seen = (uv - [camera.centre_x_px, camera.centre_y_px]) / camera.focal_px
    if not camera.distortion:
        return seen
    ideal = seen
    for _round in range(UNDISTORT_ROUNDS):
        ideal = seen - (distorted(camera, ideal) - ideal)
    return ideal


def distorted(camera: Camera, ideal: ArrayLike) -> NDArray[np.float64]:
    """Return (..., 2) image coordinates after the lens of (..., 2) ideal ones (Brown–Conrady, OpenCV's formula)."""
    xy = np.asarray(ideal, dtype=np.float64)
    if not camera.distortion:
        return xy
    k1, k2, p1, p2, k3 = camera.distortion
    x, y = xy[..., 0], xy[..., 1]
    r2 = x * x + y * y
    radial = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
    return np.stack(
        [
            x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x),
            y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y,
        ],
        axis=-1,
    )


def rays(camera: Camera, orientation: Orientation, pixels: ArrayLike) -> NDArray[np.float64]:
    """Return (..., 3) unit vectors east, north, up along which the (..., 2) pixels look."""
    ideal = undistorted(camera, pixels)
    directions = np.concatenate([ideal, np.ones((*ideal.shape[:-1], 1))], axis=-1) @ camera_to_enu(orientation).T
    unit: NDArray[np.float64] = directions / np.linalg.norm(directions, axis=-1, keepdims=True)
    return unit


def project(camera: Camera, orientation: Orientation, offsets_enu_m: ArrayLike) -> NDArray[np.float64]:
    """Return (..., 2) pixels at which points are seen; NaN for points not in front of the camera.

    Args:
        camera: The camera.
        orientation: Where it looks.
        offsets_enu_m: (..., 3) points relative to the camera, east, north, up, metres.
    """
    in_camera = np.asarray(offsets_enu_m, dtype=np.float64) @ camera_to_enu(orientation)
    depth = in_camera[..., 2:3]
    ahead = np.where(depth > 0, depth, np.nan)
    pixels: NDArray[np.float64] = distorted(camera, in_camera[..., :2] / ahead) * camera.focal_px + [
        camera.centre_x_px,
        camera.centre_y_px,
    ]
    return pixels
