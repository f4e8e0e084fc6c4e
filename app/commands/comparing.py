"""Command to compare two patrols of one place: what appeared, what is gone, what grew."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from app.case_folder import work_of
from core.clock import BEIJING, SystemClock
from core.errors import InputRefused
from core.heights import HeightDatum
from core.text import _

if TYPE_CHECKING:
    from app.comparing.ground_changes import GroundChanges
    from app.comparing.patrol_view import PatrolView
    from app.instruments import Instruments, Jurisdiction, Progress
    from evidence.incident import Incident

SHOWN = 20


def add_commands(application: typer.Typer) -> None:
    """Add the comparison to the command line."""
    application.command(
        name="changes",
        rich_help_panel=_("After the flight"),
        help=_("Compare two patrols of one place: what appeared, what is gone, what grew, with pictures."),
    )(_changes)


def _changes(
    *,
    before: Annotated[Path, typer.Argument(help=_("The earlier patrol: its case folder, or a folder of its footage."))],
    after: Annotated[Path, typer.Argument(help=_("The later patrol, likewise."))],
    sites: Annotated[Path, typer.Option(help=_("Register of sites, as for “process”."))],
    out: Annotated[Path, typer.Option(help=_("Folder for the page, the report, the shapes and the pictures."))],
    zones: Annotated[Path | None, typer.Option(help=_("Typed zones, same formats."))] = None,
    least: Annotated[float, typer.Option(min=0.5, help=_("Smallest change to report, square metres."))] = 1.5,
    dem: Annotated[Path | None, typer.Option(help=_("Terrain raster, as for “process”."))] = None,
    height_datum: Annotated[
        HeightDatum | None, typer.Option(help=_("What the raster's height is measured from."))
    ] = None,
    takeoff: Annotated[str, typer.Option(help=_("Take-off point for a raster, as for “process”."))] = "",
    camera_zone: Annotated[
        str, typer.Option(help=_("Time zone that the camera's clock is set to, where the file does not say."))
    ] = str(BEIJING),
    device: Annotated[str, typer.Option(help=_("auto, cpu, cuda or openvino."))] = "auto",
) -> None:
    from app.bars import bars_on
    from app.comparing.change_leads import compare_patrols
    from app.wiring import open_ground, open_instruments, open_jurisdiction

    console = Console()
    if before.resolve() == after.resolve():
        raise InputRefused(after, _("is the earlier patrol itself"), _("Name two different folders."))
    jurisdiction, _refused = open_jurisdiction(sites=sites, zones=zones, rules=None)
    ground = open_ground(dem, height_datum, takeoff=takeoff)

    def instruments() -> Instruments:
        return open_instruments(zone=camera_zone, ground=ground, device=device, clock=SystemClock())

    with bars_on(console) as bars:
        early = _opened(before, instruments, work_of(out) / "before", bars)
        late = _opened(after, instruments, work_of(out) / "after", bars)
        found = compare_patrols(early, late, ground=ground, jurisdiction=jurisdiction, progress=bars, least_m2=least)
    tell(found, early, late, out=out, jurisdiction=jurisdiction, incidents=_incidents(after), console=console)


def tell(
    found: GroundChanges,
    early: PatrolView,
    late: PatrolView,
    *,
    out: Path,
    jurisdiction: Jurisdiction,
    incidents: list[Incident],
    console: Console,
) -> None:
    """Write a comparison into a folder, and print it."""
    from app.comparing.change_report import write_changes
    from app.comparing.ground_squares import Pictures

    pictures = Pictures(early, late)
    written = write_changes(found, out, pictures=pictures, jurisdiction=jurisdiction, incidents=incidents)
    print_changes(found, console)
    for what, path in written.items():
        console.print(f"{what}: {path}", soft_wrap=True, markup=False, highlight=False)


def _opened(folder: Path, instruments: Callable[[], Instruments], work: Path, bars: Progress) -> PatrolView:
    from app.comparing.patrol_view import examine_footage, is_case_folder, open_case_folder
    from app.inputs import list_inputs

    if not folder.exists():
        raise InputRefused(folder, _("does not exist"), _("Name a case folder or a folder of footage."))
    if is_case_folder(folder):
        return open_case_folder(folder)
    list_inputs(folder)  # an empty folder is refused before any weight is opened
    work.mkdir(parents=True, exist_ok=True)
    return examine_footage(folder, instruments(), work=work, progress=bars)


def _incidents(folder: Path) -> list[Incident]:
    """Return the incidents of a case folder's patrol, where its ledger is to be found; none otherwise."""
    from app.follow_up import ledger_folder
    from app.patrol_ledger import read_patrols

    try:
        patrols = read_patrols(ledger_folder(folder))
    except InputRefused:
        return []
    here = str(folder.resolve())
    return [incident for patrol in patrols if patrol.case_folder == here for incident in patrol.incidents]


def print_changes(found: GroundChanges, console: Console) -> None:
    """Print what a comparison found."""
    from app.comparing.change_report import becoming_name, size_of, stuff_name, summary_of
    from core.ids import short_code
    from geofence.attribution import Undecided

    for said in summary_of(found):
        console.print(said, markup=False, highlight=False)
    if not found.changes:
        return
    table = Table(title=_("the largest changes"), title_justify="left")
    for name in (_("change"), _("what"), _("size"), _("seems"), _("site"), _("strength")):
        table.add_column(name, overflow="fold")
    for change in found.changes[:SHOWN]:
        outcome = change.outcome
        site = _("undecided") if isinstance(outcome, Undecided) else outcome.site_code or "-"
        table.add_row(
            f"C-{short_code(change.change_id, 6)}",
            becoming_name(change.patch.becoming),
            size_of(change),
            stuff_name(change.patch.stuff),
            site,
            f"{change.patch.strength:.2f}",
        )
    console.print(table)
