"""The checklist, line by line, on vehicles made by hand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from shapely import Polygon

from core.clock import FrozenClock
from core.heights import TakeoffHeight
from core.points import GeoPoint, LocalPlane, from_plane
from flight.calendars.sun import sun_elevation_deg
from flight.camera import Camera
from flight.dronekit_link import connect
from flight.flight_plan import Finding, FlightPlan, Leg, Severity, Sortie, Waypoint
from flight.flying.preflight import Check, Override, failures, preflight, set_demanded
from flight.link import VehicleHealth, VehicleState
from flight.patrol import Aircraft, Approval, Crew, KeyArea, Kit, NoFlyZone, Patrol
from flight.rehearsal.vehicle import RehearsalVehicle

pytestmark = pytest.mark.wall_clock  # a simulated flight at many times its speed: run alone

HOME = GeoPoint(lon_deg=113.5, lat_deg=23.1)
NOW = datetime(2026, 10, 1, 2, 0, tzinfo=UTC)  # ten in the morning, Beijing time
SQUARE = Polygon([(113.499, 23.099), (113.501, 23.099), (113.501, 23.101), (113.499, 23.101)])


def at(leg: Leg, east: float, north: float, height: float = 60.0) -> Waypoint:
    lon, lat = from_plane(LocalPlane(origin=HOME), [east, north])
    return Waypoint(
        leg=leg,
        position=GeoPoint(lon_deg=float(lon), lat_deg=float(lat)),
        height=TakeoffHeight(metres=height),
        speed_m_s=8.0,
        gimbal_pitch_deg=-90.0,
    )


SORTIE = Sortie(
    number=1,
    waypoints=(at(Leg.TAKEOFF, 0, 0), at(Leg.TRANSIT, 0, 200), at(Leg.RETURN, 0, 0), at(Leg.LAND, 0, 0, 0.0)),
    length_m=400,
    duration_s=300,
    photos=100,
    battery_used=0.4,
)
PLAN = FlightPlan(
    patrol="p",
    home=HOME,
    sorties=(SORTIE,),
    findings=(Finding(code="height-limit", severity=Severity.PASS, text="60 m"),),
    covered_share=1.0,
)
PATROL = Patrol(
    name="p",
    areas=(KeyArea(name="a", shape=SQUARE, height_agl_m=60.0, speed_m_s=8.0),),
    aircraft=Aircraft(
        model="q", cruise_m_s=8, climb_m_s=3, descent_m_s=2, endurance_s=1800, max_wind_m_s=10, autopilot="ardupilot",
        source="test",
    ),
    camera=Camera(
        model="c", width_px=4000, height_px=3000, focal_px=3000, centre_x_px=2000, centre_y_px=1500, source="test"
    ),
    home=HOME,
)  # fmt: skip
APPROVAL = Approval(
    number="GZ-7", starts_at=NOW - timedelta(hours=1), ends_at=NOW + timedelta(hours=2), max_height_agl_m=120
)
READY = VehicleState(
    at=NOW, position=HOME, height_takeoff_m=0.0, yaw_deg=0.0, gimbal_pitch_deg=0.0, gimbal_yaw_deg=0.0,
    gimbal_roll_deg=0.0, ground_speed_m_s=0.0, battery_share=1.0, armed=False, mode="STABILIZE", item=0,
    heartbeat_age_s=0.3, landed=True,
)  # fmt: skip
HEALTHY = VehicleHealth(
    firmware="ArduPilot 4.5.7", packet_loss=0.0, heartbeat_age_s=0.3, gps_fix=3, hdop=0.8, satellites=17, ekf_ok=True,
    prearm_ok=True, battery_share=1.0, battery_v=25.0, wind_m_s=3.0, wind_from_deg=90.0, clock_offset_s=0.1,
    storage_free_mib=30_000.0, home=HOME,
)  # fmt: skip
GUARDED = {
    "FENCE_ENABLE": 1.0, "FENCE_ACTION": 1.0, "FENCE_ALT_MAX": 100.0, "FENCE_TYPE": 5.0, "FS_GCS_ENABLE": 1.0,
    "BATT_FS_LOW_ACT": 2.0, "RTL_ALT": 6000.0, "FENCE_RADIUS": 300.0, "MIS_RESTART": 0.0, "CAM1_TYPE": 1.0,
}  # fmt: skip


class ReadyVehicle:
    """A link to a vehicle that stands there as it is told to."""

    def __init__(self, state: VehicleState, health: VehicleHealth, parameters: dict[str, float | None]) -> None:
        self._state, self._health, self._parameters = state, health, parameters

    def state(self) -> VehicleState:
        return self._state

    def health(self) -> VehicleHealth:
        return self._health

    def parameters(self, names: Iterable[str]) -> dict[str, float | None]:
        return {name: self._parameters.get(name) for name in names}


def check(
    *,
    state: dict[str, object] | None = None,
    health: dict[str, object] | None = None,
    parameters: dict[str, float | None] | None = None,
    **others: object,
) -> dict[str, Check]:
    vehicle = ReadyVehicle(
        replace(READY, **(state or {})),  # type: ignore[arg-type]
        replace(HEALTHY, **(health or {})),  # type: ignore[arg-type]
        {**GUARDED, **(parameters or {})},
    )
    said = {"clock": FrozenClock(instant=NOW), "patrol": PATROL, "approval": APPROVAL, **others}
    plan = said.pop("plan", PLAN)
    sortie = said.pop("sortie", SORTIE)
    checks = preflight(vehicle, plan, sortie, **said)  # type: ignore[arg-type]
    assert [one.number for one in checks] == list(range(1, 17))
    return {one.code: one for one in checks}


def test_a_ready_vehicle_passes_every_line() -> None:
    assert {one.severity for one in check().values()} == {Severity.PASS}


def test_the_wind_limit_is_that_of_the_aircraft_that_the_crew_brings() -> None:
    sturdy = Kit(aircraft=replace(PATROL.aircraft, max_wind_m_s=20), camera=PATROL.camera)
    patrol = replace(PATROL, crews=(Crew(name="b", launch=HOME, kit=sturdy),))
    windy = {"wind_m_s": 12.0}
    assert check(health=windy, patrol=patrol)["wind"].severity is Severity.FAIL
    assert check(health=windy, patrol=patrol, sortie=replace(SORTIE, crew="b"))["wind"].severity is Severity.PASS


P, W, F = Severity.PASS, Severity.WARN, Severity.FAIL


@pytest.mark.parametrize(
    ("code", "expected", "change"),
    [
        ("link", W, {"health": {"packet_loss": 0.1}}),
        ("link", F, {"health": {"packet_loss": 0.3}}),
        ("link", F, {"health": {"heartbeat_age_s": 9.0}}),
        ("gps", F, {"health": {"gps_fix": 2}}),
        ("gps", F, {"state": {"position": None}}),
        ("gps", W, {"health": {"hdop": 2.0}}),
        ("gps", F, {"health": {"hdop": 3.0}}),
        ("estimator", F, {"health": {"ekf_ok": False}}),
        ("estimator", W, {"health": {"ekf_ok": None}}),
        ("autopilot", F, {"health": {"prearm_ok": False, "prearm_texts": ("PreArm: Compass not healthy",)}}),
        ("battery", F, {"health": {"battery_share": 0.6}}),
        ("battery", W, {"health": {"battery_share": 0.67}}),
        ("battery", F, {"health": {"battery_share": None}}),
        ("home", W, {"state": {"position": at(Leg.TRANSIT, 15, 0).position}}),
        ("home", F, {"state": {"position": at(Leg.TRANSIT, 45, 0).position}}),
        ("at-rest", F, {"state": {"armed": True}}),
        ("at-rest", F, {"state": {"ground_speed_m_s": 4.0}}),
        ("fence", F, {"parameters": {"FENCE_ENABLE": 0.0}}),
        ("fence", F, {"parameters": {"FENCE_ACTION": 0.0}}),
        ("fence", F, {"parameters": {"FENCE_ALT_MAX": 50.0}}),
        ("fence", W, {"parameters": {"FENCE_ENABLE": None}}),
        ("fence", F, {"parameters": {"FENCE_TYPE": 7.0, "FENCE_RADIUS": 60.0}}),
        ("fence", P, {"parameters": {"FENCE_TYPE": 5.0, "FENCE_RADIUS": 60.0}}),
        (
            "fence",
            F,
            {
                "parameters": {"FENCE_TYPE": 1.0},
                "patrol": replace(PATROL, no_fly_zones=(NoFlyZone(name="z", shape=SQUARE, floor_m=80.0),)),
            },
        ),
        ("failsafes", F, {"parameters": {"FS_GCS_ENABLE": 0.0}}),
        ("failsafes", F, {"parameters": {"MIS_RESTART": 1.0}}),
        ("failsafes", P, {"parameters": {"RTL_ALT": None, "RTL_ALT_M": 60.0}}),
        ("failsafes", F, {"parameters": {"RTL_ALT": None, "RTL_ALT_M": 150.0}}),
        ("failsafes", W, {"parameters": {"RTL_ALT": None}}),
        ("failsafes", F, {"parameters": {"BATT_FS_LOW_ACT": 0.0}}),
        ("failsafes", F, {"parameters": {"RTL_ALT": 15000.0}}),
        ("failsafes", W, {"parameters": {"RTL_ALT": 1500.0}}),
        ("clock", W, {"health": {"clock_offset_s": None}}),
        ("clock", W, {"health": {"clock_offset_s": -2.0}}),
        ("clock", F, {"health": {"clock_offset_s": 60.0}}),
        ("clock", W, {"health": {"clock_offset_s": 60.0}, "rehearsal": True}),
        ("storage", F, {"health": {"storage_free_mib": 100.0}}),
        ("storage", W, {"health": {"storage_free_mib": None}}),
        ("storage", W, {"parameters": {"CAM1_TYPE": 0.0}}),
        ("wind", W, {"health": {"wind_m_s": 8.0}}),
        ("wind", F, {"health": {"wind_m_s": 12.0}}),
        ("approval", F, {"approval": None}),
        ("approval", W, {"approval": None, "rehearsal": True}),
        ("approval", F, {"approval": replace(APPROVAL, ends_at=NOW + timedelta(seconds=200))}),
        ("approval", W, {"approval": replace(APPROVAL, ends_at=NOW + timedelta(seconds=500))}),
        ("approval", F, {"approval": replace(APPROVAL, max_height_agl_m=50.0)}),
        ("approval", F, {"approval": replace(APPROVAL, starts_at=NOW + timedelta(minutes=10))}),
        ("daylight", W, {"clock": FrozenClock(instant=NOW.replace(hour=14))}),
        ("no-fly", F, {"patrol": replace(PATROL, no_fly_zones=(NoFlyZone(name="z", shape=SQUARE),))}),
        ("no-fly", P, {"patrol": replace(PATROL, no_fly_zones=(NoFlyZone(name="z", shape=SQUARE, floor_m=80.0),))}),
        ("no-fly", W, {"patrol": None}),
        ("plan", F, {"plan": replace(PLAN, findings=())}),
        ("plan", W, {"plan": replace(PLAN, findings=()), "rehearsal": True}),
        (
            "plan",
            F,
            {"plan": replace(PLAN, findings=(Finding(code="height-limit", severity=F, text="130 m"),))},
        ),
    ],
)
def test_each_line_has_its_verdict(code: str, expected: Severity, change: dict[str, object]) -> None:
    assert check(**change)[code].severity is expected  # type: ignore[arg-type]


def test_the_autopilots_words_are_in_the_line() -> None:
    line = check(health={"prearm_ok": False, "prearm_texts": ("PreArm: Compass not healthy",)})["autopilot"]
    assert "Compass not healthy" in line.text


def test_a_failure_stops_until_somebody_answers_for_it() -> None:
    lines = check(health={"wind_m_s": 12.0})
    assert [one.code for one in failures(tuple(lines.values()))] == ["wind"]
    lines = check(health={"wind_m_s": 12.0}, overrides={"wind": Override(name="Li", reason="gust, over now")})
    assert failures(tuple(lines.values())) == ()
    assert lines["wind"].severity is F
    assert lines["wind"].overridden_by == "Li: gust, over now"


def test_overrides_have_a_name_a_reason_and_a_check() -> None:
    with pytest.raises(ValueError, match="person"):
        Override(name=" ", reason="x")
    with pytest.raises(ValueError, match="no check named weather"):
        check(overrides={"weather": Override(name="Li", reason="x")})


def test_demanded_parameters_are_set_and_then_pass() -> None:
    with RehearsalVehicle(HOME, speedup=5) as vehicle:
        for name in ("FENCE_ENABLE", "FS_GCS_ENABLE", "BATT_FS_LOW_ACT"):
            vehicle.set_parameter(name, 0)
        link = connect(vehicle.address, timeout_s=10)
        link.set_home(HOME)
        before = {c.code: c for c in preflight(link, PLAN, SORTIE, clock=FrozenClock(instant=NOW), rehearsal=True)}
        changed = set_demanded(link, SORTIE, PATROL)
        after = {c.code: c for c in preflight(link, PLAN, SORTIE, clock=FrozenClock(instant=NOW), rehearsal=True)}
        link.close()
    assert before["fence"].severity is before["failsafes"].severity is F
    assert after["fence"].severity is after["failsafes"].severity is P
    assert changed["FENCE_ENABLE"] == (0.0, 1.0)
    assert "FENCE_ACTION" not in changed


@pytest.mark.parametrize(
    ("place", "instant", "degrees"),
    [
        # Greenwich at noon of the solstice: 90° − 51.48° + 23.44°.
        (GeoPoint(lon_deg=0.0, lat_deg=51.4779), datetime(2026, 6, 21, 12, 2, tzinfo=UTC), 61.96),
        # The equator at noon of the equinox stands under the sun; at midnight over it.
        (GeoPoint(lon_deg=0.0, lat_deg=0.0), datetime(2026, 3, 20, 12, 7, tzinfo=UTC), 89.9),
        (GeoPoint(lon_deg=0.0, lat_deg=0.0), datetime(2026, 3, 20, 0, 7, tzinfo=UTC), -89.9),
    ],
)
def test_the_sun(place: GeoPoint, instant: datetime, degrees: float) -> None:
    assert sun_elevation_deg(place, instant) == pytest.approx(degrees, abs=0.2)
