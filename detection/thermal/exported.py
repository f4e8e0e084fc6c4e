"""The driver for temperature matrices that other programs exported: TIFF, and the bare matrix of DJI's SDK tool.

A TIFF of floating-point or 16-bit numbers, one channel, does not say what its numbers are: degrees, tenths, kelvins.
Somebody has to declare it, or it is refused. The bare ``.raw`` of DJI's ``dji_irp -a measure`` is told by its size:
16-bit tenths of a degree Celsius, or 32-bit degrees, which is what that tool writes.
"""

from __future__ import annotations

import io
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.refusal import Refusal
from core.text import _
from detection.thermal.dji import SENSORS
from detection.thermal.thermogram import (
    AS_WRITTEN,
    LEAST_SIDE_PX,
    MOST_SIDE_PX,
    Conditions,
    Scale,
    Thermogram,
    Unit,
    celsius_of,
)

_TIFFS: Final = (b"II*\x00", b"MM\x00*")
_COLDEST_C: Final = -80.0
_HOTTEST_C: Final = 2_000.0
EXPORTED_SIGMA_K: Final = 5.0  # DJI states ± 2 °C or ± 2 % at 5 m, FLIR ± 5 °C; an exported matrix states none


class TiffDriver:
    """Reads radiometric TIFFs, whose unit is declared."""

    def recognises(self, content: bytes) -> bool:
        """Return whether bytes begin as a TIFF does."""
        return content[:4] in _TIFFS

    def read(self, content: bytes, *, name: str, conditions: Conditions = AS_WRITTEN) -> Thermogram | Refusal:
        """Return its temperatures; refusals: "damaged-thermal", "not-radiometric", "no-unit", "wrong-unit"."""
        from PIL import Image

        try:
            with Image.open(io.BytesIO(content)) as image:
                mode, size = image.mode, image.size
                if max(size) > MOST_SIDE_PX or min(size) < LEAST_SIDE_PX:
                    reason = _("a thermal image of {width}×{height} pixels is none").format(
                        width=size[0], height=size[1]
                    )
                    return Refusal(subject=name, code="damaged-thermal", reason=reason)
                numbers = np.asarray(image).astype(np.float32)
        except Exception as problem:  # noqa: BLE001 - the driver's border: Pillow raises what the bytes provoke
            reason = _("the image ends early or is damaged ({problem})").format(problem=type(problem).__name__)
            return Refusal(subject=name, code="damaged-thermal", reason=reason, remedy=_("Export it again."))
        if numbers.ndim != 2 or not (mode.startswith("I") or mode == "F"):
            reason = _("it holds colours, not temperatures")
            remedy = _("Export the temperatures themselves, as a TIFF of one channel.")
            return Refusal(subject=name, code="not-radiometric", reason=reason, remedy=remedy)
        return _told(numbers, conditions.unit, name=name, source=_("radiometric TIFF"))


class MatrixDriver:
    """Reads the bare matrix that DJI's SDK tool writes."""

    def recognises(self, content: bytes) -> bool:
        """Return whether bytes are as many as a sensor's matrix has."""
        return any(len(content) in {columns * rows * 2, columns * rows * 4} for columns, rows in SENSORS)

    def read(self, content: bytes, *, name: str, conditions: Conditions = AS_WRITTEN) -> Thermogram | Refusal:
        """Return its temperatures; refusals: "truncated-thermal", "wrong-unit"."""
        for columns, rows in SENSORS:
            for kind, unit in (("<i2", Unit.DECICELSIUS), ("<f4", Unit.CELSIUS)):
                if len(content) == columns * rows * np.dtype(kind).itemsize:
                    numbers = np.frombuffer(content, dtype=kind).reshape(rows, columns).astype(np.float32)
                    return _told(numbers, conditions.unit or unit, name=name, source=_("matrix exported by DJI's tool"))
        reason = _("its {got} bytes are no sensor's matrix").format(got=len(content))
        return Refusal(subject=name, code="truncated-thermal", reason=reason, remedy=_("Export it again."))


def _told(numbers: NDArray[np.float32], unit: Unit | None, *, name: str, source: str) -> Thermogram | Refusal:
    if unit is None:
        return Refusal(
            subject=name,
            code="no-unit",
            reason=_("it does not say what its numbers stand for"),
            remedy=_("Declare it with --thermal-unit: {units}.").format(units=", ".join(Unit)),
        )
    celsius = celsius_of(numbers, unit)
    measured = celsius[np.isfinite(celsius)]
    if not measured.size or not _COLDEST_C <= float(np.median(measured)) <= _HOTTEST_C:
        reason = _("read as {unit}, half of it would be beyond any temperature on the ground").format(unit=unit)
        remedy = _("Declare another unit with --thermal-unit.")
        return Refusal(subject=name, code="wrong-unit", reason=reason, remedy=remedy)
    kept = np.where((celsius >= _COLDEST_C) & (celsius <= _HOTTEST_C), celsius, np.nan).astype(np.float32)
    return Thermogram(
        values=kept,
        scale=Scale.CELSIUS,
        source=source,
        sigma_k=np.full(kept.shape, EXPORTED_SIGMA_K, dtype=np.float32),
        notes=(_("temperatures as exported; emissivity and distance are those of the exporting program"),),
    )
