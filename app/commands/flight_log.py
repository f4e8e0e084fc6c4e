"""Commands on flight logs: what happened, and the log in other programs' formats."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from core.clock import BEIJING
from core.errors import InputRefused
from core.text import _
from flight.flight_log import FlightLog, outcome_name


def add_commands(application: typer.Typer) -> None:
    """Add the commands on flight logs to the command line."""
    logs = typer.Typer(no_args_is_help=True)
    logs.command(name="show", help=_("Tell what happened on a flight: decisions, messages, photographs."))(_show)
    logs.command(name="export", help=_("Write a flight log as MAVLink telemetry log (.tlog) and as GeoJSON."))(_export)
    application.add_typer(logs, name="log", rich_help_panel=_("In flight"), help=_("Logs of flights."))


def _show(*, log: Annotated[Path, typer.Argument(help=_("Flight log."))]) -> None:
    from flight.flying.log_file import read_log

    console = Console()
    print_log(read_log(log), console)


def _export(
    *,
    log: Annotated[Path, typer.Argument(help=_("Flight log."))],
    tlog: Annotated[
        Path | None, typer.Option(help=_("For Mission Planner, QGroundControl and MAVProxy: every message."))
    ] = None,
    geojson: Annotated[Path | None, typer.Option(help=_("For any map: track, photographs, events."))] = None,
) -> None:
    from core.whole_file import write_bytes, write_text
    from flight.flying.log_export import geojson_text, tlog_bytes
    from flight.flying.log_file import read_log

    if tlog is None and geojson is None:
        raise InputRefused(log, _("is to be written as what?"), _("Name --tlog FILE, --geojson FILE, or both."))
    if log in {tlog, geojson}:
        raise InputRefused(log, _("would be overwritten by its export"), _("Name another file."))
    console = Console()
    flown = read_log(log)
    if tlog is not None:
        write_bytes(tlog, tlog_bytes(log))
        console.print(str(tlog), soft_wrap=True, markup=False, highlight=False)
    if geojson is not None:
        write_text(geojson, geojson_text(flown) + "\n")
        console.print(str(geojson), soft_wrap=True, markup=False, highlight=False)


def print_log(flown: FlightLog, console: Console) -> None:
    """Print the events of a flight, in Beijing time, and how it ended."""
    for event in flown.events:
        at = event.at.astimezone(BEIJING)
        console.print(f"{at:%H:%M:%S} {event.kind:>9}  {event.text}", markup=False, highlight=False, soft_wrap=True)
    console.print(
        _("sortie {number} of {patrol}: {outcome}, {photos} photographs, last waypoint reached {waypoint}").format(
            number=flown.sortie,
            patrol=flown.patrol,
            outcome=outcome_name(flown.outcome),
            photos=len(flown.triggers),
            waypoint=flown.last_item if flown.last_item >= 0 else "-",
        ),
        markup=False,
        soft_wrap=True,
    )
