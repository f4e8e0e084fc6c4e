"""Which driver reads a thermal photo: the exported matrix beside it, FLIR's segments, DJI's, or a refusal."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from core.refusal import Refusal
from core.text import _
from detection.thermal.dji import DjiDriver
from detection.thermal.exported import MatrixDriver, TiffDriver
from detection.thermal.flir import FlirDriver
from detection.thermal.thermogram import AS_WRITTEN, Conditions, ThermalDriver, Thermogram

PHOTO_DRIVERS: Final[tuple[ThermalDriver, ...]] = (FlirDriver(), DjiDriver())
EXPORTED: Final[dict[str, ThermalDriver]] = {".tif": TiffDriver(), ".tiff": TiffDriver(), ".raw": MatrixDriver()}
"""By suffix: what may stand beside a thermal photo, under its name, with temperatures in it."""

SEQUENCES: Final = frozenset({".seq", ".csq", ".fcf"})
"""Suffixes of FLIR's thermal videos (XT2, hand-held cameras), which nothing here reads."""


def refuse_sequence(path: Path) -> Refusal | None:
    """Return why a file is not read where its name says that it is a thermal video; refusal: "thermal-sequence"."""
    if path.suffix.lower() not in SEQUENCES:
        return None
    return Refusal(
        subject=path.name,
        code="thermal-sequence",
        reason=_("is a thermal video of FLIR's, which is not read"),
        remedy=_("Let the camera take radiometric JPEGs, or export single ones from it with FLIR's program."),
    )


def read_thermogram(
    path: Path, *, infrared: bool, exported: Path | None = None, conditions: Conditions = AS_WRITTEN
) -> Thermogram | Refusal | None:
    """Return the thermogram of a photo, None for a photo of a visible-light camera, or why there is none.

    Args:
        path: A photo, or an exported matrix itself.
        infrared: Whether the photo says of itself, or its camera's lens says, that it is a thermal picture.
        exported: The matrix that stands beside it, or None.
        conditions: What is declared of the measurement.

    Returns:
        Refusals are those of the drivers, "unreadable", and "not-radiometric" for a thermal picture of colours only.
    """
    try:
        content = path.read_bytes()
        beside = None if exported is None else exported.read_bytes()
    except OSError as problem:
        reason = _("the file cannot be read ({problem})").format(problem=problem.strerror)
        return Refusal(subject=path.name, code="unreadable", reason=reason)
    driver = next((driver for driver in PHOTO_DRIVERS if driver.recognises(content)), None)
    if exported is not None and beside is not None and (infrared or driver is not None):
        return EXPORTED[exported.suffix.lower()].read(beside, name=exported.name, conditions=conditions)
    if driver is not None:
        return driver.read(content, name=path.name, conditions=conditions)
    own = EXPORTED.get(path.suffix.lower())
    if own is not None and own.recognises(content):
        return own.read(content, name=path.name, conditions=conditions)
    if not infrared:
        return None
    return Refusal(
        subject=path.name,
        code="not-radiometric",
        reason=_("is a thermal picture without measurements: its colours are no temperatures"),
        remedy=_(
            "Set the camera to radiometric JPEG (R-JPEG) where it has it, and copy files from the card as they are."
        ),
    )
