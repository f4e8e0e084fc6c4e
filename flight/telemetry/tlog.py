"""MAVLink telemetry logs of ground stations (``.tlog``): time stamps of the station, messages of the vehicle.

Each record is eight bytes of the station's clock (microseconds since 1970, big-endian) and one MAVLink frame. The
frames are cut out here, so that damage costs only the damaged bytes; pymavlink's dialect (``ardupilotmega``) verifies
each checksum and decodes. Poses are timed by the vehicle's own clock where it tells its GPS time (SYSTEM_TIME), and the
offset of the station's clock is stated; otherwise the station's clock is used, and said so.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from core.points import GeoPoint
from core.refusal import Refusal
from core.text import _
from flight.telemetry.flight_record import (
    FlightRecord,
    Place,
    Stream,
    axes_of,
    clock_offset,
    joined,
    place_of,
    quaternion_angles_deg,
    sample,
    sound_height,
    stream_of,
)
from flight.track import Velocity

_V1: Final = 0xFE
_V2: Final = 0xFD
_SIGNED: Final = 0x01
_YAW_IN_EARTH_FRAME: Final = 64  # GIMBAL_DEVICE_FLAGS_YAW_IN_EARTH_FRAME
_YAW_LOCK: Final = 16  # in the first dialects a locked yaw was the sign of the earth frame
_LATEST_S: Final = 4_102_444_800  # 2100-01-01, for telling time stamps from noise
_EARLIEST_S: Final = 946_684_800  # 2000-01-01
_WANTED: Final = frozenset(
    {
        "HEARTBEAT", "SYSTEM_TIME", "GLOBAL_POSITION_INT", "GPS_RAW_INT", "ATTITUDE", "GIMBAL_DEVICE_ATTITUDE_STATUS",
        "MOUNT_ORIENTATION", "CAMERA_FEEDBACK", "CAMERA_IMAGE_CAPTURED",
    }
)  # fmt: skip
_GCS: Final = 6  # MAV_TYPE_GCS
_AUTOPILOT: Final = 1  # MAV_COMP_ID_AUTOPILOT1

Stamped = tuple[float, Any]


def read_tlog(path: Path, *, system_id: int | None = None) -> FlightRecord | Refusal:
    """Return what a ground station's telemetry log says of one vehicle.

    Args:
        path: The log; opened for reading only.
        system_id: The vehicle, for logs of several; None when the log holds one.

    Returns:
        The record, or a refusal: "empty-file", "unreadable-file", "not-a-log", "several-vehicles", "no-position" or
        "no-time".
    """
    try:
        content = path.read_bytes()
    except OSError as problem:
        reason = _("cannot be read ({why})").format(why=problem.strerror or problem)
        return Refusal(subject=path.name, code="unreadable-file", reason=reason)
    if not content:
        return Refusal(subject=path.name, code="empty-file", reason=_("is empty (zero bytes)"))
    damaged = [0]
    stamped = list(messages(content, damaged))
    if not stamped:
        return Refusal(subject=path.name, code="not-a-log", reason=_("is no MAVLink telemetry log"))
    vehicles = sorted(
        {
            message.get_srcSystem()
            for _at, message in stamped
            if message.get_type() == "GLOBAL_POSITION_INT" and message.get_srcComponent() == _AUTOPILOT
        }
    )
    if system_id is None and len(vehicles) > 1:
        return Refusal(
            subject=path.name,
            code="several-vehicles",
            reason=_("holds several vehicles: {vehicles}").format(vehicles=", ".join(map(str, vehicles))),
            remedy=_("Name one of them."),
        )
    chosen = system_id if system_id is not None else (vehicles[0] if vehicles else -1)
    mine = [(at, message) for at, message in stamped if message.get_srcSystem() == chosen]
    return _record(path.name, mine, read=len(stamped), damaged=damaged[0])


def messages(content: bytes, damaged: list[int], wanted: frozenset[str] = _WANTED) -> Iterator[Stamped]:
    """Yield the station's time (seconds since 1970) and the wanted messages, decoded.

    Args:
        content: The log.
        damaged: Its first entry is raised by every byte that belongs to no sound frame.
        wanted: Names of the messages wanted.
    """
    from pymavlink.dialects.v20 import ardupilotmega as dialect

    names = {number: kind.msgname for number, kind in dialect.mavlink_map.items()}
    decoder = dialect.MAVLink(None)
    at, size = 0, len(content)
    while at + 8 + 8 <= size:
        stamp_s = int.from_bytes(content[at : at + 8], "big") / 1e6
        framed = _frame(content, at + 8)
        if framed is None or not _EARLIEST_S < stamp_s < _LATEST_S:
            damaged[0] += 1
            at += 1
            continue
        number, length = framed
        if number not in names or names[number] in wanted:
            message = _decoded(decoder, dialect, content[at + 8 : at + 8 + length])
            if message is None and number in names:
                damaged[0] += 1
                at += 1
                continue
            if message is not None and message.get_type() in wanted:
                yield stamp_s, message
        at += 8 + length
    damaged[0] += size - at


def _frame(content: bytes, at: int) -> tuple[int, int] | None:
    """Return message number and length of the frame at ``at``, or None when there is none or it is cut off."""
    magic = content[at]
    if magic == _V1:
        number, length = content[at + 5], content[at + 1] + 8
    elif magic == _V2 and at + 10 <= len(content):
        number = int.from_bytes(content[at + 7 : at + 10], "little")
        length = content[at + 1] + 12 + (13 if content[at + 2] & _SIGNED else 0)
    else:
        return None
    return (number, length) if at + length <= len(content) else None


def _decoded(decoder: Any, dialect: Any, frame: bytes) -> Any | None:  # noqa: ANN401 - pymavlink has no types
    """Return the message of a frame whose checksum is right, else None."""
    try:
        return decoder.decode(bytearray(frame))
    except dialect.MAVError:
        return None
    except Exception:  # noqa: BLE001 - the driver's border: a damaged payload makes the decoder raise what it likes
        return None


def _record(name: str, mine: list[Stamped], *, read: int, damaged: int) -> FlightRecord | Refusal:
    by_type: dict[str, list[Stamped]] = {}
    for at, message in mine:
        by_type.setdefault(message.get_type(), []).append((at, message))

    def of(kind: str) -> list[Stamped]:
        return by_type.get(kind, [])

    has_fix = [at for at, gps in of("GPS_RAW_INT") if gps.fix_type >= 3]
    first_fix = min(has_fix, default=-math.inf if not of("GPS_RAW_INT") else math.inf)
    # Seconds since the vehicle's power-on, and what that is on the station's clock.
    boots = [(message.time_boot_ms / 1e3, at) for at, message in of("GLOBAL_POSITION_INT")]
    station = clock_offset(boots)
    by_gps = clock_offset(
        (message.time_boot_ms / 1e3, message.time_unix_usec / 1e6)
        for _at, message in of("SYSTEM_TIME")
        if _EARLIEST_S < message.time_unix_usec / 1e6 < _LATEST_S
    )
    notes = []
    if by_gps is None:
        notes.append(_("times are the ground station's clock; the vehicle did not tell its GPS time"))
    elif station is not None:
        apart = station[0] - by_gps[0]
        notes.append(_("the ground station's clock is {apart:+.2f} s from GPS time").format(apart=apart))
    shift = station[0] if station is not None else 0.0
    places = [
        place for at, message in of("GLOBAL_POSITION_INT") if at >= first_fix and (place := _place(message)) is not None
    ]
    attitude = stream_of(
        (
            (m.time_boot_ms / 1e3, tuple(math.degrees(angle) for angle in (m.yaw, m.pitch, m.roll)))
            for _at, m in of("ATTITUDE")
        ),
        angles=True,
    )
    accuracy = stream_of(
        (at - shift, (m.h_acc / 1e3, m.v_acc / 1e3))
        for at, m in of("GPS_RAW_INT")
        if getattr(m, "h_acc", 0) > 0 and getattr(m, "v_acc", 0) > 0
    )
    kinds = Counter(m.type for _at, m in of("HEARTBEAT") if m.type != _GCS)
    return joined(
        name=name,
        kind="MAVLink tlog",
        places=places,
        attitude=attitude,
        gimbal=_gimbal(of, attitude),
        accuracy=accuracy,
        shutters=_shutters(of, shift),
        offset=by_gps or station,
        vehicle=f"MAV_TYPE {kinds.most_common(1)[0][0]}" if kinds else "",
        messages=read,
        damaged=damaged,
        notes=notes,
    )


def _gimbal(of: Callable[[str], list[Stamped]], attitude: Stream) -> tuple[Stream, Stream, Stream]:
    """Return where the camera looks: from the gimbal device, else from the mount."""
    by_device = [
        (m.time_boot_ms / 1e3, _gimbal_angles(m, sample(attitude, m.time_boot_ms / 1e3)))
        for _at, m in of("GIMBAL_DEVICE_ATTITUDE_STATUS")
    ]
    by_mount = [(m.time_boot_ms / 1e3, (_absolute_yaw(m), m.pitch, m.roll)) for _at, m in of("MOUNT_ORIENTATION")]
    return axes_of(by_device or by_mount)


def _shutters(
    of: Callable[[str], list[Stamped]], shift: float
) -> list[tuple[float, int, GeoPoint | None, float | None]]:
    """Return the photographs: from the autopilot's feedback (station time), else from the camera (vehicle time)."""
    return [
        (at - shift, m.img_idx, place_of(m.lng / 1e7, m.lat / 1e7), sound_height(m.alt_rel))
        for at, m in of("CAMERA_FEEDBACK")
    ] or [
        (
            m.time_boot_ms / 1e3,
            m.image_index + 1,
            place_of(m.lon / 1e7, m.lat / 1e7),
            sound_height(m.relative_alt / 1e3),
        )
        for _at, m in of("CAMERA_IMAGE_CAPTURED")
        if m.capture_result == 1
    ]


def _place(message: Any) -> Place | None:  # noqa: ANN401 - pymavlink has no types
    position = place_of(message.lon / 1e7, message.lat / 1e7)
    if position is None:
        return None
    return Place(
        t=message.time_boot_ms / 1e3,
        position=position,
        msl_m=sound_height(message.alt / 1e3),
        takeoff_m=sound_height(message.relative_alt / 1e3),
        velocity=Velocity(east_m_s=message.vy / 100, north_m_s=message.vx / 100, up_m_s=-message.vz / 100),
    )


def _gimbal_angles(message: Any, vehicle: tuple[float, ...] | None) -> tuple[float, float, float]:  # noqa: ANN401
    """Return the camera's yaw, pitch and roll in the world (MAVLink gimbal protocol v2: yaw of vehicle or of earth)."""
    angles = quaternion_angles_deg(*message.q)
    if angles is None:
        return math.nan, math.nan, math.nan
    yaw, pitch, roll = angles
    if message.flags & (_YAW_IN_EARTH_FRAME | _YAW_LOCK):
        return yaw, pitch, roll
    return math.nan if vehicle is None else yaw + vehicle[0], pitch, roll


def _absolute_yaw(message: Any) -> float:  # noqa: ANN401 - pymavlink has no types
    """Return MOUNT_ORIENTATION's yaw relative to north; NaN in the first form of the message, which lacks it."""
    return float(getattr(message, "yaw_absolute", math.nan))
