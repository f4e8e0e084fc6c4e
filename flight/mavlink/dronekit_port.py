"""The port between DroneKit and a wire: one reader thread, locked writing, nothing that spins or leaks.

DroneKit's own connection object (``dronekit.mavlink.MAVConnection``) keeps two threads alive through atexit, polls its
output queue a hundred times a second, and runs a core at full load after an end of file. This one has the same face, so
DroneKit's ``Vehicle`` works on it unchanged. It also keeps what a ground station must know of its link: who is on it
(messages of other systems never reach the vehicle object), how many packets were lost, and when it died and why.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from core.errors import LinkFailed
from core.text import _
from flight.mavlink.dronekit_wire import Wire

Message: TypeAlias = Any  # a pymavlink message
Module: TypeAlias = Any  # a module without types

_LOG: Final = logging.getLogger(__name__)
_NOT_AUTOPILOTS: Final = frozenset({6, 18, 26, 27, 30})  # MAV_TYPE: GCS, onboard controller, gimbal, ADSB, camera
_SIGNING_EPOCH_S: Final = 1_420_070_400  # 2015-01-01, the zero of MAVLink's signing time
# What says how things are now: a late one would say how they were (disarmed, say, of an aircraft that has taken off).
_STATES: Final = frozenset(
    {
        "HEARTBEAT", "GLOBAL_POSITION_INT", "ATTITUDE", "SYS_STATUS", "GPS_RAW_INT", "MISSION_CURRENT",
        "EXTENDED_SYS_STATE", "EKF_STATUS_REPORT", "BATTERY_STATUS",
    }
)  # fmt: skip
Tap = Callable[[bool, str, bytes], None]


def load_pymavlink() -> Module:
    """Return ``pymavlink.mavutil`` set to MAVLink 2 (mission types and signing exist only there)."""
    os.environ["MAVLINK20"] = "1"  # pymavlink reads its protocol version from here and nowhere else
    from pymavlink import mavutil

    if mavutil.mavlink.WIRE_PROTOCOL_VERSION != "2.0":
        mavutil.set_dialect("ardupilotmega")
    return mavutil


class Port:
    """What DroneKit calls a handler.

    Args:
        wire: An open wire; the port closes it.
        address: Its address, for messages.
        source_system: Our MAVLink system id (255 is a ground station's).
        system_id: The vehicle's system id; None takes the first autopilot that is heard.
        signing_key: 32 bytes for MAVLink signing, or None.
    """

    def __init__(
        self,
        wire: Wire,
        address: str,
        *,
        source_system: int = 255,
        system_id: int | None = None,
        signing_key: bytes | None = None,
    ) -> None:
        mavutil = load_pymavlink()
        self._wire = wire
        self.address = address
        self.master = mavutil.mavfile(None, address, source_system=source_system, source_component=190)
        self.master.mav = mavutil.mavlink.MAVLink(None, srcSystem=source_system, srcComponent=190)
        self.master.mav.robust_parsing = True
        self.master.mav.send = self._send
        self.mavlink = mavutil.mavlink
        self._write_lock = threading.Lock()
        self._wanted_system = system_id
        self.target_system = system_id or 0
        self.target_component = 1
        self.message_listeners: list[Callable[[Any, Message], None]] = []
        self.loop_listeners: list[Callable[[Message], None]] = []
        self.taps: list[Tap] = []
        self._early: deque[tuple[bool, str, bytes]] = deque(maxlen=4096)
        self._newest: dict[int, int] = {}
        self._alive = True
        self.death = ""
        self.bad_packets = 0
        self.last_heard = time.monotonic()
        self._thread = threading.Thread(target=self._read_loop, name=f"link {address}", daemon=True)
        if signing_key is not None:
            self._sign(signing_key)

    def _sign(self, key: bytes) -> None:
        signing = self.master.mav.signing
        signing.secret_key = key
        signing.sign_outgoing = True
        signing.link_id = 0
        signing.timestamp = int((time.time() - _SIGNING_EPOCH_S) * 1e5)

    # --- the face that DroneKit's Vehicle expects ----------------------------------------------------------------

    def forward_loop(self, fn: Callable[[Message], None]) -> Callable[[Message], None]:
        """Call ``fn`` on every turn of the reader."""
        self.loop_listeners.append(fn)
        return fn

    def forward_message(self, fn: Callable[[Any, Message], None]) -> Callable[[Any, Message], None]:
        """Call ``fn`` with every message of our vehicle."""
        self.message_listeners.append(fn)
        return fn

    def fix_targets(self, message: Message) -> None:
        """Address ``message`` to our vehicle."""
        if hasattr(message, "target_system"):
            message.target_system = self.target_system
        if hasattr(message, "target_component") and message.target_component == 0:
            message.target_component = self.target_component

    def start(self) -> None:
        """Begin to read."""
        if not self._thread.is_alive() and self._alive:
            self._thread.start()

    def close(self) -> None:
        """End the thread and close the wire; calling it again does nothing."""
        self._alive = False
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join(timeout=5)
        self._wire.close()

    # --- ours ---------------------------------------------------------------------------------------------------

    @property
    def alive(self) -> bool:
        """Whether the wire still works."""
        return self._alive

    @property
    def thread_running(self) -> bool:
        """Whether the reader thread still exists."""
        return self._thread.is_alive()

    def packet_loss(self) -> float:
        """Return the share of packets lost since the link was opened, in [0, 1]."""
        return float(self.master.packet_loss()) / 100

    def _send(self, message: Message, *_args: object, **_kwargs: object) -> None:
        """Pack and write; replaces ``MAVLink.send``, which is not safe from two threads."""
        if not self._alive:
            raise LinkFailed(self.obituary())
        self.fix_targets(message)
        mav = self.master.mav
        try:
            with self._write_lock:
                packed = message.pack(mav)
                mav.seq = (mav.seq + 1) % 256
                self._wire.write(packed)
        except OSError as error:
            self._die(str(error))
            raise LinkFailed(self.obituary()) from error
        self._tell(sent=True, name=message.get_type(), packed=bytes(packed))

    def add_tap(self, tap: Tap) -> None:
        """Tell ``tap`` of every message; the first tap is told of those since the link was opened, too."""
        while self._early:
            tap(*self._early.popleft())
        self.taps.append(tap)

    def _tell(self, *, sent: bool, name: str, packed: bytes) -> None:
        if not self.taps:
            self._early.append((sent, name, packed))
        for tap in tuple(self.taps):
            tap(sent, name, packed)

    def require_alive(self) -> None:
        """Refuse to go on over a dead link. Raises :class:`LinkFailed` with the reason of its death."""
        if not self.alive:
            raise LinkFailed(self.obituary())

    def obituary(self) -> str:
        """Return why the link is dead, for a person."""
        reason = self.death or _("the link was closed")
        return _("The link to {address} is dead: {reason}.").format(address=self.address, reason=reason)

    def _die(self, reason: str) -> None:
        self.death = self.death or reason
        self._alive = False

    def _read_loop(self) -> None:
        try:
            while self._alive:
                for turn in tuple(self.loop_listeners):
                    turn(self)
                data = self._wire.read(0.05)
                if data:
                    for message in self.master.mav.parse_buffer(data) or ():
                        self._deliver(message)
        except LinkFailed:
            pass  # _send said why
        except (OSError, ValueError) as error:  # ValueError: the wire was closed under select
            if self._alive:
                self._die(str(error))
        except Exception as error:  # noqa: BLE001 - a driver module: whatever pymavlink or DroneKit raise ends the link, with a reason
            _LOG.exception("reader of %s", self.address)
            self._die(f"{type(error).__name__}: {error}")
        finally:
            self._wire.close()

    def _overtaken(self, message: Message) -> bool:
        """Return whether a message was sent before one that is here already (its sequence number goes back)."""
        source, number = message.get_srcComponent(), message.get_seq()
        behind = (self._newest.get(source, number) - number) % 256
        if 0 < behind < 64:
            return True
        self._newest[source] = number
        return False

    def _deliver(self, message: Message) -> None:
        kind = message.get_type()
        if kind == "BAD_DATA":
            self.bad_packets += 1
            return
        system = message.get_srcSystem()
        autopilot = kind != "HEARTBEAT" or (message.autopilot != 8 and message.type not in _NOT_AUTOPILOTS)
        if self._wanted_system is None and kind == "HEARTBEAT" and autopilot:
            self._wanted_system = self.target_system = system
            self.target_component = message.get_srcComponent()
        if system != self._wanted_system or not autopilot:
            return
        self.last_heard = time.monotonic()
        late = self._overtaken(message)
        self.master.post_message(message)
        self._tell(sent=False, name=kind, packed=bytes(message.get_msgbuf()))
        if late and kind in _STATES:
            return
        for listener in tuple(self.message_listeners):
            try:
                listener(self, message)
            except LinkFailed:
                raise
            except Exception:  # noqa: BLE001 - a driver module: one listener's fault (DroneKit's, say) must not silence the others
                _LOG.debug("listener of %s", kind, exc_info=True)
