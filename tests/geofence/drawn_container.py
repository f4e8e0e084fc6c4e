"""A container of known size and place, drawn into pictures from all sides by this file's own pinhole."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from core.points import GeoPoint, from_plane
from detection.detection import Box, Detection
from evidence.sealing.frame_record import FrameRecord
from flight.track import Pose
from geofence.fix import Fix
from geofence.locate import locate
from geofence.locating.ground import FlatAtTakeoff
from tests.geofence.drawn_truth import turned
from tests.geofence.locating import CAMERA, NOON, PLANE, pose

LENGTH_M: Final = 12.19
WIDTH_M: Final = 2.44
HEIGHT_M: Final = 2.6
"""A forty-foot container."""
FOOT: Final = np.array([[x * LENGTH_M / 2, y * WIDTH_M / 2] for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1))])


def shot(azimuth_deg: float, pitch_deg: float, number: int, *, slant_m: float = 60.0, turn_deg: float = 0.0) -> Fix:
    """Return the fix of a container at the plane's origin, from a camera that looks at it along an azimuth."""
    azimuth, pitch, turn = np.radians([azimuth_deg, pitch_deg, turn_deg])
    away = slant_m * math.cos(pitch)
    camera = np.array([-away * math.sin(azimuth), -away * math.cos(azimuth), -slant_m * math.sin(pitch)])
    about = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    corners = np.vstack([np.column_stack([FOOT @ about.T, np.full(4, height)]) for height in (0.0, HEIGHT_M)])
    looks = (corners - camera) @ turned(azimuth_deg, 0, pitch_deg, 0)
    pixels = looks[:, :2] / looks[:, 2:] * CAMERA.focal_px + [CAMERA.centre_x_px, CAMERA.centre_y_px]
    (left, top), (right, bottom) = pixels.min(axis=0).tolist(), pixels.max(axis=0).tolist()
    lon, lat = from_plane(PLANE, camera[:2])
    seen = pose(
        yaw=azimuth_deg, pitch=pitch_deg, height_m=float(camera[2]), seconds=40.0 * number,
        point=GeoPoint(lon_deg=float(lon), lat_deg=float(lat)),
    )  # fmt: skip
    record = make_record(number)
    box = Box(left_px=left, top_px=top, right_px=right, bottom_px=bottom)
    detection = Detection(frame_id=record.frame_id, label="container", score=0.9, box=box, weight_sha256="0" * 64)
    fix = locate(detection, pose=seen, camera=CAMERA, ground=FlatAtTakeoff(sigma_m=0.1), captured_at=seen.captured_at)
    assert isinstance(fix, Fix)
    return fix


def make_record(number: int) -> FrameRecord:
    """Return the record of the frame that a shot was taken as."""
    return FrameRecord(
        original_sha256="b" * 64, original_name="SKY_0007.MP4", index=number + 1, captured_at=NOON,
        width_px=4000, height_px=3000, pose=Pose(captured_at=NOON), camera=None,
    )  # fmt: skip
