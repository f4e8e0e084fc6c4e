"""Chooses which originals a package carries.

One thing may be seen in thirty photographs, and twenty things in the same thirty: carrying every original in every
package would multiply gigabytes. Hard links would save the space and break the promise, because a change through one
name would show under all of them. So a package carries the few originals that its facts rest on most, each a true copy,
and names every other one by its digests as kept in the bureau's store, from which it can be produced and compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from core.ids import derived_id
from evidence.incident import Incident
from evidence.original import Original
from evidence.sealing.frame_record import FrameRecord

_NO_LIMIT: Final = 1 << 62


@dataclass(frozen=True, slots=True, kw_only=True)
class Carry:
    """How many originals a package carries.

    Attributes:
        max_originals: At most this many (never fewer than one where one fits).
        max_bytes: At most this many bytes of originals in all; a single larger one is not carried.
        among: Digests of those that may be carried (what an earlier package carried); None for any.
    """

    max_originals: int = 4
    max_bytes: int = 256 << 20
    among: frozenset[str] | None = None

    def __post_init__(self) -> None:
        if self.max_originals < 0 or self.max_bytes < 0:
            raise ValueError("a limit is not negative")


CARRY_ALL: Final = Carry(max_originals=_NO_LIMIT, max_bytes=_NO_LIMIT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The originals an incident rests on.

    Attributes:
        carried: Those the package carries, in order of first sight.
        kept: Those it only names, in order of first sight.
    """

    carried: tuple[Original, ...]
    kept: tuple[Original, ...]


def originals_by_frame(
    incident: Incident, originals: Sequence[Original], frames: Sequence[FrameRecord]
) -> Mapping[str, Original]:
    """Return the original behind each frame that the incident's fixes were seen in.

    Args:
        incident: The incident.
        originals: The originals of the run, or more.
        frames: What is known of the frames; a photo needs none, its frame follows from its digest.

    Raises:
        ValueError: A fix was seen in a frame of none of them.
    """
    by_digest = {original.sha256: original for original in originals}
    by_frame = {derived_id("frame", digest, 0): original for digest, original in by_digest.items()}
    by_frame |= {
        frame.frame_id: by_digest[frame.original_sha256] for frame in frames if frame.original_sha256 in by_digest
    }
    wanted = [fix.detection.frame_id for fix in incident.sighting.fixes]
    lost = [frame_id for frame_id in wanted if frame_id not in by_frame]
    if lost:
        raise ValueError(f"{incident.number} rests on {len(lost)} frames of no given original, the first is {lost[0]}")
    return {frame_id: by_frame[frame_id] for frame_id in wanted}


def choose_originals(incident: Incident, behind: Mapping[str, Original], carry: Carry) -> Chosen:
    """Return which originals to carry.

    In this order, while the limits allow: the one with the best-scored fix, the first, the last, then always the one
    farthest in time from those already taken, so that several passes are shown.

    Args:
        incident: The incident.
        behind: Its frames' originals, of :func:`originals_by_frame`.
        carry: The limits.
    """
    fixes = incident.sighting.fixes
    seen_at: dict[str, datetime] = {}
    originals: dict[str, Original] = {}
    for fix in fixes:
        original = behind[fix.detection.frame_id]
        originals.setdefault(original.sha256, original)
        seen_at.setdefault(original.sha256, fix.captured_at)
    best = max(fixes, key=lambda fix: fix.detection.score)
    ranked = list(dict.fromkeys(behind[fix.detection.frame_id].sha256 for fix in (best, fixes[0], fixes[-1])))
    while len(ranked) < min(len(originals), carry.max_originals):
        taken = [seen_at[digest] for digest in ranked]
        rest = [digest for digest in originals if digest not in ranked]
        ranked.append(max(rest, key=lambda digest: min(abs(seen_at[digest] - instant) for instant in taken)))
    carried: set[str] = set()
    room = carry.max_bytes
    for digest in ranked[: carry.max_originals]:
        allowed = carry.among is None or digest in carry.among
        if allowed and originals[digest].size_bytes <= room:
            carried.add(digest)
            room -= originals[digest].size_bytes
    return Chosen(
        carried=tuple(original for digest, original in originals.items() if digest in carried),
        kept=tuple(original for digest, original in originals.items() if digest not in carried),
    )
