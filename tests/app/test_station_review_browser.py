"""A reviewer at the keyboard, in Chromium, with no network but the loopback."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from app.station.roles import Role
from benchmarks.station_cases import fill_store, synthetic_incidents
from tests.app.station_browser import PASSWORD, chromium, drawn_picture, sign_in
from tests.app.station_server import served
from tests.app.station_world import open_bureau

pytestmark = pytest.mark.browser
LEADS = 24


@dataclass(slots=True, kw_only=True)
class Desk:
    """A station with leads, and a browser in which reviewers sign in."""

    address: str
    store: Path
    browser: Any


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("desk")
    with open_bureau(folder) as bureau:
        from app.station.models import CaseCard, District, MediaRow
        from app.station.vault_keys import media_key
        from evidence.originals.vault import open_vault

        north = District.objects.create(code="north", name="北区")
        fill_store(synthetic_incidents(LEADS, seed=9), districts=[north.pk])
        vault = open_vault(str(bureau.vault))
        for number, card in enumerate(CaseCard.objects.all()):
            content = drawn_picture(number)
            digest = sha256(content).hexdigest()
            vault.put(media_key("annotate", digest), content)
            MediaRow.objects.create(case=card, sha256=digest, kind="annotate", name=f"{card.number}.jpg",
                                    media_type="image/jpeg", size_bytes=len(content))  # fmt: skip
        for name, role in (
            ("chen", Role.REVIEWER),
            ("lin", Role.REVIEWER),
            ("zhao", Role.SENIOR_REVIEWER),
            ("reviewer-two", Role.REVIEWER),
        ):
            user = _person(name, role)
            user.set_password(PASSWORD)
            user.save()
            user.districts.set([north])
        with served(bureau.store, bureau.vault) as station, chromium() as browser:
            yield Desk(address=station.address, store=bureau.store, browser=browser)


def _person(name: str, role: Role) -> Any:
    from app.station.models import User
    from tests.app.station_world import NOW

    return User.objects.create(
        username=name, name=name, certificate_no=f"粤{name}", roles=[role.value], created_at=NOW, language="en"
    )


def opened(desk: Desk, username: str, width: int = 1440, height: int = 900) -> tuple[Any, list[str]]:
    """Return a page in which somebody has signed in, and the list that its faults are added to."""
    page = desk.browser.new_context(viewport={"width": width, "height": height}).new_page()
    faults: list[str] = []
    page.on("pageerror", lambda fault: faults.append(str(fault)))
    page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    page.on("request", lambda request: None if request.url.startswith(desk.address) else faults.append(request.url))
    sign_in(page, desk.address, username)
    return page, faults


def number(page: Any) -> str:
    return str(page.get_attribute("[data-review]", "data-number"))


def press(page: Any, *keys: str) -> None:
    """Press keys and wait until another lead is there."""
    before = number(page)
    for key in keys:
        page.keyboard.press(key)
    page.wait_for_function("before => document.querySelector('[data-review]')?.dataset.number !== before", arg=before)


def test_twenty_leads_are_decided_by_keys_alone(desk: Desk) -> None:
    page, faults = opened(desk, "chen")
    page.goto(f"{desk.address}/review")
    seen = []
    for turn in range(20):
        seen.append(number(page))
        if turn % 3:
            press(page, "y")
        else:
            press(page, "n", "1")
    assert len(set(seen)) == 20
    press(page, "s")
    after_skip = number(page)
    press(page, "u")
    assert number(page) == seen[-1]
    press(page, "y")
    assert number(page) == after_skip
    assert "waiting: 4" in page.inner_text(".lead-head")
    assert faults == []


def test_the_last_lead_of_a_queue_is_taken_back_by_its_key(desk: Desk) -> None:
    page, faults = opened(desk, "chen")
    page.goto(f"{desk.address}/review")
    last = number(page)
    page.goto(f"{desk.address}/review?number={last}")
    page.keyboard.press("y")
    page.wait_for_selector(".review-end")
    page.keyboard.press("u")
    page.wait_for_selector(f"[data-number={last}]")
    assert "was taken back" in page.inner_text(".said")
    assert faults == []


def test_zoom_box_point_and_site_by_hand(desk: Desk) -> None:
    page, faults = opened(desk, "lin")
    page.goto(f"{desk.address}/review")
    page.keyboard.press("z")
    assert "zoomed" in (page.get_attribute("[data-viewer]", "class") or "")
    assert page.evaluate(
        "() => { const i = document.querySelector('[data-picture]'); return i.clientWidth === i.naturalWidth }"
    )
    page.keyboard.press("z")
    page.keyboard.press("b")
    frame = page.locator("[data-viewer]").bounding_box()
    page.mouse.move(frame["x"] + 40, frame["y"] + 40)
    page.mouse.down()
    page.mouse.move(frame["x"] + 140, frame["y"] + 90, steps=4)
    page.mouse.up()
    left, top, right, bottom = map(float, page.input_value("#verdict [name=box]").split(","))
    wide = page.evaluate(
        "() => { const i = document.querySelector('[data-picture]'); return i.naturalWidth / i.clientWidth }"
    )
    assert right - left == pytest.approx(100 * wide, abs=2)
    assert bottom - top == pytest.approx(50 * wide, abs=2)
    page.keyboard.press("m")
    page.locator("[data-map]").click(position={"x": 30, "y": 30})
    assert page.input_value("#verdict [name=point]") != ""
    page.keyboard.press("c")
    chosen = page.input_value("#verdict [name=site]:checked")
    assert chosen
    shown = number(page)
    press(page, "y")

    import sqlite3

    with sqlite3.connect(f"file:{desk.store}?mode=ro", uri=True) as store:
        row = store.execute(
            "SELECT d.document FROM store_decision d JOIN station_case c ON c.case_id = d.case_id "
            "WHERE c.number = ? AND d.deed = 'verdict' AND d.reviewer = '粤lin'", (shown,)
        ).fetchone()  # fmt: skip
    assert chosen in row[0]
    assert '"box_px"' in row[0]
    assert faults == []


def test_two_reviewers_at_once_lose_nothing(desk: Desk) -> None:
    (one, first), (two, second) = opened(desk, "lin"), opened(desk, "reviewer-two")
    for page in (one, two):
        page.goto(f"{desk.address}/review")
    for _turn in range(5):
        press(one, "y")
        press(two, "y")
    assert first == second == []


@pytest.mark.parametrize("width", [390, 1440])
def test_nothing_stands_over_the_edge_of_the_screen(desk: Desk, width: int) -> None:
    page, faults = opened(desk, "zhao", width)
    for place in ("review", "review/queue", "review/days", "review/reviewers", "review/known"):
        page.goto(f"{desk.address}/{place}")
        assert page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth + 1"), place
    assert faults == []
