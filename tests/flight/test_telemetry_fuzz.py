"""Every reader of foreign files against damaged ones: no crash, no hang, no growing memory, no invented fix.

``SKYWARDEN_FUZZ`` sets how many damaged files each reader gets; ``make fuzz`` sets it high.
"""

from __future__ import annotations

import gc
import importlib.util
import os
import random
import time
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import pytest

from core.refusal import Refusal
from flight.telemetry.read_track import Declared, read_telemetry, track_of
from flight.telemetry.table import Column, TableMapping

EXAMPLES = int(os.environ.get("SKYWARDEN_FUZZ", "10"))
SLOWEST_S = 10.0  # for files of a few kilobytes, on a busy machine
GROWTH_BYTES = 4 << 20
START = datetime(2026, 10, 1, 2, 3, 4, tzinfo=UTC)


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


samples, klv, logs, videos = (load(f"{name}_samples") for name in ("subtitle", "klv", "log", "video"))
DECLARED = Declared(
    camera_zone=UTC,
    video_started_at=START,
    mapping=TableMapping(
        columns={
            "time": Column(name="t", unit="iso"),
            "lon": Column(name="x", unit="deg"),
            "lat": Column(name="y", unit="deg"),
        },
        zone=UTC,
    ),
)


def photo(folder: Path) -> bytes:
    from PIL import Image
    from PIL.ExifTags import GPS, IFD, Base

    tags = Image.Exif()
    tags.get_ifd(IFD.Exif).update({Base.DateTimeOriginal: "2026:10:01 10:03:04", Base.FocalLengthIn35mmFilm: 24})
    tags.get_ifd(IFD.GPSInfo).update(
        {
            GPS.GPSLatitudeRef: "N", GPS.GPSLatitude: (23.0, 7.0, 30.0),
            GPS.GPSLongitudeRef: "E", GPS.GPSLongitude: (113.0, 15.0, 0.0),
        }
    )  # fmt: skip
    xmp = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description xmlns:drone-dji="http://www.dji.com/drone-dji/1.0/" drone-dji:GimbalYawDegree="+10.0" '
        'drone-dji:GimbalPitchDegree="-90.0" drone-dji:RelativeAltitude="+61.90" '
        'drone-dji:DewarpData="2022-06-15;371.3,371.3,0.7,-0.8,-0.11,0.01,-0.00008,0.0,-0.02"/></rdf:RDF></x:xmpmeta>'
    )
    Image.new("RGB", (64, 48)).save(folder / "seed.jpg", exif=tags, xmp=xmp.encode())
    return (folder / "seed.jpg").read_bytes()


def gpx(_folder: Path) -> bytes:
    points = "".join(
        f'<trkpt lat="23.{n:04d}" lon="113.25"><ele>{n}</ele><time>2026-10-01T02:03:{n:02d}Z</time></trkpt>'
        for n in range(40)
    )
    return f'<gpx xmlns="http://www.topografix.com/GPX/1/1"><trk><trkseg>{points}</trkseg></trk></gpx>'.encode()


def table(_folder: Path) -> bytes:
    return ("t,x,y\n" + "".join(f"2026-10-01 10:03:{n:02d},113.25,23.{n:04d}\n" for n in range(60))).encode()


def packets(_folder: Path) -> bytes:
    return b"".join(klv.packet(START, {13: 23.12, 14: 113.25, 15: 100.0 + n, 5: 10.0, 18: 3.0}) for n in range(20))


def movie(folder: Path) -> bytes:
    text = "F/2.8, SS 500, ISO 200, EV 0, GPS (113.2512, 23.1234, 17), D 1.00m, H 61.90m, H.S 0.00m/s, V.S 0.00m/s"
    return Path(videos.video(folder / "seed.mp4", subtitles=[(n / 10, 0.1, text) for n in range(10)])).read_bytes()


def stream(folder: Path) -> bytes:
    parts = [(n / 10, klv.packet(START, {13: 23.12, 14: 113.25, 15: 100.0 + n})) for n in range(10)]
    return Path(videos.video(folder / "seed.ts", packets=parts)).read_bytes()


def spoken(family: str) -> Callable[[Path], bytes]:
    return lambda _folder: samples.subtitle(family, records=6).encode()


SEEDS: dict[str, Callable[[Path], bytes]] = {
    "jpg": photo,
    "gpx": gpx,
    "csv": table,
    "klv": packets,
    "mp4": movie,
    "ts": stream,
    "bin": lambda _folder: logs.dataflash(),
    "tlog": lambda _folder: logs.tlog(),
    "ulg": lambda _folder: logs.ulog(),
    **{f"{family}.srt": spoken(family) for family in samples.RECORDS},
}


def damage(content: bytes, chance: random.Random) -> bytes:
    """Return content with flipped bytes, a piece moved, repeated, removed or zeroed, or its end cut off."""
    out = bytearray(content)
    for _blow in range(chance.randrange(1, 6)):
        if not out:
            break
        at, length = chance.randrange(len(out)), chance.randrange(1, 200)
        match chance.randrange(6):
            case 0:
                for _byte in range(chance.randrange(1, 20)):
                    out[chance.randrange(len(out))] = chance.randrange(256)
            case 1:
                out[at : at + length] = bytes(len(out[at : at + length]))
            case 2:
                del out[at : at + length]
            case 3:
                out[at:at] = out[at : at + length] * chance.randrange(1, 4)
            case 4:
                out[at:at] = chance.randbytes(length)
            case _:
                del out[chance.randrange(len(out) // 2, len(out)) :]
    return bytes(out)


def judge(answer: object) -> None:
    """Fail on an answer that a reader must never give."""
    if isinstance(answer, Refusal):
        return
    track = track_of(answer)  # type: ignore[arg-type]
    if isinstance(track, Refusal):
        return
    for pose in track.poses:
        if pose.position is not None:
            assert (pose.position.lon_deg, pose.position.lat_deg) != (0, 0)
        assert 1980 <= pose.captured_at.year < 2200


@pytest.mark.parametrize("seed_name", sorted(SEEDS))
def test_damaged_files_are_answered(tmp_path: Path, seed_name: str) -> None:
    seed = SEEDS[seed_name](tmp_path)
    chance = random.Random(seed_name)  # noqa: S311 - repeatable damage, not a secret
    path = tmp_path / f"fuzzed.{seed_name.rpartition('.')[2]}"
    warmed = 0
    tracemalloc.start()
    try:
        for number in range(EXAMPLES):
            content = damage(seed, chance)
            path.write_bytes(content)
            begun = time.process_time()
            try:
                judge(read_telemetry(path, DECLARED))
            except Exception:
                (tmp_path / "crash").write_bytes(content)  # kept by pytest for the finder
                raise
            assert time.process_time() - begun < SLOWEST_S, "a small file keeps the reader busy"
            if number == EXAMPLES // 5:
                gc.collect()
                warmed = tracemalloc.get_traced_memory()[0]
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] - warmed < GROWTH_BYTES
    finally:
        tracemalloc.stop()
