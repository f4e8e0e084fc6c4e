"""What a weight for heat finds on the held-out flights of HIT-UAV, whole pictures, and its ``measured`` rows.

Every picture is looked at as the program looks at it: its greys are taken for temperatures over a span of kelvins, made
into the program's grey picture, and resampled by height and angle. Beside it, the picture as the camera stored it, and
a grey picture whose 1st and 99.5th percentiles are plain black and white: what the program's stretch costs or brings.

    python -m benchmarks.detection_heat --data FOLDER [--weight NAME] [--every N]

The pictures of a flight overlap, so that the ground looked at is less than the sum.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.weights import open_registry
from core.heights import TakeoffHeight
from detection.frame import Frame
from detection.matching import area_under_curve
from detection.measured_point import measured_rows
from detection.operating_points import SCORE_FLOOR, CheckedImage, check, point_at
from detection.thermal.heat_picture import COLD_PERCENTILE, WARM_PERCENTILE, heat_picture
from detection.thermal.thermogram import Scale, Thermogram
from detection.training.heat_model import FOLDER, RAD_PER_PX, HeatPhoto, heat_photos, read_heat_photo
from detection.training.promotion import NO_TIME
from detection.training.yolo_sets import Labelled
from detection.weight_card import Sees
from detection.yolo import YoloDetector
from flight.camera import Camera
from flight.track import Pose

Greys = NDArray[np.uint8]
ON: Final = "whole pictures of the held-out flights of HIT-UAV, 60 to 130 m, 30° to 90°"
COLDEST_C: Final = 10.0
SPANS_K: Final = (20.0, 8.0, 3.0)
AS_STORED: Final = "as stored"


def as_heat(span_k: float) -> Callable[[Greys], Greys]:
    """Return what makes the program's grey picture of a stored one that spans so many kelvins from grey 0 to 255."""

    def shown(grey: Greys) -> Greys:
        values = (COLDEST_C + grey / 255 * span_k).astype(np.float32)
        picture = heat_picture(Thermogram(values=values, scale=Scale.CELSIUS, source="HIT-UAV"))
        if picture is None:
            raise ValueError("a stored picture is measured everywhere")
        return picture.pixels

    return shown


def plainly(grey: Greys) -> Greys:
    """Return a grey picture with the two percentiles at black and white."""
    cold, warm = np.percentile(grey, (COLD_PERCENTILE, WARM_PERCENTILE))
    stretched = ((grey - cold) / max(warm - cold, 1.0) * 255).clip(0, 255).astype(np.uint8)
    return as_stored(stretched)


def as_stored(grey: Greys) -> Greys:
    """Return three times the same grey."""
    return np.repeat(grey[..., None], 3, axis=2)


def checked_images(
    images: Sequence[tuple[HeatPhoto, Labelled]], shown: Callable[[Greys], Greys]
) -> Iterator[CheckedImage]:
    """Yield pictures with the pose that their names tell."""
    for photo, image in images:
        height_px, width_px = image.pixels.shape[:2]
        camera = Camera(
            model="HIT-UAV",
            width_px=width_px,
            height_px=height_px,
            focal_px=1 / RAD_PER_PX,
            centre_x_px=width_px / 2,
            centre_y_px=height_px / 2,
            source="estimated from the cars' lengths",
        )
        pose = Pose(
            captured_at=NO_TIME,
            height_takeoff=TakeoffHeight(metres=photo.height_m),
            yaw_deg=0.0,
            pitch_deg=-photo.angle_deg,
            roll_deg=0.0,
        )
        frame = Frame(
            original_sha256=hashlib.sha256(photo.path.read_bytes()).hexdigest(),
            original_name=photo.path.name,
            captured_at=NO_TIME,
            pixels=shown(image.pixels[..., 0]),
            pose=pose,
            camera=camera,
        )
        own = np.array(image.labels)
        yield CheckedImage(frame=frame, truth={label: image.boxes[own == label] for label in set(image.labels)})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help=f"folder that holds {FOLDER}")
    parser.add_argument("--weight", default="")
    parser.add_argument("--every", type=int, default=1, help="look at every N-th picture only")
    asked = parser.parse_args()
    registry = open_registry()
    entry = registry.named(asked.weight) if asked.weight else registry.default_for("person", Sees.HEAT)
    detector = YoloDetector(entry.path, registry=registry, score_floor=SCORE_FLOOR, threads=2)
    held_out = [photo for photo in heat_photos(asked.data / FOLDER) if photo.split == "val"][:: asked.every]
    images = [(photo, image) for photo in held_out if (image := read_heat_photo(photo)) is not None]
    print(f"{entry.card.name} on {len(images)} {ON}, {detector.runtime}")
    ways: Mapping[str, Callable[[Greys], Greys]] = {
        **{f"heat, {span:g} K": as_heat(span) for span in SPANS_K},
        "plain 0 to 255": plainly,
        AS_STORED: as_stored,
    }
    points = {}
    for way, shown in ways.items():
        for label, each in check(detector, checked_images(images, shown), card=entry.card).items():
            point = point_at(each, entry.card.thresholds[label], on=ON)
            points.setdefault(label, point)  # of the first way
            precision = point.found / max(1, point.found + point.false)
            area = area_under_curve(each.scores, each.hits, true=each.true) if each.true else math.nan
            print(
                f"{way:16}{label:9} AP {area:.3f}, from {point.threshold:.2f}: recall {point.recall or 0:.3f}, "
                f"precision {precision:.3f}, {point.false_per_km2:.0f} false a km² (at most "
                f"{point.most_false_per_km2:.0f}), {each.true} true, {each.area_km2:.3f} km²"
            )
    print(json.dumps(measured_rows(points), indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
