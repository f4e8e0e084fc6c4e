"""Tie sightings to sites and zones by the probability that they stand inside them.

What is computed: the mass of the sighting's normal law over each fence nearby, by
:mod:`geofence.attributing.attribute_mass`. The fences of one map err together: they are known up to a shift with
``boundary_sigma_m`` on either axis, independent of the sighting's own error, so the law is widened by that variance and
the result stays exact. Where fences err one by one or overlap, shares may sum to more than one; they are then divided
by their sum, which understates rather than names.

What is decided: the site with the largest share, if that share reaches the threshold and leads the next by the margin;
ground that is nobody's, if the mass outside all sites reaches the threshold; otherwise nothing, with what would decide
it. No neighbour is named because it is nearest, and no site is preferred for its size or its record. Only what somebody
declared of two neighbours, by name and with a reason, moves probability between them, and the outcome says so.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.clock import in_utc
from core.points import to_ecef
from geofence.attributing.attribute_mass import polygon_masses, whitening
from geofence.attributing.attribute_prior import AdjacencyPrior, weigh
from geofence.attributing.attribute_reason import why_undecided
from geofence.attribution import Attribution, Share, Undecided
from geofence.register.site_index import REACH_SIGMAS, Fences, SiteIndex, fences_near, tangent_axes, zone_holds_at
from geofence.sighting import Sighting

DEFAULT_THRESHOLD: Final = 0.95
DEFAULT_MARGIN: Final = 0.2
LEAST_SHARE: Final = 1e-6
"""Shares below this are left out; it bounds the mass of what is not looked at, too."""
_BATCH: Final = 1024
_VERTICES_AT_ONCE: Final = 60_000  # arrays of this size stay in the processor's cache

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def attribute(
    sighting: Sighting,
    index: SiteIndex,
    *,
    threshold: float = DEFAULT_THRESHOLD,
    margin: float = DEFAULT_MARGIN,
    at: datetime | None = None,
    prior: AdjacencyPrior | None = None,
) -> Attribution | Undecided:
    """Return whose site a sighting stands on and in which zones, or why that is undecided.

    Args:
        sighting: What was seen, with its covariance.
        index: The register's index.
        threshold: Least probability to name a site (or nobody), in (0.5, 1].
        margin: Least lead over the second site, in [0, 1].
        at: The instant for which zones must be valid, aware; None for when it was last seen.
        prior: What is declared of neighbours; None, as a rule, for nothing.

    Raises:
        ValueError: The threshold or margin is out of range, or ``at`` is naive.
    """
    return next(attribute_all([sighting], index, threshold=threshold, margin=margin, at=at, prior=prior))


def attribute_all(
    sightings: Iterable[Sighting],
    index: SiteIndex,
    *,
    threshold: float = DEFAULT_THRESHOLD,
    margin: float = DEFAULT_MARGIN,
    at: datetime | None = None,
    prior: AdjacencyPrior | None = None,
) -> Iterator[Attribution | Undecided]:
    """Yield, in order, what :func:`attribute` says of each sighting; it is the same to the last bit in any batch.

    Args:
        sightings: Any number; they are taken in batches, so a stream needs no more memory than a batch.
        index: As in :func:`attribute`.
        threshold: As in :func:`attribute`.
        margin: As in :func:`attribute`.
        at: As in :func:`attribute`.
        prior: As in :func:`attribute`.

    Raises:
        ValueError: As in :func:`attribute`.
    """
    if not 0.5 < threshold <= 1 or not 0 <= margin <= 1:
        raise ValueError("a threshold is in (0.5, 1] and a margin in [0, 1]")
    instant = None if at is None else in_utc(at)
    return _attribute_batches(iter(sightings), index, instant, threshold=threshold, margin=margin, prior=prior)


def _attribute_batches(
    sightings: Iterator[Sighting],
    index: SiteIndex,
    at: datetime | None,
    *,
    threshold: float,
    margin: float,
    prior: AdjacencyPrior | None,
) -> Iterator[Attribution | Undecided]:
    bounded = {zone.zone_id: zone for zone in index.register.zones if zone.valid_from or zone.valid_to}
    while batch := list(islice(sightings, _BATCH)):
        lonlat = np.array([[seen.point.lon_deg, seen.point.lat_deg] for seen in batch])
        spread = np.stack([seen.covariance.matrix() for seen in batch])
        sites = shares_of(index.sites, lonlat, spread)
        zones = shares_of(index.zones, lonlat, spread)
        for seen, of_sites, of_zones in zip(batch, sites, zones, strict=True):
            instant = at or seen.last_seen
            holding = tuple(
                share for share in of_zones if share.key not in bounded or zone_holds_at(bounded[share.key], instant)
            )
            yield decide(seen, index, of_sites, holding, threshold=threshold, margin=margin, prior=prior)


def decide(
    sighting: Sighting,
    index: SiteIndex,
    sites: tuple[Share, ...],
    zones: tuple[Share, ...],
    *,
    threshold: float = DEFAULT_THRESHOLD,
    margin: float = DEFAULT_MARGIN,
    prior: AdjacencyPrior | None = None,
) -> Attribution | Undecided:
    """Return the decision that shares lead to.

    Args:
        sighting: What was seen.
        index: The register's index, for names and for what would decide.
        sites: Shares of the sites nearby, largest first.
        zones: Shares of the zones nearby, largest first.
        threshold: Least probability to name a site (or nobody).
        margin: Least lead over the second site.
        prior: What is declared of neighbours, if anything is.
    """
    total = math.fsum(share.probability for share in sites)
    if total > 1:  # fences that overlap, or blurred fences that meet: what two claim is divided between them
        sites = tuple(
            Share(key=share.key, version=share.version, probability=share.probability / total) for share in sites
        )
    sites, declared = (sites, "") if prior is None else weigh(sites, prior)
    best = sites[0].probability if sites else 0.0
    second = sites[1].probability if len(sites) > 1 else 0.0
    seen = sighting.sighting_id
    if best >= threshold and best - second >= margin:
        return Attribution(sighting_id=seen, site_code=sites[0].key, sites=sites, zones=zones, prior=declared)
    if 1 - total >= threshold:
        return Attribution(sighting_id=seen, site_code=None, sites=sites, zones=zones, prior=declared)
    reason, view = why_undecided(sighting, index, sites, outside=max(0.0, 1 - total), threshold=threshold)
    return Undecided(sighting_id=seen, sites=sites, zones=zones, reason=reason, view=view, prior=declared)


def shares_of(fences: Fences, lonlat: Floats, covariances: Floats) -> list[tuple[Share, ...]]:
    """Return, for each position, the shares of the fences near it, largest first, ties by key.

    Args:
        fences: Sites or zones of an index.
        lonlat: (n, 2) mean positions, degrees.
        covariances: (n, 2, 2) of the positions, square metres, east and north.

    Returns:
        n tuples; shares below 1e-6 are left out.
    """
    middle = (covariances[:, 0, 0] + covariances[:, 1, 1]) / 2
    half = (covariances[:, 0, 0] - covariances[:, 1, 1]) / 2
    widest2 = middle + np.hypot(half, covariances[:, 0, 1])  # the larger eigenvalue
    points, places = fences_near(fences, lonlat, REACH_SIGMAS * np.sqrt(widest2 + fences.widest_sigma_m**2))
    masses = fence_masses(fences, places, lonlat[points], covariances[points])
    kept = masses >= LEAST_SHARE
    shares: list[list[Share]] = [[] for _ in range(len(lonlat))]
    for point, place, mass in zip(points[kept].tolist(), places[kept].tolist(), masses[kept].tolist(), strict=True):
        shares[point].append(Share(key=fences.keys[place], version=fences.versions[place], probability=mass))
    return [tuple(sorted(found, key=lambda share: (-share.probability, share.key))) for found in shares]


def fence_masses(fences: Fences, places: Integers, lonlat: Floats, covariances: Floats) -> Floats:
    """Return the probability that each of a number of positions lies inside the fence named for it.

    Args:
        fences: Sites or zones of an index.
        places: (m,) which fence.
        lonlat: (m, 2) mean positions, degrees.
        covariances: (m, 2, 2) of the positions, square metres, east and north.

    Returns:
        (m,) in [0, 1].
    """
    masses = np.zeros(len(places))
    counts = fences.offsets[places + 1] - fences.offsets[places]
    for part in _parts(counts):
        masses[part] = _masses(fences, places[part], lonlat[part], covariances[part], counts[part])
    return masses


def _parts(counts: Integers) -> Iterator[slice]:
    """Yield slices whose fences have a bounded number of vertices together."""
    begin = total = 0
    for place, count in enumerate(counts.tolist()):
        if total and total + count > _VERTICES_AT_ONCE:
            yield slice(begin, place)
            begin, total = place, 0
        total += count
    if begin < len(counts):
        yield slice(begin, len(counts))


def _masses(fences: Fences, places: Integers, lonlat: Floats, covariances: Floats, counts: Integers) -> Floats:
    """Return the masses of one part: the fences in each position's own tangent plane, in units of its error."""
    offsets = np.cumsum(counts) - counts
    vertices = np.arange(int(counts.sum())) + np.repeat(fences.offsets[places] - offsets, counts)
    widened = covariances + fences.sigma_m[places, None, None] ** 2 * np.eye(2)
    white = whitening(widened)
    # Rows of the map from ECEF to units of error: W (2, 2) times the east and north axes (2, 3), spelt out.
    axes = tangent_axes(lonlat)
    first = white[:, 0, 0, None] * axes[:, 0]
    second = white[:, 1, 0, None] * axes[:, 0] + white[:, 1, 1, None] * axes[:, 1]
    relative = fences.vertices[vertices] - np.repeat(to_ecef(lonlat), counts, axis=0)
    east, north = (_dot(relative, np.repeat(row, counts, axis=0)) for row in (first, second))
    return polygon_masses(east, north, fences.is_edge[vertices], offsets)


def _dot(left: Floats, right: Floats) -> Floats:
    """Return the products of (n, 3) rows, summed in one fixed order (a library product may sum by batch size)."""
    total: Floats = left[:, 0] * right[:, 0] + left[:, 1] * right[:, 1] + left[:, 2] * right[:, 2]
    return total
