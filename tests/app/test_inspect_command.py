"""``inspect``, ``still``, ``clip`` and ``rescue`` as a person uses them."""

from __future__ import annotations

import csv
import importlib.util
import shutil
from pathlib import Path

import av
import pytest
from typer.testing import CliRunner, Result

from app.commands import build
from app.inspection_page import FirstPicture, first_picture, write_inspection
from core.errors import InputRefused, SkywardenError
from flight.telemetry.inspect import inspect_file


def run(*arguments: object) -> Result:
    return CliRunner().invoke(build(), [str(argument) for argument in arguments], catch_exceptions=True)


@pytest.fixture
def video(tmp_path: Path) -> Path:
    spec = importlib.util.spec_from_file_location("v", Path(__file__).parents[1] / "flight/video_samples.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return Path(module.video(tmp_path / "DJI_0007.MP4", times=list(range(60))))


def test_a_photo_becomes_a_page_with_its_picture_and_needs_no_network(shared: Path, tmp_path: Path) -> None:
    photo = shared / "data/aerial_vehicles/dji_photos/DJI_0019.JPG"
    done = run("inspect", photo, "--camera-zone", "Europe/Minsk", "--out", tmp_path / "seen")
    assert done.exit_code == 0, done.output
    assert "camera pitch" in done.output
    assert "every pose is whole" in done.output
    page = (tmp_path / "seen/inspection.html").read_text("utf-8")
    assert "119.80 m" in page
    assert "data:image/jpeg;base64," in page
    assert not [
        word for word in ("http://", "https://", "<script") if word in page.replace("http://www.w3.org/2000/svg", "")
    ]
    assert (tmp_path / "seen/first-picture.jpg").read_bytes().startswith(b"\xff\xd8")


def test_a_track_is_drawn_as_map_and_plot(shared: Path, tmp_path: Path) -> None:
    path = shared / "data/srt/p4_rtk.SRT"
    seen = inspect_file(path)
    assert first_picture(path, seen.kind) is None
    page = write_inspection(seen, None, tmp_path / "seen").read_text("utf-8")
    assert page.count("<svg") == 2
    assert "north is up" in page
    assert "86" in page  # metres above take-off


def test_what_a_name_says_in_html_stays_text(tmp_path: Path) -> None:
    path = tmp_path / "<img src=x>.mp4"
    path.write_text("no video")
    page = write_inspection(inspect_file(path), None, tmp_path / "seen").read_text("utf-8")
    assert "<img" not in page
    assert "is text, and no video" in page


@pytest.mark.parametrize("name", ["", "nowhere.mp4"])
def test_a_folder_or_nothing_is_refused(tmp_path: Path, name: str) -> None:
    assert isinstance(run("inspect", tmp_path / name).exception, InputRefused)


def test_what_is_no_flight_file_is_shown_with_its_reason(tmp_path: Path, video: Path) -> None:
    for name, content, words in (
        ("empty.jpg", b"", "is empty"),
        ("text.mp4", b"notes of the day", "is text"),
        ("cut.mp4", video.read_bytes()[:600], "moov"),
        ("x.json", b"{}", "is no file that telemetry is read from"),
    ):
        (tmp_path / name).write_bytes(content)
        done = run("inspect", tmp_path / name)
        assert done.exit_code == 0
        assert words in done.output.replace("\n", " "), done.output


def test_a_still_and_a_clip_tell_their_exact_times(video: Path, tmp_path: Path) -> None:
    done = run("still", video, "--at", "1.0", "--out", tmp_path / "still.jpg")
    assert "shown at 1.000000 s" in done.output
    assert isinstance(first_picture(tmp_path / "still.jpg", inspect_file(tmp_path / "still.jpg").kind), FirstPicture)
    done = run("clip", video, "--from", "0.5", "--to", "1.5", "--out", tmp_path / "clip.mp4")
    assert done.exit_code == 0, done.output
    with (tmp_path / "clip.csv").open() as table:
        rows = list(csv.DictReader(table))
    assert [float(row["original_s"]) for row in rows] == pytest.approx([n / 30 for n in range(15, 45)], abs=1e-5)
    with av.open(str(tmp_path / "clip.mp4")) as container:
        shown = [float(frame.time or 0) for frame in container.decode(video=0)]
    assert shown == pytest.approx([float(row["clip_s"]) for row in rows], abs=1e-4)
    again = run("clip", video, "--from", "0.5", "--to", "1.5", "--out", tmp_path / "clip.mp4")
    assert isinstance(again.exception, SkywardenError)  # nothing is overwritten
    for arguments in (("--from", "1", "--to", "0.5"), ("--from", "50", "--to", "51")):
        assert isinstance(run("clip", video, *arguments, "--out", tmp_path / "b.mp4").exception, InputRefused)


def test_a_recording_that_was_never_closed_says_so_when_it_cannot_be_rescued(video: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    shutil.copyfile(video, broken)
    refused = run("rescue", broken, "--like", video, "--out", tmp_path / "out.mkv")  # MPEG-4 part 2 has no mode to take
    assert isinstance(refused.exception, InputRefused)
    assert "H.264 or HEVC" in str(refused.exception)
