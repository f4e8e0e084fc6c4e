"""Commands for footage: process a folder of photos and videos."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from app.bars import bars_on
from app.commands.version import program_version
from app.instruments import Instruments, Station
from app.languages import language_of
from app.process import GEOJSON, GEOPACKAGE, LEDGER, MAP, PACKAGES, REPORT, STORE, Job, process
from app.run_report import print_report
from app.wiring import flight_of, open_case_store, open_ground, open_instruments, open_jurisdiction, open_signing
from core.clock import BEIJING, SystemClock
from core.text import _


def add_commands(application: typer.Typer) -> None:
    """Add the footage commands to the command line."""
    panel = _("After the flight")

    @application.command(name="process", rich_help_panel=panel, help=_("Find hazards in a folder of footage."))
    def _process(
        *,
        footage: Annotated[Path, typer.Argument(help=_("Folder of photos (JPEG) and videos (MP4, MOV with SRT)."))],
        sites: Annotated[Path, typer.Option(help=_("Register of sites: GeoJSON, GeoPackage or Shapefile."))],
        out: Annotated[Path, typer.Option(help=_("Case folder to write; a run that was killed goes on there."))],
        zones: Annotated[Path | None, typer.Option(help=_("Typed zones, same formats."))] = None,
        rules: Annotated[Path | None, typer.Option(help=_("Rule file instead of the shipped one."))] = None,
        weight: Annotated[
            list[str] | None,
            typer.Option(help=_("Registered detector weight, by name or file; may be repeated, one for each label.")),
        ] = None,
        dem: Annotated[
            Path | None, typer.Option(help=_("Terrain raster; without it the ground is level at take-off height."))
        ] = None,
        dem_datum: Annotated[
            str, typer.Option(help=_("What the raster's heights refer to: EGM96, EGM2008 or ellipsoid."))
        ] = "",
        camera_zone: Annotated[
            str, typer.Option(help=_("Time zone that the camera's clock is set to, where the file does not say."))
        ] = str(BEIJING),
        key: Annotated[
            Path | None,
            typer.Option(help=_("Signing key; its passphrase is read from SKYWARDEN_KEY_PASSPHRASE.")),
        ] = None,
        store: Annotated[
            str,
            typer.Option(
                envvar="SKYWARDEN_STORE",
                help=_("Store of cases: a file or a postgresql:// address; else cases.sqlite3 in the case folder."),
            ),
        ] = "",
        patrol: Annotated[
            Path | None,
            typer.Option(help=_("Patrol file that was flown; its approval is sealed with the cases.")),
        ] = None,
        device: Annotated[str, typer.Option(help=_("auto, cpu, cuda or openvino."))] = "auto",
        title: Annotated[str, typer.Option(help=_("Title of the map; by default the folder's name."))] = "",
        patrols: Annotated[
            Path | None,
            typer.Option(
                help=_("Folder that keeps hazards from patrol to patrol; by default “patrols” beside the case folder.")
            ),
        ] = None,
    ) -> None:
        console = Console()
        clock = SystemClock()
        jurisdiction, refused = open_jurisdiction(sites=sites, zones=zones, rules=rules)
        instruments = open_instruments(
            weights=weight or (), zone=camera_zone, ground=open_ground(dem, dem_datum), device=device, clock=clock
        )
        signing = open_signing(key, os.environ.get("SKYWARDEN_KEY_PASSPHRASE", ""), work=out / "work")
        job = Job(
            footage=footage,
            out=out,
            title=title or footage.resolve().name,
            program=program_version(),
            settings=settings_of(instruments, dem=dem, dem_datum=dem_datum),
            register_refusals=refused,
            chinese=language_of(os.environ) == "zh_CN",
            flight=flight_of(patrol),
            ledger=patrols or out.resolve().parent / LEDGER,
        )
        cases = open_case_store(store or str(out / STORE), clock, new=True)
        with bars_on(console) as bars:
            station = Station(
                instruments=instruments, jurisdiction=jurisdiction, signing=signing, progress=bars, store=cases
            )
            report = process(job, station)
        print_report(report, console, places=places_of(out))


def settings_of(instruments: Instruments, *, dem: Path | None = None, dem_datum: str = "") -> dict[str, str]:
    """Return what findings depend on besides the original; another value means examining anew."""
    ground = "level at take-off height"
    if dem is not None:
        ground = f"{hashlib.sha256(dem.read_bytes()).hexdigest()} above {dem_datum}"
    return {
        "camera_zone": str(instruments.camera_zone),
        "ground": ground,
        "program": program_version(),
        "weight_sha256": instruments.detector.weight_sha256,
    }


def places_of(out: Path) -> list[tuple[str, Path]]:
    """Return what a case folder holds, for the reader to open."""
    return [
        (_("map"), out / MAP),
        (_("for QGIS"), out / GEOPACKAGE),
        (_("incidents"), out / GEOJSON),
        (_("packages"), out / PACKAGES),
        (_("report"), out / REPORT),
    ]
