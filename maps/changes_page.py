"""The page of what changed between two patrols: one file that needs no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from maps.popups import templates


def render_changes(
    changes: Sequence[Mapping[str, Any]],
    *,
    title: str,
    summary: Sequence[str],
    vehicles: Sequence[Mapping[str, Any]] = (),
) -> str:
    """Return the page as HTML.

    Args:
        changes: Each with ``number``, ``became``, ``kind``, ``seems``, ``size``, ``where``, ``place``, ``strength``,
            ``remarks``, ``incidents``, ``before`` and ``after`` (captions), and ``picture``: None, or a mapping of
            ``before`` and ``after`` (base64), ``outline`` (points of an SVG polygon over 480 pixels) and ``side``.
        title: The page's title.
        summary: What the comparison came to, as sentences.
        vehicles: Changes where a vehicle was seen, each with ``number``, ``became``, ``area_m2``, ``lat_deg``,
            ``lon_deg`` and ``site_name``.
    """
    return (
        templates()
        .get_template("changes.html")
        .render(changes=changes, title=title, summary=summary, vehicles=vehicles)
    )
