"""Killed at any moment: what was kept stays, nothing is half there, and the next run goes on.

The worker seals, decides and backs up without pause; it is killed (SIGKILL, nothing can be caught) at a random moment,
again and again, on the same folders and the same store, which is a SQLite file or a PostgreSQL database. ``make
soak-evidence`` does it two hundred times on each.
"""

from __future__ import annotations

import importlib.util
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from app.store.open_store import open_store
from core.clock import FrozenClock
from core.refusal import Refusal
from evidence.cases.case_store import Case
from evidence.cases.life import Decision, Deed, Person, Verdict, state_of
from evidence.custody import Action, first_break
from evidence.incident import State
from evidence.verify import verify

KILLS = int(os.environ.get("SKYWARDEN_KILLS", "5"))  # make soak-evidence kills two hundred times
REVIEWERS = tuple(Person(name=name, certificate_no=f"A{index}") for index, name in enumerate("陈林"))


def _conftest() -> Any:
    spec = importlib.util.spec_from_file_location("case_factory", Path(__file__).with_name("conftest.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["case_factory"] = module
    spec.loader.exec_module(module)
    return module


def work(folder: Path, where: Path | str) -> None:
    """Seal, decide and back up until killed; print what is promised to be kept, after it is."""
    factory = _conftest()
    store = open_store(where, FrozenClock(instant=factory.START))
    index = len(list((folder / "packages").glob("H13-*"))) if (folder / "packages").exists() else 0
    print("ready", flush=True)  # noqa: T201 - the worker speaks to its parent
    while True:
        case = factory.make_case(folder / "cards" / str(index), photos=1, label=f"vehicle {index}", size=16)
        incident = case.incident
        if not (folder / "packages" / incident.number).exists():
            case.seal(folder / "packages", derived=())
        print("sealed", incident.number, flush=True)  # noqa: T201
        store.open_case(incident, actor="program:skywarden")
        decisions = [Decision(at=incident.opened_at, deed=Deed.TAKEN_UP, people=REVIEWERS[:1])]
        decisions += [
            Decision(at=incident.opened_at, deed=Deed.VERDICT, people=(who,), verdict=Verdict.CONFIRM)
            for who in REVIEWERS
        ]
        answers = [store.decide(incident.incident_id, decision) for decision in decisions]
        if not any(isinstance(answer, Refusal) for answer in answers):
            print("confirmed", incident.incident_id, flush=True)  # noqa: T201
        backup = folder / "backups" / f"{index}.sqlite3"
        if not backup.exists():
            store.back_up(backup)
            print("backed-up", backup.name, flush=True)  # noqa: T201
        index += 1


def kill_at_random(folder: Path, where: Path | str, kills: int, seed: int) -> dict[str, int]:
    """Run the worker and kill it ``kills`` times; check every promise after each; return what was counted."""
    dice = random.Random(seed)  # noqa: S311 - moments of death, no secret
    promised: dict[str, set[str]] = {"sealed": set(), "confirmed": set(), "backed-up": set()}
    for _round in range(kills):
        worker = subprocess.Popen(
            [sys.executable, __file__, "--work", str(folder), str(where)],
            stdout=subprocess.PIPE,
            encoding="utf-8",
            cwd=Path(__file__).parents[2],
            env={"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": "/usr/bin:/bin"},
        )
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
        # So many promises first, so that a slow machine gets somewhere too; then anywhere within the next step.
        lines = [worker.stdout.readline() for _promise in range(dice.randrange(6))]
        time.sleep(dice.uniform(0.0, 0.15))
        worker.kill()
        for line in [*lines, *worker.stdout.read().splitlines(keepends=True)]:
            if line.endswith("\n"):
                word, subject = line.split()
                promised[word].add(subject)
        worker.stdout.close()
        worker.wait()
    factory = _conftest()
    trusted = factory.make_case(folder / "trust", photos=1).trusted
    packages = {path.name: path for path in (folder / "packages").iterdir() if not path.name.startswith(".")}
    assert promised["sealed"] <= set(packages)
    for package in packages.values():
        assert verify(package, trusted_keys=trusted).findings == (), package
    clock = FrozenClock(instant=factory.START)
    store = open_store(where, clock)
    assert store.audit_breaks() == ()
    confirmed = {line.incident_id for line in store.list_cases(state=State.CONFIRMED_LEAD)}
    assert promised["confirmed"] <= confirmed
    for line in store.list_cases():
        kept = store.read_case(line.incident_id, viewer=REVIEWERS[0])
        assert isinstance(kept, Case)
        assert state_of(kept.life) is line.state
        assert len(kept.life.decisions) <= 3
    audit = store.audit()
    assert first_break(audit) is None
    assert sum(entry.action is Action.OPENED for entry in audit) == len(store.list_cases())
    store.close()
    backups = sorted((folder / "backups").glob("[0-9]*.sqlite3"))
    assert promised["backed-up"] <= {backup.name for backup in backups}
    for backup in backups[-10:]:
        copy = open_store(backup, clock)
        assert copy.audit_breaks() == ()
        copy.close()
    return {"kills": kills, "packages": len(packages), "confirmed": len(confirmed), "backups": len(backups)}


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_killed_at_random_nothing_is_lost_and_nothing_is_half_there(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    where = tmp_path / "store.sqlite3" if kind == "sqlite" else request.getfixturevalue("fresh_database")
    counted = kill_at_random(tmp_path, where, KILLS, seed=9)
    assert counted["packages"] >= 1
    assert counted["confirmed"] >= 1
    assert counted["backups"] >= 1
    factory = _conftest()
    case = factory.make_case(tmp_path / "last", photos=1, label="the last one")
    case.seal(tmp_path / "packages", derived=())
    store = open_store(where, FrozenClock(instant=factory.START))
    store.back_up(tmp_path / "backups" / "last.sqlite3")
    store.close()
    left = [path for place in ("packages", "backups") for path in (tmp_path / place).iterdir() if path.name[0] == "."]
    assert left == []  # the next run swept what the killed ones left


if __name__ == "__main__":
    _flag, place, store_at = sys.argv[1:]
    work(Path(place), store_at if store_at.startswith("postgresql://") else Path(store_at))
