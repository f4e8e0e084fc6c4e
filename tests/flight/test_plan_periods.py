"""Key periods: the rules give the days that were published, and say which days are only usual."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.clock import BEIJING
from core.errors import InputRefused
from flight.calendars.lunar import lunar_day, solar_term_day
from flight.calendars.periods import active_periods, next_window, read_calendar, windows


def noon(day: str) -> datetime:
    return datetime.fromisoformat(f"{day}T12:00:00+08:00")


@pytest.mark.parametrize(
    ("day", "codes"),
    [
        ("2024-04-04", {"QM", "FF", "FF+", "FS"}),  # the flood season of 2024 was declared from this day
        ("2024-04-03", {"QM", "FF", "FF+"}),
        ("2024-10-15", {"FF", "CF", "FS"}),  # and ended on this one
        ("2024-10-16", {"FF", "CF"}),
        ("2026-02-17", {"CNY", "FF", "FF+", "DY"}),  # New Year's day of the lunar calendar
        ("2026-10-01", {"FF", "FF+", "ND", "FS"}),
        ("2023-10-25", {"FF", "FF+", "CF", "FS"}),  # 2023 ended on 31 October; 重阳 was 23 October
        ("2026-07-20", {"FS", "HT"}),
    ],
)
def test_the_active_set_on_known_days(day: str, codes: set[str]) -> None:
    assert set(active_periods(noon(day), read_calendar())) == codes


def test_the_night_is_active_over_midnight_only() -> None:
    calendar = read_calendar()
    for hour, active in [(21, False), (22, True), (23, True), (5, True), (6, False)]:
        at = datetime(2026, 7, 20, hour, 0, tzinfo=BEIJING)
        assert ("NT" in active_periods(at, calendar)) is active


@pytest.mark.parametrize(
    ("year", "day"), [(2024, date(2024, 2, 10)), (2025, date(2025, 1, 29)), (2026, date(2026, 2, 17))]
)
def test_lunar_new_year_falls_on_its_published_day(year: int, day: date) -> None:
    assert lunar_day(year, 1, 1) == day


@pytest.mark.parametrize(
    ("year", "term", "day"),
    [(2024, "清明", date(2024, 4, 4)), (2025, "清明", date(2025, 4, 4)), (2027, "清明", date(2027, 4, 5)),
     (2026, "冬至", date(2026, 12, 22)), (2023, "冬至", date(2023, 12, 22))],
)  # fmt: skip
def test_solar_terms_fall_on_their_published_days(year: int, term: str, day: date) -> None:
    assert solar_term_day(year, term) == day


def test_a_period_that_is_announced_each_year_says_when_its_days_are_only_usual() -> None:
    calendar = read_calendar()
    span = windows(calendar, datetime(2024, 1, 1, tzinfo=UTC), datetime(2026, 12, 31, tzinfo=UTC))
    floods = {
        window.starts_at.astimezone(BEIJING).year: window.announced for window in span if window.period.code == "FS"
    }
    assert floods == {2024: True, 2025: False, 2026: False}


def test_the_next_window_of_a_period_is_found() -> None:
    found = next_window(read_calendar(), ("CNY",), noon("2026-07-01"))
    assert found is not None
    assert found.starts_at.astimezone(BEIJING).date() == lunar_day(2026, 12, 23)


@settings(max_examples=40, deadline=None)
@given(st.datetimes(min_value=datetime(2021, 1, 1), max_value=datetime(2035, 12, 31)))  # noqa: DTZ001 - made aware below
def test_an_instant_is_active_exactly_inside_the_windows(naive: datetime) -> None:
    at = naive.replace(tzinfo=UTC)
    calendar = read_calendar()
    around = windows(calendar, at - timedelta(days=2), at + timedelta(days=2))
    inside = {window.period.code for window in around if window.starts_at <= at < window.ends_at}
    assert set(active_periods(at, calendar)) == inside


def test_a_mistake_in_a_calendar_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "calendar.yaml"
    path.write_text(
        "skywarden: periods/1\nperiods:\n  - code: X\n    name: x\n    rule: around\n    days: [{solar_term: 清日}]\n"
    )
    with pytest.raises(InputRefused, match=r"line 3: .*清日"):
        read_calendar(path)


def test_naive_times_are_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        active_periods(datetime(2026, 1, 1), read_calendar())  # noqa: DTZ001 - that is the point
