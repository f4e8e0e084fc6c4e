"""Ground: a patrol's shapes in the local plane, and the free airspace at the heights that are flown.

What is closed depends on the height: a no-fly zone with a band matters only to flights inside it, a stack only to
flights below its top. So ways are asked for with the lowest and highest height flown on them, and each set of closed
shapes is drawn once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from core.errors import PlanRefused
from core.points import GeoPoint, LocalPlane, to_plane
from core.text import _
from flight.patrol import Patrol, Pattern
from flight.planning.routing import Points, Router, free_space, inside

_ROOM_M: Final = 1_000.0  # free ground drawn around everything when the patrol names no permitted airspace
_BODY_M: Final = 0.1
_QUAD_SEGMENTS: Final = 4
_BAND_M: Final = 5.0  # height error allowed for when asking whether a band is entered


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """Forbidden ground between two heights above take-off; ``keep_m`` is the distance to keep from ``shape``."""

    name: str
    shape: BaseGeometry
    floor_m: float
    ceiling_m: float
    keep_m: float


class Ground:
    """The patrol's shapes in the local plane at home, and ways over free ground at given heights.

    Attributes:
        plane: The plane, its origin at home.
        home: Home in it.
        areas: Each key area's shape, by name.
        closed: Everything that closes airspace.
        permitted: The outer bound, or None.
    """

    def __init__(self, patrol: Patrol) -> None:
        self.plane = LocalPlane(origin=patrol.home)
        self.home: Points = np.zeros(2)
        self.areas = {area.name: in_plane(self.plane, area.name, area.shape) for area in patrol.areas}
        self.closed = _closed(patrol, self.plane, self.areas)
        self.permitted = None if patrol.permitted is None else in_plane(self.plane, _("permitted"), patrol.permitted)
        self._margin_m = patrol.limits.no_fly_margin_m
        self._launches = [self.home, *(self.to_local(crew.launch) for crew in patrol.crews)]
        self._room = shapely.box(
            *shapely.union_all(
                [*self.areas.values(), *(closed.shape for closed in self.closed), shapely.Point(self.home)]
            )
            .buffer(_ROOM_M + self._margin_m)
            .bounds
        )
        self._routers: dict[tuple[int, ...], Router] = {}

    def closed_between(self, lowest_m: float, highest_m: float) -> list[Closed]:
        """Return what is closed to a flight between two heights above take-off."""
        return [self.closed[index] for index in self._indices(lowest_m, highest_m)]

    def router(self, lowest_m: float, highest_m: float) -> Router:
        """Return the ways over ground that is free at every height between the two."""
        indices = self._indices(lowest_m, highest_m)
        if indices not in self._routers:
            chosen = [self.closed[index] for index in indices]
            shapes = [_with_body(closed.shape, closed.keep_m - self._margin_m) for closed in chosen]
            outer = self.permitted if self.permitted is not None else self._room
            self._routers[indices] = Router(free_space(outer, shapes, self._margin_m, self._launches))
        return self._routers[indices]

    def to_local(self, point: GeoPoint) -> Points:
        """Return a position in the plane."""
        return to_plane(self.plane, [point.lon_deg, point.lat_deg])

    def check_launch(self, launch: Points, highest_m: float) -> None:
        """Refuse a launch point over which the climb to ``highest_m`` is not free."""
        if not inside(self.router(0.0, highest_m).space, launch[None])[0]:
            raise PlanRefused(
                _(
                    "home lies in a no-fly zone, outside the permitted airspace, or within {margin:g} m of its edge; "
                    "launch from elsewhere"
                ).format(margin=self._margin_m)
            )

    def _indices(self, lowest_m: float, highest_m: float) -> tuple[int, ...]:
        return tuple(
            index
            for index, closed in enumerate(self.closed)
            if closed.floor_m < highest_m + _BAND_M and closed.ceiling_m > lowest_m - _BAND_M
        )


def _with_body(shape: BaseGeometry, extra_m: float) -> BaseGeometry:
    """Return the shape grown by what it asks beyond the margin; a point or line gets a body that closes ground."""
    least = 0.0 if shape.geom_type in {"Polygon", "MultiPolygon"} else _BODY_M
    # The sides of a buffer's round corners cut inside the circle; widened so, they touch it.
    return shape.buffer(max(least, extra_m) / math.cos(math.pi / (4 * _QUAD_SEGMENTS)), quad_segs=_QUAD_SEGMENTS)


def _closed(patrol: Patrol, plane: LocalPlane, areas: dict[str, BaseGeometry]) -> tuple[Closed, ...]:
    limits = patrol.limits
    found = [
        Closed(
            name=zone.name,
            shape=in_plane(plane, zone.name, zone.shape),
            floor_m=zone.floor_m,
            ceiling_m=zone.ceiling_m,
            keep_m=limits.no_fly_margin_m,
        )
        for zone in patrol.no_fly_zones
    ]
    found += [
        Closed(
            name=obstacle.name,
            shape=in_plane(plane, obstacle.name, obstacle.shape),
            floor_m=-math.inf,
            ceiling_m=obstacle.top_m + limits.obstacle_distance_m,
            keep_m=limits.obstacle_distance_m,
        )
        for obstacle in patrol.obstacles
    ]
    found += [
        Closed(
            name=area.name,
            shape=areas[area.name],
            floor_m=-math.inf,
            ceiling_m=area.top_m + limits.obstacle_distance_m,
            keep_m=limits.obstacle_distance_m,
        )
        for area in patrol.areas
        if area.top_m > 0 and area.pattern in {Pattern.FACADE, Pattern.ORBIT}
    ]
    return tuple(found)


def in_plane(plane: LocalPlane, name: str, shape: BaseGeometry) -> BaseGeometry:
    """Return a lon/lat shape in the plane, metres.

    Raises:
        PlanRefused: The shape is empty, invalid, not finite, encloses nothing, or lies more than 50 km from home.
    """
    if shape.is_empty:
        raise PlanRefused(_("{name}: the shape is empty").format(name=name))
    if not np.all(np.isfinite(shapely.get_coordinates(shape))):
        raise PlanRefused(_("{name}: a position of the shape is not a number").format(name=name))
    try:
        local: BaseGeometry = shapely.transform(shape, lambda lonlat: to_plane(plane, lonlat))
    except ValueError as error:
        raise PlanRefused(
            _("{name}: the shape reaches more than 50 km from home; launch nearer").format(name=name)
        ) from error
    if not local.is_valid:
        raise PlanRefused(
            _("{name}: the outline is not valid ({why})").format(name=name, why=shapely.is_valid_reason(local))
        )
    if shape.geom_type in {"Polygon", "MultiPolygon"} and local.area < 1e-6:
        raise PlanRefused(_("{name}: the outline encloses no ground").format(name=name))
    return local
