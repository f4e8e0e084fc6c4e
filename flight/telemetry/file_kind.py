"""What a file is, told by its first bytes; its name only settles what bytes cannot."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Final

from flight.telemetry.klv import UNIVERSAL_KEY
from flight.telemetry.subtitle_text import decode_subtitle

_HEAD_BYTES: Final = 4096
_TS_PACKET: Final = 188


class FileKind(StrEnum):
    """Kinds of file that telemetry is read from."""

    PHOTO = "photo"
    VIDEO = "video"
    SUBTITLE = "subtitle"
    DATAFLASH = "ArduPilot log"
    TLOG = "MAVLink log"
    ULOG = "PX4 log"
    KLV = "MISB metadata"
    GPX = "GPX track"
    TABLE = "table"
    EMPTY = "empty file"
    UNKNOWN = "unknown"


def kind_of(path: Path) -> FileKind:
    """Return what a file is.

    Args:
        path: The file; its first 4 kB are read.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if not head:
        return FileKind.EMPTY
    return _by_bytes(head) or _by_text(head, path.suffix.lower())


def _by_bytes(head: bytes) -> FileKind | None:
    signs = (
        (FileKind.PHOTO, head.startswith((b"\xff\xd8\xff", b"II*\0", b"MM\0*", b"\x89PNG\r\n"))),
        (FileKind.VIDEO, head[4:8] in {b"ftyp", b"moov", b"mdat", b"free", b"wide"}),
        (FileKind.VIDEO, head.startswith((b"\x1aE\xdf\xa3", b"FLV\x01")) or head[8:12] == b"AVI "),
        (FileKind.VIDEO, len(head) > 2 * _TS_PACKET and head[0] == head[_TS_PACKET] == head[2 * _TS_PACKET] == 0x47),
        (FileKind.ULOG, head.startswith(b"ULog\x01\x12\x35")),
        (FileKind.DATAFLASH, head.startswith(b"\xa3\x95")),
        (FileKind.KLV, head.startswith(UNIVERSAL_KEY)),
        (FileKind.TLOG, len(head) > 9 and head[8] in {0xFD, 0xFE} and head[0] == 0),
    )
    return next((kind for kind, holds in signs if holds), None)


def _by_text(head: bytes, suffix: str) -> FileKind:
    text = decode_subtitle(head)[0]
    signs = (
        (FileKind.GPX, "<gpx" in text[:2000]),
        (FileKind.SUBTITLE, "-->" in text or suffix == ".srt"),
        (FileKind.TABLE, suffix == ".csv"),
        (FileKind.VIDEO, suffix in {".mp4", ".mov", ".ts", ".m2ts", ".mkv"}),
        (FileKind.PHOTO, suffix in {".jpg", ".jpeg", ".dng", ".tif", ".tiff", ".png"}),
        (FileKind.DATAFLASH, suffix == ".bin"),
        (FileKind.TLOG, suffix == ".tlog"),
        (FileKind.ULOG, suffix == ".ulg"),
        (FileKind.KLV, suffix == ".klv"),
    )
    return next((kind for kind, holds in signs if holds), FileKind.UNKNOWN)
