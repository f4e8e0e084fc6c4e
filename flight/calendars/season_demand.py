"""What a season's schedule had to meet and what it meets, area by area, for its table and its file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

from core.clock import BEIJING
from flight.calendars.periods import PeriodCalendar
from flight.calendars.season import FrequencyRules, Season, SeasonTask, open_days, stretches_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """How often an area must be flown and how often it is.

    Attributes:
        patrol, area: Their names.
        risk_grade, credit_grade: What the interval follows from; None and empty where the area has none.
        every_days: Most days between two visits, while it may be flown.
        open_days: Days of the season on which it may be flown.
        visits: Flights placed.
        missed: Visits that found no place.
        longest_gap_days: Longest time without a visit within a stretch of open days, from its beginning and to its end
            too; None where it is never open.
    """

    patrol: str
    area: str
    risk_grade: int | None
    credit_grade: str
    every_days: int
    open_days: int
    visits: int
    missed: int
    longest_gap_days: int | None

    @property
    def met(self) -> bool:
        """Whether every visit found a place and no gap is longer than the interval."""
        return not self.missed and (self.longest_gap_days is None or self.longest_gap_days <= self.every_days)


def demands(
    planned: Season,
    tasks: Sequence[SeasonTask],
    first: date,
    last: date,
    *,
    calendar: PeriodCalendar,
    rules: FrequencyRules,
) -> tuple[Demand, ...]:
    """Return what each task asked of the season from ``first`` to ``last`` and what was placed, in the tasks' order."""
    found = []
    for task in tasks:
        days = sorted(open_days(task, first, last, calendar))
        visits = [
            flight.starts_at.astimezone(BEIJING).date()
            for flight in planned.flights
            if (flight.patrol, flight.area) == (task.patrol.name, task.area.name)
        ]
        found.append(
            Demand(
                patrol=task.patrol.name,
                area=task.area.name,
                risk_grade=task.area.risk_grade,
                credit_grade=task.area.credit_grade,
                every_days=rules.days(task.area),
                open_days=len(days),
                visits=len(visits),
                missed=sum(refusal.subject == task.area.name for refusal in planned.unmet),
                longest_gap_days=_longest_gap(stretches_of(days), visits),
            )
        )
    return tuple(found)


def _longest_gap(stretches: list[list[date]], visits: list[date]) -> int | None:
    """Return the longest wait in days: the day before a stretch opens counts as its last visit."""
    gaps = []
    for stretch in stretches:
        inside = sorted(day for day in visits if stretch[0] <= day <= stretch[-1])
        ends = [stretch[0] - timedelta(days=1), *inside, stretch[-1]]
        gaps.append(max((after - before).days for before, after in pairwise(ends)))
    return max(gaps) if gaps else None
