"""When a photo was taken: never a guess.

In this order: the GNSS time of the exposure (DJI ``UTCAtExposure``); the camera's time with the offset that the camera
itself wrote (EXIF ``OffsetTimeOriginal``, 2.31); the GPS date and time; the XMP time when it carries an offset; the
camera's bare time in a zone that somebody declared, which is an assumption and travels as one. With none of these there
is no time, and so no pose.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Final

from core.refusal import Refusal
from core.text import _
from flight.telemetry.photo_header import PhotoHeader, finite

CLOCKS_AGREE_S: Final = 5.0  # GPS tags hold the last fix's second; more than this is a wrong zone or clock

_BARE: Final = re.compile(r"(\d{4})[:.-](\d{1,2})[:.-](\d{1,2})[ T](\d{1,2}):(\d{2}):(\d{2})(?:[.,](\d{1,9}))?")
_OFFSET: Final = re.compile(r"([+-])(\d{2}):?(\d{2})|(Z)")


def bare_time(text: str) -> datetime | None:
    """Return the naive time at the start of ``text`` (EXIF, ISO or DJI's dotted form), or None when it is no time.

    A year before 1980 (a clock that was never set) or after 2199 is no time.
    """
    match = _BARE.match(text.strip())
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    fraction = int((match[7] or "0").ljust(6, "0")[:6])
    if not 1980 <= year < 2200:
        return None
    try:
        return datetime(year, month, day, hour, minute, second, fraction)  # noqa: DTZ001 - its zone is the caller's to settle
    except ValueError:
        return None


def offset_of(text: str) -> timezone | None:
    """Return the UTC offset that ``text`` ("+08:00", "Z") states, or None."""
    match = _OFFSET.fullmatch(text.strip())
    if match is None:
        return None
    if match[4]:
        return UTC
    minutes = int(match[2]) * 60 + int(match[3])
    return timezone(timedelta(minutes=-minutes if match[1] == "-" else minutes)) if minutes < 24 * 60 else None


def captured_at(header: PhotoHeader, *, camera_zone: tzinfo | None) -> tuple[datetime, tuple[str, ...]] | Refusal:
    """Return the instant of a photo (aware, UTC) and what was assumed, or a refusal.

    Args:
        header: The photo's header.
        camera_zone: The zone that somebody declares for the camera's clock, or None.

    Returns:
        The instant and assumptions; or a refusal with code "no-time" (nothing is written) or "no-time-zone" (a bare
        time is written and no zone is declared).
    """
    bare, gps = _camera_time(header), _gps_time(header)
    instant = _zoned_time(header, bare, gps)
    if instant is not None:
        return instant, _disagreement(instant, gps)
    if bare is None:
        return Refusal(
            subject=header.name,
            code="no-time",
            reason=_("its header does not say when it was taken"),
            remedy=_("Use the photo as it came from the card; editors often remove the header."),
        )
    if camera_zone is None:
        return Refusal(
            subject=header.name,
            code="no-time-zone",
            reason=_("its camera wrote {time} without a time zone").format(time=bare.isoformat(sep=" ")),
            remedy=_("Declare the zone that the camera's clock was set to."),
        )
    assumption = _("the camera's clock is taken to show {zone} time, as declared").format(zone=camera_zone)
    return bare.replace(tzinfo=camera_zone).astimezone(UTC), (assumption,)


def rests_on_camera_clock(header: PhotoHeader) -> bool:
    """Return whether :func:`captured_at` goes by the camera's own clock, and not by a satellite receiver's time."""
    if bare_time(header.xmp.get("drone-dji:UTCAtExposure", "")) is not None:
        return False
    stated = offset_of(header.text("OffsetTimeOriginal") or header.text("OffsetTime") or "")
    return (_camera_time(header) is not None and stated is not None) or _gps_time(header) is None


def clock_pair(header: PhotoHeader, *, camera_zone: tzinfo | None) -> tuple[datetime, datetime] | None:
    """Return what the camera's clock and the satellite receiver's said of one photo, both aware UTC, or None.

    Args:
        header: The photo's header.
        camera_zone: The zone declared for the camera's clock, for cameras that write none.
    """
    bare, gps = _camera_time(header), _gps_time(header)
    exposure = bare_time(header.xmp.get("drone-dji:UTCAtExposure", ""))
    true = exposure.replace(tzinfo=UTC) if exposure is not None else gps
    zone = offset_of(header.text("OffsetTimeOriginal") or header.text("OffsetTime") or "") or camera_zone
    return None if bare is None or true is None or zone is None else (bare.replace(tzinfo=zone).astimezone(UTC), true)


def _zoned_time(header: PhotoHeader, bare: datetime | None, gps: datetime | None) -> datetime | None:
    """Return the best time that states its own zone, or None."""
    exposure = bare_time(header.xmp.get("drone-dji:UTCAtExposure", ""))
    if exposure is not None:
        return exposure.replace(tzinfo=UTC)
    stated = offset_of(header.text("OffsetTimeOriginal") or header.text("OffsetTime") or "")
    if bare is not None and stated is not None:
        return bare.replace(tzinfo=stated).astimezone(UTC)
    if gps is not None:
        return gps
    written = header.xmp.get("xmp:CreateDate", "")
    zoned, offset = bare_time(written), offset_of(_tail(written))
    return None if zoned is None or offset is None else zoned.replace(tzinfo=offset).astimezone(UTC)


def _camera_time(header: PhotoHeader) -> datetime | None:
    """Return the camera's own bare time with its fraction of a second."""
    bare = next(
        (
            time
            for tag in ("DateTimeOriginal", "DateTimeDigitized", "DateTime")
            if (time := bare_time(header.text(tag) or ""))
        ),
        None,
    )
    fraction = header.text("SubsecTimeOriginal") or ""
    if bare is not None and fraction.isdigit():
        bare = bare.replace(microsecond=int(fraction.ljust(6, "0")[:6]))
    return bare


def _gps_time(header: PhotoHeader) -> datetime | None:
    """Return the time of GPSDateStamp and GPSTimeStamp (UTC by the standard)."""
    parts = header.exif.get("GPSTimeStamp")
    day = re.fullmatch(r"(\d{4})[:-](\d{2})[:-](\d{2})", header.text("GPSDateStamp") or "")
    if day is None or not isinstance(parts, Sequence) or isinstance(parts, str | bytes) or len(parts) != 3:
        return None
    hour, minute, second = (finite(part) for part in parts)
    if (
        hour is None
        or minute is None
        or second is None
        or not (0 <= hour < 24 and 0 <= minute < 60 and 0 <= second < 61)
    ):
        return None
    try:
        midnight = datetime(int(day[1]), int(day[2]), int(day[3]), tzinfo=UTC)
        return midnight + timedelta(hours=hour, minutes=minute, seconds=second) if midnight.year >= 1995 else None
    except (ValueError, OverflowError):
        return None


def _disagreement(instant: datetime, gps: datetime | None) -> tuple[str, ...]:
    """Return a warning when the camera's clock and the GPS time differ."""
    if gps is None or abs((instant - gps).total_seconds()) <= CLOCKS_AGREE_S:
        return ()
    apart = (instant - gps).total_seconds()
    return (_("the camera's clock is {apart:.0f} s from its GPS time; the camera's was used").format(apart=apart),)


def _tail(text: str) -> str:
    """Return what follows the time in an ISO text ("+08:00" of "2021-07-01T11:22:33+08:00")."""
    match = _BARE.match(text.strip())
    return text.strip()[match.end() :] if match else ""
