"""``skywarden follow-up``: what stands, its deadline, the patrol that looks again, and the pictures side by side."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from PIL import Image
from typer.testing import CliRunner

from app.before_after import pairs_of
from app.commands import build
from app.follow_up import CONFIRMED, choose_standings, confirmed_in, plan_recheck
from app.patrol_ledger import PatrolRecord, keep_patrol, patrol_id_of, read_ledger, set_deadline
from core.clock import FrozenClock
from core.errors import InputRefused
from core.points import GeoPoint
from evidence.cases.case_store import MemoryCaseStore
from evidence.cases.life import Decision, Deed, Person, Verdict
from flight.patrol import Patrol, Pattern
from flight.plan import plan
from flight.planning.patrol_file import read_patrol
from flight.planning.patrol_writer import write_patrol
from geofence.attribution import Undecided, Viewpoint

NOW = datetime(2026, 11, 1, tzinfo=UTC)
DEMO = Path(__file__).resolve().parents[2] / "missions" / "demo" / "patrol.yaml"


def again(record: PatrolRecord, days: int, incidents: int) -> PatrolRecord:
    """The same flight some days later, finding only the first incidents."""
    by = timedelta(days=days)
    return replace(
        record,
        patrol_id=patrol_id_of([str(days)]),
        case_folder=f"{record.case_folder}-{days}",
        title=f"day {days}",
        ended_at=record.ended_at + by,
        incidents=record.incidents[:incidents],
    )


@pytest.fixture
def ledger(run: Any, tmp_path: Path) -> Path:
    folder = tmp_path / "patrols"
    keep_patrol(run.record, folder)
    keep_patrol(again(run.record, 7, 1), folder)
    return folder


@pytest.fixture
def like(run: Any) -> Patrol:
    """The demo's patrol, flown where the photos were taken."""
    place = run.record.incidents[0].sighting.point
    demo = read_patrol(DEMO)
    around = shapely.Point(place.lon_deg, place.lat_deg).buffer(0.002)
    home = GeoPoint(lon_deg=place.lon_deg + 0.001, lat_deg=place.lat_deg)
    return replace(demo, home=home, no_fly_zones=(), areas=(replace(demo.areas[0], shape=around, height_agl_m=60.0),))


def call(*arguments: str) -> str:
    done = CliRunner().invoke(build(), ["follow-up", *arguments], env={"COLUMNS": "200"})
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.output


def test_the_patrol_file_looks_again_where_it_was_asked_and_can_be_planned(
    ledger: Path, like: Patrol, run: Any, tmp_path: Path
) -> None:
    write_patrol(like, tmp_path / "like.yaml")
    standing = run.record.incidents[0]
    out = tmp_path / "next" / "follow-up.yaml"
    said = call(
        "plan", str(ledger), "--patrol", str(tmp_path / "like.yaml"), "--out", str(out), "--incident", standing.number
    )
    assert "points" in said
    made = read_patrol(out)
    assert f"# 1: {standing.number}" in out.read_text(encoding="utf-8")
    (area,) = made.areas
    looks = shapely.get_coordinates(area.shape)
    assert len(looks) == 2
    assert looks.mean(axis=0) == pytest.approx(
        [standing.sighting.point.lon_deg, standing.sighting.point.lat_deg], abs=3e-6
    )
    assert area.name == f"1: {standing.number}"
    assert made.approval is None
    planned = plan(made)
    assert sum(sortie.photos for sortie in planned.sorties) >= 2  # ground counts as looked at when two frames saw it


def test_only_what_people_confirmed_is_checked_again(ledger: Path, like: Patrol, run: Any) -> None:
    known = read_ledger(ledger)
    store = MemoryCaseStore(clock=FrozenClock(instant=NOW))
    one, other = run.record.incidents
    for incident in (one, other):
        assert store.open_case(incident, actor="test") is None
    with pytest.raises(InputRefused, match="nothing to check again"):
        choose_standings(known, confirmed_in(store))
    first, second = (Person(name=name, certificate_no=name) for name in "甲乙")
    store.decide(one.incident_id, Decision(at=NOW, deed=Deed.TAKEN_UP, people=(first,)))
    for person in (first, second):
        store.decide(one.incident_id, Decision(at=NOW, deed=Deed.VERDICT, people=(person,), verdict=Verdict.CONFIRM))
    assert confirmed_in(store) == {one.number}
    assert {line.state for line in store.list_cases()} & CONFIRMED
    chosen = choose_standings(known, confirmed_in(store))
    assert [standing.entries[0].sighting_id for standing in chosen] == [one.sighting.sighting_id]
    with pytest.raises(InputRefused, match="nothing to check again"):
        choose_standings(known, {other.number})  # it is gone
    late = [replace(chosen[0], deadline=NOW - timedelta(days=1))]
    recheck = plan_recheck(known, late, like, name="late", now=NOW)
    assert [(area.pattern, area.priority) for area in recheck.patrol.areas] == [(Pattern.ORBIT, 1)]
    assert "2026-10-31" in recheck.note


def test_an_undecided_site_is_looked_at_from_where_it_would_be_decided(ledger: Path, like: Patrol) -> None:
    known = read_ledger(ledger)
    standing = next(one for one in known.standings if one.is_there)
    view = Viewpoint(point=standing.point, height_agl_m=31.0, receiver="rtk", needed_m=0.9, expected_m=0.8)
    patrols = tuple(
        replace(
            patrol,
            incidents=tuple(
                replace(
                    incident,
                    attribution=Undecided(
                        sighting_id=incident.sighting.sighting_id, sites=(), zones=(), reason="a fence", view=view
                    ),
                )
                for incident in patrol.incidents
            ),
        )
        for patrol in known.patrols
    )
    recheck = plan_recheck(replace(known, patrols=patrols), [standing], like, name="x", now=NOW)
    assert [area.height_agl_m for area in recheck.patrol.areas] == [31.0]
    assert [area.height_agl_m for area in plan_recheck(known, [standing], like, name="x", now=NOW).patrol.areas] == [
        60.0
    ]


def test_the_pictures_show_the_same_ground(ledger: Path) -> None:
    pairs = list(pairs_of(read_ledger(ledger, with_frames=True), {}))
    assert [(pair.verdict, pair.there) for pair in pairs] == [("seen again", True), ("gone", False)]
    for pair in pairs:
        assert pair.before is not None
        assert pair.after is not None
        before, after = (
            np.asarray(Image.open(io.BytesIO(picture.jpeg)).convert("L"), dtype=float)[40:-40, 40:-40].ravel()
            for picture in (pair.before, pair.after)
        )
        assert np.corrcoef(before, after)[0, 1] > 0.5, pair.after.caption
    assert "day 7" in (pairs[1].after.caption if pairs[1].after else "")


def test_the_page_is_one_file_and_the_pictures_lie_beside_it(ledger: Path, run: Any, tmp_path: Path) -> None:
    number = run.record.incidents[0].number
    call("deadline", str(ledger), number, "--by", "2026-08-01")
    assert "past" in call("list", str(ledger))
    said = call("compare", str(ledger), "--out", str(tmp_path / "page"))
    assert "2 hazards looked at twice, 4 pictures" in said
    page = (tmp_path / "page" / "before-after.html").read_text(encoding="utf-8")
    assert not re.search(r"""(src|href)\s*=\s*["']?http""", page)
    inline = re.findall(r"base64,([A-Za-z0-9+/=]+)", page)
    files = sorted((tmp_path / "page" / "images").iterdir())
    assert {base64.b64decode(text) for text in inline} == {path.read_bytes() for path in files}


def test_pictures_that_no_longer_exist_are_said_to_be_missing(ledger: Path, run: Any, tmp_path: Path) -> None:
    lost = again(run.record, 14, 2)
    keep_patrol(replace(lost, footage=str(tmp_path / "nowhere"), case_folder=str(tmp_path / "lost")), ledger)
    pairs = list(pairs_of(read_ledger(ledger, with_frames=True), {}))
    assert [pair.after for pair in pairs] == [None, None]
    call("compare", str(ledger), "--out", str(tmp_path / "page"))
    assert "shows this ground any more" in (tmp_path / "page" / "before-after.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("list", "{tmp}"), "no ledger of patrols"),
        (("compare", "docs", "--out", "{tmp}/page"), "no ledger of patrols"),
        (("plan", "{ledger}", "--patrol", str(DEMO), "--out", "{tmp}/x.yaml"), "without saying of what"),
        (
            ("plan", "{ledger}", "--patrol", str(DEMO), "--out", "{tmp}/x.yaml", "--incident", "H99-NONE"),
            "nothing to check again",
        ),
        (
            ("plan", "{ledger}", "--patrol", "README.md", "--out", "{tmp}/x.yaml", "--unreviewed"),
            r"README\.md",
        ),
        (("plan", "{ledger}", "--patrol", str(DEMO), "--out", "{tmp}/x.yaml", "--store", "{tmp}/s.db"), "no store"),
        (("deadline", "{ledger}", "H99-NONE", "--by", "2026-10-01"), "no patrol of this ledger"),
    ],
)
def test_what_cannot_be_followed_up_is_refused(
    ledger: Path, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    empty = tmp_path / "empty" / "inner"
    empty.mkdir(parents=True)
    with pytest.raises(InputRefused, match=words):
        call(*(argument.format(tmp=empty, ledger=ledger) for argument in arguments))
    assert not (empty / "x.yaml").exists()


def test_a_deadline_holds_until_the_end_of_its_day_in_beijing(ledger: Path, run: Any) -> None:
    number = run.record.incidents[0].number
    call("deadline", str(ledger), number, "--by", "2026-12-01")
    standing = read_ledger(ledger).standings[0]
    assert standing.deadline == datetime(2026, 12, 1, 15, 59, 59, tzinfo=UTC)
    set_deadline(ledger, number, NOW)
    assert read_ledger(ledger).standings[0].deadline == NOW
