"""Writers of the three logs that autopilots make, for tests: a straight flight with known values.

At second ``t`` of the log (0 … ``SECONDS``) the aircraft is at 23.12 + 1e-5·t degrees north, 113.25 degrees east, at
60 + t metres above take-off and 70.5 + t above mean sea level, heading 350 + t degrees; the camera looks at 20 + t
degrees, −45 − t degrees down. The log's zero is 100 s after power-on and 2026-10-01 02:03:04 UTC.
"""

from __future__ import annotations

import math
import struct
from datetime import UTC, datetime
from typing import Any, Final

START: Final = datetime(2026, 10, 1, 2, 3, 4, tzinfo=UTC)
BOOT_S: Final = 100.0
SECONDS: Final = 20
RATE_HZ: Final = 5
LEAP_S: Final = 18


def steps() -> list[float]:
    return [i / RATE_HZ for i in range(SECONDS * RATE_HZ + 1)]


def gps_week(t: float) -> tuple[int, int]:
    since = START.timestamp() + t - datetime(1980, 1, 6, tzinfo=UTC).timestamp() + LEAP_S
    return int(since // 604_800), round(since % 604_800 * 1000)


_STRUCT: Final = {
    "B": "B",
    "b": "b",
    "H": "H",
    "I": "I",
    "Q": "Q",
    "f": "f",
    "L": "i",
    "e": "i",
    "c": "h",
    "C": "H",
    "Z": "64s",
}
LAYOUTS: Final = {
    "GPS": (130, "QBBIHBcLLeffffB", "TimeUS,I,Status,GMS,GWk,NSats,HDop,Lat,Lng,Alt,Spd,GCrs,VZ,Yaw,U"),
    "POS": (131, "QLLfff", "TimeUS,Lat,Lng,Alt,RelHomeAlt,RelOriginAlt"),
    "ATT": (132, "Qccccccc", "TimeUS,DesRoll,Roll,DesPitch,Pitch,DesYaw,Yaw,ErrRP"),
    "MNT": (133, "QBfffffff", "TimeUS,I,DesRoll,Roll,DesPitch,Pitch,DesYawB,YawB,YawE"),
    "GPA": (134, "QBCCCCBIH", "TimeUS,I,VDop,HAcc,VAcc,SAcc,VV,SMS,Delta"),
    "CAM": (135, "QBHIHLLffffff", "TimeUS,I,Img,GPSTime,GPSWeek,Lat,Lng,Alt,RelAlt,GPSAlt,R,P,Y"),
    "MSG": (136, "QZ", "TimeUS,Message"),
}


def _bin_record(name: str, *values: Any) -> bytes:
    kind, letters, _columns = LAYOUTS[name]
    body = struct.pack("<" + "".join(_STRUCT[letter] for letter in letters), *values)
    return b"\xa3\x95" + bytes([kind]) + body


def dataflash(*, gimbal: bool = True, pos: bool = True, gps_time: bool = True) -> bytes:
    """Return an ArduPilot ``.bin`` log."""
    out = []
    fmt = (0x80, 89, b"FMT", b"BBnNZ", b"Type,Length,Name,Format,Columns")
    out.append(b"\xa3\x95\x80" + struct.pack("<BB4s16s64s", *fmt))
    for name, (kind, letters, columns) in LAYOUTS.items():
        size = struct.calcsize("<" + "".join(_STRUCT[letter] for letter in letters)) + 3
        body = struct.pack("<BB4s16s64s", kind, size, name.encode(), letters.encode(), columns.encode())
        out.append(b"\xa3\x95\x80" + body)
    out.append(_bin_record("MSG", round(BOOT_S * 1e6), b"ArduCopter V4.5.7"))
    for t in steps():
        us = round((BOOT_S + t) * 1e6)
        lat, lon = round((23.12 + 1e-5 * t) * 1e7), round(113.25 * 1e7)
        week, milliseconds = gps_week(t) if gps_time else (0, 0)
        velocity = 1e-5 * math.radians(1) * 6_371_000
        out.append(
            _bin_record(
                "GPS",
                us,
                0,
                4,
                milliseconds,
                week,
                17,
                70,
                lat,
                lon,
                round((70.5 + t) * 100),
                velocity,
                0.0,
                -1.0,
                0.0,
                1,
            )
        )
        out.append(_bin_record("GPA", us, 0, 100, 80, 120, 30, 1, 0, 0))
        out.append(
            _bin_record(
                "ATT", us, 0, 100, 0, -200, 0, round(((350 + t) % 360) * 100) - 36_000 * ((350 + t) % 360 > 327), 0
            )
        )
        if gimbal:
            out.append(_bin_record("MNT", us, 0, 0.0, 0.5, -45.0, -45.0 - t, 0.0, 30.0, math.nan))
        if pos:
            out.append(_bin_record("POS", us, lat, lon, 70.5 + t, 60.0 + t, 60.0 + t))
        if t == 10:
            out.append(_bin_record("CAM", us, 0, 3, milliseconds, week, lat, lon, 80.5, 70.0, 80.5, 0.0, 0.0, 0.0))
    return b"".join(out)


def tlog(
    *, system_time: bool = True, station_ahead_s: float = 2.5, systems: tuple[int, ...] = (1,), v1: bool = False
) -> bytes:
    """Return a ground station's ``.tlog`` whose clock is ahead of the vehicle's GPS time."""
    import os

    os.environ.setdefault("MAVLINK20", "1")
    from pymavlink.dialects.v20 import ardupilotmega as dialect

    out = []

    def log(mav: Any, t: float, message: Any) -> None:
        stamp = round((START.timestamp() + t + station_ahead_s) * 1e6)
        out.append(stamp.to_bytes(8, "big") + message.pack(mav, force_mavlink1=v1))

    for system in systems:
        mav = dialect.MAVLink(None, srcSystem=system, srcComponent=1)
        station = dialect.MAVLink(None, srcSystem=255, srcComponent=190)
        for t in steps():
            boot = round((BOOT_S + t) * 1000)
            lat, lon = round((23.12 + 1e-5 * t) * 1e7), round(113.25 * 1e7)
            if t == int(t):
                log(mav, t, dialect.MAVLink_heartbeat_message(2, 3, 0, 0, 4, 3))
                log(station, t, dialect.MAVLink_heartbeat_message(6, 8, 0, 0, 4, 3))
                log(
                    mav,
                    t,
                    dialect.MAVLink_gps_raw_int_message(
                        boot * 1000, 4, lat, lon, 0, 70, 70, 0, 0, 17, h_acc=800, v_acc=1200
                    ),
                )
                if system_time:
                    log(mav, t, dialect.MAVLink_system_time_message(round((START.timestamp() + t) * 1e6), boot))
            log(mav, t, dialect.MAVLink_attitude_message(boot, 0.0, 0.0, math.radians(350 + t - 360), 0, 0, 0))
            heading = round((350 + t) % 360 * 100)
            log(
                mav, t,
                dialect.MAVLink_global_position_int_message(
                    boot, lat, lon, round((70.5 + t) * 1000), round((60 + t) * 1000), 111, 0, -100, heading
                ),
            )  # fmt: skip
            if not v1:
                q = quaternion(yaw=30.0, pitch=-45.0 - t, roll=0.5)
                log(mav, t, dialect.MAVLink_gimbal_device_attitude_status_message(0, 0, boot, 32, q, 0, 0, 0, 0))
            if t == 10:
                log(
                    mav, t,
                    dialect.MAVLink_camera_feedback_message(0, system, 0, 3, lat, lon, 80.5, 70.0, 0, 0, 0, 0, 0),
                )  # fmt: skip
    return b"".join(out)


def quaternion(*, yaw: float, pitch: float, roll: float) -> list[float]:
    cy, sy, cp, sp, cr, sr = (
        function(math.radians(angle) / 2) for angle in (yaw, pitch, roll) for function in (math.cos, math.sin)
    )
    return [
        cr * cp * cy + sr * sp * sy,
        sr * cp * cy - cr * sp * sy,
        cr * sp * cy + sr * cp * sy,
        cr * cp * sy - sr * sp * cy,
    ]


def ulog(
    *, gimbal: bool = True, utc: bool = True, estimate: bool = True, degrees: bool = False, boot_s: float = BOOT_S
) -> bytes:
    """Return a PX4 ``.ulg``.

    Args:
        gimbal: Whether gimbal angles are logged.
        utc: Whether the receiver tells its time.
        estimate: Whether the estimator's position is logged.
        degrees: Whether the receiver's position is in degrees (PX4 1.14 and later) or in integers.
        boot_s: The log's zero on its own clock (in simulation, seconds since 1970).
    """

    def message(kind: str, body: bytes) -> bytes:
        return struct.pack("<HB", len(body), ord(kind)) + body

    formats = {
        "vehicle_global_position": "uint64_t timestamp;double lat;double lon;float alt;",
        "vehicle_gps_position": (
            "uint64_t timestamp;uint64_t time_utc_usec;"
            + (
                "double latitude_deg;double longitude_deg;double altitude_msl_m;double altitude_ellipsoid_m;"
                if degrees
                else "int32_t lat;int32_t lon;int32_t alt;int32_t alt_ellipsoid;"
            )
            + "float eph;float epv;float vel_n_m_s;float vel_e_m_s;float vel_d_m_s;"
            + "uint8_t fix_type;uint8_t vel_ned_valid;"
        ),
        "vehicle_attitude": "uint64_t timestamp;float[4] q;",
        "home_position": "uint64_t timestamp;float alt;",
        "gimbal_device_attitude_status": "uint64_t timestamp;float[4] q;uint16_t device_flags;",
        "camera_capture": "uint64_t timestamp;double lat;double lon;float alt;uint32_t seq;",
    }
    out = [b"ULog\x01\x12\x35\x01" + struct.pack("<Q", round(boot_s * 1e6))]
    out.append(message("B", bytes(8) + bytes(8) + bytes(24)))
    key = b"char[3] sys_name"
    out.append(message("I", bytes([len(key)]) + key + b"PX4"))
    out += [message("F", f"{name}:{fields}".encode()) for name, fields in formats.items()]
    out += [message("A", struct.pack("<BH", 0, number) + name.encode()) for number, name in enumerate(formats)]

    def data(name: str, layout: str, *values: Any) -> None:
        out.append(message("D", struct.pack("<H" + layout, list(formats).index(name), *values)))

    data("home_position", "Qf", round(boot_s * 1e6), 10.5)
    for t in steps():
        us = round((boot_s + t) * 1e6)
        stamp = round((START.timestamp() + t) * 1e6) if utc else 0
        lat, lon, msl = 23.12 + 1e-5 * t, 113.25, 70.5 + t
        if degrees:
            data("vehicle_gps_position", "QQdddd5fBB", us, stamp, lat, lon, msl, msl - 5, 0.8, 1.2, 1.112, 0, -1, 4, 1)
        else:
            place = (round(lat * 1e7), round(lon * 1e7), round(msl * 1e3), round((msl - 5) * 1e3))
            data("vehicle_gps_position", "QQiiii5fBB", us, stamp, *place, 0.8, 1.2, 1.112, 0, -1, 4, 1)
        if estimate:
            data("vehicle_global_position", "Qddf", us, lat, lon, msl)
        data("vehicle_attitude", "Q4f", us, *quaternion(yaw=350 + t, pitch=-2.0, roll=1.0))
        if gimbal:
            data("gimbal_device_attitude_status", "Q4fH", us, *quaternion(yaw=20 + t, pitch=-45 - t, roll=0.5), 64)
        if t == 10:
            data("camera_capture", "QddfI", us, 23.1201, 113.25, 80.5, 2)
    return b"".join(out)
