"""Smoke in a video, all the way: watched over time, attributed by its source; a still alarm is told apart and told."""

from __future__ import annotations

import io
import json
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import shapely
from rich.console import Console

from app.case_folder import GEOJSON
from app.conclude import conclude
from app.examine import examine
from app.inputs import list_inputs
from app.instruments import Station
from app.plume_watch import watch_bursts
from app.process import process
from app.processing.job import Job
from app.run_report import print_report
from app.wiring import recall_of, wind_of
from core.clock import BEIJING, from_iso
from core.errors import InputRefused
from core.heights import TakeoffHeight
from core.points import GeoPoint, LocalPlane, from_plane
from core.refusal import Refusal
from detection.detection import Box, Detection
from detection.frame import Frame
from detection.plumes import PlumeLife
from evidence.ingest import ingest_file
from evidence.sealing.incident_json import decode_incident, encode_incident
from flight.camera import Camera, Orientation
from flight.rehearsal.footage import video_camera, write_video
from flight.rehearsal.render import prepare
from flight.rehearsal.render_truth import seen_things
from flight.rehearsal.world import Light, World
from flight.rehearsal.world_things import Container, Material, Plume, PlumeKind
from flight.track import Pose, Track
from geofence.attributing.attribute_extended import Wind
from geofence.attribution import Undecided
from geofence.crowd import Recall
from geofence.register.credit_code import complete_code
from geofence.site import Register, Site, Zone, ZoneType

HOME = GeoPoint(lon_deg=113.58, lat_deg=22.76)
PLANE = LocalPlane(origin=HOME)
START = from_iso("2026-10-01T02:00:00Z")
CAMERA = video_camera(
    Camera(
        model="FC3411",
        width_px=800,
        height_px=600,
        focal_px=24 * 1000 / 43.26661531,
        centre_x_px=400,
        centre_y_px=300,
        source="test",
    ),
    width_px=640,
    height_px=360,
)
WORLD = World(
    name="yard",
    origin=HOME,
    ground=Material.ASPHALT,
    light=Light(ambient=1.0, haze=0.0),
    plumes=(
        Plume(plume_id="s", kind=PlumeKind.SMOKE, centre=(-10.0, 0.0), radius_m=3.0, height_m=20.0, drift_deg=90.0),
    ),
    containers=(Container(container_id="c", centre=(14.0, -15.0), heading_deg=90.0, colour=(190, 40, 20)),),
)


def _boxes() -> dict[str, Box]:
    """Return where the smoke and the container are seen, by class."""
    down = Orientation(yaw_deg=0, pitch_deg=-90, roll_deg=0)
    return {
        thing.label: Box(left_px=thing.left_px, top_px=thing.top_px, right_px=thing.right_px, bottom_px=thing.bottom_px)
        for thing in seen_things(prepare(WORLD), CAMERA, down, (0.0, 0.0, 60.0))
    }


BOXES = _boxes()
WEST, EAST = (complete_code("91", "440115", f"MA00000{number}") for number in (1, 2))


class _SeesBoth:
    """Takes the smoke for smoke and a red container for fire, wherever it looks."""

    weight_sha256 = "5" * 64
    labels = ("smoke", "fire")

    def detect(self, frames: Sequence[Frame]) -> list[list[Detection]]:
        return [
            [
                Detection(frame_id=frame.frame_id, label=label, score=0.7, box=box, weight_sha256=self.weight_sha256)
                for label, box in (("smoke", BOXES["smoke"]), ("fire", BOXES["container"]))
            ]
            for frame in frames
        ]


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds of hovering over smoke that drifts east across a fence, and over a red container."""
    folder = tmp_path_factory.mktemp("card")
    track = Track(
        poses=tuple(
            Pose(
                captured_at=START + timedelta(seconds=second),
                position=HOME,
                height_takeoff=TakeoffHeight(metres=60.0),
                yaw_deg=0.0,
                pitch_deg=-90.0,
                roll_deg=0.0,
            )
            for second in range(-2, 8)
        ),
        source="test",
    )
    write_video(WORLD, track, track, CAMERA, folder, start=START, seconds=4.0, fps=5, workers=1)
    return folder


def _site(code: str, name: str, west_m: float, east_m: float) -> Site:
    outline = shapely.transform(shapely.box(west_m, -200, east_m, 200), lambda metres: from_plane(PLANE, metres))
    return Site(code=code, name=name, shape=outline, version="v1", boundary_sigma_m=0.5)


@pytest.fixture
def watching(station: Station) -> Station:
    """The station over a fence that runs north and south four metres west of home, with a detector that sees both."""
    register = Register(sites=(_site(WEST, "西厂", -200, -4), _site(EAST, "东厂", -4, 200)), zones=(), sha256="a" * 64)
    return replace(
        station,
        instruments=replace(
            station.instruments, detector=_SeesBoth(), weight_cards={"5" * 64: b"# sees both\n"}, camera_zone=BEIJING
        ),
        jurisdiction=replace(station.jurisdiction, register=register),
    )


def _job(card: Path, out: Path, wind: Wind | None) -> Job:
    return Job(footage=card, out=out, title="yard", program="skywarden test", settings={"of": "test"}, wind=wind)


def test_smoke_is_attributed_by_its_source_and_a_still_alarm_is_listed(
    card: Path, watching: Station, tmp_path: Path
) -> None:
    wind = Wind(from_deg=270, sigma_deg=15, source="as declared")
    report = process(_job(card, tmp_path / "windy", wind), watching)
    (line,) = report.incidents
    assert line.hazard.startswith("H05")
    assert line.site_code == WEST  # though most of it hangs over the other one
    assert "upwind end, with the wind from 270° ± 15° (as declared)" in line.remark
    assert report.without == {"keeps-still": 1}
    (still,) = report.still_alarms
    assert "fire that keeps as still as the ground around it" in still
    assert "SKY_0001.MP4" in still
    (feature,) = (
        one
        for one in json.loads((tmp_path / "windy" / GEOJSON).read_text(encoding="utf-8"))["features"]
        if one["properties"].get("hazard") == "H05"
    )
    said = feature["properties"]
    assert abs((said["source_lon"] - HOME.lon_deg) * 102_700 + 10) < 5  # ten metres west of home, where it rises
    assert 40 < said["covers_m2"] < 400
    assert 0.25 * said["covers_m2"] < said["covers_sigma_m2"] < 0.5 * said["covers_m2"]
    assert "东厂" in said["covers_sites"]
    assert "it covers about" in said["explanation"]
    picture = next((tmp_path / "windy").glob("packages/*/data/context/attribution.svg")).read_text(encoding="utf-8")
    assert f"it covers {said['covers_m2']} ±" in picture


def test_without_wind_the_wind_would_decide(card: Path, watching: Station, tmp_path: Path) -> None:
    file = next(one for one in list_inputs(card) if one.path.suffix == ".MP4")
    original = ingest_file(file.path, clock=watching.instruments.clock)
    assert not isinstance(original, Refusal)
    found = examine(file, original, watching.instruments, views=tmp_path / "views")
    fixes = [fix for frame in found.frames for fix in frame.fixes]
    lives = {
        label: {fix.motion.life for fix in fixes if fix.detection.label == label and fix.motion is not None}
        for label in ("smoke", "fire")
    }
    assert lives == {"smoke": {PlumeLife.ALIVE}, "fire": {PlumeLife.STILL}}
    assert all(fix.extent is None for fix in fixes if fix.detection.label == "fire")
    calm = conclude([found], watching.jurisdiction, opened_at=START)
    (incident,) = calm.incidents
    outcome = incident.attribution
    assert isinstance(outcome, Undecided)
    assert "the wind would decide (run again with --wind)" in outcome.reason
    assert outcome.origin is not None
    assert len(outcome.origin.modes) == 2
    back = decode_incident(encode_incident(incident), "test")
    assert back == incident  # source, ground and motion are sealed with the case


def test_photos_of_one_burst_are_watched_too_and_others_are_not(card: Path, watching: Station, tmp_path: Path) -> None:
    file = next(one for one in list_inputs(card) if one.path.suffix == ".MP4")
    original = ingest_file(file.path, clock=watching.instruments.clock)
    assert not isinstance(original, Refusal)
    found = examine(file, original, watching.instruments, views=tmp_path / "views")
    first = found.frames[0].fixes[0]
    shots = [
        Frame(
            original_sha256=f"{number:064x}",
            original_name=f"DJI_{number}.JPG",
            captured_at=START + timedelta(seconds=number),
            pixels=np.full((360, 640, 3), 90, np.uint8),
            pose=Pose(captured_at=START + timedelta(seconds=number), position=HOME),
            camera=CAMERA,
        )
        for number in range(5)
    ]
    fixes = [
        replace(
            first,
            captured_at=START + timedelta(seconds=number),
            detection=replace(first.detection, frame_id=frame.frame_id, label="fire"),
            motion=None,
            extent=None,
        )
        for number, frame in enumerate(shots)
    ]
    given = replace(found, frames=tuple(replace(found.frames[0], fixes=(fix,)) for fix in fixes))
    opened: list[set[str]] = []

    def open_frames(wanted: Collection[str]) -> dict[str, Frame]:
        opened.append(set(wanted))
        return {frame.frame_id: frame for frame in shots}

    (watched,) = watch_bursts([given], {given.sha256}, open_frames)
    motions = {fix.motion for frame in watched.frames for fix in frame.fixes}
    assert len(motions) == 1
    assert motions.pop().life is PlumeLife.STILL  # type: ignore[union-attr]
    assert opened == [{frame.frame_id for frame in shots}]
    assert watch_bursts([given], set(), open_frames) == (given,)  # of a video: watched when it was examined
    three = replace(given, frames=given.frames[:3])
    assert watch_bursts([three], {given.sha256}, open_frames) == (three,)
    assert len(opened) == 1


class _SeesPeople(_SeesBoth):
    """Sees five people in the middle of the picture, wherever it looks."""

    labels = ("person",)

    def detect(self, frames: Sequence[Frame]) -> list[list[Detection]]:
        boxes = [Box(left_px=left, top_px=170, right_px=left + 6.0, bottom_px=178) for left in range(270, 370, 20)]
        return [
            [
                Detection(frame_id=frame.frame_id, label="person", score=0.7, box=box, weight_sha256="5" * 64)
                for box in boxes
            ]
            for frame in frames
        ]


def test_people_are_counted_in_their_zone_and_the_report_claims_no_more_than_was_measured(
    card: Path, watching: Station, tmp_path: Path
) -> None:
    outline = shapely.transform(shapely.box(-40, -40, 40, 40), lambda metres: from_plane(PLANE, metres))
    yard = Zone(zone_id="Y1", zone_type=ZoneType.STORAGE, name="堆场", shape=outline, site_code=EAST, version="v1")
    station = replace(
        watching,
        instruments=replace(watching.instruments, detector=_SeesPeople()),
        jurisdiction=replace(watching.jurisdiction, register=replace(watching.jurisdiction.register, zones=(yard,))),
    )
    told = []
    for recall in (None, Recall(share=0.5, sigma=0.05, source="as declared")):
        job = replace(_job(card, tmp_path / f"out-{recall is None}", None), recall=recall)
        report = process(job, station)
        (line,) = report.crowds
        assert (line.zone, line.seen, line.least) == ("堆场 (Y1)", 5, 5)
        console = Console(record=True, width=160, file=io.StringIO())
        print_report(report, console, places=[])
        told.append((line.most, console.export_text()))
    assert told[0][0] is None
    assert "5 or more; how many are missed was not measured" in told[0][1]
    assert told[1][0] == 17  # 5 of a half seen: 10 ± 3.3
    assert "5 to 17" in told[1][1]


@pytest.mark.parametrize("said", ["north", "45,0", "45,x", "nan", "none.tlog"])
def test_what_is_no_wind_is_refused_in_one_sentence(said: str) -> None:
    with pytest.raises(InputRefused, match="is no wind"):
        wind_of(said)


def test_a_wind_and_a_recall_are_declared_with_their_errors_or_not_at_all() -> None:
    assert wind_of("") is None
    assert wind_of("45") == Wind(from_deg=45, sigma_deg=20, source="as declared")
    assert wind_of("45,10") == Wind(from_deg=45, sigma_deg=10, source="as declared")
    assert recall_of("") is None
    assert recall_of("0.7,0.05") == Recall(share=0.7, sigma=0.05, source="as declared")
    for said in ("0", "1.2", "many", "0.7,2"):
        with pytest.raises(InputRefused, match="is no recall"):
            recall_of(said)
