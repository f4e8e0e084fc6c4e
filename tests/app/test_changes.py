"""Two patrols' footage compared: the report, the page, the shapes, and what is refused."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from app.commands import build
from app.comparing.change_report import REPORT, write_changes
from app.comparing.ground_changes import GroundChanges, find_changes
from app.comparing.ground_squares import Pictures
from app.comparing.patrol_view import PatrolView, examine_footage, is_case_folder, open_case_folder
from app.instruments import Jurisdiction, Station
from app.process import process
from app.processing.job import Job
from app.wiring import open_jurisdiction
from core.errors import InputRefused
from core.ids import derived_id
from core.points import GeoPoint, LocalPlane, from_plane
from detection.changes.patches import Becoming
from detection.detection import Box
from detection.scripted import ScriptedDetector
from evidence.verify import verify
from flight.calendars.sun import sun_place
from flight.flight_log import Trigger
from flight.rehearsal.footage import write_photos
from flight.rehearsal.world import Light, World
from maps.change_file import PAGE, SHAPES, picture_of, read_changes
from tests.app.conftest import Run
from tests.changing_yard import AFTER, AFTERNOON, BEFORE, CAMERA, MORNING, ORIGIN

PLANE = LocalPlane(origin=ORIGIN)
NEW = from_plane(PLANE, [0.0, -4.0])
STAIN = from_plane(PLANE, [-9.0, 9.0])


def fly(world: World, at: datetime, folder: Path) -> Path:
    """Photograph the yard from two places and write what the aircraft would."""
    azimuth, elevation = sun_place(ORIGIN, at)
    lit = replace(world, light=Light(azimuth_deg=azimuth, elevation_deg=elevation, ambient=0.5))
    triggers = []
    for number, east in enumerate((-7.0, 7.0), start=1):
        lon, lat = from_plane(PLANE, [east, 1.0])
        triggers.append(
            Trigger(
                at=at + timedelta(seconds=3 * number),
                number=number,
                position=GeoPoint(lon_deg=float(lon), lat_deg=float(lat)),
                height_takeoff_m=50.0,
                yaw_deg=5.0,
                pitch_deg=-89.0,
                roll_deg=0.0,
            )
        )
    write_photos(lit, triggers, triggers, CAMERA, folder, workers=1)
    return folder


@dataclass(frozen=True)
class Yard:
    """Two patrols on disk and as they were examined."""

    early: Path
    late: Path
    before: PatrolView
    after: PatrolView
    found: GroundChanges
    jurisdiction: Jurisdiction


_YARDS: list[Yard] = []


@pytest.fixture
def yard(station: Station, tmp_path_factory: pytest.TempPathFactory) -> Yard:
    if _YARDS:
        return _YARDS[0]
    root = tmp_path_factory.mktemp("yard")

    def register(file: str, **properties: object) -> Path:
        ring = from_plane(PLANE, np.array([[-30, -30], [30, -30], [30, 30], [-30, 30], [-30, -30]])).tolist()
        shape = {"type": "Polygon", "coordinates": [ring]}
        feature = {"type": "Feature", "properties": properties, "geometry": shape}
        path = root / file
        path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
        return path

    code = "91440115MADM0A1K80"
    jurisdiction, _refused = open_jurisdiction(
        sites=register("sites.geojson", code=code, name="<b>涂料</b>厂"),
        zones=register("zones.geojson", zone_id="T1", zone_type="tank_farm", name="罐区", site_code=code),
        rules=None,
    )
    early, late = fly(BEFORE, MORNING, root / "early"), fly(AFTER, AFTERNOON, root / "late")
    nothing = ScriptedDetector({}, labels=("vehicle",))
    instruments = replace(station.instruments, detector=nothing)
    before, after = (
        examine_footage(folder, instruments, work=root / "work" / folder.name, progress=station.progress)
        for folder in (early, late)
    )
    found = find_changes(before, after, ground=instruments.ground, jurisdiction=jurisdiction, progress=station.progress)
    _YARDS.append(Yard(early, late, before, after, found, jurisdiction))
    return _YARDS[0]


def off_m(lon_deg: float, lat_deg: float, place: np.ndarray) -> float:
    return float(np.hypot((lon_deg - place[0]) * 102_700, (lat_deg - place[1]) * 110_750))


def test_what_came_and_what_grew_is_placed_on_its_site_and_zone(yard: Yard) -> None:
    assert yard.found.squares >= 1
    assert yard.found.compared_m2 > 300
    near = {
        name: [c for c in yard.found.changes if off_m(c.sighting.point.lon_deg, c.sighting.point.lat_deg, place) < 3]
        for name, place in (("new", NEW), ("stain", STAIN))
    }
    assert [change.patch.becoming for change in near["new"]] == [Becoming.APPEARED]
    assert [change.patch.becoming for change in near["stain"]] == [Becoming.GREW]
    for change in (*near["new"], *near["stain"]):
        assert change.outcome.sites[0].key == "91440115MADM0A1K80"
        assert change.outcome.zones[0].key == "T1"
        assert change.outline.is_valid
    assert near["stain"][0].sighting.label == "liquid_stain"
    assert near["new"][0].sighting.label == "change_appeared"


def test_the_folder_holds_a_page_a_report_and_shapes_that_agree(yard: Yard, tmp_path: Path) -> None:
    pictures = Pictures(yard.before, yard.after)
    write_changes(yard.found, tmp_path, pictures=pictures, jurisdiction=yard.jurisdiction)
    report = json.loads((tmp_path / REPORT).read_text(encoding="utf-8"))
    shapes = json.loads((tmp_path / SHAPES).read_text(encoding="utf-8"))
    assert report["schema"] == "skywarden/changes/1"
    assert len(report["changes"]) == len(shapes["features"]) == len(yard.found.changes)
    for record, feature in zip(report["changes"], shapes["features"], strict=True):
        assert feature["properties"]["number"] == record["number"]
        assert feature["geometry"]["type"] == "Polygon"
        assert (tmp_path / record["picture_before"]).stat().st_size > 1_000
        assert record["before_at"] < record["after_at"]
        assert record["error_90_m"] > 0
        assert not (record["undecided_because"] and record["site_code"])
        assert not (record["undecided_because"] and record["covers_sites"])  # told once
    for change in yard.found.changes:
        assert change.outcome.footing is None or not change.outcome.footing.boxed  # its own outline is known
    grew = next(record for record in report["changes"] if record["became"] == "grew")
    assert grew["after_m2"] > 2 * grew["before_m2"] > 0
    page = (tmp_path / PAGE).read_text(encoding="utf-8")
    assert page.count("<article>") == len(yard.found.changes)
    assert "<b>涂料</b>" not in page  # a name is shown, never run
    assert "&lt;b&gt;涂料" in page
    assert "http" not in page.replace("http-equiv", "")
    for change, record in zip(read_changes(tmp_path), report["changes"], strict=True):  # as maps read it
        assert (change.number, change.became, change.area_m2) == (record["number"], record["became"], record["area_m2"])
        assert picture_of(tmp_path, change, "before") == tmp_path / record["picture_before"]


def test_a_change_where_a_vehicle_was_seen_is_told_apart(yard: Yard, station: Station) -> None:
    frame = yard.after.frames[0]
    x, y = CAMERA.width_px / 2 + 7.0 * CAMERA.focal_px / 50, CAMERA.height_px / 2 + 5.0 * CAMERA.focal_px / 50
    box = Box(left_px=x - 30, top_px=y - 30, right_px=x + 30, bottom_px=y + 30)
    seeing = ScriptedDetector({derived_id("frame", frame.original_sha256, 0): [("vehicle", 0.9, box)]})
    work = yard.late.parent / "work" / "seeing"
    instruments = replace(station.instruments, detector=seeing)
    after = examine_footage(yard.late, instruments, work=work, progress=station.progress)
    assert len(after.fixes) == 1
    found = find_changes(
        yard.before, after, ground=instruments.ground, jurisdiction=yard.jurisdiction, progress=station.progress
    )
    assert len(found.vehicles) == 1
    assert off_m(found.vehicles[0].sighting.point.lon_deg, found.vehicles[0].sighting.point.lat_deg, NEW) < 4
    assert len(found.changes) == len(yard.found.changes) - 1


def test_a_case_folder_is_opened_from_what_its_run_kept(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "case"
    shutil.copytree(run.job.out, folder)
    assert is_case_folder(folder)
    seen = open_case_folder(folder)
    assert len(seen.frames) == 2
    assert len(seen.fixes) == 11
    assert all(seen.view_of(frame) is not None for frame in seen.frames)
    shutil.rmtree(folder / "work")
    with pytest.raises(InputRefused, match="no longer has its folder"):
        open_case_folder(folder)


def test_a_change_becomes_a_sealed_lead_with_what_it_was_compared_with(
    yard: Yard, station: Station, tmp_path: Path
) -> None:
    nothing = ScriptedDetector({}, labels=("vehicle",))
    instruments = replace(station.instruments, detector=nothing, weight_cards={nothing.weight_sha256: b"# none\n"})
    here = replace(station, instruments=instruments, jurisdiction=yard.jurisdiction)
    footage = tmp_path / "early-card"
    shutil.copytree(yard.early, footage)

    def job(footage: Path, out: str, compare_with: Path | None = None) -> Job:
        return Job(
            footage=footage,
            out=tmp_path / out,
            title=out,
            program="skywarden test",
            settings={"weight_sha256": nothing.weight_sha256},
            compare_with=compare_with,
        )

    assert process(job(footage, "first"), here).incidents == ()
    made = job(yard.late, "second", tmp_path / "first")
    report = process(made, here)
    (line,) = [line for line in report.incidents if line.hazard.startswith("H04 ")]  # a stain that grew at the tanks
    assert line.zone == "罐区"
    assert off_m(line.lon_deg, line.lat_deg, STAIN) < 3
    assert report.without["no-zone"] >= 1  # what appeared on no roof is told, and undecided
    assert report.sightings == report.with_incident + sum(report.without.values())
    package = made.out / line.package
    assert verify(package).findings == ()
    context = package / "data" / "context"
    told = json.loads((context / "compared.json").read_text(encoding="utf-8"))
    before = (context / told["before"]["file"]).read_bytes()
    assert hashlib.sha256(before).hexdigest() == told["before"]["sha256"]
    assert before in {path.read_bytes() for path in footage.iterdir()}
    assert told["before"]["captured_at"] < told["after"]["captured_at"]
    assert told["after"]["sha256"] in {hashlib.sha256(path.read_bytes()).hexdigest() for path in yard.late.iterdir()}
    assert told["change"]["became"] == "grew"
    assert (context / "change-before.jpg").is_file()
    sealed = json.loads((package / "data/incident.json").read_text(encoding="utf-8"))
    (fix, *_others) = sealed["sighting"]["fixes"]
    compared = next(said for said in fix["detection"]["remarks"] if said.startswith("compared: "))
    assert told["before"]["captured_at"] in compared
    assert any("Changes between two patrols" in path.read_text() for path in context.glob("model-card*.md"))
    page = json.loads((made.out / "changes" / REPORT).read_text(encoding="utf-8"))
    assert [line.number] in [record["incidents"] for record in page["changes"]]
    again = process(made, here)  # a run that goes on writes the same, and seals nothing twice
    assert [each.package for each in again.incidents] == [each.package for each in report.incidents]
    shutil.rmtree(footage)
    gone = process(job(yard.late, "third", tmp_path / "first"), here)
    (line,) = [line for line in gone.incidents if line.hazard.startswith("H04 ")]
    told = json.loads((tmp_path / "third" / line.package / "data/context/compared.json").read_text(encoding="utf-8"))
    assert "file" not in told["before"]
    assert len(told["before"]["sha256"]) == 64
    # The other way round nothing can be compared; the run itself is not lost.
    turned = process(replace(job(yard.early, "fourth"), compare_with=tmp_path / "second"), here)
    assert "not-compared" in {refusal.code for refusal in turned.refusals}
    assert turned.results == 2
    (tmp_path / "bare").mkdir()
    with pytest.raises(InputRefused, match="no longer has its folder"):
        process(job(yard.late, "fifth", tmp_path / "bare"), here)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nowhere", "late"), "does not exist"),
        (("early", "early"), "is the earlier patrol itself"),
        (("empty", "late"), "holds no photo and no video"),
    ],
)
def test_the_wrong_folder_is_refused_in_one_sentence(
    yard: Yard, tmp_path: Path, arguments: tuple[str, str], said: str
) -> None:
    (yard.early.parent / "empty").mkdir(exist_ok=True)
    before, after = (str(yard.early.parent / name) for name in arguments)
    sites = str(yard.early.parent / "sites.geojson")
    outcome = CliRunner().invoke(build(), ["changes", before, after, "--sites", sites, "--out", str(tmp_path / "out")])
    assert isinstance(outcome.exception, InputRefused)
    assert said in str(outcome.exception)
