"""Casting rays with deviations: the one place where pose, lens, pixel and ground become a point.

:func:`cast` puts many deviated copies of one ray on the ground at once. Locating uses it with plus and minus one
standard deviation of each parameter, Monte Carlo with random ones, self-calibration with trial biases: all three
therefore speak of the same geometry.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.points import GeoPoint, LocalPlane, from_enu
from flight.camera import Camera, Orientation, camera_rays, rotations
from geofence.locating.ground import Ground, height_above_reference

# What can be wrong, in the order of the columns of a deviation: metres, degrees, share of the focal length, pixels.
PARAMETERS: Final = ("east", "north", "height", "yaw", "pitch", "tilt", "focal", "u", "v", "lift", "ground")


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """Rays to be cast: a camera somewhere, looking somewhere, at pixels.

    Attributes:
        point: The camera's position.
        height_m: Its height above the ground's reference, metres.
        orientation: Where it looks.
        camera: The camera.
        pixels: (n, 2) pixels.
        lift_m: (n,) how far above the ground each pixel's point lies, metres.
    """

    point: GeoPoint
    height_m: float
    orientation: Orientation
    camera: Camera
    pixels: NDArray[np.float64]
    lift_m: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hits:
    """Where rays met the ground, in the local plane at the camera.

    Attributes:
        directions: (n, 3) unit vectors east, north, up.
        slant_m: (n,) distances along the ray; NaN where it met no ground within reach.
        enu_m: (n, 3) east and north of the camera, and up from the reference's zero in the tangent frame.
        height_m: (n,) height of the ground above the reference.
    """

    directions: NDArray[np.float64]
    slant_m: NDArray[np.float64]
    enu_m: NDArray[np.float64]
    height_m: NDArray[np.float64]


def cast(aim: Aim, ground: Ground, deviations: NDArray[np.float64] | None = None, *, reach_m: float) -> Hits:
    """Return where the rays of ``aim`` meet the ground.

    Args:
        aim: The rays.
        ground: The ground.
        deviations: (n, 11) errors added to each ray's parameters, in the order of :data:`PARAMETERS`; None for none.
        reach_m: The longest slant distance of interest, metres.
    """
    count = len(aim.pixels)
    delta = np.zeros((count, len(PARAMETERS))) if deviations is None else deviations
    centre = np.array([aim.camera.centre_x_px, aim.camera.centre_y_px])
    # A focal length longer by a share looks at the pixel as if it lay nearer to the centre by that share.
    pixels = centre + (aim.pixels + delta[:, 7:9] - centre) / (1 + delta[:, 6:7])
    in_camera = camera_rays(aim.camera, pixels)
    if deviations is None:
        o = aim.orientation
        directions = in_camera @ rotations(o.yaw_deg, o.pitch_deg, o.roll_deg).T
    else:
        directions = np.einsum("nij,nj->ni", deviated_rotations(aim.orientation, *delta[:, 3:6].T), in_camera)
    starts = np.empty((count, 3))
    starts[:, :2] = delta[:, :2]
    lift = aim.lift_m + delta[:, 9]
    starts[:, 2] = aim.height_m + delta[:, 2] - delta[:, 10] - lift
    slants = ground.strike((aim.point.lon_deg, aim.point.lat_deg), starts, directions, reach_m)
    enu = starts + directions * slants[:, None]
    heights = height_above_reference(starts, directions, slants)
    return Hits(directions=directions, slant_m=slants, enu_m=enu, height_m=heights)


def deviated_rotations(
    orientation: Orientation,
    yaw_deg: NDArray[np.float64],
    pitch_deg: NDArray[np.float64],
    tilt_deg: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return (n, 3, 3) rotations from camera to east, north, up with errors about level axes.

    Yaw turns about the vertical, pitch about the level axis across the view, tilt about the level axis along it
    (clockwise seen from behind). At the horizon tilt is roll; at nadir, where an Euler roll would only add to yaw, it
    is the camera's cross tilt.
    """
    pitched = rotations(0.0, orientation.pitch_deg + pitch_deg, orientation.roll_deg)
    tilt = np.radians(tilt_deg)
    sin, cos, zero, one = np.sin(tilt), np.cos(tilt), np.zeros_like(tilt), np.ones_like(tilt)
    tilted = np.stack(
        [np.stack([cos, zero, sin], -1), np.stack([zero, one, zero], -1), np.stack([-sin, zero, cos], -1)], axis=-2
    )
    yaw = np.radians(orientation.yaw_deg + yaw_deg)
    sin, cos = np.sin(yaw), np.cos(yaw)
    turned = np.stack(
        [np.stack([cos, sin, zero], -1), np.stack([-sin, cos, zero], -1), np.stack([zero, zero, one], -1)], axis=-2
    )
    result: NDArray[np.float64] = turned @ tilted @ pitched
    return result


def on_earth(point: GeoPoint, enu_m: NDArray[np.float64], reference_hae_m: float) -> NDArray[np.float64]:
    """Return (..., 2) longitude and latitude of hits in the frame of ``point``.

    Args:
        point: The camera's position, the frame's origin.
        enu_m: (..., 3) as in :class:`Hits`.
        reference_hae_m: Ellipsoidal height of the reference's zero; an error of 100 m here moves a point 1 km away by
            1.6 cm.
    """
    lonlat, _height = from_enu(LocalPlane(origin=point), enu_m + np.array([0.0, 0.0, reference_hae_m]))
    return lonlat
