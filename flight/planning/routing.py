"""Ways through free airspace: shortest paths that never enter forbidden ground, by visibility graph.

Free ground is the permitted airspace less the no-fly zones, both with the margin. A shortest path among polygonal
obstacles is a chain of straight lines that bends only at reflex corners, and touches them as a tangent (Lozano-Pérez
and Wesley, CACM 22(10), 1979); so the graph holds those corners and the tangents between them, and is exact. All
coordinates are metres in the local plane.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

Points = NDArray[np.float64]

SLACK_M: Final = 0.05  # free ground is drawn this much tighter than asked, and lines are tested against half of it


@dataclass(frozen=True, slots=True, kw_only=True)
class FreeSpace:
    """Ground over which the aircraft may be.

    Attributes:
        ground: Where paths are drawn: tighter than allowed by 5 cm.
        tested: Where they are tested: tighter than allowed by 2.5 cm, so that a path along an edge passes.
        corners: (n, 2) reflex corners of ``ground``, where shortest paths bend.
        before, after: (n, 2) the neighbours of each corner along the boundary.
    """

    ground: BaseGeometry
    tested: BaseGeometry
    corners: Points
    before: Points
    after: Points


def free_space(
    permitted: BaseGeometry, forbidden: Sequence[BaseGeometry], margin_m: float, launches: Sequence[Points] = ()
) -> FreeSpace:
    """Return the ground ``margin_m`` inside ``permitted`` and outside each of ``forbidden``, plane metres.

    Ground that none of ``launches`` is connected with is left out: nothing flies there, so nothing is planned there.
    Where no launch point lies over free ground at all, every part stays, and the launch is what is refused.
    """
    inner: BaseGeometry = permitted.buffer(-(margin_m + SLACK_M), join_style="mitre", mitre_limit=2.0)
    if forbidden:
        blocked = shapely.union_all(
            [zone.buffer(margin_m + SLACK_M, join_style="mitre", mitre_limit=2.0) for zone in forbidden]
        )
        inner = inner.difference(blocked)
    parts = [part for part in shapely.get_parts(inner) if part.area > 1.0]
    near = [part for part in parts if any(part.covers(shapely.Point(launch)) for launch in launches)]
    ground = shapely.union_all(near or parts)
    tested = ground.buffer(SLACK_M / 2, join_style="mitre", mitre_limit=2.0)
    shapely.prepare(tested)
    corners, before, after = _reflex_corners(ground)
    return FreeSpace(ground=ground, tested=tested, corners=corners, before=before, after=after)


def _reflex_corners(ground: BaseGeometry) -> tuple[Points, Points, Points]:
    """Return the corners at which free ground turns outward, with their neighbours."""
    found: list[tuple[Points, Points, Points]] = []
    for part in shapely.get_parts(shapely.orient_polygons(ground)):
        for ring in shapely.get_rings(part):
            ring_points = shapely.get_coordinates(ring)[:-1]
            previous, following = np.roll(ring_points, 1, axis=0), np.roll(ring_points, -1, axis=0)
            reflex = _cross(ring_points - previous, following - ring_points) < -1e-9
            found.append((ring_points[reflex], previous[reflex], following[reflex]))
    if not found:
        empty = np.empty((0, 2))
        return empty, empty, empty
    return tuple(np.concatenate(columns) for columns in zip(*found, strict=True))  # type: ignore[return-value]


def _cross(a: Points, b: Points) -> NDArray[np.float64]:
    product: NDArray[np.float64] = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    return product


def visible(space: FreeSpace, starts: Points, ends: Points) -> NDArray[np.bool_]:
    """Return for each pair of (n, 2) points whether the straight line between them stays over free ground."""
    if len(starts) == 0:
        return np.zeros(0, dtype=bool)
    lines = shapely.linestrings(np.stack([starts, ends], axis=1))
    return np.asarray(shapely.covers(space.tested, lines), dtype=np.bool_)


def inside(space: FreeSpace, points: Points) -> NDArray[np.bool_]:
    """Return for each of (n, 2) points whether it lies over free ground."""
    return np.asarray(shapely.covers(space.tested, shapely.points(points)), dtype=np.bool_)


class Router:
    """Shortest ways over one free space; corners' tangents are found once, when first needed."""

    def __init__(self, space: FreeSpace) -> None:
        self.space = space
        self._neighbours: list[list[tuple[int, float]]] | None = None
        self._known: dict[tuple[float, float, float, float], Points | None] = {}

    def way(self, start: Points, end: Points) -> Points | None:
        """Return the (n, 2) shortest path from ``start`` to ``end`` over free ground, or None when there is none."""
        key = (float(start[0]), float(start[1]), float(end[0]), float(end[1]))
        if key not in self._known:
            self._known[key] = self._find(np.asarray(start, dtype=np.float64), np.asarray(end, dtype=np.float64))
        return self._known[key]

    def tangents(self) -> list[list[tuple[int, float]]]:
        """Return for each corner the corners it sees along a tangent, with their distances."""
        if self._neighbours is None:
            self._neighbours = self._see_corners()
        return self._neighbours

    def seen_corners(self, point: Points, nearest: int | None = None) -> list[tuple[int, float]]:
        """Return the corners that ``point`` sees along a tangent, with distances; at most the ``nearest`` tried."""
        corners = self.space.corners
        if not len(corners):
            return []
        candidates = np.flatnonzero(self._touches(np.broadcast_to(point, corners.shape), np.arange(len(corners))))
        distances = np.hypot(*(corners[candidates] - point).T)
        if nearest is not None and len(candidates) > nearest:
            order = np.argsort(distances, kind="stable")[:nearest]
            candidates, distances = candidates[order], distances[order]
        seen = visible(self.space, np.broadcast_to(point, (len(candidates), 2)), corners[candidates])
        return [(int(c), float(d)) for c, d in zip(candidates[seen], distances[seen], strict=True)]

    def _find(self, start: Points, end: Points) -> Points | None:
        if visible(self.space, start[None], end[None])[0]:
            return np.stack([start, end])
        goal = dict(self.seen_corners(end))
        if not goal:
            return None
        corners, neighbours = self.space.corners, self.tangents()
        straight = np.hypot(*(corners - end).T)
        best = dict(self.seen_corners(start))
        came: dict[int, int] = {}
        queue = [(distance + float(straight[corner]), corner) for corner, distance in best.items()]
        heapq.heapify(queue)
        done: set[int] = set()
        while queue:  # A*, the straight distance as lower bound; corner -1 is the goal
            _bound, corner = heapq.heappop(queue)
            if corner == -1:
                return self._trace(start, end, came)
            if corner in done:
                continue
            done.add(corner)
            onward = neighbours[corner]
            if corner in goal:
                onward = [*onward, (-1, goal[corner])]
            for other, step in onward:
                length = best[corner] + step
                if length < best.get(other, np.inf) - 1e-9:
                    best[other] = length
                    came[other] = corner
                    heapq.heappush(queue, (length + (float(straight[other]) if other >= 0 else 0.0), other))
        return None

    def _trace(self, start: Points, end: Points, came: dict[int, int]) -> Points:
        chain = [end]
        corner = came[-1]
        while True:
            chain.append(self.space.corners[corner])
            if corner not in came:
                break
            corner = came[corner]
        return np.stack([start, *chain[::-1]])

    def _touches(self, origins: Points, corner: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Return whether the line from each origin to its corner touches the boundary there without crossing it."""
        direction = self.space.corners[corner] - origins
        left = _cross(direction, self.space.before[corner] - self.space.corners[corner])
        right = _cross(direction, self.space.after[corner] - self.space.corners[corner])
        touching: NDArray[np.bool_] = left * right >= -1e-6 * (1 + np.abs(left) + np.abs(right))
        return touching

    def _see_corners(self) -> list[list[tuple[int, float]]]:
        count = len(self.space.corners)
        neighbours: list[list[tuple[int, float]]] = [[] for _corner in range(count)]
        if not count:
            return neighbours
        first, second = np.triu_indices(count, k=1)
        corners = self.space.corners
        tangent = self._touches(corners[first], second) & self._touches(corners[second], first)
        first, second = first[tangent], second[tangent]
        seen = visible(self.space, corners[first], corners[second])
        first, second = first[seen], second[seen]
        lengths = np.hypot(*(corners[first] - corners[second]).T)
        for a, b, length in zip(first.tolist(), second.tolist(), lengths.tolist(), strict=True):
            neighbours[a].append((b, length))
            neighbours[b].append((a, length))
        return neighbours


def length_m(path: Points) -> float:
    """Return the length of an (n, 2) path in metres."""
    return float(np.hypot(*np.diff(path, axis=0).T).sum())
