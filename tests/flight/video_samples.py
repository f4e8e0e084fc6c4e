"""A writer of small videos, with subtitles and metadata inside, for tests."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import numpy as np

ASS_HEADER: Final = (
    b"[Script Info]\nScriptType: v4.00+\n\n[V4+ Styles]\nFormat: Name, Fontname, Fontsize, PrimaryColour, "
    b"SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, "
    b"BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding\nStyle: Default,Arial,16,&Hffffff,"
    b"&Hffffff,&H0,&H0,0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,1\n\n[Events]\nFormat: Layer, Start, End, Style, Name, "
    b"MarginL, MarginR, MarginV, Effect, Text\n"
)


def video(
    path: Path,
    *,
    times: list[int] | None = None,
    base: Fraction = Fraction(1, 30),
    subtitles: list[tuple[float, float, str]] | None = None,
    packets: list[tuple[float, bytes]] | None = None,
    created: str = "2026-10-01T02:03:04.000000Z",
    options: dict[str, str] | None = None,
) -> Path:
    """Write a video of 64 × 48 pixels.

    Args:
        path: Where; its suffix is the container.
        times: Time stamps of the frames, in ``base``; a second of thirty frames when None.
        base: Unit of the time stamps.
        subtitles: (begin, length, text) in seconds, for a ``mov_text`` stream.
        packets: (time, bytes) for a KLV stream.
        created: Creation time in the header.
        options: Of the muxer.
    """
    with av.open(str(path), "w", options=options or {}) as out:
        out.metadata["creation_time"] = created
        stream = out.add_stream("mpeg4", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.time_base = base
        stream.codec_context.time_base = base
        text = out.add_stream("mov_text") if subtitles else None
        if text is not None:  # the encoder wants a style sheet before it opens, although the text is muxed as it is
            text.codec_context.subtitle_header = ASS_HEADER
        data = out.add_data_stream("klv") if packets else None
        for at in times if times is not None else list(range(30)):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), at % 255, np.uint8), format="rgb24")
            frame.pts, frame.time_base = at, base
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
        for begin, length, line in subtitles or []:
            raw = line.encode()
            _mux(out, text, begin, len(raw).to_bytes(2, "big") + raw, length)
        for begin, raw in packets or []:
            _mux(out, data, begin, raw)
    return path


def _mux(out: object, stream: object, begin: float, raw: bytes, length: float = 0.0) -> None:
    packet = av.Packet(raw)
    packet.stream, packet.time_base = stream, Fraction(1, 1000)
    packet.pts = packet.dts = round(begin * 1000)
    if length:
        packet.duration = round(length * 1000)
    out.mux(packet)  # type: ignore[attr-defined]
