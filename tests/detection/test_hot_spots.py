"""Hot spots in thermograms with known temperatures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from core.points import GeoPoint
from detection.frame import Frame
from detection.thermal.heat_caveats import caveats, mirror_tilt_deg
from detection.thermal.hot_spot_detector import METHOD_SHA256, detect_hot_spots
from detection.thermal.hot_spots import find_hot_spots
from detection.thermal.thermogram import Scale, Thermogram
from flight.calendars.sun import sun_place
from flight.camera import Camera
from flight.track import Pose
from tests.thermal_files import scene

NOON = datetime(2026, 6, 21, 4, 30, tzinfo=UTC)  # 12:30 in Guangzhou, the sun almost overhead
NIGHT = datetime(2026, 6, 21, 16, 0, tzinfo=UTC)


def celsius(spots: tuple[tuple[int, int, int, float], ...], **more: object) -> Thermogram:
    values = scene(spots).astype(np.float32)
    sigma = np.full(values.shape, 4.0, dtype=np.float32)
    return Thermogram(values=values, scale=Scale.CELSIUS, source="test", sigma_k=sigma, **more)  # type: ignore[arg-type]


def test_a_hot_disc_is_found_with_its_temperatures_and_a_warm_roof_is_not() -> None:
    (spot,) = find_hot_spots(celsius(((420, 300, 5, 120.0),)))
    assert (spot.box.left_px, spot.box.right_px) == pytest.approx((415, 426), abs=1)
    assert (spot.box.top_px, spot.box.bottom_px) == pytest.approx((295, 306), abs=1)
    assert spot.peak == pytest.approx(120, abs=0.1)
    assert spot.background == pytest.approx(32, abs=2)
    assert spot.area_px == pytest.approx(np.pi * 25, rel=0.1)
    assert 0.5 < spot.score < 1


def test_spots_on_a_warm_roof_rise_above_the_roof() -> None:
    spots = find_hot_spots(celsius(((150, 160, 4, 95.0),)))
    assert len(spots) == 1
    assert spots[0].background > 40


def test_a_dead_pixel_and_a_warm_car_are_no_hot_spots() -> None:
    scene_with = celsius(((300, 400, 12, 41.0),))
    scene_with.values[50, 600] = 400.0
    assert find_hot_spots(scene_with) == ()


def test_a_fire_larger_than_a_block_is_not_its_own_yardstick() -> None:
    spots = find_hot_spots(celsius(((420, 330, 70, 300.0),)))
    assert len(spots) == 1
    assert spots[0].area_px > 10_000


def test_counts_give_spots_without_temperatures() -> None:
    values = np.rint((scene(((420, 300, 5, 120.0),)) + 273.15) * 40).astype(np.float32)
    (spot,) = find_hot_spots(Thermogram(values=values, scale=Scale.COUNTS, source="test"))
    assert spot.spreads > 6
    assert spot.peak_sigma_k is None


def sunlit(burning_c: float | None = None) -> Thermogram:
    """A works in the sun, in counts: besides its hall some eighty roofs and pipes of 45 to 60 °C."""
    random = np.random.default_rng(7)
    celsius = scene()
    for row in range(20, 480, 60):
        for column in range(20, 600, 60):
            wide, high = random.integers(8, 36, 2)
            celsius[row : row + high, column : column + wide] = random.uniform(45, 60)
    if burning_c is not None:
        celsius[300:308, 470:478] = burning_c
    counts = np.rint((celsius + 273.15) * 40).astype(np.float32)
    return Thermogram(values=counts, scale=Scale.COUNTS, source="test")


def test_counts_of_a_works_in_the_sun_hold_no_hot_spot_and_a_fire_in_it_is_one() -> None:
    # Real photos of such ground gave up to a hundred, for every roof rises above the yard beside it.
    assert find_hot_spots(sunlit()) == ()
    (spot,) = find_hot_spots(sunlit(180.0))
    assert (spot.box.left_px, spot.box.top_px) == pytest.approx((470, 300), abs=2)


def test_what_the_camera_cannot_measure_is_at_least_that_hot() -> None:
    (spot,) = find_hot_spots(celsius(((420, 300, 5, 150.0),), ceiling=150.0))
    assert spot.at_ceiling


def thermal_frame(
    make_pose: Callable[..., Pose],
    make_camera: Callable[..., Camera],
    at: datetime,
    width: int = 640,
    height: int = 512,
) -> Frame:
    pose = replace(make_pose(), captured_at=at, position=GeoPoint(lon_deg=113.5, lat_deg=23.1), pitch_deg=-90.0)
    camera = make_camera(width, height)
    pixels = np.zeros((height, width, 3), dtype=np.uint8)
    return Frame(
        original_sha256="0" * 64, original_name="T.JPG", captured_at=at, pixels=pixels, pose=pose, camera=camera
    )


def test_detections_say_what_was_measured_and_what_else_it_may_be(
    make_pose: Callable[..., Pose], make_camera: Callable[..., Camera]
) -> None:
    frame = thermal_frame(make_pose, make_camera, NOON)
    warm, burning = (detect_hot_spots(frame, celsius(((320, 256, 5, hot),)))[0] for hot in (85.0, 400.0))
    assert warm.label == "hot_spot"
    assert warm.weight_sha256 == METHOD_SHA256
    assert any(said.startswith("85 ± 4 °C") for said in warm.remarks)
    assert any("m² (" in said for said in warm.remarks)
    assert any("heated" in said for said in warm.remarks)
    assert any("hotter than the sun" in said for said in burning.remarks)
    assert any("mirror" in said for said in warm.remarks)  # straight below a camera at noon


def test_at_night_the_sun_explains_nothing(make_pose: Callable[..., Pose], make_camera: Callable[..., Camera]) -> None:
    frame = thermal_frame(make_pose, make_camera, NIGHT)
    assert caveats(frame.pose, frame.camera, (320, 256), peak_c=85.0) == ()
    assert frame.camera is not None
    assert mirror_tilt_deg(frame.pose, frame.camera, (320, 256)) is None


def test_a_level_mirror_shows_the_sun_where_the_angles_are_equal(
    make_pose: Callable[..., Pose], make_camera: Callable[..., Camera]
) -> None:
    instant = datetime(2026, 3, 20, 1, 0, tzinfo=UTC)
    frame = thermal_frame(make_pose, make_camera, instant)
    assert frame.pose.position is not None
    assert frame.camera is not None
    azimuth, elevation = sun_place(frame.pose.position, instant)
    # Looking away from the sun's side, down by the sun's own elevation: the ray comes back from the sun.
    pose = replace(frame.pose, yaw_deg=azimuth, pitch_deg=-elevation, roll_deg=0.0)
    tilt = mirror_tilt_deg(pose, frame.camera, (frame.camera.centre_x_px, frame.camera.centre_y_px))
    assert tilt == pytest.approx(0, abs=0.1)


def test_boxes_are_in_the_picture_s_pixels(make_pose: Callable[..., Pose], make_camera: Callable[..., Camera]) -> None:
    frame = thermal_frame(make_pose, make_camera, NIGHT, 1280, 1024)
    (found,) = detect_hot_spots(frame, celsius(((320, 256, 5, 120.0),)))
    assert (found.box.left_px + found.box.right_px) / 2 == pytest.approx(641, abs=2)
    with pytest.raises(ValueError, match="one shape"):
        detect_hot_spots(thermal_frame(make_pose, make_camera, NIGHT, 1280, 720), celsius(()))


@pytest.mark.parametrize(
    ("at", "azimuth", "elevation"),
    [
        # NOAA's solar calculator, Guangzhou (23.1° N, 113.5° E).
        (datetime(2026, 6, 21, 4, 28, tzinfo=UTC), 0.0, 89.6),
        (datetime(2026, 12, 21, 4, 24, tzinfo=UTC), 180.0, 43.5),
        (datetime(2026, 3, 20, 22, 40, tzinfo=UTC), 90.0, 1.0),
    ],
)
def test_the_sun_stands_where_almanacs_have_it(at: datetime, azimuth: float, elevation: float) -> None:
    found = sun_place(GeoPoint(lon_deg=113.5, lat_deg=23.1), at)
    assert found[1] == pytest.approx(elevation, abs=1.0)
    if elevation < 80:
        assert found[0] == pytest.approx(azimuth, abs=3.0)
