"""One patch of ground from two frames: laid north up, and moved to where the ground looks alike."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from core.points import GeoPoint, LocalPlane, from_plane
from detection.frame_on_ground import View
from flight.camera import Camera, Orientation
from maps.ground_patch import lay_patch, offset_px

POINT = GeoPoint(lon_deg=113.5, lat_deg=22.75)


def ground() -> np.ndarray:
    rng = np.random.default_rng(7)
    picture = np.full((800, 800, 3), 128, dtype=np.uint8)
    for _ in range(160):
        x, y, side = (int(value) for value in rng.integers([0, 0, 6], [780, 780, 40]))
        cv2.rectangle(picture, (x, y), (x + side, y + side // 2), tuple(int(v) for v in rng.integers(0, 255, 3)), -1)
    return picture


def view(yaw_deg: float = 0.0) -> View:
    camera = Camera(
        model="test", width_px=800, height_px=800, focal_px=800.0, centre_x_px=400.0, centre_y_px=400.0, source="test"
    )
    orientation = Orientation(yaw_deg=yaw_deg, pitch_deg=-90.0, roll_deg=0.0)
    return View(pixels=ground(), camera=camera, orientation=orientation, point=POINT, height_m=80.0)


def test_a_patch_below_a_nadir_frame_is_the_frame_itself() -> None:
    patch = lay_patch(view(), POINT, half_m=20.0, side_px=400)
    assert patch is not None
    assert np.abs(patch.astype(int) - ground()[200:600, 200:600].astype(int)).mean() < 3


def test_a_turned_frame_is_laid_north_up() -> None:
    patch = lay_patch(view(yaw_deg=90.0), POINT, half_m=20.0, side_px=400)
    assert patch is not None
    # Flying east, the picture's top is east; north up, east is on the right.
    turned = np.rot90(ground(), -1)[200:600, 200:600]
    assert np.abs(patch.astype(int) - turned.astype(int)).mean() < 3


def test_ground_that_a_frame_does_not_show_gives_no_patch() -> None:
    lon, lat = from_plane(LocalPlane(origin=POINT), [[200.0, 0.0]])[0]
    assert lay_patch(view(), GeoPoint(lon_deg=lon, lat_deg=lat), half_m=20.0, side_px=400) is None


@pytest.mark.parametrize(("right", "down"), [(0, 0), (17, -9), (-30, 22)])
def test_the_offset_of_two_patches_is_measured(right: int, down: int) -> None:
    picture = ground()
    before = np.ascontiguousarray(picture[200:600, 200:600])
    after = np.ascontiguousarray(picture[200 - down : 600 - down, 200 - right : 600 - right])
    assert offset_px(before, after) == pytest.approx((right, down), abs=0.7)


def test_unlike_ground_gives_no_offset() -> None:
    plain = np.full((400, 400, 3), 90, dtype=np.uint8)
    noise = np.random.default_rng(1).integers(0, 255, (400, 400, 3), dtype=np.uint8)
    picture = np.ascontiguousarray(ground()[200:600, 200:600])
    assert offset_px(picture, plain) is None
    assert offset_px(picture, noise) is None
