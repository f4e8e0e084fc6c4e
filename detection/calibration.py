"""Scores that mean something, and thresholds chosen by what a false lead costs.

A network's score is not a probability. From detections that were checked against truth, a non-decreasing curve from
score to the share that was true is fitted (isotonic regression by pool-adjacent-violators; Zadrozny & Elkan, KDD 2002).
The reliability table says how far scores and shares are apart (expected calibration error; Naeini et al., AAAI 2015).
The operating point is the lowest score at which reviewers still get no more false leads per square kilometre than they
can look at.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

LEAST_CHECKED: Final = 20  # fewer checked detections than this say nothing about a curve


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """A curve from score to probability, for one label of one weight.

    Attributes:
        scores: Rising scores at which the curve is known.
        probabilities: The share that was true there; never falls.
        checked: How many checked detections it was fitted to.
    """

    scores: tuple[float, ...]
    probabilities: tuple[float, ...]
    checked: int

    def __post_init__(self) -> None:
        if len(self.scores) != len(self.probabilities) or not self.scores:
            raise ValueError("a curve has a probability for each score")
        if any(np.diff(self.scores) <= 0) or any(np.diff(self.probabilities) < 0):
            raise ValueError("a calibration curve rises")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliabilityBin:
    """One row of a reliability diagram: detections of similar score.

    Attributes:
        low, high: The scores of the row.
        count: Detections in it.
        mean_score: Their mean score.
        true_share: Share of them that was true.
    """

    low: float
    high: float
    count: int
    mean_score: float
    true_share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatingPoint:
    """A threshold and what it costs and brings, on the checked ground.

    Attributes:
        threshold: Detections from this score on are reported.
        false_per_km2: False leads per square kilometre there.
        recall: Share of the true things found there.
    """

    threshold: float
    false_per_km2: float
    recall: float


def fit_calibration(scores: ArrayLike, hits: ArrayLike) -> Calibration | None:
    """Return the curve from score to probability, or None when too little was checked to fit one.

    Args:
        scores: (n,) scores of detections.
        hits: (n,) whether each was true.
    """
    from scipy.optimize import isotonic_regression

    score, hit = _checked(scores, hits)
    if len(score) < LEAST_CHECKED:
        return None
    levels, inverse = np.unique(score, return_inverse=True)
    weights = np.bincount(inverse).astype(np.float64)
    shares = np.bincount(inverse, weights=hit.astype(np.float64)) / weights
    fitted = np.maximum.accumulate(isotonic_regression(shares, weights=weights).x.clip(0, 1))
    return Calibration(scores=tuple(levels.tolist()), probabilities=tuple(fitted.tolist()), checked=len(score))


def probability(calibration: Calibration, scores: ArrayLike) -> NDArray[np.float64]:
    """Return (n,) probabilities that detections with these scores are true; flat beyond the fitted range."""
    return np.interp(np.asarray(scores, dtype=np.float64), calibration.scores, calibration.probabilities)


def reliability(scores: ArrayLike, hits: ArrayLike, *, bins: int = 10) -> tuple[ReliabilityBin, ...]:
    """Return the filled rows of the reliability diagram."""
    score, hit = _checked(scores, hits)
    number = np.minimum((score * bins).astype(np.int64), bins - 1)
    return tuple(
        ReliabilityBin(
            low=row / bins,
            high=(row + 1) / bins,
            count=int((number == row).sum()),
            mean_score=float(score[number == row].mean()),
            true_share=float(hit[number == row].mean()),
        )
        for row in np.unique(number)
    )


def expected_calibration_error(scores: ArrayLike, hits: ArrayLike, *, bins: int = 10) -> float | None:
    """Return the mean distance of score and true share, weighted by count; None for no detections."""
    rows = reliability(scores, hits, bins=bins)
    count = sum(row.count for row in rows)
    if not count:
        return None
    return sum(row.count * abs(row.mean_score - row.true_share) for row in rows) / count


def operating_point(
    scores: ArrayLike, hits: ArrayLike, *, true_things: int, area_km2: float, false_per_km2: float
) -> OperatingPoint | None:
    """Return the lowest threshold that keeps false leads within the review load, or None when none does.

    Args:
        scores: (n,) scores of the detections on the checked ground.
        hits: (n,) whether each was true.
        true_things: How many true things the checked ground holds.
        area_km2: Size of the checked ground.
        false_per_km2: The review load: false leads per square kilometre that reviewers accept.
    """
    if not (area_km2 > 0 and math.isfinite(area_km2)) or false_per_km2 < 0 or true_things < 0:
        raise ValueError("an area is positive, and a review load and a count are not negative")
    score, hit = _checked(scores, hits)
    if not len(score):
        return None
    order = np.argsort(-score, kind="stable")
    score, hit = score[order], hit[order]
    last_of_level = np.append(np.flatnonzero(np.diff(score)), len(score) - 1)
    false, found = np.cumsum(~hit)[last_of_level], np.cumsum(hit)[last_of_level]
    bearable = np.flatnonzero(false / area_km2 <= false_per_km2)
    if not bearable.size:
        return None
    best = int(bearable[-1])
    return OperatingPoint(
        threshold=float(score[last_of_level[best]]),
        false_per_km2=float(false[best] / area_km2),
        recall=float(found[best] / true_things) if true_things else 0.0,
    )


def _checked(scores: ArrayLike, hits: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    score, hit = np.asarray(scores, dtype=np.float64), np.asarray(hits, dtype=np.bool_)
    if score.ndim != 1 or score.shape != hit.shape:
        raise ValueError("each score has one outcome")
    if score.size and not (np.isfinite(score).all() and score.min() >= 0 and score.max() <= 1):
        raise ValueError("scores are in [0, 1]")
    return score, hit
