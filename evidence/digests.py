"""Digests of what a package holds: SHA-256 and SM3 (GB/T 32905-2016), one read each, as at ingestion."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Final

from evidence.ingest import Digests, read_digests

ALGORITHMS: Final = ("sha256", "sm3")


def digest_bytes(content: bytes) -> Digests:
    """Return the digests of ``content``."""
    return read_digests(BytesIO(content))


def digest_file(path: Path) -> Digests:
    """Return the digests of a file's bytes. Raises ``OSError`` as reading does."""
    with path.open("rb", buffering=0) as stream:
        return read_digests(stream)
