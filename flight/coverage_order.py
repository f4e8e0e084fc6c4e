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

from flight.routing import Points, Router, visible

Matrix = NDArray[np.float64]

_NEAR_ENDS: Final = 24  # links to this many nearest ends are tested for free ground
_NEAR_CORNERS: Final = 16
_UNKNOWN_FACTOR: Final = 1.3  # a far link that was not tested is taken as this much longer than straight
_MOST_ROUNDS: Final = 60
_LONGEST_MOVE: Final = 3


def ordered(lines: list[Points], router: Router, start: Points, end: Points) -> list[Points]:
    """Return the lines in the order and direction of a short way from ``start`` over all of them to ``end``."""
    if len(lines) < 2:
        return list(lines)
    ends = np.stack([point for line in lines for point in (line[0], line[-1])])
    links = _links(np.concatenate([ends, start[None], end[None]]), router)
    tour = _improved(_nearest(links, len(lines)), links)
    return [lines[side // 2] if side % 2 == 0 else lines[side // 2][::-1] for side in tour]


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


def _nearest(links: Matrix, count: int) -> list[int]:
    """Return entry sides line by line, always going on to the nearest end of a line not yet flown."""
    free = np.ones(2 * count, dtype=bool)
    tour: list[int] = []
    at = 2 * count  # the start
    for _line in range(count):
        side = int(np.argmin(np.where(free, links[at, : 2 * count], np.inf)))
        tour.append(side)
        free[side] = free[side ^ 1] = False
        at = side ^ 1
    return tour


def _improved(tour: list[int], links: Matrix) -> list[int]:
    """Return the tour after rounds of reversals and moves, until neither shortens it."""
    for _round in range(_MOST_ROUNDS):
        reversed_any, tour = _reversals(tour, links)
        moved_any, tour = _moves(tour, links)
        if not (reversed_any or moved_any):
            break
    return tour


def _ways_in_and_out(tour: list[int], links: Matrix) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return for each position the side entered and the side left, with start and end of the whole way around them."""
    start, end = len(links) - 2, len(links) - 1
    entered = np.array([start, *tour, end], dtype=np.intp)
    left = np.array([start, *(side ^ 1 for side in tour), end], dtype=np.intp)
    return entered, left


def _reversals(tour: list[int], links: Matrix) -> tuple[bool, list[int]]:
    """Reverse the stretch of lines i…j where that shortens the way; for each i the best j at once."""
    changed = False
    entered, left = _ways_in_and_out(tour, links)
    for i in range(1, len(tour) + 1):
        before = left[i - 1]
        js = np.arange(i, len(tour) + 1)
        gain = (
            links[before, entered[i]]
            + links[left[js], entered[js + 1]]
            - links[before, left[js]]
            - links[entered[i], entered[js + 1]]
        )
        best = int(np.argmax(gain))
        if gain[best] > 1e-6:
            j = int(js[best])
            stretch = [side ^ 1 for side in reversed(tour[i - 1 : j])]
            tour = tour[: i - 1] + stretch + tour[j:]
            entered, left = _ways_in_and_out(tour, links)
            changed = True
    return changed, tour


def _moves(tour: list[int], links: Matrix) -> tuple[bool, list[int]]:
    """Move stretches of one to three lines, either way round, to where they fit best."""
    changed = False
    for length in range(1, _LONGEST_MOVE + 1):
        i = 0
        while i + length <= len(tour):
            better = _moved(tour, i, length, links)
            if better is None:
                i += 1
            else:
                tour, changed = better, True
    return changed, tour


def _moved(tour: list[int], i: int, length: int, links: Matrix) -> list[int] | None:
    stretch = tour[i : i + length]
    rest = tour[:i] + tour[i + length :]
    if not rest:
        return None
    entered, left = _ways_in_and_out(rest, links)
    head, tail = stretch[0], stretch[-1] ^ 1
    taken = links[left[i], head] + links[tail, entered[i + 1]] - links[left[i], entered[i + 1]]
    gaps = links[left[:-1], entered[1:]]
    forward = links[left[:-1], head] + links[tail, entered[1:]] - gaps
    backward = links[left[:-1], tail] + links[head, entered[1:]] - gaps
    best_forward, best_backward = int(np.argmin(forward)), int(np.argmin(backward))
    if min(forward[best_forward], backward[best_backward]) >= taken - 1e-6:
        return None
    if forward[best_forward] <= backward[best_backward]:
        return rest[:best_forward] + stretch + rest[best_forward:]
    return rest[:best_backward] + [side ^ 1 for side in reversed(stretch)] + rest[best_backward:]
