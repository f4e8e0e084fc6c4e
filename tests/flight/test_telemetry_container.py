from __future__ import annotations

import importlib.util
from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from core.refusal import Refusal
from flight.telemetry.container import (
    ContainerFacts,
    FrameTimes,
    read_container,
    read_embedded_klv,
    read_embedded_subtitles,
    read_frame_times,
)
from flight.telemetry.klv import KlvTelemetry
from flight.telemetry.srt import SrtTelemetry, pose_at_video_time, read_srt
from flight.track import Pose


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


samples, klv, video = load("subtitle_samples"), load("klv_samples"), load("video_samples").video
BEIJING = timezone(timedelta(hours=8))
START = datetime(2026, 10, 1, 2, 3, 4, tzinfo=UTC)


def times_of(path: Path) -> FrameTimes:
    times = read_frame_times(path)
    assert isinstance(times, FrameTimes), times
    return times


def test_the_facts_of_a_video(tmp_path: Path) -> None:
    facts = read_container(video(tmp_path / "a.mp4"))
    assert isinstance(facts, ContainerFacts)
    assert (facts.width_px, facts.height_px, facts.codec, facts.rotation_deg) == (64, 48, "mpeg4", 0)
    assert facts.created_at == START
    assert facts.duration_s == pytest.approx(1.0, abs=0.05)
    assert (facts.has_subtitles, facts.has_klv) == (False, False)


def test_a_clock_that_was_never_set_is_no_creation_time(tmp_path: Path) -> None:
    facts = read_container(video(tmp_path / "a.mp4", created="1970-01-01T00:00:00.000000Z"))
    assert isinstance(facts, ContainerFacts)
    assert facts.created_at is None


def test_a_steady_video(tmp_path: Path) -> None:
    times = times_of(video(tmp_path / "a.mp4"))
    assert times.times_s == pytest.approx(np.arange(30) / 30, abs=1e-4)
    assert (times.steady, times.gaps, times.lost_s) == (True, (), 0.0)


def test_dropped_frames_are_gaps_and_later_frames_keep_their_time(tmp_path: Path) -> None:
    shown = [n for n in range(30) if n not in {10, 11}]
    times = times_of(video(tmp_path / "a.mp4", times=shown))
    assert times.times_s == pytest.approx(np.array(shown) / 30, abs=1e-4)
    assert times.steady
    assert [(index, round(seconds, 3)) for index, seconds in times.gaps] == [(9, 0.1)]


def test_a_variable_frame_rate_is_kept(tmp_path: Path) -> None:
    shown = np.cumsum([33, 41, 29, 37, 45, 30, 36, 44, 28, 39]).tolist()
    times = times_of(video(tmp_path / "a.mkv", times=shown, base=Fraction(1, 1000)))
    assert not times.steady
    assert np.diff(times.times_s) == pytest.approx(np.diff(shown) / 1000, abs=1.1e-3)


@pytest.mark.parametrize("family", ["5", "14", "16", "17"])
def test_subtitles_inside_a_video_say_what_the_file_beside_it_says(tmp_path: Path, family: str) -> None:
    beside = tmp_path / "a.srt"
    beside.write_text(samples.subtitle(family))
    outside = read_srt(beside, camera_zone=BEIJING, video_started_at=START)
    assert isinstance(outside, SrtTelemetry)
    lines = samples.subtitle(family).split("\n\n")
    texts = [line.split("\n", 2)[2] for line in lines if "-->" in line]
    if family == "17":
        texts = [text + "\n\n0\n[ae_meter_md : 1]" for text in texts]
    records = [
        (record.begin_s or 0.0, (record.end_s or 0.0) - (record.begin_s or 0.0), text)
        for record, text in zip(outside.records, texts, strict=True)
    ]
    inside = read_embedded_subtitles(
        video(tmp_path / "a.mp4", subtitles=records), camera_zone=BEIJING, video_started_at=START
    )
    assert isinstance(inside, SrtTelemetry)
    assert inside.family == family
    assert [record.fields for record in inside.records] == [record.fields for record in outside.records]
    assert isinstance(pose_at_video_time(inside, 0.02), Pose)


def test_klv_inside_a_transport_stream(tmp_path: Path) -> None:
    packets = [
        (t / 10, klv.packet(START + timedelta(seconds=t / 10), {13: 23.12 + t * 1e-4, 14: 113.25, 15: 120.0}))
        for t in range(10)
    ]
    path = video(tmp_path / "a.ts", packets=packets)
    facts = read_container(path)
    assert isinstance(facts, ContainerFacts)
    assert facts.has_klv
    telemetry = read_embedded_klv(path)
    assert isinstance(telemetry, KlvTelemetry)
    assert len(telemetry.records) == 10
    first = telemetry.records[0].pts_s
    assert first is not None
    assert [(record.pts_s or 0) - first for record in telemetry.records] == pytest.approx(
        [t / 10 for t in range(10)], abs=1e-3
    )
    assert telemetry.track.poses[9].position is not None
    assert telemetry.track.poses[9].position.lat_deg == pytest.approx(23.1209, abs=1e-6)


def test_streams_that_are_not_there_are_refused(tmp_path: Path) -> None:
    path = video(tmp_path / "a.mp4")
    for answer, code in (
        (read_embedded_subtitles(path, camera_zone=BEIJING), "no-subtitles"),
        (read_embedded_klv(path), "no-klv"),
    ):
        assert isinstance(answer, Refusal)
        assert answer.code == code


def test_a_recording_that_was_cut_off_says_so(tmp_path: Path) -> None:
    whole = video(tmp_path / "a.mp4").read_bytes()
    path = tmp_path / "b.mp4"
    path.write_bytes(whole[: whole.index(b"moov") - 4])
    refusal = read_container(path)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "no-index"


def test_a_video_that_lost_its_end_states_what_is_missing(tmp_path: Path) -> None:
    path = video(tmp_path / "a.mp4", times=list(range(90)), options={"movflags": "faststart"})
    whole = path.read_bytes()
    assert whole.index(b"moov") < whole.index(b"mdat")
    path.write_bytes(whole[: whole.index(b"mdat") + (len(whole) - whole.index(b"mdat")) // 3])
    times = times_of(path)
    assert 0 < times.times_s.size < 90
    assert times.lost_s == pytest.approx(3 - float(times.times_s[-1]) - times.interval_s, abs=0.05)


@pytest.mark.parametrize(("content", "code"), [(b"", "empty-file"), (b"no video" * 100, "not-a-video")])
def test_what_is_no_video_is_refused(tmp_path: Path, content: bytes, code: str) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    for read in (read_container, read_frame_times, read_embedded_klv):
        refusal = read(path)
        assert isinstance(refusal, Refusal)
        assert refusal.code == code
    assert isinstance(read_container(tmp_path / "none.mp4"), Refusal)
