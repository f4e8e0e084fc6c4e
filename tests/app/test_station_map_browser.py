"""The commander's map in Chromium, with no network but the loopback: what happens elsewhere arrives without reload."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from app.station.roles import Role
from benchmarks.station_cases import fill_store, synthetic_incidents
from evidence.cases.life import Decision, Deed, Person
from tests.app.station_browser import PASSWORD, chromium, sign_in
from tests.app.station_server import free_port, served
from tests.app.station_world import NOW, open_bureau
from tests.app.test_station_map import _stream

pytestmark = pytest.mark.browser


def wait(page: Any, question: str) -> None:
    """Wait until the page says yes; its policy lets no script be made of words, so it is asked again and again."""
    end = time.monotonic() + 20
    while not page.evaluate(question):
        assert time.monotonic() < end, question
        time.sleep(0.1)


def test_decisions_and_aircraft_arrive_without_reload(tmp_path: Path) -> None:
    stream = tmp_path / "fly.jsonl"
    stream.touch()
    with open_bureau(tmp_path) as bureau:
        from app.station.context import station
        from app.station.models import CaseCard

        fill_store(synthetic_incidents(30, seed=3))
        case = CaseCard.objects.order_by("number").values_list("pk", flat=True)[0]
        person = Person(name="审", certificate_no="粤1")

        def take_up() -> None:
            station().store.decide(case, Decision(at=NOW, deed=Deed.TAKEN_UP, people=(person,)))
            station().store.close()

        boss = bureau.person(Role.COMMANDER, "", language="en")
        boss.set_password(PASSWORD)
        boss.save()
        with served(bureau.store, bureau.vault, "--stream", str(stream)) as running, chromium() as browser:
            page = browser.new_context(viewport={"width": 390, "height": 844}).new_page()
            faults: list[str] = []
            page.on("pageerror", lambda error: faults.append(str(error)))
            page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
            sign_in(page, running.address, boss.username)
            page.goto(f"{running.address}/map")
            wait(page, "window.Sky?.page?.shownCount === 30")
            assert page.evaluate("document.documentElement.scrollWidth") == 390
            _stream(stream)
            wait(page, "Sky.page.aircraft.size === 1")
            page.evaluate("Sky.page.wanted.state.add('lead'); Sky.page.apply()")
            wait(page, "Sky.page.shownCount === 0")
            with ThreadPoolExecutor(1) as elsewhere:
                elsewhere.submit(take_up).result()
            wait(page, "Sky.page.shownCount === 1")
        assert faults == []


def test_a_map_hears_of_another_process_and_survives_a_restart(tmp_path: Path) -> None:
    """Two processes serve one store; the one that a map is open at is killed, and comes back after a decision."""
    stream, port = tmp_path / "fly.jsonl", free_port()
    stream.touch()
    with open_bureau(tmp_path) as bureau:
        from app.station.models import District

        north = District.objects.create(code="north", name="北区")
        fill_store(synthetic_incidents(30, seed=3), districts=[north.pk])
        for role in (Role.REVIEWER, Role.COMMANDER):
            somebody = bureau.person(role)
            somebody.set_password(PASSWORD)
            somebody.save()
    options = ("--stream", str(stream))
    with chromium() as browser, served(bureau.store, bureau.vault, *options) as other:

        def decide() -> None:
            review.goto(f"{other.address}/review")
            review.keyboard.press("y")
            review.wait_for_selector("text=confirm")

        with served(bureau.store, bureau.vault, *options, port=port) as first:
            page, review = browser.new_context().new_page(), browser.new_context().new_page()
            sign_in(page, first.address, "commander-north")
            sign_in(review, other.address, "reviewer-north")
            page.goto(f"{first.address}/map")
            wait(page, "window.Sky?.page?.shownCount === 30")
            page.evaluate("Sky.page.wanted.state.add('lead'); Sky.page.apply()")
            wait(page, "Sky.page.shownCount === 0")
            decide()
            wait(page, "Sky.page.shownCount === 1")
            first.kill()
        decide()
        with served(bureau.store, bureau.vault, *options, port=port):
            wait(page, "Sky.page.shownCount === 2")
            _stream(stream)
            wait(page, "Sky.page.aircraft.size === 1")
