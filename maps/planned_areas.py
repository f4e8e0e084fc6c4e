"""Key areas of patrols as ground that was to be looked at: what the map hatches where nobody looked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import MultiPolygon, Polygon

from core.points import GeoPoint, LocalPlane, from_plane, to_plane
from flight.patrol import KeyArea, Patrol
from maps.coverage import areal, share_seen

LEAST_HALF_M: Final = 5.0
"""Half the width of ground drawn about a line that is passed once, and the radius about a point."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedArea:
    """Ground that a patrol was to look at.

    Attributes:
        name: The key area's name.
        patrol: The patrol's name.
        shape: Its ground, lon/lat.
        looked: Which patrols (by place in the sheet) saw it, and what share of it each, in (0, 1].
    """

    name: str
    patrol: str
    shape: Polygon | MultiPolygon
    looked: tuple[tuple[int, float], ...] = ()


def planned_areas(patrols: Iterable[Patrol], seen: Iterable[Polygon | MultiPolygon] = ()) -> tuple[PlannedArea, ...]:
    """Return the key areas of patrols as ground, each once, with who looked at them.

    Args:
        patrols: The patrols as planned.
        seen: The ground that each patrol of the sheet looked at, in the sheet's order.
    """
    grounds = {
        (area.name, area.shape.wkb): (area.name, patrol.name, ground_of(area))
        for patrol in patrols
        for area in patrol.areas
    }
    listed = list(grounds.values())
    looked: list[list[tuple[int, float]]] = [[] for _ground in listed]
    for number, ground in enumerate(seen):
        for place, share in share_seen([area for _name, _patrol, area in listed], ground).items():
            looked[place].append((number, share))
    return tuple(
        PlannedArea(name=name, patrol=patrol, shape=area, looked=tuple(by_patrol))
        for (name, patrol, area), by_patrol in zip(listed, looked, strict=True)
    )


def ground_of(area: KeyArea) -> Polygon | MultiPolygon:
    """Return a key area's ground: a polygon as it is, a line as wide as it is to be seen, a point as a small disc."""
    if isinstance(area.shape, Polygon | MultiPolygon):
        return area.shape
    middle = area.shape.centroid
    plane = LocalPlane(origin=GeoPoint(lon_deg=middle.x, lat_deg=middle.y))

    def flat(lonlat: NDArray[np.float64]) -> NDArray[np.float64]:
        return to_plane(plane, lonlat)

    def round_again(east_north: NDArray[np.float64]) -> NDArray[np.float64]:
        return from_plane(plane, east_north)

    wide = shapely.transform(area.shape, flat).buffer(max(LEAST_HALF_M, area.width_m / 2), quad_segs=8)
    return areal(shapely.transform(wide, round_again))
