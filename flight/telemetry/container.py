"""The driver for video containers: what a file holds besides pixels, read with PyAV.

Gives the container's facts, the exact times of its frames (presentation time stamps after edit lists, so that variable
frame rates and dropped frames are what they are), and the telemetry streams inside: subtitles (DJI's ``mov_text``) and
MISB KLV. Times are seconds on the container's own timeline, on which video, subtitles and metadata agree. No frame is
decoded but the first, which carries the display matrix.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from core.clock import in_utc
from core.refusal import Refusal
from core.text import _
from flight.telemetry.klv import KlvTelemetry, read_klv_packets
from flight.telemetry.srt import SrtTelemetry, read_blocks
from flight.telemetry.subtitle_text import SubtitleBlock, decode_subtitle, without_markup

if TYPE_CHECKING:
    from av.container import InputContainer

GAP_FACTOR: Final = 1.5  # frames further apart than this many median intervals have lost one between them
STEADY: Final = 0.02  # intervals that spread less than this share are a constant frame rate
SHORT_S: Final = 0.5  # a video that ends this much before its header says has lost its end


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerFacts:
    """What a video file says of itself.

    Attributes:
        name: File name.
        format: Container format ("mov,mp4,…", "mpegts").
        duration_s: As the header states, seconds; None when it does not.
        created_at: Creation time as the header claims, aware UTC, or None. Many cameras write local time here and call
            it UTC: a claim, not a fact.
        codec: Video codec ("hevc").
        width_px: Width of the stored frames.
        height_px: Height of the stored frames.
        pixel_format: As stored ("yuv420p10le").
        rotation_deg: How the header asks players to turn the picture, clockwise.
        has_subtitles: Whether a subtitle stream is inside.
        has_klv: Whether a KLV stream is inside.
    """

    name: str
    format: str
    duration_s: float | None
    created_at: datetime | None
    codec: str
    width_px: int
    height_px: int
    pixel_format: str
    rotation_deg: float
    has_subtitles: bool
    has_klv: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FrameTimes:
    """When a video's frames are shown.

    Attributes:
        times_s: (n,) rising, seconds on the container's timeline.
        interval_s: Median interval.
        steady: Whether the frame rate is constant (dropped frames apart).
        gaps: (index of the frame before, seconds) of each place where frames are missing.
        lost_s: Seconds that the header promises after the last frame; 0 when the file is whole.
        keys_s: (k,) rising, the times of key frames, which can be decoded by themselves.
    """

    times_s: NDArray[np.float64]
    interval_s: float
    steady: bool
    gaps: tuple[tuple[int, float], ...]
    lost_s: float
    keys_s: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))


def read_container(path: Path) -> ContainerFacts | Refusal:
    """Return what a video file says of itself.

    Args:
        path: The file; opened for reading only.

    Returns:
        The facts, or a refusal: "empty-file", "unreadable-file", "no-index" (never closed properly), "not-a-video",
        "no-video" (a container without a video stream) or "unknown-codec".
    """
    with _opened(path) as container:
        if isinstance(container, Refusal):
            return container
        if not container.streams.video:
            return Refusal(subject=path.name, code="no-video", reason=_("holds no video stream"))
        video = container.streams.video[0]
        codec = getattr(video, "codec_context", None)
        if codec is None:  # a damaged header names a codec that nobody knows
            return Refusal(subject=path.name, code="unknown-codec", reason=_("its video codec is not known"))
        return ContainerFacts(
            name=path.name,
            format=container.format.name,
            duration_s=container.duration / 1e6 if container.duration and container.duration > 0 else None,
            created_at=_claimed_time(container.metadata) or _claimed_time(video.metadata),
            codec=codec.name,
            width_px=codec.width,
            height_px=codec.height,
            pixel_format=str(codec.pix_fmt or ""),
            rotation_deg=_rotation(container),
            has_subtitles=bool(container.streams.subtitles),
            has_klv=any(_is_klv(stream) for stream in container.streams.data),
        )


def read_frame_times(path: Path) -> FrameTimes | Refusal:
    """Return when a video's frames are shown, from its packets alone (no decoding).

    Args:
        path: The file; opened for reading only.

    Returns:
        The times, or a refusal as :func:`read_container`, or "no-frames".
    """
    with _opened(path) as container:
        if isinstance(container, Refusal):
            return container
        if not container.streams.video:
            return Refusal(subject=path.name, code="no-video", reason=_("holds no video stream"))
        video = container.streams.video[0]
        stated = container.duration / 1e6 if container.duration and container.duration > 0 else None
        shown = [
            (float(packet.pts * packet.time_base), packet.is_keyframe)
            for packet in _demuxed(container, video)
            if packet.pts is not None and packet.time_base is not None and not packet.is_discard
        ]
        times = sorted(at_s for at_s, _is_key in shown)
        start = container.start_time / 1e6 if container.start_time else 0.0
    seconds = np.unique(np.asarray(times, dtype=np.float64))
    if not seconds.size:
        return Refusal(subject=path.name, code="no-frames", reason=_("its video stream holds no frame"))
    steps = np.diff(seconds)
    interval = float(np.median(steps)) if steps.size else 0.0
    wide = np.flatnonzero(steps > GAP_FACTOR * interval) if interval else np.array([], dtype=np.intp)
    narrow = steps[steps <= GAP_FACTOR * interval]
    lost = max(0.0, start + stated - float(seconds[-1]) - interval) if stated is not None else 0.0
    return FrameTimes(
        times_s=seconds,
        interval_s=interval,
        steady=bool(narrow.size and float(np.ptp(narrow)) <= max(STEADY * interval, 0.0021)),  # time stamps in ms
        gaps=tuple((int(index), float(steps[index])) for index in wide),
        lost_s=lost if lost > SHORT_S else 0.0,
        keys_s=np.unique(np.asarray([at_s for at_s, is_key in shown if is_key], dtype=np.float64)),
    )


def read_embedded_subtitles(
    path: Path, *, camera_zone: tzinfo | None, video_started_at: datetime | None = None
) -> SrtTelemetry | Refusal:
    """Return the telemetry of the subtitle stream inside a video.

    Args:
        path: The video; opened for reading only.
        camera_zone: As for :func:`flight.telemetry.srt.read_srt`.
        video_started_at: As for :func:`flight.telemetry.srt.read_srt`.

    Returns:
        The telemetry, or a refusal: as :func:`read_container`, "no-subtitles", or as
        :func:`flight.telemetry.srt.read_srt`.
    """
    with _opened(path) as container:
        if isinstance(container, Refusal):
            return container
        if not container.streams.subtitles:
            return Refusal(subject=path.name, code="no-subtitles", reason=_("holds no subtitle stream"))
        stream = container.streams.subtitles[0]
        prefixed = getattr(getattr(stream, "codec_context", None), "name", "") == "mov_text"
        timed = [
            (float(packet.pts * packet.time_base), float((packet.duration or 0) * packet.time_base), bytes(packet))
            for packet in _demuxed(container, stream)
            if packet.pts is not None and packet.time_base is not None
        ]
    blocks: list[SubtitleBlock] = []
    for begin_s, length_s, content in timed:
        # 3GPP timed text: two bytes of length, the text, then boxes of style; an empty sample only ends the one before.
        raw = content[2 : 2 + int.from_bytes(content[:2], "big")] if prefixed else content
        text = without_markup(decode_subtitle(raw)[0]).strip() if raw else ""
        if text:
            end_s = begin_s + length_s
            blocks.append(SubtitleBlock(number=len(blocks) + 1, begin_s=begin_s, end_s=end_s, text=text))
    return read_blocks(
        tuple(blocks),
        name=path.name,
        encoding="UTF-8",
        camera_zone=camera_zone,
        video_started_at=video_started_at,
    )


def read_embedded_klv(path: Path) -> KlvTelemetry | Refusal:
    """Return the MISB metadata inside a video, each packet with its video time.

    Args:
        path: The video (MPEG-TS as a rule); opened for reading only.

    Returns:
        The telemetry, or a refusal: as :func:`read_container`, "no-klv", or as
        :func:`flight.telemetry.klv.read_klv_packets`.
    """
    with _opened(path) as container:
        if isinstance(container, Refusal):
            return container
        streams = [stream for stream in container.streams.data if _is_klv(stream)]
        if not streams:
            return Refusal(subject=path.name, code="no-klv", reason=_("holds no KLV stream"))
        chunks = [
            (
                float(packet.pts * packet.time_base)
                if packet.pts is not None and packet.time_base is not None
                else None,
                bytes(packet),
            )
            for packet in _demuxed(container, streams[0])
            if packet.size
        ]
    return read_klv_packets(chunks, name=path.name)


@contextmanager
def _opened(path: Path) -> Iterator[InputContainer | Refusal]:
    """Open a container, or hand over the refusal that says why not."""
    import av
    import av.logging

    try:
        if path.stat().st_size == 0:
            yield Refusal(subject=path.name, code="empty-file", reason=_("is empty (zero bytes)"))
            return
    except OSError as problem:
        reason = _("cannot be read ({why})").format(why=problem.strerror or problem)
        yield Refusal(subject=path.name, code="unreadable-file", reason=reason)
        return
    av.logging.set_level(av.logging.PANIC)  # FFmpeg's own remarks go nowhere useful
    try:
        container = av.open(str(path), metadata_errors="replace")
    except Exception:  # noqa: BLE001 - the driver's border: damage makes FFmpeg and PyAV raise what they like
        yield _not_opened(path)
        return
    try:
        yield container
    finally:
        container.close()


def _not_opened(path: Path) -> Refusal:
    """Return why a container could not be opened: an MP4 without its index is a recording that was cut off."""
    with path.open("rb") as file:
        head = file.read(64)
    if head[4:8] == b"ftyp":
        return Refusal(
            subject=path.name,
            code="no-index",
            reason=_("was never closed (its index, the moov atom, is missing); the recording was cut off"),
            remedy=_(
                "Put the card back into the aircraft, which may repair it, and copy again; or rescue its frames with "
                "skywarden rescue and a whole video of the same camera."
            ),
        )
    if all(byte >= 0x20 or byte in b"\t\r\n" for byte in head):
        return Refusal(subject=path.name, code="not-a-video", reason=_("is text, and no video, whatever its name says"))
    return Refusal(subject=path.name, code="not-a-video", reason=_("is no video that can be read"))


def _demuxed(container: InputContainer, stream: Any) -> Iterator[Any]:  # noqa: ANN401 - PyAV's streams share no type
    """Yield a stream's packets as far as they can be read."""
    try:
        yield from container.demux(stream)
    except Exception:  # noqa: BLE001 - the driver's border: damage makes FFmpeg and PyAV raise what they like
        return  # the file is cut off or damaged here; what was read stands, and FrameTimes.lost_s says what is missing


def _is_klv(stream: Any) -> bool:  # noqa: ANN401 - PyAV's streams share no type
    return "klv" in repr(stream).lower() or "klv" in str(stream.metadata).lower()


def _claimed_time(metadata: dict[str, str]) -> datetime | None:
    """Return the creation time of a header; the epoch of QuickTime (1904) and of Unix (1970) are no times."""
    try:
        claimed = in_utc(datetime.fromisoformat(metadata.get("creation_time", "")))
    except ValueError:
        return None
    return claimed if claimed.year >= 2000 else None


def _rotation(container: InputContainer) -> float:
    """Return the clockwise turn that the display matrix asks for, degrees in [0, 360)."""
    try:
        frame = next(container.decode(video=0))
    except Exception:  # noqa: BLE001 - the driver's border: a first frame that cannot be decoded turns nothing
        return 0.0
    return float(-frame.rotation) % 360
