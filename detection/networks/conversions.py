"""Kept conversions: a weight converted for a runtime, in a folder of its own, with the digests of its files.

A conversion is written aside and renamed, so that a run that is killed leaves nothing half-written; one whose bytes are
no longer those that were written counts as not there.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """A conversion that is whole.

    Attributes:
        folder: Where its files lie.
        classes: The weight's own class names, by class number.
        notes: What was noted when it was made.
    """

    folder: Path
    classes: tuple[str, ...]
    notes: Mapping[str, Any] = field(default_factory=dict)


def kept_conversion(folder: Path) -> Conversion | None:
    """Return the conversion in ``folder``, or None when there is none or its bytes are not those written."""
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        if all(_digest(folder / name) == digest for name, digest in manifest["files"].items()):
            notes = manifest.get("notes", {})
            return Conversion(folder=folder, classes=tuple(manifest["classes"]), notes=dict(notes))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    return None


def keep_conversion(
    folder: Path,
    write: Callable[[Path], Sequence[str]],
    *,
    notes: Mapping[str, Any] | None = None,
    anew: bool = False,
) -> Conversion:
    """Make a conversion and keep it; of several processes that want the same one, one makes it and the others wait.

    Args:
        folder: Where to; replaced when it is there.
        write: Writes the conversion's files into the folder it is given and returns the weight's class names.
        notes: What to note beside them, as JSON.
        anew: Whether to make it although a whole one is there.

    Raises:
        OSError: The cache cannot be written.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.parent / f".{folder.name}.lock"):
        # Another process may have made it meanwhile, and runs from it: it must not be taken away under its feet.
        made = None if anew else kept_conversion(folder)
        return made or _make(folder, write, dict(notes or {}))


def _make(folder: Path, write: Callable[[Path], Sequence[str]], notes: dict[str, Any]) -> Conversion:
    aside = Path(tempfile.mkdtemp(prefix=".part-", dir=folder.parent))
    try:
        classes = tuple(write(aside))
        files = {file.name: _digest(file) for file in sorted(aside.iterdir())}
        manifest = {"classes": classes, "files": files, "notes": notes}
        (aside / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        aside.rename(folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return Conversion(folder=folder, classes=classes, notes=notes)


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
