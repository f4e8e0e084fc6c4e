"""Commands for memory cards and single files: take in, verify the vault, inspect."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from app.wiring import camera_zone as zone_called
from core.clock import BEIJING
from core.errors import InputRefused
from core.text import _


def add_commands(application: typer.Typer) -> None:
    """Add the commands for cards and files to the command line."""
    panel = _("After the flight")
    application.command(
        name="inspect", rich_help_panel=panel, help=_("Show what a file is, what is known of it and what is missing.")
    )(_inspect)


def _inspect(
    *,
    path: Annotated[Path, typer.Argument(help=_("Any photo, video, subtitle file or flight log."))],
    camera_zone: Annotated[str, typer.Option(help=_("Time zone that the camera's clock is set to."))] = str(BEIJING),
) -> None:
    from flight.telemetry.inspect import inspect_file
    from flight.telemetry.read_track import Declared
    from flight.telemetry.sketch import draw_heights, draw_map

    if not path.is_file():
        raise InputRefused(path, _("is no file"), _("Name one file."))
    seen = inspect_file(path, Declared(camera_zone=zone_called(camera_zone)))
    console = Console()
    table = Table(
        title=f"{seen.name} · {seen.kind.value} · {seen.size_bytes:,} B", show_header=False, title_justify="left"
    )
    for fact in seen.facts:
        table.add_row(fact.label, fact.value)
    for name, lacking, total in seen.missing:
        table.add_row(_("missing"), _("{name} in {lacking} of {total}").format(name=name, lacking=lacking, total=total))
    for note in seen.notes:
        table.add_row(_("assumed"), note)
    for refusal in seen.refusals:
        table.add_row(_("refused"), str(refusal))
    console.print(table)
    if seen.track is not None and seen.track.poses:
        for drawing in (draw_map(seen.track), draw_heights(seen.track)):
            console.print(drawing, markup=False, highlight=False)
