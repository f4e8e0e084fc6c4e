"""How the rehearsal vehicle answers: parameters, and the mission protocol with its three lists.

Follows the MAVLink services as documented (https://mavlink.io/en/services/mission.html, /parameter.html) and, where
they leave room, ArduCopter 4.5: item 0 is home, an upload that stalls is asked for again every second and given up
after eight, an item that comes twice is answered with an error, and items are stored in, and given back from, the
autopilot's own number formats (libraries/GCS_MAVLink/MissionItemProtocol.cpp, libraries/AP_Mission/AP_Mission.cpp).
Commands are ``vehicle_commands``' business.
"""

from __future__ import annotations

import math
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from flight.mavlink.mission import WITH_POSITION, Command, Dialect
from flight.rehearsal.vehicle_autopilot import Autopilot
from flight.rehearsal.vehicle_commands import Commands
from flight.rehearsal.vehicle_telemetry import Instruments, build
from flight.rehearsal.vehicle_vocabulary import Severity, StoredItem

Message: TypeAlias = Any  # a pymavlink message
Module: TypeAlias = Any  # a module without types

CAPACITY: Final = {0: 650, 1: 70, 2: 20}  # items by mission_type, item 0 included
_RETRY_S: Final = 1.0
_GIVE_UP_S: Final = 8.0
_KNOWN_COMMANDS: Final = frozenset({*(int(c) for c in Command), 19, 93, 112, 201, 203, 2000})
_SUPPORTED_FRAMES: Final = frozenset({0, 2, 3, 5, 6})


@dataclass(slots=True)
class Upload:
    """A list that is being received.

    Attributes:
        list_type: mission_type.
        count: Items announced.
        partner: (system, component) that sends it.
        items: Received so far.
        asked_at: Monotonic time of the last request, seconds.
        heard_at: Monotonic time of the last item, seconds.
    """

    list_type: int
    count: int
    partner: tuple[int, int]
    items: list[StoredItem] = field(default_factory=list)
    asked_at: float = 0.0
    heard_at: float = 0.0


@dataclass(slots=True, kw_only=True)
class Protocol:
    """Answers messages addressed to the vehicle.

    Attributes:
        autopilot: Whom the messages concern.
        see: Its instruments, for what is asked to be sent.
        send: Sends one message to the ground.
        mavlink: pymavlink's dialect module.
        commands: Carries out the commands among them.
        dialect: Whose reading of the protocol it speaks. PX4 has no home item, takes NaN in parameters, asks with
            MISSION_REQUEST_INT and has parameters of other names; inside, item 0 is home all the same.
        reject_item: seq of a mission item to be rejected, with the MAV_MISSION_RESULT (a fault).
        deaf_after_item: seq after which nothing of an upload is answered any more (a fault).
        now_s: The clock of its patience, seconds.
        told: How far the station has come with its mission: "", "announced" or "read back".
    """

    autopilot: Autopilot
    see: Instruments
    send: Callable[[Message], None]
    mavlink: Module
    commands: Commands
    dialect: Dialect = Dialect.ARDUPILOT
    reject_item: tuple[int, int] | None = None
    deaf_after_item: int | None = None
    capacity: dict[int, int] = field(default_factory=lambda: dict(CAPACITY))
    upload: Upload | None = None
    now_s: Callable[[], float] = time.monotonic
    told: str = ""

    def receive(self, msg: Message) -> None:
        """Answer one message."""
        target = getattr(msg, "target_system", 0)
        if target not in {0, int(self.autopilot.parameters["SYSID_THISMAV"])}:
            return
        answer = _ANSWERS.get(msg.get_type())
        if answer is not None:
            answer(self, msg)

    def tick(self) -> None:
        """Ask again for an item that does not come; give an upload up that has stalled."""
        upload = self.upload
        if upload is None or self._deaf(len(upload.items)):
            return
        now = self.now_s()
        if now - upload.heard_at > _GIVE_UP_S:
            self.upload = None
            self._ack(upload.partner, upload.list_type, self.mavlink.MAV_MISSION_OPERATION_CANCELLED)
            self.autopilot.say(Severity.WARNING, "Mission upload timeout")
        elif now - upload.asked_at > _RETRY_S:
            self._ask_next(upload)

    # --- mission ------------------------------------------------------------------------------------------------

    def _deaf(self, seq: int) -> bool:
        return self.deaf_after_item is not None and seq > self.deaf_after_item

    def _ack(self, partner: tuple[int, int], list_type: int, result: int) -> None:
        self.send(self.mavlink.MAVLink_mission_ack_message(*partner, result, list_type))

    def _ask_next(self, upload: Upload) -> None:
        upload.asked_at = self.now_s()
        # ArduPilot asks with MISSION_REQUEST and takes MISSION_ITEM_INT in answer.
        old = self.mavlink.MAVLink_mission_request_message
        make = old if self.dialect is Dialect.ARDUPILOT else self.mavlink.MAVLink_mission_request_int_message
        self.send(make(*upload.partner, len(upload.items), upload.list_type))

    def count_announced(self, msg: Message) -> None:
        """MISSION_COUNT: begin to receive a list."""
        partner, list_type = (msg.get_srcSystem(), msg.get_srcComponent()), getattr(msg, "mission_type", 0)
        if list_type not in self.autopilot.lists:
            self._ack(partner, list_type, self.mavlink.MAV_MISSION_UNSUPPORTED)
            return
        self.told = "announced" if list_type == 0 else self.told
        if msg.count > self.capacity[list_type]:
            self._ack(partner, list_type, self.mavlink.MAV_MISSION_NO_SPACE)
            return
        if msg.count == 0:
            self._replace(list_type, [])
            self._ack(partner, list_type, self.mavlink.MAV_MISSION_ACCEPTED)
            return
        self.upload = Upload(list_type, msg.count, partner, heard_at=self.now_s())
        if not self._deaf(0):
            self._ask_next(self.upload)

    def item_received(self, msg: Message) -> None:
        """MISSION_ITEM_INT or MISSION_ITEM."""
        upload, list_type = self.upload, getattr(msg, "mission_type", 0)
        partner = (msg.get_srcSystem(), msg.get_srcComponent())
        if upload is None or upload.list_type != list_type:
            self._ack(partner, list_type, self.mavlink.MAV_MISSION_ERROR)
            return
        if msg.seq != len(upload.items):
            # A duplicate, or one that came too early. ArduPilot says so, and goes on receiving.
            if not self._deaf(msg.seq):
                self._ack(partner, list_type, self.mavlink.MAV_MISSION_INVALID_SEQUENCE)
            return
        upload.heard_at = self.now_s()
        if self._deaf(msg.seq):
            return
        item, problem = self._stored(msg, upload.list_type)
        if self.reject_item is not None and msg.seq == self.reject_item[0] and upload.list_type == 0:
            problem = self.reject_item[1]
        if problem or item is None:
            self.upload = None
            self._ack(upload.partner, upload.list_type, problem)
            return
        upload.items.append(item)
        if len(upload.items) < upload.count:
            self._ask_next(upload)
            return
        self.upload = None
        self._replace(upload.list_type, upload.items)
        self._ack(upload.partner, upload.list_type, self.mavlink.MAV_MISSION_ACCEPTED)

    def _replace(self, list_type: int, items: list[StoredItem]) -> None:
        if list_type == 0 and items and self.see.item_shift:
            items = [self._home_item(), *items]
        self.autopilot.lists[list_type] = items
        if list_type == 0:
            self.autopilot.mission_replaced(begin_anew=self.dialect is Dialect.PX4)
        name = {1: "FENCE_TOTAL", 2: "RALLY_TOTAL"}.get(list_type)
        if name:
            self.autopilot.parameters[name] = len(items)

    def _stored(  # noqa: PLR0911 - each reason to reject an item has its own answer in the protocol
        self,
        msg: Message,
        list_type: int,
    ) -> tuple[StoredItem | None, int]:
        """Return the item in the autopilot's number formats, or a MAV_MISSION_RESULT that is not 0."""
        mav = self.mavlink
        if msg.command not in _KNOWN_COMMANDS:
            return None, mav.MAV_MISSION_UNSUPPORTED
        if msg.frame not in _SUPPORTED_FRAMES:
            return None, mav.MAV_MISSION_UNSUPPORTED_FRAME
        params = (msg.param1, msg.param2, msg.param3, msg.param4)
        for number, value in enumerate(params):
            if not math.isfinite(value) and self.dialect is Dialect.ARDUPILOT:
                return None, mav.MAV_MISSION_INVALID_PARAM1 + number
        x, y = msg.x, msg.y
        if msg.get_type() == "MISSION_ITEM":
            x, y = int(x * 1e7), int(y * 1e7)  # float32 degrees: half a metre and more is lost here, as in the air
        positioned = msg.command in WITH_POSITION
        if positioned and not (abs(x) <= 900_000_000 and abs(y) <= 1_800_000_000):
            return None, mav.MAV_MISSION_INVALID_PARAM5_X
        if not math.isfinite(msg.z) or (positioned and abs(msg.z) >= 83_000):
            return None, mav.MAV_MISSION_INVALID_PARAM7
        if self.dialect is Dialect.ARDUPILOT:
            return _as_ardupilot_keeps_it(msg, params, x, y, list_type), 0
        return StoredItem(frame=msg.frame, command=msg.command, params=params, x_e7=x, y_e7=y, z=msg.z), 0

    def list_asked(self, msg: Message) -> None:
        """MISSION_REQUEST_LIST: begin to give a list."""
        partner, list_type = (msg.get_srcSystem(), msg.get_srcComponent()), getattr(msg, "mission_type", 0)
        if list_type not in self.autopilot.lists:
            self._ack(partner, list_type, self.mavlink.MAV_MISSION_UNSUPPORTED)
            return
        count = len(self.autopilot.lists[list_type])
        if list_type == 0:
            count = max(0, count - self.see.item_shift)
        self.send(self.mavlink.MAVLink_mission_count_message(*partner, count, list_type))

    def item_asked(self, msg: Message) -> None:
        """MISSION_REQUEST_INT or MISSION_REQUEST: give one item."""
        partner, list_type = (msg.get_srcSystem(), msg.get_srcComponent()), getattr(msg, "mission_type", 0)
        items = self.autopilot.lists.get(list_type, [])
        seq = msg.seq + (self.see.item_shift if list_type == 0 else 0)
        if not 0 <= seq < len(items):
            self._ack(partner, list_type, self.mavlink.MAV_MISSION_INVALID_SEQUENCE)
            return
        item = items[seq]
        if list_type == 0 and seq == 0:
            item = self._home_item()
        current = int(list_type == 0 and seq == self.autopilot.item)
        head = (*partner, msg.seq, item.frame, item.command, current, 1, *item.params)
        if msg.get_type() == "MISSION_REQUEST_INT":
            self.send(self.mavlink.MAVLink_mission_item_int_message(*head, item.x_e7, item.y_e7, item.z, list_type))
        else:
            self.send(
                self.mavlink.MAVLink_mission_item_message(*head, item.x_e7 / 1e7, item.y_e7 / 1e7, item.z, list_type)
            )

    def _home_item(self) -> StoredItem:
        """Return item 0: where home is now, whatever was uploaded (as ArduPilot does)."""
        home = self.see.plane.origin
        return StoredItem(
            frame=0,
            command=Command.NAV_WAYPOINT,
            params=(0.0, 0.0, 0.0, 0.0),
            x_e7=round(home.lat_deg * 1e7),
            y_e7=round(home.lon_deg * 1e7),
            z=self.see.home_hae_m - self.see.undulation_m,
        )

    def list_taken(self, msg: Message) -> None:
        """MISSION_ACK of the station: it has read a list to its end."""
        if getattr(msg, "mission_type", 0) == 0 and msg.type == 0:
            self.told = "read back"

    def clear_asked(self, msg: Message) -> None:
        """MISSION_CLEAR_ALL."""
        partner, list_type = (msg.get_srcSystem(), msg.get_srcComponent()), getattr(msg, "mission_type", 0)
        for kind in self.autopilot.lists if list_type == 255 else (list_type,):
            if kind in self.autopilot.lists:
                self._replace(kind, [])
        self._ack(partner, list_type, self.mavlink.MAV_MISSION_ACCEPTED)

    def current_set(self, msg: Message) -> None:
        """MISSION_SET_CURRENT (the old form of MAV_CMD_DO_SET_MISSION_CURRENT)."""
        if self.autopilot.jump_to(msg.seq + self.see.item_shift):
            self.send(build("MISSION_CURRENT", self.see, self.mavlink))

    # --- parameters ---------------------------------------------------------------------------------------------

    def _give_parameter(self, name: str) -> None:
        names = list(self.autopilot.parameters)
        self.send(
            self.mavlink.MAVLink_param_value_message(
                name.encode(),
                float(self.autopilot.parameters[name]),
                self.mavlink.MAV_PARAM_TYPE_REAL32,
                len(names),
                names.index(name),
            )
        )

    def parameters_asked(self, _msg: Message) -> None:
        """PARAM_REQUEST_LIST."""
        for name in self.autopilot.parameters:
            self._give_parameter(name)

    def parameter_asked(self, msg: Message) -> None:
        """PARAM_REQUEST_READ, by index or by name (all of ours are ArduPilot's)."""
        if self.dialect is Dialect.PX4:
            return
        names = list(self.autopilot.parameters)
        name = names[msg.param_index] if 0 <= msg.param_index < len(names) else _text(msg.param_id)
        if name in self.autopilot.parameters:
            self._give_parameter(name)

    def parameter_set(self, msg: Message) -> None:
        """PARAM_SET; a name that is not known is not answered, as on ArduPilot."""
        name = _text(msg.param_id)
        if name in self.autopilot.parameters and math.isfinite(msg.param_value):
            self.autopilot.parameters[name] = float(msg.param_value)
            self._give_parameter(name)

    # --- modes and streams ---------------------------------------------------------------------------------------

    def mode_set(self, msg: Message) -> None:
        """SET_MODE (the old form of MAV_CMD_DO_SET_MODE)."""
        self.autopilot.set_mode(msg.custom_mode)

    def streams_asked(self, msg: Message) -> None:
        """REQUEST_DATA_STREAM: kept within what the vehicle's link can carry."""
        if not msg.start_stop or not 0 < msg.req_message_rate <= 50:
            return
        groups = {1: ["SR0_EXT_STAT"], 6: ["SR0_POSITION"], 10: ["SR0_EXTRA1"], 11: ["SR0_EXTRA2"], 12: ["SR0_EXTRA3"]}
        for name in groups.get(msg.req_stream_id, [n for g in groups.values() for n in g]):
            self.autopilot.parameters[name] = float(msg.req_message_rate)


def _as_ardupilot_keeps_it(
    msg: Message, params: tuple[float, float, float, float], x: int, y: int, list_type: int
) -> StoredItem:
    """Return an item in ArduPilot's storage: 15 bytes of the numbers that its command uses, the rest forgotten."""
    one, two, three, four = params
    kept, z, frame = (0.0, 0.0, 0.0, 0.0), 0.0, 0
    command = msg.command
    if command in WITH_POSITION:
        frame = {5: 0, 6: 3}.get(msg.frame, msg.frame)
        if list_type == 1:
            kept, frame = (float(int(one)), 0.0, 0.0, 0.0), 0
        elif list_type == 2:
            z = float(int(msg.z))
        else:
            # Whole centimetres, cut off; a hover in whole seconds; for LAND only the sign of param4.
            z = int(struct.unpack("<f", struct.pack("<f", msg.z))[0] * 100) / 100
            turn = (-1.0 if four < 0 else 1.0) if command == Command.NAV_LAND else 0.0
            kept = (float(int(one)), 0.0, 0.0, turn)
    elif command in {Command.DO_CHANGE_SPEED, Command.DO_MOUNT_CONTROL}:
        kept = (one, two, three, 0.0)
    elif command == Command.DO_SET_CAM_TRIGG_DIST:
        kept = (one, 0.0, float(int(three)), 0.0)
    elif command == Command.CONDITION_YAW:
        kept = (one, two, float(int(three)), float(int(four)))
    else:
        kept = params
    return StoredItem(frame=frame, command=command, params=kept, x_e7=x, y_e7=y, z=z)


def _text(raw: str | bytes) -> str:
    return (raw.decode() if isinstance(raw, bytes) else raw).rstrip("\x00")


_ANSWERS: Final[dict[str, Callable[[Protocol, Message], None]]] = {
    "MISSION_COUNT": Protocol.count_announced,
    "MISSION_ITEM_INT": Protocol.item_received,
    "MISSION_ITEM": Protocol.item_received,
    "MISSION_REQUEST_LIST": Protocol.list_asked,
    "MISSION_REQUEST_INT": Protocol.item_asked,
    "MISSION_REQUEST": Protocol.item_asked,
    "MISSION_ACK": Protocol.list_taken,
    "MISSION_CLEAR_ALL": Protocol.clear_asked,
    "MISSION_SET_CURRENT": Protocol.current_set,
    "PARAM_REQUEST_LIST": Protocol.parameters_asked,
    "PARAM_REQUEST_READ": Protocol.parameter_asked,
    "PARAM_SET": Protocol.parameter_set,
    "COMMAND_LONG": lambda self, msg: self.commands.receive(msg),
    "COMMAND_INT": lambda self, msg: self.commands.receive(msg),
    "SET_MODE": Protocol.mode_set,
    "REQUEST_DATA_STREAM": Protocol.streams_asked,
}
