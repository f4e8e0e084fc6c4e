"""What lies in a footage folder, sorted: photos, videos with their subtitles, and what is neither.

Every file in the folder is an input and is accounted for at the end of the run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from core.errors import InputRefused
from core.text import _
from detection.thermal.read_thermogram import EXPORTED
from evidence.ingest import is_clutter, media_type_of

_PHOTOS: Final = frozenset({"image/jpeg"})
_VIDEOS: Final = frozenset({"video/mp4", "video/quicktime"})
_SUBTITLES: Final = ".srt"


class Kind(StrEnum):
    """What a file is taken for, by its name."""

    PHOTO = "photo"
    VIDEO = "video"
    SIDECAR = "sidecar"  # subtitles of a video, temperatures of a thermal photo that lie beside them
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class FootageFile:
    """A file in the footage folder.

    Attributes:
        path: Where it is.
        kind: What it is taken for.
        subtitles: For a video, the subtitle file beside it, or None.
        temperatures: For a photo, the file of its name beside it that may hold its temperatures, or None.
    """

    path: Path
    kind: Kind
    subtitles: Path | None = None
    temperatures: Path | None = None


def list_inputs(footage: Path, *, own: Sequence[Path] = ()) -> tuple[FootageFile, ...]:
    """Return every file of a footage folder (or the one file named), in order of path.

    The operating system's own files (``.DS_Store``) are nobody's footage; folders below are included.

    Args:
        footage: The folder, or the file.
        own: Folders that the asker writes to. What lies in them is no footage, where they are below the footage folder.

    Raises:
        InputRefused: The folder does not exist or holds no photo and no video.
    """
    if footage.is_file():
        paths = [footage]
    elif footage.is_dir():
        below = [folder.resolve() for folder in own if footage.resolve() in folder.resolve().parents]
        paths = sorted(
            path
            for path in footage.rglob("*")
            if path.is_file() and not is_clutter(path) and not any(map(path.resolve().is_relative_to, below))
        )
    else:
        raise InputRefused(footage, _("does not exist"), _("Name the folder that holds the photos and videos."))
    by_name = {(path.parent, path.stem.lower()): path for path in paths if path.suffix.lower() == _SUBTITLES}
    matrices = {(path.parent, path.stem.lower()): path for path in paths if path.suffix.lower() in EXPORTED}
    files = []
    used: set[Path | None] = set()
    for path in paths:
        media_type = media_type_of(path)
        if media_type in _PHOTOS:
            temperatures = matrices.get((path.parent, path.stem.lower()))
            used.add(temperatures)
            files.append(FootageFile(path=path, kind=Kind.PHOTO, temperatures=temperatures))
        elif media_type in _VIDEOS:
            subtitles = by_name.get((path.parent, path.stem.lower()))
            used.add(subtitles)
            files.append(FootageFile(path=path, kind=Kind.VIDEO, subtitles=subtitles))
    if not files:
        raise InputRefused(
            footage, _("holds no photo and no video"), _("Name a folder with JPEG photos or MP4 or MOV videos.")
        )
    rest = {file.path for file in files}
    files.extend(
        FootageFile(path=path, kind=Kind.SIDECAR if path in used else Kind.OTHER) for path in paths if path not in rest
    )
    return tuple(sorted(files, key=lambda file: file.path))
