"""The custody chain that a package carries: how its originals came in, what was done to the case, and the sealing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from core.errors import IntegrityFailed
from core.text import _
from evidence.custody import Action, CustodyEntry, append, extend, first_break
from evidence.incident import Incident
from evidence.original import Original
from evidence.sealing.frame_record import FrameRecord
from evidence.sealing.selection import originals_by_frame

PROGRAM_ACTOR: Final = "program:skywarden"


def custody_with_ingestion(
    incident: Incident,
    originals: Sequence[Original],
    frames: Sequence[FrameRecord],
    entries: Sequence[CustodyEntry],
) -> tuple[CustodyEntry, ...]:
    """Return the chain of a case: how each original that it rests on came in, then what its store noted.

    Args:
        incident: The case's incident.
        originals: Originals of the run, or more.
        frames: What is known of the frames.
        entries: The store's entries about the case (:func:`evidence.cases.case_store.custody_of`).
    """
    return extend(_ingested(originals_by_frame(incident, originals, frames).values()), entries)


def _ingested(originals: Iterable[Original]) -> tuple[CustodyEntry, ...]:
    chain: tuple[CustodyEntry, ...] = ()
    known = {original.sha256: original for original in originals}
    for original in sorted(known.values(), key=lambda one: (one.ingested_at, one.sha256)):
        chain = append(
            chain,
            at=original.ingested_at,
            actor=PROGRAM_ACTOR,
            action=Action.INGESTED,
            subject=original.name,
            subject_sha256=original.sha256,
        )
    return chain


def begin_chain(incident: Incident, originals: Iterable[Original], record: bytes) -> tuple[CustodyEntry, ...]:
    """Return the chain of a case that no store keeps: its originals' ingestion, and its opening."""
    chain = _ingested(originals)
    return append(
        chain,
        at=incident.opened_at,
        actor=PROGRAM_ACTOR,
        action=Action.OPENED,
        subject=incident.number,
        subject_sha256=hashlib.sha256(record).hexdigest(),
    )


def close_chain(
    chain: Sequence[CustodyEntry], incident: Incident, record: bytes, now: datetime
) -> tuple[CustodyEntry, ...]:
    """Return the chain with the sealing of the incident's record as its last entry.

    Raises:
        IntegrityFailed: The chain does not hold, or ends after ``now``.
    """
    broken = first_break(chain)
    if broken is not None:
        raise IntegrityFailed(
            _("{number}: the custody chain does not hold: {reason}.").format(
                number=incident.number, reason=broken.reason
            )
        )
    return append(
        chain,
        at=now,
        actor=PROGRAM_ACTOR,
        action=Action.SEALED,
        subject=incident.number,
        subject_sha256=hashlib.sha256(record).hexdigest(),
    )
