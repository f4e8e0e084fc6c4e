from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InputRefused
from evidence.cases.working_days import SHIPPED, WorkingDays, count_working_days, is_worked, read_working_days

NEXT = """\
skywarden: workdays/1
years:
  2027:
    source: the bureau's notice
    free: [[01-01, 01-03], [02-06, 02-12]]
    worked: [02-14]
"""


def test_the_shipped_years_are_as_announced() -> None:
    known = read_working_days()
    assert set(known.years) == {2024, 2025, 2026}
    # Days worked in a year, as added up by the State Council's notices: 366 or 365 less weekends and holidays.
    worked = {
        year: sum(is_worked(date(year, 1, 1) + timedelta(days=n), known) is True for n in range(365 + (year == 2024)))
        for year in known.years
    }
    assert worked == {2024: 251, 2025: 248, 2026: 248}
    for free in (date(2026, 2, 23), date(2026, 6, 19), date(2025, 10, 8), date(2024, 9, 17)):
        assert is_worked(free, known) is False
    for busy in (date(2026, 2, 14), date(2026, 2, 28), date(2025, 9, 28), date(2024, 4, 7)):
        assert is_worked(busy, known) is True
    assert all("国办发明电" in year.source for year in known.years.values())


def test_a_year_that_is_not_known_is_counted_in_calendar_days_and_named() -> None:
    counted = count_working_days(date(2026, 12, 29), 7, read_working_days())
    assert counted.last_day == date(2027, 1, 5)  # 30 and 31 December, and five days of a year that is not known
    assert counted.unknown_years == (2027,)
    assert len(counted.sources) == 1


def test_a_bureau_adds_a_year(tmp_path: Path) -> None:
    path = tmp_path / "years.yaml"
    path.write_text(NEXT, encoding="utf-8")
    known = read_working_days(path)
    assert set(known.years) == {2024, 2025, 2026, 2027}
    counted = count_working_days(date(2026, 12, 29), 7, known)
    assert counted.last_day == date(2027, 1, 8)
    assert counted.unknown_years == ()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (("workdays/1", "periods/1"), "no file of working days"),
        (("source: the bureau's notice", "source: ' '"), "line 3.*source"),
        (("02-14", "02-15"), "Saturday or Sunday"),
        (("01-01, 01-03", "01-03, 01-01"), "before"),
        (("02-14", "02-30"), "line 3"),
        (("2027:", "next year:"), "line 3"),
        (("worked:", "working:"), "working"),
        (("[02-14]", "soon"), "line 3"),
    ],
)
def test_a_file_that_is_not_right_is_refused_by_its_line(tmp_path: Path, change: tuple[str, str], why: str) -> None:
    path = tmp_path / "years.yaml"
    path.write_text(NEXT.replace(*change), encoding="utf-8")
    with pytest.raises(InputRefused, match=why):
        read_working_days(path)


@given(start=st.dates(date(2024, 1, 1), date(2026, 11, 30)), count=st.integers(1, 15))
def test_a_period_ends_on_a_working_day_and_holds_as_many_as_it_says(start: date, count: int) -> None:
    known = read_working_days(SHIPPED)
    end = count_working_days(start, count, known).last_day
    within = [start + timedelta(days=n) for n in range(1, (end - start).days + 1)]
    assert sum(is_worked(day, known) is True for day in within) == count
    assert is_worked(end, known)
    assert count_working_days(start, count, WorkingDays()).last_day == start + timedelta(days=count) <= end
