"""Finds what was done to a stored audit chain: which row was altered, removed, put elsewhere, or inserted.

The chain is walked backwards from its anchored end: what a digest leads to is genuine, wherever it now stands. Where
no row has the digest that is looked for, that entry is altered (another row stands in its place) or removed (none
does); what no digest leads to was inserted. The walk goes on behind a gap at the entry that the next row names.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field

from core.errors import InputRefused
from core.text import _
from evidence.custody import SCHEMA, Break, CustodyEntry, Flaw
from evidence.sealing.canonical import decode


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditLine:
    """A row as it is stored.

    Attributes:
        seq: Its place.
        subject, action, sha256: Its columns, which repeat the document.
        document: The entry, canonical JSON.
    """

    seq: int
    subject: str
    action: str
    sha256: str
    document: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """The end of a chain, kept apart from it.

    Attributes:
        entries: How many entries it has.
        sha256: Digest of the last one, hex.
    """

    entries: int
    sha256: str


def check_lines(lines: Sequence[AuditLine], anchor: Anchor | None) -> tuple[Break, ...]:
    """Return what does not hold of a stored chain, in order of place; empty when all does.

    Args:
        lines: The rows in order of their place.
        anchor: Where the chain ends; None when that was never kept, or is gone.
    """
    if anchor is None:
        if not lines:
            return ()
        reason = _("the end of the chain of {count} entries is kept nowhere").format(count=len(lines))
        return (Break(position=len(lines), reason=reason, flaw=Flaw.REMOVED),)
    entries = [_read(line) for line in lines]
    genuine, holes = _walk(lines, entries, anchor)
    taken = set(genuine.values())
    spare = {line.seq: index for index, line in enumerate(lines) if index not in taken}
    breaks: list[Break] = []
    for seq in holes:
        index = spare.pop(seq, None)
        if index is None:
            breaks.append(Break(position=seq, reason=_("entry {seq} is gone").format(seq=seq), flaw=Flaw.REMOVED))
        else:
            reason = _("entry {seq} is not the one that was written").format(seq=seq)
            breaks.append(Break(position=seq, reason=reason, flaw=Flaw.ALTERED))
    breaks += [
        Break(position=seq, reason=_("row {seq} was never written by the audit").format(seq=seq), flaw=Flaw.INSERTED)
        for seq in spare
    ]
    misplaced = _misplaced(lines, genuine, shifted=bool(breaks))
    breaks += [
        Break(
            position=seq,
            reason=_("entry {seq}: the row's columns are not those of its document").format(seq=seq),
            flaw=Flaw.ALTERED,
        )
        for seq, index in genuine.items()
        if lines[index].seq == seq and not _columns_agree(lines[index], entries[index])
    ]
    breaks += misplaced
    return tuple(sorted(breaks, key=lambda one: one.position))


def _read(line: AuditLine) -> CustodyEntry | None:
    try:
        return decode(SCHEMA, CustodyEntry, line.document.encode(), f"audit {line.seq}")
    except InputRefused:
        return None


def _columns_agree(line: AuditLine, entry: CustodyEntry | None) -> bool:
    return entry is not None and (line.subject, line.action, line.sha256) == (
        entry.subject,
        entry.action.value,
        entry.sha256,
    )


def _walk(
    lines: Sequence[AuditLine], entries: Sequence[CustodyEntry | None], anchor: Anchor
) -> tuple[dict[int, int], list[int]]:
    """Return the index of each genuine entry by its number, and the numbers that no row answers to."""
    by_digest: dict[str, int] = {}
    for index, entry in enumerate(entries):
        # Of two copies of one entry, the one in its own place is the entry and the other was inserted.
        if entry is not None and (entry.sha256 not in by_digest or lines[index].seq == entry.seq):
            by_digest[entry.sha256] = index
    by_seq = {line.seq: index for index, line in enumerate(lines)}
    genuine: dict[int, int] = {}
    holes: list[int] = []
    wanted = anchor.sha256
    for seq in range(anchor.entries - 1, -1, -1):
        found = by_digest.get(wanted)
        entry = None if found is None else entries[found]
        if found is not None and entry is not None and entry.seq == seq:
            genuine[seq] = found
            wanted = entry.previous_sha256
            continue
        holes.append(seq)
        wanted = _behind(seq, lines, entries, by_digest, by_seq)
    return genuine, sorted(holes)


def _behind(
    seq: int,
    lines: Sequence[AuditLine],
    entries: Sequence[CustodyEntry | None],
    by_digest: dict[str, int],
    by_seq: dict[int, int],
) -> str:
    """Return the digest of the entry before a gap, as well as it can be told."""
    here = entries[by_seq[seq]] if seq in by_seq else None
    if here is not None and here.previous_sha256 in by_digest:
        return here.previous_sha256
    before = next((entry for entry in entries if entry is not None and entry.seq == seq - 1), None)
    if before is not None:
        return before.sha256
    return lines[by_seq[seq - 1]].sha256 if seq - 1 in by_seq else ""


def _misplaced(lines: Sequence[AuditLine], genuine: dict[int, int], *, shifted: bool) -> list[Break]:
    """Return the genuine entries that stand out of order; a whole run that was only shifted by a gap is in order."""
    numbers = {index: seq for seq, index in genuine.items()}
    standing = [numbers[index] for index in range(len(lines)) if index in numbers]
    steady = _longest_rise(standing)
    place = {seq: lines[index].seq for seq, index in genuine.items()}
    breaks, named = [], set()
    for seq in sorted(genuine):
        if place[seq] == seq or seq in named or (shifted and seq in steady):
            continue
        other = place[seq]
        if place.get(other) == seq:
            named.add(other)
            reason = _("entries {seq} and {other} stand in each other's place").format(seq=seq, other=other)
        else:
            reason = _("entry {seq} stands in row {other}").format(seq=seq, other=other)
        breaks.append(Break(position=seq, reason=reason, flaw=Flaw.REORDERED))
    return breaks


def _longest_rise(numbers: Sequence[int]) -> set[int]:
    """Return the members of a longest rising subsequence."""
    tails: list[int] = []
    before: dict[int, int | None] = {}
    for number in numbers:
        place = bisect_left(tails, number)
        before[number] = tails[place - 1] if place else None
        tails[place : place + 1] = [number]
    members: set[int] = set()
    last = tails[-1] if tails else None
    while last is not None:
        members.add(last)
        last = before[last]
    return members
