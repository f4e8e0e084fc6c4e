"""Single photographs: the plan stands still, looks where it must and takes one, and every format says the same."""

from __future__ import annotations

import json
import math
import zipfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import shapely

from core.clock import SystemClock
from core.errors import PlanRefused
from core.points import GeoPoint, LocalPlane, distance_m, from_plane
from flight.dronekit_link import connect
from flight.exports.geojson import photo_footprints
from flight.exports.qgc import write_plan
from flight.exports.waypoints import write_waypoints
from flight.exports.wpml import write_wpml
from flight.flight_log import FlightLog, Outcome, Trigger
from flight.flight_plan import FlightPlan, Leg
from flight.fly import fly
from flight.mavlink.mission import WITH_POSITION, Command, Dialect, MissionItem, mission_items
from flight.patrol import KeyArea, Patrol, Pattern
from flight.plan import plan
from flight.planning.catalogue import read_catalogue
from flight.planning.foreign_mission import check_mission
from flight.planning.resume import residual
from flight.rehearsal.vehicle import RehearsalVehicle
from flight.track import Track

HOME = GeoPoint(lon_deg=113.5, lat_deg=23.1)
PLANE = LocalPlane(origin=HOME)
CATALOGUE = read_catalogue()
SPOTS = [(40.0, 30.0), (70.0, -10.0)]
WPML = "{http://www.dji.com/wpmz/1.0.6}"


def patrol(aircraft: str = "generic-arducopter") -> Patrol:
    shape = shapely.transform(shapely.MultiPoint(SPOTS), lambda p: from_plane(PLANE, p))
    line = shapely.transform(shapely.box(20, 60, 90, 120), lambda p: from_plane(PLANE, p))
    camera = CATALOGUE.cameras[CATALOGUE.default_camera[aircraft]]
    return Patrol(
        name="looks",
        areas=(
            KeyArea(name="valves", shape=shape, pattern=Pattern.POINTS, height_agl_m=15, standoff_m=8, speed_m_s=5,
                    hover_s=3),
            KeyArea(name="yard", shape=line, height_agl_m=40, speed_m_s=8, priority=2),
        ),
        aircraft=CATALOGUE.aircraft[aircraft],
        camera=camera.camera,
        home=HOME,
        wpml_payload=camera.wpml_payload,
        photo_interval_s=1.0,
    )  # fmt: skip


@pytest.fixture(scope="module")
def planned() -> FlightPlan:
    return plan(patrol())


@pytest.mark.parametrize(
    ("dialect", "command", "fields"),
    [
        (Dialect.ARDUPILOT, Command.DO_DIGICAM_CONTROL, {"params": (0.0, 0.0, 0.0, 0.0), "x_e7": 1}),
        (Dialect.PX4, Command.IMAGE_START_CAPTURE, {"params": (0.0, 0.0, 1.0, 0.0), "x_e7": 0}),
    ],
)
def test_a_look_stands_still_and_takes_one_photograph(
    planned: FlightPlan, dialect: Dialect, command: Command, fields: dict[str, object]
) -> None:
    (sortie,) = planned.sorties
    items = mission_items(sortie, HOME, dialect=dialect)
    looks = [index for index, w in enumerate(sortie.waypoints) if w.leg is Leg.LOOK]
    assert len(looks) == len(SPOTS)
    for index in looks:
        place = next(i for i, item in enumerate(items) if item.waypoint == index and item.command in WITH_POSITION)
        assert items[place].params[0] == 3.0
        assert items[place + 1].command == command
        assert {name: getattr(items[place + 1], name) for name in fields} == fields
        before = [item for item in items[:place] if item.command == Command.DO_MOUNT_CONTROL]
        assert before[-1].params[0] == pytest.approx(-math.degrees(math.atan2(15, 8)))
        if dialect is Dialect.ARDUPILOT:
            turned = [
                item for item in items[:place] if item.command == Command.CONDITION_YAW and item.waypoint == index
            ]
            assert turned[-1].params[0] == pytest.approx(sortie.waypoints[index].yaw_deg)
        else:
            assert items[place].params[3] == pytest.approx(sortie.waypoints[index].yaw_deg)


def _as_held(item: MissionItem) -> tuple[object, ...]:
    scale = 1e7 if item.command in WITH_POSITION else 1.0
    params = tuple(None if math.isnan(value) else round(value, 8) for value in item.params)
    return (int(item.command), int(item.frame), *params, round(item.x_e7 / scale, 7), round(item.y_e7 / scale, 7),
            round(item.z, 6))  # fmt: skip


@pytest.mark.parametrize("autopilot", ["ardupilot", "px4"])
def test_the_files_hold_the_very_items_that_the_link_uploads(
    planned: FlightPlan, tmp_path: Path, autopilot: str
) -> None:
    asked = replace(patrol(), aircraft=replace(patrol().aircraft, autopilot=autopilot))
    (sortie,) = planned.sorties
    sent = [_as_held(item) for item in mission_items(sortie, HOME, dialect=Dialect(autopilot))]
    (path,) = write_plan(planned, tmp_path / "x.plan", patrol=asked)
    mission = json.loads(path.read_text())["mission"]
    held = [
        (item["command"], item["frame"], *(None if v is None else round(v, 8) for v in item["params"][:4]),
         *(round(v, 7) for v in item["params"][4:6]), round(item["params"][6], 6))
        for item in mission["items"]
    ]  # fmt: skip
    assert mission["firmwareType"] == {"ardupilot": 3, "px4": 12}[autopilot]
    assert held == (sent[1:] if autopilot == "ardupilot" else sent)
    (path,) = write_waypoints(planned, tmp_path / "x.waypoints")
    rows = [line.split("\t") for line in path.read_text().splitlines()[1:]]
    lines = [
        (int(r[3]), int(r[2]), *(round(float(v), 8) for v in r[4:8]), *map(float, r[8:10]), float(r[10])) for r in rows
    ]
    assert lines == [_as_held(item) for item in mission_items(sortie, HOME)]
    assert [row[0] for row in rows] == [str(number) for number in range(len(rows))]


@pytest.mark.parametrize("suffix", [".plan", ".waypoints"])
def test_a_mission_read_back_takes_the_same_photographs_and_sees_the_same(
    planned: FlightPlan, tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"x{suffix}"
    write = {
        ".plan": lambda: write_plan(planned, path, patrol=patrol()),
        ".waypoints": lambda: write_waypoints(planned, path),
    }
    (written,) = write[suffix]()
    sortie, findings = check_mission(written, patrol())
    assert sortie.photos == planned.sorties[0].photos
    assert sortie.duration_s == pytest.approx(planned.sorties[0].duration_s, rel=0.02, abs=35)
    coverage = next(finding for finding in findings if finding.code == "coverage")
    assert coverage.severity == "pass"


def test_dji_turns_tilts_stands_and_photographs_in_this_order(tmp_path: Path) -> None:
    asked = patrol("dji-m30t")
    flight_plan = plan(asked)
    (path,) = write_wpml(flight_plan, tmp_path / "x.kmz", patrol=asked, made_at=datetime(2026, 10, 1, tzinfo=UTC))
    route = [w for w in flight_plan.sorties[0].waypoints if w.leg not in {Leg.TAKEOFF, Leg.LAND}]
    with zipfile.ZipFile(path) as archive:
        assert all(entry.compress_type == zipfile.ZIP_DEFLATED for entry in archive.infolist())
        for name in archive.namelist():
            places = list(ET.fromstring(archive.read(name)).iter("{http://www.opengis.net/kml/2.2}Placemark"))  # noqa: S314 - ours
            for waypoint, place in zip(route, places, strict=True):
                if waypoint.leg is not Leg.LOOK:
                    continue
                functions = [one.text for one in place.iter(f"{WPML}actionActuatorFunc")]
                assert functions[:4] == ["rotateYaw", "gimbalRotate", "hover", "takePhoto"]
                assert next(place.iter(f"{WPML}actionTriggerType")).text == "reachPoint"
                assert float(place.findtext(f".//{WPML}gimbalPitchRotateAngle") or "nan") == pytest.approx(
                    waypoint.gimbal_pitch_deg, abs=1e-3
                )
                assert place.findtext(f"{WPML}waypointHeadingParam/{WPML}waypointHeadingAngleEnable") == "1"
    assert sum(w.leg is Leg.LOOK for w in route) == len(SPOTS)


def test_each_look_has_one_footprint_that_holds_its_spot(planned: FlightPlan) -> None:
    shapes = [shape for _n, area, shape in photo_footprints(planned, patrol()) if area == "valves"]
    assert len(shapes) == len(SPOTS)
    for spot in SPOTS:
        assert any(shape.contains(shapely.Point(from_plane(PLANE, spot))) for shape in shapes)


def test_a_look_that_was_taken_is_not_flown_again(planned: FlightPlan) -> None:
    (sortie,) = planned.sorties
    first = next(w for w in sortie.waypoints if w.leg is Leg.LOOK)
    taken = Trigger(
        at=datetime(2026, 10, 1, tzinfo=UTC), number=1, position=first.position, height_takeoff_m=first.height.metres,
        yaw_deg=0, pitch_deg=-60, roll_deg=0,
    )  # fmt: skip
    log = FlightLog(patrol="looks", sortie=1, outcome=Outcome.RETURNED, track=Track(poses=(), source="test"),
                    triggers=(taken,), events=(), last_item=2)  # fmt: skip
    rest = residual(patrol(), planned, [log])
    left = [w for one in rest.sorties for w in one.waypoints if w.leg is Leg.LOOK]
    assert len(left) == len(SPOTS) - 1
    assert distance_m(left[0].position, first.position) > 10
    only = replace(patrol(), areas=patrol().areas[:1])
    looks = plan(only)
    all_taken = tuple(
        replace(taken, number=n, at=taken.at + timedelta(seconds=n), position=w.position)
        for n, w in enumerate((w for w in looks.sorties[0].waypoints if w.leg is Leg.LOOK), start=1)
    )
    with pytest.raises(PlanRefused, match="every planned photograph"):
        residual(only, looks, [replace(log, triggers=all_taken)])


@pytest.mark.wall_clock
@pytest.mark.parametrize("dialect", list(Dialect))
def test_a_flown_look_gives_one_photograph_that_looks_at_its_spot(tmp_path: Path, dialect: Dialect) -> None:
    flight_plan = plan(replace(patrol(), areas=patrol().areas[:1]))
    with RehearsalVehicle(HOME, speedup=30, seed=4, noise=0.0, dialect=dialect) as vehicle:
        vehicle.set_parameter("LAND_SPEED", 200)
        link = connect(vehicle.address, timeout_s=10)
        log = fly(link, flight_plan, 1, clock=SystemClock(), log_path=tmp_path / "l", approval=None, rehearsal=True)
        link.close()
        truth = vehicle.true_triggers()
    assert log.outcome is Outcome.COMPLETED
    looks = [w for w in flight_plan.sorties[0].waypoints if w.leg is Leg.LOOK]
    assert len(truth) == len(log.triggers) == len(looks)
    for trigger, look in zip(truth, looks, strict=True):
        assert distance_m(trigger.position, look.position) < 1.5
        assert look.yaw_deg is not None
        assert abs((trigger.yaw_deg - look.yaw_deg + 180) % 360 - 180) < 5
        assert trigger.pitch_deg == pytest.approx(look.gimbal_pitch_deg, abs=2)


def test_a_thermal_camera_photographs_with_its_own_lens(tmp_path: Path) -> None:
    thermal = CATALOGUE.cameras["dji-m3t-thermal"]
    asked = replace(
        patrol("dji-m3t"), camera=thermal.camera, wpml_payload=thermal.wpml_payload, wpml_lens=thermal.wpml_lens
    )
    (path,) = write_wpml(plan(asked), tmp_path / "x.kmz", patrol=asked, made_at=datetime(2026, 10, 1, tzinfo=UTC))
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            root = ET.fromstring(archive.read(name))  # noqa: S314 - ours
            assert {one.text for one in root.iter(f"{WPML}payloadLensIndex")} == {"ir"}
