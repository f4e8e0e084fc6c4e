"""Weights for heat: what they are shown of a thermogram, and where their boxes lie in the photo."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detection.detection import Box, Detection
from detection.frame import Frame
from detection.ground_scale import gsd_at
from detection.scripted import ScriptedDetector
from detection.thermal.heat_detector import HeatDetector
from detection.thermal.heat_picture import COLD_GREY, LEAST_SPAN_K, WARM_GREY, heat_picture
from detection.thermal.thermogram import Scale, Thermogram
from flight.camera import Camera, resized
from flight.track import Pose

SHAPE = (96, 128)


def celsius(values: np.ndarray, scale: Scale = Scale.CELSIUS) -> Thermogram:
    return Thermogram(values=values.astype(np.float32), scale=scale, source="test camera", notes=("as declared",))


def slope(cold: float, warm: float) -> np.ndarray:
    """A yard that grows warmer from left to right."""
    return np.tile(np.linspace(cold, warm, SHAPE[1]), (SHAPE[0], 1))


def greys(thermogram: Thermogram) -> np.ndarray:
    picture = heat_picture(thermogram)
    assert picture is not None
    assert (picture.pixels == picture.pixels[..., :1]).all()
    return picture.pixels[..., 0].astype(int)


def test_warm_is_bright_and_the_percentiles_get_the_greys_of_the_training_pictures() -> None:
    values = slope(5.0, 25.0)
    grey = greys(celsius(values))
    assert (np.diff(grey, axis=1) >= 0).all()
    assert np.percentile(grey, 1.0) == pytest.approx(COLD_GREY, abs=2)
    assert np.percentile(grey, 99.5) == pytest.approx(WARM_GREY, abs=2)


def test_a_person_on_even_ground_stands_out_and_the_ground_is_not_blown_up_to_noise() -> None:
    random = np.random.default_rng(3)
    values = 12.0 + random.normal(0, 0.1, SHAPE)
    values[40:44, 60:64] = 18.0  # 0.13 per cent of the picture
    grey = greys(celsius(values))
    ground = np.delete(grey, np.s_[38:46], axis=0)
    assert ground.std() < 0.15 * (WARM_GREY - COLD_GREY) / LEAST_SPAN_K
    assert grey[40:44, 60:64].min() > np.median(ground) + 100


def test_neither_sky_nor_a_furnace_takes_the_contrast_from_the_ground() -> None:
    values = slope(10.0, 20.0)
    values[:10] = -55.0
    values[90:, 100:] = 600.0
    grey = greys(celsius(values))
    assert grey[50, -1] - grey[50, 0] > 10
    assert (grey[:10] <= COLD_GREY).all()
    assert (grey[90:, 100:] >= WARM_GREY).all()


def test_counts_give_the_picture_that_their_temperatures_would_give() -> None:
    kelvin = slope(285.0, 305.0)
    kelvin[40:44, 60:64] = 312.0
    of_counts = greys(celsius(kelvin * 64, Scale.COUNTS))
    assert np.abs(of_counts - greys(celsius(kelvin - 273.15))).max() <= 1


def test_what_was_not_measured_is_the_usual_grey_and_nothing_measured_is_no_picture() -> None:
    values = slope(5.0, 25.0)
    whole = greys(celsius(values))
    values[:5, :5] = np.nan
    grey = greys(celsius(values))
    assert grey[:5, :5] == pytest.approx(np.median(whole), abs=2)
    assert heat_picture(celsius(np.full(SHAPE, np.nan))) is None


@settings(max_examples=30, deadline=None)
@given(st.floats(-40, 60), st.floats(0, 80), st.sampled_from([Scale.CELSIUS, Scale.COUNTS]), st.integers(0, 2**32 - 1))
def test_a_picture_says_what_its_black_and_white_stand_for(level: float, span: float, scale: Scale, seed: int) -> None:
    values = level + np.random.default_rng(seed).uniform(0, span + 1e-3, SHAPE)
    picture = heat_picture(celsius(values, scale))
    assert picture is not None
    assert picture.black < picture.white
    told = picture.black + picture.pixels[..., 0] / 255 * (picture.white - picture.black)
    inside = (picture.pixels[..., 0] > 0) & (picture.pixels[..., 0] < 255)
    assert np.abs(told - values)[inside].max(initial=0) <= (picture.white - picture.black) / 255


class Shown:
    """A weight that keeps what it was shown, and sees one person."""

    weight_sha256 = "7" * 64
    labels = ("person",)

    def __init__(self) -> None:
        self.frames: list[Frame] = []

    def detect(self, frames: Sequence[Frame]) -> list[list[Detection]]:
        self.frames += frames
        return [
            [
                Detection(
                    frame_id=frame.frame_id,
                    label="person",
                    score=0.8,
                    box=Box(left_px=60, top_px=40, right_px=64, bottom_px=44),
                    weight_sha256=self.weight_sha256,
                )
            ]
            for frame in frames
        ]


@pytest.fixture
def photo(
    make_pose: Callable[..., Pose], make_camera: Callable[..., Camera], make_frame: Callable[..., Frame]
) -> Frame:
    """A photo that was stored at twice the size that was measured, in false colours."""
    camera = resized(make_camera(), 2 * SHAPE[1] / make_camera().width_px, width_px=256, height_px=192)
    pixels = np.random.default_rng(1).integers(0, 256, (192, 256, 3), dtype=np.uint8)
    return replace(make_frame(pose=make_pose()), pixels=pixels, camera=camera)


def test_a_weight_is_shown_what_was_measured_at_its_own_size_and_scale(photo: Frame) -> None:
    weight = Shown()
    thermogram = celsius(slope(5.0, 25.0))
    look = HeatDetector(weight, coarsest_gsd_m={"person": 0.13}).look(photo, thermogram)
    assert look is not None
    (shown,) = weight.frames
    picture = heat_picture(thermogram)
    assert picture is not None
    assert np.array_equal(shown.pixels, picture.pixels)
    assert shown.frame_id == photo.frame_id
    fine, coarse = (gsd_at(one.pose, one.camera, [at]) for one, at in ((photo, (124, 84)), (shown, (62, 42))))
    assert fine is not None
    assert coarse is not None
    assert coarse[0] == pytest.approx(2 * fine[0])
    assert look.quality == shown.quality
    assert look.quality != photo.quality
    (found,) = look.detections
    assert found.box == Box(left_px=120, top_px=80, right_px=128, bottom_px=88)
    assert found.weight_sha256 == weight.weight_sha256
    assert found.remarks[0].startswith("seen in heat: ")
    assert "°C black" in found.remarks[0]
    assert found.remarks[1:] == ("test camera", "as declared")


def test_counts_are_told_without_degrees_and_nothing_measured_is_not_looked_at(photo: Frame) -> None:
    eyes = HeatDetector(Shown(), coarsest_gsd_m={"person": 0.13})
    look = eyes.look(photo, celsius(slope(18_000, 19_000), Scale.COUNTS))
    assert look is not None
    assert "°C" not in look.detections[0].remarks[0]
    assert eyes.look(photo, celsius(np.full(SHAPE, np.nan))) is None


def test_a_reach_belongs_to_each_label_and_is_positive() -> None:
    weight = ScriptedDetector({}, labels=("person", "vehicle"))
    for wrong in ({"person": 0.1}, {"person": 0.1, "vehicle": 0.0}):
        with pytest.raises(ValueError, match="for each label"):
            HeatDetector(weight, coarsest_gsd_m=wrong)
