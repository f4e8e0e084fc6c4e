"""Many outlines in metres at once, each in a tangent plane of its own.

A register of a city does not fit into one local plane, and a plane for each outline, one call at a time, costs more
than the question asked of it. Here the coordinates of all outlines are turned in one pass.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray

from core.points import to_ecef
from geofence.register.site_index import tangent_axes

Floats = NDArray[np.float64]
Shapes = NDArray[np.object_]

WIDEST_DEG: Final = 0.4
"""Wider than this an outline leaves the local plane, and is no premises."""


def origins_of(shapes: Shapes) -> Floats:
    """Return (n, 2) a point of each outline, degrees: where its plane touches the ellipsoid."""
    points = shapely.point_on_surface(shapes)
    return np.column_stack([shapely.get_x(points), shapely.get_y(points)])


def is_local(shapes: Shapes) -> NDArray[np.bool_]:
    """Return (n,) whether each outline is small enough for a local plane."""
    extent = np.ptp(shapely.bounds(shapes).reshape(-1, 2, 2), axis=1).max(axis=1)
    local: NDArray[np.bool_] = extent <= WIDEST_DEG
    return local


def to_metres(shapes: Shapes, origins: Floats) -> Shapes:
    """Return outlines in metres east and north of their origins.

    Args:
        shapes: (n,) outlines in WGS-84 degrees.
        origins: (n, 2) degrees; each within 50 km of its outline.
    """
    flat = shapely.force_2d(shapes)
    lonlat, of_shape = shapely.get_coordinates(flat, return_index=True)
    relative = to_ecef(lonlat) - to_ecef(origins)[of_shape]
    axes = tangent_axes(origins)
    east, north = (np.einsum("ij,ij->i", relative, axes[of_shape, row]) for row in (0, 1))
    metric: Shapes = shapely.set_coordinates(flat.copy(), np.column_stack([east, north]))
    return metric
