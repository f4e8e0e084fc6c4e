"""Drawn truth for gathering: things at known heights, some that drive, seen from passes whose poses err.

Written without the code under test as far as truth goes: its own passes, its own rotation and its own pinhole (those of
:mod:`tests.geofence.drawn_truth`); only the fixes come from :func:`geofence.locate.locate`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from core.heights import TakeoffHeight
from core.points import GeoPoint, from_plane
from detection.detection import Box, Detection
from flight.camera import Camera
from flight.track import Pose
from geofence.fix import Fix
from geofence.locate import locate
from geofence.locating.error_budget import DeviceClass, class_budget
from geofence.locating.ground import FlatAtTakeoff
from tests.geofence.drawn_truth import FOCAL, HEIGHT, WIDTH, _angles, turned
from tests.geofence.locating import NOON, PLANE

CAMERA = Camera(
    model="drawn", width_px=WIDTH, height_px=HEIGHT, focal_px=FOCAL, centre_x_px=WIDTH / 2, centre_y_px=HEIGHT / 2,
    focal_sigma=0.003, source="test",
)  # fmt: skip
GROUND_SIGMA_M = 0.5
GROUND = FlatAtTakeoff(sigma_m=GROUND_SIGMA_M)
OWN_SHARE = 0.2
SIZE_M = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """Something that is seen: where its middle is at second zero, how high above the ground, and how it drives."""

    name: str
    east_m: float
    north_m: float
    height_m: float = 0.0
    velocity_m_s: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """A straight run: the middle of its way, its bearing and speed, and how the camera looks against the bearing."""

    east_m: float = 0.0
    north_m: float = 0.0
    bearing_deg: float = 0.0
    speed_m_s: float = 8.0
    height_m: float = 60.0
    pitch_deg: float = -90.0
    begins_s: float = 0.0
    every_s: float = 2.0
    shots: int = 9


def fly(
    things: Sequence[Thing],
    passes: Sequence[Pass],
    rng: np.random.Generator,
    *,
    label: str = "vehicle",
    found: float = 1.0,
    device_class: DeviceClass = DeviceClass.GNSS,
) -> tuple[list[Fix], dict[str, str]]:
    """Return fixes of a flight with drawn errors, and which thing each detection truly is.

    Args:
        things: What is there.
        passes: One sortie.
        rng: Draws the errors.
        label: The class of everything.
        found: The share of looks at which the detector finds a thing.
        device_class: Whose errors.
    """
    budget = class_budget(device_class)
    sigma = np.array(
        [budget.horizontal_m, budget.horizontal_m, budget.vertical_m, budget.yaw_deg, budget.pitch_deg, budget.tilt_deg]
    )
    common = math.sqrt(1 - OWN_SHARE) * sigma * rng.normal(0, 1, 6)
    ground = rng.normal(0, GROUND_SIGMA_M)
    fixes, truth = [], {}
    for number, run in enumerate(passes):
        along = np.array([math.sin(math.radians(run.bearing_deg)), math.cos(math.radians(run.bearing_deg))])
        for shot in range(run.shots):
            after_s = shot * run.every_s
            seconds = run.begins_s + after_s
            way = (after_s - (run.shots - 1) * run.every_s / 2) * run.speed_m_s
            at = np.array([run.east_m, run.north_m]) + way * along
            off = common + math.sqrt(OWN_SHARE) * sigma * rng.normal(0, 1, 6)
            true = turned(run.bearing_deg, 0, run.pitch_deg, 0)
            yaw, pitch, roll = _angles(turned(run.bearing_deg + off[3], off[5], run.pitch_deg + off[4], 0), near=0)
            lon, lat = from_plane(PLANE, at + off[:2])
            pose = Pose(
                captured_at=NOON + timedelta(seconds=seconds),
                position=GeoPoint(lon_deg=float(lon), lat_deg=float(lat)),
                height_takeoff=TakeoffHeight(metres=run.height_m + off[2]),
                yaw_deg=yaw,
                pitch_deg=max(-90.0, pitch),
                roll_deg=roll,
            )
            for thing in things:
                place = np.array([thing.east_m, thing.north_m]) + np.array(thing.velocity_m_s) * seconds
                # The middle of a vehicle is 0.8 m above what it stands on.
                look = true.T @ [*(place - at), ground + thing.height_m + 0.8 - run.height_m]
                if look[2] <= 1 or rng.random() > found:
                    continue
                u, v = np.array([WIDTH, HEIGHT]) / 2 + FOCAL * look[:2] / look[2] + rng.normal(0, 2, 2)
                half = FOCAL * SIZE_M / 2 / look[2]
                if not (half < u < WIDTH - half and half < v < HEIGHT - half):
                    continue
                seen = Detection(
                    frame_id=f"{number}-{shot}",
                    label=label,
                    score=0.9,
                    box=Box(left_px=u - half, top_px=v - half, right_px=u + half, bottom_px=v + half),
                    weight_sha256="0" * 64,
                )
                fix = locate(
                    seen, pose=pose, camera=CAMERA, ground=GROUND, captured_at=pose.captured_at,
                    device_class=device_class,
                )  # fmt: skip
                if isinstance(fix, Fix):
                    fixes.append(fix)
                    truth[seen.detection_id] = thing.name
    return fixes, truth
