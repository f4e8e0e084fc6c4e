"""Tie a sighting to a site and to zones by the probability that it stands inside them.

What is computed: the mass of the sighting's normal law over each fence nearby, by :mod:`geofence.attribute_mass`. A
fence is known up to a shift with ``boundary_sigma_m`` on either axis, independent of the sighting's own error, so the
law is widened by that variance; the result stays exact for such a fence.

What is decided: the site with the largest share, if that share reaches the threshold and leads the next by the margin;
ground that is nobody's, if the mass outside all sites reaches the threshold; otherwise nothing, with what would decide
it. No neighbour is named because it is nearest, and no site is preferred for its size or its record.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray

from core.clock import in_utc
from core.points import GeoPoint, LocalPlane, to_ecef, to_plane
from core.text import _
from geofence.attribute_mass import ring_masses, whitening
from geofence.attribution import Attribution, Share, Undecided
from geofence.sighting import Sighting
from geofence.site_index import REACH_SIGMAS, Fences, SiteIndex, fences_near, zone_holds_at

DEFAULT_THRESHOLD: Final = 0.95
DEFAULT_MARGIN: Final = 0.2
LEAST_SHARE: Final = 1e-6
"""Shares below this are left out; it bounds the mass of what is not looked at, too."""


def attribute(
    sighting: Sighting,
    index: SiteIndex,
    *,
    threshold: float = DEFAULT_THRESHOLD,
    margin: float = DEFAULT_MARGIN,
    at: datetime,
) -> Attribution | Undecided:
    """Return whose site a sighting stands on and in which zones, or why that is undecided.

    Args:
        sighting: What was seen, with its covariance.
        index: The register's index.
        threshold: Least probability to name a site (or nobody), in (0.5, 1].
        margin: Least lead over the second site, in [0, 1].
        at: The instant for which zones must be valid, aware.

    Raises:
        ValueError: The threshold or margin is out of range, or ``at`` is naive.
    """
    if not 0.5 < threshold <= 1 or not 0 <= margin <= 1:
        raise ValueError("a threshold is in (0.5, 1] and a margin in [0, 1]")
    at = in_utc(at)
    covariance = sighting.covariance.matrix()
    sites = shares_of(index.sites, sighting.point, covariance)
    total = math.fsum(share.probability for share in sites)
    if total > 1:  # fences that overlap, or blurred fences that meet: what two claim is divided between them
        sites = tuple(
            Share(key=share.key, version=share.version, probability=share.probability / total) for share in sites
        )
    holding = {zone.zone_id for zone in index.register.zones if zone_holds_at(zone, at)}
    zones = tuple(share for share in shares_of(index.zones, sighting.point, covariance) if share.key in holding)
    best = sites[0].probability if sites else 0.0
    second = sites[1].probability if len(sites) > 1 else 0.0
    if best >= threshold and best - second >= margin:
        return Attribution(sighting_id=sighting.sighting_id, site_code=sites[0].key, sites=sites, zones=zones)
    if 1 - total >= threshold:
        return Attribution(sighting_id=sighting.sighting_id, site_code=None, sites=sites, zones=zones)
    reason = _why_undecided(sighting, index, sites, outside=max(0.0, 1 - total), threshold=threshold)
    return Undecided(sighting_id=sighting.sighting_id, sites=sites, zones=zones, reason=reason)


def shares_of(fences: Fences, point: GeoPoint, covariance: NDArray[np.float64]) -> tuple[Share, ...]:
    """Return the shares of the fences near a point, largest first, ties by key; those below 1e-6 are left out.

    Args:
        fences: Sites or zones of an index.
        point: Mean position.
        covariance: (2, 2) of the position, square metres, east and north.
    """
    widest = math.sqrt(float(np.linalg.eigvalsh(covariance)[-1]) + fences.widest_sigma_m**2)
    near = fences_near(fences, point, REACH_SIGMAS * widest)
    masses = fence_masses(fences, near, point, covariance)
    shares = [
        Share(key=fences.keys[place], version=fences.versions[place], probability=float(mass))
        for place, mass in zip(near.tolist(), masses.tolist(), strict=True)
        if mass >= LEAST_SHARE
    ]
    return tuple(sorted(shares, key=lambda share: (-share.probability, share.key)))


def fence_masses(
    fences: Fences, places: NDArray[np.int64], point: GeoPoint, covariance: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the probability of each named fence, for one position.

    Args:
        fences: Sites or zones of an index.
        places: (m,) which of them.
        point: Mean position.
        covariance: (2, 2) of the position, square metres, east and north.

    Returns:
        (m,) in [0, 1].
    """
    if not len(places):
        return np.zeros(0)
    counts = fences.offsets[places + 1] - fences.offsets[places]
    offsets = np.cumsum(counts) - counts
    edges = np.arange(int(counts.sum())) - np.repeat(offsets - fences.offsets[places], counts)
    widened = covariance[None] + fences.sigma_m[places, None, None] ** 2 * np.eye(2)
    white = np.repeat(whitening(widened), counts, axis=0)
    axes, origin = _tangent(point)
    start = np.einsum("nij,nj->ni", white, (fences.starts[edges] - origin) @ axes)
    end = np.einsum("nij,nj->ni", white, (fences.ends[edges] - origin) @ axes)
    return ring_masses(start, end, offsets)


def _tangent(point: GeoPoint) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the (3, 2) east and north axes at a point and its (3,) ECEF position."""
    lon, lat = math.radians(point.lon_deg), math.radians(point.lat_deg)
    axes = np.array(
        [
            [-math.sin(lon), -math.sin(lat) * math.cos(lon)],
            [math.cos(lon), -math.sin(lat) * math.sin(lon)],
            [0.0, math.cos(lat)],
        ]
    )
    return axes, to_ecef([point.lon_deg, point.lat_deg])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """The fence nearest to a sighting: metres to it, and the position's sigma across it."""

    distance_m: float
    sigma_m: float


def _nearest_line(sighting: Sighting, index: SiteIndex, keys: tuple[str, ...]) -> _Line | None:
    """Return the nearest outline among the candidate sites."""
    plane = LocalPlane(origin=sighting.point)
    centre = shapely.Point(sighting.point.lon_deg, sighting.point.lat_deg)
    best: _Line | None = None
    for key in keys:
        shape = index.sites.shapes[index.sites.keys.index(key)]
        nearby = shapely.clip_by_rect(shape.boundary, *centre.buffer(0.02).bounds)
        if nearby.is_empty:
            continue
        metric = shapely.transform(nearby, lambda lonlat: to_plane(plane, lonlat))
        touch = shapely.get_coordinates(shapely.shortest_line(shapely.Point(0, 0), metric))[1]
        distance = float(np.hypot(*touch))
        across = touch / distance if distance > 1e-6 else np.array([1.0, 0.0])
        sigma = math.sqrt(float(across @ sighting.covariance.matrix() @ across))
        if best is None or distance < best.distance_m:
            best = _Line(distance_m=distance, sigma_m=sigma)
    return best


def _why_undecided(
    sighting: Sighting, index: SiteIndex, sites: tuple[Share, ...], *, outside: float, threshold: float
) -> str:
    """Return the candidates with their numbers, and what would decide between them."""
    names = {site.code: site.name for site in index.register.sites}
    shown = ", ".join(f"{names[share.key]} {share.probability:.2f}" for share in sites[:3])
    says = _("no site reaches {threshold:.2f}: {shown}, outside all sites {outside:.2f}").format(
        threshold=threshold, shown=shown, outside=outside
    )
    line = _nearest_line(sighting, index, tuple(share.key for share in sites[:3]))
    if line is None:
        return says
    # One straight fence splits the law at Φ(d/σ); the quantile below is that of the threshold asked for.
    from scipy.special import ndtri

    needed = line.distance_m / float(ndtri(threshold)) if threshold < 1 else 0.0
    lies = _("the position lies {distance:.1f} m from a fence with a sigma of {sigma:.1f} m across it").format(
        distance=line.distance_m, sigma=line.sigma_m
    )
    if needed >= 0.3:
        decides = _("another pass over {lat:.6f}, {lon:.6f} that brings it below {needed:.1f} m would decide").format(
            lat=sighting.point.lat_deg, lon=sighting.point.lon_deg, needed=needed
        )
    else:
        decides = _("it stands on the fence itself, so only a look on site would decide")
    return f"{says}; {lies}; {decides}"
