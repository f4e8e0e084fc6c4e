from __future__ import annotations

from datetime import UTC, datetime
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from detection.detection import Box, Detection
from detection.frame import Frame
from evidence.sealing.derive import _font, annotate_frame, crop_frame
from flight.track import Pose

AT = datetime(2026, 10, 1, 2, 3, 4, tzinfo=UTC)


@pytest.fixture
def frame() -> Frame:
    pixels = np.zeros((300, 2400, 3), dtype=np.uint8)
    pixels[100:160, 1000:1100] = (255, 0, 0)  # blue, in BGR
    return Frame(
        original_sha256="ab" * 32,
        original_name="DJI_0001.JPG",
        captured_at=AT,
        pixels=pixels,
        pose=Pose(captured_at=AT),
        camera=None,
    )


def _seen(frame: Frame, box: Box) -> Detection:
    return Detection(frame_id=frame.frame_id, label="车辆", score=0.9, box=box, weight_sha256="cd" * 32)


def _open(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(content)).convert("RGB")).astype(int)


BOX = Box(left_px=1000, top_px=100, right_px=1100, bottom_px=160)


def test_a_crop_shows_the_thing_in_its_own_pixels(frame: Frame) -> None:
    copy = crop_frame(frame, _seen(frame, BOX), margin=0.5)
    parameters = dict(copy.derivation.parameters)
    left, top = int(parameters["left_px"]), int(parameters["top_px"])
    picture = _open(copy.content)
    assert picture.shape[:2] == (int(parameters["bottom_px"]) - top, int(parameters["right_px"]) - left)
    middle = picture[130 - top, 1050 - left]
    assert middle[2] > 200
    assert middle[0] < 60
    assert copy.derivation.source_sha256 == frame.original_sha256
    assert copy.derivation.tool_version


def test_the_annotated_frame_is_smaller_marked_and_says_what_it_is(frame: Frame) -> None:
    copy = annotate_frame(frame, [_seen(frame, BOX)], caption="H13 占用消防车通道", max_width_px=1200)
    picture = _open(copy.content)
    assert picture.shape[1] == 1200
    assert picture.shape[0] > 150  # the strip lies below
    edge = picture[65, 499:503]
    assert ((edge[:, 0] > 150) & (edge[:, 2] < 120)).any()  # red on the box's left edge at half size
    strip = picture[152:]
    assert (strip > 200).any()
    assert picture[65, 525, 2] > 200  # the thing itself is not painted over


def test_chinese_words_are_drawn_with_real_glyphs() -> None:
    font = _font(32)
    masks = [font.getmask(letter).getbbox() and bytes(font.getmask(letter)) for letter in "占用消防车"]
    assert all(masks)
    assert len(set(masks)) == 5  # a font without them would draw the same empty box five times
    # The simplified Chinese face, not the Japanese one of the same file: they draw 直 differently.
    assert font.getname()[0] == "Noto Sans CJK SC"


def test_the_same_frame_gives_the_same_bytes_and_stays_as_it_was(frame: Frame) -> None:
    before = frame.pixels.copy()
    first, second = (annotate_frame(frame, [_seen(frame, BOX)], caption="甲") for _round in range(2))
    assert first == second
    assert np.array_equal(frame.pixels, before)


def test_a_crop_at_the_border_stays_inside(frame: Frame) -> None:
    copy = crop_frame(frame, _seen(frame, Box(left_px=-5, top_px=290, right_px=20, bottom_px=310)))
    assert _open(copy.content).size
    with pytest.raises(ValueError, match="outside"):
        crop_frame(frame, _seen(frame, Box(left_px=5000, top_px=10, right_px=5100, bottom_px=20)))


def test_a_detection_of_another_frame_is_refused(frame: Frame) -> None:
    stranger = Detection(frame_id="other", label="车辆", score=0.9, box=BOX, weight_sha256="cd" * 32)
    with pytest.raises(ValueError, match="another frame"):
        crop_frame(frame, stranger)
    with pytest.raises(ValueError, match="another frame"):
        annotate_frame(frame, [stranger])
