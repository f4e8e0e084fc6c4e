"""Batteries, crews and launch points: all is flown once, from the right place, and comes home with its reserve."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
import shapely

from core.errors import PlanRefused
from core.points import GeoPoint, LocalPlane, from_plane
from flight.flight_plan import Leg, Severity
from flight.mavlink.mission import mission_items
from flight.patrol import Crew, KeyArea, Patrol, TimeWindow, Wind
from flight.plan import plan
from flight.planning.airspace_law import takeoffs
from flight.planning.catalogue import read_catalogue
from flight.planning.fleet import crew_builders, share_out
from flight.planning.ground import Ground
from flight.planning.profile import profile
from flight.planning.survey import Setting, spacing_of, survey_runs

HOME = GeoPoint(lon_deg=113.5, lat_deg=22.8)
PLANE = LocalPlane(origin=HOME)
CATALOGUE = read_catalogue()


def area(name: str, west: float, south: float, **settings: Any) -> KeyArea:
    shape = shapely.box(west, south, west + 600, south + 500)
    plain: dict[str, Any] = {"height_agl_m": 50.0, "speed_m_s": 8.0}
    return KeyArea(name=name, shape=shapely.transform(shape, lambda p: from_plane(PLANE, p)), **plain | settings)


def at(east: float, north: float) -> GeoPoint:
    lon, lat = from_plane(PLANE, [[east, north]])[0]
    return GeoPoint(lon_deg=float(lon), lat_deg=float(lat))


def patrol(*areas: KeyArea, crews: tuple[Crew, ...] = ()) -> Patrol:
    return Patrol(
        name="fleet",
        areas=areas,
        aircraft=CATALOGUE.aircraft["generic-arducopter"],
        camera=CATALOGUE.cameras["demo-12mp"].camera,
        home=HOME,
        crews=crews,
        photo_interval_s=1.0,
    )


TWO = (Crew(name="east", launch=at(1900, 300), batteries=4), Crew(name="west", launch=at(-100, 300), batteries=4))


def test_two_crews_each_fly_what_is_near_them_from_their_own_launch_point() -> None:
    asked = patrol(area("left", 0, 0), area("right", 1200, 0), crews=TWO)
    flight_plan = plan(asked)
    launches = {crew.name: crew.launch for crew in TWO}
    assert {sortie.crew for sortie in flight_plan.sorties} == {"east", "west"}
    for sortie in flight_plan.sorties:
        launch = launches[sortie.crew]
        for end in (sortie.waypoints[0], sortie.waypoints[-1]):
            assert end.position.lon_deg == pytest.approx(launch.lon_deg, abs=1e-9)
            assert end.position.lat_deg == pytest.approx(launch.lat_deg, abs=1e-9)
        assert sortie.battery_used <= 0.75 + 1e-9
        flown = {w.area for w in sortie.waypoints if w.leg is Leg.LINE}
        assert flown == ({"right"} if sortie.crew == "east" else {"left"})
    assert flight_plan.covered_share > 0.995
    assert plan(asked) == flight_plan


def test_with_too_few_batteries_the_more_urgent_area_is_flown_and_the_rest_is_said() -> None:
    crews = (replace(TWO[0], launch=at(800, 700), batteries=1), replace(TWO[1], launch=at(900, 700), batteries=1))
    asked = patrol(area("later", 0, 0, priority=3), area("first", 1200, 0, priority=1), crews=crews)
    flight_plan = plan(asked)
    left = [finding for finding in flight_plan.findings if finding.code == "batteries"]
    assert [finding.severity for finding in left] == [Severity.FAIL]
    assert left[0].text.startswith("later")


def test_the_cuts_between_batteries_are_no_worse_than_flying_each_one_empty() -> None:
    asked = patrol(area("large", 100, 100))
    asked = replace(asked, aircraft=replace(asked.aircraft, endurance_s=600.0))
    ground = Ground(asked)
    spacing = spacing_of(asked.areas[0], asked.camera, 1.0)
    setting = Setting(router=ground.router(50, 50), wind=Wind(), start=ground.home, end=ground.home)
    runs = survey_runs(asked.areas[0], ground.areas["large"], 50.0, spacing, setting)
    builders = crew_builders(asked, ground)
    builder = builders[""]
    greedy = builder.build(runs, ground.home)
    tasks = share_out(asked, ground, runs, builders).tasks
    chosen = [sortie for task in tasks for sortie in builder.build(list(task.runs), task.launch)]
    assert len(greedy) > 2
    assert len(chosen) <= len(greedy)
    assert sum(s.duration_s for s in chosen) <= sum(s.duration_s for s in greedy) * 1.02
    assert max(s.battery_used for s in chosen) <= 0.75 + 1e-9


def test_the_profile_agrees_with_the_sortie_and_the_battery_only_falls() -> None:
    asked = replace(patrol(area("a", 100, 100)), wind=Wind(speed_m_s=6.0, from_deg=90.0))
    for sortie in plan(asked).sorties:
        moments = profile(sortie, asked)
        assert moments[-1].time_s == pytest.approx(sortie.duration_s, rel=1e-6)
        assert 1 - moments[-1].battery_left == pytest.approx(sortie.battery_used, rel=1e-6)
        levels = [moment.battery_left for moment in moments]
        assert levels == sorted(levels, reverse=True)


def test_wind_and_cold_cost_battery() -> None:
    calm = patrol(area("a", 100, 100))
    used = [
        sum(sortie.battery_used for sortie in plan(asked).sorties)
        for asked in (calm, replace(calm, wind=Wind(speed_m_s=9.0, from_deg=45.0)), replace(calm, temperature_c=0.0))
    ]
    assert used[1] > 1.05 * used[0]
    assert used[2] > 1.1 * used[0]


def test_lines_are_laid_across_no_more_wind_than_needed() -> None:
    field = KeyArea(
        name="square",
        shape=shapely.transform(shapely.box(50, 50, 550, 550), lambda p: from_plane(PLANE, p)),
        height_agl_m=50.0,
        speed_m_s=8.0,
    )
    for wind_from in (0.0, 90.0):
        asked = replace(patrol(field), wind=Wind(speed_m_s=9.0, from_deg=wind_from))
        chosen = sum(sortie.battery_used for sortie in plan(asked).sorties)
        turned = replace(field, angle_deg=wind_from + 45.0)
        assert chosen <= sum(sortie.battery_used for sortie in plan(replace(asked, areas=(turned,))).sorties) + 1e-9


def test_crews_work_side_by_side_and_one_crew_changes_batteries() -> None:
    start = datetime(2026, 10, 1, 1, 0, tzinfo=UTC)
    sorties = plan(patrol(area("left", 0, 0), area("right", 1200, 0), crews=TWO)).sorties
    begins = takeoffs(sorties, start)
    for crew in ("east", "west"):
        mine = [sortie for sortie in sorties if sortie.crew == crew]
        assert begins[mine[0].number] == start
        for before, after in pairwise(mine):
            assert begins[after.number] >= begins[before.number] + timedelta(seconds=before.duration_s)


def test_an_area_that_cannot_be_flown_within_its_window_is_refused() -> None:
    start = datetime(2026, 10, 1, 1, 0, tzinfo=UTC)
    window = TimeWindow(starts_at=start, ends_at=start + timedelta(minutes=2))
    with pytest.raises(PlanRefused, match=r"a cannot be flown whole while it is open .*does not open again"):
        plan(patrol(area("a", 100, 100, window=window)), at=start)
    asked = patrol(area("a", 100, 100, window=replace(window, ends_at=start + timedelta(hours=3))))
    findings = {finding.code: finding for finding in plan(asked, at=start).findings}
    assert findings["time-window"].severity is Severity.PASS


def test_a_mission_that_the_autopilot_cannot_hold_becomes_several() -> None:
    asked = patrol(area("a", 100, 100))
    small = replace(asked, aircraft=replace(asked.aircraft, max_items=60, endurance_s=6_000.0))
    flight_plan = plan(small)
    assert len(flight_plan.sorties) > 1
    assert all(len(mission_items(sortie, HOME)) <= 60 for sortie in flight_plan.sorties)
    assert flight_plan.covered_share > 0.995
    findings = {finding.code: finding.severity for finding in flight_plan.findings}
    assert findings["mission-items"] is Severity.PASS
