"""The command ``skywarden demo``: the whole way, rehearsed and scored."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from app.bars import bars_on
from app.case_folder import STORE, work_of
from app.commands.footage import places_of, settings_of
from app.commands.planning import print_plan
from app.commands.version import program_version
from app.demo import DISTRICT, PATROL, Finding, Score, planted_in, rehearse, score
from app.instruments import Station
from app.languages import language_of
from app.process import process
from app.processing.job import Job
from app.run_report import print_report
from app.wiring import (
    area_of,
    flight_of,
    open_case_store,
    open_ground,
    open_instruments,
    open_jurisdiction,
    open_signing,
)
from core.clock import BEIJING, SystemClock
from core.points import GeoPoint
from core.text import _


def add_commands(application: typer.Typer) -> None:
    """Add the demonstration to the command line."""

    @application.command(
        name="demo",
        rich_help_panel=_("Begin here"),
        help=_("Plan, fly (simulated), film, process and score a patrol over the demo district."),
    )
    def _demo(
        out: Annotated[Path, typer.Option(help=_("Folder to write."))] = Path("out/demo"),
        patrol: Annotated[Path, typer.Option(help=_("Another patrol of the demo district."))] = PATROL,
        seed: Annotated[int, typer.Option(help=_("Of the simulated wind and sensor errors."))] = 1,
    ) -> None:
        console = Console()
        clock = SystemClock()
        cases = out / "cases"
        with bars_on(console) as bars:
            rehearsed = rehearse(out / "flight", progress=bars, clock=clock, seed=seed, patrol_file=patrol)
            jurisdiction, refused = open_jurisdiction(
                sites=DISTRICT / "sites.geojson", zones=DISTRICT / "zones.geojson", rules=None
            )
            instruments = open_instruments(zone=str(BEIJING), ground=open_ground(), device="auto", clock=clock)
            job = Job(
                footage=rehearsed.footage,
                out=cases,
                title=_("Demo district, rehearsed patrol"),
                program=program_version(),
                settings=settings_of(instruments),
                register_refusals=refused,
                no_fly_zones=rehearsed.patrol.no_fly_zones,
                plan=rehearsed.patrol,
                chinese=language_of(os.environ) == "zh_CN",
                flight=flight_of(patrol),
                area=area_of(patrol),
            )
            station = Station(
                instruments=instruments,
                jurisdiction=jurisdiction,
                signing=open_signing(None, work=work_of(cases)),
                progress=bars,
                store=open_case_store(str(cases / STORE), clock, new=True),
            )
            report = process(job, station)
        print_plan(rehearsed.plan, console)
        print_report(report, console, places=())
        found = [
            Finding(
                hazard=line.hazard.partition(" ")[0],
                site_code=line.site_code,
                point=GeoPoint(lon_deg=line.lon_deg, lat_deg=line.lat_deg),
            )
            for line in report.incidents
        ]
        console.print(_score_table(score(planted_in(rehearsed.patrol), found)))
        for name, path in places_of(cases):
            console.print(f"[bold]{name}[/bold]  {path}", soft_wrap=True)


def _score_table(reached: Score) -> Table:
    table = Table(title=_("Against the truth, opened only now"), show_header=False, title_justify="left")
    table.add_row(_("hazards planted"), str(reached.planted))
    table.add_row(_("found"), str(reached.found))
    table.add_row(_("tied to the right enterprise"), str(reached.right_site))
    table.add_row(_("tied to a wrong enterprise"), str(reached.wrong_site))
    table.add_row(_("incidents about nothing planted"), str(reached.false))
    error = "–" if reached.median_error_m is None else f"{reached.median_error_m:.2f} m"
    table.add_row(_("median position error"), error)
    for truth in reached.missed:
        table.add_row(_("missed"), f"{truth.thing_id} ({truth.hazard})")
    return table
