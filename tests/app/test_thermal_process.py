"""Thermal photos through a whole run: hot spots at tanks become leads, colours without measurements are refused."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from shapely import Point

from app.case_folder import LEDGER
from app.examine import examine, take_in
from app.inputs import Kind, list_inputs
from app.instruments import Station
from app.patrol_ledger import read_patrols
from app.process import process
from app.processing.job import Job
from app.run_report import RunReport
from app.thermal_inspection import with_thermal
from app.wiring import open_jurisdiction
from core.points import GeoPoint, LocalPlane, from_plane
from detection.scripted import ScriptedDetector
from detection.thermal.jpeg_segments import segments_of
from detection.thermal.thermogram import Conditions, Unit
from evidence.original import Original
from flight.camera import Camera
from flight.flight_log import Trigger
from flight.rehearsal.footage_header import header_segments
from flight.telemetry.inspect import inspect_file
from maps.case_folder import read_case_folder
from maps.sheet import patrols_of
from tests.thermal_files import dji_segments, flir_segments, plain_jpeg, scene, segment

TANK = GeoPoint(lon_deg=113.5, lat_deg=22.75)
PLANE = LocalPlane(origin=TANK)
CAMERA = Camera(model="M3T", width_px=640, height_px=512, focal_px=758, centre_x_px=320, centre_y_px=256, source="test")
HEIGHT_M = 60.0


def take(folder: Path, number: int, kind: str, *, east_m: float = 0.0) -> Path:
    """Write a thermal photo, straight down on the tank at night; what is hot stands where the tank is."""
    lon, lat = from_plane(PLANE, [east_m, 0.0])
    trigger = Trigger(
        at=datetime(2026, 10, 1, 14, 0, tzinfo=UTC) + timedelta(seconds=2 * number),
        number=number,
        position=GeoPoint(lon_deg=float(lon), lat_deg=float(lat)),
        height_takeoff_m=HEIGHT_M,
        yaw_deg=0.0,
        pitch_deg=-90.0,
        roll_deg=0.0,
    )
    column = round(320 - east_m * CAMERA.focal_px / HEIGHT_M)
    celsius = scene(((column, 256, 5, 140.0),), seed=number)
    header = header_segments(trigger, CAMERA, home_msl_m=6.0)
    header = header.replace(b"Skywarden\x00", b"DJI\x00\x00\x00\x00\x00\x00\x00") if kind == "dji" else header
    if kind == "colours only":
        header = infrared(header)
    elif kind == "dji":
        header += b"".join(dji_segments(np.rint((celsius + 273.15) * 64).astype(np.uint16)))
    elif kind == "flir":
        header += b"".join(flir_segments(celsius))
    picture = plain_jpeg(640, 512)
    path = folder / f"DJI_{number:04d}_T.JPG"
    path.write_bytes(picture[:2] + header + picture[2:])
    return path


def infrared(header: bytes) -> bytes:
    """The header of a photo that says that the thermal camera took it."""
    written = b""
    for part in segments_of(b"\xff\xd8" + header + b"\xff\xd9"):
        body = part.body.replace(b'drone-dji:GpsStatus="Normal"', b'drone-dji:ImageSource="InfraredCamera"')
        written += segment(part.marker, body)
    return written


@pytest.fixture
def at_the_tank(station: Station, tmp_path: Path) -> Callable[..., RunReport]:
    def ring(half: float) -> list[list[list[float]]]:
        unit = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]])
        return [from_plane(PLANE, unit * half).tolist()]

    def collection(half: float, **properties: object) -> str:
        shape = {"type": "Polygon", "coordinates": ring(half)}
        feature = {"type": "Feature", "properties": properties, "geometry": shape}
        return json.dumps({"type": "FeatureCollection", "features": [feature]})

    sites, zones = tmp_path / "sites.geojson", tmp_path / "zones.geojson"
    sites.write_text(collection(100, code="91440115MADM0A1K80", name="涂料厂"))
    zones.write_text(collection(20, zone_id="T1", zone_type="tank_farm", name="罐区", site_code="91440115MADM0A1K80"))
    jurisdiction, refused = open_jurisdiction(sites=sites, zones=zones, rules=None)
    assert refused == ()
    nothing = ScriptedDetector({}, labels=("vehicle",))
    instruments = replace(station.instruments, detector=nothing, weight_cards={nothing.weight_sha256: b"# none\n"})

    def run(job: Job, conditions: Conditions | None = None) -> RunReport:
        given = replace(instruments, thermal=conditions or Conditions())
        return process(job, replace(station, instruments=given, jurisdiction=jurisdiction))

    return run


@pytest.fixture
def card(tmp_path: Path) -> Path:
    folder = tmp_path / "thermal"
    folder.mkdir()
    return folder


def remarks_in(job: Job, report: RunReport) -> list[str]:
    package = job.out / report.incidents[0].package
    incident = json.loads((package / "data/incident.json").read_text(encoding="utf-8"))
    return [said for fix in incident["sighting"]["fixes"] for said in fix["detection"]["remarks"]]


@pytest.mark.parametrize("kind", ["dji", "flir"])
def test_a_hot_spot_at_tanks_is_a_lead_with_what_was_measured(
    kind: str, job: Callable[..., Job], card: Path, at_the_tank: Callable[..., RunReport]
) -> None:
    for number, east_m in ((1, 0.0), (2, 6.0)):
        take(card, number, kind, east_m=east_m)
    made = replace(job(), footage=card)
    report = at_the_tank(made)
    assert [line.hazard.partition(" ")[0] for line in report.incidents] == ["H06"]
    line = report.incidents[0]
    assert line.zone == "罐区"
    assert abs(line.lon_deg - TANK.lon_deg) * 102_600 < 1.5
    assert abs(line.lat_deg - TANK.lat_deg) * 110_700 < 1.5
    said = remarks_in(made, report)
    if kind == "dji":
        assert any(words.startswith("relative: ") and "no temperature" in words for words in said)
        assert not any("°C at its peak" in words for words in said)
    else:
        assert any("°C at its peak" in words for words in said)
        assert any("emissivity 0.95" in words for words in said)
    (method,) = (made.out / line.package).rglob("model-card*.md")
    assert "Hot spots, method 2" in method.read_text()


def test_a_thermal_photo_is_no_look_in_daylight(
    job: Callable[..., Job], card: Path, at_the_tank: Callable[..., RunReport]
) -> None:
    for number, east_m in ((1, 0.0), (2, 6.0)):
        take(card, number, "flir", east_m=east_m)
    asked_for = Point(TANK.lon_deg, TANK.lat_deg).buffer(1e-4)
    made = replace(job(), footage=card, area=asked_for)
    report = at_the_tank(made)
    assert report.covered is not None
    assert report.covered.seen_m2 == 0
    assert report.covered.unseen_m2 is not None
    assert report.covered.unseen_m2 > 300
    (record,) = read_patrols(made.ledger or made.out / LEDGER)
    assert record.grades == ()
    assert record.look.seen_at(None, "vehicle").is_empty
    assert record.look.seen_at(None, "hot_spot").contains(Point(TANK.lon_deg, TANK.lat_deg))
    assert not record.look.sought or "hot_spot" not in record.look.sought
    run = read_case_folder(made.out)
    assert run.trace is not None
    assert [footprint.thermal for footprint in run.trace.footprints] == [True, True]
    assert run.trace.mosaic is None  # false colours are no picture of the place
    [seen] = patrols_of([run.trace])
    assert seen.area_km2 == 0
    assert not seen.missed.is_empty
    assert len(run.marks) == 1  # what it is for was found all the same


def remarks_on(card: Path, station: Station, conditions: Conditions) -> list[str]:
    """What one photo's hot spots say when it is examined alone."""
    nothing = ScriptedDetector({}, labels=("vehicle",))
    instruments = replace(station.instruments, detector=nothing, thermal=conditions)
    (file, *_sidecars) = list_inputs(card)
    original = take_in(file, instruments)
    assert isinstance(original, Original)
    found = examine(file, original, instruments, views=card.parent / "views")
    return [said for frame in found.frames for fix in frame.fixes for said in fix.detection.remarks]


def test_a_declared_scale_gives_dji_s_counts_temperatures(station: Station, card: Path) -> None:
    take(card, 1, "dji")
    said = remarks_on(card, station, Conditions(unit=Unit.KELVIN_64THS))
    assert any(words.startswith("140 ± 10 °C at its peak") for words in said)
    assert any("DJI does not confirm" in words for words in said)


def test_exported_temperatures_beside_a_photo_are_read_instead(station: Station, card: Path) -> None:
    path = take(card, 1, "dji")
    Image.fromarray(scene(((320, 256, 5, 210.0),)).astype(np.float32)).save(path.with_suffix(".tif"))
    files = list_inputs(card)
    assert [file.kind for file in files] == [Kind.PHOTO, Kind.SIDECAR]
    assert files[0].temperatures == path.with_suffix(".tif")
    said = remarks_on(card, station, Conditions(unit=Unit.CELSIUS))
    assert any(words.startswith("210 ± 5 °C at its peak") for words in said)


def test_a_distance_that_the_camera_was_not_told_is_the_pose_s(station: Station, card: Path) -> None:
    take(card, 1, "flir")  # its file says 20 m, which somebody set
    assert not any("by the pose" in words for words in remarks_on(card, station, Conditions()))
    path = card / "DJI_0001_T.JPG"
    told = struct.pack("<f", 20.0)
    assert path.read_bytes().count(told) == 1
    path.write_bytes(path.read_bytes().replace(told, struct.pack("<f", 1.0)))
    assert any("60 m by the pose" in words for words in remarks_on(card, station, Conditions()))


def test_what_measures_nothing_is_refused_and_the_rest_goes_on(
    job: Callable[..., Job], card: Path, at_the_tank: Callable[..., RunReport]
) -> None:
    take(card, 1, "dji")
    take(card, 2, "colours only")
    whole = take(card, 3, "flir").read_bytes()
    (card / "DJI_0003_T.JPG").write_bytes(whole.replace(b"FFF\x00", b"XXX\x00", 1))
    (card / "DJI_0004.SEQ").write_bytes(b"FFF\x00" + bytes(4_000))
    report = at_the_tank(replace(job(), footage=card))
    assert {refusal.subject: refusal.code for refusal in report.refusals} == {
        "DJI_0002_T.JPG": "not-radiometric",
        "DJI_0003_T.JPG": "damaged-thermal",
        "DJI_0004.SEQ": "thermal-sequence",
    }
    assert (report.inputs, report.results, report.refused_inputs) == (4, 1, 3)


def test_an_inspection_says_what_a_thermal_file_measured_or_that_it_is_a_video(card: Path) -> None:
    path = take(card, 1, "dji")
    seen = with_thermal(inspect_file(path), path, Conditions())
    told = {fact.label: fact.value for fact in seen.facts}
    assert re.fullmatch(r"\d+ to \d+, median \d+ counts, no temperatures", told["measured"])
    assert told["hot spots"] == "1"
    celsius = with_thermal(inspect_file(path), path, Conditions(unit=Unit.KELVIN_64THS))
    assert re.search(r"to 140\.\d, median 3\d\.\d °C", {fact.label: fact.value for fact in celsius.facts}["measured"])
    video = card / "DJI_0004.SEQ"
    video.write_bytes(b"FFF\x00" + bytes(4_000))
    refused = with_thermal(inspect_file(video), video, Conditions())
    assert [refusal.code for refusal in refused.refusals] == ["thermal-sequence"]
