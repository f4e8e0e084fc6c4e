from __future__ import annotations

import importlib.util
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.heights import TakeoffHeight
from core.refusal import Refusal
from flight.telemetry.dataflash import read_dataflash
from flight.telemetry.flight_record import FlightRecord, clock_offset, gps_to_unix_s, quaternion_angles_deg
from flight.telemetry.tlog import read_tlog
from flight.telemetry.ulog import read_ulog
from flight.track import Pose, missing, pose_at

_spec = importlib.util.spec_from_file_location("log_samples", Path(__file__).with_name("log_samples.py"))
assert _spec is not None
assert _spec.loader is not None
logs = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(logs)

Reader = Callable[..., FlightRecord | Refusal]
KINDS: dict[str, tuple[Reader, Callable[..., bytes]]] = {
    "bin": (read_dataflash, logs.dataflash),
    "tlog": (read_tlog, logs.tlog),
    "ulg": (read_ulog, logs.ulog),
}


def write(folder: Path, content: bytes, suffix: str) -> Path:
    path = folder / f"flight.{suffix}"
    path.write_bytes(content)
    return path


def read(folder: Path, kind: str, **options: Any) -> FlightRecord:
    reader, writer = KINDS[kind]
    record = reader(write(folder, writer(**options), kind))
    assert isinstance(record, FlightRecord), record
    return record


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_log_gives_the_values_that_were_flown(tmp_path: Path, kind: str) -> None:
    record = read(tmp_path, kind)
    assert len(record.track.poses) == len(logs.steps())
    for t, pose in zip(logs.steps(), record.track.poses, strict=True):
        assert abs((pose.captured_at - logs.START).total_seconds() - t) < 0.002
        assert pose.position is not None
        assert (pose.position.lat_deg, pose.position.lon_deg) == pytest.approx((23.12 + 1e-5 * t, 113.25), abs=2e-7)
        assert pose.height_takeoff is not None
        assert pose.height_msl is not None
        assert pose.height_takeoff.metres == pytest.approx(60 + t, abs=0.01)
        assert pose.height_msl.metres == pytest.approx(70.5 + t, abs=0.01)
        assert pose.yaw_deg is not None
        assert (pose.yaw_deg - (20 + t) + 180) % 360 - 180 == pytest.approx(0, abs=0.02)
        assert (pose.pitch_deg, pose.roll_deg) == pytest.approx((-45 - t, 0.5), abs=0.01)
        assert pose.sigma is not None
        assert (pose.sigma.horizontal_m, pose.sigma.vertical_m) == pytest.approx((0.8, 1.2))
        assert missing(pose) == ()
    assert record.attitudes[0].yaw_deg == pytest.approx(350, abs=0.02)
    assert (record.damaged, record.clock_sigma_s < 0.01) == (0, True)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_photographs_are_found(tmp_path: Path, kind: str) -> None:
    (shutter,) = read(tmp_path, kind).shutters
    assert shutter.number == 3
    assert abs((shutter.at - logs.START).total_seconds() - 10) < 0.01
    assert shutter.height_takeoff_m == pytest.approx(70.0)
    assert shutter.position is not None


@pytest.mark.parametrize("kind", ["bin", "ulg"])
def test_a_log_without_a_gimbal_gives_incomplete_poses(tmp_path: Path, kind: str) -> None:
    record = read(tmp_path, kind, gimbal=False)
    assert {missing(pose) for pose in record.track.poses} == {("yaw", "pitch", "roll")}
    assert any("gimbal" in sentence for sentence in record.assumptions)


@pytest.mark.parametrize(("kind", "options"), [("bin", {"gps_time": False}), ("ulg", {"utc": False})])
def test_a_log_without_gps_time_is_refused(tmp_path: Path, kind: str, options: dict[str, bool]) -> None:
    reader, writer = KINDS[kind]
    refusal = reader(write(tmp_path, writer(**options), kind))
    assert isinstance(refusal, Refusal)
    assert refusal.code == "no-time"


def test_gps_places_carry_velocity_when_the_estimator_is_not_logged(tmp_path: Path) -> None:
    record = read(tmp_path, "bin", pos=False)
    velocity = record.track.poses[7].velocity
    assert velocity is not None
    assert (velocity.east_m_s, velocity.north_m_s, velocity.up_m_s) == pytest.approx((0.0, 1.1119, 1.0), abs=1e-3)
    pose = pose_at(record.track, logs.START + timedelta(seconds=3.1))
    assert isinstance(pose, Pose)
    assert pose.height_msl is not None
    assert pose.height_msl.metres == pytest.approx(73.6, abs=0.01)
    assert pose.height_takeoff is None


@pytest.mark.parametrize("degrees", [False, True])
def test_a_px4_log_without_an_estimate_is_read_by_its_receiver(tmp_path: Path, *, degrees: bool) -> None:
    pose = read(tmp_path, "ulg", estimate=False, degrees=degrees).track.poses[10]
    assert pose.position is not None
    assert (pose.position.lat_deg, pose.position.lon_deg) == pytest.approx((23.12002, 113.25), abs=1e-7)
    assert pose.height_takeoff is None
    assert pose.height_msl is not None
    assert pose.height_hae is not None
    assert (pose.height_msl.metres, pose.height_hae.metres) == pytest.approx((72.5, 67.5), abs=1e-3)
    assert pose.velocity is not None
    assert (pose.velocity.north_m_s, pose.velocity.up_m_s) == pytest.approx((1.112, 1.0), abs=1e-6)


def test_a_simulated_px4_log_counts_from_1970(tmp_path: Path) -> None:
    record = read(tmp_path, "ulg", boot_s=logs.START.timestamp())
    assert len(record.track.poses) == len(logs.steps())
    assert abs((record.track.poses[0].captured_at - logs.START).total_seconds()) < 1e-3


def test_the_stations_clock_is_set_against_the_vehicles(tmp_path: Path) -> None:
    record = read(tmp_path, "tlog", station_ahead_s=2.5)
    assert any("+2.50 s" in sentence for sentence in record.assumptions)
    late = read(tmp_path, "tlog", system_time=False, station_ahead_s=2.5)
    assert (late.track.poses[0].captured_at - logs.START).total_seconds() == pytest.approx(2.5, abs=0.01)
    assert any("ground station" in sentence for sentence in late.assumptions)


def test_a_log_of_several_vehicles_asks_which(tmp_path: Path) -> None:
    path = write(tmp_path, logs.tlog(systems=(1, 2)), "tlog")
    refusal = read_tlog(path)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "several-vehicles"
    assert isinstance(read_tlog(path, system_id=2), FlightRecord)


def test_the_first_mavlink_version_is_read_too(tmp_path: Path) -> None:
    record = read(tmp_path, "tlog", v1=True)
    assert record.track.poses[0].height_takeoff == TakeoffHeight(metres=60.0)


def test_dataflash_agrees_with_pymavlink(tmp_path: Path) -> None:
    from pymavlink import DFReader

    path = write(tmp_path, logs.dataflash(), "bin")
    record = read_dataflash(path)
    assert isinstance(record, FlightRecord)
    peer = DFReader.DFReader_binary(str(path))
    theirs = []
    while (message := peer.recv_match(type=["POS"])) is not None:
        theirs.append((message._timestamp, message.Lat, message.Lng, message.RelHomeAlt))
    peer.close()
    peer.filehandle.close()
    ours = [
        (p.captured_at.timestamp(), p.position.lat_deg, p.position.lon_deg, p.height_takeoff.metres)  # type: ignore[union-attr]
        for p in record.track.poses
    ]
    assert len(ours) == len(theirs)
    for mine, other in zip(ours, theirs, strict=True):
        assert mine == pytest.approx(other, abs=1e-3)


def test_damage_costs_only_the_damaged_bytes(tmp_path: Path) -> None:
    for kind in ("bin", "tlog"):
        reader, writer = KINDS[kind]
        content = bytearray(writer())
        middle = len(content) // 2
        content[middle : middle + 40] = bytes(40)
        record = reader(write(tmp_path, bytes(content), kind))
        assert isinstance(record, FlightRecord)
        assert 0 < record.damaged < 400
        assert len(record.track.poses) >= len(logs.steps()) - 3
        assert any("damaged" in sentence for sentence in record.assumptions)


def test_a_record_of_no_length_does_not_stop_the_reader(tmp_path: Path) -> None:
    content = bytearray(logs.dataflash())
    at = content.index(b"POS\0")
    content[at - 1] = 0  # the length in the FMT record of POS
    record = read_dataflash(write(tmp_path, bytes(content), "bin"))
    assert isinstance(record, FlightRecord)
    assert record.damaged > 0


def test_a_flipped_bit_does_not_move_the_aircraft(tmp_path: Path) -> None:
    content = bytearray(logs.dataflash())
    records = [at for at in range(len(content) - 2) if content[at : at + 3] == b"\xa3\x95\x83"]
    content[records[30] + 3 + 8 + 3] ^= 0x10  # the highest byte of POS.Lat
    record = read_dataflash(write(tmp_path, bytes(content), "bin"))
    assert isinstance(record, FlightRecord)
    assert len(record.track.poses) == len(logs.steps()) - 1
    assert any("jump" in sentence for sentence in record.assumptions)


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize(("content", "code"), [(b"", "empty-file"), (b"no log" * 50, "not-a-log")])
def test_what_is_no_log_is_refused(tmp_path: Path, kind: str, content: bytes, code: str) -> None:
    refusal = KINDS[kind][0](write(tmp_path, content, kind))
    assert isinstance(refusal, Refusal)
    assert refusal.code == code
    assert isinstance(KINDS[kind][0](tmp_path / "none"), Refusal)


SAMPLES = {kind: writer() for kind, (_reader, writer) in KINDS.items()}


@pytest.mark.parametrize("kind", sorted(KINDS))
@given(seed=st.integers(0, 2**32 - 1), flips=st.integers(1, 60), share=st.floats(0, 1))
@settings(max_examples=15, deadline=5000)
def test_damaged_logs_are_answered_without_an_invented_place(
    tmp_path_factory: pytest.TempPathFactory, kind: str, seed: int, flips: int, share: float
) -> None:
    chance = random.Random(seed)  # noqa: S311 - repeatable damage, not a secret
    content = bytearray(SAMPLES[kind])
    for _flip in range(flips):
        content[chance.randrange(len(content))] = chance.randrange(256)
    content = content[: int(len(content) * (0.05 + 0.95 * share))]
    answer = KINDS[kind][0](write(tmp_path_factory.mktemp("damaged"), bytes(content), kind))
    if isinstance(answer, FlightRecord) and kind == "tlog":  # its frames carry checksums: what is read is what was sent
        for pose in answer.track.poses:
            assert pose.position is not None
            assert pose.position.lat_deg == pytest.approx(23.1201, abs=2e-4)
            assert pose.position.lon_deg == pytest.approx(113.25, abs=1e-6)


def test_gps_weeks_and_leap_seconds() -> None:
    week, milliseconds = logs.gps_week(0.0)
    assert gps_to_unix_s(week, milliseconds / 1e3) == pytest.approx(logs.START.timestamp(), abs=1e-3)
    assert gps_to_unix_s(0, 0) is None
    # 2016-12-31 ended with a leap second: GPS was 17 s ahead of UTC before it and 18 s after.
    noon = datetime.fromisoformat("2016-12-31T12:00:00+00:00").timestamp()
    saturday_noon_s = 6.5 * 86_400
    assert gps_to_unix_s(1929, saturday_noon_s + 17) == pytest.approx(noon, abs=1e-6)
    assert gps_to_unix_s(1930, saturday_noon_s + 18) == pytest.approx(noon + 7 * 86_400, abs=1e-6)


def test_an_offset_is_robust_against_the_odd_late_message() -> None:
    pairs = [(float(t), t + 1.7e9 + (5.0 if t == 3 else 0.01 * (t % 2))) for t in range(11)]
    offset = clock_offset(pairs)
    assert offset is not None
    assert offset[0] == pytest.approx(1.7e9, abs=0.02)
    assert offset[1] < 0.05
    assert clock_offset([]) is None


@given(yaw=st.floats(-179, 179), pitch=st.floats(-89, 89), roll=st.floats(-179, 179))
@settings(max_examples=50)
def test_quaternions_are_turned_into_the_angles_they_came_from(yaw: float, pitch: float, roll: float) -> None:
    angles = quaternion_angles_deg(*logs.quaternion(yaw=yaw, pitch=pitch, roll=roll))
    assert angles == pytest.approx((yaw, pitch, roll), abs=1e-5)
    assert quaternion_angles_deg(0, 0, 0, 0) is None
