from __future__ import annotations

import importlib.util
import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.heights import Geoid, MslHeight, TakeoffHeight
from core.points import GeoPoint
from core.refusal import Refusal
from flight.telemetry.srt import SrtTelemetry, parse_blocks, pose_at_video_time, read_srt
from flight.telemetry.subtitle_fields import FAMILIES, read_fields
from flight.telemetry.subtitle_text import split_blocks
from flight.track import Pose, missing

_spec = importlib.util.spec_from_file_location("subtitle_samples", Path(__file__).with_name("subtitle_samples.py"))
assert _spec is not None
assert _spec.loader is not None
samples = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(samples)

BEIJING = timezone(timedelta(hours=8))

# Of each real file: family, records read, records refused, and the first and last position and height as they stand in
# the text (longitude, latitude, height above take-off, absolute height), None where the text has none.
REAL = {
    "Avata360_clip.SRT": ("18", 5, 0, (6.460739, 53.365080, 5.4, -124.744), (6.460739, 53.365080, 5.4, -124.744)),
    "MAVIC3.srt": ("14", 139, 0, (-3.37440, 3.41531, -2.4, 0.401), None),
    "air2s.srt": ("11", 17, 0, (2.234156, 41.424724, None, None), (2.234102, 41.424730, None, None)),
    "air3S_clip.SRT": ("15", 5, 0, (-84.176160, 34.270373, 0.0, 302.208), (-84.176160, 34.270373, 0.0, 302.208)),
    "air3_clip.SRT": ("14", 2, 0, (18.2222, 59.1111, 5.0, 105.0), (18.2223, 59.1112, 5.1, 105.1)),
    "avata2_clip.SRT": ("4", 2, 0, (116.391305, 39.906217, None, None), (116.391306, 39.906218, None, None)),
    "broken_incomplete.SRT": ("2", 19, 1, (-58.4563, -34.7383, 20.1, None), (-58.4563, -34.7383, 7.7, None)),
    "matrice_300.srt": ("3", 381, 0, (-6.1120, 36.6146, 0.3, None), (-6.1120, 36.6146, 0.0, None)),
    "mavic_2_style.SRT": ("8", 299, 5, (149.0251, -20.2533, None, None), (149.0245, -20.2536, None, None)),
    "mavic_2pro_new.SRT": ("10", 146, 0, (-60.286702, -35.080155, None, None), None),
    "mavic_air.SRT": ("9", 2, 0, None, None),
    "mavic_air2.srt": ("11", 25, 0, (2.162162, 41.420684, None, None), (2.162162, 41.420686, None, None)),
    "mavic_mini.SRT": ("5", 117, 0, (-121.7458, 48.0771, 200.7, None), (-121.7476, 48.0775, 200.8, None)),
    "mavic_pro.SRT": ("2", 263, 0, (149.0251, -20.2533, 1.9, None), (149.0267, -20.2530, 116.4, None)),
    "mini4pro_clip.SRT": ("22", 2, 0, (18.0, 59.0, 1.0, 100.0), (18.0001, 59.0001, 2.0, 101.0)),
    "neo2_clip.SRT": ("18", 5, 0, (13.753860, 45.607181, 0.0, 113.9), (13.753859, 45.607181, 0.1, 114.0)),
    "old_format.SRT": ("1", 271, 0, (149.0251, -20.2533, 1.9, None), (149.0265, -20.2530, 116.5, None)),
    "p4_rtk.SRT": ("6", 55, 0, (-58.851745, -34.237922, 85.8, None), (-58.849196, -34.232349, 85.8, None)),
    "p4p_sample.SRT": ("5", 5, 0, (8.2090, 47.4692, 45.6, None), (8.2090, 47.4692, 45.6, None)),
}


def read(path: Path, **options: object) -> SrtTelemetry:
    telemetry = read_srt(path, **{"camera_zone": BEIJING, **options})  # type: ignore[arg-type]
    assert isinstance(telemetry, SrtTelemetry), telemetry
    return telemetry


def write(folder: Path, text: str | bytes, name: str = "DJI_0001.SRT") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize("name", sorted(REAL))
def test_real_files_give_the_values_of_their_text(shared: Path, name: str) -> None:
    family, records, refused, first, last = REAL[name]
    telemetry = read(shared / "data/srt" / name)
    assert (telemetry.family, len(telemetry.records), len(telemetry.refused)) == (family, records, refused)
    for record, expected in ((telemetry.records[0], first), (telemetry.records[-1], last)):
        fields = record.fields
        if expected is None:
            assert (fields.position, fields.height_takeoff_m, fields.height_msl_m) == (None, None, None)
        else:
            lon, lat, takeoff, absolute = expected
            assert fields.position == GeoPoint(lon_deg=lon, lat_deg=lat)
            assert (fields.height_takeoff_m, fields.height_msl_m) == (takeoff, absolute)


def test_every_real_file_is_read_or_refused(shared: Path) -> None:
    files = sorted((shared / "data/srt").iterdir())
    assert len(files) == 20
    answers = {path.name: read_srt(path, camera_zone=BEIJING) for path in files}
    refused = {name: answer.code for name, answer in answers.items() if isinstance(answer, Refusal)}
    assert refused == {"broken_empty2.SRT": "no-telemetry"}
    assert set(answers) == set(REAL) | set(refused)


def test_records_and_refusals_add_up_to_the_time_lines_of_the_file(shared: Path) -> None:
    for path in sorted((shared / "data/srt").iterdir()):
        lines = len(re.findall(r"-->", path.read_bytes().decode("utf-8-sig")))
        answer = read_srt(path, camera_zone=BEIJING)
        if isinstance(answer, SrtTelemetry) and lines:
            assert len(answer.records) + len(answer.refused) == lines, path.name


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_every_family_is_recognised_with_its_units(tmp_path: Path, family: str) -> None:
    telemetry = read(write(tmp_path, samples.subtitle(family)))
    assert (telemetry.family, len(telemetry.records), telemetry.refused) == (family, 3, ())
    fields = telemetry.records[0].fields
    place = GeoPoint(lon_deg=113.2512, lat_deg=23.1234)
    assert fields.position == (None if family == "9" else place)
    assert fields.height_takeoff_m == (61.9 if family in samples.WITH_TAKEOFF else None)
    assert fields.height_msl_m == (70.5 if family in samples.WITH_MSL else None)
    assert fields.height_unstated_m == (70.5 if family in samples.WITH_UNSTATED else None)
    gimbal = (fields.gimbal_yaw_deg, fields.gimbal_pitch_deg, fields.gimbal_roll_deg)
    assert gimbal == ((110.4, -24.4, 0.5) if family in samples.WITH_GIMBAL else (None, None, None))
    flight = (fields.flight_yaw_deg, fields.flight_pitch_deg, fields.flight_roll_deg)
    assert flight in {(110.1, 2.7, -7.0), (None, None, None)}
    assert fields.home in {GeoPoint(lon_deg=113.2501, lat_deg=23.1201), None}
    camera = fields.camera
    assert camera.iso in {200.0, None}
    assert camera.shutter_s in {0.002, None}
    assert camera.f_number in {2.8, None}
    assert camera.focal_35mm_mm in {24.0, 28.0, None}
    assert camera.zoom in {1.0, None}
    assert fields.satellites in {16, 17, None}


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_every_family_keeps_video_time_and_world_time_apart(tmp_path: Path, family: str) -> None:
    path = write(tmp_path, samples.subtitle(family))
    telemetry = read(path)
    if family in samples.WITHOUT_CLOCK:
        assert telemetry.track is None
        assert isinstance(pose_at_video_time(telemetry, 0.0), Refusal)
        start = datetime(2026, 10, 1, 2, 0, tzinfo=UTC)
        telemetry = read(path, video_started_at=start)
        assert telemetry.video_started_at == start
    assert telemetry.track is not None
    assert len(telemetry.track.poses) == 3
    assert telemetry.track.poses[0].captured_at.date() == datetime(2026, 10, 1, tzinfo=UTC).date()
    assert telemetry.track.poses[0].captured_at.hour == 2
    if family == "8":
        assert telemetry.video_started_at is None
    else:
        begin, end = telemetry.records[0].begin_s, telemetry.records[1].begin_s
        assert begin is not None
        assert end is not None
        pose = pose_at_video_time(telemetry, (begin + end) / 2)
        assert isinstance(pose, Pose)
        assert telemetry.track.poses[0].captured_at < pose.captured_at < telemetry.track.poses[1].captured_at
        assert isinstance(pose_at_video_time(telemetry, 60.0), Refusal)
        assert isinstance(pose_at_video_time(telemetry, -0.1), Refusal)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1"])
def test_every_encoding_gives_the_same_records(tmp_path: Path, encoding: str) -> None:
    text = samples.subtitle("6")
    plain = read(write(tmp_path, text), video_started_at=datetime(2026, 10, 1, tzinfo=UTC))
    coded = read(write(tmp_path, text.encode(encoding), "b.srt"), video_started_at=datetime(2026, 10, 1, tzinfo=UTC))
    assert coded.records == plain.records


def test_line_ends_do_not_matter(tmp_path: Path) -> None:
    text = samples.subtitle("17")
    assert read(write(tmp_path, text.replace("\n", "\r\n"))).records == read(write(tmp_path, text)).records


def test_poses_carry_heights_with_their_datum_and_the_declared_zone(tmp_path: Path) -> None:
    telemetry = read(write(tmp_path, samples.subtitle("16")))
    assert telemetry.track is not None
    pose = telemetry.track.poses[0]
    assert pose.captured_at == datetime(2026, 10, 1, 2, 3, 4, 33_000, tzinfo=UTC)
    assert pose.height_takeoff == TakeoffHeight(metres=61.9)
    assert pose.height_msl == MslHeight(metres=70.5, geoid=Geoid.UNSTATED)
    assert missing(pose) == ()
    assert any("as declared" in sentence for sentence in pose.assumptions)


def test_a_clock_without_a_zone_is_refused(tmp_path: Path) -> None:
    refusal = read_srt(write(tmp_path, samples.subtitle("14")), camera_zone=None)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "no-time-zone"
    assert isinstance(read_srt(write(tmp_path, samples.subtitle("5")), camera_zone=None), SrtTelemetry)


def test_zero_coordinates_are_no_fix() -> None:
    for text in (
        "[latitude: 0.000000] [longitude: 0.000000] [rel_alt: 1.0 abs_alt: 2.0]",
        "GPS(0.0000,0.0000,0) BAROMETER:1.9",
        "F/2.8, SS 60, ISO 100, EV 0, GPS (0.0000, 0.0000, 0), D n/a, H 0.00m",
    ):
        fields = read_fields(text)
        assert fields.family
        assert fields.position is None
        assert fields.problems == ()


def test_axes_are_never_swapped_to_make_sense() -> None:
    fields = read_fields("GPS(23.1234,113.2512,16) BAROMETER:1.9")
    assert fields.position is None
    assert fields.problems == ("impossible-position",)


@pytest.mark.parametrize(
    ("text", "f_number"),
    [("[fnum : 280]", 2.8), ("[fnum: 2.8]", 2.8), ("[fnum : 170]", 1.7), ("[fnum : 28]", 2.8), ("[fnum: 11]", 11.0)],
)
def test_f_numbers_come_in_three_scales(text: str, f_number: float) -> None:
    assert read_fields(text).camera.f_number == f_number


@pytest.mark.parametrize(
    ("text", "zoom"), [("[iso: 1] [dzoom_ratio: 10000, delta:0]", 1.0), ("[iso: 1] [dzoom_ratio: 2.50]", 2.5)]
)
def test_zoom_comes_in_two_scales(text: str, zoom: float) -> None:
    assert read_fields(text).camera.zoom == zoom


def test_a_cut_file_invents_nothing(tmp_path: Path) -> None:
    text = samples.subtitle("14", records=2)
    whole = {record.number: record.fields for record in read(write(tmp_path, text)).records}
    for length in range(1, len(text)):
        records, _refused = parse_blocks(split_blocks(text[:length]), name="cut")
        for record in records:
            complete = whole[record.number]
            assert record.fields.position in {complete.position, None}
            assert record.fields.height_takeoff_m in {complete.height_takeoff_m, None}
            assert record.fields.height_msl_m in {complete.height_msl_m, None}


def test_a_coarse_clock_only_places_the_video(tmp_path: Path) -> None:
    text = samples.subtitle("14", records=40)
    coarse = re.sub(r"10:03:04\.\d+", "10:03:04", text)
    telemetry = read(write(tmp_path, coarse))
    assert telemetry.track is not None
    assert len(telemetry.track.poses) == 40
    gaps = {
        round((later.captured_at - earlier.captured_at).total_seconds(), 3)
        for earlier, later in zip(telemetry.track.poses, telemetry.track.poses[1:], strict=False)
    }
    assert gaps == {0.033}
    assert any("coarse" in sentence for sentence in telemetry.assumptions)


def test_a_clock_that_was_set_in_flight_is_not_used(tmp_path: Path) -> None:
    text = samples.subtitle("14", records=4).replace("10:03:04.132", "09:00:00.000")
    telemetry = read(write(tmp_path, text))
    assert telemetry.track is None
    assert any("changed" in sentence for sentence in telemetry.assumptions)


def test_a_month_of_zero_is_no_clock(tmp_path: Path) -> None:
    text = samples.subtitle("21").replace("2026-10-01", "2000-00-00")
    telemetry = read_srt(write(tmp_path, text), camera_zone=None)
    assert isinstance(telemetry, SrtTelemetry)
    assert all(record.fields.clock is None for record in telemetry.records)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty-file"),
        (b"\n \n", "empty-file"),
        (b"1\n", "no-telemetry"),
        (b"1\n00:00:00,000 --> 00:00:02,000\nHello, world\n", "no-telemetry"),
        (bytes(range(256)) * 40, "no-telemetry"),
    ],
)
def test_what_holds_no_telemetry_is_refused(tmp_path: Path, content: bytes, code: str) -> None:
    refusal = read_srt(write(tmp_path, content), camera_zone=BEIJING)
    assert isinstance(refusal, Refusal)
    assert refusal.code == code


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    refusal = read_srt(tmp_path / "none.srt", camera_zone=BEIJING)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "unreadable-file"


@given(st.text(alphabet=st.sampled_from("0123456789.,:-+[]()<> \nGPSHOMERTKFISOlatiudeongr_b/°MEW>"), max_size=400))
@settings(max_examples=150, deadline=500)
def test_any_text_is_read_without_inventing_a_fix(text: str) -> None:
    blocks = split_blocks("1\n00:00:00,000 --> 00:00:01,000\n" + text)
    records, refused = parse_blocks(blocks, name="x")
    assert len(records) + len(refused) == len(blocks)
    for record in records:
        position = record.fields.position
        if position is not None:
            digits = re.findall(r"\d+(?:\.\d+)?", text)
            assert any(float(number) == abs(position.lat_deg) for number in digits)
            assert any(float(number) == abs(position.lon_deg) for number in digits)


@given(st.binary(max_size=2000))
@settings(max_examples=100, deadline=500)
def test_any_bytes_are_answered(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("any") / "x.srt"
    path.write_bytes(content)
    assert isinstance(read_srt(path, camera_zone=BEIJING), SrtTelemetry | Refusal)
