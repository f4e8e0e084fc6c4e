"""The probability that a normally distributed position lies inside a polygon: exact, not sampled.

After whitening, the mass of the standard bivariate normal law over a polygon is the sum over its directed edges of the
signed mass of the triangle (origin, start, end). In polar coordinates the radial integral is elementary and the angular
one is Owen's T function (Owen, Annals of Mathematical Statistics 27, 1956, eq. 2.2): for an edge at distance h from the
origin whose ends lie at t1 and t2 along it,

    mass = (atan(t2/h) - atan(t1/h)) / 2π - (T(h, t2/h) - T(h, t1/h)).

``scipy.special.owens_t`` is good to about 1e-15, so the error is that of summing the edges. Holes count because rings
are oriented; nothing is truncated, and no step size has to be chosen.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_TWO_PI: Final = 2 * np.pi
_FAR: Final = 40.0
"""Beyond this distance, in sigmas, Owen's T is below 1e-300 and is taken as nought."""


_NEAR: Final = 1e-15
"""Below this distance, in sigmas, an edge passes through the mean."""


def whitening(covariance: Floats) -> Floats:
    """Return the matrices W with W Σ Wᵀ = 1 that turn positions into units of their own error.

    Args:
        covariance: (..., 2, 2) positive definite, square metres.

    Returns:
        (..., 2, 2) lower triangular, per metre.
    """
    east, north, cross = covariance[..., 0, 0], covariance[..., 1, 1], covariance[..., 0, 1]
    first = np.sqrt(east)
    slope = cross / first
    second = np.sqrt(north - slope**2)
    matrix = np.zeros_like(covariance)
    matrix[..., 0, 0] = 1 / first
    matrix[..., 1, 0] = -slope / (first * second)
    matrix[..., 1, 1] = 1 / second
    return matrix


def edge_masses(start: Floats, end: Floats) -> Floats:
    """Return the signed mass of the triangle (origin, start, end) under the standard bivariate normal law.

    Args:
        start: (n, 2) where directed edges begin, in sigmas from the mean.
        end: (n, 2) where they end.

    Returns:
        (n,) positive where the edge runs anticlockwise about the mean.
    """
    from scipy.special import owens_t

    along = end - start
    length = np.hypot(along[:, 0], along[:, 1])
    turn = start[:, 0] * end[:, 1] - start[:, 1] * end[:, 0]  # twice the triangle's signed area
    masses = np.zeros(len(start))
    # An edge that points at the mean bounds no triangle; one that passes it at h bounds less than h of the mass.
    proper = np.abs(turn) > _NEAR * length
    if not proper.any():
        return masses
    start, end, along, length, turn = start[proper], end[proper], along[proper], length[proper], turn[proper]
    # The distance of the mean from the edge's line, signed like the turn; T is even in it.
    height = np.abs(turn) / length
    from_foot = np.einsum("ij,ij->i", start, along) / length
    to_foot = np.einsum("ij,ij->i", end, along) / length
    angle = np.arctan2(np.abs(turn), np.einsum("ij,ij->i", start, end))
    near = height < _FAR
    tails = np.zeros(len(height))
    h = height[near]
    tails[near] = owens_t(h, to_foot[near] / h) - owens_t(h, from_foot[near] / h)
    masses[proper] = np.sign(turn) * (angle / _TWO_PI - tails)
    return masses


def ring_masses(start: Floats, end: Floats, offsets: Integers) -> Floats:
    """Return the mass inside each polygon of a batch.

    Args:
        start: (n, 2) where the directed edges of all polygons begin, in one array, in sigmas from each polygon's own
            mean; shells run anticlockwise and holes clockwise.
        end: (n, 2) where they end.
        offsets: (m,) where each polygon's edges begin; a polygon has at least one edge.

    Returns:
        (m,) probabilities in [0, 1].
    """
    if not len(offsets):
        return np.zeros(0)
    return np.clip(np.add.reduceat(edge_masses(start, end), offsets), 0.0, 1.0)
