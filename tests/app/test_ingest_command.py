"""``ingest``, ``vault`` and ``record`` as a person uses them."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from app.commands import build
from core.errors import InputRefused, IntegrityFailed, StoreFailed


def run(*arguments: object) -> Result:
    return CliRunner().invoke(build(), [str(argument) for argument in arguments], catch_exceptions=True)


@pytest.fixture
def card(tmp_path: Path) -> Path:
    spec = importlib.util.spec_from_file_location("v", Path(__file__).parents[1] / "flight/video_samples.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    folder = tmp_path / "card/DCIM"
    folder.mkdir(parents=True)
    module.video(folder / "DJI_0002.MP4", times=list(range(90)))
    (folder / "DJI_0002.SRT").write_text(
        "1\n00:00:00,000 --> 00:00:03,000\nHOME(113.2501,23.1201) 2026.10.01 10:03:04\n"
        "GPS(113.2512,23.1234,16) BAROMETER:61.9\nISO:200 Shutter:500 EV: Fnum:2.8\n\n"
    )
    module.video(folder / "DJI_0005.MP4", times=list(range(30)))
    return tmp_path / "card"


def test_a_card_is_taken_in_shown_listed_and_given_back(card: Path, tmp_path: Path) -> None:
    vault = tmp_path / "vault"
    done = run("ingest", card, "--vault", vault, "--serial", "SD1", "--operator", "Chen")
    assert done.exit_code == 0, done.output
    assert "DCIM/DJI_0002.MP4 + DJI_0002.SRT" in done.output
    assert "has the same name" in done.output
    assert "missing: no subtitle file, and no telemetry inside" in done.output
    assert "these numbers are missing: 0003–0004" in done.output
    assert "3 files: 3 in the vault, 0 refused" in done.output
    assert "known" in run("ingest", card, "--vault", vault, "--serial", "SD1").output
    assert "Every original is there and unchanged." in run("vault", "verify", vault).output
    listed = run("vault", "list", vault, "--serial", "SD1").output
    assert "SD1 · – · Chen  DCIM/DJI_0005.MP4" in listed
    assert "3 originals copied" in run("vault", "export", vault, "--out", tmp_path / "out").output
    copied = tmp_path / "out/SD1/DCIM/DJI_0002.MP4"
    assert copied.read_bytes() == (card / "DCIM/DJI_0002.MP4").read_bytes()


def test_an_incomplete_ingest_says_keep_the_card(card: Path, tmp_path: Path) -> None:
    (card / "DCIM/DJI_0009.JPG").write_bytes(b"")
    (card / "notes.txt").write_text("x")
    done = run("ingest", card, "--vault", tmp_path / "vault")
    assert done.exit_code == 3
    assert "Keep the card" in done.output
    assert "no footage: notes.txt" in done.output


def test_an_altered_original_fails_the_verification(card: Path, tmp_path: Path) -> None:
    vault = tmp_path / "vault"
    run("ingest", card, "--vault", vault)
    victim = next(path for path in (vault / "objects").rglob("*") if path.is_file())
    victim.chmod(0o644)
    victim.write_bytes(b"something else")
    done = run("vault", "verify", vault)
    assert isinstance(done.exception, IntegrityFailed)
    assert "altered" in done.output
    assert run("vault", "export", vault, "--out", tmp_path / "out").exit_code == 3


def test_mistakes_are_one_sentence(card: Path, tmp_path: Path) -> None:
    for arguments, kind in (
        (("ingest", tmp_path / "nowhere", "--vault", tmp_path / "v"), InputRefused),
        (("ingest", card, "--vault", tmp_path / "v", "--camera-zone", "Mars/Base"), InputRefused),
        (("vault", "verify", tmp_path / "v"), StoreFailed),
        (("vault", "list", tmp_path / "v"), InputRefused),
        (("record", "film.mp4", "--vault", tmp_path / "v"), InputRefused),
        (("record", "udp://127.0.0.1:9", "--vault", tmp_path / "v", "--segment", "0"), InputRefused),
    ):
        assert isinstance(run(*arguments).exception, kind), arguments
    assert not (tmp_path / "v").exists()


def test_a_source_that_is_not_there_is_said_and_ends(tmp_path: Path) -> None:
    done = run(
        "record", "tcp://127.0.0.1:9", "--vault", tmp_path / "v", "--spool", tmp_path / "spool", "--patience", "0.5"
    )
    assert done.exit_code == 3
    assert "cannot connect" in done.output


def test_clock_offsets_are_told_or_refused(shared: Path, tmp_path: Path) -> None:
    photo = shared / "data/aerial_vehicles/dji_photos/DJI_0010.JPG"
    told = run("clock", "shown", photo, "--shows", "2018-03-26T17:42:00+03:00", "--camera-zone", "Europe/Minsk")
    assert told.exit_code == 0, told.output
    assert "photograph of a clock" in told.output
    assert "--clock-offset=" in told.output
    for shows in ("soon", "2018-03-26T17:42:00"):
        assert isinstance(run("clock", "shown", photo, "--shows", shows).exception, InputRefused)
    assert isinstance(run("clock", "gps", photo.parent).exception, InputRefused)  # they carry no satellite time
    srt = shared / "data/srt/mavic_pro.SRT"
    assert isinstance(run("clock", "log", srt, tmp_path / "none.bin").exception, InputRefused)


def test_a_logs_time_is_carried_over_to_a_camera(tmp_path: Path) -> None:
    def gpx(ahead_s: int) -> str:
        points = "".join(
            f'<trkpt lat="{23.12 + (n * n % 97) * 2e-5}" lon="{113.25 + n * 1e-4}">'
            f"<time>2026-10-01T02:{(n + ahead_s) // 60:02d}:{(n + ahead_s) % 60:02d}Z</time></trkpt>"
            for n in range(120)
        )
        return f'<gpx xmlns="http://www.topografix.com/GPX/1/1"><trk><trkseg>{points}</trkseg></trk></gpx>'

    (tmp_path / "camera.gpx").write_text(gpx(7))
    (tmp_path / "log.gpx").write_text(gpx(0))
    told = run("clock", "log", tmp_path / "camera.gpx", tmp_path / "log.gpx")
    assert told.exit_code == 0, told.exception
    assert "--clock-offset=-7.0" in told.output
