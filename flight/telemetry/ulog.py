"""PX4 ULog files (``.ulg``), read with pyulog.

pyulog parses; which topics say what, and since which PX4 version under which name, is settled here. Heights are above
mean sea level as PX4's estimator has them; the height above take-off is against ``home_position``. Times come from the
GPS topic that carries UTC beside the log's clock.
"""

from __future__ import annotations

import contextlib
import io
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from core.refusal import Refusal
from core.text import _
from flight.telemetry.flight_record import (
    FlightRecord,
    Place,
    axes_of,
    clock_offset,
    joined,
    place_of,
    quaternion_angles_deg,
    sound_height,
    stream_of,
)
from flight.track import Velocity

_MAGIC: Final = b"ULog\x01\x12\x35"
_TOPICS: Final = [
    "vehicle_global_position", "vehicle_gps_position", "sensor_gps", "vehicle_attitude", "home_position",
    "gimbal_device_attitude_status", "camera_capture",
]  # fmt: skip
_EARLIEST_US: Final = 946_684_800_000_000  # 2000-01-01


def read_ulog(path: Path) -> FlightRecord | Refusal:
    """Return what a PX4 ULog says.

    Args:
        path: The log; opened for reading only.

    Returns:
        The record, or a refusal: "empty-file", "unreadable-file", "not-a-log", "no-position" or "no-time".
    """
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError as problem:
        reason = _("cannot be read ({why})").format(why=problem.strerror or problem)
        return Refusal(subject=path.name, code="unreadable-file", reason=reason)
    if not head:
        return Refusal(subject=path.name, code="empty-file", reason=_("is empty (zero bytes)"))
    if not head.startswith(_MAGIC):
        return Refusal(subject=path.name, code="not-a-log", reason=_("is no PX4 log"))
    from pyulog import ULog

    try:
        with path.open("rb") as file, contextlib.redirect_stdout(io.StringIO()):  # pyulog prints what it thinks
            log = ULog(file, _TOPICS)
    except Exception as problem:  # noqa: BLE001 - the driver's border: pyulog raises what the bytes provoke
        reason = _("is damaged ({why})").format(why=type(problem).__name__)
        return Refusal(subject=path.name, code="not-a-log", reason=reason)
    return _record(path.name, log)


def _rows(log: Any, *names: str) -> Iterator[dict[str, float]]:  # noqa: ANN401 - pyulog has no types
    """Yield the rows of the first instance of the first topic that the log holds, in plain numbers."""
    for name in names:
        topics = [
            topic for topic in log.data_list if topic.name == name and topic.multi_id == 0 and "timestamp" in topic.data
        ]
        if topics:
            columns = topics[0].data
            length = min((len(column) for column in columns.values()), default=0)
            lists = {key: column[:length].tolist() for key, column in columns.items()}
            for index in range(length):
                yield {key: float(column[index]) for key, column in lists.items()}
            return


def _record(name: str, log: Any) -> FlightRecord | Refusal:  # noqa: ANN401 - pyulog has no types
    gps = list(_rows(log, "vehicle_gps_position", "sensor_gps"))
    fixed = [row for row in gps if row.get("fix_type", 0) >= 3]
    pairs = [
        (row["timestamp"] / 1e6, row["time_utc_usec"] / 1e6)
        for row in fixed
        if row.get("time_utc_usec", 0) > _EARLIEST_US
    ]
    first_fix = min((row["timestamp"] / 1e6 for row in fixed), default=math.inf)
    home = next((row.get("alt") for row in _rows(log, "home_position") if row.get("valid_alt", 1)), None)
    places = [
        place
        for row in _rows(log, "vehicle_global_position")
        if (place := _estimated_place(row, home)) is not None and place.t >= first_fix
    ] or [place for row in fixed if (place := _gps_place(row)) is not None]
    attitude = stream_of(_attitudes(_rows(log, "vehicle_attitude")), angles=True)
    in_world = (
        row for row in _rows(log, "gimbal_device_attitude_status") if int(row.get("device_flags", 0)) & (64 | 16)
    )
    shutters = [
        (
            row["timestamp"] / 1e6,
            int(row.get("seq", index)) + 1,
            place_of(row.get("lon"), row.get("lat")),
            None if home is None else sound_height(row.get("alt", math.nan) - home),
        )
        for index, row in enumerate(_rows(log, "camera_capture"))
    ]
    offset = clock_offset(pairs)
    notes = [] if not log.file_corruption else [_("the log is damaged; what could be read was read")]
    return joined(
        name=name,
        kind="PX4 ULog",
        places=places,
        attitude=attitude,
        gimbal=axes_of(_attitudes(in_world)),
        accuracy=stream_of((row["timestamp"] / 1e6, (row.get("eph", 0.0), row.get("epv", 0.0))) for row in fixed),
        shutters=shutters,
        offset=offset,
        vehicle=str(log.msg_info_dict.get("sys_name", "")),
        messages=sum(len(topic.data.get("timestamp", ())) for topic in log.data_list),
        damaged=0,
        notes=notes,
    )


def _estimated_place(row: dict[str, float], home: float | None) -> Place | None:
    """Return the estimator's position as a place."""
    position = place_of(row.get("lon"), row.get("lat")) if row.get("lat_lon_valid", 1) else None
    if position is None:
        return None
    msl = sound_height(row.get("alt")) if row.get("alt_valid", 1) else None
    takeoff = None if msl is None or home is None else sound_height(msl - home)
    hae = sound_height(row.get("alt_ellipsoid")) if row.get("alt_ellipsoid") and row.get("alt_valid", 1) else None
    return Place(t=row["timestamp"] / 1e6, position=position, msl_m=msl, takeoff_m=takeoff, hae_m=hae)


def _gps_place(row: dict[str, float]) -> Place | None:
    """Return the receiver's position as a place, for logs without an estimate (integers until PX4 1.14)."""
    if "latitude_deg" in row:
        lon, lat = row.get("longitude_deg"), row["latitude_deg"]
        msl, hae = row.get("altitude_msl_m"), row.get("altitude_ellipsoid_m")
    elif "lat" in row and "lon" in row:
        lon, lat = row["lon"] / 1e7, row["lat"] / 1e7
        msl, hae = (row[name] / 1e3 if name in row else None for name in ("alt", "alt_ellipsoid"))
    else:
        return None
    position = place_of(lon, lat)
    north, east, down = (row.get(f"vel_{axis}_m_s", math.nan) for axis in ("n", "e", "d"))
    moving = bool(row.get("vel_ned_valid")) and all(map(math.isfinite, (north, east, down)))
    if position is None:
        return None
    return Place(
        t=row["timestamp"] / 1e6,
        position=position,
        msl_m=sound_height(msl),
        hae_m=sound_height(hae),
        velocity=Velocity(east_m_s=east, north_m_s=north, up_m_s=-down) if moving else None,
    )


def _attitudes(rows: Iterator[dict[str, float]]) -> Iterator[tuple[float, tuple[float, float, float]]]:
    """Yield time and yaw, pitch, roll of rows with a quaternion."""
    for row in rows:
        if all(f"q[{i}]" in row for i in range(4)):
            angles = quaternion_angles_deg(*(row[f"q[{i}]"] for i in range(4)))
            if angles is not None:
                yield row["timestamp"] / 1e6, angles
