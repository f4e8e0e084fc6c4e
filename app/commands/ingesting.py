"""Commands that bring footage home: take a card in, record a live source, and what a vault holds."""

from __future__ import annotations

import signal
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from app.exit_codes import INPUT_REFUSED
from app.wiring import camera_zone as zone_called
from core.clock import BEIJING, SystemClock, iso_utc
from core.errors import InputRefused, IntegrityFailed
from core.refusal import Refusal
from core.text import _

if TYPE_CHECKING:
    from evidence.originals.vault_live import LiveReport
    from evidence.originals.vault_pairing import RecordedPairing
    from evidence.originals.vault_records import Deposit
    from evidence.originals.vault_store import VaultStore

MOST_NAMED = 10
_VAULT = _("Vault: a folder, or an fsspec address such as s3://bucket/vault.")


def add_commands(application: typer.Typer) -> None:
    """Add the commands that bring footage home to the command line."""
    panel = _("After the flight")
    application.command(
        name="ingest",
        rich_help_panel=panel,
        help=_("Copy a card into the vault, each file hashed and verified, and tell which files belong together."),
    )(_ingest)
    application.command(
        name="record",
        rich_help_panel=panel,
        help=_("Record a live source (RTSP, RTMP, UDP or TCP transport stream) into the vault until Ctrl-C."),
    )(_record)
    vault = typer.Typer(no_args_is_help=True)
    vault.command(name="verify", help=_("Compare every original in the vault with its digests."))(_verify)
    vault.command(name="list", help=_("List what is in the vault, and which files belong together."))(_list)
    vault.command(name="export", help=_("Copy originals out under the names that they had on the card."))(_export)
    application.add_typer(vault, name="vault", rich_help_panel=panel, help=_("The vault of originals."))


def _ingest(
    *,
    card: Annotated[Path, typer.Argument(help=_("Memory card or folder."))],
    vault: Annotated[str, typer.Option(help=_VAULT)],
    serial: Annotated[str, typer.Option(help=_("The card's serial number; read from the card by default."))] = "",
    device: Annotated[str, typer.Option(help=_("The aircraft it was in."))] = "",
    operator: Annotated[str, typer.Option(help=_("Who brings it."))] = "",
    camera_zone: Annotated[str, typer.Option(help=_("Time zone that the camera's clock is set to."))] = str(BEIJING),
) -> None:
    from evidence.originals.vault import ingest_card, open_vault
    from evidence.originals.vault_card import card_serial
    from evidence.originals.vault_pairing import pair_deposits
    from evidence.originals.vault_records import Card
    from flight.telemetry.read_track import Declared

    console = Console(markup=False, highlight=False)
    declared = Declared(camera_zone=zone_called(camera_zone))

    def show(given: Deposit | Refusal) -> None:
        if isinstance(given, Refusal):
            console.print(str(given), soft_wrap=True)
        else:
            console.print(f"{_state_word(given):>9}  {given.original.sha256[:16]}  {given.source}", soft_wrap=True)

    store, clock = open_vault(vault), SystemClock()
    held = Card(serial=serial or card_serial(card), device=device, operator=operator)
    report = ingest_card(card, store, card=held, clock=clock, on_file=show)
    if report.left_out:
        names = ", ".join(report.left_out[:MOST_NAMED])
        if len(report.left_out) > MOST_NAMED:
            names += _(" and {count} more").format(count=len(report.left_out) - MOST_NAMED)
        console.print(_("not copied, for they are no footage: {names}").format(names=names), soft_wrap=True)
    if report.deposits:
        pairing = pair_deposits(report.deposits, store, folder=card, card=held, declared=declared, clock=clock)
        show_pairing(pairing, console)
    console.print(
        _("{files} files: {deposits} in the vault, {refusals} refused").format(
            files=len(report.deposits) + len(report.refusals),
            deposits=len(report.deposits),
            refusals=len(report.refusals),
        )
    )
    if not report.complete:
        console.print(_("Keep the card as it is: the files named above are not in the vault."))
        raise typer.Exit(INPUT_REFUSED)


def _state_word(deposit: Deposit) -> str:
    return {"copied": _("copied"), "duplicate": _("duplicate"), "known": _("known")}[deposit.state.value]


def show_pairing(pairing: RecordedPairing, console: Console) -> None:
    """Print which files belong together, by what evidence, and what is missing; photos that lack nothing are counted.

    Args:
        pairing: What an ingest found.
        console: Where to print.
    """
    alike = Counter(
        recording.missing for recording in pairing.recordings if recording.kind == "photo" and not recording.logs
    )
    for recording in pairing.recordings:
        if recording.kind == "photo" and not recording.logs and (not recording.missing or alike[recording.missing] > 3):
            continue
        others = [recording.footage, *([recording.subtitle] if recording.subtitle else []), *recording.logs]
        names = [others[0].source, *(Path(other.source).name for other in others[1:])]
        console.print(" + ".join(names), style="bold", soft_wrap=True)
        for sentence in recording.reasons:
            console.print(f"    {sentence}", soft_wrap=True)
        for sentence in recording.missing:
            console.print("    " + _("missing: {what}").format(what=sentence), soft_wrap=True)
    for lacking, count in alike.items():
        if not lacking:
            console.print(_("{count} photos carry their whole pose in their own header").format(count=count))
        elif count > 3:
            what = ", ".join(lacking)
            console.print(_("{count} photos, missing: {what}").format(count=count, what=what), soft_wrap=True)
    for named, _code, reason in pairing.unpaired:
        console.print(
            _("belongs to none: {source}: {reason}").format(source=named.source, reason=reason), soft_wrap=True
        )
    for sentence in pairing.gaps:
        console.print(sentence, soft_wrap=True)


def _record(
    *,
    address: Annotated[str, typer.Argument(help=_("rtsp://…, rtmp://…, udp://… or tcp://…"))],
    vault: Annotated[str, typer.Option(help=_VAULT)],
    source: Annotated[str, typer.Option(help=_("The source's name; its records carry it."))] = "",
    device: Annotated[str, typer.Option(help=_("The aircraft it is on."))] = "",
    operator: Annotated[str, typer.Option(help=_("Who records."))] = "",
    spool: Annotated[Path, typer.Option(help=_("Local folder for the segment being written."))] = Path("spool"),
    segment: Annotated[float, typer.Option(help=_("Length of a segment, seconds."))] = 60.0,
    patience: Annotated[float, typer.Option(help=_("How long to wait for a source that is silent, seconds."))] = 300.0,
) -> None:
    from evidence.originals.vault import open_vault
    from evidence.originals.vault_live import is_live_address, record_live
    from evidence.originals.vault_records import Card

    if not is_live_address(address):
        raise InputRefused(address, _("is no live source"), _("Name rtsp://…, rtmp://…, udp://… or tcp://…."))
    if segment <= 0 or patience <= 0:
        raise InputRefused(address, _("lengths are positive"), _("Give seconds above zero."))
    console = Console(markup=False, highlight=False)
    told: list[int] = []

    def asked_to_stop(_signal: int, _frame: FrameType | None) -> None:
        if told:
            raise KeyboardInterrupt
        told.append(1)
        console.print(_("ending the segment; press Ctrl-C again to leave it in the spool folder"))

    before = signal.signal(signal.SIGINT, asked_to_stop)
    try:
        report = record_live(
            address,
            open_vault(vault),
            card=Card(serial=source or address, device=device, operator=operator),
            clock=SystemClock(),
            spool=spool,
            stop=lambda: bool(told),
            segment_s=segment,
            patience_s=patience,
            on_event=lambda text: console.print(text, soft_wrap=True),
        )
    finally:
        signal.signal(signal.SIGINT, before)
    _show_live(report, console)
    if not report.segments or any(isinstance(piece.answer, Refusal) for piece in report.segments):
        raise typer.Exit(INPUT_REFUSED)


def _show_live(report: LiveReport, console: Console) -> None:
    """Print what a recording gave, with its outages."""
    taken = [piece for piece in report.segments if not isinstance(piece.answer, Refusal)]
    seconds = sum((piece.ended_at - piece.begun_at).total_seconds() for piece in taken)
    console.print(
        _("{taken} of {all} segments in the vault, {seconds:.0f} s").format(
            taken=len(taken), all=len(report.segments), seconds=seconds
        )
    )
    for outage in report.outages:
        end = _("never again") if outage.ended_at is None else iso_utc(outage.ended_at)
        console.print(
            _("nothing came from {begin} to {end}: {why}").format(
                begin=iso_utc(outage.begun_at), end=end, why=outage.why
            ),
            soft_wrap=True,
        )


def _verify(vault: Annotated[str, typer.Argument(help=_VAULT)]) -> None:
    from evidence.originals.vault import open_vault
    from evidence.originals.vault_check import verify_vault

    check = verify_vault(open_vault(vault))
    console = Console(markup=False, highlight=False)
    for finding in check.findings:
        console.print(f"{finding.code}: {finding.key}: {finding.text}", soft_wrap=True)
    console.print(
        _("{objects} originals, {megabytes:.1f} MB, {records} records read").format(
            objects=check.objects, megabytes=check.size_bytes / 1e6, records=check.records
        )
    )
    if not check.sound:
        raise IntegrityFailed(_("{vault}: originals are altered or missing; see the list above.").format(vault=vault))
    console.print(_("Every original is there and unchanged."))


def _list(
    *,
    vault: Annotated[str, typer.Argument(help=_VAULT)],
    serial: Annotated[str, typer.Option(help=_("Only of the card with this serial number."))] = "",
) -> None:
    from evidence.originals.vault_pairing import read_pairings

    store, deposits = _deposits(vault, serial)
    console = Console(markup=False, highlight=False)
    for deposit in deposits:
        original, card = deposit.original, deposit.card
        twin = f" = {deposit.duplicate_of}" if deposit.duplicate_of else ""
        console.print(
            f"{original.sha256[:16]} {original.size_bytes:>14,} B  {iso_utc(original.ingested_at)}  "
            f"{card.serial or '–'} · {card.device or '–'} · {card.operator or '–'}  {deposit.source}{twin}",
            soft_wrap=True,
        )
    for pairing in read_pairings(store):
        if not serial or pairing.card.serial == serial:
            show_pairing(pairing, console)


def _export(
    *,
    vault: Annotated[str, typer.Argument(help=_VAULT)],
    out: Annotated[Path, typer.Option(help=_("Folder to copy into."))],
    serial: Annotated[str, typer.Option(help=_("Only of the card with this serial number."))] = "",
) -> None:
    from evidence.originals.vault_export import export_originals

    store, deposits = _deposits(vault, serial)
    console = Console(markup=False, highlight=False)
    done, refused = export_originals(deposits, store, out)
    for refusal in refused:
        console.print(str(refusal), soft_wrap=True)
    console.print(
        _("{fresh} originals copied to {folder}, {there} were there, {refused} refused").format(
            fresh=sum(copy.fresh for copy in done),
            folder=out,
            there=sum(not copy.fresh for copy in done),
            refused=len(refused),
        ),
        soft_wrap=True,
    )
    if refused:
        raise typer.Exit(INPUT_REFUSED)


def _deposits(vault: str, serial: str) -> tuple[VaultStore, list[Deposit]]:
    """Return the vault at an address and what it records, of one card or of all."""
    from evidence.originals.vault import open_vault
    from evidence.originals.vault_records import read_deposits

    store = open_vault(vault)
    deposits = sorted(read_deposits(store), key=lambda given: (given.card.serial, given.source))
    if not deposits:
        raise InputRefused(vault, _("holds no originals"), _("Check the address."))
    deposits = [deposit for deposit in deposits if not serial or deposit.card.serial == serial]
    if not deposits:
        raise InputRefused(vault, _("holds nothing of card {serial}").format(serial=serial), _("Check the serial."))
    return store, deposits
