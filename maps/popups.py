"""The maps' templates, which escape every value, and the popup of a place.

An enterprise named ``<script>`` is shown as that name and nothing runs.
"""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader

from core.text import _


@cache
def templates() -> Environment:
    """Return the map's templates."""
    # Every value is escaped, whatever the template's name: autoescape is not left to file endings.
    environment = Environment(loader=PackageLoader("maps"), autoescape=True)
    environment.globals["_"] = _
    return environment


def style() -> str:
    """Return the style sheet of popups and legends of pages that Leaflet draws by itself."""
    return templates().get_template("map.css").render()


def place_popup(title: str, rows: list[tuple[str, str]]) -> str:
    """Return a popup with a title and rows of name and words."""
    return templates().get_template("place.html").render(title=title, rows=rows)
