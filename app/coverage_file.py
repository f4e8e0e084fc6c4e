"""Writes a run's coverage map: ``coverage.geojson`` beside its other files, and what the report says of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import shapely
from shapely.geometry.base import BaseGeometry

from app.journal import InputFindings
from core.text import _
from core.whole_file import write_text
from detection.coverage_map import CoverageMap, SeenPart

COVERAGE: Final = "coverage.geojson"
OFTEN: Final = 2
DECIMALS: Final = 8


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


def write_coverage(coverage: CoverageMap, asked_for: BaseGeometry | None, path: Path) -> Covered:
    """Write the map (GeoJSON, RFC 7946) and return how much ground was seen.

    Args:
        coverage: The map.
        asked_for: The ground that the patrol was to look at, longitude and latitude; None where it is not known.
        path: The file.

    Raises:
        OSError: The file cannot be written.
    """
    parts = coverage.parts(asked_for)
    collection = {"type": "FeatureCollection", "name": "coverage", "features": [_feature(part) for part in parts]}
    write_text(path, json.dumps(collection, ensure_ascii=False) + "\n")
    return Covered(
        seen_m2=round(sum(part.area_m2 for part in parts if part.views[0] >= 1), 1),
        often_m2=round(sum(part.area_m2 for part in parts if part.views[0] >= OFTEN), 1),
        unseen_m2=None
        if asked_for is None
        else round(sum(part.area_m2 for part in parts if part.views[1] == 0 and part.unclear == 0), 1),
        unplaced=coverage.unplaced,
    )


def tell_covered(covered: Covered) -> str:
    """Return how much ground was seen, in words."""
    told = _("{often:.3f} km² of it twice or more").format(often=covered.often_m2 / 1e6)
    if covered.unseen_m2 is not None:
        told += "; " + _("{unseen:.3f} km² of the patrol's areas never").format(unseen=covered.unseen_m2 / 1e6)
    if covered.unplaced:
        told += "; " + _("{number} frames do not tell what they saw").format(number=covered.unplaced)
    return told


def _feature(part: SeenPart) -> dict[str, object]:
    shape = shapely.set_precision(part.shape, 10.0**-DECIMALS)
    return {
        "type": "Feature",
        "geometry": json.loads(shapely.to_geojson(shape)),
        "properties": {
            "views_least": part.views[0],
            "views_most": part.views[1],
            "unclear_views": part.unclear,
            "gsd_m": None if part.gsd_m is None else round(part.gsd_m, 4),
            "sharpness": None if part.sharpness is None else round(part.sharpness, 4),
            "area_m2": round(part.area_m2, 1),
        },
    }
