"""What every Link keeps, shown on the DroneKit driver against the rehearsal vehicle."""

from __future__ import annotations

import ast
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.errors import LinkFailed, VehicleRefused
from core.heights import TakeoffHeight
from core.points import GeoPoint, LocalPlane, from_plane
from flight.dronekit_link import DroneKitLink, connect
from flight.flight_plan import Leg, Sortie, Waypoint
from flight.mavlink.dronekit_exchange import ListType
from flight.mavlink.dronekit_texts import StatusTexts
from flight.mavlink.mission import Command, Dialect, differences, last_waypoint_before, mission_items, navigation_seq
from flight.rehearsal.vehicle import RehearsalVehicle
from flight.rehearsal.vehicle_faults import Fault, FaultKind
from flight.rehearsal.vehicle_vocabulary import Severity

pytestmark = pytest.mark.wall_clock  # a simulated flight at many times its speed: run alone

HOME = GeoPoint(lon_deg=113.5, lat_deg=23.1)


def make_sortie(lines: int = 3, home: GeoPoint = HOME) -> Sortie:
    def at(leg: Leg, east: float, north: float, height: float, spacing: float | None = None) -> Waypoint:
        lon, lat = from_plane(LocalPlane(origin=home), [east, north])
        return Waypoint(
            leg=leg,
            position=GeoPoint(lon_deg=float(lon), lat_deg=float(lat)),
            height=TakeoffHeight(metres=height),
            speed_m_s=7.3,
            gimbal_pitch_deg=-75.5,
            photo_spacing_m=spacing,
        )

    points = [at(Leg.TAKEOFF, 0, 0, 33.33)]
    for line in range(lines):
        points.append(at(Leg.TRANSIT, 10.0 * line, 20.0, 33.33))
        points.append(at(Leg.LINE, 10.0 * line, 80.0, 33.33, 12.5))
    points += [at(Leg.RETURN, 0, 0, 33.33), at(Leg.LAND, 0, 0, 0.0)]
    return Sortie(number=1, waypoints=tuple(points), length_m=100, duration_s=60, photos=5 * lines, battery_used=0.1)


@pytest.fixture
def vehicle() -> Iterator[RehearsalVehicle]:
    with RehearsalVehicle(HOME, speedup=20, seed=2) as flown:
        yield flown


@pytest.fixture
def link(vehicle: RehearsalVehicle) -> Iterator[DroneKitLink]:
    connected = connect(vehicle.address, timeout_s=10)
    yield connected
    connected.close()


def test_an_upload_is_held_by_the_vehicle_to_the_last_field(link: DroneKitLink) -> None:
    sortie = make_sortie()
    link.upload(sortie)
    held = link._exchange.fetch(ListType.MISSION, alive=link._port.require_alive)
    sent = mission_items(sortie, HOME)
    assert len(held) == len(sent)
    assert all(differences(a, b) == () for a, b in zip(sent[1:], held[1:], strict=True))


def test_state_says_where_it_is(link: DroneKitLink) -> None:
    state = link.state()
    assert state.position is not None
    assert abs(state.position.lat_deg - HOME.lat_deg) < 1e-4
    assert state.landed is True
    assert not state.armed
    assert state.heartbeat_age_s < 2.5
    assert state.battery_share == pytest.approx(1.0, abs=0.02)


def test_home_far_from_the_vehicle_is_refused(link: DroneKitLink) -> None:
    far = GeoPoint(lon_deg=113.51, lat_deg=23.1)
    with pytest.raises(VehicleRefused, match=r"stands .* m from"):
        link.upload(make_sortie(home=far))


def test_a_refusal_to_arm_comes_in_the_vehicles_words(vehicle: RehearsalVehicle, link: DroneKitLink) -> None:
    link.upload(make_sortie())
    vehicle._autopilot.refuse_arming = "Compass not calibrated"
    with pytest.raises(VehicleRefused, match="Compass not calibrated"):
        link.arm_and_start()


def test_starting_without_a_sortie_is_the_callers_mistake(link: DroneKitLink) -> None:
    with pytest.raises(ValueError, match="upload"):
        link.arm_and_start()


def test_close_ends_thread_and_socket_and_may_be_repeated(vehicle: RehearsalVehicle) -> None:
    before = threading.active_count()
    link = connect(vehicle.address, timeout_s=10)
    assert threading.active_count() == before + 1
    link.close()
    link.close()
    assert threading.active_count() == before
    with pytest.raises(LinkFailed):
        link.return_home()
    with pytest.raises(LinkFailed):
        link.state()


def test_a_dead_peer_is_noticed_without_spinning() -> None:
    vehicle = RehearsalVehicle(HOME, speedup=5)
    link = connect(vehicle.start(), timeout_s=10)
    vehicle.stop()
    until = time.monotonic() + 3
    while link._port.alive and time.monotonic() < until:
        time.sleep(0.02)
    assert not link._port.alive
    spent = time.process_time()
    time.sleep(0.4)
    assert time.process_time() - spent < 0.1
    with pytest.raises(LinkFailed, match="dead"):
        link.upload(make_sortie())
    link.close()


@pytest.mark.parametrize("address", ["tcp:127.0.0.1:1", "tcp:127.0.0.1", "nonsense", "serial:/dev/no-such-port:57600"])
def test_nothing_there_is_one_sentence(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(LinkFailed, match=address.split(":", maxsplit=1)[0]):
        connect(address, timeout_s=2)
    assert capsys.readouterr().out == ""


def test_importing_the_driver_does_not_import_dronekit() -> None:
    code = "import sys, flight.dronekit_link; sys.exit('dronekit' in sys.modules or 'pymavlink' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_camera_is_on_along_lines_only() -> None:
    items = mission_items(make_sortie(), HOME)
    spacing, on_the_way = 0.0, {}
    for item in items:
        if item.command == Command.DO_SET_CAM_TRIGG_DIST:
            spacing = item.params[0]
        elif item.command in {Command.NAV_WAYPOINT, Command.NAV_TAKEOFF, Command.NAV_LAND} and item.waypoint >= 0:
            on_the_way[item.waypoint] = spacing
    for index, waypoint in enumerate(make_sortie().waypoints):
        assert on_the_way[index] == (waypoint.photo_spacing_m or 0.0)


def test_a_waypoint_is_reached_when_the_item_behind_it_is_flown() -> None:
    items = mission_items(make_sortie(), HOME)
    assert last_waypoint_before(items, 0) == -1
    take_off = next(item.seq for item in items if item.command == Command.NAV_TAKEOFF)
    assert last_waypoint_before(items, take_off) == -1
    assert last_waypoint_before(items, take_off + 1) == 0
    assert last_waypoint_before(items, len(items)) == len(make_sortie().waypoints) - 1
    assert items[navigation_seq(items, 2)].waypoint == 2


def test_px4_has_no_home_item_and_keeps_yaw_with_nan() -> None:
    items = mission_items(make_sortie(), HOME, dialect=Dialect.PX4)
    assert items[0].command == Command.NAV_TAKEOFF
    assert items[0].params[3] != items[0].params[3]  # NaN
    assert len(items) == len(mission_items(make_sortie(), HOME)) - 1


def test_the_foreign_systems_stay_in_their_drivers() -> None:
    """DroneKit is imported by one module, pymavlink by the link's and the rehearsal vehicle's only."""
    flight = Path(__file__).resolve().parents[2] / "flight"
    importers: dict[str, set[str]] = {"dronekit": set(), "pymavlink": set()}
    for path in [*flight.glob("*.py"), *(flight / "rehearsal").glob("*.py"), *(flight / "mavlink").glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                if (root := name.split(".")[0]) in importers:
                    importers[root].add(path.name)
    assert importers["dronekit"] == {"dronekit_link.py"}
    assert importers["pymavlink"] == {"dronekit_port.py", "dronekit_reports.py", "vehicle.py"}


def test_a_late_heartbeat_does_not_disarm(vehicle: RehearsalVehicle, link: DroneKitLink) -> None:
    """A packet that was overtaken on the way says how things were, not how they are."""
    mav = link._port.mavlink

    def heartbeat(*, armed: bool, number: int) -> object:
        codec = mav.MAVLink(None, srcSystem=1, srcComponent=1)
        codec.seq = number
        flags = 1 | (128 if armed else 0)
        packed = mav.MAVLink_heartbeat_message(2, 3, flags, 3, 4, 3).pack(codec)
        return mav.MAVLink(None).parse_buffer(packed)[0]

    vehicle.stop()
    number = (link._port._newest[1] + 5) % 256
    link._port._deliver(heartbeat(armed=True, number=number))
    link._port._deliver(heartbeat(armed=False, number=(number - 3) % 256))
    beat = link._reports.word("HEARTBEAT")
    assert beat.base_mode & 128
    link._port._deliver(heartbeat(armed=False, number=(number + 1) % 256))
    assert not link._reports.word("HEARTBEAT").base_mode & 128


# --- what a real autopilot does and a soft twin would not ----------------------------------------------------------


def test_items_that_come_twice_do_not_end_an_upload(vehicle: RehearsalVehicle, link: DroneKitLink) -> None:
    """ArduPilot answers the second one with MAV_MISSION_INVALID_SEQUENCE, after the last with MAV_MISSION_ERROR."""
    vehicle.inject(Fault(kind=FaultKind.DUPLICATE, amount=1.0))
    link.upload(make_sortie())
    link.upload_fence(())
    link.upload(make_sortie(lines=2))
    assert len(vehicle._autopilot.lists[0]) == len(mission_items(make_sortie(lines=2), HOME))


def test_a_list_whose_last_word_was_lost_is_known_by_reading_it_back(
    vehicle: RehearsalVehicle, link: DroneKitLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    protocol = vehicle._protocol
    assert protocol is not None
    answer = type(protocol)._ack
    lost = []

    def ack(self: object, partner: tuple[int, int], list_type: int, result: int) -> None:
        if not lost:
            lost.append(result)
        else:
            answer(self, partner, list_type, result)  # type: ignore[arg-type]

    monkeypatch.setattr(type(protocol), "_ack", ack)
    link._exchange.silence_s = 1.0
    link.upload(make_sortie())
    assert lost == [0]


def test_long_words_of_the_vehicle_are_put_together(vehicle: RehearsalVehicle, link: DroneKitLink) -> None:
    words = "PreArm: Compass calibrated requires reboot, and so does the estimator after that change of lanes"
    with vehicle._lock:
        vehicle._say(Severity.CRITICAL, words)
        vehicle._say(Severity.CRITICAL, "x" * 100)  # two full pieces and an empty one
        vehicle._say(Severity.INFO, "short")
    heard: list[str] = []
    until = time.monotonic() + 5
    while len(heard) < 3 and time.monotonic() < until:
        heard += list(link.messages())
        time.sleep(0.02)
    assert heard == [words, "x" * 100, "short"]


def test_a_long_text_with_a_lost_piece_is_given_with_its_gap(link: DroneKitLink) -> None:
    mav, texts = link._port.mavlink, StatusTexts()
    for number, piece in ((0, b"a" * 50), (2, b"end")):
        assert texts.heard(mav.MAVLink_statustext_message(4, piece, 7, number), 0.0) == []
    assert texts.overdue(0.5) == []
    assert texts.overdue(1.5) == ["a" * 50 + "…end"]
    assert texts.heard(mav.MAVLink_statustext_message(4, b"b" * 50, 7, 1), 2.0) == [], "too late, and already told"


def test_a_pause_that_the_mission_cannot_take_brakes(vehicle: RehearsalVehicle, link: DroneKitLink) -> None:
    """ArduCopter pauses between waypoints only; in a mission's climb it says no, and must be stopped all the same."""
    link.upload(make_sortie())
    link.arm_and_start()
    until = time.monotonic() + 10
    while not 2 < vehicle.true_position_m[2] < 25 and time.monotonic() < until:
        time.sleep(0.01)
    link.pause()
    assert vehicle.mode == "BRAKE"
    link.resume()
    assert vehicle.mode == "AUTO"


def test_a_mission_begins_at_its_beginning_whatever_was_flown_before(
    vehicle: RehearsalVehicle, link: DroneKitLink
) -> None:
    link.upload(make_sortie())
    vehicle._autopilot.item = 7  # where another station left it; ArduPilot would go on from there
    until = time.monotonic() + 5
    while link._reports.word("MISSION_CURRENT").seq != 7 and time.monotonic() < until:
        time.sleep(0.02)
    link.arm_and_start()
    assert vehicle._autopilot.item <= 2


def test_without_a_gimbal_and_a_camera_it_flies_and_skips_all_the_same() -> None:
    bare = RehearsalVehicle(HOME, speedup=20, seed=2)
    for name in ("MNT1_TYPE", "CAM1_TYPE"):
        bare.set_parameter(name, 0)
    with bare:
        connected = connect(bare.address, timeout_s=10)
        try:
            connected.upload(make_sortie())
            connected.arm_and_start()
            until = time.monotonic() + 20
            while connected.state().waypoint != 1 and time.monotonic() < until:
                time.sleep(0.02)
            connected.skip_to(5)
            assert bare._autopilot.item >= navigation_seq(connected._items, 5)
            assert bare.true_triggers() == ()
        finally:
            connected.close()


def test_a_vehicle_just_switched_on_is_waited_for() -> None:
    with RehearsalVehicle(HOME, speedup=10, seed=2) as fresh:
        fresh._autopilot.gps_ok = False
        connected = connect(fresh.address, timeout_s=10)
        try:
            said: list[str] = []
            threading.Timer(0.6, setattr, (fresh._autopilot, "gps_ok", True)).start()
            began = time.monotonic()
            connected.await_ready(10.0, said.append)
            assert 0.4 < time.monotonic() - began < 6
            assert said
            assert "fix" in said[0]
            assert connected.state().position is not None
        finally:
            connected.close()


def test_heartbeats_keep_step_with_the_vehicles_own_time() -> None:
    """A real autopilot in a simulator counts its own seconds: at ten times the speed, five of them are half of ours."""
    heard: list[float] = []
    with RehearsalVehicle(HOME, speedup=10, seed=2, own_time=True) as strict:
        hear = strict._radio.hear

        def listen(message: Any) -> None:
            if message.get_type() == "HEARTBEAT":
                heard.append(strict._autopilot.time_s)
            hear(message)

        strict._radio.hear = listen
        connected = connect(strict.address, timeout_s=10)
        try:
            connected.upload(make_sortie(lines=20))
            connected.arm_and_start()
            time.sleep(3)
        finally:
            connected.close()
    # A machine that stalls stalls both sides, so the gaps in between are no measure; how many came is.
    assert len(heard) > 0.8 * (heard[-1] - heard[0])
