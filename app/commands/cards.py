"""Commands for memory cards and single files: take in, verify the vault, inspect, locate a pixel."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from app.wiring import camera_zone as zone_called
from core.clock import BEIJING
from core.errors import InputRefused
from core.heights import HeightDatum
from core.refusal import Refusal
from core.text import _


def add_commands(application: typer.Typer) -> None:
    """Add the commands for cards and files to the command line."""
    panel = _("After the flight")
    application.command(
        name="inspect", rich_help_panel=panel, help=_("Show what a file is, what is known of it and what is missing.")
    )(_inspect)
    application.command(
        name="locate",
        rich_help_panel=panel,
        help=_("Tell where on the ground a pixel lies, and how surely."),
    )(_locate)


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


def _locate(
    *,
    photo: Annotated[Path, typer.Argument(help=_("Photo with its pose in EXIF and XMP."))],
    pixel: Annotated[str, typer.Option(help=_("Column and row, e.g. 2000,1125, from the top left corner."))],
    dem: Annotated[Path | None, typer.Option(help=_("Terrain raster; needs --height-datum."))] = None,
    ground_height: Annotated[float | None, typer.Option(help=_("Height of level ground, with its datum."))] = None,
    height_datum: Annotated[
        HeightDatum | None, typer.Option(help=_("What the raster's or the ground's height is measured from."))
    ] = None,
    camera_zone: Annotated[str, typer.Option(help=_("Time zone that the camera's clock is set to."))] = str(BEIJING),
) -> None:
    from flight.telemetry.photo import read_photo
    from geofence.locating.locate_point import ground_of, locate_point, point_feature

    told = read_photo(photo, camera_zone=zone_called(camera_zone))
    if isinstance(told, Refusal):
        raise InputRefused(photo, told.reason, told.remedy)
    u_px, v_px = _pixel(pixel)
    try:
        ground = ground_of(dem=dem, ground_height_m=ground_height, height_datum=height_datum, takeoff=None)
    except ValueError as wrong:
        raise InputRefused(photo, str(wrong), _("Say --height-datum with --dem or --ground-height.")) from wrong
    located = locate_point(u_px, v_px, name=photo.name, pose=told.pose, camera=told.camera, ground=ground)
    if isinstance(located, Refusal):
        raise InputRefused(photo, located.reason, located.remedy)
    Console(markup=False, highlight=False).print(
        json.dumps(point_feature(located), ensure_ascii=False, indent=1), soft_wrap=True
    )


def _pixel(text: str) -> tuple[float, float]:
    try:
        u_px, v_px = (float(part) for part in text.split(","))
    except ValueError as wrong:
        raise InputRefused(text, _("is no pixel"), _("Write column and row like 2000,1125.")) from wrong
    return u_px, v_px
