"""Whose camera, which ground, from which take-off point: declared first, then what the file says, else a refusal."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PIL.ExifTags import Base

from app.examine import examine
from app.inputs import FootageFile, Kind
from app.instruments import Instruments
from app.placing import camera_of_footage, camera_of_photo, ground_of_footage, ground_of_photo, takeoff_of
from app.wiring import open_ground
from core.clock import FrozenClock
from core.errors import InputRefused
from core.heights import HeightDatum
from core.points import GeoPoint
from core.refusal import Refusal
from detection.scripted import ScriptedDetector
from evidence.ingest import ingest_file
from evidence.original import Original
from flight.cameras.declared import read_declared_camera
from flight.telemetry.photo import LaserSpot
from flight.telemetry.srt import SrtTelemetry, read_srt
from geofence.locating.ground import AtLaserSpot, FlatAt, FlatAtTakeoff
from geofence.locating.ground_dem import DemGround
from tests.flight.test_telemetry_photo import PLACE, TIME, packet, read, write_photo

POSE = packet(
    'drone-dji:RelativeAltitude="+80" drone-dji:GimbalYawDegree="10" drone-dji:GimbalPitchDegree="-60" '
    'drone-dji:GimbalRollDegree="0"'
)
SRT = (
    "1\n00:00:00,000 --> 00:00:01,000\nHOME(113.95,22.55) 2026.10.01 10:03:04\nGPS(113.9501,22.5501,20) "
    "BAROMETER:{height}\nISO:100 Shutter:60 EV: Fnum:2.2\n"
)


@pytest.fixture
def instruments() -> Instruments:
    return Instruments(
        detector=ScriptedDetector({}),
        ground=FlatAtTakeoff(),
        camera_zone=UTC,
        clock=FrozenClock(instant=datetime(2026, 10, 1, 4, tzinfo=UTC)),
        weight_cards={},
    )


def unknown(folder: Path) -> Path:
    return write_photo(folder / "a.jpg", exif=TIME, gps=PLACE, base={Base.Model: "NOVA-9"}, xmp=POSE, size=(400, 300))


def test_a_photo_of_an_unknown_camera_is_refused_with_its_name_and_the_remedy(
    tmp_path: Path, instruments: Instruments
) -> None:
    path = unknown(tmp_path)
    original = ingest_file(path, clock=instruments.clock)
    assert isinstance(original, Original)
    found = examine(FootageFile(path=path, kind=Kind.PHOTO), original, instruments, views=tmp_path / "views")
    assert found.refused
    (refusal,) = found.refusals
    assert (refusal.subject, refusal.code) == ("a.jpg", "unknown-camera")
    assert "NOVA-9" in refusal.reason
    assert "--camera" in refusal.remedy
    declared = replace(instruments, camera=read_declared_camera("24mm"))
    seen = examine(FootageFile(path=path, kind=Kind.PHOTO), original, declared, views=tmp_path / "views")
    assert not seen.refused
    pose = seen.frames[0].frame.pose
    assert any("declared" in sentence for sentence in pose.assumptions)


def test_a_declared_camera_must_fit_the_photo(tmp_path: Path) -> None:
    refused = camera_of_photo(read(unknown(tmp_path)), read_declared_camera("m3t-wide"), name="a.jpg")
    assert isinstance(refused, Refusal)
    assert refused.code == "unknown-mode"


def test_the_laser_is_believed_unless_a_ground_is_declared(tmp_path: Path, instruments: Instruments) -> None:
    told = read(unknown(tmp_path))
    assert ground_of_photo(told, instruments) is instruments.ground
    measured = replace(told, laser=LaserSpot(distance_m=91.5))
    ground = ground_of_photo(measured, instruments)
    assert isinstance(ground, AtLaserSpot)
    assert ground.distance_m == 91.5
    assert ground_of_photo(measured, replace(instruments, ground_declared=True)) is instruments.ground


def subtitles(path: Path, text: str) -> SrtTelemetry:
    path.write_text(text)
    told = read_srt(path, camera_zone=UTC)
    assert isinstance(told, SrtTelemetry)
    return told


def test_a_raster_learns_the_take_off_point_from_telemetry_that_says_it(tmp_path: Path) -> None:
    raster = DemGround(path=tmp_path / "dem.tif", vertical=None, geoid=None)
    home = subtitles(tmp_path / "a.srt", SRT.format(height=55))
    ground = ground_of_footage(home, raster)
    assert isinstance(ground, DemGround)
    assert ground.takeoff == GeoPoint(lon_deg=113.95, lat_deg=22.55)
    silent = replace(home, records=tuple(replace(r, fields=replace(r.fields, home=None)) for r in home.records))
    aloft = ground_of_footage(silent, raster)
    assert isinstance(aloft, DemGround)
    assert aloft.takeoff is None
    declared = replace(raster, takeoff=GeoPoint(lon_deg=1.0, lat_deg=2.0))
    assert ground_of_footage(home, declared) is declared


def test_a_video_of_an_unknown_camera_is_refused_unless_declared(tmp_path: Path) -> None:
    told = subtitles(tmp_path / "a.srt", SRT.format(height=55))
    refused = camera_of_footage(told, None, width_px=1920, height_px=1080, name="a.mp4")
    assert isinstance(refused, Refusal)
    assert "--camera" in refused.remedy
    known = camera_of_footage(told, read_declared_camera("m3t-wide"), width_px=1920, height_px=1080, name="a.mp4")
    assert not isinstance(known, Refusal)
    assert known[0].focal_px == pytest.approx(5547 * 1920 / 8000)


def test_the_take_off_point_is_declared_by_position_or_patrol(tmp_path: Path) -> None:
    assert takeoff_of("22.55,113.95") == GeoPoint(lon_deg=113.95, lat_deg=22.55)
    patrol = Path(__file__).resolve().parents[2] / "missions" / "demo" / "patrol.yaml"
    assert takeoff_of(str(patrol)).lat_deg == pytest.approx(22.5, abs=2.0)
    for wrong in ("here", "91,200"):
        with pytest.raises(InputRefused, match="no position"):
            takeoff_of(wrong)
    subtitles(tmp_path / "a.srt", SRT.format(height=55))
    with pytest.raises(InputRefused, match="first sample"):
        takeoff_of(str(tmp_path / "a.srt"))


def test_grounds_need_their_datum() -> None:
    with pytest.raises(InputRefused, match="measured from"):
        open_ground(height_m=20.0)
    level = open_ground(None, HeightDatum.EGM96, height_m=20.0)
    assert isinstance(level, FlatAt)
    assert isinstance(open_ground(), FlatAtTakeoff)
