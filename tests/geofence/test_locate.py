import math
from dataclasses import replace

import numpy as np
import pytest

from core.heights import AglHeight, Geoid, HaeHeight, MslHeight, TakeoffHeight
from detection.detection import Box
from flight.camera import Camera, camera_to_enu, project
from flight.track import Pose, orientation_of
from geofence.fix import Fix, Unlocated
from geofence.locate import locate
from geofence.locating.error_budget import DeviceClass
from geofence.locating.ground import AtLaserSpot, FlatAt, FlatAtTakeoff, Ground, Standing
from geofence.locating.locate_contact import stature_of
from tests.geofence.locating import CAMERA, NOON, plan, pose, seen

FLAT = FlatAtTakeoff(sigma_m=0.5)


def fix_of(
    u: float, v: float, at: Pose, *, label: str = "spill", ground: Ground = FLAT, camera: Camera = CAMERA
) -> Fix:
    found = locate(seen(u, v, label=label), pose=at, camera=camera, ground=ground, captured_at=NOON)
    assert isinstance(found, Fix), found
    return found


def refusal_of(u: float, v: float, at: Pose, *, camera: Camera | None = CAMERA, ground: Ground = FLAT) -> str:
    found = locate(seen(u, v), pose=at, camera=camera, ground=ground, captured_at=NOON)
    assert isinstance(found, Unlocated), found
    assert found.reason
    return found.code


def test_straight_down_is_below_the_camera() -> None:
    fix = fix_of(2000, 1500, pose())
    assert np.abs(plan(fix.point)).max() < 1e-6
    assert fix.slant_m == pytest.approx(100.0)


def test_nadir_pixels_by_hand() -> None:
    # 300 px right at 3000 px focal and 100 m: 10 m to the right of a northward heading, and 300 px up is 10 m ahead.
    assert plan(fix_of(2300, 1500, pose()).point) == pytest.approx([10.0, 0.0], abs=1e-3)
    assert plan(fix_of(2000, 1200, pose()).point) == pytest.approx([0.0, 10.0], abs=1e-3)
    assert plan(fix_of(2000, 1200, pose(yaw=90)).point) == pytest.approx([10.0, 0.0], abs=1e-3)


def test_oblique_by_hand() -> None:
    assert plan(fix_of(2000, 1500, pose(yaw=90, pitch=-30)).point) == pytest.approx([173.205, 0.0], abs=0.01)


def test_a_gimbal_rolled_by_180_degrees_is_turned() -> None:
    upright = plan(fix_of(2300, 1200, pose(pitch=-60)).point)
    turned = plan(fix_of(4000 - 2300, 3000 - 1200, pose(pitch=-60, roll=180)).point)
    assert np.abs(upright - turned).max() < 1e-6
    ignored = plan(fix_of(4000 - 2300, 3000 - 1200, pose(pitch=-60)).point)
    assert np.hypot(*(ignored - upright)) > 15


def test_rays_are_rotated_not_pixel_angles_added() -> None:
    at = pose(yaw=20, pitch=-45)
    fix = plan(fix_of(3700, 400, at).point)
    azimuth = math.radians(20) + math.atan2(1700, 3000)
    depression = math.radians(45) - math.atan2(1100, 3000)
    added = 100 / math.tan(depression) * np.array([math.sin(azimuth), math.cos(azimuth)])
    assert np.hypot(*(fix - added)) > 5
    orientation = orientation_of(at)
    assert orientation is not None
    assert project(CAMERA, orientation, [*fix, -100.0]) == pytest.approx([3700, 400], abs=0.1)


@pytest.mark.parametrize(
    ("lacking", "code"),
    [
        ({"position": None}, "no-pose"),
        ({"height_takeoff": None}, "no-pose"),
        ({"yaw_deg": None}, "no-pose"),
        ({"pitch_deg": None}, "no-pose"),
        ({"roll_deg": None}, "no-pose"),
    ],
)
def test_what_the_pose_lacks_is_not_guessed(lacking: dict[str, None], code: str) -> None:
    assert refusal_of(2000, 1500, replace(pose(), **lacking)) == code  # type: ignore[arg-type]


def test_refusals_of_view() -> None:
    assert refusal_of(2000, 1500, pose(), camera=None) == "no-camera"
    assert refusal_of(2000, 100, pose(pitch=-10)) == "above-horizon"
    assert refusal_of(2000, 1500, pose(pitch=-3)) == "too-grazing"
    assert refusal_of(2000, 1500, pose(pitch=-5.5, height_m=400)) == "beyond-range"
    assert refusal_of(2000, 1500, pose(height_m=-5)) == "beyond-range"


def test_an_error_that_lifts_the_ray_off_the_ground_is_too_grazing() -> None:
    at = pose(pitch=-6)
    assert at.sigma is not None
    shaky = replace(at, sigma=replace(at.sigma, pitch_deg=7.0))
    assert refusal_of(2000, 1500, shaky) == "too-grazing"


def test_covariance_by_hand() -> None:
    at = pose(sigma=None)
    fix = locate(seen(2000, 1500), pose=at, camera=CAMERA, ground=FLAT, captured_at=NOON, device_class=DeviceClass.GNSS)
    assert isinstance(fix, Fix)
    # 1.5 m of position, 0.6° of pitch and tilt over 100 m, 1 px over 3000 px of focal.
    variance = 1.5**2 + (100 * math.radians(0.6)) ** 2 + (100 / 3000) ** 2
    assert fix.covariance.matrix() == pytest.approx(np.diag([variance, variance]), rel=1e-3, abs=1e-3)
    assert any("device class GNSS" in note for note in fix.assumptions)


def test_oblique_error_is_longest_along_the_view() -> None:
    fix = fix_of(2000, 1500, pose(yaw=45, pitch=-15))
    values, vectors = np.linalg.eigh(fix.covariance.matrix())
    assert abs(vectors[:, 1] @ [math.sqrt(0.5), math.sqrt(0.5)]) > 0.999
    assert values[1] > 3 * values[0]


def test_common_errors_are_part_of_the_covariance() -> None:
    fix = fix_of(2600, 900, pose(yaw=45, pitch=-40))
    shared = sum(np.outer([c.east_m, c.north_m], [c.east_m, c.north_m]) for c in fix.common)
    rest = np.linalg.eigvalsh(fix.covariance.matrix() - shared)
    assert rest.min() > 0
    assert {"yaw", "pitch", "ground", "focal"} <= {c.cause for c in fix.common}
    assert "u" not in {c.cause for c in fix.common}


def cuboid_box(at: Pose, east: float, north: float, size: tuple[float, float, float]) -> Box:
    length, width, height = size
    corners = np.array(
        [[east + x * width / 2, north + y * length / 2, z] for x in (-1, 1) for y in (-1, 1) for z in (0, height)]
    )
    orientation = orientation_of(at)
    assert orientation is not None
    pixels = project(CAMERA, orientation, corners - [0, 0, 100.0])
    (left, top), (right, bottom) = pixels.min(axis=0), pixels.max(axis=0)
    return Box(left_px=left, top_px=top, right_px=right, bottom_px=bottom)


@pytest.mark.parametrize("pitch", [-90.0, -60.0, -40.0, -25.0, -15.0])
@pytest.mark.parametrize("roll", [0.0, 180.0])
def test_a_car_is_put_on_its_footprint_at_every_pitch(pitch: float, roll: float) -> None:
    at = pose(pitch=pitch, roll=roll)
    orientation = orientation_of(at)
    assert orientation is not None
    forward = camera_to_enu(orientation)[:, 2]
    east, north = (forward[:2] * 100 / -forward[2]) + [3.0, 2.0]
    box = cuboid_box(at, float(east), float(north), (4.6, 1.8, 1.5))
    car = replace(seen(0, 0, label="car"), box=box)
    fix = locate(car, pose=at, camera=CAMERA, ground=FLAT, captured_at=NOON)
    assert isinstance(fix, Fix)
    assert np.hypot(*(plan(fix.point) - [east, north])) < 0.25
    # The centre taken for a point of the ground, and the lower edge taken for it, are both worse at a low view.
    if pitch == -15.0:
        centre = plan(fix_of((box.left_px + box.right_px) / 2, (box.top_px + box.bottom_px) / 2, at).point)
        bottom = plan(fix_of((box.left_px + box.right_px) / 2, box.bottom_px if roll == 0 else box.top_px, at).point)
        assert np.hypot(*(centre - [east, north])) > 2.0
        assert np.hypot(*(bottom - [east, north])) > 1.5


def test_a_plume_leaves_the_ground_at_its_lower_end() -> None:
    low, high = pose(pitch=-20), pose(pitch=-90)
    smoke = replace(seen(0, 0, label="smoke"), box=Box(left_px=1900, top_px=1200, right_px=2100, bottom_px=1800))
    flat = {"camera": CAMERA, "ground": FLAT, "captured_at": NOON}
    oblique, nadir = (locate(smoke, pose=at, **flat) for at in (low, high))  # type: ignore[arg-type]
    assert isinstance(oblique, Fix)
    assert isinstance(nadir, Fix)
    assert plan(oblique.point)[1] < plan(fix_of(2000, 1500, low).point)[1]
    assert plan(nadir.point) == pytest.approx([0.0, 0.0], abs=0.01)


def test_a_box_cut_off_by_the_border_is_doubtful() -> None:
    whole = fix_of(2000, 1500, pose())
    cut = replace(seen(0, 0), box=Box(left_px=0, top_px=1400, right_px=400, bottom_px=1600))
    fix = locate(cut, pose=pose(), camera=CAMERA, ground=FLAT, captured_at=NOON)
    assert isinstance(fix, Fix)
    assert fix.covariance.east_m2 > whole.covariance.east_m2 + 3.0**2
    assert any("border" in note for note in fix.assumptions)


def test_an_unknown_class_is_a_body_of_doubtful_height() -> None:
    assert stature_of("gazebo").sigma_m == 1.0


def test_heights_of_two_kinds_are_not_mixed() -> None:
    msl_ground = FlatAt(height=MslHeight(metres=20.0, geoid=Geoid.EGM2008), geoid=None)
    with_msl96 = replace(pose(), height_msl=MslHeight(metres=120.0, geoid=Geoid.EGM96))
    assert refusal_of(2000, 1500, with_msl96, ground=msl_ground) == "no-pose"
    assert refusal_of(2000, 1500, replace(pose(), height_hae=HaeHeight(metres=120.0)), ground=msl_ground) == "no-pose"
    right = replace(pose(), height_msl=MslHeight(metres=120.0, geoid=Geoid.EGM2008))
    assert fix_of(2000, 1500, right, ground=msl_ground).slant_m == pytest.approx(100.0)


def test_ground_height_above_the_ellipsoid_is_given_where_it_is_known() -> None:
    at = replace(pose(), height_hae=HaeHeight(metres=85.0))
    assert fix_of(2000, 1500, at).ground_hae_m == pytest.approx(-15.0)
    assert fix_of(2000, 1500, pose()).ground_hae_m is None


def test_height_above_ground_serves_flat_ground_and_says_so() -> None:
    at = replace(pose(), height_takeoff=None, height_agl=AglHeight(metres=50.0))
    fix = fix_of(2000, 1500, at)
    assert fix.slant_m == pytest.approx(50.0)
    assert any("below the camera" in note for note in fix.assumptions)


def test_the_earth_curves_away() -> None:
    level = FlatAt(height=HaeHeight(metres=0.0))
    at = replace(pose(pitch=-6.0), height_hae=HaeHeight(metres=150.0))
    fix = fix_of(2000, 1500, at, ground=level)
    assert fix.ground_hae_m == pytest.approx(0.0, abs=1e-6)
    flat_earth = 150.0 / math.tan(math.radians(6.0))
    # A kilometre and a half away the ground lies 16 cm lower: 1.5 m farther at this slant.
    assert plan(fix.point)[1] - flat_earth == pytest.approx(
        flat_earth**2 / 2 / 6.371e6 / math.tan(math.radians(6)), rel=0.02
    )


def test_the_laser_puts_the_ground_where_it_hit() -> None:
    """Land 20 m higher than the take-off point, seen at 30°: flat ground is 35 m wrong, the laser is not."""
    at = pose(pitch=-30)
    ground = AtLaserSpot(distance_m=160.0)
    middle = plan(fix_of(2000, 1500, at, ground=ground).point)
    assert middle == pytest.approx([0.0, 160 * math.cos(math.radians(30))], abs=0.01)
    assert np.hypot(*(plan(fix_of(2000, 1500, at).point) - middle)) > 30
    lower = plan(fix_of(2000, 2300, at, ground=ground).point)
    assert lower == pytest.approx([0.0, 80 / math.tan(math.radians(30) + math.atan(800 / 3000))], abs=0.05)
    assert refusal_of(2000, 2900, pose(pitch=3), ground=ground) == "no-pose"
    assert refusal_of(2000, 1500, replace(at, pitch_deg=None), ground=ground) == "no-pose"
    with pytest.raises(ValueError, match="positive"):
        AtLaserSpot(distance_m=0.0)


def test_a_lens_ignored_is_metres_off_and_is_never_ignored() -> None:
    bent = replace(CAMERA, distortion=(-0.11, 0.015, 0.0, 0.0, -0.027))
    at = pose(pitch=-60)
    orientation = orientation_of(at)
    assert orientation is not None
    truth = np.array([50.0, 95.0])
    u, v = project(bent, orientation, [*truth, -100.0])
    assert np.hypot(*(plan(fix_of(float(u), float(v), at, camera=bent).point) - truth)) < 0.01
    assert np.hypot(*(plan(fix_of(float(u), float(v), at).point) - truth)) > 1.0


def test_rtk_centimetres_are_not_those_of_the_height_above_take_off() -> None:
    at = pose()
    assert at.sigma is not None
    rtk = replace(at, sigma=replace(at.sigma, horizontal_m=0.02, vertical_m=0.02))
    standing = FLAT.stand(rtk)
    assert isinstance(standing, Standing)
    assert standing.sigma_m == 0.5
    stated = replace(rtk, height_takeoff=TakeoffHeight(metres=100.0, sigma_m=0.1))
    told = FLAT.stand(stated)
    assert isinstance(told, Standing)
    assert told.sigma_m == 0.1


def test_an_absolute_height_whose_error_nobody_states_is_doubtful_by_ten_metres() -> None:
    at = replace(pose(sigma=None), height_takeoff=None, height_hae=HaeHeight(metres=120.0))
    standing = FlatAt(height=HaeHeight(metres=20.0)).stand(at)
    assert isinstance(standing, Standing)
    assert standing.sigma_m == 10.0
    informed = FlatAt(height=HaeHeight(metres=20.0)).stand(replace(at, sigma=pose().sigma))
    assert isinstance(informed, Standing)
    assert informed.sigma_m == 1.0
