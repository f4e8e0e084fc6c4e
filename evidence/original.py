"""Original: a footage file as it came, hashed before anything reads it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from core.clock import in_utc


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """A file from the memory card.

    Attributes:
        name: File name as it came.
        path: Where it lies now; never written to.
        size_bytes: Its size.
        sha256, sm3: Digests, hex.
        media_type: "image/jpeg", "video/mp4", "application/x-subrip", ...
        ingested_at: When it was hashed, aware UTC.
    """

    name: str
    path: Path
    size_bytes: int
    sha256: str
    sm3: str
    media_type: str
    ingested_at: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "ingested_at", in_utc(self.ingested_at))
        if len(self.sha256) != 64 or len(self.sm3) != 64:
            raise ValueError("digests are 64 hex characters")
