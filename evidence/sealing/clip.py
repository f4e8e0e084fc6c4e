"""Cuts clips out of a video, by PyAV; the one module of this room that speaks to it.

Two kinds, both with the exact time of every frame. :func:`cut_clip` copies: the frames are the original's own bits, and
it begins at the key frame at or before the time asked for, since what lies between key frames cannot stand alone.
:func:`make_clip` is for people who review: it begins with the very frame asked for, is encoded anew as H.264 of modest
size that every browser plays, and stands upright. Sound and data tracks stay behind in both.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from core.errors import InputRefused
from core.refusal import Refusal
from core.text import _
from detection.frames.video_decoding import NotAVideoError, VideoCursor, decoding, timeline_zero_s
from evidence.original import Original
from evidence.sealing.derivation import Derivation, Derived, parameters_of
from evidence.sealing.derive import stem_of
from flight.telemetry.container import read_frame_times

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer, OutputContainer
    from numpy.typing import NDArray

TICKS: Final = 90_000  # a second, as MPEG counts: exact for 24, 25, 30 and 60 frames a second and their NTSC kin


def cut_clip(original: Original, *, start_s: float, end_s: float, name: str) -> Derived:
    """Return the part of a video from ``start_s`` to ``end_s`` as an MP4 file, bit for bit where frames are concerned.

    Args:
        original: The video.
        start_s: From when, seconds from its beginning.
        end_s: Until when.
        name: File name of the clip.

    Raises:
        ValueError: The times are not in order.
        InputRefused: The original is no video that can be cut, or has nothing between these times.
    """
    if not 0 <= start_s < end_s:
        raise ValueError("a clip begins at or after the video's beginning and ends after it begins")
    import av

    buffer = BytesIO()
    try:
        with av.open(str(original.path)) as source:
            first, last, zero, count = _copy(source, buffer, start_s, end_s)
    except (av.FFmpegError, IndexError, ValueError) as problem:
        raise _uncuttable(original, str(problem)) from problem
    if not count:
        raise _uncuttable(original, _("nothing lies between {start} s and {end} s").format(start=start_s, end=end_s))
    return Derived(
        name=name,
        media_type="video/mp4",
        content=buffer.getvalue(),
        derivation=Derivation(
            source_sha256=original.sha256,
            source_name=original.name,
            source_index=0,
            operation="clip",
            tool="PyAV",
            tool_version=clip_tool_version(),
            parameters=parameters_of(
                {
                    "asked_start_s": start_s,
                    "asked_end_s": end_s,
                    "first_frame_s": f"{float(first):.6f}",
                    "last_frame_s": f"{float(last):.6f}",
                    "clip_zero_s": f"{float(zero):.6f}",
                    "frames": count,
                    "encoding": "copied",
                }
            ),
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """A clip for review.

    Attributes:
        content: An MP4 file (H.264, 4:2:0), its frames at the original's distances in time, the first at zero.
        times_s: When the original shows each frame of the clip, seconds on its timeline.
        width_px, height_px: Size of the pictures, upright.
    """

    content: bytes
    times_s: tuple[float, ...]
    width_px: int
    height_px: int


def make_clip(
    original: Path, start_s: float, end_s: float, *, width_px: int = 1280, longest_s: float = 120.0
) -> Clip | Refusal:
    """Return a clip for review: every sound frame that a video shows from one time until another.

    Args:
        original: The video; opened for reading only.
        start_s: From when, seconds on its timeline.
        end_s: Until when; the frame at this very time is not in it.
        width_px: Width of the pictures at most, upright.
        longest_s: The longest clip that is made, seconds (it is held in memory).

    Returns:
        The clip, or a refusal: "not-a-video", "no-frame" (nothing is shown between these times) or "too-long".

    Raises:
        ValueError: The times are not in order.
    """
    if not 0 <= start_s < end_s:
        raise ValueError("a clip begins at or after the video's beginning and ends after it begins")
    if end_s - start_s > longest_s:
        reason = _("a clip for review is at most {longest:.0f} s long").format(longest=longest_s)
        return Refusal(subject=original.name, code="too-long", reason=reason, remedy=_("Take a shorter part."))
    try:
        with decoding(original) as how:
            cursor = VideoCursor(how, zero_s=timeline_zero_s(how.container))
            shown = _shown(cursor, start_s, end_s)
            first = next(shown, None)
            if first is not None:
                return _encoded(first, shown, cursor, width_px)
    except NotAVideoError as problem:
        return Refusal(subject=original.name, code="not-a-video", reason=str(problem))
    reason = _("nothing is shown between {start} s and {end} s").format(start=start_s, end=end_s)
    return Refusal(subject=original.name, code="no-frame", reason=reason)


def review_clip(original: Original, index: int, *, around_s: float = 2.0, width_px: int = 960) -> Derived | Refusal:
    """Return a clip for review of what a video shows around one of its frames, as a derived copy.

    Args:
        original: The video.
        index: Number of the frame, from zero.
        around_s: Seconds before and after it.
        width_px: Width of the pictures at most.

    Returns:
        The copy, whose record holds the time of each of its frames in the original; or a refusal: of
        :func:`make_clip`, or "no-frame" (the video has fewer frames).
    """
    shown = read_frame_times(original.path)
    if isinstance(shown, Refusal):
        return shown
    if not 0 <= index < shown.times_s.size:
        reason = _("has {count} frames, none of number {index}").format(count=shown.times_s.size, index=index)
        return Refusal(subject=original.name, code="no-frame", reason=reason)
    try:
        with decoding(original.path, hardware=False) as how:
            at_s = float(shown.times_s[index]) - timeline_zero_s(how.container)
    except NotAVideoError as problem:
        return Refusal(subject=original.name, code="not-a-video", reason=str(problem))
    start_s, end_s = max(at_s - around_s, 0.0), max(at_s, 0.0) + around_s
    clip = make_clip(original.path, start_s, end_s, width_px=width_px)
    if isinstance(clip, Refusal):
        return clip
    return Derived(
        name=f"{stem_of(original.name)}-{original.sha256[:8]}-{index:06d}-clip.mp4",
        media_type="video/mp4",
        content=clip.content,
        derivation=Derivation(
            source_sha256=original.sha256,
            source_name=original.name,
            source_index=index,
            operation="clip",
            tool="PyAV",
            tool_version=clip_tool_version(),
            parameters=parameters_of(
                {
                    "asked_start_s": f"{start_s:.6f}",
                    "asked_end_s": f"{end_s:.6f}",
                    "frame_s": f"{at_s:.6f}",
                    "frame_times_s": " ".join(f"{time_s:.6f}" for time_s in clip.times_s),
                    "frames": len(clip.times_s),
                    "height_px": clip.height_px,
                    "width_px": clip.width_px,
                    "encoding": "H.264, anew",
                }
            ),
        ),
    )


def clip_pictures(content: bytes) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    """Yield every picture of a clip with when it is shown, seconds, as (height, width, 3) uint8 RGB, one at a time.

    Raises:
        NotAVideoError: A picture cannot be decoded without doubt, or there is none.
    """
    import av

    count = 0
    try:
        with av.open(BytesIO(content), "r") as source:
            stream = source.streams.video[0]
            stream.codec_context.options = {"err_detect": "explode"}
            for image in source.decode(stream):
                if image.is_corrupt:
                    raise NotAVideoError(_("picture {number} is damaged").format(number=count))
                count += 1
                yield image.time or 0.0, np.asarray(image.to_ndarray(format="rgb24"), dtype=np.uint8)
    except (av.FFmpegError, IndexError) as problem:
        raise NotAVideoError(_("the clip cannot be decoded ({problem})").format(problem=problem)) from problem
    if not count:
        raise NotAVideoError(_("the clip has no pictures"))


def encode_pictures(pictures: Iterable[tuple[float, NDArray[np.uint8]]]) -> bytes:
    """Return pictures, each with when it is shown, as an MP4 file (H.264, 4:2:0) without sound and metadata.

    Args:
        pictures: At least one, (height, width, 3) uint8 RGB of one size with even sides, in order of time, seconds.
    """
    import av

    coming = iter(pictures)
    start_s, first = next(coming)
    buffer = BytesIO()
    with av.open(buffer, "w", format="mp4", options={"fflags": "+bitexact"}) as sink:
        out = _stream_of(sink, first.shape[1], first.shape[0])
        for time_s, pixels in chain(((start_s, first),), coming):
            image = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format="yuv420p")
            image.pts, image.time_base = round((time_s - start_s) * TICKS), Fraction(1, TICKS)
            sink.mux(out.encode(image))
        sink.mux(out.encode(None))
    return buffer.getvalue()


def has_sound(content: bytes) -> bool:
    """Return whether a clip has a stream besides its pictures."""
    import av

    with av.open(BytesIO(content), "r") as source:
        return len(source.streams) > 1


def clip_tool_version() -> str:
    """Return the versions of what cuts and encodes clips; x264 writes its own into each stream that it encodes."""
    import av

    parts = ("libavcodec", "libavformat", "libswscale")
    named = ", ".join(f"{part} {'.'.join(map(str, av.library_versions[part]))}" for part in parts)
    return f"{av.__version__} ({named})"


def _shown(cursor: VideoCursor, start_s: float, end_s: float) -> Iterator[VideoFrame]:
    """Yield the frames of a part, none from before it."""
    image = cursor.at(start_s)
    while image is not None and cursor.time_s(image) < end_s - 1e-6:
        if cursor.time_s(image) >= start_s - 1e-6:
            yield image
        image = cursor.next()


def _encoded(first: VideoFrame, rest: Iterator[VideoFrame], cursor: VideoCursor, width_px: int) -> Clip:
    """Encode frames at their own distances in time."""
    import av

    turns = round(-first.rotation / 90) % 4
    wide, high = (first.height, first.width) if turns % 2 else (first.width, first.height)
    share = min(1.0, width_px / wide)
    width, height = (max(round(side * share / 2) * 2, 2) for side in (wide, high))  # 4:2:0 needs even sides
    times: list[float] = []
    buffer = BytesIO()
    with av.open(buffer, "w", format="mp4", options={"fflags": "+bitexact"}) as sink:
        out = _stream_of(sink, width, height)
        for image in chain((first,), rest):
            times.append(cursor.time_s(image))
            pixels = np.ascontiguousarray(np.rot90(image.to_ndarray(format="rgb24"), -turns), dtype=np.uint8)
            upright = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(width, height, "yuv420p")
            upright.pts, upright.time_base = round((times[-1] - times[0]) * TICKS), Fraction(1, TICKS)
            sink.mux(out.encode(upright))
        sink.mux(out.encode(None))
    return Clip(content=buffer.getvalue(), times_s=tuple(times), width_px=width, height_px=height)


def _stream_of(sink: OutputContainer, width_px: int, height_px: int) -> Any:  # noqa: ANN401 - PyAV's own stream
    """Add the stream that clips are encoded as."""
    # The same pictures give the same bytes. One thread: with more, the slices depend on the machine's cores. No
    # macroblock tree: x264's AVX-512 code for it (mbtree_propagate_list) takes eight macroblocks at a time without
    # masking those beyond the end of a row, so where a row's number of them is no multiple of eight, what happened to
    # lie in memory moves quantisers. A crf of 21 without it shows the detail of 20 with it.
    options = {"crf": "21", "preset": "veryfast", "bf": "0", "threads": "1", "mbtree": "0"}
    out: Any = sink.add_stream("libx264", options=options)
    out.width, out.height, out.pix_fmt = width_px, height_px, "yuv420p"
    out.time_base = out.codec_context.time_base = Fraction(1, TICKS)
    return out


def _copy(
    source: InputContainer, buffer: BytesIO, start_s: float, end_s: float
) -> tuple[Fraction, Fraction, Fraction, int]:
    """Copy the packets of a part into ``buffer``; return the first and last time, the clip's zero, and their count."""
    import av

    video = source.streams.video[0]
    base = Fraction(video.time_base or Fraction(1, 1000))
    begin = video.start_time or 0
    source.seek(begin + int(Fraction(start_s) / base), stream=video, backward=True)
    packets: list[Any] = []
    for packet in source.demux(video):
        if packet.dts is None or packet.pts is None:
            continue
        if not packets and not packet.is_keyframe:
            continue
        if (packet.dts - begin) * base >= Fraction(end_s):
            break
        packets.append(packet)
    if not packets:
        return Fraction(0), Fraction(0), Fraction(0), 0
    times = [(packet.pts - begin) * base for packet in packets]
    if max(times) < Fraction(start_s):
        return Fraction(0), Fraction(0), Fraction(0), 0  # a seek beyond the end leads to the last key frame
    shift = packets[0].dts
    # bitexact: no version of the library is written into the file, so the same cut gives the same bytes
    with av.open(buffer, "w", format="mp4", options={"fflags": "+bitexact"}) as sink:
        out = sink.add_stream_from_template(video)
        for packet in packets:
            packet.pts -= shift
            packet.dts -= shift
            packet.stream = out
            sink.mux(packet)
    return min(times), max(times), (shift - begin) * base, len(packets)


def _uncuttable(original: Original, problem: str) -> InputRefused:
    return InputRefused(
        original.path,
        _("no clip can be cut from it ({problem})").format(problem=problem),
        _("Name a video, and times within it."),
    )
