"""The driver for DJI's radiometric JPEGs: XT S, H20T, H20N, M2EA, M30T, M3T, M3TD, H30T, M4T.

Layout (as ExifTool documents it, and as files of all nine cameras have it; DJI publishes none): the sensor's 16-bit
counts, little-endian, row by row and nothing else, in APP3 segments one behind the other; what was set for the
measurement in APP4; a calibration that only DJI's own library understands in APP5. The XT S has its calibration in APP3
and its counts in APP4. That library is not free and not part of this program, so:

- without more, the counts are compared with one another: warmer than its surroundings, by how many times their spread.
  That is all that is said of them, and it is said of each spot;
- a matrix of temperatures that DJI's own tools exported stands beside the photo: it is read instead
  (:mod:`detection.thermal.exported`);
- somebody declares that the counts are 64ths of a kelvin, as public projects found: the temperatures are then that
  person's, and each spot says so. It is believed of a file only where it can be true. One camera writes several kinds
  of file, by its firmware and its gain, and APP4 begins with the kind: ``iirp`` (and the M2EA, which writes no name)
  comes in whole sixteenths of such a kelvin and gives sensible temperatures; ``girp`` (M30T), ``hirp`` (M3TD and M4T),
  the H20T's and the XT S's are on scales of their own, by which 64ths would make the ground −190 to −235 °C, or, for
  the H20T, the warmest of a picture 18 K too warm and more. Those stay counts.
"""

from __future__ import annotations

import struct
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.refusal import Refusal
from core.text import _
from detection.thermal.jpeg_segments import Segment, SegmentsBroken, is_jpeg, picture_size, segments_of
from detection.thermal.thermogram import AS_WRITTEN, Conditions, Scale, Thermogram, Unit, celsius_of

_APP1: Final = 0xE1
_APP3: Final = 0xE3
_APP4: Final = 0xE4
SENSORS: Final = ((640, 512), (1280, 1024), (336, 256), (160, 120))
"""Thermal sensors of DJI's cameras, columns and rows: 640×512 from the XT S to the M4T, 1280×1024 in the H30T."""
_LEAST_BYTES: Final = 160 * 120 * 2 // 2
_NAMED: Final = b"\xff\xd2\xd1\xff"  # stands before the kind's four letters
_H20T: Final = b"\xaa\x55\x12\x06"
_M2EA: Final = b"\x2c\x01\x20\x00"
_GIRP: Final = b"\xaa\x55\x38\x00"
DECLARED_SIGMA_K: Final = 10.0  # of temperatures by a scale that a person declares; the makers' bound is 2 to 5
DECLARED_TO_C: Final = 150.0
"""Where DJI's high-gain range ends (Specs of the M2EA, M3T, M30T and H30T: −20 to 150 °C). In low gain 64ths do not
hold: another camera on the same kind of core showed 310 °C for 280, and 443 °C for 310 (p2proviewer, issue 3)."""
_COLDEST_C: Final = -80.0  # no ground is; clear sky may be, at the edge of a picture


class Kind(StrEnum):
    """Whose scale a file's counts are on, by what its APP4 begins with."""

    IIRP = "iirp"  # H20N, M3T, M3TD, M30T, H30T and M4T, and by another head the M2EA
    GIRP = "girp"  # M30T
    HIRP = "hirp"  # M3TD, M4T
    H20T = "H20T"
    XT_S = "XT S"
    UNKNOWN = "unknown"


_MAY_BE_64THS: Final = frozenset({Kind.IIRP, Kind.UNKNOWN})


class DjiDriver:
    """Reads DJI's radiometric JPEGs."""

    def recognises(self, content: bytes) -> bool:
        """Return whether a JPEG by DJI carries a thermal measurement, whole or damaged."""
        if not is_jpeg(content):
            return False
        try:
            parts = segments_of(content)
        except SegmentsBroken:
            return content[:4096].find(b"DJI") >= 0 and content.count(b"\xff\xe3\xff\xfe") > 0
        by_dji = any(part.marker == _APP1 and b"DJI" in part.body[:4096] for part in parts)
        return by_dji and max(len(_joined(parts, _APP3)), len(_joined(parts, _APP4))) >= _LEAST_BYTES

    def read(self, content: bytes, *, name: str, conditions: Conditions = AS_WRITTEN) -> Thermogram | Refusal:
        """Return counts, or temperatures where their scale is declared; refusals: "truncated-thermal"."""
        remedy = _("Copy it from the card again; editing and messengers take thermal data away.")
        try:
            parts = segments_of(content)
        except SegmentsBroken as broken:
            reason = _("its segments break off ({why})").format(why=broken)
            return Refusal(subject=name, code="truncated-thermal", reason=reason, remedy=remedy)
        third, fourth = _joined(parts, _APP3), _joined(parts, _APP4)
        picture = picture_size(parts)
        size, swapped = _sensor(len(third), picture), False
        if size is None:
            size, swapped = _sensor(len(fourth), picture), True
        if size is None:
            reason = _("its thermal data are {got} bytes, which is no sensor's size").format(
                got=max(len(third), len(fourth))
            )
            return Refusal(subject=name, code="truncated-thermal", reason=reason, remedy=remedy)
        stored, settings = (fourth, b"") if swapped else (third, fourth)
        counts = np.frombuffer(stored, dtype="<u2").reshape(size[1], size[0]).astype(np.float32)
        kind = Kind.XT_S if swapped else kind_of(settings)
        return _thermogram(counts, kind, _told(settings, kind), conditions)


def kind_of(settings: bytes) -> Kind:
    """Return which kind of file an APP4 is of."""
    if settings.startswith(_H20T):
        return Kind.H20T
    if settings.startswith(_NAMED):
        return next(
            (kind for kind in (Kind.IIRP, Kind.GIRP, Kind.HIRP) if settings[4:8] == kind.encode()), Kind.UNKNOWN
        )
    return Kind.IIRP if settings[32:36] == _M2EA else Kind.UNKNOWN


def _joined(parts: tuple[Segment, ...], marker: int) -> bytes:
    return b"".join(part.body for part in parts if part.marker == marker)


def _sensor(stored_bytes: int, picture: tuple[int, int] | None) -> tuple[int, int] | None:
    """Return columns and rows of the sensor whose counts are as many bytes; None where none has so many."""
    sizes = dict.fromkeys((*filter(None, (picture,)), *SENSORS))
    return next(((columns, rows) for columns, rows in sizes if columns * rows * 2 == stored_bytes), None)


def _thermogram(
    counts: NDArray[np.float32], kind: Kind, settings: tuple[str, ...], conditions: Conditions
) -> Thermogram:
    source = _("DJI radiometric JPEG")
    relative = _("relative: DJI's calibration is not public, so its counts are compared with one another only")
    if conditions.unit is not Unit.KELVIN_64THS:
        return Thermogram(values=counts, scale=Scale.COUNTS, source=source, notes=(relative, *settings))
    celsius = celsius_of(counts, Unit.KELVIN_64THS)
    if kind not in _MAY_BE_64THS or float(np.median(celsius)) < _COLDEST_C:
        no = _("64ths of a kelvin were declared, but this file ({kind}) counts on another scale").format(kind=kind)
        return Thermogram(values=counts, scale=Scale.COUNTS, source=source, notes=(relative, no, *settings))
    declared = _(
        "temperatures by a declared scale of 64ths of a kelvin, which DJI does not confirm; the file's emissivity "
        "and distance are not applied"
    )
    return Thermogram(
        values=celsius,
        scale=Scale.CELSIUS,
        source=source,
        sigma_k=np.full(counts.shape, DECLARED_SIGMA_K, dtype=np.float32),
        ceiling=DECLARED_TO_C,
        notes=(declared, *settings),
    )


def _told(settings: bytes, kind: Kind) -> tuple[str, ...]:
    """Return what APP4 says that the camera was set to, as sentences; nothing where its form is not known."""
    found: tuple[float, float] | None = None  # emissivity, distance
    named = settings.startswith(_NAMED)
    if kind is Kind.H20T and len(settings) >= 0x4C:
        distance, _humidity, emissivity = struct.unpack_from("<HHH", settings, 0x44)
        found = emissivity / 100, float(distance)
    elif kind is Kind.GIRP and settings[32:36] == _GIRP and len(settings) >= 44:
        _humidity, distance, emissivity = struct.unpack_from("<HHH", settings, 36)
        found = emissivity / 100, distance / 10
    elif kind is Kind.IIRP and len(settings) >= 52:
        _ambient, distance, emissivity = struct.unpack_from("<fff", settings, 32 if named else 0)
        found = emissivity, distance
    if found is None or not (0 < found[0] <= 1 and 0 <= found[1] <= 10_000):
        return ()
    return (_("the camera was set to emissivity {emissivity:.2f} and {distance:g} m").format(
        emissivity=found[0], distance=found[1]
    ),)  # fmt: skip
