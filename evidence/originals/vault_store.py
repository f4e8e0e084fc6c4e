"""Where a vault's bytes lie: the promise of a store, and the store in a local folder.

A store keeps bytes under keys ("objects/sha256/ab/ab12…") and knows three things that a vault needs: writing aside, an
atomic move into place, and holding the vault alone. The twin for shared addresses is
``evidence.originals.vault_remote``; one contract test runs against both.
"""

from __future__ import annotations

import fcntl
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

from core.errors import StoreFailed
from core.text import _

STAGING = "staging"


class Staged(Protocol):
    """Bytes on their way in, not yet part of the vault."""

    def write(self, chunk: memoryview) -> object:
        """Append a chunk.

        Raises:
            StoreFailed: The store is full or broken.
        """
        ...

    def settle(self) -> None:
        """Bring everything written to the medium, so that a power cut cannot take it back.

        Raises:
            StoreFailed: The store is full or broken.
        """
        ...

    def reopen(self) -> BinaryIO:
        """Open what was settled, for reading back from the medium."""
        ...

    def commit(self, key: str) -> None:
        """Move the settled bytes to ``key`` in one step; a key that exists keeps its bytes."""
        ...

    def discard(self) -> None:
        """Forget the bytes; harmless after :meth:`commit`."""
        ...


class VaultStore(Protocol):
    """A place for a vault. Every method raises ``StoreFailed`` when the place fails."""

    @property
    def address(self) -> str:
        """The place, for people."""
        ...

    def stage(self) -> Staged:
        """Begin to write new bytes aside."""
        ...

    def size(self, key: str) -> int | None:
        """Return how many bytes ``key`` holds, or None when there is no such key."""
        ...

    def open(self, key: str) -> BinaryIO:
        """Open ``key`` for reading, unbuffered or buffered."""
        ...

    def local_path(self, key: str) -> Path | None:
        """Return where ``key`` lies on this machine, or None for a store that is elsewhere."""
        ...

    def put(self, key: str, content: bytes) -> None:
        """Write small content to ``key`` in one step; a key that exists keeps its bytes."""
        ...

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys below ``prefix``, sorted."""
        ...

    def remove_staged(self) -> int:
        """Remove what interrupted runs left aside; return how many."""
        ...

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the vault alone for writing; a vault that another process holds raises ``StoreFailed``."""
        ...


@contextmanager
def _failing_as_store(address: str) -> Iterator[None]:
    """Turn the operating system's errors into one sentence of ours."""
    try:
        yield
    except OSError as problem:
        raise StoreFailed(
            _("The vault {address} cannot be used ({why}). Free space or mend the disk, then run again.").format(
                address=address, why=problem.strerror or problem
            )
        ) from problem


class _LocalStaged:
    """A file in the staging folder."""

    def __init__(self, root: Path, address: str) -> None:
        self._root, self._address = root, address
        self._path = root / STAGING / f"{os.getpid()}-{uuid.uuid4().hex}.part"
        with _failing_as_store(address):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("xb", buffering=0)
        self._written = 0

    def write(self, chunk: memoryview) -> None:
        with _failing_as_store(self._address):
            rest = chunk
            while rest:
                rest = rest[self._file.write(rest) :]
            # Linux begins to write these pages out now, without anybody waiting, so that little is left for the end,
            # and a card of 128 GB does not push everything else out of the memory.
            self._let_go(self._written, len(chunk))
            self._written += len(chunk)

    def settle(self) -> None:
        with _failing_as_store(self._address):
            self._file.flush()
            os.fsync(self._file.fileno())
            self._let_go(0, 0)  # so that reading back reads the medium, not the cache
            self._file.close()

    def _let_go(self, begin: int, size: int) -> None:
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(self._file.fileno(), begin, size, os.POSIX_FADV_DONTNEED)

    def reopen(self) -> BinaryIO:
        with _failing_as_store(self._address):
            return self._path.open("rb", buffering=0)

    def commit(self, key: str) -> None:
        place = self._root / key
        with _failing_as_store(self._address):
            place.parent.mkdir(parents=True, exist_ok=True)
            self._path.chmod(0o444)
            try:
                os.link(self._path, place)
            except FileExistsError:
                pass
            except OSError:  # a file system without hard links (exFAT): rename, which is as atomic
                if not place.exists():
                    self._path.rename(place)
            _sync_folder(place.parent)
        self.discard()

    def discard(self) -> None:
        self._file.close()
        with _failing_as_store(self._address):
            self._path.unlink(missing_ok=True)


class LocalStore:
    """A vault in a folder of this machine or of a mounted share.

    Args:
        root: The folder; made by the first writing, never by looking.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    @property
    def address(self) -> str:
        """The place, for people."""
        return str(self._root)

    def stage(self) -> Staged:
        """Begin to write new bytes aside."""
        return _LocalStaged(self._root, self.address)

    def size(self, key: str) -> int | None:
        """Return how many bytes ``key`` holds, or None."""
        with _failing_as_store(self.address):
            try:
                return (self._root / key).stat().st_size
            except FileNotFoundError:
                return None

    def open(self, key: str) -> BinaryIO:
        """Open ``key`` for reading."""
        with _failing_as_store(self.address):
            return (self._root / key).open("rb", buffering=0)

    def local_path(self, key: str) -> Path | None:
        """Return where ``key`` lies on this machine, or None."""
        return self._root / key

    def put(self, key: str, content: bytes) -> None:
        """Write small content to ``key`` in one step."""
        staged = _LocalStaged(self._root, self.address)
        try:
            staged.write(memoryview(content))
            staged.settle()
            staged.commit(key)
        finally:
            staged.discard()

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys below ``prefix``, sorted."""
        with _failing_as_store(self.address):
            found = sorted(path for path in (self._root / prefix).rglob("*") if not path.is_dir())
        for path in found:
            yield path.relative_to(self._root).as_posix()

    def remove_staged(self) -> int:
        """Remove what interrupted runs left; return how many."""
        with _failing_as_store(self.address):
            staging = self._root / STAGING
            leftovers = list(staging.iterdir()) if staging.is_dir() else []
            for path in leftovers:
                path.unlink()
        return len(leftovers)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the vault alone for writing."""
        with _failing_as_store(self.address):
            self._root.mkdir(parents=True, exist_ok=True)
            lock = (self._root / "lock").open("ab")
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as problem:
                raise StoreFailed(
                    _("The vault {address} is in use by another ingest. Wait until it has finished.").format(
                        address=self.address
                    )
                ) from problem
            yield  # closing the file gives the lock back, and so does the end of the process, however it ends


def _sync_folder(folder: Path) -> None:
    """Bring a folder's entries to the medium."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
