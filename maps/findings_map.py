"""A page of what is wrong with a register: a list beside a map, one file that needs no network.

The map has no base layer; the fences themselves are the ground. A click on a line of the list goes to its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, Final

import shapely
from jinja2 import Environment, PackageLoader
from shapely.geometry.base import BaseGeometry

from core.text import _
from geofence.register.site_finding import Finding
from geofence.site import Register
from maps.assets import leaflet_script, leaflet_style

MOST_FENCES: Final = 3_000
"""Of a larger register only the fences that a finding speaks of are drawn."""
MOST_FINDINGS: Final = 5_000

# Okabe and Ito's colours (2008), told apart by colour-blind readers too.
_COLOURS: Final = {
    "overlap": "#D55E00",
    "same-outline": "#D55E00",
    "sliver": "#E69F00",
    "gap": "#56B4E9",
    "outside-its-site": "#CC79A7",
    "datum-shift": "#000000",
    "tiny-shift": "#000000",
}
_OTHER: Final = "#009E73"


@cache
def _templates() -> Environment:
    environment = Environment(loader=PackageLoader("maps"), autoescape=True)
    environment.globals["_"] = _
    return environment


def render_findings(findings: Sequence[Finding], register: Register, *, title: str) -> str:
    """Return the page as HTML; the same text for the same findings.

    Args:
        findings: What is wrong.
        register: What was examined; may be empty where everything was refused.
        title: The page's title.
    """
    shown = findings[:MOST_FINDINGS]
    named = {key for finding in shown for key in finding.keys}
    fences = [site for site in register.sites if len(register.sites) <= MOST_FENCES or site.code in named]
    rows = [
        {
            "code": finding.code,
            "colour": _COLOURS.get(finding.code, _OTHER),
            "subject": ", ".join(finding.keys[:4]) + (" …" if len(finding.keys) > 4 else ""),
            "says": finding.says,
            "remedy": finding.remedy,
            "shape": _shape(finding.where),
        }
        for finding in shown
    ]
    counts: dict[str, int] = {}
    for finding in findings:
        counts[finding.code] = counts.get(finding.code, 0) + 1
    return (
        _templates()
        .get_template("findings.html")
        .render(
            title=title,
            leaflet_script=leaflet_script(),
            leaflet_style=leaflet_style(),
            rows=rows,
            fences=[{"name": site.name, "code": site.code, "shape": _shape(site.shape)} for site in fences],
            counts=sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])),
            left_out=len(findings) - len(shown),
        )
    )


def _shape(shape: BaseGeometry | None) -> dict[str, Any] | None:
    if shape is None or shape.is_empty:
        return None
    drawn: dict[str, Any] = shapely.geometry.mapping(shapely.transform(shape, lambda lonlat: lonlat.round(7)))
    return drawn
