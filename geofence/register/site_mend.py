"""Mend a register on request: never without being asked, and never silently.

Each mend has to be named. What is mended has one sensible reading, and is listed with its numbers:

- ``crossings``: an outline that crosses itself becomes the ground that it encloses. If that changes its area by more
  than a hundredth, two readings are possible and it stays refused.
- ``repeats``: an entry that says word for word what an earlier one says is dropped.
- ``slivers`` and ``gaps``: where two fences overlap by less than a sliver's width, or leave less than that between
  them, both take the line of the entry that comes first.
- ``shift``: all outlines are moved back by the one tiny shift that the register has against an earlier one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry

from core.points import GeoPoint, LocalPlane, from_plane, to_plane
from core.refusal import Refusal
from core.text import _
from geofence.datums import Datum
from geofence.register.site_features import Feature
from geofence.register.site_files import Source, compile_register, read_files
from geofence.register.site_neighbours import SLIVER_M, Between, look_between
from geofence.register.site_shift import Shift, measure_shift
from geofence.site import Register

_LEAST_SAME: Final = 0.99
_SEAM_DEG: Final = 1e-7
"""A centimetre: a strip is joined to its fence over this much, so that no hair stays between them."""


_HAIR: Final = 1e-4


class Mend(StrEnum):
    """What may be asked for."""

    CROSSINGS = "crossings"
    REPEATS = "repeats"
    SLIVERS = "slivers"
    GAPS = "gaps"
    SHIFT = "shift"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mended:
    """One thing that was mended.

    Attributes:
        subject: Which entry.
        says: What was wrong and what was done, with the numbers.
        mend: Which mend did it.
    """

    subject: str
    says: str
    mend: Mend = Mend.CROSSINGS


def mend_source(
    source: Source, mends: AbstractSet[Mend], *, before: Register | None = None
) -> tuple[list[Feature], tuple[Mended, ...]]:
    """Return the features of a source after the mends asked for, and the list of what was done.

    Args:
        source: What the files hold.
        mends: What is asked for, at least one.
        before: The earlier register, for ``shift``.

    Raises:
        ValueError: Nothing is asked for, or ``shift`` is, without an earlier register.
    """
    if not mends:
        raise ValueError("nothing is mended without being asked for")
    if Mend.SHIFT in mends and before is None:
        raise ValueError("a shift is measured against an earlier register")
    features: list[Feature] = list(source.features)
    done: list[Mended] = []
    if Mend.REPEATS in mends:
        features, said = _without_repeats(features)
        done += said
    if Mend.CROSSINGS in mends:
        features, crossed = mend_features(features)
        done += crossed
    if Mend.SHIFT in mends and before is not None:
        register, _refused = compile_register(features, sha256=source.sha256)
        shift = measure_shift(register, before)
        if shift is not None and shift.is_tiny:
            features, said = _moved_back(features, shift)
            done += said
    if mends & {Mend.SLIVERS, Mend.GAPS}:
        features, said = _joined(features, mends)
        done += said
    return features, tuple(done)


def mend_features(features: Iterable[Feature]) -> tuple[list[Feature], tuple[Mended, ...]]:
    """Return features with those outlines mended that cross themselves and can be, and what was done.

    Args:
        features: From :func:`geofence.register.site_features.read_features`.
    """
    kept: list[Feature] = []
    done: list[Mended] = []
    for feature in features:
        found = _uncrossed(feature.shape)
        if found is None:
            kept.append(feature)
            continue
        mended, disputed = found
        says = _("{fault}; redrawn as the ground it encloses, {share:.2%} of it in dispute").format(
            fault=shapely.is_valid_reason(feature.shape), share=disputed
        )
        done.append(Mended(subject=feature.subject, says=says))
        kept.append(replace(feature, shape=mended))
    return kept, tuple(done)


def read_mended_register(
    sites: Path, zones: Path | None = None, *, datum: Datum = Datum.WGS84
) -> tuple[Register, tuple[Refusal, ...], tuple[Mended, ...]]:
    """Return the register of one or two files after mending crossings, what is still refused, and what was mended.

    Args:
        sites: As in :func:`geofence.register.site_files.read_register`.
        zones: As there.
        datum: As there.

    Raises:
        InputRefused: As there.
    """
    source = read_files(sites, zones, datum=datum)
    mended, done = mend_source(source, {Mend.CROSSINGS})
    register, refused = compile_register(mended, sha256=source.sha256)
    return register, (*source.doubts, *refused), done


def _uncrossed(shape: BaseGeometry | None) -> tuple[Polygon | MultiPolygon, float] | None:
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


def _without_repeats(features: Sequence[Feature]) -> tuple[list[Feature], list[Mended]]:
    """Return features without those that say word for word what an earlier one says."""
    first: dict[tuple[tuple[str, str], ...], list[Feature]] = {}
    kept: list[Feature] = []
    done: list[Mended] = []
    for feature in features:
        alike = first.setdefault(tuple(sorted(feature.properties.items())), [])
        known = next((one for one in alike if _one_outline(one.shape, feature.shape)), None)
        if known is None:
            alike.append(feature)
            kept.append(feature)
        else:
            says = _("says word for word what {first} says; dropped").format(first=known.subject)
            done.append(Mended(subject=feature.subject, says=says, mend=Mend.REPEATS))
    return kept, done


def _one_outline(one: BaseGeometry | None, other: BaseGeometry | None) -> bool:
    if one is None or other is None:
        return one is other
    return bool(shapely.equals_exact(shapely.normalize(one), shapely.normalize(other)))


def _moved_back(features: Sequence[Feature], shift: Shift) -> tuple[list[Feature], list[Mended]]:
    """Return features moved by the reverse of a shift, each in the plane at its own middle."""
    by = np.array([shift.east_m, shift.north_m])
    moved: list[Feature] = []
    for feature in features:
        if feature.shape is None or feature.shape.is_empty:
            moved.append(feature)
            continue
        middle = shapely.centroid(feature.shape)
        plane = LocalPlane(origin=GeoPoint(lon_deg=middle.x, lat_deg=middle.y))
        moved.append(replace(feature, shape=_moved(feature.shape, plane, by)))
    says = _("{count} outlines moved back by {east:.2f} m east and {north:.2f} m north").format(
        count=len(moved), east=-shift.east_m, north=-shift.north_m
    )
    return moved, [Mended(subject=_("the whole register"), says=says, mend=Mend.SHIFT)]


def _moved(shape: BaseGeometry, plane: LocalPlane, by: NDArray[np.float64]) -> BaseGeometry:
    return shapely.transform(shape, lambda lonlat: from_plane(plane, to_plane(plane, lonlat) - by))


def _joined(features: Sequence[Feature], mends: AbstractSet[Mend]) -> tuple[list[Feature], list[Mended]]:
    """Return features whose slivers and gaps are closed: the later entry takes the earlier one's line."""
    register, _refused = compile_register(features, sha256="")
    place_of = {
        feature.properties["code"]: place
        for place, feature in reversed(list(enumerate(features)))  # of entries with one code, the first stands
        if feature.properties.get("code") and not feature.properties.get("zone_type")
    }
    joined = list(features)
    done: list[Mended] = []
    for between in look_between(register.sites):
        one, other = register.sites[between.one], register.sites[between.other]
        place = place_of[other.code]
        line, shape = joined[place_of[one.code]].shape, joined[place].shape
        if not isinstance(line, Polygon | MultiPolygon) or not isinstance(shape, Polygon | MultiPolygon):
            continue
        for mend, says, after in _tries(between, line, shape, mends):
            if isinstance(after, Polygon) and after.is_valid:
                text = says.format(one=one.name, width=SLIVER_M, shared=between.shared_m2, gap=between.gap_m2)
                done.append(Mended(subject=f"{other.name} ({other.code})", says=text, mend=mend))
                shape = after
                joined[place] = replace(joined[place], shape=shape)
    return joined, done


def _tries(
    between: Between, line: BaseGeometry, shape: BaseGeometry, mends: AbstractSet[Mend]
) -> list[tuple[Mend, str, BaseGeometry]]:
    """Return what each mend asked for would make of the later outline."""
    tries: list[tuple[Mend, str, BaseGeometry]] = []
    sliver = between.shared is not None and between.width_m < SLIVER_M and not between.same
    if Mend.SLIVERS in mends and sliver:
        says = _("overlapped {one} by {shared:.0f} m², narrower than {width:.0f} m; takes the line of {one}")
        shape = _one_piece(shapely.difference(shape, line))
        tries.append((Mend.SLIVERS, says, shape))
    if Mend.GAPS in mends and between.strip is not None and not between.same:
        says = _("left {gap:.0f} m² to {one}, narrower than {width:.0f} m; takes the line of {one}")
        grown = shapely.union(shape, shapely.buffer(between.strip, _SEAM_DEG, join_style="mitre"))
        tries.append((Mend.GAPS, says, _one_piece(shapely.difference(grown, line))))
    return tries


def _one_piece(shape: BaseGeometry) -> BaseGeometry:
    """Return a shape without the hairs that a cut along a nearly common line leaves; one cut in two stays in two."""
    parts = shapely.get_parts(shape)
    if len(parts) < 2:
        return shape
    areas = shapely.area(parts)
    largest = int(np.argmax(areas))
    return parts[largest] if areas.sum() - areas[largest] < _HAIR * areas[largest] else shape
