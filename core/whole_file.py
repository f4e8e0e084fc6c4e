"""Files that are there whole or not at all.

The one input-output verb on the ground floor: every room writes files, and each must survive a kill at any moment. The
new file is written aside in the same folder, flushed to the disk, and renamed over the old one, which POSIX and NTFS do
in one step; then the folder is flushed, so that the name too survives a power cut.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Give a path aside to write to; on leaving without an error it becomes ``path``, otherwise it is removed.

    The aside name starts with a dot and keeps the file's suffix (some writers choose their format by it). A file left
    behind by a killed process has the same name and is overwritten by the next try.

    Args:
        path: The file to be; its folder must exist.

    Raises:
        OSError: The file cannot be written or renamed.
    """
    aside = path.with_name(f".{path.stem}.part{path.suffix}")
    aside.unlink(missing_ok=True)
    try:
        yield aside
        with aside.open("rb") as handle:
            os.fsync(handle.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
    _flush_folder(path.parent)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8 to ``path``, whole or not at all."""
    with written_whole(path) as aside:
        aside.write_text(text, encoding="utf-8")


def write_bytes(path: Path, content: bytes) -> None:
    """Write ``content`` to ``path``, whole or not at all."""
    with written_whole(path) as aside:
        aside.write_bytes(content)


def _flush_folder(folder: Path) -> None:
    """Flush a folder's entries to the disk where the system can (Windows cannot open a folder)."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
