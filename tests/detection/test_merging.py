from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from detection.matching import average_precision, claims, tally
from detection.merging import iou_matrix, merge_tiles


def merged(
    rows: Sequence[Sequence[float]] | NDArray[np.float64], cuts: Sequence[Sequence[int]] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    rows = np.array(rows, dtype=float).reshape(-1, 6)
    cut = np.array(cuts, dtype=bool).reshape(-1, 4) if cuts else np.zeros((len(rows), 4), dtype=bool)
    return merge_tiles(rows[:, :4], rows[:, 4], rows[:, 5].astype(np.int64), cut)


def test_one_thing_seen_in_two_tiles_is_one_box() -> None:
    boxes, scores, _classes = merged([[10, 10, 50, 30, 0.6, 0], [11, 10, 51, 31, 0.9, 0]])
    assert boxes.tolist() == [[11, 10, 51, 31]]
    assert scores.tolist() == [0.9]


def test_a_piece_goes_when_the_whole_is_there_even_with_a_lower_score() -> None:
    boxes, scores, _ = merged([[10, 10, 50, 30, 0.5, 0], [30, 10, 50, 30, 0.9, 0]], [[0, 0, 0, 0], [1, 0, 0, 0]])
    assert boxes.tolist() == [[10, 10, 50, 30]]
    assert scores.tolist() == [0.5]


def test_a_small_thing_inside_a_large_one_stays_when_it_is_whole() -> None:
    boxes, _, _ = merged([[0, 0, 100, 100, 0.9, 0], [10, 10, 20, 20, 0.8, 0]])
    assert len(boxes) == 2


def test_two_halves_of_a_thing_larger_than_the_overlap_are_joined() -> None:
    boxes, _, _ = merged([[10, 10, 60, 30, 0.8, 0], [55, 11, 120, 30, 0.7, 0]], [[0, 0, 1, 0], [1, 0, 0, 0]])
    assert boxes.tolist() == [[10, 10, 120, 30]]


def test_two_things_that_only_face_each_other_are_not_joined() -> None:
    boxes, _, _ = merged([[10, 10, 60, 30, 0.8, 0], [80, 11, 120, 30, 0.7, 0]], [[0, 0, 1, 0], [1, 0, 0, 0]])
    assert len(boxes) == 2


def test_classes_do_not_merge() -> None:
    boxes, _, classes = merged([[10, 10, 50, 30, 0.6, 0], [10, 10, 50, 30, 0.9, 1]])
    assert len(boxes) == 2
    assert classes.tolist() == [1, 0]


def test_nothing_in_nothing_out() -> None:
    boxes, scores, classes = merged([])
    assert boxes.shape == (0, 4)
    assert scores.size == classes.size == 0


rows = st.lists(
    st.tuples(
        st.integers(0, 200),
        st.integers(0, 200),
        st.integers(5, 60),
        st.integers(5, 60),
        st.floats(0.1, 1),
        st.integers(0, 1),
    ),
    max_size=25,
)


@settings(max_examples=60, deadline=None)
@given(rows=rows)
def test_what_is_left_is_apart_sorted_and_was_there(rows: list[tuple[float, ...]]) -> None:
    given_rows = np.array([[x, y, x + w, y + h, s, c] for x, y, w, h, s, c in rows]).reshape(-1, 6)
    boxes, scores, classes = merged(given_rows)
    assert (np.diff(scores) <= 0).all()
    assert bool(len(boxes)) == bool(len(rows))
    for number in (0, 1):
        own = boxes[classes == number]
        overlap = iou_matrix(own, own) - np.eye(len(own))
        assert (overlap <= 0.65 + 1e-9).all()
    assert all(box.tolist() in given_rows[:, :4].tolist() for box in boxes)


def test_each_true_box_is_claimed_once() -> None:
    truth = np.array([[0, 0, 10, 10.0]])
    boxes = np.array([[0, 0, 10, 10.0], [1, 0, 11, 10.0]])
    assert claims(boxes, np.array([0.5, 0.9]), truth, least_iou=0.4).tolist() == [-1, 0]
    outcome = tally(boxes, np.array([0.5, 0.9]), truth, least_iou=0.4)
    assert (outcome.found, outcome.false, outcome.recall, outcome.precision) == (1, 1, 1.0, 0.5)


def test_average_precision_of_a_known_ranking() -> None:
    # ranked: hit, miss, hit; two true boxes: precision 1 up to recall 0.5, 2/3 up to 1
    truth = np.array([[0, 0, 10, 10.0], [100, 0, 110, 10]])
    boxes = np.array([[0, 0, 10, 10.0], [50, 50, 60, 60], [100, 0, 110, 10]])
    area = average_precision([(boxes, np.array([0.9, 0.8, 0.7]), truth)], least_iou=0.5)
    assert area == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    assert average_precision([(boxes, np.array([0.9, 0.8, 0.7]), np.empty((0, 4)))], least_iou=0.5) is None
