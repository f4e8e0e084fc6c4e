from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest

from core.refusal import Refusal
from detection.frame import Frame
from detection.frames.frame_choice import FrameChoice, choose_instants
from detection.frames.video_frames import frames_at, frames_of_video
from flight.camera import Camera
from flight.telemetry.container import read_frame_times
from flight.track import Pose, Track

SHA = "ab" * 32


def instants(chosen: Sequence[tuple[float, Pose] | Refusal]) -> list[float]:
    return [each[0] for each in chosen if not isinstance(each, Refusal)]


def test_a_flyover_is_seen_in_few_frames_and_all_ground_as_often_as_asked(
    flyover: Track, make_camera: Callable[..., Camera]
) -> None:
    # 48 m of ground along the track, 5 m/s: each point is in view for 9.6 s; 20 s cover 148 m
    for views in (1, 3):
        chosen = instants(
            choose_instants(flyover, make_camera(), flyover.poses[0].captured_at, 20.0, FrameChoice(views=views))
        )
        assert views * 148 / 48 <= len(chosen) + 1
        assert len(chosen) <= views * 148 / 48 / 0.25 * 0.75


def test_a_hovering_camera_is_looked_at_twice_and_again_when_that_is_long_ago(
    make_pose: Callable[..., Pose], make_camera: Callable[..., Camera]
) -> None:
    hover = Track(poses=tuple(make_pose(after_s=0.5 * step) for step in range(60)), source="hover")
    choice = FrameChoice(views=2, moment_s=2.0, fresh_s=20.0)
    chosen = choose_instants(hover, make_camera(), hover.poses[0].captured_at, 29.0, choice)
    assert instants(chosen) == pytest.approx([0.0, 2.0, 20.2, 22.2])


def test_from_high_up_frames_are_taken_for_what_is_seen_from_far_and_beyond_that_none(
    make_pose: Callable[..., Pose], make_camera: Callable[..., Camera]
) -> None:
    def chosen(height_m: float) -> list[float]:
        track = Track(poses=tuple(make_pose(height=height_m, after_s=0.5 * step) for step in range(11)), source="hover")
        return instants(choose_instants(track, make_camera(), track.poses[0].captured_at, 5.0, FrameChoice()))

    assert chosen(70.0) == pytest.approx([0.0, 2.0])  # 0.14 m a pixel
    assert chosen(200.0) == pytest.approx([0.0, 2.0])  # 0.4 m a pixel: no cars, but smoke
    assert chosen(400.0) == []


def test_without_a_camera_frames_come_at_even_times(flyover: Track) -> None:
    chosen = choose_instants(flyover, None, flyover.poses[0].captured_at, 10.0, FrameChoice(blind_every_s=2.0))
    assert instants(chosen) == pytest.approx([0, 2, 4, 6, 8, 10])


def test_a_time_outside_the_track_is_refused_once(flyover: Track, make_camera: Callable[..., Camera]) -> None:
    chosen = choose_instants(flyover, make_camera(), flyover.poses[0].captured_at, 30.0, FrameChoice())
    refusals = [each for each in chosen if isinstance(each, Refusal)]
    assert [refusal.code for refusal in refusals] == ["outside-track"]


def test_decoded_frames_are_those_of_their_instants(
    video: Path, flyover: Track, make_camera: Callable[..., Camera]
) -> None:
    frames = list(frames_of_video(video, sha256=SHA, track=flyover, camera=make_camera()))
    assert len(frames) >= 6
    start = flyover.poses[0].captured_at
    for frame in frames:
        assert isinstance(frame, Frame)
        number = round((frame.captured_at - start).total_seconds() * 10)
        assert frame.index == number
        assert float(np.median(frame.pixels)) == pytest.approx(number, abs=3)
        assert frame.pose.captured_at == frame.captured_at


def test_seeking_gives_the_same_frames_as_decoding_through(
    video: Path, make_pose: Callable[..., Pose], make_camera: Callable[..., Camera]
) -> None:
    # two places, eleven seconds apart: the cursor seeks between them
    poses = [make_pose(after_s=step * 0.5, north=0 if step < 22 else 400) for step in range(40)]
    track = Track(poses=tuple(poses), source="two places")
    frames = list(frames_of_video(video, sha256=SHA, track=track, camera=make_camera(), choice=FrameChoice(views=1)))
    assert [frame.index for frame in frames if isinstance(frame, Frame)][:1] == [0]
    assert any(frame.index >= 106 for frame in frames if isinstance(frame, Frame))
    for frame in frames[:3]:
        assert isinstance(frame, Frame)
        assert float(np.median(frame.pixels)) == pytest.approx(frame.index, abs=3)


def test_a_start_time_of_its_own_moves_the_frames(
    video: Path, flyover: Track, make_camera: Callable[..., Camera]
) -> None:
    later = flyover.poses[0].captured_at + timedelta(seconds=5)
    frames = list(frames_of_video(video, sha256=SHA, track=flyover, camera=make_camera(), started_at=later))
    assert frames[0].captured_at == later
    assert isinstance(frames[-1], Refusal)  # the video runs five seconds longer than the track
    assert frames[-1].code == "outside-track"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty-file"),
        (b"no video at all", "not-a-video"),
        (b"\x00" * 5000, "not-a-video"),
        (b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2\x00\x00\x27\x10mdat" + b"\x01" * 5000, "no-index"),
    ],
)
def test_what_is_no_video_is_refused(
    tmp_path: Path, flyover: Track, make_camera: Callable[..., Camera], content: bytes, code: str
) -> None:
    path = tmp_path / "odd.mp4"
    path.write_bytes(content)
    (refusal,) = frames_of_video(path, sha256=SHA, track=flyover, camera=make_camera())
    assert isinstance(refusal, Refusal)
    assert refusal.code == code


def test_a_video_that_was_cut_short_never_crashes(
    video: Path, tmp_path: Path, flyover: Track, make_camera: Callable[..., Camera]
) -> None:
    content = video.read_bytes()
    path = tmp_path / "short.mp4"
    for share in (0.3, 0.7, 0.95):
        path.write_bytes(content[: int(len(content) * share)])
        outcomes = list(frames_of_video(path, sha256=SHA, track=flyover, camera=make_camera()))
        assert outcomes
        assert all(isinstance(each, Frame | Refusal) for each in outcomes)


def test_a_camera_of_another_size_is_refused(video: Path, flyover: Track, make_camera: Callable[..., Camera]) -> None:
    (refusal,) = frames_of_video(video, sha256=SHA, track=flyover, camera=make_camera(1920, 1080))
    assert refusal.code == "camera-mismatch"


def test_an_empty_track_is_refused(video: Path, make_camera: Callable[..., Camera]) -> None:
    (refusal,) = frames_of_video(video, sha256=SHA, track=Track(poses=(), source="none"), camera=make_camera())
    assert refusal.code == "no-track"


def test_a_blurred_frame_is_passed_over_for_the_next_sharp_one(
    tmp_path: Path, flyover: Track, make_camera: Callable[..., Camera]
) -> None:
    import av

    random = np.random.default_rng(3)
    ground = cv2.resize(random.integers(0, 255, (40, 54, 3), dtype=np.uint8), (640, 480))
    blurred = cv2.GaussianBlur(ground, (0, 0), 15)
    path = tmp_path / "shaken.mp4"
    chosen = instants(choose_instants(flyover, make_camera(), flyover.poses[0].captured_at, 19.0, FrameChoice()))
    shaken = {round(at_s * 10) for at_s in chosen[3:]}  # just the frames that the choice would take
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"g": "10"})
        stream.width, stream.height, stream.pix_fmt = 640, 480, "yuv420p"
        for number in range(200):
            pixels = blurred if number in shaken else ground
            for packet in stream.encode(av.VideoFrame.from_ndarray(pixels, format="bgr24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    frames = [
        frame
        for frame in frames_of_video(
            path, sha256=SHA, track=flyover, camera=make_camera(), choice=FrameChoice(key_gap_s=0.0)
        )
        if isinstance(frame, Frame)
    ]
    assert len(frames) >= 6
    taken = [frame.index for frame in frames[3:-1]]
    assert not shaken & set(taken)
    start = flyover.poses[0].captured_at
    assert all((frame.captured_at - start).total_seconds() * 10 == pytest.approx(frame.index) for frame in frames)


def test_frames_at_given_instants_are_those_of_the_video_once_each(
    video: Path, flyover: Track, make_camera: Callable[..., Camera]
) -> None:
    start = flyover.poses[0].captured_at
    wanted = [start + timedelta(seconds=after) for after in (12.04, 3.0, 3.01, 12.3, -5.0, 900.0)]
    frames = list(frames_at(video, wanted, sha256=SHA, track=flyover, camera=make_camera()))
    assert [frame.index for frame in frames] == [30, 120, 123]
    for frame in frames:
        assert float(np.median(frame.pixels)) == pytest.approx(frame.index, abs=3)
        assert frame.pose.captured_at == start + timedelta(seconds=frame.index / 10)
        assert frame.quality is not None
    assert list(frames_at(video, [], sha256=SHA, track=flyover, camera=make_camera())) == []


def test_a_blurred_frame_does_not_count_as_having_seen_the_ground(
    tmp_path: Path, make_pose: Callable[..., Pose], make_camera: Callable[..., Camera]
) -> None:
    import av

    random = np.random.default_rng(4)
    ground = cv2.resize(random.integers(0, 255, (40, 54, 3), dtype=np.uint8), (640, 480))
    blurred = cv2.GaussianBlur(ground, (0, 0), 15)
    # Three places, each for four seconds; the third is a blur for its first two and a half.
    places = Track(
        poses=tuple(make_pose(north=400 * (step // 40), after_s=0.1 * step) for step in range(121)), source="places"
    )
    path = tmp_path / "focus.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"g": "10"})
        stream.width, stream.height, stream.pix_fmt = 640, 480, "yuv420p"
        for number in range(120):
            pixels = blurred if 80 <= number < 105 else ground
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="bgr24")))
        container.mux(stream.encode())
    choice = FrameChoice(views=2, moment_s=1.0, max_gap_s=0.2, key_gap_s=0.0)
    frames = [
        frame
        for frame in frames_of_video(path, sha256=SHA, track=places, camera=make_camera(), choice=choice)
        if isinstance(frame, Frame)
    ]
    sharp = [frame.index for frame in frames if frame.index >= 105]
    assert len(sharp) >= 2  # seen twice as asked, after the blur had passed
    assert [frame.index for frame in frames if frame.index < 40] == [0, 10]


def test_only_key_frames_are_decoded_where_they_come_often_enough(
    video: Path, flyover: Track, make_camera: Callable[..., Camera]
) -> None:
    taken = {
        gap: [
            frame.index
            for frame in frames_of_video(
                video, sha256=SHA, track=flyover, camera=make_camera(), choice=FrameChoice(key_gap_s=gap)
            )
            if isinstance(frame, Frame)
        ]
        for gap in (0.0, 1.0)
    }
    shown = read_frame_times(video)
    assert not isinstance(shown, Refusal)
    keys = {round(key_s * 10) for key_s in shown.keys_s}
    assert len(keys) < 60
    assert set(taken[1.0]) <= keys
    assert not set(taken[0.0]) <= keys
    start = flyover.poses[0].captured_at
    wanted = [start + timedelta(seconds=after) for after in (3.2, 5.9)]
    frames = list(frames_at(video, wanted, sha256=SHA, track=flyover, camera=make_camera(), key_gap_s=1.0))
    assert [frame.index for frame in frames] == [min(keys, key=lambda key: abs(key - wish)) for wish in (32, 59)]
    assert [float(np.median(frame.pixels)) for frame in frames] == pytest.approx(
        [frame.index for frame in frames], abs=3
    )
