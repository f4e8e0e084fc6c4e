"""One run per case folder: two programs writing one journal would lose each other's work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from core.errors import StoreFailed
from core.text import _


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold ``folder`` for this process; the operating system lets go when the process dies.

    Raises:
        StoreFailed: Another process holds it.
    """
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as busy:
        raise StoreFailed(
            _("{folder}: another run is writing here. Wait for it, or name another folder.").format(folder=folder)
        ) from busy
    try:
        yield
    finally:
        lock.release()
