"""How long a case is kept, legal hold, and disposal with a record.

Classes and their years are the bureau's (filing rules differ by region), so they are data handed in; a class that is
not known keeps the case. Nothing under hold and nothing before its day is disposed of; what is disposed of leaves its
digests and the reason behind, so that it can be said what was here and why it is gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from typing import Final

from core.clock import BEIJING, in_utc
from core.refusal import Refusal
from core.text import _
from evidence.cases.life import Life, Person, state_of
from evidence.custody import Action, CustodyEntry
from evidence.incident import State

# 机关文件材料归档范围和文书档案保管期限规定 (国家档案局令第8号) 第七条: for ever, or 30 or 10 years.
YEARS: Final[Mapping[str, int | None]] = {"permanent": None, "30-years": 30, "10-years": 10}
_DONE = frozenset({State.REJECTED, State.CLOSED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A legal hold: a court, an appeal or an audit wants the case kept.

    Attributes:
        reason: Why, with the reference.
        placed_at: When, aware UTC.
        placed_by: Who.
        lifted_at: When it was lifted, or None.
    """

    reason: str
    placed_at: datetime
    placed_by: Person
    lifted_at: datetime | None = None

    def __post_init__(self) -> None:
        if not self.reason.strip():
            raise ValueError("a hold has a reason")
        object.__setattr__(self, "placed_at", in_utc(self.placed_at))
        if self.lifted_at is not None:
            object.__setattr__(self, "lifted_at", in_utc(self.lifted_at))
            if self.lifted_at < self.placed_at:
                raise ValueError("a hold is lifted after it was placed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """What is known of one case's keeping.

    Attributes:
        number: The case's number.
        state: Where it stands.
        ended_at: When it was closed or rejected, aware UTC; None while it runs.
        retention_class: The bureau's class ("permanent", "long", "short").
        holds: Every hold that was ever placed.
    """

    number: str
    state: State
    ended_at: datetime | None
    retention_class: str
    holds: tuple[Hold, ...] = ()

    def __post_init__(self) -> None:
        if self.ended_at is not None:
            object.__setattr__(self, "ended_at", in_utc(self.ended_at))


@dataclass(frozen=True, slots=True, kw_only=True)
class Disposal:
    """The record of a disposal, kept when the case no longer is.

    Attributes:
        number: The case's number.
        statement_sha256: Digest of the package's signed statement, which names every file's digest.
        at: When, aware UTC.
        by: Two people, because one could lose what he should have kept.
        reason: Class and the day from which it could be disposed of.
    """

    number: str
    statement_sha256: str
    at: datetime
    by: tuple[Person, Person]
    reason: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "at", in_utc(self.at))
        if self.by[0].certificate_no == self.by[1].certificate_no:
            raise ValueError("a disposal is witnessed by a second person")


def holds_of(entries: Iterable[CustodyEntry]) -> tuple[Hold, ...]:
    """Return the holds that a case's audit entries tell of, in order; the audit is where holds are kept.

    A hold is an entry ``held`` with the fact ``hold`` = "placed"; one with "lifted" ends every hold that runs.
    """
    holds: list[Hold] = []
    for entry in entries:
        if entry.action is not Action.HELD:
            continue
        facts = dict(entry.facts)
        if facts.get("hold") == "lifted":
            holds = [hold if hold.lifted_at else replace(hold, lifted_at=entry.at) for hold in holds]
            continue
        name, _space, certificate_no = entry.actor.rpartition(" ")
        placed_by = Person(name=name, certificate_no=certificate_no)
        holds.append(Hold(reason=facts["reason"], placed_at=entry.at, placed_by=placed_by))
    return tuple(holds)


def retention_of(number: str, life: Life, entries: Iterable[CustodyEntry], retention_class: str) -> Retention:
    """Return what is known of a case's keeping: its end from its decisions, its holds from its audit entries."""
    state = state_of(life)
    ended = life.decisions[-1].at if state in _DONE and life.decisions else None
    return Retention(
        number=number, state=state, ended_at=ended, retention_class=retention_class, holds=holds_of(entries)
    )


def kept_until(retention: Retention, years: Mapping[str, int | None]) -> datetime | None:
    """Return the first instant at which a case may be disposed of, aware UTC; None while no such day is known.

    Args:
        retention: The case.
        years: Years after its end by class; None for ever.
    """
    span = years.get(retention.retention_class)
    if retention.ended_at is None or span is None:
        return None
    ended = retention.ended_at.astimezone(BEIJING).date()
    # Archives count from the first of January after the case's end (档案保管期限 counts whole years).
    return datetime.combine(date(ended.year + 1 + span, 1, 1), time(0), tzinfo=BEIJING).astimezone(UTC)


def dispose(
    retention: Retention,
    *,
    years: Mapping[str, int | None],
    statement_sha256: str,
    by: tuple[Person, Person],
    now: datetime,
) -> Disposal | Refusal:
    """Return the record that permits a case's disposal, or why it must be kept.

    Args:
        retention: The case.
        years: Years after its end by class; None for ever.
        statement_sha256: Digest of its package's signed statement, hex.
        by: Who disposes of it, and who witnesses.
        now: The time, aware.
    """
    running = next((hold for hold in retention.holds if hold.lifted_at is None), None)
    if running is not None:
        return _kept(retention, "on-hold", _("it is on legal hold: {reason}").format(reason=running.reason))
    if retention.state not in _DONE or retention.ended_at is None:
        return _kept(retention, "still-open", _("the case is not ended"))
    if retention.retention_class not in years:
        reason = _("its retention class {name} is not known").format(name=retention.retention_class)
        return _kept(retention, "unknown-class", reason)
    until = kept_until(retention, years)
    if until is None:
        return _kept(retention, "permanent", _("its class is kept for ever"))
    if in_utc(now) < until:
        return _kept(retention, "too-early", _("it is kept until {day}").format(day=until.astimezone(BEIJING).date()))
    reason = _("class {name}, free since {day}").format(
        name=retention.retention_class, day=until.astimezone(BEIJING).date()
    )
    return Disposal(number=retention.number, statement_sha256=statement_sha256, at=now, by=by, reason=reason)


def _kept(retention: Retention, code: str, reason: str) -> Refusal:
    return Refusal(subject=retention.number, code=code, reason=reason)
