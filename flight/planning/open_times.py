"""When each area may be flown: its own window, the patrol's key periods, daylight and the approval, cut together.

Times are seconds after the plan's beginning, within one working day of it. What the beginning itself breaks (a plan
begun by night or outside its approval) is for the checklist to say; here it limits nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from core.clock import in_utc
from flight.calendars.periods import PeriodCalendar, windows
from flight.calendars.sun import sun_elevation_deg
from flight.patrol import KeyArea, Patrol
from flight.planning.airspace_law import SUN_UP_DEG
from flight.planning.airspace_rules import AirspaceRules

WORKING_DAY_S: Final = 12 * 3600.0
_SEARCHED_DAYS: Final = 14
_SUN_STEP_S: Final = 60.0

Span = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenTimes:
    """When what may be flown, in seconds after ``begins_at`` (aware UTC).

    Attributes:
        begins_at: When the plan begins.
        spans: Open spans by area, in order; empty where it is not open at all.
    """

    begins_at: datetime
    spans: dict[str, tuple[Span, ...]]

    @property
    def limited(self) -> bool:
        """Whether any area is closed for a part of the working day."""
        return any(spans != ((0.0, WORKING_DAY_S),) for spans in self.spans.values())


def open_times(patrol: Patrol, at: datetime, calendar: PeriodCalendar, rules: AirspaceRules) -> OpenTimes:
    """Return when each of a patrol's areas may be flown in the working day that begins at ``at`` (aware)."""
    begins = in_utc(at)
    return OpenTimes(
        begins_at=begins,
        spans={area.name: _spans(patrol, area, begins, (calendar, rules), WORKING_DAY_S) for area in patrol.areas},
    )


def closing(high_s: float) -> float:
    """Return when a span closes; one that reaches the end of the working day is not known to close."""
    return math.inf if high_s >= WORKING_DAY_S else high_s


def next_opening(
    patrol: Patrol, area: KeyArea, times: OpenTimes, sources: tuple[PeriodCalendar, AirspaceRules], after_s: float = 0.0
) -> tuple[datetime, datetime] | None:
    """Return from when to when an area opens next, within two weeks of the plan's beginning; None where it does not.

    Args:
        patrol: What it belongs to.
        area: Which.
        times: When it is open on the plan's day.
        sources: Key periods and flight rules.
        after_s: It opens later than this, seconds after the plan begins.
    """
    searched = _SEARCHED_DAYS * 86_400.0
    for low, high in _spans(patrol, area, times.begins_at, sources, searched):
        if low > after_s:
            return times.begins_at + timedelta(seconds=low), times.begins_at + timedelta(seconds=high)
    return None


def _spans(
    patrol: Patrol, area: KeyArea, begins: datetime, sources: tuple[PeriodCalendar, AirspaceRules], length_s: float
) -> tuple[Span, ...]:
    calendar, rules = sources

    def seconds(moment: datetime) -> float:
        return (moment - begins).total_seconds()

    spans: list[Span] = [(0.0, length_s)]
    if area.window is not None:
        spans = _both(spans, [(seconds(area.window.starts_at), seconds(area.window.ends_at))])
    if patrol.periods:
        found = windows(calendar, begins, begins + timedelta(seconds=length_s))
        mine = [window for window in found if window.period.code in patrol.periods]
        spans = _both(spans, _joined([(seconds(window.starts_at), seconds(window.ends_at)) for window in mine]))
    if not patrol.limits.night_flight and _sun_up(patrol, begins):
        spans = _both(spans, _days(patrol, begins, length_s))
    approval = patrol.approval
    if (
        approval is not None
        and approval.starts_at <= begins < approval.ends_at
        and _approval_needed(patrol, area, rules)
    ):
        spans = _both(spans, [(seconds(approval.starts_at), seconds(approval.ends_at))])
    return tuple(spans)


def _approval_needed(patrol: Patrol, area: KeyArea, rules: AirspaceRules) -> bool:
    crafts = [patrol.aircraft, *(crew.kit.aircraft for crew in patrol.crews if crew.kit is not None)]
    heavy = any(rules.class_of(craft.mass_kg) not in rules.open_classes for craft in crafts)
    return bool(area.airspace) or area.height_agl_m > rules.open_height_m or heavy


def _sun_up(patrol: Patrol, moment: datetime) -> bool:
    return sun_elevation_deg(patrol.home, moment) >= SUN_UP_DEG


def _days(patrol: Patrol, begins: datetime, length_s: float) -> list[Span]:
    """Return the spans in which the sun is up, to the minute."""
    found: list[Span] = []
    rise: float | None = None
    steps = math.ceil(length_s / _SUN_STEP_S)
    for step in range(steps + 1):
        at_s = min(step * _SUN_STEP_S, length_s)
        up = _sun_up(patrol, begins + timedelta(seconds=at_s))
        if up and rise is None:
            rise = at_s
        elif not up and rise is not None:
            found.append((rise, at_s))
            rise = None
    return [*found, (rise, length_s)] if rise is not None else found


def _joined(spans: list[Span]) -> list[Span]:
    found: list[Span] = []
    for low, high in sorted(spans):
        if found and low <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], high))
        else:
            found.append((low, high))
    return found


def _both(first: Sequence[Span], second: Sequence[Span]) -> list[Span]:
    """Return what two sorted lists of spans have in common."""
    return [(max(a[0], b[0]), min(a[1], b[1])) for a in first for b in second if max(a[0], b[0]) < min(a[1], b[1])]
