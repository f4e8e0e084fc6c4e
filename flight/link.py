"""Link: what Skywarden asks of a vehicle, whoever drives it.

The DroneKit driver is ``flight.dronekit_link``; the twin for rehearsal is a simulated vehicle that the same driver
speaks to over TCP (``flight.rehearsal.vehicle``). One contract test runs against both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from core.points import GeoPoint
from flight.flight_log import Trigger
from flight.flight_plan import Sortie
from flight.track import Pose


@dataclass(frozen=True, slots=True, kw_only=True)
class VehicleState:
    """What the vehicle says of itself at one instant.

    Attributes:
        at: When, aware UTC.
        position: Where, or None without a fix.
        height_takeoff_m: Above take-off, metres.
        yaw_deg: Heading, degrees from north.
        gimbal_pitch_deg, gimbal_yaw_deg, gimbal_roll_deg: Camera angles, None when not reported.
        ground_speed_m_s: Metres per second.
        battery_share: In [0, 1], or None when not reported.
        armed: Whether the motors are armed.
        mode: The autopilot's name of its mode ("AUTO").
        item: Index of the mission item it flies to.
        heartbeat_age_s: Seconds since the last heartbeat.
        landed: Whether the vehicle says that it is on the ground; None when it does not say.
    """

    at: datetime
    position: GeoPoint | None
    height_takeoff_m: float
    yaw_deg: float
    gimbal_pitch_deg: float | None
    gimbal_yaw_deg: float | None
    gimbal_roll_deg: float | None
    ground_speed_m_s: float
    battery_share: float | None
    armed: bool
    mode: str
    item: int
    heartbeat_age_s: float
    landed: bool | None = None


class Link(Protocol):
    """A connected vehicle. Every method raises ``LinkFailed`` (or ``VehicleRefused``) rather than staying silent."""

    def upload(self, sortie: Sortie) -> None:
        """Load the sortie into the vehicle and verify by reading every item back."""
        ...

    def arm_and_start(self) -> None:
        """Arm, and begin the mission; the vehicle's own refusal is passed on in its words."""
        ...

    def state(self) -> VehicleState:
        """Return the vehicle's present state."""
        ...

    def messages(self) -> Iterator[str]:
        """Yield the status texts that arrived since the last call."""
        ...

    def poses(self) -> Iterator[Pose]:
        """Yield the camera's poses that arrived since the last call, by the vehicle's own time."""
        ...

    def on_trigger(self, listener: Callable[[Trigger], None]) -> None:
        """Call ``listener`` with a trigger for every photograph taken."""
        ...

    def return_home(self) -> None:
        """Order the vehicle home."""
        ...

    def close(self) -> None:
        """End every thread and socket that this link opened."""
        ...
