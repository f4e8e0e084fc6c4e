"""What the thresholds of the shipped weights cost and bring: the ``measured`` rows of their register.

False leads per square kilometre, for every label: the eight DJI photos, whose poses say how much ground they show; no
plume, no drum and no tent is on them, and vehicles that are visible but not labelled count neither way. What share of
the detections at the threshold is true: vehicles on the same photos; smoke and fire on the validation part of the
public set, each image at its own size.

    python benchmarks/detection_points.py [--data FOLDER] [--weight NAME …]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.detection import read_photos
from detection.calibration import expected_calibration_error, fit_calibration, probability, reliability
from detection.matching import claims
from detection.measured_point import measured_rows
from detection.operating_points import LEAST_IOU, SCORE_FLOOR, Checked, CheckedImage, check, point_at
from detection.registry import read_registry
from detection.training.default_model import FIRE_CLASSES
from detection.training.promotion import frame_of
from detection.training.yolo_sets import read_yolo_set
from detection.weight_card import Sees
from detection.yolo import YoloDetector

HERE = Path(__file__).resolve().parent
PHOTOS = "eight DJI FC220 photos of a city, 99–120 m, −19° to −90°"
FIRES = "204 validation images of the forest fire and smoke set"


def city(data: Path) -> Iterator[CheckedImage]:
    for photo in read_photos(data / "aerial_vehicles" / "dji_photos"):
        yield CheckedImage(frame=photo.frame, truth={"vehicle": photo.truth}, undecided={"vehicle": photo.unlabelled})


def fires(detector: YoloDetector, data: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return label → scores and hits on images that burn."""
    folder = data / "forest_fire" / "valid"
    scores: dict[str, list[float]] = {label: [] for label in detector.labels}
    hits: dict[str, list[bool]] = {label: [] for label in detector.labels}
    for image in read_yolo_set(folder / "images", folder / "labels", FIRE_CLASSES):
        (found,) = detector.detect([frame_of(image)])
        for label in detector.labels:
            own = [each for each in found if each.label == label]
            boxes = np.array([[d.box.left_px, d.box.top_px, d.box.right_px, d.box.bottom_px] for d in own])
            rows = np.array([each.score for each in own])
            truth = image.boxes[[name == label for name in image.labels]]
            claimed = claims(boxes.reshape(-1, 4), rows, truth, least_iou=LEAST_IOU) >= 0
            scores[label].extend(rows.tolist())
            hits[label].extend(claimed.tolist())
    return {label: (np.array(scores[label]), np.array(hits[label], dtype=bool)) for label in detector.labels}


def tell(label: str, checked: Checked, threshold: float) -> None:
    print(f"{label}: {checked.true} true, {checked.area_km2:.3f} km² looked at")
    for floor in sorted({0.1, 0.2, 0.3, 0.4, 0.5, threshold}):
        point = point_at(checked, floor, on=PHOTOS)
        print(
            f"  from {floor:.2f}: {point.false_per_km2:7.1f} false a km² (at most {point.most_false_per_km2:.1f}), "
            f"recall {'–' if point.recall is None else f'{point.recall:.2f}'}, "
            f"true at that score {'–' if point.probability is None else f'{point.probability:.2f}'}"
        )


def diagram(scores: np.ndarray, hits: np.ndarray) -> None:
    for row in reliability(scores, hits):
        span = f"{row.low:.1f}–{row.high:.1f}"
        print(f"  score {span}: {row.count:5} of mean {row.mean_score:.2f}, true {row.true_share:.2f}")
    print(f"  expected calibration error {expected_calibration_error(scores, hits):.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=HERE.parent.parent / "shared" / "data")
    parser.add_argument("--weight", action="append", default=[])
    asked = parser.parse_args()
    registry = read_registry()
    for entry in [registry.named(name) for name in asked.weight] or registry.defaults_for(Sees.LIGHT):
        detector = YoloDetector(entry.path, score_floor=SCORE_FLOOR, plain_scales=(1.0,), threads=2)
        card = entry.card
        checked = check(detector, city(asked.data), card=card)
        points = {}
        for label, each in checked.items():
            threshold = card.thresholds[label]
            tell(label, each, threshold)
            points[label] = point_at(each, threshold, on=PHOTOS)
            if each.true:
                diagram(each.scores, each.hits)
        if {"smoke", "fire"} & set(detector.labels):
            for label, (scores, hits) in fires(detector, asked.data).items():
                print(f"{label} on {FIRES}")
                diagram(scores, hits)
                curve = fit_calibration(scores, hits)
                if curve is not None:
                    points[label] = replace(
                        points[label],
                        probability=float(probability(curve, [card.thresholds[label]])[0]),
                        checked=curve.checked,
                        calibration_error=expected_calibration_error(scores, hits),
                        probability_on=FIRES,
                    )
        print(card.name, json.dumps(measured_rows(points), indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
