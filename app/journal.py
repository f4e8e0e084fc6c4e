"""Journal: what a run has finished, input by input, so that a killed run goes on where it stopped.

One file per original, named by its digest, in a folder named by the settings that its findings depend on (weight,
camera zone, ground, program version). Other rules, sites or zones do not undo detections, so they are not part of it;
another weight is. A journal file is written whole or not at all; one that cannot be read is treated as not there, and
its input is examined again.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from core.errors import InputRefused
from core.refusal import Refusal
from core.whole_file import write_bytes
from detection.frames.image_quality import ImageQuality
from evidence.sealing.canonical import canonical_bytes, decode, encode
from evidence.sealing.frame_record import FrameRecord
from geofence.fix import Fix, Unlocated

SCHEMA: Final = "skywarden/input/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameFindings:
    """What one frame gave: every detection is either on the ground or unlocated with a reason.

    Attributes:
        frame: The frame, without its pixels.
        fixes, unlocated: Its detections.
        quality: How sharp and how exposed it was; None where nobody measured it.
        followed: Whether it was decoded only to follow something found shortly before or after, and looked at there.
        thermal: Whether a thermal camera took it: no daylight weight looked at its ground then.
    """

    frame: FrameRecord
    fixes: tuple[Fix, ...]
    unlocated: tuple[Unlocated, ...]
    quality: ImageQuality | None = None
    followed: bool = False
    thermal: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class InputFindings:
    """What one original gave.

    Attributes:
        sha256: Its digest, hex.
        name: Its file name when it was examined.
        ingested_at: When it was hashed for the first time, aware UTC; a resumed run keeps that time.
        frames: What its frames gave, in order.
        refusals: What was refused in it; when there are no frames, the original itself is refused.
        assumptions: What was declared rather than measured.
        tiles: How many tiles were run, and left out by reason, all weights together.
        leans_on: Digests of earlier originals for whose looks tiles of this one were left out.
        not_followed: Frames that following what was found would have taken beyond the limit.
    """

    sha256: str
    name: str
    ingested_at: datetime
    frames: tuple[FrameFindings, ...]
    refusals: tuple[Refusal, ...]
    assumptions: tuple[str, ...] = ()
    tiles: dict[str, int] = field(default_factory=dict)
    leans_on: tuple[str, ...] = ()
    not_followed: int = 0

    @property
    def refused(self) -> bool:
        """Whether the original gave nothing at all but a refusal."""
        return not self.frames


def journal_folder(work: Path, settings: Mapping[str, str]) -> Path:
    """Return (and make) the folder for findings made under ``settings``; its name is their digest.

    Of a case folder's journals, the one that was asked for last is the one that changed last: a run that takes all its
    findings from an older journal is compared by that one (:func:`app.comparing.patrol_view.open_case_folder`).
    """
    digest = hashlib.sha256(canonical_bytes(dict(settings))).hexdigest()
    folder = work / digest[:16]
    folder.mkdir(parents=True, exist_ok=True)
    os.utime(folder)
    return folder


def remember(folder: Path, findings: InputFindings) -> None:
    """Write an original's findings to the journal, whole or not at all."""
    write_bytes(folder / f"{findings.sha256}.json", encode(SCHEMA, findings))


def recall(folder: Path, sha256: str) -> InputFindings | None:
    """Return the findings of an original that an earlier run finished, or None when it did not (or they are unfit)."""
    path = folder / f"{sha256}.json"
    if not path.is_file():
        return None
    try:
        findings = decode(SCHEMA, InputFindings, path.read_bytes(), path)
    except InputRefused:
        return None
    return findings if findings.sha256 == sha256 else None
