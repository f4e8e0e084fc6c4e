from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from core.points import GeoPoint, LocalPlane, from_plane
from core.refusal import Refusal
from flight.telemetry.clock_offset import (
    ClockOffset,
    offset_from_clock_photo,
    offset_from_pairs,
    offset_from_tracks,
    with_offset,
)
from flight.track import Pose, Track

START = datetime(2026, 10, 1, 2, 0, tzinfo=UTC)
PLANE = LocalPlane(origin=GeoPoint(lon_deg=113.25, lat_deg=23.12))


def path_at(t: float) -> tuple[float, float]:
    """A survey's back and forth: 8 m/s along lines of 160 m that are 20 m apart."""
    line, along = divmod(max(t, 0) * 8, 160)
    return (along if line % 2 == 0 else 160 - along), 20 * line


def track(
    times: np.ndarray,
    *,
    clock_s: float = 0.0,
    noise_m: float = 0.0,
    name: str = "t",
    still: bool = False,
    seed: int = 5,
) -> Track:
    chance = np.random.default_rng(seed)
    poses = []
    for t in times:
        east, north = (0.0, 0.0) if still else path_at(float(t))
        shake = chance.normal(0, noise_m, 2) if noise_m else np.zeros(2)
        lon, lat = from_plane(PLANE, np.array([east, north]) + shake)
        poses.append(
            Pose(
                captured_at=START + timedelta(seconds=float(t) + clock_s),
                position=GeoPoint(lon_deg=float(lon), lat_deg=float(lat)),
            )
        )
    return Track(poses=tuple(poses), source=name)


@pytest.mark.parametrize("true_offset", [-37.4, -0.25, 0.0, 12.83])
def test_a_video_is_set_against_its_log(true_offset: float) -> None:
    log = track(np.arange(0, 180, 0.2), noise_m=0.3)
    video = track(np.arange(40, 100, 0.1), clock_s=-true_offset, noise_m=1.0, seed=7)
    offset = offset_from_tracks(video, log)
    assert isinstance(offset, ClockOffset), offset
    assert offset.offset_s == pytest.approx(true_offset, abs=0.05)
    assert offset.sigma_s < 0.1
    corrected = with_offset(video, offset)
    assert (corrected.poses[0].captured_at - START).total_seconds() == pytest.approx(40, abs=0.05)
    assert "corrected" in corrected.poses[0].assumptions[-1]


def test_repeated_positions_of_subtitles_do_not_bias_the_offset() -> None:
    log = track(np.arange(0, 180, 0.2))
    shown = track(np.arange(40, 100, 0.5), clock_s=-5.0)
    poses = tuple(
        Pose(captured_at=pose.captured_at + timedelta(seconds=0.1 * n), position=pose.position)
        for pose in shown.poses
        for n in range(5)
    )
    offset = offset_from_tracks(Track(poses=poses, source="video"), log)
    assert isinstance(offset, ClockOffset), offset
    assert offset.offset_s == pytest.approx(5.0, abs=0.05)


def test_a_hovering_aircraft_tells_no_time() -> None:
    refusal = offset_from_tracks(
        track(np.arange(10, 60, 0.5), still=True, noise_m=0.5, seed=6),
        track(np.arange(0, 180, 0.5), still=True, noise_m=0.5),
    )
    assert isinstance(refusal, Refusal)
    assert refusal.code == "hardly-moves"


def test_another_flight_is_refused() -> None:
    other = track(np.arange(10, 60, 0.5))
    far = Track(
        poses=tuple(
            Pose(
                captured_at=p.captured_at,
                position=GeoPoint(lon_deg=p.position.lon_deg + 0.01, lat_deg=p.position.lat_deg),
            )
            for p in other.poses
            if p.position is not None
        ),
        source="far",
    )
    refusal = offset_from_tracks(far, track(np.arange(0, 180, 0.5)))
    assert isinstance(refusal, Refusal)
    assert refusal.code == "another-flight"


def test_tracks_without_positions_or_overlap_are_refused() -> None:
    log = track(np.arange(0, 180, 0.5))
    empty = Track(poses=(Pose(captured_at=START),), source="e")
    late = track(np.arange(0, 60, 0.5), clock_s=3600)
    for device, code in ((empty, "no-positions"), (late, "no-overlap")):
        refusal = offset_from_tracks(device, log)
        assert isinstance(refusal, Refusal)
        assert refusal.code == code


def test_pairs_give_the_median_and_its_error() -> None:
    chance = np.random.default_rng(1)
    pairs = [
        (
            START + timedelta(seconds=t),
            START + timedelta(seconds=t + 3.0 + float(chance.normal(0, 0.1)) + (60 if t == 7 else 0)),
        )
        for t in range(100)
    ]
    offset = offset_from_pairs(pairs, method="GPS time in the stream")
    assert isinstance(offset, ClockOffset)
    assert offset.offset_s == pytest.approx(3.0, abs=4 * offset.sigma_s)
    assert 0.005 < offset.sigma_s < 0.03
    assert offset.samples == 100
    refusal = offset_from_pairs([], method="x")
    assert isinstance(refusal, Refusal)
    wandering = [(START, START + timedelta(seconds=40 * t)) for t in range(5)]
    refusal = offset_from_pairs(wandering, method="x")
    assert isinstance(refusal, Refusal)
    assert refusal.code == "clock-wanders"


def test_a_photograph_of_a_clock() -> None:
    offset = offset_from_clock_photo(START, START + timedelta(seconds=61))
    assert (offset.offset_s, offset.samples) == (61.0, 1)
    assert offset.sigma_s == pytest.approx(0.2887, abs=1e-4)
    with pytest.raises(ValueError, match="resolution"):
        offset_from_clock_photo(START, START, reading_s=0)
