"""Operating points: from labelled images to thresholds by review load, and to what they cost and bring.

The images must be ones that the weight was not trained on, with every thing of its labels marked: what is not marked
counts as a false lead. How much ground was looked at comes from each image's pose, or from a stated ground sampling
distance for pictures that look straight down.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.errors import InputRefused
from core.heights import TakeoffHeight
from core.refusal import Refusal
from core.text import _
from detection.calibration import expected_calibration_error, fit_calibration, operating_point, probability
from detection.detection import Detector
from detection.frame import Frame
from detection.ground_scale import ground_offsets_m, gsd_at, height_above_ground_m
from detection.matching import claims
from detection.measured_point import MeasuredPoint
from detection.training.promotion import NO_TIME, check_sample
from detection.training.yolo_sets import Labelled, read_yolo_set
from detection.weight_card import WeightCard
from flight.camera import Camera
from flight.telemetry.photo import read_photo
from flight.track import Pose, orientation_of

LEAST_IOU: Final = 0.4
SCORE_FLOOR: Final = 0.02
LEAST_THRESHOLD: Final = 0.05
"""No threshold is set lower: a review load that a sample bears there says more of the sample than of the weight."""

AREA_CELLS: Final = 40
NADIR_HEIGHT_M: Final = 100.0
"""A picture of stated scale is shown to the detector as taken from here; only the scale matters."""

_Boxes = NDArray[np.float64]
_NO_BOXES: Final = np.empty((0, 4))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CheckedImage:
    """An image of which everything is known.

    Attributes:
        frame: The image; its pose and camera give the ground it shows.
        truth: Label → (n, 4) true boxes, pixels; a label that is missing has none.
        undecided: Label → (n, 4) boxes of things that count neither as true nor as false.
    """

    frame: Frame
    truth: Mapping[str, _Boxes]
    undecided: Mapping[str, _Boxes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Checked:
    """What became of one label's detections, from a low score on.

    Attributes:
        scores, hits: (n,) score of each detection, and whether it was true.
        true: True things on ground that is fine enough to search.
        area_km2: Ground of that kind that was looked at.
    """

    scores: NDArray[np.float64]
    hits: NDArray[np.bool_]
    true: int
    area_km2: float


def ground_area_km2(pose: Pose, camera: Camera, *, coarsest_gsd_m: float = math.inf) -> float | None:
    """Return how much level ground an image shows no coarser than a GSD, or None when pose and camera do not tell.

    Args:
        pose: Where the camera was.
        camera: The camera.
        coarsest_gsd_m: Ground with a larger GSD is not counted, as detectors do not search it.
    """
    orientation, height_m = orientation_of(pose), height_above_ground_m(pose)
    if orientation is None or height_m is None:
        return None
    across = np.linspace(0, camera.width_px, AREA_CELLS + 1)
    down = np.linspace(0, camera.height_px, AREA_CELLS + 1)
    corners = ground_offsets_m(camera, orientation, height_m, np.stack(np.meshgrid(across, down), axis=-1))
    middles = np.stack(np.meshgrid((across[1:] + across[:-1]) / 2, (down[1:] + down[:-1]) / 2), axis=-1)
    gsd_m = gsd_at(pose, camera, middles)
    if gsd_m is None:
        return None
    first, second = corners[1:, 1:] - corners[:-1, :-1], corners[1:, :-1] - corners[:-1, 1:]
    cells_m2 = np.abs(first[..., 0] * second[..., 1] - first[..., 1] * second[..., 0]) / 2
    counted = np.isfinite(cells_m2) & (gsd_m <= coarsest_gsd_m)
    return float(cells_m2[counted].sum() / 1e6)


def check(detector: Detector, images: Iterable[CheckedImage], *, card: WeightCard) -> dict[str, Checked]:
    """Return what became of each label's detections on checked images.

    Args:
        detector: It should report from a low score on (:data:`SCORE_FLOOR`).
        images: The images; all have a pose and a camera.
        card: The weight's card: ground coarser than it searches is not counted, nor what stands there.

    Raises:
        ValueError: An image's pose does not tell what ground it shows.
    """
    scores: dict[str, list[float]] = {label: [] for label in detector.labels}
    hits: dict[str, list[bool]] = {label: [] for label in detector.labels}
    true: dict[str, int] = dict.fromkeys(detector.labels, 0)
    area_km2 = 0.0
    for image in images:
        frame = image.frame
        shown = (
            None
            if frame.camera is None
            else ground_area_km2(frame.pose, frame.camera, coarsest_gsd_m=card.coarsest_gsd_m)
        )
        if shown is None:
            raise ValueError(f"{frame.original_name}: a checked image has a pose and a camera")
        area_km2 += shown
        (found,) = detector.detect([frame])
        for label in detector.labels:
            own = [each for each in found if each.label == label]
            boxes = np.array(
                [[each.box.left_px, each.box.top_px, each.box.right_px, each.box.bottom_px] for each in own]
            ).reshape(-1, 4)
            own_scores = np.array([each.score for each in own])
            truth = _searched(image.truth.get(label, _NO_BOXES), frame, card)
            claimed = claims(boxes, own_scores, truth, least_iou=LEAST_IOU) >= 0
            excused = claims(boxes, own_scores, image.undecided.get(label, _NO_BOXES), least_iou=LEAST_IOU) >= 0
            counted = claimed | ~excused
            scores[label].extend(own_scores[counted].tolist())
            hits[label].extend(claimed[counted].tolist())
            true[label] += len(truth)
    return {
        label: Checked(
            scores=np.array(scores[label]), hits=np.array(hits[label], dtype=bool), true=true[label], area_km2=area_km2
        )
        for label in detector.labels
    }


def point_at(checked: Checked, threshold: float, *, on: str) -> MeasuredPoint:
    """Return what a threshold costs and brings on checked ground.

    Args:
        checked: What became of the label's detections.
        threshold: The score from which they count.
        on: What the ground is, in words.
    """
    reported = checked.scores >= threshold
    curve = fit_calibration(checked.scores, checked.hits) if checked.hits.any() else None
    error = expected_calibration_error(checked.scores, checked.hits)
    return MeasuredPoint(
        on=on,
        threshold=threshold,
        area_km2=checked.area_km2,
        false=int((reported & ~checked.hits).sum()),
        true=checked.true,
        found=int((reported & checked.hits).sum()),
        probability=None if curve is None else float(probability(curve, [threshold])[0]),
        checked=0 if curve is None else curve.checked,
        calibration_error=None if curve is None else error,
    )


def choose_point(checked: Checked, *, false_per_km2: float, on: str) -> MeasuredPoint | None:
    """Return the lowest threshold that keeps to a review load, or None when none does or nothing tells.

    A label of which the sample holds no true thing gets none: a threshold that finds nothing costs nothing.

    Args:
        checked: What became of the label's detections.
        false_per_km2: False leads per square kilometre that reviewers accept.
        on: What the ground is, in words.
    """
    if not checked.true:
        return None
    best = operating_point(
        checked.scores,
        checked.hits,
        true_things=checked.true,
        area_km2=checked.area_km2,
        false_per_km2=false_per_km2,
    )
    if best is None or not best.threshold < 1:
        return None
    # Rounded down where that lets nothing in besides, else up: the review load was promised.
    point = point_at(checked, max(LEAST_THRESHOLD, math.floor(best.threshold * 1000) / 1000), on=on)
    if point.false_per_km2 <= false_per_km2:
        return point
    return point_at(checked, max(LEAST_THRESHOLD, math.ceil(best.threshold * 1000) / 1000), on=on)


def with_points(card: WeightCard, points: Mapping[str, MeasuredPoint]) -> WeightCard:
    """Return a card with the thresholds of measured points; labels without one keep theirs."""
    thresholds = {**card.thresholds, **{label: point.threshold for label, point in points.items()}}
    return replace(card, thresholds=thresholds, measured={**card.measured, **points})


def read_checked(folder: Path, card: WeightCard, *, gsd_m: float | None = None) -> tuple[CheckedImage, ...]:
    """Return the images of a labelled folder with the ground they show.

    Args:
        folder: ``images/`` and ``labels/`` in YOLO's format, or both in one folder; class numbers as the weight's.
        card: The weight's card.
        gsd_m: Metres per pixel of images that look straight down and do not tell their pose themselves.

    Raises:
        InputRefused: The folder is no labelled set, an image is in colours and the weight sees heat, or an image tells
            no pose and no GSD was stated.
    """
    images, labels = folder / "images", folder / "labels"
    if not images.is_dir():
        images = labels = folder
    classes = {number: card.labels[name] for number, name in enumerate(card.classes) if name in card.labels}
    sample = list(read_yolo_set(images, labels, classes))
    check_sample(images, sample, card)
    files = {path.stem: path for path in images.iterdir()} if images.is_dir() else {}
    return tuple(_checked_image(files[labelled.name], labelled, gsd_m) for labelled in sample)


def _checked_image(path: Path, labelled: Labelled, gsd_m: float | None) -> CheckedImage:
    height_px, width_px = labelled.pixels.shape[:2]
    told = read_photo(path, camera_zone=UTC)
    pose, camera = (None, None) if isinstance(told, Refusal) else (told.pose, told.camera)
    if camera is None or pose is None or gsd_at(pose, camera, [[0.0, 0.0]]) is None:
        if gsd_m is None:
            raise InputRefused(
                path,
                _("does not tell how much ground it shows"),
                _("State --gsd-m for pictures that look straight down, or take photos with height and gimbal angles."),
            )
        pose = Pose(
            captured_at=NO_TIME,
            height_takeoff=TakeoffHeight(metres=NADIR_HEIGHT_M),
            yaw_deg=0,
            pitch_deg=-90,
            roll_deg=0,
        )
        camera = Camera(
            model="stated scale",
            width_px=width_px,
            height_px=height_px,
            focal_px=NADIR_HEIGHT_M / gsd_m,
            centre_x_px=width_px / 2,
            centre_y_px=height_px / 2,
            source="stated ground sampling distance",
        )
    frame = Frame(
        original_sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        original_name=path.name,
        captured_at=pose.captured_at,
        pixels=labelled.pixels,
        pose=pose,
        camera=camera,
    )
    own = np.array(labelled.labels)
    return CheckedImage(frame=frame, truth={label: labelled.boxes[own == label] for label in set(labelled.labels)})


def _searched(boxes: _Boxes, frame: Frame, card: WeightCard) -> _Boxes:
    """Return the boxes that stand on ground fine enough to be searched."""
    gsd_m = gsd_at(frame.pose, frame.camera, (boxes[:, :2] + boxes[:, 2:]) / 2)
    return boxes if gsd_m is None else boxes[gsd_m <= card.coarsest_gsd_m]
