"""Where the bytes of a case's files lie in the vault."""

from __future__ import annotations

import re
from typing import Final

from evidence.originals.vault_records import object_key

_HEX64: Final = re.compile(r"[0-9a-f]{64}\Z")
DERIVED: Final = "derived/sha256"


def media_key(kind: str, sha256: str) -> str:
    """Return the vault's key of an original, or of a derived copy.

    Raises:
        ValueError: It is no digest.
    """
    if not _HEX64.match(sha256):
        raise ValueError("a digest is 64 lower-case hex characters")
    return object_key(sha256) if kind == "original" else f"{DERIVED}/{sha256[:2]}/{sha256}"
