"""Writes a run's coverage map: ``coverage.geojson`` beside its other files, and what the report says of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.journal import InputFindings
from core.text import _
from detection.coverage_map import CoverageMap, SeenPart
from maps.coverage_file import write_parts

OFTEN: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Covered:
    """How much ground a run saw.

    Attributes:
        seen_m2: Ground that a clear frame saw, square metres.
        often_m2: Ground that two clear frames saw or more.
        unseen_m2: Ground that was asked for and that no clear frame saw; None where no ground was asked for.
        unplaced: Frames whose pose or camera does not tell what they saw.
    """

    seen_m2: float
    often_m2: float
    unseen_m2: float | None
    unplaced: int


def map_coverage(findings: Sequence[InputFindings]) -> CoverageMap:
    """Return the coverage map of what a run's weights looked at.

    Looks that only follow something are not counted, nor are thermal frames: on those nothing but heat was sought.
    """
    coverage = CoverageMap()
    for given in findings:
        for frame in given.frames:
            if not (frame.followed or frame.thermal):
                coverage.add(frame.frame.pose, frame.frame.camera, frame.quality)
    return coverage


def write_coverage(parts: Sequence[SeenPart], path: Path, *, asked: bool, unplaced: int) -> Covered:
    """Write a run's coverage (GeoJSON, RFC 7946) and return how much ground was seen.

    Args:
        parts: Ground seen alike, and what was never seen of the ground that was asked for.
        path: The file.
        asked: Whether the ground that the patrol was to look at is known.
        unplaced: Frames that do not tell what they saw.

    Raises:
        OSError: The file cannot be written.
    """
    write_parts(parts, path)
    return Covered(
        seen_m2=round(sum(part.area_m2 for part in parts if part.views[0] >= 1), 1),
        often_m2=round(sum(part.area_m2 for part in parts if part.views[0] >= OFTEN), 1),
        unseen_m2=None
        if not asked
        else round(sum(part.area_m2 for part in parts if part.views[1] == 0 and part.unclear == 0), 1),
        unplaced=unplaced,
    )


def tell_covered(covered: Covered) -> str:
    """Return how much ground was seen, in words."""
    told = _("{often:.3f} km² of it twice or more").format(often=covered.often_m2 / 1e6)
    if covered.unseen_m2 is not None:
        told += "; " + _("{unseen:.3f} km² of the patrol's areas never").format(unseen=covered.unseen_m2 / 1e6)
    if covered.unplaced:
        told += "; " + _("{number} frames do not tell what they saw").format(number=covered.unplaced)
    return told
