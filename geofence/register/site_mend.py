"""Mend outlines on request: never without being asked, and never silently.

Only what has one sensible reading is mended: an outline that crosses itself becomes the ground that it encloses. If
that changes its area by more than a hundredth, two readings are possible and it stays refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import shapely
from shapely import MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry

from core.refusal import Refusal
from core.text import _
from geofence.datums import Datum
from geofence.register.site_features import Feature, read_features
from geofence.register.site_files import compile_register, digest_files
from geofence.site import Register

_LEAST_SAME: Final = 0.99


@dataclass(frozen=True, slots=True, kw_only=True)
class Mended:
    """One outline that was mended.

    Attributes:
        subject: Which feature.
        says: What was wrong and what was done, with the areas.
    """

    subject: str
    says: str


def mend_features(features: Iterable[Feature]) -> tuple[list[Feature], tuple[Mended, ...]]:
    """Return features with those outlines mended that can be, and what was done.

    Args:
        features: From :func:`geofence.register.site_features.read_features`.
    """
    result: list[Feature] = []
    done: list[Mended] = []
    for feature in features:
        found = _mend(feature.shape)
        if found is None:
            result.append(feature)
            continue
        mended, disputed = found
        says = _("{fault}; redrawn as the ground it encloses, {share:.2%} of it in dispute").format(
            fault=shapely.is_valid_reason(feature.shape), share=disputed
        )
        done.append(Mended(subject=feature.subject, says=says))
        result.append(replace(feature, shape=mended))
    return result, tuple(done)


def read_mended_register(
    sites: Path, zones: Path | None = None, *, datum: Datum = Datum.WGS84
) -> tuple[Register, tuple[Refusal, ...], tuple[Mended, ...]]:
    """Return the register of one or two files after mending, what is still refused, and what was mended.

    Args:
        sites: As in :func:`geofence.register.site_files.read_register`.
        zones: As there.
        datum: As there.

    Raises:
        InputRefused: As there.
    """
    paths = [sites] if zones is None else [sites, zones]
    features: list[Feature] = []
    doubts: list[Refusal] = []
    for path in paths:
        found, warned = read_features(path, datum=datum)
        features += found
        doubts += warned
    mended, done = mend_features(features)
    register, refused = compile_register(mended, sha256=digest_files(paths))
    return register, (*doubts, *refused), done


def _mend(shape: BaseGeometry | None) -> tuple[Polygon | MultiPolygon, float] | None:
    """Return the mended shape and the share in dispute, or None where nothing is to mend or no reading is single."""
    if not isinstance(shape, Polygon | MultiPolygon) or shape.is_empty or shape.is_valid:
        return None
    # Two readings of a crossing outline: every part it goes round, or the parts it goes round an odd number of times.
    inside, odd = (_ground(shapely.make_valid(shape, method=method)) for method in ("structure", "linework"))
    if inside.is_empty or not inside.is_valid:
        return None
    agreed = shapely.intersection(inside, odd).area / max(inside.area, odd.area)
    main = max(part.area for part in shapely.get_parts(inside)) / inside.area
    share = min(float(agreed), float(main))  # a bow tie encloses two grounds of one size: which is meant is not known
    return (inside, 1 - share) if share >= _LEAST_SAME else None


def _ground(shape: BaseGeometry) -> Polygon | MultiPolygon:
    """Return the polygons of a shape as one; lines and points that are left over enclose nothing."""
    parts = [part for part in shapely.get_parts(shapely.get_parts(shape)) if isinstance(part, Polygon)]
    ground = shapely.union_all(parts)
    return ground if isinstance(ground, Polygon | MultiPolygon) else Polygon()
