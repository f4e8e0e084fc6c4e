"""The signed manifest of a package: an in-toto statement (v1) over every file, in canonical form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

from core.errors import InputRefused
from core.text import _
from evidence.ingest import Digests
from evidence.sealing.canonical import RECORDS, SHAPE_ERRORS, Json, canonical_bytes, read_canonical
from evidence.sealing.package import PREDICATE_TYPE, Predicate
from evidence.signing.dsse import STATEMENT_TYPE

_FIELDS: Final = {"_type", "predicate", "predicateType", "subject"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What is signed.

    Attributes:
        predicate: Which incident, when, by whom.
        sha256, sm3: Digests by path, hex, of every payload file and the signed tag files.
    """

    predicate: Predicate
    sha256: Mapping[str, str]
    sm3: Mapping[str, str]


def encode_statement(predicate: Predicate, members: Mapping[str, Digests]) -> bytes:
    """Return the statement about ``members`` (by path in the package) as canonical JSON; subjects in order of paths."""
    return canonical_bytes(
        {
            "_type": STATEMENT_TYPE,
            "predicateType": PREDICATE_TYPE,
            "predicate": cast("Json", RECORDS.unstructure(predicate)),
            "subject": [
                {"name": path, "digest": {"sha256": members[path].sha256, "sm3": members[path].sm3}}
                for path in sorted(members)
            ],
        }
    )


def decode_statement(content: bytes, source: Path | str) -> Statement:
    """Return the statement in ``content``. Raises ``InputRefused`` when it is none of ours."""
    document = read_canonical(content, source)
    try:
        return _statement_of(document)
    except SHAPE_ERRORS as problem:
        raise InputRefused(
            source,
            _("is no statement about a package ({problem!r})").format(problem=problem),
            _("Use the statement as it was written."),
        ) from problem


def _statement_of(document: Json) -> Statement:
    if not isinstance(document, dict) or set(document) != _FIELDS:
        raise ValueError("the fields of a statement are " + ", ".join(sorted(_FIELDS)))
    if document["_type"] != STATEMENT_TYPE or document["predicateType"] != PREDICATE_TYPE:
        raise ValueError("the statement is of another type")
    subjects = RECORDS.structure(document["subject"], tuple[_Subject, ...])
    if len({subject.name for subject in subjects}) != len(subjects):
        raise ValueError("the statement names a file twice")
    return Statement(
        predicate=RECORDS.structure(document["predicate"], Predicate),
        sha256={subject.name: subject.digest.sha256 for subject in subjects},
        sm3={subject.name: subject.digest.sm3 for subject in subjects},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _DigestSet:
    sha256: str
    sm3: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Subject:
    name: str
    digest: _DigestSet
