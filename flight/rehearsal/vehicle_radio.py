"""The radio of the rehearsal vehicle: a TCP server on loopback, its ground stations, and what faults do on the way.

Speaks bytes and messages, knows nothing of flying. Used from the vehicle's one thread; :attr:`Radio.lock` is the
vehicle's own.
"""

from __future__ import annotations

import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from flight.rehearsal.vehicle_faults import LinkFaults

Message: TypeAlias = Any  # a pymavlink message
Codec: TypeAlias = Any  # pymavlink's MAVLink object
_OUT_LIMIT: Final = 1 << 20


@dataclass(slots=True, kw_only=True)
class Radio:
    """Carries messages between the vehicle and whoever connects.

    Attributes:
        new_codec: Makes a codec for a new connection.
        hear: Called with every message that arrives.
        joined: Called when a station has connected.
        faults: What goes wrong on the way.
        lock: The vehicle's lock.
    """

    new_codec: Callable[[], Codec]
    hear: Callable[[Message], None]
    joined: Callable[[], None]
    faults: LinkFaults
    lock: threading.RLock
    _server: socket.socket | None = None
    _selector: selectors.BaseSelector | None = None
    _clients: dict[socket.socket, _Client] = field(default_factory=dict)

    def open(self) -> int:
        """Listen on an ephemeral loopback port and return its number."""
        self._server = socket.create_server(("127.0.0.1", 0))
        self._server.setblocking(False)  # noqa: FBT003 - the socket's own signature
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._server, selectors.EVENT_READ)
        return int(self._server.getsockname()[1])

    @property
    def heard_by_anyone(self) -> bool:
        """Whether a station is connected."""
        return bool(self._clients)

    def send(self, msg: Message) -> None:
        """Send a message to every station."""
        for client in list(self._clients.values()):
            packed = msg.pack(client.codec)
            client.codec.seq = (client.codec.seq + 1) % 256
            through = [packed] if self.faults.idle else self.faults.through(packed, client, time.monotonic())
            for packet in through:
                self._write(client, packet)

    def deliver_late(self) -> None:
        """Deliver the packets that a fault held back and whose time has come."""
        for way, packet in self.faults.due(time.monotonic()):
            if isinstance(way, _Client) and way.connection in self._clients:
                self._write(way, packet)
            elif isinstance(way, tuple) and way[1].connection in self._clients:
                self._understand(way[1], packet)

    def serve(self, wait_s: float) -> None:
        """Wait up to ``wait_s`` seconds for stations to say something or to come and go."""
        if self._selector is None:
            return
        for key, _events in self._selector.select(wait_s):
            if key.fileobj is self._server:
                self._accept()
            elif isinstance(key.fileobj, socket.socket) and key.fileobj in self._clients:
                self._read(self._clients[key.fileobj])

    def disconnect(self) -> None:
        """Close every station's connection; new ones are taken."""
        for client in list(self._clients.values()):
            self._drop(client)

    def close(self) -> None:
        """Close everything; calling it again does nothing."""
        with self.lock:
            self.disconnect()
            if self._server is not None and self._selector is not None:
                self._selector.unregister(self._server)
                self._server.close()
                self._selector.close()
            self._server = self._selector = None

    def _accept(self) -> None:
        if self._server is None or self._selector is None:
            return
        try:
            connection, _address = self._server.accept()
        except OSError:
            return  # it went away before it was let in
        connection.setblocking(False)  # noqa: FBT003 - the socket's own signature
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self.lock:
            self._clients[connection] = _Client(connection, self.new_codec(), self.new_codec())
            self._selector.register(connection, selectors.EVENT_READ)
            self.joined()

    def _read(self, client: _Client) -> None:
        try:
            data = client.connection.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._drop(client)
            return
        with self.lock:
            if self.faults.idle:
                self._understand(client, data)
                return
            # Faults act on packets, so the stream is cut into them first.
            for msg in client.cutter.parse_buffer(data) or ():
                for packet in self.faults.through(bytes(msg.get_msgbuf()), ("in", client), time.monotonic()):
                    self._understand(client, packet)

    def _understand(self, client: _Client, data: bytes) -> None:
        for msg in client.codec.parse_buffer(data) or ():
            if msg.get_type() != "BAD_DATA":
                self.hear(msg)

    def _write(self, client: _Client, packed: bytes) -> None:
        if not client.write(packed):
            self._drop(client)

    def _drop(self, client: _Client) -> None:
        with self.lock:
            if self._clients.pop(client.connection, None) is not None and self._selector is not None:
                self._selector.unregister(client.connection)
                client.connection.close()


class _Client:
    """One connected ground station: its socket, its codec, and what is still to be written to it."""

    __slots__ = ("_waiting", "_waiting_bytes", "codec", "connection", "cutter")

    def __init__(self, connection: socket.socket, codec: Codec, cutter: Codec) -> None:
        self.connection, self.codec, self.cutter = connection, codec, cutter
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0

    def write(self, packed: bytes) -> bool:
        """Write what can be written, keep the rest; what does not fit any more is lost, as on a slow radio."""
        if self._waiting_bytes < _OUT_LIMIT:
            self._waiting.append(packed)
            self._waiting_bytes += len(packed)
        while self._waiting:
            first = self._waiting[0]
            try:
                count = self.connection.send(first)
            except BlockingIOError:
                return True
            except OSError:
                return False
            self._waiting_bytes -= count
            if count == len(first):
                self._waiting.popleft()
            else:
                self._waiting[0] = first[count:]
        return True
