"""Commands for packages: seal a decided case, verify, stamp, write its documents, tell where it came from."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from app.commands.keys import PASSPHRASE, HardwareOption, SigningRingOption, content_of, key_that_may_sign
from app.commands.store_options import DEFAULT_STORE, StoreOption, find_case, opened, unless_refused
from app.commands.version import program_version
from core.clock import SystemClock
from core.errors import InputRefused, IntegrityFailed
from core.refusal import Refusal
from core.text import _
from core.whole_file import write_bytes
from evidence.cases.case_store import CaseStore, custody_of
from evidence.cases.life import Life, state_of
from evidence.custody import Action
from evidence.incident import Incident
from evidence.papers.documents import Paper
from evidence.sealing.again import Contents, open_contents, seal_again
from evidence.sealing.chain import PROGRAM_ACTOR
from evidence.sealing.context import Attachment
from evidence.sealing.derivation import Derived
from evidence.sealing.package import TIME_TOKEN
from evidence.signing.key_ring import read_ring, trusted_keys
from evidence.signing.keys import TrustedKey
from evidence.signing.public_key import public_from_pem
from evidence.signing.time_stamp import HttpAuthority, Stamped, pending, read_authorities, stamp_pending
from evidence.verify import verify
from evidence.verifying.verification import Outcome, lines_of, report_json

PackageArgument = Annotated[Path, typer.Argument(help=_("Folder of the sealed package."))]
AuthorityOption = Annotated[
    Path | None, typer.Option(help=_("Root certificates (PEM) of the time-stamping authorities that you trust."))
]


def add_commands(application: typer.Typer) -> None:
    """Add the commands for packages to the command line."""
    panel = _("Evidence")
    for name, words, command in (
        ("verify", _("Check a sealed package; needs no store and no network."), _verify),
        ("seal", _("Seal a case as it stands now, with its review, custody and documents."), _seal),
        ("stamp", _("Get time tokens for the packages that have none; safe to repeat while offline."), _stamp),
        ("documents", _("Write a case's documents as PDF, blank where people must write."), _documents),
        ("provenance", _("Write where a package's contents came from, as W3C PROV or CASE/UCO."), _provenance),
    ):
        application.command(name=name, rich_help_panel=panel, help=words)(command)


def _verify(
    *,
    package: Annotated[Path, typer.Argument(help=_("Folder or ZIP file of the sealed package."))],
    trust: Annotated[
        list[Path] | None, typer.Option(help=_("Public key (PEM) of a signer you trust; may be repeated."))
    ] = None,
    ring: Annotated[Path | None, typer.Option(help=_("Key ring of the signers you trust."))] = None,
    authority: AuthorityOption = None,
    report: Annotated[Path | None, typer.Option(help=_("Write the list to this file too, as JSON."))] = None,
) -> None:
    if not package.exists():
        raise InputRefused(package, _("does not exist"), _("Name a package: its folder, or its ZIP file."))
    trusted = [TrustedKey(label=path.name, public=public_from_pem(content_of(path), path)) for path in trust or []]
    trusted += trusted_keys(read_ring(ring)) if ring is not None else ()
    roots = None if authority is None else read_authorities(authority)
    verification = verify(package, trusted_keys=trusted, authorities=roots, now=SystemClock().now())
    console = Console(markup=False, highlight=False)
    for line in lines_of(verification):
        console.print(line, soft_wrap=True)
    if report is not None:
        _put(report, report_json(verification))
    if verification.outcome is Outcome.FAIL:
        failed = [step for step in verification.steps if step.outcome is Outcome.FAIL]
        raise IntegrityFailed(
            _("{package}: does not verify: {finding} ({count} of {all} steps failed).").format(
                package=package, finding=failed[0].findings[0], count=len(failed), all=len(verification.steps)
            )
        )


def _put(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, content)
    except OSError as problem:
        raise InputRefused(
            path, _("cannot be written ({problem})").format(problem=problem.strerror), _("Name a writable folder.")
        ) from problem


def _seal(
    *,
    package: Annotated[Path, typer.Argument(help=_("Folder of the case's earlier package."))],
    key: Annotated[Path | None, typer.Option(help=_("Signing key; passphrase in SKYWARDEN_KEY_PASSPHRASE."))] = None,
    pkcs11: HardwareOption = "",
    documents: Annotated[Path | None, typer.Option(help=_("Folder of PDF documents to seal with the case."))] = None,
    handed_out: Annotated[
        list[Path] | None,
        typer.Option(help=_("Folder of a hand-out, whose redacted copies are sealed with the case; may be repeated.")),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help=_("Folder of packages; by default a new revision beside the earlier one."))
    ] = None,
    ring: SigningRingOption = None,
    as_zip: Annotated[bool, typer.Option("--zip", help=_("Write one ZIP file of it too."))] = False,
    store: StoreOption = DEFAULT_STORE,
) -> None:
    from app.publish import note_sealed, revisions

    kept = opened(store)
    contents = open_contents(package)
    line = find_case(kept, contents.incident.number)
    signer = key_that_may_sign(key, pkcs11, ring)
    case = unless_refused(kept.whole_case(line.incident_id, actor=PROGRAM_ACTOR))
    packages = package.resolve().parent
    packages = packages.parent if packages.name.startswith("revision-") else packages
    folder = out or next(one for one in revisions(packages) if not (one / line.number).exists())
    sealed = seal_again(
        contents,
        incident=case.incident,
        life=case.life,
        entries=custody_of(kept.audit(line.number), line.number),
        key=signer,
        clock=SystemClock(),
        out=folder,
        documents=() if documents is None else _papers(documents),
        derived=[copy for given in handed_out or [] for copy in _given(given, line.number)],
    )
    note_sealed(kept, case.incident, sealed)
    console = Console(markup=False, highlight=False)
    console.print(
        _("{number}: sealed as {state} in {path}").format(
            number=line.number, state=state_of(case.life).value, path=sealed
        ),
        soft_wrap=True,
    )
    if as_zip:
        from evidence.sealing.package_source import open_folder
        from evidence.sealing.zip_container import write_zip

        archive = write_zip(open_folder(sealed), sealed.with_suffix(".zip"), sealed_at=SystemClock().now())
        console.print(str(archive), soft_wrap=True)


def _given(folder: Path, number: str) -> tuple[Derived, ...]:
    """Return the redacted copies of a hand-out of this case."""
    from evidence.handing_out.hand_out import read_handed_out

    case, copies = read_handed_out(folder)
    if case != number:
        raise InputRefused(
            folder, _("is a hand-out of {case}, not of {number}").format(case=case, number=number), _("Name one of it.")
        )
    return copies


def _papers(folder: Path) -> tuple[Attachment, ...]:
    papers = sorted(folder.glob("*.pdf")) if folder.is_dir() else []
    if not papers:
        raise InputRefused(folder, _("holds no PDF documents"), _("Name the folder that skywarden documents wrote."))
    try:
        return tuple(
            Attachment(name=path.name, media_type="application/pdf", content=content_of(path)) for path in papers
        )
    except ValueError as wrong:
        raise InputRefused(
            folder, str(wrong), _("Name the documents with ASCII letters, digits, points and hyphens.")
        ) from wrong


def _stamp(
    *,
    packages: Annotated[list[Path], typer.Argument(help=_("Packages, or folders of packages."))],
    url: Annotated[str, typer.Option("--url", help=_("Address of the time-stamping authority."))],
    authority: Annotated[Path, typer.Option(help=_("Its root certificates, PEM."))],
    store: Annotated[
        str, typer.Option(envvar="SKYWARDEN_STORE", help=_("Store whose audit notes the tokens; none when empty."))
    ] = "",
) -> None:
    roots = read_authorities(authority)
    if not url.startswith(("http://", "https://")):
        raise InputRefused(url, _("is no address of an authority"), _("Begin it with http:// or https://."))
    waiting = pending(packages)
    outcomes = stamp_pending(waiting, HttpAuthority(url=url), roots)
    console = Console(markup=False, highlight=False)
    kept = opened(store) if store else None
    for package, outcome in zip(waiting, outcomes, strict=False):
        if isinstance(outcome, Refusal):
            console.print(str(outcome), soft_wrap=True)
            continue
        console.print(
            _("{package}: stamped at {at} by {authority}").format(
                package=package, at=outcome.at.isoformat(), authority=outcome.authority
            ),
            soft_wrap=True,
        )
        if kept is not None:
            _note_stamped(kept, outcome, package)
    done = sum(isinstance(outcome, Stamped) for outcome in outcomes)
    console.print(_("{done} packages stamped, {left} wait in the queue").format(done=done, left=len(waiting) - done))


def _note_stamped(kept: CaseStore, stamped: Stamped, package: Path) -> None:
    line = find_case(kept, stamped.package)
    unless_refused(
        kept.note(
            line.incident_id,
            Action.TIME_STAMPED,
            actor=PROGRAM_ACTOR,
            subject_sha256=hashlib.sha256((package / TIME_TOKEN).read_bytes()).hexdigest(),
            facts={"authority": stamped.authority, "at": stamped.at.isoformat()},
        )
    )


def _documents(
    *,
    package: PackageArgument,
    out: Annotated[Path, typer.Option(help=_("Folder to write the PDF files to."))],
    paper: Annotated[
        list[Paper] | None, typer.Option(help=_("Which document; may be repeated; all five by default."))
    ] = None,
    particulars: Annotated[
        Path | None, typer.Option(help=_("YAML file with bureau, officers, party, deadline …; see docs/evidence.md."))
    ] = None,
    fonts: Annotated[Path | None, typer.Option(help=_("Folder of the bureau's own fonts."))] = None,
    family: Annotated[
        list[str] | None, typer.Option(help=_("Font family to set in, tried before the embedded one."))
    ] = None,
    sign: Annotated[
        Path | None, typer.Option(help=_("PKCS#12 file to sign with (PAdES); passphrase as for a key."))
    ] = None,
    store: Annotated[
        str,
        typer.Option(
            envvar="SKYWARDEN_STORE", help=_("Store that says where the case stands now; else as the package says.")
        ),
    ] = "",
) -> None:
    from evidence.papers.documents import CaseFile, Particulars, write_document
    from evidence.papers.particulars import read_particulars

    if fonts is not None and not fonts.is_dir():
        raise InputRefused(fonts, _("is no folder of fonts"), _("Name a folder of font files."))
    contents = open_contents(package)
    told = Particulars() if particulars is None else read_particulars(particulars)
    incident, life = _as_it_stands(contents, store)
    case = CaseFile(
        incident=incident,
        originals=contents.reading.originals.originals if contents.reading.originals else (),
        derived=contents.derived,
        site_name=contents.context.site_name,
        program=program_version(),
        at=SystemClock().now(),
        life=life,
    )
    console = Console(markup=False, highlight=False)
    for one in paper or list(Paper):
        content = write_document(
            one,
            case,
            told,
            font_folders=() if fonts is None else (fonts,),
            font_families=tuple(family or ()),
        )
        place = out / f"{one.value}.pdf"
        _put(place, content if sign is None else _signed(content, sign, one))
        console.print(str(place), soft_wrap=True)


def _as_it_stands(contents: Contents, store: str) -> tuple[Incident, Life | None]:
    """Return an incident with the store's decisions and the state they lead to; as sealed where no store is named."""
    if not store:
        return contents.incident, contents.reading.life
    kept = opened(store)
    line = find_case(kept, contents.incident.number)
    case = unless_refused(kept.whole_case(line.incident_id, actor=PROGRAM_ACTOR))
    return replace(contents.incident, state=state_of(case.life)), case.life


def _signed(content: bytes, sign: Path, paper: Paper) -> bytes:
    from evidence.signing.pdf_signature import load_document_signer, sign_document

    secret = os.environ.get(PASSPHRASE) or typer.prompt(_("Passphrase"), hide_input=True)
    return sign_document(content, load_document_signer(sign, secret), reason=paper.value, clock=SystemClock())


def _provenance(
    *,
    package: PackageArgument,
    out: Annotated[Path, typer.Argument(help=_("File to write: .json for W3C PROV, .jsonld for CASE/UCO."))],
) -> None:
    from evidence.sealing.case_uco import case_graph_of
    from evidence.sealing.provenance import provenance_of

    seen = open_contents(package).reading
    if out.suffix.lower() not in {".json", ".jsonld"}:
        raise InputRefused(out, _("is of no format that provenance is written in"), _("Name a .json or .jsonld file."))
    write = case_graph_of if out.suffix.lower() == ".jsonld" else provenance_of
    if (
        seen.incident is None
        or seen.originals is None
        or seen.derivations is None
        or seen.custody is None
        or seen.statement is None
    ):
        raise ValueError("a package without findings has every record")
    content = write(
        seen.incident,
        originals=seen.originals.originals,
        derived=seen.derivations.derived,
        custody=seen.custody,
        predicate=seen.statement.predicate,
    )
    _put(out, content)
    Console(markup=False, highlight=False).print(str(out), soft_wrap=True)
