from __future__ import annotations

import os
import random
import shutil
import sys
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from core.refusal import Refusal
from detection.frames import video_decoding
from detection.frames.video_decoding import NotAVideoError, VideoCursor, decoding, timeline_zero_s
from detection.frames.video_stills import Still, thumbnail
from flight.telemetry.container import FrameTimes, read_frame_times

TICKS = 90_000
QUIET = {"libx265": {"x265-params": "log-level=none"}, "libx264": {"bf": "2"}}


def film(
    path: Path,
    codec: str,
    *,
    times: list[float] | None = None,
    pixel_format: str = "yuv420p",
    size: tuple[int, int] = (320, 240),
    options: dict[str, str] | None = None,
    key_every: int = 30,
) -> Path:
    """Write a video whose n-th frame is grey of brightness 2n over a fixed texture, brighter on its left."""
    texture = np.random.default_rng(0).integers(0, 20, (size[1], size[0], 1), dtype=np.uint8)
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=30, options={**QUIET.get(codec, {}), **(options or {})})
        stream.width, stream.height, stream.pix_fmt = *size, pixel_format
        stream.gop_size = key_every
        stream.time_base = stream.codec_context.time_base = Fraction(1, TICKS)
        for number, at_s in enumerate(times if times is not None else [n / 30 for n in range(90)]):
            picture = np.repeat(texture + 2 * number % 200, 3, axis=2)
            picture[: size[1] // 4, : size[0] // 4] = 255  # the corner that tells how a picture lies
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = round(at_s * TICKS), Fraction(1, TICKS)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def number_of(image: av.VideoFrame) -> int:
    """Return which frame of a film a picture is, by its brightness (lower right quarter)."""
    grey = image.to_ndarray(format="gray").astype(float)
    return round((float(np.median(grey[grey.shape[0] // 2 :, grey.shape[1] // 2 :])) - 9.5) / 2)


def walked(path: Path, times: Iterator[float] | list[float]) -> list[tuple[float, int]]:
    with decoding(path, hardware=False) as how:
        cursor = VideoCursor(how, zero_s=timeline_zero_s(how.container))
        found = []
        for at_s in times:
            image = cursor.at(at_s)
            if image is not None:
                found.append((round(cursor.time_s(image), 4), number_of(image)))
        return found


@pytest.mark.parametrize(
    ("codec", "pixel_format", "suffix", "options"),
    [
        ("libx264", "yuv420p", "mp4", {}),
        ("libx264", "yuv420p", "mov", {"x264-params": "open-gop=1"}),
        ("libx264", "yuv420p10le", "mkv", {}),
        ("libx265", "yuv420p", "mp4", {}),
        ("libx265", "yuv420p10le", "mp4", {}),
        ("libx264", "yuv420p", "ts", {}),
    ],
)
def test_every_codec_gives_the_frames_of_their_times(
    tmp_path: Path, codec: str, pixel_format: str, suffix: str, options: dict[str, str]
) -> None:
    path = film(tmp_path / f"a.{suffix}", codec, pixel_format=pixel_format, options=options)
    first = walked(path, [0.0])[0][0]
    asked = [0.0, 1 / 30, 1.0, 2.5]
    found = walked(path, [first + at_s for at_s in asked])
    assert [round((at_s - first) * 30) for at_s, _number in found] == [0, 1, 30, 75]
    assert [number for _at_s, number in found] == pytest.approx([0, 1, 30, 75], abs=1)


def test_uneven_frames_keep_their_own_times(tmp_path: Path) -> None:
    # thirty frames a second, then ten, with a second of nothing in between
    times = [n / 30 for n in range(30)] + [2 + n / 10 for n in range(20)]
    path = film(tmp_path / "uneven.mp4", "libx264", times=times)
    shown = read_frame_times(path)
    assert isinstance(shown, FrameTimes)
    assert shown.times_s == pytest.approx(times, abs=1e-4)
    assert shown.gaps[0] == (29, pytest.approx(2 - 29 / 30))
    assert walked(path, [0.5, 1.5, 2.5]) == [(0.5, 15), (2.0, 30), (2.5, 35)]


def test_frames_behind_a_long_stretch_of_transport_stream_are_found(tmp_path: Path) -> None:
    path = film(tmp_path / "long.ts", "libx264", times=[n / 30 for n in range(600)], key_every=50)
    first = walked(path, [0.0])[0][0]
    assert first == pytest.approx(0.0, abs=0.1)
    found = walked(path, [first, first + 9.0, first + 18.0])
    assert [round((at_s - first) * 30) for at_s, _number in found] == [0, 270, 540]


def test_an_edit_list_moves_the_frames_on_the_timeline(tmp_path: Path) -> None:
    # A video that begins half a second late (an empty edit): a player shows its first frame at 0.5 s.
    path = film(tmp_path / "late.mp4", "libx264", times=[0.5 + n / 30 for n in range(60)])
    shown = read_frame_times(path)
    assert isinstance(shown, FrameTimes)
    assert shown.times_s[0] == pytest.approx(0.5, abs=1e-3)
    assert walked(path, [0.0, 1.5]) == [(0.5, 0), (1.5, 30)]


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_damage_is_left_out_and_counted_not_painted_over(tmp_path: Path, codec: str) -> None:
    path = film(tmp_path / "whole.mp4", codec, options={"bf": "0"} if codec == "libx264" else {})
    with av.open(str(path)) as container:
        packets = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    content = bytearray(path.read_bytes())
    begin, size = packets[40]
    content[begin + 8 : begin + size] = b"\x55" * (size - 8)
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(content)
    with decoding(broken, hardware=False) as how:
        assert how.strict
        cursor = VideoCursor(how)
        numbers = [round(cursor.time_s(image) * 30) for image in iter(lambda: cursor.at(cursor._at_s + 1 / 30), None)]
        assert cursor.dropped > 0
    assert not set(range(45, 60)) & set(numbers)  # what refers to the broken frame shows what no sensor saw
    assert set(range(62, 90)) <= set(numbers)  # from the next key frame on all is sound
    assert set(range(1, 35)) <= set(numbers)


def test_a_film_without_its_end_gives_what_it_has(tmp_path: Path) -> None:
    path = film(tmp_path / "whole.ts", "libx264")
    short = tmp_path / "short.ts"
    short.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    found = walked(short, [n / 30 for n in range(90)])
    assert 20 < len(found) < 80


def turned(path: Path, target: Path, matrix: tuple[int, ...]) -> Path:
    """Copy a video with another display matrix in its track header (ISO 14496-12, 8.3.2)."""
    content = bytearray(shutil.copyfile(path, target).read_bytes())
    at = content.find(b"tkhd") + 4 + 4 + 20 + 8 + 8
    content[at : at + 36] = b"".join(value.to_bytes(4, "big", signed=True) for value in matrix)
    target.write_bytes(content)
    return target


ONE = 1 << 16


@pytest.mark.parametrize(
    ("matrix", "clockwise", "corner"),
    [
        ((ONE, 0, 0, 0, ONE, 0, 0, 0, 1 << 30), 0, (0, 0)),
        ((0, ONE, 0, -ONE, 0, 0, 0, 0, 1 << 30), 90, (0, -1)),
        ((-ONE, 0, 0, 0, -ONE, 0, 0, 0, 1 << 30), 180, (-1, -1)),
        ((0, -ONE, 0, ONE, 0, 0, 0, 0, 1 << 30), 270, (-1, 0)),
    ],
)
def test_stills_stand_upright_and_frames_stay_as_stored(
    tmp_path: Path, matrix: tuple[int, ...], clockwise: int, corner: tuple[int, int]
) -> None:
    path = turned(film(tmp_path / "a.mp4", "libx264", times=[n / 30 for n in range(10)]), tmp_path / "b.mp4", matrix)
    still = thumbnail(path, 0.1)
    assert isinstance(still, Still)
    assert still.turned_deg == clockwise
    assert still.pixels.shape == ((320, 240, 3) if clockwise in {90, 270} else (240, 320, 3))
    down, across = (slice(-20, None) if side else slice(0, 20) for side in corner)
    assert still.pixels[down, across].min() > 200
    assert still.pixels.mean() < 90
    with decoding(path) as how:
        image = VideoCursor(how).at(0.0)
        assert image is not None
        assert image.to_ndarray(format="gray")[:20, :20].min() > 200


def test_a_still_has_its_exact_time(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", "libx264")
    still = thumbnail(path, 1.01, width_px=160)
    assert isinstance(still, Still)
    assert still.time_s == pytest.approx(1.0, abs=1e-4)
    assert still.pixels.shape == (120, 160, 3)
    assert still.device == "software"
    late = thumbnail(path, 99.0)
    assert isinstance(late, Refusal)
    assert late.code == "no-frame"
    with pytest.raises(ValueError, match="from zero on"):
        thumbnail(path, -1.0)


@pytest.mark.parametrize("content", [b"", b"no video at all", bytes(5000)])
def test_what_is_no_video_has_no_still(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    refusal = thumbnail(path)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "not-a-video"
    with pytest.raises(NotAVideoError), decoding(path):
        pass


def test_hardware_that_does_not_work_is_asked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = film(tmp_path / "a.mp4", "libx264", times=[0.0, 0.1])
    asked: list[str] = []
    true_open = av.open

    def refusing(file: str, **options: object) -> object:
        if "hwaccel" in options:
            asked.append(file)
            raise PermissionError(1, "Operation not permitted")
        return true_open(file)

    monkeypatch.setattr(av, "open", refusing)
    monkeypatch.setattr(av.codec.hwaccel, "hwdevices_available", lambda: ["cuda"])
    monkeypatch.setattr(video_decoding, "_BROKEN_DEVICES", set())
    monkeypatch.setattr(video_decoding, "_NODES", {"cuda": str(tmp_path / "no-such-node")})
    with decoding(path) as how:
        assert how.device == "software"
    assert not asked or sys.platform != "linux"  # there is no node of such a device
    asked.clear()
    monkeypatch.setattr(video_decoding, "_BROKEN_DEVICES", set())
    monkeypatch.setattr(video_decoding, "_NODES", {"cuda": str(tmp_path)})
    for _time in range(2):
        with decoding(path) as how:
            assert how.device == "software"
    assert len(asked) == 1


FUZZED = int(os.environ.get("SKYWARDEN_FUZZ", "60")) // 10


@pytest.mark.parametrize(("codec", "suffix"), [("libx264", "mp4"), ("libx265", "mp4"), ("libx264", "ts")])
def test_damaged_films_are_answered(tmp_path: Path, codec: str, suffix: str) -> None:
    seed = film(tmp_path / f"seed.{suffix}", codec, times=[n / 30 for n in range(40)], key_every=10).read_bytes()
    chance = random.Random(codec + suffix)  # noqa: S311 - repeatable damage, not a secret
    path = tmp_path / f"damaged.{suffix}"
    for _example in range(FUZZED):
        content = bytearray(seed)
        for _blow in range(chance.randrange(1, 8)):
            at, length = chance.randrange(len(content)), chance.randrange(1, 400)
            match chance.randrange(3):
                case 0:
                    content[at : at + length] = chance.randbytes(len(content[at : at + length]))
                case 1:
                    del content[at : at + length]
                case _:
                    content[at] ^= 1 << chance.randrange(8)
        path.write_bytes(content)
        begun = time.process_time()
        still = thumbnail(path, chance.uniform(0, 2), hardware=False)
        assert isinstance(still, Still | Refusal)
        try:
            with decoding(path, hardware=False) as how:
                cursor = VideoCursor(how, zero_s=timeline_zero_s(how.container))
                assert sum(1 for _image in iter(cursor.next if cursor.at(0.0) else lambda: None, None)) <= 40
        except NotAVideoError:
            continue
        finally:
            assert time.process_time() - begun < 20, "a small film keeps the decoder busy"
