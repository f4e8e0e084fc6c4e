"""Hash footage before anything else reads it.

Each file is read once, front to back, and both digests (SHA-256 and the Chinese national standard SM3, GB/T 32905)
come from that one read. Files are opened for reading only. A file that changes while it is read is refused: its
digests would describe a file that never existed.

Copying into the vault is ``evidence.originals.vault``; this module only looks.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from core.clock import Clock
from core.errors import InputRefused
from core.refusal import Refusal
from core.text import _
from evidence.original import Original
from evidence.sm3 import new_sm3

CHUNK_BYTES: Final = 4 << 20

MEDIA_TYPES: Final = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".dng": "image/x-adobe-dng",
    ".png": "image/png",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".mp4": "video/mp4",
    ".mov": "video/quicktime",
    ".mkv": "video/x-matroska",
    ".ts": "video/mp2t",
    ".m2ts": "video/mp2t",
    ".srt": "application/x-subrip",
    ".bin": "application/x-ardupilot-dataflash",
    ".tlog": "application/x-mavlink-tlog",
    ".ulg": "application/x-px4-ulog",
    ".klv": "application/x-misb-klv",
    ".gpx": "application/gpx+xml",
    ".csv": "text/csv",
}
"""What Skywarden calls footage and telemetry, by suffix in lower case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Digests:
    """What one read of a file gives.

    Attributes:
        sha256, sm3: Digests, hex.
        size_bytes: Bytes read.
    """

    sha256: str
    sm3: str
    size_bytes: int


def media_type_of(path: Path) -> str | None:
    """Return the media type of a footage or telemetry file by its suffix, or None when it is neither."""
    return MEDIA_TYPES.get(path.suffix.lower())


def is_clutter(path: Path) -> bool:
    """Return whether a card's file belongs to the file system, not to the flight (hidden files, macOS's ``._x``)."""
    return path.name.startswith(".") or path.name.lower() in {"thumbs.db", "desktop.ini"}


def list_footage(folder: Path) -> tuple[Path, ...]:
    """Return every footage and telemetry file below ``folder``, sorted by path.

    Symbolic links are not followed out of the folder and clutter of the file system is left out.

    Raises:
        InputRefused: The folder does not exist, cannot be listed, or holds no footage.
    """
    found = tuple(path for path in _list_files(folder) if media_type_of(path))
    if not found:
        raise InputRefused(folder, _("holds no photos, videos or flight logs"), _("Name a folder that holds footage."))
    return found


def list_left_out(folder: Path) -> tuple[Path, ...]:
    """Return the files below ``folder`` that :func:`list_footage` does not name, clutter aside, sorted by path.

    Raises:
        InputRefused: The folder does not exist or cannot be listed.
    """
    return tuple(path for path in _list_files(folder) if not media_type_of(path))


def _list_files(folder: Path) -> list[Path]:
    """Return the files below a folder that are no clutter, sorted by path."""
    if not folder.is_dir():
        raise InputRefused(folder, _("is not a folder"), _("Name the memory card or a folder of photos and videos."))

    def unreadable(problem: OSError) -> None:
        raise InputRefused(
            problem.filename or folder,
            _("cannot be listed ({why})").format(why=problem.strerror or problem),
            _("Check that the card is in and that you may read it."),
        )

    found = []
    for parent, folders, names in os.walk(folder, onerror=unreadable, followlinks=False):
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths = (Path(parent) / name for name in names)
        found += [path for path in paths if not is_clutter(path) and path.is_file()]
    return sorted(found)


def read_digests(source: BinaryIO, *, sink: Callable[[memoryview], object] | None = None) -> Digests:
    """Return the digests of ``source`` from here to its end, in one read.

    SM3 is the slow one (no processor here has an instruction for it), so it runs on a second core while this one reads,
    writes and hashes SHA-256; two buffers take turns.

    Args:
        source: A binary file, open for reading and unbuffered.
        sink: Called with every chunk as it is read (the vault's writer); the view is valid during the call only.

    Raises:
        StoreFailed: This machine has no SM3.
    """
    sha256, sm3 = hashlib.sha256(), new_sm3()
    views = [memoryview(bytearray(CHUNK_BYTES)) for _buffer in range(2)]
    size, turn = 0, 0
    with ThreadPoolExecutor(max_workers=1) as second_core:
        behind: Future[None] | None = None
        while count := source.readinto(views[turn]):  # type: ignore[attr-defined]
            chunk = views[turn][:count]
            if behind is not None:
                behind.result()  # the other buffer is free again
            behind = second_core.submit(sm3.update, chunk)
            sha256.update(chunk)
            if sink is not None:
                sink(chunk)
            size += count
            turn = 1 - turn
    return Digests(sha256=sha256.hexdigest(), sm3=sm3.hexdigest(), size_bytes=size)


def ingest_file(path: Path, *, clock: Clock) -> Original | Refusal:
    """Hash a file where it lies and return it as an :class:`Original`.

    Args:
        path: The file; opened for reading only.
        clock: Tells when.

    Returns:
        The original, or a refusal with code "empty-file", "unreadable-file", "unknown-type" or "changing-file".

    Raises:
        StoreFailed: This machine has no SM3.
    """
    media_type = media_type_of(path)
    if media_type is None:
        return Refusal(
            subject=path.name,
            code="unknown-type",
            reason=_("is neither a photo, a video nor a flight log that Skywarden knows"),
        )
    try:
        with path.open("rb", buffering=0) as source:
            before = os.fstat(source.fileno())
            digests = read_digests(source)
            after = os.fstat(source.fileno())
    except OSError as problem:
        return Refusal(
            subject=path.name,
            code="unreadable-file",
            reason=_("cannot be read ({why})").format(why=problem.strerror or problem),
            remedy=_("Check the card and its reader, then run again."),
        )
    if digests.size_bytes == 0:
        return Refusal(
            subject=path.name,
            code="empty-file",
            reason=_("is empty (zero bytes): the recording was lost before it was written"),
            remedy=_("Copy it again from the card, if the card still holds it."),
        )
    if (before.st_size, before.st_mtime_ns) != (
        after.st_size,
        after.st_mtime_ns,
    ) or digests.size_bytes != before.st_size:
        return Refusal(
            subject=path.name,
            code="changing-file",
            reason=_("changed while it was read"),
            remedy=_("Wait until nothing writes to it, then run again."),
        )
    return Original(
        name=path.name,
        path=path.absolute(),
        size_bytes=digests.size_bytes,
        sha256=digests.sha256,
        sm3=digests.sm3,
        media_type=media_type,
        ingested_at=clock.now(),
    )
