"""A season's schedule meets every area's interval on days when it may be flown, or says which visit it cannot place."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from core.clock import BEIJING
from core.points import GeoPoint
from flight.calendars.period_table import period_rows
from flight.calendars.periods import active_periods, read_calendar, windows
from flight.calendars.season import SeasonTask, areas_due, read_frequency, season, season_tasks
from flight.calendars.sun import sun_elevation_deg
from flight.exports.icalendar import write_icalendar
from flight.patrol import Crew, KeyArea, Patrol
from flight.planning.catalogue import read_catalogue

HOME = GeoPoint(lon_deg=113.5, lat_deg=22.8)
CREWS = (Crew(name="甲", launch=HOME), Crew(name="乙", launch=HOME))
FIRST, LAST = date(2026, 3, 1), date(2026, 5, 31)


def area(name: str, **grades: object) -> KeyArea:
    base = KeyArea(name=name, shape=shapely.box(113.5, 22.8, 113.51, 22.81), height_agl_m=80, speed_m_s=8)
    return replace(base, **grades)  # type: ignore[arg-type]


def patrol(*areas: KeyArea, periods: tuple[str, ...] = ()) -> Patrol:
    catalogue = read_catalogue()
    return Patrol(
        name="season", areas=areas, aircraft=catalogue.aircraft["dji-m30t"],
        camera=catalogue.cameras["dji-m30t-wide"].camera, home=HOME, periods=periods,
    )  # fmt: skip


def tasks_of(asked: Patrol) -> list[SeasonTask]:
    return [SeasonTask(patrol=asked, area=one, visit_s=1500.0) for one in asked.areas]


def test_every_area_is_visited_as_often_as_its_grades_ask() -> None:
    asked = patrol(
        area("一级D", risk_grade=1, credit_grade="D"), area("二级B", risk_grade=2, credit_grade="B"), area("无级")
    )
    rules = read_frequency()
    planned = season(tasks_of(asked), CREWS, FIRST, LAST, calendar=read_calendar(), rules=rules)
    assert planned.unmet == ()
    for one in asked.areas:
        visits = [f.starts_at.astimezone(BEIJING).date() for f in planned.flights if f.area == one.name]
        every = rules.days(one)
        assert visits[0] - FIRST < timedelta(days=every)
        assert all(after - before <= timedelta(days=every) for before, after in pairwise(visits))
        assert LAST - visits[-1] < timedelta(days=every)
    assert [rules.days(one) for one in asked.areas] == [7, 30, 90]


def test_visits_fall_into_the_period_and_into_daylight() -> None:
    asked = patrol(area("林区", every_days=5), periods=("QM",))
    planned = season(tasks_of(asked), CREWS, FIRST, LAST, calendar=read_calendar(), rules=read_frequency())
    assert len(planned.flights) >= 3
    for flight in planned.flights:
        assert "QM" in active_periods(flight.starts_at, read_calendar())
        assert sun_elevation_deg(HOME, flight.starts_at) > 0
        assert sun_elevation_deg(HOME, flight.ends_at) > 0


def test_a_night_period_is_flown_at_night() -> None:
    asked = patrol(area("夜查", every_days=10), periods=("NT",))
    planned = season(tasks_of(asked), CREWS, FIRST, LAST, calendar=read_calendar(), rules=read_frequency())
    assert {flight.starts_at.astimezone(BEIJING).hour for flight in planned.flights} == {22}


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(min_value=1, max_value=40), min_size=1, max_size=12), st.integers(min_value=1, max_value=3))
def test_no_crew_is_in_two_places_and_every_interval_is_met_or_said(intervals: list[int], crew_count: int) -> None:
    asked = patrol(*(area(f"{i}", every_days=float(days)) for i, days in enumerate(intervals)))
    crews = tuple(Crew(name=str(i), launch=HOME) for i in range(crew_count))
    planned = season(tasks_of(asked), crews, FIRST, LAST, calendar=read_calendar(), rules=read_frequency())
    for crew in crews:
        mine = sorted((f.starts_at, f.ends_at) for f in planned.flights if f.crew == crew.name)
        assert all(before[1] <= after[0] for before, after in pairwise(mine))
    refused = {refusal.subject for refusal in planned.unmet}
    for i, days in enumerate(intervals):
        if str(i) in refused:
            continue
        visits = [f.starts_at.astimezone(BEIJING).date() for f in planned.flights if f.area == str(i)]
        gaps = [visits[0] - FIRST, *(b - a for a, b in pairwise(visits)), LAST - visits[-1]]
        assert max(gaps) <= timedelta(days=days)


def test_a_calendar_file_holds_every_flight_and_is_the_same_each_time(tmp_path: Path) -> None:
    import icalendar

    asked = patrol(area("罐区", every_days=7), periods=("FF",))
    planned = season(tasks_of(asked), CREWS, FIRST, LAST, calendar=read_calendar(), rules=read_frequency())
    for name in ("a.ics", "b.ics"):
        write_icalendar(planned, tmp_path / name, made_at=datetime(2026, 1, 1, tzinfo=UTC))
    assert (tmp_path / "a.ics").read_bytes() == (tmp_path / "b.ics").read_bytes()
    events = list(icalendar.Calendar.from_ical((tmp_path / "a.ics").read_bytes()).walk("VEVENT"))
    assert [event["dtstart"].dt for event in events] == [flight.starts_at for flight in planned.flights]
    assert len({event["uid"] for event in events}) == len(events)


def test_a_window_names_the_areas_it_makes_due() -> None:
    patrols = [patrol(area("林区"), periods=("FF", "QM")), patrol(area("罐区"), periods=("HT",))]
    span = windows(read_calendar(), datetime(2026, 4, 4, 4, tzinfo=UTC), datetime(2026, 4, 4, 5, tzinfo=UTC))
    due = {window.period.code: areas_due(patrols, window) for window in span}
    assert due["QM"] == ("林区",)
    assert due["FF+"] == ()


def test_the_rows_of_a_season_name_hazards_areas_and_what_is_only_usual() -> None:
    patrols = [patrol(area("林区"), periods=("FF", "QM"))]
    heading, rows = period_rows(
        read_calendar(), datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC), patrols
    )
    assert all(len(row) == len(heading) for row in rows)
    by_code = {row[0]: row for row in rows}
    assert by_code["QM"][2] == "2026-03-29"  # seven days before 清明, 5 April 2026
    assert by_code["QM"][5] == "林区"
    assert "H29" in by_code["FF"][4]
    assert "usual" in by_code["FS"][6]
    assert [row[0] for row in rows].count("NT") == 1


def test_a_visit_takes_the_time_of_its_own_plan() -> None:
    (task,) = season_tasks([patrol(area("罐区"))])
    assert 60 < task.visit_s < 4 * 3600
