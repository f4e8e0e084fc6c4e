from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.points import GeoPoint, LocalPlane, from_enu
from core.refusal import Refusal
from flight.camera import Camera, Orientation, camera_rays, project
from flight.cameras.catalogue import declared_camera
from flight.cameras.declared import camera_as_declared, read_declared_camera
from flight.cameras.known_points import PointCalibration, PointPhoto, calibrate_from_points
from flight.cameras.lens_file import write_lens_file

HERE = GeoPoint(lon_deg=113.95, lat_deg=22.55)
TRUTH = Camera(
    model="made", width_px=4000, height_px=3000, focal_px=3050.0, centre_x_px=2018.0, centre_y_px=1488.0,
    distortion=(-0.08, 0.02, 0.0, 0.0, 0.0), mount_deg=(0.8, -1.1, 0.5), source="test",
)  # fmt: skip
GUESS = replace(declared_camera(4000, 3000, focal_px=2800.0), model="made")


def photograph(
    name: str,
    *,
    pitch: float,
    yaw: float,
    height: float = 80.0,
    relief: float = 0.0,
    count: int = 30,
    seed: int = 0,
    vertical: float = 0.1,
    noise: float = 1.0,
) -> PointPhoto:
    """Points of the ground where TRUTH sees them, with a person's pixel errors and the receiver's."""
    rng = np.random.default_rng(seed)
    looks = Orientation(yaw_deg=yaw, pitch_deg=pitch, roll_deg=0.0)
    spread = rng.uniform([-160, -160], [160, 160], (4000, 2))
    ahead = height / np.tan(np.radians(-pitch)) * np.array([np.sin(np.radians(yaw)), np.cos(np.radians(yaw))])
    ground = np.column_stack([spread + ahead, rng.uniform(-relief, relief, len(spread))])
    pixels = project(TRUTH, looks, ground - [0, 0, height])
    inside = np.flatnonzero(np.all((pixels > 40) & (pixels < [3960, 2960]), axis=1))[:count]
    lonlat, hae = from_enu(LocalPlane(origin=HERE), ground[inside])
    off = rng.normal(0, 0.03, 2)
    place, _up = from_enu(LocalPlane(origin=HERE), np.array([*off, height]))
    return PointPhoto(
        name=name,
        position=GeoPoint(lon_deg=float(place[0]), lat_deg=float(place[1])),
        height_hae_m=height + rng.normal(0, vertical / 2),
        orientation=looks,
        horizontal_sigma_m=0.05,
        vertical_sigma_m=vertical,
        angle_sigma_deg=0.05,
        pixels=pixels[inside] + rng.normal(0, noise, (len(inside), 2)),
        lonlat=lonlat,
        point_hae_m=hae,
    )


PHOTOS = [
    photograph("a", pitch=-45, yaw=10, seed=1),
    photograph("b", pitch=-60, yaw=130, seed=2),
    photograph("c", pitch=-80, yaw=250, seed=3, height=60),
]


def test_lens_and_mount_are_found_from_known_points(tmp_path: Path) -> None:
    found = calibrate_from_points(PHOTOS, camera=GUESS)
    assert isinstance(found, PointCalibration), found
    assert found.camera.focal_px == pytest.approx(3050, abs=4 * found.parameters[0].sigma)
    assert found.parameters[0].sigma < 15
    assert found.camera.mount_deg == pytest.approx((0.8, -1.1, 0.5), abs=0.25)
    assert found.rms_px < found.left_out_rms_px < 2.0
    assert found.before_rms_px > 50
    # What counts is where pixels look: everywhere in the image within a few hundredths of a degree.
    grid = np.stack(np.meshgrid(np.linspace(100, 3900, 9), np.linspace(100, 2900, 9)), axis=-1).reshape(-1, 2)
    cosine = np.sum(camera_rays(found.camera, grid) * camera_rays(TRUTH, grid), axis=1)
    assert np.degrees(np.arccos(np.clip(cosine, -1, 1))).max() < 0.15
    file = tmp_path / "made.yaml"
    write_lens_file(found.camera, file, key="made")
    back = camera_as_declared(read_declared_camera(str(file)), "made", 4000, 3000)
    assert isinstance(back, Camera)
    assert np.allclose(camera_rays(back, grid), camera_rays(found.camera, grid), atol=1e-5)


def test_a_point_taken_for_another_has_no_say_and_is_named() -> None:
    wrong = replace(PHOTOS[0], pixels=PHOTOS[0].pixels + np.eye(1, len(PHOTOS[0].pixels), 3).T * [420.0, -300.0])
    found = calibrate_from_points([wrong, *PHOTOS[1:]], camera=GUESS)
    assert isinstance(found, PointCalibration)
    assert [i for i, residual in enumerate(found.residuals) if not residual.used] == [3]
    assert found.camera.focal_px == pytest.approx(3050, abs=20)


def test_flat_ground_straight_down_from_an_uncertain_height_decides_nothing() -> None:
    loose = [photograph(f"n{i}", pitch=-90, yaw=40.0 * i, seed=10 + i, vertical=5.0) for i in range(2)]
    refused = calibrate_from_points(loose, camera=GUESS)
    assert isinstance(refused, Refusal)
    assert refused.code == "undecided"
    tight = [replace(photo, vertical_sigma_m=0.02, height_hae_m=80.0) for photo in loose]
    assert isinstance(calibrate_from_points(tight, camera=GUESS), PointCalibration)


def test_what_geometry_does_not_tell_apart_is_held_and_said() -> None:
    """Points about the middle say nothing of how the lens bends at the corners."""
    middle = []
    for photo in (
        photograph("a", pitch=-45, yaw=10, seed=1, count=900),
        photograph("b", pitch=-60, yaw=130, count=900),
    ):
        rows = np.flatnonzero(np.hypot(*(photo.pixels - [2000, 1500]).T) < 450)[:12]
        middle.append(
            replace(photo, pixels=photo.pixels[rows], lonlat=photo.lonlat[rows], point_hae_m=photo.point_hae_m[rows])
        )
    found = calibrate_from_points(middle, camera=replace(GUESS, focal_px=3000.0))
    assert isinstance(found, PointCalibration), found
    held = {parameter.name for parameter in found.parameters if not parameter.decided}
    assert {"k1", "k2"} <= held
    assert found.camera.distortion[:2] == (0.0, 0.0)


def test_too_few_and_swapped_points_are_refused() -> None:
    few = replace(PHOTOS[0], pixels=PHOTOS[0].pixels[:3], lonlat=PHOTOS[0].lonlat[:3], point_hae_m=np.zeros(3))
    refused = calibrate_from_points([few], camera=GUESS)
    assert isinstance(refused, Refusal)
    assert refused.code == "too-few-points"
    mixed = [replace(photo, pixels=photo.pixels[::-1].copy()) for photo in PHOTOS]
    poor = calibrate_from_points(mixed, camera=GUESS)
    assert isinstance(poor, Refusal)
    assert poor.code in {"poor-fit", "undecided"}
