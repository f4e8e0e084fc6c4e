"""Faces are found before a copy leaves: on a portrait that scikit-image ships (public domain, NASA)."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from detection.frame import Frame
from evidence.handing_out.face_detector import FaceDetector
from flight.track import Pose

AT = datetime(2026, 10, 1, tzinfo=UTC)
FACE = (170, 60, 275, 210)  # left, top, right, bottom in the portrait, by eye


def _frame(picture: Image.Image) -> Frame:
    return Frame(
        original_sha256="ab" * 32,
        original_name="x.jpg",
        captured_at=AT,
        pixels=np.asarray(picture.convert("RGB"))[:, :, ::-1].copy(),
        pose=Pose(captured_at=AT),
        camera=None,
    )


@pytest.fixture(scope="module")
def portrait() -> Image.Image:
    skimage = pytest.importorskip("skimage")
    return Image.open(Path(skimage.__file__).parent / "data" / "astronaut.png").convert("RGB")


@pytest.fixture(scope="module")
def detector() -> FaceDetector:
    return FaceDetector()


@pytest.mark.parametrize("face_px", [150, 60, 24, 14])
def test_a_face_is_found_at_any_size_that_can_be_recognised(
    portrait: Image.Image, detector: FaceDetector, face_px: int
) -> None:
    scale = face_px / (FACE[3] - FACE[1])
    small = portrait.resize((round(portrait.width * scale), round(portrait.height * scale)))
    scene = Image.new("RGB", (900, 700), (110, 120, 100))
    scene.paste(small, (300, 150))
    [found] = detector.detect([_frame(scene)])
    middle = (300 + (FACE[0] + FACE[2]) / 2 * scale, 150 + (FACE[1] + FACE[3]) / 2 * scale)
    assert any(
        one.box.left_px < middle[0] < one.box.right_px and one.box.top_px < middle[1] < one.box.bottom_px
        for one in found
    )


def test_where_nobody_is_nothing_is_found(detector: FaceDetector) -> None:
    [found] = detector.detect([_frame(Image.new("RGB", (700, 500), (110, 120, 100)))])
    assert found == []
