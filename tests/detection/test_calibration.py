from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detection.calibration import (
    expected_calibration_error,
    fit_calibration,
    operating_point,
    probability,
    reliability,
)

outcomes = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=20, max_size=80)


def test_an_overconfident_detector_is_brought_down_to_what_is_true() -> None:
    random = np.random.default_rng(5)
    scores = random.uniform(0, 1, 4000)
    hits = random.uniform(0, 1, 4000) < scores**2  # a score of 0.7 is true half the time
    curve = fit_calibration(scores, hits)
    assert curve is not None
    assert probability(curve, [0.3, 0.7, 0.95]) == pytest.approx([0.09, 0.49, 0.90], abs=0.06)
    before = expected_calibration_error(scores, hits)
    after = expected_calibration_error(probability(curve, scores), hits)
    assert before is not None
    assert after is not None
    assert before > 0.15
    assert after < 0.02


@settings(max_examples=60, deadline=None)
@given(rows=outcomes)
def test_a_curve_never_falls_and_stays_a_probability(rows: list[tuple[float, bool]]) -> None:
    scores, hits = zip(*rows, strict=True)
    curve = fit_calibration(scores, hits)
    assert curve is not None
    grid = probability(curve, np.linspace(0, 1, 41))
    assert (np.diff(grid) >= -1e-12).all()
    assert grid.min() >= 0
    assert grid.max() <= 1


def test_too_few_checked_detections_give_no_curve() -> None:
    assert fit_calibration([0.5] * 19, [True] * 19) is None
    assert expected_calibration_error([], []) is None


def test_reliability_rows_hold_every_detection_once() -> None:
    rows = reliability([0.05, 0.06, 0.95, 1.0], [False, True, True, True])
    assert [(row.count, row.true_share) for row in rows] == [(2, 0.5), (2, 1.0)]


def test_the_operating_point_is_the_lowest_score_within_the_review_load() -> None:
    scores = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4]
    hits = [True, True, False, True, False, False]
    point = operating_point(scores, hits, true_things=4, area_km2=0.5, false_per_km2=2.0)
    assert point is not None
    assert (point.threshold, point.false_per_km2, point.recall) == (0.6, 2.0, 0.75)
    strict = operating_point(scores, hits, true_things=4, area_km2=0.5, false_per_km2=0.0)
    assert strict is not None
    assert strict.threshold == 0.8
    assert operating_point([0.9], [False], true_things=1, area_km2=1.0, false_per_km2=0.5) is None


def test_scores_of_one_level_stand_or_fall_together() -> None:
    point = operating_point([0.9, 0.5, 0.5], [True, True, False], true_things=2, area_km2=1.0, false_per_km2=0.0)
    assert point is not None
    assert point.threshold == 0.9


@settings(max_examples=60, deadline=None)
@given(rows=outcomes, load=st.floats(0, 50))
def test_no_operating_point_breaks_its_review_load(rows: list[tuple[float, bool]], load: float) -> None:
    scores, hits = (np.array(column) for column in zip(*rows, strict=True))
    point = operating_point(scores, hits, true_things=len(rows), area_km2=0.7, false_per_km2=load)
    if point is not None:
        false = ((scores >= point.threshold) & ~hits).sum()
        assert false / 0.7 <= load
        assert point.false_per_km2 == pytest.approx(false / 0.7)


def test_what_makes_no_sense_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="one outcome"):
        fit_calibration([0.5], [True, False])
    with pytest.raises(ValueError, match=r"in \[0, 1\]"):
        reliability([1.5], [True])
    with pytest.raises(ValueError, match="area is positive"):
        operating_point([0.5], [True], true_things=1, area_km2=0.0, false_per_km2=1.0)
