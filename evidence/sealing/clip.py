"""Cuts a clip out of a video without encoding it anew: the frames are the original's own bits, by PyAV.

The one module of this room that speaks to PyAV. A clip begins at the key frame at or before the time asked for, since
what lies between key frames cannot stand alone; the derivation names both times. Sound and data tracks stay behind.
"""

from __future__ import annotations

from fractions import Fraction
from io import BytesIO
from typing import TYPE_CHECKING, Any

from core.errors import InputRefused
from core.text import _
from evidence.original import Original
from evidence.sealing.derivation import Derivation, Derived, parameters_of

if TYPE_CHECKING:
    from av.container import InputContainer


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
            first, last, count = _copy(source, buffer, start_s, end_s)
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
            tool_version=f"{av.__version__} (libavformat {'.'.join(map(str, av.library_versions['libavformat']))})",
            parameters=parameters_of(
                {
                    "asked_start_s": start_s,
                    "asked_end_s": end_s,
                    "first_frame_s": f"{float(first):.6f}",
                    "last_frame_s": f"{float(last):.6f}",
                    "frames": count,
                    "encoding": "copied",
                }
            ),
        ),
    )


def _copy(source: InputContainer, buffer: BytesIO, start_s: float, end_s: float) -> tuple[Fraction, Fraction, int]:
    """Copy the packets of a part into ``buffer``; return the first and last time, and how many there are."""
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
        return Fraction(0), Fraction(0), 0
    times = [(packet.pts - begin) * base for packet in packets]
    if max(times) < Fraction(start_s):
        return Fraction(0), Fraction(0), 0  # a seek beyond the end leads to the last key frame
    shift = packets[0].dts
    # bitexact: no version of the library is written into the file, so the same cut gives the same bytes
    with av.open(buffer, "w", format="mp4", options={"fflags": "+bitexact"}) as sink:
        out = sink.add_stream_from_template(video)
        for packet in packets:
            packet.pts -= shift
            packet.dts -= shift
            packet.stream = out
            sink.mux(packet)
    return min(times), max(times), len(packets)


def _uncuttable(original: Original, problem: str) -> InputRefused:
    return InputRefused(
        original.path,
        _("no clip can be cut from it ({problem})").format(problem=problem),
        _("Name a video, and times within it."),
    )
