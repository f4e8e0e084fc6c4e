"""Attribution against an independent Monte Carlo: points drawn by numpy, and a crossing test written out here.

Nothing of the code under test is used on the other side: not its plane, not its integrals, not Shapely's predicates.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from core.points import GeoPoint
from geofence.attribute import attribute, shares_of
from geofence.attributing.attribute_belief import Belief, belief_shares
from geofence.attribution import Attribution, Mode
from geofence.fix import Covariance
from geofence.register.site_index import SiteIndex, build_index
from tests.geofence.synthetic_district import CENTRE, district_code, make_sighting, register_parcels

DRAWS = 40_000
ALLOWED = 4.5 * 0.5 / math.sqrt(DRAWS)  # four and a half sigmas of the worst share
Points = NDArray[np.float64]
Ring = list[tuple[float, float]]
Shape = list[Ring]  # a shell and its holes, in metres

# Metres per degree at the centre, from the ellipsoid's radii of curvature (WGS-84), not from the house's plane.
_LAT = math.radians(CENTRE.lat_deg)
_E2 = 6.69437999014e-3
_W = math.sqrt(1 - _E2 * math.sin(_LAT) ** 2)
NORTH_M = math.pi / 180 * 6378137.0 * (1 - _E2) / _W**3
EAST_M = math.pi / 180 * 6378137.0 / _W * math.cos(_LAT)


def degrees(ring: Ring) -> Ring:
    return [(CENTRE.lon_deg + x / EAST_M, CENTRE.lat_deg + y / NORTH_M) for x, y in ring]


def point(east: float, north: float) -> GeoPoint:
    ((lon, lat),) = degrees([(east, north)])
    return GeoPoint(lon_deg=lon, lat_deg=lat)


def crosses(ring: Ring, points: Points) -> NDArray[np.bool_]:
    """Return whether a ray to the east from each point crosses a ring an odd number of times."""
    inside = np.zeros(len(points), dtype=bool)
    for (x0, y0), (x1, y1) in zip(ring, ring[1:] + ring[:1], strict=True):
        if y0 == y1:
            continue
        spans = (points[:, 1] >= min(y0, y1)) & (points[:, 1] < max(y0, y1))
        inside ^= spans & (points[:, 0] < x0 + (points[:, 1] - y0) / (y1 - y0) * (x1 - x0))
    return inside


def holds(shape: Shape, points: Points) -> NDArray[np.bool_]:
    held = crosses(shape[0], points)
    for hole in shape[1:]:
        held &= ~crosses(hole, points)
    return held


def district(sigma_m: float, shapes: Sequence[Shape]) -> SiteIndex:
    placed = [shapely.Polygon(degrees(shape[0]), [degrees(hole) for hole in shape[1:]]) for shape in shapes]
    return build_index(register_parcels(np.array(placed, dtype=object), sigma_m))


def draw(rng: np.random.Generator, modes: Sequence[tuple[float, float, float, float, float, float]]) -> Points:
    """Draw from a mixture; modes are east, north, two sigmas, turn and weight."""
    weights = np.array([mode[5] for mode in modes])
    which = rng.choice(len(modes), DRAWS, p=weights / weights.sum())
    table = np.array(modes)[which]
    a, b = rng.standard_normal(DRAWS) * table[:, 2], rng.standard_normal(DRAWS) * table[:, 3]
    cosine, sine = np.cos(table[:, 4]), np.sin(table[:, 4])
    return np.column_stack([table[:, 0] + cosine * a - sine * b, table[:, 1] + sine * a + cosine * b])


def covariance(major: float, minor: float, turn: float) -> Covariance:
    cosine, sine = math.cos(turn), math.sin(turn)
    return Covariance(
        east_m2=(cosine * major) ** 2 + (sine * minor) ** 2,
        north_m2=(sine * major) ** 2 + (cosine * minor) ** 2,
        east_north_m2=cosine * sine * (major**2 - minor**2),
    )


# A yard with a hole (an enclave that is another's), its enclave, a neighbour that shares a fence, a sliver of 0.4 m
# between two more, and one of saw-teeth.
YARD: Shape = [
    [(-40, -30), (0, -30), (0, 30), (-40, 30)],
    [(-25, -8), (-25, 8), (-9, 8), (-9, -8)],
]
ENCLAVE: Shape = [[(-25, -8), (-9, -8), (-9, 8), (-25, 8)]]
NEIGHBOUR: Shape = [[(0, -30), (25, -30), (25, 5), (0, 5)]]
SLIVER: Shape = [[(0, 5), (25, 5), (25, 5.4), (0, 5.4)]]
SAW: Shape = [[(0, 5.4), (25, 5.4), (25, 30), *[(25 - 2.5 * n, 30 - 9 * (n % 2)) for n in range(1, 10)], (0, 30)]]
SITES = [YARD, ENCLAVE, NEIGHBOUR, SLIVER, SAW]

sigmas = st.floats(0.4, 9)
laws = st.tuples(st.floats(-45, 30), st.floats(-35, 35), sigmas, sigmas, st.floats(0, math.pi), st.floats(0.1, 3))


@given(law=laws, fence_m=st.sampled_from([0.0, 0.5, 2.0]), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_shares_of_one_ellipse_agree(law: tuple[float, ...], fence_m: float, seed: int) -> None:
    east, north, major, minor, turn, _weight = law
    rng = np.random.default_rng(seed)
    index = district(fence_m, SITES)
    at = point(east, north)
    (shares,) = shares_of(
        index.sites, np.array([[at.lon_deg, at.lat_deg]]), covariance(major, minor, turn).matrix()[None]
    )
    said = {share.key: share.probability for share in shares}
    drawn = draw(rng, [(east, north, major, minor, turn, 1.0)]) - rng.normal(0, 1, (DRAWS, 2)) * fence_m
    for number, shape in enumerate(SITES):
        assert said.get(district_code(number), 0.0) == pytest.approx(holds(shape, drawn).mean(), abs=ALLOWED)
    assert math.fsum(said.values()) <= 1 + 1e-6  # sites that touch share no ground


@given(
    modes=st.lists(laws, min_size=1, max_size=3),
    fence_m=st.sampled_from([0.0, 0.7, 1.5]),
    window=st.sampled_from(
        [None, [(-30, -40), (12, -25), (14, 40), (-6, 20)], [(-4, -50), (1, -50), (1, 50), (-4, 50)]]
    ),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=20, deadline=None)
def test_shares_of_several_modes_in_a_window_agree(
    modes: list[tuple[float, float, float, float, float, float]], fence_m: float, window: Ring | None, seed: int
) -> None:
    """Only the fence moves by its error: the window, and what it cuts off, stay where they are."""
    rng = np.random.default_rng(seed)
    drawn = draw(rng, modes)
    if window is not None:
        kept = crosses(window, drawn)
        if kept.sum() < 4000:
            return  # hardly any of the belief is in the window: too few draws to compare
        drawn = drawn[kept]
    belief = Belief(
        modes=tuple(
            Mode(point=point(east, north), covariance=covariance(major, minor, turn), weight=weight)
            for east, north, major, minor, turn, weight in modes
        ),
        window=None if window is None else shapely.Polygon(degrees(window)),
    )
    said = {share.key: share.probability for share in belief_shares(district(fence_m, SITES).sites, belief)}
    on_map = drawn - rng.normal(0, 1, drawn.shape) * fence_m
    allowed = 4.5 * 0.5 / math.sqrt(len(drawn)) + (0.004 if fence_m and window else 0)
    for number, shape in enumerate(SITES):
        assert said.get(district_code(number), 0.0) == pytest.approx(holds(shape, on_map).mean(), abs=allowed)
    assert math.fsum(said.values()) <= 1 + 1e-3


def test_a_narrow_window_and_a_fence_that_errs() -> None:
    """All ground is one site's: whatever its fence's error and the window, a thing on it is on it."""
    index = district(2.0, [[[(-500, -500), (500, -500), (500, 500), (-500, 500)]]])
    mode = Mode(point=point(0, 0), covariance=covariance(1.0, 1.0, 0.0), weight=1.0)
    window = shapely.Polygon(degrees([(0, -50), (1, -50), (1, 50), (0, 50)]))
    (share,) = belief_shares(index.sites, Belief(modes=(mode,), window=window))
    assert share.probability == pytest.approx(1.0, abs=1e-6)


def test_equal_shares_are_told_in_the_order_of_their_codes() -> None:
    """Four parcels meet in a point, and a round error stands on it: a quarter each, whatever the register's order."""
    quarters: list[Shape] = [
        [[(x, y), (x + 50, y), (x + 50, y + 50), (x, y + 50)]] for x, y in ((-50, -50), (0, -50), (0, 0), (-50, 0))
    ]
    at = point(0, 0)
    seen = make_sighting(3, np.array([at.lon_deg, at.lat_deg]), np.array([4.0, 4.0, 0.0]))
    index = district(0.0, quarters)
    told = attribute(seen, index)
    assert not isinstance(told, Attribution)
    turned = build_index(type(index.register)(sites=index.register.sites[::-1], zones=(), sha256=index.register.sha256))
    assert attribute(seen, turned) == told
    assert [share.probability for share in told.sites] == pytest.approx([0.25] * 4, abs=1e-6)
