from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from detection.detection import Box
from detection.frame import Frame
from detection.plumes import watch_plume

BOX = Box(left_px=280, top_px=200, right_px=360, bottom_px=280)


def ground() -> NDArray[np.uint8]:
    random = np.random.default_rng(9)
    coarse = random.integers(60, 160, (60, 80, 3), dtype=np.uint8)
    picture: NDArray[np.uint8] = cv2.resize(coarse, (640, 480), interpolation=cv2.INTER_CUBIC)
    cv2.circle(picture, (320, 240), 36, (30, 90, 230), -1)  # a red roof, or the place of a fire
    return picture


def sequence(
    make_frame: Callable[..., Frame], alter: Callable[[NDArray[np.uint8], int], NDArray[np.uint8]]
) -> list[Frame]:
    random = np.random.default_rng(1)
    frames = []
    for number in range(8):
        noisy = alter(ground(), number).astype(np.float64) + random.normal(0, 3, (480, 640, 3))
        frame = make_frame(np.clip(noisy, 0, 255).astype(np.uint8), index=number)
        object.__setattr__(frame, "captured_at", frame.captured_at + timedelta(seconds=0.2 * number))
        frames.append(frame)
    return frames


def flames(picture: NDArray[np.uint8], number: int) -> NDArray[np.uint8]:
    random = np.random.default_rng(100 + number)
    for _tongue in range(12):
        centre = (int(320 + random.normal(0, 14)), int(240 + random.normal(0, 14)))
        cv2.circle(picture, centre, int(random.integers(4, 14)), (40, int(random.integers(120, 255)), 255), -1)
    return picture


def boxes(count: int = 8, growth: float = 0.0) -> Sequence[Box]:
    return [
        Box(left_px=280 - growth * n, top_px=200 - growth * n, right_px=360 + growth * n, bottom_px=280 + growth * n)
        for n in range(count)
    ]


def test_flames_are_alive_and_a_red_roof_is_not(make_frame: Callable[..., Frame]) -> None:
    fire = watch_plume(sequence(make_frame, flames), boxes())
    roof = watch_plume(sequence(make_frame, lambda picture, _number: picture), boxes())
    assert fire is not None
    assert roof is not None
    assert fire.is_alive
    assert not roof.is_alive
    assert fire.ratio > 1.4 * roof.ratio
    assert fire.span_s == pytest.approx(1.4)


def test_a_drifting_camera_does_not_bring_a_roof_to_life(make_frame: Callable[..., Frame]) -> None:
    def drift(picture: NDArray[np.uint8], number: int) -> NDArray[np.uint8]:
        matrix = np.array([[1, 0, 1.3 * number], [0, 1, -0.8 * number]], dtype=np.float64)
        moved: NDArray[np.uint8] = cv2.warpAffine(picture, matrix, (640, 480), borderMode=cv2.BORDER_REFLECT)
        return moved

    roof = watch_plume(sequence(make_frame, drift), boxes())
    assert roof is not None
    assert not roof.is_alive


def test_growth_is_measured_and_few_frames_say_nothing(make_frame: Callable[..., Frame]) -> None:
    frames = sequence(make_frame, flames)
    growing = watch_plume(frames, boxes(growth=4.0))
    assert growing is not None
    assert growing.growth_per_s > 0.5
    assert watch_plume(frames[:3], boxes(3)) is None
    with pytest.raises(ValueError, match="has its box"):
        watch_plume(frames, boxes(3))
    with pytest.raises(ValueError, match="rising order"):
        watch_plume(frames[::-1], boxes())
