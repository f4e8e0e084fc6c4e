"""The store of cases: what any store promises, and a twin in memory that keeps the same promises.

A store appends. A decision that breaks a rule comes back as a refusal and leaves no trace but the refusal; one that is
taken is never edited. Everything done to a case, reading included, becomes an entry of one audit chain, so that an
altered, removed, reordered or inserted entry is found and named. The store that lasts is ``app.store``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256
from threading import RLock
from typing import Final, Protocol

from core.clock import Clock, iso_utc
from core.errors import IntegrityFailed
from core.refusal import Refusal
from core.text import _
from evidence.cases.life import SCHEMA as REVIEW_SCHEMA
from evidence.cases.life import Decision, Deed, Life, Person, state_of, visible_to
from evidence.cases.order_rules import decide
from evidence.custody import Action, Break, CustodyEntry, append, first_break, head_of
from evidence.incident import Incident, State
from evidence.sealing.canonical import encode
from evidence.sealing.incident_json import encode_incident

_ACTIONS: Final = {
    Deed.TAKEN_UP: Action.REVIEWED,
    Deed.VERDICT: Action.REVIEWED,
    Deed.RESUMED: Action.REVIEWED,
    Deed.CHECKED_ON_SITE: Action.CHECKED_ON_SITE,
}
CLOCK_STEP: Final = timedelta(seconds=5)  # a time server's correction; more is a clock set back

# What :meth:`CaseStore.note` notes: done elsewhere, about a digest that the store does not hold.
NOTED: Final = frozenset(
    {
        Action.SEALED,
        Action.TIME_STAMPED,
        Action.HANDED_OVER,
        Action.COPIED,
        Action.DERIVED,
        Action.HELD,
        Action.DISPOSED,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """An incident in the store with its decisions.

    Attributes:
        incident: The incident, in the state that its decisions lead to.
        life: The decisions.
    """

    incident: Incident
    life: Life


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseLine:
    """One line of the list of cases."""

    incident_id: str
    number: str
    hazard_code: str
    state: State
    site_code: str | None


class CaseStore(Protocol):
    """Keeps cases. Every method leaves an audit entry, but for the list of cases and the looks at the audit itself."""

    def open_case(self, incident: Incident, *, actor: str) -> Refusal | None:
        """Keep a new incident; a refusal with code "already-open" when it is kept already."""
        ...

    def read_case(self, incident_id: str, *, viewer: Person) -> Case | Refusal:
        """Return a case as ``viewer`` may see it (blind to a running first verdict), or "unknown-case"."""
        ...

    def whole_case(self, incident_id: str, *, actor: str) -> Case | Refusal:
        """Return a case with all its decisions, for a program that seals or exports it, or "unknown-case"."""
        ...

    def decide(self, incident_id: str, decision: Decision) -> Life | Refusal:
        """Append a decision; return all of them, or the refusal of the rule that it breaks, or "unknown-case"."""
        ...

    def note(
        self, incident_id: str, action: Action, *, actor: str, subject_sha256: str, facts: dict[str, str]
    ) -> Refusal | None:
        """Note what was done with a case elsewhere (one of :data:`NOTED`; anything else raises ``ValueError``)."""
        ...

    def list_cases(self, *, state: State | None = None) -> tuple[CaseLine, ...]:
        """Return the cases, or those in one state, in order of their numbers."""
        ...

    def audit(self, subject: str | None = None) -> tuple[CustodyEntry, ...]:
        """Return the whole audit chain, or only the entries about one case's number (no chain by themselves)."""
        ...

    def audit_breaks(self) -> tuple[Break, ...]:
        """Return every place where the audit chain, or what it speaks of, does not hold; empty when all does."""
        ...


def unknown_case(incident_id: str) -> Refusal:
    """Return the refusal of an id that the store does not hold."""
    return Refusal(subject=incident_id, code="unknown-case", reason=_("no such case is kept here"))


def already_open(incident: Incident) -> Refusal:
    """Return the refusal of an incident that is kept already."""
    return Refusal(subject=incident.number, code="already-open", reason=_("the case is kept already"))


def check_noted(action: Action) -> None:
    """Raise ``ValueError`` for an action that only the store itself may enter into its audit."""
    if action not in NOTED:
        raise ValueError(f"{action.value} is not noted, it is done")


def entry_time(now: datetime, last: CustodyEntry | None) -> datetime:
    """Return the time of the next audit entry: now, or the last entry's where the clock was corrected by a moment.

    Raises:
        IntegrityFailed: The clock stands more than :data:`CLOCK_STEP` before the last entry: it was set back.
    """
    if last is None or now >= last.at:
        return now
    if last.at - now > CLOCK_STEP:
        raise IntegrityFailed(
            _(
                "The clock says {now}, but the last audit entry is of {last}: it was set back. Set the clock right."
            ).format(now=iso_utc(now), last=iso_utc(last.at))
        )
    return last.at


def life_digest(life: Life) -> str:
    """Return the digest of a case's decisions, hex: what an audit entry of a decision speaks of."""
    return sha256(encode(REVIEW_SCHEMA, life)).hexdigest()


def incident_digest(incident: Incident) -> str:
    """Return the digest of an incident's record, hex."""
    return sha256(encode_incident(incident)).hexdigest()


def begin_life(incident: Incident) -> Life:
    """Return the life of a fresh incident, without decisions."""
    return Life(incident_id=incident.incident_id, opened_at=incident.opened_at, last_seen=incident.sighting.last_seen)


def action_of(decision: Decision) -> Action:
    """Return how the audit calls a decision."""
    return _ACTIONS.get(decision.deed, Action.DECIDED)


def actor_of(people: Iterable[Person]) -> str:
    """Return how the audit names people: name and certificate number."""
    return "、".join(f"{person.name} {person.certificate_no}" for person in people)


def seen_by(incident: Incident, life: Life, viewer: Person) -> Case:
    """Return a case as ``viewer`` may see it."""
    shown = replace(life, decisions=visible_to(life, viewer))
    return Case(incident=replace(incident, state=state_of(shown)), life=shown)


def custody_of(audit: Iterable[CustodyEntry], number: str) -> tuple[CustodyEntry, ...]:
    """Return one case's entries of an audit chain as a chain of its own, each naming the audit entry that it is.

    What a package carries: the party gets its own case's chain, not everybody's.
    """
    chain: tuple[CustodyEntry, ...] = ()
    for entry in audit:
        if entry.subject == number:
            chain = append(
                chain,
                at=entry.at,
                actor=entry.actor,
                action=entry.action,
                subject=entry.subject,
                subject_sha256=entry.subject_sha256,
                facts={**dict(entry.facts), "audit_seq": str(entry.seq), "audit_sha256": entry.sha256},
            )
    return chain


@dataclass(slots=True, kw_only=True)
class MemoryCaseStore:
    """The twin: keeps cases as long as the process runs.

    Attributes:
        clock: Tells when.
    """

    clock: Clock
    _incidents: dict[str, Incident] = field(default_factory=dict)
    _lives: dict[str, Life] = field(default_factory=dict)
    _chain: list[CustodyEntry] = field(default_factory=list)
    _lock: RLock = field(default_factory=RLock)

    def _log(self, actor: str, action: Action, incident: Incident, digest: str, facts: dict[str, str]) -> None:
        entry = append(
            self._chain[-1:],
            at=entry_time(self.clock.now(), self._chain[-1] if self._chain else None),
            actor=actor,
            action=action,
            subject=incident.number,
            subject_sha256=digest,
            facts=facts,
        )[-1]
        self._chain.append(entry)

    def open_case(self, incident: Incident, *, actor: str) -> Refusal | None:
        """Keep a new incident."""
        with self._lock:
            if incident.incident_id in self._incidents:
                return already_open(incident)
            fresh = replace(incident, state=State.LEAD)
            self._log(actor, Action.OPENED, fresh, incident_digest(fresh), {})
            self._incidents[fresh.incident_id] = fresh
            self._lives[fresh.incident_id] = begin_life(fresh)
            return None

    def read_case(self, incident_id: str, *, viewer: Person) -> Case | Refusal:
        """Return a case as ``viewer`` may see it."""
        with self._lock:
            if incident_id not in self._incidents:
                return unknown_case(incident_id)
            incident, life = self._incidents[incident_id], self._lives[incident_id]
            self._log(actor_of([viewer]), Action.VIEWED, incident, life_digest(life), {})
            return seen_by(incident, life, viewer)

    def whole_case(self, incident_id: str, *, actor: str) -> Case | Refusal:
        """Return a case with all its decisions."""
        with self._lock:
            if incident_id not in self._incidents:
                return unknown_case(incident_id)
            incident, life = self._incidents[incident_id], self._lives[incident_id]
            self._log(actor, Action.VIEWED, incident, life_digest(life), {})
            return Case(incident=replace(incident, state=state_of(life)), life=life)

    def decide(self, incident_id: str, decision: Decision) -> Life | Refusal:
        """Append a decision."""
        with self._lock:
            if incident_id not in self._incidents:
                return unknown_case(incident_id)
            life = decide(self._lives[incident_id], decision)
            if isinstance(life, Life):
                facts = {"deed": decision.deed.value}
                incident = self._incidents[incident_id]
                self._log(actor_of(decision.people), action_of(decision), incident, life_digest(life), facts)
                self._lives[incident_id] = life
            return life

    def note(
        self, incident_id: str, action: Action, *, actor: str, subject_sha256: str, facts: dict[str, str]
    ) -> Refusal | None:
        """Note what was done with a case elsewhere."""
        check_noted(action)
        with self._lock:
            if incident_id not in self._incidents:
                return unknown_case(incident_id)
            self._log(actor, action, self._incidents[incident_id], subject_sha256, facts)
            return None

    def list_cases(self, *, state: State | None = None) -> tuple[CaseLine, ...]:
        """Return the cases in order of their numbers."""
        with self._lock:
            lines = [line_of(incident, state_of(self._lives[key])) for key, incident in self._incidents.items()]
        return tuple(sorted((line for line in lines if state in {None, line.state}), key=lambda line: line.number))

    def audit(self, subject: str | None = None) -> tuple[CustodyEntry, ...]:
        """Return the audit chain."""
        with self._lock:
            return tuple(entry for entry in self._chain if subject in {None, entry.subject})

    def audit_breaks(self) -> tuple[Break, ...]:
        """Return where the audit chain does not hold."""
        chain = self.audit()
        broken = first_break(chain, head_of(chain))
        return () if broken is None else (broken,)


def line_of(incident: Incident, state: State) -> CaseLine:
    """Return an incident's line of the list."""
    return CaseLine(
        incident_id=incident.incident_id,
        number=incident.number,
        hazard_code=incident.hazard.code,
        state=state,
        site_code=getattr(incident.attribution, "site_code", None),
    )
