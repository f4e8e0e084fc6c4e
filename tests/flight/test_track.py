from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.heights import TakeoffHeight
from core.points import GeoPoint, LocalPlane, from_plane, to_plane
from core.refusal import Refusal
from flight.camera import Orientation, camera_to_enu
from flight.track import Pose, PoseSigma, Track, Velocity, declare, missing, pose_at, with_course_as_yaw

START = datetime(2026, 10, 1, 2, 0, tzinfo=UTC)
HOME = GeoPoint(lon_deg=113.25, lat_deg=23.12)
PLANE = LocalPlane(origin=HOME)


def at(seconds: float, east: float = 0.0, north: float = 0.0, **fields: object) -> Pose:
    lon, lat = from_plane(PLANE, [east, north])
    return Pose(
        captured_at=START + timedelta(seconds=seconds),
        position=GeoPoint(lon_deg=float(lon), lat_deg=float(lat)),
        **fields,  # type: ignore[arg-type]
    )


def pose_of(track: Track, seconds: float, **options: float) -> Pose:
    pose = pose_at(track, START + timedelta(seconds=seconds), **options)
    assert isinstance(pose, Pose), pose
    return pose


def place(pose: Pose) -> tuple[float, float]:
    assert pose.position is not None
    east, north = to_plane(PLANE, [pose.position.lon_deg, pose.position.lat_deg])
    return float(east), float(north)


def test_positions_follow_the_straight_line() -> None:
    track = Track(poses=(at(0), at(1, east=10, north=-4)), source="t")
    assert place(pose_of(track, 0.25)) == pytest.approx((2.5, -1.0), abs=1e-4)


def test_positions_follow_the_velocity_of_a_turn() -> None:
    # A circle of 50 m at 10 m/s: half-way the chord is off by a quarter of a metre, with velocities by millimetres.
    rate = 10 / 50

    def on_circle(t: float, *, fast: bool) -> Pose:
        velocity = Velocity(east_m_s=10 * np.cos(rate * t), north_m_s=10 * np.sin(rate * t), up_m_s=1.0)
        pose = at(
            t, east=50 * np.sin(rate * t), north=50 * (1 - np.cos(rate * t)), height_takeoff=TakeoffHeight(metres=t)
        )
        return replace(pose, velocity=velocity if fast else None)

    truth = (50 * np.sin(rate / 2), 50 * (1 - np.cos(rate / 2)))
    straight = pose_of(Track(poses=(on_circle(0, fast=False), on_circle(1, fast=False)), source="t"), 0.5)
    curved = pose_of(Track(poses=(on_circle(0, fast=True), on_circle(1, fast=True)), source="t"), 0.5)
    assert np.hypot(*np.subtract(place(straight), truth)) > 0.2
    assert np.hypot(*np.subtract(place(curved), truth)) < 0.005
    assert curved.height_takeoff is not None
    assert curved.height_takeoff.metres == pytest.approx(0.5)


def test_yaw_turns_the_shorter_way_over_north() -> None:
    track = Track(poses=(at(0, yaw_deg=350.0), at(1, yaw_deg=10.0)), source="t")
    assert pose_of(track, 0.5).yaw_deg is not None
    assert (pose_of(track, 0.5).yaw_deg or 0) % 360 == pytest.approx(0.0, abs=1e-9)
    assert pose_of(track, 0.5).pitch_deg is None


def test_at_nadir_the_image_turns_smoothly() -> None:
    # Just before and after nadir the yaw jumps by half a turn although the camera hardly moves.
    a = at(0, yaw_deg=10.0, pitch_deg=-89.0, roll_deg=0.0)
    b = at(1, yaw_deg=190.0, pitch_deg=-89.0, roll_deg=180.0)
    middle = pose_of(Track(poses=(a, b), source="t"), 0.5)
    assert middle.pitch_deg == pytest.approx(-90.0, abs=1e-4)


angles = st.builds(
    Orientation,
    yaw_deg=st.floats(0, 359.9),
    pitch_deg=st.floats(-180, 90),
    roll_deg=st.floats(-180, 180),
)


@given(a=angles, b=angles, share=st.floats(0.01, 0.99))
@settings(max_examples=150, deadline=None)
def test_the_turn_is_shared_evenly_and_stays_a_rotation(a: Orientation, b: Orientation, share: float) -> None:
    def pose(seconds: float, o: Orientation) -> Pose:
        return at(seconds, yaw_deg=o.yaw_deg, pitch_deg=o.pitch_deg, roll_deg=o.roll_deg)

    def apart(x: Orientation, y: Orientation) -> float:
        turn = camera_to_enu(x).T @ camera_to_enu(y)
        return float(np.arctan2(np.linalg.norm(turn - turn.T) / np.sqrt(8), (np.trace(turn) - 1) / 2))

    whole = apart(a, b)
    if whole > 3.0:  # nearly opposite: which way is shorter hangs on the last digit
        return
    middle = pose_of(Track(poses=(pose(0, a), pose(1, b)), source="t"), share)
    assert middle.yaw_deg is not None
    assert middle.pitch_deg is not None
    assert middle.roll_deg is not None
    o = Orientation(yaw_deg=middle.yaw_deg, pitch_deg=middle.pitch_deg, roll_deg=middle.roll_deg)
    assert apart(a, o) == pytest.approx(whole * share, abs=2e-5)
    assert apart(o, b) == pytest.approx(whole * (1 - share), abs=2e-5)


def test_an_inverted_mount_stays_inverted() -> None:
    a = at(0, yaw_deg=10.0, pitch_deg=-40.0, roll_deg=180.0)
    b = at(1, yaw_deg=12.0, pitch_deg=-42.0, roll_deg=180.0)
    middle = pose_of(Track(poses=(a, b), source="t"), 0.5)
    assert middle.pitch_deg == pytest.approx(-41, abs=0.01)
    assert abs(middle.roll_deg or 0) == pytest.approx(180, abs=0.1)


@pytest.mark.parametrize(
    ("seconds", "code"), [(-0.001, "outside-track"), (2.001, "outside-track"), (1.5, "gap-in-track")]
)
def test_nothing_is_extrapolated_and_gaps_are_not_bridged(seconds: float, code: str) -> None:
    track = Track(poses=(at(0), at(0.9), at(2)), source="t")
    refusal = pose_at(track, START + timedelta(seconds=seconds))
    assert isinstance(refusal, Refusal)
    assert refusal.code == code


def test_an_empty_track_knows_nothing() -> None:
    refusal = pose_at(Track(poses=(), source="t"), START)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "outside-track"


def test_what_one_side_lacks_is_absent_between() -> None:
    track = Track(poses=(at(0, height_takeoff=TakeoffHeight(metres=5)), replace(at(1), position=None)), source="t")
    middle = pose_of(track, 0.5)
    assert missing(middle) == ("position", "height", "yaw", "pitch", "roll")


def test_over_the_date_line() -> None:
    poses = tuple(
        Pose(captured_at=START + timedelta(seconds=t), position=GeoPoint(lon_deg=lon, lat_deg=0.0))
        for t, lon in ((0, 179.9999), (1, -179.9999))
    )
    middle = pose_of(Track(poses=poses, source="t"), 0.75)
    assert middle.position is not None
    assert middle.position.lon_deg == pytest.approx(-179.99995, abs=1e-7)


def test_errors_between_are_the_larger_ones() -> None:
    small, large = (
        PoseSigma(horizontal_m=m, vertical_m=m, yaw_deg=1, pitch_deg=1, roll_deg=1, source="s") for m in (0.02, 2.0)
    )
    middle = pose_of(Track(poses=(at(0, sigma=small), at(1, sigma=large)), source="t"), 0.1)
    assert middle.sigma == large
    assert pose_of(Track(poses=(at(0, sigma=small), at(1)), source="t"), 0.1).sigma is None


def test_declared_angles_fill_only_what_is_missing() -> None:
    pose = declare(at(0, yaw_deg=5.0), yaw_deg=90.0, pitch_deg=-90.0, roll_deg=0.0)
    assert (pose.yaw_deg, pose.pitch_deg, pose.roll_deg) == (5.0, -90.0, 0.0)
    assert len(pose.assumptions) == 2


def test_the_course_is_yaw_only_when_moving() -> None:
    flying = [at(t * 0.5, east=5 * t, north=5 * t) for t in range(5)]
    hovering = [at(10 + t * 0.5, east=20 + 0.1 * t, north=20) for t in range(5)]
    measured = at(20, east=20, north=20, yaw_deg=77.0, velocity=Velocity(east_m_s=9, north_m_s=0))
    sideways = at(21, east=20, north=20, velocity=Velocity(east_m_s=-9, north_m_s=0))
    track = with_course_as_yaw(Track(poses=(*flying, *hovering, measured, sideways), source="t"))
    yaws = [pose.yaw_deg for pose in track.poses]
    assert yaws[:5] == pytest.approx([45.0] * 5, abs=0.01)
    assert yaws[5:10] == [None] * 5
    assert yaws[10:] == [77.0, 270.0]
    assert [len(pose.assumptions) for pose in track.poses] == [1] * 5 + [0] * 6 + [1]


def test_a_track_rises_in_time() -> None:
    with pytest.raises(ValueError, match="rising"):
        Track(poses=(at(0), at(0)), source="t")
