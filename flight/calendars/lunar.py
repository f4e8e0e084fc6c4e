"""Lunar dates and solar terms as Gregorian days: the one place that knows the calendar library (lunar_python)."""

from __future__ import annotations

from datetime import date
from functools import lru_cache


@lru_cache(maxsize=4096)
def lunar_day(lunar_year: int, month: int, day: int) -> date:
    """Return the Gregorian day of a day of the lunar calendar (a plain month, never the leap one).

    The last day of a month may be asked for as the 30th: a short month gives its 29th.
    """
    from lunar_python import Lunar, LunarMonth

    last = LunarMonth.fromYm(lunar_year, month).getDayCount()
    solar = Lunar.fromYmd(lunar_year, month, min(day, last)).getSolar()
    return date(solar.getYear(), solar.getMonth(), solar.getDay())


@lru_cache(maxsize=4096)
def solar_term_day(year: int, term: str) -> date:
    """Return the day, in Beijing time, on which a solar term (清明, 冬至, …) falls in a Gregorian year."""
    from lunar_python import Solar

    for of_year in (year, year + 1):  # a lunar year's table begins with the winter solstice before it
        table = Solar.fromYmd(of_year, 6, 1).getLunar().getJieQiTable()
        found = table.get(term)
        if found is not None and found.getYear() == year:
            return date(year, found.getMonth(), found.getDay())
    raise ValueError(f"{term} is no solar term")
