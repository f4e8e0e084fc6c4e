"""Digests of what a package holds: SHA-256 and SM3 (GB/T 32905-2016), one read each, as at ingestion."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO, Final, cast

from evidence.ingest import CHUNK_BYTES, Digests

ALGORITHMS: Final = ("sha256", "sm3")
WORKERS: Final = min(4, os.cpu_count() or 1)


def digest_bytes(content: bytes) -> Digests:
    """Return the digests of ``content``."""
    return Digests(
        sha256=hashlib.sha256(content).hexdigest(), sm3=hashlib.new("sm3", content).hexdigest(), size_bytes=len(content)
    )


def copy_digests(stream: BinaryIO, sink: Callable[[bytes], object] | None = None) -> Digests:
    """Return the digests of the rest of ``stream``, handing every piece to ``sink``; all in this thread.

    The reader made for footage (:func:`evidence.ingest.read_digests`) spreads one large file over two cores; where many
    files are read at once, one thread a file wastes less.
    """
    sha256, sm3, size = hashlib.sha256(), hashlib.new("sm3"), 0
    while chunk := stream.read(CHUNK_BYTES):
        sha256.update(chunk)
        sm3.update(chunk)
        if sink is not None:
            sink(chunk)
        size += len(chunk)
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
