"""Commands to follow up: what stands, deadlines, the patrol that looks again, pictures of before and after."""

from __future__ import annotations

import base64
from datetime import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from core.clock import BEIJING, SystemClock
from core.errors import InputRefused
from core.text import _
from core.whole_file import write_text

if TYPE_CHECKING:
    from app.patrol_ledger import Ledger

Folder = Annotated[
    Path, typer.Argument(help=_("The ledger of patrols that “process” keeps (folder “patrols”), or a case folder."))
]
PAGE = "before-after.html"


def add_commands(application: typer.Typer) -> None:
    """Add the follow-up commands to the command line."""
    group = typer.Typer(
        no_args_is_help=True, help=_("Check again what was found: what stands, the patrol, the pictures.")
    )
    group.command(name="list", help=_("List what stands after all patrols, and what is gone."))(_list)
    group.command(name="deadline", help=_("Note by when a hazard must be put right."))(_deadline)
    group.command(name="plan", help=_("Make the patrol file that looks again at confirmed incidents."))(_plan)
    group.command(name="compare", help=_("Write pictures of before and after, the same ground side by side."))(_compare)
    application.add_typer(group, name="follow-up", rich_help_panel=_("After the flight"))


def _list(*, ledger: Folder) -> None:
    from app.follow_up import ledger_folder
    from app.over_patrols import line_of, tell_story
    from app.patrol_ledger import numbers_of, read_ledger
    from geofence.persistence.standing import overdue

    known = read_ledger(ledger_folder(ledger))
    numbers, names = numbers_of(known.patrols), site_names(known)
    late = {standing.standing_id for standing in overdue(known.standings, now=SystemClock().now())}
    title = _("Hazards over patrols (so far: {count})").format(count=len(known.patrols))
    table = Table(title=title, title_justify="left")
    for name in (_("incidents"), _("hazard"), _("enterprise"), _("patrols said"), _("deadline")):
        table.add_column(name, overflow="fold")
    for standing in sorted(known.standings, key=lambda one: (not one.is_there, -one.severity, one.standing_id)):
        line = line_of(standing, numbers, names)
        due = "" if standing.deadline is None else f"{standing.deadline.astimezone(BEIJING):%Y-%m-%d}"
        if standing.standing_id in late:
            due = _("{due}: past").format(due=due)
        table.add_row(", ".join(line.incidents), line.hazard, line.site, tell_story(standing), due)
    Console().print(table)


def _deadline(
    *,
    ledger: Folder,
    number: Annotated[str, typer.Argument(help=_("Number of one of the hazard's incidents."))],
    by: Annotated[str, typer.Option(help=_("Last day, e.g. 2026-10-15 (until its end, Beijing), or a time."))],
) -> None:
    from app.commands.planning import beijing_time
    from app.follow_up import ledger_folder
    from app.patrol_ledger import numbers_of, read_ledger, set_deadline

    folder = ledger_folder(ledger)
    if number not in numbers_of(read_ledger(folder).patrols).values():
        problem = _("no patrol of this ledger has an incident of this number")
        raise InputRefused(number, problem, _("“skywarden follow-up list” lists them."))
    instant = beijing_time(by)
    if "T" not in by and " " not in by.strip():
        instant = instant.combine(instant.date(), time(23, 59, 59), tzinfo=instant.tzinfo)
    set_deadline(folder, number, instant)
    Console().print(
        _("{number} is to be put right by {at} Beijing time").format(
            number=number, at=f"{instant.astimezone(BEIJING):%Y-%m-%d %H:%M:%S}"
        ),
        highlight=False,
    )


def _plan(
    *,
    ledger: Folder,
    patrol: Annotated[Path, typer.Option(help=_("Patrol file whose aircraft, home, limits and no-fly zones apply."))],
    out: Annotated[Path, typer.Option(help=_("The new patrol file (YAML)."))],
    store: Annotated[
        str, typer.Option(envvar="SKYWARDEN_STORE", help=_("Store of cases; its confirmed incidents are checked."))
    ] = "",
    incident: Annotated[
        list[str] | None, typer.Option(help=_("Number of an incident to check; may be repeated."))
    ] = None,
    unreviewed: Annotated[
        bool, typer.Option("--unreviewed", help=_("Check everything that stands, confirmed by nobody yet."))
    ] = False,
    name: Annotated[str, typer.Option(help=_("The new patrol's name."))] = "",
) -> None:
    from app.follow_up import choose_standings, confirmed_in, ledger_folder, plan_recheck
    from app.patrol_ledger import read_ledger
    from app.wiring import open_case_store
    from flight.planning.patrol_file import read_patrol
    from flight.planning.patrol_writer import write_patrol

    clock = SystemClock()
    known = read_ledger(ledger_folder(ledger))
    before = read_patrol(patrol)
    numbers: set[str] | None = set(incident or ())
    if unreviewed:
        numbers = None
    elif not incident:
        if not store:
            problem = _("is asked for without saying of what")
            raise InputRefused("follow-up", problem, _("Say --store, --incident or --unreviewed."))
        numbers = set(confirmed_in(open_case_store(store, clock, new=False)))
    chosen = choose_standings(known, numbers)
    title = name or _("{name} follow-up").format(name=before.name)
    recheck = plan_recheck(known, chosen, before, name=title, now=clock.now())
    out.parent.mkdir(parents=True, exist_ok=True)
    write_patrol(recheck.patrol, out, note=recheck.note)
    console = Console()
    table = Table(title=recheck.note.splitlines()[0], title_justify="left")
    for heading in (_("area"), _("pattern"), _("height"), _("priority"), _("reach"), _("hazards")):
        table.add_column(heading, overflow="fold")
    for area, revisit in zip(recheck.patrol.areas, recheck.revisits, strict=True):
        table.add_row(
            area.name,
            area.pattern.value,
            f"{area.height_agl_m:.0f} m",
            str(area.priority),
            f"{revisit.radius_m:.0f} m",
            str(len(revisit.standing_ids)),
        )
    console.print(table)
    console.print(_("{path}: plan it with “skywarden plan”").format(path=out), soft_wrap=True, markup=False)


def _compare(
    *,
    ledger: Folder,
    out: Annotated[Path, typer.Option(help=_("Folder for the page and its pictures."))],
) -> None:
    from app.before_after import pairs_of, write_pairs
    from app.follow_up import ledger_folder
    from app.patrol_ledger import read_ledger
    from maps.before_after_page import render_pairs

    known = read_ledger(ledger_folder(ledger), with_frames=True)
    pairs = list(pairs_of(known, site_names(known)))
    out.mkdir(parents=True, exist_ok=True)
    written = write_pairs(pairs, out)
    cards = [
        {
            "numbers": pair.numbers,
            "title": pair.title,
            "story": pair.story,
            "verdict": pair.verdict,
            "there": pair.there,
            "due": pair.due,
            "late": pair.late,
            "side": round(2 * pair.half_m),
            **{
                name: None
                if picture is None
                else {"base64": base64.b64encode(picture.jpeg).decode(), "caption": picture.caption}
                for name, picture in (("before", pair.before), ("after", pair.after))
            },
        }
        for pair in pairs
    ]
    write_text(out / PAGE, render_pairs(cards, title=_("Before and after")))
    Console().print(
        _("{pairs} hazards looked at twice, {pictures} pictures: {path}").format(
            pairs=len(pairs), pictures=len(written), path=out / PAGE
        ),
        soft_wrap=True,
        highlight=False,
    )


def site_names(ledger: Ledger) -> dict[str, str]:
    """Return the names of the enterprises that a ledger's incidents stand on, by code, as their cases archived them."""
    from geofence.register.site_archive import names_in
    from geofence.register.site_folder import ARCHIVE

    names: dict[str, str] = {}
    for patrol in ledger.patrols:
        names |= names_in(Path(patrol.case_folder) / ARCHIVE)
    return names
