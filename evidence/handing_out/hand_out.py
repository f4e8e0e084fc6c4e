"""Hands copies out of the bureau: a folder with redacted, marked copies and a note of what was given to whom.

Only derived copies leave this way, never an original, and a copy of a picture only when it was redacted or somebody
says in writing that it needs no redaction. The note goes with them and its digest into the custody chain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

from core.clock import Clock
from core.errors import InputRefused, IntegrityFailed
from core.refusal import Refusal
from core.text import _
from evidence.cases.life import Person
from evidence.sealing.canonical import decode, encode
from evidence.sealing.derivation import Derivation, Derived
from evidence.sealing.staging import staged, sweep, write_durably

SCHEMA: Final = "skywarden/hand-out/1"
NOTE: Final = "note.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenCopy:
    """One copy on the note."""

    name: str
    media_type: str
    sha256: str
    derivation: Derivation


@dataclass(frozen=True, slots=True, kw_only=True)
class HandOutNote:
    """What was given to whom.

    Attributes:
        number: The case's number.
        at: When.
        by: Who gave it.
        recipient: Who got it.
        purpose: What for.
        unredacted_because: Why pictures are given without redaction; empty when all are redacted.
        copies: What was given.
        left_out: Why other copies of the case were not given.
    """

    number: str
    at: datetime
    by: Person
    recipient: str
    purpose: str
    unredacted_because: str
    copies: tuple[GivenCopy, ...]
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedOut:
    """The outcome of handing out.

    Attributes:
        folder: Where the copies lie.
        note_sha256: Digest of the note, hex: the subject of the custody entry.
        facts: For that entry.
    """

    folder: Path
    note_sha256: str
    facts: dict[str, str]


def hand_out(
    number: str,
    copies: Sequence[Derived],
    *,
    by: Person,
    recipient: str,
    purpose: str,
    unredacted_because: str = "",
    left_out: Sequence[Refusal] = (),
    clock: Clock,
    out: Path,
) -> HandedOut | Refusal:
    """Write copies with their note into a new folder under ``out`` and return what custody needs.

    Args:
        number: The case's number.
        copies: What to give.
        by: Who gives it.
        recipient: Who gets it.
        purpose: What for.
        unredacted_because: Why pictures may leave without redaction.
        left_out: Why other copies of the case are not given.
        clock: Tells when.
        out: The folder of hand-outs; made when missing.

    Returns:
        The outcome, or a refusal with code "not-redacted" or "incomplete".

    Raises:
        StoreFailed: The disk refuses.
    """
    if not copies or not recipient.strip() or not purpose.strip():
        reason = _("a hand-out names copies, a recipient and a purpose")
        return Refusal(subject=number, code="incomplete", reason=reason)
    if len({copy.name.lower() for copy in copies} | {NOTE}) != len(copies) + 1:
        return Refusal(subject=number, code="incomplete", reason=_("two copies have one name"))
    plain = [
        copy.name
        for copy in copies
        if copy.media_type.startswith(("image/", "video/")) and copy.derivation.operation != "redact"
    ]
    if plain and not unredacted_because.strip():
        return Refusal(
            subject=number,
            code="not-redacted",
            reason=_("{name} shows what was not redacted").format(name=plain[0]),
            remedy=_("Redact it, or state why it may leave as it is."),
        )
    now = clock.now()
    note = HandOutNote(
        number=number,
        at=now,
        by=by,
        recipient=recipient,
        purpose=purpose,
        unredacted_because=unredacted_because if plain else "",
        copies=tuple(
            GivenCopy(name=copy.name, media_type=copy.media_type, sha256=copy.sha256, derivation=copy.derivation)
            for copy in copies
        ),
        left_out=tuple(str(refusal) for refusal in left_out),
    )
    content = encode(SCHEMA, note)
    folder = out / f"{number}-{now.strftime('%Y%m%dT%H%M%SZ')}"
    sweep(out)
    with staged(folder) as place:
        for copy in copies:
            write_durably(place / copy.name, copy.content)
        write_durably(place / NOTE, content)
    facts = {"copies": str(len(copies)), "purpose": purpose, "to": recipient}
    if note.unredacted_because:
        facts["unredacted_because"] = note.unredacted_because
    return HandedOut(folder=folder, note_sha256=sha256(content).hexdigest(), facts=facts)


def read_handed_out(folder: Path) -> tuple[str, tuple[Derived, ...]]:
    """Return the case's number and the redacted copies of a hand-out, as its folder holds them.

    Raises:
        InputRefused: The folder is no hand-out.
        IntegrityFailed: A copy is not the one that was given.
    """
    path = folder / NOTE
    try:
        note = decode(SCHEMA, HandOutNote, path.read_bytes(), path)
        contents = {one.name: (folder / one.name).read_bytes() for one in note.copies}
    except OSError as problem:
        raise InputRefused(
            folder,
            _("is no folder of a hand-out ({why})").format(why=problem.strerror),
            _("Name a folder that skywarden hand-out wrote."),
        ) from problem
    copies = tuple(
        Derived(name=one.name, media_type=one.media_type, content=contents[one.name], derivation=one.derivation)
        for one in note.copies
        if one.derivation.operation == "redact"
    )
    told = {one.name: one.sha256 for one in note.copies}
    for copy in copies:
        if copy.sha256 != told[copy.name]:
            raise IntegrityFailed(_("{copy}: is not the copy that was handed out.").format(copy=folder / copy.name))
    return note.number, copies
