"""Frames of a drone that does not say where its camera looks: AU-AIR, before and after self-calibration.

The telemetry gives position, height and the airframe's attitude, and no camera pitch; the pitch is declared here with
ten degrees of doubt, which is what a patrol would have to do. Measured are features of the standing ground that two
frames show (kept out of the estimate), and labelled cars, each matched to its nearest of the same class in every other
frame of the flight.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import combinations
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from core.heights import TakeoffHeight
from core.points import GeoPoint, LocalPlane, to_plane
from core.refusal import Refusal
from detection.detection import Box, Detection
from flight.cameras.catalogue import declared_camera
from flight.track import Pose, PoseSigma
from geofence.calibrating.self_calibration import SelfCalibration, View, corrected
from geofence.calibrating.self_calibration_flight import self_calibrate
from geofence.calibrating.self_calibration_ties import Picture, match_pictures
from geofence.fix import Fix
from geofence.locate import locate
from geofence.locating.ground import FlatAtTakeoff

AUAIR = Path(__file__).resolve().parents[2] / "shared" / "data" / "auair"
FLIGHTS = ("20190905111947", "20190905112522")
GROUND = FlatAtTakeoff(sigma_m=1.0)
PITCHES_DEG = (-45.0, -30.0, -60.0)  # the next is tried where the one before is refused as too far off
SIGMA = PoseSigma(
    horizontal_m=2.0, vertical_m=1.0, yaw_deg=4.0, pitch_deg=10.0, roll_deg=2.5, source="declared for AU-AIR"
)
# A stabilised cut of a fisheye: some 80° across, nobody says how much exactly.
CAMERA = replace(declared_camera(1920, 1080, focal_px=960 / math.tan(math.radians(40))), focal_sigma=0.1)


def views_of(flight: str, pitch_deg: float) -> tuple[list[View], dict[str, list[tuple[str, Box]]]]:
    """Return a flight's frames, posed with a declared pitch, and the labelled vehicles of each."""
    told: dict[str, Any] = json.loads((AUAIR / "annotations.json").read_text())
    views, boxes = [], defaultdict(list)
    for row in told["annotations"]:
        name = row["image_name"]
        if flight not in name:
            continue
        at = row["time"]
        began = datetime(at["year"], at["month"], at["day"], at["hour"], at["min"], at["sec"], tzinfo=UTC)
        pose = Pose(
            captured_at=began + timedelta(milliseconds=at["ms"]),
            position=GeoPoint(lon_deg=row["longtitude"], lat_deg=row["latitude"]),
            height_takeoff=TakeoffHeight(metres=row["altitude"] / 1000),
            yaw_deg=math.degrees(row["angle_psi"]) % 360,
            pitch_deg=pitch_deg,
            roll_deg=0.0,  # the cut is stabilised against the airframe's roll
            sigma=SIGMA,
        )
        views.append(View(frame_id=name, pose=pose, camera=CAMERA))
        for box in row["bbox"]:
            label = told["categories"][box["class"]].lower()
            if label in {"car", "van", "truck"}:
                left, top = max(0.0, box["left"]), max(0.0, box["top"])
                boxes[name].append(
                    (label, Box(left_px=left, top_px=top, right_px=left + box["width"], bottom_px=top + box["height"]))
                )
    return sorted(views, key=lambda view: view.pose.captured_at), boxes


def vehicles_apart(views: list[View], boxes: dict[str, list[tuple[str, Box]]]) -> list[float]:
    """Return distances of vehicles of one class that two frames put within 6 m of each other, nearest both ways."""
    fixes: list[list[Fix]] = []
    for view in views:
        found = [
            locate(
                Detection(frame_id=view.frame_id, label=label, score=1.0, box=box, weight_sha256="0" * 64),
                pose=view.pose,
                camera=view.camera,
                ground=GROUND,
                captured_at=view.pose.captured_at,
                least_depression_deg=12.0,
            )
            for label, box in boxes[view.frame_id]
        ]
        fixes.append([fix for fix in found if isinstance(fix, Fix)])
    plane = LocalPlane(origin=views[0].pose.position or GeoPoint(lon_deg=0, lat_deg=0))
    gaps = []
    for one, two in combinations(fixes, 2):
        if not one or not two:
            continue
        a, b = (to_plane(plane, [[fix.point.lon_deg, fix.point.lat_deg] for fix in of]) for of in (one, two))
        far = np.hypot(*(a[:, None] - b[None, :]).transpose(2, 0, 1))
        alike = np.array([[x.detection.label == y.detection.label for y in two] for x in one])
        far = np.where(alike, far, np.inf)
        gaps += [
            float(far[i, j]) for i, j in enumerate(far.argmin(axis=1)) if far[:, j].argmin() == i and far[i, j] < 6.0
        ]
    return gaps


def calibrated(flight: str) -> tuple[float, list[View], dict[str, list[tuple[str, Box]]], SelfCalibration | Refusal]:
    """Return a flight calibrated from the first declared pitch that is not refused as too far off."""
    pictures = [
        Picture(
            frame_id=view.frame_id,
            grey=np.asarray(cv2.imread(str(AUAIR / "images" / view.frame_id), cv2.IMREAD_GRAYSCALE), dtype=np.uint8),
            scale=0.5,
        )
        for view in views_of(flight, PITCHES_DEG[0])[0]
    ]
    ties = match_pictures(pictures)
    answer: tuple[float, list[View], dict[str, list[tuple[str, Box]]], SelfCalibration | Refusal] | None = None
    for pitch in PITCHES_DEG:
        views, boxes = views_of(flight, pitch)
        answer = (pitch, views, boxes, self_calibrate(views, ties, ground=GROUND))
        if isinstance(answer[3], SelfCalibration):
            break
    if answer is None:
        raise ValueError("at least one pitch is tried")
    return answer


def auair_spreads(console: Console) -> None:
    """Print how far apart one thing's fixes lie in frames of AU-AIR, before and after."""
    if not AUAIR.is_dir():
        console.print("The shared AU-AIR frames are not at hand; their part is left out.")
        return
    table = Table(title="AU-AIR (Parrot Bebop 2, camera pitch declared ± 10°): how far apart one thing's fixes lie")
    for heading in (
        "flight",
        "declared pitch",
        "estimated",
        "features",
        "before",
        "after",
        "vehicles",
        "before",
        "after",
    ):
        table.add_column(heading, justify="right")
    left_out: list[str] = []
    for flight in FLIGHTS:
        pitch, views, boxes, found = calibrated(flight)
        if not isinstance(found, SelfCalibration):
            table.add_row(flight, f"{pitch:g}°", found.code, "", "", "", "", "", "")
            continue
        part = {frame for sortie in found.sorties for frame in sortie.frame_ids}
        after = [corrected(found, view) for view in views if view.frame_id in part]
        looks = np.median([view.pose.pitch_deg or 0.0 for view in after])
        cars, cars_after = vehicles_apart(views, boxes), vehicles_apart(after, boxes)
        table.add_row(
            flight,
            f"{pitch:g}°",
            f"{looks:.0f}°",
            str(found.before.count) + ("" if found.held_out else " (not held out)"),
            f"{found.before.median_m:.2f} m",
            f"{found.after.median_m:.2f} m",
            f"{len(cars)} / {len(cars_after)}",
            f"{np.median(cars):.2f} m" if cars else "",
            f"{np.median(cars_after):.2f} m" if cars_after else "",
        )
        left_out += [f"{flight}: left out: {why}" for why in found.left_out.values()]
    console.print(table)
    for words in left_out:
        console.print(words)
