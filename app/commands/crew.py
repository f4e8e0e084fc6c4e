"""Commands for crews: plan a patrol, fly a sortie, see the key periods."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from core.clock import BEIJING, Clock, SystemClock
from core.errors import InputRefused, PlanRefused
from core.text import _
from flight.flight_plan import FlightPlan, Severity
from flight.link import VehicleState


def add_commands(application: typer.Typer) -> None:
    """Add the crew's commands to the command line."""
    panel = _("Before and in flight")

    @application.command(name="plan", rich_help_panel=panel, help=_("Make a flight plan of a patrol file."))
    def _plan(
        patrol: Annotated[Path, typer.Argument(help=_("Patrol file (YAML)."))],
        out: Annotated[
            Path, typer.Option(help=_("Plan file to write (JSON); a .plan for QGroundControl goes beside."))
        ],
        at: Annotated[str, typer.Option(help=_("When it will be flown, e.g. 2026-10-01T09:00; Beijing time."))] = "",
    ) -> None:
        from flight.exports.qgc import write_plan
        from flight.patrol_file import read_patrol
        from flight.plan import plan
        from flight.plan_file import write_plan_file

        made = plan(read_patrol(patrol), at=beijing_time(at) if at else None)
        write_plan_file(made, out)
        write_plan(made, out.with_suffix(".plan"))
        console = Console()
        print_plan(made, console)
        console.print(f"{_('plan')}  {out}\nQGroundControl  {out.with_suffix('.plan')}", soft_wrap=True)

    @application.command(
        name="fly",
        rich_help_panel=panel,
        help=_("Fly one sortie of a plan with DroneKit. Refuses without a flight approval that covers now."),
    )
    def _fly(
        patrol: Annotated[Path, typer.Argument(help=_("Patrol file; it holds the approval."))],
        plan_file: Annotated[Path, typer.Argument(help=_("Plan file made of it."))],
        connect: Annotated[
            str, typer.Option(help=_("MAVLink address, e.g. udpin:0.0.0.0:14550 or tcp:127.0.0.1:5760."))
        ],
        log: Annotated[Path, typer.Option(help=_("Flight log to write; appended to when it exists."))],
        sortie: Annotated[int, typer.Option(help=_("Number of the sortie."))] = 1,
    ) -> None:
        from flight.dronekit_link import connect as open_link
        from flight.fly import fly
        from flight.patrol_file import read_patrol
        from flight.plan_file import read_plan_file

        clock = SystemClock()
        approval = read_patrol(patrol).approval
        flight_plan = read_plan_file(plan_file)
        console = Console()
        with console.status(_("connecting")) as status:
            link = open_link(connect, clock=clock)

            def show(state: VehicleState) -> None:
                status.update(state_line(state))

            try:
                flown = fly(link, flight_plan, sortie, clock=clock, log_path=log, approval=approval, on_state=show)
            finally:
                link.close()
        console.print(
            _("sortie {number}: {outcome}, {photos} photographs; log {log}").format(
                number=flown.sortie, outcome=flown.outcome.value, photos=len(flown.triggers), log=log
            ),
            soft_wrap=True,
        )

    @application.command(
        name="periods", rich_help_panel=panel, help=_("List the key periods (重点时段) that are running.")
    )
    def _periods(
        at: Annotated[str, typer.Option(help=_("A time, e.g. 2026-10-01T09:00, Beijing time; now by default."))] = "",
    ) -> None:
        from flight.periods import active_periods, read_calendar

        clock: Clock = SystemClock()
        instant = beijing_time(at) if at else clock.now()
        active = active_periods(instant, read_calendar(None))
        Console().print(" ".join(active) if active else _("no key period is running"), soft_wrap=True)


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


def state_line(state: VehicleState) -> str:
    """Return one line that shows where a flight stands."""
    battery = "?" if state.battery_share is None else f"{state.battery_share:.0%}"
    return _(
        "{mode} · waypoint {item} · {height:.0f} m · {speed:.1f} m/s · battery {battery} · heard {age:.1f} s ago"
    ).format(
        mode=state.mode,
        item=state.item,
        height=state.height_takeoff_m,
        speed=state.ground_speed_m_s,
        battery=battery,
        age=state.heartbeat_age_s,
    )


def print_plan(plan: FlightPlan, console: Console) -> None:
    """Print a plan's sorties and its checklist; a plan with a failure is refused after it was shown.

    Raises:
        PlanRefused: The checklist holds a failure.
    """
    table = Table(title=_("Sorties of {patrol}").format(patrol=plan.patrol), title_justify="left")
    for name in (_("sortie"), _("length"), _("time"), _("photographs"), _("battery used")):
        table.add_column(name, justify="right")
    for sortie in plan.sorties:
        minutes, seconds = divmod(round(sortie.duration_s), 60)
        table.add_row(
            str(sortie.number),
            f"{sortie.length_m:,.0f} m",
            f"{minutes}:{seconds:02d}",
            str(sortie.photos),
            f"{sortie.battery_used:.0%}",
        )
    console.print(table)
    console.print(_("ground covered: {share:.1%}").format(share=plan.covered_share))
    marks = {Severity.PASS: "[green]✓[/green]", Severity.WARN: "[yellow]![/yellow]", Severity.FAIL: "[red]✗[/red]"}
    for number, finding in enumerate(plan.findings, start=1):
        basis = f" [dim]({finding.basis})[/dim]" if finding.basis else ""
        console.print(f"{number:>2}. {marks[finding.severity]} {finding.text}{basis}", soft_wrap=True)
    failures = [finding for finding in plan.findings if finding.severity is Severity.FAIL]
    if failures:
        raise PlanRefused(
            _("{patrol}: {count} findings forbid this flight; mend the patrol file and plan again.").format(
                patrol=plan.patrol, count=len(failures)
            )
        )
