"""Hazards over patrols: the ledger, what the report says, and what is gone only where somebody looked."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import shapely

from app.case_folder import GEOJSON, LEDGER, MAP, REPORT
from app.instruments import Station
from app.looked_at import GRADES_M, ground_looked_at
from app.over_patrols import histories, tell_over_patrols, tell_story
from app.patrol_ledger import (
    STANDINGS,
    PatrolRecord,
    keep_patrol,
    patrol_id_of,
    read_deadlines,
    read_ledger,
    read_patrols,
    set_deadline,
)
from app.process import process
from app.processing.job import Job
from core.errors import InputRefused, StoreFailed
from core.points import LocalPlane, to_plane
from geofence.persistence.standing import Event
from geofence.register.site_archive import site_as_it_was
from geofence.register.site_folder import ARCHIVE

MakeJob = Callable[..., Job]


@pytest.fixture
def first(run: Any) -> PatrolRecord:
    record: PatrolRecord = run.record
    return record


def later(record: PatrolRecord, days: int, *, found: bool, looked: bool = True) -> PatrolRecord:
    """The same flight some days later."""
    by = timedelta(days=days)
    return replace(
        record,
        patrol_id=patrol_id_of([str(days)]),
        case_folder=f"{record.case_folder}-{days}",
        started_at=record.started_at + by,
        ended_at=record.ended_at + by,
        incidents=record.incidents if found else (),
        grades=record.grades if looked else (),
    )


def test_a_run_keeps_its_patrol_and_says_so(run: Any, station: Station) -> None:
    made, report = run.job, run.report
    over = report.over_patrols
    assert over is not None
    assert (over.patrols, over.standing, over.gone, over.events) == (1, 2, (), {"opened": 2})
    assert [(repeats.site_code, repeats.hazards) for repeats in over.repeats] == [("91440115MADM0P017J", 2)]
    again = process(made, station)  # the same footage: nothing is counted twice
    assert again.over_patrols == over
    assert json.loads((made.out / REPORT).read_text())["over_patrols"]["standing"] == 2
    features = json.loads((made.out / GEOJSON).read_text())["features"]
    assert all(feature["properties"]["over_patrols"].startswith("opened 20") for feature in features if
               feature["properties"].get("number"))  # fmt: skip
    standings = json.loads((made.out / LEDGER / STANDINGS).read_text())["standings"]
    assert sorted(number for one in standings for number in one["incidents"]) == sorted(
        line.number for line in report.incidents
    )


def test_each_incident_is_explained_by_a_picture_and_its_fence_is_archived(run: Any, station: Station) -> None:
    made, report = run.job, run.report
    for line in report.incidents:
        picture = (made.out / line.package / "data" / "context" / "attribution.svg").read_text(encoding="utf-8")
        assert "<svg" in picture
    page = (made.out / MAP).read_text(encoding="utf-8")
    assert "sky-why" in page
    incident = read_patrols(made.out / LEDGER)[0].incidents[0]
    share = incident.attribution.sites[0]
    known = next(site for site in station.jurisdiction.register.sites if site.code == share.key)
    assert site_as_it_was(made.out / ARCHIVE, share.key, share.version).shape.equals(known.shape)


def test_a_hazards_story_does_not_depend_on_the_order_of_processing(first: PatrolRecord, tmp_path: Path) -> None:
    patrols = [
        first,
        later(first, 1, found=True),
        later(first, 2, found=False),
        later(first, 3, found=False, looked=False),
        later(first, 4, found=True),
    ]
    stories = []
    for number, order in enumerate((patrols, patrols[::-1], patrols[2:] + patrols[:2])):
        for patrol in order:
            ledger = keep_patrol(patrol, tmp_path / str(number))
        stories.append([[entry.event for entry in standing.entries] for standing in ledger.standings])
    assert stories[0] == [[Event.OPENED, Event.SEEN_AGAIN, Event.GONE, Event.BACK]] * 2
    assert stories[1] == stories[2] == stories[0]
    assert read_ledger(tmp_path / "0") == ledger


def test_the_report_tells_what_is_gone_late_and_repeated(first: PatrolRecord, station: Station, tmp_path: Path) -> None:
    register = station.jurisdiction.register
    keep_patrol(first, tmp_path)
    number = first.incidents[0].number
    set_deadline(tmp_path, number, first.ended_at + timedelta(days=3))
    again = later(first, 5, found=True)
    again = replace(again, incidents=again.incidents[:1])
    over = tell_over_patrols(keep_patrol(again, tmp_path), again, register, now=again.ended_at)
    assert over.events == {"seen-again": 1, "gone": 1}
    assert [line.incidents for line in over.gone] == [(first.incidents[1].number,)]
    assert [line.incidents for line in over.overdue] == [(number,)]
    told = histories(read_ledger(tmp_path))
    assert "seen again" in told[first.incidents[0].incident_id]
    assert "gone" in tell_story(read_ledger(tmp_path).standings[1])


def test_a_ledger_that_was_changed_by_hand_is_refused(first: PatrolRecord, tmp_path: Path) -> None:
    keep_patrol(first, tmp_path)
    path = tmp_path / f"{first.patrol_id}.json"
    path.write_bytes(path.read_bytes().replace(b'"title":"test"', b'"title": "test"'))
    with pytest.raises(InputRefused, match="canonical"):
        read_patrols(tmp_path)
    path.write_bytes(b'{"schema":"skywarden/patrol-record/1"}')
    with pytest.raises(StoreFailed, match="no record of a patrol"):
        read_patrols(tmp_path)
    (tmp_path / "deadlines.json").write_text("[]")
    with pytest.raises(StoreFailed, match="deadlines"):
        read_deadlines(tmp_path)


def test_more_footage_of_one_flight_replaces_its_record(first: PatrolRecord, tmp_path: Path) -> None:
    keep_patrol(first, tmp_path)
    ledger = keep_patrol(replace(first, patrol_id=patrol_id_of(["more"])), tmp_path)
    assert len(ledger.patrols) == 1
    assert [len(standing.entries) for standing in ledger.standings] == [1, 1]


def test_ground_counts_as_looked_at_by_how_finely_and_how_often(first: PatrolRecord) -> None:
    frames = first.frames
    twice, once = ground_looked_at(frames), ground_looked_at(frames, least_views=1)
    assert [gsd for gsd, _ground in twice] == sorted({gsd for gsd, _ground in twice})
    assert set(dict(twice)) <= set(GRADES_M)
    for (_, finer), (_, coarser) in pairwise(twice):
        assert shapely.difference(finer, coarser).area < 1e-12
    assert dict(twice)[0.16].area < dict(once)[0.16].area
    for incident in first.incidents:
        place = shapely.Point(incident.sighting.point.lon_deg, incident.sighting.point.lat_deg)
        assert dict(twice)[0.16].covers(place)
    # One photo sees, of what its footprint holds, all but a rim of a cell.
    (only,) = [ground for gsd, ground in ground_looked_at(frames[:1], least_views=1) if gsd == 0.16]
    metric = shapely.transform(only, lambda lonlat: to_plane(LocalPlane(origin=frames[0].pose.position), lonlat))
    camera, height = frames[0].camera, frames[0].pose.height_takeoff.metres
    assert metric.area == pytest.approx(camera.width_px * camera.height_px * (height / camera.focal_px) ** 2, rel=0.15)
    blind = [replace(frame, camera=None) for frame in frames]
    assert ground_looked_at(blind) == ()
    assert ground_looked_at(()) == ()


def test_a_patrols_id_depends_on_its_originals_only() -> None:
    assert patrol_id_of(["a", "b"]) == patrol_id_of(["b", "a"]) != patrol_id_of(["a"])


def test_a_time_without_a_zone_is_a_callers_mistake(first: PatrolRecord) -> None:
    with pytest.raises(ValueError, match="time zone"):
        replace(first, ended_at=datetime(2026, 1, 1))  # noqa: DTZ001 - that is the point
    assert first.started_at.tzinfo is UTC
