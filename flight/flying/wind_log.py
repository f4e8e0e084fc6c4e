"""The wind that an autopilot felt during a flight, out of a flight log or a telemetry log.

An aircraft that hovers leans into the wind; autopilots estimate it so and report it (MAVLink ``WIND``, ``WIND_COV``).
One flight is short: its wind is given as one mean direction, with the spread of the reports as its error.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from core.errors import InputRefused
from core.text import _
from flight.flying.log_export import tlog_bytes
from flight.telemetry.tlog import messages

LEAST_WIND_M_S: Final = 1.0  # below this an estimate's direction means nothing
_WORDS: Final = frozenset({"WIND", "WIND_COV"})


@dataclass(frozen=True, slots=True, kw_only=True)
class FeltWind:
    """The wind of one flight.

    Attributes:
        from_deg: Mean direction that it blew from, degrees clockwise from true north.
        spread_deg: Circular standard deviation of the reports.
        speed_m_s: Mean speed.
        reports: How many reports it is the mean of.
    """

    from_deg: float
    spread_deg: float
    speed_m_s: float
    reports: int


def read_wind(path: Path) -> FeltWind | None:
    """Return the wind of a flight, or None where its log says of none that has a direction.

    Args:
        path: A flight log (``.jsonl``) or a telemetry log (``.tlog``).

    Raises:
        InputRefused: It is no such log.
    """
    return mean_wind(_reports(_log_content(path)))


def mean_wind(reports: Iterable[tuple[float, float]]) -> FeltWind | None:
    """Return the mean of reports of speed (metres per second) and direction blown from (degrees); None for calm."""
    felt = np.array([report for report in reports if report[0] >= LEAST_WIND_M_S]).reshape(-1, 2)
    if not len(felt):
        return None
    turn = np.radians(felt[:, 1])
    east, north = float(np.sin(turn).mean()), float(np.cos(turn).mean())
    length = min(1.0, math.hypot(east, north))
    if length < 0.2:  # from everywhere at once: no direction
        return None
    return FeltWind(
        from_deg=math.degrees(math.atan2(east, north)) % 360,
        spread_deg=math.degrees(math.sqrt(-2 * math.log(length))),
        speed_m_s=float(felt[:, 0].mean()),
        reports=len(felt),
    )


def _log_content(path: Path) -> bytes:
    """Return a log's MAVLink packets as a ``.tlog`` has them."""
    try:
        content = path.read_bytes()
    except OSError as problem:
        raise InputRefused(
            path, _("cannot be read ({why})").format(why=problem.strerror or problem), _("Name a log that is there.")
        ) from problem
    if content[:1] == b"{":
        try:
            return tlog_bytes(path)
        except (json.JSONDecodeError, UnicodeDecodeError, KeyError) as unfit:
            raise InputRefused(path, _("is no flight log"), _("Name a flight log or a .tlog.")) from unfit
    return content


def _reports(content: bytes) -> Iterator[tuple[float, float]]:
    """Yield speed and direction of every report of wind."""
    for _at_s, message in messages(content, [0], _WORDS):
        speed, direction = _speed_and_direction(message)
        if math.isfinite(speed) and math.isfinite(direction):
            yield speed, direction % 360


def _speed_and_direction(message: Any) -> tuple[float, float]:  # noqa: ANN401 - pymavlink has no types
    if message.get_type() == "WIND":
        return float(message.speed), float(message.direction)
    # WIND_COV has the way that the air goes, north and east.
    east, north = float(message.wind_y), float(message.wind_x)
    return math.hypot(east, north), math.degrees(math.atan2(east, north)) + 180
