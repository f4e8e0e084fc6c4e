"""ArduPilot DataFlash logs (``.bin``): a self-describing stream of records, read without trusting it.

Format: each record is 0xA3 0x95, a type byte and a body; records of type 0x80 (FMT) define the others (ArduPilot,
``libraries/AP_Logger/LogStructure.h``). pymavlink reads these logs too, and the tests compare with it; it is not used
here because its Python indexer never returns from a record that defines a length of zero, and because it prints what it
thinks of every damaged record, and damaged logs are the rule after a crash. Bytes that are no record are skipped one by
one and counted.
"""

from __future__ import annotations

import math
import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from core.refusal import Refusal
from core.text import _
from flight.telemetry.flight_record import (
    FlightRecord,
    Place,
    axes_of,
    clock_offset,
    gps_to_unix_s,
    joined,
    place_of,
    sample,
    sound_height,
    stream_of,
)
from flight.track import Velocity

_HEAD: Final = b"\xa3\x95"
_FMT: Final = 0x80
_FMT_LENGTH: Final = 89
# Format letters: struct letter and scale (None for text).
_LETTERS: Final[dict[str, tuple[str, float | None]]] = {
    "b": ("b", 1), "B": ("B", 1), "M": ("B", 1), "h": ("h", 1), "H": ("H", 1), "i": ("i", 1), "I": ("I", 1),
    "q": ("q", 1), "Q": ("Q", 1), "f": ("f", 1), "d": ("d", 1), "g": ("e", 1),
    "c": ("h", 0.01), "C": ("H", 0.01), "e": ("i", 0.01), "E": ("I", 0.01), "L": ("i", 1e-7),
    "n": ("4s", None), "N": ("16s", None), "Z": ("64s", None), "a": ("64s", None),
}  # fmt: skip
_WANTED: Final = frozenset({"GPS", "GPA", "POS", "ATT", "MNT", "CAM", "MSG"})

Values = dict[str, float | str]


@dataclass(frozen=True, slots=True)
class _Layout:
    name: str
    length: int
    unpack: struct.Struct
    columns: tuple[str, ...]
    scales: tuple[float | None, ...]


@dataclass(slots=True)
class _Tally:
    messages: int = 0
    damaged: int = 0
    layouts: dict[int, _Layout] = field(default_factory=dict)


def read_dataflash(path: Path) -> FlightRecord | Refusal:
    """Return what an ArduPilot ``.bin`` log says.

    Positions come from POS (the estimator's) and, in logs without it, from GPS with their velocities; camera angles
    from MNT; accuracies from GPA; times from the GPS week in GPS records.

    Args:
        path: The log; opened for reading only.

    Returns:
        The record, or a refusal: "empty-file", "unreadable-file", "not-a-log", "no-position" or "no-time".
    """
    try:
        if path.stat().st_size == 0:
            return Refusal(subject=path.name, code="empty-file", reason=_("is empty (zero bytes)"))
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            tally = _Tally()
            found: dict[str, list[Values]] = {name: [] for name in _WANTED}
            for name, values in records(content, tally):
                found[name].append(values)
    except (OSError, ValueError) as problem:
        reason = _("cannot be read ({why})").format(why=getattr(problem, "strerror", None) or problem)
        return Refusal(subject=path.name, code="unreadable-file", reason=reason)
    if not tally.messages:
        return Refusal(subject=path.name, code="not-a-log", reason=_("is no ArduPilot log"))
    return _record(path.name, found, tally)


def records(content: bytes | mmap.mmap, tally: _Tally) -> Iterator[tuple[str, Values]]:
    """Yield the wanted records of a log by name; skipped bytes and read messages are counted in ``tally``."""
    view = memoryview(content)
    try:
        size, at = len(view), 0
        layouts = tally.layouts
        while at + 3 <= size:
            kind = view[at + 2]
            length = _FMT_LENGTH if kind == _FMT else layouts[kind].length if kind in layouts else 0
            if view[at] != _HEAD[0] or view[at + 1] != _HEAD[1] or length == 0 or at + length > size:
                tally.damaged += 1
                at += 1
                continue
            tally.messages += 1
            body = bytes(view[at + 3 : at + length])
            at += length
            if kind == _FMT:
                _define(body, layouts)
            elif layouts[kind].name in _WANTED:
                yield layouts[kind].name, _values(layouts[kind], body)
        tally.damaged += size - at
    finally:
        view.release()


def _define(body: bytes, layouts: dict[int, _Layout]) -> None:
    """Take in a FMT record; one whose length does not fit its format is not believed."""
    kind, length, name, letters, columns = struct.unpack("<BB4s16s64s", body)
    text = letters.rstrip(b"\0").decode("ascii", errors="replace")
    names = tuple(part for part in columns.rstrip(b"\0").decode("ascii", errors="replace").split(",") if part)
    if kind == _FMT or any(letter not in _LETTERS for letter in text) or len(names) != len(text):
        return
    unpack = struct.Struct("<" + "".join(_LETTERS[letter][0] for letter in text))
    if unpack.size + 3 == length:
        layouts[kind] = _Layout(
            name.rstrip(b"\0").decode("ascii", errors="replace"),
            length,
            unpack,
            names,
            tuple(_LETTERS[letter][1] for letter in text),
        )


def _values(layout: _Layout, body: bytes) -> Values:
    values: Values = {}
    for column, scale, raw in zip(layout.columns, layout.scales, layout.unpack.unpack(body), strict=True):
        if scale is None:
            values[column] = raw.rstrip(b"\0").decode("utf-8", errors="replace")
        else:
            values[column] = raw if scale == 1 else raw * scale
    return values


def _number(values: Values, *columns: str) -> float | None:
    """Return the first of the columns that holds a finite number."""
    for column in columns:
        value = values.get(column)
        if isinstance(value, int | float) and math.isfinite(value):
            return float(value)
    return None


def _time(values: Values) -> float:
    """Return a record's own time, seconds since power-on (NaN when it has none)."""
    microseconds = _number(values, "TimeUS")
    if microseconds is not None:
        return microseconds / 1e6
    milliseconds = _number(values, "TimeMS")
    return math.nan if milliseconds is None else milliseconds / 1e3


def _record(name: str, found: dict[str, list[Values]], tally: _Tally) -> FlightRecord | Refusal:
    fixes = [gps for gps in found["GPS"] if (_number(gps, "Status") or 0) >= 3 and not _number(gps, "I")]
    pairs = []
    for gps in fixes:
        unix = gps_to_unix_s(_number(gps, "GWk") or 0, (_number(gps, "GMS") or 0) / 1e3)
        if unix is not None and math.isfinite(_time(gps)):
            pairs.append((_time(gps), unix))
    first_fix = min((_time(gps) for gps in fixes if math.isfinite(_time(gps))), default=math.inf)
    places = [place for pos in found["POS"] if (place := _pos_place(pos)) is not None and place.t >= first_fix]
    if not places:
        places = [place for gps in fixes if (place := _gps_place(gps)) is not None]
    attitude = stream_of(((_time(att), _triple(att, "Yaw", "Pitch", "Roll")) for att in found["ATT"]), angles=True)
    gimbal = axes_of(
        (_time(mnt), _earth_gimbal(mnt, (sample(attitude, _time(mnt)) or (math.nan,))[0]))
        for mnt in found["MNT"]
        if not _number(mnt, "I")
    )
    accuracy = stream_of(
        (_time(gpa), (_number(gpa, "HAcc") or math.nan, _number(gpa, "VAcc") or math.nan))
        for gpa in found["GPA"]
        if not _number(gpa, "I")
    )
    shutters = [
        (
            _time(cam),
            int(_number(cam, "Img") or number),
            place_of(_number(cam, "Lng"), _number(cam, "Lat")),
            sound_height(_number(cam, "RelAlt")),
        )
        for number, cam in enumerate(found["CAM"], start=1)
        if math.isfinite(_time(cam))
    ]
    said = (str(message.get("Message", "")) for message in found["MSG"])
    return joined(
        name=name,
        kind="ArduPilot DataFlash",
        places=places,
        attitude=attitude,
        gimbal=gimbal,
        accuracy=accuracy,
        shutters=shutters,
        offset=clock_offset(pairs),
        vehicle=next((text for text in said if text.startswith(("Ardu", "Copter", "Plane", "Rover"))), ""),
        messages=tally.messages,
        damaged=tally.damaged,
        notes=(),
    )


def _triple(values: Values, *columns: str) -> tuple[float, ...]:
    return tuple(math.nan if (number := _number(values, column)) is None else number for column in columns)


def _earth_gimbal(mnt: Values, vehicle_yaw_deg: float) -> tuple[float, float, float]:
    """Return the camera's yaw, pitch and roll in the world; NaN where the mount does not say.

    YawE is the yaw in the world, YawB relative to the vehicle (ArduPilot 4.3 and later); one of them is NaN.
    """
    yaw = _number(mnt, "YawE")
    if yaw is None:
        body = _number(mnt, "YawB")
        yaw = math.nan if body is None else body + vehicle_yaw_deg
    _unused, pitch, roll = _triple(mnt, "YawE", "Pitch", "Roll")
    return yaw, pitch, roll


def _pos_place(pos: Values) -> Place | None:
    """Return a POS record (the estimator's position) as a place."""
    position = place_of(_number(pos, "Lng"), _number(pos, "Lat"))
    if position is None or not math.isfinite(_time(pos)):
        return None
    return Place(
        t=_time(pos),
        position=position,
        msl_m=sound_height(_number(pos, "Alt")),
        takeoff_m=sound_height(_number(pos, "RelHomeAlt")),
    )


def _gps_place(gps: Values) -> Place | None:
    """Return a GPS record as a place with its velocity."""
    position = place_of(_number(gps, "Lng"), _number(gps, "Lat"))
    if position is None or not math.isfinite(_time(gps)):
        return None
    speed, course, down = _number(gps, "Spd"), _number(gps, "GCrs"), _number(gps, "VZ")
    velocity = None
    if speed is not None and course is not None:
        velocity = Velocity(
            east_m_s=speed * math.sin(math.radians(course)),
            north_m_s=speed * math.cos(math.radians(course)),
            up_m_s=None if down is None else -down,
        )
    return Place(t=_time(gps), position=position, msl_m=sound_height(_number(gps, "Alt")), velocity=velocity)
