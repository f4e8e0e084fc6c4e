"""Frames out of a recording that was cut off: an MP4 without its index (moov), read with the help of a whole sibling.

An aircraft that falls or loses power leaves a file whose pictures are there and whose index is not. The pictures are
H.264 or HEVC units, each behind its length; what is missing is the parameter sets and the times. Both are taken from a
whole video of the same camera in the same mode. The units are walked in order; where the walk leaves the track (another
stream's samples, a hole), it is taken up again at the next place where two sound units follow each other, and what was
skipped is counted.

The rescued video is a derived copy and never replaces the original. Its times are counted at the sibling's frame rate:
an assumption, stated, that dropped frames would break.
"""

from __future__ import annotations

import mmap
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from core.errors import StoreFailed
from core.refusal import Refusal
from core.text import _

LONGEST_UNIT: Final = 16 << 20  # a key frame of 8K stays below
_PROBE_PACKETS: Final = 120
_TICKS: Final = 90_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Rescue:
    """What was rescued.

    Attributes:
        path: The derived video (Matroska).
        frames: Frames in it.
        interval_s: Time between them, as in the sibling.
        used_bytes: Bytes of the recording that are in it.
        skipped_bytes: Bytes of the recording's data that are not: other streams' samples, and what is damaged.
        assumptions: What was assumed, as sentences.
    """

    path: Path
    frames: int
    interval_s: float
    used_bytes: int
    skipped_bytes: int
    assumptions: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mode:
    """What the sibling tells of the camera's mode."""

    codec: str
    header: bytes  # parameter sets in Annex B form
    length_size: int
    interval_s: float


def rescue_video(broken: Path, sibling: Path, out: Path) -> Rescue | Refusal:
    """Write the frames of a recording without an index into a new file.

    Args:
        broken: The recording; opened for reading only.
        sibling: A whole video of the same camera in the same mode.
        out: Where the derived video goes (``.mkv``); must not exist.

    Returns:
        What was rescued, or a refusal: "unfit-sibling" (not H.264 or HEVC in MP4, or unreadable), "unreadable-file",
        "no-data" (no mdat atom) or "no-frames".

    Raises:
        FileExistsError: ``out`` exists.
        StoreFailed: ``out`` cannot be written.
    """
    if out.exists():
        raise FileExistsError(out)
    mode = _mode_of(sibling)
    if isinstance(mode, Refusal):
        return mode
    try:
        with broken.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            begin = _data_begin(content)
            if begin is None:
                return Refusal(subject=broken.name, code="no-data", reason=_("holds no pictures (no mdat atom)"))
            used = [0]
            frames = _write(_units(content, begin, mode, used), mode, out)
            skipped = len(content) - begin - used[0]
    except (OSError, ValueError) as problem:
        reason = _("cannot be read ({why})").format(why=getattr(problem, "strerror", None) or problem)
        return Refusal(subject=broken.name, code="unreadable-file", reason=reason)
    if not frames:
        out.unlink(missing_ok=True)
        return Refusal(
            subject=broken.name,
            code="no-frames",
            reason=_("holds no picture that the sibling's mode explains"),
            remedy=_("Give a whole video that the same camera took in the same mode."),
        )
    note = _("the recording had no index; its frames are timed at the rate of {sibling}, from the first").format(
        sibling=sibling.name
    )
    return Rescue(
        path=out,
        frames=frames,
        interval_s=mode.interval_s,
        used_bytes=used[0],
        skipped_bytes=skipped,
        assumptions=(note,),
    )


def _mode_of(sibling: Path) -> _Mode | Refusal:
    """Return the mode of a whole video."""
    import av

    unfit = Refusal(
        subject=sibling.name,
        code="unfit-sibling",
        reason=_("is no whole H.264 or HEVC video in MP4 whose mode could be taken"),
    )
    try:
        with av.open(str(sibling)) as container:
            stream = container.streams.video[0]
            codec, extradata = stream.codec_context.name, stream.codec_context.extradata or b""
            if codec not in {"h264", "hevc"} or len(extradata) < 23 or extradata[0] != 1:
                return unfit
            length_size = (extradata[4] if codec == "h264" else extradata[21]) % 4 + 1
            shown = sorted(
                float(packet.pts * packet.time_base)
                for packet, _n in zip(container.demux(stream), range(_PROBE_PACKETS), strict=False)
                if packet.pts is not None and packet.time_base is not None
            )
    except Exception:  # noqa: BLE001 - the driver's border: damage makes FFmpeg and PyAV raise what they like
        return unfit
    steps = [later - earlier for earlier, later in pairwise(shown)]
    header = _parameter_sets(extradata, codec)
    if not steps or not header or statistics.median(steps) <= 0:
        return unfit
    return _Mode(codec=codec, header=header, length_size=length_size, interval_s=statistics.median(steps))


def _parameter_sets(extradata: bytes, codec: str) -> bytes:
    """Return the parameter sets of an avcC or hvcC record (ISO 14496-15) in Annex B form; empty when malformed."""
    out = bytearray()

    def take(at: int) -> int:
        length = int.from_bytes(extradata[at : at + 2], "big")
        out.extend(b"\0\0\0\1" + extradata[at + 2 : at + 2 + length])
        return at + 2 + length

    if codec == "h264":
        at = 6
        for _set in range(extradata[5] & 0x1F):
            at = take(at)
        pictures = extradata[at] if at < len(extradata) else 0
        at += 1
        for _set in range(pictures):
            at = take(at)
        return bytes(out) if at <= len(extradata) else b""
    at = 23
    for _array in range(extradata[22]):
        count = int.from_bytes(extradata[at + 1 : at + 3], "big")
        at += 3
        for _set in range(count):
            if at >= len(extradata):
                return b""
            at = take(at)
    return bytes(out) if at <= len(extradata) else b""


def _data_begin(content: mmap.mmap) -> int | None:
    """Return where the pictures begin: after the header of the mdat atom, whatever size it states."""
    at = 0
    while at + 8 <= len(content):
        size, kind = int.from_bytes(content[at : at + 4], "big"), content[at + 4 : at + 8]
        if kind == b"mdat":
            return at + (16 if size == 1 else 8)
        size = int.from_bytes(content[at + 8 : at + 16], "big") if size == 1 else size
        if size < 8:
            break
        at += size
    found = content.find(b"mdat")
    return found + 4 if found >= 0 else None


def _units(content: mmap.mmap, begin: int, mode: _Mode, used: list[int]) -> Iterator[bytes]:
    """Yield the units of the recording in order; ``used`` counts their bytes with their lengths."""
    at, tracked = begin, True
    while at + mode.length_size < len(content):
        length = _unit_length(content, at, mode)
        if length is not None and not tracked:  # off the track one sound unit may be chance; two in a row are not
            behind = at + mode.length_size + length
            ends = behind + mode.length_size >= len(content)
            length = length if ends or _unit_length(content, behind, mode) is not None else None
        tracked = length is not None
        if length is None:
            at += 1
            continue
        yield content[at + mode.length_size : at + mode.length_size + length]
        used[0] += mode.length_size + length
        at += mode.length_size + length


def _unit_length(content: mmap.mmap, at: int, mode: _Mode) -> int | None:
    """Return the length of the unit at ``at``, or None when there is none (or it is cut off)."""
    head = at + mode.length_size
    if head + 2 > len(content):
        return None
    length = int.from_bytes(content[at:head], "big")
    if not 2 <= length <= LONGEST_UNIT or head + length > len(content) or content[head] & 0x80:
        return None
    if mode.codec == "h264":
        kind, importance = content[head] & 0x1F, content[head] >> 5
        sound = kind in {1, 5, 6, 7, 8, 9, 10, 11, 12} and (kind != 5 or importance > 0)
    else:
        kind, layer = content[head] >> 1 & 0x3F, (content[head] & 1) << 5 | content[head + 1] >> 3
        sound = (kind <= 9 or 16 <= kind <= 21 or 32 <= kind <= 40) and layer == 0 and content[head + 1] & 7 > 0
    return length if sound else None


def _write(units: Iterator[bytes], mode: _Mode, out: Path) -> int:
    """Write the units as a video with even times; return how many frames there are."""
    import av

    raw = out.with_suffix(".annexb")
    try:
        with raw.open("xb") as file:
            file.write(mode.header)
            for unit in units:
                file.write(b"\0\0\0\1" + unit)
        count = 0
        rate = Fraction(1 / mode.interval_s).limit_denominator(1001)
        with (
            av.open(str(raw), format=mode.codec, options={"framerate": str(rate)}) as source,
            av.open(str(out), "w", format="matroska") as target,
        ):
            stream = source.streams.video[0]
            copy: Any = target.add_stream_from_template(stream)
            for packet in source.demux(stream):
                if packet.size:
                    packet.stream = copy
                    packet.time_base = Fraction(1, _TICKS)
                    packet.pts = packet.dts = round(count * mode.interval_s * _TICKS)
                    target.mux(packet)
                    count += 1
    except (av.error.InvalidDataError, av.error.ArgumentError):
        return 0  # nothing in it that the codec takes for a picture
    except (av.error.FFmpegError, OSError) as problem:
        raise StoreFailed(_("The rescued video {path} cannot be written.").format(path=out)) from problem
    finally:
        raw.unlink(missing_ok=True)
    return count
