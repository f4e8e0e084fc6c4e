"""Reads everything that a package says, once, keeping apart what could not be read.

Verification then only compares. Nothing here judges: a record that cannot be read is a reason in ``refused``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from core.errors import InputRefused
from core.text import _
from evidence.cases.life import SCHEMA as REVIEW_SCHEMA
from evidence.cases.life import Life
from evidence.custody import CustodyEntry, decode_chain
from evidence.incident import Incident
from evidence.ingest import Digests
from evidence.sealing import package as names
from evidence.sealing.canonical import decode
from evidence.sealing.context import SCHEMA as CONTEXT_SCHEMA
from evidence.sealing.context import ContextRecord
from evidence.sealing.derivation import SCHEMA as DERIVATIONS_SCHEMA
from evidence.sealing.derivation import DerivedRecords
from evidence.sealing.digests import digest_many
from evidence.sealing.frame_record import SCHEMA as FRAMES_SCHEMA
from evidence.sealing.frame_record import FrameRecords
from evidence.sealing.incident_json import decode_incident
from evidence.sealing.package import OriginalRecords
from evidence.sealing.package_source import PackageSource
from evidence.sealing.statement import Statement, decode_statement
from evidence.signing.dsse import Envelope, decode_envelope
from evidence.signing.public_key import PublicKey, public_from_pem
from flight.track import Track

MAX_RECORD_BYTES: Final = 256 << 20  # a record larger than this is no record of ours
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a package says. A field is None when its member is missing or unreadable; ``refused`` says why.

    Attributes:
        members: Digests of every regular file, by path.
        oddities: What else lies there.
        contents: Bytes of the tag and signature files that were read, by path.
        refused: Why a member could not be read, by path.
    """

    members: dict[str, Digests]
    oddities: tuple[str, ...]
    contents: dict[str, bytes]
    refused: dict[str, str]
    envelope: Envelope | None
    statement: Statement | None
    public: PublicKey | None
    incident: Incident | None
    frames: FrameRecords | None
    originals: OriginalRecords | None
    derivations: DerivedRecords | None
    context: ContextRecord | None
    custody: tuple[CustodyEntry, ...] | None
    life: Life | None
    track: Track | None


@dataclass(slots=True, kw_only=True)
class _Reader:
    source: PackageSource
    members: dict[str, Digests] = field(default_factory=dict)
    contents: dict[str, bytes] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)

    def digest_all(self) -> None:
        openers = {member: partial(self.source.open, member) for member in self.source.members()}
        for member, found in digest_many(openers).items():
            if isinstance(found, OSError):
                self.refused[member] = _("{member} cannot be read ({problem})").format(member=member, problem=found)
            else:
                self.members[member] = found

    def content(self, member: str) -> bytes | None:
        """Return a member's bytes, or None with a reason kept."""
        if member not in self.members:
            self.refused.setdefault(member, _("{member} is missing").format(member=member))
            return None
        if self.members[member].size_bytes > MAX_RECORD_BYTES:
            self.refused[member] = _("{member} is too large for a record").format(member=member)
            return None
        with self.source.open(member) as stream:
            self.contents[member] = stream.read()
        return self.contents[member]

    def record(self, member: str, parse: Callable[[bytes, str], T]) -> T | None:
        content = self.content(member)
        if content is None:
            return None
        try:
            return parse(content, member)
        except InputRefused as refusal:
            self.refused[member] = str(refusal)
            return None


def _schema(schema: str, kind: type[T]) -> Callable[[bytes, Path | str], T]:
    return lambda content, source: decode(schema, kind, content, source)


def read_package(source: PackageSource) -> Reading:
    """Return everything that a package says. Every file is read through once for its digests."""
    reader = _Reader(source=source)
    reader.digest_all()
    for member in (*names.SIGNED_TAGS, *names.TAG_MANIFESTS):
        reader.content(member)
    if names.TIME_TOKEN in reader.members:
        reader.content(names.TIME_TOKEN)
    return Reading(
        envelope=reader.record(names.ENVELOPE, decode_envelope),
        statement=reader.record(names.STATEMENT, decode_statement),
        public=reader.record(names.PUBLIC_KEY, public_from_pem),
        incident=reader.record(names.INCIDENT, decode_incident),
        frames=reader.record(names.FRAMES, _schema(FRAMES_SCHEMA, FrameRecords)),
        originals=reader.record(names.ORIGINALS, _schema(names.ORIGINALS_SCHEMA, OriginalRecords)),
        derivations=reader.record(names.DERIVATIONS, _schema(DERIVATIONS_SCHEMA, DerivedRecords)),
        context=reader.record(names.CONTEXT, _schema(CONTEXT_SCHEMA, ContextRecord)),
        custody=reader.record(names.CUSTODY, decode_chain),
        life=reader.record(names.REVIEW, _schema(REVIEW_SCHEMA, Life)) if names.REVIEW in reader.members else None,
        track=reader.record(names.TRACK, _schema(names.TRACK_SCHEMA, Track)) if names.TRACK in reader.members else None,
        members=reader.members,
        oddities=source.oddities(),
        contents=reader.contents,
        refused=reader.refused,
    )
