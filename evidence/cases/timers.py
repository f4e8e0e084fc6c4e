"""Timers of a case: by when the law wants the next step.

Sources: 行政处罚法 56 (evidence registered for preservation: decide within seven days), 60 (penalty within ninety
days of filing), 36 (two years' limitation, five where life, health or finance were endangered), 85 (periods of two,
three, five and seven days are working days; ninety days and the years are natural ones). Which days are working days is
data, handed in (:mod:`evidence.cases.working_days`); the days of a year that is not known there all count, so that the
period ends rather too early, and the timer says so. Periods begin on the day after; the last day ends in Beijing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from core.clock import BEIJING, in_utc
from core.text import _
from evidence.cases.life import Document, Life
from evidence.cases.working_days import WorkingDays, count_working_days

NOTHING_KNOWN = WorkingDays()


@dataclass(frozen=True, slots=True, kw_only=True)
class Timer:
    """One period that runs.

    Attributes:
        code: Short stable slug.
        name: For people.
        basis: The article.
        due_at: The last instant in time, aware UTC.
        count: How its days are counted, for people.
    """

    code: str
    name: str
    basis: str
    due_at: datetime
    count: str


def _end_of(day: date) -> datetime:
    return datetime.combine(day, time(23, 59, 59), tzinfo=BEIJING).astimezone(UTC)


def _plus_years(start: date, years: int) -> date:
    try:
        return start.replace(year=start.year + years)
    except ValueError:  # 29 February
        return start.replace(year=start.year + years, day=28)


def timers_of(
    life: Life, *, endangers_life: bool = False, working_days: WorkingDays = NOTHING_KNOWN
) -> tuple[Timer, ...]:
    """Return the periods that run for an incident, soonest first.

    Args:
        life: Its decisions.
        endangers_life: Whether the limitation is five years rather than two.
        working_days: The years whose working days are known.
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
            count=_("calendar days"),
        )
    ]
    if Document.PRESERVATION_NOTICE in issued and Document.PRESERVATION_DECISION not in issued:
        timers.append(_preservation(issued[Document.PRESERVATION_NOTICE], working_days))
    if Document.CASE_FILING in issued and Document.PENALTY_DECISION not in issued:
        timers.append(
            Timer(
                code="decision",
                name=_("penalty decision, ninety days after filing"),
                basis="行政处罚法 第六十条",
                due_at=_end_of(issued[Document.CASE_FILING] + timedelta(days=90)),
                count=_("calendar days"),
            )
        )
    return tuple(sorted(timers, key=lambda timer: timer.due_at))


def _preservation(noticed: date, working_days: WorkingDays) -> Timer:
    counted = count_working_days(noticed, 7, working_days)
    if counted.unknown_years:
        count = _(
            "the working days of {years} are not known here: counted in calendar days, and the true end is not earlier"
        )
        count = count.format(years=", ".join(str(year) for year in counted.unknown_years))
    else:
        count = _("working days by {sources}").format(sources="、".join(counted.sources))
    return Timer(
        code="preservation",
        name=_("decision on preserved evidence, seven working days"),
        basis="行政处罚法 第五十六条、第八十五条",
        due_at=_end_of(counted.last_day),
        count=count,
    )


def overdue(timers: tuple[Timer, ...], now: datetime) -> tuple[Timer, ...]:
    """Return those whose last instant has passed."""
    return tuple(timer for timer in timers if timer.due_at < in_utc(now))
