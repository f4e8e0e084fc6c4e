"""Time windows and crews with different aircraft: who takes off when, in time, and why not."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
import shapely

from core.clock import BEIJING
from core.errors import PlanRefused
from core.points import GeoPoint, LocalPlane, from_plane
from flight.exports.application_sheet import sheet_of
from flight.flight_plan import FlightPlan, Leg, Severity
from flight.patrol import Crew, KeyArea, Kit, Limits, Patrol, TimeWindow, flown_by
from flight.plan import plan
from flight.planning.airspace_law import takeoffs
from flight.planning.airspace_rules import read_airspace_rules
from flight.planning.catalogue import read_catalogue
from flight.planning.fleet_routing import CHANGE_S
from flight.planning.footprint import ground_extent_m
from flight.planning.kits import narrowest_camera, strictest
from flight.planning.profile import profile

HOME = GeoPoint(lon_deg=113.5, lat_deg=22.8)
PLANE = LocalPlane(origin=HOME)
CATALOGUE = read_catalogue()
NINE = datetime(2026, 10, 1, 9, 0, tzinfo=BEIJING)


def kit(key: str) -> Kit:
    camera = CATALOGUE.cameras[CATALOGUE.default_camera[key]]
    return Kit(
        aircraft=CATALOGUE.aircraft[key],
        camera=camera.camera,
        photo_interval_s=camera.interval_s,
        camera_key=camera.key,
        wpml_payload=camera.wpml_payload,
    )


def at(east: float, north: float) -> GeoPoint:
    lon, lat = from_plane(PLANE, [[east, north]])[0]
    return GeoPoint(lon_deg=float(lon), lat_deg=float(lat))


def area(name: str, west: float, south: float, **settings: Any) -> KeyArea:
    shape = shapely.transform(shapely.box(west, south, west + 300, south + 200), lambda p: from_plane(PLANE, p))
    return KeyArea(name=name, shape=shape, **{"height_agl_m": 60.0, "speed_m_s": 8.0} | settings)


def patrol(*areas: KeyArea, crews: tuple[Crew, ...] = (), **settings: Any) -> Patrol:
    own = kit("dji-m30t")
    return Patrol(
        name="windows", areas=areas, aircraft=own.aircraft, camera=own.camera, home=HOME, crews=crews,
        photo_interval_s=own.photo_interval_s, **settings,
    )  # fmt: skip


def window(first: str, last: str) -> TimeWindow:
    def moment(text: str) -> datetime:
        return datetime.combine(NINE.date(), datetime.strptime(text, "%H:%M").time(), BEIJING)  # noqa: DTZ007 - a time

    return TimeWindow(starts_at=moment(first), ends_at=moment(last))


def flown_times(flight_plan: FlightPlan, asked: Patrol, name: str) -> tuple[datetime, datetime]:
    """When an area is flown from and to, by the profile of each sortie."""
    begins = takeoffs(flight_plan.sorties, NINE)
    times = [
        begins[sortie.number] + timedelta(seconds=moment.time_s)
        for sortie in flight_plan.sorties
        for moment in profile(sortie, asked)
        if name in {w.area for w in sortie.waypoints[moment.index : moment.index + 2]}
    ]
    return min(times), max(times)


def test_an_area_that_opens_later_is_waited_for_on_the_ground() -> None:
    asked = patrol(area("early", 50, 50), area("late", 50, 300, window=window("10:30", "11:30")))
    flight_plan = plan(asked, at=NINE)
    first, last = flown_times(flight_plan, asked, "late")
    assert window("10:30", "11:30").starts_at <= first
    assert last <= window("10:30", "11:30").ends_at
    assert flown_times(flight_plan, asked, "early")[1] < NINE + timedelta(minutes=30)
    assert [s.severity for s in flight_plan.findings if s.code == "time-window"] == [Severity.PASS]
    assert flight_plan.covered_share > 0.995
    assert plan(asked, at=NINE) == flight_plan


def test_the_window_that_closes_first_is_flown_first_even_at_a_lower_priority() -> None:
    asked = patrol(
        area("urgent", 50, 50), area("closing", 50, 300, priority=3, window=window("08:00", "09:16")),
        area("also urgent", 400, 50),
    )  # fmt: skip
    flight_plan = plan(asked, at=NINE)
    assert flown_times(flight_plan, asked, "closing")[1] <= window("08:00", "09:16").ends_at
    assert {w.area for s in flight_plan.sorties for w in s.waypoints if w.leg is Leg.LINE} == {
        "urgent", "closing", "also urgent",
    }  # fmt: skip


def test_a_crews_batteries_fly_one_after_another_with_a_change_between() -> None:
    crews = (Crew(name="east", launch=at(900, 0)), Crew(name="west", launch=HOME))
    asked = patrol(*(area(f"a{n}", 50 + 350 * (n % 3), 50 + 250 * (n // 3), height_agl_m=30.0) for n in range(6)),
                   crews=crews)  # fmt: skip
    flight_plan = plan(asked, at=NINE)
    begins = takeoffs(flight_plan.sorties, NINE)
    for crew in ("east", "west"):
        mine = [s for s in flight_plan.sorties if s.crew == crew]
        assert begins[mine[0].number] == NINE
        for before, after in pairwise(mine):
            gap = begins[after.number] - begins[before.number] - timedelta(seconds=before.duration_s)
            assert gap.total_seconds() >= CHANGE_S - 1


@pytest.mark.parametrize(
    ("asked", "begins", "words"),
    [
        (patrol(area("a", 50, 50, window=window("10:00", "12:00"))), "09:00",
         r"no area may be flown at .*09:00.*; a opens next from .*10:00.* to .*12:00"),
        (patrol(area("a", 50, 50, window=window("06:00", "08:00")), area("b", 50, 300)), "09:00",
         r"a may be flown from .*06:00.* to .*08:00.* only, .*does not open again"),
        (patrol(area("a", 50, 50, window=window("08:00", "09:01"))), "09:00",
         r"a cannot be flown whole while it is open .*09:00.* – .*09:01"),
        (patrol(area("a", 50, 50, height_agl_m=20.0), area("b", 400, 50, height_agl_m=20.0)), "18:00",
         r"cannot be flown whole while it is open .*opens next from 2026-10-02T06:"),
        (patrol(area("a", 50, 50), periods=("NT",), limits=Limits(night_flight=True)), "05:57",
         r"a cannot be flown whole while it is open .*06:00.*opens next from 2026-10-01T22:00"),
    ],
)  # fmt: skip
def test_what_cannot_be_flown_in_time_is_refused_with_the_next_window(asked: Patrol, begins: str, words: str) -> None:
    with pytest.raises(PlanRefused, match=words):
        plan(asked, at=window(begins, "23:59").starts_at)


def test_crews_fly_their_own_aircraft_by_its_own_endurance() -> None:
    crews = (
        Crew(name="heavy", launch=HOME, batteries=2),
        Crew(name="light", launch=at(900, 0), batteries=2, kit=kit("dji-p4rtk")),
    )
    asked = patrol(area("left", 50, 50, height_agl_m=40.0), area("right", 550, 50, height_agl_m=40.0), crews=crews)
    flight_plan = plan(asked, at=NINE)
    assert {sortie.crew for sortie in flight_plan.sorties} == {"heavy", "light"}
    for sortie in flight_plan.sorties:
        craft = flown_by(asked, sortie.crew).aircraft
        assert craft.model == ("DJI Phantom 4 RTK" if sortie.crew == "light" else "DJI Matrice 30T")
        moments = profile(sortie, asked)
        assert 1 - moments[-1].battery_left == pytest.approx(sortie.battery_used, rel=1e-6)
        assert sortie.battery_used <= 0.75 + 1e-9
        transits = [w.speed_m_s for w in sortie.waypoints if w.leg is Leg.TRANSIT]
        assert set(transits) <= {craft.cruise_m_s}
    assert flight_plan.covered_share > 0.995
    rows = dict(sheet_of(flight_plan, asked, read_airspace_rules(), NINE)["rows"])
    assert (
        "DJI Matrice 30T（轻型，3.77 kg），1 架；DJI Phantom 4 RTK（轻型，1.391 kg），1 架"
        in rows["航空器类型、数量、登记号"]
    )
    assert rows["起降、备降场地"].count("；") == 1


def test_lines_are_laid_for_the_narrowest_picture_and_the_slowest() -> None:
    kits = (kit("dji-m30t"), kit("dji-m3e"), kit("dji-p4rtk"))
    camera = narrowest_camera([one.camera for one in kits])
    narrow = ground_extent_m(camera, -90.0, 50.0)
    assert narrow is not None
    for one in kits:
        extent = ground_extent_m(one.camera, -90.0, 50.0)
        assert extent is not None
        assert narrow[0] <= extent[0] + 1e-9
        assert narrow[1] <= extent[1] + 1e-9
        assert camera.focal_px <= one.camera.focal_px
    crews = tuple(Crew(name=str(n), launch=HOME, kit=one) for n, one in enumerate(kits))
    everybody = strictest(patrol(area("a", 50, 50, speed_m_s=30.0), crews=crews))
    assert everybody.aircraft.climb_m_s == min(one.aircraft.climb_m_s for one in kits)
    assert everybody.areas[0].speed_m_s == min(one.aircraft.cruise_m_s for one in kits)
    assert everybody.photo_interval_s == max(one.photo_interval_s for one in kits)


def test_a_crew_whose_aircraft_cannot_reach_an_area_leaves_it_to_the_other() -> None:
    weak = replace(kit("dji-p4rtk"), aircraft=replace(kit("dji-p4rtk").aircraft, endurance_s=420.0))
    crews = (Crew(name="weak", launch=HOME, kit=weak), Crew(name="strong", launch=HOME))
    asked = patrol(area("near", 50, 50), area("far", 1800, 50), crews=crews)
    flight_plan = plan(asked)
    flown = {(s.crew, w.area) for s in flight_plan.sorties for w in s.waypoints if w.leg is Leg.LINE}
    assert ("weak", "far") not in flown
    assert ("strong", "far") in flown
    assert [f for f in flight_plan.findings if f.code == "batteries"] == []
