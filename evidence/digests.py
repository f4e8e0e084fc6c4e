"""Digests of what a package holds: SHA-256 and SM3 (GB/T 32905-2016), one read each, as at ingestion."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final

from evidence.ingest import CHUNK_BYTES, Digests, read_digests

ALGORITHMS: Final = ("sha256", "sm3")


def digest_bytes(content: bytes) -> Digests:
    """Return the digests of ``content``."""
    return Digests(
        sha256=hashlib.sha256(content).hexdigest(), sm3=hashlib.new("sm3", content).hexdigest(), size_bytes=len(content)
    )


def digest_opened(reopen: Callable[[], BinaryIO]) -> Digests:
    """Return the digests of what ``reopen`` opens for reading.

    A short file is hashed in one go: the reader made for footage sets up its rings of buffers for gigabytes.
    """
    with reopen() as stream:
        head = stream.read(CHUNK_BYTES)
        if len(head) < CHUNK_BYTES and not stream.read(1):
            return digest_bytes(head)
    with reopen() as stream:
        return read_digests(stream)


def digest_file(path: Path) -> Digests:
    """Return the digests of a file's bytes. Raises ``OSError`` as reading does."""
    return digest_opened(lambda: path.open("rb"))
