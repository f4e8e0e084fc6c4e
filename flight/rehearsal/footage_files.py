"""Writes a file aside and renames it when it is whole, so that a killed rehearsal leaves no half photo."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """Give a path beside ``path`` to write to; on leaving, flush it to disk and rename it to ``path``.

    When the body fails the file beside is removed and ``path`` is as it was.
    """
    aside = path.with_name(f".{path.name}.part")
    try:
        yield aside
        with aside.open("rb") as written:
            os.fsync(written.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
