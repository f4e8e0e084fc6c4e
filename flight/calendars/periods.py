"""Key periods (重点时段): rules in a calendar file become concrete windows.

Days are those of Beijing time. A window that a government declares each year is only *usual* until its announcement is
entered in the file, and says so; nothing is invented. Which hazards a period puts first is data as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from core.clock import BEIJING, in_utc
from core.errors import InputRefused
from core.text import _
from flight.calendars.lunar import lunar_day, solar_term_day
from flight.planning.yaml_lines import YamlDocument, read_yaml

SHIPPED: Final = Path(__file__).resolve().parents[2] / "missions" / "periods" / "guangzhou.yaml"
_DAY: Final = timedelta(days=1)


class Rule(StrEnum):
    """How a period's days are found."""

    FIXED = "fixed"
    LUNAR = "lunar"
    AROUND = "around"
    ANNOUNCED = "announced"
    DAILY = "daily"
    EVENT = "event"


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthDay:
    """A day of a year, Gregorian or lunar."""

    month: int
    day: int

    def __post_init__(self) -> None:
        if not (1 <= self.month <= 12 and 1 <= self.day <= 31):
            raise ValueError(f"{self.month:02d}-{self.day:02d} is no day of a year")


@dataclass(frozen=True, slots=True, kw_only=True)
class Feast:
    """A day that other days are counted from: a lunar day, a solar term or a fixed day."""

    lunar: MonthDay | None = None
    fixed: MonthDay | None = None
    solar_term: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DaySpan:
    """Declared days, both included, and who declared them."""

    first: date
    last: date
    source: str = ""

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise ValueError(f"{self.first} … {self.last} ends before it begins")


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """One key period.

    Attributes:
        code: "CNY".
        name: As people call it.
        rule: How its days are found.
        spans: First and last day of a year, for fixed and lunar rules and as the usual days of announced ones.
        feasts, before_days, after_days: For days around feasts.
        declared: Announced or declared days.
        from_time, to_time: Hours of each day, for daily rules and as a period's focus hours; may pass midnight.
        hazards: Codes of the hazards it puts first; empty for all.
        night: Whether it means flying at night.
        confidence: "A", "B" or "C".
        scope: Where or on whom, when not everywhere.
    """

    code: str
    name: str
    rule: Rule
    spans: tuple[tuple[MonthDay, MonthDay], ...] = ()
    feasts: tuple[Feast, ...] = ()
    before_days: int = 0
    after_days: int = 0
    declared: tuple[DaySpan, ...] = ()
    from_time: time | None = None
    to_time: time | None = None
    hazards: tuple[str, ...] = ()
    night: bool = False
    confidence: str = "C"
    scope: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodCalendar:
    """The periods of a region, in the file's order; codes are unique."""

    region: str
    periods: tuple[Period, ...]

    def __post_init__(self) -> None:
        codes = [period.code for period in self.periods]
        if len(set(codes)) != len(codes):
            raise ValueError("two periods have one code")


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodWindow:
    """A period's concrete time.

    Attributes:
        period: Which.
        starts_at, ends_at: Aware UTC; the end is not included.
        announced: False where the days are only the usual ones of a period that is announced each year.
    """

    period: Period
    starts_at: datetime
    ends_at: datetime
    announced: bool = True


def active_periods(at: datetime, calendar: PeriodCalendar) -> tuple[str, ...]:
    """Return the codes of the periods in force at an aware instant, in the calendar's order."""
    instant = in_utc(at)
    return tuple(
        dict.fromkeys(window.period.code for window in windows(calendar, instant, instant + timedelta(microseconds=1)))
    )


def windows(calendar: PeriodCalendar, starts_at: datetime, ends_at: datetime) -> tuple[PeriodWindow, ...]:
    """Return the windows that touch the time from ``starts_at`` to ``ends_at`` (aware), by period, then by time.

    Windows of one period that overlap (feasts a few days apart) are joined.
    """
    begin, end = in_utc(starts_at), in_utc(ends_at)
    if not begin < end:
        raise ValueError("a time span ends after it begins")
    found: list[PeriodWindow] = []
    for period in calendar.periods:
        mine = [window for window in _windows(period, begin, end) if window.starts_at < end and begin < window.ends_at]
        found.extend(_joined(sorted(mine, key=lambda window: (window.starts_at, window.ends_at))))
    return tuple(found)


def next_window(calendar: PeriodCalendar, codes: tuple[str, ...], after: datetime) -> PeriodWindow | None:
    """Return the first window of any of ``codes`` that has not ended by ``after``, looking two years ahead."""
    horizon = in_utc(after) + timedelta(days=740)
    waiting = [window for window in windows(calendar, after, horizon) if window.period.code in codes]
    return min(waiting, key=lambda window: (window.starts_at, window.period.code), default=None)


def _joined(ordered: list[PeriodWindow]) -> Iterator[PeriodWindow]:
    held: PeriodWindow | None = None
    for window in ordered:
        if held is not None and window.starts_at <= held.ends_at and window.announced == held.announced:
            held = PeriodWindow(
                period=held.period,
                starts_at=held.starts_at,
                ends_at=max(held.ends_at, window.ends_at),
                announced=held.announced,
            )
        else:
            if held is not None:
                yield held
            held = window
    if held is not None:
        yield held


def _windows(period: Period, begin: datetime, end: datetime) -> Iterator[PeriodWindow]:
    first, last = begin.astimezone(BEIJING).date(), end.astimezone(BEIJING).date()
    if period.rule is Rule.DAILY:
        yield from _daily(period, first, last)
        return
    for span in period.declared:
        yield _window(period, span.first, span.last)
    for year in range(first.year - 1, last.year + 2):
        if period.rule is Rule.AROUND:
            for feast in period.feasts:
                day = _feast_day(feast, year)
                yield _window(period, day - period.before_days * _DAY, day + period.after_days * _DAY)
        elif period.rule in {Rule.FIXED, Rule.LUNAR, Rule.ANNOUNCED}:
            if period.rule is Rule.ANNOUNCED and any(span.first.year == year for span in period.declared):
                continue
            for start, stop in period.spans:
                yield _window(
                    period, *_span_days(period.rule, start, stop, year), announced=period.rule is not Rule.ANNOUNCED
                )


def _daily(period: Period, first: date, last: date) -> Iterator[PeriodWindow]:
    if period.from_time is None or period.to_time is None:
        raise ValueError(f"{period.code}: a daily period has its hours")
    day = first - _DAY
    while day <= last:
        until = day if period.from_time < period.to_time else day + _DAY
        yield PeriodWindow(
            period=period,
            starts_at=datetime.combine(day, period.from_time, BEIJING).astimezone(UTC),
            ends_at=datetime.combine(until, period.to_time, BEIJING).astimezone(UTC),
        )
        day += _DAY


def _window(period: Period, first: date, last: date, *, announced: bool = True) -> PeriodWindow:
    return PeriodWindow(
        period=period,
        starts_at=datetime.combine(first, time(), BEIJING).astimezone(UTC),
        ends_at=datetime.combine(last + _DAY, time(), BEIJING).astimezone(UTC),
        announced=announced,
    )


def _span_days(rule: Rule, start: MonthDay, stop: MonthDay, year: int) -> tuple[date, date]:
    passes = (stop.month, stop.day) < (start.month, start.day)
    if rule is Rule.LUNAR:
        return lunar_day(year, start.month, start.day), lunar_day(year + passes, stop.month, stop.day)
    return date(year, start.month, start.day), date(year + passes, stop.month, stop.day)


def _feast_day(feast: Feast, year: int) -> date:
    if feast.lunar is not None:
        return lunar_day(year, feast.lunar.month, feast.lunar.day)
    if feast.fixed is not None:
        return date(year, feast.fixed.month, feast.fixed.day)
    return solar_term_day(year, feast.solar_term)


@lru_cache(maxsize=8)
def read_calendar(path: Path | None = None) -> PeriodCalendar:
    """Return the calendar in ``path``, or the one shipped for Guangzhou.

    Raises:
        InputRefused: The file cannot be read or a rule does not hold together; the text names the line.
    """
    path = SHIPPED if path is None else path
    document = read_yaml(path)
    table = document.value
    entries = table.get("periods") if isinstance(table, dict) and table.get("skywarden") == "periods/1" else None
    if not isinstance(entries, list):
        raise InputRefused(
            path, _("this is not a calendar of key periods (periods/1)"), _("Begin from missions/periods.")
        )
    periods = []
    for index, entry in enumerate(entries):
        try:
            periods.append(_period(entry))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise _unfit(path, document, index, error) from error
    try:
        return PeriodCalendar(region=str(table.get("region", "")), periods=tuple(periods))
    except ValueError as error:
        raise InputRefused(path, str(error), _("Give each period a code of its own.")) from error


def _unfit(path: Path, document: YamlDocument, index: int, error: Exception) -> InputRefused:
    reason = _("{key} is missing").format(key=error.args[0]) if isinstance(error, KeyError) else str(error)
    return InputRefused(
        path,
        _("line {line}: {reason}").format(line=document.line_of(("periods", index)), reason=reason),
        _("Correct the period there."),
    )


def _period(entry: dict[str, Any]) -> Period:
    rule = Rule(entry["rule"])
    hours = entry if rule is Rule.DAILY else entry.get("hours", {})
    usual = entry.get("usual", entry if rule in {Rule.FIXED, Rule.LUNAR} else [])
    spans = usual if isinstance(usual, list) else [usual]
    return Period(
        code=entry["code"],
        name=entry["name"],
        rule=rule,
        spans=tuple((_month_day(span["from"]), _month_day(span["to"])) for span in spans),
        feasts=tuple(_feast(feast) for feast in entry.get("days", ())),
        before_days=int(entry.get("before_days", 0)),
        after_days=int(entry.get("after_days", 0)),
        declared=tuple(
            DaySpan(
                first=date.fromisoformat(span["from"]),
                last=date.fromisoformat(span["to"]),
                source=span.get("source", ""),
            )
            for span in entry.get("windows", ())
        ),
        from_time=time.fromisoformat(hours["from"]) if hours else None,
        to_time=time.fromisoformat(hours["to"]) if hours else None,
        hazards=tuple(entry.get("hazards", ())),
        night=bool(entry.get("night", False)),
        confidence=str(entry.get("confidence", "C")),
        scope=str(entry.get("scope", "")),
    )


def _feast(entry: dict[str, str]) -> Feast:
    if "solar_term" in entry:
        solar_term_day(2024, entry["solar_term"])  # a misspelt term fails here and not when the year comes round
    return Feast(
        lunar=_month_day(entry["lunar"]) if "lunar" in entry else None,
        fixed=_month_day(entry["fixed"]) if "fixed" in entry else None,
        solar_term=entry.get("solar_term", ""),
    )


def _month_day(text: str) -> MonthDay:
    month, day = text.split("-")
    return MonthDay(month=int(month), day=int(day))
