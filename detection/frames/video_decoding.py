"""The driver that turns videos into pictures: PyAV, with the processor's video unit where there is one.

A picture is given only when the decoder vouches for it. FFmpeg by itself hides damage: it fills a broken picture from
its neighbours and says nothing (HEVC), and evidence must not show what no sensor saw. Decoding is therefore strict; a
picture that cannot be decoded is dropped together with all that refer to it, up to the next key frame, and counted. A
stream whose very first pictures do not stand strict decoding (some cameras write marks of their own that FFmpeg takes
for damage) is decoded the lenient way, and :attr:`Decoding.strict` says so.

Hardware: the first of FFmpeg's devices that opens the file is used, else software; :attr:`Decoding.device` says which.
Memory is bounded by the decoder's own queue, one picture a thread, however long the video is.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Final

from core.text import _

if TYPE_CHECKING:
    import av
    from av.container import InputContainer
    from av.video.stream import VideoStream

SEEK_GAP_S: Final = 4.0  # decoding through is cheaper than seeking over shorter gaps (key frames are about 1 s apart)
PROBED: Final = 3
LEAST_HALF_S: Final = 0.002  # time stamps in milliseconds, and a stream that calls its clock its frame rate
SOFTWARE: Final = "software"
_NODES: Final = {"cuda": "/dev/nvidiactl", "vaapi": "/dev/dri", "drm": "/dev/dri", "qsv": "/dev/dri"}
_BROKEN_DEVICES: set[str] = set()  # devices that this process has found not to work; asking again costs time


class NotAVideoError(Exception):
    """The file cannot be opened as a video; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoding:
    """How a video is decoded.

    Attributes:
        container: The open file.
        stream: Its video stream.
        device: "software", or FFmpeg's name of the hardware ("cuda", "vaapi", …).
        strict: Whether damaged pictures are recognised by the decoder and dropped.
    """

    container: InputContainer
    stream: VideoStream
    device: str
    strict: bool


@contextmanager
def decoding(path: Path, *, hardware: bool = True) -> Iterator[Decoding]:
    """Open a video for decoding.

    Args:
        path: The file; opened for reading only.
        hardware: Whether to look for hardware that decodes it.

    Raises:
        NotAVideoError: It cannot be opened, or holds no video.
    """
    import av
    import av.logging

    av.logging.set_level(av.logging.PANIC)  # FFmpeg's own remarks go nowhere useful
    try:
        if path.stat().st_size == 0:
            raise NotAVideoError(_("the file is empty"))
        known = path.stat()
        strict = _stands_strict_decoding(path, known.st_size, known.st_mtime_ns)
        container, device = _opened(path, hardware=hardware)
    except (OSError, av.FFmpegError) as problem:
        raise NotAVideoError(
            _("the file is not a video that can be decoded ({problem})").format(problem=problem.strerror or problem)
        ) from problem
    try:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        if strict:
            stream.codec_context.options = {"err_detect": "explode"}
        yield Decoding(container=container, stream=stream, device=device, strict=strict)
    finally:
        container.close()


def _opened(path: Path, *, hardware: bool) -> tuple[InputContainer, str]:
    """Open a file with the first hardware that takes it, else without any."""
    import av
    from av.codec.hwaccel import HWAccel, hwdevices_available

    for device in hwdevices_available() if hardware else ():
        if device in _BROKEN_DEVICES or not _may_be_here(device):
            continue
        try:
            # The fallback is FFmpeg's own: a picture that the hardware cannot decode comes from software.
            accelerated = av.open(str(path), hwaccel=HWAccel(device_type=device, allow_software_fallback=True))
        except (OSError, av.FFmpegError, RuntimeError, NotImplementedError):
            _BROKEN_DEVICES.add(device)  # there is no such device here, or it is not ours to use
            continue
        if accelerated.streams.video and accelerated.streams.video[0].codec_context.is_hwaccel:
            return accelerated, device
        accelerated.close()
    container = av.open(str(path))
    if not container.streams.video:
        container.close()
        raise NotAVideoError(_("the file has no video stream"))
    return container, SOFTWARE


def _may_be_here(device: str) -> bool:
    """Return whether hardware may be there: on Linux it has a node, and asking FFmpeg in vain takes long."""
    node = _NODES.get(device) if sys.platform == "linux" else None
    return node is None or Path(node).exists()


@lru_cache(maxsize=16)
def _stands_strict_decoding(path: Path, _size: int, _written_ns: int) -> bool:
    """Return whether the first pictures of a video decode without a complaint when every complaint counts.

    A video is opened several times in a run; it is tried again only when its size or time of writing is another.
    """
    import av

    with av.open(str(path)) as container:
        if not container.streams.video:
            raise NotAVideoError(_("the file has no video stream"))
        stream = container.streams.video[0]
        stream.codec_context.options = {"err_detect": "explode"}
        try:
            return sum(1 for _frame, _n in zip(container.decode(stream), range(PROBED), strict=False)) > 0
        except (av.FFmpegError, OSError):
            return False


class VideoCursor:
    """Walks a video forward, never back, to the pictures asked for; times are seconds on the video's own timeline.

    Args:
        how: The open video.
        zero_s: Where the timeline's zero lies on the container's clock (see :func:`timeline_zero_s`).
        keys_only: Whether to give key frames only. Nothing else is decoded then, which is as many times faster as
            there are frames from one to the next.
    """

    def __init__(self, how: Decoding, *, zero_s: float = 0.0, keys_only: bool = False) -> None:
        self._how = how
        self._keys_only = keys_only
        self._zero_s = zero_s
        # The finest rate, not the average: where frames come unevenly, half an average frame is several fine ones.
        rates = (how.stream.average_rate, how.stream.base_rate, how.stream.guessed_rate)
        self._half_s = max(0.5 / max([float(rate) for rate in rates if rate] or [30.0]), LEAST_HALF_S)
        self._frames: Iterator[av.VideoFrame] | None = None
        self._at_s = 0.0
        self.dropped = 0

    def at(self, at_s: float) -> av.VideoFrame | None:
        """Return the first sound picture at or after ``at_s`` less half a frame, or None when there is none."""
        if self._frames is None or at_s - self._at_s > SEEK_GAP_S:
            self._frames = self._from(at_s)
        for image in self._frames:
            self._at_s = self.time_s(image)
            if self._at_s >= at_s - self._half_s:
                return image
        self._frames = None
        return None

    def _from(self, at_s: float) -> Iterator[av.VideoFrame]:
        """Return the sound pictures from a key frame at or before ``at_s`` on.

        Transport streams have no index, and FFmpeg's search in them may end too late: then it is asked for earlier
        times, down to the beginning.
        """
        import av

        back_s, dropped = 0.0, self.dropped
        while True:
            self.dropped = dropped  # what an attempt that ended too late walked over does not count twice
            offset = round((max(at_s - back_s, 0.0) + self._zero_s) / float(self._how.stream.time_base or 1))
            try:
                if at_s - back_s > 0 or back_s:
                    self._how.container.seek(max(offset, 0), stream=self._how.stream, backward=True)
            except (av.FFmpegError, OSError):
                return iter(())
            pictures = self._sound()
            first = next(pictures, None)
            if first is None and back_s > at_s:
                return iter(())
            if first is not None and (self.time_s(first) <= at_s + self._half_s or back_s > at_s):
                return chain((first,), pictures)
            back_s = max(1.0, back_s * 4)

    def next(self) -> av.VideoFrame | None:
        """Return the picture after the last one given, or None at the end."""
        image = next(self._frames, None) if self._frames is not None else None
        if image is not None:
            self._at_s = self.time_s(image)
        return image

    def time_s(self, image: av.VideoFrame) -> float:
        """Return when a picture is shown, seconds."""
        return (image.time or 0.0) - self._zero_s

    def _sound(self) -> Iterator[av.VideoFrame]:
        """Yield the pictures from here on that the decoder vouches for; after damage, from the next key frame on."""
        import av

        stream, lost = self._how.stream, False
        try:
            for packet in self._how.container.demux(stream):
                if self._keys_only and packet.size and not packet.is_keyframe:
                    continue
                if lost and packet.size and not packet.is_keyframe:
                    self.dropped += 1
                    continue
                lost = False
                try:
                    images = packet.decode()
                except av.FFmpegError:
                    stream.codec_context.flush_buffers()  # what is still in the queue may refer to what is broken
                    self.dropped += 1
                    lost = True
                    continue
                yield from (image for image in images if not image.is_corrupt)
        except (av.FFmpegError, OSError):
            return  # the file ends or breaks here


def timeline_zero_s(container: InputContainer) -> float:
    """Return where a video's timeline begins on its container's clock, seconds.

    A transport stream's clock begins anywhere; its zero is its first packet. In MP4 and Matroska the clock is the
    timeline, edit lists applied: a video that an edit list begins half a second late begins half a second late, and
    subtitles count from the same zero.
    """
    clocked = container.format.name in {"mpegts", "mpeg", "flv", "rtsp"}
    return container.start_time / 1e6 if clocked and container.start_time else 0.0
