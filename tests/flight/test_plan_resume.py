"""What a flight left undone is flown, and nothing twice."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import shapely

from core.errors import PlanRefused
from core.points import GeoPoint, LocalPlane, from_plane, to_plane
from flight.flight_log import FlightLog, Outcome, Trigger
from flight.flight_plan import FlightPlan, Leg
from flight.patrol import KeyArea, Patrol, TimeWindow
from flight.plan import plan
from flight.planning.catalogue import read_catalogue
from flight.planning.resume import residual
from flight.rehearsal.rehearse import rehearse
from flight.track import Track

HOME = GeoPoint(lon_deg=113.5, lat_deg=22.8)
PLANE = LocalPlane(origin=HOME)
START = datetime(2026, 10, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def patrol() -> Patrol:
    catalogue = read_catalogue()
    shape = shapely.transform(shapely.box(100, 100, 500, 400), lambda p: from_plane(PLANE, p))
    return Patrol(
        name="resume",
        areas=(KeyArea(name="field", shape=shape, height_agl_m=60, speed_m_s=8),),
        aircraft=catalogue.aircraft["dji-m30t"],
        camera=catalogue.cameras["dji-m30t-wide"].camera,
        home=HOME,
        photo_interval_s=0.7,
    )


@pytest.fixture(scope="module")
def planned(patrol: Patrol) -> FlightPlan:
    return plan(patrol)


def photographs(flight_plan: FlightPlan) -> list[tuple[np.ndarray, float]]:
    found = []
    for sortie in flight_plan.sorties:
        points = to_plane(PLANE, [[w.position.lon_deg, w.position.lat_deg] for w in sortie.waypoints])
        for (a, b), w in zip(pairwise(points), sortie.waypoints[1:], strict=True):
            if w.leg is Leg.LINE and w.photo_spacing_m:
                count = round(math.hypot(*(b - a)) / w.photo_spacing_m)
                found += [(a + (b - a) * i / count, w.height.metres) for i in range(count + 1)]
    return found


def log_of(places: list[tuple[np.ndarray, float]], *, last_item: int = 0) -> FlightLog:
    triggers = []
    for number, (place, height) in enumerate(places, start=1):
        lon, lat = from_plane(PLANE, place)
        triggers.append(
            Trigger(at=START + timedelta(seconds=number), number=number, height_takeoff_m=height, yaw_deg=0,
                    pitch_deg=-90, roll_deg=0, position=GeoPoint(lon_deg=float(lon), lat_deg=float(lat)))
        )  # fmt: skip
    return FlightLog(
        patrol="resume", sortie=1, outcome=Outcome.RETURNED, track=Track(poses=(), source="test"),
        triggers=tuple(triggers), events=(), last_item=last_item,
    )  # fmt: skip


def test_the_rest_and_what_was_taken_cover_everything_and_overlap_little(patrol: Patrol, planned: FlightPlan) -> None:
    every = photographs(planned)
    taken = every[: len(every) // 3] + every[2 * len(every) // 3 :]
    rest = photographs(residual(patrol, planned, [log_of(taken)]))
    for place, _height in every:
        assert any(math.dist(place, other) < 12 for other, _h in taken + rest)
    assert len(rest) < len(every) // 3 + 8


def test_photographs_from_another_height_do_not_count(patrol: Patrol, planned: FlightPlan) -> None:
    every = [(place, height - 30.0) for place, height in photographs(planned)]
    rest = residual(patrol, planned, [log_of(every)])
    assert len(photographs(rest)) == len(every)


def test_without_photographs_in_the_log_the_waypoints_reached_count(patrol: Patrol, planned: FlightPlan) -> None:
    lines = [index for index, w in enumerate(planned.sorties[0].waypoints) if w.leg is Leg.LINE]
    half = lines[len(lines) // 2]
    rest = residual(patrol, planned, [log_of([], last_item=half)])
    flown = sum(1 for w in rest.sorties[0].waypoints if w.leg is Leg.LINE)
    assert flown == len([index for index in lines if index > half])


def test_a_sortie_without_a_log_is_flown_whole(patrol: Patrol, planned: FlightPlan) -> None:
    assert len(photographs(residual(patrol, planned, []))) == len(photographs(planned))


def test_nothing_left_and_a_strange_log_are_refused(patrol: Patrol, planned: FlightPlan) -> None:
    with pytest.raises(PlanRefused, match="every planned photograph"):
        residual(patrol, planned, [log_of(photographs(planned))])
    with pytest.raises(PlanRefused, match="of the patrol other"):
        residual(patrol, planned, [replace(log_of([]), patrol="other")])


@pytest.mark.wall_clock
def test_a_flight_that_went_well_leaves_nothing_to_fly(tmp_path: Path) -> None:
    box = shapely.transform(shapely.box(40, 40, 180, 130), lambda p: from_plane(PLANE, p))
    asked = Patrol(
        name="resume",
        areas=(KeyArea(name="yard", shape=box, height_agl_m=50, speed_m_s=8),),
        aircraft=read_catalogue().aircraft["generic-arducopter"],
        camera=read_catalogue().cameras["demo-12mp"].camera,
        home=HOME,
        photo_interval_s=1.0,
    )
    flight_plan = plan(asked)
    done = rehearse(flight_plan, 1, log_path=tmp_path / "log", patrol=asked, speedup=30)
    assert done.log.outcome is Outcome.COMPLETED
    assert len(done.log.triggers) == flight_plan.sorties[0].photos
    with pytest.raises(PlanRefused, match="every planned photograph"):
        residual(asked, flight_plan, [done.log])


def test_photographs_count_whichever_sortie_took_them_and_the_rest_keeps_to_its_window(
    patrol: Patrol, planned: FlightPlan
) -> None:
    every = photographs(planned)
    elsewhere = replace(log_of(every), sortie=7)
    with pytest.raises(PlanRefused, match="every planned photograph"):
        residual(patrol, planned, [elsewhere])
    window = TimeWindow(starts_at=START, ends_at=START + timedelta(hours=2))
    windowed = replace(patrol, areas=(replace(patrol.areas[0], window=window),))
    half = log_of(every[: len(every) // 2])
    assert residual(windowed, planned, [half], at=START + timedelta(minutes=30)).sorties
    with pytest.raises(PlanRefused, match="field may be flown from"):
        residual(windowed, planned, [half], at=START + timedelta(hours=3))
