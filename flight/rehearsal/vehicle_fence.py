"""The rehearsal vehicle's fence: its height, its circle around home, and the polygons that were uploaded."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from flight.mavlink.mission import Command
from flight.rehearsal.vehicle_vocabulary import StoredItem

FenceRing: TypeAlias = tuple[bool, list[tuple[float, float]]]
"""Whether one must be inside, and the corners, metres east and north of home."""


def breach_of(here: tuple[float, float, float], parameters: Mapping[str, float], rings: Sequence[FenceRing]) -> str:
    """Return which fence is breached ("altitude", "circle", "polygon"), or nothing.

    FENCE_TYPE is a sum: 1 height, 2 circle around home, 4 polygons of the uploaded fence list.

    Args:
        here: East, north and up of home, metres, as the autopilot believes.
        parameters: The autopilot's.
        rings: The polygons, from :func:`fence_rings`.
    """
    kinds = int(parameters["FENCE_TYPE"])
    if kinds & 1 and here[2] > parameters["FENCE_ALT_MAX"]:
        return "altitude"
    if kinds & 2 and math.hypot(here[0], here[1]) > parameters["FENCE_RADIUS"]:
        return "circle"
    if kinds & 4 and any(_inside(here[0], here[1], ring) != inclusion for inclusion, ring in rings):
        return "polygon"
    return ""


def fence_rings(
    items: Sequence[StoredItem],
    locate: Callable[[int, int, float, int], tuple[float, float, float]],
    nav_offset_m: tuple[float, float],
) -> list[FenceRing]:
    """Return the polygons of a fence list; each item says of how many corners its polygon is.

    Args:
        items: The list.
        locate: As :class:`flight.rehearsal.vehicle_autopilot.Autopilot` has it.
        nav_offset_m: East and north by which the autopilot's position is off; ``locate`` has it in it.
    """
    rings: list[FenceRing] = []
    corners: list[tuple[float, float]] = []
    for item in items:
        east, north, _up = locate(item.x_e7, item.y_e7, 0.0, 3)
        corners.append((east + nav_offset_m[0], north + nav_offset_m[1]))
        if len(corners) >= int(item.params[0]):
            rings.append((item.command == Command.NAV_FENCE_POLYGON_VERTEX_INCLUSION, corners))
            corners = []
    return rings


def _inside(east: float, north: float, ring: list[tuple[float, float]]) -> bool:
    """Return whether a point lies in a polygon (even-odd rule)."""
    inside = False
    for (e1, n1), (e2, n2) in zip(ring, [*ring[1:], ring[0]], strict=True):
        if (n1 > north) != (n2 > north) and east < e1 + (north - n1) / (n2 - n1) * (e2 - e1):
            inside = not inside
    return inside
