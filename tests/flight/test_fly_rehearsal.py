"""A whole sortie flown with DroneKit against the rehearsal vehicle, over TCP, and what is left of it on disk."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.clock import FrozenClock, SystemClock
from core.errors import PlanRefused
from core.heights import TakeoffHeight
from core.points import GeoPoint, LocalPlane, distance_m, from_plane
from flight.dronekit_link import connect
from flight.flight_log import Outcome
from flight.flight_plan import Finding, FlightPlan, Leg, Severity, Sortie, Waypoint
from flight.fly import fly
from flight.flying.log_file import read_log, read_records
from flight.patrol import Approval
from flight.rehearsal.rehearse import rehearse
from flight.rehearsal.vehicle import RehearsalVehicle
from flight.rehearsal.vehicle_faults import Fault, FaultKind, Phase, Planned
from flight.track import Pose, pose_at

pytestmark = pytest.mark.wall_clock  # a simulated flight at many times its speed: run alone

HOME = GeoPoint(lon_deg=113.5, lat_deg=23.1)
START = datetime(2026, 10, 1, 2, 0, tzinfo=UTC)


def waypoint(leg: Leg, east: float, north: float, height: float = 40.0, spacing: float | None = None) -> Waypoint:
    lon, lat = from_plane(LocalPlane(origin=HOME), [east, north])
    return Waypoint(
        leg=leg,
        position=GeoPoint(lon_deg=float(lon), lat_deg=float(lat)),
        height=TakeoffHeight(metres=height),
        speed_m_s=8.0,
        gimbal_pitch_deg=-90.0,
        photo_spacing_m=spacing,
        area="yard" if leg is Leg.LINE else "",
    )


@pytest.fixture
def plan() -> FlightPlan:
    waypoints = (
        waypoint(Leg.TAKEOFF, 0, 0),
        waypoint(Leg.TRANSIT, 30, 30),
        waypoint(Leg.LINE, 30, 130, spacing=20.0),
        waypoint(Leg.TRANSIT, 60, 130),
        waypoint(Leg.LINE, 60, 30, spacing=20.0),
        waypoint(Leg.RETURN, 0, 0),
        waypoint(Leg.LAND, 0, 0, 0.0),
    )
    sortie = Sortie(number=1, waypoints=waypoints, length_m=340, duration_s=120, photos=12, battery_used=0.1)
    return FlightPlan(patrol="yard patrol", home=HOME, sorties=(sortie,), findings=(), covered_share=1.0)


def test_a_sortie_is_flown_photographed_and_logged(plan: FlightPlan, tmp_path: Path) -> None:
    threads_before = threading.active_count()
    log_path = tmp_path / "flight.jsonl"
    with RehearsalVehicle(HOME, home_hae_m=12.0, speedup=40, seed=5, start_at=START) as vehicle:
        link = connect(vehicle.address, timeout_s=10)
        try:
            log = fly(link, plan, 1, clock=SystemClock(), log_path=log_path, approval=None, rehearsal=True)
        finally:
            link.close()
        assert not vehicle.flying
    assert log.outcome is Outcome.COMPLETED
    assert log.last_item == len(plan.sorties[0].waypoints) - 1
    truth = vehicle.true_triggers()
    assert 10 <= len(truth) <= 14
    assert [t.number for t in log.triggers] == [t.number for t in truth]
    for seen, true in zip(log.triggers, truth, strict=True):
        assert abs((seen.at - true.at).total_seconds()) < 0.002
        assert 0 < distance_m(seen.position, true.position) < 4
        assert abs(seen.pitch_deg - true.pitch_deg) < 1.5
        assert abs((seen.yaw_deg - true.yaw_deg + 180) % 360 - 180) < 3
    assert all(START <= pose.captured_at < START + timedelta(minutes=10) for pose in log.track.poses)
    for trigger in log.triggers:
        pose = pose_at(log.track, trigger.at)
        assert isinstance(pose, Pose)
        assert pose.position is not None
        assert pose.pitch_deg is not None
        assert pose.height_hae is not None
        assert distance_m(pose.position, trigger.position) < 1.5
        assert abs(pose.height_hae.metres - 52) < 5
    read_back = read_log(log_path)
    assert (read_back.outcome, read_back.last_item) == (log.outcome, log.last_item)
    assert [t.number for t in read_back.triggers] == [t.number for t in log.triggers]
    assert len(read_back.track.poses) == len(log.track.poses)
    assert threading.active_count() == threads_before


def test_a_rehearsal_that_never_had_a_link_is_logged_as_one(plan: FlightPlan, tmp_path: Path) -> None:
    log_path = tmp_path / "flight.jsonl"
    silent = Planned(fault=Fault(kind=FaultKind.LINK_LOSS), phase=Phase.CONNECT)
    flown = rehearse(plan, 1, log_path=log_path, faults=[silent], connect_s=1.0)
    assert flown.log.outcome is Outcome.REFUSED
    begin, *_others = read_records(log_path)
    assert (begin["kind"], begin["rehearsal"], begin["approval"]) == ("begin", True, None)


def test_lines_are_flown_where_they_were_planned(plan: FlightPlan, tmp_path: Path) -> None:
    with RehearsalVehicle(HOME, speedup=60, seed=1, start_at=START, noise=0.0) as vehicle:
        link = connect(vehicle.address, timeout_s=10)
        log = fly(link, plan, 1, clock=SystemClock(), log_path=tmp_path / "l", approval=None, rehearsal=True)
        link.close()
    plane = LocalPlane(origin=HOME)
    from core.points import to_plane

    for trigger in log.triggers:
        east, north = to_plane(plane, [trigger.position.lon_deg, trigger.position.lat_deg])
        assert min(abs(east - 30), abs(east - 60)) < 1.0, f"photograph {trigger.number} is off its line"
        assert 28 < north < 132
        assert abs(trigger.height_takeoff_m - 40) < 1.0


def test_the_same_seed_flies_the_same_photographs(plan: FlightPlan, tmp_path: Path) -> None:
    tracks = []
    for run in (1, 2):
        with RehearsalVehicle(HOME, speedup=60, seed=9, start_at=START) as vehicle:
            link = connect(vehicle.address, timeout_s=10)
            fly(link, plan, 1, clock=SystemClock(), log_path=tmp_path / str(run), approval=None, rehearsal=True)
            link.close()
            tracks.append(vehicle.true_triggers())
    # The moment of take-off depends on the wall clock, so the gusts differ; number and places of photographs do not.
    assert len(tracks[0]) == len(tracks[1])
    for a, b in zip(*tracks, strict=True):
        assert distance_m(a.position, b.position) < 3


class Unreachable:
    """A link that must not be touched."""

    def __getattr__(self, name: str) -> None:
        raise AssertionError(f"the link was used ({name}) before the approval was checked")


@pytest.mark.parametrize("case", ["none", "over", "failed finding"])
def test_nothing_unapproved_is_flown(plan: FlightPlan, tmp_path: Path, case: str) -> None:
    clock = FrozenClock(instant=START)
    approval = Approval(number="GZ-2026-001", starts_at=START, ends_at=START + timedelta(hours=2), max_height_agl_m=120)
    expected = "approval"
    if case == "over":
        clock.advance(3 * 3600)
        expected = "GZ-2026-001"
    elif case == "failed finding":
        finding = Finding(code="height-limit", severity=Severity.FAIL, text="130 m over the road")
        plan = FlightPlan(patrol="p", home=HOME, sorties=plan.sorties, findings=(finding,), covered_share=1.0)
        expected = "height-limit"
    with pytest.raises(PlanRefused, match=expected):
        fly(
            Unreachable(),  # type: ignore[arg-type]
            plan,
            1,
            clock=clock,
            log_path=tmp_path / "log",
            approval=None if case == "none" else approval,
        )
    assert not (tmp_path / "log").exists()
