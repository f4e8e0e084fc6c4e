"""Standing hazards: one hazard at one place over time, as values; and what can be counted of them.

Nothing here knows whether a person confirmed a hazard; that is the case's business, in ``evidence``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from itertools import pairwise
from typing import Final

import shapely
from shapely import MultiPolygon, Polygon

from core.clock import in_utc
from core.ids import derived_id
from core.points import GeoPoint
from detection.thermal.hot_spot_detector import LABEL as HOT_SPOT
from geofence.fix import Covariance
from geofence.gathering.body_length import LONG, UNTOLD
from geofence.hazard import Hazard
from geofence.sighting import Sighting

COARSER: Final = 1.5
Ground = Polygon | MultiPolygon


class Event(StrEnum):
    """What a patrol says of a standing hazard."""

    OPENED = "opened"
    SEEN_AGAIN = "seen-again"
    GONE = "gone"
    BACK = "back"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One patrol's word on a standing hazard.

    Attributes:
        event: What it says.
        patrol_id: Which patrol.
        at: When it was seen, or when the patrol that did not find it ended, aware UTC.
        sighting_id: The sighting; empty when it is gone.
    """

    event: Event
    patrol_id: str
    at: datetime
    sighting_id: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "at", in_utc(self.at))
        if (self.event is Event.GONE) == bool(self.sighting_id):
            raise ValueError("a hazard that is gone has no sighting, and any other has one")


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One hazard at one place over patrols.

    Attributes:
        code: Hazard code.
        label: Class of what is seen.
        site_code: Whose site, or None.
        zone_id: In which zone, or None.
        point: Where it was seen last.
        covariance: Of that position.
        severity: As last judged.
        gsd_m: Ground that a pixel saw where it was seen best, metres; None where that is not known.
        entries: In order of time; the first opens it.
        deadline: By when it must be put right, aware UTC, or None while nobody set one.
    """

    code: str
    label: str
    site_code: str | None
    zone_id: str | None
    point: GeoPoint
    covariance: Covariance
    severity: int = 1
    gsd_m: float | None = None
    entries: tuple[Entry, ...]
    deadline: datetime | None = None

    def __post_init__(self) -> None:
        events = [entry.event for entry in self.entries]
        if not events or events[0] is not Event.OPENED or Event.OPENED in events[1:]:
            raise ValueError("a standing hazard is opened once, first")
        for before, after in pairwise(events):
            if (before is Event.GONE) != (after is Event.BACK):
                raise ValueError(f"after “{before}” comes no “{after}”")
        if any(a.at > b.at for a, b in pairwise(self.entries)):
            raise ValueError("entries are in order of time")
        if self.deadline is not None:
            object.__setattr__(self, "deadline", in_utc(self.deadline))

    @property
    def standing_id(self) -> str:
        """Its id, derived from its code and first sighting."""
        return derived_id("standing", self.code, self.entries[0].sighting_id)

    @property
    def is_there(self) -> bool:
        """Whether the last patrol that looked found it."""
        return self.entries[-1].event is not Event.GONE

    @property
    def before_and_after(self) -> tuple[Entry, Entry]:
        """The entry that opened it and the last word on it: whose pictures show what was put right."""
        return self.entries[0], self.entries[-1]

    @property
    def last_seen(self) -> datetime:
        """When it was seen last."""
        return max(entry.at for entry in self.entries if entry.sighting_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A hazard that a patrol found.

    Attributes:
        hazard: What it means.
        sighting: What was seen.
        site_code: Whose site it is on; None for nobody's or undecided.
        gsd_m: Ground that a pixel saw where it was seen best, metres; None where that is not known.
    """

    hazard: Hazard
    sighting: Sighting
    site_code: str | None
    gsd_m: float | None = None

    def __post_init__(self) -> None:
        if self.hazard.sighting_id != self.sighting.sighting_id:
            raise ValueError("the hazard speaks of another sighting")


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a patrol looked at.

    Attributes:
        patrol_id: Which patrol.
        ended_at: When it ended, aware UTC.
        covered: Ground that its frames covered well enough to detect on, WGS-84 degrees.
        grades: The same by how finely it was seen: ground sampling distance in metres, finest first, and the ground
            seen at that or finer. Empty where only ``covered`` is known.
        heat: The same of its thermal frames, in which hot spots are sought.
        sought: The labels that it could have found in daylight; None where that is not known: then every label.
        sought_in_heat: What else it sought in its thermal frames: label → the coarsest ground sampling distance at
            which it did, metres.
    """

    patrol_id: str
    ended_at: datetime
    covered: Polygon | MultiPolygon
    grades: tuple[tuple[float, Polygon | MultiPolygon], ...] = ()
    heat: tuple[tuple[float, Polygon | MultiPolygon], ...] = ()
    sought: frozenset[str] | None = None
    sought_in_heat: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "ended_at", in_utc(self.ended_at))
        for grades in (self.grades, self.heat):
            if any(finer >= coarser for (finer, _a), (coarser, _b) in pairwise(grades)):
                raise ValueError("grades go from fine to coarse")

    def seen_at(self, gsd_m: float | None, label: str) -> Polygon | MultiPolygon:
        """Return the ground seen so finely that a thing of a label, known at ``gsd_m``, would have shown.

        Up to half as coarse again counts: a detector bears that, and two flights at one height differ by less. What a
        patrol's weights do not know was not looked for. Thermal frames looked for hot spots, which nothing else does,
        and for what weights for heat know.
        """
        if label == HOT_SPOT:
            return _seen_so_finely(self.heat, gsd_m)
        known_as = {label, UNTOLD if label == LONG else label}  # a weight that knows no lorries finds them as vehicles
        reach_m = max(self.sought_in_heat.get(one, 0.0) for one in known_as)
        in_heat = _seen_so_finely([grade for grade in self.heat if grade[0] <= reach_m], gsd_m)
        if self.sought is not None and self.sought.isdisjoint(known_as):
            return in_heat
        in_light = self.covered if gsd_m is None or not self.grades else _seen_so_finely(self.grades, gsd_m)
        return in_light if in_heat.is_empty else _united(in_light, in_heat)


def _seen_so_finely(grades: Sequence[tuple[float, Ground]], gsd_m: float | None) -> Ground:
    """Return the ground of the coarsest grade at which a thing known at ``gsd_m`` would have shown; None: of any."""
    fine = [ground for coarsest, ground in grades if gsd_m is None or coarsest <= COARSER * gsd_m]
    return fine[-1] if fine else Polygon()


def _united(one: Ground, other: Ground) -> Ground:
    both = shapely.union(one, other)
    return both if isinstance(both, Polygon | MultiPolygon) else Polygon()


def may_be_one(label: str, other: str) -> bool:
    """Return whether two patrols may say these classes of one thing: one may have seen too little to tell a lorry."""
    return label == other or {label, other} == {UNTOLD, LONG}


def repeat_offenders(standings: Iterable[Standing], *, since: datetime, least: int = 2) -> tuple[tuple[str, int], ...]:
    """Return sites with their number of hazards opened or back since an instant, most first.

    Args:
        standings: Standing hazards; those without a site are nobody's repetition.
        since: From when, aware.
        least: Fewest to be named.
    """
    begin = in_utc(since)
    counts = Counter(
        standing.site_code
        for standing in standings
        if standing.site_code is not None
        for entry in standing.entries
        if entry.event in {Event.OPENED, Event.BACK} and entry.at >= begin
    )
    named = [(code, count) for code, count in counts.items() if count >= least]
    return tuple(sorted(named, key=lambda pair: (-pair[1], pair[0])))


def overdue(standings: Iterable[Standing], *, now: datetime) -> tuple[Standing, ...]:
    """Return the hazards that are still there after their deadline, longest overdue first."""
    instant = in_utc(now)
    late = [one for one in standings if one.is_there and one.deadline is not None and one.deadline < instant]
    return tuple(sorted(late, key=lambda one: (one.deadline or instant, one.standing_id)))
