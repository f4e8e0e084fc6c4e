"""Matching: how many of the true boxes a detector found, and how many of its boxes are true.

Boxes are taken best score first; each claims the free true box of its class that it overlaps most, when by at least
the asked IoU (Everingham et al., The Pascal VOC Challenge, IJCV 2010, sec. 4.2). What no true box answers to is false.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detection.merging import iou_matrix


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What became of the boxes of one class.

    Attributes:
        true: True boxes.
        found: True boxes that were found.
        false: Reported boxes that no true box answers to.
    """

    true: int
    found: int
    false: int

    def __add__(self, other: Tally) -> Tally:
        return Tally(true=self.true + other.true, found=self.found + other.found, false=self.false + other.false)

    @property
    def recall(self) -> float | None:
        """Found share of the true boxes; None when there are none."""
        return self.found / self.true if self.true else None

    @property
    def precision(self) -> float | None:
        """True share of the reported boxes; None when nothing was reported."""
        reported = self.found + self.false
        return self.found / reported if reported else None


def claims(
    boxes: NDArray[np.float64], scores: NDArray[np.float64], truth: NDArray[np.float64], *, least_iou: float
) -> NDArray[np.int64]:
    """Return (n,) the number of the true box that each reported box claims, or −1.

    Args:
        boxes: (n, 4) reported boxes of one class in one image: left, top, right, bottom.
        scores: (n,) their scores.
        truth: (m, 4) true boxes of that class in that image.
        least_iou: The least overlap that counts, in (0, 1].
    """
    if not 0 < least_iou <= 1:
        raise ValueError("an IoU threshold is in (0, 1]")
    claimed = np.full(len(boxes), -1, dtype=np.int64)
    if not len(boxes) or not len(truth):
        return claimed
    overlap = iou_matrix(boxes, truth)
    free = np.ones(len(truth), dtype=bool)
    for one in np.argsort(-scores, kind="stable"):
        best = int(np.argmax(np.where(free, overlap[one], -1.0)))
        if free[best] and overlap[one, best] >= least_iou:
            claimed[one] = best
            free[best] = False
    return claimed


def tally(
    boxes: NDArray[np.float64], scores: NDArray[np.float64], truth: NDArray[np.float64], *, least_iou: float
) -> Tally:
    """Return what became of the boxes of one class in one image; arguments as in :func:`claims`."""
    claimed = claims(boxes, scores, truth, least_iou=least_iou)
    found = int((claimed >= 0).sum())
    return Tally(true=len(truth), found=found, false=len(boxes) - found)


def average_precision(
    images: Sequence[tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]], *, least_iou: float
) -> float | None:
    """Return the area under the precision-recall curve of one class over images, or None when nothing is true.

    The curve is made monotone and integrated at every point (VOC 2010 and later).

    Args:
        images: For each image the reported boxes (n, 4), their scores (n,) and the true boxes (m, 4).
        least_iou: The least overlap that counts.
    """
    true = sum(len(truth) for _boxes, _scores, truth in images)
    if not true:
        return None
    scores = np.concatenate([scores for _boxes, scores, _truth in images])
    hits = np.concatenate([claims(boxes, own, truth, least_iou=least_iou) >= 0 for boxes, own, truth in images])
    return area_under_curve(scores, hits, true=true)


def area_under_curve(scores: NDArray[np.float64], hits: NDArray[np.bool_], *, true: int) -> float:
    """Return the area under the precision-recall curve of detections that are known to be true or not.

    Args:
        scores: (n,) their scores.
        hits: (n,) whether each is true.
        true: How many true things there are, found or not; at least one.
    """
    order = np.argsort(-scores, kind="stable")
    found = np.cumsum(hits[order])
    recall = np.concatenate([[0.0], found / true])
    precision = np.concatenate([[1.0], found / np.arange(1, len(found) + 1)])
    monotone = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(recall) * monotone[1:]))
