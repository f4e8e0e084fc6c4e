from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.heights import Geoid, HaeHeight, MslHeight
from core.refusal import Refusal
from flight.telemetry.table import Column, TableMapping, TableTelemetry, read_gpx, read_table

BEIJING = timezone(timedelta(hours=8))
PLAIN = TableMapping(
    columns={
        "time": Column(name="t", unit="iso"),
        "lon": Column(name="x", unit="deg"),
        "lat": Column(name="y", unit="deg"),
    },
    zone=BEIJING,
)


def write(folder: Path, text: str | bytes, name: str = "a.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_units_and_datums_are_those_that_were_declared(tmp_path: Path) -> None:
    mapping = TableMapping(
        columns={
            "time": Column(name="time_us", unit="unix_us"),
            "lon": Column(name="lon", unit="deg*1e7"),
            "lat": Column(name="lat", unit="rad"),
            "height_takeoff": Column(name="rel", unit="ft"),
            "height_msl": Column(name="alt", unit="mm"),
            "height_hae": Column(name="hae", unit="m"),
            "yaw": Column(name="heading", unit="rad"),
        },
        geoid=Geoid.EGM2008,
        delimiter=";",
    )
    text = "time_us; lon;lat;rel;alt;hae;heading\n1790820184500000;1132500000;0.4034;100;70500;;1.5707963267948966\n"
    telemetry = read_table(write(tmp_path, text), mapping)
    assert isinstance(telemetry, TableTelemetry)
    (pose,) = telemetry.track.poses
    assert pose.captured_at == datetime.fromtimestamp(1790820184.5, UTC)
    assert pose.position is not None
    assert (pose.position.lon_deg, pose.position.lat_deg) == pytest.approx((113.25, math.degrees(0.4034)))
    assert pose.height_takeoff is not None
    assert pose.height_takeoff.metres == pytest.approx(30.48)
    assert pose.height_msl == MslHeight(metres=70.5, geoid=Geoid.EGM2008)
    assert pose.height_hae is None
    assert pose.yaw_deg == pytest.approx(90.0)
    assert pose.pitch_deg is None


def test_rows_and_refusals_add_up(tmp_path: Path) -> None:
    rows = [
        "2026-10-01 10:03:04,113.25,23.12",
        "2026-10-01 10:03:05,0,0",
        "not a time,113.25,23.12",
        "2026-10-01 10:03:06,200,23.12",
        "2026-10-01 10:03:04,113.25,23.12",
        "2026-10-01 10:03:07+09:00,113.25,23.12",
        "2026-10-01 10:03:08",
        "2026-10-01T10:03:09.250,113.26,23.13",
    ]
    telemetry = read_table(write(tmp_path, "t,x,y\n" + "\n".join(rows) + "\n"), PLAIN)
    assert isinstance(telemetry, TableTelemetry)
    assert len(telemetry.track.poses) + len(telemetry.refused) == len(rows)
    assert [pose.captured_at for pose in telemetry.track.poses] == [
        datetime(2026, 10, 1, 2, 3, 4, tzinfo=UTC),
        datetime(2026, 10, 1, 2, 3, 9, 250_000, tzinfo=UTC),
    ]
    assert [(refusal.subject, refusal.code) for refusal in telemetry.refused] == [
        ("a.csv #2", "no-pose"),
        ("a.csv #3", "no-pose"),
        ("a.csv #4", "no-pose"),
        ("a.csv #5", "time-goes-back"),
        ("a.csv #6", "time-goes-back"),
        ("a.csv #7", "no-pose"),
    ]


def test_a_text_time_without_an_offset_needs_a_zone(tmp_path: Path) -> None:
    mapping = TableMapping(columns=PLAIN.columns)
    refusal = read_table(write(tmp_path, "t,x,y\n2026-10-01 10:03:04,113.25,23.12\n"), mapping)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "no-telemetry"


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    refusal = read_table(write(tmp_path, "t,lon,lat\n"), PLAIN)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "no-column"
    assert "x, y" in refusal.reason
    assert "t, lon, lat" in refusal.remedy


@pytest.mark.parametrize(
    "columns",
    [
        {"time": Column(name="t", unit="iso")},
        {**PLAIN.columns, "altitude": Column(name="a", unit="m")},
        {**PLAIN.columns, "yaw": Column(name="a", unit="grad")},
        {**PLAIN.columns, "time": Column(name="t", unit="excel")},
    ],
)
def test_a_mapping_that_says_too_little_or_nonsense_is_a_mistake(columns: dict[str, Column]) -> None:
    with pytest.raises(ValueError, match=r"mapping|unit"):
        TableMapping(columns=columns)


GPX = """<?xml version="1.0"?><gpx version="1.1" creator="x" xmlns="http://www.topografix.com/GPX/1/1"><trk>
<trkseg><trkpt lat="23.12" lon="113.25"><ele>70.5</ele><time>2026-10-01T02:03:04Z</time></trkpt>
<trkpt lat="23.13" lon="113.25"><time>2026-10-01T02:03:05.500Z</time></trkpt></trkseg>
<trkseg><trkpt lat="23.14" lon="113.25"><ele>71</ele></trkpt>
<trkpt lat="0" lon="0"><time>2026-10-01T02:03:07Z</time></trkpt></trkseg></trk></gpx>"""


def test_gpx(tmp_path: Path) -> None:
    telemetry = read_gpx(write(tmp_path, GPX, "a.gpx"))
    assert isinstance(telemetry, TableTelemetry)
    assert [pose.height_msl for pose in telemetry.track.poses] == [MslHeight(metres=70.5, geoid=Geoid.UNSTATED), None]
    assert telemetry.track.poses[1].captured_at == datetime(2026, 10, 1, 2, 3, 5, 500_000, tzinfo=UTC)
    assert len(telemetry.refused) == 2


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty-file"),
        (b"<gpx>", "malformed"),
        (b"<gpx/>", "no-telemetry"),
        (b'<!DOCTYPE gpx [<!ENTITY a "b">]><gpx>&a;</gpx>', "malformed"),
    ],
)
def test_what_is_no_gpx_is_refused(tmp_path: Path, content: bytes, code: str) -> None:
    refusal = read_gpx(write(tmp_path, content, "a.gpx"))
    assert isinstance(refusal, Refusal)
    assert refusal.code == code
    assert isinstance(read_gpx(tmp_path / "none.gpx"), Refusal)


@given(st.text(max_size=300))
@settings(max_examples=80, deadline=None)
def test_any_text_is_answered(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    folder = tmp_path_factory.mktemp("any")
    content = ("t,x,y\n" + text).encode("utf-8", errors="replace")
    answer = read_table(write(folder, content), PLAIN)
    assert isinstance(answer, TableTelemetry | Refusal)
    assert isinstance(read_gpx(write(folder, content, "a.gpx")), Refusal)


def test_heights_of_every_datum_keep_their_type(tmp_path: Path) -> None:
    columns = {**PLAIN.columns, "height_hae": Column(name="h", unit="m")}
    telemetry = read_table(
        write(tmp_path, "t,x,y,h\n2026-10-01 10:03:04,113.25,23.12,5\n"), TableMapping(columns=columns, zone=BEIJING)
    )
    assert isinstance(telemetry, TableTelemetry)
    assert telemetry.track.poses[0].height_hae == HaeHeight(metres=5.0)
