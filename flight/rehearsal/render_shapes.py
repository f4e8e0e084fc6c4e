"""Outlines and colours that several kinds of things are made of."""

from __future__ import annotations

import math

import numpy as np

from flight.rehearsal.render_view import Floats
from flight.rehearsal.world_things import Colour


def oriented(centre: tuple[float, float], heading_deg: float, local: Floats) -> Floats:
    """Return (N, 2) east-north of (N, 2) forward-right points of a thing with this centre and heading."""
    sine, cosine = math.sin(math.radians(heading_deg)), math.cos(math.radians(heading_deg))
    ahead, right = local[:, 0], local[:, 1]
    return np.column_stack([centre[0] + ahead * sine + right * cosine, centre[1] + ahead * cosine - right * sine])


def rectangle(rear: float, front: float, half_width: float) -> Floats:
    """Return the (4, 2) forward-right corners of a rectangle."""
    return np.array([[rear, -half_width], [front, -half_width], [front, half_width], [rear, half_width]])


def rounded(rear: float, front: float, half_width: float, radius: float) -> Floats:
    """Return the (16, 2) forward-right corners of a rectangle with rounded corners."""
    corners = []
    for ahead, right, start in (
        (front, half_width, 0),
        (rear, half_width, 90),
        (rear, -half_width, 180),
        (front, -half_width, 270),
    ):
        inward = np.array(
            [ahead - math.copysign(radius, ahead - (front + rear) / 2), right - math.copysign(radius, right)]
        )
        for step in range(4):
            angle = math.radians(start + step * 30)
            corners.append(inward + radius * np.array([math.cos(angle), math.sin(angle)]))
    return np.array(corners)


def circle(centre: tuple[float, float], radius_m: float, corners: int) -> Floats:
    """Return the (corners, 2) points of a circle."""
    angles = np.linspace(0, 2 * math.pi, corners, endpoint=False)
    return np.column_stack([centre[0] + radius_m * np.cos(angles), centre[1] + radius_m * np.sin(angles)])


def mixed(colour: Colour, other: Colour, share: float) -> Colour:
    """Return a colour moved a share of the way to another."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(colour, other, strict=True))
    return red, green, blue


def darker(colour: Colour, share: float) -> Colour:
    """Return a colour with a share of its brightness taken away (a negative share adds)."""
    red, green, blue = (max(0, min(255, round(part * (1 - share)))) for part in colour)
    return red, green, blue
