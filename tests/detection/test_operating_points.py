"""Operating points: ground looked at, thresholds by review load, and what the register keeps of them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from core.errors import InputRefused, WeightRefused
from detection.detection import Box, Detection
from detection.frame import Frame
from detection.measured_point import MeasuredPoint, measured_points, measured_rows
from detection.operating_points import (
    Checked,
    CheckedImage,
    check,
    choose_point,
    ground_area_km2,
    point_at,
    read_checked,
    with_points,
)
from detection.registry import SHIPPED, read_registry, register_weight, update_card
from detection.weight_card import WeightCard
from flight.camera import Camera
from flight.track import Pose

POINT = MeasuredPoint(
    on="two yards", threshold=0.4, area_km2=0.5, false=3, true=10, found=8, probability=0.6, checked=40
)
CHECKED = Checked(
    scores=np.linspace(0.99, 0.0, 100), hits=np.arange(100) % 4 == 0, true=30, area_km2=0.1
)  # three of four are false: 750 a square kilometre in all


def card_of(**changes: object) -> WeightCard:
    return replace(read_registry().named("fire-n").card, measured={}, **changes)  # type: ignore[arg-type]


class Sees:
    """A detector that sees the same boxes in every frame."""

    weight_sha256 = "0" * 64
    labels = ("smoke", "fire")

    def __init__(self, *boxes: tuple[str, float, tuple[float, float, float, float]]) -> None:
        self.boxes = boxes

    def detect(self, frames: Sequence[Frame]) -> list[list[Detection]]:
        return [
            [
                Detection(
                    frame_id=frame.frame_id,
                    label=label,
                    score=score,
                    box=Box(left_px=left, top_px=top, right_px=right, bottom_px=bottom),
                    weight_sha256=self.weight_sha256,
                )
                for label, score, (left, top, right, bottom) in self.boxes
            ]
            for frame in frames
        ]


def test_a_picture_from_straight_above_shows_its_pixels_times_their_ground(
    make_pose: Callable[..., Pose], make_camera: Callable[..., Camera]
) -> None:
    area = ground_area_km2(make_pose(height=50.0), make_camera(640, 480, 500.0))
    assert area == pytest.approx(64.0 * 48.0 / 1e6)


def test_ground_too_coarse_to_search_and_sky_are_not_counted(
    make_pose: Callable[..., Pose], make_camera: Callable[..., Camera]
) -> None:
    slanting, camera = make_pose(pitch=-20.0), make_camera()
    whole, near = ground_area_km2(slanting, camera), ground_area_km2(slanting, camera, coarsest_gsd_m=0.3)
    assert whole is not None
    assert near is not None
    assert 0 < near < whole < math.inf
    assert ground_area_km2(make_pose(pitch=None), camera) is None


def test_what_is_undecided_counts_neither_way(make_frame: Callable[..., Frame]) -> None:
    detector = Sees(
        ("fire", 0.9, (10, 10, 60, 60)), ("fire", 0.8, (200, 200, 260, 260)), ("fire", 0.7, (300, 20, 340, 60))
    )
    image = CheckedImage(
        frame=make_frame(),
        truth={"fire": np.array([[12.0, 10, 60, 60], [500, 400, 560, 460]])},
        undecided={"fire": np.array([[200.0, 200, 260, 260]])},
    )
    checked = check(detector, [image, image], card=card_of())["fire"]
    assert sorted(checked.scores.tolist()) == [0.7, 0.7, 0.9, 0.9]
    point = point_at(checked, 0.5, on="a test")
    assert (point.true, point.found, point.false) == (4, 2, 2)
    assert point.probability is None  # four detections fit no curve


def test_a_picture_without_a_pose_is_the_callers_mistake(make_frame: Callable[..., Frame]) -> None:
    frame = replace(make_frame(), camera=None)
    with pytest.raises(ValueError, match="pose and a camera"):
        check(Sees(), [CheckedImage(frame=frame, truth={})], card=card_of())


@pytest.mark.parametrize("load", [0, 20, 100, 400, 2000])
def test_the_threshold_keeps_to_the_review_load_and_the_next_lower_score_would_not(load: float) -> None:
    point = choose_point(CHECKED, false_per_km2=load, on="a test")
    assert point is not None
    assert point.false_per_km2 <= load
    assert point.most_false_per_km2 > point.false_per_km2
    if point.threshold > 0.05:
        lower = CHECKED.scores[CHECKED.scores < point.threshold].max()
        assert (~CHECKED.hits & (CHECKED.scores >= lower)).sum() / CHECKED.area_km2 > load
    higher = choose_point(CHECKED, false_per_km2=load + 200, on="a test")
    assert higher is not None
    assert higher.found >= point.found


def test_a_threshold_is_not_rounded_down_to_let_more_in_than_was_promised() -> None:
    close = replace(
        CHECKED,
        scores=np.array([0.9, 0.8008, 0.8004, 0.8002]),
        hits=np.array([True, True, False, False]),
        area_km2=0.01,
    )
    point = choose_point(close, false_per_km2=50, on="a test")
    assert point is not None
    assert (point.threshold, point.false, point.found) == (0.801, 0, 1)


def test_a_label_that_the_sample_does_not_show_keeps_its_threshold() -> None:
    assert choose_point(replace(CHECKED, true=0), false_per_km2=10, on="a test") is None
    assert choose_point(replace(CHECKED, hits=~CHECKED.hits, scores=CHECKED.scores), false_per_km2=5, on="x") is None


def test_none_seen_on_little_ground_still_leaves_many_possible() -> None:
    none = replace(POINT, false=0, area_km2=0.05)
    assert none.false_per_km2 == 0
    assert none.most_false_per_km2 == pytest.approx(-math.log(0.05) / 0.05)
    assert replace(POINT, true=0, found=0).recall is None


@pytest.mark.parametrize(
    "changes",
    [{"on": " "}, {"threshold": 1.0}, {"area_km2": 0}, {"false": -1}, {"found": 11}, {"probability": 1.5}],
)
def test_a_point_that_cannot_be_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"threshold|counts|probability"):
        replace(POINT, **changes)  # type: ignore[arg-type]


def test_a_card_whose_threshold_was_changed_no_longer_vouches_for_it() -> None:
    card = with_points(card_of(), {"fire": POINT})
    assert card.thresholds == {"smoke": 0.25, "fire": 0.4}
    with pytest.raises(ValueError, match="another threshold"):
        replace(card, thresholds={"smoke": 0.25, "fire": 0.3})
    assert measured_points(measured_rows(card.measured)) == {"fire": POINT}


def test_every_default_weight_says_what_its_thresholds_cost() -> None:
    for entry in read_registry().defaults():
        assert set(entry.card.measured) == set(entry.card.thresholds), entry.card.name


def test_points_are_kept_in_the_bureaus_register_and_nowhere_else(tmp_path: Path) -> None:
    (tmp_path / "own.pt").write_bytes(b"weight")
    register = tmp_path / "registry.json"
    card = register_weight(tmp_path / "own.pt", card_of(name="own", file="own.pt"), register)
    update_card(with_points(card, {"fire": POINT}), register)
    kept = read_registry([register]).named("own").card
    assert kept.measured == {"fire": POINT}
    assert kept.thresholds["fire"] == 0.4
    rows = json.loads(register.read_text(encoding="utf-8"))["weights"][0]["measured"]
    assert rows["fire"]["on"] == "two yards"
    with pytest.raises(WeightRefused, match="holds no weight"):
        update_card(replace(card, name="other"), register)
    assert "two yards" not in SHIPPED.read_text(encoding="utf-8")


def test_a_folder_of_pictures_of_stated_scale_is_read_with_its_ground(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "one.png"), np.full((400, 500, 3), 120, np.uint8))
    (tmp_path / "one.txt").write_text("1 0.5 0.5 0.2 0.2\n")
    (image,) = read_checked(tmp_path, card_of(), gsd_m=0.1)
    assert image.truth["fire"].tolist() == [[200, 160, 300, 240]]
    assert image.frame.camera is not None
    assert ground_area_km2(image.frame.pose, image.frame.camera) == pytest.approx(50 * 40 / 1e6)
    with pytest.raises(InputRefused, match="how much ground"):
        read_checked(tmp_path, card_of())
    with pytest.raises(InputRefused, match="no images"):
        read_checked(tmp_path / "nothing", card_of(), gsd_m=0.1)
