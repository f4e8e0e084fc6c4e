"""The driver for shared vaults: any address that fsspec knows (``s3://bucket/vault``, ``sftp://…``, ``memory://…``).

fsspec names the file system; S3 needs its plug-in ``s3fs`` installed (extra ``s3``). Object stores write an object
whole or not at all, and a move is a copy on the server's side followed by a removal; a kill between the two leaves a
staged leftover, never half an object. There is no lock to hold: addresses come from content, so two writers of one file
write the same bytes. A bucket that is not there is never made.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

from core.errors import StoreFailed
from core.text import _
from evidence.originals.vault_store import STAGING, Staged

OBJECT_STORES: Final = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "oss", "oci"})


@contextmanager
def _failing_as_store(address: str) -> Iterator[None]:
    try:
        yield
    except StoreFailed:
        raise
    except Exception as problem:  # the driver's border: every back end raises errors of its own
        raise StoreFailed(
            _("The vault {address} cannot be used ({why}). Check the address and your access to it.").format(
                address=address, why=str(problem) or type(problem).__name__
            )
        ) from problem


def _make_folder(files: Any, path: str) -> None:  # noqa: ANN401 - fsspec has no types
    """Make a folder where the store has folders; an object store would make the bucket that somebody mistyped."""
    protocols = {files.protocol} if isinstance(files.protocol, str) else set(files.protocol)
    if not protocols & OBJECT_STORES:
        files.makedirs(path, exist_ok=True)


class _RemoteStaged:
    """An object below the staging prefix."""

    def __init__(self, files: Any, root: str, address: str) -> None:  # noqa: ANN401 - fsspec has no types
        self._files, self._root, self._address = files, root, address
        self._path = f"{root}/{STAGING}/{uuid.uuid4().hex}.part"
        with _failing_as_store(address):
            _make_folder(files, f"{root}/{STAGING}")
            self._file = files.open(self._path, "wb")

    def write(self, chunk: memoryview) -> None:
        with _failing_as_store(self._address):
            self._file.write(bytes(chunk))

    def settle(self) -> None:
        with _failing_as_store(self._address):
            self._file.close()

    def reopen(self) -> BinaryIO:
        with _failing_as_store(self._address):
            self._files.invalidate_cache()
            return cast("BinaryIO", self._files.open(self._path, "rb"))

    def commit(self, key: str) -> None:
        place = f"{self._root}/{key}"
        with _failing_as_store(self._address):
            if not self._files.exists(place):
                _make_folder(self._files, place.rpartition("/")[0])
                self._files.mv(self._path, place)
        self.discard()

    def discard(self) -> None:
        with _failing_as_store(self._address):
            if not self._file.closed:
                self._file.close()
            if self._files.exists(self._path):
                self._files.rm(self._path)


class RemoteStore:
    """A vault at an fsspec address.

    Args:
        address: The address, with its protocol.

    Raises:
        StoreFailed: The protocol is unknown, its plug-in is missing, or the place cannot be reached.
    """

    def __init__(self, address: str) -> None:
        import fsspec

        self._address = address.rstrip("/")
        with _failing_as_store(self._address):
            self._files, root = fsspec.core.url_to_fs(self._address)
            self._root = root.rstrip("/")

    @property
    def address(self) -> str:
        """The place, for people."""
        return self._address

    def stage(self) -> Staged:
        """Begin to write new bytes aside."""
        return _RemoteStaged(self._files, self._root, self._address)

    def size(self, key: str) -> int | None:
        """Return how many bytes ``key`` holds, or None."""
        with _failing_as_store(self._address):
            self._files.invalidate_cache()
            path = f"{self._root}/{key}"
            return int(self._files.size(path)) if self._files.exists(path) else None

    def open(self, key: str) -> BinaryIO:
        """Open ``key`` for reading."""
        with _failing_as_store(self._address):
            return cast("BinaryIO", self._files.open(f"{self._root}/{key}", "rb"))

    def local_path(self, key: str) -> Path | None:  # noqa: ARG002 - the promise of every store
        """Return where ``key`` lies on this machine, or None."""
        return None

    def put(self, key: str, content: bytes) -> None:
        """Write small content to ``key`` in one step."""
        staged = _RemoteStaged(self._files, self._root, self._address)
        try:
            staged.write(memoryview(content))
            staged.settle()
            staged.commit(key)
        finally:
            staged.discard()

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys below ``prefix``, sorted."""
        with _failing_as_store(self._address):
            self._files.invalidate_cache()
            base = f"{self._root}/{prefix}".rstrip("/")
            found = sorted(self._files.find(base)) if self._files.exists(base) else []
        for path in found:
            yield path[len(self._root) :].lstrip("/")

    def remove_staged(self) -> int:
        """Remove what interrupted runs left; return how many."""
        leftovers = list(self.keys(STAGING))
        with _failing_as_store(self._address):
            for key in leftovers:
                self._files.rm(f"{self._root}/{key}")
        return len(leftovers)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the vault alone for writing."""
        yield
