from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detection.frames.image_quality import measure_quality
from detection.frames.shrinking import shrink


@given(
    st.integers(2, 90), st.integers(2, 90), st.floats(0.05, 1.0), st.floats(0.05, 1.0), st.sampled_from([None, 1, 3])
)
@settings(max_examples=60, deadline=None)
def test_any_size_is_met_and_an_even_picture_stays_even(
    wide: int, high: int, across: float, down: float, channels: int | None
) -> None:
    shape = (high, wide) if channels is None else (high, wide, 3)
    size = max(1, int(wide * across)), max(1, int(high * down))
    shrunk = shrink(np.full(shape, 77, np.uint8), *size)
    assert shrunk.shape[:2] == size[::-1]
    assert shrunk.dtype == np.uint8
    assert (shrunk == 77).all()


def test_a_larger_or_empty_size_is_a_mistake() -> None:
    pixels = np.zeros((10, 10, 3), np.uint8)
    for size in ((11, 5), (5, 11), (0, 5), (5, 0)):
        with pytest.raises(ValueError, match="not shrunk"):
            shrink(pixels, *size)


@pytest.mark.parametrize("scale", [0.7, 0.5, 0.4375, 0.32, 0.12])
@pytest.mark.parametrize("size", [(1601, 2107), (1600, 2108)])
def test_a_real_photo_comes_out_as_by_the_area_mean(shared: Path, scale: float, size: tuple[int, int]) -> None:
    photo = cv2.imread(str(shared / "data/aerial_vehicles/dji_photos/DJI_0010.JPG"))[: size[0], : size[1]]
    wanted = round(photo.shape[1] * scale), round(photo.shape[0] * scale)
    exact = cv2.resize(photo, wanted, interpolation=cv2.INTER_AREA).astype(int)
    off = np.abs(shrink(photo, *wanted).astype(int) - exact)
    plain = np.abs(cv2.resize(photo, wanted, interpolation=cv2.INTER_LINEAR).astype(int) - exact)
    assert off.mean() < 2.0
    assert off.mean() <= plain.mean()
    if scale < 0.4:
        assert off.mean() < 0.6 * plain.mean()  # halving first is what keeps detail from aliasing


def test_brightness_in_a_videos_range_measures_as_the_whole_range_does() -> None:
    random = np.random.default_rng(1)
    whole = cv2.resize(random.integers(0, 256, (90, 160), dtype=np.uint8), (1920, 1080))
    narrow = np.rint(whole.astype(float) * 219 / 255 + 16).astype(np.uint8)
    one, other = measure_quality(whole), measure_quality(narrow, limited=True)
    assert other.sharpness == pytest.approx(one.sharpness, rel=0.01)
    assert other.brightness == pytest.approx(one.brightness, abs=0.5)
    assert other.dark_share == pytest.approx(one.dark_share, abs=0.01)
    assert other.bright_share == pytest.approx(one.bright_share, abs=0.01)
