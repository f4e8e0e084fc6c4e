from __future__ import annotations

import importlib.util
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from types import ModuleType

import pytest

from core.refusal import Refusal
from flight.telemetry.file_kind import FileKind, kind_of
from flight.telemetry.inspect import Inspection, inspect_file
from flight.telemetry.pairing import pair_files
from flight.telemetry.read_track import Declared, read_track
from flight.telemetry.srt import SrtTelemetry, read_srt
from flight.telemetry.table import Column, TableMapping
from flight.telemetry.video_camera import camera_of_video
from flight.track import Track


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


samples, klv, logs, videos = (load(f"{name}_samples") for name in ("subtitle", "klv", "log", "video"))
BEIJING = timezone(timedelta(hours=8))
DECLARED = Declared(camera_zone=BEIJING)
START = datetime(2026, 10, 1, 2, 3, 4, tzinfo=UTC)
GPX = (
    '<gpx xmlns="http://www.topografix.com/GPX/1/1"><trk><trkseg><trkpt lat="23.12" lon="113.25">'
    "<time>2026-10-01T02:03:04Z</time></trkpt></trkseg></trk></gpx>"
)
CSV = "t,x,y\n2026-10-01T02:03:04Z,113.25,23.12\n"
MAPPING = TableMapping(
    columns={
        "time": Column(name="t", unit="iso"),
        "lon": Column(name="x", unit="deg"),
        "lat": Column(name="y", unit="deg"),
    }
)


@pytest.fixture
def card(tmp_path: Path) -> Path:
    (tmp_path / "a.srt").write_text(samples.subtitle("16"))
    (tmp_path / "a.klv").write_bytes(klv.packet(START, {13: 23.12, 14: 113.25, 15: 120.0}))
    (tmp_path / "a.bin").write_bytes(logs.dataflash())
    (tmp_path / "a.tlog").write_bytes(logs.tlog())
    (tmp_path / "a.ulg").write_bytes(logs.ulog())
    (tmp_path / "a.gpx").write_text(GPX)
    (tmp_path / "a.csv").write_text(CSV)
    text = "F/2.8, SS 500, ISO 200, EV 0, GPS (113.2512, 23.1234, 17), D 1.00m, H 61.90m, H.S 0.00m/s, V.S 0.00m/s"
    videos.video(tmp_path / "a.mp4", subtitles=[(0.0, 0.5, text), (0.5, 0.5, text)])
    return tmp_path


KINDS = {
    "a.srt": FileKind.SUBTITLE, "a.klv": FileKind.KLV, "a.bin": FileKind.DATAFLASH, "a.tlog": FileKind.TLOG,
    "a.ulg": FileKind.ULOG, "a.gpx": FileKind.GPX, "a.csv": FileKind.TABLE, "a.mp4": FileKind.VIDEO,
}  # fmt: skip


def test_files_are_known_by_their_bytes(card: Path, shared: Path) -> None:
    assert {path.name: kind_of(path) for path in card.iterdir()} == KINDS
    assert kind_of(shared / "data/aerial_vehicles/dji_photos/DJI_0010.JPG") is FileKind.PHOTO
    for name in ("a.bin", "a.tlog", "a.ulg", "a.klv", "a.mp4", "a.gpx", "a.srt"):
        disguised = card / f"{name}.dat"
        disguised.write_bytes((card / name).read_bytes())
        assert kind_of(disguised) is KINDS[name]


@pytest.mark.parametrize("name", sorted(KINDS))
def test_one_door_opens_every_kind(card: Path, name: str) -> None:
    declared = Declared(camera_zone=BEIJING, video_started_at=START, mapping=MAPPING)
    track = read_track(card / name, declared)
    assert isinstance(track, Track), track
    position = track.poses[0].position
    assert position is not None
    assert (position.lat_deg, position.lon_deg) == pytest.approx((23.12, 113.25), abs=0.01)


def test_what_has_no_track_is_refused_with_its_reason(card: Path) -> None:
    (card / "empty.srt").write_bytes(b"")
    (card / "x.dat").write_bytes(b"nothing of ours")
    cases = {
        "a.csv": "no-mapping",
        "empty.srt": "empty-file",
        "x.dat": "unknown-kind",
        "a.mp4": "no-time",
        "no": "unreadable-file",
    }
    for name, code in cases.items():
        refusal = read_track(card / name, DECLARED)
        assert isinstance(refusal, Refusal), name
        assert refusal.code == code


def values(inspection: Inspection) -> dict[str, str]:
    return {fact.label: fact.value for fact in inspection.facts}


def test_a_real_photo_is_shown_before_anybody_declares_its_zone(shared: Path) -> None:
    photo = shared / "data/aerial_vehicles/dji_photos/DJI_0010.JPG"
    inspection = inspect_file(photo)
    assert inspection.bare_times
    assert [refusal.code for refusal in inspection.refusals] == ["no-time-zone"]
    shown = values(inspection)
    assert shown["camera"] == "DJI FC220"
    assert shown["height above take-off"] == "98.90 m"
    assert shown["camera clock, zone unknown"].startswith("2018-03-26 17:41:41")
    assert "from" not in shown
    assert not any("UTC" in note for note in inspection.notes)
    declared = inspect_file(photo, DECLARED)
    assert (declared.bare_times, declared.refusals, declared.missing) == (False, (), ())
    assert values(declared)["from"] == "2018-03-26T09:41:41.000Z"


def test_a_subtitle_without_a_clock_is_still_drawn(card: Path) -> None:
    (card / "b.srt").write_text(samples.subtitle("6"))
    inspection = inspect_file(card / "b.srt", DECLARED)
    assert inspection.bare_times
    assert inspection.track is not None
    assert inspection.missing == ()
    assert values(inspection)["records"] == "3 read, 0 refused"


@pytest.mark.parametrize("name", sorted(KINDS))
def test_every_kind_is_inspected(card: Path, name: str) -> None:
    inspection = inspect_file(card / name, Declared(camera_zone=BEIJING, mapping=MAPPING))
    assert (inspection.kind, inspection.size_bytes) == (KINDS[name], (card / name).stat().st_size)
    assert inspection.track is not None
    assert values(inspection)["poses"] == str(len(inspection.track.poses))


def test_what_is_missing_is_counted(card: Path) -> None:
    inspection = inspect_file(card / "a.klv")
    assert inspection.missing == (("yaw", 1, 1), ("pitch", 1, 1), ("roll", 1, 1))


def test_a_video_shows_its_container_and_what_it_lost(card: Path) -> None:
    path = videos.video(
        card / "b.mp4", times=[n for n in range(60) if n not in {20, 21}], options={"movflags": "faststart"}
    )
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    inspection = inspect_file(path, DECLARED)
    assert values(inspection)["video"].startswith("mpeg4 64 × 48")
    assert [refusal.code for refusal in inspection.refusals] == ["no-telemetry"]
    assert any("missing" in note for note in inspection.notes)


def test_what_is_nothing_is_refused(card: Path) -> None:
    (card / "c.mp4").write_bytes(b"\0\0\0\x18ftypisom" + bytes(100))
    inspection = inspect_file(card / "c.mp4")
    assert [refusal.code for refusal in inspection.refusals] == ["no-index"]
    with pytest.raises(OSError, match="none"):
        inspect_file(card / "none")


def clip(folder: Path, name: str, seconds: float, **options: object) -> Path:
    return Path(videos.video(folder / name, times=list(range(round(seconds * 30))), **options))


def test_names_pair_and_contents_must_agree(tmp_path: Path) -> None:
    clip(tmp_path, "DJI_0001.MP4", 3)
    clip(tmp_path, "DJI_0002.MP4", 12)
    clip(tmp_path, "DJI_20261001100304_0003_T.MP4", 3)
    clip(tmp_path, "DJI_0009.MP4", 30)
    (tmp_path / "DJI_0001.SRT").write_text(samples.subtitle("2", records=3))
    (tmp_path / "dji_0002.srt").write_text(samples.subtitle("2", records=60))
    (tmp_path / "DJI_20261001100304_0003_W.SRT").write_text(samples.subtitle("16", records=90))
    (tmp_path / "renamed.SRT").write_text(samples.subtitle("2", records=30))
    (tmp_path / "notes.csv").write_text(CSV)
    pairing = pair_files(list(tmp_path.iterdir()), DECLARED)
    found = {recording.footage.name: recording.subtitle and recording.subtitle.name for recording in pairing.recordings}
    assert found == {
        "DJI_0001.MP4": "DJI_0001.SRT",
        "DJI_0002.MP4": None,
        "DJI_0009.MP4": "renamed.SRT",
        "DJI_20261001100304_0003_T.MP4": "DJI_20261001100304_0003_W.SRT",
    }
    assert {refusal.subject: refusal.code for refusal in pairing.unpaired} == {
        "dji_0002.srt": "duration-differs",
        "notes.csv": "unknown-kind",
    }


def test_logs_belong_to_what_was_taken_while_they_ran(tmp_path: Path) -> None:
    clip(tmp_path, "a.mp4", 3, created="2026-10-01T02:03:10.000000Z")
    clip(tmp_path, "b.mp4", 3, created="2026-10-01T05:03:10.000000Z")
    (tmp_path / "flight.bin").write_bytes(logs.dataflash())
    (tmp_path / "other.tlog").write_bytes(logs.tlog(station_ahead_s=0, system_time=False))
    (tmp_path / "bad.ulg").write_bytes(b"ULog\x01\x12\x35\x01" + bytes(8))
    (tmp_path / "gone.gpx").write_text(GPX.replace("2026", "2025"))
    pairing = pair_files(list(tmp_path.iterdir()), DECLARED)
    assert {recording.footage.name: tuple(log.name for log in recording.logs) for recording in pairing.recordings} == {
        "a.mp4": ("flight.bin", "other.tlog"),
        "b.mp4": (),
    }
    assert {refusal.subject for refusal in pairing.unpaired} == {"bad.ulg", "gone.gpx"}


def test_real_photos_are_recordings_of_their_own(shared: Path) -> None:
    photos = sorted((shared / "data/aerial_vehicles/dji_photos").glob("*.JPG"))
    pairing = pair_files(photos, DECLARED)
    assert [recording.footage for recording in pairing.recordings] == photos
    assert pairing.unpaired == ()


def told(folder: Path, text: str) -> SrtTelemetry:
    (folder / "v.srt").write_text(text)
    telemetry = read_srt(folder / "v.srt", camera_zone=BEIJING)
    assert isinstance(telemetry, SrtTelemetry)
    return telemetry


def test_the_camera_of_a_video_is_wide_in_its_error(tmp_path: Path) -> None:
    camera, notes = camera_of_video(told(tmp_path, samples.subtitle("14")), width_px=3840, height_px=2160)
    assert camera is not None
    assert camera.focal_px == pytest.approx(24 * 4800 / 43.2666, rel=1e-4)
    assert camera.focal_sigma >= 0.05
    assert len(notes) == 1


@pytest.mark.parametrize(
    "text",
    [
        samples.subtitle("22"),
        samples.subtitle("14").replace("[focal_len: 24.00]", "[focal_len: 48.00]", 1),
        samples.subtitle("16").replace("[dzoom_ratio: 1.00]", "[dzoom_ratio: 2.00]"),
    ],
)
def test_a_video_whose_focal_length_is_not_told_has_no_camera(tmp_path: Path, text: str) -> None:
    camera, notes = camera_of_video(told(tmp_path, text), width_px=3840, height_px=2160)
    assert camera is None
    assert notes
