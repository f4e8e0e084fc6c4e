"""What a vehicle is asked for: the messages that it must send before it is flown, and single ones later.

A vehicle is met when it has said, unasked or asked, all of :data:`NEEDED`. What may be lost on the way is asked for
again; what it does not know how to send is asked for in the older form too.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Final

from core.errors import LinkFailed, VehicleRefused
from core.text import _
from flight.mavlink.dronekit_port import Port
from flight.mavlink.dronekit_reports import Reports
from flight.mavlink.mission import Dialect

NEEDED: Final = ("HEARTBEAT", "SYS_STATUS", "GPS_RAW_INT", "GLOBAL_POSITION_INT", "ATTITUDE")
STREAM_HZ: Final = 5.0
_STREAMS: Final = {  # MAVLink message id → hertz
    33: STREAM_HZ,  # GLOBAL_POSITION_INT
    30: STREAM_HZ,  # ATTITUDE
    285: STREAM_HZ,  # GIMBAL_DEVICE_ATTITUDE_STATUS
    1: 2.0,  # SYS_STATUS
    24: 2.0,  # GPS_RAW_INT
    74: 2.0,  # VFR_HUD
    42: 2.0,  # MISSION_CURRENT
    245: 2.0,  # EXTENDED_SYS_STATE
    2: 1.0,  # SYSTEM_TIME
    147: 1.0,  # BATTERY_STATUS
    193: 1.0,  # EKF_STATUS_REPORT
    168: 1.0,  # WIND
}
_AUTOPILOT_VERSION, _C_INTERVAL, _C_REQUEST = 148, 511, 512
_MULTIROTORS: Final = frozenset({2, 3, 4, 13, 14, 15, 29, 35})  # MAV_TYPE of rotorcraft


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """Asks over a port, and waits for the answers among the reports.

    Attributes:
        port: The port.
        reports: What the vehicle said last.
    """

    port: Port
    reports: Reports

    def meet(self, until: float) -> Dialect:
        """Wait until everything needed to fly has been heard; return whose MAVLink the vehicle speaks.

        Args:
            until: Monotonic time, seconds.

        Raises:
            LinkFailed: It did not say all of :data:`NEEDED`; the text names what is missing.
            VehicleRefused: It is no multirotor of ArduPilot or PX4.
        """
        self.await_message("HEARTBEAT", until, NEEDED)
        beat = self.reports.word("HEARTBEAT")
        dialects = {3: Dialect.ARDUPILOT, 12: Dialect.PX4}
        if beat.autopilot not in dialects or beat.type not in _MULTIROTORS:
            raise VehicleRefused(
                _(
                    "This vehicle (MAV_AUTOPILOT {autopilot}, MAV_TYPE {type}) is no ArduPilot or PX4 multirotor."
                ).format(autopilot=beat.autopilot, type=beat.type)
            )
        self.reports.dialect = dialects[beat.autopilot]
        asked_at = -math.inf
        while (missing := [name for name in NEEDED if name not in self.reports.latest]) and time.monotonic() < until:
            if time.monotonic() - asked_at > 2.0:  # a request may be lost on the way
                first = asked_at == -math.inf
                asked_at = time.monotonic()
                self._ask_for_streams(all_of_them=not first)
            self.await_message(missing[0], min(until, time.monotonic() + 0.5))
        if missing:
            self.await_message(missing[0], until, NEEDED)
        # Worth a moment's wait, not a refusal: no GNSS time indoors, and not every firmware says that it has landed.
        for name in ("SYSTEM_TIME", "EXTENDED_SYS_STATE"):
            self.await_message(name, min(until, time.monotonic() + 2.0))
        return self.reports.dialect

    def _ask_for_streams(self, *, all_of_them: bool) -> None:
        """Ask for what is needed and no more: a radio of 57,600 baud carries little. The old form asks for all."""
        mav = self.port.mavlink
        if (
            all_of_them and self.reports.dialect is Dialect.ARDUPILOT
        ):  # firmware that does not know SET_MESSAGE_INTERVAL
            self.port.master.mav.send(mav.MAVLink_request_data_stream_message(0, 0, 0, int(STREAM_HZ), 1))
        for number, hertz in _STREAMS.items():
            params = (float(number), 1e6 / hertz, 0.0, 0.0, 0.0, 0.0, 0.0)
            self.port.master.mav.send(mav.MAVLink_command_long_message(0, 0, _C_INTERVAL, 0, *params))
        self.ask(_AUTOPILOT_VERSION)

    def ask(self, message_id: int) -> None:
        """Ask for one message; that it may not come is the asker's business."""
        params = (float(message_id), 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
        self.port.master.mav.send(self.port.mavlink.MAVLink_command_long_message(0, 0, _C_REQUEST, 0, *params))

    def await_message(self, name: str, until: float, wanted: tuple[str, ...] = ()) -> None:
        """Wait for a message; when it does not come, name those of ``wanted`` that are missing (none: be silent)."""
        latest = self.reports.latest
        with self.reports.changed:
            while name not in latest:
                left = until - time.monotonic()
                self.port.require_alive()
                if left <= 0:
                    if not wanted:
                        return
                    raise LinkFailed(
                        _("{address}: the vehicle did not send {missing} in time.").format(
                            address=self.port.address, missing=", ".join(n for n in wanted if n not in latest)
                        )
                    )
                self.reports.changed.wait(min(left, 0.2))
