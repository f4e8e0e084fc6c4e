"""Coverage: lines whose swaths see every part of an area, in the local metric plane.

An area is cut into bands one line spacing wide. In each band the line runs just far enough that its swath reaches both
ends of the ground there; where forbidden ground blocks the band, the line bends around it when the way round stays
close, and is cut otherwise. Ground that no swath has seen in the end (slivers beside holes, corners) gets lines of its
own, until the promise is kept or nothing more can be reached. The direction of the bands is the one whose lines and
turns cost least.

Ordering the lines is ``flight.planning.coverage_order``; whether what they see is enough is for ``flight.plan`` to say.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import affinity
from shapely.geometry.base import BaseGeometry

from flight.planning.routing import Points, Router

LineCost = Callable[[float], float]  # cost of a metre flown at an angle (degrees anticlockwise from east)

PROMISED_SHARE: Final = 0.998  # what the repair works towards
TURN_M: Final = 8.0  # what slowing down and turning at a line's end costs besides its way, as metres of flight
_SHORTEST_LINE_M: Final = 2.0
_MOST_REPAIRS: Final = 3
_LEAST_AREA_M2: Final = 1e-6
_HAIR: Final = 0.02  # band widths
_LEAST_PIECE: Final = 0.02  # squares of a line spacing: smaller unseen pieces get no line
_ROUGH: Final = 0.1  # line spacings
_LEVELS_APART: Final = 0.4  # line spacings
_MOST_LEVELS: Final = 12

Span = tuple[Points, Points]


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageOrder:
    """What is asked of a coverage: line spacing, and how far a swath reaches beyond the end of a line, in metres."""

    spacing_m: float
    reach_m: float
    angle_deg: float | None = None  # anticlockwise from east


def swath(lines: list[Points], order: CoverageOrder) -> BaseGeometry:
    """Return the ground that the lines see: half a spacing to each side, and ``reach_m`` beyond each end."""
    if not lines:
        return shapely.Polygon()
    reached = np.array([shapely.LineString(_lengthened(line, order.reach_m)) for line in lines])
    bands = shapely.buffer(reached, order.spacing_m / 2, cap_style="flat", join_style="round", quad_segs=4)
    return shapely.union_all(bands)


def _lengthened(line: Points, by_m: float) -> Points:
    """Return the line with both ends moved out (or, for a negative ``by_m``, in, but never past the middle)."""
    longer = line.copy()
    for end, inner in ((0, 1), (-1, -2)):
        direction = line[end] - line[inner]
        size = float(np.hypot(*direction))
        longer[end] = line[end] + direction / size * max(by_m, -0.49 * size)
    return longer


def cover(area: BaseGeometry, router: Router, order: CoverageOrder, angle_deg: float) -> list[Points]:
    """Return lines over ``area`` whose bands run at ``angle_deg``, each an (n, 2) path over free ground.

    Args:
        area: Polygonal ground to be seen, plane metres.
        router: Knows the free ground and the ways round what is not.
        order: Line spacing and reach.
        angle_deg: Direction of the bands, anticlockwise from east.
    """
    lines = banded_lines(area, router, order, angle_deg)
    return lines + _repairs(area, lines, router, order)


def banded_lines(area: BaseGeometry, router: Router, order: CoverageOrder, angle_deg: float) -> list[Points]:
    """Return one line for each piece of each band of ``area``, over free ground."""
    turned = affinity.rotate(area, -angle_deg, origin=(0, 0))
    spans = _spans(turned, order)
    turn = _rotation(angle_deg)
    lines: list[Points] = []
    for start, end in spans:
        lines.extend(_over_free_ground(start @ turn.T, end @ turn.T, router, order))
    return lines


def _rotation(angle_deg: float) -> NDArray[np.float64]:
    c, s = math.cos(math.radians(angle_deg)), math.sin(math.radians(angle_deg))
    return np.array([[c, -s], [s, c]])


def _spans(turned: BaseGeometry, order: CoverageOrder) -> list[Span]:
    """Return the ends of each band piece's line, bands running along x; parts of the area are banded each for itself.

    Bands of one width over the whole height are compared with bands that begin anew at each long edge along them
    (where an arm ends, beside a hole), and the shorter set is taken.
    """
    spans: list[Span] = []
    for part in shapely.get_parts(turned):
        if part.geom_type != "Polygon" or part.area < _LEAST_AREA_M2:
            continue
        _left, low, _right, high = part.bounds
        levels = _levels(part, order)
        best = _banded(part, [low, high], order)
        if levels:
            anew = _banded(part, [low, *levels, high], order)
            best = anew if _cost_m(anew, order) < _cost_m(best, order) else best
        spans.extend(best)
    return spans


def _cost_m(spans: list[Span], order: CoverageOrder) -> float:
    return sum(float(end[0] - start[0]) for start, end in spans) + (order.spacing_m + TURN_M) * len(spans)


def _levels(part: BaseGeometry, order: CoverageOrder) -> list[float]:
    """Return the heights of long edges that run along the bands, away from the top and bottom and from each other."""
    _left, low, _right, high = part.bounds
    levels: list[float] = []
    for ring in shapely.get_rings(part):
        points = shapely.get_coordinates(ring)
        steps = np.diff(points, axis=0)
        along = (np.abs(steps[:, 0]) > 1.5 * order.spacing_m) & (np.abs(steps[:, 1]) < 0.15 * order.spacing_m)
        levels.extend(float(y) for y in (points[:-1, 1] + steps[:, 1] / 2)[along])
    apart: list[float] = [low]
    for level in sorted(levels):
        if level - apart[-1] > _LEVELS_APART * order.spacing_m and high - level > _LEVELS_APART * order.spacing_m:
            apart.append(level)
    return apart[1:] if len(apart) <= _MOST_LEVELS else []


def _banded(part: BaseGeometry, levels: list[float], order: CoverageOrder) -> list[Span]:
    """Return the spans of bands of equal width between each two levels."""
    min_x, _min_y, max_x, _max_y = part.bounds
    edges: list[float] = []
    for low, high in pairwise(levels):
        count = max(1, math.ceil((high - low) / order.spacing_m - 1e-6))
        edges.extend(low + (high - low) / count * index for index in range(count))
    lows, highs = np.array(edges), np.array([*edges[1:], levels[-1]])
    hair = _HAIR * (highs - lows)  # an edge that runs along a band's edge must not stretch the band's line
    boxes = shapely.box(np.full(len(lows), min_x - 1.0), lows + hair, np.full(len(lows), max_x + 1.0), highs - hair)
    shapely.prepare(part)
    spans = []
    for y, cut in zip((lows + highs) / 2, shapely.intersection(boxes, part), strict=True):
        for piece in shapely.get_parts(cut):
            if piece.area < _LEAST_AREA_M2:
                continue
            left, low, right, high = piece.bounds
            at = y if low <= y <= high else (low + high) / 2
            start, end = left + order.reach_m, right - order.reach_m
            if end - start < _SHORTEST_LINE_M:
                middle = (left + right) / 2
                start, end = middle - _SHORTEST_LINE_M / 2, middle + _SHORTEST_LINE_M / 2
            spans.append((np.array([start, at]), np.array([end, at])))
    return spans


def _over_free_ground(start: Points, end: Points, router: Router, order: CoverageOrder) -> list[Points]:
    """Return the parts of a line that lie over free ground, joined where the way round a gap stays close."""
    cut = shapely.LineString([start, end]).intersection(router.space.ground)
    direction = (end - start) / np.hypot(*(end - start))
    parts = [
        coordinates
        for part in shapely.get_parts(cut)
        if part.geom_type == "LineString" and part.length > 0.5
        for coordinates in [shapely.get_coordinates(part)]
    ]
    parts = [part if (part[-1] - part[0]) @ direction > 0 else part[::-1] for part in parts]
    parts.sort(key=lambda part: float(part[0] @ direction))
    joined: list[Points] = []
    for part in parts:
        if joined:
            gap = float(np.hypot(*(part[0] - joined[-1][-1])))
            way = router.way(joined[-1][-1], part[0]) if gap < 4 * order.spacing_m else None
            if way is not None and _stays_close(way, start, direction, order.spacing_m * 0.75):
                joined[-1] = np.concatenate([joined[-1], way[1:-1], part])
                continue
        joined.append(part)
    return joined


def _stays_close(way: Points, start: Points, direction: Points, within_m: float) -> bool:
    offset = way - start
    return bool(np.all(np.abs(offset[:, 0] * direction[1] - offset[:, 1] * direction[0]) <= within_m))


def _repairs(area: BaseGeometry, lines: list[Points], router: Router, order: CoverageOrder) -> list[Points]:
    """Return lines over the ground that ``lines`` leave unseen, largest pieces first, until the promise is kept."""
    added: list[Points] = []
    allowed = (1 - PROMISED_SHARE) * area.area
    reachable = router.space.ground.buffer(order.spacing_m / 2, quad_segs=2)  # beyond it no line of ours can see
    unseen = area.difference(swath(lines, order)).intersection(reachable)
    smallest = min(_LEAST_PIECE * order.spacing_m**2, 0.1 * allowed)
    for _round in range(_MOST_REPAIRS):
        pieces = sorted(shapely.get_parts(unseen), key=lambda piece: -piece.area)
        left = math.fsum(piece.area for piece in pieces)
        fresh: list[Points] = []
        for piece in pieces:
            if left <= allowed or piece.area < smallest:
                break
            left -= piece.area
            fresh.extend(_along(piece, router, order))
        if not fresh:
            break
        added.extend(fresh)
        remaining = unseen.difference(swath(fresh, order))
        if remaining.area > unseen.area - 0.01 * allowed:
            break
        unseen = remaining
        if unseen.area <= allowed:
            break
    return added


def _along(piece: BaseGeometry, router: Router, order: CoverageOrder) -> list[Points]:
    """Return lines over one unseen piece along its longer side, or from the nearest free ground beside it."""
    angle = long_side_deg(piece)
    lines = banded_lines(piece, router, order, angle)
    if lines:
        return lines
    near = router.space.ground.intersection(piece.buffer(order.spacing_m * 0.45))
    parts = [part for part in shapely.get_parts(near) if part.area > 1e-3]
    return banded_lines(max(parts, key=lambda part: part.area), router, order, angle) if parts else []


def long_side_deg(shape: BaseGeometry) -> float:
    """Return the direction of the longer side of the smallest rectangle around ``shape``, degrees from east."""
    box = shapely.oriented_envelope(shape)
    if box.geom_type != "Polygon":
        ends = shapely.get_coordinates(box)
        side = ends[-1] - ends[0]
    else:
        ring = shapely.get_coordinates(box)
        sides = np.diff(ring, axis=0)[:2]
        side = sides[int(np.argmax(np.hypot(*sides.T)))]
    return math.degrees(math.atan2(side[1], side[0])) % 180.0


def candidate_angles(area: BaseGeometry) -> list[float]:
    """Return directions worth trying: the area's own long edges, its rectangle's sides, and every 15 degrees."""
    found: list[float] = []
    for part in shapely.get_parts(area):
        rough = part.simplify(math.sqrt(part.area) / 50)
        ring = shapely.get_coordinates(shapely.get_exterior_ring(rough)) if rough.geom_type == "Polygon" else None
        if ring is not None:
            edges = np.diff(ring, axis=0)
            longest = np.argsort(-np.hypot(*edges.T), kind="stable")[:6]
            found.extend(math.degrees(math.atan2(edges[i][1], edges[i][0])) % 180.0 for i in longest)
        found.append(long_side_deg(part))
    found.extend([(angle + 90.0) % 180.0 for angle in found])
    found.extend(float(angle) for angle in range(0, 180, 15))
    distinct: list[float] = []
    for angle in found:
        if all(min(abs(angle - other), 180 - abs(angle - other)) > 0.5 for other in distinct):
            distinct.append(angle)
    return distinct


def best_angles(area: BaseGeometry, order: CoverageOrder, cost: LineCost, count: int) -> list[float]:
    """Return the ``count`` directions whose lines and turns cost least by estimate, cheapest first."""
    if order.angle_deg is not None:
        return [order.angle_deg]
    rough = area.simplify(_ROUGH * order.spacing_m)  # thousands of corners do not change which direction is cheap
    rough = rough if rough.area > 0 else area
    return sorted(candidate_angles(area), key=lambda angle: round(_estimate(rough, order, cost, angle), 6))[:count]


def _estimate(area: BaseGeometry, order: CoverageOrder, cost: LineCost, angle: float) -> float:
    spans = _spans(affinity.rotate(area, -angle, origin=(0, 0)), order)
    along = sum(float(end[0] - start[0]) for start, end in spans)
    across = len(spans) * (order.spacing_m + TURN_M)
    return along * cost(angle) + across * cost(angle + 90.0)


def seen_share(area: BaseGeometry, lines: list[Points], order: CoverageOrder) -> float:
    """Return the share of ``area`` inside the swaths of ``lines``, in [0, 1]."""
    return min(1.0, float(area.intersection(swath(lines, order)).area / area.area))
