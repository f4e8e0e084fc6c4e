"""Smoke and fire on the validation images of a public set: average precision per label, and alarms.

    python -m benchmarks.detection_fire [--images FOLDER] [--limit 204]

An image raises an alarm when anything in it is taken for smoke or fire at the card's threshold. The set's own images
nearly all show some; what shows none are crops of the car photos, cut where no label is, so that the false-alarm rate
is measured on another kind of image than training saw as background.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from detection.registry import read_registry
from detection.training.default_model import FIRE_CLASSES
from detection.training.promotion import frame_of, score_detector
from detection.training.yolo_sets import Labelled, read_yolo_set
from detection.yolo import YoloDetector

SHARED = Path(__file__).resolve().parent.parent.parent / "shared/data"
SIDE_PX = 256


def quiet_crops(count: int) -> list[Labelled]:
    crops = []
    random = np.random.default_rng(3)
    photos = list(read_yolo_set(SHARED / "aerial_vehicles/dji_photos", SHARED / "aerial_vehicles/dji_photos", {}))
    for number in range(count):
        photo = photos[number % len(photos)]
        top = int(random.integers(0, photo.pixels.shape[0] - SIDE_PX))
        left = int(random.integers(0, photo.pixels.shape[1] - SIDE_PX))
        pixels = np.ascontiguousarray(photo.pixels[top : top + SIDE_PX, left : left + SIDE_PX])
        crops.append(Labelled(name=f"quiet-{number}", pixels=pixels, boxes=np.empty((0, 4)), labels=()))
    return crops


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=Path, default=SHARED / "forest_fire/valid")
    parser.add_argument("--limit", type=int, default=204)
    asked = parser.parse_args()
    images = list(read_yolo_set(asked.images / "images", asked.images / "labels", FIRE_CLASSES))[: asked.limit]
    weight = read_registry().default_for("fire").path
    low = YoloDetector(weight, threads=2, score_floor=0.05, plain_scales=(1.0,))
    scores = score_detector(low, images, least_iou=0.5, thresholds=low.card.thresholds)
    print(f"weight {low.card.name}, {len(images)} images, IoU 0.5")
    for label in ("smoke", "fire"):
        if label in scores:
            score = scores[label]
            print(f"  {label:6} true {score.true:5}  AP50 {score.average_precision or 0:.3f}", end="")
            print(f"  recall {score.recall or 0:.3f}  precision {score.precision or 0:.3f}")
    detector = YoloDetector(weight, threads=2, plain_scales=(1.0,))
    alarms = {
        name: sum(
            any(each.label in {"smoke", "fire"} for each in detector.detect([frame_of(image)])[0]) for image in some
        )
        for name, some in (("burning", [each for each in images if each.labels]), ("quiet", quiet_crops(80)))
    }
    burning = sum(bool(each.labels) for each in images)
    print(
        f"alarms: {alarms['burning']} of {burning} burning images, {alarms['quiet']} of 80 quiet crops of city photos"
    )


if __name__ == "__main__":
    main()
