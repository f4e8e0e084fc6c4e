"""Small servers of live sources on the loopback, for tests: RTSP (RFC 2326, RTP over its own connection) and RTMP."""

from __future__ import annotations

import socket
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av

SDP = (
    "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=camera\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=video 0 RTP/AVP 33\r\na=rtpmap:33 MP2T/90000\r\na=control:track1\r\n"
)
TS_PER_PACKET = 7  # 7 × 188 bytes, as every sender of transport streams over RTP does (RFC 2250)


@contextmanager
def _serving(pieces: list[bytes], converse: Callable[[socket.socket, bytes], None]) -> Iterator[int]:
    """Talk to one connection after another on the loopback, with one piece for each; yield the port."""
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(0.2)
    closing = threading.Event()

    def serve() -> None:
        for piece in pieces:
            while not closing.is_set():
                try:
                    connection, _address = server.accept()
                except TimeoutError:
                    continue
                with connection:
                    converse(connection, piece)
                break

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield server.getsockname()[1]
    finally:
        closing.set()
        thread.join()
        server.close()


@contextmanager
def rtsp_server(pieces: list[bytes]) -> Iterator[str]:
    """Serve one piece of transport stream to each connection after another; each ends with its piece."""
    with _serving(pieces, _converse) as port:
        yield f"rtsp://127.0.0.1:{port}/live"


@contextmanager
def tcp_source(pieces: list[bytes]) -> Iterator[str]:
    """Serve each piece to one connection after another, on the loopback."""
    with _serving(pieces, socket.socket.sendall) as port:
        yield f"tcp://127.0.0.1:{port}"


def _converse(connection: socket.socket, piece: bytes) -> None:
    connection.settimeout(10)
    reader = connection.makefile("rb")
    while line := reader.readline():
        method = line.split(b" ", 1)[0].decode()
        headers = {}
        while (header := reader.readline()).strip():
            name, _colon, value = header.decode().partition(":")
            headers[name.strip().lower()] = value.strip()
        lines = [f"CSeq: {headers['cseq']}"]
        body = b""
        if method == "OPTIONS":
            lines.append("Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN")
        elif method == "DESCRIBE":
            body = SDP.encode()
            lines += ["Content-Type: application/sdp", f"Content-Length: {len(body)}"]
        elif method == "SETUP":
            lines += ["Transport: RTP/AVP/TCP;unicast;interleaved=0-1", "Session: 1"]
        else:
            lines.append("Session: 1")
        connection.sendall("\r\n".join(["RTSP/1.0 200 OK", *lines, "", ""]).encode() + body)
        if method == "PLAY":
            _play(connection, piece)
            return


def _play(connection: socket.socket, piece: bytes) -> None:
    step = TS_PER_PACKET * 188
    for number, at in enumerate(range(0, len(piece), step)):
        header = struct.pack("!BBHII", 0x80, 33, number & 0xFFFF, number * 900, 7)
        packet = header + piece[at : at + step]
        try:
            connection.sendall(struct.pack("!cBH", b"$", 0, len(packet)) + packet)
        except OSError:  # the recorder has gone
            return


@contextmanager
def rtmp_server(film: Path, ffmpeg: str) -> Iterator[str]:
    """Serve a film to one player over RTMP, with FFmpeg's own server (PyAV cannot make it listen)."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"rtmp://127.0.0.1:{port}/live/camera"
    command = [ffmpeg, "-v", "error", "-re", "-i", str(film), "-c", "copy", "-f", "flv", "-listen", "1", url]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            yield url
        finally:
            server.kill()


def h264_film(path: Path, *, frames: int = 120) -> Path:
    """Write an H.264 film, a key frame every ten frames."""
    import numpy as np

    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=30, options={"bf": "0", "tune": "zerolatency"})
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = 64, 48, "yuv420p", 10
        for number in range(frames):
            picture = np.random.default_rng(number).integers(0, 255, (48, 64, 3), dtype=np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 30)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path
