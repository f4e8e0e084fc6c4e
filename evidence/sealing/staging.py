"""Writes a folder or a file aside and puts it into place: it is there whole, or not at all.

What is unfinished lies in a hidden folder, held by a lock that its process keeps; what a killed process left is
recognised by the free lock and removed by the next one that works in the same place. (POSIX: ``flock`` and an atomic
``rename``.)
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

from core.errors import StoreFailed
from core.text import _

SUFFIX: Final = ".partial"


@contextmanager
def durable_file(path: Path) -> Iterator[BinaryIO]:
    """Give a new file to write; when the block ends well it is on the disk. It must not exist; it ends read-only."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o444)
    with os.fdopen(descriptor, "wb") as stream:
        yield stream
        stream.flush()
        os.fsync(stream.fileno())


def write_durably(path: Path, content: bytes) -> None:
    """Write a new file and wait until it is on the disk. The file must not exist; it ends read-only."""
    with durable_file(path) as stream:
        stream.write(content)


def sync_folder(folder: Path) -> None:
    """Wait until a folder's own entries are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sweep(parent: Path) -> int:
    """Remove what killed processes left unfinished in ``parent``; return how many folders that were."""
    removed = 0
    for partial in parent.glob(f".*{SUFFIX}"):
        with suppress(OSError):  # another process may hold it, finish it or sweep it at this very moment
            descriptor = os.open(partial, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(partial)
                removed += 1
            finally:
                os.close(descriptor)
    return removed


@contextmanager
def staged(destination: Path) -> Iterator[Path]:
    """Give an empty folder to fill; when the block ends well it becomes ``destination``, else it is removed.

    Raises:
        StoreFailed: ``destination`` exists already, or the disk refuses.
    """
    with _aside(destination, destination.parent) as partial:
        yield partial
        for folder, _folders, _files in os.walk(partial):
            sync_folder(Path(folder))
        if destination.exists():
            raise StoreFailed(_("{path}: exists already; a sealed package is never replaced.").format(path=destination))
        partial.rename(destination)
        sync_folder(destination.parent)


@contextmanager
def replace_durably(destination: Path) -> Iterator[Path]:
    """Give the path of a file to write aside; when the block ends well it becomes ``destination``.

    Raises:
        StoreFailed: ``destination`` exists already, or the disk refuses.
    """
    if destination.exists():
        raise StoreFailed(_("{path}: exists already and is never replaced.").format(path=destination))
    sweep(destination.parent)
    with _aside(destination, destination.parent) as folder:
        partial = folder / destination.name
        yield partial
        os.link(partial, destination)  # unlike a rename, a link fails where another file stands
        sync_folder(destination.parent)


def overwrite_durably(path: Path, content: bytes, *, by: Path | None = None) -> None:
    """Put ``content`` at ``path``, in the place of what lies there, whole or not at all.

    Args:
        path: Where.
        content: What.
        by: The folder, on the same disk, in which it lies while it is unfinished: ``path``'s own by default, and
            another where that one must never hold anything else, not even after a kill.

    Raises:
        StoreFailed: The disk refuses.
    """
    place = by or path.parent
    sweep(place)
    with _aside(path, place) as folder:
        partial = folder / path.name
        write_durably(partial, content)
        partial.replace(path)
        sync_folder(path.parent)


@contextmanager
def _aside(destination: Path, place: Path) -> Iterator[Path]:
    """Give a new hidden folder in ``place``, locked while the block runs; afterwards it is removed if it is there.

    Raises:
        StoreFailed: The disk refuses, before the block or in it.
    """
    try:
        place.mkdir(parents=True, exist_ok=True)
        locked = None
        while locked is None:
            folder = place / f".{destination.name}.{secrets.token_hex(4)}{SUFFIX}"
            locked = _new_locked(folder)
    except OSError as problem:
        raise _failed(destination, problem) from problem
    try:
        yield folder
    except OSError as problem:
        raise _failed(destination, problem) from problem
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(locked)


def _new_locked(folder: Path) -> int | None:
    """Make a folder and return its descriptor, locked; None where somebody swept it away before it was."""
    folder.mkdir(mode=0o755)
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.path.samestat(os.fstat(descriptor), folder.stat()):
            return descriptor
    except FileNotFoundError:
        pass
    os.close(descriptor)
    return None


def _failed(destination: Path, problem: OSError) -> StoreFailed:
    return StoreFailed(
        _("{path}: cannot be written ({problem}). Free space, or name another folder.").format(
            path=destination, problem=problem.strerror or problem
        )
    )
