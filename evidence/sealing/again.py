"""Seals a case again: what an earlier package holds, with what has been decided since.

The first package of an incident is sealed when it is found, as a lead. Once people have decided, a package with the
review, the longer custody chain and the documents is wanted. Everything else comes from the earlier package, which is
verified first and stays as it is; originals that it only names stay named.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TypeVar

from core.clock import Clock
from core.errors import InputRefused, IntegrityFailed
from core.text import _
from evidence.cases.life import Life
from evidence.custody import Action, CustodyEntry, extend
from evidence.incident import Incident, State
from evidence.original import Original
from evidence.seal import seal
from evidence.sealing.context import Attachment, Context
from evidence.sealing.derivation import Derived, without_source
from evidence.sealing.incident_json import encode_incident
from evidence.sealing.package_source import open_folder
from evidence.sealing.reading import Reading, read_package
from evidence.sealing.selection import CARRY_ALL
from evidence.signing.keys import SigningKey
from evidence.verify import verify_reading

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What a package holds, as sealing takes it.

    Attributes:
        incident: The incident as it was sealed.
        originals: Those carried lie in the package; the others are only named, and nothing lies at their path.
        carried: Digests of those carried.
        derived, context, documents: As they were sealed.
        reading: Everything else.
    """

    incident: Incident
    originals: tuple[Original, ...]
    carried: frozenset[str]
    derived: tuple[Derived, ...]
    context: Context
    documents: tuple[Attachment, ...]
    reading: Reading


def open_contents(package: Path) -> Contents:
    """Return what the package in a folder holds, once it is known to be what was sealed.

    Raises:
        InputRefused: There is no package in a folder.
        IntegrityFailed: It is not what was sealed.
    """
    if not package.is_dir():
        raise InputRefused(package, _("is no folder of a package"), _("Name a package's folder; unpack a ZIP file."))
    seen = read_package(open_folder(package))  # once: what is made from it is what was verified
    findings = verify_reading(seen, name=package.name).findings
    if findings:
        raise IntegrityFailed(
            _("{package}: is not what was sealed ({finding}); nothing is made from it.").format(
                package=package, finding=findings[0]
            )
        )
    context = _there(seen.context)
    records = _there(seen.originals).originals
    return Contents(
        incident=_there(seen.incident),
        originals=tuple(
            Original(
                name=one.name,
                path=package / (one.path or one.name),
                size_bytes=one.size_bytes,
                sha256=one.sha256,
                sm3=one.sm3,
                media_type=one.media_type,
                ingested_at=one.ingested_at,
            )
            for one in records
        ),
        carried=frozenset(one.sha256 for one in records if one.path is not None),
        derived=tuple(
            Derived(
                name=PurePosixPath(one.path).name,
                media_type=one.media_type,
                content=(package / one.path).read_bytes(),
                derivation=one.derivation,
            )
            for one in _there(seen.derivations).derived
        ),
        context=Context(
            program=context.program,
            register_sha256=context.register_sha256,
            register_name=context.register_name,
            site_name=context.site_name,
            flight=context.flight,
            parameters=context.parameters,
            attachments=tuple(_attachment(package / one.path, one.media_type) for one in context.attachments),
        ),
        documents=tuple(
            _attachment(package / member, "application/pdf")
            for member in sorted(seen.members)
            if member.startswith("data/documents/")
        ),
        reading=seen,
    )


def _there(record: T | None) -> T:
    if record is None:
        raise ValueError("a package without findings has every record")
    return record


def _attachment(path: Path, media_type: str) -> Attachment:
    return Attachment(name=path.name, media_type=media_type, content=path.read_bytes())


def seal_again(
    contents: Contents,
    *,
    incident: Incident,
    life: Life,
    entries: Sequence[CustodyEntry],
    key: SigningKey,
    clock: Clock,
    out: Path,
    documents: Sequence[Attachment] = (),
    derived: Sequence[Derived] = (),
) -> Path:
    """Seal a case as it stands now and return the new package's folder under ``out``.

    Args:
        contents: Of an earlier package of the case.
        incident: The case's incident as its store keeps it, in the state that its decisions lead to.
        life: Its decisions.
        entries: Its store's entries about it (:func:`evidence.cases.case_store.custody_of`).
        key: Signs.
        clock: Gives the time of sealing.
        out: The folder of packages.
        documents: Documents to add; one of the same name takes the place of the earlier one.
        derived: Copies to add; each is made from one of the package's originals or copies.

    Raises:
        IntegrityFailed: The store's incident is not the one that the earlier package holds, or a copy is made from
            nothing that it holds.
        StoreFailed: The package exists already, or the disk refuses.
    """
    kept, sealed = (encode_incident(replace(one, state=State.LEAD)) for one in (incident, contents.incident))
    if kept != sealed:
        raise IntegrityFailed(
            _(
                "{number}: the store keeps another record of it than the package; seal the package of that record."
            ).format(number=incident.number)
        )
    came_in = [entry for entry in contents.reading.custody or () if entry.action is Action.INGESTED]
    known = {copy.sha256 for copy in contents.derived}
    rooted = {one.sha256: one.derivation for one in (*contents.derived, *derived)}
    if without_source(rooted, {original.sha256 for original in contents.originals}):
        raise IntegrityFailed(
            _("{number}: a copy to add is made from nothing that the package holds.").format(number=incident.number)
        )
    papers = {document.name: document for document in (*contents.documents, *documents)}
    return seal(
        incident,
        originals=contents.originals,
        derived=(*contents.derived, *(copy for copy in derived if copy.sha256 not in known)),
        frames=_there(contents.reading.frames).frames,
        context=contents.context,
        key=key,
        clock=clock,
        out=out,
        custody=extend((), [*came_in, *entries]),
        life=life if life.decisions else None,
        documents=tuple(papers[name] for name in sorted(papers)),
        track=contents.reading.track,
        carry=replace(CARRY_ALL, among=contents.carried),
    )
