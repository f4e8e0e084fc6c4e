from __future__ import annotations

import socket
import threading
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from core.clock import SystemClock
from core.refusal import Refusal
from evidence.originals.vault import open_vault
from evidence.originals.vault_check import verify_vault
from evidence.originals.vault_live import record_live
from evidence.originals.vault_records import Card, Deposit
from evidence.originals.vault_store import LocalStore
from tests.evidence.live_servers import h264_film, rtmp_server, rtsp_server, tcp_source

CARD = Card(serial="rtsp-camera-7", device="Matrice 30T", operator="Chen")


def transport_stream(path: Path, *, frames: int = 120) -> bytes:
    with av.open(str(path), "w", format="mpegts") as out:
        stream = out.add_stream("mpeg4", rate=30)
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = 64, 48, "yuv420p", 10
        data = out.add_data_stream("klv")
        for number in range(frames):
            picture = np.random.default_rng(number).integers(0, 255, (48, 64, 3), dtype=np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 30)
            out.mux(stream.encode(frame))
            packet = av.Packet(b"metadata %04d" % number)
            packet.stream, packet.time_base, packet.pts, packet.dts = data, Fraction(1, 30), number, number
            out.mux(packet)
        out.mux(stream.encode(None))
    return path.read_bytes()


def frames_in(deposit: Deposit) -> tuple[int, int]:
    with av.open(str(deposit.original.path), format="mpegts") as container:
        kinds = [packet.stream.type for packet in container.demux() if packet.size]
    return kinds.count("video"), kinds.count("data")


def test_a_source_that_breaks_is_recorded_with_its_outage(tmp_path: Path) -> None:
    stream = transport_stream(tmp_path / "seed.ts")
    store = LocalStore(tmp_path / "vault")
    deadline = time.monotonic() + 60
    done: list[bool] = []
    with tcp_source([stream, stream[: len(stream) // 2 // 188 * 188]]) as url:
        report = record_live(
            url, store, card=CARD, clock=SystemClock(), spool=tmp_path / "spool", retry_s=0.1, patience_s=2.0,
            stop=lambda: bool(done) or time.monotonic() > deadline,
        )  # fmt: skip
    assert [type(segment.answer) for segment in report.segments] == [Deposit, Deposit]
    first, second = (frames_in(segment.answer) for segment in report.segments if isinstance(segment.answer, Deposit))
    assert first == (120, 120)
    assert 40 <= second[0] < 70
    assert report.outages[0].ended_at is not None
    assert report.outages[-1].ended_at is None
    assert report.segments[0].ended_at <= report.outages[0].begun_at <= report.segments[1].begun_at
    check = verify_vault(store)
    assert (check.findings, check.objects) == ((), 2)
    assert list((tmp_path / "spool").iterdir()) == []
    answer = report.segments[0].answer
    assert isinstance(answer, Deposit)
    assert answer.card == CARD
    assert answer.source.startswith("live/live-20")
    assert answer.original.media_type == "video/mp2t"


def test_udp_is_recorded_in_segments_that_begin_with_key_frames(tmp_path: Path) -> None:
    stream = transport_stream(tmp_path / "seed.ts", frames=900)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    stopping = threading.Event()

    def send() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for at in range(0, len(stream), 1316):
                if stopping.is_set():
                    return
                sender.sendto(stream[at : at + 1316], ("127.0.0.1", port))
                time.sleep(0.003)

    thread = threading.Thread(target=send)
    thread.start()
    store = open_vault(tmp_path / "vault")
    begun = time.monotonic()
    try:
        report = record_live(
            f"udp://127.0.0.1:{port}", store, card=CARD, clock=SystemClock(), spool=tmp_path / "spool", segment_s=0.5,
            patience_s=20, stop=lambda: time.monotonic() - begun > 6,
        )  # fmt: skip
    finally:
        stopping.set()
        thread.join()
    deposits = [segment.answer for segment in report.segments if isinstance(segment.answer, Deposit)]
    assert len(deposits) == len(report.segments) >= 2
    for deposit in deposits[1:]:
        with av.open(str(deposit.original.path), format="mpegts") as container:
            assert next(container.demux(video=0)).is_keyframe
    assert verify_vault(store).sound


def test_a_source_that_is_not_there_ends_the_patience(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    report = record_live(
        f"tcp://127.0.0.1:{port}", LocalStore(tmp_path / "vault"), card=CARD, clock=SystemClock(),
        spool=tmp_path / "spool", stop=lambda: False, retry_s=0.05, patience_s=0.3,
    )  # fmt: skip
    assert report.segments == ()
    assert len(report.outages) == 1
    assert "cannot connect" in report.outages[0].why


def test_what_a_killed_run_left_is_deposited_by_the_next(tmp_path: Path) -> None:
    stream = transport_stream(tmp_path / "seed.ts", frames=30)
    spool = tmp_path / "spool"
    spool.mkdir()
    (spool / "live-20261001T020304.000Z.ts").write_bytes(stream[: len(stream) - 100])
    store = LocalStore(tmp_path / "vault")
    report = record_live("tcp://127.0.0.1:9", store, card=CARD, clock=SystemClock(), spool=spool, stop=lambda: True)
    (recovered,) = report.recovered
    assert isinstance(recovered, Deposit)
    assert recovered.original.size_bytes == len(stream) - 100
    assert list(spool.iterdir()) == []


def test_a_segment_that_the_vault_cannot_take_stays_in_the_spool(tmp_path: Path) -> None:
    stream = transport_stream(tmp_path / "seed.ts", frames=60)
    store = LocalStore(tmp_path / "vault")
    with tcp_source([stream]) as url, store.held():
        report = record_live(
            url, LocalStore(tmp_path / "vault"), card=CARD, clock=SystemClock(), spool=tmp_path / "spool",
            stop=lambda: False, retry_s=0.05, patience_s=0.5,
        )  # fmt: skip
    (segment,) = report.segments
    assert isinstance(segment.answer, Refusal)
    assert segment.answer.code == "vault-failed"
    assert len(list((tmp_path / "spool").glob("*.ts"))) == 1


def test_times_of_no_length_are_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="positive"):
        record_live(
            "tcp://127.0.0.1:9", LocalStore(tmp_path / "vault"), card=CARD, clock=SystemClock(), spool=tmp_path,
            stop=lambda: True, segment_s=0,
        )  # fmt: skip


def test_rtsp_is_recorded_over_an_outage(tmp_path: Path) -> None:
    stream = transport_stream(tmp_path / "seed.ts")
    store, heard = LocalStore(tmp_path / "vault"), []
    deadline = time.monotonic() + 90
    with rtsp_server([stream, stream]) as url:
        report = record_live(
            url, store, card=CARD, clock=SystemClock(), spool=tmp_path / "spool", retry_s=0.1, patience_s=8.0,
            stop=lambda: time.monotonic() > deadline or sum("is in the vault" in text for text in heard) >= 2,
            on_event=heard.append,
        )  # fmt: skip
    deposits = [segment.answer for segment in report.segments if isinstance(segment.answer, Deposit)]
    assert len(deposits) == 2
    for deposit in deposits:
        video, metadata = frames_in(deposit)
        assert video >= 110  # what was read to find out what the stream is may begin after its first packets
        assert metadata >= 110
    assert report.outages[0].ended_at is not None
    assert any("nothing comes" in text for text in heard)
    assert any("packets come again" in text for text in heard)
    assert verify_vault(store).sound


def test_rtmp_is_recorded(tmp_path: Path) -> None:
    binaries = pytest.importorskip("imageio_ffmpeg", reason="no RTMP server to record from; see the extra bench")
    film = h264_film(tmp_path / "film.mp4")
    store, deadline = LocalStore(tmp_path / "vault"), time.monotonic() + 60
    with rtmp_server(film, binaries.get_ffmpeg_exe()) as url:
        report = record_live(
            url, store, card=CARD, clock=SystemClock(), spool=tmp_path / "spool", retry_s=0.2, patience_s=6.0,
            stop=lambda: time.monotonic() > deadline,
        )  # fmt: skip
    deposits = [segment.answer for segment in report.segments if isinstance(segment.answer, Deposit)]
    assert len(deposits) == 1
    assert frames_in(deposits[0])[0] >= 110
    assert verify_vault(store).sound


@pytest.mark.parametrize("address", ["film.mp4", "file:///etc/passwd", "http://127.0.0.1/x", "rtsp://", "concat:a|b"])
def test_what_is_no_live_source_is_not_opened(tmp_path: Path, address: str) -> None:
    with pytest.raises(ValueError, match="no live source"):
        record_live(
            address, LocalStore(tmp_path / "vault"), card=CARD, clock=SystemClock(), spool=tmp_path / "spool",
            stop=lambda: False,
        )  # fmt: skip
    assert not (tmp_path / "spool").exists()
