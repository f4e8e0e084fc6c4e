from __future__ import annotations

import math
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, TiffImagePlugin
from PIL.ExifTags import GPS, IFD, Base

from core.heights import Geoid, HaeHeight, MslHeight, TakeoffHeight
from core.points import GeoPoint
from core.refusal import Refusal
from flight.telemetry.photo import PhotoTelemetry, read_photo
from flight.telemetry.photo_header import PhotoHeader, read_photo_header
from flight.telemetry.photo_time import clock_pair
from flight.track import missing

MINSK = ZoneInfo("Europe/Minsk")
DJI = "http://www.dji.com/drone-dji/1.0/"

# Of each real photo: the values that stand in its XMP and EXIF, read off with exiftool.
REAL = {
    #            lat           lon           rel     abs     yaw    pitch
    "DJI_0010": (53.919012778, 27.576512500, 98.90, 336.66, 37.10, -89.90),
    "DJI_0012": (53.918756667, 27.576749306, 99.00, 336.76, 37.10, -90.00),
}


def write_photo(
    path: Path,
    *,
    xmp: str = "",
    exif: Mapping[int, object] | None = None,
    gps: Mapping[int, object] | None = None,
    base: Mapping[int, object] | None = None,
    size: tuple[int, int] = (400, 300),
    mode: str = "RGB",
) -> Path:
    tags = Image.Exif()
    for tag, value in (base or {}).items():
        tags[tag] = value
    tags.get_ifd(IFD.Exif).update(exif or {})
    tags.get_ifd(IFD.GPSInfo).update(gps or {})
    Image.new(mode, size).save(path, exif=tags, xmp=xmp.encode() or None)
    return path


def packet(attributes: str = "", *, elements: str = "", namespaces: str = f'xmlns:drone-dji="{DJI}"') -> str:
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f"<rdf:Description {namespaces} {attributes}>{elements}</rdf:Description></rdf:RDF></x:xmpmeta>"
    )


TIME = {Base.DateTimeOriginal: "2026:10:01 10:03:04", Base.OffsetTimeOriginal: "+08:00"}
PLACE = {
    GPS.GPSLatitudeRef: "N",
    GPS.GPSLatitude: (23.0, 7.0, 30.0),
    GPS.GPSLongitudeRef: "E",
    GPS.GPSLongitude: (113.0, 15.0, 0.0),
    GPS.GPSAltitudeRef: b"\x00",
    GPS.GPSAltitude: 120.5,
}


def read(path: Path, zone: ZoneInfo | None = None) -> PhotoTelemetry:
    telemetry = read_photo(path, camera_zone=zone)
    assert isinstance(telemetry, PhotoTelemetry), telemetry
    return telemetry


@pytest.mark.parametrize("name", sorted(REAL))
def test_real_photos_give_the_values_of_their_header(shared: Path, name: str) -> None:
    telemetry = read(shared / f"data/aerial_vehicles/dji_photos/{name}.JPG", MINSK)
    lat, lon, relative, absolute, yaw, pitch = REAL[name]
    pose = telemetry.pose
    assert pose.position is not None
    assert (pose.position.lat_deg, pose.position.lon_deg) == pytest.approx((lat, lon), abs=1e-8)
    assert pose.height_takeoff == TakeoffHeight(metres=relative)
    assert pose.height_msl == MslHeight(metres=absolute, geoid=Geoid.UNSTATED)
    assert (pose.yaw_deg, pose.pitch_deg, pose.roll_deg) == (yaw, pitch, 0.0)
    assert missing(pose) == ()
    assert (telemetry.maker, telemetry.model) == ("DJI", "FC220")


def test_all_real_photos_agree_with_exiftool(shared: Path) -> None:
    photos = sorted((shared / "data/aerial_vehicles/dji_photos").glob("*.JPG"))
    assert len(photos) == 8
    exiftool = Path("/usr/bin/exiftool")
    for photo in photos:
        pose = read(photo, MINSK).pose
        assert missing(pose) == ()
        assert pose.height_takeoff is not None
        assert 90 < pose.height_takeoff.metres < 130
        if exiftool.exists():
            fields = ["GimbalYawDegree", "GimbalPitchDegree", "RelativeAltitude", "GPSLatitude", "GPSLongitude"]
            said = subprocess.run(
                [exiftool, "-n", "-T", *(f"-{field}" for field in fields), photo],
                capture_output=True, text=True, check=True,
            ).stdout.split()  # fmt: skip
            assert pose.position is not None
            ours = (
                pose.yaw_deg,
                pose.pitch_deg,
                pose.height_takeoff.metres,
                pose.position.lat_deg,
                pose.position.lon_deg,
            )
            assert ours == pytest.approx([float(word) for word in said], abs=1e-8)


def test_a_known_lens_is_better_than_a_whole_number_of_millimetres(shared: Path) -> None:
    camera = read(shared / "data/aerial_vehicles/dji_photos/DJI_0010.JPG", MINSK).camera
    assert camera is not None
    assert (camera.width_px, camera.height_px, camera.model) == (4000, 2250, "FC220")
    by_the_film_px = 26 * 5000 / 43.2666  # the 35 mm equivalent, by the diagonal of the full sensor: within 2 per cent
    assert camera.focal_px == pytest.approx(by_the_film_px, rel=0.02)
    assert camera.focal_sigma < 0.01
    by_the_lens_px = 4.73 / 1.55e-3
    assert abs(camera.focal_px / by_the_lens_px - 1) < camera.focal_sigma


def test_a_bare_time_needs_a_declared_zone(shared: Path) -> None:
    photo = shared / "data/aerial_vehicles/dji_photos/DJI_0010.JPG"
    refusal = read_photo(photo, camera_zone=None)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "no-time-zone"
    telemetry = read(photo, MINSK)
    assert telemetry.captured_at == datetime(2018, 3, 26, 14, 41, 41, tzinfo=UTC)
    assert any("Europe/Minsk" in sentence for sentence in telemetry.pose.assumptions)


def test_times_come_best_first(tmp_path: Path) -> None:
    gps = {GPS.GPSDateStamp: "2026:10:01", GPS.GPSTimeStamp: (2.0, 3.0, 5.0)}
    exposure = packet('drone-dji:UTCAtExposure="2026-10-01T02:03:04.123456"')
    cases = {
        "exposure": (write_photo(tmp_path / "1.jpg", xmp=exposure, exif=TIME), (4, 123456), 0),
        "offset": (
            write_photo(tmp_path / "2.jpg", exif={**TIME, Base.SubsecTimeOriginal: "25"}, gps=gps),
            (4, 250000),
            0,
        ),
        "gps": (
            write_photo(tmp_path / "3.jpg", exif={Base.DateTimeOriginal: "2026:10:01 10:03:04"}, gps=gps),
            (5, 0),
            0,
        ),
        "zone": (write_photo(tmp_path / "4.jpg", exif={Base.DateTimeOriginal: "2026:10:01 10:03:04"}), (4, 0), 1),
    }
    for name, (path, (second, micro), said) in cases.items():
        telemetry = read(path, ZoneInfo("Asia/Shanghai"))
        assert telemetry.captured_at == datetime(2026, 10, 1, 2, 3, second, micro, tzinfo=UTC), name
        assert sum("clock" in sentence for sentence in telemetry.assumptions) == said


def test_a_camera_clock_that_contradicts_the_gps_is_reported(tmp_path: Path) -> None:
    gps = {GPS.GPSDateStamp: "2026:10:01", GPS.GPSTimeStamp: (3.0, 3.0, 4.0)}
    telemetry = read(write_photo(tmp_path / "a.jpg", exif=TIME, gps=gps))
    assert any("-3600 s" in sentence for sentence in telemetry.assumptions)


@pytest.mark.parametrize("offset", ["+25:00", "east", "", "+8"])
def test_an_offset_that_is_none_is_not_used(tmp_path: Path, offset: str) -> None:
    refusal = read_photo(
        write_photo(tmp_path / "a.jpg", exif={**TIME, Base.OffsetTimeOriginal: offset}), camera_zone=None
    )
    assert isinstance(refusal, Refusal)
    assert refusal.code == "no-time-zone"


@pytest.mark.parametrize(
    ("orientation", "roll", "said"),
    [(1, "+0.0", 0), (6, "+0.0", 1), (3, "+180.0", 1), (3, "+0.0", 2)],
)
def test_a_photo_that_asks_to_be_turned_says_what_its_angles_speak_of(
    tmp_path: Path, orientation: int, roll: str, said: int
) -> None:
    attributes = 'drone-dji:GimbalYawDegree="+10" drone-dji:GimbalPitchDegree="-90" drone-dji:GimbalRollDegree="{}"'
    path = write_photo(
        tmp_path / "a.jpg", exif=TIME, xmp=packet(attributes.format(roll)), base={Base.Orientation: orientation}
    )
    telemetry = read(path)
    assert telemetry.stored_orientation == orientation
    notes = [note for note in telemetry.pose.assumptions if "EXIF Orientation" in note or "180°" in note]
    assert len(notes) == said
    assert telemetry.pose.roll_deg == float(roll)


def test_whose_clock_a_photos_time_rests_on(tmp_path: Path) -> None:
    stamp = {GPS.GPSDateStamp: "2026:10:01", GPS.GPSTimeStamp: (2.0, 3.0, 9.0)}
    bare = {Base.DateTimeOriginal: "2026:10:01 10:03:04"}
    cases = ((TIME, {}, True), (bare, stamp, False), (TIME, stamp, True))
    for number, (exif, gps, clocked) in enumerate(cases):
        path = write_photo(tmp_path / f"{number}.jpg", exif=exif, gps={**PLACE, **gps})
        assert read(path).camera_clock is clocked
        header = read_photo_header(path)
        assert isinstance(header, PhotoHeader)
        pair = clock_pair(header, camera_zone=ZoneInfo("Asia/Shanghai"))
        assert (pair is not None) == bool(gps)
        assert pair is None or (pair[1] - pair[0]).total_seconds() == 5


def test_zero_coordinates_are_no_fix(tmp_path: Path) -> None:
    zero = {**PLACE, GPS.GPSLatitude: (0.0, 0.0, 0.0), GPS.GPSLongitude: (0.0, 0.0, 0.0)}
    pose = read(write_photo(tmp_path / "a.jpg", exif=TIME, gps=zero)).pose
    assert pose.position is None
    assert "position" in missing(pose)


def test_what_a_plain_photo_lacks_stays_missing(tmp_path: Path) -> None:
    telemetry = read(write_photo(tmp_path / "a.jpg", exif=TIME, gps=PLACE))
    assert telemetry.pose.position == GeoPoint(lon_deg=113.25, lat_deg=23.125)
    assert telemetry.pose.height_msl == MslHeight(metres=120.5, geoid=Geoid.UNSTATED)
    assert missing(telemetry.pose) == ("yaw", "pitch", "roll")
    assert telemetry.camera is None
    assert telemetry.serial is None


def test_positions_that_contradict_each_other_are_none(tmp_path: Path) -> None:
    shifted = packet('drone-dji:GpsLatitude="23.1224" drone-dji:GpsLongitude="113.2553"')  # about GCJ-02's shift
    telemetry = read(write_photo(tmp_path / "a.jpg", exif=TIME, gps=PLACE, xmp=shifted))
    assert telemetry.pose.position is None
    assert any("contradict" in sentence for sentence in telemetry.assumptions)


@pytest.mark.parametrize(
    ("datum", "known"), [("WGS-84", True), ("CGCS2000", True), ("", True), ("GCJ-02", False), ("TOKYO", False)]
)
def test_a_position_on_another_datum_is_none(tmp_path: Path, datum: str, *, known: bool) -> None:
    telemetry = read(write_photo(tmp_path / "a.jpg", exif=TIME, gps={**PLACE, GPS.GPSMapDatum: datum}))
    assert (telemetry.pose.position is not None) is known
    assert any(datum in sentence for sentence in telemetry.assumptions) or known


def test_a_receiver_that_says_it_had_no_fix_is_believed(tmp_path: Path) -> None:
    telemetry = read(write_photo(tmp_path / "a.jpg", exif=TIME, gps=PLACE, xmp=packet('drone-dji:GpsStatus="Invalid"')))
    assert telemetry.pose.position is None
    assert any("fix" in sentence for sentence in telemetry.assumptions)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (
            'drone-dji:RtkFlag="50" drone-dji:RtkStdLon="0.011" drone-dji:RtkStdLat="0.012" drone-dji:RtkStdHgt="0.03"',
            "hae",
        ),
        ('drone-dji:AltitudeType="RtkAlt"', "hae"),
        ('drone-dji:AltitudeType="GpsFusionAlt"', "msl"),
        ('drone-dji:RtkFlag="0"', "msl"),
        ("", "msl"),
    ],
)
def test_djis_absolute_height_is_ellipsoidal_only_with_rtk(tmp_path: Path, fields: str, expected: str) -> None:
    pose = read(
        write_photo(tmp_path / "a.jpg", exif=TIME, xmp=packet(f'drone-dji:AbsoluteAltitude="+36.5" {fields}'))
    ).pose
    assert (pose.height_hae is not None, pose.height_msl is not None) == (expected == "hae", expected == "msl")
    assert (pose.sigma is not None) == ("RtkStdHgt" in fields)
    if pose.sigma is not None:
        assert (pose.sigma.horizontal_m, pose.sigma.vertical_m) == (0.012, 0.03)


def test_dewarp_data_gives_the_calibrated_camera(tmp_path: Path) -> None:
    dewarp = "2022-06-15;371.329,371.329,0.702,-0.872,-0.112575240,0.01487443,-0.000085710,0.000000070,-0.027099"
    fields = (
        f'drone-dji:DewarpData="{dewarp}" drone-dji:DewarpFlag="0" drone-dji:CalibratedFocalLength="372.5" '
        'drone-dji:CalibratedOpticalCenterX="200" drone-dji:CalibratedOpticalCenterY="150"'
    )
    camera = read(write_photo(tmp_path / "a.jpg", exif=TIME, xmp=packet(fields))).camera
    assert camera is not None
    assert camera.source == "XMP DewarpData"
    assert (camera.focal_px, camera.centre_x_px, camera.centre_y_px) == pytest.approx((371.329, 200.702, 149.128))
    # The file's order and OpenCV's are the same: k1, k2, p1, p2, k3.
    assert camera.distortion == (-0.112575240, 0.01487443, -0.000085710, 0.000000070, -0.027099)
    done = read(write_photo(tmp_path / "b.jpg", exif=TIME, xmp=packet(fields.replace('Flag="0"', 'Flag="1"')))).camera
    assert done is not None
    assert done.distortion == ()


def test_a_calibration_of_another_shape_is_not_used(tmp_path: Path) -> None:
    fields = (
        'drone-dji:CalibratedFocalLength="372.5" '
        'drone-dji:CalibratedOpticalCenterX="200" drone-dji:CalibratedOpticalCenterY="150"'
    )
    whole = read(write_photo(tmp_path / "a.jpg", exif=TIME, xmp=packet(fields), size=(800, 600))).camera
    assert whole is not None
    assert whole.focal_px == pytest.approx(745.0)
    cut = write_photo(
        tmp_path / "b.jpg", exif={**TIME, Base.FocalLengthIn35mmFilm: 24}, xmp=packet(fields), size=(400, 225)
    )
    camera = read(cut).camera
    assert camera is not None
    assert camera.source.startswith("EXIF FocalLengthIn35mmFilm")


@pytest.mark.parametrize(
    ("model", "size", "focal_px"),
    [
        # Design focal lengths that DJI writes elsewhere (CalibratedFocalLength): 8.8 mm over 2.4 µm pixels.
        ("FC6310", (5472, 3648), 3666.67),
        ("FC6310", (4864, 3648), 3666.67),
        ("FC6310", (5472, 3078), 3666.67),
    ],
)
def test_film_equivalents_agree_with_the_design(
    tmp_path: Path, model: str, size: tuple[int, int], focal_px: float
) -> None:
    path = write_photo(
        tmp_path / "a.jpg", exif={**TIME, Base.FocalLengthIn35mmFilm: 24}, base={Base.Model: model}, size=size
    )
    camera = read(path).camera
    assert camera is not None
    assert abs(camera.focal_px / focal_px - 1) < camera.focal_sigma


def test_digital_zoom_leaves_no_camera(tmp_path: Path) -> None:
    exif = {**TIME, Base.FocalLengthIn35mmFilm: 24, Base.DigitalZoomRatio: 2.0}
    telemetry = read(write_photo(tmp_path / "a.jpg", exif=exif))
    assert telemetry.camera is None
    assert any("zoom" in sentence for sentence in telemetry.assumptions)


def test_autel_new_firmware(tmp_path: Path) -> None:
    fields = (
        'drone:GpsLatitude="23.125" drone:GpsLongtitude="113.25" drone:AbsoluteAltitude="61.5" '
        'drone:RelativeAltitude="45.25" drone:GimbalYawDegree="12.5" drone:GimbalPitchDegree="-45" '
        'drone:GimbalRollDegree="0"'
    )
    xmp = packet(fields, namespaces='xmlns:drone="http://www.autelrobotics.com/drone/1.0/"')
    pose = read(write_photo(tmp_path / "a.jpg", exif=TIME, xmp=xmp, base={Base.Make: "Autel Robotics"})).pose
    assert pose.position == GeoPoint(lon_deg=113.25, lat_deg=23.125)
    assert pose.height_takeoff == TakeoffHeight(metres=45.25)
    assert (pose.yaw_deg, pose.pitch_deg, pose.roll_deg) == (12.5, -45.0, 0.0)


@pytest.mark.parametrize("as_elements", [False, True])
def test_autel_old_firmware_counts_pitch_from_nadir(tmp_path: Path, *, as_elements: bool) -> None:
    values = {"Camera:Yaw": "200.5", "Camera:Pitch": "30", "Camera:Roll": "0.5"}
    attributes = "" if as_elements else " ".join(f'{name}="{value}"' for name, value in values.items())
    elements = "".join(f"<{name}>{value}</{name}>" for name, value in values.items()) if as_elements else ""
    xmp = packet(attributes, elements=elements, namespaces='xmlns:Camera="http://pix4d.com/camera/1.0"')
    pose = read(write_photo(tmp_path / "a.jpg", exif=TIME, gps=PLACE, xmp=xmp)).pose
    # The half degree is the airframe's: 0.5° / sin 30° sideways, and 0.5° / tan 30° about the lens.
    assert pose.yaw_deg is not None
    assert (pose.yaw_deg, pose.pitch_deg, pose.roll_deg) == pytest.approx((199.5, -60.0, 0.866), abs=0.01)


def test_an_airframes_roll_tilts_the_view_of_its_belly(tmp_path: Path) -> None:
    fields = 'Camera:Yaw="0" Camera:Pitch="0" Camera:Roll="10"'
    xmp = packet(fields, namespaces='xmlns:Camera="http://pix4d.com/camera/1.0"')
    pose = read(write_photo(tmp_path / "a.jpg", exif=TIME, gps=PLACE, xmp=xmp)).pose
    assert pose.yaw_deg is not None
    # Right wing down: the belly looks to the left, west of a northward flight, and the image's top is still north.
    assert (pose.yaw_deg % 360, pose.pitch_deg, pose.roll_deg) == pytest.approx((270.0, -80.0, 90.0))


def test_pix4ds_accuracies_and_datums_are_taken_as_stated(tmp_path: Path) -> None:
    accuracies = " ".join(
        f'Camera:{name}="{value}"'
        for name, value in (
            ("GPSXYAccuracy", 0.03),
            ("GPSZAccuracy", 0.05),
            ("IMUYawAccuracy", 5),
            ("IMUPitchAccuracy", 3),
            ("IMURollAccuracy", 3),
        )
    )
    for named, kind in {"ellipsoidal": HaeHeight, "EPSG:5773": Geoid.EGM96, "EPSG:3855": Geoid.EGM2008}.items():
        xmp = packet(accuracies + f' Camera:VertCS="{named}"', namespaces='xmlns:Camera="http://pix4d.com/camera/1.0"')
        pose = read(write_photo(tmp_path / "a.jpg", exif=TIME, gps=PLACE, xmp=xmp)).pose
        assert (pose.height_hae if kind is HaeHeight else pose.height_msl) is not None
        assert pose.height_msl is None or pose.height_msl.geoid is kind
        assert pose.sigma is not None
        assert (pose.sigma.horizontal_m, pose.sigma.vertical_m, pose.sigma.pitch_deg) == (0.03, 0.05, 3.0)
    partly = packet('Camera:GPSXYAccuracy="0.03"', namespaces='xmlns:Camera="http://pix4d.com/camera/1.0"')
    assert read(write_photo(tmp_path / "b.jpg", exif=TIME, gps=PLACE, xmp=partly)).pose.sigma is None


@pytest.mark.parametrize(("model", "kind"), [("ANAFI", MslHeight), ("ANAFI Ai", HaeHeight)])
def test_parrot(tmp_path: Path, model: str, kind: type) -> None:
    elements = (
        "<drone-parrot:CameraRollDegree>0.1</drone-parrot:CameraRollDegree>"
        "<drone-parrot:CameraPitchDegree>-89.5</drone-parrot:CameraPitchDegree>"
        "<drone-parrot:CameraYawDegree>-12</drone-parrot:CameraYawDegree>"
    )
    xmp = packet(elements=elements, namespaces='xmlns:drone-parrot="http://www.parrot.com/drone-parrot/1.0/"')
    base = {Base.Make: "Parrot", Base.Model: model}
    pose = read(write_photo(tmp_path / "a.jpg", exif=TIME, gps=PLACE, xmp=xmp, base=base)).pose
    assert (pose.yaw_deg, pose.pitch_deg, pose.roll_deg) == (-12.0, -89.5, 0.1)
    height = pose.height_hae if kind is HaeHeight else pose.height_msl
    assert height is not None
    assert height.metres == 120.5
    assert (pose.height_hae is None) != (pose.height_msl is None)
    if isinstance(height, MslHeight):
        assert height.geoid is Geoid.EGM96


SKYDIO_OLD = (
    '<drone-skydio:CameraOrientationNED drone-skydio:Pitch="-7.5" drone-skydio:Yaw="127.4" drone-skydio:Roll="0.2"/>'
)
SKYDIO_NEW = (
    '<drone-skydio:CameraOrientationNED rdf:parseType="Resource"><drone-skydio:Pitch>-7.5</drone-skydio:Pitch>'
    "<drone-skydio:Yaw>127.4</drone-skydio:Yaw><drone-skydio:Roll>0.2</drone-skydio:Roll>"
    "</drone-skydio:CameraOrientationNED>"
)


@pytest.mark.parametrize("orientation", [SKYDIO_OLD, SKYDIO_NEW])
def test_skydio(tmp_path: Path, orientation: str) -> None:
    elements = (
        "<drone-skydio:VehicleOrientationNED drone-skydio:Pitch='1' drone-skydio:Yaw='2' drone-skydio:Roll='3'/>"
        + orientation
        + "<drone-skydio:Latitude>23.125</drone-skydio:Latitude><drone-skydio:Longitude>113.25</drone-skydio:Longitude>"
        "<drone-skydio:AbsoluteAltitude>1034.44</drone-skydio:AbsoluteAltitude>"
        "<drone-skydio:RelativeAltitude>20.5</drone-skydio:RelativeAltitude>"
    )
    xmp = packet(elements=elements, namespaces='xmlns:drone-skydio="https://www.skydio.com/drone-skydio/1.0/"')
    pose = read(write_photo(tmp_path / "a.jpg", exif=TIME, xmp=xmp)).pose
    assert (pose.yaw_deg, pose.pitch_deg, pose.roll_deg) == (127.4, -7.5, 0.2)
    assert pose.position == GeoPoint(lon_deg=113.25, lat_deg=23.125)
    assert pose.height_takeoff == TakeoffHeight(metres=20.5)


def test_broken_xmp_is_read_by_pattern_and_reported(tmp_path: Path) -> None:
    broken = packet('drone-dji:GimbalYawDegree="+10.0"\n drone-dji:Note="a & b" drone-dji:GimbalPitchDegree="-90.0"')
    telemetry = read(write_photo(tmp_path / "a.jpg", exif=TIME, xmp=broken))
    assert (telemetry.pose.yaw_deg, telemetry.pose.pitch_deg, telemetry.pose.roll_deg) == (10.0, -90.0, None)
    assert any("XML" in sentence for sentence in telemetry.assumptions)


def test_a_document_type_in_xmp_expands_nothing(tmp_path: Path) -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "1">]>' + packet(
        elements="<drone-dji:GimbalYawDegree>&a;</drone-dji:GimbalYawDegree>"
    )
    assert read(write_photo(tmp_path / "a.jpg", exif=TIME, xmp=bomb)).pose.yaw_deg is None


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"", "empty-file"), (b"no photo at all", "not-a-photo"), (b"\xff\xd8\xff\xe1\x00\x10Exif", "not-a-photo")],
)
def test_what_is_no_photo_is_refused(tmp_path: Path, content: bytes, code: str) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    refusal = read_photo(path, camera_zone=UTC)
    assert isinstance(refusal, Refusal)
    assert (refusal.subject, refusal.code) == ("a.jpg", code)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    refusal = read_photo(tmp_path / "none.jpg", camera_zone=UTC)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "unreadable-file"


def test_rationals_without_a_denominator_are_no_numbers(tmp_path: Path) -> None:
    nothing = TiffImagePlugin.IFDRational(1, 0)
    gps = {**PLACE, GPS.GPSLatitude: (nothing, 7.0, 30.0), GPS.GPSAltitude: nothing}
    pose = read(write_photo(tmp_path / "a.jpg", exif=TIME, gps=gps)).pose
    assert pose.position is None
    assert pose.height_msl is None


@given(seed=st.integers(0, 2**32 - 1), flips=st.integers(1, 40), cut=st.floats(0, 1))
@settings(max_examples=60, deadline=None)
def test_damaged_headers_never_crash_and_never_invent_a_fix(
    tmp_path_factory: pytest.TempPathFactory, seed: int, flips: int, cut: float
) -> None:
    import random

    chance = random.Random(seed)  # noqa: S311 - a repeatable choice of damage, not a secret
    folder = tmp_path_factory.mktemp("damaged")
    path = write_photo(
        folder / "a.jpg", exif=TIME, gps=PLACE, xmp=packet('drone-dji:GimbalYawDegree="+10.0"'), size=(40, 30)
    )
    content = bytearray(path.read_bytes())
    for _flip in range(flips):
        content[chance.randrange(len(content))] = chance.randrange(256)
    path.write_bytes(content[: int(len(content) * (0.3 + 0.7 * cut))])
    telemetry = read_photo(path, camera_zone=UTC)
    if isinstance(telemetry, PhotoTelemetry) and telemetry.pose.position is not None:
        assert math.isfinite(telemetry.pose.position.lat_deg)
        assert (telemetry.pose.position.lat_deg, telemetry.pose.position.lon_deg) != (0, 0)


def test_the_zenmuse_xt_s_names_its_fields_otherwise_and_declares_their_space_twice(tmp_path: Path) -> None:
    packet_of_it = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="DJI Meta Data" xmlns:DJI="http://www.dji.com" xmlns:DJI="http://www.dji.com" '
        'DJI:RelativeAltitude="+37.70" DJI:GimbalRollDegree="+0.00" DJI:GimbalYawDegree="+91.30" '
        'DJI:GimbalPitchDegree="-19.90"></rdf:Description></rdf:RDF></x:xmpmeta>'
    )
    telemetry = read(write_photo(tmp_path / "a.jpg", exif=TIME, gps=PLACE, xmp=packet_of_it, base={Base.Make: "DJI"}))
    pose = telemetry.pose
    assert (pose.yaw_deg, pose.pitch_deg, pose.roll_deg) == pytest.approx((91.3, -19.9, 0.0))
    assert pose.height_takeoff is not None
    assert pose.height_takeoff.metres == pytest.approx(37.7)
