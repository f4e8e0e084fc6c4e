"""Commands for calibrating: a camera from a board or from known points, and a flight from its own overlap."""

from __future__ import annotations

from dataclasses import replace
from datetime import tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from app.bars import bars_on
from app.commands.calibration_report import show_self_calibration
from app.commands.locating import pixel_of
from app.commands.version import program_version
from app.wiring import camera_zone as zone_called
from app.wiring import open_ground
from core.clock import BEIJING, SystemClock
from core.errors import InputRefused
from core.heights import HeightDatum
from core.refusal import Refusal
from core.text import _
from geofence.datums import Datum
from geofence.locating.error_budget import DeviceClass

if TYPE_CHECKING:
    from app.calibrate import FlightPhoto
    from flight.camera import Camera
    from flight.cameras.declared import DeclaredCamera
    from flight.cameras.known_points import PointCalibration
    from flight.track import Track
    from geofence.calibrating.self_calibration import KnownPoint
    from geofence.locating.ground import Ground


def add_commands(application: typer.Typer) -> None:
    """Add the commands for calibrating to the command line."""
    panel = _("After the flight")
    cameras = typer.Typer(no_args_is_help=True, help=_("Cameras and their lenses."))
    cameras.command(
        name="calibrate",
        help=_("Calibrate a camera from photos of a checkerboard, or from known points; writes a lens file."),
    )(_calibrate_camera)
    application.add_typer(cameras, name="camera", rich_help_panel=panel)
    application.command(
        name="calibrate-flight",
        rich_help_panel=panel,
        help=_("Estimate a flight's own errors from its overlap and known points: a report, and corrections to read."),
    )(_calibrate_flight)


def _calibrate_camera(
    *,
    photos: Annotated[list[Path], typer.Argument(help=_("Photos of one camera at one size and zoom, or a folder."))],
    out: Annotated[Path, typer.Option(help=_("Lens file to write (.yaml), for --camera."))],
    board: Annotated[str, typer.Option(help=_("Inner corners of the checkerboard along and across, like 9x6."))] = "",
    points: Annotated[Path | None, typer.Option(help=_("CSV of known points: photo,u,v,lat,lon,height."))] = None,
    height_datum: Annotated[
        HeightDatum | None, typer.Option(help=_("What the points' heights are measured from."))
    ] = None,
    takeoff_height: Annotated[
        float | None, typer.Option(help=_("Height of the take-off point on that datum, for photos without RTK."))
    ] = None,
    datum: Annotated[Datum, typer.Option(help=_("What the points' degrees are in."))] = Datum.WGS84,
    camera: Annotated[str, typer.Option(help=_("Camera to start from, where the photos do not say."))] = "",
    model: Annotated[str, typer.Option(help=_("The camera's name in the lens file; by default the photos'."))] = "",
) -> None:
    from flight.cameras.lens_file import write_lens_file

    console = Console()
    for given in photos:
        if not given.exists():
            raise InputRefused(given, _("does not exist"), _("Name the photos, or the folder that holds them."))
    paths = [path for given in photos for path in (sorted(given.iterdir()) if given.is_dir() else [given])]
    if out.suffix.lower() not in {".yaml", ".yml"}:
        raise InputRefused(out, _("is no name for a lens file"), _("Let it end in .yaml."))
    if bool(board) == (points is not None):
        raise InputRefused("--board, --points", _("give one of the two"), _("Say --board 9x6 or --points FILE."))
    if points is None:
        found = _from_board(paths, board, model or out.stem, console)
    else:
        if height_datum not in {HeightDatum.ELLIPSOID, HeightDatum.EGM96, HeightDatum.EGM2008}:
            raise InputRefused(
                points,
                _("the datum of its heights is not declared"),
                _("Say --height-datum ellipsoid, EGM96 or EGM2008."),
            )
        found = _from_points(
            paths,
            points,
            console,
            height_datum=height_datum,
            takeoff_height=takeoff_height,
            datum=datum,
            camera=camera,
        )
    write_lens_file(replace(found, model=model or found.model), out, key=out.stem)
    console.print(_("lens file: {path}; use it with --camera {path}").format(path=out), soft_wrap=True)


def _from_board(paths: list[Path], board: str, model: str, console: Console) -> Camera:
    from flight.cameras.checkerboard import Calibration, calibrate_from_checkerboard

    columns, _x, rows = board.lower().partition("x")
    if not (columns.isdigit() and rows.isdigit() and min(int(columns), int(rows)) >= 3 and columns != rows):
        raise InputRefused(
            board,
            _("is no board"),
            _("Count its inner corners along and across, not as many each way, like 9x6."),
        )
    found = calibrate_from_checkerboard(paths, columns=int(columns), rows=int(rows), model=model)
    if not isinstance(found, Calibration):
        raise InputRefused(found.subject, found.reason, found.remedy)
    for refusal in found.refusals:
        console.print(str(refusal), soft_wrap=True, highlight=False)
    camera = found.camera
    console.print(
        _(
            "{count} photos; focal length {focal:.1f} px ± {sigma:.2%}, centre {x:.1f}, {y:.1f}, rms {rms:.2f} px"
        ).format(
            count=len(found.used),
            focal=camera.focal_px,
            sigma=camera.focal_sigma,
            x=camera.centre_x_px,
            y=camera.centre_y_px,
            rms=found.rms_px,
        ),
        soft_wrap=True,
    )
    return camera


def _from_points(
    paths: list[Path],
    points: Path,
    console: Console,
    *,
    height_datum: HeightDatum,
    takeoff_height: float | None,
    datum: Datum,
    camera: str,
) -> Camera:
    from app.calibrate import flight_photos, point_photos
    from app.known_point_file import read_known_points
    from flight.cameras.declared import read_declared_camera
    from flight.cameras.known_points import calibrate_from_points

    rows = read_known_points(points, datum=datum)
    named = {row.photo for row in rows}
    declared = read_declared_camera(camera) if camera else None
    usable: list[FlightPhoto] = []
    for path in paths:
        if path.name in named:
            given, refused = flight_photos(path, camera=declared, zone=BEIJING)
            usable.extend(given)
            _list_refused(refused, console)
    given_points = point_photos(usable, rows, height_datum=height_datum, takeoff_height_m=takeoff_height, path=points)
    start = usable[0].view.camera
    if len({(photo.view.camera.width_px, photo.view.camera.height_px) for photo in usable}) > 1:
        raise InputRefused(points, _("its photos are of several sizes"), _("Calibrate one image size at a time."))
    found = calibrate_from_points(given_points, camera=start)
    if isinstance(found, Refusal):
        raise InputRefused(found.subject, found.reason, found.remedy)
    _show_point_calibration(found, console)
    return found.camera


def _show_point_calibration(found: PointCalibration, console: Console) -> None:
    table = Table(title=_("What the points say of the camera"), title_justify="left")
    for name in (_("parameter"), _("value"), _("± one sigma"), _("told apart")):
        table.add_column(name)
    for parameter in found.parameters:
        table.add_row(
            parameter.name,
            f"{parameter.value:.5g}",
            f"{parameter.sigma:.2g}",
            _("yes") if parameter.decided else _("no, held or loose"),
        )
    console.print(table)
    console.print(
        _("points lie {before:.1f} px off before, {after:.2f} px after, {left:.2f} px when each is left out").format(
            before=found.before_rms_px, after=found.rms_px, left=found.left_out_rms_px
        )
    )
    for residual in found.residuals:
        if not residual.used:
            console.print(
                _("not used: {photo} {u:g},{v:g} lies {far:.0f} px off; is it the right point?").format(
                    photo=residual.photo, u=residual.u_px, v=residual.v_px, far=residual.fitted_px
                ),
                soft_wrap=True,
                highlight=False,
            )


def _calibrate_flight(
    *,
    footage: Annotated[Path, typer.Argument(help=_("Folder of photos of one flight, or a video with its telemetry."))],
    known_points: Annotated[
        Path | None, typer.Option(help=_("CSV of known points: photo,u,v,lat,lon and, where known, sigma."))
    ] = None,
    known_point: Annotated[
        list[str] | None, typer.Option(help=_("One known point, PHOTO,U,V,LAT,LON[,SIGMA]; may be repeated."))
    ] = None,
    corner: Annotated[
        list[str] | None,
        typer.Option(help=_("PHOTO,U,V of a corner of a site's fence, taken from --sites; may be repeated.")),
    ] = None,
    sites: Annotated[Path | None, typer.Option(help=_("Register of sites, for --corner."))] = None,
    datum: Annotated[Datum, typer.Option(help=_("What the points' and sites' degrees are in."))] = Datum.WGS84,
    log: Annotated[
        Path | None, typer.Option(help=_("Flight log to take the poses from; its clock offset is estimated."))
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help=_("Corrections to write, for: skywarden process --corrections."))
    ] = None,
    camera: Annotated[str, typer.Option(help=_("Camera: a key of the lens catalogue, 24mm, or a lens file."))] = "",
    dem: Annotated[Path | None, typer.Option(help=_("Terrain raster; needs --height-datum."))] = None,
    ground_height: Annotated[float | None, typer.Option(help=_("Height of level ground, with its datum."))] = None,
    height_datum: Annotated[
        HeightDatum | None, typer.Option(help=_("What the raster's or the ground's height is measured from."))
    ] = None,
    takeoff: Annotated[str, typer.Option(help=_("Take-off point for a raster."))] = "",
    device_class: Annotated[
        DeviceClass, typer.Option(help=_("Whose pose errors to assume where photos state none."))
    ] = DeviceClass.GNSS,
    camera_zone: Annotated[str, typer.Option(help=_("Time zone that the camera's clock is set to."))] = str(BEIJING),
) -> None:
    from app.calibrate import calibrate_flight, corrections_of, flight_photos, known_in
    from app.corrections import write_corrections
    from app.known_point_file import read_known_points
    from flight.cameras.declared import read_declared_camera
    from flight.telemetry.read_track import Declared, read_track

    console = Console()
    zone = zone_called(camera_zone)
    track = None if log is None else read_track(log, Declared(camera_zone=zone))
    if isinstance(track, Refusal):
        raise InputRefused(log or footage, track.reason, track.remedy)
    ground = open_ground(dem, height_datum, height_m=ground_height, takeoff=takeoff)
    declared = read_declared_camera(camera) if camera else None
    photos, refused = flight_photos(footage, camera=declared, zone=zone, track=track)
    filmed = False
    if not photos:
        # A video's own telemetry is its log: how far its clock is off is asked of the pictures too.
        photos, refusal, track = _filmed(footage, ground, zone, declared, track)
        filmed, refused = bool(photos), (*refused, *refusal)
        if filmed and log is not None and out is not None:
            raise InputRefused(
                out,
                _("corrections of a video are of its own telemetry, not of a log's"),
                _("Leave --log or --out away."),
            )
    _list_refused(refused, console)
    if not photos:
        raise InputRefused(
            footage,
            _("holds no photo and no video with whole poses and a known camera"),
            _("See what was refused above."),
        )
    known: list[KnownPoint] = []
    if known_points is not None:
        known.extend(known_in(photos, read_known_points(known_points, datum=datum), path=known_points))
    known.extend(_said_point(said, photos, datum) for said in known_point or ())
    known.extend(_corners(corner or [], sites, photos, ground, datum))
    with bars_on(console) as bars:
        found = calibrate_flight(
            photos, ground=ground, known=known, track=track, device_class=device_class, progress=bars
        )
    if isinstance(found, Refusal):
        raise InputRefused(footage, found.reason, found.remedy)
    show_self_calibration(found, photos, console, known=len(known))
    if out is None:
        console.print(_("Nothing is applied. To keep these corrections, run again with --out FILE."), soft_wrap=True)
        return
    made = corrections_of(
        found,
        photos,
        ground=ground,
        known_points=len(known),
        made_at=SystemClock().now(),
        program=program_version(),
        track=None if filmed else track,
    )
    write_corrections(made, out)
    console.print(
        _("{path} corrects {photos} photos and {videos} videos. Read the report; if it convinces you: ").format(
            path=out, photos=len(made.frames), videos=len(made.videos)
        )
        + f"skywarden process FOOTAGE --corrections {out}",
        soft_wrap=True,
        highlight=False,
    )


def _filmed(
    footage: Path, ground: Ground, zone: tzinfo, camera: DeclaredCamera | None, log: Track | None
) -> tuple[tuple[FlightPhoto, ...], tuple[Refusal, ...], Track | None]:
    """Return the frames of the one video of a folder, what was refused, and the track that poses them."""
    from app.flight_video import VideoDeclaration, flight_frames
    from app.inputs import Kind, list_inputs

    videos = [file for file in list_inputs(footage) if file.kind is Kind.VIDEO]
    if len(videos) > 1:
        raise InputRefused(
            footage,
            _("holds {count} videos, each with a clock of its own").format(count=len(videos)),
            _("Name one of them."),
        )
    for video in videos:
        given = flight_frames(video, VideoDeclaration(ground=ground, camera_zone=zone, camera=camera), track=log)
        if isinstance(given, Refusal):
            return (), (given,), log
        return given[0], (), given[1]
    return (), (), log


def _list_refused(refused: tuple[Refusal, ...], console: Console) -> None:
    for refusal in refused:
        console.print(str(refusal), soft_wrap=True, highlight=False, markup=False)


def _said_point(said: str, photos: tuple[FlightPhoto, ...], datum: Datum) -> KnownPoint:
    """Return a known point written as PHOTO,U,V,LAT,LON[,SIGMA]."""
    import numpy as np

    from app.calibrate import known_in
    from app.known_point_file import KnownRow
    from core.points import GeoPoint
    from geofence.datums import to_wgs84

    parts = said.split(",")
    try:
        u_px, v_px, lat_deg, lon_deg, *rest = (float(part) for part in parts[1:])
        lon, lat = to_wgs84(np.array([lon_deg, lat_deg]), datum)
        row = KnownRow(
            photo=parts[0].strip(),
            u_px=u_px,
            v_px=v_px,
            point=GeoPoint(lon_deg=float(lon), lat_deg=float(lat)),
            height_m=None,
            sigma_m=rest[0] if rest else 0.5,
        )
    except (ValueError, IndexError) as wrong:
        raise InputRefused(
            said, _("is no known point"), _("Write PHOTO,U,V,LAT,LON or PHOTO,U,V,LAT,LON,SIGMA.")
        ) from wrong
    return known_in(photos, [row], path=Path(said))[0]


def _corners(
    said: list[str], sites: Path | None, photos: tuple[FlightPhoto, ...], ground: Ground, datum: Datum
) -> list[KnownPoint]:
    """Return the corners of sites that were pointed at."""
    if not said:
        return []
    if sites is None:
        raise InputRefused("--corner", _("needs the register of sites"), _("Name it with --sites."))
    from app.site_corner import corner_at
    from geofence.register.site_files import read_register

    register, _refused = read_register(sites, datum=datum)
    by_name = {photo.path.name: photo for photo in photos}
    found = []
    for text in said:
        name, _comma, pixel = text.partition(",")
        if name not in by_name:
            raise InputRefused(text, _("names no photo of this flight"), _("Write PHOTO,U,V."))
        u_px, v_px = pixel_of(pixel)
        point = corner_at(by_name[name].view, u_px, v_px, sites=register.sites, ground=ground, name=name)
        if isinstance(point, Refusal):
            raise InputRefused(text, point.reason, point.remedy)
        found.append(point)
    return found
