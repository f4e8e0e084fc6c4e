import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flight.camera import (
    Camera,
    Lens,
    Orientation,
    camera_to_enu,
    distorted,
    orientation_of_rotation,
    project,
    rays,
    rotations,
    turned_half,
    undistorted,
)

RATIONAL = (0.31, -0.12, 0.0005, -0.0003, 0.02, 0.52, -0.09, 0.03)
BARREL = (-0.28, 0.11, 0.0006, -0.0004, -0.02)


def camera(*, distortion: tuple[float, ...] = (), lens: Lens = Lens.BROWN_CONRADY, focal_px: float = 3000.0) -> Camera:
    return Camera(
        model="made",
        width_px=4000,
        height_px=3000,
        focal_px=focal_px,
        focal_y_px=focal_px * 1.001,
        centre_x_px=2010.0,
        centre_y_px=1490.0,
        distortion=distortion,
        lens=lens,
        source="test",
    )


def looking(yaw: float, pitch: float, roll: float) -> Orientation:
    return Orientation(yaw_deg=yaw, pitch_deg=pitch, roll_deg=roll)


@pytest.mark.parametrize(
    ("orientation", "right", "down", "forward"),
    [
        ((0, 0, 0), (1, 0, 0), (0, 0, -1), (0, 1, 0)),
        ((90, 0, 0), (0, -1, 0), (0, 0, -1), (1, 0, 0)),
        ((0, -90, 0), (1, 0, 0), (0, -1, 0), (0, 0, -1)),
        ((90, -90, 0), (0, -1, 0), (-1, 0, 0), (0, 0, -1)),
        ((0, 0, 90), (0, 0, -1), (-1, 0, 0), (0, 1, 0)),  # clockwise from behind: right goes down
        ((0, 0, 180), (-1, 0, 0), (0, 0, 1), (0, 1, 0)),
        ((0, -90, 180), (-1, 0, 0), (0, 1, 0), (0, 0, -1)),
        ((0, -45, 0), (1, 0, 0), (0, -(0.5**0.5), -(0.5**0.5)), (0, 0.5**0.5, -(0.5**0.5))),
    ],
)
def test_axes_of_known_orientations(
    orientation: tuple[float, float, float],
    right: tuple[float, ...],
    down: tuple[float, ...],
    forward: tuple[float, ...],
) -> None:
    expected = np.array([right, down, forward]).T
    assert np.abs(camera_to_enu(looking(*orientation)) - expected).max() < 1e-12


def test_rotations_are_the_product_of_the_three_turns() -> None:
    rng = np.random.default_rng(2)
    for yaw, pitch, roll in rng.uniform(-180, 180, (20, 3)):
        y, p, r = np.radians([yaw, pitch, roll])
        about_up = [[np.cos(y), np.sin(y), 0], [-np.sin(y), np.cos(y), 0], [0, 0, 1]]
        about_right = [[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]]
        level = [[1, 0, 0], [0, 0, 1], [0, -1, 0]]
        about_forward = [[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]]
        product = np.array(about_up) @ about_right @ level @ about_forward
        assert np.abs(rotations(yaw, pitch, roll) - product).max() < 1e-12


@given(
    u=st.floats(0, 4000),
    v=st.floats(0, 3000),
    yaw=st.floats(-180, 180),
    pitch=st.floats(-90, 30),
    roll=st.sampled_from([0.0, 180.0, -3.0]),
    distance=st.floats(5, 500),
)
@settings(max_examples=80)
@pytest.mark.parametrize(
    "model",
    [
        camera(),
        camera(distortion=BARREL),
        camera(distortion=RATIONAL, lens=Lens.RATIONAL),
        camera(distortion=(0.02, -0.01, 0.003, 0.0), lens=Lens.FISHEYE),
    ],
)
def test_pixel_to_point_to_pixel(  # noqa: PLR0917 - drawn by Hypothesis
    model: Camera, u: float, v: float, yaw: float, pitch: float, roll: float, distance: float
) -> None:
    orientation = looking(yaw, pitch, roll)
    back = project(model, orientation, rays(model, orientation, [u, v]) * distance)
    assert np.abs(back - [u, v]).max() < 1e-6


def matrix(model: Camera) -> np.ndarray:
    # OpenCV counts from the centre of the first pixel, we from its corner.
    focal_y = model.focal_y_px or model.focal_px
    return np.array([[model.focal_px, 0, model.centre_x_px - 0.5], [0, focal_y, model.centre_y_px - 0.5], [0, 0, 1]])


@pytest.mark.parametrize(("coefficients", "lens"), [(BARREL, Lens.BROWN_CONRADY), (RATIONAL, Lens.RATIONAL)])
def test_brown_conrady_and_rational_are_opencvs(coefficients: tuple[float, ...], lens: Lens) -> None:
    model = camera(distortion=coefficients, lens=lens)
    points = np.random.default_rng(3).uniform([-20, -15, 30], [20, 15, 60], (50, 3))
    theirs = cv2.projectPoints(points, np.zeros(3), np.zeros(3), matrix(model), np.array(coefficients))[0][:, 0] + 0.5
    ours = project(model, looking(0, 0, 0), points @ camera_to_enu(looking(0, 0, 0)).T)
    assert np.abs(ours - theirs).max() < 1e-6


def test_fisheye_is_opencvs_and_sees_beyond_the_side() -> None:
    coefficients = (0.03, -0.012, 0.004, -0.0008)
    model = camera(distortion=coefficients, lens=Lens.FISHEYE, focal_px=900.0)
    points = np.random.default_rng(4).uniform([-40, -40, 5], [40, 40, 30], (50, 1, 3))
    theirs = cv2.fisheye.projectPoints(points, np.zeros(3), np.zeros(3), matrix(model), np.array(coefficients))[0][:, 0]
    level = looking(0, 0, 0)
    ours = project(model, level, points[:, 0] @ camera_to_enu(level).T)
    assert np.abs(ours - (theirs + 0.5)).max() < 1e-6
    behind = np.array([0.9, 0.0, -0.2]) / np.hypot(0.9, 0.2)  # 102° from the axis
    pixel = project(model, level, camera_to_enu(level) @ behind)
    assert np.abs(rays(model, level, pixel) - camera_to_enu(level) @ behind).max() < 1e-9


def test_strong_distortion_is_inverted_where_fixed_point_rounds_diverge() -> None:
    model = camera(distortion=(0.9, 0.6, 0.0, 0.0, 0.3), focal_px=1800.0)
    corners = np.array([[0.0, 0.0], [4000.0, 3000.0], [2010.0, 1490.0]])
    ideal = undistorted(model, corners)
    assert np.abs(distorted(model, ideal) * [1800.0, 1801.8] + [2010.0, 1490.0] - corners).max() < 1e-6


def test_points_far_outside_the_view_are_not_folded_into_it() -> None:
    model = camera(distortion=(-0.28, 0.0, 0.0, 0.0, 0.0))
    level = looking(0, 0, 0)
    # At x/z = 1.85 the polynomial would come back to 0.08 of the axis, well inside the image.
    assert np.all(np.isnan(project(model, level, np.array([18.5, 10.0, 0.0]))))
    assert np.all(np.isnan(rays(camera(distortion=(-0.28, 0.0, 0.0, 0.0, 0.0), focal_px=1500.0), level, [0.0, 0.0])))


def test_nothing_behind_a_pinhole_is_seen() -> None:
    assert np.all(np.isnan(project(camera(), looking(0, 0, 0), [0.0, -10.0, 0.0])))


@pytest.mark.parametrize(
    "wrong",
    [
        {"focal_px": 0.0},
        {"focal_y_px": -1.0},
        {"distortion": (0.1,)},
        {"distortion": (0.1, 0.1, 0.1, 0.1), "lens": Lens.BROWN_CONRADY},
        {"focal_sigma": -0.1},
        {"width_px": 0},
        {"centre_x_px": float("nan")},
    ],
)
def test_impossible_cameras_are_refused(wrong: dict[str, object]) -> None:
    whole = {
        "model": "made",
        "width_px": 10,
        "height_px": 10,
        "focal_px": 10.0,
        "centre_x_px": 5.0,
        "centre_y_px": 5.0,
        "source": "test",
    }
    with pytest.raises(ValueError, match=r"camera|focal|distortion|principal"):
        Camera(**{**whole, **wrong})  # type: ignore[arg-type]


@given(yaw=st.floats(-180, 180), pitch=st.floats(-120, 60), roll=st.floats(-180, 180))
@settings(max_examples=100)
def test_an_orientation_is_found_again_from_its_rotation(yaw: float, pitch: float, roll: float) -> None:
    orientation = looking(yaw, pitch, roll)
    found = orientation_of_rotation(camera_to_enu(orientation), near=orientation)
    assert np.abs(camera_to_enu(found) - camera_to_enu(orientation)).max() < 1e-7
    if abs(abs(pitch) - 90) > 0.1:
        assert (found.yaw_deg, found.pitch_deg, found.roll_deg) == pytest.approx((yaw, pitch, roll), abs=1e-5)


@pytest.mark.parametrize("pitch", [-90.0, 90.0])
def test_straight_down_keeps_the_roll_and_finds_the_yaw(pitch: float) -> None:
    found = orientation_of_rotation(camera_to_enu(looking(40, pitch, 180)), near=looking(35, pitch, 180))
    assert (found.yaw_deg, found.pitch_deg, found.roll_deg) == pytest.approx((40, pitch, 180), abs=1e-6)


def test_a_photo_stored_turned_is_a_camera_turned() -> None:
    model = camera(distortion=BARREL)
    upright, turned = looking(20, -50, 0), looking(20, -50, 180)
    pixel = np.array([700.0, 2500.0])
    as_stored = [model.width_px - pixel[0], model.height_px - pixel[1]]
    assert np.abs(rays(model, upright, pixel) - rays(turned_half(model), turned, as_stored)).max() < 1e-12


def test_a_rational_lens_is_nan_beyond_its_fold() -> None:
    model = camera(distortion=(-0.2, 0.0, 0.0, 0.0, 0.0, 0.1, 0.0, 0.0), lens=Lens.RATIONAL)
    assert np.all(np.isnan(project(model, looking(0, 0, 0), np.array([30.0, 10.0, 0.0]))))
    assert np.all(np.isfinite(project(model, looking(0, 0, 0), np.array([3.0, 10.0, 0.0]))))
