"""An index over the fences of a register: which sites and zones are near a point, and their outlines in metres.

Fences are held as Earth-centred coordinates, so that the outline around any point is one matrix product in that
point's own tangent plane. An edge is a straight line in longitude and latitude, as GeoJSON has it; edges longer than
``_LONGEST_EDGE_M`` are divided first, because a straight line in the plane leaves a parallel by L² tan(lat) / 8R
(5 mm for 500 m at latitude 45).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import MultiPolygon, Polygon

from core.points import to_ecef
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
        place_of: Where each key stands.
        versions: The fences' versions.
        sigma_m: (n,) one sigma of each outline, metres.
        vertices: (v, 3) the vertices of all rings, each ring closed, ECEF metres; shells run anticlockwise, holes
            clockwise.
        is_edge: (v,) whether an edge runs from this vertex to the next; false at the end of each ring.
        offsets: (n + 1,) where each fence's vertices begin.
        tree: Over the shapes, in degrees.
        shapes: The shapes themselves.
    """

    keys: tuple[str, ...]
    place_of: Mapping[str, int] = field(repr=False)
    versions: tuple[str, ...]
    sigma_m: NDArray[np.float64]
    vertices: NDArray[np.float64] = field(repr=False)
    is_edge: NDArray[np.bool_] = field(repr=False)
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


def fences_near(
    fences: Fences, lonlat: NDArray[np.float64], reach_m: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the pairs of points and fences whose bounding box lies within the point's reach.

    Args:
        fences: Sites or zones.
        lonlat: (n, 2) points, degrees.
        reach_m: (n,) metres.

    Returns:
        (m,) places of points, ascending, and (m,) places of fences, ascending within each point.
    """
    if not fences.keys or not len(lonlat):
        nothing = np.zeros(0, dtype=np.int64)
        return nothing, nothing
    lon, lat = lonlat[:, 0], lonlat[:, 1]
    north = reach_m / _METRES_PER_DEGREE * 1.01
    east = north / np.maximum(0.01, np.cos(np.radians(lat)))
    points, places = fences.tree.query(shapely.box(lon - east, lat - north, lon + east, lat + north))
    order = np.lexsort((places, points))
    return points[order].astype(np.int64), places[order].astype(np.int64)


def tangent_axes(lonlat: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the (m, 2, 3) east and north axes at (m, 2) positions, in ECEF."""
    lon, lat = np.radians(lonlat[:, 0]), np.radians(lonlat[:, 1])
    east = np.stack([-np.sin(lon), np.cos(lon), np.zeros_like(lon)], axis=-1)
    north = np.stack([-np.sin(lat) * np.cos(lon), -np.sin(lat) * np.sin(lon), np.cos(lat)], axis=-1)
    return np.stack([east, north], axis=1)


def _fences(entries: Sequence[tuple[str, Site | Zone]]) -> Fences:
    shapes = np.array([entry.shape for _, entry in entries], dtype=object)
    lonlat, is_edge, counts = closed_rings(shapely.orient_polygons(_with_short_edges(shapes)))
    keys = tuple(key for key, _ in entries)
    return Fences(
        keys=keys,
        place_of={key: place for place, key in enumerate(keys)},
        versions=tuple(entry.version for _, entry in entries),
        sigma_m=np.array([entry.boundary_sigma_m for _, entry in entries], dtype=np.float64),
        vertices=to_ecef(lonlat),
        is_edge=is_edge,
        offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        tree=shapely.STRtree(shapes),
        shapes=shapes,
    )


def closed_rings(
    shapes: NDArray[np.object_],
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.int64]]:
    """Return the rings of polygons and multipolygons as they run.

    Args:
        shapes: (n,) Shapely polygons and multipolygons; ``shapely.orient_polygons`` gives them a sense.

    Returns:
        (v, 2) vertices with each ring closed, (v,) whether an edge runs from a vertex to the next, and (n,) the number
        of vertices of each shape.
    """
    parts, of_shape = shapely.get_parts(shapes, return_index=True)
    rings, of_part = shapely.get_rings(parts, return_index=True)
    vertices, of_ring = shapely.get_coordinates(rings, return_index=True)
    is_edge = np.append(of_ring[1:] == of_ring[:-1], False)[: len(vertices)]
    counts = np.bincount(of_shape[of_part[of_ring]], minlength=len(shapes))
    return vertices, is_edge, counts.astype(np.int64)


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
