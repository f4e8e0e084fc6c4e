"""Orders in flight, monitors that act in time, and a pilot who is never fought."""

from __future__ import annotations

import json
import queue
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jsonschema
import pytest
from shapely import Polygon

from core.clock import SystemClock
from core.errors import PlanRefused
from core.heights import TakeoffHeight
from core.points import GeoPoint, LocalPlane, from_plane, to_plane
from flight.camera import Camera
from flight.dronekit_link import connect
from flight.flight_log import FlightLog, Outcome
from flight.flight_plan import FlightPlan, Leg, Sortie, Waypoint
from flight.fly import fly
from flight.flying.preflight import Override
from flight.flying.view_stream import SCHEMA, view_fields
from flight.flying.watch import FlightView, Order, OrderKind
from flight.mavlink.fence import fence_items
from flight.patrol import Aircraft, Approval, KeyArea, NoFlyZone, Patrol
from flight.rehearsal.vehicle import RehearsalVehicle

pytestmark = pytest.mark.wall_clock  # a simulated flight at many times its speed: run alone

HOME = GeoPoint(lon_deg=113.5, lat_deg=23.1)
PLANE = LocalPlane(origin=HOME)


def point(east: float, north: float) -> GeoPoint:
    lon, lat = from_plane(PLANE, [east, north])
    return GeoPoint(lon_deg=float(lon), lat_deg=float(lat))


def box(west: float, south: float, east: float, north: float) -> Polygon:
    return Polygon(from_plane(PLANE, [[west, south], [east, south], [east, north], [west, north]]))


def waypoint(leg: Leg, east: float, north: float, height: float = 15.0, speed: float = 8.0) -> Waypoint:
    return Waypoint(
        leg=leg,
        position=point(east, north),
        height=TakeoffHeight(metres=height),
        speed_m_s=speed,
        gimbal_pitch_deg=-90.0,
        photo_spacing_m=15.0 if leg is Leg.LINE else None,
        area="yard" if leg is Leg.LINE else "",
    )


def plan_of(*legs: Waypoint, duration_s: float = 120.0, battery: float = 0.05) -> FlightPlan:
    waypoints = (waypoint(Leg.TAKEOFF, 0, 0), *legs, waypoint(Leg.RETURN, 0, 0), waypoint(Leg.LAND, 0, 0, 0.0))
    sortie = Sortie(number=1, waypoints=waypoints, length_m=300, duration_s=duration_s, photos=6, battery_used=battery)
    return FlightPlan(patrol="watched", home=HOME, sorties=(sortie,), findings=(), covered_share=1.0)


def patrol_with(*zones: NoFlyZone, permitted: Polygon | None = None) -> Patrol:
    return Patrol(
        name="watched",
        areas=(KeyArea(name="yard", shape=box(0, 0, 100, 100), height_agl_m=15.0, speed_m_s=8.0),),
        aircraft=Aircraft(
            model="test quad", cruise_m_s=8, climb_m_s=3, descent_m_s=2, endurance_s=1800, max_wind_m_s=10,
            autopilot="ardupilot", source="test",
        ),
        camera=Camera(
            model="test", width_px=4000, height_px=3000, focal_px=3000, centre_x_px=2000, centre_y_px=1500,
            source="test",
        ),
        home=HOME,
        no_fly_zones=zones,
        permitted=permitted,
    )  # fmt: skip


class Crew:
    """Gives an order, or does something to the vehicle, when the flight has come to a point."""

    def __init__(self) -> None:
        self.orders: queue.SimpleQueue[Order] = queue.SimpleQueue()
        self.views: list[FlightView] = []
        self._plans: list[tuple[Callable[[FlightView], bool], Callable[[], object]]] = []

    def when(self, condition: Callable[[FlightView], bool], do: Callable[[], object]) -> None:
        self._plans.append((condition, do))

    def order(self, kind: OrderKind, target: int | None = None) -> Callable[[], None]:
        return lambda: self.orders.put(Order(kind=kind, waypoint=target))

    def see(self, view: FlightView) -> None:
        self.views.append(view)
        if self._plans and self._plans[0][0](view):
            self._plans.pop(0)[1]()


def flown(  # noqa: PLR0917 - a flight has these sides
    vehicle: RehearsalVehicle,
    plan: FlightPlan,
    crew: Crew,
    log_path: Path,
    patrol: Patrol | None = None,
    approval: Approval | None = None,
    overrides: dict[str, Override] | None = None,
) -> FlightLog:
    vehicle.set_parameter("LAND_SPEED", 200)
    vehicle.set_parameter("RTL_LOIT_TIME", 1000)
    vehicle.set_parameter("RTL_ALT", 1500)
    with vehicle:
        link = connect(vehicle.address, timeout_s=10)
        try:
            return fly(
                link, plan, 1, clock=SystemClock(), log_path=log_path, approval=approval, patrol=patrol,
                rehearsal=True, orders=crew.orders, on_view=crew.see, overrides=overrides,
            )  # fmt: skip
        finally:
            link.close()


def decisions(log: FlightLog) -> list[str]:
    return [event.text for event in log.events if event.kind == "decision"]


def at_waypoint(number: int) -> Callable[[FlightView], bool]:
    return lambda view: view.state.mode == "AUTO" and (view.state.waypoint or 0) >= number


OUT_AND_BACK = (waypoint(Leg.LINE, 0, 90), waypoint(Leg.TRANSIT, 20, 90), waypoint(Leg.LINE, 20, 5))


def test_pause_continue_and_skip(tmp_path: Path) -> None:
    crew = Crew()
    vehicle = RehearsalVehicle(HOME, speedup=20, seed=4)
    stood: list[tuple[float, float, float]] = []
    moving = lambda view: view.state.ground_speed_m_s > 5 and at_waypoint(1)(view)  # noqa: E731
    standing = lambda view: view.in_command == "hold" and view.state.ground_speed_m_s < 0.3  # noqa: E731
    crew.when(moving, crew.order(OrderKind.PAUSE))
    crew.when(standing, lambda: stood.append(vehicle.true_position_m))
    pause = len(crew.views)
    crew.when(lambda _view: len(crew.views) > pause + 10, crew.order(OrderKind.CONTINUE))
    crew.when(lambda view: view.in_command == "mission", crew.order(OrderKind.SKIP, 4))
    log = flown(vehicle, plan_of(*OUT_AND_BACK), crew, tmp_path / "log")
    assert stood
    assert stood[0][1] < 80, "it did not stop on the line"
    assert log.outcome is Outcome.COMPLETED
    assert [e.text for e in log.events if e.kind == "order"] == ["pause", "continue", "skip to 4"]
    assert not [e for e in log.events if e.kind == "failed"]
    assert max(view.state.waypoint or 0 for view in crew.views) == 5
    assert max(vehicle_north(vehicle)) < 80, "it flew the line it was told to skip"


def vehicle_north(vehicle: RehearsalVehicle) -> list[float]:
    norths = []
    for pose in vehicle.true_track().poses:
        assert pose.position is not None
        norths.append(float(to_plane(PLANE, [pose.position.lon_deg, pose.position.lat_deg])[1]))
    return norths


@pytest.mark.parametrize(
    ("kind", "outcome"), [(OrderKind.RETURN, Outcome.RETURNED), (OrderKind.LAND, Outcome.LANDED_AWAY)]
)
def test_return_and_land_now(tmp_path: Path, kind: OrderKind, outcome: Outcome) -> None:
    crew = Crew()
    vehicle = RehearsalVehicle(HOME, speedup=20, seed=4)
    crew.when(lambda v: at_waypoint(1)(v) and (v.progress.home_m or 0) > 50, crew.order(kind))
    log = flown(vehicle, plan_of(*OUT_AND_BACK), crew, tmp_path / "log")
    assert log.outcome is outcome
    assert log.last_item == 0


def test_an_order_that_cannot_be_obeyed_is_said_and_the_flight_goes_on(tmp_path: Path) -> None:
    crew = Crew()
    crew.when(at_waypoint(1), crew.order(OrderKind.SKIP, 77))
    log = flown(RehearsalVehicle(HOME, speedup=20, seed=4), plan_of(*OUT_AND_BACK), crew, tmp_path / "log")
    assert log.outcome is Outcome.COMPLETED
    assert any("waypoint 77" in event.text for event in log.events if event.kind == "failed")


def test_a_pilot_is_never_fought(tmp_path: Path) -> None:
    """He takes over far off the corridor with a battery below the reserve: nothing is ordered, all is said."""
    crew = Crew()
    vehicle = RehearsalVehicle(HOME, speedup=20, seed=4)
    landed = []
    crew.when(lambda v: (v.progress.home_m or 0) > 50, lambda: vehicle.pilot_switches("LOITER"))
    crew.when(lambda v: v.in_command == "pilot", lambda: setattr(vehicle._body.battery, "share", 0.22))
    crew.when(
        lambda v: any(a.monitor == "battery" for a in v.advice) and len(crew.views) % 8 == 0,
        lambda: landed.append(vehicle.pilot_switches("STABILIZE") and vehicle.pilot_switches("LAND")),
    )
    vehicle.set_parameter("BATT_FS_LOW_ACT", 2)
    vehicle.set_parameter("BATT_LOW_MAH", 100)
    log = flown(vehicle, plan_of(*OUT_AND_BACK), crew, tmp_path / "log")
    assert landed
    assert log.outcome in {Outcome.PILOT_TOOK_OVER, Outcome.LANDED_AWAY}
    assert any("pilot took over" in text for text in decisions(log))
    assert not any(text.startswith(("return home", "hold", "land")) for text in decisions(log))
    assert any(event.kind == "monitor" and "battery" in event.text for event in log.events)


@pytest.mark.parametrize("speed", [6.0, 11.0])
def test_it_stops_before_a_no_fly_zone_and_comes_home(tmp_path: Path, speed: float) -> None:
    """The plan is wrong (someone overrode the checklist): the monitor acts by the stopping distance."""
    zone = NoFlyZone(name="substation", shape=box(-50, 110, 50, 200))
    crew = Crew()
    vehicle = RehearsalVehicle(HOME, speedup=8, seed=4)
    vehicle.set_parameter("FENCE_ENABLE", 0)  # the monitor alone
    log = flown(
        vehicle,
        plan_of(waypoint(Leg.TRANSIT, 0, 170, speed=speed)),
        crew,
        tmp_path / "log",
        patrol=patrol_with(zone),
        overrides={
            "no-fly": Override(name="L. Chen", reason="training"),
            "fence": Override(name="L. Chen", reason="training"),
        },
    )
    assert max(vehicle_north(vehicle)) < 110, "it crossed the edge"
    assert max(vehicle_north(vehicle)) > 60, "it stopped far too early"
    assert log.outcome is Outcome.RETURNED
    assert any(text.startswith("hold: substation") for text in decisions(log))
    assert any(text.startswith("return home") for text in decisions(log))
    assert any(event.kind == "override" and "L. Chen" in event.text for event in log.events)


def test_a_route_through_a_no_fly_zone_does_not_take_off(tmp_path: Path) -> None:
    zone = NoFlyZone(name="substation", shape=box(-50, 60, 50, 80))
    vehicle = RehearsalVehicle(HOME, speedup=20, seed=4)
    with pytest.raises(PlanRefused, match=r"15\. no-fly: the route crosses substation"):
        flown(vehicle, plan_of(*OUT_AND_BACK), Crew(), tmp_path / "log", patrol=patrol_with(zone))
    assert not vehicle.true_track().poses


def test_the_autopilots_own_fence_brings_it_home_too(tmp_path: Path) -> None:
    zone = NoFlyZone(name="substation", shape=box(-50, 70, 50, 200))
    vehicle = RehearsalVehicle(HOME, speedup=20, seed=4)
    link_patrol = patrol_with(zone)
    with vehicle:
        link = connect(vehicle.address, timeout_s=10)
        plan = plan_of(*OUT_AND_BACK)
        fence = fence_items(link_patrol.permitted, link_patrol.no_fly_zones, plan.sorties[0])
        link.upload_fence(fence)
        # The fence stays aboard; the station knows nothing of the zone.
        log = fly(link, plan, 1, clock=SystemClock(), log_path=tmp_path / "log", approval=None, rehearsal=True)
        link.close()
    assert any("Fence breached: polygon" in event.text for event in log.events)
    assert log.outcome is Outcome.RETURNED
    assert 70 <= max(vehicle_north(vehicle)) < 95


def test_the_window_ends(tmp_path: Path) -> None:
    start = datetime(2026, 10, 1, 2, 0, tzinfo=UTC)
    approval = Approval(
        number="GZ-1", starts_at=start - timedelta(hours=1), ends_at=start + timedelta(seconds=95), max_height_agl_m=120
    )
    vehicle = RehearsalVehicle(HOME, speedup=20, seed=4, start_at=start)
    legs = [waypoint(Leg.TRANSIT, 20.0 * (n % 2), 60.0 + n) for n in range(12)]
    log = flown(vehicle, plan_of(*legs), Crew(), tmp_path / "log", approval=approval)
    assert log.outcome is Outcome.RETURNED
    assert any("approved window ends" in text for text in decisions(log))
    assert vehicle.true_track().poses[-1].captured_at < approval.ends_at


def test_the_view_tells_where_it_is_and_what_comes_next(tmp_path: Path) -> None:
    crew = Crew()
    zone = NoFlyZone(name="far", shape=box(-50, 200, 50, 300))
    vehicle = RehearsalVehicle(HOME, speedup=20, seed=4)
    log = flown(vehicle, plan_of(*OUT_AND_BACK), crew, tmp_path / "log", patrol=patrol_with(zone))
    assert log.outcome is Outcome.COMPLETED
    along = [view.progress.along_m for view in crew.views if view.state.mode == "AUTO"]
    assert along == sorted(along) or max(b - a for a, b in zip(along, sorted(along), strict=True)) < 25
    assert along[-1] > 0.9 * crew.views[-1].progress.length_m
    edges = [view.progress.edge_m for view in crew.views if view.progress.edge_m is not None]
    assert 100 < min(edges) < 125
    actions = {view.next_action for view in crew.views}
    assert {"climb to 15 m", "line in yard, photographs every 15 m", "fly home", "land"} <= actions
    lines = [json.loads(json.dumps(view_fields(view, sortie=1), allow_nan=False)) for view in crew.views]
    validator = jsonschema.Draft202012Validator(SCHEMA)
    for line in lines:
        validator.validate(line)
    assert {line["in_command"] for line in lines} == {"mission"}
    assert any("Land complete" in line["messages"] for line in lines)
    homes = [view.progress.battery_home for view in crew.views if view.progress.battery_home is not None]
    assert all(0.8 < home <= 1 for home in homes)
