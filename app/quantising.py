"""Makes a registered weight eight-bit and lets it run only if it is as good as before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import InputRefused, WeightRefused
from core.text import _
from detection.networks.open_network import default_cache
from detection.networks.openvino_int8 import accept_candidate, make_candidate
from detection.registry import Registry, verify_weight
from detection.training.promotion import compare, frame_of, score_detector
from detection.training.yolo_sets import Labelled, read_yolo_set
from detection.yolo import YoloDetector

PHOTOS = frozenset({".jpg", ".jpeg", ".png"})
LEAST_IOU = 0.4
SCORE_FLOOR = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantised:
    """How an eight-bit weight compares with the float one.

    Attributes:
        canvases: How many tiles it was calibrated on.
        areas: Average precision of the float and of the eight-bit weight, by label that the sample shows.
        worse: Labels at which it is worse; it runs only when there are none.
    """

    canvases: int
    areas: dict[str, tuple[float, float]]
    worse: tuple[str, ...]


def quantise(weight: Path, registry: Registry, *, images: Path, sample: Path, cache: Path | None = None) -> Quantised:
    """Make a weight eight-bit, compare it with the float one, and let it run if it is not worse at any label.

    Args:
        weight: A registered weight.
        registry: Where it is registered.
        images: Folder of photos that it is calibrated on.
        sample: Folder of labelled images, YOLO format, that both are compared on.
        cache: Folder for converted weights; the usual one when None.

    Raises:
        InputRefused: A folder holds no images.
        WeightRefused: The weight cannot be made eight-bit, or the sample shows none of its labels.
    """
    card = verify_weight(weight, registry)
    kept = cache if cache is not None else default_cache()
    whole = YoloDetector(weight, registry=registry, device="openvino", score_floor=SCORE_FLOOR, cache=kept)
    candidate = make_candidate(weight, _canvases(images, whole), sha256=card.sha256, cache=kept)
    folder = sample / "images" if (sample / "images").is_dir() else sample
    labels = sample / "labels" if folder != sample else sample
    classes = {number: card.labels[name] for number, name in enumerate(card.classes) if name in card.labels}
    labelled = tuple(read_yolo_set(folder, labels, classes))
    before = score_detector(whole, labelled, least_iou=LEAST_IOU, thresholds=card.thresholds)
    eight_bit = YoloDetector(
        weight, registry=registry, device="openvino-int8", score_floor=SCORE_FLOOR, cache=kept, trial=True
    )
    after = score_detector(eight_bit, labelled, least_iou=LEAST_IOU, thresholds=card.thresholds)
    areas: dict[str, tuple[float, float]] = {}
    for label, score in before.items():
        area, area_after = score.average_precision, after[label].average_precision
        if area is not None and area_after is not None:
            areas[label] = (area, area_after)
    if not areas:
        raise WeightRefused(
            weight,
            _("the sample {folder} shows nothing that it finds").format(folder=sample),
            _("Name labelled images that show what the weight is for."),
        )
    worse = compare(before, after).worse
    if not worse:
        accept_candidate(candidate, {label: list(both) for label, both in areas.items()})
    return Quantised(canvases=int(candidate.notes["canvases"]), areas=areas, worse=worse)


def _canvases(folder: Path, detector: YoloDetector) -> Iterator[NDArray[np.uint8]]:
    """Yield what the detector's network is shown of a folder's photos, as if their poses were unknown."""
    import cv2

    photos = sorted(path for path in folder.glob("**/*") if path.suffix.lower() in PHOTOS)
    if not photos:
        raise InputRefused(folder, _("holds no photos"), _("Name a folder of JPEG or PNG photos."))
    for path in photos:
        pixels = cv2.imread(str(path))
        if pixels is not None:
            image = Labelled(name=path.name, pixels=pixels, boxes=np.empty((0, 4)), labels=())
            yield from detector.canvases_of(frame_of(image))
