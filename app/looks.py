"""What of the footage a run looked at with its detector, and what it left out and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from app.journal import InputFindings
from core.text import _
from detection.lookout import ELSEWHERE, OUTSIDE, RUN, SEEN


@dataclass(frozen=True, slots=True, kw_only=True)
class Looks:
    """The looks of a run.

    Attributes:
        tiles_run: Parts of frames that were shown to a weight.
        left_out: Parts that were not, by reason.
        followed: Frames of videos that were looked at only to follow something found just before or after.
        not_followed: Further such frames that were left out because a video may have so many only.
    """

    tiles_run: int
    left_out: dict[str, int]
    followed: int
    not_followed: int


def tell_looks(findings: Sequence[InputFindings]) -> Looks:
    """Return what a run looked at."""
    tiles: Counter[str] = Counter()
    for given in findings:
        tiles.update(given.tiles)
    return Looks(
        tiles_run=tiles.pop(RUN, 0),
        left_out=dict(tiles),
        followed=sum(frame.followed for given in findings for frame in given.frames),
        not_followed=sum(given.not_followed for given in findings),
    )


def reason_name(reason: str) -> str:
    """Return why parts of frames were left out, in words."""
    names = {
        SEEN: _("ground seen often enough"),
        OUTSIDE: _("outside the patrol's areas"),
        ELSEWHERE: _("not what was followed"),
    }
    return names.get(reason, reason)
