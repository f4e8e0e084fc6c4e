"""What a rehearsed flight leaves on its card: pixels of the true pose, metadata of the reported one, no truth."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from core.clock import BEIJING
from core.heights import TakeoffHeight
from core.points import GeoPoint, LocalPlane, distance_m, from_plane
from core.refusal import Refusal
from flight.camera import Camera, Orientation, project
from flight.flight_log import Trigger
from flight.rehearsal.footage import srt_text, video_camera, write_photos, write_video
from flight.rehearsal.world import Light, World
from flight.rehearsal.world_things import Material, Patch, Planted, Vehicle, VehicleKind
from flight.telemetry.photo import read_photo
from flight.telemetry.srt import read_srt
from flight.track import Pose, Track

ORIGIN = GeoPoint(lon_deg=113.58, lat_deg=22.76)
START = datetime(2026, 10, 1, 2, 3, 4, 567000, tzinfo=UTC)
CAMERA = Camera(
    model="SKYWARDEN-TEST",
    width_px=800,
    height_px=600,
    focal_px=24 * 1000 / 43.26661531,
    centre_x_px=400,
    centre_y_px=300,
    source="test",
)
SECRET = Planted(hazard="H13", site_code="91440115MADM0A1K5X", zone_id="ZSECRET")
WORLD = World(
    name="footage",
    origin=ORIGIN,
    ground=Material.CONCRETE,
    light=Light(haze=0.0),
    patches=(Patch(material=Material.ASPHALT, ring=((-10, -10), (10, -10), (10, 10), (-10, 10))),),
    vehicles=(
        Vehicle(
            vehicle_id="vsecret",
            kind=VehicleKind.CAR,
            centre=(0.0, 0.0),
            heading_deg=30.0,
            length_m=4.6,
            width_m=1.8,
            height_m=1.5,
            colour=(230, 20, 20),
            planted=SECRET,
        ),
    ),
)


def point(east: float, north: float) -> GeoPoint:
    lon, lat = from_plane(LocalPlane(origin=ORIGIN), (east, north))
    return GeoPoint(lon_deg=float(lon), lat_deg=float(lat))


def trigger(number: int, east: float, north: float, up: float = 60.0, yaw: float = 90.0) -> Trigger:
    return Trigger(
        at=START + timedelta(seconds=2.5 * number),
        number=number,
        position=point(east, north),
        height_takeoff_m=up,
        yaw_deg=yaw,
        pitch_deg=-90.0,
        roll_deg=0.0,
    )


def reds(pixels: np.ndarray) -> np.ndarray:
    rows, columns = np.nonzero(pixels[..., 2].astype(int) - pixels[..., :2].max(axis=2) > 60)
    assert len(rows) > 50
    return np.array([columns.mean() + 0.5, rows.mean() + 0.5])


def test_metadata_is_the_reported_pose_and_pixels_the_true_one(tmp_path: Path) -> None:
    true = [trigger(1, 3.0, 4.0), trigger(2, -6.0, 2.0)]
    reported = [trigger(1, 4.5, 3.0, up=61.25, yaw=271.5), trigger(2, -6.4, 1.1, up=59.5, yaw=-88.0)]
    told: list[tuple[int, int]] = []
    files = write_photos(
        WORLD, true, reported, CAMERA, tmp_path / "card", progress=lambda *step: told.append(step), workers=1
    )
    assert told == [(1, 2), (2, 2)]
    assert sorted(path.name for path in (tmp_path / "card").iterdir()) == [path.name for path in files]
    for path, actual, said in zip(files, true, reported, strict=True):
        telemetry = read_photo(path, camera_zone=None)
        assert not isinstance(telemetry, Refusal)
        pose = telemetry.pose
        assert pose.position is not None
        assert pose.height_takeoff is not None
        assert pose.yaw_deg is not None
        assert distance_m(pose.position, said.position) < 0.01
        assert pose.height_takeoff.metres == pytest.approx(said.height_takeoff_m, abs=0.001)
        assert (pose.yaw_deg - said.yaw_deg) % 360 == pytest.approx(0, abs=0.01)
        assert (pose.pitch_deg, pose.roll_deg) == (-90.0, 0.0)
        assert abs(telemetry.captured_at - said.at) < timedelta(milliseconds=1)
        assert telemetry.camera is not None
        assert telemetry.camera.focal_px == pytest.approx(CAMERA.focal_px, rel=1e-6)
        assert (telemetry.camera.width_px, telemetry.camera.height_px) == (800, 600)
        assert telemetry.model == CAMERA.model
        pixels = cv2.imread(str(path))
        east, north = (3.0, 4.0) if actual.number == 1 else (-6.0, 2.0)
        scale = CAMERA.focal_px / 59.2
        # Facing east: right is south, up is east.
        expected = np.array([400 + north * scale, 300 + east * scale])
        assert np.hypot(*(reds(pixels) - expected)) < 6


def test_photos_carry_nothing_of_the_truth_and_say_what_they_are(tmp_path: Path) -> None:
    (path,) = write_photos(WORLD, [trigger(7, 0, 0)], [trigger(7, 1, 1)], CAMERA, tmp_path, workers=1)
    content = path.read_bytes()
    assert path.name == "SKY_0007.JPG"
    assert b"Skywarden rehearsal" in content
    for secret in ("vsecret", "ZSECRET", SECRET.site_code, "planted", "H13"):
        assert secret.encode() not in content


def test_lists_of_different_photographs_are_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="same photographs"):
        write_photos(WORLD, [trigger(1, 0, 0)], [trigger(2, 0, 0)], CAMERA, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_photo_that_cannot_be_made_leaves_no_half_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from flight.rehearsal import footage

    def burst(*_parts: object, **_more: object) -> bytes:
        raise OSError("disk full")

    monkeypatch.setattr(footage, "with_segments", burst)
    with pytest.raises(OSError, match="disk full"):
        write_photos(WORLD, [trigger(1, 0, 0)], [trigger(1, 0, 0)], CAMERA, tmp_path, workers=1)
    assert not list(tmp_path.iterdir())


def test_two_processes_give_the_same_photos_as_one(tmp_path: Path) -> None:
    triggers = [trigger(number, number - 3.0, 0.0) for number in range(1, 6)]
    one = write_photos(WORLD, triggers, triggers, CAMERA, tmp_path / "one", workers=1)
    two = write_photos(WORLD, triggers, triggers, CAMERA, tmp_path / "two", workers=2)
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in two]


def track(offset: float, source: str) -> Track:
    return Track(
        poses=tuple(
            Pose(
                captured_at=START + timedelta(seconds=step / 2),
                position=point(step * 1.0 - 4 + offset, 0.0),
                height_takeoff=TakeoffHeight(metres=60.0 + offset),
                yaw_deg=90.0 + offset,
                pitch_deg=-90.0,
                roll_deg=0.0,
            )
            for step in range(8)
        ),
        source=source,
    )


def test_a_video_shows_the_true_track_and_its_subtitles_tell_the_reported_one(tmp_path: Path) -> None:
    filming = video_camera(CAMERA, width_px=640, height_px=360)
    video, subtitles = write_video(
        WORLD, track(0.0, "true"), track(1.0, "reported"), filming, tmp_path, start=START, seconds=2.0, fps=6, workers=1
    )
    with av.open(str(video)) as container:
        stream = container.streams.video[0]
        frames = [frame.to_ndarray(format="bgr24") for frame in container.decode(stream)]
        assert container.metadata["creation_time"].startswith("2026-10-01T02:03:04")  # MP4 keeps whole seconds
        assert stream.codec_context.name == "h264"
        assert stream.average_rate == 6
    assert len(frames) == 12
    assert frames[0].shape == (360, 640, 3)
    telemetry = read_srt(subtitles, camera_zone=BEIJING)
    assert not isinstance(telemetry, Refusal)
    assert telemetry.track is not None
    assert len(telemetry.track.poses) == 12
    for pose, index in zip(telemetry.track.poses, range(12), strict=True):
        assert pose.position is not None
        assert distance_m(pose.position, point(index / 3 - 3.0, 0.0)) < 0.12
        assert (pose.yaw_deg, pose.pitch_deg, pose.roll_deg) == (91.0, -90.0, 0.0)
        assert pose.height_takeoff == TakeoffHeight(metres=61.0)
    text = subtitles.read_text(encoding="utf-8")
    records = re.findall(
        r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3})\n.*latitude: ([\d.]+)\] \[longitude: ([\d.]+)\] "
        r"\[rel_alt: ([\d.]+) abs_alt: [\d.]+\].*\[gb_yaw: ([-\d.]+) gb_pitch: ([-\d.]+) gb_roll: ([-\d.]+)\]",
        text,
    )
    assert len(records) == 12
    for index, (stamp, lat, lon, up, yaw, pitch, roll) in enumerate(records):
        at = datetime.strptime(stamp, "%Y-%m-%d %H:%M:%S.%f").replace(tzinfo=BEIJING)
        assert abs(at - START - timedelta(seconds=index / 6)) < timedelta(milliseconds=2)
        east = index / 3 - 4
        assert distance_m(GeoPoint(lon_deg=float(lon), lat_deg=float(lat)), point(east + 1.0, 0.0)) < 0.12
        assert (float(up), float(yaw), float(pitch), float(roll)) == (61.0, 91.0, -90.0, 0.0)
        # The car stands at the origin; facing east, east is up in the image.
        shift = reds(frames[index]) - [320, 180 + east * filming.focal_px / 59.2]
        assert np.hypot(*shift) < 6
    assert "secret" not in text.lower()


def test_a_stretch_outside_the_track_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="outside the track"):
        write_video(
            WORLD,
            track(0.0, "true"),
            track(0.0, "reported"),
            video_camera(CAMERA, width_px=640, height_px=360),
            tmp_path,
            start=START,
            seconds=9.0,
            workers=1,
        )
    assert not list(tmp_path.iterdir())


def test_video_mode_keeps_the_field_of_view_across() -> None:
    filming = video_camera(CAMERA, width_px=400, height_px=224)
    assert filming.width_px / filming.focal_px == pytest.approx(CAMERA.width_px / CAMERA.focal_px)
    assert (filming.centre_x_px, filming.centre_y_px) == (200, 112)
    with pytest.raises(ValueError, match="flatter"):
        video_camera(CAMERA, width_px=400, height_px=400)


def test_video_mode_keeps_both_focal_lengths_of_pixels_that_are_not_square() -> None:
    wide = replace(CAMERA, focal_y_px=CAMERA.focal_px * 1.02, centre_x_px=410, centre_y_px=290)
    filming = video_camera(wide, width_px=400, height_px=224)
    north = Orientation(yaw_deg=0, pitch_deg=-90, roll_deg=0)
    seen, filmed = (project(camera, north, [[3.0, 5.0, -60.0]])[0] for camera in (wide, filming))
    assert filmed == pytest.approx([seen[0] / 2, seen[1] / 2 - (300 - 224) / 2])


def test_subtitle_times_follow_each_other() -> None:
    poses = track(0.0, "x").poses
    text = srt_text(poses, video_camera(CAMERA, width_px=640, height_px=360), fps=30, home_msl_m=6.0)
    assert "00:00:00,233 --> 00:00:00,267" in text
    assert "[focal_len: 24.00]" in text
