"""The driver for FLIR's radiometric JPEGs: cameras by FLIR, and DJI's XT and XT2, which carry FLIR cores.

Layout (as ExifTool documents it; FLIR publishes none): APP1 segments of ``FLIR`` and a zero byte, version, number of
the piece, number of the last piece; their bodies together are one FFF file. Its header of 64 bytes names a directory of
records of 32 bytes: kind, …, offset, length. Kind 1 is the raw image (PNG or bare 16-bit numbers behind a header of 32
bytes), kind 0x20 the camera's record with what the temperature depends on. Header and records state their own byte
order.

Cameras write the PNG's 16-bit numbers in the wrong order, and not all of them do. Which order it is, the picture says:
neighbours are alike in the right one, and the camera's record names the range that the numbers must lie in.
"""

from __future__ import annotations

import io
import math
import struct
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.refusal import Refusal
from core.text import _
from detection.thermal.jpeg_segments import SegmentsBroken, is_jpeg, segments_of
from detection.thermal.planck import Calibration, Path, counts_through, kelvin_through, sigma_through
from detection.thermal.thermogram import (
    AS_WRITTEN,
    LEAST_SIDE_PX,
    MOST_SIDE_PX,
    ZERO_CELSIUS_K,
    Conditions,
    Scale,
    Thermogram,
)

_APP1: Final = 0xE1
_TAG: Final = b"FLIR\x00"
_HEADER: Final = 8  # the tag, version, number, last number
_RAW: Final = 0x01
_CAMERA: Final = 0x20
_ENTRY: Final = 32
_RAW_HEADER: Final = 32
_CAMERA_LEAST: Final = 0x314
_PNG: Final = b"\x89PNG\r\n\x1a\n"

ACCURACY_K: Final = 5.0
ACCURACY_SHARE: Final = 0.05
"""FLIR Vue Pro R and DJI Zenmuse XT, specifications: ± 5 °C or ± 5 % of the reading."""
_BEYOND_SHARE: Final = 0.005
_AS_DELIVERED_M: Final = 5.0  # a stated distance below this is the maker's default, not an aircraft's height


class _Unfit(ValueError):
    """The bytes are no whole measurement; the text says why, as a clause for a person."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class FlirDriver:
    """Reads FLIR's radiometric JPEGs."""

    def recognises(self, content: bytes) -> bool:
        """Return whether a JPEG carries FLIR's segments, whole or damaged."""
        if not is_jpeg(content):
            return False
        try:
            return any(part.marker == _APP1 and part.body.startswith(_TAG) for part in segments_of(content))
        except SegmentsBroken:
            return b"\xff\xe1" in content and _TAG in content[:200_000]

    def read(self, content: bytes, *, name: str, conditions: Conditions = AS_WRITTEN) -> Thermogram | Refusal:
        """Return temperatures with their errors; see :class:`detection.thermal.thermogram.ThermalDriver`.

        Refusals: "truncated-thermal", "damaged-thermal", "no-calibration".
        """
        try:
            records = _records(_joined(content))
            counts = _counts(records)
            return _thermogram(counts, _camera_record(records), conditions)
        except SegmentsBroken as broken:
            return _refused(name, "truncated-thermal", _("its segments break off ({why})").format(why=broken))
        except _Unfit as unfit:
            return _refused(name, unfit.code, str(unfit))


def _refused(name: str, code: str, reason: str) -> Refusal:
    remedy = _("Copy it from the card again; editing and messengers take thermal data away.")
    return Refusal(subject=name, code=code, reason=reason, remedy=remedy)


def _joined(content: bytes) -> bytes:
    """Return the FFF file that the segments hold."""
    pieces: dict[int, bytes] = {}
    last: set[int] = set()
    for part in segments_of(content):
        if part.marker != _APP1 or not part.body.startswith(_TAG):
            continue
        if len(part.body) < _HEADER or part.body[6] in pieces:
            raise _Unfit("damaged-thermal", _("a thermal segment is too short or is there twice"))
        pieces[part.body[6]] = part.body[_HEADER:]
        last.add(part.body[7])
    if len(last) != 1:
        raise _Unfit("damaged-thermal", _("its thermal segments do not agree on how many they are"))
    wanted = range(last.pop() + 1)
    missing = [number for number in wanted if number not in pieces]
    if missing or len(pieces) != len(wanted):
        raise _Unfit(
            "truncated-thermal",
            _("of {count} thermal segments {missing} are missing").format(count=len(wanted), missing=len(missing)),
        )
    return b"".join(pieces[number] for number in wanted)


def _records(fff: bytes) -> dict[int, bytes]:
    """Return the records by kind; of a kind that is there twice, the first."""
    if len(fff) < 64 or fff[:4] not in {b"FFF\x00", b"AFF\x00"}:
        raise _Unfit("damaged-thermal", _("its thermal segments are no FFF file"))
    order = next((order for order in "><" if 100 <= struct.unpack_from(order + "I", fff, 0x14)[0] < 200), None)
    if order is None:
        raise _Unfit("damaged-thermal", _("its FFF file is of an unknown version"))
    start, count = struct.unpack_from(order + "II", fff, 0x18)
    if not 0 < count <= 256 or start + count * _ENTRY > len(fff):
        raise _Unfit("truncated-thermal", _("the directory of its FFF file reaches beyond the file"))
    found: dict[int, bytes] = {}
    for number in range(count):
        kind, _sub, _version, _index, offset, length = struct.unpack_from(
            order + "HHIIII", fff, start + number * _ENTRY
        )
        if kind and kind not in found:
            if offset + length > len(fff):
                raise _Unfit("truncated-thermal", _("a record of its FFF file reaches beyond the file"))
            found[kind] = fff[offset : offset + length]
    return found


def _order(record: bytes, says: int) -> str:
    """Return a record's byte order by its first number, which is known."""
    for order in "<>":
        if struct.unpack_from(order + "H", record)[0] == says:
            return order
    raise _Unfit("damaged-thermal", _("a record of its FFF file states no byte order"))


def _camera_record(records: dict[int, bytes]) -> tuple[bytes, str]:
    record = records.get(_CAMERA, b"")
    if len(record) < _CAMERA_LEAST:
        raise _Unfit("no-calibration", _("it holds no camera record, without which counts are no temperatures"))
    return record, _order(record, 2)


def _counts(records: dict[int, bytes]) -> NDArray[np.uint16]:
    """Return the raw image, (height, width)."""
    record = records.get(_RAW, b"")
    if len(record) <= _RAW_HEADER:
        raise _Unfit("truncated-thermal", _("it holds no raw thermal image"))
    order = _order(record, 2)
    width, height = struct.unpack_from(order + "HH", record, 2)
    if not all(LEAST_SIDE_PX <= side <= MOST_SIDE_PX for side in (width, height)):
        raise _Unfit(
            "damaged-thermal",
            _("its thermal image would be {width}×{height} pixels").format(width=width, height=height),
        )
    stored = record[_RAW_HEADER:]
    if stored.startswith(_PNG):
        counts = _png(stored)
        if counts.shape != (height, width):
            raise _Unfit("damaged-thermal", _("its raw thermal image is not of the size that its record states"))
        return _in_right_order(counts, records)
    if len(stored) != width * height * 2:
        raise _Unfit(
            "truncated-thermal",
            _("its raw thermal image has {got} bytes instead of {want}").format(
                got=len(stored), want=width * height * 2
            ),
        )
    return np.frombuffer(stored, dtype=np.dtype(order + "u2")).reshape(height, width).astype(np.uint16)


def _png(stored: bytes) -> NDArray[np.uint16]:
    from PIL import Image

    try:
        with Image.open(io.BytesIO(stored)) as image:
            mode, numbers = image.mode, np.asarray(image)
    except Exception as problem:
        # The driver's border: Pillow's PNG reader raises what the bytes provoke.
        reason = _("its raw thermal image is damaged ({why})").format(why=type(problem).__name__)
        raise _Unfit("damaged-thermal", reason) from problem
    if not mode.startswith("I"):
        raise _Unfit("damaged-thermal", _("its raw thermal image has not 16 bits"))
    return numbers.astype(np.uint16)


def _in_right_order(counts: NDArray[np.uint16], records: dict[int, bytes]) -> NDArray[np.uint16]:
    """Return counts whose bytes stand as the numbers mean; see the head of this module."""
    swapped = counts.byteswap()
    record, order = _camera_record(records)
    low, high = struct.unpack_from(order + "HH", record, 0x310)
    if low < high:
        held = [float(np.mean((each >= low) & (each <= high))) for each in (counts, swapped)]
        if abs(held[0] - held[1]) > 0.5:
            return counts if held[0] > held[1] else swapped
    rough = [float(np.abs(np.diff(each.astype(np.int32), axis=1)).mean()) for each in (counts, swapped)]
    return counts if rough[0] <= rough[1] else swapped


def _thermogram(counts: NDArray[np.uint16], camera: tuple[bytes, str], conditions: Conditions) -> Thermogram:
    record, order = camera

    def floats(at: int, count: int) -> Sequence[float]:
        return struct.unpack_from(f"{order}{count}f", record, at)

    emissivity, distance, reflected, air, window, window_share, _zero, humidity = floats(0x20, 8)
    r1, b, f = floats(0x58, 3)
    alpha1, alpha2, beta1, beta2, x = floats(0x70, 5)
    (o,) = struct.unpack_from(order + "i", record, 0x308)
    (r2,) = floats(0x30C, 1)
    most_k, least_k = floats(0x90, 2)
    notes = []
    if conditions.emissivity is not None:
        emissivity = conditions.emissivity
    said = _("emissivity {value:.2f} as declared") if conditions.emissivity else _("emissivity {value:.2f} by the file")
    notes.append(said.format(value=emissivity))
    if conditions.distance_m is not None and distance < _AS_DELIVERED_M:
        notes.append(
            _("its file states a distance of {stated:g} m; {used:.0f} m by the pose are used").format(
                stated=distance, used=conditions.distance_m
            )
        )
        distance = conditions.distance_m
    try:
        calibration = Calibration(
            r1=r1, b=b, f=f, o=float(o), r2=r2, alpha1=alpha1, alpha2=alpha2, beta1=beta1, beta2=beta2, x=x
        )
        path = Path(
            emissivity=emissivity,
            distance_m=distance,
            reflected_k=reflected,
            air_k=air,
            humidity=humidity / 100 if humidity > 2 else humidity,  # cameras write either
            window_k=window if 100 < window < 1000 else air,
            window_transmission=window_share if 0 < window_share <= 1 else 1.0,
        )
    except ValueError as wrong:
        raise _Unfit("no-calibration", _("its calibration is none ({why})").format(why=wrong)) from wrong
    notes.append(
        _("reflected {reflected:.0f} °C, air {air:.0f} °C and {humidity:.0f} per cent humidity by the file").format(
            reflected=reflected - ZERO_CELSIUS_K, air=air - ZERO_CELSIUS_K, humidity=path.humidity * 100
        )
    )
    kelvin = kelvin_through(calibration, path, counts)
    if not np.isfinite(kelvin).any() or not math.isfinite(float(counts_through(calibration, path, 300.0))):
        raise _Unfit("no-calibration", _("by its calibration no pixel has a temperature"))
    notes += _beyond(kelvin, least_k, most_k)
    # The range ends where the maker says so, or where sixteen bits do.
    limits_k = [float(kelvin_through(calibration, path, np.iinfo(np.uint16).max))]
    limits_k += [most_k] if 100 < most_k < 5000 else []
    sigma = sigma_through(calibration, path, counts, camera_k=ACCURACY_K, share=ACCURACY_SHARE)
    return Thermogram(
        values=(kelvin - ZERO_CELSIUS_K).astype(np.float32),
        scale=Scale.CELSIUS,
        source=_("FLIR radiometric JPEG"),
        sigma_k=sigma.astype(np.float32),
        emissivity=emissivity,
        ceiling=float(np.nanmin(limits_k)) - ZERO_CELSIUS_K if np.isfinite(limits_k).any() else None,
        notes=tuple(notes),
    )


def _beyond(kelvin: NDArray[np.float64], least_k: float, most_k: float) -> list[str]:
    """Return a sentence on pixels beyond the range that the camera states, for which its formula is not fitted."""
    if not 100 < least_k < most_k < 5000:
        return []
    share = float(np.mean((kelvin < least_k) | (kelvin > most_k)))
    if share < _BEYOND_SHARE:
        return []
    said = _("{share:.0f} per cent of it lies beyond the camera's range of {low:.0f} to {high:.0f} °C")
    return [said.format(share=share * 100, low=least_k - ZERO_CELSIUS_K, high=most_k - ZERO_CELSIUS_K)]
