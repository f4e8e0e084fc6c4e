from pathlib import Path

import cv2
import numpy as np
import pytest

from core.refusal import Refusal
from flight.camera import Camera, Orientation, camera_rays, camera_to_enu
from flight.cameras.checkerboard import Calibration, calibrate_from_checkerboard

TRUTH = Camera(
    model="made",
    width_px=960,
    height_px=720,
    focal_px=820.0,
    focal_y_px=821.0,
    centre_x_px=492.0,
    centre_y_px=351.0,
    distortion=(-0.12, 0.05, 0.0008, -0.0006, 0.0),
    source="test",
)
COLUMNS, ROWS = 9, 6


FINE = 2
_V, _U = np.mgrid[: 720 * FINE, : 960 * FINE]
RAYS = camera_rays(TRUTH, np.stack([(_U + 0.5) / FINE, (_V + 0.5) / FINE], axis=-1))


def photograph(path: Path, yaw: float, pitch: float, roll: float, distance: float) -> Path:
    """Render a checkerboard as TRUTH sees it: each pixel's rays are met with the board's plane."""
    level = camera_to_enu(Orientation(yaw_deg=0, pitch_deg=0, roll_deg=0))
    turn = level.T @ camera_to_enu(Orientation(yaw_deg=yaw, pitch_deg=pitch, roll_deg=roll))
    directions, centre = RAYS @ turn, np.array([0.0, 0.0, -distance]) @ turn
    reach = -centre[2] / directions[..., 2]
    x, y = centre[0] + reach * directions[..., 0], centre[1] + reach * directions[..., 1]
    column, row = np.floor(x + (COLUMNS + 1) / 2), np.floor(y + (ROWS + 1) / 2)
    on_board = (column >= 0) & (column <= COLUMNS) & (row >= 0) & (row <= ROWS) & (reach > 0)
    image = np.where(on_board & ((column + row) % 2 == 0), 25.0, 235.0)
    small = image.reshape(720, FINE, 960, FINE).mean(axis=(1, 3))
    cv2.imwrite(str(path), small.astype(np.uint8))
    return path


@pytest.fixture(scope="module")
def boards(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("boards")
    views = [
        (0, 0, 0, 12),
        (25, 5, 3, 13),
        (-28, 0, -4, 13),
        (4, 27, 0, 12),
        (0, -30, 8, 13),
        (20, -20, 20, 14),
        (-22, 18, -12, 11),
    ]
    return [photograph(folder / f"board-{i}.png", *view) for i, view in enumerate(views)]


def test_the_camera_behind_the_boards_is_found(boards: list[Path], tmp_path: Path) -> None:
    blank = tmp_path / "blank.png"
    cv2.imwrite(str(blank), np.full((720, 960), 128, np.uint8))
    empty = tmp_path / "empty.jpg"
    empty.write_bytes(b"")
    found = calibrate_from_checkerboard([*boards, blank, empty], columns=COLUMNS, rows=ROWS, model="made")
    assert isinstance(found, Calibration), found
    assert len(found.used) == len(boards)
    assert {refusal.code for refusal in found.refusals} == {"no-board", "unreadable-file"}
    assert found.rms_px < 0.3
    corners = np.array([[60.0, 60.0], [900.0, 60.0], [480.0, 360.0], [60.0, 660.0], [900.0, 660.0]])
    apart = np.degrees(
        np.arccos(np.clip(np.sum(camera_rays(found.camera, corners) * camera_rays(TRUTH, corners), axis=-1), -1, 1))
    )
    assert apart.max() < 0.15
    assert found.camera.focal_px == pytest.approx(820.0, rel=0.005)
    assert 0 < found.camera.focal_sigma < 0.01


def test_too_few_and_one_sided_boards_are_refused(boards: list[Path], tmp_path: Path) -> None:
    few = calibrate_from_checkerboard(boards[:3], columns=COLUMNS, rows=ROWS, model="made")
    assert isinstance(few, Refusal)
    assert few.code == "too-few-boards"
    flat = [photograph(tmp_path / f"flat-{i}.png", 0, 0, 2.0 * i, 12 + i / 2) for i in range(6)]
    alike = calibrate_from_checkerboard(flat, columns=COLUMNS, rows=ROWS, model="made")
    assert isinstance(alike, Refusal)
    assert alike.code == "boards-alike"


def test_square_boards_are_the_callers_mistake() -> None:
    with pytest.raises(ValueError, match="inner corners"):
        calibrate_from_checkerboard([], columns=6, rows=6, model="made")


def test_large_photos_are_searched_small_and_measured_at_full_size(boards: list[Path], tmp_path: Path) -> None:
    """Photos twice as large give a focal length twice as long, as precisely."""
    large = []
    for board in boards:
        image = cv2.imread(str(board), cv2.IMREAD_GRAYSCALE)
        assert image is not None
        path = tmp_path / board.name
        cv2.imwrite(str(path), cv2.resize(image, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC))
        large.append(path)
    found = calibrate_from_checkerboard(large, columns=COLUMNS, rows=ROWS, model="made")
    assert isinstance(found, Calibration), found
    assert len(found.used) == len(boards)
    assert found.camera.focal_px == pytest.approx(2 * 820.0, rel=0.005)
    assert found.camera.centre_x_px == pytest.approx(2 * 492.0, abs=8)
