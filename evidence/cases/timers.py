"""Timers of a case: by when the law wants the next step.

Sources: 行政处罚法 56 (evidence registered for preservation: decide within seven days), 60 (penalty within ninety
days of filing), 36 (two years' limitation, five where life, health or finance were endangered), 85 (periods of two,
three, five and seven days are working days). Which days are working days is data (``missions``' calendar), handed in;
without it Saturdays and Sundays are free. Periods begin on the day after and end with the last day in Beijing.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from core.clock import BEIJING, in_utc
from core.text import _
from evidence.cases.life import Document, Life

_NO_DAYS: AbstractSet[date] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Timer:
    """One period that runs.

    Attributes:
        code: Short stable slug.
        name: For people.
        basis: The article.
        due_at: The last instant in time, aware UTC.
    """

    code: str
    name: str
    basis: str
    due_at: datetime


def _end_of(day: date) -> datetime:
    return datetime.combine(day, time(23, 59, 59), tzinfo=BEIJING).astimezone(UTC)


def _plus_working_days(
    start: date, count: int, holidays: AbstractSet[date], working_weekends: AbstractSet[date]
) -> date:
    day = start
    while count:
        day += timedelta(days=1)
        free = day in holidays or (day.weekday() >= 5 and day not in working_weekends)
        count -= not free
    return day


def _plus_years(start: date, years: int) -> date:
    try:
        return start.replace(year=start.year + years)
    except ValueError:  # 29 February
        return start.replace(year=start.year + years, day=28)


def timers_of(
    life: Life,
    *,
    endangers_life: bool = False,
    holidays: AbstractSet[date] = _NO_DAYS,
    working_weekends: AbstractSet[date] = _NO_DAYS,
) -> tuple[Timer, ...]:
    """Return the periods that run for an incident, soonest first.

    Args:
        life: Its decisions.
        endangers_life: Whether the limitation is five years rather than two.
        holidays: Working days that the calendar frees.
        working_weekends: Weekend days that the calendar makes working days.
    """
    issued: dict[Document, date] = {}
    for decision in life.decisions:
        if decision.document is not None:
            issued.setdefault(decision.document, decision.at.astimezone(BEIJING).date())
    seen = life.last_seen.astimezone(BEIJING).date()
    years = 5 if endangers_life else 2
    timers = [
        Timer(
            code="limitation",
            name=_("limitation of {years} years").format(years=years),
            basis="行政处罚法 第三十六条",
            due_at=_end_of(_plus_years(seen, years)),
        )
    ]
    if Document.PRESERVATION_NOTICE in issued and Document.PRESERVATION_DECISION not in issued:
        timers.append(
            Timer(
                code="preservation",
                name=_("decision on preserved evidence, seven working days"),
                basis="行政处罚法 第五十六条、第八十五条",
                due_at=_end_of(_plus_working_days(issued[Document.PRESERVATION_NOTICE], 7, holidays, working_weekends)),
            )
        )
    if Document.CASE_FILING in issued and Document.PENALTY_DECISION not in issued:
        timers.append(
            Timer(
                code="decision",
                name=_("penalty decision, ninety days after filing"),
                basis="行政处罚法 第六十条",
                due_at=_end_of(issued[Document.CASE_FILING] + timedelta(days=90)),
            )
        )
    return tuple(sorted(timers, key=lambda timer: timer.due_at))


def overdue(timers: tuple[Timer, ...], now: datetime) -> tuple[Timer, ...]:
    """Return those whose last instant has passed."""
    return tuple(timer for timer in timers if timer.due_at < in_utc(now))
