from __future__ import annotations

import hashlib
import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.refusal import Refusal
from detection.frame import Frame
from detection.frames.photo_frames import open_photo
from flight.camera import Camera
from flight.track import Pose


def opened(
    path: Path, make_pose: Callable[..., Pose], camera: Camera | None = None, sha256: str | None = None
) -> Frame | Refusal:
    digest = sha256 or hashlib.sha256(path.read_bytes()).hexdigest()
    return open_photo(path, sha256=digest, captured_at=make_pose().captured_at, pose=make_pose(), camera=camera)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    pixels = np.zeros((200, 300, 3), dtype=np.uint8)
    pixels[:100] = (255, 0, 0)  # the upper half is red
    path = tmp_path / "DJI_0001.JPG"
    Image.fromarray(pixels).save(path, quality=95)
    return path


def empty_png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def test_a_photo_becomes_a_frame_in_bgr(
    photo: Path, make_pose: Callable[..., Pose], make_camera: Callable[..., Camera]
) -> None:
    frame = opened(photo, make_pose, make_camera(300, 200))
    assert isinstance(frame, Frame)
    assert frame.pixels.shape == (200, 300, 3)
    assert frame.pixels[20, 20].tolist() == pytest.approx([0, 0, 254], abs=3)
    assert frame.pixels[180, 20].tolist() == pytest.approx([0, 0, 0], abs=3)


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_the_orientation_tag_does_not_turn_the_pixels(
    photo: Path, make_pose: Callable[..., Pose], orientation: int
) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    turned = photo.with_name("turned.jpg")
    Image.open(photo).save(turned, quality=95, exif=exif)
    frame = opened(turned, make_pose)
    assert frame.pixels.shape == (200, 300, 3)
    assert frame.pixels[20, 20, 2] > 250


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty"),
        (b"not a photo, a note", "not-an-image"),
        (empty_png(1, 1), "too-small"),
        (empty_png(20_000, 20_000), "too-large"),
        (empty_png(100_000, 100_000), "too-large"),
        (empty_png(200, 200), "truncated"),
    ],
)
def test_what_is_no_photo_is_refused_with_a_reason(
    tmp_path: Path, make_pose: Callable[..., Pose], content: bytes, code: str
) -> None:
    path = tmp_path / "odd.jpg"
    path.write_bytes(content)
    refusal = opened(path, make_pose)
    assert isinstance(refusal, Refusal)
    assert refusal.code == code
    assert refusal.subject == "odd.jpg"


def test_a_jpeg_with_a_hole_is_refused_though_decoders_fill_it(photo: Path, make_pose: Callable[..., Pose]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (400, 600, 3), dtype=np.uint8)
    thumbnail = io.BytesIO()
    Image.fromarray(noise[:60, :80]).save(thumbnail, "JPEG")  # its own scan must not be taken for the picture's
    Image.fromarray(noise).save(photo, quality=95)
    whole = photo.read_bytes()
    app1 = b"\xff\xe1" + (len(thumbnail.getvalue()) + 2).to_bytes(2, "big") + thumbnail.getvalue()
    whole = whole[:2] + app1 + whole[2:]
    photo.write_bytes(whole)
    assert not isinstance(opened(photo, make_pose), Refusal)
    middle = len(whole) // 2
    for holed in (whole[:middle] + bytes(8192) + whole[middle + 8192 :], whole[:middle] + bytes(len(whole) - middle)):
        photo.write_bytes(holed)
        refusal = opened(photo, make_pose)
        assert isinstance(refusal, Refusal)
        assert refusal.code == "truncated"


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9])
def test_a_truncated_jpeg_is_refused(photo: Path, make_pose: Callable[..., Pose], share: float) -> None:
    content = photo.read_bytes()
    photo.write_bytes(content[: int(len(content) * share)])
    refusal = opened(photo, make_pose)
    assert isinstance(refusal, Refusal)
    assert refusal.code in {"truncated", "not-an-image"}


def test_bytes_that_changed_since_they_were_hashed_are_refused(photo: Path, make_pose: Callable[..., Pose]) -> None:
    refusal = opened(photo, make_pose, sha256="0" * 64)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "altered"


def test_a_camera_of_another_size_and_a_missing_file_are_refused(
    photo: Path, make_pose: Callable[..., Pose], make_camera: Callable[..., Camera]
) -> None:
    mismatch = opened(photo, make_pose, make_camera(640, 480))
    assert isinstance(mismatch, Refusal)
    assert mismatch.code == "camera-mismatch"
    gone = opened(photo.with_name("gone.jpg"), make_pose, sha256="0" * 64)
    assert isinstance(gone, Refusal)
    assert gone.code == "unreadable"
