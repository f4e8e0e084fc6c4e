"""What a patrol declares, and a clock's correction, travel with every result."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from types import ModuleType

import av
import numpy as np
import pytest
from PIL import Image

from app.footage_pose import VideoPoses, poses_of_video
from app.instruments import Instruments, Station
from app.process import process
from app.processing.job import Job
from app.wiring import clock_offset_of, declaration_of
from core.errors import InputRefused
from core.ids import derived_id
from core.refusal import Refusal
from detection.detection import Box
from detection.frames.following import Following
from detection.scripted import ScriptedDetector
from evidence.verify import verify
from evidence.verifying.verification import Outcome
from flight.telemetry.clock_offset import ClockOffset
from flight.track import PoseDeclaration, missing
from tests.app.conftest import labelled_boxes

MakeJob = Callable[..., Job]
NADIR = PoseDeclaration(pitch_deg=-90.0, roll_deg=0.0, yaw_deg=37.1)


def load(name: str) -> ModuleType:
    path = Path(__file__).parents[1] / "flight" / f"{name}_samples.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


videos, klv = load("video"), load("klv")


@pytest.fixture
def without_gimbal(job: MakeJob, station: Station, shared: Path) -> tuple[Job, Station]:
    """The two photos with their gimbal angles taken out of the header, and a detector that knows them."""
    made = job()
    boxes = {}
    for photo in sorted(made.footage.iterdir()):
        content = re.sub(
            rb"GimbalYawDegree|GimbalPitchDegree|GimbalRollDegree", lambda m: b"X" * len(m[0]), photo.read_bytes()
        )
        assert content != photo.read_bytes()
        photo.write_bytes(content)
        frame_id = derived_id("frame", hashlib.sha256(content).hexdigest(), 0)
        boxes[frame_id] = labelled_boxes(shared / "data/aerial_vehicles/dji_photos" / photo.name)
    detector = ScriptedDetector(boxes)
    cards = {detector.weight_sha256: b"# scripted\n"}
    return made, replace(station, instruments=replace(station.instruments, detector=detector, weight_cards=cards))


def test_without_a_declaration_an_incomplete_pose_is_a_refusal(without_gimbal: tuple[Job, Station]) -> None:
    report = process(*without_gimbal)
    assert {refusal.code for refusal in report.refusals} == {"no-pose"}
    assert "yaw, pitch, roll" in report.refusals[0].reason
    assert report.incidents == ()


def test_a_declared_gimbal_travels_with_every_result(without_gimbal: tuple[Job, Station]) -> None:
    job, station = without_gimbal
    station = replace(station, instruments=replace(station.instruments, declaration=NADIR))
    report = process(job, station)
    assert [line.hazard.partition(" ")[0] for line in report.incidents] == ["H13", "H13"]
    for angle, value in (("yaw", "37.1"), ("pitch", "-90.0"), ("roll", "0.0")):
        told = f"{angle} declared as {value}°, not measured"
        assert told in report.assumptions
        for line in report.incidents:
            sealed = [path for path in (job.out / line.package).rglob("*.json") if told in path.read_text("utf-8")]
            assert sealed, (told, line.package)


def test_a_measured_angle_is_never_replaced(job: MakeJob, station: Station) -> None:
    wrong = PoseDeclaration(pitch_deg=-45.0, roll_deg=10.0, yaw_deg=0.0)
    report = process(job(), replace(station, instruments=replace(station.instruments, declaration=wrong)))
    assert len(report.incidents) == 2
    assert not any("declared as" in words for words in report.assumptions)


def test_a_corrected_clock_moves_the_times_and_says_so(job: MakeJob, station: Station) -> None:
    made = job()
    plain = process(made, station)
    assert len(plain.incidents) == 2
    moved = replace(
        station.instruments, clock_offset=ClockOffset(offset_s=-61.5, sigma_s=0.5, method="a test", samples=1)
    )
    report = process(job("moved"), replace(station, instruments=moved))
    assert any("-61.50 s ± 0.50 s (a test)" in words for words in report.assumptions)

    def first_seen(out: Path) -> datetime:
        features = json.loads((out / "incidents.geojson").read_text("utf-8"))["features"]
        (text,) = {feature["properties"]["first_seen"] for feature in features[:1]}
        return datetime.fromisoformat(text)

    assert first_seen(made.out) - first_seen(job("moved").out) == timedelta(seconds=61.5)


def instruments_for(station: Station, declaration: PoseDeclaration | None = None) -> Instruments:
    return replace(station.instruments, declaration=declaration or PoseDeclaration())


def moving(records: int = 60, metres: float = 0.165) -> str:
    """Subtitles of the Mavic 3 (no gimbal angles) that move east, thirty a second."""
    parts = []
    for n in range(records):
        at = f"00:00:{n // 30:02d},{round((n % 30) * 1000 / 30):03d}"
        until = f"00:00:{(n + 1) // 30:02d},{round(((n + 1) % 30) * 1000 / 30):03d}"
        clock = f"2026-10-01 10:03:{4 + n // 30:02d}.{round((n % 30) * 1000 / 30):03d}"
        lon = 113.25 + n * metres / 102_400
        parts.append(
            f'{n + 1}\n{at} --> {until}\n<font size="28">FrameCnt: {n + 1}, DiffTime: 33ms\n{clock}\n'
            f"[iso: 200] [shutter: 1/500.0] [fnum: 2.8] [ev: 0] [ct: 5500] [color_md : default] [focal_len: 24.00] "
            f"[latitude: 23.12340] [longitude: {lon:.7f}] [rel_alt: 61.900 abs_alt: 70.500] </font>\n"
        )
    return "\n".join(parts) + "\n"


def test_course_over_ground_is_heading_only_where_permitted_and_moving(tmp_path: Path, station: Station) -> None:
    video = videos.video(tmp_path / "a.mp4", times=list(range(60)))
    subtitles = tmp_path / "a.srt"
    subtitles.write_text(moving())
    told = poses_of_video(video, subtitles, instruments_for(station))
    assert isinstance(told, VideoPoses)
    assert {missing(pose) for pose in told.track.poses} == {("yaw", "pitch", "roll")}
    permitted = PoseDeclaration(pitch_deg=-90.0, roll_deg=0.0, course_as_yaw=True)
    told = poses_of_video(video, subtitles, instruments_for(station, permitted))
    assert isinstance(told, VideoPoses)
    assert {missing(pose) for pose in told.track.poses} == {()}
    assert [pose.yaw_deg for pose in told.track.poses] == pytest.approx([90.0] * 60, abs=2)
    assert any("course over ground" in words for words in told.track.poses[0].assumptions)
    subtitles.write_text(moving(metres=0.01))
    told = poses_of_video(video, subtitles, instruments_for(station, permitted))
    assert isinstance(told, VideoPoses)
    assert {missing(pose) for pose in told.track.poses} == {("yaw",)}


def test_subtitles_inside_a_video_are_used_where_no_file_lies_beside_it(tmp_path: Path, station: Station) -> None:
    lines = [block.split("\n", 2)[2] for block in moving(records=2).split("\n\n")[:2]]
    video = videos.video(tmp_path / "a.mp4", subtitles=[(n / 30, 1 / 30, line) for n, line in enumerate(lines)])
    told = poses_of_video(video, None, instruments_for(station))
    assert isinstance(told, VideoPoses)
    assert told.track.poses[0].position is not None
    bare = videos.video(tmp_path / "b.mp4")
    refusal = poses_of_video(bare, None, instruments_for(station))
    assert isinstance(refusal, Refusal)
    assert refusal.code == "no-telemetry"


def test_metadata_inside_a_transport_stream_gives_poses_and_camera(tmp_path: Path, station: Station) -> None:
    start = datetime(2026, 10, 1, 2, 3, 4, tzinfo=UTC)
    path = tmp_path / "a.ts"
    with av.open(str(path), "w", format="mpegts") as out:
        stream = out.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        data = out.add_data_stream("klv")
        for number in range(20):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 9 * number, np.uint8), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 10)
            out.mux(stream.encode(frame))
            items = {
                5: 90.0,
                6: 0.0,
                7: 0.0,
                13: 23.12,
                14: 113.25 + number * 1e-5,
                15: 120.0,
                16: 60.0,
                18: 0.0,
                19: -45.0,
                20: 0.0,
            }
            packet = av.Packet(klv.packet(start + timedelta(seconds=number / 10), items))
            packet.stream, packet.time_base, packet.pts, packet.dts = data, Fraction(1, 10), number, number
            out.mux(packet)
        out.mux(stream.encode(None))
    told = poses_of_video(path, None, instruments_for(station))
    assert isinstance(told, VideoPoses)
    assert told.camera is not None
    assert told.camera.focal_px == pytest.approx(32 / np.tan(np.radians(30)), rel=1e-3)
    assert {missing(pose) for pose in told.track.poses} == {()}
    assert any("field of view" in note for note in told.notes)
    assert told.started_at is not None


def test_what_a_patrol_file_declares(tmp_path: Path) -> None:
    patrol = Path(__file__).with_name("patrol-short.yaml").read_text("utf-8")
    path = tmp_path / "patrol.yaml"
    for said, expected in (
        ("", PoseDeclaration()),
        ("declares: {gimbal: nadir, heading: course}", PoseDeclaration(pitch_deg=-90, roll_deg=0, course_as_yaw=True)),
        ("declares: {gimbal: {pitch_deg: -60}, heading: 45}", PoseDeclaration(pitch_deg=-60, yaw_deg=45)),
    ):
        path.write_text(f"{patrol}\n{said}\n", "utf-8")
        assert declaration_of(path) == expected
    path.write_text(f"{patrol}\ndeclares: {{gimbal: downwards}}\n", "utf-8")
    with pytest.raises(InputRefused, match="declares"):
        declaration_of(path)
    assert declaration_of(None).empty


def test_a_clock_offset_is_read_or_refused() -> None:
    offset = clock_offset_of("-2.5,0.1")
    assert offset is not None
    assert (offset.offset_s, offset.sigma_s) == (-2.5, 0.1)
    assert clock_offset_of("") is None
    for text in ("soon", "1,-1", "nan"):
        with pytest.raises(InputRefused, match="clock offset"):
            clock_offset_of(text)


def test_what_a_video_shows_becomes_incidents_with_a_clip(job: MakeJob, station: Station, shared: Path) -> None:
    """The scene of a real nadir photo as a second of video, with the photo's own pose in its subtitles."""
    photo = shared / "data/aerial_vehicles/dji_photos/DJI_0010.JPG"
    made = job()
    for path in made.footage.iterdir():
        path.unlink()
    video = made.footage / "DJI_0100.MP4"
    width, height = 1280, 720
    with Image.open(photo) as picture, av.open(str(video), "w") as out:
        pixels = np.asarray(picture.convert("RGB").resize((width, height)))
        stream = out.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number in range(12):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 10)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    focal_35mm = 3045 * width / 4000 / 1600 * 43.2666
    video.with_suffix(".SRT").write_text(
        "\n".join(
            f"{n + 1}\n00:00:0{n // 10},{n % 10}00 --> 00:00:0{(n + 1) // 10},{(n + 1) % 10}00\n"
            f'<font size="28">FrameCnt: {n + 1}, DiffTime: 100ms\n2026-10-01 10:03:{4 + n // 10:02d}.{n % 10}00\n'
            f"[iso: 200] [shutter: 1/500.0] [fnum: 2.8] [ev: 0] [ct: 5500] [focal_len: {focal_35mm:.2f}] "
            f"[dzoom_ratio: 1.00], [latitude: 53.919013] [longitude: 27.576512] [rel_alt: 98.900 abs_alt: 336.660] "
            f"[gb_yaw: 37.1 gb_pitch: -89.9 gb_roll: 0.0] </font>\n"
            for n in range(12)
        )
    )
    sha256 = hashlib.sha256(video.read_bytes()).hexdigest()
    share = width / 4000
    boxes = [
        (
            label,
            score,
            Box(
                left_px=box.left_px * share,
                top_px=box.top_px * share,
                right_px=box.right_px * share,
                bottom_px=box.bottom_px * share,
            ),
        )
        for label, score, box in labelled_boxes(photo)
    ]
    detector = ScriptedDetector({derived_id("frame", sha256, n): boxes for n in range(12)})
    cards = {detector.weight_sha256: b"# scripted\n"}
    instruments = replace(station.instruments, detector=detector, weight_cards=cards, following=Following())
    report = process(made, replace(station, instruments=instruments))
    assert (report.inputs, report.results, report.sidecars, report.refused_inputs) == (2, 1, 1, 0)
    assert report.incidents
    for line in report.incidents:
        package = made.out / line.package
        (clip,) = (package / "data/derived").glob("DJI_0100-*-clip.mp4")
        (record,) = [
            record
            for record in json.loads((package / "data/derivations.json").read_text("utf-8"))["derived"]
            if record["path"].endswith("-clip.mp4")
        ]
        times = dict(record["derivation"]["parameters"])["frame_times_s"].split()
        assert [float(time_s) for time_s in times] == pytest.approx([n / 10 for n in range(12)])
        with av.open(str(clip)) as container:
            assert sum(1 for _frame in container.decode(video=0)) == 12
        assert verify(package).outcome is not Outcome.FAIL
