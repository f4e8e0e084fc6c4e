"""The same station on PostgreSQL."""

from __future__ import annotations

from pathlib import Path

from app.station.opening import open_station
from app.station.options import StationOptions
from app.station.roles import Role
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
