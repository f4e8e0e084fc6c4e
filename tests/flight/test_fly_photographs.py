"""Photographs and their reports: numbers in step with the card, gaps that are said, poses that are never made up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.clock import SystemClock
from core.heights import TakeoffHeight
from core.points import GeoPoint, LocalPlane, distance_m, from_plane
from flight.dronekit_link import connect
from flight.flight_log import FlightLog, Outcome, PhotoGap, Trigger
from flight.flight_plan import FlightPlan, Leg, Sortie, Waypoint
from flight.fly import fly
from flight.flying.log_file import read_log
from flight.mavlink.dronekit_camera import CameraReports, VehicleTime
from flight.rehearsal.vehicle import RehearsalVehicle

ZERO = datetime(2026, 10, 1, 2, 0, tzinfo=UTC)
HOME = GeoPoint(lon_deg=113.5, lat_deg=23.1)


class Camera:
    """A camera that reports; some of its reports never arrive."""

    def __init__(self) -> None:
        self.times = VehicleTime(zero=ZERO, from_vehicle=True)
        self.reports = CameraReports(times=self.times, planned_pitch_deg=-90.0)
        self.triggers: list[Trigger] = []

    def at(self, seconds: float) -> None:
        self.times.latest_s = seconds
        self.triggers += self.reports.settled()

    def feedback(self, index: int, seconds: float, lat: int = 231_000_000) -> None:
        unix_us = round((ZERO + timedelta(seconds=seconds)).timestamp() * 1e6)
        message: Any = SimpleNamespace(
            get_type=lambda: "CAMERA_FEEDBACK", time_usec=unix_us, img_idx=index, lat=lat, lng=lat and 1_135_000_000,
            alt_rel=40.0,
        )  # fmt: skip
        self.reports.photograph(message)

    def numbers(self) -> list[int]:
        return [trigger.number for trigger in self.triggers]


def test_lost_reports_leave_a_gap_that_is_told_once() -> None:
    camera = Camera()
    for index, seconds in ((1, 10), (2, 12), (5, 18), (6, 20)):
        camera.at(seconds)
        camera.feedback(index, seconds)
    for seconds in (21, 22, 23, 24, 25):
        camera.at(seconds)
    assert camera.numbers() == [1, 2, 5, 6]
    after, before = ZERO + timedelta(seconds=12), ZERO + timedelta(seconds=18)
    assert camera.reports.gaps() == [PhotoGap(first=3, last=4, after=after, before=before)]
    assert camera.reports.gaps() == []


def test_a_report_that_was_overtaken_keeps_its_place() -> None:
    camera = Camera()
    for index, seconds in ((1, 10), (3, 14), (2, 12), (4, 16)):
        camera.feedback(index, seconds)
        camera.at(seconds + 0.5)
    camera.at(30)
    assert sorted(camera.numbers()) == [1, 2, 3, 4]
    assert {t.number: (t.at - ZERO).total_seconds() for t in camera.triggers} == {1: 10, 2: 12, 3: 14, 4: 16}
    assert camera.reports.gaps() == []


def test_reports_lost_before_the_first_one_are_known_by_the_cameras_own_count() -> None:
    camera = Camera()
    camera.feedback(7, 0, lat=0)  # asked for before take-off: seven photographs were taken on earlier flights
    camera.at(20)
    camera.feedback(10, 20)
    camera.at(30)
    assert camera.numbers() == [3]
    assert [(gap.first, gap.last, gap.after) for gap in camera.reports.gaps()] == [(1, 2, None)]


def test_a_report_that_is_asked_for_again_is_no_other_photograph() -> None:
    camera = Camera()
    camera.feedback(1, 10)
    camera.at(20)
    camera.feedback(1, 10)
    camera.at(30)
    assert camera.numbers() == [1]


def test_the_last_report_can_be_had_again() -> None:
    camera = Camera()
    camera.feedback(1, 10)
    camera.at(40)
    camera.feedback(2, 12)  # lost in the air, asked for half a minute later
    camera.at(60)
    assert camera.numbers() == [1, 2]
    assert camera.triggers[1].at == ZERO + timedelta(seconds=12), "its own time, not that of its arrival"


def test_a_camera_that_counts_anew_is_counted_on() -> None:
    camera = Camera()
    for index, seconds in ((41, 10), (42, 12), (1, 20), (2, 22)):
        camera.at(seconds)
        camera.feedback(index, seconds)
    camera.at(40)
    assert camera.numbers() == [1, 2, 3, 4]
    assert camera.reports.gaps() == []


def test_numbers_go_on_when_the_link_is_opened_anew() -> None:
    first = Camera()
    for index, seconds in ((31, 10), (32, 12)):
        first.feedback(index, seconds)
        first.at(seconds)
    first.at(20)
    second = Camera()
    second.times.latest_s = 25
    second.reports.begin_sortie(first.triggers)
    second.feedback(32, 12)  # what the vehicle says when it is asked for its last one
    second.feedback(35, 26)
    second.at(40)
    assert second.numbers() == [5]
    assert [(gap.first, gap.last) for gap in second.reports.gaps()] == [(3, 4)]


def _plan() -> FlightPlan:
    def at(leg: Leg, east: float, north: float, height: float, spacing: float | None = None) -> Waypoint:
        lon, lat = from_plane(LocalPlane(origin=HOME), [east, north])
        return Waypoint(
            leg=leg, position=GeoPoint(lon_deg=float(lon), lat_deg=float(lat)), height=TakeoffHeight(metres=height),
            speed_m_s=8.0, gimbal_pitch_deg=-90.0, photo_spacing_m=spacing,
        )  # fmt: skip

    waypoints = (
        at(Leg.TAKEOFF, 0, 0, 20), at(Leg.TRANSIT, 0, 20, 20), at(Leg.LINE, 0, 120, 20, 10.0), at(Leg.RETURN, 0, 0, 20),
        at(Leg.LAND, 0, 0, 0),
    )  # fmt: skip
    sortie = Sortie(number=1, waypoints=waypoints, length_m=240, duration_s=80, photos=11, battery_used=0.05)
    return FlightPlan(patrol="lossy", home=HOME, sorties=(sortie,), findings=(), covered_share=1.0)


@pytest.mark.wall_clock
def test_a_flight_whose_reports_are_lost_says_which(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vehicle = RehearsalVehicle(HOME, speedup=15, seed=3, noise=0.0)
    radio = vehicle._radio
    send, lost = type(radio).send, {3, 4, 7, 11, 12}

    def lossy(self: Any, message: Any) -> None:
        # The last one is lost as it is taken; who asks again hears of it.
        if message.get_type() != "CAMERA_FEEDBACK" or message.img_idx not in lost or vehicle.phase == "returning":
            send(self, message)

    monkeypatch.setattr(type(radio), "send", lossy)
    path = tmp_path / "log"
    with vehicle:
        link = connect(vehicle.address, timeout_s=10)
        try:
            flown = fly(link, _plan(), 1, clock=SystemClock(), log_path=path, approval=None, rehearsal=True)
        finally:
            link.close()
    assert flown.outcome is Outcome.COMPLETED
    truth = {trigger.number: trigger for trigger in vehicle.true_triggers()}
    for log in (flown, read_log(path)):
        _compare(log, truth)
    texts = [event.text for event in flown.events if event.kind == "camera"]
    assert "photographs 3 to 4 were taken and not reported; their poses are not known" in texts
    assert "photograph 7 was taken and not reported; its pose is not known" in texts
    assert texts[-1].endswith("11 planned")


def _compare(log: FlightLog, truth: dict[int, Trigger]) -> None:
    missing = {number for gap in log.gaps for number in range(gap.first, gap.last + 1)}
    assert missing == {3, 4, 7}
    assert {trigger.number for trigger in log.triggers} == set(truth) - missing, "the last one was had again"
    for trigger in log.triggers:
        assert distance_m(trigger.position, truth[trigger.number].position) < 2


@pytest.mark.wall_clock
def test_servo_angles_are_levelled(tmp_path: Path) -> None:
    """An aircraft that leans into the wind, and a camera of plain servos that looks straight down all the same."""
    vehicle = RehearsalVehicle(HOME, speedup=15, seed=3)
    vehicle.set_parameter("MNT1_TYPE", 1)
    with vehicle:
        link = connect(vehicle.address, timeout_s=10)
        try:
            flown = fly(link, _plan(), 1, clock=SystemClock(), log_path=tmp_path / "l", approval=None, rehearsal=True)
        finally:
            link.close()
    truth = {trigger.number: trigger for trigger in vehicle.true_triggers()}
    assert len(flown.triggers) > 8
    off = [abs(trigger.pitch_deg - truth[trigger.number].pitch_deg) for trigger in flown.triggers]
    assert sorted(off)[len(off) // 2] < 1.5
