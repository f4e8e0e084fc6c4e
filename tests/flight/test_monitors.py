"""Each monitor, on states made by hand: when it speaks, and that it is silent otherwise."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import Polygon

from core.heights import TakeoffHeight
from core.points import GeoPoint, LocalPlane, from_plane
from flight.flight_plan import Leg, Sortie, Waypoint
from flight.flying.monitors import Action, Advice, Bounds, Monitors, reaction_s, stopping_distance_m
from flight.link import VehicleState
from flight.patrol import Limits, NoFlyZone

HOME = GeoPoint(lon_deg=113.5, lat_deg=23.1)
PLANE = LocalPlane(origin=HOME)
START = datetime(2026, 10, 1, 2, 0, tzinfo=UTC)


def point(east: float, north: float) -> GeoPoint:
    lon, lat = from_plane(PLANE, [east, north])
    return GeoPoint(lon_deg=float(lon), lat_deg=float(lat))


def box(west: float, south: float, east: float, north: float) -> Polygon:
    return Polygon(from_plane(PLANE, [[west, south], [east, south], [east, north], [west, north]]))


def at(leg: Leg, east: float, north: float, height: float = 50.0) -> Waypoint:
    return Waypoint(
        leg=leg, position=point(east, north), height=TakeoffHeight(metres=height), speed_m_s=8.0, gimbal_pitch_deg=-90.0
    )


SORTIE = Sortie(
    number=1,
    waypoints=(at(Leg.TAKEOFF, 0, 0), at(Leg.TRANSIT, 0, 500), at(Leg.RETURN, 0, 0), at(Leg.LAND, 0, 0, 0.0)),
    length_m=1000,
    duration_s=200,
    photos=0,
    battery_used=0.2,
)


def state(
    east: float = 0.0,
    north: float = 100.0,
    *,
    after_s: float = 0.0,
    velocity: tuple[float, float, float] = (0.0, 8.0, 0.0),
    battery: float | None = 0.9,
    waypoint: int = 1,
    height: float = 50.0,
    blind: bool = False,
) -> VehicleState:
    return VehicleState(
        at=START + timedelta(seconds=after_s),
        position=None if blind else point(east, north),
        height_takeoff_m=height,
        yaw_deg=0.0,
        gimbal_pitch_deg=-90.0,
        gimbal_yaw_deg=0.0,
        gimbal_roll_deg=0.0,
        ground_speed_m_s=math.hypot(velocity[0], velocity[1]),
        battery_share=battery,
        armed=True,
        mode="AUTO",
        item=3,
        heartbeat_age_s=0.1,
        landed=False,
        east_m_s=velocity[0],
        north_m_s=velocity[1],
        climb_m_s=velocity[2],
        waypoint=waypoint,
    )


def monitors(**bounds: object) -> Monitors:
    return Monitors(Bounds(home=HOME, sortie=SORTIE, **bounds))  # type: ignore[arg-type]


def advice_of(watching: Monitors, *states: VehicleState, in_mission: bool = True) -> dict[str, Advice]:
    advice: list[Advice] = []
    for one in states:
        advice, _progress = watching.look(one, in_mission=in_mission)
    return {one.monitor: one for one in advice}


def test_a_flight_as_planned_is_left_alone() -> None:
    watching = monitors(zones=(NoFlyZone(name="z", shape=box(100, 0, 200, 500)),), window_ends_at=START.replace(hour=4))
    for second in range(60):
        assert advice_of(watching, state(0.5, 8.0 * second, after_s=second, battery=0.9 - 0.001 * second)) == {}


def test_corridor_speaks_after_two_seconds_and_only_in_the_mission() -> None:
    off = [state(30.0, 100.0 + 8 * s, after_s=s) for s in range(4)]
    assert advice_of(monitors(), *off)["corridor"].action is Action.RETURN
    assert advice_of(monitors(), *off[:1]) == {}
    assert advice_of(monitors(), *off, in_mission=False) == {}
    assert advice_of(monitors(corridor_m=40.0), *off) == {}


def test_battery_turns_back_while_there_is_enough_to_come_home() -> None:
    far = state(0, 480, battery=0.33)
    assert advice_of(monitors(limits=Limits(battery_reserve=0.25)), far)["battery"].action is Action.RETURN
    assert "battery" not in advice_of(monitors(limits=Limits(battery_reserve=0.15)), far)
    assert "battery" not in advice_of(monitors(), state(0, 480, battery=None))


def test_battery_below_the_plans_curve_is_said() -> None:
    watching = monitors()
    assert "battery-curve" in advice_of(watching, state(0, 0, battery=0.95), state(0, 400, after_s=50, battery=0.7))


def test_a_drain_faster_than_planned_shortens_the_way_home() -> None:
    slow, fast = monitors(), monitors()
    before = state(0, 0, battery=0.9)
    _a, lazy = slow.look(state(0, 400, after_s=0, battery=0.5), in_mission=True)
    fast.look(before, in_mission=True)
    _a, hasty = fast.look(state(0, 400, after_s=100, battery=0.5), in_mission=True)
    assert lazy.battery_home is not None
    assert hasty.battery_home is not None
    assert hasty.battery_home < lazy.battery_home - 0.1


def test_window() -> None:
    ends = START + timedelta(seconds=100)
    assert advice_of(monitors(window_ends_at=ends), state(0, 400))["window"].action is Action.RETURN
    assert "window" not in advice_of(monitors(window_ends_at=ends), state(0, 10, height=2.0))


def test_a_leap_is_no_flight() -> None:
    watching = monitors()
    leapt = advice_of(watching, state(0, 100), state(60, 108, after_s=1))
    assert leapt["position-jump"].action is Action.HOLD
    assert "corridor" not in leapt
    assert not watching.settled(state(60, 116, after_s=2))
    assert watching.settled(state(60, 116, after_s=7))
    assert advice_of(monitors(), state(0, 100), state(0, 140, after_s=5, velocity=(0, 8, 0))) == {}


def test_no_position_holds_then_lands() -> None:
    assert advice_of(monitors(), state(blind=True), state(blind=True, after_s=1)) == {}
    held = advice_of(monitors(), state(blind=True), state(blind=True, after_s=4))
    assert held["position"].action is Action.HOLD
    landed = advice_of(monitors(), state(blind=True), state(blind=True, after_s=11))
    assert landed["position"].action is Action.LAND


def test_over_a_zone_is_a_trespass_and_heights_count() -> None:
    zone = NoFlyZone(name="works", shape=box(-50, 50, 50, 150), floor_m=0.0, ceiling_m=40.0)
    assert advice_of(monitors(zones=(zone,)), state(0, 100, height=30.0))["trespass"].action is Action.RETURN
    assert advice_of(monitors(zones=(zone,)), state(0, 100, height=60.0)) == {}
    sinking = state(0, 100, height=45.0, velocity=(0.0, 0.0, -2.5))
    assert "trespass" in advice_of(monitors(zones=(zone,)), sinking)


def test_the_edge_of_the_airspace_is_an_edge_too() -> None:
    inside = box(-40, -40, 40, 140)
    assert advice_of(monitors(permitted=inside), state(0, 130))["airspace"].action is Action.HOLD
    assert advice_of(monitors(permitted=inside), state(0, 60)) == {}
    assert "trespass" in advice_of(monitors(permitted=inside), state(0, 145))


def test_way_home() -> None:
    watching = monitors(zones=(NoFlyZone(name="between", shape=box(-50, 100, 50, 150)),))
    assert not watching.way_home_clear(state(0, 200))
    assert watching.way_home_clear(state(0, 90))


@settings(max_examples=12, deadline=None)
@given(speed=st.floats(1.0, 20.0), heading=st.floats(0, 2 * math.pi), away=st.floats(0.0, 40.0), dt=st.floats(0.2, 0.5))
def test_advice_comes_before_the_edge_at_any_speed_and_from_any_side(
    speed: float, heading: float, away: float, dt: float
) -> None:
    """Fly straight at a zone, brake when told: the aircraft stands before the edge, and was not stopped for nothing."""
    zone = NoFlyZone(name="z", shape=box(-40, -40, 40, 40))
    watching = monitors(zones=(zone,), corridor_m=1e6)
    east, north = math.sin(heading), math.cos(heading)
    reach, elapsed = away + 160.0, 0.0
    while True:
        here = state(east * reach, north * reach, after_s=elapsed, velocity=(-east * speed, -north * speed, 0.0))
        advice = advice_of(watching, here)
        if "no-fly" in advice:
            break
        assert "trespass" not in advice, "told only when it was over the zone"
        reach -= speed * dt
        elapsed += dt
    inward = 40 / max(abs(east), abs(north))  # where the box begins on this heading
    # One more report before braking, gathering speed up to the plan's 8 m/s if it is slower, then even braking.
    gained = min(2.5 * dt, max(0.0, 8.0 - speed))
    stands = reach - (speed + 0.5 * gained) * dt - (speed + gained) ** 2 / 5.0
    assert stands > inward - 1e-6
    assert reach - inward < stopping_distance_m(speed, top_m_s=8.0) + speed * dt + 1e-6


def test_a_simulator_leaves_the_station_less_time() -> None:
    """At ten times the speed a tenth of a second of the station is one of the vehicle."""
    assert reaction_s(1.0) == 1.0
    assert 1.5 < reaction_s(10.0) < 3.0
    assert stopping_distance_m(7.0, top_m_s=10.0) == pytest.approx(7.0 + 1.25 + 9.5**2 / 5)


@pytest.mark.parametrize(("speed", "metres"), [(0.0, 0.0), (5.0, 10.0), (10.0, 30.0)])
def test_stopping_distance(speed: float, metres: float) -> None:
    assert stopping_distance_m(speed) == pytest.approx(metres)
