"""Working days of mainland China (工作日), year by year, each with the notice that says so.

Saturdays and Sundays are free, public holidays are, and the weekend days that are worked in exchange are not. All but
the weekends is announced for one year at a time; the years that are known are data (``missions/workdays``), and of a
year that is not known nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from core.errors import InputRefused
from core.text import _
from flight.planning.yaml_lines import read_yaml

SCHEMA: Final = "workdays/1"
SHIPPED: Final = Path(str(files("missions") / "workdays" / "cn.yaml"))


@dataclass(frozen=True, slots=True, kw_only=True)
class YearOfWork:
    """What is announced for one year.

    Attributes:
        source: The notice.
        free: Days that are free; weekends may be among them.
        worked: Weekend days that are worked.
    """

    source: str
    free: frozenset[date]
    worked: frozenset[date]

    def __post_init__(self) -> None:
        if not self.source.strip():
            raise ValueError("a year's working days have a source")
        if any(day.weekday() < 5 for day in self.worked) or self.free & self.worked:
            raise ValueError("what is worked in exchange is a Saturday or Sunday that is not free")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkingDays:
    """The years that are known."""

    years: Mapping[int, YearOfWork] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """The end of a period of working days.

    Attributes:
        last_day: Its last day.
        unknown_years: Years that it touches and whose working days are not known. All their days were counted, so that
            the true end is not earlier.
        sources: The notices that the rest was counted by.
    """

    last_day: date
    unknown_years: tuple[int, ...]
    sources: tuple[str, ...]


def count_working_days(start: date, count: int, known: WorkingDays) -> Counted:
    """Return the end of ``count`` working days, beginning on the day after ``start``."""
    day, left = start, count
    touched: set[int] = set()
    while left:
        day += timedelta(days=1)
        touched.add(day.year)
        left -= is_worked(day, known) is not False
    sources = tuple(known.years[year].source for year in sorted(touched & known.years.keys()))
    return Counted(last_day=day, unknown_years=tuple(sorted(touched - known.years.keys())), sources=sources)


def is_worked(day: date, known: WorkingDays) -> bool | None:
    """Return whether a day is a working day, or None when its year is not known."""
    year = known.years.get(day.year)
    if year is None:
        return None
    return day in year.worked or (day.weekday() < 5 and day not in year.free)


@lru_cache(maxsize=4)
def read_working_days(path: Path | None = None) -> WorkingDays:
    """Return the years of a file on top of the shipped ones; only those when ``path`` is None.

    Raises:
        InputRefused: The file is no file of working days; the text says where.
    """
    shipped = _read(SHIPPED)
    return WorkingDays(years=MappingProxyType({**shipped, **({} if path is None else _read(path))}))


def _read(path: Path) -> dict[int, YearOfWork]:
    document = read_yaml(path)
    top: Any = document.value
    if not isinstance(top, dict) or top.get("skywarden") != SCHEMA or not isinstance(top.get("years"), dict):
        raise InputRefused(
            path,
            _("is no file of working days"),
            _("Begin it with “skywarden: {schema}” and list the years.").format(schema=SCHEMA),
        )
    years = {}
    for name, told in top["years"].items():
        try:
            years[int(name)] = _year(int(name), told)
        except (ValueError, TypeError, KeyError) as wrong:
            raise InputRefused(
                path,
                _("line {line}: the year {year} is not as it should be ({why})").format(
                    line=document.line_of(("years", name)), year=name, why=wrong
                ),
                _("Write source, free (first and last days, MM-DD) and worked (days, MM-DD), as in the shipped file."),
            ) from wrong
    return years


def _year(year: int, told: Any) -> YearOfWork:  # noqa: ANN401 - whatever the YAML holds
    unknown = set(told) - {"source", "free", "worked"}
    if unknown:
        raise ValueError(", ".join(sorted(unknown)))
    free: set[date] = set()
    for first, last in told["free"]:
        day, end = _day(year, first), _day(year, last)
        if end < day:
            raise ValueError(f"{last} is before {first}")
        free |= {day + timedelta(days=number) for number in range((end - day).days + 1)}
    worked = frozenset(_day(year, one) for one in told["worked"])
    return YearOfWork(source=str(told["source"]), free=frozenset(free), worked=worked)


def _day(year: int, text: object) -> date:
    return date.fromisoformat(f"{year}-{text}")
