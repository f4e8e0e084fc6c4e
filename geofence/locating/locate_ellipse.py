"""From a covariance to what people ask: within how many metres, and in which area, is it with what probability.

A horizontal error of covariance C is within the ellipse xᵀC⁻¹x ≤ −2·ln(1 − p) with probability p. The circular error
CE(p) is the radius of the circle with that probability; for C = diag(a², b²) it solves (1/2π) ∫ (1 − exp(−r²·q(θ)/2))
/ (a·b·q(θ)) dθ = p with q(θ) = cos²θ/a² + sin²θ/b² (Hoover, NOAA TR NOS 107, 1984).
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.points import GeoPoint, LocalPlane, from_plane
from geofence.fix import CommonError, Covariance

_ANGLES: Final = np.linspace(0.0, 2 * math.pi, 2049)[:-1]
_NEEDLE: Final = 0.005  # below this ratio of axes the narrow one has no say (CE differs by less than 1e-5 of itself)


def circular_error_m(covariance: Covariance, probability: float) -> float:
    """Return the radius in metres of the circle that holds the error with ``probability`` (0.9 for CE90)."""
    if not 0 < probability < 1:
        raise ValueError("a probability lies between 0 and 1")
    small, large = (math.sqrt(value) for value in np.linalg.eigvalsh(covariance.matrix()))
    a = max(small, _NEEDLE * large)
    q = np.cos(_ANGLES) ** 2 / a**2 + np.sin(_ANGLES) ** 2 / large**2
    low, high = 0.0, large * math.sqrt(-2 * math.log(1 - probability))  # a circle round the larger axis holds enough
    for _round in range(60):
        middle = (low + high) / 2
        inside = float(np.mean(-np.expm1(-(middle**2) * q / 2) / q)) / (a * large)
        low, high = (middle, high) if inside < probability else (low, middle)
    return (low + high) / 2


def ellipse_axes_m(covariance: Covariance, probability: float) -> tuple[float, float, float]:
    """Return the half axes (longer first, metres) of the ellipse of ``probability``, and the longer one's bearing.

    The bearing is in degrees from north, clockwise, in [0, 180).
    """
    scale = math.sqrt(-2 * math.log(1 - probability))
    values, vectors = np.linalg.eigh(covariance.matrix())
    east, north = vectors[:, 1]
    bearing = math.degrees(math.atan2(east, north)) % 180
    return scale * math.sqrt(values[1]), scale * math.sqrt(values[0]), bearing


def ellipse_ring(
    point: GeoPoint, covariance: Covariance, probability: float, *, corners: int = 64
) -> NDArray[np.float64]:
    """Return (corners + 1, 2) longitudes and latitudes of the ellipse of ``probability`` around ``point``, closed.

    Anticlockwise, as GeoJSON's right-hand rule wants it. The polygon's corners lie on the ellipse.
    """
    scale = math.sqrt(-2 * math.log(1 - probability))
    values, vectors = np.linalg.eigh(covariance.matrix())
    angles = np.linspace(0.0, 2 * math.pi, corners + 1)
    circle = np.stack([np.cos(angles), np.sin(angles)])
    root = vectors @ np.diag(np.sqrt(values)) @ vectors.T  # symmetric, so that the turn's sense is kept
    ring = from_plane(LocalPlane(origin=point), (scale * root @ circle).T)
    ring[-1] = ring[0]
    return ring


def shares_of_variance(covariance: Covariance, common: tuple[CommonError, ...]) -> dict[str, float]:
    """Return what share of the whole variance each common cause has, largest first; what is left is the frame's own."""
    whole = covariance.east_m2 + covariance.north_m2
    shares = {error.cause: (error.east_m**2 + error.north_m**2) / whole for error in common}
    return dict(sorted(shares.items(), key=lambda item: -item[1]))


def ground_dominates(covariance: Covariance, common: tuple[CommonError, ...]) -> bool:
    """Return whether the ground's uncertainty has more than half of the variance: a better DEM would help most."""
    return shares_of_variance(covariance, common).get("ground", 0.0) > 0.5
