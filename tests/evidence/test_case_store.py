"""One contract, every store: the twin in memory, the one on SQLite and the one on PostgreSQL."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from app.store.open_store import open_store
from app.store.restoring import restore_store
from core.clock import FrozenClock
from core.errors import InputRefused, IntegrityFailed, StoreFailed
from core.refusal import Refusal
from evidence.cases.case_store import Case, CaseStore, MemoryCaseStore, custody_of
from evidence.cases.life import Decision, Deed, Document, Life, Person, Quality, Reason, Verdict, state_of
from evidence.cases.order_rules import DOCUMENT_ORDER
from evidence.custody import Action, Flaw, first_break
from evidence.incident import State

CHEN, LIN, WU = (Person(name=name, certificate_no=f"粤A{number}") for number, name in enumerate(("陈", "林", "吴")))


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, case: Any, tmp_path: Path) -> Iterator[CaseStore]:
    clock = FrozenClock(instant=case.incident.opened_at + timedelta(hours=1))
    if request.param == "memory":
        yield MemoryCaseStore(clock=clock)
        return
    where = tmp_path / "store.sqlite3" if request.param == "sqlite" else request.getfixturevalue("fresh_database")
    kept = open_store(where, clock)
    yield kept
    kept.close()


@pytest.fixture
def sqlite_store(case: Any, tmp_path: Path) -> Iterator[Any]:
    kept = open_store(tmp_path / "s.sqlite3", FrozenClock(instant=case.incident.opened_at + timedelta(hours=1)))
    yield kept
    kept.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A store in a database, and the way past it."""

    where: Path | str
    store: Any

    def execute(self, *statements: str) -> None:
        """Run statements as somebody who owns the database does, its triggers and constraints at work."""
        if isinstance(self.where, Path):
            with closing(sqlite3.connect(self.where)) as raw:
                for statement in statements:
                    raw.execute(statement)
                raw.commit()
        else:
            with psycopg.connect(self.where) as raw:
                for statement in statements:
                    raw.execute(statement)  # type: ignore[arg-type] - a literal of this file

    def tamper(self, statements: str) -> None:
        """Run statements with every trigger off."""
        single = [one for one in statements.split(";") if one.strip()]
        if isinstance(self.where, Path):
            with closing(sqlite3.connect(self.where)) as raw:
                triggers = raw.execute(TRIGGERS).fetchall()
            self.execute(*(f"DROP TRIGGER {name}" for (name,) in triggers), *single)
        else:
            self.execute("SET session_replication_role = replica", *single)


@pytest.fixture(params=["sqlite", "postgresql"])
def kept(request: pytest.FixtureRequest, case: Any, tmp_path: Path) -> Iterator[Kept]:
    where = tmp_path / "s.sqlite3" if request.param == "sqlite" else request.getfixturevalue("fresh_database")
    store = open_store(where, FrozenClock(instant=case.incident.opened_at + timedelta(hours=1)))
    yield Kept(where=where, store=store)
    store.close()


REFUSED = (sqlite3.IntegrityError, psycopg.IntegrityError)


def _decision(case: Any, deed: Deed, *people: Person, **fields: Any) -> Decision:
    return Decision(at=case.incident.opened_at, deed=deed, people=people or (CHEN,), **fields)


def _confirm(case: Any, store: CaseStore) -> Life:
    key = case.incident.incident_id
    store.decide(key, _decision(case, Deed.TAKEN_UP))
    store.decide(key, _decision(case, Deed.VERDICT, CHEN, verdict=Verdict.CONFIRM))
    life = store.decide(key, _decision(case, Deed.VERDICT, LIN, verdict=Verdict.CONFIRM))
    assert isinstance(life, Life)
    return life


def test_a_case_is_kept_whole_and_opened_once(store: CaseStore, case: Any) -> None:
    assert store.open_case(case.incident, actor="program:skywarden") is None
    again = store.open_case(case.incident, actor="program:skywarden")
    assert isinstance(again, Refusal)
    assert again.code == "already-open"
    kept = store.read_case(case.incident.incident_id, viewer=CHEN)
    assert isinstance(kept, Case)
    assert kept.incident == case.incident
    assert kept.life.decisions == ()
    assert [entry.action for entry in store.audit()] == [Action.OPENED, Action.VIEWED]


def test_decisions_are_appended_and_move_the_state(store: CaseStore, case: Any) -> None:
    store.open_case(case.incident, actor="program:skywarden")
    life = _confirm(case, store)
    assert state_of(life) is State.CONFIRMED_LEAD
    [line] = store.list_cases(state=State.CONFIRMED_LEAD)
    assert line.number == case.incident.number
    assert line.site_code == "91440101MA5XXXXXX1"
    assert store.list_cases(state=State.LEAD) == ()
    kept = store.read_case(case.incident.incident_id, viewer=WU)
    assert isinstance(kept, Case)
    assert kept.life == life
    assert kept.incident.state is State.CONFIRMED_LEAD
    assert store.audit_breaks() == ()


def test_a_refused_decision_changes_nothing(store: CaseStore, case: Any) -> None:
    store.open_case(case.incident, actor="program:skywarden")
    before = store.audit()
    refusal = store.decide(case.incident.incident_id, _decision(case, Deed.CLOSED))
    assert isinstance(refusal, Refusal)
    assert refusal.code == "out-of-order"
    assert store.audit() == before
    gone = store.decide("no such id", _decision(case, Deed.TAKEN_UP))
    assert isinstance(gone, Refusal)
    assert gone.code == "unknown-case"
    assert isinstance(store.read_case("no such id", viewer=CHEN), Refusal)


def test_the_second_reviewer_does_not_see_the_first_verdict(store: CaseStore, case: Any) -> None:
    store.open_case(case.incident, actor="program:skywarden")
    key = case.incident.incident_id
    store.decide(key, _decision(case, Deed.TAKEN_UP))
    store.decide(key, _decision(case, Deed.VERDICT, CHEN, verdict=Verdict.REJECT, reason=Reason.DUPLICATE))
    kept = store.read_case(key, viewer=LIN)
    assert isinstance(kept, Case)
    assert all(decision.verdict is None for decision in kept.life.decisions)


def test_what_is_done_elsewhere_is_noted_and_travels_as_the_cases_own_chain(store: CaseStore, case: Any) -> None:
    store.open_case(case.incident, actor="program:skywarden")
    key = case.incident.incident_id
    assert store.note(key, Action.HANDED_OVER, actor="陈", subject_sha256="ab" * 32, facts={"to": "企业"}) is None
    assert isinstance(store.note("x", Action.SEALED, actor="陈", subject_sha256="ab" * 32, facts={}), Refusal)
    with pytest.raises(ValueError, match="not noted"):
        store.note(key, Action.OPENED, actor="陈", subject_sha256="ab" * 32, facts={})
    chain = custody_of(store.audit(), case.incident.number)
    assert [entry.action for entry in chain] == [Action.OPENED, Action.HANDED_OVER]
    assert first_break(chain) is None
    assert dict(chain[1].facts)["audit_sha256"] == store.audit()[1].sha256


def test_a_clock_set_back_stops_the_store_and_a_moments_correction_does_not(store: Any, case: Any) -> None:
    store.open_case(case.incident, actor="program:skywarden")
    key, right = case.incident.incident_id, store.clock.instant
    store.clock.instant = right - timedelta(seconds=2)
    assert isinstance(store.read_case(key, viewer=CHEN), Case)
    before = store.audit()
    assert before[1].at == before[0].at
    store.clock.instant = right - timedelta(days=1)
    with pytest.raises(IntegrityFailed, match="set back"):
        store.decide(key, _decision(case, Deed.TAKEN_UP))
    assert store.audit() == before
    assert [line.state for line in store.list_cases()] == [State.LEAD]


def test_two_reviewers_at_once_lose_and_double_nothing(store: CaseStore, case_maker: Any) -> None:
    cases = [case_maker(f"c{index}", photos=1, label=f"vehicle {index}") for index in range(12)]
    for case in cases:
        store.open_case(case.incident, actor="program:skywarden")
        store.decide(case.incident.incident_id, _decision(case, Deed.TAKEN_UP))

    def review(person: Person) -> list[Life | Refusal]:
        answers = [
            store.decide(one.incident.incident_id, _decision(one, Deed.VERDICT, person, verdict=Verdict.CONFIRM))
            for one in cases
        ]
        if hasattr(store, "close"):
            store.close()
        return answers

    with ThreadPoolExecutor(max_workers=3) as pool:
        answers = [answer for given in pool.map(review, (CHEN, LIN, WU)) for answer in given]
    taken = [answer for answer in answers if isinstance(answer, Life)]
    refused = [answer for answer in answers if isinstance(answer, Refusal)]
    assert len(taken) == 2 * len(cases)  # a third verdict comes too late for every case
    assert {refusal.code for refusal in refused} == {"out-of-order"}
    assert len(store.list_cases(state=State.CONFIRMED_LEAD)) == len(cases)
    assert store.audit_breaks() == ()
    assert len(store.audit()) == 4 * len(cases)


def test_a_store_opened_again_holds_what_it_held(kept: Kept, case: Any) -> None:
    kept.store.open_case(case.incident, actor="program:skywarden")
    life = _confirm(case, kept.store)
    audit = kept.store.audit()
    kept.store.close()
    again = open_store(kept.where, kept.store.clock)
    assert again.audit() == audit
    found = again.read_case(case.incident.incident_id, viewer=CHEN)
    assert isinstance(found, Case)
    assert found.life == life


# Rows made of rows that are there.
SAME = "SELECT 4, subject, action, document, sha256 FROM store_audit WHERE seq = 1"
ROW = "SELECT {seq}, subject, action, document, '{digest}' FROM store_audit WHERE seq = 1"
OF_CASE = "SELECT incident_id, number, hazard_code, site_code, 'closed', document FROM store_case"
OF_END = "SELECT 1, 2, sha256 FROM store_audit WHERE seq = 1"
COLUMNS = "id, case_id, seq, deed, document"
OF_DECISION = "SELECT id, case_id, seq, 'closed', document FROM store_decision WHERE seq = 1"
# What is tried, on SQLite and on PostgreSQL where they say it in other words.
FORBIDDEN: dict[str, tuple[str, str] | str] = {
    "an entry altered": "UPDATE store_audit SET document = '' WHERE seq = 1",
    "an entry's number altered": "UPDATE store_audit SET seq = 9 WHERE seq = 1",
    "an entry removed": "DELETE FROM store_audit WHERE seq = 1",
    "the last entry removed": "DELETE FROM store_audit WHERE seq = 3",
    "an entry written over": (
        f"INSERT OR REPLACE INTO store_audit {ROW.format(seq=1, digest='x')}",
        f"INSERT INTO store_audit {ROW.format(seq=1, digest='x')} ON CONFLICT (seq) DO UPDATE SET document = ''",
    ),
    "a digest written over": (
        f"INSERT OR REPLACE INTO store_audit {SAME}",
        f"INSERT INTO store_audit {SAME} ON CONFLICT (sha256) DO UPDATE SET seq = 4",
    ),
    "an entry of another chain at the end": f"INSERT INTO store_audit {ROW.format(seq=4, digest='x')}",
    "an entry beyond the end": f"INSERT INTO store_audit {ROW.format(seq=9, digest='x')}",
    "all entries removed": ("DELETE FROM store_audit", "TRUNCATE store_audit"),
    "a decision altered": "UPDATE store_decision SET deed = 'closed'",
    "a decision removed": "DELETE FROM store_decision WHERE seq = 1",
    "a decision written over": (
        f"INSERT OR REPLACE INTO store_decision ({COLUMNS}) {OF_DECISION}",
        f"INSERT INTO store_decision ({COLUMNS}) {OF_DECISION} ON CONFLICT (id) DO UPDATE SET deed = 'closed'",
    ),
    "all decisions removed": ("DELETE FROM store_decision", "TRUNCATE store_decision"),
    "a case removed": "DELETE FROM store_case",
    "all cases removed": ("DELETE FROM store_case", "TRUNCATE store_case CASCADE"),
    **{
        f"a case's {column} altered": f"UPDATE store_case SET {column} = 'x'"  # noqa: S608 - names of columns
        for column in ("incident_id", "number", "hazard_code", "site_code", "document")
    },
    "a case written over": (
        f"INSERT OR REPLACE INTO store_case {OF_CASE}",
        f"INSERT INTO store_case {OF_CASE} ON CONFLICT (incident_id) DO UPDATE SET document = ''",
    ),
    "the end forgotten": "DELETE FROM store_audit_head",
    "the end emptied": ("DELETE FROM store_audit_head", "TRUNCATE store_audit_head"),
    "the end put back": (
        "UPDATE store_audit_head SET entries = 2, sha256 = (SELECT sha256 FROM store_audit WHERE seq = 1)"
    ),
    "the end of another chain": "UPDATE store_audit_head SET entries = 5, sha256 = 'x'",
    "the end written over": (
        f"INSERT OR REPLACE INTO store_audit_head {OF_END}",
        f'INSERT INTO store_audit_head {OF_END} ON CONFLICT ("only") DO UPDATE SET entries = 2',
    ),
}


def test_the_database_itself_refuses_edits(kept: Kept, case: Any) -> None:
    kept.store.open_case(case.incident, actor="program:skywarden")
    _confirm(case, kept.store)
    before = kept.store.audit()

    def refused(tried: tuple[str, str] | str) -> bool:
        statement = tried if isinstance(tried, str) else tried[0 if isinstance(kept.where, Path) else 1]
        try:
            kept.execute(statement)
        except REFUSED as refusal:
            return "append-only" in str(refusal)
        return False

    assert [name for name, tried in FORBIDDEN.items() if not refused(tried)] == []
    assert kept.store.audit() == before
    assert kept.store.audit_breaks() == ()


def test_both_databases_guard_the_same_tables_against_the_same(
    fresh_database: str, sqlite_store: Any, tmp_path: Path
) -> None:
    def guarded(definitions: list[str]) -> set[tuple[str, str]]:
        found = [re.search(r"BEFORE (.*?) ON (?:public\.)?(store_\w+)", one) for one in definitions]
        return {(one[2], event.split()[0]) for one in found if one is not None for event in one[1].split(" OR ")}

    store = open_store(fresh_database, sqlite_store.clock)
    with psycopg.connect(fresh_database) as raw:
        triggers = raw.execute("SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal").fetchall()
    on_postgresql = guarded([one for (one,) in triggers])
    store.close()
    assert sqlite_store.list_cases() == ()
    with closing(sqlite3.connect(tmp_path / "s.sqlite3")) as raw:
        triggers = raw.execute("SELECT sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
    on_sqlite = guarded([one for (one,) in triggers])
    # Emptying a table is a removal of every row on SQLite. What SQLite lets an insertion write over, PostgreSQL counts
    # as a change of the row that stands there, and refuses as one.
    assert {(table, "DELETE") for table, event in on_postgresql if event == "TRUNCATE"} <= on_sqlite
    assert on_sqlite - on_postgresql == {("store_case", "INSERT")}
    assert {one for one in on_postgresql if one[1] != "TRUNCATE"} <= on_sqlite


def test_the_database_itself_wants_two_people(kept: Kept, case: Any) -> None:
    kept.store.open_case(case.incident, actor="program:skywarden")
    _confirm(case, kept.store)
    copy = "INSERT INTO store_decision (case_id, seq, deed, round, place_in_round, reviewer, document) "
    rest = "FROM store_decision WHERE reviewer IS NOT NULL"
    for values, constraint in (
        # The same reviewer again, in another place of the round; and a third verdict of a round.
        (f"SELECT case_id, seq + 9, deed, 1, NULL, 'A9', '' {rest} LIMIT 1", "verdict_has_place"),
        (
            f"SELECT case_id, seq + 9, deed, 1, 3 - place_in_round, reviewer, '' {rest}",
            "second_reviewer_is_another|UNIQUE",
        ),
        (f"SELECT case_id, seq + 9, deed, 1, 2, 'A9', '' {rest} LIMIT 1", "two_verdicts_a_round|UNIQUE"),
        (f"SELECT case_id, seq + 9, deed, 1, 3, 'A9', '' {rest} LIMIT 1", "verdict_has_reviewer"),
    ):
        with pytest.raises(REFUSED, match=constraint):
            kept.execute(copy + values)
    officers = "INSERT INTO store_decision (case_id, seq, deed, officer_1, officer_2, document) "
    for pair in ("'A1', 'A1'", "'A1', NULL"):
        with pytest.raises(REFUSED, match="two_officers_on_site"):
            kept.execute(officers + f"SELECT incident_id, 9, 'checked-on-site', {pair}, '' FROM store_case")  # noqa: S608


def test_the_database_itself_wants_papers_in_order(kept: Kept, case: Any) -> None:
    from importlib import import_module

    order = import_module("app.store.migrations.0004_order_of_papers").ORDER
    assert {paper: set(needed) for paper, needed in order} == {
        paper.value: {one.value for one in needed} for paper, needed in DOCUMENT_ORDER.items()
    }
    kept.store.open_case(case.incident, actor="program:skywarden")
    _confirm(case, kept.store)
    onsite = _decision(case, Deed.CHECKED_ON_SITE, CHEN, LIN, place="gate", note="blocked")
    kept.store.decide(case.incident.incident_id, onsite)
    issue = "INSERT INTO store_decision (case_id, seq, deed, document) SELECT incident_id, "

    def paper(number: int, name: str) -> str:
        return (
            issue
            + f"{number}, 'document-issued', '{json.dumps({'document': name}, ensure_ascii=False)}' FROM store_case"
        )

    for name, _needed in order:
        with pytest.raises(REFUSED, match=f"document_order: {name}"):
            kept.execute(paper(9, name))
    with pytest.raises(REFUSED, match="document_order: 整改复查意见书"):
        kept.execute(issue + "9, 'rectified', '{}' FROM store_case")
    record, *papers = (
        "现场检查记录",
        "责令限期整改指令书",
        "整改复查意见书",
        "立案审批表",
        "行政处罚告知书",
        "行政处罚决定书",
    )
    kept.execute(paper(9, record))
    kept.execute(*(paper(10 + number, name) for number, name in enumerate(papers)))
    kept.execute(issue + "20, 'rectified', '{}' FROM store_case")
    with pytest.raises(REFUSED, match="document_order: 先行登记保存证据处理决定书"):
        kept.execute(paper(21, "先行登记保存证据处理决定书"))


TRIGGERS = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
TAMPERINGS = {
    "altered": ("UPDATE store_audit SET document = replace(document, '陈', '王') WHERE seq = 1", [(1, Flaw.ALTERED)]),
    "first altered": (
        "UPDATE store_audit SET document = replace(document, 'program', 'Program') WHERE seq = 0",
        [(0, Flaw.ALTERED)],
    ),
    "unreadable": ("UPDATE store_audit SET document = '{}' WHERE seq = 2", [(2, Flaw.ALTERED)]),
    "column altered": ("UPDATE store_audit SET action = 'viewed' WHERE seq = 2", [(2, Flaw.ALTERED)]),
    "removed": ("DELETE FROM store_audit WHERE seq = 2", [(2, Flaw.REMOVED)]),
    "two removed": ("DELETE FROM store_audit WHERE seq IN (1, 2)", [(1, Flaw.REMOVED), (2, Flaw.REMOVED)]),
    "removed and closed up": (
        (
            "DELETE FROM store_audit WHERE seq = 1; UPDATE store_audit SET seq = 1 WHERE seq = 2; "
            "UPDATE store_audit SET seq = 2 WHERE seq = 3"
        ),
        [(1, Flaw.REMOVED)],
    ),
    "all removed": ("DELETE FROM store_audit", [(seq, Flaw.REMOVED) for seq in range(4)]),
    "cut off": ("DELETE FROM store_audit WHERE seq = 3", [(3, Flaw.REMOVED)]),
    "end forgotten": ("DELETE FROM store_audit_head", [(4, Flaw.REMOVED)]),
    "exchanged": (
        (
            "UPDATE store_audit SET seq = 9 WHERE seq = 1; UPDATE store_audit SET seq = 1 WHERE seq = 2; "
            "UPDATE store_audit SET seq = 2 WHERE seq = 9"
        ),
        [(1, Flaw.REORDERED)],
    ),
    "put at the end": ("UPDATE store_audit SET seq = 9 WHERE seq = 1", [(1, Flaw.REORDERED)]),
    "inserted at the end": (
        "INSERT INTO store_audit SELECT 4, subject, action, document, 'x' FROM store_audit WHERE seq = 1",
        [(4, Flaw.INSERTED)],
    ),
    "inserted between": (
        (
            "UPDATE store_audit SET seq = 4 WHERE seq = 3; UPDATE store_audit SET seq = 3 WHERE seq = 2; "
            "INSERT INTO store_audit SELECT 2, subject, action, replace(document, '陈', '王'), 'x' FROM store_audit "
            "WHERE seq = 1"
        ),
        [(2, Flaw.INSERTED)],
    ),
    "decision": (
        "UPDATE store_decision SET document = replace(document, 'confirm', 'reject') WHERE seq = 1",
        [(3, Flaw.CONTRADICTED)],
    ),
    "decision gone": ("DELETE FROM store_decision WHERE seq = 2", [(3, Flaw.CONTRADICTED)]),
    "state": ("UPDATE store_case SET state = 'closed'", [(3, Flaw.CONTRADICTED)]),
    "incident": ("UPDATE store_case SET document = replace(document, '0.97', '0.11')", [(3, Flaw.CONTRADICTED)]),
    "case gone": ("DELETE FROM store_case", [(3, Flaw.CONTRADICTED)]),
}


@pytest.mark.parametrize("name", TAMPERINGS)
def test_tampering_past_the_triggers_is_found_placed_and_called_by_its_name(kept: Kept, case: Any, name: str) -> None:
    kept.store.open_case(case.incident, actor="program:skywarden")
    _confirm(case, kept.store)
    assert kept.store.audit_breaks() == ()
    statement, expected = TAMPERINGS[name]
    kept.tamper(statement)
    breaks = kept.store.audit_breaks()
    assert [(one.position, one.flaw) for one in breaks] == expected
    assert all(str(one.position) in one.reason or case.incident.number in one.reason for one in breaks)


@pytest.mark.parametrize("name", ["cut off", "end forgotten", "all removed", "put at the end"])
def test_a_store_whose_audit_was_cut_takes_nothing_more_that_would_cover_it_up(
    kept: Kept, case: Any, name: str
) -> None:
    kept.store.open_case(case.incident, actor="program:skywarden")
    _confirm(case, kept.store)
    statement, expected = TAMPERINGS[name]
    kept.tamper(statement)
    key = case.incident.incident_id
    with pytest.raises(IntegrityFailed, match="does not end where it was left"):
        kept.store.read_case(key, viewer=CHEN)
    with pytest.raises(IntegrityFailed, match="audit verify"):
        kept.store.note(key, Action.SEALED, actor="陈", subject_sha256="ab" * 32, facts={})
    assert [(one.position, one.flaw) for one in kept.store.audit_breaks()] == expected


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_backup_is_whole_checked_never_replaced_and_can_be_put_back_anywhere(
    kind: str, case: Any, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    clock = FrozenClock(instant=case.incident.opened_at + timedelta(hours=1))
    where = tmp_path / "s.sqlite3" if kind == "sqlite" else request.getfixturevalue("fresh_database")
    store = open_store(where, clock)
    store.open_case(case.incident, actor="program:skywarden")
    _confirm(case, store)
    copy = store.back_up(tmp_path / "backups" / "store.sqlite3")
    assert [path.name for path in copy.parent.iterdir()] == [copy.name]
    with pytest.raises(StoreFailed, match="never replaced"):
        store.back_up(copy)
    assert restore_store(copy, tmp_path / "again.sqlite3", clock) == 1
    restored = open_store(tmp_path / "again.sqlite3", clock)
    assert restored.audit() == store.audit()
    assert restored.list_cases() == store.list_cases()
    onsite = _decision(case, Deed.CHECKED_ON_SITE, CHEN, LIN, place="gate", note="blocked")
    assert isinstance(restored.decide(case.incident.incident_id, onsite), Life)  # work goes on in it
    assert restored.audit_breaks() == ()
    restored.close()
    store.close()
    with pytest.raises(InputRefused, match="exists already"):
        restore_store(copy, tmp_path / "again.sqlite3", clock)


def test_a_backup_can_be_put_into_an_empty_postgresql(
    sqlite_store: Any, case: Any, tmp_path: Path, fresh_database: str
) -> None:
    sqlite_store.open_case(case.incident, actor="program:skywarden")
    _confirm(case, sqlite_store)
    copy = sqlite_store.back_up(tmp_path / "b.sqlite3")
    assert restore_store(copy, fresh_database, sqlite_store.clock) == 1
    store = open_store(fresh_database, sqlite_store.clock)
    assert store.audit() == sqlite_store.audit()
    onsite = _decision(case, Deed.CHECKED_ON_SITE, CHEN, LIN, place="gate", note="blocked")
    assert isinstance(store.decide(case.incident.incident_id, onsite), Life)
    store.close()
    with pytest.raises(InputRefused, match="holds cases"):
        restore_store(copy, fresh_database, sqlite_store.clock)


def test_a_case_with_papers_is_put_back_into_postgresql_in_their_order(
    sqlite_store: Any, case: Any, tmp_path: Path, fresh_database: str
) -> None:
    sqlite_store.open_case(case.incident, actor="program:skywarden")
    _confirm(case, sqlite_store)
    key = case.incident.incident_id
    good = Quality(true=True, clear=True, complete=True, accurate=True)
    steps = [
        _decision(case, Deed.CHECKED_ON_SITE, CHEN, LIN, place="gate", note="blocked"),
        _decision(case, Deed.ACCEPTED, WU, quality=good),
        *(
            _decision(case, Deed.DOCUMENT_ISSUED, document=paper)
            for paper in (Document.ON_SITE_RECORD, Document.RECTIFICATION_ORDER, Document.RECHECK_OPINION)
        ),
        _decision(case, Deed.RECTIFIED),
    ]
    assert all(isinstance(sqlite_store.decide(key, step), Life) for step in steps)
    copy = sqlite_store.back_up(tmp_path / "b.sqlite3")
    assert restore_store(copy, fresh_database, sqlite_store.clock) == 1  # all rows of a table in one statement


def test_a_backup_that_was_altered_is_not_put_back(sqlite_store: Any, case: Any, tmp_path: Path) -> None:
    sqlite_store.open_case(case.incident, actor="program:skywarden")
    _confirm(case, sqlite_store)
    copy = sqlite_store.back_up(tmp_path / "b.sqlite3")
    with closing(sqlite3.connect(copy)) as raw:
        for (trigger,) in raw.execute(TRIGGERS).fetchall():
            raw.execute(f"DROP TRIGGER {trigger}")
        raw.execute("DELETE FROM store_audit WHERE seq = 2")
        raw.commit()
    with pytest.raises(StoreFailed, match="entry 2 is gone"):
        restore_store(copy, tmp_path / "again.sqlite3", sqlite_store.clock)
    assert not (tmp_path / "again.sqlite3").exists()
    copy.write_bytes(b"no database" * 1000)
    with pytest.raises(StoreFailed, match="put back"):
        restore_store(copy, tmp_path / "again.sqlite3", sqlite_store.clock)
    with pytest.raises(InputRefused, match="no backup"):
        restore_store(tmp_path / "none", tmp_path / "again.sqlite3", sqlite_store.clock)


def test_an_address_that_is_none_is_refused_without_repeating_it(case: Any) -> None:
    with pytest.raises(InputRefused, match="no PostgreSQL address") as refusal:
        open_store("postgresql://keeper:secret@%zz", case.clock)
    assert "secret" not in str(refusal.value)
    with pytest.raises(StoreFailed, match="cannot be opened"):
        open_store("postgresql://keeper@127.0.0.1:1/none", case.clock)


def test_a_file_that_is_no_store_is_a_plain_failure(tmp_path: Path, case: Any) -> None:
    path = tmp_path / "none.sqlite3"
    path.write_bytes(b"this is no database" * 100)
    with pytest.raises(StoreFailed, match="cannot be opened"):
        open_store(path, case.clock)


def test_the_models_and_the_migrations_agree(sqlite_store: Any) -> None:
    from django.core.management import call_command

    assert sqlite_store.audit() == ()
    call_command("makemigrations", "store", check=True, dry_run=True, verbosity=0)


def test_a_sealed_state_of_the_incident_is_not_taken_from_outside(store: CaseStore, case: Any) -> None:
    store.open_case(replace(case.incident, state=State.CLOSED), actor="program:skywarden")
    assert [line.state for line in store.list_cases()] == [State.LEAD]
