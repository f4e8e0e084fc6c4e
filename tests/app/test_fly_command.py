"""``skywarden fly`` from the shell, against the simulated vehicle over TCP."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.commands.flying import fault_of, order_of, override_of
from core.errors import InputRefused
from flight.flight_log import Outcome
from flight.flying.log_file import read_log
from flight.flying.watch import OrderKind
from flight.planning.patrol_file import read_patrol
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
            "fly", str(PATROL), str(tmp_path / "plan.json"), "--connect", vehicle.address,
            "--log", str(log), "--stream", str(stream), "--yes",
            "--override", "clock:the duty officer:a rehearsal runs fifteen times as fast",
        )  # fmt: skip
    assert flown.returncode == 0, flown.stdout + flown.stderr
    assert " 1. ✓" in flown.stdout
    told = read_log(log)
    assert told.outcome is Outcome.COMPLETED
    assert len(told.triggers) >= 4
    views = [json.loads(line) for line in stream.read_text(encoding="utf-8").splitlines()]
    assert len(views) > 10


def test_without_an_approval_nothing_takes_off(tmp_path: Path) -> None:
    made = _skywarden("plan", str(PATROL), "--out", str(tmp_path), "--formats", "json")
    assert made.returncode == 0, made.stderr
    text = PATROL.read_text(encoding="utf-8")
    unapproved = tmp_path / "unapproved.yaml"
    unapproved.write_text(text[: text.index("approval:")] + text[text.index("wind:") :], encoding="utf-8")
    with RehearsalVehicle(read_patrol(PATROL).home, speedup=10.0) as vehicle:
        refused = _skywarden(
            "fly", str(unapproved), str(tmp_path / "plan.json"), "--connect", vehicle.address,
            "--log", str(tmp_path / "never.jsonl"), "--yes",
        )  # fmt: skip
        assert not vehicle.armed
    assert refused.returncode == 1
    assert "approval" in refused.stderr


def test_orders_overrides_and_faults_are_read_or_refused() -> None:
    order = order_of("s 4\n")
    assert order is not None
    assert (order.kind, order.waypoint) == (OrderKind.SKIP, 4)
    assert order_of("x") is None
    assert order_of("s four") is None
    code, decision = override_of("clock: the duty officer : checked: by hand")
    assert (code, decision.name, decision.reason) == ("clock", "the duty officer", "checked: by hand")
    with pytest.raises(InputRefused, match="no override"):
        override_of("clock")
    planned = fault_of("gps-loss:on-mission:20")
    assert (planned.fault.kind, planned.phase, planned.after_s) == (FaultKind.GPS_LOSS, Phase.MISSION, 20.0)
    with pytest.raises(InputRefused, match="no fault"):
        fault_of("gremlins:on-mission")
