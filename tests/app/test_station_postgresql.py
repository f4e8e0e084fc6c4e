"""The same station on PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from app.instruments import Station
from app.process import process
from app.processing.job import Job
from app.station.opening import open_station
from app.station.options import StationOptions
from app.station.roles import Role
from app.store.open_store import open_store
from core.clock import FrozenClock
from evidence.cases.life import Decision, Deed
from tests.app.station_world import NOW, Bureau, settle


def test_the_station_works_on_postgresql(fresh_database: str, tmp_path: Path) -> None:
    clock = FrozenClock(instant=NOW)
    options = StationOptions(store=fresh_database, vault=tmp_path / "vault", uploads=tmp_path / "up", language="en")
    open_station(options, clock)
    from django.db import connections

    from app.station.audit import person_of
    from app.station.context import station
    from app.station.models import CaseCard, User

    User.objects.create(username="chief", name="Chief", roles=["administrator"], all_districts=True, created_at=NOW)
    open_station(options, clock)
    bureau = settle(Bureau(store=tmp_path / "none", vault=tmp_path / "vault", clock=clock))
    case = bureau.cases["north"]
    try:
        browser = bureau.browser(Role.REVIEWER)
        for address in ("/", "/incidents?state=lead&period=national-day", f"/incidents/{case}", "/review/queue"):
            assert browser.get(address).status_code == 200, address
        reviewer = person_of(bureau.person(Role.REVIEWER))
        station().store.decide(case, Decision(at=NOW, deed=Deed.TAKEN_UP, people=(reviewer,)))
        assert CaseCard.objects.get(pk=case).state == "in-review"
        assert bureau.browser(Role.AUDITOR).get("/audit").status_code == 200
        said = {"batch": "a", "name": "a.jpg", "size": "9", "modified": "0", "district": "north"}
        assert bureau.browser(Role.PILOT).post("/fleet/uploads", said).status_code == 201
        assert station().store.audit_breaks() == ()
    finally:
        connections["default"].close()


def test_a_run_is_published_into_postgresql_and_taken_in_with_its_pictures(
    fresh_database: str, station: Station, job: Callable[..., Job], tmp_path: Path
) -> None:
    """As ``skywarden process --store postgresql://…`` does it, and then the station that serves that database."""
    store = open_store(fresh_database, station.instruments.clock)
    report = process(job(), replace(station, store=store))
    assert len(store.list_cases()) == len(report.incidents) > 0
    assert store.audit_breaks() == ()
    from app.store.announcing import announce_run  # what knows the tables wants the store opened

    announce_run(tmp_path / "cases", title="card 1", at=NOW, alias=store.alias)
    store.close()
    open_station(
        StationOptions(store=fresh_database, vault=tmp_path / "vault", language="en"), FrozenClock(instant=NOW)
    )
    from django.db import connections

    from app.station.announced_runs import take_in_announced
    from app.station.context import station as console
    from app.station.models import CaseCard, MediaRow

    try:
        assert take_in_announced() == 1
        cards = CaseCard.objects.all()
        assert {card.number for card in cards} == {line.number for line in report.incidents}
        assert {"crop", "annotate", "original"} <= set(MediaRow.objects.values_list("kind", flat=True))
        assert console().store.audit_breaks() == ()
    finally:
        connections["default"].close()
