"""Link: what Skywarden asks of a vehicle, whoever drives it.

The DroneKit driver is ``flight.dronekit_link``; the twin for rehearsal is a simulated vehicle that the same driver
speaks to over TCP (``flight.rehearsal.vehicle``). One contract test runs against both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from core.points import GeoPoint
from flight.flight_log import PhotoGap, Trigger
from flight.flight_plan import Sortie
from flight.mavlink.mission import MissionItem
from flight.track import Pose


@dataclass(frozen=True, slots=True, kw_only=True)
class VehicleState:
    """What the vehicle says of itself at one instant.

    Attributes:
        at: When, aware UTC, by the vehicle's own clock once it has told it.
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
        east_m_s, north_m_s, climb_m_s: Velocity over ground, metres per second.
        waypoint: Index in ``Sortie.waypoints`` that it flies to; None while no sortie is known to be loaded.
        boot_s: Seconds since the autopilot started.
        time_rate: Vehicle seconds per second of the wall clock: 1 in the air, more in a simulator.
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
    east_m_s: float = 0.0
    north_m_s: float = 0.0
    climb_m_s: float = 0.0
    waypoint: int | None = None
    boot_s: float = 0.0
    time_rate: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class VehicleHealth:
    """What the preflight checklist asks of a vehicle; None for what it does not tell.

    Attributes:
        firmware: Autopilot and version ("ArduPilot 4.5.7").
        packet_loss: Share of packets lost since connecting, in [0, 1].
        heartbeat_age_s: Seconds since the last heartbeat.
        gps_fix: GPS_FIX_TYPE: 3 is a 3D fix, 5 and 6 are RTK.
        hdop: Horizontal dilution of precision.
        satellites: In view.
        ekf_ok: Whether the estimator holds an absolute position.
        prearm_ok: Whether the autopilot's own checks pass.
        prearm_texts: What it says stands against arming.
        battery_share, battery_v: Charge in [0, 1]; voltage.
        wind_m_s, wind_from_deg: The autopilot's estimate.
        clock_offset_s: Vehicle's UTC minus the station's, seconds.
        storage_free_mib: Free on the camera's card.
        home: Where it would return to.
    """

    firmware: str
    packet_loss: float
    heartbeat_age_s: float
    gps_fix: int | None
    hdop: float | None
    satellites: int | None
    ekf_ok: bool | None
    prearm_ok: bool | None
    battery_share: float | None
    battery_v: float | None
    wind_m_s: float | None
    wind_from_deg: float | None
    clock_offset_s: float | None
    storage_free_mib: float | None
    home: GeoPoint | None
    prearm_texts: tuple[str, ...] = ()


class Link(Protocol):
    """A connected vehicle. Every method raises ``LinkFailed`` (or ``VehicleRefused``) rather than staying silent."""

    def upload(self, sortie: Sortie) -> None:
        """Load the sortie into the vehicle and verify by reading every item back."""
        ...

    def upload_fence(self, items: tuple[MissionItem, ...]) -> None:
        """Load the fence (``flight.mavlink.fence``) and verify it; an empty one clears."""
        ...

    def upload_rally(self, items: tuple[MissionItem, ...]) -> None:
        """Load the rally points and verify them; none clears."""
        ...

    def adopt(self, sortie: Sortie, taken: Sequence[Trigger] = ()) -> None:
        """Make sure that the vehicle holds this sortie already, by reading it back; loads nothing.

        Args:
            sortie: What it is to hold.
            taken: Photographs of it that are known already, so that the numbers go on.
        """
        ...

    def await_ready(self, timeout_s: float, say: Callable[[str], None] | None = None) -> None:
        """Give a vehicle that was just switched on the time to find its position and to pass its own checks.

        Args:
            timeout_s: How long at most, seconds of the wall clock.
            say: Told what is waited for, whenever that changes.

        Whether it was enough is not said here: the checklist says it.
        """
        ...

    def arm_and_start(self) -> None:
        """Arm, and begin the mission; the vehicle's own refusal is passed on in its words."""
        ...

    def state(self) -> VehicleState:
        """Return the vehicle's present state."""
        ...

    def health(self) -> VehicleHealth:
        """Return what the checklist asks."""
        ...

    def parameters(self, names: Iterable[str]) -> dict[str, float | None]:
        """Return parameters by name, read from the vehicle now; None for those that it does not have."""
        ...

    def set_parameter(self, name: str, value: float) -> None:
        """Set a parameter and hear it confirmed."""
        ...

    def messages(self) -> Iterator[str]:
        """Yield the status texts that arrived since the last call."""
        ...

    def poses(self) -> Iterator[Pose]:
        """Yield the camera's poses that arrived since the last call, by the vehicle's own time."""
        ...

    def photo_gaps(self) -> Iterator[PhotoGap]:
        """Yield the photographs found missing since the last call: taken, and their reports lost on the way."""
        ...

    def on_trigger(self, listener: Callable[[Trigger], None]) -> None:
        """Call ``listener`` with a trigger for every photograph taken."""
        ...

    def on_message(self, listener: Callable[[bool, str, bytes], None]) -> None:
        """Call ``listener`` with (sent, name, bytes) for every message, as it goes over the wire."""
        ...

    def pause(self) -> None:
        """Stop and hold, the mission kept."""
        ...

    def resume(self) -> None:
        """Go on with the mission."""
        ...

    def land(self) -> None:
        """Land where it is."""
        ...

    def skip_to(self, waypoint: int) -> None:
        """Fly on to a waypoint of the sortie, with that leg's speed and camera."""
        ...

    def return_home(self) -> None:
        """Order the vehicle home."""
        ...

    def close(self) -> None:
        """End every thread and socket that this link opened."""
        ...
