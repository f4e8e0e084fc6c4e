"""A track drawn as SVG: a map in the local plane and a plot of heights, for a page that opens without any network."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final
from xml.sax.saxutils import escape

import numpy as np
from numpy.typing import NDArray

from core.points import LocalPlane, to_plane
from core.text import _
from flight.telemetry.sketch import heights_of
from flight.track import Track

MOST_POINTS: Final = 4000
_ROUND_M: Final = tuple(factor * 10**power for power in range(-1, 5) for factor in (1, 2, 5))
_STYLE: Final = 'font-family="sans-serif" font-size="13" fill="#333"'


def map_svg(track: Track, *, width: int = 640, height: int = 420) -> str | None:
    """Return a map of a track, north up and true to scale, or None when it cannot be drawn.

    Args:
        track: The track.
        width: Width, pixels.
        height: Height, pixels.
    """
    places = [pose.position for pose in track.poses if pose.position is not None]
    if not places:
        return None
    places = places[:: math.ceil(len(places) / MOST_POINTS)] + places[-1:]
    try:
        metres = to_plane(LocalPlane(origin=places[0]), [[place.lon_deg, place.lat_deg] for place in places])
    except ValueError:  # more than 50 km across
        return None
    margin, foot = 24.0, 40.0
    extent = np.ptp(metres, axis=0)
    scale = min((width - 2 * margin) / max(extent[0], 5.0), (height - margin - foot) / max(extent[1], 5.0))
    middle = (metres.min(axis=0) + metres.max(axis=0)) / 2
    dots = np.column_stack(
        [
            (metres[:, 0] - middle[0]) * scale + width / 2,
            (middle[1] - metres[:, 1]) * scale + (height - foot + margin) / 2,
        ]
    )
    length = max((value for value in _ROUND_M if value * scale <= width / 3), default=_ROUND_M[0])
    label = _("from {lat:.6f}, {lon:.6f} (WGS-84); north is up").format(lat=places[0].lat_deg, lon=places[0].lon_deg)
    return _svg(
        width,
        height,
        [
            _line(dots, "#1565c0"),
            _dot(dots[0], "#2e7d32", _("first")),
            _dot(dots[-1], "#c62828", _("last")),
            f'<path d="M{margin} {height - 22}h{length * scale:.1f}" stroke="#333" stroke-width="3"/>',
            f'<text x="{margin}" y="{height - 6}" {_STYLE}>{length:g} m</text>',
            f'<text x="{width - margin}" y="{height - 6}" text-anchor="end" {_STYLE}>{escape(label)}</text>',
        ],
    )


def heights_svg(track: Track, *, width: int = 640, height: int = 220) -> str | None:
    """Return a plot of a track's height over its time, or None when no pose has a height.

    Args:
        track: The track.
        width: Width, pixels.
        height: Height, pixels.
    """
    found = heights_of(track)
    if found is None:
        return None
    table, label = found
    table = table[:: math.ceil(len(table) / MOST_POINTS)]
    left, foot, top = 64.0, 34.0, 16.0
    low, high = float(table[:, 1].min()), float(table[:, 1].max())
    span_s = float(np.ptp(table[:, 0]))
    dots = np.column_stack(
        [
            left + (table[:, 0] - table[0, 0]) / (span_s or 1.0) * (width - left - top),
            top + (high - table[:, 1]) / ((high - low) or 1.0) * (height - top - foot),
        ]
    )
    base = height - foot
    return _svg(
        width,
        height,
        [
            f'<path d="M{left} {top}V{base}H{width - top}" fill="none" stroke="#999"/>',
            _line(dots, "#1565c0") if len(dots) > 1 else _dot(dots[0], "#1565c0", ""),
            f'<text x="{left - 6}" y="{top + 10}" text-anchor="end" {_STYLE}>{high:.1f} m</text>',
            f'<text x="{left - 6}" y="{base}" text-anchor="end" {_STYLE}>{low:.1f} m</text>',
            f'<text x="{left}" y="{height - 10}" {_STYLE}>{escape(label)}</text>',
            f'<text x="{width - top}" y="{height - 10}" text-anchor="end" {_STYLE}>0 – {span_s:.0f} s</text>',
        ],
    )


def _svg(width: int, height: int, parts: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
        f'<rect width="{width}" height="{height}" fill="#fafafa"/>{"".join(parts)}</svg>'
    )


def _line(dots: NDArray[np.float64], colour: str) -> str:
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in dots)
    return f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2" stroke-linejoin="round"/>'


def _dot(at: NDArray[np.float64], colour: str, label: str) -> str:
    return (
        f'<circle cx="{at[0]:.1f}" cy="{at[1]:.1f}" r="5" fill="{colour}"/>'
        f'<text x="{at[0] + 8:.1f}" y="{at[1] - 6:.1f}" {_STYLE}>{escape(label)}</text>'
    )
