"""A season's schedule: which area is flown when and by whom, so that each is flown as often as its grades ask.

Visits of one area are never farther apart than its interval, counted over the days on which it may be flown (its key
periods, by daylight unless the period is the night). Areas with short intervals are placed first, each visit on the
least loaded day near the end of its interval. What cannot be placed is listed, not silently thinned out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from core.clock import BEIJING, in_utc
from core.errors import InputRefused
from core.points import GeoPoint
from core.refusal import Refusal
from core.text import _
from flight.calendars.periods import PeriodCalendar, PeriodWindow, windows
from flight.calendars.sun import sun_elevation_deg
from flight.patrol import Crew, KeyArea, Patrol
from flight.plan import plan
from flight.planning.airspace_law import SUN_UP_DEG
from flight.planning.fleet_routing import CHANGE_S
from flight.planning.yaml_lines import read_yaml

SHIPPED: Final = Path(__file__).resolve().parents[2] / "missions" / "periods" / "frequency.yaml"
EARLIEST_SHARE: Final = 0.6  # of its interval: a visit is not made earlier after the last one unless it must
_DAY: Final = timedelta(days=1)
_MORNING: Final = time(9, 0)
_BETWEEN: Final = timedelta(minutes=20)
_TWILIGHT: Final = timedelta(minutes=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class FrequencyRules:
    """Days between two visits, by hazard grade, and a factor by credit grade."""

    ungraded_days: float
    risk_grade_days: dict[int, float]
    credit_factor: dict[str, float]

    def days(self, area: KeyArea) -> int:
        """Return the most days between two visits of an area, at least 1."""
        if area.every_days is not None:
            return max(1, math.floor(area.every_days))
        base = self.ungraded_days if area.risk_grade is None else self.risk_grade_days[area.risk_grade]
        return max(1, math.floor(base * self.credit_factor.get(area.credit_grade, 1.0)))


@dataclass(frozen=True, slots=True, kw_only=True)
class SeasonFlight:
    """A visit: an area flown by a crew.

    Attributes:
        patrol, area, crew: Their names.
        starts_at, ends_at: Aware UTC.
        periods: Codes of the key periods it falls into.
    """

    patrol: str
    area: str
    crew: str
    starts_at: datetime
    ends_at: datetime
    periods: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Season:
    """Flights in order of time, and a refusal for each visit that no crew has time for."""

    flights: tuple[SeasonFlight, ...]
    unmet: tuple[Refusal, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeasonTask:
    """An area to be visited through a season: its patrol, and the time one visit takes."""

    patrol: Patrol
    area: KeyArea
    visit_s: float


@lru_cache(maxsize=4)
def read_frequency(path: Path = SHIPPED) -> FrequencyRules:
    """Return the frequency rules in ``path``.

    Raises:
        InputRefused: The file cannot be read or lacks a rule.
    """
    document = read_yaml(path)
    table: Any = document.value
    if not isinstance(table, dict) or table.get("skywarden") != "frequency/1":
        raise InputRefused(path, _("these are not frequency rules (frequency/1)"), _("Name another file."))
    key = ""
    try:
        key = "ungraded_days"
        ungraded = _positive(table[key])
        key = "risk_grade_days"
        by_grade = {int(grade): _positive(days) for grade, days in table[key].items()}
        key = "credit_factor"
        by_credit = {str(grade): _positive(factor) for grade, factor in table[key].items()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputRefused(
            path,
            _("line {line}: {key} is missing or not a positive number for each grade").format(
                line=document.line_of((key,)), key=key
            ),
            _("Begin from missions/periods/frequency.yaml."),
        ) from error
    return FrequencyRules(ungraded_days=ungraded, risk_grade_days=by_grade, credit_factor=by_credit)


def _positive(value: object) -> float:
    number = float(str(value))
    if not (math.isfinite(number) and number > 0):
        raise ValueError("not positive")
    return number


def areas_due(patrols: Sequence[Patrol], window: PeriodWindow) -> tuple[str, ...]:
    """Return the names of the areas that a window's period makes due, in the patrols' order."""
    return tuple(area.name for patrol in patrols if window.period.code in patrol.periods for area in patrol.areas)


def season_tasks(patrols: Sequence[Patrol]) -> tuple[SeasonTask, ...]:
    """Return a task for each area of each patrol, with the time its own plan takes, battery changes included.

    Raises:
        PlanRefused: An area cannot be planned.
    """
    tasks = []
    for patrol in patrols:
        for area in patrol.areas:
            alone = plan(replace(patrol, areas=(area,), crews=()))
            flown_s = math.fsum(sortie.duration_s for sortie in alone.sorties)
            tasks.append(SeasonTask(patrol=patrol, area=area, visit_s=flown_s + CHANGE_S * (len(alone.sorties) - 1)))
    return tuple(tasks)


def season(
    tasks: Sequence[SeasonTask],
    crews: Sequence[Crew],
    first: date,
    last: date,
    *,
    calendar: PeriodCalendar,
    rules: FrequencyRules,
    hours_per_day: float = 4.0,
) -> Season:
    """Return who visits which area when, from ``first`` to ``last`` (Beijing days, both included).

    Args:
        tasks: Areas, each with the time a visit takes.
        crews: Who can fly; every crew one place at a time.
        first: First day.
        last: Last day.
        calendar: Key periods.
        rules: How often an area must be visited.
        hours_per_day: Time a crew has for flying on one day.
    """
    if last < first or not crews:
        raise ValueError("a season has days and crews")
    board = _Board(crews, hours_per_day * 3600.0)
    flights: list[SeasonFlight] = []
    unmet: list[Refusal] = []
    for task in sorted(tasks, key=lambda one: (rules.days(one.area), one.area.priority, one.area.name)):
        days = open_days(task, first, last, calendar)
        placed, missing = _place(task, days, rules.days(task.area), board)
        flights += placed
        unmet += missing
    return Season(
        flights=tuple(sorted(flights, key=lambda one: (one.starts_at, one.crew, one.area))), unmet=tuple(unmet)
    )


class _Board:
    """How much time each crew has spent on each day, by day and by night."""

    def __init__(self, crews: Sequence[Crew], limit_s: float) -> None:
        self._crews = tuple(crews)
        self._limit_s = limit_s
        self._spent: dict[tuple[date, str], float] = {}

    def load(self, day: date) -> float:
        return sum(self._spent.get((day, crew.name), 0.0) for crew in self._crews)

    def offer(self, day: date, visit_s: float) -> tuple[Crew, float] | None:
        """Return the crew with most time left on ``day`` and the seconds into its day, or None when none has enough."""
        crew = min(self._crews, key=lambda one: (self._spent.get((day, one.name), 0.0), one.name))
        spent = self._spent.get((day, crew.name), 0.0)
        return None if spent + visit_s > self._limit_s else (crew, spent)

    def book(self, day: date, crew: Crew, visit_s: float) -> None:
        """Give a visit to a crew that was offered."""
        spent = self._spent.get((day, crew.name), 0.0)
        self._spent[day, crew.name] = spent + visit_s + _BETWEEN.total_seconds()


def open_days(task: SeasonTask, first: date, last: date, calendar: PeriodCalendar) -> dict[date, tuple[str, ...]]:
    """Return the days on which an area may be flown, with the codes of the periods that open them."""
    patrol, window = task.patrol, task.area.window
    if window is not None:
        first = max(first, window.starts_at.astimezone(BEIJING).date())
        last = min(last, window.ends_at.astimezone(BEIJING).date())
    days = [first + _DAY * index for index in range((last - first).days + 1)]
    if not patrol.periods:
        return dict.fromkeys(days, ())
    if not days:
        return {}
    begin = datetime.combine(first, time(), BEIJING)
    end = datetime.combine(last + _DAY, time(), BEIJING)
    wanted = [window for window in windows(calendar, begin, end) if window.period.code in patrol.periods]
    opened: dict[date, tuple[str, ...]] = {}
    for day in days:
        noon = datetime.combine(day, time(12), BEIJING).astimezone(UTC)
        late = datetime.combine(day, time(23), BEIJING).astimezone(UTC)
        codes = [
            window.period.code
            for window in wanted
            if window.starts_at <= (late if window.period.night else noon) < window.ends_at
        ]
        if codes:
            opened[day] = tuple(dict.fromkeys(codes))
    return opened


def _place(
    task: SeasonTask, days: dict[date, tuple[str, ...]], every: int, board: _Board
) -> tuple[list[SeasonFlight], list[Refusal]]:
    """Place the visits of one area; stretches in which it may not be flown do not count towards its interval."""
    flights: list[SeasonFlight] = []
    unmet: list[Refusal] = []
    for stretch in stretches_of(sorted(days)):
        done: date | None = None
        while True:
            start = stretch[0] if done is None else done + _DAY
            due = stretch[0] + _DAY * (every - 1) if done is None else done + _DAY * every
            if start > stretch[-1] or (done is not None and due > stretch[-1]):
                break
            due = min(due, stretch[-1])
            early = start if done is None else done + _DAY * max(1, math.floor(EARLIEST_SHARE * every))
            flight = _visit(task, days, board, (early, due)) or _visit(task, days, board, (start, due))
            if flight is None:
                unmet.append(
                    Refusal(
                        subject=task.area.name,
                        code="no-crew",
                        reason=_("no crew has time for its visit from {start} to {due}").format(start=start, due=due),
                        remedy=_("Bring another crew, or allow more hours a day."),
                    )
                )
                done = due
            else:
                flights.append(flight)
                done = flight.starts_at.astimezone(BEIJING).date()
    return flights, unmet


def stretches_of(days: list[date]) -> list[list[date]]:
    """Return sorted days gathered into stretches without a gap."""
    found: list[list[date]] = []
    for day in days:
        if found and day - found[-1][-1] == _DAY:
            found[-1].append(day)
        else:
            found.append([day])
    return found


def _visit(
    task: SeasonTask, days: dict[date, tuple[str, ...]], board: _Board, span: tuple[date, date]
) -> SeasonFlight | None:
    """Return a visit on the least loaded day of the span, the latest of equals; None when no crew has time."""
    count = (span[1] - span[0]).days + 1
    candidates = [span[0] + _DAY * index for index in range(count)]
    for day in sorted((day for day in candidates if day in days), key=lambda one: (board.load(one), -one.toordinal())):
        night = _only_night(days[day])
        start = _start_of_day(task.patrol.home, day, night=night)
        offered = board.offer(day, task.visit_s) if start is not None else None
        if start is None or offered is None:
            continue
        crew, into_s = offered
        begins = start + timedelta(seconds=into_s)
        ends = begins + timedelta(seconds=task.visit_s)
        window = task.area.window
        if window is not None and not (window.starts_at <= in_utc(begins) and in_utc(ends) <= window.ends_at):
            continue
        if not night and sun_elevation_deg(task.patrol.home, ends) < SUN_UP_DEG:
            continue
        board.book(day, crew, task.visit_s)
        return SeasonFlight(
            patrol=task.patrol.name,
            area=task.area.name,
            crew=crew.name,
            starts_at=in_utc(begins),
            ends_at=in_utc(ends),
            periods=days[day],
        )
    return None


def _only_night(codes: tuple[str, ...]) -> bool:
    return codes == ("NT",)


def _start_of_day(home: GeoPoint, day: date, *, night: bool) -> datetime | None:
    """Return when flying begins: 22:00 by night; else 9:00, or half an hour after sunrise where that is later."""
    if night:
        return datetime.combine(day, time(22), BEIJING)
    begin = datetime.combine(day, _MORNING, BEIJING)
    for _step in range(24):
        if sun_elevation_deg(home, begin - _TWILIGHT) >= SUN_UP_DEG:
            return begin
        begin += _TWILIGHT
    return None
