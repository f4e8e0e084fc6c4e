"""Writes a run's coverage map: ``coverage.geojson`` beside its other files, and what the report says of it.

What weights for heat looked at in thermal frames is a map of its own, ``coverage-heat.geojson``: they look for other
things than the weights for daylight do, and ground seen in one kind of light was not seen in the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from shapely.geometry.base import BaseGeometry

from app.journal import InputFindings
from core.text import _
from detection.coverage_map import CoverageMap, SeenPart
from detection.thermal.heat_detector import HeatDetector
from maps.coverage_file import COVERAGE_IN_HEAT, write_parts

OFTEN: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Covered:
    """How much ground a run saw.

    Attributes:
        seen_m2: Ground that a clear frame saw, square metres.
        often_m2: Ground that two clear frames saw or more.
        unseen_m2: Ground that was asked for and that no clear frame saw; None where no ground was asked for.
        unplaced: Frames whose pose or camera does not tell what they saw.
        sought: The labels that were looked for there, where they are fewer than those of the run.
    """

    seen_m2: float
    often_m2: float
    unseen_m2: float | None
    unplaced: int
    sought: tuple[str, ...] = ()


def map_coverage(findings: Sequence[InputFindings]) -> CoverageMap:
    """Return the coverage map of what a run's weights for light looked at.

    Looks that only follow something are not counted, nor are thermal frames: those weights did not look at them.
    """
    coverage = CoverageMap()
    for given in findings:
        for frame in given.frames:
            if not (frame.followed or frame.thermal):
                coverage.add(frame.frame.pose, frame.frame.camera, frame.quality)
    return coverage


def cover_in_heat(
    findings: Sequence[InputFindings], heat: HeatDetector | None, out: Path, *, area: BaseGeometry | None
) -> Covered | None:
    """Write what a run's weights for heat looked at, and return how much; None where they looked at nothing.

    Args:
        findings: Of the run.
        heat: Its weights for heat, or None.
        out: Its case folder; the map of an earlier try is taken away where there is none now.
        area: The ground that was asked for, or None.

    Raises:
        OSError: The file cannot be written.
    """
    frames = [frame for given in findings for frame in given.frames if frame.thermal]
    path = out / COVERAGE_IN_HEAT
    if heat is None or not frames:
        path.unlink(missing_ok=True)
        return None
    coverage = CoverageMap(coarsest_gsd_m=min(heat.coarsest_gsd_m.values()))
    for frame in frames:
        coverage.add(frame.frame.pose, frame.frame.camera, frame.quality)
    covered = write_coverage(coverage.parts(area), path, asked=area is not None, unplaced=coverage.unplaced)
    return replace(covered, sought=tuple(sorted(heat.coarsest_gsd_m)))


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
    if covered.sought:
        told += "; " + _("sought there: {labels}").format(labels=", ".join(covered.sought))
    if covered.unplaced:
        told += "; " + _("{number} frames do not tell what they saw").format(number=covered.unplaced)
    return told
