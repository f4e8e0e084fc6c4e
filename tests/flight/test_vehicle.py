"""The rehearsal vehicle by its protocol, its guards, and what the link makes of them."""

from __future__ import annotations

import math
import queue
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from shapely import MultiPolygon, Polygon

from core.clock import SystemClock
from core.errors import LinkFailed, PlanRefused, VehicleRefused
from core.points import LocalPlane, distance_m, from_plane
from flight.dronekit_link import connect
from flight.flight_log import Outcome
from flight.flight_plan import FlightPlan, Leg, Sortie
from flight.fly import fly
from flight.flying.separation import Departure, Separation, conflicts, departures, gap
from flight.flying.watch import FlightView, Order, OrderKind
from flight.mavlink.dronekit_camera import CameraReports, VehicleTime, euler
from flight.mavlink.dronekit_exchange import ListType
from flight.mavlink.dronekit_wire import UdpWire
from flight.mavlink.fence import fence_items, rally_items
from flight.mavlink.mission import Dialect, MissionItem
from flight.patrol import NoFlyZone, Wind
from flight.rehearsal.vehicle import RehearsalVehicle
from flight.rehearsal.vehicle_faults import Fault, FaultKind
from flight.rehearsal.vehicle_telemetry import quaternion
from flight.track import Pose, pose_at
from tests.flight.short_hops import HOME, at, hop

pytestmark = pytest.mark.wall_clock  # a simulated flight at many times its speed: run alone


def plan_of(sortie: Sortie) -> FlightPlan:
    return FlightPlan(patrol="p", home=HOME, sorties=(sortie,), findings=(), covered_share=1.0)


def box(west: float, south: float, east: float, north: float) -> Polygon:
    corners = [[west, south], [east, south], [east, north], [west, north]]
    return Polygon(from_plane(LocalPlane(origin=HOME), corners))


# --- signing --------------------------------------------------------------------------------------------------------


def test_a_signed_link_works_and_an_unsigned_or_wrongly_signed_one_does_not(tmp_path: Path) -> None:
    key, wrong = bytes(range(32)), bytes(32)
    with RehearsalVehicle(HOME, speedup=20, signing_key=key) as vehicle:
        link = connect(vehicle.address, timeout_s=10, signing_key=key)
        log = fly(link, plan_of(hop()), 1, clock=SystemClock(), log_path=tmp_path / "l", approval=None, rehearsal=True)
        link.close()
        assert log.outcome is Outcome.COMPLETED
        for other in (None, wrong):
            refused: LinkFailed | None = None
            try:
                stranger = connect(vehicle.address, timeout_s=2, signing_key=other, silence_s=0.9)
            except LinkFailed as error:
                refused = error
            else:
                with pytest.raises(LinkFailed):
                    stranger.upload(hop())
                stranger.close()
            assert other is None or refused is not None, "a message with a wrong signature was believed"
    with pytest.raises(ValueError, match="32 bytes"):
        connect("udpout:127.0.0.1:9", timeout_s=1, signing_key=b"short")


# --- fence and rally --------------------------------------------------------------------------------------------------


def test_fence_and_rally_are_held_to_the_last_corner() -> None:
    zones = (NoFlyZone(name="a", shape=box(100, 0, 200, 100)), NoFlyZone(name="high", shape=SQUARE, floor_m=300.0))
    permitted = Polygon(box(-500, -500, 500, 500).exterior, [box(-50, 200, 50, 300).exterior])
    fence = fence_items(permitted, zones, hop())
    rally = rally_items([at(Leg.TRANSIT, 80, 80, 1).position], 40.0)
    with RehearsalVehicle(HOME, speedup=5) as vehicle:
        link = connect(vehicle.address, timeout_s=10)
        link.upload_fence(fence)
        link.upload_rally(rally)
        held = link._exchange.fetch(ListType.FENCE, alive=link._port.require_alive)
        assert link.parameters(["FENCE_TOTAL", "RALLY_TOTAL"]) == {"FENCE_TOTAL": 12.0, "RALLY_TOTAL": 1.0}
        link.upload_fence(())
        assert link.parameters(["FENCE_TOTAL", "NO_SUCH_THING"]) == {"FENCE_TOTAL": 0.0, "NO_SUCH_THING": None}
        link.close()
    assert [(i.command, i.x_e7, i.y_e7) for i in held] == [(i.command, i.x_e7, i.y_e7) for i in fence]
    assert [item.command for item in fence] == [5001] * 4 + [5002] * 8


SQUARE = box(100, 0, 200, 100)


def test_what_a_fence_cannot_hold_is_refused() -> None:
    apart = MultiPolygon([box(0, 0, 10, 10), box(50, 50, 60, 60)])
    with pytest.raises(PlanRefused, match="several parts"):
        fence_items(apart, (), hop())
    many = tuple(NoFlyZone(name=str(n), shape=box(100.0 + 10 * n, 0, 105.0 + 10 * n, 5)) for n in range(20))
    with pytest.raises(PlanRefused, match="80 corners"):
        fence_items(None, many, hop())


def test_a_round_zone_is_fenced_with_fewer_corners_and_no_less_ground() -> None:
    round_zone = circle(200.0, 200.0, 60.0)
    fence = fence_items(None, (NoFlyZone(name="round", shape=round_zone),), hop())
    assert len(fence) < 60
    fenced = Polygon([(item.y_e7 / 1e7, item.x_e7 / 1e7) for item in fence])
    assert fenced.buffer(1e-9).contains(round_zone)
    assert fenced.area < 1.15 * round_zone.area


def circle(east: float, north: float, radius: float) -> Polygon:
    angles = [step / 50 * math.pi for step in range(100)]
    ring = [[east + radius * math.cos(angle), north + radius * math.sin(angle)] for angle in angles]
    return Polygon(from_plane(LocalPlane(origin=HOME), ring))


def test_a_mission_too_long_for_the_vehicle_is_refused_in_words() -> None:
    sortie = hop(12.0, *[(float(n % 20), float(n // 20)) for n in range(700)])
    with RehearsalVehicle(HOME, speedup=5) as vehicle:
        link = connect(vehicle.address, timeout_s=10)
        with pytest.raises(VehicleRefused, match="not enough room"):
            link.upload(sortie)
        link.close()


def test_six_hundred_items_are_loaded_and_verified_in_time() -> None:
    sortie = hop(12.0, *[(10.0 * (n % 30), 10.0 * (n // 30)) for n in range(594)])
    with RehearsalVehicle(HOME) as vehicle:
        link = connect(vehicle.address, timeout_s=10)
        began = time.monotonic()
        link.upload(sortie)
        took = time.monotonic() - began
        link.close()
    assert len(link._items) >= 600
    assert took < 5.0


# --- numbers that are none ------------------------------------------------------------------------------------------


def test_no_number_that_is_none_leaves_or_enters() -> None:
    with pytest.raises(ValueError, match="finite"):
        MissionItem(seq=0, frame=3, command=16, z=float("nan"))
    with pytest.raises(ValueError, match="Earth"):
        MissionItem(seq=0, frame=3, command=16, x_e7=2**31 - 1)
    with RehearsalVehicle(HOME, speedup=10) as vehicle:
        link = connect(vehicle.address, timeout_s=10)
        vehicle.inject(Fault(kind=FaultKind.NAN))
        time.sleep(0.3)
        state = link.state()
        assert state.position is None
        assert state.gimbal_pitch_deg is None
        assert 0 <= state.yaw_deg < 360
        with pytest.raises(LinkFailed, match="no position"):
            link.upload(hop())
        link.close()


@pytest.mark.parametrize(
    ("yaw", "pitch", "roll"), [(0, 0, 0), (135, -45, 5), (10, -89.9, 0.2), (300, -90.3, -0.2), (200, -20, -30)]
)
def test_gimbal_angles_survive_the_quaternion(yaw: float, pitch: float, roll: float) -> None:
    got = euler(quaternion(yaw, pitch, roll))
    again, before = quaternion(*got), quaternion(yaw, pitch, roll)
    assert abs(sum(a * b for a, b in zip(again, before, strict=True))) == pytest.approx(1.0, abs=1e-9)
    assert abs(got[2]) <= 90
    assert got[1] == pytest.approx(pitch, abs=1e-6)


def test_a_lost_photograph_leaves_its_number_free() -> None:
    class Feedback:
        def __init__(self, index: int, lat: int = 231000000, lng: int = 1135000000) -> None:
            self.img_idx, self.time_usec, self.lat, self.lng, self.alt_rel = index, 0, lat, lng, 50.0

        def get_type(self) -> str:
            return "CAMERA_FEEDBACK"

    times = VehicleTime()
    times.heard(10.0, 0.0, datetime(2026, 10, 1, tzinfo=UTC))
    camera = CameraReports(times=times, planned_pitch_deg=-90.0)
    for index in (7, 8, 8, 10, 11):
        camera.photograph(Feedback(index))
    camera.photograph(Feedback(12, lat=0, lng=0))  # no fix
    taken = camera.settled(flush=True)
    assert [trigger.number for trigger in taken] == [1, 2, 4, 5]
    assert {(trigger.angles_from, trigger.pitch_deg) for trigger in taken} == {("plan", -90.0)}


# --- the body -------------------------------------------------------------------------------------------------------


def test_wind_costs_battery_and_does_not_carry_it_off(tmp_path: Path) -> None:
    left = {}
    for wind in (0.0, 9.0):
        with RehearsalVehicle(HOME, speedup=40, seed=1, wind=Wind(speed_m_s=wind, from_deg=0.0)) as vehicle:
            link = connect(vehicle.address, timeout_s=10)
            sortie = hop(12.0, (0.0, 100.0), (0.0, 0.0), (0.0, 100.0))
            log = fly(
                link, plan_of(sortie), 1, clock=SystemClock(), log_path=tmp_path / str(wind), approval=None,
                rehearsal=True,
            )  # fmt: skip
            assert link.health().wind_m_s == pytest.approx(wind, abs=0.1)
            link.close()
        assert log.outcome is Outcome.COMPLETED
        poses = vehicle.true_track().poses
        assert all(abs(pose.position.lon_deg - HOME.lon_deg) < 5e-5 for pose in poses if pose.position is not None)
        left[wind] = vehicle._body.battery.share
    assert left[9.0] < left[0.0] - 0.001


def test_the_truth_and_the_report_differ_as_gnss_does(tmp_path: Path) -> None:
    with RehearsalVehicle(HOME, speedup=40, seed=8) as vehicle:
        link = connect(vehicle.address, timeout_s=10)
        log = fly(link, plan_of(hop()), 1, clock=SystemClock(), log_path=tmp_path / "l", approval=None, rehearsal=True)
        link.close()
    truth = vehicle.true_track()
    off = []
    for pose in log.track.poses:
        true = pose_at(truth, pose.captured_at)
        if isinstance(true, Pose) and pose.position is not None and true.position is not None:
            off.append(distance_m(pose.position, true.position))
    assert len(off) > 20
    assert 0.05 < sorted(off)[len(off) // 2] < 3.0


# --- several aircraft -----------------------------------------------------------------------------------------------


def test_crossing_sorties_are_delayed_until_they_are_apart() -> None:
    across, along = hop(30.0, (100.0, 0.0), (-100.0, 0.0)), hop(30.0, (0.0, 100.0), (0.0, -100.0))
    both = [Departure(aircraft="A", sortie=across), Departure(aircraft="B", sortie=along)]
    assert conflicts(both, HOME)[0].horizontal_m < 30
    assert "A and B come within" in str(conflicts(both, HOME)[0])
    settled = departures({"A": across, "B": along}, HOME)
    assert settled[0].takeoff_s == 0
    assert settled[1].takeoff_s > 0
    assert conflicts(settled, HOME) == []


def test_sorties_far_apart_or_at_other_heights_need_no_delay() -> None:
    home_b = at(Leg.TRANSIT, 400, 0, 1).position
    west = hop(30.0, (50.0, 50.0))
    east = Sortie(
        number=1, length_m=90, duration_s=50, photos=0, battery_used=0.03,
        waypoints=(
            at(Leg.TAKEOFF, 0, 0, 30, home_b), at(Leg.TRANSIT, 50, 50, 30, home_b), at(Leg.RETURN, 0, 0, 30, home_b),
            at(Leg.LAND, 0, 0, 0, home_b),
        ),
    )  # fmt: skip
    assert [d.takeoff_s for d in departures({"A": west, "B": east}, HOME)] == [0.0, 0.0]
    # Over one field at two heights: only take-off and landing share the air, and those are kept apart by time.
    stacked = departures({"A": hop(30.0), "B": hop(60.0)}, HOME, Separation(early_s=0.0, late_s=0.0))
    assert conflicts(stacked, HOME, Separation(early_s=0.0, late_s=0.0)) == []


def test_two_aircraft_fly_at_once_from_one_station(tmp_path: Path) -> None:
    threads = threading.active_count()
    sorties = {"A": hop(12.0, (30.0, 30.0)), "B": hop(40.0, (-30.0, 30.0))}
    seen: dict[str, Any] = {}
    closest: list[float] = []

    def run(name: str, system_id: int) -> Outcome:
        with RehearsalVehicle(HOME, speedup=20, seed=system_id, system_id=system_id) as vehicle:
            vehicle.set_parameter("LAND_SPEED", 200)
            link = connect(vehicle.address, timeout_s=10, system_id=system_id)

            def look(state: Any) -> None:
                seen[name] = state
                pair = list(seen.values())
                apart = gap(*pair) if len(pair) == 2 and all(one.armed and not one.landed for one in pair) else None
                if apart is not None and apart[0] < 30 and apart[1] < 15:
                    closest.append(apart[0])

            log = fly(
                link, plan_of(sorties[name]), 1, clock=SystemClock(), log_path=tmp_path / name, approval=None,
                rehearsal=True, on_state=look,
            )  # fmt: skip
            link.close()
            return log.outcome

    with ThreadPoolExecutor(2) as pool:
        assert set(pool.map(run, sorties, (1, 2))) == {Outcome.COMPLETED}
    assert threading.active_count() == threads
    assert closest, "taking off side by side from one place was not noticed"


# --- wires ----------------------------------------------------------------------------------------------------------


def test_udp_answers_whom_it_heard() -> None:
    station = UdpWire("127.0.0.1", 0, listen=True)
    port = station._socket.getsockname()[1]
    vehicle = UdpWire("127.0.0.1", port, listen=False)
    assert station.read(0.01) == b""
    vehicle.write(b"hello")
    assert station.read(1.0) == b"hello"
    station.write(b"there")
    assert vehicle.read(1.0) == b"there"
    station.close()
    station.close()
    vehicle.close()


def test_something_that_is_no_vehicle_is_named_as_silent() -> None:
    server = socket.create_server(("127.0.0.1", 0))
    address = f"tcp:127.0.0.1:{server.getsockname()[1]}"
    before = threading.active_count()
    with pytest.raises(LinkFailed, match=f"{address}: the vehicle did not send HEARTBEAT"):
        connect(address, timeout_s=0.6)
    assert threading.active_count() == before
    server.close()


# --- PX4 ------------------------------------------------------------------------------------------------------------


def test_px4s_dialect_is_flown_too(tmp_path: Path) -> None:
    """No home item, NaN for "as you like", modes in two numbers, photographs as CAMERA_IMAGE_CAPTURED."""
    line = replace(at(Leg.TRANSIT, 30, 60, 12.0), leg=Leg.LINE, photo_spacing_m=10.0, yaw_deg=120.0)
    waypoints = (
        at(Leg.TAKEOFF, 0, 0, 12.0), at(Leg.TRANSIT, 30, 10, 12.0), line, at(Leg.RETURN, 0, 0, 12.0),
        at(Leg.LAND, 0, 0, 0.0),
    )  # fmt: skip
    sortie = Sortie(number=1, waypoints=waypoints, length_m=160, duration_s=60, photos=6, battery_used=0.04)
    orders: queue.SimpleQueue[Order] = queue.SimpleQueue()
    paused: list[str] = []

    def look(view: FlightView) -> None:
        if view.state.waypoint == 2 and not paused:
            paused.append("asked")
            orders.put(Order(kind=OrderKind.PAUSE))
        elif paused == ["asked"] and view.state.mode == "LOITER":
            paused.append("held")
            orders.put(Order(kind=OrderKind.CONTINUE))

    with RehearsalVehicle(HOME, speedup=15, seed=2, dialect=Dialect.PX4) as vehicle:
        vehicle.set_parameter("LAND_SPEED", 200)
        link = connect(vehicle.address, timeout_s=10)
        assert link.dialect is Dialect.PX4
        log = fly(
            link, plan_of(sortie), 1, clock=SystemClock(), log_path=tmp_path / "l", approval=None, rehearsal=True,
            orders=orders, on_view=look,
        )  # fmt: skip
        held = link._exchange.fetch(ListType.MISSION, alive=link._port.require_alive)
        link.close()
    assert log.outcome is Outcome.COMPLETED
    assert paused == ["asked", "held"]
    assert held[0].command == 22
    assert math.isnan(held[0].params[3])
    assert len(log.triggers) == len(vehicle.true_triggers()) >= 5
    for trigger, true in zip(log.triggers[2:], vehicle.true_triggers()[2:], strict=True):
        assert abs(true.yaw_deg - 120) < 10
        assert abs(trigger.yaw_deg - true.yaw_deg) < 4
    assert any("PX4" in event.text for event in log.events if event.kind == "check")
