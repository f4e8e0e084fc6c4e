"""Custody: who did what to a piece of evidence and when, as a hash chain that is only ever appended to.

Each entry holds the digest of the one before it; an entry that is altered, removed, inserted or moved breaks the chain
at a place that :func:`first_break` names. A chain alone cannot show that its end was cut off, nor that the whole of it
was written anew: the signed package therefore holds the digest of the last entry (:func:`head_of`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Final

from core.clock import in_utc
from core.errors import InputRefused, IntegrityFailed
from core.text import _
from evidence.sealing.canonical import decode, encode, instant_text

SCHEMA: Final = "skywarden/custody/1"
ORIGIN: Final = "0" * 64
_HEX64: Final = re.compile(r"[0-9a-f]{64}\Z")


class Action(StrEnum):
    """What was done. Viewing and handing over leave a trace as much as changing does."""

    INGESTED = "ingested"
    OPENED = "opened"
    DERIVED = "derived"
    REVIEWED = "reviewed"
    CHECKED_ON_SITE = "checked-on-site"
    DECIDED = "decided"
    VIEWED = "viewed"
    HANDED_OVER = "handed-over"
    COPIED = "copied"
    SEALED = "sealed"
    TIME_STAMPED = "time-stamped"
    HELD = "held"
    DISPOSED = "disposed"


@dataclass(frozen=True, slots=True, kw_only=True)
class CustodyEntry:
    """One link.

    Attributes:
        seq: 0 for the first, then rising by one.
        at: When, aware UTC; never before the entry before it.
        actor: Who: a person's name and certificate number, or "program:" and what ran.
        action: What was done.
        subject: What it was done to: a file name or an incident's number.
        subject_sha256: Digest of that thing after the action, hex.
        facts: Further facts in pairs (place, reason, from, to, digest before), in order of their names.
        previous_sha256: Digest of the entry before, or 64 zeros for the first.
    """

    seq: int
    at: datetime
    actor: str
    action: Action
    subject: str
    subject_sha256: str
    facts: tuple[tuple[str, str], ...] = ()
    previous_sha256: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "at", in_utc(self.at))
        if self.seq < 0 or not self.actor or not self.subject:
            raise ValueError("a custody entry has a number, an actor and a subject")
        if not _HEX64.match(self.subject_sha256) or not _HEX64.match(self.previous_sha256):
            raise ValueError("a custody entry's digests are 64 lower-case hex characters")
        names = [name for name, _value in self.facts]
        if names != sorted(set(names)):
            raise ValueError("a custody entry's facts are in order of their names, each once")

    @property
    def sha256(self) -> str:
        """Digest of the entry's canonical form, hex."""
        return sha256(encode(SCHEMA, self)).hexdigest()


class Flaw(StrEnum):
    """What was done to a chain."""

    ALTERED = "altered"
    REMOVED = "removed"
    REORDERED = "reordered"
    INSERTED = "inserted"
    CONTRADICTED = "contradicted"  # the chain holds, and what it speaks of is not as it says


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """Where a chain is broken.

    Attributes:
        position: Index of the first entry that does not hold, in the order given; the length when the end is missing.
        reason: What does not hold.
        flaw: What was done, where it can be told.
    """

    position: int
    reason: str
    flaw: Flaw = Flaw.ALTERED


def head_of(chain: Sequence[CustodyEntry]) -> str:
    """Return the digest of the last entry, or 64 zeros for an empty chain."""
    return chain[-1].sha256 if chain else ORIGIN


def append(
    chain: Sequence[CustodyEntry],
    *,
    at: datetime,
    actor: str,
    action: Action,
    subject: str,
    subject_sha256: str,
    facts: Mapping[str, str] | None = None,
) -> tuple[CustodyEntry, ...]:
    """Return ``chain`` with one entry more.

    Args:
        chain: The chain so far, or only its last entry.
        at: When it was done, aware.
        actor: Who did it.
        action: What was done.
        subject: To what.
        subject_sha256: That thing's digest after the action, hex.
        facts: Further facts.

    Raises:
        IntegrityFailed: ``at`` lies before the last entry: the clock was set back.
    """
    if chain and in_utc(at) < chain[-1].at:
        raise IntegrityFailed(
            _(
                "The clock says {now}, but the last custody entry is of {last}: it was set back. Set the clock right."
            ).format(now=instant_text(at), last=instant_text(chain[-1].at))
        )
    entry = CustodyEntry(
        seq=chain[-1].seq + 1 if chain else 0,
        at=at,
        actor=actor,
        action=action,
        subject=subject,
        subject_sha256=subject_sha256,
        facts=tuple(sorted((facts or {}).items())),
        previous_sha256=head_of(chain),
    )
    return (*chain, entry)


def extend(chain: Sequence[CustodyEntry], entries: Iterable[CustodyEntry]) -> tuple[CustodyEntry, ...]:
    """Return ``chain`` with what other entries say appended, each linked anew. Raises as :func:`append` does."""
    longer = tuple(chain)
    for entry in entries:
        longer = append(
            longer,
            at=entry.at,
            actor=entry.actor,
            action=entry.action,
            subject=entry.subject,
            subject_sha256=entry.subject_sha256,
            facts=dict(entry.facts),
        )
    return longer


def first_break(chain: Sequence[CustodyEntry], head: str | None = None) -> Break | None:
    """Return the first place where a chain does not hold, or None.

    Args:
        chain: The entries in the order in which they were kept.
        head: Digest of the last entry as it was anchored elsewhere; None when it was not.
    """
    previous = ORIGIN
    for position, entry in enumerate(chain):
        if entry.seq != position:
            return Break(
                position=position,
                reason=_("entry {position} says it is number {seq}").format(position=position, seq=entry.seq),
            )
        if entry.previous_sha256 != previous:
            return Break(
                position=position,
                reason=_("entry {position} does not follow from the entry before it").format(position=position),
            )
        if position and entry.at < chain[position - 1].at:
            return Break(
                position=position,
                reason=_("entry {position} is earlier than the entry before it").format(position=position),
            )
        previous = entry.sha256
    if head is not None and previous != head:
        # The last entry has no successor that would show its alteration; only the anchored head does.
        return Break(
            position=max(len(chain) - 1, 0),
            reason=_("the last of {count} entries is not the one that was anchored").format(count=len(chain)),
        )
    return None


def encode_chain(chain: Iterable[CustodyEntry]) -> bytes:
    """Return a chain as canonical JSON lines, one entry a line, each ended by a line feed."""
    return b"".join(encode(SCHEMA, entry) + b"\n" for entry in chain)


def decode_chain(content: bytes, source: Path | str = "custody") -> tuple[CustodyEntry, ...]:
    """Return the chain in JSON lines; the inverse of :func:`encode_chain`. The chain itself is not checked here.

    Raises:
        InputRefused: A line is no entry; the text names the line, counted from one.
    """
    if content and not content.endswith(b"\n"):
        raise InputRefused(source, _("ends in the middle of a line"), _("Use the record as it was written."))
    lines = content.split(b"\n")[:-1]
    return tuple(decode(SCHEMA, CustodyEntry, line, f"{source}:{number}") for number, line in enumerate(lines, start=1))
