"""Commands for footage: process a folder of photos and videos."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from app.bars import bars_on
from app.case_folder import GEOJSON, LEDGER, MAP, REPORT, STORE, work_of
from app.commands.keys import HardwareOption, SigningRingOption, key_that_may_sign
from app.commands.version import program_version
from app.instruments import Instruments, Station
from app.languages import language_of
from app.process import process
from app.processing.job import Job
from app.run_report import print_report
from app.wiring import (
    area_of,
    clock_offset_of,
    declaration_of,
    flight_of,
    open_case_store,
    open_ground,
    open_instruments,
    open_jurisdiction,
    open_signing,
    recall_of,
    wind_of,
)
from core.clock import BEIJING, SystemClock
from core.errors import InputRefused
from core.heights import HeightDatum
from core.text import _
from detection.thermal.thermogram import AS_WRITTEN, Conditions, Unit
from evidence.sealing.package import PACKAGES
from flight.planning.patrol_file import read_patrol
from geofence.datums import Datum
from geofence.locating.ground import described
from maps.change_file import CHANGES, PAGE
from maps.coverage_file import COVERAGE, COVERAGE_IN_HEAT
from maps.geo_files import GEOPACKAGE


def add_commands(application: typer.Typer) -> None:
    """Add the footage commands to the command line."""
    panel = _("After the flight")

    @application.command(name="process", rich_help_panel=panel, help=_("Find hazards in a folder of footage."))
    def _process(
        *,
        footage: Annotated[Path, typer.Argument(help=_("Folder of photos (JPEG) and videos (MP4, MOV with SRT)."))],
        sites: Annotated[
            Path, typer.Option(help=_("Register of sites: a file of any kind it is kept in, or an imported folder."))
        ],
        out: Annotated[Path, typer.Option(help=_("Case folder to write; a run that was killed goes on there."))],
        zones: Annotated[Path | None, typer.Option(help=_("Typed zones, same formats."))] = None,
        adjacency: Annotated[
            Path | None, typer.Option(help=_("Declared prior between neighbouring sites; without it there is none."))
        ] = None,
        rules: Annotated[Path | None, typer.Option(help=_("Rule file instead of the shipped one."))] = None,
        weight: Annotated[
            list[str] | None,
            typer.Option(
                help=_(
                    "Registered detector weight, by name or file, or default for the defaults; may be repeated, one "
                    "for each label."
                )
            ),
        ] = None,
        datum: Annotated[Datum, typer.Option(help=_("What the degrees of the register's files are in."))] = Datum.WGS84,
        camera: Annotated[
            str,
            typer.Option(help=_("Camera, where files do not say: a key of the lens catalogue, 24mm, or a lens file.")),
        ] = "",
        dem: Annotated[
            Path | None, typer.Option(help=_("Terrain raster; without it the ground is level at take-off height."))
        ] = None,
        ground_height: Annotated[
            float | None, typer.Option(help=_("Height of level ground, instead of a raster."))
        ] = None,
        height_datum: Annotated[
            HeightDatum | None, typer.Option(help=_("What the raster's or the ground's height is measured from."))
        ] = None,
        takeoff: Annotated[
            str,
            typer.Option(
                help=_(
                    "Take-off point for a raster: latitude,longitude, or the patrol file or flight log that knows it."
                )
            ),
        ] = "",
        corrections: Annotated[
            Path | None,
            typer.Option(
                help=_("Corrections that calibrate-flight wrote, once its report has been read; never by itself.")
            ),
        ] = None,
        camera_zone: Annotated[
            str, typer.Option(help=_("Time zone that the camera's clock is set to, where the file does not say."))
        ] = str(BEIJING),
        key: Annotated[
            Path | None,
            typer.Option(help=_("Signing key; its passphrase is read from SKYWARDEN_KEY_PASSPHRASE, or asked for.")),
        ] = None,
        pkcs11: HardwareOption = "",
        ring: SigningRingOption = None,
        store: Annotated[
            str,
            typer.Option(
                envvar="SKYWARDEN_STORE",
                help=_("Store of cases: a file or a postgresql:// address; else cases.sqlite3 in the case folder."),
            ),
        ] = "",
        patrol: Annotated[
            Path | None,
            typer.Option(
                help=_(
                    "Patrol file that was flown; its approval is sealed with the cases, and what it declares of the "
                    "camera is used where the footage is silent."
                )
            ),
        ] = None,
        clock_offset: Annotated[
            str, typer.Option(help=_("Seconds to add to the camera's time, with their error: 2.3,0.1; see clock."))
        ] = "",
        compare_to: Annotated[
            Path | None,
            typer.Option(
                "--compare-with",
                help=_("Case folder of an earlier patrol: what changed since becomes leads; all of it in “changes”."),
            ),
        ] = None,
        emissivity: Annotated[
            float | None,
            typer.Option(min=0.05, max=1.0, help=_("Emissivity for thermal photos, instead of what their files say.")),
        ] = None,
        thermal_unit: Annotated[
            Unit | None,
            typer.Option(help=_("What the numbers of exported temperatures, or of DJI's raw data, stand for.")),
        ] = None,
        person_recall: Annotated[
            str,
            typer.Option(
                help=_("Share of people that the weight finds, as measured, and its error: 0.7,0.05; for crowd counts.")
            ),
        ] = "",
        wind: Annotated[
            str,
            typer.Option(
                help=_(
                    "Wind, which tells where smoke comes from: degrees it blows from and their error (45,20), or a log."
                )
            ),
        ] = "",
        device: Annotated[
            str, typer.Option(help=_("auto, cpu, cuda, openvino, openvino-int8, onnx or tensorrt."))
        ] = "auto",
        views: Annotated[
            int,
            typer.Option(help=_("Looks from different sides after which ground is left out; 0 for never.")),
        ] = 3,
        everywhere: Annotated[
            bool, typer.Option("--everywhere", help=_("Look outside the areas of the patrol that was flown, too."))
        ] = False,
        follow: Annotated[
            bool, typer.Option(help=_("Look again shortly before and after what is found in a video, to see it move."))
        ] = True,
        threads: Annotated[
            str, typer.Option(help=_("Threads of the detector: a number, or auto to measure once which is fastest."))
        ] = "",
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
        if compare_to is not None and not compare_to.is_dir():
            raise InputRefused(compare_to, _("is no case folder"), _("Name the case folder of an earlier patrol."))
        # A key that may not sign is refused now, before hours of work.
        signer = key_that_may_sign(key, pkcs11, ring) if key is not None or pkcs11 else None
        jurisdiction, refused = open_jurisdiction(
            sites=sites, zones=zones, rules=rules, datum=datum, adjacency=adjacency
        )
        asked_for = area_of(patrol)
        area = None if everywhere else asked_for
        instruments = open_instruments(
            weights=weight or (),
            zone=camera_zone,
            ground=open_ground(dem, height_datum, height_m=ground_height, takeoff=takeoff or str(patrol or "")),
            device=device,
            clock=clock,
            ground_declared=dem is not None or ground_height is not None,
            camera=camera,
            declaration=declaration_of(patrol),
            clock_offset=clock_offset_of(clock_offset),
            corrections=corrections,
            thermal=Conditions(emissivity=emissivity, unit=thermal_unit),
            views=views,
            area=area,
            follow=follow,
            threads=threads,
        )
        signing = open_signing(signer, work=work_of(out))
        plan = None if patrol is None else read_patrol(patrol)
        job = Job(
            footage=footage,
            out=out,
            area=asked_for,
            title=title or footage.resolve().name,
            program=program_version(),
            settings=settings_of(instruments, dem=dem, corrections=corrections)
            | {"looks": f"views {views}, follow {follow}, area {'' if area is None else area.wkt}"},
            register_refusals=refused,
            chinese=language_of(os.environ) == "zh_CN",
            flight=flight_of(patrol),
            no_fly_zones=() if plan is None else plan.no_fly_zones,
            plan=plan,
            ledger=patrols or out.resolve().parent / LEDGER,
            wind=wind_of(wind),
            recall=recall_of(person_recall),
            compare_with=compare_to,
        )
        cases = open_case_store(store or str(out / STORE), clock, new=True)
        with bars_on(console) as bars:
            station = Station(
                instruments=instruments, jurisdiction=jurisdiction, signing=signing, progress=bars, store=cases
            )
            report = process(job, station)
        from app.store.announcing import announce_run  # what knows the tables wants the store opened

        announce_run(out, title=job.title, at=clock.now(), alias=cases.alias)
        print_report(report, console, places=places_of(out))


def settings_of(
    instruments: Instruments, *, dem: Path | None = None, corrections: Path | None = None
) -> dict[str, str]:
    """Return what findings depend on besides the original; another value means examining anew."""
    ground = described(instruments.ground)
    if dem is not None:
        ground += f" sha256:{hashlib.sha256(dem.read_bytes()).hexdigest()}"
    settings = {
        "camera": "" if instruments.camera is None else repr(instruments.camera),
        "camera_zone": str(instruments.camera_zone),
        "corrections": "" if corrections is None else f"sha256:{hashlib.sha256(corrections.read_bytes()).hexdigest()}",
        "ground": ground,
        "program": program_version(),
        "weight_sha256": instruments.detector.weight_sha256,
    }
    if instruments.heat is not None:
        settings["heat_sha256"] = instruments.heat.weight_sha256
    if instruments.thermal != AS_WRITTEN:
        settings["thermal"] = f"emissivity {instruments.thermal.emissivity}, unit {instruments.thermal.unit}"
    declared, offset = instruments.declaration, instruments.clock_offset
    if not declared.empty:
        settings["declared_pose"] = (
            f"yaw {declared.yaw_deg}, pitch {declared.pitch_deg}, roll {declared.roll_deg}, "
            f"course as yaw {declared.course_as_yaw}"
        )
    if offset is not None:
        settings["clock_offset"] = f"{offset.offset_s} s, sigma {offset.sigma_s} s"
    return settings


def places_of(out: Path) -> list[tuple[str, Path]]:
    """Return what a case folder holds, for the reader to open."""
    return [
        (_("map"), out / MAP),
        (_("for QGIS"), out / GEOPACKAGE),
        (_("incidents"), out / GEOJSON),
        (_("packages"), out / PACKAGES),
        (_("report"), out / REPORT),
        (_("ground seen"), out / COVERAGE),
        *([(_("ground seen in heat"), in_heat)] if (in_heat := out / COVERAGE_IN_HEAT).is_file() else ()),
        *([(_("changes"), changes)] if (changes := out / CHANGES / PAGE).is_file() else ()),
    ]
