"""Commands before the flight: plan a patrol, check a mission made elsewhere, print the schema of a patrol file."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from core.clock import BEIJING, SystemClock
from core.errors import InputRefused, PlanRefused
from core.text import _
from flight.flight_plan import Finding, FlightPlan, Severity

MAP = "map"  # drawn by maps, which stands above the floor of the other formats
MARKS = {Severity.PASS: "[green]✓[/green]", Severity.WARN: "[yellow]![/yellow]", Severity.FAIL: "[red]✗[/red]"}


def add_commands(application: typer.Typer) -> None:
    """Add the planning commands to the command line."""
    panel = _("Before the flight")
    application.command(name="plan", rich_help_panel=panel, help=_("Make a flight plan of a patrol file."))(_plan)
    application.command(
        name="check-mission",
        rich_help_panel=panel,
        help=_("Check a mission made elsewhere (.plan, .waypoints) against a patrol's limits."),
    )(_check_mission)
    application.command(
        name="schema",
        rich_help_panel=panel,
        help=_("Print the JSON Schema of a file that Skywarden reads: patrol."),
    )(_schema)


def _plan(
    *,
    patrol: Annotated[Path, typer.Argument(help=_("Patrol file (YAML)."))],
    out: Annotated[Path, typer.Option(help=_("Folder for the plan, its picture and its exports."))],
    at: Annotated[str, typer.Option(help=_("When it will be flown, e.g. 2026-10-01T09:00; Beijing time."))] = "",
    resume: Annotated[
        list[Path] | None,
        typer.Option(help=_("Flight log of a sortie already flown; plans only what is left. May be repeated.")),
    ] = None,
    of: Annotated[
        Path | None, typer.Option(help=_("With --resume: the plan file that was flown; made anew by default."))
    ] = None,
    formats: Annotated[
        str,
        typer.Option(
            help=_(
                "Of json, qgc, waypoints, wpml, kml, gpx, geojson, png, sheet, map; by default json, qgc, kml, png, "
                "map, and with --at the application sheet."
            )
        ),
    ] = "",
) -> None:
    from flight.exports.bundle import FORMATS, export
    from flight.flying.log_file import read_log
    from flight.plan import plan
    from flight.planning.patrol_file import read_patrol
    from flight.planning.plan_file import read_plan_file
    from flight.planning.resume import residual
    from maps.plan_map import draw_plan

    usual = "json,qgc,kml,png,map" + (",sheet" if at else "")
    wanted = [name.strip() for name in (formats or usual).split(",") if name.strip()]
    for name in wanted:
        if name not in {*FORMATS, MAP}:
            raise InputRefused(name, _("is no export format"), _("Use {all}.").format(all=", ".join([*FORMATS, MAP])))
    instant = beijing_time(at) if at else None
    asked = read_patrol(patrol)
    if resume:
        flown = plan(asked) if of is None else read_plan_file(of)
        made = residual(asked, flown, [read_log(path) for path in resume], at=instant)
    else:
        made = plan(asked, at=instant, now=SystemClock().now())
    in_flight = [name for name in wanted if name != MAP]
    written, refused = export(made, asked, out, at=instant or SystemClock().now(), formats=in_flight)
    if MAP in wanted:
        draw_plan(made, out / "plan.html", patrol=asked)
        written = (*written, out / "plan.html")
    console = Console()
    print_plan(made, console)
    for refusal in refused:
        console.print(str(refusal), soft_wrap=True, markup=False)
    for path in written:
        console.print(str(path), soft_wrap=True, markup=False)
    refuse_failures(made.patrol, made.findings)


def _check_mission(
    *,
    mission: Annotated[Path, typer.Argument(help=_("QGroundControl .plan or Mission Planner .waypoints."))],
    patrol: Annotated[Path, typer.Argument(help=_("Patrol file whose limits, no-fly zones and aircraft apply."))],
) -> None:
    from flight.planning.foreign_mission import check_mission
    from flight.planning.patrol_file import read_patrol

    sortie, findings = check_mission(mission, read_patrol(patrol))
    console = Console()
    console.print(
        _("{count} waypoints, {length:.0f} m, {photos} photographs").format(
            count=len(sortie.waypoints), length=sortie.length_m, photos=sortie.photos
        )
    )
    print_findings(findings, console)
    refuse_failures(mission.name, findings)


def _schema(*, name: Annotated[str, typer.Argument(help=_("Of which file: patrol."))]) -> None:
    import json

    from flight.planning.patrol_file import patrol_schema

    if name != "patrol":
        raise InputRefused(name, _("is no file with a schema"), _("Use patrol."))
    typer.echo(json.dumps(patrol_schema(), ensure_ascii=False, indent=2))


def beijing_time(text: str) -> datetime:
    """Return the instant that ``text`` names, in Beijing time where it says no offset.

    Raises:
        InputRefused: It is no time.
    """
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as wrong:
        raise InputRefused(text, _("is no time"), _("Write it like 2026-10-01T09:00.")) from wrong
    return instant if instant.tzinfo else instant.replace(tzinfo=BEIJING)


def rows_table(heading: Sequence[str], rows: Sequence[Sequence[str]], *, whole: Sequence[int] = ()) -> Table:
    """Return a table of a heading and rows of plain words; the columns in ``whole`` are never broken."""
    table = Table()
    for column, name in enumerate(heading):
        table.add_column(name, overflow="fold", no_wrap=column in whole)
    for row in rows:
        table.add_row(*row)
    return table


def print_plan(plan: FlightPlan, console: Console) -> None:
    """Print a plan's sorties and its checklist."""
    from flight.planning.plan_table import sortie_rows

    heading, rows = sortie_rows(plan)
    console.print(rows_table(heading, rows))
    console.print(_("ground covered: {share:.1%}").format(share=plan.covered_share))
    print_findings(plan.findings, console)


def print_findings(findings: Sequence[Finding], console: Console) -> None:
    """Print a checklist: number, verdict, finding, and the rule or article it rests on.

    What holds for several sorties alike is printed once, under the number of the first.
    """
    from flight.planning.plan_table import gathered_findings

    for number, finding in gathered_findings(findings):
        basis = f" [dim]({escape(finding.basis)})[/dim]" if finding.basis else ""
        mark = number if number.endswith("…") else f"{number}."
        console.print(f"{mark:>4} {MARKS[finding.severity]} {escape(finding.text)}{basis}", soft_wrap=True)


def refuse_failures(name: str, findings: Sequence[Finding]) -> None:
    """Refuse what its checklist forbids, after it was shown.

    Raises:
        PlanRefused: The checklist holds a failure.
    """
    failures = [finding for finding in findings if finding.severity is Severity.FAIL]
    if failures:
        raise PlanRefused(
            _("{name}: {count} findings forbid this flight; mend what they name and plan again.").format(
                name=name, count=len(failures)
            )
        )
