"""The self-test of a weight: what must hold before a bureau relies on it.

A weight that loads can still be the wrong one: trained for other classes than its card says, blind, or seeing things
in an empty picture. The test runs the weight as a patrol would, on a grey picture, on a picture of nothing but noise,
and, where the bureau gives labelled images of its own, on those.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from core.errors import WeightRefused
from core.text import _
from detection.detection import Detection, Detector
from detection.registry import Registry
from detection.training.promotion import ClassScore, frame_of, score_detector
from detection.training.yolo_sets import Labelled
from detection.weight_card import Sees
from detection.yolo import GREY, YoloDetector

BLANK_PX: Final = 640
LEAST_IOU: Final = 0.4
SCORE_FLOOR: Final = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTestLine:
    """One line of a self-test.

    Attributes:
        name: What was tried.
        passed: Whether it holds.
        told: What was found.
    """

    name: str
    passed: bool
    told: str


def try_out(
    weight: Path, registry: Registry, *, device: str = "auto", sample: Sequence[Labelled] = ()
) -> tuple[SelfTestLine, ...]:
    """Run the self-test of a registered weight and return its lines, the first failure last.

    Args:
        weight: The weight file.
        registry: Where it is registered.
        device: As :class:`detection.yolo.YoloDetector` takes it.
        sample: Labelled images that the weight was not trained on; each label of the card that they show must be found
            at its threshold at least once.
    """
    try:
        detector = YoloDetector(weight, registry=registry, device=device)
    except WeightRefused as refused:
        return (SelfTestLine(name=_("it loads and has the classes of its card"), passed=False, told=str(refused)),)
    lines = [
        SelfTestLine(
            name=_("it loads and has the classes of its card"),
            passed=True,
            told=_told_sight(detector.card.sees).format(runtime=detector.runtime, labels=", ".join(detector.labels)),
        ),
        *_on_nothing(detector),
    ]
    if sample:
        floor = YoloDetector(weight, registry=registry, device=device, score_floor=SCORE_FLOOR)
        scores = score_detector(floor, sample, least_iou=LEAST_IOU, thresholds=detector.card.thresholds)
        lines.extend(_on_sample(scores))
    return tuple(lines)


def _told_sight(sees: Sees) -> str:
    return _("{runtime}; finds {labels} in heat") if sees is Sees.HEAT else _("{runtime}; finds {labels}")


def _on_nothing(detector: Detector) -> Iterable[SelfTestLine]:
    """Yield what the weight sees where nothing is, and whether it sees the same twice."""
    grey = np.full((BLANK_PX, BLANK_PX, 3), GREY, dtype=np.uint8)
    noise = np.random.default_rng(1).integers(0, 256, (BLANK_PX, BLANK_PX, 3), dtype=np.uint8)
    once = _seen(detector, noise)
    for name, found in (
        (_("it sees nothing in a grey picture"), _seen(detector, grey)),
        (_("it sees nothing in noise"), once),
    ):
        told = _("{count} things").format(count=len(found))
        yield SelfTestLine(name=name, passed=not found, told=told)
    twice = _seen(detector, noise)
    yield SelfTestLine(
        name=_("it sees the same twice"), passed=once == twice, told=_("{count} things").format(count=len(twice))
    )


def _seen(detector: Detector, pixels: np.ndarray) -> list[Detection]:
    image = Labelled(name="blank", pixels=pixels, boxes=np.empty((0, 4)), labels=())
    return detector.detect([frame_of(image)])[0]


def _on_sample(scores: dict[str, ClassScore]) -> Iterable[SelfTestLine]:
    for label, score in scores.items():
        if not score.true:
            told = _("the sample shows none; not tested")
        else:
            told = _("recall {recall:.2f}, precision {precision:.2f}, average precision {area:.2f} on {count}").format(
                recall=score.recall or 0.0,
                precision=score.precision or 0.0,
                area=score.average_precision or 0.0,
                count=score.true,
            )
        yield SelfTestLine(
            name=_("it finds {label} in the sample").format(label=label),
            passed=not score.true or bool(score.recall),
            told=told,
        )
