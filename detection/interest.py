"""Ground of interest: which tiles of a frame are worth running.

A patrol has areas; what lies outside them, plus a margin for the pose's errors, costs time and finds nothing that
anybody asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

import numpy as np
import shapely
from shapely import MultiPoint, Polygon, prepare
from shapely.geometry.base import BaseGeometry

from core.points import GeoPoint, LocalPlane, to_plane
from detection.frame import Frame
from detection.ground_scale import ground_offsets_m, height_above_ground_m
from detection.tiles import Tile
from flight.track import orientation_of

MARGIN_M: Final = 15.0  # a degree of yaw error at 150 m is 2.6 m, consumer GNSS 5 m, uneven ground the rest
EDGE_POINTS: Final = 9


def tiles_over(area: BaseGeometry, *, margin_m: float = MARGIN_M) -> Callable[[Frame, Tile], bool]:
    """Return a filter for :class:`detection.yolo.YoloDetector` that keeps the tiles that see ``area``.

    A tile of a frame whose pose or camera does not tell what it sees is kept: nothing is lost by not knowing.

    Args:
        area: Polygons in longitude and latitude, degrees (GeoJSON's order), within 50 km of each other.
        margin_m: How far outside the area still counts, metres.
    """
    if area.is_empty:
        raise ValueError("an area of interest is not empty")
    if margin_m < 0:
        raise ValueError("a margin is not negative")
    centre = area.envelope.centroid
    plane = LocalPlane(origin=GeoPoint(lon_deg=centre.x, lat_deg=centre.y))
    wanted = shapely.transform(area, partial(to_plane, plane)).buffer(margin_m)
    prepare(wanted)

    def sees(frame: Frame, tile: Tile) -> bool:
        footprint = _footprint(frame, tile, plane)
        return footprint is None or bool(wanted.intersects(footprint))

    return sees


def _footprint(frame: Frame, tile: Tile, plane: LocalPlane) -> BaseGeometry | None:
    """Return the ground that a tile sees, in the plane; None when that is not known. Its sky is left out."""
    orientation, height_m = orientation_of(frame.pose), height_above_ground_m(frame.pose)
    if frame.camera is None or orientation is None or height_m is None or frame.pose.position is None:
        return None
    across = np.linspace(tile.left_px, tile.right_px, EDGE_POINTS)
    down = np.linspace(tile.top_px, tile.bottom_px, EDGE_POINTS)
    pixels = np.stack(np.meshgrid(across, down), axis=-1).reshape(-1, 2)
    offsets = ground_offsets_m(frame.camera, orientation, height_m, pixels)
    here = to_plane(plane, [frame.pose.position.lon_deg, frame.pose.position.lat_deg])
    ground = offsets[np.isfinite(offsets).all(axis=1)] + here
    return MultiPoint(ground).convex_hull if len(ground) else Polygon()
