"""Draws a sheet as one self-contained Folium map: one file, no network, the same bytes for the same sheet.

Folium by itself links ten files from content networks, names every element at random, escapes nothing and makes an
element of the page for each marker; here the links are replaced by Leaflet's own text, the names are counted, and the
incidents are columns of numbers that a script (``maps/page``) draws on canvases. By default there is no base map:
sites, zones and the mosaic of the flight's own frames are the ground.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from core.clock import BEIJING
from core.text import _
from core.whole_file import write_text
from maps.assets import leaflet_script, leaflet_style
from maps.base_layers import BaseLayer, services_of
from maps.popups import templates
from maps.scene import Scene
from maps.sheet import Sheet, bounds_of, sheet_of
from maps.sheet_json import Json, as_json, sheet_json
from maps.sheet_words import layer_words, page_words

if TYPE_CHECKING:
    from branca.element import Element
    from folium import Map

SCRIPTS: Final = ("datum.js", "canvas.js", "marks.js", "paint.js", "panel.js", "export.js", "sheet.js")
"""The page's script, in the order in which its files are run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageParts:
    """A map's page in parts, for whoever puts it into a page of its own.

    Attributes:
        body: The map's element and the panel, HTML.
        content: What the script reads, JSON.
        start: The script that Folium wrote, with the call that starts ours.
    """

    body: str
    content: str
    start: str


def draw(
    scene: Scene,
    path: Path,
    *,
    chinese: bool = False,
    links: Mapping[str, str] | None = None,
    layers: Sequence[BaseLayer] = (),
) -> None:
    """Write a run's map to ``path``, whole or not at all.

    Args:
        scene: What to show.
        path: The HTML file to write.
        chinese: Whether hazards are named in Chinese (the other words follow the installed catalogue).
        links: Addresses of cases by incident id, relative to the file.
        layers: Base layers.

    Raises:
        ValueError: The scene shows nothing.
        InputRefused: A base layer's file has no tile there.
        OSError: The file cannot be written.
    """
    draw_sheet(sheet_of(scene, chinese=chinese, links=links), path, layers=layers, chinese=chinese)


def draw_sheet(sheet: Sheet, path: Path, *, layers: Sequence[BaseLayer] = (), chinese: bool = False) -> None:
    """Write a sheet to ``path``, whole or not at all; raises as :func:`draw`."""
    write_text(path, render_sheet(sheet, layers=layers, chinese=chinese))


def render(scene: Scene, *, chinese: bool = False) -> str:
    """Return a run's map as HTML; the same text for the same scene."""
    return render_sheet(sheet_of(scene, chinese=chinese), chinese=chinese)


def render_sheet(sheet: Sheet, *, layers: Sequence[BaseLayer] = (), chinese: bool = False) -> str:
    """Return a sheet as one HTML page that asks for nothing, but for the tiles of services among its base layers.

    The page carries a Content-Security-Policy that says so to the browser.
    """
    drawn = sheet.drawn_at.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M") + _(" Beijing time")
    parts = page_parts(sheet_json(sheet, layers), title=sheet.title, bounds=bounds_of(sheet), drawn=drawn)
    return (
        templates()
        .get_template("sheet_page.html")
        .render(
            title=sheet.title,
            language="zh-CN" if chinese else "en",
            services=" ".join(services_of(layers)),
            leaflet_style=leaflet_style(),
            leaflet_script=leaflet_script(),
            style=sheet_style(),
            scripts=[sheet_script(name) for name in SCRIPTS],
            parts=parts,
        )
    )


def sheet_style() -> str:
    """Return the style sheet of the page."""
    return templates().get_template("sheet.css").render()


@cache
def sheet_script(name: str) -> str:
    """Return one of :data:`SCRIPTS`."""
    return files("maps").joinpath("page", name).read_text(encoding="utf-8")


def page_parts(content: Json, *, title: str, bounds: tuple[float, float, float, float], drawn: str = "") -> PageParts:
    """Return the parts of a page whose script reads ``content`` (of :func:`maps.sheet_json.sheet_json`, or alike).

    Args:
        content: What the script reads; words are added.
        title: For the head of the page.
        bounds: West, south, east, north of what is shown first.
        drawn: When the records were taken, in words.
    """
    west, south, east, north = bounds
    frame, script, name = _frame(((south + north) / 2, (west + east) / 2))
    panel = (
        templates()
        .get_template("sheet.html")
        .render(title=title, layers=layer_words(), datum=_("Positions are WGS-84."), drawn=drawn)
    )
    return PageParts(
        body=f'<div class="sky-sheet"><div class="sky-map">{frame}</div>{panel}</div>',
        content=as_json(content | {"words": page_words()}),
        start=f"{script}\nSky.start({name});",
    )


@lru_cache(maxsize=16)
def _frame(centre: tuple[float, float]) -> tuple[str, str, str]:
    """Return the map's element, the script that makes a map of it, and the map's name, as Folium writes them."""
    from branca.element import MacroElement

    made = bare_map(centre)
    figure = made.get_root()
    count_names(figure, MacroElement)
    figure.render()  # hands the map's pieces to body and script
    return figure.html.render(), figure.script.render(), made.get_name()


def bare_map(centre: tuple[float, float]) -> Map:
    """Return a Folium map that links nothing and has no tiles."""
    import folium

    class BareMap(folium.Map):  # type: ignore[misc]  # folium carries no type information
        default_js: list[tuple[str, str]] = []  # noqa: RUF012 - folium's own class attribute, emptied
        default_css: list[tuple[str, str]] = []  # noqa: RUF012 - as above

    return BareMap(
        location=centre,
        tiles=None,
        zoom_start=17,
        max_zoom=22,
        control_scale=True,
        zoom_snap=0.5,
        attribution_control=False,
    )


def count_names(root: Element, macro_element: type[Any]) -> None:
    """Replace Folium's random element ids by a count, so that one scene gives one text."""
    number = 0
    waiting = [root, root.header, root.html, root.script]
    seen: set[int] = set()
    while waiting:
        element = waiting.pop()
        if id(element) in seen:
            continue
        seen.add(id(element))
        number += 1
        element._id = f"{number:04d}"  # noqa: SLF001 - branca has no public way to name an element
        waiting.extend(element._children.values())  # noqa: SLF001 - as above
        waiting.extend(value for value in vars(element).values() if isinstance(value, macro_element))
