"""Digests of what a package holds: SHA-256 and SM3 (GB/T 32905-2016), one read each, as at ingestion."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO, Final, cast

from evidence.ingest import Digests
from evidence.sm3 import new_sm3

ALGORITHMS: Final = ("sha256", "sm3")
WORKERS: Final = min(4, os.cpu_count() or 1)
PIECE_BYTES: Final = 256 << 10  # stays in a core's own cache between reading, both digests and writing


def digest_bytes(content: bytes) -> Digests:
    """Return the digests of ``content``."""
    sm3 = new_sm3()
    sm3.update(content)
    return Digests(sha256=hashlib.sha256(content).hexdigest(), sm3=sm3.hexdigest(), size_bytes=len(content))


def copy_digests(stream: BinaryIO, sink: Callable[[memoryview], object] | None = None) -> Digests:
    """Return the digests of the rest of ``stream``, handing every piece to ``sink`` while it is valid; in this thread.

    The reader made for footage (:func:`evidence.ingest.read_digests`) spreads one large file over two cores; where many
    files are read at once, one thread a file wastes less.
    """
    sha256, sm3, size = hashlib.sha256(), new_sm3(), 0
    room = memoryview(bytearray(PIECE_BYTES))
    while count := stream.readinto(room):  # type: ignore[attr-defined]
        chunk = room[:count]
        sha256.update(chunk)
        sm3.update(chunk)
        if sink is not None:
            sink(chunk)
        size += count
    return Digests(sha256=sha256.hexdigest(), sm3=sm3.hexdigest(), size_bytes=size)


def digest_many(openers: Mapping[str, Callable[[], BinaryIO]]) -> dict[str, Digests | OSError]:
    """Return the digests of many streams by name, some at a time; a stream that cannot be read gives its error."""

    def digest(reopen: Callable[[], BinaryIO]) -> Digests | OSError:
        try:
            with reopen() as stream:
                return copy_digests(stream)
        except OSError as problem:
            return problem

    with ThreadPoolExecutor(max_workers=WORKERS) as pool:
        return dict(zip(openers, pool.map(digest, openers.values()), strict=True))


def digest_file(path: Path) -> Digests:
    """Return the digests of a file's bytes. Raises ``OSError`` as reading does."""
    with path.open("rb", buffering=0) as stream:
        return copy_digests(cast("BinaryIO", stream))
