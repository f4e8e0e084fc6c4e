"""A flight calibrated from its video: what was planted in the telemetry is found, written, and taken off again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from app.calibrate import calibrate_flight, corrections_of
from app.commands import build
from app.corrections import correct_video, read_corrections, write_corrections
from app.examine import _poses_of_video
from app.flight_video import VideoDeclaration, flight_frames, spread_over
from app.inputs import list_inputs
from core.clock import BEIJING
from core.errors import InputRefused
from core.heights import TakeoffHeight
from core.points import GeoPoint, LocalPlane, from_plane
from core.refusal import Refusal
from flight.camera import Camera, camera_rays, camera_to_enu
from flight.rehearsal.footage import srt_text
from flight.track import NOTHING_DECLARED, Pose, Track, orientation_of, pose_at
from geofence.calibrating.self_calibration import SelfCalibration
from geofence.locating.error_budget import DeviceClass
from geofence.locating.ground import FlatAtTakeoff
from tests.geofence.locating import HERE

START = datetime(2026, 10, 1, 2, 0, tzinfo=UTC)
SIZE, FPS, SECONDS = (640, 360), 4, 22
CAMERA = Camera(
    model="made", width_px=SIZE[0], height_px=SIZE[1], focal_px=24 / 43.2666 * 1.25 * SIZE[0], centre_x_px=320.0,
    centre_y_px=180.0, focal_sigma=0.01, source="test",
)  # fmt: skip
YAW, PITCH, UP, LATE_S = 1.5, -0.8, 1.5, 0.5
CELL_M = 0.15


class Silent:
    def start(self, what: str, steps: int) -> None: ...
    def step(self) -> None: ...


def true_pose(at_s: float) -> Pose:
    """Return where the camera was: a curve with a changing speed, so that time, heading and place tell apart."""
    east, north = 30 * np.sin(at_s / 5), 4.0 * at_s + 8 * np.sin(at_s / 3) - 45
    heading = np.degrees(np.arctan2(6 * np.cos(at_s / 5), 4.0 + 2.7 * np.cos(at_s / 3)))
    lon, lat = from_plane(LocalPlane(origin=HERE), [east, north])
    return Pose(
        captured_at=START + timedelta(seconds=at_s),
        position=GeoPoint(lon_deg=float(lon), lat_deg=float(lat)),
        height_takeoff=TakeoffHeight(metres=40.0),
        yaw_deg=float(heading),
        pitch_deg=-68.0,
        roll_deg=0.0,
    )


def filmed(folder: Path) -> Path:
    """Write a video of a textured plain, and subtitles whose poses are off."""
    import av
    import cv2

    rng = np.random.default_rng(3)
    cells = int(260 / CELL_M)
    texture = sum(
        cv2.resize(rng.uniform(0, 1, (cells // n, cells // n)).astype(np.float32), (cells, cells)) for n in (2, 6, 25)
    )
    texture = cv2.normalize(np.asarray(texture), None, 30, 225, cv2.NORM_MINMAX).astype(np.uint8)  # type: ignore[call-overload]
    grid = np.stack(np.meshgrid(np.arange(SIZE[0]) + 0.5, np.arange(SIZE[1]) + 0.5), axis=-1).reshape(-1, 2)
    rays = camera_rays(CAMERA, grid)
    told = []
    with av.open(str(folder / "SKY.MP4"), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"crf": "20", "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        for number in range(SECONDS * FPS):
            at_s = number / FPS
            pose = true_pose(at_s)
            looks, where = orientation_of(pose), pose.position
            assert looks is not None
            assert where is not None
            directions = rays @ camera_to_enu(looks).T
            east, north = plan(pose)
            slant = 40.0 / -directions[:, 2]
            x = ((east + slant * directions[:, 0]) / CELL_M + cells / 2).astype(np.float32).reshape(SIZE[1], SIZE[0])
            y = (cells / 2 - (north + slant * directions[:, 1]) / CELL_M).astype(np.float32).reshape(SIZE[1], SIZE[0])
            grey = cv2.remap(texture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
            frame = av.VideoFrame.from_ndarray(np.repeat(grey[:, :, None], 3, axis=2), format="bgr24")
            frame.pts = number
            container.mux(stream.encode(frame.reformat(format="yuv420p")))
            was = true_pose(at_s - LATE_S)
            assert was.yaw_deg is not None
            told.append(
                replace(
                    was,
                    captured_at=pose.captured_at,
                    yaw_deg=was.yaw_deg + YAW,
                    pitch_deg=-68.0 + PITCH,
                    height_takeoff=TakeoffHeight(metres=40.0 + UP),
                )
            )
        container.mux(stream.encode())
    (folder / "SKY.SRT").write_text(srt_text(told, CAMERA, fps=FPS, home_msl_m=6.0))
    return folder / "SKY.MP4"


def plan(pose: Pose) -> tuple[float, float]:
    from core.points import to_plane

    assert pose.position is not None
    east, north = to_plane(LocalPlane(origin=HERE), [pose.position.lon_deg, pose.position.lat_deg])
    return float(east), float(north)


def test_what_was_planted_in_a_videos_telemetry_is_found_and_taken_off(tmp_path: Path) -> None:
    filmed(tmp_path)
    (video,) = (file for file in list_inputs(tmp_path) if file.subtitles is not None)
    ground = FlatAtTakeoff(sigma_m=0.5)
    given = flight_frames(video, VideoDeclaration(ground=ground, camera_zone=BEIJING))
    assert not isinstance(given, Refusal), given
    photos, track = given
    assert 12 <= len(photos) <= 36
    found = calibrate_flight(
        photos, ground=ground, known=(), track=track, device_class=DeviceClass.GNSS, progress=Silent()
    )
    assert isinstance(found, SelfCalibration), found
    (sortie,) = found.sorties
    value = {bias.name: bias.value for bias in sortie.biases}
    assert found.clock_offset_s == pytest.approx(LATE_S, abs=0.1)
    assert found.clock_sigma_s is not None
    assert value["yaw"] == pytest.approx(-YAW, abs=0.4)
    assert value["pitch"] == pytest.approx(-PITCH, abs=0.25)
    assert found.after.median_m < 0.3 * found.before.median_m

    path = tmp_path / "corrections.json"
    made = corrections_of(
        found, photos, ground=ground, known_points=0, made_at=START, program="skywarden test", track=None
    )
    write_corrections(made, path)
    back, _digest = read_corrections(path)
    assert not back.frames
    told = Track(poses=track.poses, source="x")
    righted, camera = correct_video(back, photos[0].video_sha256, told, photos[0].view.camera)
    assert camera is not None
    for at_s in (3.0, 11.1, 18.3):
        after, truth = pose_at(righted, START + timedelta(seconds=at_s)), true_pose(at_s)
        stated = pose_at(told, START + timedelta(seconds=at_s))
        assert not isinstance(after, Refusal)
        assert not isinstance(stated, Refusal)
        assert np.hypot(*np.subtract(plan(after), plan(truth))) < 0.7
        assert after.yaw_deg is not None
        assert truth.yaw_deg is not None
        assert abs((after.yaw_deg - truth.yaw_deg + 180) % 360 - 180) < 0.8
        assert any("self-calibrated" in said for said in after.assumptions)
        assert any("clock" in said for said in after.assumptions)
        assert np.hypot(*np.subtract(plan(stated), plan(truth))) > 1.0
    # A run that is given the file reads the video's poses so.
    instruments: Any = SimpleNamespace(
        ground=ground,
        camera_zone=BEIJING,
        camera=None,
        declaration=NOTHING_DECLARED,
        clock_offset=None,
        corrections=back,
    )
    original: Any = SimpleNamespace(path=video.path, sha256=photos[0].video_sha256)
    seen = _poses_of_video(video, original, instruments)
    assert not isinstance(seen, Refusal)
    assert seen.started_at is not None
    at = pose_at(seen.track, seen.started_at + timedelta(seconds=11.0))
    assert not isinstance(at, Refusal)
    assert np.hypot(*np.subtract(plan(at), plan(true_pose(11.0)))) < 0.7
    other, _same = correct_video(back, "0" * 64, told, camera)
    assert any("hold nothing" in said for said in other.poses[0].assumptions)


def test_frames_are_runs_that_follow_each_other() -> None:
    assert spread_over(20) == set(range(20))
    taken = sorted(spread_over(600))
    assert len(taken) == 36
    assert (taken[0], taken[-1]) == (0, 599)
    assert sum(later - earlier == 1 for earlier, later in pairwise(taken)) == 30


def test_two_videos_and_a_video_without_poses_are_refused_in_one_sentence(tmp_path: Path) -> None:
    for name in ("A.MP4", "B.MP4"):
        (tmp_path / name).write_bytes(b"\0\0\0\x18ftypmp42" + bytes(64))
    answer = CliRunner().invoke(build(), ["calibrate-flight", str(tmp_path)])
    assert isinstance(answer.exception, InputRefused)
    assert "2 videos" in str(answer.exception)
    alone = CliRunner().invoke(build(), ["calibrate-flight", str(tmp_path / "A.MP4")])
    assert isinstance(alone.exception, InputRefused)
    assert "no video with whole poses" in str(alone.exception)
