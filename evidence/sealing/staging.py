"""Writes a folder aside and renames it into place: it is there whole, or not at all.

Each unfinished folder is held by a lock that its process keeps; what a killed process left is recognised by the free
lock and removed by the next one that works in the same place. (POSIX: ``flock`` and an atomic ``rename``.)
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
    partial = destination.parent / f".{destination.name}.{secrets.token_hex(4)}{SUFFIX}"
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        partial.mkdir(mode=0o755)
        descriptor = os.open(partial, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as problem:
        raise _failed(destination, problem) from problem
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield partial
        for folder, _folders, _files in os.walk(partial):
            sync_folder(Path(folder))
        if destination.exists():
            raise StoreFailed(_("{path}: exists already; a sealed package is never replaced.").format(path=destination))
        partial.rename(destination)
        sync_folder(destination.parent)
    except OSError as problem:
        raise _failed(destination, problem) from problem
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        os.close(descriptor)


@contextmanager
def replace_durably(destination: Path) -> Iterator[Path]:
    """Give the path of a file to write aside; when the block ends well it becomes ``destination``.

    Raises:
        StoreFailed: ``destination`` exists already, or the disk refuses.
    """
    if destination.exists():
        raise StoreFailed(_("{path}: exists already and is never replaced.").format(path=destination))
    partial = destination.parent / f".{destination.name}.{secrets.token_hex(4)}{SUFFIX}"
    try:
        yield partial
        os.link(partial, destination)  # unlike a rename, a link fails where another file stands
        partial.unlink()
        sync_folder(destination.parent)
    except OSError as problem:
        raise _failed(destination, problem) from problem
    finally:
        partial.unlink(missing_ok=True)


def overwrite_durably(path: Path, content: bytes) -> None:
    """Put ``content`` at ``path``, in the place of what lies there, whole or not at all.

    Raises:
        StoreFailed: The disk refuses.
    """
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}{SUFFIX}")
    try:
        write_durably(partial, content)
        partial.replace(path)
        sync_folder(path.parent)
    except OSError as problem:
        raise _failed(path, problem) from problem
    finally:
        partial.unlink(missing_ok=True)


def _failed(destination: Path, problem: OSError) -> StoreFailed:
    return StoreFailed(
        _("{path}: cannot be written ({problem}). Free space, or name another folder.").format(
            path=destination, problem=problem.strerror or problem
        )
    )
