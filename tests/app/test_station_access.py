"""The access matrix, generated from the access table: role, page, object."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from typing import Any

import pytest

from app.station.access import EVERYBODY, About, Page
from app.station.access_table import PAGES, menu_of
from app.station.roles import Role
from tests.app.station_world import NOW, Bureau

# Values for the parts of addresses that name no object of the access table.
OTHER_PARTS: dict[str, str] = {
    "digest": "0" * 16, "path": "nothing.css", "layer": "0", "z": "0", "x": "0", "y": "0", "form": "csv", "run_id": "1",
    "change": "C-000000", "when": "before",
}  # fmt: skip
UPLOAD = "00000000-0000-4000-8000-000000000000"
CLOSED = [page for page in PAGES if not page.public]
OWNED = [page for page in CLOSED if page.about in {About.CASE, About.MEDIA}]


def address_of(page: Page, bureau: Bureau, district: str = "north") -> str:
    parts = OTHER_PARTS | {
        "incident_id": bureau.cases[district],
        "sha256": bureau.files[district],
        "username": "reviewer-south",
        "code": "north",
        "filter_id": "1",
        "token_id": "1",
        "upload_id": UPLOAD,
    }
    return "/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda found: parts[found[1]], page.route)


def ask(browser: Any, page: Page, address: str) -> Any:
    if page.api:
        user = browser.session.get("_auth_user_id")
        headers = {} if user is None else {"Authorization": f"Bearer {_token(user)}"}
        return browser.get(address, headers=headers)
    return browser.get(address) if "GET" in page.methods else browser.post(address)


def _token(user: str) -> str:
    from app.station.api_tokens import make_token
    from app.station.context import station
    from app.station.models import User

    return make_token(User.objects.get(pk=user), "test", days=1, clock=station().clock)


def keep_filter(bureau: Bureau, role: Role, district: str = "north") -> None:
    """Give the person the saved filter, the token and the upload that addresses name."""
    from app.station.models import ApiToken, SavedFilter, Upload

    dates = {"created_at": NOW, "expires_at": NOW}
    ApiToken.objects.update_or_create(
        id=1, defaults={"owner": bureau.person(role, district), "name": "n", "sha256": "0" * 64, **dates}
    )
    Upload.objects.update_or_create(
        upload_id=UPLOAD,
        defaults={
            "owner": bureau.person(role, district), "batch": "card", "name": "a.jpg", "size_bytes": 9, "modified_ms": 0,
            "begun_at": NOW, "changed_at": NOW,
        },
    )  # fmt: skip
    SavedFilter.objects.update_or_create(id=1, defaults={"owner": bureau.person(role, district), "name": "n"})


@pytest.mark.parametrize("role", Role)
def test_every_page_opens_to_its_roles_and_is_403_to_others(bureau: Bureau, role: Role) -> None:
    bureau.person(Role.REVIEWER, "south")
    wrong = []
    for page in CLOSED:
        keep_filter(bureau, role)
        status = ask(bureau.browser(role), page, address_of(page, bureau)).status_code
        if role in page.roles:
            good = status < 400 or (status == 400 and page.methods != {"GET", "HEAD"})
        else:
            good = status == 403
        if not good:
            wrong.append(f"{role} {page.name}: {status}")
    assert wrong == []


@pytest.mark.parametrize("page", OWNED, ids=lambda page: page.name)
def test_another_districts_objects_do_not_exist(bureau: Bureau, page: Page) -> None:
    for role in page.roles:
        keep_filter(bureau, role)
        browser = bureau.browser(role, "north")
        assert ask(browser, page, address_of(page, bureau, "south")).status_code == 404, role
        assert ask(bureau.browser(role, ""), page, address_of(page, bureau, "south")).status_code in {
            200,
            204,
            302,
            400,
        }


def test_somebody_elses_filter_and_token_do_not_exist(bureau: Bureau) -> None:
    keep_filter(bureau, Role.REVIEWER)
    for address in ("/filters/1/drop", "/account/tokens/1/revoke"):
        assert bureau.browser(Role.OFFICER).post(address).status_code == 404
    assert bureau.browser(Role.REVIEWER).post("/filters/1/drop").status_code == 302


def test_a_stranger_is_sent_to_sign_in(bureau: Bureau) -> None:
    keep_filter(bureau, Role.REVIEWER)
    for page in CLOSED:
        answer = ask(bureau.stranger(), page, address_of(page, bureau))
        if page.api:
            assert answer.headers["WWW-Authenticate"] == "Bearer", page.name
            assert answer.json()["status"] == answer.status_code == 401, page.name
        else:
            assert answer.status_code == 302, page.name
            assert answer.headers["Location"].startswith("/sign-in"), page.name


def test_methods_that_a_page_does_not_name_are_refused(bureau: Bureau) -> None:
    for page in CLOSED:
        browser = bureau.browser(next(iter(sorted(page.roles))))
        for method in {"PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "GET", "POST"} - page.methods:
            assert browser.generic(method, address_of(page, bureau)).status_code == 405, (page.name, method)


def test_a_refused_page_stands_in_the_audit(bureau: Bureau) -> None:
    from app.station.context import station

    assert bureau.browser(Role.PILOT).get("/audit").status_code == 403
    last = station().store.audit()[-1]
    assert (last.subject, dict(last.facts)["refused"]) == ("page:audit", "yes")
    assert last.actor.startswith("某pilot")


def test_every_page_seen_stands_in_the_audit(bureau: Bureau) -> None:
    from app.station.context import station

    browser, case = bureau.browser(Role.REVIEWER), bureau.cases["north"]
    browser.get("/incidents?state=lead")
    browser.get(f"/incidents/{case}")
    seen, read = station().store.audit()[-2:]
    assert (seen.subject, dict(seen.facts)["address"]) == ("page:incidents", "/incidents?state=lead")
    assert read.actor == seen.actor
    assert station().store.audit_breaks() == ()


def test_the_chain_is_checked_on_a_copy_and_an_altered_entry_is_shown(bureau: Bureau) -> None:
    auditor = bureau.browser(Role.AUDITOR)
    assert "The chain holds" in auditor.post("/audit/check").content.decode()
    with closing(sqlite3.connect(bureau.store)) as raw:
        for (trigger,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            raw.execute(f"DROP TRIGGER {trigger}")
        raw.execute("UPDATE store_audit SET document = replace(document, 'synthetic', 'somebody') WHERE seq = 1")
        raw.commit()
    page = auditor.post("/audit/check").content.decode()
    assert "does not hold at entry" in page
    assert [path.name for path in bureau.store.parent.iterdir() if path.name.startswith(".audit-")] == []


def test_the_menu_offers_what_the_table_allows() -> None:
    for role in Role:
        assert all(role in page.roles for page in menu_of(frozenset({role})))
    assert {page.name for page in menu_of(EVERYBODY)} >= {"home", "incidents", "audit", "people", "districts"}


def test_a_page_is_public_or_names_its_roles() -> None:
    with pytest.raises(ValueError, match="public"):
        Page(name="x", route="x", view="x.y")
    with pytest.raises(ValueError, match="incident_id"):
        Page(name="x", route="x", view="x.y", roles=EVERYBODY, about=About.CASE)
