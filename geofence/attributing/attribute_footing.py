"""Things so large that a point does not tell whose ground they stand on: stacks, containers, debris, stains, water.

A detector's box says two things of what is in it: it lies within the box, and it touches each of the box's four sides.
Laid on the ground, that is an outline which the thing does not leave, and of which it fills an unknown part. So how
much ground it covers has only an upper bound, but that it *reaches* onto a site may be certain: it does where no
connected piece of the outline outside that site touches all four sides. A thing's own outline (from two patrols'
pictures) is the ground itself.

Position and fence err together here as in :mod:`geofence.attribute`: the outline is moved by 256 displacements that
are spread evenly over their common normal law, the same ones each time, and every displacement says whether the thing
reaches and how much of the outline lies there. Probabilities are good to two hundredths.

What is decided: a thing that certainly reaches onto two sites, or onto one and onto nobody's ground, with a fifth of
its outline on each, stands across the fence. It is named for no one, and no other look from the air would change that.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import Polygon
from shapely.geometry.base import BaseGeometry

from core.points import LocalPlane, from_plane, to_plane
from core.text import _
from geofence.attribute import DEFAULT_THRESHOLD
from geofence.attributing.origin_words import tell_footing
from geofence.attribution import Attribution, Footing, Overlap, Undecided
from geofence.fix import Fix
from geofence.locating.locate_contact import Form, stature_of
from geofence.register.site_index import Fences, SiteIndex, zone_holds_at
from geofence.sighting import Sighting

LONGEST_M: Final = 5.5
"""What is no longer than a car is told by its middle."""
ASTRIDE: Final = 0.2
"""The share of a thing's outline on each side of a fence from which it stands across it."""
DEEP_M: Final = 0.5
"""A thing reaches onto a site from half a metre behind its fence on: a fence is no knife's edge."""
_NODES: Final = 256
_LEAST_M2: Final = 1.0  # what covers less is told by its middle, however long it is
_EDGE_SHARE: Final = 0.057  # of a box's size, one sigma of an edge: the centre's 4 % times √2 (see locate_contact)
_TOUCH_M: Final = 0.01
_REACH_SIGMAS: Final = 4.5
_METRES_PER_DEGREE: Final = 111_000.0
_PEOPLE: Final = frozenset({"person", "human", "bare_head", "person_no_harness", "point"})

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GroundOutline:
    """The outline of one thing in metres east and north of its sighting's point.

    Attributes:
        corners: (n, 2) in order.
        boxed: As in :class:`geofence.attribution.Footing`.
        covariance: (2, 2) of its place, square metres, the error of its edges among it.
    """

    corners: Floats
    boxed: bool
    covariance: Floats

    @property
    def reach_m(self) -> float:
        """How far from the sighting's point any of it may lie, metres."""
        widest = math.sqrt(float(np.linalg.eigvalsh(self.covariance)[-1]))
        return float(np.hypot(*self.corners.T).max()) + _REACH_SIGMAS * widest


def attribute_footing(
    sighting: Sighting,
    outcome: Attribution | Undecided,
    index: SiteIndex,
    *,
    outline: Polygon | None = None,
    threshold: float = DEFAULT_THRESHOLD,
) -> Attribution | Undecided:
    """Return an outcome with the ground that the thing stands on, and undecided where that lies across a fence.

    Args:
        sighting: What was seen.
        outcome: What its middle says.
        index: The register's index.
        outline: The thing's own outline, WGS-84 degrees, where that is known; None for its boxes'.
        threshold: How probable it must be that it reaches onto either side.

    Returns:
        The outcome as it was for what is small, moves, or is smoke.
    """
    laid = outline_on_ground(sighting) if outline is None else _own_outline(sighting, outline)
    if laid is None or outcome.origin is not None:
        return outcome
    footing = lay_footing(sighting, laid, index)
    sites, place_of = index.register.sites, index.sites.place_of
    told = tell_footing(footing, {part.key: sites[place_of[part.key]].name for part in footing.on_sites})
    if _is_astride(footing, threshold):
        reason = _("it stands across a fence: {where}; whose it is can only be told on site").format(where=told)
        return Undecided(
            sighting_id=outcome.sighting_id,
            sites=outcome.sites,
            zones=outcome.zones,
            reason=reason,
            prior=outcome.prior,
            footing=footing,
        )
    if isinstance(outcome, Undecided):
        return replace(outcome, footing=footing, reason=f"{outcome.reason}; {told}")
    return replace(outcome, footing=footing)


def _is_astride(footing: Footing, threshold: float) -> bool:
    sides = [(overlap.reach or 0.0, overlap.share) for overlap in footing.on_sites]
    sides.append((footing.outside, footing.outside_m2 / footing.area_m2))
    certain = sum(reach >= threshold and share >= ASTRIDE for reach, share in sides)
    return certain >= 2


def outline_on_ground(sighting: Sighting) -> GroundOutline | None:
    """Return the outline that bounds a thing on the ground; None for what is small, moves or hangs above the ground.

    Of its boxes the one of middling size is taken; those below half of the largest are pieces.
    """
    form = stature_of(sighting.label).form
    if sighting.height_above_ground_m is not None:
        return None  # on a roof: its boxes cover other ground than that below it
    if form is Form.PLUME or sighting.label in _PEOPLE or (sighting.moving and form is not Form.FLAT):
        return None
    if not any(_longest_m(np.array(fix.outline_m)) >= LONGEST_M for fix in sighting.fixes if fix.outline_m):
        return None  # most things are small, and are done with here
    laid = [quad for fix in sighting.fixes if (quad := _standing_outline(fix)) is not None]
    if not laid:
        return None
    largest = max(area for area, _corners, _sigma in laid)
    whole = sorted((quad for quad in laid if quad[0] >= largest / 2), key=lambda quad: quad[0])
    _area, corners, edge_m = whole[len(whole) // 2]
    if _longest_m(corners) < LONGEST_M:
        return None
    return GroundOutline(corners=corners, boxed=True, covariance=sighting.covariance.matrix() + edge_m**2 * np.eye(2))


def _longest_m(corners: Floats) -> float:
    return float(np.hypot(*(np.roll(corners, -1, axis=0) - corners).T).max())


def _own_outline(sighting: Sighting, outline: Polygon) -> GroundOutline | None:
    """Return the outer edge of a thing's own outline in metres; None for what is small, or no one piece of ground."""
    plane = LocalPlane(origin=sighting.point)
    corners = to_plane(plane, shapely.get_coordinates(outline.exterior)[:-1])
    shape = Polygon(corners)
    if not shape.is_valid or shape.area <= _LEAST_M2:
        return None
    around = shapely.get_coordinates(shapely.minimum_rotated_rectangle(shape))[:-1]  # however it lies to the north
    if _longest_m(around) < LONGEST_M:
        return None
    return GroundOutline(corners=corners, boxed=False, covariance=sighting.covariance.matrix())


def _standing_outline(fix: Fix) -> tuple[float, Floats, float] | None:
    """Return the area, the corners and the edges' sigma of what a box's body stands on.

    A body's box is drawn around its foot and its top, which lean apart along the ray by height times the cotangent of
    the depression; laid on the ground at half height, it is too long by half of that at either end. Each side is moved
    in by as much as that reaches across it.
    """
    if len(fix.outline_m) != 4:
        return None
    corners = np.array(fix.outline_m)
    if _signed_area(corners) < 0:
        corners = corners[::-1]
    along = np.array(
        [
            (fix.point.lon_deg - fix.camera_point.lon_deg) * math.cos(math.radians(fix.point.lat_deg)),
            fix.point.lat_deg - fix.camera_point.lat_deg,
        ]
    )
    along *= _METRES_PER_DEGREE  # a hundredth off does not matter to how far a body leans
    level = float(np.hypot(*along))
    up = math.sqrt(max(1e-6, 1 - min(1.0, level / fix.slant_m) ** 2))
    slope = (level / fix.slant_m) / up  # cotangent of the depression
    stature = stature_of(fix.detection.label)
    lean = np.zeros(2) if level < 1e-6 else along / level * slope * stature.height_m / 2
    sides = np.roll(corners, -1, axis=0) - corners
    lengths = np.maximum(np.hypot(*sides.T), 1e-6)
    inward = np.column_stack([-sides[:, 1], sides[:, 0]]) / lengths[:, None]
    begins = corners + inward * np.abs(inward @ lean)[:, None]
    moved = _crossings(begins, sides)
    if moved is None or (area := _signed_area(moved)) <= _LEAST_M2 or not Polygon(moved).is_valid:
        return None
    if (np.einsum("ij,ij->i", np.roll(moved, -1, axis=0) - moved, sides) <= 0).any():
        return None  # turned inside out: the box is all height
    return area, moved, math.hypot(_EDGE_SHARE * math.sqrt(area), stature.sigma_m / 2 * slope)


def _crossings(begins: Floats, sides: Floats) -> Floats | None:
    """Return where each side's line crosses the one before it; None where two are parallel."""
    before, along = np.roll(begins, 1, axis=0), np.roll(sides, 1, axis=0)
    cross = along[:, 0] * sides[:, 1] - along[:, 1] * sides[:, 0]
    if (np.abs(cross) < 1e-9).any():
        return None
    gap = begins - before
    part = (gap[:, 0] * sides[:, 1] - gap[:, 1] * sides[:, 0]) / cross
    crossings: Floats = before + part[:, None] * along
    return crossings


def _signed_area(corners: Floats) -> float:
    following = np.roll(corners, -1, axis=0)
    return float(np.sum(corners[:, 0] * following[:, 1] - corners[:, 1] * following[:, 0]) / 2)


def lay_footing(sighting: Sighting, laid: GroundOutline, index: SiteIndex) -> Footing:
    """Return how much of a thing's outline lies on each site and in each zone, and whether it reaches there.

    Args:
        sighting: What was seen; zones must be valid when it was seen last.
        laid: Its outline.
        index: The register's index.
    """
    plane = LocalPlane(origin=sighting.point)
    area = abs(_signed_area(laid.corners))
    zones = [
        (place, shape)
        for place, shape in _near(index.zones, laid, plane)
        if zone_holds_at(index.register.zones[place], sighting.last_seen)
    ]
    sites = _near(index.sites, laid, plane)
    moved_by = cache(lambda sigma_m: _moved(laid, sigma_m))  # fences of one map share their sigma
    union = shapely.union_all([shape for _place, shape in sites])
    sigma_m = max((float(index.sites.sigma_m[place]) for place, _shape in sites), default=0.0)
    outside_m2, outside = 0.0, 0.0
    if not shapely.contains(union, _window(laid, sigma_m)):
        moved = moved_by(sigma_m)
        outside_m2 = float(np.mean(shapely.area(shapely.difference(moved.shapes, union))))
        outside = 1 - _kept_share(moved, shapely.intersection(moved.shapes, shapely.buffer(union, DEEP_M)))
    corners = from_plane(plane, laid.corners)
    return Footing(
        outline=tuple((round(float(lon), 8), round(float(lat), 8)) for lon, lat in corners),
        area_m2=round(area, 2),
        boxed=laid.boxed,
        on_sites=_overlaps(index.sites, sites, laid, moved_by),
        on_zones=_overlaps(index.zones, zones, laid, moved_by),
        outside_m2=round(outside_m2, 2),
        outside=outside,
    )


def chance_of_reaching(laid: GroundOutline, fence: BaseGeometry, sigma_m: float) -> float:
    """Return how probable it is that some of a thing stands on ground.

    Args:
        laid: The thing's outline.
        fence: The ground, in metres of the same plane.
        sigma_m: Error of that ground's outline, one sigma on either axis, metres.
    """
    return _reach(_moved(laid, sigma_m), fence)


def _near(fences: Fences, laid: GroundOutline, plane: LocalPlane) -> list[tuple[int, BaseGeometry]]:
    """Return the fences that a thing may reach, cut to its surroundings, in metres."""
    if not fences.keys:
        return []
    window = _window(laid, fences.widest_sigma_m)
    around = from_plane(plane, shapely.get_coordinates(window)[:-1])
    (west, south), (east, north) = around.min(axis=0), around.max(axis=0)
    found = []
    for place in np.sort(fences.tree.query(shapely.box(west, south, east, north))).tolist():
        # A little more than the window in degrees, so that its own edge is nowhere the cut.
        near = shapely.clip_by_rect(fences.shapes[place], west - 1e-4, south - 1e-4, east + 1e-4, north + 1e-4)
        metric = shapely.transform(near, lambda lonlat: to_plane(plane, lonlat))
        if shapely.intersects(metric, window):
            found.append((place, shapely.make_valid(metric)))
    return found


def _window(laid: GroundOutline, sigma_m: float) -> Polygon:
    """Return the square beyond which a fence of that error is nothing to a thing, metres around its point."""
    reach = laid.reach_m + _REACH_SIGMAS * sigma_m + DEEP_M
    return shapely.box(-reach, -reach, reach, reach)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Moved:
    """An outline at every displacement, and its sides, (n,) and (n, 4); no sides where it is the thing's own."""

    shapes: NDArray[np.object_]
    sides: NDArray[np.object_] | None


@cache
def _displacements() -> Floats:
    """Return (256, 2) displacements spread evenly over the standard normal law.

    Vogel's sunflower (1979): the golden angle from each to the next, with the radii of the law's own quantiles. Over
    half planes in every direction they are off by 0.02 at most.
    """
    number = np.arange(_NODES)
    radius, turn = np.sqrt(-2 * np.log(1 - (number + 0.5) / _NODES)), number * np.pi * (3 - math.sqrt(5))
    return np.column_stack([radius * np.cos(turn), radius * np.sin(turn)])


def _moved(laid: GroundOutline, sigma_m: float) -> _Moved:
    spread = np.linalg.cholesky(laid.covariance + sigma_m**2 * np.eye(2))
    places = laid.corners[None] + (_displacements() @ spread.T)[:, None, :]
    rings = np.concatenate([places, places[:, :1]], axis=1)
    shapes = np.asarray(shapely.polygons(rings), dtype=object)
    if not laid.boxed:
        return _Moved(shapes=shapes, sides=None)
    sides = shapely.linestrings(np.stack([rings[:, :-1], rings[:, 1:]], axis=2))
    return _Moved(shapes=shapes, sides=np.asarray(sides, dtype=object))


def _kept_share(moved: _Moved, rest: NDArray[np.object_]) -> float:
    """Return the share of displacements at which the whole thing may lie in the rest of its outline.

    For a box: one connected piece of the rest touches every side of it. For a thing's own outline: the rest is all.
    """
    if moved.sides is None:
        whole = shapely.area(rest) >= shapely.area(moved.shapes) * (1 - 1e-9)
        return float(np.mean(whole))
    pieces, of_box = shapely.get_parts(rest, return_index=True)
    touching = np.ones(len(pieces), dtype=bool)
    for side in range(4):
        touching &= shapely.distance(pieces, moved.sides[of_box, side]) <= _TOUCH_M
    touching &= shapely.area(pieces) > 0
    return len(np.unique(of_box[touching])) / len(moved.shapes)


def _overlaps(
    fences: Fences, near: list[tuple[int, BaseGeometry]], laid: GroundOutline, moved_by: Callable[[float], _Moved]
) -> tuple[Overlap, ...]:
    found = sorted(_each_overlap(fences, near, laid, moved_by), key=lambda overlap: (-overlap.area_m2, overlap.key))
    return tuple(found)


def _each_overlap(
    fences: Fences, near: list[tuple[int, BaseGeometry]], laid: GroundOutline, moved_by: Callable[[float], _Moved]
) -> Iterator[Overlap]:
    area = abs(_signed_area(laid.corners))
    for place, fence in near:
        key, version, sigma_m = fences.keys[place], fences.versions[place], float(fences.sigma_m[place])
        if shapely.contains(fence, _window(laid, sigma_m)):
            whole = round(area, 2)
            yield Overlap(key=key, version=version, area_m2=whole, least_m2=whole, most_m2=whole, share=1.0, reach=1.0)
            continue
        moved = moved_by(sigma_m)
        common = shapely.area(shapely.intersection(moved.shapes, fence))
        if not common.any():
            continue
        least, most = np.quantile(common, [0.05, 0.95]).tolist()
        mean = float(common.mean())
        yield Overlap(
            key=key,
            version=version,
            area_m2=round(mean, 2),
            least_m2=round(least, 2),
            most_m2=round(most, 2),
            share=min(1.0, mean / area),
            reach=_reach(moved, shapely.buffer(fence, -DEEP_M)),
        )


def _reach(moved: _Moved, fence: BaseGeometry) -> float:
    return 1 - _kept_share(moved, shapely.difference(moved.shapes, fence))
