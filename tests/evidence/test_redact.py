from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw
from shapely import Polygon, box

from detection.detection import Box, Detection
from detection.frame import Frame
from evidence.handing_out.redact import CELLS, Region, redact_frame, regions_of
from flight.track import Pose

AT = datetime(2026, 10, 1, tzinfo=UTC)
FACE = Box(left_px=100, top_px=60, right_px=180, bottom_px=140)
BY_HAND = Region(kind="by-hand", box=FACE, cells=4, found_by="陈")
SIDE = 4


def _frame(seed: int) -> Frame:
    """A smooth picture with a seeded pattern where the face is: two seeds differ there only."""
    across, down = np.meshgrid(np.arange(400), np.arange(300))
    pixels = np.stack([across % 256, down % 256, (across + down) % 256], axis=-1).astype(np.uint8) // 2 + 60
    rng = np.random.default_rng(seed)
    # Each 20-pixel cell keeps its mean: the pattern inside is zero on average, like two faces of one brightness.
    noise = rng.choice([-40, 40], (80, 40, 1))
    pixels[60:140, 100:180] = np.clip(128 + np.concatenate([noise, -noise], axis=1), 0, 255)
    return Frame(
        original_sha256="ab" * 32,
        original_name="DJI_0001.JPG",
        captured_at=AT,
        pixels=pixels.astype(np.uint8),
        pose=Pose(captured_at=AT),
        camera=None,
    )


def _open(content: bytes) -> Any:
    return np.asarray(Image.open(BytesIO(content)).convert("RGB")).astype(int)


def test_a_redacted_box_is_a_few_flat_cells_and_the_rest_is_as_it_was() -> None:
    frame = _frame(1)
    before = frame.pixels.copy()
    picture = _open(redact_frame(frame, regions=[BY_HAND]).content)
    inside = picture[60:140, 100:180]
    cells = inside.reshape(SIDE, 20, SIDE, 20, 3).transpose(0, 2, 1, 3, 4)
    assert cells[..., 4:-4, 4:-4, :].std(axis=(2, 3)).max() < 4  # flat within each cell
    outside = np.ones(picture.shape[:2], dtype=bool)
    outside[50:150, 90:190] = False
    assert np.abs(picture - frame.pixels[:, :, ::-1].astype(int))[outside].max() < 40
    assert np.array_equal(frame.pixels, before)


def test_a_mask_leaves_nothing_of_what_it_covers() -> None:
    ring = Polygon([(90, 50), (190, 50), (190, 150), (90, 150)], [[(120, 80), (150, 80), (150, 110), (120, 110)]])
    first, second = (redact_frame(_frame(seed), masks=[ring]) for seed in (1, 2))
    assert first.content == second.content  # two different contents, one copy: nothing of them is left
    assert first.derivation.operation == "redact"
    assert "POLYGON" in dict(first.derivation.parameters)["masks"]


def test_the_copy_carries_no_metadata() -> None:
    picture = Image.open(BytesIO(redact_frame(_frame(1), regions=[BY_HAND]).content))
    assert not picture.getexif()
    assert set(picture.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}


def test_boxes_at_and_beyond_the_border() -> None:
    frame = _frame(1)
    edge = Box(left_px=-30, top_px=280, right_px=20, bottom_px=400)
    gone = Box(left_px=900, top_px=900, right_px=950, bottom_px=950)
    assert _open(
        redact_frame(frame, regions=[replace(BY_HAND, box=edge), replace(BY_HAND, box=gone)]).content
    ).shape == (300, 400, 3)


def test_what_tells_a_person_is_coarsened_with_room_around_and_the_record_says_by_what() -> None:
    frame = _frame(1)
    seen = [
        Detection(frame_id=frame.frame_id, label=label, score=0.9, box=FACE, weight_sha256="cd" * 32)
        for label in ("face", "smoke", "vehicle")
    ]
    regions = regions_of(seen)
    assert [(region.kind, region.cells) for region in regions] == [("face", 4), ("vehicle", 24)]
    assert regions[0].box.left_px < FACE.left_px
    assert regions[0].box.bottom_px > FACE.bottom_px
    told = dict(redact_frame(frame, regions=regions).derivation.parameters)["regions"]
    assert "face 88,48,192,152 4 weight cdcdcdcdcdcdcdcd score 0.90" in told
    assert CELLS.keys() >= {"face", "person", "vehicle"}


def test_a_plate_on_a_coarsened_vehicle_cannot_be_told_from_another_of_the_same_ink() -> None:
    def picture_with(text: str) -> Any:
        canvas = Image.new("RGB", (640, 480), (90, 90, 90))
        draw = ImageDraw.Draw(canvas)
        draw.rectangle((200, 100, 440, 400), fill=(200, 200, 205))  # a car's front, 1.6 m wide: 240 px
        draw.rectangle((287, 330, 353, 351), fill=(20, 60, 160))  # its plate, 0.44 m by 0.14 m
        draw.text((290, 333), text, fill="white", font_size=15)
        return np.asarray(canvas)[:, :, ::-1].copy()

    car = Box(left_px=200, top_px=100, right_px=440, bottom_px=400)
    region = Region(kind="vehicle", box=car, cells=CELLS["vehicle"], found_by="test")
    copies = [
        _open(redact_frame(replace(_frame(1), pixels=picture_with(text)), regions=[region]).content)
        for text in ("A 12345", "A 54321")
    ]
    plate = np.s_[330:352, 287:354]
    readable = np.abs(picture_with("A 12345").astype(int) - picture_with("A 54321"))[plate].max()
    assert readable > 150
    assert np.abs(copies[0] - copies[1])[plate].max() < 60
    assert len(np.unique(copies[0][plate].reshape(-1, 3) // 24, axis=0)) < 25  # a handful of flat cells


def test_a_frame_that_was_looked_at_and_shows_nothing_is_a_redacted_copy_that_says_so() -> None:
    copy = redact_frame(_frame(1), looked_by=["CenterFace"])
    assert dict(copy.derivation.parameters)["looked_by"] == "CenterFace"


def test_nothing_to_redact_or_a_broken_mask_is_the_callers_mistake() -> None:
    with pytest.raises(ValueError, match="redacts something"):
        redact_frame(_frame(1))
    with pytest.raises(ValueError, match="valid polygon"):
        redact_frame(_frame(1), masks=[Polygon([(0, 0), (10, 10), (10, 0), (0, 10)])])
    assert redact_frame(_frame(1), masks=[box(0, 0, 5, 5)]).content
