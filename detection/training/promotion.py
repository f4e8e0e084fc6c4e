"""The promotion gate: a new weight takes an old one's place only when it is not worse, class by class.

Both weights look at the same fixed images, which neither was trained on. A mean over classes would let a gain on cars
pay for a loss on smoke; so every label of the old weight must hold by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.errors import InputRefused
from core.text import _
from detection.detection import Detection, Detector
from detection.frame import Frame
from detection.matching import average_precision, tally
from detection.training.yolo_sets import Labelled
from detection.weight_card import Sees, WeightCard
from flight.track import Pose

GREYEST: Final = 4.0  # mean difference of a picture's colours up to which it is grey that was stored as colours
SLACK: Final = 0.01  # differences of average precision below this are the noise of a few boxes
NO_TIME: Final = datetime(2000, 1, 1, tzinfo=UTC)  # labelled images have no time of their own, and none is used

_Boxes = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassScore:
    """How well a weight finds one label on a fixed set.

    Attributes:
        true: True boxes of the label in the set.
        average_precision: Area under precision over recall; None when the set holds no such thing.
        recall, precision: At the weight's own threshold; None where they have no meaning.
    """

    true: int
    average_precision: float | None
    recall: float | None
    precision: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """The outcome of comparing two weights.

    Attributes:
        is_granted: Whether the new weight may replace the old one.
        worse: Labels on which it is worse, or which it no longer has.
        untested: Labels that the fixed set says nothing about; they do not stand in the way, and must be told.
    """

    is_granted: bool
    worse: tuple[str, ...]
    untested: tuple[str, ...]


def check_sample(folder: Path, images: Iterable[Labelled], card: WeightCard) -> None:
    """Refuse labelled images in colours for a weight that sees heat: it knows grey pictures, the warmest white.

    Raises:
        InputRefused: An image is in colours.
    """
    if card.sees is not Sees.HEAT:
        return
    for image in images:
        pixels = image.pixels.astype(np.int16)
        if float(np.ptp(pixels, axis=2).mean()) > GREYEST:
            raise InputRefused(
                folder / image.name,
                _("is in colours, and {weight} sees heat").format(weight=card.name),
                _("Use grey thermal pictures in which the warmest is white."),
            )


def score_detector(
    detector: Detector, images: Iterable[Labelled], *, least_iou: float, thresholds: Mapping[str, float]
) -> dict[str, ClassScore]:
    """Return the detector's score for each of its labels on labelled images.

    Args:
        detector: It should report from a low score on (``score_floor``), so that the whole curve is seen.
        images: The fixed set; without pose, so tiles are cut at the weight's plain scales.
        least_iou: The least overlap that counts as found.
        thresholds: Label → score from which recall and precision are counted.
    """
    seen: dict[str, list[tuple[_Boxes, _Boxes, _Boxes]]] = {label: [] for label in detector.labels}
    for image in images:
        (found,) = detector.detect([frame_of(image)])
        for label in detector.labels:
            own = [each for each in found if each.label == label]
            truth = image.boxes[[name == label for name in image.labels]]
            seen[label].append((_boxes(own), np.array([each.score for each in own]), truth))
    return {label: _class_score(rows, least_iou, thresholds[label]) for label, rows in seen.items()}


def compare(old: Mapping[str, ClassScore], new: Mapping[str, ClassScore], *, slack: float = SLACK) -> Promotion:
    """Return whether ``new`` may replace ``old``: no label that the set tests may be worse by more than ``slack``."""
    worse, untested = [], []
    for label, before in old.items():
        after = new.get(label)
        if after is None:
            worse.append(label)
        elif before.average_precision is None or after.average_precision is None:
            untested.append(label)
        elif after.average_precision < before.average_precision - slack:
            worse.append(label)
    untested.extend(label for label, score in new.items() if label not in old and score.average_precision is None)
    return Promotion(is_granted=not worse, worse=tuple(worse), untested=tuple(untested))


def _class_score(rows: Sequence[tuple[_Boxes, _Boxes, _Boxes]], least_iou: float, threshold: float) -> ClassScore:
    tallies = [
        tally(boxes[scores >= threshold], scores[scores >= threshold], truth, least_iou=least_iou)
        for boxes, scores, truth in rows
    ]
    true, found, false = (sum(getattr(each, name) for each in tallies) for name in ("true", "found", "false"))
    return ClassScore(
        true=true,
        average_precision=average_precision(rows, least_iou=least_iou) if rows else None,
        recall=found / true if true else None,
        precision=found / (found + false) if found + false else None,
    )


def frame_of(image: Labelled) -> Frame:
    """Return a labelled image as a frame without time, pose or camera."""
    return Frame(
        original_sha256=image.name,
        original_name=image.name,
        captured_at=NO_TIME,
        pixels=image.pixels,
        pose=Pose(captured_at=NO_TIME),
        camera=None,
    )


def _boxes(detections: Sequence[Detection]) -> _Boxes:
    return np.array(
        [[each.box.left_px, each.box.top_px, each.box.right_px, each.box.bottom_px] for each in detections],
        dtype=np.float64,
    ).reshape(-1, 4)
