"""Record a live source (RTSP, RTMP, UDP transport stream) into the vault as it comes.

The stream is copied, not transcoded: video packets and KLV metadata go into MPEG-TS segments, which need no closing to
be readable, so a kill costs at most what the operating system had not written. Each finished segment is deposited like
a file from a card; a segment that a killed run left behind is deposited by the next. When the source goes away, that is
an outage with a beginning and an end, and the recorder connects again until it is told to stop or its patience ends.

What the clock of a live source says is the station's clock at arrival: the segments' names carry it, and the latency of
the link is not in it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from core.clock import Clock, iso_utc
from core.errors import StoreFailed
from core.refusal import Refusal
from core.text import _
from evidence.originals.vault import deposit_file
from evidence.originals.vault_records import Card, Deposit
from evidence.originals.vault_store import VaultStore

if TYPE_CHECKING:
    from av.container import InputContainer

PREFIX: Final = "live-"
SCHEMES: Final = frozenset({"rtsp", "rtsps", "rtmp", "rtmps", "udp", "tcp", "rtp", "srt"})
OPEN_TIMEOUT_S: Final = 10.0
READ_TIMEOUT_S: Final = 5.0
# Not "nobuffer": it would throw away the packets that were read to find out what the stream is.
_OPTIONS: Final = {"rtsp_transport": "tcp", "probesize": "1000000", "analyzeduration": "1500000"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A finished piece of a live recording.

    Attributes:
        begun_at: Arrival of its first packet, aware UTC.
        ended_at: Arrival of its last.
        answer: Its deposit in the vault, or why it is not there (the file then stays in the spool folder).
    """

    begun_at: datetime
    ended_at: datetime
    answer: Deposit | Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """A time in which the source gave nothing.

    Attributes:
        begun_at: When it was noticed, aware UTC.
        ended_at: When packets came again, or None when they did not.
        why: What the connection said.
    """

    begun_at: datetime
    ended_at: datetime | None
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveReport:
    """What a live recording gave.

    Attributes:
        segments: In order of time.
        outages: In order of time.
        recovered: Segments that an earlier, killed run had left in the spool folder.
    """

    segments: tuple[Segment, ...]
    outages: tuple[Outage, ...]
    recovered: tuple[Deposit | Refusal, ...] = ()


@dataclass(slots=True, kw_only=True)
class _Recorder:
    """The state of one recording: where it writes, and what it has to report."""

    store: VaultStore
    card: Card
    clock: Clock
    spool: Path
    stop: Callable[[], bool]
    segment_s: float
    open_timeout_s: float
    on_event: Callable[[str], object]
    segments: list[Segment]
    outages: list[Outage]


def is_live_address(url: str) -> bool:
    """Return whether an address is of a live source that can be recorded; files and web pages are not."""
    scheme, separator, rest = url.partition("://")
    return bool(separator and rest) and scheme.lower() in SCHEMES


def record_live(
    url: str,
    store: VaultStore,
    *,
    card: Card,
    clock: Clock,
    spool: Path,
    stop: Callable[[], bool],
    segment_s: float = 60.0,
    retry_s: float = 1.0,
    patience_s: float = 300.0,
    on_event: Callable[[str], object] = lambda _text: None,
) -> LiveReport:
    """Record a live source until told to stop.

    Args:
        url: The source ("rtsp://…", "rtmp://…", "udp://…", "tcp://…").
        store: The vault.
        card: What the crew says of the source (its serial is the source's name).
        clock: The station's clock.
        spool: A local folder for the segment being written.
        stop: Asked between packets and while waiting; true ends the recording.
        segment_s: Length of a segment, seconds; it ends at the next key frame.
        retry_s: Wait between attempts to connect, seconds.
        patience_s: How long to try without a packet before giving up, seconds.
        on_event: Told, as a sentence, of every segment and outage as it happens.

    Returns:
        The report. A segment that the vault cannot take is reported and stays in the spool folder.

    Raises:
        StoreFailed: The spool folder cannot be written.
        ValueError: The address is of no live source, or a time is not positive.
    """
    if not is_live_address(url):
        raise ValueError(f"{url} is no live source")
    if not (segment_s > 0 and retry_s > 0 and patience_s > 0):
        raise ValueError("the recorder's times are positive")
    try:
        spool.mkdir(parents=True, exist_ok=True)
        leftovers = sorted(spool.glob(f"{PREFIX}*.ts"))
    except OSError as problem:
        raise StoreFailed(_("The spool folder {path} cannot be used.").format(path=spool)) from problem
    recorder = _Recorder(
        store=store,
        card=card,
        clock=clock,
        spool=spool,
        stop=stop,
        segment_s=segment_s,
        open_timeout_s=min(OPEN_TIMEOUT_S, patience_s),
        on_event=on_event,
        segments=[],
        outages=[],
    )
    recovered = tuple(_deposited(recorder, path) for path in leftovers)
    last_heard = clock.monotonic_s()
    while not stop() and clock.monotonic_s() - last_heard < patience_s:
        before = len(recorder.segments)
        why = _session(recorder, url)
        if len(recorder.segments) > before:
            last_heard = clock.monotonic_s()
        if not stop():
            _note_outage(recorder, why, fresh=len(recorder.segments) > before)
            _pause(retry_s, stop)
    return LiveReport(segments=tuple(recorder.segments), outages=tuple(recorder.outages), recovered=recovered)


def _note_outage(recorder: _Recorder, why: str, *, fresh: bool) -> None:
    """Begin an outage, unless one is going on."""
    going_on = recorder.outages and recorder.outages[-1].ended_at is None
    if fresh or not going_on:
        recorder.outages.append(Outage(begun_at=recorder.clock.now(), ended_at=None, why=why))
        recorder.on_event(_("{time} nothing comes: {why}").format(time=iso_utc(recorder.clock.now()), why=why))


def _end_outage(recorder: _Recorder) -> None:
    if recorder.outages and recorder.outages[-1].ended_at is None:
        last = recorder.outages[-1]
        recorder.outages[-1] = Outage(begun_at=last.begun_at, ended_at=recorder.clock.now(), why=last.why)
        recorder.on_event(_("{time} packets come again").format(time=iso_utc(recorder.clock.now())))


def _pause(seconds: float, stop: Callable[[], bool]) -> None:
    until = time.monotonic() + seconds
    while not stop() and time.monotonic() < until:
        time.sleep(0.02)


def _session(recorder: _Recorder, url: str) -> str:
    """Record one connection until it breaks; return why it did."""
    with _connected(url, recorder.open_timeout_s) as source:
        if isinstance(source, str):
            return source
        packets = _packets(source)
        first = next(packets, None)
        while first is not None and not recorder.stop():
            _end_outage(recorder)
            first = _segment(recorder, source, packets, first)
    return _("the source ended")


@contextmanager
def _connected(url: str, timeout_s: float) -> Iterator[InputContainer | str]:
    """Open the source, or hand over what the connection said."""
    import av

    try:
        # The scheme alone decides which of FFmpeg's protocols is used; files are not live sources.
        options = {key: value for key, value in _OPTIONS.items() if key != "rtsp_transport" or url.startswith("rtsp")}
        source = av.open(url, timeout=(timeout_s, READ_TIMEOUT_S), options=options)
    except av.error.ExitError:  # PyAV's own time-out
        yield _("cannot connect (no answer within {seconds:.0f} s)").format(seconds=timeout_s)
        return
    except Exception as problem:  # noqa: BLE001 - the driver's border: every protocol fails in its own way
        yield _("cannot connect ({why})").format(why=getattr(problem, "strerror", None) or type(problem).__name__)
        return
    try:
        yield source
    finally:
        source.close()


def _packets(source: InputContainer) -> Iterator[Any]:
    """Yield video and metadata packets until the connection breaks."""
    wanted = [*source.streams.video[:1], *source.streams.data]
    if not source.streams.video:
        return
    try:
        for packet in source.demux(wanted):
            if packet.dts is not None and packet.size:
                yield packet
    except Exception:  # noqa: BLE001 - the driver's border: every protocol breaks in its own way
        return


def _segment(recorder: _Recorder, source: InputContainer, packets: Iterator[Any], first: Any) -> Any | None:  # noqa: ANN401
    """Write one segment, deposit it, and return the first packet of the next (None when the connection broke)."""
    import av

    begun = recorder.clock.now()
    path = recorder.spool / f"{PREFIX}{iso_utc(begun).replace(':', '').replace('-', '')}.ts"
    started = recorder.clock.monotonic_s()
    ahead: Any | None = first
    try:
        with av.open(str(path), "w", format="mpegts") as out:
            video = source.streams.video[0]
            targets: dict[int, Any] = {video.index: out.add_stream_from_template(video)}
            targets.update({data.index: out.add_data_stream("klv") for data in source.streams.data})
            latest: dict[int, int] = {}
            while ahead is not None and not recorder.stop():
                packet = ahead
                if packet.dts < latest.get(packet.stream_index, packet.dts):
                    break  # the source's own clock went back: another timeline, another segment
                latest[packet.stream_index] = packet.dts
                packet.stream = targets[packet.stream_index]
                out.mux(packet)
                ahead = next(packets, None)
                full = recorder.clock.monotonic_s() - started >= recorder.segment_s
                if full and ahead is not None and ahead.stream_index == video.index and ahead.is_keyframe:
                    break
    except (av.error.FFmpegError, OSError, ValueError) as problem:
        raise StoreFailed(_("The segment {path} cannot be written.").format(path=path)) from problem
    ended = recorder.clock.now()
    recorder.segments.append(Segment(begun_at=begun, ended_at=ended, answer=_deposited(recorder, path)))
    return ahead


def _deposited(recorder: _Recorder, path: Path) -> Deposit | Refusal:
    """Deposit a finished segment and clear it from the spool; what the vault cannot take stays."""
    source = f"live/{path.name}"
    try:
        with recorder.store.held():
            answer = deposit_file(path, recorder.store, source=source, card=recorder.card, clock=recorder.clock)
    except StoreFailed as problem:
        answer = Refusal(subject=source, code="vault-failed", reason=str(problem))
    if isinstance(answer, Deposit):
        path.unlink()
        told = _("{source} is in the vault, {megabytes:.1f} MB").format(
            source=source, megabytes=answer.original.size_bytes / 1e6
        )
        recorder.on_event(told)
    else:
        recorder.on_event(str(answer))
    return answer
