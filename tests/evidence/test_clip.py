from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import av
import numpy as np
import pytest

from core.clock import FrozenClock
from core.errors import InputRefused
from core.refusal import Refusal
from evidence.ingest import ingest_file
from evidence.original import Original
from evidence.sealing.clip import Clip, cut_clip, make_clip, review_clip
from evidence.sealing.derivation import Derived

FPS = 10


@pytest.fixture
def video(tmp_path: Path) -> Original:
    path = tmp_path / "DJI_0007.MP4"
    with av.open(str(path), "w") as sink:
        stream = sink.add_stream("mpeg4", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.gop_size = 10
        stream.codec_context.time_base = Fraction(1, FPS)
        for index in range(60):
            pixels = np.full((48, 64, 3), index * 4, dtype=np.uint8)
            for packet in stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")):
                sink.mux(packet)
        for packet in stream.encode():
            sink.mux(packet)
    original = ingest_file(path, clock=FrozenClock(instant=datetime(2026, 10, 1, tzinfo=UTC)))
    assert isinstance(original, Original)
    return original


def _frames(source: str | BytesIO) -> list[bytes]:
    with av.open(source) as container:
        return [frame.to_ndarray(format="rgb24").tobytes() for frame in container.decode(video=0)]


def test_a_clip_holds_the_originals_own_frames_from_a_key_frame_on(video: Original) -> None:
    clip = cut_clip(video, start_s=2.5, end_s=4.0, name="clip.mp4")
    whole, part = _frames(str(video.path)), _frames(BytesIO(clip.content))
    with av.open(str(video.path)) as container:
        keys = [index for index, frame in enumerate(container.decode(video=0)) if frame.key_frame]
    first = max(index for index in keys if index <= 25)
    assert len(keys) > 3
    assert part == whole[first:40]  # from the key frame before 2.5 s, and nothing from 4 s on
    parameters = dict(clip.derivation.parameters)
    assert float(parameters["first_frame_s"]) == pytest.approx(first / FPS)
    assert parameters["frames"] == str(40 - first)
    assert clip.derivation.source_sha256 == video.sha256
    assert clip.media_type == "video/mp4"


def test_the_same_cut_gives_the_same_bytes(video: Original) -> None:
    first, second = (cut_clip(video, start_s=0, end_s=1, name="clip.mp4") for _round in range(2))
    assert first == second


def test_what_cannot_be_cut_is_refused(video: Original, tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="nothing lies between"):
        cut_clip(video, start_s=600, end_s=601, name="x.mp4")
    text = tmp_path / "note.mp4"
    text.write_text("no video")
    with pytest.raises(InputRefused, match="no clip can be cut"):
        cut_clip(replace(video, path=text), start_s=0, end_s=1, name="x.mp4")
    with pytest.raises(ValueError, match="ends after"):
        cut_clip(video, start_s=2, end_s=1, name="x.mp4")


def test_the_clips_own_clock_is_told(video: Original) -> None:
    clip = cut_clip(video, start_s=2.5, end_s=4.0, name="clip.mp4")
    parameters = dict(clip.derivation.parameters)
    with av.open(BytesIO(clip.content)) as container:
        shown = [float(packet.pts * packet.time_base) for packet in container.demux(video=0) if packet.size]
    assert shown[0] + float(parameters["clip_zero_s"]) == pytest.approx(float(parameters["first_frame_s"]), abs=1e-4)


def test_a_clip_for_review_begins_with_the_frame_asked_for(video: Original) -> None:
    clip = make_clip(video.path, 2.5, 4.0)
    assert isinstance(clip, Clip)
    assert clip.times_s == pytest.approx([n / FPS for n in range(25, 40)])
    assert (clip.width_px, clip.height_px) == (64, 48)
    with av.open(BytesIO(clip.content)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        frames = list(container.decode(stream))
    assert [float(frame.time or 0) for frame in frames] == pytest.approx([n / FPS for n in range(15)], abs=1e-4)
    levels = [float(frame.to_ndarray(format="rgb24").mean()) for frame in frames]
    assert levels == pytest.approx([4 * n for n in range(25, 40)], abs=4)


def test_a_clip_for_review_is_reduced_to_even_sides(video: Original) -> None:
    clip = make_clip(video.path, 0.0, 0.5, width_px=33)
    assert isinstance(clip, Clip)
    assert (clip.width_px % 2, clip.height_px % 2) == (0, 0)
    assert clip.width_px <= 34


def test_a_clip_around_a_frame_is_a_derived_copy_with_every_frames_time(video: Original) -> None:
    clip = review_clip(video, 25, around_s=0.5)
    assert isinstance(clip, Derived)
    parameters = dict(clip.derivation.parameters)
    times = [float(text) for text in parameters["frame_times_s"].split()]
    assert times == pytest.approx([n / FPS for n in range(20, 30)])
    assert (clip.derivation.operation, clip.derivation.source_index) == ("clip", 25)
    assert clip.name == f"DJI_0007-{video.sha256[:8]}-000025-clip.mp4"
    with av.open(BytesIO(clip.content)) as container:
        levels = [float(frame.to_ndarray(format="rgb24").mean()) for frame in container.decode(video=0)]
    assert levels == pytest.approx([4 * n for n in range(20, 30)], abs=4)
    beyond = review_clip(video, 600)
    assert isinstance(beyond, Refusal)
    assert beyond.code == "no-frame"


def test_what_cannot_be_shown_is_refused(video: Original, tmp_path: Path) -> None:
    (tmp_path / "notes.mp4").write_text("no video")
    for given, code in (
        (make_clip(video.path, 50.0, 60.0), "no-frame"),
        (make_clip(video.path, 0.0, 500.0), "too-long"),
        (make_clip(tmp_path / "notes.mp4", 0.0, 1.0), "not-a-video"),
    ):
        assert isinstance(given, Refusal)
        assert given.code == code
    with pytest.raises(ValueError, match="begins"):
        make_clip(video.path, 2.0, 1.0)
