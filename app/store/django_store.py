"""The driver: :class:`evidence.cases.case_store.CaseStore` on Django's models.

Each call is one transaction that takes the write lock at its start, so two reviewers at once take turns and the second
sees what the first decided. Audit entry and change are committed together or not at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from django.db import DatabaseError, connections, transaction

from app.store.backup import back_up
from app.store.models import AuditHead, AuditRow, CaseRow, DecisionRow
from core.clock import Clock
from core.errors import InputRefused, IntegrityFailed, StoreFailed
from core.refusal import Refusal
from core.text import _
from evidence.cases.audit_check import Anchor, AuditLine, check_lines
from evidence.cases.case_store import (
    NOTED,
    Case,
    CaseLine,
    action_of,
    actor_of,
    already_open,
    begin_life,
    check_noted,
    entry_time,
    incident_digest,
    life_digest,
    line_of,
    seen_by,
    unknown_case,
)
from evidence.cases.life import Decision, Deed, Life, Person, round_verdicts, state_of
from evidence.cases.order_rules import decide, first_breach
from evidence.custody import SCHEMA as AUDIT_SCHEMA
from evidence.custody import Action, Break, CustodyEntry, Flaw, append
from evidence.incident import Incident, State
from evidence.sealing.canonical import decode, encode
from evidence.sealing.incident_json import decode_incident, encode_incident

DECISION_SCHEMA = "skywarden/decision/1"


@contextmanager
def _as_our_failure() -> Iterator[None]:
    try:
        yield
    except (DatabaseError, InputRefused) as problem:
        raise StoreFailed(_("The store cannot be read or written: {problem}").format(problem=problem)) from problem


def decision_columns(life: Life) -> dict[str, object]:
    """Return the columns of a life's last decision: what the database's constraints look at."""
    decision = life.decisions[-1]
    columns: dict[str, object] = {
        "seq": len(life.decisions) - 1,
        "deed": decision.deed.value,
        "document": encode(DECISION_SCHEMA, decision).decode(),
    }
    if decision.deed is Deed.VERDICT:
        rounds = sum(1 for one in life.decisions if one.deed in {Deed.TAKEN_UP, Deed.RESUMED})
        columns |= {
            "round": rounds,
            "place_in_round": len(round_verdicts(life.decisions)),
            "reviewer": decision.people[0].certificate_no,
        }
    if decision.deed is Deed.CHECKED_ON_SITE:
        columns |= {"officer_1": decision.people[0].certificate_no, "officer_2": decision.people[1].certificate_no}
    return columns


@dataclass(frozen=True, slots=True, kw_only=True)
class DjangoCaseStore:
    """Keeps cases in a database that Django knows as ``alias``."""

    alias: str
    clock: Clock

    @contextmanager
    def _turn(self) -> Iterator[None]:
        with _as_our_failure(), transaction.atomic(using=self.alias):
            connection = connections[self.alias]
            if connection.vendor == "postgresql":  # SQLite takes its write lock as the transaction begins
                with connection.cursor() as cursor:
                    cursor.execute("LOCK TABLE store_audit_head IN EXCLUSIVE MODE")
            yield

    def close(self) -> None:
        """Close this thread's connection."""
        connections[self.alias].close()

    def _log(self, actor: str, action: Action, incident: Incident, digest: str, facts: dict[str, str]) -> None:
        self._append(actor, action, incident.number, digest, facts)

    def _append(self, actor: str, action: Action, subject: str, digest: str, facts: dict[str, str]) -> None:
        last = AuditRow.objects.using(self.alias).order_by("-seq").first()
        tail = () if last is None else (decode(AUDIT_SCHEMA, CustodyEntry, last.document.encode(), "audit"),)
        head = AuditHead.objects.using(self.alias).first()
        kept = None if head is None else (head.entries, head.sha256)
        if kept != ((tail[0].seq + 1, tail[0].sha256) if tail else None):  # another entry would cover it up
            raise IntegrityFailed(
                _("The audit does not end where it was left; run skywarden audit verify, and restore a backup.")
            )
        entry = append(
            tail,
            at=entry_time(self.clock.now(), tail[-1] if tail else None),
            actor=actor,
            action=action,
            subject=subject,
            subject_sha256=digest,
            facts=facts,
        )[-1]
        AuditRow.objects.using(self.alias).create(
            seq=entry.seq,
            subject=entry.subject,
            action=entry.action.value,
            document=encode(AUDIT_SCHEMA, entry).decode(),
            sha256=entry.sha256,
        )
        end = {"entries": entry.seq + 1, "sha256": entry.sha256}
        if head is None:
            AuditHead.objects.using(self.alias).create(only=1, **end)
        else:
            AuditHead.objects.using(self.alias).update(**end)

    def _incident(self, incident_id: str) -> Incident | None:
        row = CaseRow.objects.using(self.alias).filter(incident_id=incident_id).first()
        return None if row is None else decode_incident(row.document.encode(), row.number)

    def _life(self, incident: Incident) -> Life:
        rows = DecisionRow.objects.using(self.alias).filter(case_id=incident.incident_id).order_by("seq")
        fresh = begin_life(incident)
        decisions = tuple(decode(DECISION_SCHEMA, Decision, row.document.encode(), incident.number) for row in rows)
        return Life(
            incident_id=fresh.incident_id,
            opened_at=fresh.opened_at,
            last_seen=fresh.last_seen,
            decisions=decisions,
        )

    def open_case(self, incident: Incident, *, actor: str) -> Refusal | None:
        """Keep a new incident."""
        with self._turn():
            if CaseRow.objects.using(self.alias).filter(incident_id=incident.incident_id).exists():
                return already_open(incident)
            fresh = _as_lead(incident)
            line = line_of(fresh, State.LEAD)
            CaseRow.objects.using(self.alias).create(
                incident_id=line.incident_id,
                number=line.number,
                hazard_code=line.hazard_code,
                site_code=line.site_code,
                state=line.state.value,
                document=encode_incident(fresh).decode(),
            )
            self._log(actor, Action.OPENED, fresh, incident_digest(fresh), {})
            return None

    def read_case(self, incident_id: str, *, viewer: Person) -> Case | Refusal:
        """Return a case as ``viewer`` may see it."""
        with self._turn():
            incident = self._incident(incident_id)
            if incident is None:
                return unknown_case(incident_id)
            life = self._life(incident)
            self._log(actor_of([viewer]), Action.VIEWED, incident, life_digest(life), {})
            return seen_by(incident, life, viewer)

    def whole_case(self, incident_id: str, *, actor: str) -> Case | Refusal:
        """Return a case with all its decisions."""
        with self._turn():
            incident = self._incident(incident_id)
            if incident is None:
                return unknown_case(incident_id)
            life = self._life(incident)
            self._log(actor, Action.VIEWED, incident, life_digest(life), {})
            return Case(incident=replace(incident, state=state_of(life)), life=life)

    def decide(self, incident_id: str, decision: Decision) -> Life | Refusal:
        """Append a decision."""
        with self._turn():
            incident = self._incident(incident_id)
            if incident is None:
                return unknown_case(incident_id)
            life = decide(self._life(incident), decision)
            if isinstance(life, Refusal):
                return life
            DecisionRow.objects.using(self.alias).create(case_id=incident_id, **decision_columns(life))
            CaseRow.objects.using(self.alias).filter(incident_id=incident_id).update(state=state_of(life).value)
            facts = {"deed": decision.deed.value}
            self._log(actor_of(decision.people), action_of(decision), incident, life_digest(life), facts)
            return life

    def note(
        self, incident_id: str, action: Action, *, actor: str, subject_sha256: str, facts: dict[str, str]
    ) -> Refusal | None:
        """Note what was done with a case elsewhere."""
        check_noted(action)
        with self._turn():
            incident = self._incident(incident_id)
            if incident is None:
                return unknown_case(incident_id)
            self._log(actor, action, incident, subject_sha256, facts)
            return None

    def note_station(
        self, subject: str, action: Action, *, actor: str, subject_sha256: str, facts: dict[str, str]
    ) -> None:
        """Note what somebody did at the station that concerns no single case: a page seen, an account changed.

        Args:
            subject: What it was done to, with its kind before a colon ("page:incidents", "account:lin"), so that it
                is never taken for a case's number.
            action: What was done.
            actor: Who.
            subject_sha256: Digest of the thing after it, hex.
            facts: Further facts.
        """
        if ":" not in subject:
            raise ValueError(f"{subject}: a subject that is no case names its kind")
        with self._turn():
            self._append(actor, action, subject, subject_sha256, facts)

    def list_cases(self, *, state: State | None = None) -> tuple[CaseLine, ...]:
        """Return the cases in order of their numbers."""
        with _as_our_failure():
            rows = CaseRow.objects.using(self.alias).order_by("number")
            if state is not None:
                rows = rows.filter(state=state.value)
            return tuple(
                CaseLine(
                    incident_id=row.incident_id,
                    number=row.number,
                    hazard_code=row.hazard_code,
                    state=State(row.state),
                    site_code=row.site_code,
                )
                for row in rows
            )

    def audit(self, subject: str | None = None) -> tuple[CustodyEntry, ...]:
        """Return the audit chain, or only the entries about one case."""
        with _as_our_failure():
            rows = AuditRow.objects.using(self.alias).order_by("seq")
            if subject is not None:
                rows = rows.filter(subject=subject)
            return tuple(decode(AUDIT_SCHEMA, CustodyEntry, row.document.encode(), f"audit {row.seq}") for row in rows)

    def audit_breaks(self) -> tuple[Break, ...]:
        """Return every place where the audit chain, or what it speaks of, does not hold."""
        with self._turn():  # one state of all tables, while others wait
            rows = list(AuditRow.objects.using(self.alias).order_by("seq"))
            head = AuditHead.objects.using(self.alias).first()
            anchor = None if head is None else Anchor(entries=head.entries, sha256=head.sha256)
            lines = [
                AuditLine(seq=row.seq, subject=row.subject, action=row.action, sha256=row.sha256, document=row.document)
                for row in rows
            ]
            breaks = check_lines(lines, anchor)
            if breaks:
                return breaks
            chain = [decode(AUDIT_SCHEMA, CustodyEntry, line.document.encode(), f"audit {line.seq}") for line in lines]
            return tuple(self._case_breaks(chain))

    def _case_breaks(self, chain: list[CustodyEntry]) -> Iterator[Break]:
        """Yield where the last audited digest of a case is not the digest of what is stored, or a rule was broken."""
        opened: dict[str, CustodyEntry] = {}
        last: dict[str, CustodyEntry] = {}
        for entry in chain:
            if entry.action is Action.OPENED:
                opened[entry.subject] = entry
            elif entry.action not in NOTED:
                last[entry.subject] = entry
        rows = {row.number: row for row in CaseRow.objects.using(self.alias).order_by("number")}
        for number in sorted(opened.keys() | rows.keys()):
            row, first = rows.get(number), opened.get(number)
            if first is None:
                at, why = len(chain), _("it was never opened")
            else:
                at = last.get(number, first).seq
                why = _("it is gone") if row is None else self._row_fault(row, first, last.get(number))
            if why:
                reason = _("case {number}: {why}").format(number=number, why=why)
                yield Break(position=at, reason=reason, flaw=Flaw.CONTRADICTED)

    def _row_fault(self, row: CaseRow, opened: CustodyEntry, last: CustodyEntry | None) -> str:
        try:
            incident = decode_incident(row.document.encode(), row.number)
            life = self._life(incident)
        except InputRefused as refusal:
            return str(refusal)
        breach = first_breach(life)
        if breach is not None:
            return breach.reason
        line = line_of(incident, state_of(life))
        if (row.incident_id, row.number, row.hazard_code, row.site_code, row.state) != (
            line.incident_id,
            line.number,
            line.hazard_code,
            line.site_code,
            line.state.value,
        ):
            return _("its columns are not those of its documents")
        decided = life_digest(begin_life(incident)) if last is None else last.subject_sha256
        if opened.subject_sha256 != incident_digest(incident) or decided != life_digest(life):
            return _("it is not what the audit says it was")
        return ""

    def back_up(self, destination: Path) -> Path:
        """Copy the store, while it is in use, to a new file that is checked before it gets its name."""
        return back_up(self.alias, destination)


def _as_lead(incident: Incident) -> Incident:
    return replace(incident, state=State.LEAD)
