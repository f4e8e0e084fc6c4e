"""Commands of the calendar: list the key periods, and lay a season's schedule."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from app.commands.planning import beijing_time, rows_table
from app.languages import language_of
from core.clock import BEIJING, SystemClock
from core.errors import InputRefused, PlanRefused
from core.text import _


def add_commands(application: typer.Typer) -> None:
    """Add the calendar's commands to the command line."""
    panel = _("Before the flight")
    application.command(
        name="periods",
        rich_help_panel=panel,
        help=_("List the key periods (重点时段): windows, the hazards they put first, the areas due."),
    )(_periods)
    application.command(
        name="season",
        rich_help_panel=panel,
        help=_("Lay a season's schedule: which area is flown when, by which crew; table, iCalendar and JSON."),
    )(_season)


def _periods(
    *,
    at: Annotated[str, typer.Option(help=_("A time, e.g. 2026-10-01T09:00, Beijing time: only what runs then."))] = "",
    first: Annotated[str, typer.Option("--from", help=_("First day, e.g. 2026-10-01; today by default."))] = "",
    last: Annotated[str, typer.Option("--to", help=_("Last day; by default ninety days later."))] = "",
    patrol: Annotated[list[Path] | None, typer.Option(help=_("Patrol files, to list the areas that are due."))] = None,
    calendar: Annotated[
        Path | None, typer.Option(help=_("Calendar of another region (periods/1); Guangzhou's by default."))
    ] = None,
) -> None:
    from flight.calendars.period_table import period_rows
    from flight.calendars.periods import active_periods, read_calendar
    from flight.planning.patrol_file import read_patrol

    console = Console()
    known = read_calendar(calendar)
    instant = beijing_time(at) if at else SystemClock().now()
    if at or not (first or last):
        active = active_periods(instant, known)
        running = " ".join(active) if active else _("no key period is running")
        console.print(_("running: {codes}").format(codes=running), soft_wrap=True)
        if at:
            return
    begin, end = _days(first, last, instant)
    heading, rows = period_rows(known, begin, end, [read_patrol(path) for path in patrol or []])
    console.print(rows_table(heading, rows, whole=(0, 2, 3)))
    names = _hazard_names()
    used = sorted({code for row in rows for code in row[4].split() if code in names})
    console.print(
        _("all days are Beijing time and included; hazards: {names}").format(
            names=", ".join(f"{code} {names[code]}" for code in used)
        ),
        soft_wrap=True,
        markup=False,
        highlight=False,
    )


def _season(
    *,
    patrols: Annotated[list[Path], typer.Argument(help=_("Patrol files whose areas are to be flown."))],
    first: Annotated[str, typer.Option("--from", help=_("First day, e.g. 2026-10-01."))],
    last: Annotated[str, typer.Option("--to", help=_("Last day, included."))],
    out: Annotated[Path | None, typer.Option(help=_("Folder for season.ics and season.json."))] = None,
    frequency: Annotated[
        Path | None, typer.Option(help=_("How often areas are flown, by hazard and credit grade (frequency/1)."))
    ] = None,
    crew: Annotated[
        list[str] | None, typer.Option(help=_("Name of a crew; may be repeated. By default the patrols' own crews."))
    ] = None,
    hours: Annotated[float, typer.Option(help=_("Hours that a crew flies on one day."))] = 4.0,
    calendar: Annotated[
        Path | None, typer.Option(help=_("Calendar of another region (periods/1); Guangzhou's by default."))
    ] = None,
) -> None:
    from flight.calendars.periods import read_calendar
    from flight.calendars.season import read_frequency, season, season_tasks
    from flight.calendars.season_demand import demands
    from flight.calendars.season_table import demand_rows, flight_rows
    from flight.exports.icalendar import write_icalendar
    from flight.exports.season_file import write_season_file
    from flight.patrol import Crew
    from flight.planning.patrol_file import read_patrol

    if not hours > 0:
        raise InputRefused(str(hours), _("is no time to fly"), _("Give hours above 0."))
    begin, end = _days(first, last, SystemClock().now())
    days = begin.astimezone(BEIJING).date(), (end - timedelta(days=1)).astimezone(BEIJING).date()
    asked = [read_patrol(path) for path in patrols]
    known = read_calendar(calendar)
    rules = read_frequency() if frequency is None else read_frequency(frequency)
    tasks = season_tasks(asked)
    crews = {one.name: one for patrol in asked for one in patrol.crews}
    if crew:
        crews = {name: crews.get(name, Crew(name=name, launch=asked[0].home)) for name in crew}
    if not crews:
        raise InputRefused(patrols[0], _("names no crew"), _("Name crews in the patrol, or say --crew NAME."))
    planned = season(tasks, tuple(crews.values()), *days, calendar=known, rules=rules, hours_per_day=hours)
    demanded = demands(planned, tasks, *days, calendar=known, rules=rules)
    console = Console()
    for heading, rows in (flight_rows(planned), demand_rows(demanded)):
        console.print(rows_table(heading, rows, whole=(0, 1) if len(heading) == 6 else ()))
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        write_icalendar(planned, out / "season.ics", made_at=begin)
        write_season_file(planned, demanded, *days, out / "season.json")
        for name in ("season.ics", "season.json"):
            console.print(str(out / name), soft_wrap=True, markup=False)
    if planned.unmet:
        for refusal in planned.unmet:
            console.print(str(refusal), soft_wrap=True, markup=False)
        raise PlanRefused(_("{count} visits have no place in the season").format(count=len(planned.unmet)))


def _days(first: str, last: str, now: datetime) -> tuple[datetime, datetime]:
    """Return the beginning of the first day and the end of the last, Beijing time."""
    begin = (
        (beijing_time(first) if first else now).astimezone(BEIJING).replace(hour=0, minute=0, second=0, microsecond=0)
    )
    end = beijing_time(last) + timedelta(days=1) if last else begin + timedelta(days=90)
    if not begin < end:
        raise InputRefused(last, _("is before the first day"), _("Name a later day."))
    return begin, end


def _hazard_names() -> dict[str, str]:
    """Return the hazard catalogue's names by code, in the reader's language."""
    from geofence.rules.law import read_law

    chinese = language_of(os.environ) == "zh_CN"
    return {one.code: one.name_zh if chinese else one.name_en for one in read_law(None).classes}
