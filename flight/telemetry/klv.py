"""MISB ST 0601 metadata (UAS Datalink Local Set), from a bare ``.klv`` file or a stream in MPEG-TS.

Each packet is the 16-byte universal key, a BER length and items of BER-OID tag, BER length and value. The first item is
the precision time stamp (item 2, UTC microseconds), the last the checksum (item 1: running 16-bit sum over everything
up to its value). A packet whose checksum is wrong or missing gives nothing. Values are mapped linearly from integers to
their range with the standard's "out of range" codes; of the items that ST 1201's IMAPB maps, the one that a pose needs
is read (104).

Where the camera looks is the chain of the platform's attitude (items 5, 6, 7; 90, 91 with the full range) and the
sensor's angles relative to it (18, 19, 20); all six must be there. Heights: item 15 is above mean sea level (EGM96),
items 75 and 104 above the ellipsoid. No library that is kept up verifies checksums and out-of-range codes, so the
parser is ours.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.heights import Geoid, HaeHeight, MslHeight
from core.points import GeoPoint
from core.refusal import Refusal
from core.text import _
from flight.track import Pose, Track

UNIVERSAL_KEY: Final = bytes.fromhex("060e2b34020b01010e01030101000000")
MAX_PACKET_BYTES: Final = 65_536
MAX_FILE_BYTES: Final = 1 << 30
EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(2100, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Linear:
    """How an item's integer becomes a number: ``bits`` wide, signed or not, over [low, high]."""

    bits: int
    low: float
    high: float
    signed: bool = False


# ST 0601.17, clause 8: item number to mapping. Signed items map ±(2^(n-1) - 1); -2^(n-1) means out of range.
ITEMS: Final[dict[int, _Linear]] = {
    5: _Linear(bits=16, low=0, high=360),  # platform heading
    6: _Linear(bits=16, low=-20, high=20, signed=True),  # platform pitch
    7: _Linear(bits=16, low=-50, high=50, signed=True),  # platform roll
    13: _Linear(bits=32, low=-90, high=90, signed=True),  # sensor latitude
    14: _Linear(bits=32, low=-180, high=180, signed=True),  # sensor longitude
    15: _Linear(bits=16, low=-900, high=19_000),  # sensor true altitude, MSL
    16: _Linear(bits=16, low=0, high=180),  # horizontal field of view
    17: _Linear(bits=16, low=0, high=180),  # vertical field of view
    18: _Linear(bits=32, low=0, high=360),  # sensor relative azimuth
    19: _Linear(bits=32, low=-180, high=180, signed=True),  # sensor relative elevation
    20: _Linear(bits=32, low=0, high=360),  # sensor relative roll
    21: _Linear(bits=32, low=0, high=5_000_000),  # slant range
    23: _Linear(bits=32, low=-90, high=90, signed=True),  # frame centre latitude
    24: _Linear(bits=32, low=-180, high=180, signed=True),  # frame centre longitude
    25: _Linear(bits=16, low=-900, high=19_000),  # frame centre elevation, MSL
    75: _Linear(bits=16, low=-900, high=19_000),  # sensor ellipsoid height
    90: _Linear(bits=32, low=-90, high=90, signed=True),  # platform pitch, full
    91: _Linear(bits=32, low=-90, high=90, signed=True),  # platform roll, full
}
_TEXTS: Final = {3: "mission", 4: "tail number", 10: "platform", 11: "sensor"}
_IMAPB_HEIGHT: Final = (-900.0, 40_000.0)  # item 104


@dataclass(frozen=True, slots=True, kw_only=True)
class KlvRecord:
    """One packet that was read and verified.

    Attributes:
        at: Precision time stamp, aware UTC.
        values: Items of :data:`ITEMS` and 104 by number, in degrees and metres; items out of range are absent.
        texts: Mission, tail number, platform, sensor, where written.
        pts_s: Presentation time in the video, seconds, or None for a bare file.
    """

    at: datetime
    values: dict[int, float]
    texts: dict[str, str]
    pts_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KlvTelemetry:
    """What the metadata of a file says.

    Attributes:
        source: File name and kind.
        records: Packets that were read, in the order of the file.
        refused: Packets that were not: "checksum-wrong", "no-checksum", "no-time", "cut-off", "malformed".
        track: Poses with a position, in rising order of time.
        assumptions: What was assumed, as sentences.
    """

    source: str
    records: tuple[KlvRecord, ...]
    refused: tuple[Refusal, ...]
    track: Track
    assumptions: tuple[str, ...] = ()


def read_klv(path: Path) -> KlvTelemetry | Refusal:
    """Return what a bare KLV file says.

    Args:
        path: The file; opened for reading only.

    Returns:
        The telemetry, or a refusal: "empty-file", "unreadable-file", "oversized-file" or "no-telemetry".
    """
    try:
        size = path.stat().st_size
        content = path.read_bytes() if size <= MAX_FILE_BYTES else b""
    except OSError as problem:
        reason = _("cannot be read ({why})").format(why=problem.strerror or problem)
        return Refusal(subject=path.name, code="unreadable-file", reason=reason)
    if size > MAX_FILE_BYTES:
        return Refusal(subject=path.name, code="oversized-file", reason=_("holds more than a gigabyte of metadata"))
    if not content:
        return Refusal(subject=path.name, code="empty-file", reason=_("is empty (zero bytes)"))
    return read_klv_packets(((None, content),), name=path.name)


def read_klv_packets(chunks: Sequence[tuple[float | None, bytes]], *, name: str) -> KlvTelemetry | Refusal:
    """Return what chunks of metadata say, each with the video time it belongs to.

    Args:
        chunks: (seconds of the video or None, bytes); a chunk may hold several packets.
        name: File name, for people.

    Returns:
        As :func:`read_klv`.
    """
    records: list[KlvRecord] = []
    refused: list[Refusal] = []
    number = 0
    for pts_s, content in chunks:
        for body in _packets(content):
            number += 1
            record = _read_packet(body, pts_s)
            if isinstance(record, KlvRecord):
                records.append(record)
            else:
                refused.append(Refusal(subject=f"{name} #{number}", code=record, reason=_why(record)))
    if not records:
        codes = ", ".join(sorted({refusal.code for refusal in refused})) or "-"
        reason = _("holds no MISB ST 0601 packet that can be believed ({count} refused: {codes})").format(
            count=len(refused), codes=codes
        )
        return Refusal(subject=name, code="no-telemetry", reason=reason)
    source = f"{name}, MISB ST 0601"
    poses: list[Pose] = []
    for record in records:
        pose = pose_of(record)
        if pose.position is not None and (not poses or pose.captured_at > poses[-1].captured_at):
            poses.append(pose)
    return KlvTelemetry(
        source=source,
        records=tuple(records),
        refused=tuple(refused),
        track=Track(poses=tuple(poses), source=source),
    )


def _why(code: str) -> str:
    """Return for a person why a packet gave nothing."""
    return {
        "checksum-wrong": _("its checksum is wrong"),
        "no-checksum": _("has no checksum"),
        "no-time": _("has no time stamp"),
        "cut-off": _("is cut off"),
        "malformed": _("is malformed"),
    }[code]


def pose_of(record: KlvRecord) -> Pose:
    """Return a packet's pose; what the packet lacks is absent."""
    values = record.values
    lon, lat = values.get(14), values.get(13)
    position = None
    if lon is not None and lat is not None and (lon, lat) != (0.0, 0.0):
        position = GeoPoint(lon_deg=lon, lat_deg=lat)
    msl, hae = values.get(15), values.get(104, values.get(75))
    yaw, pitch, roll = _camera_angles(values)
    return Pose(
        captured_at=record.at,
        position=position,
        height_msl=None if msl is None else MslHeight(metres=msl, geoid=Geoid.EGM96),
        height_hae=None if hae is None else HaeHeight(metres=hae),
        yaw_deg=yaw,
        pitch_deg=pitch,
        roll_deg=roll,
    )


def _camera_angles(values: dict[int, float]) -> tuple[float | None, float | None, float | None]:
    """Return the camera's yaw, pitch and roll in the world: platform attitude, then the sensor's angles on it."""
    six = (
        values.get(5),
        values.get(90, values.get(6)),
        values.get(91, values.get(7)),
        *(values.get(n) for n in (18, 19, 20)),
    )
    known = [angle for angle in six if angle is not None]
    if len(known) < 6:
        return None, None, None
    chain = _rotation(*known[:3]) @ _rotation(*known[3:])
    yaw = math.degrees(math.atan2(chain[1, 0], chain[0, 0])) % 360
    pitch = math.degrees(math.asin(max(-1.0, min(1.0, -float(chain[2, 0])))))
    roll = math.degrees(math.atan2(chain[2, 1], chain[2, 2]))
    return yaw, pitch, roll


def _rotation(yaw_deg: float, pitch_deg: float, roll_deg: float) -> NDArray[np.float64]:
    """Return the (3, 3) rotation from body (forward, right, down) to its reference, by yaw, pitch, roll."""
    (cy, sy), (cp, sp), (cr, sr) = (
        (math.cos(math.radians(angle)), math.sin(math.radians(angle))) for angle in (yaw_deg, pitch_deg, roll_deg)
    )
    return np.array(
        [
            [cy * cp, cy * sp * sr - sy * cr, cy * sp * cr + sy * sr],
            [sy * cp, sy * sp * sr + cy * cr, sy * sp * cr - cy * sr],
            [-sp, cp * sr, cp * cr],
        ]
    )


def _packets(content: bytes) -> Iterator[bytes]:
    """Yield the packets, key included, each cut at its stated length (or at the content's end)."""
    at = content.find(UNIVERSAL_KEY)
    while at >= 0:
        length = _ber_length(content, at + 16)
        if length is None or length[0] > MAX_PACKET_BYTES:
            at = content.find(UNIVERSAL_KEY, at + 1)
            continue
        stop = length[1] + length[0]
        yield content[at:stop]
        at = content.find(UNIVERSAL_KEY, max(at + 16, min(stop, len(content))))


def _ber_length(content: bytes, at: int) -> tuple[int, int] | None:
    """Return a BER length and where its value begins, or None."""
    if at >= len(content):
        return None
    first = content[at]
    if first < 0x80:
        return first, at + 1
    count = first & 0x7F
    if not 1 <= count <= 4 or at + 1 + count > len(content):
        return None
    return int.from_bytes(content[at + 1 : at + 1 + count], "big"), at + 1 + count


def checksum(content: bytes) -> int:
    """Return ST 0601's running 16-bit sum: bytes at even places count in the high half."""
    return (sum(content[0::2]) * 256 + sum(content[1::2])) & 0xFFFF


def _read_packet(packet: bytes, pts_s: float | None) -> KlvRecord | str:
    """Return the record of one packet, or why there is none (a code of :func:`_why`)."""
    length = _ber_length(packet, 16)
    if length is None or length[1] + length[0] != len(packet):
        return "cut-off"
    items = _items(packet, length[1])
    if items is None:
        return "malformed"
    wrong = _checksum_problem(packet, items)
    if wrong:
        return wrong
    at = _time_of(items.get(2, b""))
    if at is None:
        return "no-time"
    values = {number: value for number, raw in items.items() if (value := _value(number, raw)) is not None}
    texts = {
        name: items[number].decode("utf-8", errors="replace").strip("\0 ")
        for number, name in _TEXTS.items()
        if number in items
    }
    return KlvRecord(at=at, values=values, texts=texts, pts_s=pts_s)


def _checksum_problem(packet: bytes, items: dict[int, bytes]) -> str:
    """Return why a packet's checksum does not hold, or "" when it does."""
    if len(items.get(1, b"")) != 2:
        return "no-checksum"
    sound = packet.endswith(items[1]) and checksum(packet[:-2]) == int.from_bytes(items[1], "big")
    return "" if sound else "checksum-wrong"


def _time_of(raw: bytes) -> datetime | None:
    """Return the precision time stamp, or None when there is none that can be."""
    microseconds = int.from_bytes(raw, "big") if len(raw) == 8 else 0
    if not EARLIEST.timestamp() * 1e6 < microseconds < LATEST.timestamp() * 1e6:
        return None
    return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=microseconds)


def _items(packet: bytes, at: int) -> dict[int, bytes] | None:
    """Return the items of a local set by number (of two with one number the first), or None when they do not add up."""
    items: dict[int, bytes] = {}
    while at < len(packet):
        number = 0
        while at < len(packet):  # BER-OID: seven bits a byte, the high bit says "more"
            byte = packet[at]
            at += 1
            number = number << 7 | byte & 0x7F
            if byte < 0x80:
                break
        length = _ber_length(packet, at)
        if length is None or length[1] + length[0] > len(packet) or number > 1 << 21:
            return None
        items.setdefault(number, packet[length[1] : length[1] + length[0]])
        at = length[1] + length[0]
    return items


def _value(number: int, raw: bytes) -> float | None:
    """Return an item as a number, or None when it is another kind of item, of a wrong length or out of range."""
    if number == 104:
        return _imapb(raw, *_IMAPB_HEIGHT)
    mapping = ITEMS.get(number)
    if mapping is None or len(raw) * 8 != mapping.bits:
        return None
    integer = int.from_bytes(raw, "big", signed=mapping.signed)
    if not mapping.signed:
        return mapping.low + integer * (mapping.high - mapping.low) / ((1 << mapping.bits) - 1)
    if integer == -(1 << (mapping.bits - 1)):
        return None
    return integer * mapping.high / ((1 << (mapping.bits - 1)) - 1)


def _imapb(raw: bytes, low: float, high: float) -> float | None:
    """Return a number mapped with IMAPB (ST 1201.5, clause 7), or None for special values and lengths that are none.

    A power-of-two scale, and an offset that makes zero exact. The highest bit marks special values (infinities, NaN),
    except alone, where it is the upper end of the range.
    """
    integer = int.from_bytes(raw, "big")
    if not 1 <= len(raw) <= 8 or integer > 1 << (8 * len(raw) - 1):
        return None
    forward = 2.0 ** ((8 * len(raw) - 1) - math.ceil(math.log2(high - low)))
    zero = forward * low - math.floor(forward * low) if low < 0 < high else 0.0
    value = (integer - zero) / forward + low
    return value if low <= value <= high else None
