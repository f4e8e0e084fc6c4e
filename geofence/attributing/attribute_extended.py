"""Things that are no point: smoke plumes, whose source counts, areas, whose overlap counts, and what moves.

A plume's outline on the ground says where smoke is, not where it comes from. With the wind known, its source lies at
the plume's upwind end; how far off is told by how well the wind's direction is known and how wide that end is. Without
wind either end may be the source, and the belief has two modes; a plume as wide as it is long has no ends, and its
source may lie anywhere in it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry

from core.clock import BEIJING
from core.points import GeoPoint, LocalPlane, from_plane, to_plane
from core.text import _
from geofence.attribute import DEFAULT_MARGIN, DEFAULT_THRESHOLD, attribute_all
from geofence.attributing.attribute_belief import Belief
from geofence.attributing.attribute_prior import AdjacencyPrior
from geofence.attribution import Attribution, Mode, Overlap, Undecided
from geofence.fix import Covariance
from geofence.register.site_index import Fences, SiteIndex
from geofence.sighting import Sighting

Floats = NDArray[np.float64]

_MOST_STEPS: Final = 6
_END: Final = 0.15
"""The share of a plume's length that is its upwind end."""
_LONG: Final = 1.4
"""A plume longer than this many times its width has two ends."""
_HERMITE: Final = np.polynomial.hermite_e.hermegauss(9)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wind:
    """The wind at a plume.

    Attributes:
        from_deg: Direction it blows from, degrees clockwise from true north.
        sigma_deg: How well that is known, one sigma; gusts at a site are rarely below 10.
        source: Who says so ("as declared"), for the explanation.
    """

    from_deg: float
    sigma_deg: float = 15.0
    source: str = ""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.from_deg) and 0 < self.sigma_deg <= 60):
            raise ValueError("a wind's direction is finite and its sigma is in (0, 60] degrees")


def locate_source(plume: Polygon, wind: Wind | None, *, outline_sigma_m: float) -> Belief:
    """Return where the source of a plume may lie.

    Args:
        plume: The plume's outline on the ground, WGS-84 degrees.
        wind: The wind there, or None where nobody knows it.
        outline_sigma_m: Error of the outline on the ground, one sigma on either axis, metres.

    Raises:
        ValueError: The outline is invalid, or its error is not positive.
    """
    if plume.is_empty or not plume.is_valid or not outline_sigma_m > 0:
        raise ValueError("a plume has a valid outline whose error is positive")
    centre = plume.centroid
    plane = LocalPlane(origin=GeoPoint(lon_deg=centre.x, lat_deg=centre.y))
    outline = shapely.transform(plume, lambda lonlat: to_plane(plane, lonlat))
    points = shapely.get_coordinates(shapely.segmentize(outline, max(0.5, math.sqrt(outline.area) / 40)))
    if wind is not None:
        towards = math.radians(wind.from_deg)
        return Belief(modes=(_mode(plane, points, towards, math.radians(wind.sigma_deg), outline_sigma_m, 1.0),))
    spread, axes = np.linalg.eigh(np.cov(points.T))
    if spread[1] < _LONG**2 * spread[0]:
        return Belief(modes=(_anywhere(plane, outline, outline_sigma_m),))
    along = math.atan2(axes[0, 1], axes[1, 1])  # bearing of the plume's long axis
    modes = tuple(
        _mode(plane, points, along + turn, math.radians(20.0), outline_sigma_m, 1.0) for turn in (0.0, math.pi)
    )
    return Belief(modes=modes)


def _anywhere(plane: LocalPlane, outline: BaseGeometry, outline_sigma_m: float) -> Mode:
    """Return the law of a source that may lie anywhere under a plume, or a little outside it.

    A disc of the plume's area has a variance of a quarter of r² each way; four times that lets in ground as far outside
    as the plume is wide, since smoke may have left its source behind.
    """
    middle = outline.centroid
    lon, lat = from_plane(plane, np.array([[middle.x, middle.y]]))[0]
    variance = outline.area / math.pi + outline_sigma_m**2
    return Mode(
        point=GeoPoint(lon_deg=float(lon), lat_deg=float(lat)),
        covariance=Covariance(east_m2=variance, north_m2=variance),
        weight=1.0,
    )


def _mode(  # noqa: PLR0917 - the pieces of one mode, by the one function that makes them
    plane: LocalPlane, points: Floats, bearing: float, bearing_sigma: float, outline_sigma_m: float, weight: float
) -> Mode:
    """Return the law of the upwind end, the bearing's error carried through by Gauss-Hermite quadrature."""
    nodes, weights = _HERMITE
    weights = weights / weights.sum()
    ends = [_end(points, bearing + bearing_sigma * node) for node in nodes]
    means = np.array([mean for mean, _ in ends])
    mean = weights @ means
    spread = sum(w * (cov + np.outer(m - mean, m - mean)) for w, m, (_, cov) in zip(weights, means, ends, strict=True))
    covariance = spread + outline_sigma_m**2 * np.eye(2)
    lon, lat = from_plane(plane, mean[None])[0]
    return Mode(
        point=GeoPoint(lon_deg=float(lon), lat_deg=float(lat)),
        covariance=Covariance(
            east_m2=float(covariance[0, 0]), north_m2=float(covariance[1, 1]), east_north_m2=float(covariance[0, 1])
        ),
        weight=weight,
    )


def _end(points: Floats, bearing: float) -> tuple[Floats, Floats]:
    """Return the middle and covariance of the upwind end of a plume, for one bearing to windward."""
    upwind = np.array([math.sin(bearing), math.cos(bearing)])
    across = np.array([upwind[1], -upwind[0]])
    along = points @ upwind
    tip, length = along.max(), np.ptp(along)
    end = points[along >= tip - _END * length]
    sideways = end @ across
    middle = (sideways.max() + sideways.min()) / 2
    # The source is anywhere in that end with equal density: a uniform law's sigma is its extent over √12.
    sigma_along, sigma_across = _END * length / math.sqrt(12), np.ptp(sideways) / math.sqrt(12)
    mean = (tip - _END * length / 2) * upwind + middle * across
    covariance = sigma_along**2 * np.outer(upwind, upwind) + sigma_across**2 * np.outer(across, across)
    return mean, covariance


def attribute_path(
    sighting: Sighting,
    index: SiteIndex,
    *,
    threshold: float = DEFAULT_THRESHOLD,
    margin: float = DEFAULT_MARGIN,
    prior: AdjacencyPrior | None = None,
) -> tuple[tuple[datetime, Attribution | Undecided], ...]:
    """Return where a moving thing was at each fix: a fused position would lie where it never stood.

    Args:
        sighting: What moved.
        index: The register's index.
        threshold: Least probability to name a site (or nobody).
        margin: Least lead over the second site.
        prior: What is declared of neighbours, if anything is.

    Returns:
        The time of each fix and its attribution, in order of time; each speaks of the whole sighting's id.
    """
    alone = [
        replace(sighting, fixes=(fix,), point=fix.point, covariance=fix.covariance, passes=1) for fix in sighting.fixes
    ]
    outcomes = attribute_all(alone, index, threshold=threshold, margin=margin, prior=prior)
    return tuple(
        (fix.captured_at, replace(outcome, sighting_id=sighting.sighting_id))
        for fix, outcome in zip(sighting.fixes, outcomes, strict=True)
    )


def attribute_moving(
    sighting: Sighting, index: SiteIndex, *, prior: AdjacencyPrior | None = None
) -> Attribution | Undecided:
    """Return whose site a moving thing was on all the time, or, undecided, where it was when.

    Args:
        sighting: What moved.
        index: The register's index.
        prior: What is declared of neighbours, if anything is.

    Returns:
        What is said of its last fix, where every fix says the same; zones are those of the last fix.
    """
    path = attribute_path(sighting, index, prior=prior)
    steps: list[tuple[datetime, str]] = []
    for moment, outcome in path:
        where = _where(outcome, index)
        if not steps or steps[-1][1] != where:
            steps.append((moment, where))
    last = path[-1][1]
    if len(steps) == 1 and isinstance(last, Attribution):
        return last
    told = ", ".join(f"{moment.astimezone(BEIJING):%H:%M:%S} {where}" for moment, where in steps[:_MOST_STEPS])
    reason = _("it moved: {steps} (Beijing time)").format(steps=told + (", …" if len(steps) > _MOST_STEPS else ""))
    if isinstance(last, Undecided) and len(steps) == 1:
        reason = last.reason
    return Undecided(
        sighting_id=sighting.sighting_id, sites=last.sites, zones=last.zones, reason=reason, prior=last.prior
    )


def _where(outcome: Attribution | Undecided, index: SiteIndex) -> str:
    if isinstance(outcome, Undecided):
        return _("undecided")
    if outcome.site_code is None:
        return _("outside all sites")
    return index.register.sites[index.sites.place_of[outcome.site_code]].name


def overlaps(area: Polygon | MultiPolygon, fences: Fences) -> tuple[Overlap, ...]:
    """Return how much of an area lies on each site or zone, largest first, ties by key.

    Args:
        area: What was seen (a stack, a pool, a burnt field), WGS-84 degrees.
        fences: Sites or zones of an index.

    Raises:
        ValueError: The area is empty or invalid.
    """
    if area.is_empty or not area.is_valid:
        raise ValueError("an area is a valid shape")
    centre = area.centroid
    plane = LocalPlane(origin=GeoPoint(lon_deg=centre.x, lat_deg=centre.y))
    mine = _metric(plane, area)
    found = []
    for place in np.sort(fences.tree.query(area.buffer(2e-4))).tolist():
        window = area.buffer(0.01).bounds
        fence = _metric(plane, shapely.clip_by_rect(fences.shapes[place], *window))
        blur = 2 * float(fences.sigma_m[place])
        common, least, most = (
            float(shapely.intersection(mine, shapely.buffer(fence, grow)).area) for grow in (0.0, -blur, blur)
        )
        if most > 0:
            found.append(
                Overlap(
                    key=fences.keys[place],
                    version=fences.versions[place],
                    area_m2=common,
                    least_m2=least,
                    most_m2=most,
                    share=min(1.0, common / mine.area),
                )
            )
    return tuple(sorted(found, key=lambda overlap: (-overlap.area_m2, overlap.key)))


def _metric(plane: LocalPlane, shape: BaseGeometry) -> BaseGeometry:
    return shapely.transform(shape, lambda lonlat: to_plane(plane, lonlat))
