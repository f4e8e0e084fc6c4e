"""``skywarden fly`` from the shell, against the simulated vehicle over TCP."""

from __future__ import annotations

import json
import os
import queue
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from app.commands.flying_arguments import aircraft_of, fault_of, override_of, read_signing_key
from app.commands.flying_orders import order_of, orders_help, take_line
from core.errors import InputRefused
from flight.flight_log import Outcome
from flight.flight_plan import Finding, Severity
from flight.flying.log_file import read_log
from flight.flying.view_stream import SCHEMA
from flight.flying.watch import Order, OrderKind
from flight.plan import plan
from flight.planning.patrol_file import read_patrol
from flight.planning.plan_file import read_plan_file, write_plan_file
from flight.rehearsal.vehicle import RehearsalVehicle
from flight.rehearsal.vehicle_faults import FaultKind, Phase

pytestmark = pytest.mark.wall_clock  # a simulated flight at many times its speed: run alone

ROOT = Path(__file__).resolve().parents[2]
PATROL = ROOT / "tests/app/patrol-short.yaml"


def _skywarden(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "SKYWARDEN_LANG": "en", "COLUMNS": "160", "NO_COLOR": "1"}
    return subprocess.run(
        [sys.executable, "-m", "app", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def test_a_sortie_is_checked_flown_and_logged(tmp_path: Path) -> None:
    made = _skywarden("plan", str(PATROL), "--out", str(tmp_path), "--formats", "json")
    assert made.returncode == 0, made.stderr
    log, stream = tmp_path / "sortie.jsonl", tmp_path / "views.jsonl"
    with RehearsalVehicle(read_patrol(PATROL).home, speedup=15.0, seed=3) as vehicle:
        flown = _skywarden(
            "fly", str(tmp_path / "plan.json"), "--patrol", str(PATROL), "--connect", vehicle.address,
            "--log", str(log), "--stream", str(stream), "--yes", "--set-guards",
            "--override", "clock:the duty officer:a rehearsal runs fifteen times as fast",
        )  # fmt: skip
    assert flown.returncode == 0, flown.stdout + flown.stderr
    assert " 1. ✓" in flown.stdout
    told = read_log(log)
    assert told.outcome is Outcome.COMPLETED
    assert len(told.triggers) >= 4
    overrides = [event.text for event in told.events if event.kind == "override"]
    assert overrides == ["clock: the duty officer: a rehearsal runs fifteen times as fast"]
    assert any(event.kind == "guard" and event.text.startswith("RTL_ALT set to") for event in told.events)
    views = [json.loads(line) for line in stream.read_text(encoding="utf-8").splitlines()]
    assert len(views) > 10
    for view in views:
        jsonschema.validate(view, SCHEMA)
    tlog, geojson = tmp_path / "sortie.tlog", tmp_path / "sortie.geojson"
    exported = _skywarden("log", "export", str(log), "--tlog", str(tlog), "--geojson", str(geojson))
    assert exported.returncode == 0, exported.stderr
    assert tlog.read_bytes()[8] == 0xFD, "a packet of MAVLink 2 behind its time"
    kinds = {feature["properties"]["kind"] for feature in json.loads(geojson.read_text(encoding="utf-8"))["features"]}
    assert kinds == {"track", "photograph", "event"}
    shown = _skywarden("log", "show", str(log))
    assert "mission loaded and verified" in shown.stdout
    again = _skywarden(
        "fly", str(tmp_path / "plan.json"), "--patrol", str(PATROL), "--connect", "tcp:127.0.0.1:1", "--log", str(log)
    )
    assert (again.returncode, "holds a flight already" in again.stderr) == (3, True)


def test_without_an_approval_nothing_takes_off(tmp_path: Path) -> None:
    made = _skywarden("plan", str(PATROL), "--out", str(tmp_path), "--formats", "json")
    assert made.returncode == 0, made.stderr
    text = PATROL.read_text(encoding="utf-8")
    unapproved = tmp_path / "unapproved.yaml"
    unapproved.write_text(text[: text.index("approval:")] + text[text.index("wind:") :], encoding="utf-8")
    with RehearsalVehicle(read_patrol(PATROL).home, speedup=10.0) as vehicle:
        refused = _skywarden(
            "fly", str(tmp_path / "plan.json"), "--patrol", str(unapproved), "--connect", vehicle.address,
            "--log", str(tmp_path / "never.jsonl"), "--yes",
        )  # fmt: skip
        assert not vehicle.armed
    assert refused.returncode == 1
    assert "approval" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("fly", "{plan}", "--connect", "tcp:127.0.0.1:1"), 1, "no flight approval"),
        (("fly", "{plan}", "--connect", "tcp:127.0.0.1:1", "--sortie", "9"), 3, "has no sortie 9"),
        (("fly", "{plan}", "--connect", "tcp:127.0.0.1:1", "--patrol", "{patrol}"), 1, "cannot be opened"),
        (("fly", "{plan}", "--connect", "carrier pigeon", "--patrol", "{patrol}"), 1, "no MAVLink address"),
        (("fly", "{plan}", "--connect", "x", "--patrol", "{other}"), 3, "is a plan of"),
        (("fly", "{plan}", "--connect", "x", "--patrol", "{patrol}", "--override", "mood:me:fine"), 3, "no line of"),
        (("fly", "{plan}", "--connect", "x", "--patrol", "{patrol}", "--signing-key", "{plan}"), 3, "no signing key"),
        (("fly", "{patrol}", "--connect", "x"), 3, "this is not JSON"),
        (("fly", "{unlawful}", "--connect", "x", "--patrol", "{patrol}"), 1, "checklist has failures: height-limit"),
        (
            ("fly", "{unlawful}", "--connect", "x", "--patrol", "{patrol}", "--override", "plan:me:I want to"),
            1,
            "checklist has failures",
        ),
        (("fly", "{unchecked}", "--connect", "x", "--patrol", "{patrol}"), 1, "carries no checklist"),
        (
            (
                "fly-together", "{plan}", "--logs", "{tmp}", "--simulator",
                "--aircraft", "A=1@tcp:127.0.0.1:1", "--aircraft", "A=1@tcp:127.0.0.1:2",
            ),
            3,
            "two aircraft",
        ),
        (("fly-together", "{plan}", "--logs", "{tmp}", "--aircraft", "A"), 3, "names no aircraft"),
        (("log", "export", "{plan}", "--tlog", "{tmp}/x"), 3, "is no flight log"),
        (("log", "export", "{plan}"), 3, "as what"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_one_sentence(
    tmp_path_factory: pytest.TempPathFactory, arguments: tuple[str, ...], code: int, words: str
) -> None:
    folder = tmp_path_factory.mktemp("plan")
    write_plan_file(plan(read_patrol(PATROL)), folder / "plan.json")
    other = folder / "other.yaml"
    other.write_text(
        re.sub(r"(?m)^name:.*$", "name: another one", PATROL.read_text(encoding="utf-8")), encoding="utf-8"
    )
    made = read_plan_file(folder / "plan.json")
    breach = Finding(code="height-limit", severity=Severity.FAIL, text="130 m over the road")
    write_plan_file(replace(made, findings=(*made.findings, breach)), folder / "unlawful.json")
    write_plan_file(replace(made, findings=()), folder / "unchecked.json")
    named = {"{unlawful}": folder / "unlawful.json", "{unchecked}": folder / "unchecked.json"}
    named |= {"{plan}": folder / "plan.json", "{patrol}": PATROL, "{other}": other, "{tmp}": folder / "logs"}
    filled = [
        next((one.replace(key, str(path)) for key, path in named.items() if key in one), one) for one in arguments
    ]
    done = _skywarden(*filled)
    assert (done.returncode, words in done.stderr) == (code, True), done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr


def test_a_line_goes_to_the_aircraft_that_it_names() -> None:
    queues: dict[str, queue.SimpleQueue[Order]] = {"A": queue.SimpleQueue(), "B": queue.SimpleQueue()}
    assert take_line("A s 3", queues)
    assert take_line("all return", queues)
    assert not take_line("return", queues)
    assert not take_line("C p", queues)
    assert [queues["A"].get_nowait().kind for _number in range(2)] == [OrderKind.SKIP, OrderKind.RETURN]
    assert queues["B"].get_nowait().kind is OrderKind.RETURN
    assert "A, B" in orders_help(["A", "B"])
    alone: dict[str, queue.SimpleQueue[Order]] = {"": queue.SimpleQueue()}
    assert take_line(" land ", alone)
    assert alone[""].get_nowait().kind is OrderKind.LAND


def test_a_signing_key_is_32_bytes(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("0f" * 32 + "\n", encoding="ascii")
    assert read_signing_key(path) == b"\x0f" * 32
    assert read_signing_key(None) is None
    path.write_text("0f" * 31, encoding="ascii")
    with pytest.raises(InputRefused, match="31 bytes"):
        read_signing_key(path)


def test_orders_overrides_and_faults_are_read_or_refused() -> None:
    assert aircraft_of("north=2@serial:/dev/ttyUSB0:57600") == ("north", 2, "serial:/dev/ttyUSB0:57600")
    order = order_of("s 4\n")
    assert order is not None
    assert (order.kind, order.waypoint) == (OrderKind.SKIP, 4)
    assert order_of("x") is None
    assert order_of("l") is None, "to land where it is has to be spelled out"
    assert order_of("s four") is None
    code, decision = override_of("clock: the duty officer : checked: by hand")
    assert (code, decision.name, decision.reason) == ("clock", "the duty officer", "checked: by hand")
    with pytest.raises(InputRefused, match="no override"):
        override_of("clock")
    planned = fault_of("gps-loss:on-mission:20")
    assert (planned.fault.kind, planned.phase, planned.after_s) == (FaultKind.GPS_LOSS, Phase.MISSION, 20.0)
    with pytest.raises(InputRefused, match="no fault"):
        fault_of("gremlins:on-mission")
