"""What the vehicle says of itself: the latest of every message, made into states, poses and health.

A value that is no number, or no place on Earth, is absent; a position that has not been renewed for three seconds is
absent too, for DroneKit's own attributes stay as they were when a link dies.
"""

from __future__ import annotations

import math
import queue
import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from core.clock import Clock
from core.heights import Geoid, HaeHeight, MslHeight, TakeoffHeight
from core.points import GeoPoint
from core.text import _
from flight.link import VehicleHealth, VehicleState
from flight.mavlink.dronekit_camera import CameraReports, VehicleTime
from flight.mavlink.mission import Dialect
from flight.track import Pose

Message: TypeAlias = Any  # a pymavlink message
Vehicle: TypeAlias = Any  # dronekit.Vehicle

_POSITION_STALE_S: Final = 3.0
_PREARM_CHECK: Final = 0x10000000  # MAV_SYS_STATUS_PREARM_CHECK
_FIX_3D: Final = 3  # GPS_FIX_TYPE_3D_FIX
_ARMED: Final = 128  # MAV_MODE_FLAG_SAFETY_ARMED
_ON_GROUND: Final = 1  # MAV_LANDED_STATE_ON_GROUND
_ESTIMATOR_ABSOLUTE: Final = 16  # ESTIMATOR_POS_HORIZ_ABS
OWN_CHECKS: Final = "own checks"
GIMBAL_PARAMETER: Final = "MNT1_TYPE"
_SERVO_GIMBAL: Final = 1
_INTEGER_TYPES: Final = frozenset({1, 2, 3, 4, 5, 6})  # MAV_PARAM_TYPE of 8 to 32 bits


@dataclass(slots=True, kw_only=True)
class Reports:
    """The latest words of one vehicle.

    Attributes:
        clock: The station's clock.
        times: The vehicle's time.
        camera: Its camera.
        latest: By message name: (monotonic time of arrival, message).
        changed: Notified with every message.
        parameters: By name, as last heard.
    """

    clock: Clock
    times: VehicleTime = field(default_factory=VehicleTime)
    camera: CameraReports = field(init=False)
    latest: dict[str, tuple[float, Message]] = field(default_factory=dict)
    changed: threading.Condition = field(default_factory=threading.Condition)
    parameters: dict[str, tuple[float, float]] = field(default_factory=dict)
    dialect: Dialect = Dialect.ARDUPILOT
    _texts: queue.SimpleQueue[str] = field(default_factory=queue.SimpleQueue)
    _poses: queue.SimpleQueue[Pose] = field(default_factory=queue.SimpleQueue)
    _last_pose: Pose | None = None

    def __post_init__(self) -> None:
        self.camera = CameraReports(times=self.times)

    def take(self, message: Message) -> None:
        """Take a message of the vehicle; called by the reader's thread."""
        name, now = message.get_type(), time.monotonic()
        boot_ms = getattr(message, "time_boot_ms", None)
        if boot_ms is not None and name not in {"GIMBAL_DEVICE_ATTITUDE_STATUS", "MOUNT_ORIENTATION"}:
            # Not the gimbal's: it is a computer of its own and may have started at another time.
            self.times.heard(boot_ms / 1000, now, self.clock.now())
        hear = _HEARERS.get(name)
        if hear is not None:
            hear(self, message)
        with self.changed:
            self.latest[name] = (now, message)
            self.changed.notify_all()

    def word(self, name: str) -> Message:
        """Return the latest message of a name, or None."""
        heard = self.latest.get(name)
        return None if heard is None else heard[1]

    def texts(self) -> Iterator[str]:
        """Yield the status texts since the last call."""
        while not self._texts.empty():
            yield self._texts.get_nowait()

    def poses(self) -> Iterator[Pose]:
        """Yield the poses since the last call."""
        while not self._poses.empty():
            yield self._poses.get_nowait()

    # --- hearing ------------------------------------------------------------------------------------------------

    def _hear_time(self, message: Message) -> None:
        if self.times.unix_heard(message.time_unix_usec / 1e6, message.time_boot_ms / 1000):
            # Poses that still carry our clock instead of the vehicle's cannot stand in one track with what follows.
            self._last_pose = None
            while not self._poses.empty():
                self._poses.get_nowait()

    def said(self, text: str) -> None:
        """Take a status text, whole; called by the reader's thread."""
        self._texts.put(text)

    def _hear_attitude(self, message: Message) -> None:
        self.camera.attitude(message)

    def _hear_gimbal(self, message: Message) -> None:
        self.camera.gimbal(message)

    def _hear_photograph(self, message: Message) -> None:
        self.camera.photograph(message)

    def _hear_parameter(self, message: Message) -> None:
        raw = message.param_id
        name = (raw.decode() if isinstance(raw, bytes) else raw).rstrip("\x00")
        value = float(message.param_value)
        if self.dialect is Dialect.PX4 and message.param_type in _INTEGER_TYPES:
            # PX4 sends an integer's bytes in the place of the float (PARAM_ENCODE_BYTEWISE).
            value = float(struct.unpack("<i", struct.pack("<f", value))[0])
        self.parameters[name] = (time.monotonic(), value)
        if name == GIMBAL_PARAMETER:
            self.camera.servo_gimbal = value == _SERVO_GIMBAL

    def _hear_position(self, message: Message) -> None:
        position = place(message.lat, message.lon)
        if position is None or self.times.zero is None:
            return
        at = self.times.utc(message.time_boot_ms / 1000)
        if self._last_pose is not None and at <= self._last_pose.captured_at:
            return  # late or twice
        angles = self.camera.now()
        gps = self.word("GPS_RAW_INT")
        ellipsoidal = getattr(gps, "alt_ellipsoid", 0) if gps is not None else 0
        height_hae = None
        if ellipsoidal:
            # The receiver tells the undulation it uses; the height itself comes from the estimator.
            height_hae = HaeHeight(metres=message.alt / 1000 + (ellipsoidal - gps.alt) / 1000)
        self._last_pose = Pose(
            captured_at=at,
            position=position,
            height_takeoff=TakeoffHeight(metres=message.relative_alt / 1000),
            height_hae=height_hae,
            height_msl=MslHeight(metres=message.alt / 1000, geoid=Geoid.UNSTATED),
            yaw_deg=None if angles is None else angles.yaw_deg,
            pitch_deg=None if angles is None else angles.pitch_deg,
            roll_deg=None if angles is None else angles.roll_deg,
        )
        self._poses.put(self._last_pose)

    # --- telling ------------------------------------------------------------------------------------------------

    def state(self, vehicle: Vehicle, waypoint_of: dict[int, int]) -> VehicleState:
        """Return the present state.

        Args:
            vehicle: DroneKit's vehicle, for what it keeps well.
            waypoint_of: Waypoint index by mission item.
        """
        now = time.monotonic()
        beat_at, beat = self.latest.get("HEARTBEAT", (-math.inf, None))
        position_at, position = self.latest.get("GLOBAL_POSITION_INT", (-math.inf, None))
        angles = self.camera.now()
        level = vehicle.battery.level
        landed = self.word("EXTENDED_SYS_STATE")
        item = int(vehicle.commands.next)
        east, north, climb = (
            (0.0, 0.0, 0.0) if position is None else (position.vy / 100, position.vx / 100, -position.vz / 100)
        )
        return VehicleState(
            at=self.clock.now() if self.times.zero is None else self.times.utc(self.times.latest_s),
            position=None
            if position is None or now - position_at > _POSITION_STALE_S
            else place(position.lat, position.lon),
            height_takeoff_m=0.0 if position is None else position.relative_alt / 1000,
            yaw_deg=self.camera.heading_deg,
            gimbal_pitch_deg=None if angles is None else angles.pitch_deg,
            gimbal_yaw_deg=None if angles is None else angles.yaw_deg,
            gimbal_roll_deg=None if angles is None else angles.roll_deg,
            ground_speed_m_s=math.hypot(east, north),
            battery_share=None if level is None or not 0 <= level <= 100 else level / 100,
            armed=beat is not None and bool(beat.base_mode & _ARMED),
            mode=mode_name(beat),
            item=item,
            heartbeat_age_s=now - beat_at,
            landed=None if landed is None or landed.landed_state == 0 else landed.landed_state == _ON_GROUND,
            east_m_s=east,
            north_m_s=north,
            climb_m_s=climb,
            waypoint=waypoint_of.get(item),
            boot_s=self.times.latest_s,
            time_rate=self.times.rate,
        )

    def lacking(self, vehicle: Vehicle) -> str:
        """Return what a vehicle that has just been switched on still lacks to fly: one of the slugs of lacking_text."""
        gps, position, status = self.word("GPS_RAW_INT"), self.word("GLOBAL_POSITION_INT"), self.word("SYS_STATUS")
        if gps is None or gps.fix_type < _FIX_3D:
            return "fix"
        if self._estimator_ok(vehicle) is False or position is None or place(position.lat, position.lon) is None:
            return "position"
        present = 0 if status is None else status.onboard_control_sensors_present
        if present & _PREARM_CHECK and not status.onboard_control_sensors_health & _PREARM_CHECK:
            return OWN_CHECKS
        return ""

    def health(self, vehicle: Vehicle, packet_loss: float) -> VehicleHealth:
        """Return what the preflight checklist asks."""
        gps, status, storage = self.word("GPS_RAW_INT"), self.word("SYS_STATUS"), self.word("STORAGE_INFORMATION")
        home = self.word("HOME_POSITION")
        level = vehicle.battery.level
        wind_m_s, wind_from_deg = self._wind()
        beat_at, _beat = self.latest.get("HEARTBEAT", (-math.inf, None))
        return VehicleHealth(
            firmware=self._firmware(),
            packet_loss=packet_loss,
            heartbeat_age_s=time.monotonic() - beat_at,
            gps_fix=None if gps is None else int(gps.fix_type),
            hdop=None if gps is None or gps.eph == 65535 else gps.eph / 100,
            satellites=None if gps is None or gps.satellites_visible == 255 else int(gps.satellites_visible),
            ekf_ok=self._estimator_ok(vehicle),
            prearm_ok=None
            if status is None or not status.onboard_control_sensors_present & _PREARM_CHECK
            else bool(status.onboard_control_sensors_health & _PREARM_CHECK),
            battery_share=None if level is None or not 0 <= level <= 100 else level / 100,
            battery_v=None if status is None or status.voltage_battery == 65535 else status.voltage_battery / 1000,
            wind_m_s=wind_m_s,
            wind_from_deg=wind_from_deg,
            clock_offset_s=self._clock_offset_s(),
            storage_free_mib=None if storage is None or storage.status != 2 else float(storage.available_capacity),
            home=None if home is None else place(home.latitude, home.longitude),
        )

    def _firmware(self) -> str:
        name = "PX4" if self.dialect is Dialect.PX4 else "ArduPilot"
        version = self.word("AUTOPILOT_VERSION")
        if version is None or not version.flight_sw_version:
            return name
        number = version.flight_sw_version
        return f"{name} {number >> 24 & 255}.{number >> 16 & 255}.{number >> 8 & 255}"

    def _estimator_ok(self, vehicle: Vehicle) -> bool | None:
        if self.word("EKF_STATUS_REPORT") is not None:
            return bool(vehicle.ekf_ok)
        estimator = self.word("ESTIMATOR_STATUS")
        return None if estimator is None else bool(estimator.flags & _ESTIMATOR_ABSOLUTE)

    def _wind(self) -> tuple[float | None, float | None]:
        wind, covariance = self.word("WIND"), self.word("WIND_COV")
        if wind is not None and math.isfinite(wind.speed):
            return float(wind.speed), float(wind.direction) % 360
        if covariance is not None and math.isfinite(covariance.wind_x):
            away = math.degrees(math.atan2(covariance.wind_y, covariance.wind_x))
            return math.hypot(covariance.wind_x, covariance.wind_y), (away + 180) % 360
        return None, None

    def _clock_offset_s(self) -> float | None:
        told = self.latest.get("SYSTEM_TIME")
        if not self.times.from_vehicle or told is None:
            return None
        since_s = (time.monotonic() - told[0]) * self.times.rate
        vehicle_now = float(told[1].time_unix_usec) / 1e6 + since_s
        return vehicle_now - self.clock.now().timestamp()


def lacking_text(slug: str) -> str:
    """Return in words what is waited for."""
    return {
        "fix": _("waiting for a 3D fix"),
        "position": _("waiting for the estimator's position"),
        OWN_CHECKS: _("waiting for the autopilot's own checks"),
    }[slug]


def mode_name(beat: Message) -> str:
    """Return the autopilot's name of the mode in a HEARTBEAT ("AUTO", "MISSION"); empty for None."""
    from pymavlink import mavutil

    return "" if beat is None else str(mavutil.mode_string_v10(beat))


def place(lat_e7: int, lon_e7: int) -> GeoPoint | None:
    """Return a reported position, or None for what is none: 0/0 (no fix) or a number that is no place on Earth."""
    if (lat_e7 == 0 and lon_e7 == 0) or abs(lat_e7) > 900_000_000 or abs(lon_e7) > 1_800_000_000:
        return None
    return GeoPoint(lon_deg=lon_e7 / 1e7, lat_deg=lat_e7 / 1e7)


_HEARERS: Final = {
    "SYSTEM_TIME": Reports._hear_time,  # noqa: SLF001 - the table of this class's own hearers
    "ATTITUDE": Reports._hear_attitude,  # noqa: SLF001
    "GIMBAL_DEVICE_ATTITUDE_STATUS": Reports._hear_gimbal,  # noqa: SLF001
    "MOUNT_ORIENTATION": Reports._hear_gimbal,  # noqa: SLF001
    "MOUNT_STATUS": Reports._hear_gimbal,  # noqa: SLF001
    "CAMERA_FEEDBACK": Reports._hear_photograph,  # noqa: SLF001
    "CAMERA_IMAGE_CAPTURED": Reports._hear_photograph,  # noqa: SLF001
    "GLOBAL_POSITION_INT": Reports._hear_position,  # noqa: SLF001
    "PARAM_VALUE": Reports._hear_parameter,  # noqa: SLF001
}
