"""ArduCopter's words, as far as the rehearsal vehicle speaks them: modes, severities, parameters, stored items."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final


class Mode(IntEnum):
    """ArduCopter's custom modes that the rehearsal vehicle knows."""

    STABILIZE = 0
    ALT_HOLD = 2
    AUTO = 3
    GUIDED = 4
    LOITER = 5
    RTL = 6
    LAND = 9
    BRAKE = 17
    SMART_RTL = 21


class Severity(IntEnum):
    """MAV_SEVERITY."""

    EMERGENCY = 0
    ALERT = 1
    CRITICAL = 2
    ERROR = 3
    WARNING = 4
    NOTICE = 5
    INFO = 6


DEFAULT_PARAMETERS: Final[dict[str, float]] = {
    # Names of ArduCopter 4.5 (ardupilot.org/copter/docs/parameters.html) as far as they matter here, set as a crew
    # would have set them before a patrol: fence on, failsafes on.
    "SYSID_THISMAV": 1, "SYSID_MYGCS": 255, "FRAME_CLASS": 1,
    "ARMING_CHECK": 1, "DISARM_DELAY": 10, "MIS_RESTART": 0, "MIS_TOTAL": 0,
    "WPNAV_SPEED": 800, "WPNAV_SPEED_UP": 400, "WPNAV_SPEED_DN": 250, "WPNAV_ACCEL": 250, "WPNAV_RADIUS": 200,
    "LAND_SPEED": 60, "LAND_ALT_LOW": 1000, "RTL_ALT": 3000, "RTL_ALT_FINAL": 0, "RTL_SPEED": 0, "RTL_LOIT_TIME": 2000,
    "BATT_CAPACITY": 10000, "BATT_LOW_MAH": 2000, "BATT_CRT_MAH": 1000, "BATT_ARM_MAH": 0,
    "BATT_FS_LOW_ACT": 2, "BATT_FS_CRT_ACT": 1,
    "FS_GCS_ENABLE": 1, "FS_GCS_TIMEOUT": 5, "FS_THR_ENABLE": 0, "FS_EKF_ACTION": 1, "FS_EKF_THRESH": 0.8,
    "FENCE_ENABLE": 1, "FENCE_TYPE": 5, "FENCE_ACTION": 1, "FENCE_ALT_MAX": 150, "FENCE_RADIUS": 300,
    "FENCE_MARGIN": 2, "FENCE_TOTAL": 0, "RALLY_TOTAL": 0, "RALLY_LIMIT_KM": 0.3,
    "SIM_SPEEDUP": 1, "GPS_HDOP_GOOD": 140, "MNT1_TYPE": 6, "CAM1_TYPE": 1, "CAM1_MIN_INTERVAL": 0,
    "SR0_POSITION": 5, "SR0_EXTRA1": 5, "SR0_EXTRA2": 2, "SR0_EXTRA3": 1, "SR0_EXT_STAT": 2,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredItem:
    """A mission, fence or rally item as the autopilot keeps it."""

    frame: int
    command: int
    params: tuple[float, float, float, float]
    x_e7: int
    y_e7: int
    z: float
