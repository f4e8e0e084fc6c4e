"""Flight rules of a jurisdiction, read from data: heights, controlled ground, deadlines, and the article of each.

Another jurisdiction is another file in ``missions/airspace``. Judging a plan by the rules is
``flight.planning.airspace_law``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time
from functools import lru_cache
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from core.errors import InputRefused
from core.text import _
from flight.planning.yaml_lines import read_yaml

SHIPPED: Final = Path(__file__).resolve().parents[2] / "missions" / "airspace"
ARTICLES: Final = (
    "height", "open_airspace", "approval", "application", "emergency", "report", "identification", "night",
    "beyond_sight", "registration", "filming",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class MassClass:
    """A legal class of aircraft: take-off mass up to and including ``up_to_kg``."""

    name: str
    up_to_kg: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlledGround:
    """A kind of ground over which the air is controlled at any height, and the article that says so."""

    kind: str
    name: str
    basis: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AirspaceRules:
    """What the law of a jurisdiction asks of a flight.

    Attributes:
        jurisdiction: Its code ("cn").
        version: Date since which the rules hold.
        law: Full citation.
        zone: Time zone in which deadlines are counted.
        open_height_m: True height up to which air is open where the ground is not controlled.
        classes: By rising mass.
        open_classes: Names of the classes that may use open air without approval.
        articles: Citation by subject (:data:`ARTICLES`).
        controlled: Kinds of controlled ground, by kind.
        days_before, by_time: An application is made so many days before, by that local time.
        decided_by_time: When it is decided on that day.
        emergency_minutes_before, emergency_decided_minutes_before: The same for emergencies, before take-off.
        report_minutes_before: When readiness is reported before take-off.
        sight_m: Distance taken as within visual line of sight.
    """

    jurisdiction: str
    version: str
    law: str
    zone: ZoneInfo
    open_height_m: float
    classes: tuple[MassClass, ...]
    open_classes: frozenset[str]
    articles: dict[str, str]
    controlled: dict[str, ControlledGround]
    days_before: int
    by_time: time
    decided_by_time: time
    emergency_minutes_before: int
    emergency_decided_minutes_before: int
    report_minutes_before: int
    sight_m: float

    def class_of(self, mass_kg: float) -> str:
        """Return the legal class of a take-off mass."""
        return next((entry.name for entry in self.classes if mass_kg <= entry.up_to_kg), self.classes[-1].name)


@lru_cache(maxsize=8)
def read_airspace_rules(jurisdiction: str = "cn", folder: Path = SHIPPED) -> AirspaceRules:
    """Return the rules of a jurisdiction from ``folder``.

    Raises:
        InputRefused: There is no such file, or it lacks a rule: an incomplete set of rules judges nothing.
    """
    path = folder / f"{jurisdiction}.yaml"
    document = read_yaml(path)
    table = document.value
    if not isinstance(table, dict) or table.get("skywarden") != "airspace/1":
        raise InputRefused(
            path, _("these are not airspace rules (airspace/1)"), _("Begin from missions/airspace/cn.yaml.")
        )
    try:
        return _rules(table)
    except (KeyError, TypeError, ValueError, ZoneInfoNotFoundError) as error:
        reason = _("{key} is missing").format(key=error.args[0]) if isinstance(error, KeyError) else str(error)
        raise InputRefused(path, reason, _("Complete the rules; nothing is judged by half of them.")) from error


def _rules(table: dict[str, Any]) -> AirspaceRules:
    deadlines = table["application"]
    controlled = [ControlledGround(**entry) for entry in table["controlled"]]
    if not controlled:
        raise ValueError(_("no kind of controlled ground is listed"))
    return AirspaceRules(
        jurisdiction=table["jurisdiction"],
        version=str(table["version"]),
        law=table["law"],
        zone=ZoneInfo(table["timezone"]),
        open_height_m=float(table["open_height_m"]),
        classes=tuple(MassClass(name=entry["name"], up_to_kg=float(entry["up_to_kg"])) for entry in table["classes"]),
        open_classes=frozenset(table["open_airspace_classes"]),
        articles={subject: table["articles"][subject]["basis"] for subject in ARTICLES},
        controlled={entry.kind: entry for entry in controlled},
        days_before=int(deadlines["days_before"]),
        by_time=time.fromisoformat(deadlines["by_time"]),
        decided_by_time=time.fromisoformat(deadlines["decided_by_time"]),
        emergency_minutes_before=int(deadlines["emergency_minutes_before"]),
        emergency_decided_minutes_before=int(deadlines["emergency_decided_minutes_before"]),
        report_minutes_before=int(deadlines["report_minutes_before"]),
        sight_m=float(table["visual_line_of_sight_m"]),
    )
