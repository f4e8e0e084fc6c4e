"""What the rehearsal vehicle reports of itself: MAVLink messages from body and autopilot.

Rates are in vehicle time (as a simulator's are), save the heartbeat, which is sent once a wall-clock second. Reported
positions and angles carry the sensors' errors; the truth never leaves the vehicle by the link.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from core.points import LocalPlane, from_enu
from flight.rehearsal.vehicle_autopilot import Autopilot
from flight.rehearsal.vehicle_body import Body, Sensors

Message: TypeAlias = Any  # a pymavlink message
Module: TypeAlias = Any  # a module without types

GRAVITY_CM = 981


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """What the navigation solution says at one instant (degrees, metres, metres per second)."""

    lat_deg: float
    lon_deg: float
    height_takeoff_m: float
    height_hae_m: float
    height_msl_m: float
    heading_deg: float
    camera_yaw_deg: float
    camera_pitch_deg: float
    camera_roll_deg: float


@dataclass(slots=True, kw_only=True)
class Instruments:
    """Body, autopilot and sensors, seen through the vehicle's own instruments.

    Attributes:
        body, autopilot, sensors: What is reported on.
        plane: Local plane at home.
        home_hae_m: Home above the ellipsoid, metres.
        undulation_m: Geoid undulation at home, metres (HAE = MSL + undulation).
        start_at: UTC at the autopilot's time zero, aware (moved on by a restart).
        last_feedback: The report of the last photograph, for who asks for it again.
        item_shift: How far the autopilot's item numbers lie above those on the wire (PX4: 1).
        nan: Whether positions are reported as nonsense (a fault).
    """

    body: Body
    autopilot: Autopilot
    sensors: Sensors
    plane: LocalPlane
    home_hae_m: float
    undulation_m: float
    start_at: datetime
    nan: bool = False
    item_shift: int = 0
    last_feedback: Message | None = None
    last_sent_s: dict[str, float] = field(default_factory=dict)
    _reported: tuple[float, Reported] | None = None

    def instant(self) -> datetime:
        """Return the vehicle's own time."""
        return self.start_at + timedelta(seconds=self.autopilot.time_s)

    def unix_usec(self) -> int:
        """Return the vehicle's own time in microseconds since 1970."""
        return round(self.start_at.timestamp() * 1e6 + self.autopilot.time_s * 1e6)

    def boot_ms(self) -> int:
        """Return milliseconds since the vehicle started."""
        return int(self.autopilot.time_s * 1000) % 2**32

    def reported(self) -> Reported:
        """Return what the sensors make of the truth (worked out once for each instant)."""
        if self._reported is None or self._reported[0] != self.autopilot.time_s:
            self._reported = (self.autopilot.time_s, self._sense())
        return self._reported[1]

    def _sense(self) -> Reported:
        body, sensors = self.body, self.sensors
        lonlat, _height = from_enu(
            self.plane,
            [
                body.position[0] + sensors.east.value + self.autopilot.nav_offset_m[0],
                body.position[1] + sensors.north.value + self.autopilot.nav_offset_m[1],
                0.0,
            ],
        )
        up = body.position[2] + sensors.up.value
        yaw, pitch, roll = body.camera_angles()
        return Reported(
            lat_deg=float(lonlat[1]),
            lon_deg=float(lonlat[0]),
            height_takeoff_m=up,
            height_hae_m=self.home_hae_m + up,
            height_msl_m=self.home_hae_m - self.undulation_m + up,
            heading_deg=(body.heading_deg + sensors.yaw_bias_deg) % 360,
            camera_yaw_deg=(yaw + sensors.yaw_bias_deg) % 360,
            camera_pitch_deg=pitch + sensors.pitch_bias_deg,
            camera_roll_deg=roll + sensors.roll_bias_deg,
        )


# Message name → parameter that holds its default rate in hertz (ArduPilot's stream groups) or a fixed rate.
STREAMS: dict[str, str | float] = {
    "GLOBAL_POSITION_INT": "SR0_POSITION",
    "ATTITUDE": "SR0_EXTRA1",
    "GIMBAL_DEVICE_ATTITUDE_STATUS": "SR0_EXTRA1",
    "VFR_HUD": "SR0_EXTRA2",
    "SYS_STATUS": "SR0_EXT_STAT",
    "GPS_RAW_INT": "SR0_EXT_STAT",
    "MISSION_CURRENT": "SR0_EXT_STAT",
    "BATTERY_STATUS": "SR0_EXTRA3",
    "SYSTEM_TIME": "SR0_EXTRA3",
    "EKF_STATUS_REPORT": "SR0_EXTRA3",
    "WIND": "SR0_EXTRA3",
    "EXTENDED_SYS_STATE": "SR0_EXT_STAT",
    "FENCE_STATUS": "SR0_EXTRA3",
}


def build(name: str, see: Instruments, mavlink: Module) -> Message:
    """Return the MAVLink message ``name`` as the vehicle would send it now.

    Args:
        name: One of :data:`STREAMS`, or HOME_POSITION, AUTOPILOT_VERSION, STORAGE_INFORMATION, CAMERA_FEEDBACK.
        see: The instruments.
        mavlink: pymavlink's dialect module.
    """
    return _BUILDERS[name](see, mavlink)


def _global_position(see: Instruments, mavlink: Module) -> Message:
    now, velocity = see.reported(), see.body.over_ground()
    lost = not see.autopilot.gps_ok
    return mavlink.MAVLink_global_position_int_message(
        see.boot_ms(),
        0 if lost else 2**31 - 1 if see.nan else round(now.lat_deg * 1e7),
        0 if lost else 2**31 - 1 if see.nan else round(now.lon_deg * 1e7),
        round(now.height_msl_m * 1000),
        round(now.height_takeoff_m * 1000),
        round(velocity[1] * 100),
        round(velocity[0] * 100),
        round(-velocity[2] * 100),
        round(now.heading_deg * 100) % 36000,
    )


def _attitude(see: Instruments, mavlink: Module) -> Message:
    now = see.reported()
    yaw = math.radians((now.heading_deg + 180) % 360 - 180)
    nan = math.nan if see.nan else 0.0
    return mavlink.MAVLink_attitude_message(
        see.boot_ms(), math.radians(see.body.roll_deg) + nan, math.radians(see.body.pitch_deg) + nan, yaw + nan, 0, 0, 0
    )


def quaternion(yaw_deg: float, pitch_deg: float, roll_deg: float) -> list[float]:
    """Return (w, x, y, z) of the rotation by yaw, then pitch, then roll (aerospace order)."""
    cy, sy = math.cos(math.radians(yaw_deg) / 2), math.sin(math.radians(yaw_deg) / 2)
    cp, sp = math.cos(math.radians(pitch_deg) / 2), math.sin(math.radians(pitch_deg) / 2)
    cr, sr = math.cos(math.radians(roll_deg) / 2), math.sin(math.radians(roll_deg) / 2)
    return [
        cy * cp * cr + sy * sp * sr,
        cy * cp * sr - sy * sp * cr,
        cy * sp * cr + sy * cp * sr,
        sy * cp * cr - cy * sp * sr,
    ]


def _gimbal(see: Instruments, mavlink: Module) -> Message:
    now = see.reported()
    flags = (
        mavlink.GIMBAL_DEVICE_FLAGS_ROLL_LOCK
        | mavlink.GIMBAL_DEVICE_FLAGS_PITCH_LOCK
        | mavlink.GIMBAL_DEVICE_FLAGS_YAW_IN_VEHICLE_FRAME
    )
    turned = now.camera_yaw_deg - now.heading_deg
    nan = math.nan if see.nan else 0.0
    pitch, roll = now.camera_pitch_deg, now.camera_roll_deg
    if see.autopilot.parameters["MNT1_TYPE"] == 1:
        # Servos without a sensor: ArduPilot reports their own angles, the airframe's taken off, and calls them level.
        pitch, roll = pitch - see.body.pitch_deg, roll - see.body.roll_deg
    q = [part + nan for part in quaternion(turned, pitch, roll)]
    return mavlink.MAVLink_gimbal_device_attitude_status_message(
        0, 0, see.boot_ms(), flags, q, math.nan, math.nan, math.nan, 0
    )


def _vfr_hud(see: Instruments, mavlink: Module) -> Message:
    velocity, now = see.body.over_ground(), see.reported()
    air = math.hypot(velocity[0] - see.body.wind[0], velocity[1] - see.body.wind[1])
    return mavlink.MAVLink_vfr_hud_message(
        air if see.body.flying else 0.0,
        math.hypot(velocity[0], velocity[1]),
        int(now.heading_deg) % 360,
        50 if see.body.flying else 0,
        now.height_msl_m,
        velocity[2],
    )


def _sys_status(see: Instruments, mavlink: Module) -> Message:
    battery = see.body.battery
    sensors = (
        mavlink.MAV_SYS_STATUS_SENSOR_GPS | mavlink.MAV_SYS_STATUS_SENSOR_BATTERY | mavlink.MAV_SYS_STATUS_PREARM_CHECK
    )
    healthy = sensors
    if not see.autopilot.gps_ok:
        healthy &= ~mavlink.MAV_SYS_STATUS_SENSOR_GPS
    if not see.autopilot.armed and see.autopilot.arming_problems():
        healthy &= ~mavlink.MAV_SYS_STATUS_PREARM_CHECK
    return mavlink.MAVLink_sys_status_message(
        sensors,
        sensors,
        healthy,
        200,
        round(battery.voltage_v * 1000),
        round(battery.current_a * 100),
        round(battery.share * 100),
        0, 0, 0, 0, 0, 0,
    )  # fmt: skip


def _gps_raw(see: Instruments, mavlink: Module) -> Message:
    now, velocity, good = see.reported(), see.body.over_ground(), see.autopilot.gps_ok
    speed = math.hypot(velocity[0], velocity[1])
    return mavlink.MAVLink_gps_raw_int_message(
        see.unix_usec(),
        mavlink.GPS_FIX_TYPE_3D_FIX if good else mavlink.GPS_FIX_TYPE_NO_FIX,
        round(now.lat_deg * 1e7) if good else 0,
        round(now.lon_deg * 1e7) if good else 0,
        round(now.height_msl_m * 1000) if good else 0,
        80 if good else 9999,
        120 if good else 9999,
        round(speed * 100),
        round(math.degrees(math.atan2(velocity[0], velocity[1])) % 360 * 100) % 36000,
        17 if good else 3,
        round(now.height_hae_m * 1000) if good else 0,
        800, 1200, 100, 0,
    )  # fmt: skip


def _mission_current(see: Instruments, mavlink: Module) -> Message:
    seq = max(0, see.autopilot.item - see.item_shift)
    return mavlink.MAVLink_mission_current_message(seq, max(0, len(see.autopilot.lists[0]) - 1))


def _battery(see: Instruments, mavlink: Module) -> Message:
    battery = see.body.battery
    return mavlink.MAVLink_battery_status_message(
        0, 0, 3, 2500, [round(battery.voltage_v / 6 * 1000)] * 6 + [65535] * 4, round(battery.current_a * 100),
        round((1 - battery.share) * battery.capacity_mah), -1, round(battery.share * 100),
    )  # fmt: skip


def _system_time(see: Instruments, mavlink: Module) -> Message:
    return mavlink.MAVLink_system_time_message(see.unix_usec() if see.autopilot.gps_ok else 0, see.boot_ms())


def _ekf(see: Instruments, mavlink: Module) -> Message:
    flags = mavlink.EKF_ATTITUDE | mavlink.EKF_VELOCITY_VERT | mavlink.EKF_POS_VERT_ABS
    if see.autopilot.gps_ok:
        flags |= mavlink.EKF_VELOCITY_HORIZ | mavlink.EKF_POS_HORIZ_REL | mavlink.EKF_POS_HORIZ_ABS
        flags |= mavlink.EKF_PRED_POS_HORIZ_REL | mavlink.EKF_PRED_POS_HORIZ_ABS
    else:
        flags |= mavlink.EKF_CONST_POS_MODE
    return mavlink.MAVLink_ekf_status_report_message(flags, 0.05, 0.05, 0.05, 0.05, 0.0)


def _wind(see: Instruments, mavlink: Module) -> Message:
    east, north = see.body.wind
    blows_from = math.degrees(math.atan2(-east, -north))
    return mavlink.MAVLink_wind_message(blows_from, math.hypot(east, north), 0.0)


def _extended_state(see: Instruments, mavlink: Module) -> Message:
    landed = mavlink.MAV_LANDED_STATE_IN_AIR if see.body.flying else mavlink.MAV_LANDED_STATE_ON_GROUND
    return mavlink.MAVLink_extended_sys_state_message(mavlink.MAV_VTOL_STATE_UNDEFINED, landed)


def _fence(see: Instruments, mavlink: Module) -> Message:
    kinds = {"": 0, "altitude": 2, "circle": 3, "polygon": 3}  # FENCE_BREACH: none, max height, boundary
    auto = see.autopilot
    return mavlink.MAVLink_fence_status_message(
        int(bool(auto.breach)), auto.breach_count, kinds[auto.breach], 0, mavlink.FENCE_MITIGATE_NONE
    )


def _home(see: Instruments, mavlink: Module) -> Message:
    origin = see.plane.origin
    return mavlink.MAVLink_home_position_message(
        round(origin.lat_deg * 1e7),
        round(origin.lon_deg * 1e7),
        round((see.home_hae_m - see.undulation_m) * 1000),
        0.0, 0.0, 0.0, [1.0, 0.0, 0.0, 0.0], 0.0, 0.0, 0.0, see.unix_usec(),
    )  # fmt: skip


def _version(_see: Instruments, mavlink: Module) -> Message:
    capabilities = (
        mavlink.MAV_PROTOCOL_CAPABILITY_MISSION_INT
        | mavlink.MAV_PROTOCOL_CAPABILITY_COMMAND_INT
        | mavlink.MAV_PROTOCOL_CAPABILITY_MAVLINK2
        | mavlink.MAV_PROTOCOL_CAPABILITY_MISSION_FENCE
        | mavlink.MAV_PROTOCOL_CAPABILITY_MISSION_RALLY
    )
    release = (4 << 24) | (5 << 16) | (7 << 8) | mavlink.FIRMWARE_VERSION_TYPE_OFFICIAL
    return mavlink.MAVLink_autopilot_version_message(
        capabilities, release, 0, 0, 0, [0] * 8, [0] * 8, [0] * 8, 0, 0, 0, [0] * 18
    )


def _storage(see: Instruments, mavlink: Module) -> Message:
    return mavlink.MAVLink_storage_information_message(
        see.boot_ms(), 1, 1, mavlink.STORAGE_STATUS_READY, 64_000.0, 4_000.0, 60_000.0, 80.0, 60.0
    )


def _feedback(see: Instruments, mavlink: Module) -> Message:
    """Return the report of the last photograph again, or one without a place when there was none, as ArduPilot does."""
    return see.last_feedback or mavlink.MAVLink_camera_feedback_message(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)


_BUILDERS = {
    "CAMERA_FEEDBACK": _feedback,
    "GLOBAL_POSITION_INT": _global_position,
    "ATTITUDE": _attitude,
    "GIMBAL_DEVICE_ATTITUDE_STATUS": _gimbal,
    "VFR_HUD": _vfr_hud,
    "SYS_STATUS": _sys_status,
    "GPS_RAW_INT": _gps_raw,
    "MISSION_CURRENT": _mission_current,
    "BATTERY_STATUS": _battery,
    "SYSTEM_TIME": _system_time,
    "EKF_STATUS_REPORT": _ekf,
    "WIND": _wind,
    "EXTENDED_SYS_STATE": _extended_state,
    "FENCE_STATUS": _fence,
    "HOME_POSITION": _home,
    "AUTOPILOT_VERSION": _version,
    "STORAGE_INFORMATION": _storage,
}
