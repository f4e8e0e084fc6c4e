"""A track drawn in text: a small map and a plot of heights, for a terminal.

Braille characters give two by four dots a cell. The map is drawn in the local plane, north up, with the same scale in
both directions, so that shapes and angles are true; the scale stands below it.
"""

from __future__ import annotations

import itertools
import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.points import LocalPlane, to_plane
from core.text import _
from flight.track import Pose, Track

# Unicode 15, block 2800: the dots of a cell by row and column.
_DOTS: Final = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_ROUND_LENGTHS_M: Final = tuple(factor * 10**power for power in range(5) for factor in (1, 2, 5))


def draw_map(track: Track, *, columns: int = 60, rows: int = 18) -> str:
    """Return a map of a track, or a sentence that says why there is none.

    Args:
        track: The track.
        columns: Width, characters.
        rows: Height, characters, the line of the scale not counted.
    """
    if columns < 10 or rows < 3:
        raise ValueError("a map has at least ten columns and three rows")
    places = [pose.position for pose in track.poses if pose.position is not None]
    if not places:
        return _("no pose has a position; there is no map to draw")
    try:
        metres = to_plane(LocalPlane(origin=places[0]), [[place.lon_deg, place.lat_deg] for place in places])
    except ValueError:
        return _("the track spans more than 50 km; it is too large for this map")
    middle = (metres.min(axis=0) + metres.max(axis=0)) / 2
    extent = np.ptp(metres, axis=0)
    dots_wide, dots_high = columns * 2, rows * 4
    per_dot = max(extent[0] / (dots_wide - 1), extent[1] / (dots_high - 1), 0.05)
    dots = np.column_stack(
        [
            (metres[:, 0] - middle[0]) / per_dot + (dots_wide - 1) / 2,
            (middle[1] - metres[:, 1]) / per_dot + (dots_high - 1) / 2,
        ]
    )
    canvas = np.zeros((dots_high, dots_wide), dtype=bool)
    _join(canvas, dots)
    lines = _cells(canvas)
    for dot, mark in ((dots[-1], "■"), (dots[0], "●")):
        row, column = round(dot[1]) // 4, round(dot[0]) // 2
        lines[row] = lines[row][:column] + mark + lines[row][column + 1 :]
    return "\n".join([*(line.rstrip() for line in lines), _scale(per_dot, columns)])


def draw_heights(track: Track, *, columns: int = 60, rows: int = 6) -> str:
    """Return a plot of a track's height over its time, or a sentence that says why there is none.

    Args:
        track: The track.
        columns: Width, characters, the labels not counted.
        rows: Height, characters.
    """
    if columns < 10 or rows < 2:
        raise ValueError("a plot has at least ten columns and two rows")
    found = heights_of(track)
    return _("no pose has a height; there is nothing to plot") if found is None else _plot(*found, columns, rows)


def heights_of(track: Track) -> tuple[NDArray[np.float64], str] | None:
    """Return (n, 2) seconds and metres of the first kind of height that a track has, with its name; None for none."""
    for name, label in (
        ("height_takeoff", _("above take-off")),
        ("height_msl", _("above sea level")),
        ("height_hae", _("above the ellipsoid")),
        ("height_agl", _("above ground")),
    ):
        heights = [
            (pose.captured_at.timestamp(), height)
            for pose in track.poses
            if (height := _metres(pose, name)) is not None
        ]
        if heights:
            return np.array(heights), label
    return None


def _metres(pose: Pose, name: str) -> float | None:
    height = getattr(pose, name)
    return None if height is None else float(height.metres)


def _plot(table: NDArray[np.float64], label: str, columns: int, rows: int) -> str:
    low, high = float(table[:, 1].min()), float(table[:, 1].max())
    span_s = float(np.ptp(table[:, 0]))
    dots_wide, dots_high = columns * 2, rows * 4
    dots = np.column_stack(
        [
            (table[:, 0] - table[0, 0]) / (span_s or 1.0) * (dots_wide - 1),
            (high - table[:, 1]) / ((high - low) or 1.0) * (dots_high - 1),
        ]
    )
    canvas = np.zeros((dots_high, dots_wide), dtype=bool)
    _join(canvas, dots)
    edge = max(len(f"{value:.0f} m") for value in (low, high))
    lines = _cells(canvas)
    marks = {0: f"{high:.0f} m", len(lines) - 1: f"{low:.0f} m"}
    drawn = [f"{marks.get(row, ''):>{edge}} {line}".rstrip() for row, line in enumerate(lines)]
    return "\n".join([*drawn, f"{'':>{edge}} {label}, 0 – {span_s:.0f} s"])


def _join(canvas: NDArray[np.bool_], dots: NDArray[np.float64]) -> None:
    """Set the dots along the lines from each point to the next."""
    canvas[_inside(dots[:, 1], canvas.shape[0]), _inside(dots[:, 0], canvas.shape[1])] = True
    for start, stop in itertools.pairwise(dots):
        steps = math.ceil(float(np.abs(stop - start).max()))
        if steps > 1:
            between = start + (stop - start) * np.linspace(0, 1, steps + 1)[:, None]
            canvas[_inside(between[:, 1], canvas.shape[0]), _inside(between[:, 0], canvas.shape[1])] = True


def _inside(values: NDArray[np.float64], size: int) -> NDArray[np.intp]:
    return np.clip(np.rint(values), 0, size - 1).astype(np.intp)


def _cells(canvas: NDArray[np.bool_]) -> list[str]:
    """Return the canvas as lines of braille, blanks where no dot is set."""
    high, wide = canvas.shape
    code = np.zeros((high // 4, wide // 2), dtype=np.int64)
    for row, pair in enumerate(_DOTS):
        for column, bit in enumerate(pair):
            code += canvas[row::4, column::2] * bit
    return ["".join(chr(0x2800 + value) if value else " " for value in line) for line in code.tolist()]


def _scale(metres_per_dot: float, columns: int) -> str:
    """Return the line that says how long a round length is on the map."""
    longest = metres_per_dot * columns  # half the map's width
    length = max((value for value in _ROUND_LENGTHS_M if value <= longest), default=_ROUND_LENGTHS_M[0])
    width = max(round(length / metres_per_dot / 2), 1)
    return _("● first  ■ last   {bar} {length} m, north is up").format(
        bar="├" + "─" * max(width - 2, 0) + "┤", length=length
    )
