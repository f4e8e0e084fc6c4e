"""Drawn truth: cameras that are not quite where and how they say, over ground that is not quite where it is said.

Written without the code under test: its own rotations, its own lens, its own ground. Shared by the test of the error
ellipses and by their benchmark.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from core.heights import TakeoffHeight
from core.points import GeoPoint, from_plane, to_plane
from detection.detection import Box, Detection
from flight.camera import Camera
from flight.track import Pose
from geofence.fix import Fix
from geofence.locate import locate
from geofence.locating.error_budget import DeviceClass, class_budget
from geofence.locating.ground import FlatAtTakeoff
from tests.geofence.locating import NOON, PLANE

WIDTH, HEIGHT, FOCAL, FOCAL_SIGMA, GROUND_SIGMA, PIXEL_SIGMA = 4000, 3000, 3000.0, 0.01, 1.0, 1.0
SLANTS = {"to 100 m": (30, 100), "100-250 m": (100, 250), "250-600 m": (250, 600), "600-1200 m": (600, 1200)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How often ellipses held the truth."""

    draws: int
    refused: int
    half: float
    ninety: float
    median_miss_m: float


def turned(yaw: float, tilt: float, pitch: float, roll: float) -> np.ndarray:
    """Return the rotation from camera (right, down, forward) to east, north, up: turn, tilt, pitch, then roll."""
    y, t, p, r = np.radians([yaw, tilt, pitch, roll])
    about_up = np.array([[math.cos(y), math.sin(y), 0], [-math.sin(y), math.cos(y), 0], [0, 0, 1]])
    about_north = np.array([[math.cos(t), 0, math.sin(t)], [0, 1, 0], [-math.sin(t), 0, math.cos(t)]])
    about_east = np.array([[1, 0, 0], [0, math.cos(p), -math.sin(p)], [0, math.sin(p), math.cos(p)]])
    level = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
    about_axis = np.array([[math.cos(r), -math.sin(r), 0], [math.sin(r), math.cos(r), 0], [0, 0, 1]])
    return about_up @ about_north @ about_east @ level @ about_axis


def coverage(device_class: DeviceClass, slant_m: tuple[float, float], *, draws: int, seed: int) -> Coverage:
    """Return how often the ellipses of :func:`geofence.locate.locate` held the truth over random poses and errors."""
    rng = np.random.default_rng(seed)
    budget = class_budget(device_class)
    camera = Camera(
        model="drawn",
        width_px=WIDTH,
        height_px=HEIGHT,
        focal_px=FOCAL,
        centre_x_px=WIDTH / 2,
        centre_y_px=HEIGHT / 2,
        focal_sigma=FOCAL_SIGMA,
        source="test",
    )
    held, misses, refused = [], [], 0
    while len(misses) + refused < draws:
        yaw, roll = rng.uniform(-180, 180), rng.choice([0.0, 180.0, rng.normal(0, 2)])
        height = math.exp(rng.uniform(math.log(20), math.log(400)))
        pitch = rng.uniform(-90, -8)
        true_pixel = rng.uniform([0, 0], [WIDTH, HEIGHT])
        focal = FOCAL * (1 + rng.normal(0, FOCAL_SIGMA))
        ray = turned(yaw, 0, pitch, roll) @ [*((true_pixel - [WIDTH / 2, HEIGHT / 2]) / focal), 1.0]
        ray /= np.linalg.norm(ray)
        ground = rng.normal(0, GROUND_SIGMA)
        # Well clear of the refusal at 5°, so that what is left in does not depend on the errors drawn.
        if ray[2] > -math.sin(math.radians(8.0)) or height - ground < 10:
            continue
        slant = (height - ground) / -ray[2]
        if not slant_m[0] <= slant <= slant_m[1]:
            continue
        truth = ray[:2] * slant
        # The camera says it stands at the origin; in truth it stood where the stated position's error puts it.
        said = rng.normal(0, 1, 6) * [
            budget.horizontal_m,
            budget.horizontal_m,
            budget.vertical_m,
            budget.yaw_deg,
            budget.pitch_deg,
            budget.tilt_deg,
        ]
        # A tilt error about the level axis along the view, put back into yaw, pitch and roll as telemetry states them.
        stated = turned(yaw + said[3], said[5], pitch + said[4], roll)
        angles = _angles(stated, near=roll)
        lon, lat = from_plane(PLANE, said[:2])
        pose = Pose(
            captured_at=NOON,
            position=GeoPoint(lon_deg=float(lon), lat_deg=float(lat)),
            height_takeoff=TakeoffHeight(metres=height + said[2]),
            yaw_deg=angles[0],
            pitch_deg=angles[1],
            roll_deg=angles[2],
        )
        u, v = true_pixel + rng.normal(0, PIXEL_SIGMA, 2)
        # A small box well inside: its middle errs by a pixel, which is what locating assumes at least.
        box = Box(left_px=u - 5, top_px=v - 5, right_px=u + 5, bottom_px=v + 5)
        detection = Detection(frame_id="drawn", label="spill", score=1.0, box=box, weight_sha256="0" * 64)
        found = locate(
            detection,
            pose=pose,
            camera=camera,
            ground=FlatAtTakeoff(sigma_m=GROUND_SIGMA),
            captured_at=NOON,
            device_class=device_class,
            reach_m=4000,
        )
        if not isinstance(found, Fix):
            refused += 1
            continue
        miss = to_plane(PLANE, [found.point.lon_deg, found.point.lat_deg]) - truth
        held.append(float(miss @ np.linalg.solve(found.covariance.matrix(), miss)))
        misses.append(float(np.hypot(*miss)))
    chi2 = np.array(held)
    return Coverage(
        draws=len(misses),
        refused=refused,
        half=float(np.mean(chi2 <= -2 * math.log(0.5))),
        ninety=float(np.mean(chi2 <= -2 * math.log(0.1))),
        median_miss_m=float(np.median(misses)),
    )


def _angles(rotation: np.ndarray, *, near: float) -> tuple[float, float, float]:
    """Return yaw, pitch and roll of a rotation, of the two that exist the one whose roll is nearer to ``near``."""
    forward, right, down = rotation[:, 2], rotation[:, 0], rotation[:, 1]
    pitch = math.degrees(math.asin(max(-1.0, min(1.0, forward[2]))))
    yaw = math.degrees(math.atan2(forward[0], forward[1]))
    roll = math.degrees(math.atan2(-right[2], -down[2]))
    other = (yaw + 180, 180 - pitch if pitch > 0 else -180 - pitch, roll + 180)
    apart = abs((roll - near + 180) % 360 - 180)
    return (yaw, pitch, roll) if apart <= 90 else (other[0], other[1], (other[2] + 180) % 360 - 180)
