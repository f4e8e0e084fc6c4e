"""Two stations on one PostgreSQL at once: started together, one kills, the other goes on."""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from app.station.opening import open_station
from app.station.options import StationOptions
from app.station.roles import Role
from app.store.claims import alone, claimed
from benchmarks.station_cases import synthetic_incidents
from core.clock import SystemClock
from core.refusal import Refusal
from evidence.cases.life import Decision, Deed, Life, Person, Verdict
from evidence.incident import Incident
from tests.app.station_server import Served, served
from tests.app.webhook_receiver import Receiver, receiving

CHEN, LIN, WU = (Person(name=name, certificate_no=f"粤{name}") for name in ("陈", "林", "吴"))
pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def told() -> Iterator[Receiver]:
    with receiving() as kept:
        yield kept


@pytest.fixture
def stations(fresh_database: str, tmp_path: Path, told: Receiver) -> Iterator[list[Served]]:
    """Two stations, each with a folder of its own, started at the same moment on an empty database."""
    stacks = [ExitStack(), ExitStack()]

    def start(number: int) -> Served:
        folder = tmp_path / f"station-{number}"
        folder.mkdir()
        options = ("--webhook", told.address)
        return stacks[number].enter_context(served(fresh_database, folder / "vault", *options))

    try:
        with ThreadPoolExecutor(2) as pool:
            yield list(pool.map(start, range(2)))
    finally:
        for stack in stacks:
            stack.close()


@pytest.fixture
def bureau(fresh_database: str, tmp_path: Path) -> Iterator[Any]:
    """This process's own way into the same store, and the cookie of somebody who is signed in."""
    options = StationOptions(store=fresh_database, vault=tmp_path / "vault", uploads=tmp_path / "up", language="en")
    open_station(options, SystemClock())
    from django.db import connections
    from django.test import Client

    from app.station.context import station
    from app.station.models import User

    now = datetime.now(UTC)
    User.objects.create(username="chief", name="Chief", roles=["administrator"], all_districts=True, created_at=now)
    user = User.objects.create(
        username="look",
        name="Look",
        certificate_no="粤look",
        roles=[Role.COMMANDER.value],
        all_districts=True,
        created_at=now,
    )
    browser = Client(SERVER_NAME="127.0.0.1")
    browser.force_login(user)
    try:
        yield station().store, browser.cookies["station"].value
    finally:
        connections["default"].close()


@contextmanager
def _asked(at: Served, path: str, cookie: str) -> Iterator[http.client.HTTPResponse]:
    line = http.client.HTTPConnection(at.address.removeprefix("http://"), timeout=30)
    try:
        line.request("GET", path, headers={"Cookie": f"station={cookie}"})
        with line.getresponse() as answer:
            yield answer
    finally:
        line.close()


def _page(at: Served, path: str, cookie: str) -> str:
    with _asked(at, path, cookie) as answer:
        assert answer.status == 200, answer.headers
        return answer.read().decode()


def _confirm(store: Any, incident: Incident) -> list[Life | Refusal]:
    at, key = incident.opened_at, incident.incident_id
    return [
        store.decide(key, Decision(at=at, deed=Deed.TAKEN_UP, people=(CHEN,))),
        *(
            store.decide(key, Decision(at=at, deed=Deed.VERDICT, people=(who,), verdict=Verdict.CONFIRM))
            for who in (CHEN, LIN)
        ),
    ]


def _wait(until: Any, *, seconds: float = 40) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if until():
            return True
        time.sleep(0.2)
    return False


def test_two_stations_show_one_store_tell_everybody_once_and_survive_each_other(
    stations: list[Served], bureau: tuple[Any, str], told: Receiver
) -> None:
    store, cookie = bureau
    first, second = stations
    for one in stations:  # set up and signed in on either, though nobody told them
        assert "incidents" in _page(one, "/incidents", cookie)
    incidents = list(synthetic_incidents(7))
    from app.station.models import CaseCard, WebhookMessage

    with _asked(second, "/map/live", cookie) as live:
        assert live.readline() == b"retry: 3000\n"
        for incident in incidents:
            store.open_case(incident, actor="program:skywarden")
        assert _wait(lambda: CaseCard.objects.count() == len(incidents))  # cards are made once, by one of them
        for incident in incidents[:5]:
            assert all(isinstance(answer, Life) for answer in _confirm(store, incident))
        said = b""
        deadline = time.monotonic() + 30
        while b"event: incidents" not in said and time.monotonic() < deadline:
            said += live.readline()
        assert b"event: incidents" in said
    assert _wait(lambda: len(told.got) >= 5)
    assert incidents[0].number in _page(second, "/incidents", cookie)
    first.kill()
    _confirm(store, incidents[5])
    assert _wait(lambda: len(told.got) >= 6)  # the other takes over
    time.sleep(4)  # another round of both, were there one too many
    ids = [headers["webhook-id"] for headers, _body in told.got]
    assert len(ids) == len(set(ids)) == 6
    assert WebhookMessage.objects.filter(outcome="arrived").count() == 6
    assert incidents[5].number in _page(second, "/incidents", cookie)
    assert store.audit_breaks() == ()


def test_three_reviewers_of_two_stations_lose_and_double_nothing(fresh_database: str, tmp_path: Path) -> None:
    """What each process does through its own connections; a thread's connection is its own, as a process's is."""
    open_station(StationOptions(store=fresh_database, vault=tmp_path / "vault", language="en"), SystemClock())
    from django.db import connections

    from app.station.context import station

    store = station().store
    incidents = list(synthetic_incidents(10))
    at = max(incident.opened_at for incident in incidents)
    for incident in incidents:
        store.open_case(incident, actor="program:skywarden")
        store.decide(incident.incident_id, Decision(at=at, deed=Deed.TAKEN_UP, people=(CHEN,)))

    def review(who: Person) -> list[Life | Refusal]:
        verdict = {"at": at, "deed": Deed.VERDICT, "people": (who,), "verdict": Verdict.CONFIRM}
        try:
            return [store.decide(one.incident_id, Decision(**verdict)) for one in incidents]
        finally:
            connections["default"].close()

    try:
        with ThreadPoolExecutor(3) as pool:
            answers = [answer for given in pool.map(review, (CHEN, LIN, WU)) for answer in given]
        assert sum(isinstance(answer, Life) for answer in answers) == 20
        assert {answer.code for answer in answers if isinstance(answer, Refusal)} == {"out-of-order"}
        assert store.audit_breaks() == ()
    finally:
        connections["default"].close()


def test_what_one_claims_the_other_leaves_until_it_is_let_go_or_dead(fresh_database: str, tmp_path: Path) -> None:
    open_station(StationOptions(store=fresh_database, vault=tmp_path / "vault", language="en"), SystemClock())
    from django.db import connections

    def try_it(what: str = "job 1") -> bool:
        try:
            with claimed(what, alias="default") as ours:
                return ours
        finally:
            connections["default"].close()

    try:
        with ThreadPoolExecutor(1) as other:
            with claimed("job 1", alias="default") as ours:
                assert ours
                assert not other.submit(try_it).result()
                assert other.submit(try_it, "job 2").result()
            assert other.submit(try_it).result()
            with claimed("job 1", alias="default") as ours:
                assert ours
                connections["default"].close()  # as when its process is killed
                assert other.submit(try_it).result()
            with alone("migrate", alias="default"):
                waiting = other.submit(lambda: _in_turn(connections))
                time.sleep(0.3)
                assert not waiting.done()
            assert waiting.result(timeout=10)
    finally:
        connections["default"].close()


def _in_turn(connections: Any) -> bool:
    try:
        with alone("migrate", alias="default"):
            return True
    finally:
        connections["default"].close()
