"""The whole station in Debian's Chromium, without any network but this machine's own."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyotp
import pytest

from app.station.access import About
from app.station.access_table import PAGES
from app.station.roles import Role
from tests.app.station_server import Served, served
from tests.app.station_world import PASSWORD, open_bureau, settle
from tests.app.test_station_access import OTHER_PARTS

CHROMIUM = shutil.which("chromium")
NOWHERE = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
WIDTHS = {1440: "light", 390: "dark"}

# What an address answers with, without waiting for its end: a stream of events has none.
TYPE_OF = """async (address) => {
    const stop = new AbortController();
    const answer = await fetch(address, {signal: stop.signal});
    const type = answer.status === 204 ? "" : answer.headers.get("Content-Type") || "";
    stop.abort();
    return type;
}"""

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


@dataclass(slots=True)
class World:
    """A station that is served, and a browser."""

    station: Served
    browser: Any
    store: Path
    parts: dict[str, str]
    foreign: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def window(self, width: int = 1440) -> Any:
        """Return a new window, in which every foreign request and every complaint is written down."""
        context = self.browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=WIDTHS[width], base_url=self.station.address
        )
        page = context.new_page()
        ours = (self.station.address, "data:", "blob:")
        page.on("request", lambda asked: None if asked.url.startswith(ours) else self.foreign.append(asked.url))
        page.on("pageerror", lambda error: self.wrong.append(f"{page.url}: {error}"))
        page.on("console", lambda said: self.wrong.append(f"{page.url}: {said.text}") if said.type == "error" else None)
        return page

    def sign_in(self, page: Any, username: str) -> None:
        page.goto("/sign-in")
        page.fill("[name=username]", username)
        page.fill("[name=password]", PASSWORD)
        page.click("main button")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("Debian's Chromium is not installed")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", NOWHERE])
        yield browser
        browser.close()


def _prepare(folder: Path) -> dict[str, str]:
    """Make a store with a person of every role in the north, who all have one password."""

    def work() -> dict[str, str]:
        with open_bureau(folder) as bureau:
            settle(bureau)
            for role in Role:
                user = bureau.person(role)
                user.set_password(PASSWORD)
                user.save()
        return {"incident_id": bureau.cases["north"], "sha256": bureau.files["north"], "code": "north"}

    with ThreadPoolExecutor(max_workers=1) as beside:  # the browser's driver holds this thread's event loop
        return beside.submit(work).result()


@pytest.fixture(scope="module")
def world(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A station with a person of every role."""
    folder = tmp_path_factory.mktemp("station")
    parts = _prepare(folder)
    with served(folder / "store.sqlite3", folder / "vault") as station:
        yield World(station=station, browser=chromium, store=folder / "store.sqlite3", parts=parts)


def _address(route: str, parts: dict[str, str]) -> str:
    return "/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda found: (parts | OTHER_PARTS)[found[1]], route)


def _pages_of(role: Role) -> list[Any]:
    """Return the pages that a person opens with the browser's address bar, each with the first of its roles."""
    shown = {About.NOTHING, About.CASE, About.DISTRICT}
    return [
        page
        for page in PAGES
        if role == min(page.roles, default=None)
        and "GET" in page.methods
        and page.about in shown
        and not page.api
        and page.name not in {"fleet-progress", "api-description"}
    ]


def test_first_start_to_the_first_account_in_a_browser(chromium: Any, tmp_path: Path) -> None:
    with served(tmp_path / "store.sqlite3", tmp_path / "vault") as station:
        world = World(station=station, browser=chromium, store=tmp_path / "store.sqlite3", parts={})
        page = world.window()
        page.goto("/")
        assert page.url.endswith("/setup")
        for name, value in {"token": station.token, "name": "王", "username": "wang"}.items():
            page.fill(f"[name={name}]", value)
        for name in ("password", "again"):
            page.fill(f"[name={name}]", PASSWORD)
        page.click("main button")
        world.sign_in(page, "wang")
        assert page.url.endswith("/account/second-factor")
        secret = page.inner_text("code.secret")
        page.fill("[name=code]", pyotp.TOTP(secret).now())
        page.click("main button")
        page.click("nav >> text=People")
        page.click("text=New account")
        page.fill("[name=username]", "lin")
        page.fill("[name=name]", "林")
        page.check("[value=reviewer]")
        page.check("[name=all_districts]")
        page.click("main .stack button")
        password = page.inner_text("code.secret")
        page.click("text=Sign out")
        page.fill("[name=username]", "lin")
        page.fill("[name=password]", password)
        page.click("main button")
        assert page.url.endswith("/account/password")
        assert world.foreign == []
        assert world.wrong == []


@pytest.mark.parametrize("role", Role)
def test_every_page_at_both_widths_in_both_languages(world: World, role: Role, tmp_path: Path) -> None:
    """Nothing foreign is asked for, nothing is refused by the policy, nothing is wider than the window."""
    shots = Path(os.environ.get("SKYWARDEN_SCREENSHOTS", tmp_path))
    world.foreign.clear()
    world.wrong.clear()
    wide = []
    for width in WIDTHS:
        page = world.window(width)
        world.sign_in(page, f"{role.value}-north")
        for language in ("en", "zh_CN"):
            if page.get_attribute("html", "lang") != language.replace("zh_CN", "zh-CN"):
                page.click(f"button[value={language}]")
            for one in _pages_of(role):
                address = _address(one.route, world.parts)
                if "text/html" not in page.evaluate(TYPE_OF, address):
                    continue  # what a page asks for in its turn, or a file to be saved
                page.goto(address)
                page.wait_for_load_state("load")
                assert page.get_attribute("html", "lang") == language.replace("zh_CN", "zh-CN"), one.name
                page.screenshot(path=shots / f"{one.name}-{role.value}-{language}-{width}.png", full_page=True)
                if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
                    wide.append(f"{one.name} at {width}")
        page.context.close()
    assert world.foreign == []
    assert world.wrong == []
    assert wide == []


def test_a_card_is_sent_from_the_browser_through_a_kill_of_the_station(
    chromium: Any, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    content = os.urandom(20_000_000)
    card = tmp_path_factory.mktemp("card") / "DJI_0042.MP4"
    card.write_bytes(content)
    _prepare(tmp_path)
    store, vault = tmp_path / "store.sqlite3", tmp_path / "vault"
    with served(store, vault) as station:
        world = World(station=station, browser=chromium, store=store, parts={})
        page = world.window()
        world.sign_in(page, "pilot-north")
        page.goto("/fleet")
        page.fill("#upload [name=batch]", "card 42")
        page.set_input_files("[name=files]", card)
        page.route("**/fleet/uploads/*", lambda route: _kill_at(route, station, 8_388_608))
        page.click("#upload button")
        while station.process.poll() is None:
            page.wait_for_timeout(100)  # the driver's events come in while this thread waits in it
        page.unroute_all(behavior="ignoreErrors")
        port = int(station.address.rpartition(":")[2])
        with served(store, vault, port=port):
            page.wait_for_selector("#sending >> text=in the vault", timeout=120_000)
    digest = sha256(content).hexdigest()
    assert sha256((vault / f"objects/sha256/{digest[:2]}/{digest}").read_bytes()).hexdigest() == digest


def _kill_at(route: Any, station: Served, first: int) -> None:
    """Kill the station when the piece that begins at ``first`` is sent."""
    if route.request.headers.get("content-range", "").startswith(f"bytes {first}-"):
        station.kill()
    route.continue_()


def test_what_somebody_saw_in_the_browser_stands_in_the_audit(world: World) -> None:
    page = world.window()
    world.sign_in(page, "reviewer-north")
    page.goto("/incidents")
    page.goto(_address("incidents/<str:incident_id>", world.parts))
    page.context.close()
    with sqlite3.connect(world.store) as store:
        rows = store.execute("SELECT document FROM store_audit ORDER BY seq DESC LIMIT 20").fetchall()
    entries = [json.loads(row) for (row,) in rows]
    subjects = {entry["subject"] for entry in entries if "reviewer-north" in entry["actor"]}
    assert {"page:incidents", "account:reviewer-north"} <= subjects
    assert any(":" not in subject for subject in subjects)  # the case, under its number
