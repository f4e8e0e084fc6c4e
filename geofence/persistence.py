"""Hazards that live over patrols: opened, seen again, gone, back; and where to look again.

A standing hazard is one hazard at one place over time. A patrol's findings are matched with those already known by
class and by place, the whole patrol at once, so that the sum of squared distances in units of their common error is
least. What a patrol did not find is gone only where it looked: ground that no frame covered says nothing. Nothing here
knows whether a person confirmed a hazard; that is the case's business, in ``evidence``.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import MultiPolygon, Polygon

from core.clock import in_utc
from core.ids import derived_id
from core.points import GeoPoint, LocalPlane, from_plane, to_plane
from geofence.fix import Covariance
from geofence.hazard import Hazard
from geofence.sighting import Sighting

GATE: Final = 13.8
"""Squared distance, in units of the common error, beyond which two are two things: 99.9 % of a chi-square law of 2."""
FARTHEST_M: Final = 25.0
"""No two findings farther apart are one thing, however unsure their positions are."""
_FAR: Final = 1e6


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
    """A hazard that a patrol found: the hazard, its sighting and whose site it is on (None: nobody's or undecided)."""

    hazard: Hazard
    sighting: Sighting
    site_code: str | None

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
    """

    patrol_id: str
    ended_at: datetime
    covered: Polygon | MultiPolygon

    def __post_init__(self) -> None:
        object.__setattr__(self, "ended_at", in_utc(self.ended_at))


def carry_over(standings: Sequence[Standing], look: Look, found: Sequence[Found]) -> tuple[Standing, ...]:
    """Return standing hazards as they are after a patrol: those known, in their order, then those it opened.

    Args:
        standings: As they were before.
        look: What the patrol looked at.
        found: What it found.

    Raises:
        ValueError: The patrol ended before something that is already known of it.
    """
    matches = _match(standings, found)
    after = []
    for place, standing in enumerate(standings):
        if place in matches:
            after.append(_seen(standing, found[matches[place]], look))
        elif standing.is_there and _looked_at(standing, look):
            gone = Entry(event=Event.GONE, patrol_id=look.patrol_id, at=look.ended_at)
            after.append(replace(standing, entries=(*standing.entries, gone)))
        else:
            after.append(standing)
    taken = set(matches.values())
    return (*after, *(_opened(one, look) for place, one in enumerate(found) if place not in taken))


def _match(standings: Sequence[Standing], found: Sequence[Found]) -> dict[int, int]:
    """Return which finding continues which standing hazard."""
    from scipy.optimize import linear_sum_assignment

    if not standings or not found:
        return {}
    costs = np.full((len(standings), len(found)), _FAR)
    tree = shapely.STRtree([shapely.Point(one.sighting.point.lon_deg, one.sighting.point.lat_deg) for one in found])
    for row, standing in enumerate(standings):
        for column in tree.query(_box(standing.point, FARTHEST_M)).tolist():
            costs[row, column] = _cost(standing, found[column])
    rows, columns = linear_sum_assignment(costs)
    return {int(row): int(column) for row, column in zip(rows, columns, strict=True) if costs[row, column] <= GATE}


def _cost(standing: Standing, one: Found) -> float:
    """Return the squared distance in units of the common error; far for two things that cannot be one."""
    if (standing.code, standing.label) != (one.hazard.code, one.sighting.label):
        return _FAR
    point = one.sighting.point
    off: NDArray[np.float64] = to_plane(LocalPlane(origin=standing.point), [[point.lon_deg, point.lat_deg]])[0]
    if float(np.hypot(*off)) > FARTHEST_M:
        return _FAR
    common = standing.covariance.matrix() + one.sighting.covariance.matrix()
    return float(off @ np.linalg.solve(common, off))


def _box(point: GeoPoint, reach_m: float) -> Polygon:
    corners = from_plane(LocalPlane(origin=point), [[-reach_m, -reach_m], [reach_m, reach_m]])
    return shapely.box(*corners.ravel())


def _looked_at(standing: Standing, look: Look) -> bool:
    """Return whether the two-sigma circle about a hazard lies on ground that was looked at."""
    sigma = math.sqrt(float(np.linalg.eigvalsh(standing.covariance.matrix())[-1]))
    circle = shapely.Point(0, 0).buffer(max(2 * sigma, 1.0))
    plane = LocalPlane(origin=standing.point)
    placed = shapely.transform(circle, lambda metres: from_plane(plane, metres))
    return bool(shapely.covers(look.covered, placed))


def _seen(standing: Standing, one: Found, look: Look) -> Standing:
    event = Event.SEEN_AGAIN if standing.is_there else Event.BACK
    entry = _entry(event, one, look)
    return replace(
        standing,
        point=one.sighting.point,
        covariance=one.sighting.covariance,
        severity=one.hazard.severity,
        site_code=one.site_code or standing.site_code,
        zone_id=one.hazard.zone_id or standing.zone_id,
        entries=(*standing.entries, entry),
    )


def _opened(one: Found, look: Look) -> Standing:
    return Standing(
        code=one.hazard.code,
        label=one.sighting.label,
        site_code=one.site_code,
        zone_id=one.hazard.zone_id,
        point=one.sighting.point,
        covariance=one.sighting.covariance,
        severity=one.hazard.severity,
        entries=(_entry(Event.OPENED, one, look),),
    )


def _entry(event: Event, one: Found, look: Look) -> Entry:
    return Entry(event=event, patrol_id=look.patrol_id, at=one.sighting.last_seen, sighting_id=one.sighting.sighting_id)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Revisit:
    """Ground to look at again.

    Attributes:
        area: What the next patrol must cover, WGS-84 degrees.
        point: Its middle, for a patrol of single points.
        standing_ids: The hazards there.
        priority: 1 is flown first.
        due: The earliest deadline there, or None.
    """

    area: Polygon
    point: GeoPoint
    standing_ids: tuple[str, ...]
    priority: int
    due: datetime | None


def follow_up(
    standings: Iterable[Standing],
    *,
    now: datetime,
    margin_m: float = 15.0,
    soon: timedelta = timedelta(days=2),
) -> tuple[Revisit, ...]:
    """Return where the next patrol must look to see whether hazards were put right, first priority first.

    Each hazard asks for a circle of three sigmas and a margin; circles that meet become one area, so that neighbours
    are looked at in one pass. Priority is 1 where a deadline has passed or a severity is 4, 2 where a deadline is near,
    otherwise 3. What is gone asks for nothing.

    Args:
        standings: The hazards to check; hand in those that were confirmed.
        now: The present instant, aware.
        margin_m: Ground around a hazard that a picture of before and after should show, metres.
        soon: How near a deadline must be to count.

    Raises:
        ValueError: The margin is not positive, or ``now`` is naive.
    """
    if not margin_m > 0:
        raise ValueError("the margin is positive")
    instant = in_utc(now)
    open_ones = [standing for standing in standings if standing.is_there]
    circles = [_circle(standing, margin_m) for standing in open_ones]
    merged = [part for part in shapely.get_parts(shapely.union_all(circles)) if isinstance(part, Polygon)]
    revisits = []
    for area in merged:
        here = [one for one, circle in zip(open_ones, circles, strict=True) if area.intersects(circle.centroid)]
        dues = [one.deadline for one in here if one.deadline is not None]
        due = min(dues, default=None)
        urgent = any(one.severity >= 4 for one in here) or (due is not None and due <= instant)
        near = due is not None and due - instant <= soon
        middle = area.centroid
        revisits.append(
            Revisit(
                area=area,
                point=GeoPoint(lon_deg=middle.x, lat_deg=middle.y),
                standing_ids=tuple(sorted(one.standing_id for one in here)),
                priority=1 if urgent else 2 if near else 3,
                due=due,
            )
        )
    return tuple(sorted(revisits, key=lambda revisit: (revisit.priority, revisit.standing_ids)))


def _circle(standing: Standing, margin_m: float) -> Polygon:
    sigma = math.sqrt(float(np.linalg.eigvalsh(standing.covariance.matrix())[-1]))
    plane = LocalPlane(origin=standing.point)
    circle = shapely.Point(0, 0).buffer(3 * sigma + margin_m, quad_segs=8)
    placed: Polygon = shapely.transform(circle, lambda metres: from_plane(plane, metres))
    return placed
