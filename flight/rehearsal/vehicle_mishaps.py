"""Making planned faults happen to a rehearsal vehicle, at their moment, and ending them.

:mod:`flight.rehearsal.vehicle_faults` says what can go wrong; here it is done to autopilot, sensors, protocol and link.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from flight.mavlink.mission import WITH_POSITION, Command
from flight.rehearsal.vehicle_autopilot import Autopilot
from flight.rehearsal.vehicle_faults import LINK_FAULTS, Fault, FaultKind, LinkFaults, Phase, Planned
from flight.rehearsal.vehicle_protocol import Protocol
from flight.rehearsal.vehicle_telemetry import Instruments
from flight.rehearsal.vehicle_vocabulary import Mode

_INVALID_PARAM7: Final = 12  # MAV_MISSION_RESULT


@dataclass(slots=True, kw_only=True)
class Mishaps:
    """The faults of one vehicle.

    Attributes:
        autopilot, see, protocol, link: What they happen to.
        disconnect: Closes every connection.
        reboot: Starts the autopilot anew.
        planned: What is still to come.
        notes: What has happened, for a trainer: "on-mission: gps-loss".
    """

    autopilot: Autopilot
    see: Instruments
    protocol: Protocol
    link: LinkFaults
    disconnect: Callable[[], None]
    reboot: Callable[[], None]
    planned: list[Planned]
    notes: list[str] = field(default_factory=list)
    phase: Phase = Phase.CONNECT
    _phase_since_s: float = 0.0
    _ending: list[tuple[float, Callable[[], None]]] = field(default_factory=list)
    _up_s: float = 0.0

    def tick(self, dt_s: float) -> None:
        """Advance by ``dt_s`` of vehicle time: begin what is due, end what is over."""
        self._up_s += dt_s
        phase = self._present_phase()
        if phase is not self.phase:
            self.phase, self._phase_since_s = phase, self._up_s
        for planned in [p for p in self.planned if p.phase is phase and self._up_s - self._phase_since_s >= p.after_s]:
            self.planned.remove(planned)
            self.begin(planned.fault)
        for entry in [entry for entry in self._ending if entry[0] <= self._up_s]:
            self._ending.remove(entry)
            entry[1]()

    def begin(self, fault: Fault) -> None:
        """Let ``fault`` happen now."""
        self.notes.append(f"{self.phase}: {fault.kind} {fault.amount:g} {fault.text}".strip())
        if fault.kind in LINK_FAULTS:
            self.link.begin(fault, time.monotonic())
            return
        _HAPPENINGS[fault.kind](self, fault)
        end = _ENDS.get(fault.kind)
        if end is not None and math.isfinite(fault.for_s):
            self._ending.append((self._up_s + fault.for_s, lambda: end(self)))

    def _present_phase(self) -> Phase:
        auto = self.autopilot
        if not auto.body.flying:
            if self.phase in {Phase.TAKEOFF, Phase.MISSION, Phase.RETURN}:
                return Phase.RETURN  # down again
            return {"announced": Phase.UPLOAD, "read back": Phase.ARM}.get(self.protocol.told, Phase.CONNECT)
        if auto.mode is not Mode.AUTO or self.phase is Phase.RETURN:
            return Phase.RETURN
        items = auto.lists[0]
        if auto.item <= 1 or items[min(auto.item, len(items) - 1)].command == Command.NAV_TAKEOFF:
            return Phase.TAKEOFF
        legs = [seq for seq, item in enumerate(items) if item.command in WITH_POSITION]
        return Phase.RETURN if auto.item >= legs[-2] else Phase.MISSION

    # --- what happens -------------------------------------------------------------------------------------------

    def _disconnect(self, _fault: Fault) -> None:
        self.disconnect()

    def _reboot(self, _fault: Fault) -> None:
        self.reboot()

    def _sag(self, fault: Fault) -> None:
        battery = self.autopilot.body.battery
        battery.share = max(0.0, battery.share - fault.amount)

    def _lose_position(self, _fault: Fault) -> None:
        self.autopilot.gps_ok = False

    def _find_position(self) -> None:
        self.autopilot.gps_ok = True

    def _leap(self, fault: Fault) -> None:
        self.autopilot.nav_offset_m = (fault.amount, 0.0)

    def _leap_back(self) -> None:
        self.autopilot.nav_offset_m = (0.0, 0.0)

    def _refuse(self, fault: Fault) -> None:
        self.autopilot.refuse_arming = fault.text or "Check failed"

    def _relent(self) -> None:
        self.autopilot.refuse_arming = ""

    def _talk_nonsense(self, _fault: Fault) -> None:
        self.see.nan = True

    def _talk_sense(self) -> None:
        self.see.nan = False

    def _blow(self, fault: Fault) -> None:
        east, north, _up = self.autopilot.body.position
        reach = math.hypot(east, north)
        outward = (1.0, 0.0) if reach < 1 else (east / reach, north / reach)
        self.autopilot.body.carried = (outward[0] * fault.amount, outward[1] * fault.amount)

    def _calm(self) -> None:
        self.autopilot.body.carried = (0.0, 0.0)

    def _reject(self, fault: Fault) -> None:
        self.protocol.reject_item = (int(fault.amount), _INVALID_PARAM7)

    def _fall_silent(self, fault: Fault) -> None:
        self.protocol.deaf_after_item = int(fault.amount)


_HAPPENINGS: Final[dict[FaultKind, Callable[[Mishaps, Fault], None]]] = {
    FaultKind.DISCONNECT: Mishaps._disconnect,  # noqa: SLF001 - the table of this class's own happenings
    FaultKind.REBOOT: Mishaps._reboot,  # noqa: SLF001
    FaultKind.BATTERY_SAG: Mishaps._sag,  # noqa: SLF001
    FaultKind.GPS_LOSS: Mishaps._lose_position,  # noqa: SLF001
    FaultKind.GPS_JUMP: Mishaps._leap,  # noqa: SLF001
    FaultKind.REFUSE_TO_ARM: Mishaps._refuse,  # noqa: SLF001
    FaultKind.NAN: Mishaps._talk_nonsense,  # noqa: SLF001
    FaultKind.FENCE_BREACH: Mishaps._blow,  # noqa: SLF001
    FaultKind.REJECT_ITEM: Mishaps._reject,  # noqa: SLF001
    FaultKind.STOP_IN_UPLOAD: Mishaps._fall_silent,  # noqa: SLF001
}
_ENDS: Final[dict[FaultKind, Callable[[Mishaps], None]]] = {
    FaultKind.GPS_LOSS: Mishaps._find_position,  # noqa: SLF001
    FaultKind.GPS_JUMP: Mishaps._leap_back,  # noqa: SLF001
    FaultKind.REFUSE_TO_ARM: Mishaps._relent,  # noqa: SLF001
    FaultKind.NAN: Mishaps._talk_sense,  # noqa: SLF001
    FaultKind.FENCE_BREACH: Mishaps._calm,  # noqa: SLF001
}
