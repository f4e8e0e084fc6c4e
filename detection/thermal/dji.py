"""The driver for DJI's radiometric JPEGs: H20T, H20N, M2EA, M30T, M3T, M3TD, H30T, M4T.

Layout (as ExifTool documents it; DJI publishes none): APP3 segments, one behind the other, hold the sensor's 16-bit
counts, little-endian, row by row and nothing else; APP4 what was set for the measurement; APP5 a calibration that only
DJI's own library understands. That library is not free and not part of this program, so:

- without more, the counts are compared with one another: warmer than its surroundings, by how many times their spread.
  That is all that is said of them, and it is said of each spot;
- a matrix of temperatures that DJI's own tools exported stands beside the photo: it is read instead
  (:mod:`detection.thermal.exported`);
- somebody declares that the counts are 64ths of a kelvin, as public projects found for some models and firmwares (and
  as others found not to hold for the H20T): the temperatures are then that person's, and each spot says so.
"""

from __future__ import annotations

import struct
from typing import Final

import numpy as np

from core.refusal import Refusal
from core.text import _
from detection.thermal.jpeg_segments import SegmentsBroken, is_jpeg, picture_size, segments_of
from detection.thermal.thermogram import AS_WRITTEN, Conditions, Scale, Thermogram, Unit, celsius_of

_APP1: Final = 0xE1
_APP3: Final = 0xE3
_APP4: Final = 0xE4
SENSORS: Final = ((640, 512), (1280, 1024), (336, 256), (160, 120))
"""Thermal sensors of DJI's cameras, columns and rows: 640×512 from the H20T to the M3T, 1280×1024 in H30T and M4T."""
_LEAST_BYTES: Final = 160 * 120 * 2 // 2
_H20T: Final = b"\xaa\x55\x12\x06"
_M3T: Final = b"\x2c\x01\x20\x00"
_M30T: Final = b"\xaa\x55\x38\x00"
DECLARED_SIGMA_K: Final = 10.0  # of temperatures by a scale that a person declares; the makers' bound is 2 to 5


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
        return by_dji and sum(len(part.body) for part in parts if part.marker == _APP3) >= _LEAST_BYTES

    def read(self, content: bytes, *, name: str, conditions: Conditions = AS_WRITTEN) -> Thermogram | Refusal:
        """Return counts, or temperatures where their scale is declared; refusals: "truncated-thermal"."""
        remedy = _("Copy it from the card again; editing and messengers take thermal data away.")
        try:
            parts = segments_of(content)
        except SegmentsBroken as broken:
            reason = _("its segments break off ({why})").format(why=broken)
            return Refusal(subject=name, code="truncated-thermal", reason=reason, remedy=remedy)
        stored = b"".join(part.body for part in parts if part.marker == _APP3)
        sizes = dict.fromkeys((*filter(None, (picture_size(parts),)), *SENSORS))
        size = next(((columns, rows) for columns, rows in sizes if columns * rows * 2 == len(stored)), None)
        if size is None:
            reason = _("its thermal data are {got} bytes, which is no sensor's size").format(got=len(stored))
            return Refusal(subject=name, code="truncated-thermal", reason=reason, remedy=remedy)
        counts = np.frombuffer(stored, dtype="<u2").reshape(size[1], size[0]).astype(np.float32)
        settings = b"".join(part.body for part in parts if part.marker == _APP4)
        notes = (*_told(settings),)
        if conditions.unit is not Unit.KELVIN_64THS:
            relative = _("relative: DJI's calibration is not public, so its counts are compared with one another only")
            return Thermogram(
                values=counts, scale=Scale.COUNTS, source=_("DJI radiometric JPEG"), notes=(relative, *notes)
            )
        declared = _(
            "temperatures by a declared scale of 64ths of a kelvin, which DJI does not confirm; the file's emissivity "
            "and distance are not applied"
        )
        return Thermogram(
            values=celsius_of(counts, Unit.KELVIN_64THS),
            scale=Scale.CELSIUS,
            source=_("DJI radiometric JPEG"),
            sigma_k=np.full(counts.shape, DECLARED_SIGMA_K, dtype=np.float32),
            notes=(declared, *notes),
        )


def _told(settings: bytes) -> tuple[str, ...]:
    """Return what APP4 says that the camera was set to, as sentences; nothing where its form is not known."""
    found: tuple[float, float] | None = None  # emissivity, distance
    if settings.startswith(_H20T) and len(settings) >= 0x4C:
        distance, _humidity, emissivity = struct.unpack_from("<HHH", settings, 0x44)
        found = emissivity / 100, float(distance)
    elif settings[32:36] == _M30T and len(settings) >= 44:
        _humidity, distance, emissivity = struct.unpack_from("<HHH", settings, 36)
        found = emissivity / 100, distance / 10
    else:
        for start in (0, 32):
            if settings[start + 32 : start + 36] == _M3T and len(settings) >= start + 20:
                _ambient, distance, emissivity = struct.unpack_from("<fff", settings, start)
                found = emissivity, distance
                break
    if found is None or not (0 < found[0] <= 1 and 0 <= found[1] <= 10_000):
        return ()
    return (_("the camera was set to emissivity {emissivity:.2f} and {distance:g} m").format(
        emissivity=found[0], distance=found[1]
    ),)  # fmt: skip
