"""Real photographs: how far apart fixes of one thing lie, before and after self-calibration.

Eight photographs of one car park from three flights (DJI FC220, no RTK; positions, heights and angles as their headers
state them). Two measures: features of the standing ground that two photographs show, and labelled cars, each matched
to its nearest in every other photograph of the same flight.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from zoneinfo import ZoneInfo

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from core.points import LocalPlane, to_plane
from detection.detection import Box, Detection
from flight.camera import Camera
from flight.cameras.catalogue import catalogue_camera
from flight.telemetry.photo import PhotoTelemetry, read_photo
from geofence.calibrating.self_calibration import SelfCalibration, View, corrected
from geofence.calibrating.self_calibration_flight import self_calibrate
from geofence.calibrating.self_calibration_ties import Picture, match_pictures
from geofence.fix import Fix
from geofence.gather import gather
from geofence.locate import locate
from geofence.locating.ground import FlatAtTakeoff

PHOTOS = Path(__file__).resolve().parents[2] / "shared" / "data" / "aerial_vehicles" / "dji_photos"
GROUND = FlatAtTakeoff(sigma_m=2.0)
LEAST_DEPRESSION_DEG = 12.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Photo:
    view: View
    boxes: tuple[Box, ...]


def photographs() -> list[Photo]:
    photos = []
    for path in sorted(PHOTOS.glob("*.JPG")):
        telemetry = read_photo(path, camera_zone=ZoneInfo("Europe/Minsk"))
        assert isinstance(telemetry, PhotoTelemetry), telemetry  # noqa: S101 - a benchmark stops where its data is not as known
        camera = catalogue_camera(telemetry.model, 4000, 2250)
        assert isinstance(camera, Camera), camera  # noqa: S101 - as above
        boxes = []
        for line in path.with_suffix(".txt").read_text().splitlines():
            label, x, y, w, h = (float(word) for word in line.split())
            if label == 0:  # cars; the other labels are vans, lorries and unclear things
                left, top, wide, high = (x - w / 2) * 4000, (y - h / 2) * 2250, w * 4000, h * 2250
                boxes.append(Box(left_px=left, top_px=top, right_px=left + wide, bottom_px=top + high))
        photos.append(Photo(view=View(frame_id=path.stem, pose=telemetry.pose, camera=camera), boxes=tuple(boxes)))
    return photos


def car_fixes(photo: Photo, view: View) -> list[Fix]:
    """Return fixes of a photograph's cars, seen from ``view``'s pose."""
    fixes = []
    for box in photo.boxes:
        found = locate(
            Detection(frame_id=view.frame_id, label="car", score=1.0, box=box, weight_sha256="0" * 64),
            pose=view.pose,
            camera=view.camera,
            ground=GROUND,
            captured_at=view.pose.captured_at,
            least_depression_deg=LEAST_DEPRESSION_DEG,
        )
        if isinstance(found, Fix):
            fixes.append(found)
    return fixes


def together(fixes: list[list[Fix]]) -> tuple[list[float], int, int]:
    """Return distances of cars that two photographs of one flight show, and counts of boxes and of gathered things.

    Matched as mutual nearest neighbours within 6 m (two parking bays), after nothing else: what self-calibration does
    not put right stays in the distance.
    """
    origin = next(fix for of_photo in fixes for fix in of_photo).point
    plane = LocalPlane(origin=origin)
    gaps: list[float] = []
    for one, two in combinations(fixes, 2):
        if not one or not two or abs((one[0].captured_at - two[0].captured_at).total_seconds()) > 300:
            continue
        a, b = (to_plane(plane, [[f.point.lon_deg, f.point.lat_deg] for f in of]) for of in (one, two))
        far = np.hypot(*(a[:, None] - b[None, :]).transpose(2, 0, 1))
        for i, j in enumerate(far.argmin(axis=1)):
            if far[:, j].argmin() == i and far[i, j] < 6.0:
                gaps.append(float(far[i, j]))
    flat = [fix for of_photo in fixes for fix in of_photo]
    return gaps, len(flat), len(gather(flat))


def spreads(console: Console) -> None:
    if not PHOTOS.is_dir():
        console.print("The shared photographs are not at hand; their part is left out.")
        return
    photos = photographs()
    views = [photo.view for photo in photos]
    pictures = [
        Picture(frame_id=view.frame_id, grey=cv2.imread(str(PHOTOS / f"{view.frame_id}.JPG"), cv2.IMREAD_GRAYSCALE))
        for view in views
    ]
    at = {view.frame_id: view for view in views}

    def low(frame_id: str, v_px: float) -> bool:
        view = at[frame_id]
        tilt = math.degrees(math.atan((v_px - view.camera.centre_y_px) / view.camera.focal_px))
        return tilt - (view.pose.pitch_deg or 0.0) > LEAST_DEPRESSION_DEG

    ties = match_pictures(pictures)
    flat = {tie.thing for tie in ties} - {tie.thing for tie in ties if not low(tie.frame_id, tie.v_px)}
    found = self_calibrate(views, [tie for tie in ties if tie.thing in flat], ground=GROUND)
    if not isinstance(found, SelfCalibration):
        console.print(f"Self-calibration refused: {found}")
        return
    table = Table(
        title="One thing in several photographs: how far apart its fixes lie (three flights, eight photographs)"
    )
    for heading in ("what", "count", "before: median, p90", "after: median, p90"):
        table.add_column(heading, justify="left" if heading == "what" else "right")

    def cell(median_m: float, p90_m: float) -> str:
        return f"{median_m:.2f} m, {p90_m:.2f} m"

    table.add_row(
        "features of the ground, kept out of the estimate (rms from their mean)",
        str(found.before.count),
        cell(found.before.median_m, found.before.p90_m),
        cell(found.after.median_m, found.after.p90_m),
    )
    before, boxes, things = together([car_fixes(photo, photo.view) for photo in photos])
    after, _boxes, things_after = together([car_fixes(photo, corrected(found, photo.view)) for photo in photos])
    table.add_row(
        "labelled cars of one flight (distance)",
        f"{len(before)} / {len(after)}",
        cell(float(np.median(before)), float(np.quantile(before, 0.9))),
        cell(float(np.median(after)), float(np.quantile(after, 0.9))),
    )
    table.add_row("boxes of cars → things gathered", str(boxes), str(things), str(things_after))
    console.print(table)
    for sortie in found.sorties:
        told = ", ".join(f"{b.name} {b.value:+.2f} ± {b.sigma:.2f}" for b in sortie.biases if b.observed)
        console.print(f"{' '.join(sortie.frame_ids)}: {told or 'nothing observed'}")
