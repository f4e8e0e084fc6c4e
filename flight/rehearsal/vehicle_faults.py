"""Faults on demand: what can go wrong with a vehicle and its link, made to happen at a chosen moment.

A :class:`Fault` is what happens; a :class:`Planned` fault says in which phase of the flight it begins and how long it
lasts. Faults of the link count wall-clock seconds (radios do not know of a simulator's speed-up), faults of the vehicle
count vehicle time. :class:`LinkFaults` is applied to bytes on their way in and out; the rest is done to the autopilot
by :class:`flight.rehearsal.vehicle.RehearsalVehicle`.
"""

from __future__ import annotations

import heapq
import itertools
import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import numpy as np


class Phase(StrEnum):
    """Where in a flight the vehicle is, as far as it can know."""

    CONNECT = "connect"  # from power-on until a mission is announced
    UPLOAD = "upload"  # until the station has read its mission back
    ARM = "arm"  # until the motors lift it
    TAKEOFF = "take-off"  # until the take-off height is reached
    MISSION = "on-mission"  # until it turns home
    RETURN = "returning"  # until it is on the ground


class FaultKind(StrEnum):
    """What goes wrong; in brackets what ``amount`` means."""

    DROP = "drop"  # share of packets lost, either way
    DELAY = "delay"  # seconds every packet is late
    REORDER = "reorder"  # seconds by which packets are late at random, so that they overtake each other
    DUPLICATE = "duplicate"  # share of packets that come twice
    LINK_LOSS = "link-loss"  # nothing gets through
    DISCONNECT = "disconnect"  # the connection is closed; a new one is taken
    REJECT_ITEM = "reject-item"  # seq of the mission item that is rejected
    STOP_IN_UPLOAD = "stop-in-upload"  # seq after which an upload is no longer answered
    GPS_LOSS = "gps-loss"
    GPS_JUMP = "gps-jump"  # metres that the position leaps east
    BATTERY_SAG = "battery-sag"  # share of the charge that is gone at once
    REFUSE_TO_ARM = "refuse-to-arm"
    FENCE_BREACH = "fence-breach"  # a gust carries it outward at this speed, metres per second
    REBOOT = "reboot"  # the autopilot's watchdog starts it anew
    NAN = "nan"  # positions and attitudes are no numbers


LINK_FAULTS: Final = frozenset(
    {FaultKind.DROP, FaultKind.DELAY, FaultKind.REORDER, FaultKind.DUPLICATE, FaultKind.LINK_LOSS}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        kind: What.
        amount: How much; see :class:`FaultKind`.
        for_s: How long, seconds (wall clock for the link, vehicle time otherwise); infinite by default.
        text: The vehicle's words, where it has some (a refusal to arm).
    """

    kind: FaultKind
    amount: float = 0.0
    for_s: float = math.inf
    text: str = ""

    def __post_init__(self) -> None:
        if not (self.amount >= 0 and self.for_s > 0):
            raise ValueError("a fault's amount is not negative and it lasts longer than no time")
        if self.kind in {FaultKind.DROP, FaultKind.DUPLICATE, FaultKind.BATTERY_SAG} and self.amount > 1:
            raise ValueError(f"the amount of {self.kind} is a share in [0, 1]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A fault with its moment: ``after_s`` seconds of vehicle time into ``phase``."""

    fault: Fault
    phase: Phase
    after_s: float = 0.0


@dataclass(slots=True)
class LinkFaults:
    """What happens to packets on the way; each direction is treated alike.

    Attributes:
        rng: The source of chance.
    """

    rng: np.random.Generator
    _active: list[tuple[float, Fault]] = field(default_factory=list)
    _late: list[tuple[float, int, object, bytes]] = field(default_factory=list)
    _count: itertools.count[int] = field(default_factory=itertools.count)

    def begin(self, fault: Fault, now_s: float) -> None:
        """Let ``fault`` act from ``now_s`` (wall clock) on."""
        self._active.append((now_s + fault.for_s, fault))

    def through(self, packet: bytes, way: object, now_s: float) -> list[bytes]:
        """Return what of ``packet`` goes through at once; what is late is kept for :meth:`due`.

        Args:
            packet: The bytes.
            way: What :meth:`due` gives back with them, to know where they go.
            now_s: The wall clock, seconds.
        """
        self._active = [entry for entry in self._active if entry[0] > now_s]
        copies, late_s = 1, 0.0
        for _until, fault in self._active:
            if fault.kind is FaultKind.LINK_LOSS:
                return []
            if fault.kind is FaultKind.DROP and self.rng.random() < fault.amount:
                return []
            if fault.kind is FaultKind.DUPLICATE and self.rng.random() < fault.amount:
                copies += 1
            if fault.kind is FaultKind.DELAY:
                late_s += fault.amount
            if fault.kind is FaultKind.REORDER:
                late_s += fault.amount * self.rng.random()
        if late_s > 0:
            for _copy in range(copies):
                heapq.heappush(self._late, (now_s + late_s, next(self._count), way, packet))
            return []
        return [packet] * copies

    def due(self, now_s: float) -> list[tuple[object, bytes]]:
        """Return the late packets whose time has come."""
        ready = []
        while self._late and self._late[0][0] <= now_s:
            _due, _number, way, packet = heapq.heappop(self._late)
            ready.append((way, packet))
        return ready

    @property
    def idle(self) -> bool:
        """Whether nothing is wrong with the link."""
        return not self._active and not self._late
