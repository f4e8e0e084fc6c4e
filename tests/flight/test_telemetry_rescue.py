from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from core.refusal import Refusal
from flight.telemetry.rescue import Rescue, rescue_video

CODECS = {
    "libx264": {"bf": "0", "preset": "ultrafast"},
    "libx265": {"preset": "ultrafast", "x265-params": "bframes=0:log-level=none"},
}


def movie(path: Path, codec: str, *, frames: int = 40, seed: int = 0, data: bool = False) -> Path:
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=25, options=CODECS[codec])
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = 128, 96, "yuv420p", 10
        text = out.add_stream("aac", rate=8000) if data else None
        for number in range(frames):
            y, x = np.mgrid[0:96, 0:128]
            picture = np.stack([(x * 2 + 5 * number + seed) % 256, (y * 2 + seed) % 256, (x + y) % 256], axis=-1)
            frame = av.VideoFrame.from_ndarray(picture.astype(np.uint8), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            out.mux(stream.encode(frame))
            if text is not None:
                sound = av.AudioFrame.from_ndarray(np.zeros((1, 320), np.float32), format="fltp", layout="mono")
                sound.sample_rate, sound.pts, sound.time_base = 8000, number * 320, Fraction(1, 8000)
                out.mux(text.encode(sound))
        out.mux(stream.encode(None))
        if text is not None:
            out.mux(text.encode(None))
    return path


def without_index(path: Path, *, share: float = 1.0) -> Path:
    """Return the recording as a crash leaves it: pictures, no moov, no size of the mdat atom."""
    content = path.read_bytes()
    begin, end = content.index(b"mdat") - 4, content.index(b"moov") - 4
    data = bytearray(content[:end])
    data[begin : begin + 4] = bytes(4)
    broken = path.with_name("broken_" + path.name)
    broken.write_bytes(data[: begin + 8 + round((len(data) - begin - 8) * share)])
    return broken


def pictures(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


@pytest.fixture(params=sorted(CODECS))
def codec(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def rescued(broken: Path, sibling: Path, out: Path) -> Rescue:
    answer = rescue_video(broken, sibling, out)
    assert isinstance(answer, Rescue), answer
    return answer


def test_every_frame_comes_back_as_it_was(tmp_path: Path, codec: str) -> None:
    whole = movie(tmp_path / "a.mp4", codec)
    before = (broken := without_index(whole)).read_bytes()
    sibling = movie(tmp_path / "b.mp4", codec, seed=90)
    rescue = rescued(broken, sibling, tmp_path / "out.mkv")
    assert (rescue.frames, rescue.skipped_bytes, rescue.interval_s) == (40, 0, pytest.approx(0.04))
    assert len(rescue.assumptions) == 1
    for mine, true in zip(pictures(rescue.path), pictures(whole), strict=True):
        assert np.array_equal(mine, true)
    assert broken.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "b.mp4", "broken_a.mp4", "out.mkv"]


def test_what_was_written_before_the_cut_comes_back(tmp_path: Path, codec: str) -> None:
    whole = movie(tmp_path / "a.mp4", codec)
    rescue = rescued(without_index(whole, share=0.6), movie(tmp_path / "b.mp4", codec), tmp_path / "out.mkv")
    assert 5 < rescue.frames < 40
    mine, true = pictures(rescue.path), pictures(whole)
    assert len(mine) >= rescue.frames - 1
    assert all(np.array_equal(a, b) for a, b in zip(mine, true, strict=False))


def test_samples_of_other_streams_are_skipped(tmp_path: Path) -> None:
    whole = movie(tmp_path / "a.mp4", "libx264", data=True)
    rescue = rescued(without_index(whole), movie(tmp_path / "b.mp4", "libx264"), tmp_path / "out.mkv")
    assert rescue.skipped_bytes > 0
    mine, true = pictures(rescue.path), pictures(whole)
    same = sum(any(np.array_equal(a, b) for b in true) for a in mine)
    assert same >= 35


def test_what_cannot_help_or_holds_nothing_is_refused(tmp_path: Path) -> None:
    sibling = movie(tmp_path / "b.mp4", "libx264")
    other = tmp_path / "c.mp4"
    other.write_bytes(b"no video")
    empty = tmp_path / "d.mp4"
    empty.write_bytes(b"\0\0\0\x10ftypisom\0\0\0\0")
    noise = tmp_path / "e.mp4"
    noise.write_bytes(b"\0\0\0\x10ftypisom\0\0\0\0\0\0\0\0mdat" + b"\xff" * 5000)
    cases = (
        (empty, other, "unfit-sibling"),
        (empty, sibling, "no-data"),
        (noise, sibling, "no-frames"),
        (tmp_path / "f", sibling, "unreadable-file"),
    )
    for broken, helper, code in cases:
        refusal = rescue_video(broken, helper, tmp_path / "out.mkv")
        assert isinstance(refusal, Refusal), broken
        assert refusal.code == code
        assert not (tmp_path / "out.mkv").exists()


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "out.mkv").write_bytes(b"mine")
    with pytest.raises(FileExistsError):
        rescue_video(tmp_path / "a", tmp_path / "b", tmp_path / "out.mkv")
