"""Several aircraft flown together from one station."""

from __future__ import annotations

import queue
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.clock import SystemClock
from core.heights import TakeoffHeight
from core.points import GeoPoint, LocalPlane, distance_m, from_plane
from flight.dronekit_link import connect
from flight.flight_log import FlightLog, Outcome
from flight.flight_plan import FlightPlan, Leg, Sortie, Waypoint
from flight.flying.fly_together import Together, _Sky, fly_together
from flight.flying.monitors import Progress
from flight.flying.separation import Separation, departures
from flight.flying.watch import FlightView, OrderKind
from flight.link import VehicleState
from flight.rehearsal.vehicle import RehearsalVehicle
from flight.track import Pose, pose_at

pytestmark = pytest.mark.wall_clock  # a simulated flight at many times its speed: run alone

HOME = GeoPoint(lon_deg=113.5, lat_deg=23.1)


def at(leg: Leg, east: float, north: float, height: float, home: GeoPoint = HOME) -> Waypoint:
    lon, lat = from_plane(LocalPlane(origin=home), [east, north])
    return Waypoint(
        leg=leg,
        position=GeoPoint(lon_deg=float(lon), lat_deg=float(lat)),
        height=TakeoffHeight(metres=height),
        speed_m_s=8.0,
        gimbal_pitch_deg=-90.0,
    )


def hop(height: float = 12.0, *points: tuple[float, float]) -> Sortie:
    waypoints = (
        at(Leg.TAKEOFF, 0, 0, height),
        *(at(Leg.TRANSIT, east, north, height) for east, north in points or ((30.0, 30.0),)),
        at(Leg.RETURN, 0, 0, height),
        at(Leg.LAND, 0, 0, 0.0),
    )
    return Sortie(number=1, waypoints=waypoints, length_m=90, duration_s=50, photos=0, battery_used=0.03)


def test_crossing_aircraft_are_flown_together_and_stay_apart(tmp_path: Path) -> None:
    threads = threading.active_count()
    homes = {"A": HOME, "B": at(Leg.TRANSIT, 0, -60, 1).position}
    sorties = {
        "A": hop(20.0, (60.0, 0.0)),
        "B": Sortie(
            number=1, length_m=200, duration_s=70, photos=0, battery_used=0.04,
            waypoints=(
                at(Leg.TAKEOFF, 0, 0, 20, homes["B"]), at(Leg.TRANSIT, 30, 110, 20, homes["B"]),
                at(Leg.RETURN, 0, 0, 20, homes["B"]), at(Leg.LAND, 0, 0, 0, homes["B"]),
            ),
        ),
    }  # fmt: skip
    speedup, start = 15.0, datetime(2026, 10, 1, 2, tzinfo=UTC)
    vehicles = {
        name: RehearsalVehicle(homes[name], speedup=speedup, seed=number, system_id=number, start_at=start)
        for number, name in enumerate(sorties, start=1)
    }
    links = []
    try:
        flights = []
        for name, vehicle in vehicles.items():
            vehicle.set_parameter("LAND_SPEED", 200)
            link = connect(vehicle.start(), timeout_s=10)
            links.append(link)
            plan = FlightPlan(patrol=name, home=homes[name], sorties=(sorties[name],), findings=(), covered_share=1.0)
            flights.append(Together(name=name, link=link, plan=plan, sortie_number=1, log_path=tmp_path / name))
        keep = Separation(horizontal_m=15.0, vertical_m=8.0, early_s=5.0, late_s=10.0)
        assert departures(sorties, HOME, keep)[1].takeoff_s > 0
        logs = fly_together(flights, clock=SystemClock(), rehearsal=True, separation=keep, time_scale=speedup)
    finally:
        for link in links:
            link.close()
        for vehicle in vehicles.values():
            vehicle.stop()
    assert [log.outcome for log in logs.values() if isinstance(log, FlightLog)] == [Outcome.COMPLETED] * 2
    tracks = [vehicle.true_track() for vehicle in vehicles.values()]
    for pose in tracks[0].poses:
        other = pose_at(tracks[1], pose.captured_at)
        if isinstance(other, Pose) and pose.position is not None and other.position is not None:
            assert pose.height_takeoff is not None
            assert other.height_takeoff is not None
            rise = abs(pose.height_takeoff.metres - other.height_takeoff.metres)
            assert distance_m(pose.position, other.position) > 10 or rise > 6
    assert threading.active_count() == threads


def test_of_two_too_close_the_later_one_holds_until_they_are_apart() -> None:
    """Two that hover over one field: B rises into A's air, holds, and goes on when A has gone."""
    sky = _Sky(Separation(), ["A", "B"], {"A": queue.SimpleQueue(), "B": queue.SimpleQueue()})

    def view(east: float, speed: float = 0.0) -> FlightView:
        state = VehicleState(
            at=datetime(2026, 10, 1, tzinfo=UTC), position=at(Leg.TRANSIT, east, 0, 1).position,
            height_takeoff_m=30.0, yaw_deg=0, gimbal_pitch_deg=None, gimbal_yaw_deg=None, gimbal_roll_deg=None,
            ground_speed_m_s=abs(speed), battery_share=1, armed=True, mode="AUTO", item=1, heartbeat_age_s=0,
            landed=False, east_m_s=speed,
        )  # fmt: skip
        progress = Progress(along_m=0, length_m=1, off_m=0, home_m=0, home_s=0, battery_home=None, edge_m=None)
        return FlightView(state=state, progress=progress, next_action="", advice=(), messages=(), in_command="mission")

    def told(name: str) -> list[OrderKind]:
        return [sky.orders[name].get_nowait().kind for _number in range(sky.orders[name].qsize())]

    sky.look("A", view(0))
    sky.look("B", view(100, 8.0))
    assert told("B") == []
    sky.look("B", view(49, 8.0))
    assert told("B") == [], "it flies away"
    sky.look("B", view(49, -8.0))
    sky.look("B", view(48, -8.0))
    assert told("B") == [OrderKind.PAUSE], "30 m and the 20.8 m that stopping takes"
    sky.look("B", view(36, 0.0))
    assert told("B") == []
    sky.look("A", view(0, -8.0))
    assert told("B") == [], "apart, but not by enough to go on"
    sky.look("A", view(-10, -8.0))
    assert told("B") == [OrderKind.CONTINUE]
    assert told("A") == []
    sky.look("B", view(15, 0.0))
    assert told("B") == [OrderKind.PAUSE]
    assert told("A") == [OrderKind.PAUSE], "the other came on all the same"
    sky.down("A")
    assert told("B") == [OrderKind.CONTINUE]
