"""Commands for keeping: hand copies out, hold, dispose of, back up and put back."""

from __future__ import annotations

import shutil
from hashlib import file_digest, sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from shapely import Polygon

from app.commands.keys import content_of
from app.commands.store_options import (
    DEFAULT_STORE,
    ByOption,
    ByOptions,
    NumberArgument,
    StoreOption,
    find_case,
    opened,
    people_of,
    person_of,
    unless_refused,
)
from app.commands.version import program_version
from core.clock import SystemClock
from core.errors import InputRefused, IntegrityFailed, StoreFailed
from core.refusal import Refusal
from core.text import _
from detection.detection import Box
from evidence.cases.case_store import actor_of, incident_digest
from evidence.cases.retention import YEARS, dispose, holds_of, retention_of
from evidence.custody import Action
from evidence.sealing.again import Contents
from evidence.sealing.chain import PROGRAM_ACTOR
from evidence.sealing.derivation import Derivation, Derived

if TYPE_CHECKING:
    from app.redacting.added import Added


def add_commands(application: typer.Typer) -> None:
    """Add the commands for keeping to the command line."""
    panel = _("Evidence")
    for name, words, command in (
        ("hand-out", _("Write redacted copies of a package's pictures and clips for somebody outside."), _hand_out),
        ("check-copy", _("Check a copy that was handed out: whose it is, and whether it is unchanged."), _check_copy),
        ("hold", _("Put a case on legal hold, or lift it; what is held is not disposed of."), _hold),
        ("dispose", _("Dispose of a package whose time is over, witnessed, leaving a record."), _dispose),
        ("backup", _("Copy the store while it is in use, and check the copy."), _backup),
        ("restore", _("Check a backup and put it back as a store."), _restore),
    ):
        application.command(name=name, rich_help_panel=panel, help=words)(command)


def _hand_out(
    *,
    package: Annotated[Path, typer.Argument(help=_("Folder of the case's sealed package."))],
    to: Annotated[str, typer.Option(help=_("Who gets it."))],
    purpose: Annotated[str, typer.Option(help=_("What for."))],
    by: ByOption,
    out: Annotated[Path, typer.Option(help=_("Folder of hand-outs."))],
    weight: Annotated[
        list[str] | None,
        typer.Option(help=_("Registered weight that finds vehicles and people, by name or file; else the defaults.")),
    ] = None,
    box: Annotated[
        list[str] | None,
        typer.Option(
            help=_(
                "Make unreadable besides, in pixels: LEFT,TOP,RIGHT,BOTTOM in every picture, COPY:… in one, "
                "CLIP.mp4@SECONDS:… in a clip, where it is followed; may be repeated."
            )
        ),
    ] = None,
    mask: Annotated[
        list[str] | None,
        typer.Option(
            help=_("Cover secret ground, in pixels: X,Y X,Y X,Y … after COPY: or CLIP.mp4@SECONDS:; may be repeated.")
        ),
    ] = None,
    secret: Annotated[
        Path | None,
        typer.Option(help=_("File of outlines of secret ground; covered in every copy, placed by each frame's pose.")),
    ] = None,
    clips_seen_by: Annotated[
        str,
        typer.Option(
            help=_(
                "Who looked through every clip for what no detector here looks for, such as people (NAME/CERTIFICATE); "
                "without, such a clip stays here."
            )
        ),
    ] = "",
    unredacted_because: Annotated[
        str, typer.Option(help=_("Give the pictures as they are, for this reason, which is written down."))
    ] = "",
    documents: Annotated[bool, typer.Option("--documents", help=_("Give the package's documents too."))] = False,
    c2pa_chain: Annotated[
        Path | None, typer.Option(help=_("C2PA certificate chain (PEM) to mark the copies with."))
    ] = None,
    c2pa_key: Annotated[Path | None, typer.Option(help=_("Its private key (PEM)."))] = None,
    store: StoreOption = DEFAULT_STORE,
) -> None:
    from app.redacting.looking import open_redactors
    from app.redacting.package_copies import redacted_copies
    from app.redacting.secret_file import read_secret_ground
    from evidence.handing_out.content_credentials import ContentSigner, mark_copy
    from evidence.handing_out.hand_out import hand_out
    from evidence.sealing.again import open_contents

    kept, person = opened(store), person_of(by)
    contents = open_contents(package)
    line = find_case(kept, contents.incident.number)
    added = [*(_box(text) for text in box or []), *(_mask(text) for text in mask or [])]
    ground = None if secret is None else read_secret_ground(secret)
    left_out: tuple[Refusal, ...] = ()
    if unredacted_because:
        copies = contents.derived
    else:
        redacted = redacted_copies(
            contents,
            open_redactors(weight or []),
            added=added,
            secret=ground,
            clips_seen_by=actor_of([person_of(clips_seen_by)]) if clips_seen_by else "",
            by=actor_of([person]),
        )
        copies, left_out = redacted.copies, redacted.left_out
        if not copies:
            unless_refused(left_out[0])
    if documents:
        copies = (*copies, *_papers(contents))
    if c2pa_chain is not None and c2pa_key is not None:
        signer = ContentSigner(chain_pem=content_of(c2pa_chain).decode(), key_pem=content_of(c2pa_key).decode())
        copies = tuple(mark_copy(copy, signer, program=program_version()) for copy in copies)
    elif c2pa_chain is not None or c2pa_key is not None:
        raise InputRefused(
            c2pa_chain or c2pa_key or package, _("is half of what C2PA needs"), _("Say --c2pa-chain and --c2pa-key.")
        )
    given = unless_refused(
        hand_out(
            line.number,
            copies,
            by=person,
            recipient=to,
            purpose=purpose,
            unredacted_because=unredacted_because,
            left_out=left_out,
            clock=kept.clock,
            out=out,
        )
    )
    unless_refused(
        kept.note(
            line.incident_id,
            Action.HANDED_OVER,
            actor=actor_of([person]),
            subject_sha256=given.note_sha256,
            facts=given.facts,
        )
    )
    console = Console(markup=False, highlight=False)
    for copy in (one for one in copies if one.derivation.operation == "redact"):
        console.print(_words(copy), soft_wrap=True)
    for refusal in left_out:
        console.print(_("not given: {refusal}").format(refusal=refusal), soft_wrap=True)
    console.print(str(given.folder), soft_wrap=True)
    if not unredacted_because:
        console.print(_("No detector finds everything: look at every copy before it leaves."))


def _words(copy: Derived) -> str:
    """Return what was made unreadable in a copy."""
    told = dict(copy.derivation.parameters)
    if copy.media_type != "video/mp4":
        count = len([region for region in told.get("regions", "").split("; ") if region])
        words = _("{name}: {count} regions made unreadable").format(name=copy.name, count=count)
        if told.get("not_looked_for"):
            words += _("; no detector looked for: {kinds}").format(kinds=told["not_looked_for"])
        return words
    words = _("{name}: {frames} frames, {found} made unreadable, {filled} times where no detector saw it").format(
        name=copy.name, frames=told["frames"], found=told["found"], filled=told["frames_filled_in"]
    )
    if told["not_looked_for"]:
        words += _("; no detector looked for: {kinds}; looked through by {who}").format(
            kinds=told["not_looked_for"], who=told["seen_by"]
        )
    return words


def _papers(contents: Contents) -> tuple[Derived, ...]:
    """Return a package's documents as copies to give."""
    return tuple(
        Derived(
            name=paper.name,
            media_type=paper.media_type,
            content=paper.content,
            derivation=Derivation(
                source_sha256=paper.sha256,
                source_name=paper.name,
                source_index=0,
                operation="copy",
                tool="skywarden",
                tool_version=program_version(),
                parameters=(),
            ),
        )
        for paper in contents.documents
    )


def _check_copy(
    *,
    copy: Annotated[Path, typer.Argument(help=_("JPEG, PNG, MP4 or PDF that was handed out."))],
    trust: Annotated[Path, typer.Option(help=_("Root certificates (PEM) of the bureaus that you trust."))],
) -> None:
    from evidence.handing_out.content_credentials import check_copy

    kinds = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".mp4": "video/mp4"}
    media_type = (kinds | {".pdf": "application/pdf"}).get(copy.suffix.lower())
    if media_type is None:
        raise InputRefused(copy, _("is of no kind that is handed out"), _("Name a JPEG, PNG, MP4 or PDF file."))
    check = check_copy(content_of(copy), media_type, content_of(trust).decode("utf-8", "replace"))
    if not check.good:
        why = "; ".join(check.findings) or _("its certificate leads to nobody that you trust")
        raise IntegrityFailed(
            _("{copy}: is not a copy that a bureau you trust gave unchanged ({state}: {why}).").format(
                copy=copy, state=check.state, why=why
            )
        )
    console = Console(markup=False, highlight=False)
    console.print(_("given by {issuer}, unchanged").format(issuer=check.issuer), soft_wrap=True)
    console.print(_("made from the file with SHA-256 {digest}").format(digest=check.source_sha256), soft_wrap=True)


def _split(text: str) -> tuple[str, float, list[float]]:
    """Return the copy's name, the seconds into it, and the numbers of ``[COPY[@SECONDS]:]NUMBERS``."""
    name, _colon, numbers = text.rpartition(":")
    before, _at, seconds = name.rpartition("@")
    try:
        places = [float(part) for part in numbers.replace(" ", ",").split(",") if part]
        if before.lower().endswith(".mp4"):
            return before, float(seconds), places
    except ValueError as wrong:
        raise InputRefused(
            text,
            _("is no place in a picture"),
            _("Write pixels, such as 10,20,200,120, DJI_0001.jpg:10,20,200,120 or clip.mp4@1.5:10,20,200,120."),
        ) from wrong
    return name, 0.0, places


def _box(text: str) -> Added:
    from app.redacting.added import Added

    name, at_s, numbers = _split(text)
    try:
        left, top, right, bottom = numbers
        return Added(name=name, at_s=at_s, shape=Box(left_px=left, top_px=top, right_px=right, bottom_px=bottom))
    except ValueError as wrong:
        raise InputRefused(text, _("is no box"), _("Write LEFT,TOP,RIGHT,BOTTOM in pixels.")) from wrong


def _mask(text: str) -> Added:
    from app.redacting.added import Added

    name, at_s, numbers = _split(text)
    corners = list(zip(numbers[::2], numbers[1::2], strict=False))
    polygon = Polygon(corners) if len(corners) >= 3 and len(numbers) % 2 == 0 else Polygon()
    if polygon.is_empty or not polygon.is_valid:
        raise InputRefused(text, _("is no outline"), _("Write three corners or more as X,Y X,Y X,Y in pixels."))
    return Added(name=name, at_s=at_s, shape=polygon)


def _hold(
    *,
    number: NumberArgument,
    by: ByOption,
    reason: Annotated[str, typer.Option(help=_("Who wants it kept and why, with the reference."))],
    lift: Annotated[bool, typer.Option("--lift", help=_("Lift the hold instead."))] = False,
    store: StoreOption = DEFAULT_STORE,
) -> None:
    kept, person = opened(store), person_of(by)
    line = find_case(kept, number)
    if not reason.strip():
        raise InputRefused(line.number, _("a hold has a reason, and so has its end"), _("Say --reason."))
    running = [hold for hold in holds_of(kept.audit(line.number)) if hold.lifted_at is None]
    if lift and not running:
        raise InputRefused(line.number, _("is not on hold"), _("Nothing is to be done."))
    case = unless_refused(kept.whole_case(line.incident_id, actor=actor_of([person])))
    unless_refused(
        kept.note(
            line.incident_id,
            Action.HELD,
            actor=actor_of([person]),
            subject_sha256=incident_digest(case.incident),
            facts={"hold": "lifted" if lift else "placed", "reason": reason},
        )
    )
    words = _("{number}: the hold is lifted") if lift else _("{number}: on legal hold")
    Console(markup=False, highlight=False).print(words.format(number=line.number))


def _dispose(
    *,
    package: Annotated[Path, typer.Argument(help=_("Folder of the case's sealed package."))],
    by: ByOptions,
    retention: Annotated[str, typer.Option("--class", help=_("Retention class: permanent, 30-years or 10-years."))],
    store: StoreOption = DEFAULT_STORE,
) -> None:
    from evidence.sealing.again import open_contents
    from evidence.sealing.package import STATEMENT

    kept, people = opened(store), people_of(by)
    if len(people) != 2 or people[0].certificate_no == people[1].certificate_no:
        raise InputRefused(
            package, _("is disposed of by one person and witnessed by another"), _("Say --by twice, for two people.")
        )
    contents = open_contents(package)
    line = find_case(kept, contents.incident.number)
    case = unless_refused(kept.whole_case(line.incident_id, actor=actor_of(people)))
    statement = sha256((package / STATEMENT).read_bytes()).hexdigest()
    disposal = unless_refused(
        dispose(
            retention_of(line.number, case.life, kept.audit(line.number), retention),
            years=YEARS,
            statement_sha256=statement,
            by=(people[0], people[1]),
            now=kept.clock.now(),
        )
    )
    # First the record, then the deed: a run killed between them leaves a package that can be disposed of again.
    unless_refused(
        kept.note(
            line.incident_id,
            Action.DISPOSED,
            actor=actor_of(people),
            subject_sha256=statement,
            facts={"class": retention, "reason": disposal.reason},
        )
    )
    aside = package.with_name(f".{package.name}.disposed")
    try:
        package.rename(aside)
        shutil.rmtree(aside)
    except OSError as problem:
        raise StoreFailed(
            _("{path}: cannot be removed ({problem}); the disposal is noted.").format(
                path=package, problem=problem.strerror or problem
            )
        ) from problem
    Console(markup=False, highlight=False).print(
        _("{number}: {package} is gone; what remains is its digest {digest} in the audit").format(
            number=line.number, package=package, digest=statement[:16]
        ),
        soft_wrap=True,
    )


def _backup(
    *,
    out: Annotated[Path, typer.Argument(help=_("File to write."))],
    store: StoreOption = DEFAULT_STORE,
) -> None:
    kept = opened(store)
    kept.back_up(out)
    entries = kept.audit()
    with out.open("rb") as copy:
        digest = file_digest(copy, "sha256").hexdigest()
    # Whoever has the copy can read every case, so that it was made is written down as any copy of a case is.
    kept.note_station(
        "store:backup", Action.COPIED, actor=PROGRAM_ACTOR, subject_sha256=digest, facts={"name": out.name}
    )
    Console(markup=False, highlight=False).print(
        _("{path}: {count} cases, checked; the audit ended at entry {entries}").format(
            path=out, count=len(kept.list_cases()), entries=len(entries)
        ),
        soft_wrap=True,
    )


def _restore(
    *,
    backup: Annotated[Path, typer.Argument(help=_("The backup."))],
    store: Annotated[str, typer.Option(help=_("Store to make: a new file, or the address of an empty database."))],
) -> None:
    from app.store.restoring import restore_store

    address = store.startswith(("postgresql://", "postgres://"))
    count = restore_store(backup, store if address else Path(store), SystemClock())
    Console(markup=False, highlight=False).print(
        _("{count} cases restored; every audit entry holds").format(count=count)
    )
