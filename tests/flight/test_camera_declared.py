from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.errors import InputRefused
from core.heights import HaeHeight, TakeoffHeight
from core.refusal import Refusal
from flight.camera import Camera, Lens, Orientation, camera_rays, project, rays, turned_half
from flight.cameras.catalogue import FILM_DIAGONAL_MM, read_lenses
from flight.cameras.declared import camera_as_declared, read_declared_camera
from tests.flight.test_telemetry_photo import PLACE, TIME, packet, read, write_photo

NAMED = [
    "m30t-wide",
    "m30t-zoom",
    "m30t-thermal",
    "m3e-wide",
    "m3t-wide",
    "m3t-thermal",
    "m4t-wide",
    "m4e-wide",
    "h20t-wide",
    "h20t-zoom",
    "h20t-thermal",
    "h30t-wide",
    "h30t-zoom",
    "h30t-thermal",
    "p1-35",
    "fc6310r",
    "fc220",
    "fc330",
    "evo2",
    "skydio-x2",
    "skydio-x10-wide",
    "skydio-x10-narrow",
]


def declared(said: str, width: int, height: int, focal_mm: float | None = None, zoom: float = 1.0) -> Camera:
    found = camera_as_declared(read_declared_camera(said), "TELLO", width, height, focal_mm, zoom)
    assert isinstance(found, Camera), found
    return found


def test_every_camera_that_is_promised_is_listed_with_its_source() -> None:
    keys = {lens.key: lens for lens in read_lenses()}
    assert set(NAMED) <= set(keys)
    assert all(len(keys[key].source) > 20 for key in NAMED)


def test_four_ways_to_declare_a_camera(tmp_path: Path) -> None:
    assert declared("3045px", 4000, 2250).focal_px == 3045.0
    # A 16:9 image is cut from the full width of a 4:3 sensor, whose diagonal the equivalent belongs to.
    for height in (3000, 2250):
        assert declared("24mm", 4000, height).focal_px == pytest.approx(24 / FILM_DIAGONAL_MM * 5000)
    by_key = declared("m3t-wide", 4000, 3000)
    assert by_key.model == "TELLO"
    assert by_key.source.startswith("declared")
    file = tmp_path / "ours.yaml"
    file.write_text(
        "ours: {models: [Z9], full_px: [400, 300], focal_px: 300, centre_px: [210, 148], mount_deg: [1, -2, 0.5],"
        " sigma: 0.001, modes: [[400, 300, 400, 300], [200, 150, 400, 300]], source: measured}\n"
    )
    half = declared(str(file), 200, 150)
    assert (half.focal_px, half.centre_x_px, half.centre_y_px) == (150.0, 105.0, 74.0)
    assert half.mount_deg == (1.0, -2.0, 0.5)
    assert declared(f"{file}:ours", 400, 300).focal_sigma == 0.001


def test_digital_zoom_lengthens_a_declared_lens() -> None:
    assert declared("m3t-wide", 4000, 3000, zoom=2.0).focal_px == 2 * declared("m3t-wide", 4000, 3000).focal_px


def test_what_is_no_declaration_is_refused(tmp_path: Path) -> None:
    for said in ("nothere", "0mm", "missing.yaml"):
        with pytest.raises(InputRefused):
            read_declared_camera(said)
    file = tmp_path / "a.yaml"
    file.write_text("a: {models: [X], full_px: [4, 3], focal_px: 3, sigma: 0.1, modes: [[4, 3, 4, 3]], source: s}")
    with pytest.raises(InputRefused, match="no lens"):
        read_declared_camera(f"{file}:b")
    wrong_size = camera_as_declared(read_declared_camera(str(file)), "TELLO", 40, 31)
    assert isinstance(wrong_size, Refusal)
    assert (wrong_size.code, wrong_size.subject) == ("unknown-mode", "TELLO")


def test_a_mount_turns_the_ray_before_roll_pitch_and_yaw() -> None:
    plain = Camera(
        model="m", width_px=400, height_px=300, focal_px=300, centre_x_px=200, centre_y_px=150, source="test"
    )
    bolted = replace(plain, mount_deg=(0.0, -30.0, 0.0))
    pixels = np.array([[10.0, 20.0], [200.0, 150.0], [390.0, 280.0]])
    level, down = Orientation(yaw_deg=40, pitch_deg=0, roll_deg=0), Orientation(yaw_deg=40, pitch_deg=-30, roll_deg=0)
    assert np.allclose(rays(bolted, level, pixels), rays(plain, down, pixels), atol=1e-12)
    turned = replace(plain, mount_deg=(5.0, -20.0, 3.0), centre_x_px=210.0, distortion=(-0.1, 0.01, 1e-3, -1e-3, 0.0))
    looks = Orientation(yaw_deg=200, pitch_deg=-50, roll_deg=4)
    offsets = rays(turned, looks, pixels) * 70.0
    assert np.allclose(project(turned, looks, offsets), pixels, atol=1e-6)
    # A photo stored turned by 180° shows the same rays at the mirrored pixels, with half a turn more of roll.
    over = replace(looks, roll_deg=184.0)
    assert np.allclose(rays(turned_half(turned), over, [400.0, 300.0] - pixels), offsets / 70.0, atol=1e-9)


def test_dewarp_data_with_six_radial_terms_is_the_rational_lens(tmp_path: Path) -> None:
    figures = "3000,3001,4,-3,0.1,-0.05,0.0002,-0.0001,0.01,0.02,-0.01,0.005"
    xmp = packet(f'drone-dji:DewarpDataK6="2025-01-01;{figures}"')
    camera = read(write_photo(tmp_path / "a.jpg", exif=TIME, gps=PLACE, xmp=xmp, size=(4000, 3000))).camera
    assert camera is not None
    assert camera.lens is Lens.RATIONAL
    assert camera.distortion == (0.1, -0.05, 0.0002, -0.0001, 0.01, 0.02, -0.01, 0.005)
    assert (camera.focal_px, camera.focal_y_px) == (3000.0, 3001.0)
    assert (camera.centre_x_px, camera.centre_y_px) == (2004.0, 1497.0)
    assert np.isfinite(camera_rays(camera, [[1.0, 1.0], [3999.0, 2999.0]])).all()


def test_the_laser_rangefinder_is_read_unless_it_says_it_failed(tmp_path: Path) -> None:
    fields = (
        'drone-dji:LRFTargetDistance="123.4" drone-dji:LRFTargetLon="113.25" drone-dji:LRFTargetLat="23.125" '
        'drone-dji:LRFTargetAlt="-4.5" drone-dji:LRFTargetAbsAlt="16.25" '
    )
    good = read(write_photo(tmp_path / "a.jpg", exif=TIME, gps=PLACE, xmp=packet(fields))).laser
    assert good is not None
    assert good.distance_m == 123.4
    assert good.height_takeoff == TakeoffHeight(metres=-4.5)
    assert good.height_hae == HaeHeight(metres=16.25)
    bad = packet(fields + 'drone-dji:LRFStatus="TooFar"')
    assert read(write_photo(tmp_path / "b.jpg", exif=TIME, gps=PLACE, xmp=bad)).laser is None
    assert read(write_photo(tmp_path / "c.jpg", exif=TIME, gps=PLACE)).laser is None


@pytest.mark.parametrize(("flag", "horizontal", "height"), [(50, 0.03, 0.05), (38, 0.5, 1.0), (16, None, 4.0)])
def test_the_state_of_an_rtk_receiver_says_what_it_is_worth(
    tmp_path: Path, flag: int, horizontal: float | None, height: float
) -> None:
    xmp = packet(f'drone-dji:AbsoluteAltitude="+36.5" drone-dji:RtkFlag="{flag}"')
    pose = read(write_photo(tmp_path / "a.jpg", exif=TIME, gps=PLACE, xmp=xmp)).pose
    assert pose.height_hae == HaeHeight(metres=36.5, sigma_m=height)
    assert (None if pose.sigma is None else pose.sigma.horizontal_m) == horizontal


def test_a_maker_calibration_in_pix4ds_fields_is_used(tmp_path: Path) -> None:
    from PIL.ExifTags import Base

    xmp = packet(
        'Camera:PerspectiveFocalLength="10.6" Camera:PrincipalPoint="6.40,4.20" '
        'Camera:PerspectiveDistortion="0.01,-0.02,0.003,0.0001,-0.0002"',
        namespaces='xmlns:Camera="http://pix4d.com/camera/1.0/"',
    )
    exif = {**TIME, Base.FocalPlaneXResolution: 4291.76, Base.FocalPlaneResolutionUnit: 3}
    camera = read(write_photo(tmp_path / "a.jpg", exif=exif, gps=PLACE, xmp=xmp, size=(5472, 3648))).camera
    assert camera is not None
    assert camera.focal_px == pytest.approx(4549.3, abs=0.1)
    assert camera.centre_x_px == pytest.approx(2746.7, abs=0.1)
    assert camera.distortion == (0.01, -0.02, 0.0001, -0.0002, 0.003)


@pytest.mark.parametrize(
    ("model", "yaw", "pitch", "roll", "turned"),
    [
        ("FC6310", 190.0, -89.9, 0.0, True),
        ("FC6310", 190.0, -89.9, 180.0, False),  # the firmware says it itself
        ("FC6310", 12.0, -89.9, 0.0, False),
        ("FC6310", 190.0, -45.0, 0.0, False),  # obliquely the two views differ, so nothing is known
        ("ZenmuseH20T", 190.0, -89.9, 0.0, False),  # this gimbal can look backwards
    ],
)
def test_a_gimbal_that_cannot_look_backwards_is_taken_as_turned(
    tmp_path: Path, model: str, yaw: float, pitch: float, roll: float, *, turned: bool
) -> None:
    from PIL.ExifTags import Base

    xmp = packet(
        f'drone-dji:GimbalYawDegree="{yaw}" drone-dji:GimbalPitchDegree="{pitch}" drone-dji:GimbalRollDegree="{roll}" '
        'drone-dji:FlightYawDegree="8.0"'
    )
    told = read(write_photo(tmp_path / "a.jpg", exif=TIME, gps=PLACE, base={Base.Model: model}, xmp=xmp))
    assert told.pose.yaw_deg == yaw
    assert told.pose.roll_deg == (180.0 if turned else roll)
    assert any("turned by 180°" in sentence for sentence in told.assumptions) is turned
