"""Positions that are no single ellipse: several possibilities, and ground where the thing cannot be.

A belief is a mixture of normal laws, cut off outside a window and scaled up inside it: a ray that grazes a roof edge
hits the roof or the yard behind it (two modes); a vehicle is not inside a building (a window). Masses are integrated as
for one ellipse, over each fence's part inside the window, so the error stays below 1e-9 for each mode.

A fence's own error widens the law where there is no window. With one it must not: the window is where it is, and only
the fence moves. Then the fence is moved by the nodes of a Gauss-Hermite rule, 24 each way, which is good to 1e-3 while
the fence errs by no more than three times what the position does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import shapely
import shapely.affinity
from numpy.typing import NDArray
from shapely import MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry

from core.points import LocalPlane, to_plane
from geofence.attribute import DEFAULT_MARGIN, DEFAULT_THRESHOLD, LEAST_SHARE, decide
from geofence.attributing.attribute_mass import polygon_masses, whitening
from geofence.attributing.attribute_prior import AdjacencyPrior
from geofence.attribution import Attribution, Mode, Share, Undecided
from geofence.register.site_index import REACH_SIGMAS, Fences, SiteIndex, closed_rings, fences_near, zone_holds_at
from geofence.sighting import Sighting

_HERMITE: Final = np.polynomial.hermite_e.hermegauss(24)


@dataclass(frozen=True, slots=True, kw_only=True)
class Belief:
    """Where a thing may stand.

    Attributes:
        modes: The possibilities; weights are relative.
        window: The only ground on which it can be, WGS-84 degrees; None for anywhere.
    """

    modes: tuple[Mode, ...]
    window: Polygon | MultiPolygon | None = None

    def __post_init__(self) -> None:
        if not self.modes:
            raise ValueError("a belief has at least one mode")
        if self.window is not None and (self.window.is_empty or not self.window.is_valid):
            raise ValueError("a belief's window is a valid shape")


def attribute_belief(
    sighting: Sighting,
    belief: Belief,
    index: SiteIndex,
    *,
    threshold: float = DEFAULT_THRESHOLD,
    margin: float = DEFAULT_MARGIN,
    prior: AdjacencyPrior | None = None,
) -> Attribution | Undecided:
    """Return whose site a sighting stands on, given where it may be; as :func:`geofence.attribute.attribute`.

    Args:
        sighting: What was seen; zones must be valid when it was seen last.
        belief: Where it may stand.
        index: The register's index.
        threshold: Least probability to name a site (or nobody).
        margin: Least lead over the second site.
        prior: What is declared of neighbours, if anything is.

    Raises:
        ValueError: The window leaves the belief no mass.
    """
    zones = {zone.zone_id: zone for zone in index.register.zones}
    holding = tuple(
        share for share in belief_shares(index.zones, belief) if zone_holds_at(zones[share.key], sighting.last_seen)
    )
    sites = belief_shares(index.sites, belief)
    return decide(sighting, index, sites, holding, threshold=threshold, margin=margin, prior=prior)


def belief_shares(fences: Fences, belief: Belief) -> tuple[Share, ...]:
    """Return the shares of fences under a belief, largest first, ties by key; those below 1e-6 are left out.

    Args:
        fences: Sites or zones of an index.
        belief: Where the thing may stand.

    Raises:
        ValueError: The window leaves the belief no mass.
    """
    masses: dict[int, float] = {}
    weight = math.fsum(mode.weight for mode in belief.modes)
    left = 1.0
    if belief.window is not None:
        left = math.fsum(mode.weight * shape_mass(belief.window, mode) for mode in belief.modes) / weight
        if left < LEAST_SHARE:
            raise ValueError("the window leaves the belief no mass")
    for mode in belief.modes:
        for place in _near(fences, mode):
            shape, sigma_m = fences.shapes[place], float(fences.sigma_m[place])
            if belief.window is None:
                mass = shape_mass(shape, mode, sigma_m)
            elif sigma_m == 0:
                mass = shape_mass(shapely.intersection(shape, belief.window), mode)
            else:
                mass = _mass_in_window(shape, belief.window, mode, sigma_m)
            masses[place] = masses.get(place, 0.0) + mass * mode.weight / weight / left
    shares = [
        Share(key=fences.keys[place], version=fences.versions[place], probability=min(1.0, mass))
        for place, mass in masses.items()
        if mass >= LEAST_SHARE
    ]
    return tuple(sorted(shares, key=lambda share: (-share.probability, share.key)))


def shape_mass(shape: BaseGeometry, mode: Mode, sigma_m: float = 0.0) -> float:
    """Return the mass of one mode over a shape.

    Args:
        shape: Polygons in WGS-84 degrees; anything else in it encloses nothing.
        mode: The law.
        sigma_m: Error of the outline, one sigma on either axis, metres.
    """
    parts = [
        part for part in shapely.get_parts(shapely.get_parts(shape)) if isinstance(part, Polygon) and part.area > 0
    ]
    if not parts:
        return 0.0
    plane = LocalPlane(origin=mode.point)
    metric = shapely.transform(shapely.MultiPolygon(parts), lambda lonlat: to_plane(plane, lonlat))
    return float(_metric_masses(np.array([metric], dtype=object), mode, sigma_m)[0])


def _metric_masses(shapes: NDArray[np.object_], mode: Mode, sigma_m: float) -> NDArray[np.float64]:
    """Return the masses of polygons in metres about a mode's point; each has a vertex at least."""
    vertices, is_edge, counts = closed_rings(shapely.orient_polygons(shapes))
    white = vertices @ whitening(mode.covariance.matrix() + sigma_m**2 * np.eye(2)).T
    return polygon_masses(white[:, 0], white[:, 1], is_edge, np.cumsum(counts) - counts)


def _mass_in_window(shape: BaseGeometry, window: BaseGeometry, mode: Mode, sigma_m: float) -> float:
    """Return the probability to be in a window and on a fence that errs by ``sigma_m`` on either axis."""
    plane = LocalPlane(origin=mode.point)
    reach = REACH_SIGMAS * math.sqrt(float(np.linalg.eigvalsh(mode.covariance.matrix())[-1]))
    fence, frame = (shapely.transform(one, lambda lonlat: to_plane(plane, lonlat)) for one in (shape, window))
    frame = shapely.intersection(frame, shapely.box(-reach, -reach, reach, reach))
    nodes, weights = _HERMITE
    east, north = (axis.ravel() for axis in np.meshgrid(nodes * sigma_m, nodes * sigma_m))
    share = np.outer(weights, weights).ravel() / weights.sum() ** 2
    moved = np.array([shapely.affinity.translate(fence, x, y) for x, y in zip(east, north, strict=True)], dtype=object)
    within = shapely.intersection(moved, frame)
    polygons, of_node = shapely.get_parts(within, return_index=True)
    solid = shapely.area(polygons) > 0
    if not solid.any():
        return 0.0
    return float(_metric_masses(polygons[solid], mode, 0.0) @ share[of_node[solid]])


def _near(fences: Fences, mode: Mode) -> list[int]:
    widest2 = float(np.linalg.eigvalsh(mode.covariance.matrix())[-1]) + fences.widest_sigma_m**2
    lonlat = np.array([[mode.point.lon_deg, mode.point.lat_deg]])
    _, places = fences_near(fences, lonlat, np.array([REACH_SIGMAS * math.sqrt(widest2)]))
    return [int(place) for place in places]
