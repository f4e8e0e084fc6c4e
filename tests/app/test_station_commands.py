"""The station's commands, and what they take in."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from app.commands import build
from app.instruments import Station
from app.process import process
from app.processing.job import Job
from app.station.options import StationOptions
from app.station.roles import Role
from core.errors import InputRefused
from tests.app.station_server import served
from tests.app.station_world import NOW, PASSWORD, Bureau

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "SKYWARDEN_LANG": "en", "COLUMNS": "300", "NO_COLOR": "1"} | more
    return subprocess.run(
        [sys.executable, "-m", "app", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_administrator_is_made_on_the_terminal(tmp_path: Path) -> None:
    call = ("station", "create-admin", "wang", "--store", str(tmp_path / "s.sqlite3"), "--person", "王")
    short = run(*call, SKYWARDEN_STATION_PASSWORD="x" * 5)
    assert short.returncode == 3
    assert "password" in short.stderr
    done = run(*call, SKYWARDEN_STATION_PASSWORD=PASSWORD)
    assert done.returncode == 0, done.stderr
    assert run(*call, SKYWARDEN_STATION_PASSWORD=PASSWORD).returncode == 3  # the name is taken
    assert run("station", "webhooks", "--store", str(tmp_path / "s.sqlite3")).returncode == 0


@pytest.mark.parametrize(
    "options",
    [
        ("--listen", "0.0.0.0:8443"),
        ("--listen", "127.0.0.1"),
        ("--listen", "127.0.0.1:99999"),
        ("--certificate", "c.pem"),
        ("--behind-proxy", "--certificate", "c.pem", "--key", "k.pem"),
    ],
)
def test_a_station_that_would_be_unsafe_is_not_served(tmp_path: Path, options: tuple[str, ...]) -> None:
    call = ["serve", "--store", str(tmp_path / "s.sqlite3"), "--vault", str(tmp_path / "v"), *options]
    done = CliRunner().invoke(build(), call)
    assert isinstance(done.exception, InputRefused)
    assert not (tmp_path / "s.sqlite3").exists()


def test_a_certificate_that_is_none_is_one_sentence(tmp_path: Path) -> None:
    place = ("--store", str(tmp_path / "s.sqlite3"), "--vault", str(tmp_path / "v"), "--listen", "127.0.0.1:0")
    done = run("serve", *place, "--certificate", "none.pem", "--key", "none.pem")
    assert done.returncode == 3, done.stderr
    assert "none.pem" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_store_that_is_none_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "no.sqlite3"
    path.write_bytes(b"this is no database" * 100)
    done = run("serve", "--store", str(path), "--vault", str(tmp_path / "v"))
    assert done.returncode == 1
    assert "cannot be opened" in done.stderr
    assert "Traceback" not in done.stderr


def test_options_check_themselves() -> None:
    assert StationOptions(store="postgresql://x", vault="v").upload_folder is None
    assert StationOptions(store=Path("a/s.db"), vault="v").upload_folder == Path("a/s.db.uploads")
    assert "station.example" in StationOptions(store=Path("s"), vault="v", names=("station.example",)).allowed_hosts
    with pytest.raises(ValueError, match="loopback"):
        StationOptions(store=Path("s"), vault="v", host="192.168.1.2")


def test_a_run_is_taken_in_once_with_its_files(
    bureau: Bureau, station: Station, job: Callable[..., Job], tmp_path: Path
) -> None:
    from app.station.context import station as console
    from app.station.filling import take_in_run
    from app.station.models import CaseCard, MediaRow
    from app.station.vault_keys import media_key

    report = process(job(), station)
    folder, before = tmp_path / "cases", CaseCard.objects.count()
    taken = take_in_run(folder, actor="test", district="north")
    assert (taken.opened, taken.known, taken.refusals) == (len(report.incidents), 0, ())
    assert CaseCard.objects.count() == before + len(report.incidents)
    for row in MediaRow.objects.filter(case__run__isnull=False):
        assert console().vault.size(media_key(row.kind, row.sha256)) == row.size_bytes
        assert row.case.district.code == "north"
    again = take_in_run(folder, actor="test", district="north")
    assert (again.opened, again.known) == (0, len(report.incidents))
    assert console().store.audit_breaks() == ()
    assert bureau.vault.is_dir()


def test_a_run_that_processing_announced_brings_its_pictures_by_itself(
    bureau: Bureau, station: Station, job: Callable[..., Job], tmp_path: Path
) -> None:
    """As ``skywarden process --store`` does it: cases into the store first, whose cards have no pictures yet."""
    from app.station.announced_runs import take_in_announced
    from app.station.cards import fill_missing_cards
    from app.station.context import station as console
    from app.station.models import CaseCard, MediaRow
    from app.store.announcing import announce_run
    from app.store.models import AnnouncedRun

    instruments = replace(station.instruments, clock=bureau.clock)
    report = process(job(), replace(station, instruments=instruments, store=console().store))
    assert fill_missing_cards() == len(report.incidents)
    cards = CaseCard.objects.filter(number__in=[line.number for line in report.incidents])
    assert not MediaRow.objects.filter(case__in=cards).exists()
    announce_run(tmp_path / "cases", title="card 1", at=NOW, alias="default")
    announce_run(tmp_path / "gone", title="elsewhere", at=NOW, alias="default")
    assert take_in_announced() == 1
    assert {card.run.title for card in cards.select_related("run")} == {"card 1"}
    for card in cards:
        assert {"crop", "annotate", "original"} <= set(card.media.values_list("kind", flat=True))
    assert "no report" in AnnouncedRun.objects.get(title="elsewhere").words
    assert take_in_announced() == 0
    assert console().store.audit_breaks() == ()


def test_a_run_that_cannot_be_read_is_shown_with_the_reason_and_read_again(bureau: Bureau, tmp_path: Path) -> None:
    from app.station.announced_runs import take_in_announced
    from app.station.models import District, Run
    from app.store.announcing import announce_run
    from app.store.models import AnnouncedRun

    announce_run(tmp_path / "away", title="<b>card 7</b>", at=NOW, alias="default")
    Run.objects.create(folder=str(tmp_path / "gone"), title="晨巡", started_at=NOW, finished_at=NOW, imported_at=NOW,
                       report="{}", imported_by="x", district=District.objects.get(code="north"))  # fmt: skip
    assert take_in_announced() == 0
    run = AnnouncedRun.objects.get()
    for district, seen in (("north", True), ("south", False), ("", True)):
        page = bureau.browser(Role.PILOT, district).get("/fleet").content.decode()
        assert "&lt;b&gt;card 7&lt;/b&gt;" in page
        assert "holds no report of a finished run" in page  # the reason
        assert "skywarden station import" in page  # and what to do
        assert ("晨巡" in page) is seen  # a run of another district does not exist
        assert ("Read it again" in page) is (district == "")
    address = f"/fleet/unread/{run.pk}"
    assert bureau.browser(Role.PILOT, "north").post(address, {"deed": "again"}).status_code == 404
    everywhere = bureau.browser(Role.PILOT, "")
    assert everywhere.post(address, {"deed": "burn"}).status_code == 400
    assert everywhere.post(address, {"deed": "again"}).status_code == 302
    assert AnnouncedRun.objects.get().taken_at is None
    assert take_in_announced() == 0  # it was looked for again
    assert AnnouncedRun.objects.get().words
    assert everywhere.post(address, {"deed": "forget"}).status_code == 302
    assert "card 7" not in everywhere.get("/fleet").content.decode()
    assert everywhere.post(address, {"deed": "again"}).status_code == 404
    assert take_in_announced() == 0


def test_a_store_that_no_station_ever_opened_is_served_with_its_runs(
    station: Station, job: Callable[..., Job], tmp_path: Path
) -> None:
    """``process --store`` makes the store; a station started on it later finds its cases and their pictures."""
    from app.store.announcing import announce_run
    from app.store.open_store import open_store

    path = tmp_path / "fresh.sqlite3"
    store = open_store(path, station.instruments.clock)
    report = process(job(), replace(station, store=store))
    announce_run(tmp_path / "cases", title="card 1", at=NOW, alias=store.alias)
    assert report.incidents

    def asked(sql: str) -> int:
        with closing(sqlite3.connect(path)) as line:
            return int(line.execute(sql).fetchone()[0])

    assert asked("SELECT count(*) FROM sqlite_master WHERE name LIKE 'station_%'") == 0
    with served(path, tmp_path / "vault"):
        deadline = time.monotonic() + 120
        while not asked("SELECT count(*) FROM store_announced_run WHERE taken_at IS NOT NULL"):
            assert time.monotonic() < deadline
            time.sleep(0.5)
    assert asked("SELECT count(*) FROM store_announced_run WHERE words <> ''") == 0
    assert asked("SELECT count(*) FROM store_case") == len(report.incidents)
    assert asked("SELECT count(DISTINCT case_id) FROM station_media") == len(report.incidents)
    assert asked("SELECT count(*) FROM station_run") == 1


def test_an_altered_file_of_a_package_is_not_taken_in(
    bureau: Bureau, station: Station, job: Callable[..., Job], tmp_path: Path
) -> None:
    from app.station.filling import take_in_run

    process(job(), station)
    for crop in (tmp_path / "cases/packages").rglob("*crop*.jpg"):
        crop.chmod(0o644)
        crop.write_bytes(crop.read_bytes() + b"x")
    refusals = take_in_run(tmp_path / "cases", actor="test").refusals
    assert refusals
    assert {refusal.code for refusal in refusals} == {"altered"}
    assert bureau.vault.is_dir()


def test_a_folder_that_is_no_run_and_a_district_that_is_none_are_refused(bureau: Bureau, tmp_path: Path) -> None:
    from app.station.filling import take_in_run

    assert bureau.store.exists()
    with pytest.raises(InputRefused, match="no report"):
        take_in_run(tmp_path, actor="test")


def test_an_outline_puts_a_case_into_its_district(bureau: Bureau) -> None:
    from app.station.cards import Districts, make_card
    from app.station.models import District
    from benchmarks.station_cases import synthetic_incidents

    square: Any = "[[[113,22],[114,22],[114,24],[113,24],[113,22]]]"
    District.objects.filter(code="south").update(outline=f'{{"type":"Polygon","coordinates":{square}}}')
    outlines = Districts(District.objects.all())
    [incident] = synthetic_incidents(1, seed=77)
    assert make_card(incident, districts=outlines).district.code == "south"
    assert outlines.holding(0.0, 0.0) is None
    assert bureau.store.exists()


def test_every_decision_has_a_name_for_readers() -> None:
    from datetime import UTC, datetime

    from app.station.environment import decision_name
    from evidence.cases.life import Decision, Deed, Document, Person, Verdict

    told = {"at": datetime(2026, 10, 1, tzinfo=UTC), "people": (Person(name="陈", certificate_no="粤A"),)}
    names = [decision_name(Decision(deed=Deed.VERDICT, verdict=verdict, **told)) for verdict in Verdict]
    names += [
        decision_name(Decision(deed=deed, **told)) for deed in Deed if deed not in {Deed.VERDICT, Deed.DOCUMENT_ISSUED}
    ]
    assert len(set(names)) == len(names) == len(Verdict) + len(Deed) - 2
    issued = Decision(deed=Deed.DOCUMENT_ISSUED, document=Document.RECTIFICATION_ORDER, **told)
    assert decision_name(issued) == "责令限期整改指令书"


def test_every_entry_of_the_audit_has_a_name_for_readers() -> None:
    from app.station.environment import action_name
    from evidence.custody import Action

    assert len({action_name(action.value) for action in Action}) == len(Action)
