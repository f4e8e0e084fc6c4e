"""The log outlives its writer: kill -9 in flight, reattach, and read it in other people's programs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest

from core.clock import FrozenClock, SystemClock
from core.errors import InputRefused, LinkFailed
from core.heights import TakeoffHeight
from core.points import GeoPoint, LocalPlane, from_plane
from flight.dronekit_link import connect
from flight.flight_log import Outcome
from flight.flight_plan import FlightPlan, Leg, Sortie, Waypoint
from flight.fly import attend
from flight.flying.log_export import geojson, tlog_bytes
from flight.flying.log_file import LogFile, read_log, read_records
from flight.rehearsal.rehearse import rehearse
from flight.rehearsal.vehicle import RehearsalVehicle

pytestmark = pytest.mark.wall_clock  # a simulated flight at many times its speed: run alone

HOME = GeoPoint(lon_deg=113.5, lat_deg=23.1)


def make_plan() -> FlightPlan:
    def at(leg: Leg, east: float, north: float, height: float = 15.0) -> Waypoint:
        lon, lat = from_plane(LocalPlane(origin=HOME), [east, north])
        return Waypoint(
            leg=leg,
            position=GeoPoint(lon_deg=float(lon), lat_deg=float(lat)),
            height=TakeoffHeight(metres=height),
            speed_m_s=6.0,
            gimbal_pitch_deg=-90.0,
            photo_spacing_m=10.0 if leg is Leg.LINE else None,
        )

    waypoints = (
        at(Leg.TAKEOFF, 0, 0),
        at(Leg.LINE, 0, 120),
        at(Leg.TRANSIT, 20, 120),
        at(Leg.LINE, 20, 0),
        at(Leg.RETURN, 0, 0),
        at(Leg.LAND, 0, 0, 0.0),
    )
    sortie = Sortie(number=2, waypoints=waypoints, length_m=280, duration_s=90, photos=24, battery_used=0.06)
    return FlightPlan(patrol="night yard", home=HOME, sorties=(sortie,), findings=(), covered_share=1.0)


STATION = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from core.clock import SystemClock
from flight.dronekit_link import connect
from flight.fly import fly
import importlib.util
spec = importlib.util.spec_from_file_location("logtest", sys.argv[4])
module = importlib.util.module_from_spec(spec)
sys.modules["logtest"] = module
spec.loader.exec_module(module)
link = connect(sys.argv[1], timeout_s=15)
fly(link, module.make_plan(), 2, clock=SystemClock(), log_path=Path(sys.argv[2]), approval=None, rehearsal=True)
"""


def lines_of(path: Path, kind: str) -> int:
    return path.read_bytes().count(b'{"kind":"%s"' % kind.encode()) if path.exists() else 0


def test_a_killed_station_loses_nothing_and_another_takes_over(tmp_path: Path) -> None:
    path = tmp_path / "flight.jsonl"
    root = str(Path(__file__).resolve().parents[2])
    with RehearsalVehicle(HOME, speedup=8, seed=6) as vehicle:
        vehicle.set_parameter("LAND_SPEED", 200)
        station = subprocess.Popen([sys.executable, "-c", STATION, vehicle.address, str(path), root, __file__])
        until = time.monotonic() + 60
        while lines_of(path, "trigger") < 4 and station.poll() is None and time.monotonic() < until:
            time.sleep(0.02)
        seen = len(vehicle.true_triggers())
        os.kill(station.pid, signal.SIGKILL)
        station.wait(10)
        cut = read_log(path)
        assert cut.outcome is Outcome.LINK_LOST, "a log without an end is a lost flight"
        assert len(cut.triggers) >= seen - 1, "photographs of before the last second are missing"
        assert cut.track.poses
        with path.open("ab") as file:
            file.write(b'{"kind":"pose","utc":"2026-')  # what a crash of the machine may leave
        link = connect(vehicle.address, timeout_s=10)
        log = attend(link, make_plan(), 2, clock=SystemClock(), log_path=path)
        link.close()
    assert log.outcome is Outcome.COMPLETED
    whole = read_log(path)
    assert (whole.outcome, whole.patrol, whole.sortie) == (Outcome.COMPLETED, "night yard", 2)
    assert whole.last_item == len(make_plan().sorties[0].waypoints) - 1
    assert len(whole.triggers) > len(cut.triggers)
    assert len(whole.track.poses) > len(cut.track.poses) + 10
    kinds = [record["kind"] for record in read_records(path)]
    assert kinds.count("begin") == 2
    assert kinds[-1] == "end"


def test_nothing_on_the_ground_is_attended_nor_another_mission(tmp_path: Path) -> None:
    with RehearsalVehicle(HOME, speedup=10, seed=6) as vehicle:
        link = connect(vehicle.address, timeout_s=10)
        with pytest.raises(LinkFailed, match="0 items"):
            attend(link, make_plan(), 2, clock=SystemClock(), log_path=tmp_path / "a")
        link.upload(make_plan().sorties[0])
        with pytest.raises(LinkFailed, match="nothing to attend"):
            attend(link, make_plan(), 2, clock=SystemClock(), log_path=tmp_path / "b")
        link.close()


@pytest.fixture(scope="module")
def flight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("flight") / "log.jsonl"
    rehearse(
        make_plan(), 2, log_path=path, speedup=25, seed=3, home_hae_m=30.0, parameters={"LAND_SPEED": 200},
        start_at=datetime(2026, 10, 1, 2, tzinfo=UTC),
    )  # fmt: skip
    return path


def test_tlog_is_read_by_pymavlink(flight: Path, tmp_path: Path) -> None:
    from pymavlink import mavutil

    path = tmp_path / "flight.tlog"
    path.write_bytes(tlog_bytes(flight))
    log = mavutil.mavlogfile(str(path), robust_parsing=False)
    kinds: dict[str, int] = {}
    while (message := log.recv_msg()) is not None:
        kinds[message.get_type()] = kinds.get(message.get_type(), 0) + 1
    log.close()
    assert kinds["GLOBAL_POSITION_INT"] > 100
    assert kinds["CAMERA_FEEDBACK"] >= len(read_log(flight).triggers)  # the last one is asked for again
    assert kinds["MISSION_ITEM_INT"] >= 2 * 10  # sent and read back
    assert kinds["COMMAND_LONG"] > 3
    assert kinds["COMMAND_ACK"] > 3
    assert sum(kinds.values()) == sum(r["kind"] in {"rx", "tx"} for r in read_records(flight))


def test_geojson_holds_track_photographs_and_events(flight: Path) -> None:
    log = read_log(flight)
    collection = json.loads(json.dumps(geojson(log)))
    kinds = [feature["properties"]["kind"] for feature in collection["features"]]
    assert kinds.count("track") == 1
    assert kinds.count("photograph") == len(log.triggers) > 20
    assert kinds.count("event") == len(log.events)
    line = collection["features"][0]["geometry"]["coordinates"]
    assert all(abs(lon - 113.5) < 0.01 and abs(lat - 23.1) < 0.01 and 20 < height < 60 for lon, lat, height in line)


def test_every_record_has_both_clocks(flight: Path) -> None:
    records = read_records(flight)
    monotonic = [record["mono_s"] for record in records]
    assert all(isinstance(value, float) for value in monotonic)
    assert max(a - b for a, b in pairwise(monotonic)) < 0.5  # in order, save for threads
    assert all(record["utc"].endswith("Z") for record in records)
    checks = [record for record in records if record.get("event") == "check"]
    assert len(checks) == 16


def test_a_file_that_is_no_log_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    for content in (b"", b"hello\n", b'{"kind":"begin","utc":"2026-10-01T00:00:00Z"}\n'):
        path.write_bytes(content)
        with pytest.raises(InputRefused, match="flight log"):
            read_log(path)
    with pytest.raises(InputRefused, match="cannot be read"):
        read_log(tmp_path / "missing")


def test_records_survive_without_close(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    clock = FrozenClock(instant=datetime(2026, 10, 1, tzinfo=UTC))
    log = LogFile(path, clock)
    log.enqueue("rx", name="HEARTBEAT", raw="")
    log.write("event", event="decision", text="hold")
    on_disk = path.read_bytes()
    assert on_disk.count(b"\n") == 2
    assert b"hold" in on_disk
    log.end(outcome="completed", last_item=3)
    log.enqueue("rx", name="HEARTBEAT", raw="")
    log.close()
    log.close()
    assert path.read_bytes().count(b"\n") == 3
