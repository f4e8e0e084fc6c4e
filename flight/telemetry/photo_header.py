"""The driver for photo files: Pillow reads the header, never the pixels.

Gives the tags of EXIF (by their names in the standard) and the properties of XMP as plain values. What they mean is
``flight.telemetry.photo``'s and ``flight.telemetry.lens``'s business.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from core.refusal import Refusal
from core.text import _
from flight.telemetry.xmp import read_xmp

_EXIF_IFD = 0x8769
_GPS_IFD = 0x8825


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoHeader:
    """What stands in a photo's header.

    Attributes:
        name: File name.
        width_px, height_px: Size of the stored pixels, before any turning that the Orientation tag asks for.
        exif: Tags by name ("FocalLengthIn35mmFilm", "GPSLatitude"); values as Pillow has them.
        xmp: XMP properties by prefixed name.
        problems: What was odd about the header, as sentences.
    """

    name: str
    width_px: int
    height_px: int
    exif: Mapping[str, object]
    xmp: Mapping[str, str]
    problems: tuple[str, ...]

    def text(self, tag: str) -> str | None:
        """Return an EXIF tag as text without padding, or None when it is absent or empty."""
        value = self.exif.get(tag)
        if isinstance(value, bytes):
            value = value.decode("utf-8", errors="replace")
        return value.replace("\x00", "").strip() or None if isinstance(value, str) else None

    def number(self, tag: str) -> float | None:
        """Return an EXIF tag as a finite number, or None."""
        return finite(self.exif.get(tag))

    def xmp_number(self, *names: str) -> float | None:
        """Return the first of the XMP properties that holds a finite number, or None."""
        return next((number for name in names if (number := finite(self.xmp.get(name))) is not None), None)


def finite(value: object) -> float | None:
    """Return ``value`` (a number, a rational or a text such as "+336.66") as a finite float, or None."""
    if value is None or isinstance(value, bool):
        return None
    try:
        number = float(value)  # type: ignore[arg-type]  # rationals of Pillow and texts; anything else raises TypeError
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def read_photo_header(path: Path) -> PhotoHeader | Refusal:
    """Return a photo's header, or a refusal ("empty-file", "unreadable-file", "too-large", "not-a-photo")."""
    from PIL import ExifTags, Image

    try:
        if path.stat().st_size == 0:
            return Refusal(subject=path.name, code="empty-file", reason=_("is empty (zero bytes)"))
    except OSError as problem:
        return _unreadable(path, problem)
    problems: list[str] = []
    tags: dict[str, object] = {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of odd tags and of sizes; we judge both ourselves
            with Image.open(path) as image:
                width, height = image.size
                packet = image.info.get("xmp")
                try:
                    exif = image.getexif()
                    for ifd, names in (
                        (dict(exif), ExifTags.TAGS),
                        (exif.get_ifd(_EXIF_IFD), ExifTags.TAGS),
                        (exif.get_ifd(_GPS_IFD), ExifTags.GPSTAGS),
                    ):
                        tags.update({names[tag]: value for tag, value in ifd.items() if tag in names})
                    packet = packet or tags.get("XMLPacket")
                except Exception as problem:  # noqa: BLE001 - Pillow's EXIF reader raises whatever the bytes provoke
                    problems.append(_("its EXIF block is damaged ({why})").format(why=type(problem).__name__))
    except OSError as problem:
        if problem.errno is not None:
            return _unreadable(path, problem)
        return _not_a_photo(path)
    except Exception as problem:  # noqa: BLE001 - the driver's border: Pillow's plug-ins raise what the bytes provoke
        return _too_large(path) if isinstance(problem, Image.DecompressionBombError) else _not_a_photo(path)
    properties: dict[str, str] = {}
    if isinstance(packet, bytes):
        properties, well_formed = read_xmp(packet)
        if not well_formed:
            problems.append(_("its XMP is not well-formed XML; what could be recognised was read"))
    return PhotoHeader(
        name=path.name, width_px=width, height_px=height, exif=tags, xmp=properties, problems=tuple(problems)
    )


def _unreadable(path: Path, problem: OSError) -> Refusal:
    return Refusal(
        subject=path.name,
        code="unreadable-file",
        reason=_("cannot be read ({why})").format(why=problem.strerror or problem),
    )


def _too_large(path: Path) -> Refusal:
    return Refusal(
        subject=path.name,
        code="too-large",
        reason=_("has more pixels than any camera's photo"),
        remedy=_("Give single photos, not mosaics."),
    )


def _not_a_photo(path: Path) -> Refusal:
    return Refusal(
        subject=path.name,
        code="not-a-photo",
        reason=_("is not a photo, or is cut off before its image size"),
        remedy=_("Copy it again from the card."),
    )
