"""Commands for maps: the commander's map of finished runs, one file that needs no network."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from app.languages import language_of
from core.clock import SystemClock
from core.text import _


def add_commands(application: typer.Typer) -> None:
    """Add the map command to the command line."""

    @application.command(
        name="map",
        rich_help_panel=_("After the flight"),
        help=_("Draw the patrols of several runs on one offline map."),
    )
    def _map(
        *,
        folders: Annotated[list[Path], typer.Argument(help=_("Case folders that skywarden process wrote."))],
        out: Annotated[Path, typer.Option(help=_("HTML file to write."))],
        title: Annotated[str, typer.Option(help=_("Title of the map."))] = "",
        base: Annotated[
            list[str] | None,
            typer.Option(
                help=_(
                    "Base layer: a file of raster tiles (MBTiles, PMTiles; FILE@gcj02 where its datum is not WGS-84), "
                    "or osm, amap, tianditu, which ask the network when the map is opened. May be repeated."
                )
            ),
        ] = None,
        patrol: Annotated[
            list[Path] | None,
            typer.Option(help=_("Patrol file whose planned areas and no-fly zones are drawn; may be repeated.")),
        ] = None,
        base_key: Annotated[str, typer.Option(envvar="SKYWARDEN_BASE_KEY", help=_("Key that Tianditu asks for."))] = "",
    ) -> None:
        from flight.planning.patrol_file import read_patrol
        from maps.base_layers import base_layer
        from maps.case_folder import sheet_of_folders
        from maps.offline_map import draw_sheet

        chinese = language_of(os.environ) == "zh_CN"
        layers = tuple(layer for words in base or () for layer in base_layer(words, key=base_key))
        sheet = sheet_of_folders(
            folders,
            title=title or ", ".join(folder.resolve().name for folder in folders)[:120],
            drawn_at=SystemClock().now(),
            chinese=chinese,
            link_from=out.parent,
            plans=[read_patrol(path) for path in patrol or ()],
        )
        if not (sheet.marks or sheet.premises or sheet.patrols):
            raise typer.BadParameter(_("these runs have nothing that a map could show"))
        out.parent.mkdir(parents=True, exist_ok=True)
        draw_sheet(sheet, out, layers=layers, chinese=chinese)
        Console().print(
            _("{file}: {incidents} incidents, {sites} sites, {patrols} patrols").format(
                file=out, incidents=len(sheet.marks), sites=len(sheet.premises), patrols=len(sheet.patrols)
            )
        )
