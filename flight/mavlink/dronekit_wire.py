"""The wires under a MAVLink link: TCP, UDP and serial, as bytes with a time limit.

pymavlink's own connections print to the terminal, lose bytes when a socket is full, and spin a processor core when the
other end closes. These do none of that: :meth:`Wire.read` waits in the kernel, an end of file is an error at once, and
:meth:`Wire.close` may be called twice.
"""

from __future__ import annotations

import re
import select
import socket
import time
from typing import Protocol

from core.errors import LinkFailed
from core.text import _


class Wire(Protocol):
    """A way for bytes."""

    def read(self, wait_s: float) -> bytes:
        """Return what arrived within ``wait_s`` seconds, b"" when nothing did; ``OSError`` when the wire is dead."""
        ...

    def write(self, packed: bytes) -> None:
        """Write one packet whole; ``OSError`` when the wire is dead."""
        ...

    def close(self) -> None:
        """Close; calling it again does nothing."""
        ...


class TcpWire:
    """A TCP client."""

    def __init__(self, host: str, port: int, timeout_s: float) -> None:
        self._socket = socket.create_connection((host, port), timeout=timeout_s)
        self._socket.setblocking(False)  # noqa: FBT003 - the socket's own signature
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def read(self, wait_s: float) -> bytes:
        """See :class:`Wire`."""
        readable, _w, _x = select.select([self._socket], [], [], wait_s)
        if not readable:
            return b""
        data = self._socket.recv(65536)
        if not data:
            raise ConnectionAbortedError(_("the other end closed the connection"))
        return data

    def write(self, packed: bytes) -> None:
        """See :class:`Wire`. Waits up to two seconds for a full socket, then gives the wire up."""
        left, until = memoryview(packed), time.monotonic() + 2.0
        while left:
            try:
                left = left[self._socket.send(left) :]
            except BlockingIOError:
                if time.monotonic() > until:
                    raise TimeoutError(_("the connection takes no more data")) from None
                select.select([], [self._socket], [], 0.1)

    def close(self) -> None:
        """See :class:`Wire`."""
        self._socket.close()


class UdpWire:
    """UDP, either listening for a vehicle (``udp:`` and ``udpin:``) or calling one (``udpout:``)."""

    def __init__(self, host: str, port: int, *, listen: bool) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)  # noqa: FBT003 - the socket's own signature
        self._peers: set[tuple[str, int]] = set()
        if listen:
            self._socket.bind((host, port))
        else:
            self._peers.add((socket.gethostbyname(host), port))

    def read(self, wait_s: float) -> bytes:
        """See :class:`Wire`."""
        readable, _w, _x = select.select([self._socket], [], [], wait_s)
        if not readable:
            return b""
        try:
            data, peer = self._socket.recvfrom(65536)
        except (BlockingIOError, ConnectionRefusedError):
            return b""  # nobody listens there yet
        self._peers.add(peer)
        return data

    def write(self, packed: bytes) -> None:
        """See :class:`Wire`; sent to everyone who was heard."""
        for peer in tuple(self._peers):
            try:
                self._socket.sendto(packed, peer)
            except (BlockingIOError, ConnectionRefusedError):
                continue  # a datagram may be lost; the protocol asks again

    def close(self) -> None:
        """See :class:`Wire`."""
        self._socket.close()


class SerialWire:
    """A serial port or a USB radio."""

    def __init__(self, device: str, baud: int) -> None:
        import serial

        try:
            self._port = serial.Serial(device, baud, timeout=0.05, write_timeout=2.0)
        except serial.SerialException as error:
            raise OSError(str(error)) from error
        self._failure = serial.SerialException

    def read(self, wait_s: float) -> bytes:
        """See :class:`Wire`."""
        self._port.timeout = wait_s
        try:
            first: bytes = self._port.read(1)
            return first + self._port.read(self._port.in_waiting) if first else b""
        except (self._failure, TypeError) as error:  # pyserial raises TypeError when closed under a read
            raise OSError(str(error)) from error

    def write(self, packed: bytes) -> None:
        """See :class:`Wire`."""
        try:
            self._port.write(packed)
        except self._failure as error:
            raise OSError(str(error)) from error

    def close(self) -> None:
        """See :class:`Wire`."""
        self._port.close()


_NETWORK = re.compile(r"(?P<kind>tcp|udp|udpin|udpout):(?P<host>[^:]+):(?P<port>\d{1,5})")
_SERIAL = re.compile(r"(?:serial:)?(?P<device>(?:/dev/|COM)[^:,]+)(?:[:,](?P<baud>\d+))?")


def open_wire(address: str, *, timeout_s: float) -> Wire:
    """Open the wire that ``address`` names.

    Args:
        address: ``tcp:HOST:PORT``, ``udp:HOST:PORT`` (listen; ``udpin:`` is the same), ``udpout:HOST:PORT`` (call), or
            ``serial:DEVICE:BAUD`` (57600 when no rate is given).
        timeout_s: How long a TCP connection may take, seconds.

    Raises:
        LinkFailed: The address is none of these, or nothing can be opened there.
    """
    network, port = _NETWORK.fullmatch(address), _SERIAL.fullmatch(address)
    try:
        if network is not None and 0 < int(network["port"]) < 65536:
            host, number = network["host"], int(network["port"])
            if network["kind"] == "tcp":
                return TcpWire(host, number, timeout_s)
            return UdpWire(host, number, listen=network["kind"] != "udpout")
        if port is not None:
            return SerialWire(port["device"], int(port["baud"] or 57600))
    except OSError as error:
        raise LinkFailed(
            _(
                "{address}: cannot be opened ({reason}). Check that the vehicle or radio is on and nobody else uses it."
            ).format(address=address, reason=error.strerror or error)
        ) from error
    raise LinkFailed(
        _("{address} is no MAVLink address. Write tcp:HOST:PORT, udp:HOST:PORT, udpout:HOST:PORT or "
          "serial:DEVICE:BAUD.").format(address=address)
    )  # fmt: skip
