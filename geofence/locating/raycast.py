"""Rays against a height grid: exact first hits on the bilinear surface, at any grazing angle.

The surface over four neighbouring posts is z = h00 + hx·x + hy·y + hxy·x·y. Along a straight ray it is a quadratic in
the distance, as is the ray's own height once the Earth's curvature is part of it; so each cell is solved in closed form
and no step length can jump over a ridge. A pyramid of maxima lets a ray skip every block of cells whose highest post
lies below it (Tevs, Ihrke and Seidel, "Maximum mipmaps for fast, accurate, and scalable dynamic height field
rendering", I3D 2008).

All rays of a call advance together, one cell or block each, in numpy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_CHUNK: Final = 16_384  # rays that advance together: their working arrays stay in the processor's cache
_NUDGE: Final = 1e-7  # of a cell: how far past an edge a ray is taken to be in the next cell


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HeightGrid:
    """Heights at the posts of a regular grid, with the maxima of its blocks.

    Attributes:
        posts: (rows, columns) heights, metres; NaN where unknown.
        maxima: Per level k, (⌈(rows−1)/2ᵏ⌉, ⌈(columns−1)/2ᵏ⌉) highest post of each block of 2ᵏ × 2ᵏ cells; +inf where
            a post of the block is unknown.
        top_m: Highest known post; -inf when none is known.
    """

    posts: NDArray[np.float32]
    maxima: tuple[NDArray[np.float32], ...]
    top_m: float


def height_grid(posts: NDArray[np.float32]) -> HeightGrid:
    """Return a grid of (rows, columns) ``posts`` (at least 2 × 2; NaN where unknown) with its pyramid of maxima."""
    if posts.ndim != 2 or min(posts.shape) < 2:
        raise ValueError("a height grid has at least two rows and two columns of posts")
    solid = np.where(np.isfinite(posts), posts, np.float32(np.inf)).astype(np.float32)
    level = np.maximum(np.maximum(solid[:-1, :-1], solid[:-1, 1:]), np.maximum(solid[1:, :-1], solid[1:, 1:]))
    maxima = [level]
    while max(level.shape) > 1:
        padded = np.pad(level, [(0, size % 2) for size in level.shape], constant_values=-np.inf)
        level = np.maximum(
            np.maximum(padded[::2, ::2], padded[::2, 1::2]), np.maximum(padded[1::2, ::2], padded[1::2, 1::2])
        )
        maxima.append(level)
    known = posts[np.isfinite(posts)]
    return HeightGrid(posts=posts, maxima=tuple(maxima), top_m=float(known.max()) if known.size else -np.inf)


def bilinear(grid: HeightGrid, columns: Floats, rows: Floats) -> Floats:
    """Return heights at (n,) fractional columns and rows; NaN outside the grid or next to an unknown post."""
    height, width = grid.posts.shape
    inside = (columns >= 0) & (rows >= 0) & (columns <= width - 1) & (rows <= height - 1)
    left = np.clip(np.floor(np.where(inside, columns, 0)).astype(np.int64), 0, width - 2)
    above = np.clip(np.floor(np.where(inside, rows, 0)).astype(np.int64), 0, height - 2)
    x, y = columns - left, rows - above
    h00, hx, hy, hxy = _patch(grid, above, left)
    return np.where(inside, h00 + hx * x + hy * y + hxy * x * y, np.nan)


def _patch(grid: HeightGrid, above: Ints, left: Ints) -> tuple[Floats, Floats, Floats, Floats]:
    """Return the bilinear coefficients of the cells at (n,) rows and columns."""
    width = grid.posts.shape[1]
    flat = grid.posts.ravel()
    corner = above * width + left
    h00 = flat[corner].astype(np.float64)
    h01, h10, h11 = flat[corner + 1], flat[corner + width], flat[corner + width + 1]
    return h00, h01 - h00, h10 - h00, h11 - h01 - h10 + h00


def first_hits(grid: HeightGrid, starts: Floats, steps: Floats, heights: Floats, limits: Floats) -> Floats:
    """Return (n,) distances at which rays first come down through the surface; NaN where they do not.

    Args:
        grid: The surface.
        starts: (n, 2) fractional column and row at distance zero.
        steps: (n, 2) change of column and row per metre of distance.
        heights: (n, 3) coefficients a, b, c of the ray's height a + b·t + c·t², metres, c ≥ 0 (curvature).
        limits: (n, 2) first and last distance to look at, metres. At the first the ray must be above the surface; a ray
            that begins below it has no hit. A ray also ends where it leaves the grid or comes over an unknown post.
    """
    found = np.full(len(starts), np.nan)
    for begin in range(0, len(starts), _CHUNK):
        part = slice(begin, begin + _CHUNK)
        found[part] = _march(grid, starts[part], steps[part], heights[part], limits[part])
    return found


def _march(grid: HeightGrid, starts: Floats, steps: Floats, heights: Floats, limits: Floats) -> Floats:
    """Return first hits of one chunk of rays; see :func:`first_hits`."""
    shape = np.array([grid.posts.shape[1] - 1, grid.posts.shape[0] - 1])
    hits = np.full(len(starts), np.nan)
    t, last = _clipped(starts, steps, limits, shape)
    nudge = _NUDGE / np.maximum(np.abs(steps).max(axis=1), 1e-12)
    level = np.full(len(starts), min(3, len(grid.maxima) - 1), dtype=np.int64)
    alive = np.flatnonzero(t <= last)
    while alive.size:
        start, step, height, now = starts[alive], steps[alive], heights[alive], t[alive]
        size = np.left_shift(1, level[alive])
        position = start + step * (now + nudge[alive])[:, None]
        cell = np.clip(np.floor(position).astype(np.int64), 0, shape - 1)
        block = cell // size[:, None]
        leave = np.minimum(_exit(start, step, block, size), last[alive])
        leave = np.maximum(leave, now)
        lowest = _lowest(height, now, leave)
        tallest = _tallest(grid, level[alive], block)
        clear = lowest > tallest
        descend = ~clear & (level[alive] > 0)
        solve = ~clear & ~descend
        stop = np.zeros(len(alive), dtype=bool)
        if np.any(solve):
            rays = np.flatnonzero(solve)
            hit, ended = _solve(grid, cell[rays], start[rays], step[rays], height[rays], now[rays], leave[rays])
            hits[alive[rays]] = hit
            stop[rays] = ended
        level[alive[descend]] -= 1
        onward = ~descend
        t[alive[onward]] = leave[onward] + nudge[alive[onward]]
        climb = clear & (level[alive] < len(grid.maxima) - 1)
        level[alive[climb]] += 1
        alive = alive[~stop & (t[alive] <= last[alive])]
    return hits


def _clipped(starts: Floats, steps: Floats, limits: Floats, shape: Ints) -> tuple[Floats, Floats]:
    """Return (n,) first and last distances, cut to where the ray is over the grid."""
    with np.errstate(divide="ignore", invalid="ignore"):
        one, two = (0.0 - starts) / steps, (shape - starts) / steps
    still = steps == 0
    outside = still & ((starts < 0) | (starts > shape))
    near = np.where(still, -np.inf, np.minimum(one, two)).max(axis=1)
    far = np.where(still, np.inf, np.maximum(one, two)).min(axis=1)
    far = np.where(outside.any(axis=1), -np.inf, far)
    # A ray that starts outside the grid has crossed ground that nobody knows before it comes in: it is not followed.
    begins_inside = near <= limits[:, 0]
    return limits[:, 0].copy(), np.where(begins_inside, np.minimum(limits[:, 1], far), -np.inf)


def _exit(start: Floats, step: Floats, block: Ints, size: Ints) -> Floats:
    """Return (n,) distances at which rays leave their block."""
    edge = (block + (step > 0)) * size[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        leave = np.where(step == 0, np.inf, (edge - start) / step)
    least: Floats = np.minimum(leave[:, 0], leave[:, 1])
    return least


def _lowest(height: Floats, now: Floats, leave: Floats) -> Floats:
    """Return (n,) lowest heights of rays between two distances (their height is convex)."""
    a, b, c = height.T
    with np.errstate(divide="ignore", invalid="ignore"):
        vertex = np.where(c > 0, -b / (2 * c), leave)
    at = np.clip(vertex, now, leave)
    lowest: Floats = a + at * (b + at * c)
    return lowest


def _tallest(grid: HeightGrid, level: Ints, block: Ints) -> Floats:
    """Return (n,) maxima of blocks on their levels."""
    tallest = np.empty(len(level))
    for k in np.unique(level):
        here = level == k
        tallest[here] = grid.maxima[k][block[here, 1], block[here, 0]]
    return tallest


def _solve(  # noqa: PLR0917 - one array per term of the equation, all of one length
    grid: HeightGrid, cell: Ints, start: Floats, step: Floats, height: Floats, now: Floats, leave: Floats
) -> tuple[Floats, NDArray[np.bool_]]:
    """Return (n,) hits in single cells (NaN for none), and whether the ray ends there (a hit, or unknown ground)."""
    h00, hx, hy, hxy = _patch(grid, cell[:, 1], cell[:, 0])
    x0, y0 = (start - cell).T
    sx, sy = step.T
    # Ray minus surface as p + q·t + r·t²: positive above ground.
    p = height[:, 0] - (h00 + hx * x0 + hy * y0 + hxy * x0 * y0)
    q = height[:, 1] - (hx * sx + hy * sy + hxy * (x0 * sy + y0 * sx))
    r = height[:, 2] - hxy * sx * sy
    # Shifted to the entry, so that distances far from the start do not cancel.
    p, q = p + now * (q + now * r), q + 2 * now * r
    unknown = ~np.isfinite(p)
    span = leave - now
    with np.errstate(divide="ignore", invalid="ignore"):
        root = np.sqrt(q * q - 4 * p * r)
        # Both roots without cancellation (Numerical Recipes 5.6).
        half = -0.5 * (q + np.copysign(root, q))
        both = np.stack([half / r, p / half])
    slack = 1e-9 * np.maximum(span, 1.0)
    both = np.where((both >= -slack) & (both <= span + slack), both, np.inf)
    first = both.min(axis=0)
    # Entering already below the surface: the ray began underground (a hit in the cell before would have ended it).
    under = p < -1e-6
    hit = np.where(np.isfinite(first) & ~under & ~unknown, now + first, np.nan)
    return hit, unknown | under | np.isfinite(first)
