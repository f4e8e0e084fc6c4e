"""The mission protocol, spoken whole: lists are uploaded, acknowledged, read back and compared.

DroneKit's own upload ignores MISSION_ACK and can hang; here every step has an end. The three lists of a vehicle are
told apart by ``mission_type``: 0 mission, 1 fence, 2 rally points. Protocol: https://mavlink.io/en/services/mission.html.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Final, TypeAlias

from core.errors import LinkFailed, VehicleRefused
from core.points import GeoPoint, distance_m
from core.text import _
from flight.mavlink.mission import Dialect, MissionItem, differences

Message: TypeAlias = Any  # a pymavlink message
Module: TypeAlias = Any  # a module without types

HOME_TOLERANCE_M: Final = 1.0
_ACCEPTED: Final = 0
_OUT_OF_SEQUENCE: Final = 13  # MAV_MISSION_INVALID_SEQUENCE
_NOES: Final = 3  # how often a question must be refused: a no may be the late answer to something older


class ListType(IntEnum):
    """MAV_MISSION_TYPE."""

    MISSION = 0
    FENCE = 1
    RALLY = 2


_KINDS: Final = (
    "MISSION_COUNT",
    "MISSION_ITEM_INT",
    "MISSION_ITEM",
    "MISSION_REQUEST",
    "MISSION_REQUEST_INT",
    "MISSION_ACK",
)


@dataclass(slots=True, kw_only=True)
class Exchange:
    """Speaks the mission protocol for one vehicle.

    Attributes:
        mavlink: pymavlink's dialect module.
        send: Sends a message; raises ``LinkFailed`` when the wire is dead.
        silence_s: How long the vehicle may say nothing at all about a list before it is given up, seconds.
        ask_again_s: After what silence the last word is repeated, seconds.
    """

    mavlink: Module
    send: Callable[[Message], None]
    silence_s: float = 6.0
    ask_again_s: float = 0.8
    _inbox: queue.SimpleQueue[Any] = field(default_factory=queue.SimpleQueue)

    def receive(self, message: Message) -> None:
        """Take a message of the vehicle; called by the reader thread."""
        if message.get_type() in _KINDS:
            self._inbox.put(message)

    def store(
        self, items: Sequence[MissionItem], list_type: ListType, *, dialect: Dialect, alive: Callable[[], None]
    ) -> None:
        """Upload a list and prove by reading it back that the vehicle holds it.

        Args:
            items: What to upload; empty clears the list.
            list_type: Which list.
            dialect: The autopilot's reading (ArduPilot's mission item 0 is home and is compared as a place).
            alive: Called on every turn; raises ``LinkFailed`` when the link is dead.

        Raises:
            VehicleRefused: The vehicle rejected an item, or the whole; its reason is in the text.
            LinkFailed: It stopped answering, or holds something else than was sent.
        """
        if items:
            self._upload(items, list_type, alive)
        else:
            self._clear(list_type, alive)
        self.verify(items, list_type, dialect=dialect, alive=alive)

    def verify(
        self, items: Sequence[MissionItem], list_type: ListType, *, dialect: Dialect, alive: Callable[[], None]
    ) -> None:
        """Read a list back and compare it with ``items`` in every field; arguments and failures as in :meth:`store`."""
        held = self.fetch(list_type, alive=alive)
        _compare(items, held, list_type, dialect)

    def fetch(self, list_type: ListType, *, alive: Callable[[], None]) -> tuple[MissionItem, ...]:
        """Return the list that the vehicle holds.

        Raises:
            LinkFailed: It stopped answering, or refused.
        """
        self._drain()
        ask = self.mavlink.MAVLink_mission_request_list_message(0, 0, int(list_type))
        count = int(self._answer(ask, {"MISSION_COUNT"}, list_type, alive, _("the length of its list")).count)
        items = []
        for seq in range(count):
            ask = self.mavlink.MAVLink_mission_request_int_message(0, 0, seq, int(list_type))
            naming = _("item {seq} of {count}").format(seq=seq, count=count)
            message = self._answer(ask, {"MISSION_ITEM_INT"}, list_type, alive, naming, seq=seq)
            items.append(
                MissionItem(
                    seq=seq,
                    frame=message.frame,
                    command=message.command,
                    params=(message.param1, message.param2, message.param3, message.param4),
                    x_e7=message.x,
                    y_e7=message.y,
                    z=message.z,
                )
            )
        self.send(self.mavlink.MAVLink_mission_ack_message(0, 0, 0, int(list_type)))
        return tuple(items)

    def _drain(self) -> None:
        while not self._inbox.empty():
            self._inbox.get_nowait()

    def _next(self, list_type: ListType, wait_s: float) -> Message:
        """Return the next message about this list, or None after ``wait_s``."""
        until = time.monotonic() + wait_s
        while (left := until - time.monotonic()) > 0:
            try:
                message = self._inbox.get(timeout=left)
            except queue.Empty:
                return None
            if getattr(message, "mission_type", 0) == list_type:
                return message
        return None

    def _answer(
        self,
        ask: Message,
        kinds: set[str],
        list_type: ListType,
        alive: Callable[[], None],
        naming: str,
        *,
        seq: int | None = None,
    ) -> Message:
        """Send ``ask`` until an answer of ``kinds`` (about item ``seq``) comes.

        It is sent again after a silence only, never because of what came: answers that come twice would otherwise
        breed questions. A no is asked about again before it is believed: an item that was sent twice is answered by
        ArduPilot with an error after the whole list was accepted, and that error is no answer to this question.
        """
        began = asked_at = time.monotonic()
        noes, refused = 0, False
        self.send(ask)
        while (now := time.monotonic()) - began < self.silence_s:
            alive()
            message = self._next(list_type, max(0.0, asked_at + self.ask_again_s - now))
            if message is None:
                if noes >= _NOES:
                    break
                asked_at, refused = time.monotonic(), False
                self.send(ask)
            elif message.get_type() == "MISSION_ACK" and message.type != _ACCEPTED:
                noes, refused, said = noes + (not refused), True, message
            elif message.get_type() in kinds and seq in {None, getattr(message, "seq", None)}:
                return message
        if noes:
            raise VehicleRefused(
                _("The vehicle would not give {what}: {reason}.").format(what=naming, reason=result_text(said))
            )
        raise LinkFailed(
            _("The vehicle was asked for {what} and did not answer for {seconds:.0f} s.").format(
                what=naming, seconds=self.silence_s
            )
        )

    def _clear(self, list_type: ListType, alive: Callable[[], None]) -> None:
        self._drain()
        ask = self.mavlink.MAVLink_mission_clear_all_message(0, 0, int(list_type))
        self._answer(ask, {"MISSION_ACK"}, list_type, alive, _("clearing its list"))

    def _upload(self, items: Sequence[MissionItem], list_type: ListType, alive: Callable[[], None]) -> None:
        """Announce a list and give its items as they are asked for.

        ArduPilot asks again after a second of *its* time (a tenth of ours in a simulator at ten times), so an item may
        be given twice; it answers the second with MAV_MISSION_INVALID_SEQUENCE and goes on receiving. That word ends
        nothing here; silence does.
        """
        self._drain()
        announce = self.mavlink.MAVLink_mission_count_message(0, 0, len(items), int(list_type))
        self.send(announce)
        asked, heard = -1, time.monotonic()
        while True:
            alive()
            message = self._next(list_type, self.ask_again_s)
            silent = time.monotonic() - heard
            if silent > self.silence_s and asked == len(items) - 1:
                return  # it has asked for all; the word that ends it may be lost, and reading back will tell
            if silent > self.silence_s:
                raise LinkFailed(_stopped(asked, len(items), silent))
            if message is None:
                if asked < 0:
                    self.send(announce)
            elif message.get_type() in {"MISSION_REQUEST", "MISSION_REQUEST_INT"}:
                heard = time.monotonic()
                if 0 <= message.seq < len(items):
                    asked = max(asked, message.seq)
                    self.send(self._item_message(items[message.seq], list_type))
            elif _ends(message, asked, len(items)):
                return

    def _item_message(self, item: MissionItem, list_type: ListType) -> Message:
        return self.mavlink.MAVLink_mission_item_int_message(
            0, 0, item.seq, item.frame, item.command, int(item.seq == 0 and list_type == ListType.MISSION), 1,
            *item.params, item.x_e7, item.y_e7, item.z, int(list_type),
        )  # fmt: skip


def _ends(message: Message, asked: int, count: int) -> bool:
    """Return whether a message ends an upload of ``count`` items of which the last one asked for is ``asked``.

    Raises:
        VehicleRefused: It ends it badly.
    """
    if message.get_type() != "MISSION_ACK" or message.type == _OUT_OF_SEQUENCE:
        return False
    if message.type != _ACCEPTED:
        raise VehicleRefused(_rejected(message, asked, count))
    return asked == count - 1  # an acceptance before the last item was asked for is the echo of something older


def _words() -> dict[int, str]:
    """MAV_MISSION_RESULT."""
    return {
        1: _("generic error / not accepting mission commands now"),
        2: _("frame not supported"),
        3: _("command not supported"),
        4: _("not enough room for the mission"),
        5: _("invalid value"),
        6: _("param1 is invalid"),
        7: _("param2 is invalid"),
        8: _("param3 is invalid"),
        9: _("param4 is invalid"),
        10: _("latitude (x) is invalid"),
        11: _("longitude (y) is invalid"),
        12: _("height (z) is invalid"),
        13: _("item out of sequence"),
        14: _("not accepting mission commands from this station"),
        15: _("operation cancelled"),
    }


def result_text(ack: Message) -> str:
    """Return a MISSION_ACK's result in words."""
    return _words().get(ack.type, f"MAV_MISSION_RESULT {ack.type}")


def _stopped(asked: int, count: int, silent_s: float) -> str:
    if asked < 0:
        return _("The vehicle did not answer the announcement of {count} items for {seconds:.0f} s.").format(
            count=count, seconds=silent_s
        )
    return _("The vehicle stopped answering at item {seq} of {count}; nothing came for {seconds:.0f} s.").format(
        seq=asked, count=count, seconds=silent_s
    )


def _rejected(ack: Message, asked: int, count: int) -> str:
    if asked < 0:
        return _("The vehicle refused a list of {count} items: {reason}.").format(count=count, reason=result_text(ack))
    return _("The vehicle refused item {seq} of {count}: {reason}.").format(
        seq=asked, count=count, reason=result_text(ack)
    )


def _compare(sent: Sequence[MissionItem], held: Sequence[MissionItem], list_type: ListType, dialect: Dialect) -> None:
    if len(sent) != len(held):
        raise LinkFailed(_("The vehicle holds {held} items, {sent} were sent.").format(held=len(held), sent=len(sent)))
    for ours, theirs in zip(sent, held, strict=True):
        if list_type is ListType.MISSION and ours.seq == 0 and dialect is Dialect.ARDUPILOT:
            off_m = distance_m(_place(ours), _place(theirs))
            if off_m > HOME_TOLERANCE_M:
                raise LinkFailed(
                    _("The vehicle's home lies {off:.1f} m from the plan's; set it anew and try again.").format(
                        off=off_m
                    )
                )
            continue
        wrong = differences(ours, theirs)
        if wrong:
            raise LinkFailed(
                _("Item {seq} in the vehicle differs from the plan in {fields}; do not fly it.").format(
                    seq=ours.seq, fields=", ".join(wrong)
                )
            )


def _place(item: MissionItem) -> GeoPoint:
    return GeoPoint(lon_deg=item.y_e7 / 1e7, lat_deg=item.x_e7 / 1e7)
