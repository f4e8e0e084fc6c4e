"""Vehicles of known size, drawn into pictures from above by this file's own pinhole: boxes as a detector makes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from core.points import GeoPoint, from_plane
from detection.detection import Box, Detection
from geofence.fix import Fix
from geofence.locate import locate
from geofence.locating.ground import FlatAtTakeoff
from tests.geofence.drawn_truth import turned
from tests.geofence.locating import CAMERA, PLANE, pose

HEIGHT_M: Final = 100.0
EXCESS_M: Final = 0.12  # of each edge: half of what a box is larger than its body
EDGE_SIGMA_M: Final = 0.2
ABOVE: Final = ((-40.0, -10.0), (-10.0, 25.0), (30.0, 5.0), (5.0, -35.0))
"""Where cameras stand, east and north of the vehicle: sides that differ by more than ten degrees."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vehicle:
    """A body: length, width and height in metres, and its heading in degrees clockwise from north."""

    length_m: float
    width_m: float
    height_m: float
    heading_deg: float = 0.0
    east_m: float = 0.0
    north_m: float = 0.0


def draw(
    bodies: Sequence[Vehicle],
    at: tuple[float, float],
    number: int,
    *,
    yaw_deg: float = 0.0,
    pitch_deg: float = -90.0,
    height_m: float = HEIGHT_M,
    height_error_m: float = 0.0,
    dice: np.random.Generator | None = None,
    label: str = "vehicle",
) -> Fix:
    """Return the fix of one box around bodies, from a camera at (east, north) whose height is stated wrongly."""
    camera = np.array([*at, height_m])
    corners = np.vstack([_corners(body) for body in bodies])
    looks = (corners - camera) @ turned(yaw_deg, 0, pitch_deg, 0)
    pixels = looks[:, :2] / looks[:, 2:] * CAMERA.focal_px + [CAMERA.centre_x_px, CAMERA.centre_y_px]
    metre_px = CAMERA.focal_px / float(looks[:, 2].mean())
    off = np.full(4, EXCESS_M) if dice is None else dice.normal(EXCESS_M, EDGE_SIGMA_M, 4)
    left, top = pixels.min(axis=0) - off[:2] * metre_px
    right, bottom = pixels.max(axis=0) + off[2:] * metre_px
    lon, lat = from_plane(PLANE, camera[:2])
    seen = pose(
        yaw=yaw_deg, pitch=pitch_deg, height_m=height_m + height_error_m, seconds=2.0 * number,
        point=GeoPoint(lon_deg=float(lon), lat_deg=float(lat)),
    )  # fmt: skip
    box = Box(left_px=float(left), top_px=float(top), right_px=float(right), bottom_px=float(bottom))
    detection = Detection(frame_id=f"frame-{number}", label=label, score=0.9, box=box, weight_sha256="0" * 64)
    fix = locate(detection, pose=seen, camera=CAMERA, ground=FlatAtTakeoff(sigma_m=1.0), captured_at=seen.captured_at)
    assert isinstance(fix, Fix), fix
    return fix


def survey(
    *bodies: Vehicle,
    dice: np.random.Generator | None = None,
    label: str = "vehicle",
    above: Sequence[tuple[float, float]] = ABOVE,
) -> list[Fix]:
    """Return the fixes of bodies that are boxed as one from above, the height wrong by some metres for all of them."""
    error_m = 0.0 if dice is None else float(dice.normal(0, 1.4))
    yaw_deg = 0.0 if dice is None else float(dice.uniform(0, 360))
    return [
        draw(bodies, at, number, yaw_deg=yaw_deg, height_error_m=error_m, dice=dice, label=label)
        for number, at in enumerate(above)
    ]


def _corners(body: Vehicle) -> np.ndarray:
    heading = np.radians(body.heading_deg)
    ahead, aside = np.array([np.sin(heading), np.cos(heading)]), np.array([np.cos(heading), -np.sin(heading)])
    ends = ahead * body.length_m / 2, aside * body.width_m / 2
    middle = np.array([body.east_m, body.north_m])
    foot = np.array([middle + along * ends[0] + across * ends[1] for along in (-1, 1) for across in (-1, 1)])
    return np.vstack([np.column_stack([foot, np.full(4, height)]) for height in (0.0, body.height_m)])
