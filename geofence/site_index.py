"""An index over the fences of a register: which sites and zones are near a point, and their outlines in metres.

Fences are held as Earth-centred coordinates, so that the outline around any point is one matrix product in that
point's own tangent plane. An edge is a straight line in longitude and latitude, as GeoJSON has it; edges longer than
``_LONGEST_EDGE_M`` are divided first, because a straight line in the plane leaves a parallel by L² tan(lat) / 8R
(5 mm for 500 m at latitude 45).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import MultiPolygon, Polygon

from core.points import GeoPoint, to_ecef
from geofence.site import Register, Site, Zone

_LONGEST_EDGE_M: Final = 500.0
_METRES_PER_DEGREE: Final = 111_320.0
REACH_SIGMAS: Final = 5.3
"""A fence farther than this many sigmas holds less than 1e-6 of the mass (exp(-5.3²/2) = 8e-7) and is not looked at."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fences:
    """Outlines of one kind, sites or zones, in the register's order.

    Attributes:
        keys: Site codes or zone ids.
        versions: The fences' versions.
        sigma_m: (n,) one sigma of each outline, metres.
        starts, ends: (edges, 3) the directed edges, ECEF metres; shells anticlockwise, holes clockwise.
        offsets: (n + 1,) where each fence's edges begin.
        tree: Over the shapes, in degrees.
        shapes: The shapes themselves.
    """

    keys: tuple[str, ...]
    versions: tuple[str, ...]
    sigma_m: NDArray[np.float64]
    starts: NDArray[np.float64] = field(repr=False)
    ends: NDArray[np.float64] = field(repr=False)
    offsets: NDArray[np.int64]
    tree: shapely.STRtree = field(repr=False)
    shapes: NDArray[np.object_] = field(repr=False)

    @property
    def widest_sigma_m(self) -> float:
        """The largest sigma of an outline, metres; 0 without fences."""
        return float(self.sigma_m.max()) if len(self.sigma_m) else 0.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SiteIndex:
    """Sites and zones of one register, ready to be asked about.

    Attributes:
        register: What it was built from.
        sites, zones: Their outlines.
    """

    register: Register
    sites: Fences
    zones: Fences


def build_index(register: Register) -> SiteIndex:
    """Return the index of a register's sites and zones."""
    return SiteIndex(
        register=register,
        sites=_fences([(site.code, site) for site in register.sites]),
        zones=_fences([(zone.zone_id, zone) for zone in register.zones]),
    )


def zone_holds_at(zone: Zone, at: datetime) -> bool:
    """Return whether a zone is valid at an instant: from ``valid_from`` on, up to but without ``valid_to``."""
    return (zone.valid_from is None or zone.valid_from <= at) and (zone.valid_to is None or at < zone.valid_to)


def fences_near(fences: Fences, point: GeoPoint, reach_m: float) -> NDArray[np.int64]:
    """Return the places (ascending) of the fences whose bounding box lies within ``reach_m`` of a point."""
    if not fences.keys:
        return np.zeros(0, dtype=np.int64)
    north = reach_m / _METRES_PER_DEGREE * 1.01
    east = north / max(0.01, float(np.cos(np.radians(point.lat_deg))))
    box = shapely.box(point.lon_deg - east, point.lat_deg - north, point.lon_deg + east, point.lat_deg + north)
    return np.sort(fences.tree.query(box)).astype(np.int64)


def _fences(entries: Sequence[tuple[str, Site | Zone]]) -> Fences:
    shapes = np.array([entry.shape for _, entry in entries], dtype=object)
    starts, ends, counts = directed_edges(_with_short_edges(shapes))
    return Fences(
        keys=tuple(key for key, _ in entries),
        versions=tuple(entry.version for _, entry in entries),
        sigma_m=np.array([entry.boundary_sigma_m for _, entry in entries], dtype=np.float64),
        starts=to_ecef(starts),
        ends=to_ecef(ends),
        offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        tree=shapely.STRtree(shapes),
        shapes=shapes,
    )


def directed_edges(
    shapes: NDArray[np.object_],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Return the edges of polygons and multipolygons, shells anticlockwise and holes clockwise.

    Args:
        shapes: (n,) Shapely polygons and multipolygons, degrees.

    Returns:
        (edges, 2) starts, (edges, 2) ends, degrees, and (n,) the number of edges of each shape.
    """
    oriented = shapely.orient_polygons(shapes)
    parts, of_shape = shapely.get_parts(oriented, return_index=True)
    rings, of_part = shapely.get_rings(parts, return_index=True)
    points, of_ring = shapely.get_coordinates(rings, return_index=True)
    within = of_ring[1:] == of_ring[:-1]
    counts = np.bincount(of_shape[of_part[of_ring[1:][within]]], minlength=len(shapes))
    return points[:-1][within], points[1:][within], counts.astype(np.int64)


def _with_short_edges(shapes: NDArray[np.object_]) -> NDArray[np.object_]:
    """Return the shapes with every edge below the longest allowed; those that have none longer are left as they are."""
    if not len(shapes):
        return shapes
    longest = _LONGEST_EDGE_M / _METRES_PER_DEGREE
    extent = np.ptp(shapely.bounds(shapes).reshape(-1, 2, 2), axis=1).max(axis=1)
    divided = shapes.copy()
    for place in np.flatnonzero(extent > longest):
        shape: Polygon | MultiPolygon = shapes[place]
        divided[place] = shapely.segmentize(shape, longest)
    return divided
