"""The order and direction in which lines are flown: shortest way over all of them, links over free ground only.

Each line has two ends and is flown once, either way. That is a travelling salesman's path whose every second edge is
fixed. It is built by nearest end and improved by reversing stretches (2-opt, Croes 1958) and moving stretches (Or-opt,
Or 1976), with links measured round forbidden ground. No randomness: the same lines give the same order.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra

from flight.planning.routing import Points, Router, visible

Matrix = NDArray[np.float64]
Sides = NDArray[np.intp]  # line ends: 2 k where line k begins as drawn, 2 k + 1 where it ends

_NEAR_ENDS: Final = 24  # links to this many nearest ends are tested for free ground
_NEAR_CORNERS: Final = 16
_UNKNOWN_FACTOR: Final = 1.3  # a far link that was not tested is taken as this much longer than straight
_MOST_ROUNDS: Final = 60
_LONGEST_MOVE: Final = 3
_LEAST_GAIN_M: Final = 1e-6
_WORTH_MOVING_M: Final = 0.5  # a stretch whose going saves less than this is not tried elsewhere
_MOST_KICKS: Final = 40
_KICK_LINES: Final = 1500  # kicks times lines: bounds the work on large areas
_KICK_REACH: Final = 30


def ordered(lines: list[Points], router: Router, start: Points, end: Points, *, thorough: bool = True) -> list[Points]:
    """Return the lines in the order and direction of a short way from ``start`` over all of them to ``end``.

    Args:
        lines: (n, 2) paths.
        router: Measures the links.
        start: Where the way begins.
        end: Where it ends.
        thorough: Whether to go on looking after the first local optimum.
    """
    if len(lines) < 2:
        return list(lines)
    ends = np.stack([point for line in lines for point in (line[0], line[-1])])
    links = _links(np.concatenate([ends, start[None], end[None]]), router)
    tour = _improved(_nearest(links, len(lines)), links)
    if thorough:
        tour = _kicked(tour, links)
    return [lines[side // 2] if side % 2 == 0 else lines[side // 2][::-1] for side in tour.tolist()]


def _links(points: Points, router: Router) -> Matrix:
    """Return the (n, n) lengths of the ways between points: exact where near, estimated where far."""
    straight: Matrix = np.hypot(points[:, None, 0] - points[None, :, 0], points[:, None, 1] - points[None, :, 1])
    count = len(points)
    near = min(_NEAR_ENDS, count - 1)
    nearest = np.argpartition(straight, near, axis=1)[:, : near + 1]
    first = np.repeat(np.arange(count), near + 1)
    second = nearest.ravel()
    keep = first < second
    extra = first > second  # a pair listed only from its later point
    pairs = np.unique(
        np.concatenate(
            [np.stack([first[keep], second[keep]], axis=1), np.stack([second[extra], first[extra]], axis=1)]
        ),
        axis=0,
    )
    seen = visible(router.space, points[pairs[:, 0]], points[pairs[:, 1]])
    rows = [pairs[seen, 0]]
    columns = [pairs[seen, 1]]
    weights = [straight[pairs[seen, 0], pairs[seen, 1]]]
    if len(router.space.corners) and not np.all(seen):
        corner_rows, corner_columns, corner_weights = _corner_edges(points, router)
        rows.append(corner_rows)
        columns.append(corner_columns)
        weights.append(corner_weights)
    size = count + len(router.space.corners)
    graph = csr_matrix(
        (np.maximum(np.concatenate(weights), 1e-6), (np.concatenate(rows), np.concatenate(columns))), shape=(size, size)
    )
    limit = 4.0 * float(np.median(np.sort(straight, axis=1)[:, near])) if count > 200 else np.inf
    ways = dijkstra(graph, directed=False, indices=np.arange(count), limit=limit)[:, :count]
    return np.where(np.isfinite(ways), ways, straight * _UNKNOWN_FACTOR)


def _corner_edges(points: Points, router: Router) -> tuple[NDArray[np.intp], NDArray[np.intp], Matrix]:
    rows, columns, weights = [], [], []
    for index, point in enumerate(points):
        for corner, distance in router.seen_corners(point, nearest=_NEAR_CORNERS):
            rows.append(index)
            columns.append(len(points) + corner)
            weights.append(distance)
    for corner, neighbours in enumerate(router.tangents()):
        for other, distance in neighbours:
            if other > corner:
                rows.append(len(points) + corner)
                columns.append(len(points) + other)
                weights.append(distance)
    return np.array(rows, dtype=np.intp), np.array(columns, dtype=np.intp), np.array(weights)


def _nearest(links: Matrix, count: int) -> Sides:
    """Return entry sides line by line, always going on to the nearest end of a line not yet flown."""
    free = np.ones(2 * count, dtype=bool)
    tour: list[int] = []
    at = 2 * count  # the start
    for _line in range(count):
        side = int(np.argmin(np.where(free, links[at, : 2 * count], np.inf)))
        tour.append(side)
        free[side] = free[side ^ 1] = False
        at = side ^ 1
    return np.array(tour, dtype=np.intp)


def _improved(tour: Sides, links: Matrix) -> Sides:
    """Return the tour after rounds of reversals and moves, until neither shortens it."""
    for _round in range(_MOST_ROUNDS):
        reversed_any, tour = _reversals(tour, links)
        moved_any, tour = _moves(tour, links)
        if not (reversed_any or moved_any):
            break
    return tour


def _way_m(tour: Sides, links: Matrix) -> float:
    entered, left = _ways_in_and_out(tour, links)
    return float(links[left[:-1], entered[1:]].sum())


def _kicked(tour: Sides, links: Matrix) -> Sides:
    """Return the best tour found by swapping two neighbouring stretches and improving again, a set number of times.

    The double bridge (Martin, Otto and Felten 1991) leads out of what reversals and moves cannot leave. The places are
    drawn from a generator with a fixed seed, so the same lines give the same order.
    """
    count = len(tour)
    if count < 8:
        return tour
    random = np.random.default_rng(count)
    best, length = tour, _way_m(tour, links)
    for _kick in range(min(_MOST_KICKS, _KICK_LINES // count)):
        first = int(random.integers(0, count - 3))
        reach = min(count, first + _KICK_REACH)
        a, b, c = np.sort(random.choice(np.arange(first, reach + 1), size=3, replace=False))
        kicked = _improved(np.concatenate([best[:a], best[b:c], best[a:b], best[c:]]), links)
        kicked_length = _way_m(kicked, links)
        if kicked_length < length - _LEAST_GAIN_M:
            best, length = kicked, kicked_length
    return best


def _ways_in_and_out(tour: Sides, links: Matrix) -> tuple[Sides, Sides]:
    """Return for each position the side entered and the side left, with start and end of the whole way around them."""
    start, end = [len(links) - 2], [len(links) - 1]
    return np.concatenate([start, tour, end]), np.concatenate([start, tour ^ 1, end])


def _reversals(tour: Sides, links: Matrix) -> tuple[bool, Sides]:
    """Reverse the stretch of lines i…j where that shortens the way; for each i the best j at once."""
    changed = False
    entered, left = _ways_in_and_out(tour, links)
    for i in range(1, len(tour) + 1):
        before, first = left[i - 1], entered[i]
        gain = (
            links[before, first]
            + links[left[i:-1], entered[i + 1 :]]
            - links[before, left[i:-1]]
            - links[first, entered[i + 1 :]]
        )
        best = int(np.argmax(gain))
        if gain[best] > _LEAST_GAIN_M:
            j = i + best
            tour = np.concatenate([tour[: i - 1], tour[i - 1 : j][::-1] ^ 1, tour[j:]])
            entered, left = _ways_in_and_out(tour, links)
            changed = True
    return changed, tour


def _moves(tour: Sides, links: Matrix) -> tuple[bool, Sides]:
    """Move stretches of one to three lines, either way round, to where they fit best."""
    changed = False
    for length in range(1, min(_LONGEST_MOVE, len(tour) - 1) + 1):
        i = 0
        entered, left = _ways_in_and_out(tour, links)
        while i + length <= len(tour):
            before, after = left[i], entered[i + length + 1]
            saved = links[before, entered[i + 1]] + links[left[i + length], after] - links[before, after]
            better = _moved(tour, i, length, links) if saved > _WORTH_MOVING_M else None
            if better is None:
                i += 1
            else:
                tour, changed = better, True
                entered, left = _ways_in_and_out(tour, links)
    return changed, tour


def _moved(tour: Sides, i: int, length: int, links: Matrix) -> Sides | None:
    """Return the tour with lines i…i+length−1 moved to their best place, or None where they are best already."""
    stretch = tour[i : i + length]
    rest = np.concatenate([tour[:i], tour[i + length :]])
    entered, left = _ways_in_and_out(rest, links)
    before, after = left[:-1], entered[1:]
    head, tail = stretch[0], stretch[-1] ^ 1
    gaps = links[before, after]
    taken = links[before[i], head] + links[tail, after[i]] - gaps[i]
    forward = links[before, head] + links[tail, after] - gaps
    backward = links[before, tail] + links[head, after] - gaps
    best_forward, best_backward = int(np.argmin(forward)), int(np.argmin(backward))
    if min(forward[best_forward], backward[best_backward]) >= taken - _LEAST_GAIN_M:
        return None
    if forward[best_forward] <= backward[best_backward]:
        return np.concatenate([rest[:best_forward], stretch, rest[best_forward:]])
    return np.concatenate([rest[:best_backward], stretch[::-1] ^ 1, rest[best_backward:]])
