from __future__ import annotations

import importlib.util
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.heights import Geoid, HaeHeight, MslHeight
from core.refusal import Refusal
from flight.camera import Orientation, camera_to_enu
from flight.telemetry.klv import KlvTelemetry, checksum, pose_of, read_klv, read_klv_packets
from flight.track import missing

_spec = importlib.util.spec_from_file_location("klv_samples", Path(__file__).with_name("klv_samples.py"))
assert _spec is not None
assert _spec.loader is not None
klv = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(klv)

START = datetime(2026, 10, 1, 2, 3, 4, 500_000, tzinfo=UTC)
WHOLE: dict[int, float | bytes] = {
    3: b"MISSION01", 10: b"HORUS", 5: 159.974, 90: -0.4315, 91: 3.4058, 13: 23.12, 14: 113.25, 15: 120.0, 75: 115.0,
    16: 60.0, 17: 34.0, 18: 20.0, 19: -45.0, 20: 0.0,
}  # fmt: skip

# The examples of ST 0601 for single items: number, bytes, value, tolerance of the last digit that the standard prints.
EXAMPLES = [
    (5, "71C2", 159.974365, 1e-6),
    (6, "FD3D", -0.431531724, 1e-8),
    (7, "08B8", 3.40586566, 1e-7),
    (13, "5595B66D", 60.1768229669783, 1e-9),
    (14, "5B5360C4", 128.426759042045, 1e-9),
    (15, "C221", 14190.7195, 1e-3),
    (16, "CD9C", 144.571298, 1e-6),
    (17, "D917", 152.643626, 1e-6),
    (18, "724A0A20", 160.719211, 1e-6),
    (19, "87F84B86", -168.792324833941, 1e-9),
    (20, "00000000", 0.0, 0),
    (21, "03830926", 68590.983298744, 1e-6),
    (23, "F101A229", -10.5423886331461, 1e-9),
    (24, "14BC082B", 29.157890122923, 1e-9),
    (25, "34F3", 3216.03723, 1e-4),
    (75, "C221", 14190.7195, 1e-3),
    (104, "2F921E", 23456.24, 1 / 128),
]


def read(content: bytes) -> KlvTelemetry:
    telemetry = read_klv_packets(((None, content),), name="x.klv")
    assert isinstance(telemetry, KlvTelemetry), telemetry
    return telemetry


@pytest.mark.parametrize(("number", "raw", "value", "tolerance"), EXAMPLES)
def test_items_give_the_values_of_the_standards_examples(number: int, raw: str, value: float, tolerance: float) -> None:
    telemetry = read(klv.packet(START, {number: bytes.fromhex(raw)}))
    assert telemetry.records[0].values[number] == pytest.approx(value, abs=tolerance or 1e-12)


def test_a_file_gives_times_places_heights_and_angles(tmp_path: Path) -> None:
    path = tmp_path / "x.klv"
    path.write_bytes(b"".join(klv.packet(START + timedelta(seconds=t), WHOLE) for t in range(3)))
    telemetry = read_klv(path)
    assert isinstance(telemetry, KlvTelemetry)
    assert (len(telemetry.records), telemetry.refused, len(telemetry.track.poses)) == (3, (), 3)
    assert telemetry.records[0].texts == {"mission": "MISSION01", "platform": "HORUS"}
    pose = telemetry.track.poses[0]
    assert pose.captured_at == START
    assert pose.position is not None
    assert (pose.position.lat_deg, pose.position.lon_deg) == pytest.approx((23.12, 113.25), abs=1e-7)
    assert pose.height_msl is not None
    assert pose.height_hae is not None
    assert (pose.height_msl.metres, pose.height_hae.metres) == pytest.approx((120, 115), abs=0.16)
    assert pose.height_msl.geoid is Geoid.EGM96
    assert missing(pose) == ()


def test_the_camera_looks_along_the_chain_of_platform_and_sensor() -> None:
    level = {5: 90.0, 90: 0.0, 91: 0.0, 18: 30.0, 19: -60.0, 20: 0.0}
    pose = pose_of(read(klv.packet(START, level)).records[0])
    assert (pose.yaw_deg, pose.pitch_deg) == pytest.approx((120, -60), abs=0.01)
    assert (pose.roll_deg or 0) == pytest.approx(0, abs=0.01)
    # A platform in a 30° right bank with its sensor straight down looks 30° to the left of it.
    banked = {5: 0.0, 90: 0.0, 91: 30.0, 18: 0.0, 19: -90.0, 20: 0.0}
    pose = pose_of(read(klv.packet(START, banked)).records[0])
    assert pose.yaw_deg is not None
    assert pose.pitch_deg is not None
    assert pose.roll_deg is not None
    looks = camera_to_enu(Orientation(yaw_deg=pose.yaw_deg, pitch_deg=pose.pitch_deg, roll_deg=pose.roll_deg))[:, 2]
    assert looks == pytest.approx(np.array([-np.sin(np.radians(30)), 0.0, -np.cos(np.radians(30))]), abs=1e-3)


def test_angles_are_absent_unless_all_six_are_there() -> None:
    values = {number: value for number, value in WHOLE.items() if number != 20}
    assert missing(pose_of(read(klv.packet(START, values)).records[0])) == ("yaw", "pitch", "roll")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (klv.packet(START, WHOLE, sound=False), "checksum-wrong"),
        (klv.packet(None, WHOLE), "no-time"),
        (klv.packet(START, WHOLE)[:-1], "cut-off"),
        (klv.KEY + b"\x03\x05\x01\x07", "no-checksum"),
        (klv.KEY + b"\x03\x05\x09\x07", "malformed"),
    ],
)
def test_packets_that_cannot_be_believed_give_nothing(content: bytes, code: str) -> None:
    telemetry = read(klv.packet(START, WHOLE) + content)
    assert len(telemetry.records) == 1
    assert [refusal.code for refusal in telemetry.refused] == [code]


def test_out_of_range_and_zero_places_are_absent() -> None:
    values = {13: bytes.fromhex("80000000"), 14: 113.25, 15: 100.0}
    assert pose_of(read(klv.packet(START, values)).records[0]).position is None
    assert pose_of(read(klv.packet(START, {13: 0.0, 14: 0.0})).records[0]).position is None


def test_a_height_of_special_value_is_absent() -> None:
    assert 104 not in read(klv.packet(START, {104: b"\xc8\x00\x00"})).records[0].values


def test_long_packets_and_high_item_numbers_are_walked_over() -> None:
    telemetry = read(klv.packet(START, {74: bytes(300), 200: b"x", 13: 23.12, 14: 113.25}))
    assert telemetry.track.poses[0].position is not None


def test_a_file_without_packets_is_refused(tmp_path: Path) -> None:
    for content, code in ((b"", "empty-file"), (b"x" * 100, "no-telemetry")):
        path = tmp_path / "x.klv"
        path.write_bytes(content)
        refusal = read_klv(path)
        assert isinstance(refusal, Refusal)
        assert refusal.code == code
    assert isinstance(read_klv(tmp_path / "none.klv"), Refusal)


@given(values=st.fixed_dictionaries({13: st.floats(-90, 90), 14: st.floats(-180, 180), 15: st.floats(-900, 19_000)}))
@settings(max_examples=50)
def test_what_is_written_is_read_within_the_resolution(values: dict[int, float]) -> None:
    pose = pose_of(read(klv.packet(START, values)).records[0])
    if pose.position is not None:
        assert pose.position.lat_deg == pytest.approx(values[13], abs=1e-7)
        assert pose.position.lon_deg == pytest.approx(values[14], abs=1e-7)
    assert isinstance(pose.height_msl, MslHeight)
    assert not isinstance(pose.height_msl, HaeHeight)
    assert pose.height_msl.metres == pytest.approx(values[15], abs=0.16)


@given(seed=st.integers(0, 2**32 - 1), flips=st.integers(1, 6))
@settings(max_examples=100, deadline=None)
def test_a_damaged_packet_is_refused_or_says_what_was_sent(seed: int, flips: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - repeatable damage, not a secret
    sent = klv.packet(START, WHOLE)
    content = bytearray(sent)
    for _flip in range(flips):
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    answer = read_klv_packets(((None, bytes(content)),), name="x")
    if isinstance(answer, KlvTelemetry):  # a 16-bit sum cannot see everything, but what it accepts must add up
        body = bytes(content)
        assert checksum(body[:-2]) == int.from_bytes(body[-2:], "big")
