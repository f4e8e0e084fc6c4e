"""First start, sign-in, lockout, second factor, accounts."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyotp
import pytest

from app.station.roles import Role
from tests.app.station_world import HOST, NOW, PASSWORD, Bureau, open_bureau

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Bureau]:
    with open_bureau(tmp_path, fresh=True) as opened:
        yield opened


@pytest.fixture
def quick_hash(bureau: Bureau) -> Iterator[None]:  # noqa: ARG001 - settings must exist before one is overridden
    """Hash passwords quickly; the station's own hasher takes its time on purpose."""
    from django.test import override_settings

    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        yield


def _first_start(**changes: str) -> dict[str, str]:
    from app.station.context import station

    said = {"token": station().setup_token, "username": "wang", "name": "王", "password": PASSWORD, "again": PASSWORD}
    return said | changes


def _member(bureau: Bureau, **fields: Any) -> Any:
    user = bureau.person(Role.REVIEWER)
    user.set_password(PASSWORD)
    for name, value in fields.items():
        setattr(user, name, value)
    user.save()
    return user


def _try(browser: Any, password: str = PASSWORD, username: str = "reviewer-north", **more: str) -> Any:
    return browser.post("/sign-in", {"username": username, "password": password, **more})


def test_at_first_start_only_the_holder_of_the_token_becomes_administrator(fresh: Bureau) -> None:
    from app.station.context import station
    from app.station.models import User

    browser = fresh.stranger()
    for address in ("/", "/incidents", "/people", "/sign-in"):
        assert browser.get(address).headers["Location"] == "/setup"
    for fault in ({"token": "x"}, {"token": ""}, {"again": "other"}, {"password": "short", "again": "short"},
                  {"username": "../x"}, {"name": " "}):  # fmt: skip
        assert browser.post("/setup", _first_start(**fault)).status_code == 403, fault
    assert User.objects.count() == 0
    token = station().setup_token
    assert browser.post("/setup", _first_start()).headers["Location"] == "/sign-in"
    assert browser.get("/setup").status_code == 404
    assert browser.post("/setup", _first_start(token=token, username="second")).status_code == 404
    assert list(User.objects.values_list("username", flat=True)) == ["wang"]
    assert station().store.audit()[-1].subject == "account:wang"
    assert PASSWORD not in str(station().store.audit())


def test_an_administrator_enrols_a_second_factor_before_anything_else(fresh: Bureau) -> None:
    from app.station.models import User

    browser = fresh.stranger()
    browser.post("/setup", _first_start())
    assert browser.post("/sign-in", {"username": "wang", "password": PASSWORD}).headers["Location"] == "/"
    assert browser.get("/people").headers["Location"] == "/account/second-factor"
    page = browser.get("/account/second-factor").content.decode()
    secret = User.objects.get().totp_secret
    assert secret in page
    code = pyotp.TOTP(secret).at(NOW)
    assert browser.post("/account/second-factor", {"code": "000000"}).status_code == 403
    assert browser.post("/account/second-factor", {"code": code}).headers["Location"] == "/"
    assert browser.get("/people").status_code == 200
    assert secret not in browser.get("/account/second-factor").content.decode()
    browser.post("/sign-out")
    again = fresh.stranger()
    assert again.post("/sign-in", {"username": "wang", "password": PASSWORD}).headers["Location"] == "/sign-in/code"
    assert again.get("/people").headers["Location"].startswith("/sign-in")
    assert again.post("/sign-in/code", {"code": code}).status_code == 403  # a code counts once
    fresh.clock.advance(60)
    assert again.post("/sign-in/code", {"code": pyotp.TOTP(secret).at(fresh.clock.now())}).headers["Location"] == "/"
    assert again.get("/people").status_code == 200


@pytest.mark.usefixtures("quick_hash")
def test_five_failures_lock_the_name_for_a_quarter_of_an_hour(bureau: Bureau) -> None:
    _member(bureau)
    browser = bureau.stranger()
    answers = {_try(browser, "wrong").content for _ in range(5)}
    answers.add(_try(browser, username="nobody").content)
    assert len(answers) == 2 or len({len(answer) for answer in answers}) == 1  # nothing tells which it was
    assert _try(browser).status_code == 403
    bureau.clock.advance(15 * 60 + 1)
    assert _try(browser).headers["Location"] == "/"


@pytest.mark.usefixtures("quick_hash")
def test_an_account_that_is_switched_off_is_out_at_once(bureau: Bureau) -> None:
    from app.station.models import User

    _member(bureau)
    browser = bureau.stranger()
    _try(browser)
    assert browser.get("/incidents").status_code == 200
    User.objects.filter(username="reviewer-north").update(is_active=False)
    assert browser.get("/incidents").headers["Location"].startswith("/sign-in")
    assert _try(bureau.stranger()).status_code == 403


@pytest.mark.usefixtures("quick_hash")
@pytest.mark.parametrize("wanted", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:1", "x"])
def test_after_signing_in_nobody_is_sent_elsewhere(bureau: Bureau, wanted: str) -> None:
    _member(bureau)
    assert _try(bureau.stranger(), next=wanted).headers["Location"] == "/"
    assert _try(bureau.stranger(), next="/incidents?state=lead").headers["Location"] == "/incidents?state=lead"


@pytest.mark.usefixtures("quick_hash")
def test_a_password_that_somebody_else_chose_is_changed_first(bureau: Bureau) -> None:
    _member(bureau, must_change_password=True)
    browser = bureau.stranger()
    _try(browser)
    assert browser.get("/incidents").headers["Location"] == "/account/password"
    for new in ("short", "reviewer-north", "123456789012", PASSWORD):
        said = {"old": PASSWORD, "new": new, "again": new}
        assert browser.post("/account/password", said).status_code == 403, new
    said = {"old": PASSWORD, "new": "another fine password", "again": "another fine password"}
    assert browser.post("/account/password", said).headers["Location"] == "/"
    assert browser.get("/incidents").status_code == 200


def test_a_form_of_another_site_is_refused(bureau: Bureau) -> None:
    from django.test import Client

    browser = Client(SERVER_NAME=HOST, enforce_csrf_checks=True)
    browser.force_login(bureau.person(Role.ADMINISTRATOR))
    assert browser.post("/districts/new", {"code": "x", "name": "x"}).status_code == 403


def test_the_last_administrator_stays(bureau: Bureau) -> None:
    from app.station.models import User

    browser = bureau.stranger()
    browser.force_login(User.objects.get(username="chief"))
    User.objects.filter(username="chief").update(totp_confirmed=True)
    assert browser.post("/people/chief", {"name": "Chief", "roles": ["pilot"], "is_active": "on"}).status_code == 400
    assert User.objects.get(username="chief").roles == ["administrator"]


def test_an_account_is_made_with_a_password_shown_once(bureau: Bureau) -> None:
    from app.station.models import User

    browser = bureau.browser(Role.ADMINISTRATOR)
    said = {
        "username": "lin",
        "name": "<b>林</b>",
        "certificate_no": "粤A1",
        "roles": ["reviewer"],
        "districts": ["north"],
    }
    page = browser.post("/people/new", said).content.decode()
    assert "&lt;b&gt;林&lt;/b&gt;" in page
    assert "<b>林</b>" not in page
    user = User.objects.get(username="lin")
    assert user.must_change_password
    assert [district.code for district in user.districts.all()] == ["north"]
    assert browser.post("/people/new", said | {"username": "LIN", "certificate_no": ""}).status_code == 400
    assert browser.post("/people/new", said | {"username": "lin2"}).status_code == 400  # somebody else's certificate


def test_each_person_is_answered_in_their_own_language(bureau: Bureau) -> None:
    browser = bureau.browser(Role.REVIEWER)
    assert 'lang="en"' in browser.get("/").content.decode()
    browser.post("/language", {"language": "zh_CN", "back": "/incidents"})
    assert 'lang="zh-CN"' in browser.get("/").content.decode()
    assert 'lang="en"' in bureau.browser(Role.OFFICER).get("/").content.decode()
    assert browser.post("/language", {"language": "en", "back": "//evil.example"}).headers["Location"] == "/"


def test_guessing_too_often_is_answered_with_429(bureau: Bureau) -> None:
    browser = bureau.stranger()
    guesses = [browser.post("/sign-in", {"username": "", "password": ""}).status_code for _ in range(25)]
    assert 429 not in guesses[:20]
    assert guesses[-1] == 429
    bureau.clock.advance(30)
    assert browser.post("/sign-in", {"username": "", "password": ""}).status_code != 429


def test_an_office_behind_one_address_may_open_the_form_as_often_as_a_page(bureau: Bureau) -> None:
    browser = bureau.stranger()
    assert [browser.get("/sign-in").status_code for _ in range(60)] == [200] * 60
    assert 429 in [browser.get("/sign-in").status_code for _ in range(70)]


DEPLOYED = """
from pathlib import Path
from app.station.options import StationOptions
from app.station.settings import configure_station
options = StationOptions(store=Path({store!r}), vault="vault", behind_proxy=True)
configure_station(options, secret_key="k9-" + "xyzw1" * 12)
from django.core.management import call_command
call_command("check", deploy=True, fail_level="DEBUG")
"""


def test_djangos_own_check_of_a_deployment_finds_nothing(tmp_path: Path) -> None:
    script = DEPLOYED.format(store=str(tmp_path / "s.sqlite3"))
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout + done.stderr


def test_the_models_and_the_migrations_of_the_station_agree(bureau: Bureau) -> None:
    from django.core.management import call_command

    assert bureau.store.exists()
    call_command("makemigrations", "station", check=True, dry_run=True, verbosity=0)


def test_a_role_that_is_none_is_refused_in_a_sentence_and_written_down(
    bureau: Bureau, caplog: pytest.LogCaptureFixture
) -> None:
    from app.station.models import User

    browser = bureau.browser(Role.REVIEWER)
    User.objects.filter(username="reviewer-north").update(roles=["reviewer", "emperor"])
    answer = browser.get("/incidents")
    assert answer.status_code == 403
    assert "a role that this station does not know" in answer.content.decode()
    assert "emperor" in caplog.text
    chief = bureau.browser(Role.ADMINISTRATOR)
    assert "emperor ?" in chief.get("/people").content.decode()
    form = {"name": "某", "certificate_no": "粤1", "roles": ["reviewer"], "districts": ["north"], "is_active": "on"}
    assert chief.post("/people/reviewer-north", form).status_code == 302
    assert browser.get("/incidents").status_code == 200
