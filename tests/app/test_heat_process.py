"""Weights for heat through a whole run: which frames they are shown, what is said of it, and what counts as a look."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from shapely import Point

from app.case_folder import LEDGER
from app.commands.footage import settings_of
from app.instruments import Station
from app.patrol_ledger import read_patrols
from app.process import process
from app.processing.job import Job
from app.run_report import RunReport
from app.weights import open_detectors
from app.wiring import open_jurisdiction
from core.errors import InputRefused
from core.points import GeoPoint, LocalPlane, from_plane
from detection.detection import Box, Detection
from detection.frame import Frame
from detection.registry import bureau_register, read_registry, register_weight
from detection.thermal.heat_detector import HeatDetector
from detection.weight_card import Sees
from flight.camera import Camera, resized
from flight.flight_log import Trigger
from flight.rehearsal.footage_header import header_segments
from maps.coverage_file import COVERAGE_IN_HEAT, read_parts
from tests.thermal_files import flir_segments, plain_jpeg, scene

GATE = GeoPoint(lon_deg=113.5, lat_deg=22.75)
PLANE = LocalPlane(origin=GATE)
THERMAL = Camera(
    model="M3T", width_px=640, height_px=512, focal_px=758, centre_x_px=320, centre_y_px=256, source="test"
)
WIDE = replace(resized(THERMAL, 2.0, width_px=1280, height_px=1024), model="FC220")
HEIGHT_M = 60.0
LONG_PX, BROAD_PX = 57.0, 24.0  # a car of 4.5 by 1.9 metres in the thermogram


class Sharp:
    """A weight that sees a vehicle where the gate is, whatever it is shown, and keeps what it was shown."""

    labels = ("vehicle",)

    def __init__(self, digit: str) -> None:
        self.weight_sha256 = digit * 64
        self.frames: list[Frame] = []

    def detect(self, frames: Sequence[Frame]) -> list[list[Detection]]:
        self.frames += frames
        return [[self._gate(frame)] for frame in frames]

    def _gate(self, frame: Frame) -> Detection:
        assert frame.camera is not None
        assert frame.pose.position is not None
        east_m = (frame.pose.position.lon_deg - GATE.lon_deg) * 111_320 * np.cos(np.radians(GATE.lat_deg))
        larger = frame.camera.width_px / THERMAL.width_px
        column = frame.camera.centre_x_px - east_m * frame.camera.focal_px / HEIGHT_M
        row = frame.camera.centre_y_px
        return Detection(
            frame_id=frame.frame_id,
            label="vehicle",
            score=0.9,
            box=Box(
                left_px=column - LONG_PX / 2 * larger,
                right_px=column + LONG_PX / 2 * larger,
                top_px=row - BROAD_PX / 2 * larger,
                bottom_px=row + BROAD_PX / 2 * larger,
            ),
            weight_sha256=self.weight_sha256,
        )


def take(folder: Path, number: int, *, east_m: float, thermal: bool) -> None:
    """Write a photo that looks straight down near the gate at night."""
    lon, lat = from_plane(PLANE, [east_m, 0.0])
    camera = THERMAL if thermal else WIDE
    trigger = Trigger(
        at=datetime(2026, 10, 1, 14, 0, tzinfo=UTC) + timedelta(seconds=2 * number),
        number=number,
        position=GeoPoint(lon_deg=float(lon), lat_deg=float(lat)),
        height_takeoff_m=HEIGHT_M,
        yaw_deg=0.0,
        pitch_deg=-90.0,
        roll_deg=0.0,
    )
    header = header_segments(trigger, camera, home_msl_m=6.0)
    if thermal:
        header += b"".join(flir_segments(scene((), seed=number)))
    picture = plain_jpeg(camera.width_px, camera.height_px)
    path = folder / f"DJI_{number:04d}_{'T' if thermal else 'W'}.JPG"
    path.write_bytes(picture[:2] + header + picture[2:])


@pytest.fixture
def card(tmp_path: Path) -> Path:
    folder = tmp_path / "night"
    folder.mkdir()
    return folder


@pytest.fixture
def light() -> Sharp:
    return Sharp("1")


@pytest.fixture
def heat() -> Sharp:
    return Sharp("2")


@pytest.fixture
def at_the_gate(
    station: Station, job: Callable[..., Job], card: Path, tmp_path: Path, light: Sharp
) -> Callable[..., tuple[RunReport, Job]]:
    def collection(half: float, **properties: object) -> str:
        ring = from_plane(PLANE, np.array([[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]]) * half).tolist()
        feature = {"type": "Feature", "properties": properties, "geometry": {"type": "Polygon", "coordinates": [ring]}}
        return json.dumps({"type": "FeatureCollection", "features": [feature]})

    sites, zones = tmp_path / "sites.geojson", tmp_path / "zones.geojson"
    sites.write_text(collection(100, code="91440115MADM0A1K80", name="涂料厂"))
    zones.write_text(collection(20, zone_id="E1", zone_type="exclusion", name="门", site_code="91440115MADM0A1K80"))
    jurisdiction, refused = open_jurisdiction(sites=sites, zones=zones, rules=None)
    assert refused == ()

    def run(eyes: HeatDetector | None, out: str = "cases") -> tuple[RunReport, Job]:
        cards = {light.weight_sha256: b"# by day\n", "2" * 64: b"# in heat\n"}
        instruments = replace(station.instruments, detector=light, heat=eyes, weight_cards=cards)
        made = replace(job(out), footage=card, area=Point(GATE.lon_deg, GATE.lat_deg).buffer(1e-4))
        made = replace(made, settings=settings_of(instruments))
        return process(made, replace(station, instruments=instruments, jurisdiction=jurisdiction)), made

    return run


def eyes_of(weight: Sharp, reach_m: float = 0.13) -> HeatDetector:
    return HeatDetector(weight, coarsest_gsd_m={"vehicle": reach_m})


def test_a_vehicle_seen_in_heat_becomes_an_incident_that_says_so(
    card: Path, heat: Sharp, light: Sharp, at_the_gate: Callable[..., tuple[RunReport, Job]]
) -> None:
    for number, east_m in ((1, 0.0), (2, 6.0)):
        take(card, number, east_m=east_m, thermal=True)
    report, made = at_the_gate(eyes_of(heat))
    assert light.frames == []
    assert len(heat.frames) == 2
    assert all((frame.pixels[..., 0] == frame.pixels[..., 2]).all() for frame in heat.frames)
    (line,) = report.incidents
    assert line.hazard.startswith("S01")
    assert abs(line.lon_deg - GATE.lon_deg) * 102_600 < 1.5
    package = made.out / line.package
    incident = json.loads((package / "data/incident.json").read_text(encoding="utf-8"))
    seen = [fix["detection"] for fix in incident["sighting"]["fixes"]]
    assert {each["weight_sha256"] for each in seen} == {heat.weight_sha256}
    assert all(each["remarks"][0].startswith("seen in heat: ") and "°C" in each["remarks"][0] for each in seen)
    assert "seen in heat" in next(package.rglob("*.html")).read_text(encoding="utf-8")
    (page,) = package.rglob("model-card*.md")
    assert page.read_text() == "# in heat\n"


def test_thermal_frames_are_looks_for_what_weights_for_heat_know(
    card: Path, heat: Sharp, at_the_gate: Callable[..., tuple[RunReport, Job]]
) -> None:
    for number, east_m in ((1, 0.0), (2, 6.0)):
        take(card, number, east_m=east_m, thermal=True)
    gate = Point(GATE.lon_deg, GATE.lat_deg)
    for reach_m, reached in ((0.13, True), (0.03, False)):
        report, made = at_the_gate(eyes_of(heat, reach_m), f"cases-{reach_m}")
        (record,) = read_patrols(made.ledger or made.out / LEDGER)
        assert record.look.seen_at(None, "vehicle").contains(gate) is reached
        assert record.look.seen_at(0.079, "truck").contains(gate) is reached  # as a vehicle it would have been found
        assert record.look.seen_at(None, "person").is_empty
        assert record.look.seen_at(None, "hot_spot").contains(gate)
        assert report.covered is not None
        assert report.covered.seen_m2 == 0
        in_heat = report.covered_in_heat
        assert in_heat is not None
        assert in_heat.sought == ("vehicle",)
        assert (in_heat.seen_m2 > 1500) is reached
        parts = read_parts(made.out / COVERAGE_IN_HEAT)
        assert any(part.views[0] and part.shape.contains(gate) for part in parts) is reached


def test_without_weights_for_heat_a_thermal_frame_is_searched_for_hot_spots_alone(
    card: Path, light: Sharp, at_the_gate: Callable[..., tuple[RunReport, Job]]
) -> None:
    for number, east_m in ((1, 0.0), (2, 6.0)):
        take(card, number, east_m=east_m, thermal=True)
    report, made = at_the_gate(None)
    assert light.frames == []
    assert (report.detections, report.covered_in_heat) == (0, None)
    assert not (made.out / COVERAGE_IN_HEAT).exists()
    assert "heat_sha256" not in made.settings
    (record,) = read_patrols(made.ledger or made.out / LEDGER)
    assert record.look.seen_at(None, "vehicle").is_empty


def test_light_and_heat_each_look_at_their_own_and_one_thing_is_one_incident(
    card: Path, heat: Sharp, light: Sharp, at_the_gate: Callable[..., tuple[RunReport, Job]]
) -> None:
    for number, thermal in ((1, True), (2, False), (3, True), (4, False)):
        take(card, number, east_m=2.0 * number, thermal=thermal)
    report, made = at_the_gate(eyes_of(heat))
    assert {frame.original_name[-5] for frame in light.frames} == {"W"}
    assert {frame.original_name[-5] for frame in heat.frames} == {"T"}
    assert (report.detections, report.sightings) == (4, 1)
    (line,) = report.incidents
    incident = json.loads((made.out / line.package / "data/incident.json").read_text(encoding="utf-8"))
    fixes = incident["sighting"]["fixes"]
    told = {fix["detection"]["weight_sha256"][0]: bool(fix["detection"]["remarks"]) for fix in fixes}
    assert told == {"1": False, "2": True}
    for fix in fixes:  # lengths are told from boxes on daylight pictures alone
        assert (fix["scale_sigma"] is None) == bool(fix["detection"]["remarks"])
    again, _made = at_the_gate(eyes_of(heat))
    assert again.resumed == 4
    assert len(heat.frames) == 2


@pytest.fixture
def registered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, str]:
    """A bureau's register in which one weight is a default for heat."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    shipped = read_registry().named("vehicle-n-3")
    own = bureau_register()
    own.parent.mkdir(parents=True)
    for name in ("night", "night-too"):
        weight = own.parent / f"{name}.pt"
        weight.write_bytes(shipped.path.read_bytes() + name.encode())
        (own.parent / f"{name}.md").write_text(f"# {name}\n")
        card = replace(shipped.card, name=name, file=weight.name, card=f"{name}.md", sees=Sees.HEAT, measured={})
        register_weight(weight, replace(card, default=name == "night"), own)
    return {entry.card.name: entry.card.sha256 for entry in read_registry([own]).entries}


def test_a_run_opens_weights_for_light_and_for_heat_apart(registered: Mapping[str, str]) -> None:
    both = open_detectors(("vehicle-n-3", "night"), device="cpu")
    assert both.light.weight_sha256 == read_registry().named("vehicle-n-3").card.sha256
    assert both.heat is not None
    assert both.heat.weight_sha256 == registered["night"]
    assert both.heat.coarsest_gsd_m == {"vehicle": 0.15}
    assert both.cards[registered["night"]] == b"# night\n"
    day = open_detectors(("vehicle-n-3", "night"), device="cpu", heat=False)
    assert day.heat is None
    assert set(day.cards) == {both.light.weight_sha256}
    assert open_detectors(("vehicle-n-3",), device="cpu").heat is None
    with pytest.raises(InputRefused, match="sees heat only"):
        open_detectors(("night",), device="cpu")
    with pytest.raises(InputRefused, match="no label twice"):
        open_detectors(("vehicle-n-3", "night", "night-too"), device="cpu")
