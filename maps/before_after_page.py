"""The page of pictures before and after: one file that needs no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader

from core.text import _


@cache
def _templates() -> Environment:
    environment = Environment(loader=PackageLoader("maps"), autoescape=True)
    environment.globals["_"] = _
    return environment


def render_pairs(pairs: Sequence[Mapping[str, Any]], *, title: str) -> str:
    """Return the page as HTML.

    Args:
        pairs: Each with ``numbers``, ``title``, ``story``, ``verdict``, ``there``, ``due``, ``late``, ``side`` (metres)
            and ``before`` and ``after``, a mapping of ``base64`` and ``caption``, or None.
        title: The page's title.
    """
    return _templates().get_template("before_after.html").render(pairs=pairs, title=title)
