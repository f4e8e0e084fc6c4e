"""What the rehearsal vehicle does when it is given a MAVLink command, and what it answers.

COMMAND_LONG and COMMAND_INT as https://mavlink.io/en/services/command.html has them; which commands are known, and
when they are refused, is ArduCopter 4.5's way, or PX4's where that differs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from flight.mavlink.mission import Dialect
from flight.rehearsal.vehicle_autopilot import Autopilot
from flight.rehearsal.vehicle_telemetry import Instruments, build
from flight.rehearsal.vehicle_vocabulary import Mode, Severity

Message: TypeAlias = Any  # a pymavlink message
Module: TypeAlias = Any  # a module without types

PX4_MODES: Final = {  # PX4's (main, sub) → the mode of ours that does the same
    (4, 4): Mode.AUTO,
    (4, 3): Mode.LOITER,
    (4, 5): Mode.RTL,
    (4, 6): Mode.LAND,
    (3, 0): Mode.ALT_HOLD,
    (7, 0): Mode.STABILIZE,
}


@dataclass(slots=True, kw_only=True)
class Commands:
    """Carries out commands.

    Attributes:
        autopilot: Whom they are for.
        see: Its instruments, for what is asked to be sent.
        send: Sends one message to the ground.
        mavlink: pymavlink's dialect module.
        reboot: Called for MAV_CMD_PREFLIGHT_REBOOT_SHUTDOWN.
        move_home: Called with latitude e7 and longitude e7 for MAV_CMD_DO_SET_HOME; says whether it was possible.
        dialect: Whose commands are known.
        intervals_s: Message name → seconds between messages, as SET_MESSAGE_INTERVAL asked.
    """

    autopilot: Autopilot
    see: Instruments
    send: Callable[[Message], None]
    mavlink: Module
    reboot: Callable[[], None]
    move_home: Callable[[int, int], bool]
    dialect: Dialect = Dialect.ARDUPILOT
    intervals_s: dict[str, float] = field(default_factory=dict)

    def receive(self, msg: Message) -> None:
        """Carry out COMMAND_LONG or COMMAND_INT, and acknowledge."""
        action, mav = _COMMANDS.get(msg.command), self.mavlink
        result = mav.MAV_RESULT_UNSUPPORTED if action is None else action(self, msg)
        self.send(
            mav.MAVLink_command_ack_message(msg.command, result, 0, 0, msg.get_srcSystem(), msg.get_srcComponent())
        )

    def verdict(self, *, done: bool) -> int:
        """Return the MAV_RESULT of what was done, or could not be."""
        return int(self.mavlink.MAV_RESULT_ACCEPTED if done else self.mavlink.MAV_RESULT_FAILED)


def _c_arm(on: Commands, msg: Message) -> int:
    if msg.param1 >= 0.5:
        return on.verdict(done=on.autopilot.arm())
    return on.verdict(done=on.autopilot.disarm(force=msg.param2 == 21196))


def _c_mode(on: Commands, msg: Message) -> int:
    if on.dialect is Dialect.PX4:
        wanted = PX4_MODES.get((int(msg.param2), int(msg.param3)))
        return on.verdict(done=wanted is not None and on.autopilot.set_mode(wanted))
    return on.verdict(done=on.autopilot.set_mode(int(msg.param2)))


def _c_start(on: Commands, _msg: Message) -> int:
    return on.verdict(done=on.autopilot.start_mission())


def _c_take_off(on: Commands, msg: Message) -> int:
    return on.verdict(done=on.autopilot.take_off(msg.param7 if hasattr(msg, "param7") else msg.z))


def _c_return(on: Commands, _msg: Message) -> int:
    return on.verdict(done=on.autopilot.set_mode(Mode.RTL))


def _c_land(on: Commands, _msg: Message) -> int:
    return on.verdict(done=on.autopilot.set_mode(Mode.LAND))


def _c_pause(on: Commands, msg: Message) -> int:
    if on.dialect is Dialect.PX4:
        return int(on.mavlink.MAV_RESULT_UNSUPPORTED)
    return on.verdict(done=on.autopilot.pause() if msg.param1 < 0.5 else on.autopilot.go_on())


def _c_speed(on: Commands, msg: Message) -> int:
    if not (math.isfinite(msg.param2) and msg.param2 > 0):
        return int(on.mavlink.MAV_RESULT_DENIED)
    on.autopilot.auto_speed_m_s = float(msg.param2)
    return int(on.mavlink.MAV_RESULT_ACCEPTED)


def _c_mount(on: Commands, msg: Message) -> int:
    if not on.autopilot.parameters["MNT1_TYPE"]:
        return int(on.mavlink.MAV_RESULT_FAILED)
    on.autopilot.body.gimbal_setpoint_deg = max(-90.0, min(30.0, float(msg.param1)))
    return int(on.mavlink.MAV_RESULT_ACCEPTED)


def _c_spacing(on: Commands, msg: Message) -> int:
    if not math.isfinite(msg.param1):
        return int(on.mavlink.MAV_RESULT_DENIED)
    on.autopilot.photograph_every(max(0.0, float(msg.param1)))
    return int(on.mavlink.MAV_RESULT_ACCEPTED)


def _c_jump(on: Commands, msg: Message) -> int:
    return on.verdict(done=on.autopilot.jump_to(int(msg.param1) + on.see.item_shift))


def _c_message(on: Commands, msg: Message) -> int:
    known = on.mavlink.mavlink_map.get(int(msg.param1))
    try:
        on.send(build(known.msgname if known is not None else "", on.see, on.mavlink))
    except KeyError:
        return int(on.mavlink.MAV_RESULT_UNSUPPORTED)
    return int(on.mavlink.MAV_RESULT_ACCEPTED)


def _c_interval(on: Commands, msg: Message) -> int:
    known = on.mavlink.mavlink_map.get(int(msg.param1))
    if known is None or not math.isfinite(msg.param2):
        return int(on.mavlink.MAV_RESULT_DENIED)
    name = known.msgname
    if msg.param2 == 0:
        on.intervals_s.pop(name, None)
    else:
        on.intervals_s[name] = math.inf if msg.param2 < 0 else float(msg.param2) / 1e6
    return int(on.mavlink.MAV_RESULT_ACCEPTED)


def _c_capabilities(on: Commands, _msg: Message) -> int:
    on.send(build("AUTOPILOT_VERSION", on.see, on.mavlink))
    return int(on.mavlink.MAV_RESULT_ACCEPTED)


def _c_get_home(on: Commands, _msg: Message) -> int:
    on.send(build("HOME_POSITION", on.see, on.mavlink))
    return int(on.mavlink.MAV_RESULT_ACCEPTED)


def _c_set_home(on: Commands, msg: Message) -> int:
    if msg.param1 >= 0.5 or on.autopilot.body.flying:
        return int(on.mavlink.MAV_RESULT_FAILED)
    wide = msg.get_type() == "COMMAND_INT"
    x, y = (msg.x, msg.y) if wide else (round(msg.param5 * 1e7), round(msg.param6 * 1e7))
    return on.verdict(done=on.move_home(x, y))


def _c_fence(on: Commands, msg: Message) -> int:
    on.autopilot.parameters["FENCE_ENABLE"] = 1.0 if msg.param1 >= 0.5 else 0.0
    return int(on.mavlink.MAV_RESULT_ACCEPTED)


def _c_checks(on: Commands, _msg: Message) -> int:
    for problem in on.autopilot.arming_problems():
        on.autopilot.say(Severity.CRITICAL, f"PreArm: {problem}")
    return int(on.mavlink.MAV_RESULT_ACCEPTED)


def _c_reboot(on: Commands, _msg: Message) -> int:
    if on.autopilot.armed:
        return int(on.mavlink.MAV_RESULT_FAILED)
    on.reboot()
    return int(on.mavlink.MAV_RESULT_ACCEPTED)


_COMMANDS: Final[dict[int, Callable[[Commands, Message], int]]] = {
    400: _c_arm,
    176: _c_mode,
    300: _c_start,
    22: _c_take_off,
    20: _c_return,
    21: _c_land,
    193: _c_pause,
    178: _c_speed,
    205: _c_mount,
    206: _c_spacing,
    224: _c_jump,
    512: _c_message,
    511: _c_interval,
    520: _c_capabilities,
    410: _c_get_home,
    179: _c_set_home,
    207: _c_fence,
    246: _c_reboot,
    401: _c_checks,
}
