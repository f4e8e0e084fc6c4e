"""One door to every track: whatever the file is, its timed poses or the reason why there are none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, tzinfo
from pathlib import Path

from core.refusal import Refusal
from core.text import _
from flight.telemetry.container import read_container, read_embedded_klv, read_embedded_subtitles
from flight.telemetry.dataflash import read_dataflash
from flight.telemetry.file_kind import FileKind, kind_of
from flight.telemetry.flight_record import FlightRecord
from flight.telemetry.klv import KlvTelemetry, read_klv
from flight.telemetry.photo import PhotoTelemetry, read_photo
from flight.telemetry.srt import SrtTelemetry, read_srt
from flight.telemetry.table import TableMapping, TableTelemetry, read_gpx, read_table
from flight.telemetry.tlog import read_tlog
from flight.telemetry.ulog import read_ulog
from flight.track import Track

Telemetry = PhotoTelemetry | SrtTelemetry | KlvTelemetry | FlightRecord | TableTelemetry
"""What reading one file gives; which of them depends on the kind of file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What somebody declares of a file that the file does not say itself.

    Attributes:
        camera_zone: The time zone of the camera's clock, for files with bare times; None for none.
        video_started_at: World time of the video's first frame, for subtitles without a clock; None when unknown.
        mapping: What a table's columns mean; None for none, and then a table is refused.
        system_id: The vehicle, for telemetry logs of several; None for the only one.
    """

    camera_zone: tzinfo | None = None
    video_started_at: datetime | None = None
    mapping: TableMapping | None = None
    system_id: int | None = None


def read_track(path: Path, declared: Declared) -> Track | Refusal:
    """Return the track that a file holds (of one pose for a photo).

    Args:
        path: A photo, video, subtitle, flight log, metadata file or table; opened for reading only.
        declared: What is declared of it.

    Returns:
        The track, or the refusal of :func:`read_telemetry`, or "no-time" (nothing ties it to a time of the world).
    """
    answer = read_telemetry(path, declared)
    return answer if isinstance(answer, Refusal) else track_of(answer)


def read_telemetry(path: Path, declared: Declared) -> Telemetry | Refusal:
    """Return what a file says of its flight, whatever kind of file it is.

    Args:
        path: As for :func:`read_track`.
        declared: What is declared of it.

    Returns:
        The telemetry, or the refusal of the reader whose file it is; "unreadable-file", "empty-file", "unknown-kind" or
        "no-mapping" from here.
    """
    try:
        kind = kind_of(path)
    except OSError as problem:
        reason = _("cannot be read ({why})").format(why=problem.strerror or problem)
        return Refusal(subject=path.name, code="unreadable-file", reason=reason)
    if kind is FileKind.UNKNOWN and declared.mapping is not None:
        kind = FileKind.TABLE  # bytes do not tell a table, but somebody says that it is one
    zone, started = declared.camera_zone, declared.video_started_at
    readers: dict[FileKind, Callable[[], Telemetry | Refusal]] = {
        FileKind.PHOTO: lambda: read_photo(path, camera_zone=zone),
        FileKind.SUBTITLE: lambda: read_srt(path, camera_zone=zone, video_started_at=started),
        FileKind.VIDEO: lambda: read_video(path, camera_zone=zone, video_started_at=started),
        FileKind.DATAFLASH: lambda: read_dataflash(path),
        FileKind.TLOG: lambda: read_tlog(path, system_id=declared.system_id),
        FileKind.ULOG: lambda: read_ulog(path),
        FileKind.KLV: lambda: read_klv(path),
        FileKind.GPX: lambda: read_gpx(path),
        FileKind.TABLE: lambda: _table(path, declared.mapping),
        FileKind.EMPTY: lambda: Refusal(subject=path.name, code="empty-file", reason=_("is empty (zero bytes)")),
    }
    if kind not in readers:
        reason = _("is no file that telemetry is read from")
        return Refusal(subject=path.name, code="unknown-kind", reason=reason)
    return readers[kind]()


def read_video(
    path: Path, *, camera_zone: tzinfo | None, video_started_at: datetime | None = None
) -> SrtTelemetry | KlvTelemetry | Refusal:
    """Return the telemetry inside a video: its subtitles, else its MISB metadata.

    Args:
        path: The video; opened for reading only.
        camera_zone: As for :class:`Declared`.
        video_started_at: As for :class:`Declared`.

    Returns:
        The telemetry, or a refusal: of the container, of its streams, or "no-telemetry" when it has neither.
    """
    facts = read_container(path)
    if isinstance(facts, Refusal):
        return facts
    if facts.has_subtitles:
        subtitles = read_embedded_subtitles(path, camera_zone=camera_zone, video_started_at=video_started_at)
        if isinstance(subtitles, SrtTelemetry) or not facts.has_klv:
            return subtitles
    if facts.has_klv:
        return read_embedded_klv(path)
    return Refusal(
        subject=path.name,
        code="no-telemetry",
        reason=_("holds no telemetry of its own"),
        remedy=_("Bring the subtitle file or the flight log that belongs to it."),
    )


def track_of(telemetry: Telemetry) -> Track | Refusal:
    """Return the track of what was read, or a refusal with code "no-time"."""
    if isinstance(telemetry, PhotoTelemetry):
        return Track(poses=(telemetry.pose,), source=f"{telemetry.maker} {telemetry.model}".strip())
    if telemetry.track is None or not telemetry.track.poses:
        return Refusal(
            subject=telemetry.source,
            code="no-time",
            reason=_("its records cannot be tied to a time of the world"),
            remedy=_("Give the time at which the video began."),
        )
    return telemetry.track


def _table(path: Path, mapping: TableMapping | None) -> TableTelemetry | Refusal:
    if mapping is not None:
        return read_table(path, mapping)
    return Refusal(
        subject=path.name,
        code="no-mapping",
        reason=_("is a table, and nobody has said what its columns mean"),
        remedy=_("Declare which column is the time, the longitude and the latitude, and in which units."),
    )
