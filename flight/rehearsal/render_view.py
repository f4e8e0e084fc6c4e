"""The renderer's own projection: from the rehearsal world's plane to pixels.

Written apart from ``flight.camera`` on purpose. The renderer draws the truth and the rest of the house measures it; had
both one rotation chain, an error in that chain would cancel out and every rehearsal would pass. A test holds the two
together to a hundredth of a pixel.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flight.camera import Camera, Orientation

Floats = NDArray[np.float64]

NEAR_M = 0.5
"""Nothing nearer to the camera than this is drawn."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class View:
    """A pinhole camera at a place in the world.

    Attributes:
        width_px, height_px: Image size.
        focal_px: Focal length.
        centre_x_px, centre_y_px: Principal point, from the top-left corner of the image.
        place: (3,) east, north, up of the camera, metres.
        right, down, forward: (3,) unit vectors of the camera's axes in east, north, up.
    """

    width_px: int
    height_px: int
    focal_px: float
    centre_x_px: float
    centre_y_px: float
    place: Floats
    right: Floats
    down: Floats
    forward: Floats


def view_of(camera: Camera, orientation: Orientation, place: tuple[float, float, float]) -> View:
    """Return the ideal (undistorted) view of a camera.

    The axes come from the direction of sight in spherical coordinates; the roll turns right and down about it.

    Args:
        camera: Image size, focal length and principal point.
        orientation: Where it looks.
        place: East, north, up of the camera, metres; up is positive.
    """
    if not place[2] > NEAR_M:
        raise ValueError("the camera is above the ground")
    yaw, pitch, roll = (
        math.radians(angle) for angle in (orientation.yaw_deg, orientation.pitch_deg, orientation.roll_deg)
    )
    forward = np.array(
        [math.sin(yaw) * math.cos(pitch), math.cos(yaw) * math.cos(pitch), math.sin(pitch)], dtype=np.float64
    )
    level_right = np.array([math.cos(yaw), -math.sin(yaw), 0.0])
    level_up = np.cross(level_right, forward)
    return View(
        width_px=camera.width_px,
        height_px=camera.height_px,
        focal_px=camera.focal_px,
        centre_x_px=camera.centre_x_px,
        centre_y_px=camera.centre_y_px,
        place=np.asarray(place, dtype=np.float64),
        right=level_right * math.cos(roll) - level_up * math.sin(roll),
        down=-level_right * math.sin(roll) - level_up * math.cos(roll),
        forward=forward,
    )


def in_camera(view: View, points: Floats) -> Floats:
    """Return (..., 3) points as metres to the right, down and forward of the camera."""
    offset = points - view.place
    return np.stack([offset @ view.right, offset @ view.down, offset @ view.forward], axis=-1)


def pixels_of(view: View, points: Floats) -> Floats:
    """Return (..., 2) pixels of (..., 3) world points; NaN for points nearer than :data:`NEAR_M` or behind."""
    local = in_camera(view, points)
    depth = np.where(local[..., 2] > NEAR_M, local[..., 2], np.nan)
    return np.stack(
        [
            view.centre_x_px + view.focal_px * local[..., 0] / depth,
            view.centre_y_px + view.focal_px * local[..., 1] / depth,
        ],
        axis=-1,
    )


def clipped_pixels(view: View, polygon: Floats) -> Floats:
    """Return (M, 2) pixels of the part of an (N, 3) polygon that lies before the camera; M is 0 for none of it.

    Sutherland and Hodgman's clipping (Communications of the ACM 17, 1974) against the near plane.
    """
    local = in_camera(view, polygon)
    if (local[:, 2] > NEAR_M).all():
        whole: Floats = local[:, :2] / local[:, 2:] * view.focal_px + [view.centre_x_px, view.centre_y_px]
        return whole
    kept: list[Floats] = []
    for here, after in zip(local, np.roll(local, -1, axis=0), strict=True):
        if here[2] > NEAR_M:
            kept.append(here)
        if (here[2] > NEAR_M) != (after[2] > NEAR_M):
            share = (NEAR_M * 1.001 - here[2]) / (after[2] - here[2])
            kept.append(here + (after - here) * share)
    if len(kept) < 3:
        return np.empty((0, 2))
    ahead = np.stack(kept)
    scaled: Floats = ahead[:, :2] / ahead[:, 2:] * view.focal_px + [view.centre_x_px, view.centre_y_px]
    return scaled


def ground_homography(view: View) -> Floats:
    """Return the (3, 3) homography from the ground (east, north, 1) to pixels."""
    axes = np.stack([view.right, view.down, view.forward])
    intrinsic = np.array(
        [[view.focal_px, 0, view.centre_x_px], [0, view.focal_px, view.centre_y_px], [0, 0, 1]], dtype=np.float64
    )
    homography: Floats = intrinsic @ np.column_stack([axes[:, 0], axes[:, 1], -axes @ view.place])
    return homography


def ground_under(view: View, pixel: tuple[float, float], farthest_m: float = 2_000.0) -> tuple[float, float]:
    """Return east and north of the ground seen at a pixel, at most ``farthest_m`` away (nearer than the horizon)."""
    ray = (
        view.right * (pixel[0] - view.centre_x_px) / view.focal_px
        + view.down * (pixel[1] - view.centre_y_px) / view.focal_px
        + view.forward
    )
    reach = view.place[2] / -ray[2] if ray[2] < 0 else math.inf
    level = math.hypot(ray[0], ray[1])
    reach = min(reach, farthest_m / level) if level > 0 else reach
    return float(view.place[0] + ray[0] * reach), float(view.place[1] + ray[1] * reach)
