"""A camera over made ground, for the tests of locating."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from core.heights import TakeoffHeight
from core.points import GeoPoint, LocalPlane, to_plane
from detection.detection import Box, Detection
from flight.camera import Camera
from flight.track import Pose, PoseSigma

HERE = GeoPoint(lon_deg=113.95, lat_deg=22.55)
PLANE = LocalPlane(origin=HERE)
NOON = datetime(2026, 10, 1, 4, 0, tzinfo=UTC)
CAMERA = Camera(
    model="made",
    width_px=4000,
    height_px=3000,
    focal_px=3000.0,
    centre_x_px=2000.0,
    centre_y_px=1500.0,
    focal_sigma=0.003,
    source="test",
)
SIGMA = PoseSigma(horizontal_m=1.0, vertical_m=1.0, yaw_deg=1.0, pitch_deg=0.5, roll_deg=0.5, source="test")


def pose(
    *,
    yaw: float = 0.0,
    pitch: float = -90.0,
    roll: float = 0.0,
    height_m: float = 100.0,
    seconds: float = 0.0,
    point: GeoPoint = HERE,
    sigma: PoseSigma | None = SIGMA,
) -> Pose:
    return Pose(
        captured_at=NOON + timedelta(seconds=seconds),
        position=point,
        height_takeoff=TakeoffHeight(metres=height_m),
        yaw_deg=yaw,
        pitch_deg=pitch,
        roll_deg=roll,
        sigma=sigma,
    )


def seen(u: float, v: float, *, label: str = "spill", frame: str = "frame-0", half_px: float = 10.0) -> Detection:
    return Detection(
        frame_id=frame,
        label=label,
        score=0.9,
        box=Box(left_px=u - half_px, top_px=v - half_px, right_px=u + half_px, bottom_px=v + half_px),
        weight_sha256="0" * 64,
    )


def plan(point: GeoPoint) -> np.ndarray:
    return to_plane(PLANE, [point.lon_deg, point.lat_deg])
