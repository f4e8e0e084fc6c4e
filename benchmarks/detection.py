"""Seeing vehicles in real drone photos: this program against SAHI and `yolo predict`, same weight, same run.

Eight DJI FC220 photos (4000×2250, 99–120 m, −19°…−90°) that no weight was trained on; 149 labelled vehicles (cars,
minibuses, one bus, counted as one class). A found vehicle is one whose box overlaps its label by IoU 0.4 or more.

The labels are incomplete: vehicles on side streets and in yards are visible but not labelled. They were marked by eye,
in `detection_unlabelled.json`; a box on one of them counts neither as found nor as false in the columns "audited". The
columns "labels" count it as false.

    python benchmarks/detection.py [--photos FOLDER] [--weight FILE] [--repeat 1]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.refusal import Refusal
from detection.detection import Detection
from detection.frame import Frame
from detection.frames.photo_frames import open_photo
from detection.matching import average_precision, claims
from detection.merging import merge_tiles
from detection.networks.ultralytics_import import import_ultralytics
from detection.registry import read_registry, verify_weight
from detection.yolo import YoloDetector
from flight.telemetry.photo import read_photo

LEAST_IOU = 0.4
FLOOR = 0.05
VEHICLES = {"vehicle", "truck"}
HERE = Path(__file__).resolve().parent
Boxes = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Photo:
    frame: Frame
    path: Path
    truth: Boxes
    unlabelled: Boxes


@dataclass(slots=True, kw_only=True)
class Way:
    """One way of finding vehicles: (n, 5) boxes and scores per photo, and the seconds each took."""

    name: str
    find: Callable[[Photo], Boxes]
    wall_s: list[float]
    cpu_s: list[float]
    found: list[Boxes]


def read_photos(folder: Path) -> list[Photo]:
    audit = json.loads((HERE / "detection_unlabelled.json").read_text())
    photos = []
    for path in sorted(folder.glob("*.JPG")):
        told = read_photo(path, camera_zone=UTC)
        if isinstance(told, Refusal):
            raise SystemExit(str(told))
        frame = open_photo(
            path,
            sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
            captured_at=told.captured_at,
            pose=told.pose,
            camera=told.camera,
        )
        if isinstance(frame, Refusal):
            raise SystemExit(str(frame))
        height, width = frame.pixels.shape[:2]
        rows = np.array([[float(word) for word in line.split()] for line in path.with_suffix(".txt").open()])
        middle, half = rows[:, 1:3] * [width, height], rows[:, 3:5] * [width, height] / 2
        photos.append(
            Photo(
                frame=frame,
                path=path,
                truth=np.concatenate([middle - half, middle + half], axis=1),
                unlabelled=np.array(audit.get(path.stem, []), dtype=float).reshape(-1, 4),
            )
        )
    return photos


def as_rows(detections: list[Detection]) -> Boxes:
    """Vehicles of all kinds as one class: the labels do not tell them apart reliably."""
    wanted = [each for each in detections if each.label in VEHICLES]
    boxes = np.array([[d.box.left_px, d.box.top_px, d.box.right_px, d.box.bottom_px] for d in wanted]).reshape(-1, 4)
    scores = np.array([d.score for d in wanted])
    boxes, scores, _ = merge_tiles(boxes, scores, np.zeros(len(boxes), np.int64), np.zeros((len(boxes), 4), bool))
    return np.concatenate([boxes, scores[:, None]], axis=1)


def ours(name: str, weight: Path, *, device: str, floor: float | None) -> Way:
    detector = YoloDetector(weight, device=device, threads=2, score_floor=floor)
    detector.detect([])
    return Way(
        name=f"{name} ({detector.runtime})",
        find=lambda photo: as_rows(detector.detect([photo.frame])[0]),
        wall_s=[],
        cpu_s=[],
        found=[],
    )


def sahi(weight: Path, slice_px: int) -> Way:
    from sahi import AutoDetectionModel
    from sahi.predict import get_sliced_prediction

    model = AutoDetectionModel.from_pretrained(
        model_type="ultralytics", model_path=str(weight), confidence_threshold=FLOOR, device="cpu"
    )

    def find(photo: Photo) -> Boxes:
        outcome = get_sliced_prediction(
            photo.frame.pixels[..., ::-1].copy(),
            model,
            slice_height=slice_px,
            slice_width=slice_px,
            overlap_height_ratio=0.2,
            overlap_width_ratio=0.2,
            verbose=0,
        )
        seen = [each for each in outcome.object_prediction_list if each.category.name in VEHICLES]
        return np.array([[*each.bbox.to_xyxy(), each.score.value] for each in seen]).reshape(-1, 5)

    return Way(name=f"SAHI {slice_px}, 20 % overlap", find=find, wall_s=[], cpu_s=[], found=[])


def predict(weight: Path, size_px: int) -> Way:
    model = import_ultralytics().YOLO(str(weight))

    def find(photo: Photo) -> Boxes:
        (outcome,) = model.predict(
            photo.frame.pixels, imgsz=size_px, conf=FLOOR, device="cpu", verbose=False, max_det=1000
        )
        names = [outcome.names[int(number)] for number in outcome.boxes.cls]
        rows = np.concatenate([outcome.boxes.xyxy.numpy(), outcome.boxes.conf.numpy()[:, None]], axis=1)
        return rows[[name in VEHICLES for name in names]].astype(np.float64)

    return Way(name=f"yolo predict, {size_px} px", find=find, wall_s=[], cpu_s=[], found=[])


def score(photos: list[Photo], found: list[Boxes], floor: float) -> tuple[float, float, float]:
    """Return recall, precision by the labels, and precision audited, from a score floor on."""
    true = hits = false = false_audited = 0
    for photo, rows in zip(photos, found, strict=True):
        kept = rows[rows[:, 4] >= floor]
        claimed = claims(kept[:, :4], kept[:, 4], photo.truth, least_iou=LEAST_IOU)
        rest = kept[claimed < 0]
        excused = claims(rest[:, :4], rest[:, 4], photo.unlabelled, least_iou=LEAST_IOU) >= 0
        true += len(photo.truth)
        hits += int((claimed >= 0).sum())
        false += len(rest)
        false_audited += int((~excused).sum())
    return hits / true, hits / max(hits + false, 1), hits / max(hits + false_audited, 1)


def floor_for_recall(photos: list[Photo], found: list[Boxes], recall: float) -> float | None:
    """Return the highest score floor that reaches a recall, or None when none does."""
    for floor in np.arange(0.95, FLOOR - 1e-9, -0.01):
        if score(photos, found, float(floor))[0] >= recall:
            return float(floor)
    return None


def measure(photos: list[Photo], ways: list[Way], repeat: int) -> None:
    """Run every way on every photo, side by side: whatever else the machine does hits all alike."""
    for way in ways:
        way.find(photos[0])  # warm: compile, allocate
    for turn in range(repeat):
        for photo in photos:
            for way in ways:
                wall, cpu = time.perf_counter(), time.process_time()
                rows = way.find(photo)
                way.wall_s.append(time.perf_counter() - wall)
                way.cpu_s.append(time.process_time() - cpu)
                if turn == 0:
                    way.found.append(rows)


def report(photos: list[Photo], ways: list[Way], ruler: Way, floor: float) -> None:
    """Print what was found and how long it took, with ratios to ``ruler``."""
    print(
        f"{'':40}{'recall':>8}{'precision':>11}{'audited':>9}{'AP':>7}{'s/photo':>9}{'cpu s':>7}{'speed':>7}{'cpu':>6}"
    )
    for way in ways:
        recall, precision, audited = score(photos, way.found, floor)
        area = average_precision(
            [(rows[:, :4], rows[:, 4], photo.truth) for photo, rows in zip(photos, way.found, strict=True)],
            least_iou=LEAST_IOU,
        )
        wall, cpu = statistics.mean(way.wall_s), statistics.mean(way.cpu_s)
        print(f"{way.name:40}{recall:8.3f}{precision:11.3f}{audited:9.3f}{area or 0:7.3f}{wall:9.2f}{cpu:7.2f}", end="")
        print(f"{statistics.mean(ruler.wall_s) / wall:6.1f}×{statistics.mean(ruler.cpu_s) / cpu:5.1f}×")
    base_recall = score(photos, ruler.found, floor)[0]
    print(f"\nAt the recall that {ruler.name} has there ({base_recall:.3f}):")
    for way in ways:
        reached = floor_for_recall(photos, way.found, base_recall)
        if reached is None:
            print(f"{way.name:40} does not reach it")
            continue
        recall, precision, audited = score(photos, way.found, reached)
        print(
            f"{way.name:40} score {reached:.2f}: recall {recall:.3f}, precision {precision:.3f}, audited {audited:.3f}"
        )


def all_ways(weight: Path | None) -> tuple[list[Way], Way]:
    """Return every way, and the one that the others are compared to."""
    file = weight if weight is not None else read_registry().default_for("vehicle").path
    slices = sahi(file, 640)
    ways = [
        ours("this program", file, device="openvino", floor=FLOOR),
        ours("this program", file, device="cpu", floor=FLOOR),
        slices,
        sahi(file, 1280),
        predict(file, 640),
        predict(file, 1280),
    ]
    return ways, slices


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=Path, default=HERE.parent.parent / "shared/data/aerial_vehicles/dji_photos")
    parser.add_argument("--weight", type=Path, default=None)
    parser.add_argument("--repeat", type=int, default=1)
    asked = parser.parse_args()
    photos = read_photos(asked.photos)
    import_ultralytics()
    import torch

    torch.set_num_threads(2)
    registry = read_registry()
    card = registry.default_for("vehicle").card if asked.weight is None else verify_weight(asked.weight, registry)
    ways, ruler = all_ways(asked.weight)
    measure(photos, ways, asked.repeat)
    floor = card.thresholds["vehicle"]
    print(
        f"weight {card.name} ({card.sha256[:12]}…), {len(photos)} photos, {sum(len(p.truth) for p in photos)} labels,"
    )
    print(f"IoU {LEAST_IOU}, {os.cpu_count()} cores, two threads each; score floor {floor} for all\n")
    report(photos, ways, ruler, floor)


if __name__ == "__main__":
    main()
