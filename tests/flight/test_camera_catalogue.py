from pathlib import Path

import pytest

from core.errors import InputRefused
from core.refusal import Refusal
from flight.camera import Camera
from flight.cameras.catalogue import (
    FILM_DIAGONAL_MM,
    catalogue_camera,
    declared_camera,
    is_thermal,
    read_lenses,
    sharper_camera,
)

_GOOD = "models: [X], full_px: [100, 80], sigma: 0.1, source: s"


def camera(model: str, width: int, height: int, focal_mm: float | None = None, zoom: float = 1.0) -> Camera:
    found = catalogue_camera(model, width, height, focal_mm=focal_mm, digital_zoom=zoom)
    assert isinstance(found, Camera), found
    return found


def refusal(model: str, width: int, height: int, focal_mm: float | None = None) -> str:
    found = catalogue_camera(model, width, height, focal_mm=focal_mm)
    assert isinstance(found, Refusal)
    assert found.remedy
    return found.code


def test_every_lens_has_a_source_and_a_plausible_view() -> None:
    lenses = read_lenses()
    assert len(lenses) >= 25
    for lens in lenses:
        assert lens.source
        assert 0 < lens.sigma <= 0.05
        focal_px = lens.focal_px or 20 * lens.full_px[0] / 36
        assert 0.4 < focal_px / lens.full_px[0] < 6


@pytest.mark.parametrize(
    ("model", "width", "height", "focal_mm", "key", "focal_px"),
    [
        ("FC220", 4000, 2250, 4.73, "fc220", 3045.0),
        ("M3E", 5280, 3956, 12.29, "m3e-wide", 3713.0),
        ("M3T", 640, 512, 9.1, "m3t-thermal", 758.0),
        ("M3T", 4000, 3000, 4.4, "m3t-wide", 2773.5),
        ("M30T", 1280, 1024, None, "m30t-thermal", 1516.0),
        ("ZenmuseP1", 8192, 5460, 35.0, "p1-35", 7987.0),
        ("FLIR", 640, 512, 19.0, "xt-thermal", 19 / 0.017),  # Zenmuse XT and XT2
        ("FLIR", 336, 256, 13.0, "xt-thermal-336", 13 / 0.017),
        ("FC2403", 640, 480, None, "m2ed-thermal", 589.0),
        ("FC2403", 4056, 3040, 4.5, "m2ed", 2811.0),
        ("ZH20N", 640, 512, 12.0, "h20n-thermal", 992.0),
        ("H30T", 1280, 1024, 24.0, "h30t-thermal", 1980.0),
        ("FC6310R", 5472, 3648, 8.8, "fc6310", 3666.7),
    ],
)
def test_known_cameras(model: str, width: int, height: int, focal_mm: float | None, key: str, focal_px: float) -> None:  # noqa: PLR0917 - one column of the table each
    found = camera(model, width, height, focal_mm)
    assert key in found.source
    assert found.focal_px == pytest.approx(focal_px, rel=1e-3)
    assert (found.centre_x_px, found.centre_y_px) == (width / 2, height / 2)


def test_a_thermal_picture_is_told_by_its_camera_and_size() -> None:
    # Both cameras of the Mavic 2 Enterprise Dual write the same model; only the size tells false colours from a photo.
    assert is_thermal("FC2403", 640, 480)
    assert not is_thermal("FC2403", 4056, 3040, focal_mm=4.5)
    assert is_thermal("FLIR", 640, 512, focal_mm=19.0)
    assert is_thermal("H30T", 1280, 1024, focal_mm=24.0)
    assert not is_thermal("FC220", 4000, 3000)


def test_a_crop_keeps_the_scale_and_a_resize_changes_it() -> None:
    photo, cropped = camera("FC220", 4000, 3000), camera("FC220", 4000, 2250)
    assert photo.focal_px == cropped.focal_px
    video = camera("M3T", 1920, 1080)
    assert video.focal_px == pytest.approx(camera("M3T", 8000, 6000).focal_px * 1920 / 8000)
    # The 4K video of the FC220 is cut from the middle of the sensor at full scale: narrower than its photos.
    assert camera("FC220", 3840, 2160).focal_px == photo.focal_px


def test_zoom_lenses_follow_the_photos_focal_length() -> None:
    wide, tele = camera("ZenmuseH20T", 5184, 3888, 6.83), camera("ZenmuseH20T", 5184, 3888, 119.94)
    assert wide.focal_px == pytest.approx(31.7 / FILM_DIAGONAL_MM * 6480, rel=0.01)
    assert tele.focal_px / wide.focal_px == pytest.approx(119.94 / 6.83, rel=1e-6)


def test_digital_zoom_lengthens_the_focal_length_and_its_doubt() -> None:
    plain, zoomed = camera("FC6310", 5472, 3648), camera("FC6310", 5472, 3648, zoom=2.0)
    assert zoomed.focal_px == pytest.approx(2 * plain.focal_px)
    assert zoomed.focal_sigma > plain.focal_sigma
    assert "zoom" in zoomed.source


def test_what_is_not_known_is_refused() -> None:
    assert refusal("TELLO", 2592, 1936) == "unknown-camera"
    assert refusal("FC220", 4001, 2250) == "unknown-mode"
    assert refusal("M30T", 3840, 2160) == "which-lens"  # wide and zoom make this video; only the focal length tells
    assert refusal("ZenmuseP1", 8192, 5460) == "which-lens"
    assert refusal("ZenmuseH20T", 5184, 3888) == "no-focal-length"
    assert refusal("ZenmuseP1", 8192, 5460, 70.0) == "which-lens"


def test_a_camera_may_be_named_by_its_key() -> None:
    assert camera("m3t-thermal", 640, 512).focal_px == 758.0


def test_declared_cameras() -> None:
    by_film = declared_camera(4000, 3000, equivalent_mm=24)
    assert by_film.focal_px == pytest.approx(24 / FILM_DIAGONAL_MM * 5000)
    assert by_film.focal_sigma == 0.02
    assert declared_camera(4000, 3000, focal_px=2800.0).focal_px == 2800.0
    with pytest.raises(ValueError, match="either"):
        declared_camera(4000, 3000)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "no lenses"),
        ("a: {models: [X]}", "lacks"),
        (f"a: {{{_GOOD}, focal_px: 90, modes: [[200, 160, 200, 160]]}}", "larger"),
        (f"a: {{{_GOOD}, focal_px: 90, modes: [[100, 50, 100, 80]]}}", "square"),
        (f"a: {{{_GOOD}, modes: [[100, 80, 100, 80]]}}", "focal length"),
        ("a: [1", "cannot be read"),
    ],
)
def test_bad_catalogues_are_refused(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "lenses.yaml"
    path.write_text(text)
    with pytest.raises(InputRefused, match=problem):
        read_lenses(path)


def test_the_better_known_camera_is_taken() -> None:
    film = declared_camera(4000, 2250, equivalent_mm=26)
    taken = sharper_camera(film, "FC220", 4000, 2250)
    assert taken is not None
    assert taken.focal_px == 3045.0
    calibrated = Camera(
        model="FC220", width_px=4000, height_px=2250, focal_px=3050.0, centre_x_px=2000, centre_y_px=1125,
        focal_sigma=0.002, source="DewarpData",
    )  # fmt: skip
    assert sharper_camera(calibrated, "FC220", 4000, 2250) is calibrated
    assert sharper_camera(film, "TELLO", 2592, 1936) is film
    assert sharper_camera(None, "TELLO", 2592, 1936) is None
