from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
import shapely
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.special import ndtr
from scipy.stats import norm

from core.points import GeoPoint, LocalPlane, from_plane
from detection.detection import Box, Detection
from geofence.attribute import attribute, attribute_all, shares_of
from geofence.attributing.attribute_mass import polygon_masses, whitening
from geofence.attributing.attribute_prior import Adjacency, AdjacencyPrior
from geofence.attribution import Attribution, Undecided
from geofence.fix import Covariance, Fix
from geofence.register.credit_code import complete_code
from geofence.register.site_index import SiteIndex, build_index, closed_rings
from geofence.sighting import Sighting
from geofence.site import Register, Site, Zone, ZoneType

ORIGIN = GeoPoint(lon_deg=113.5, lat_deg=22.75)
NOW = datetime(2026, 10, 1, 2, tzinfo=UTC)


def lonlat(shape: shapely.Polygon, origin: GeoPoint = ORIGIN) -> shapely.Polygon:
    """Put a polygon drawn in metres on the ground."""
    placed: shapely.Polygon = shapely.transform(shape, lambda metres: from_plane(LocalPlane(origin=origin), metres))
    return placed


def point(east: float, north: float, origin: GeoPoint = ORIGIN) -> GeoPoint:
    lon, lat = from_plane(LocalPlane(origin=origin), [[east, north]])[0]
    return GeoPoint(lon_deg=float(lon), lat_deg=float(lat))


def code(number: int) -> str:
    return complete_code("91", "440115", f"MA{number:06d}")


def site(number: int, shape: shapely.Polygon, sigma_m: float = 0.0, origin: GeoPoint = ORIGIN) -> Site:
    return Site(
        code=code(number), name=f"{number}厂", shape=lonlat(shape, origin), boundary_sigma_m=sigma_m, version="1"
    )


def zone(number: int, shape: shapely.Polygon, **bounds: datetime) -> Zone:
    return Zone(
        zone_id=f"Z{number}",
        zone_type=ZoneType.FIRE_LANE,
        name="lane",
        shape=lonlat(shape),
        boundary_sigma_m=0.0,
        version="1",
        valid_from=bounds.get("valid_from"),
        valid_to=bounds.get("valid_to"),
    )


def register(*sites: Site, zones: tuple[Zone, ...] = ()) -> Register:
    return Register(sites=sites, zones=zones, sha256="0" * 64)


def sighting(place: GeoPoint, covariance: Covariance) -> Sighting:
    detection = Detection(
        frame_id="frame",
        label="vehicle",
        score=0.9,
        box=Box(left_px=0, top_px=0, right_px=9, bottom_px=9),
        weight_sha256="0" * 64,
    )
    fix = Fix(
        detection=detection,
        captured_at=NOW,
        point=place,
        covariance=covariance,
        ground_hae_m=None,
        slant_m=100.0,
        camera_point=place,
        assumptions=(),
    )
    return Sighting(label="vehicle", fixes=(fix,), point=place, covariance=covariance, passes=1, moving=None)


def mass(shape: shapely.Polygon | shapely.MultiPolygon, covariance: NDArray[np.float64]) -> float:
    vertices, is_edge, counts = closed_rings(shapely.orient_polygons(np.array([shape], dtype=object)))
    assert counts[0] == len(vertices)
    white = vertices @ whitening(covariance).T
    return float(polygon_masses(white[:, 0], white[:, 1], is_edge, np.array([0]))[0])


def first_share(index: SiteIndex, place: GeoPoint, covariance: Covariance) -> float:
    (shares,) = shares_of(index.sites, np.array([[place.lon_deg, place.lat_deg]]), covariance.matrix()[None])
    return shares[0].probability


def rotated(major: float, minor: float, angle: float) -> NDArray[np.float64]:
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    return turn @ np.diag([major**2, minor**2]) @ turn.T


covariances = st.builds(rotated, st.floats(0.5, 20), st.floats(0.5, 20), st.floats(0, math.pi))


@given(
    st.floats(-30, 30), st.floats(-30, 30), st.floats(1, 60), st.floats(1, 60), st.floats(0.5, 20), st.floats(0.5, 20)
)
@settings(max_examples=40, deadline=None)
def test_the_mass_of_a_box_is_the_product_of_two_normal_laws(  # noqa: PLR0917 - one argument a strategy
    west: float, south: float, width: float, height: float, east_sigma: float, north_sigma: float
) -> None:
    box = shapely.box(west, south, west + width, south + height)
    expected = (norm.cdf((west + width) / east_sigma) - norm.cdf(west / east_sigma)) * (
        norm.cdf((south + height) / north_sigma) - norm.cdf(south / north_sigma)
    )
    assert mass(box, np.diag([east_sigma**2, north_sigma**2])) == pytest.approx(expected, abs=1e-9)


@given(covariances, st.floats(-25, 25), st.floats(-25, 25))
@settings(max_examples=30, deadline=None)
def test_the_mass_of_a_quadrant_agrees_with_quadrature(
    covariance: NDArray[np.float64], east: float, north: float
) -> None:
    far = 1000.0
    quadrant = shapely.box(-far, -far, east, north)
    # The law of north given east is normal; what remains is one integral, done by adaptive quadrature.
    sigma = math.sqrt(covariance[0, 0])
    slope = covariance[0, 1] / covariance[0, 0]
    rest = math.sqrt(covariance[1, 1] - slope * covariance[0, 1])

    def density(x: float) -> float:
        below = ndtr((north - slope * x) / rest)
        return float(math.exp(-0.5 * (x / sigma) ** 2) / (sigma * math.sqrt(2 * math.pi)) * below)

    expected, _error = quad(density, -9 * sigma, east, epsabs=1e-11, limit=200)
    assert mass(quadrant, covariance) == pytest.approx(expected, abs=1e-9)


def test_holes_parts_and_concave_outlines_add_up() -> None:
    covariance = np.array([[9.0, 2.0], [2.0, 4.0]])
    shell, hole = shapely.box(-8, -8, 8, 8), shapely.box(-1, -2, 3, 2)
    holed = shapely.Polygon(shell.exterior.coords, [hole.exterior.coords])
    assert mass(holed, covariance) == pytest.approx(mass(shell, covariance) - mass(hole, covariance), abs=1e-13)
    left, right = shapely.box(-9, -5, -2, 5), shapely.box(1, -5, 2, 5)
    both = shapely.MultiPolygon([left, right])
    assert mass(both, covariance) == pytest.approx(mass(left, covariance) + mass(right, covariance), abs=1e-13)
    u = shapely.Polygon([(-6, -6), (6, -6), (6, 6), (4, 6), (4, -4), (-4, -4), (-4, 6), (-6, 6)])
    outer, inner = shapely.box(-6, -6, 6, 6), shapely.box(-4, -4, 4, 6)
    assert mass(u, covariance) == pytest.approx(mass(outer, covariance) - mass(inner, covariance), abs=1e-13)


def test_a_mean_on_an_edge_or_a_vertex_is_no_special_case() -> None:
    covariance = np.diag([4.0, 4.0])
    assert mass(shapely.box(0, -500, 500, 500), covariance) == pytest.approx(0.5, abs=1e-12)
    assert mass(shapely.box(0, 0, 500, 500), covariance) == pytest.approx(0.25, abs=1e-12)
    near = [mass(shapely.box(shift, -500, 500, 500), covariance) for shift in (-1e-12, 0.0, 1e-12)]
    assert max(near) - min(near) < 1e-12


def test_a_far_polygon_has_no_mass_and_a_vast_one_all_of_it() -> None:
    covariance = np.diag([1.0, 0.25])
    assert mass(shapely.box(60, 60, 70, 70), covariance) == 0.0
    assert mass(shapely.box(-900, -900, 900, 900), covariance) == pytest.approx(1.0, abs=1e-12)


def test_a_thing_well_inside_a_fence_is_attributed() -> None:
    index = build_index(register(site(1, shapely.box(0, 0, 100, 100)), site(2, shapely.box(100, 0, 200, 100))))
    decided = attribute(sighting(point(50, 50), Covariance(east_m2=9, north_m2=9)), index, at=NOW)
    assert isinstance(decided, Attribution)
    assert decided.site_code == code(1)
    assert decided.sites[0].probability > 0.999999


def test_a_thing_at_a_fence_is_undecided_and_told_what_would_decide_it() -> None:
    index = build_index(register(site(1, shapely.box(0, 0, 100, 100)), site(2, shapely.box(100, 0, 200, 100))))
    undecided = attribute(sighting(point(97, 50), Covariance(east_m2=16, north_m2=4)), index, at=NOW)
    assert isinstance(undecided, Undecided)
    assert [share.key for share in undecided.sites] == [code(1), code(2)]
    assert undecided.sites[0].probability == pytest.approx(norm.cdf(3 / 4), abs=1e-9)
    assert "3.0 m from a fence with a sigma of 4.0 m" in undecided.reason
    needed = 3 / norm.ppf(0.95)
    assert f"below {needed:.1f} m would decide" in undecided.reason
    closer = attribute(sighting(point(97, 50), Covariance(east_m2=(needed * 0.98) ** 2, north_m2=4)), index, at=NOW)
    assert isinstance(closer, Attribution)  # the advice holds
    on_it = attribute(sighting(point(100, 50), Covariance(east_m2=16, north_m2=4)), index, at=NOW)
    assert isinstance(on_it, Undecided)
    assert "look on site" in on_it.reason


@pytest.mark.parametrize(
    ("east", "receiver", "least", "most"), [(94.0, "gnss", 20, 110), (98.7, "rtk", 20, 110), (99.9, None, 0, 0)]
)
def test_the_look_that_would_decide_is_one_that_decides(
    east: float, receiver: str | None, least: float, most: float
) -> None:
    index = build_index(register(site(1, shapely.box(0, 0, 100, 100)), site(2, shapely.box(100, 0, 200, 100))))
    undecided = attribute(sighting(point(east, 50), Covariance(east_m2=25, north_m2=4)), index, at=NOW)
    assert isinstance(undecided, Undecided)
    view = undecided.view
    if receiver is None:
        assert view is None
        assert "on site" in undecided.reason
        return
    assert view is not None
    assert view.receiver == receiver
    assert least <= view.height_agl_m <= most
    assert f"at most {view.height_agl_m:.0f} m" in undecided.reason
    expected = Covariance(east_m2=view.expected_m**2, north_m2=view.expected_m**2)
    closer = attribute(sighting(point(east, 50), expected), index, at=NOW)
    assert isinstance(closer, Attribution)  # the advice holds
    assert closer.site_code == code(1)


def test_a_declared_prior_decides_and_is_said_and_without_it_there_is_none() -> None:
    index = build_index(register(site(1, shapely.box(0, 0, 100, 100)), site(2, shapely.box(100, 0, 200, 100))))
    seen = sighting(point(96, 50), Covariance(east_m2=16, north_m2=4))
    declared = Adjacency(
        weights={code(1): 10.0, code(2): 1.0}, reason="no gate", declared_by="局", declared_on=date(2026, 9, 1)
    )
    plain = attribute(seen, index, at=NOW)
    assert isinstance(plain, Undecided)
    assert plain.prior == ""
    weighed = attribute(seen, index, at=NOW, prior=AdjacencyPrior(declared=(declared,)))
    assert isinstance(weighed, Attribution)
    assert (weighed.site_code, "no gate" in weighed.prior) == (code(1), True)
    a, b = (share.probability for share in plain.sites)
    assert weighed.sites[0].probability == pytest.approx(10 * a / (10 * a + b), abs=1e-6)


def test_ground_that_is_nobodys_is_said_to_be_nobodys() -> None:
    index = build_index(register(site(1, shapely.box(0, 0, 100, 100))))
    far = attribute(sighting(point(-500, 0), Covariance(east_m2=9, north_m2=9)), index, at=NOW)
    near = attribute(sighting(point(-9, 50), Covariance(east_m2=9, north_m2=9)), index, at=NOW)
    assert isinstance(far, Attribution)
    assert isinstance(near, Attribution)
    assert (far.site_code, far.sites) == (None, ())
    assert near.site_code is None
    assert near.sites[0].probability == pytest.approx(norm.cdf(-3), abs=1e-9)


def test_a_badly_known_fence_widens_the_law() -> None:
    place, covariance = point(97, 50), Covariance(east_m2=16, north_m2=16)
    sharp, blurred = (
        build_index(register(site(1, shapely.box(-900, -900, 100, 900), sigma_m=sigma))) for sigma in (0.0, 3.0)
    )
    assert first_share(sharp, place, covariance) == pytest.approx(norm.cdf(3 / 4), abs=1e-6)
    assert first_share(blurred, place, covariance) == pytest.approx(norm.cdf(3 / 5), abs=1e-6)


def test_overlapping_fences_leave_it_undecided_and_shares_still_sum_to_one() -> None:
    index = build_index(register(site(1, shapely.box(0, 0, 100, 100)), site(2, shapely.box(0, 0, 100, 100))))
    undecided = attribute(sighting(point(50, 50), Covariance(east_m2=1, north_m2=1)), index, at=NOW)
    assert isinstance(undecided, Undecided)
    assert math.fsum(share.probability for share in undecided.sites) == pytest.approx(1.0)


def test_a_zone_counts_only_while_it_is_valid() -> None:
    lane = shapely.box(40, 0, 60, 100)
    day = timedelta(days=1)
    index = build_index(
        register(
            site(1, shapely.box(0, 0, 100, 100)),
            zones=(zone(1, lane), zone(2, lane, valid_from=NOW, valid_to=NOW + day), zone(3, lane, valid_to=NOW)),
        )
    )
    decided = attribute(sighting(point(50, 50), Covariance(east_m2=1, north_m2=1)), index, at=NOW)
    assert {share.key for share in decided.zones} == {"Z1", "Z2"}


@pytest.mark.parametrize("longest", [50.0, 12_000.0])
def test_a_long_edge_is_straight_in_longitude_and_latitude(longest: float) -> None:
    # A fence along a parallel: its chord in the plane leaves it, the fence of the file does not.
    ring = shapely.Polygon(
        [(113.4, 22.75), (113.4 + longest / 102_000, 22.75), (113.4 + longest / 102_000, 22.9), (113.4, 22.9)]
    )
    fence = Site(code=code(1), name="x", shape=ring, boundary_sigma_m=0.0, version="1")
    index = build_index(register(fence))
    middle = GeoPoint(lon_deg=113.4 + longest / 204_000, lat_deg=22.75)
    share = first_share(index, middle, Covariance(east_m2=0.01, north_m2=0.01))
    assert share == pytest.approx(0.5, abs=0.02)  # 5 mm of a sigma of 100 mm


def _district(order: Callable[[list[Site]], list[Site]] = list, origin: GeoPoint = ORIGIN) -> Register:
    plots = [(0, 0, 60, 40), (60, 0, 130, 40), (0, 40, 60, 90), (62, 41, 130, 90)]
    return register(*order([site(number, shapely.box(*plot), 0.5, origin) for number, plot in enumerate(plots)]))


@given(st.floats(-10, 140), st.floats(-10, 100), st.floats(0.3, 15), st.floats(0.3, 15), st.floats(-0.9, 0.9))
@settings(max_examples=40, deadline=None)
def test_shares_sum_to_at_most_one_and_depend_on_neither_order_nor_place(
    east: float, north: float, east_sigma: float, north_sigma: float, correlation: float
) -> None:
    covariance = Covariance(
        east_m2=east_sigma**2, north_m2=north_sigma**2, east_north_m2=correlation * east_sigma * north_sigma
    )
    elsewhere = GeoPoint(lon_deg=87.6, lat_deg=43.8)
    plain = attribute(sighting(point(east, north), covariance), build_index(_district()), at=NOW)
    turned = attribute(
        sighting(point(east, north), covariance), build_index(_district(lambda sites: sites[::-1])), at=NOW
    )
    moved = attribute(
        sighting(point(east, north, elsewhere), covariance), build_index(_district(origin=elsewhere)), at=NOW
    )
    assert math.fsum(share.probability for share in plain.sites) <= 1 + 1e-12
    assert turned == plain
    masses = {share.key: share.probability for share in plain.sites}
    for share in moved.sites:
        assert share.probability == pytest.approx(
            masses.get(share.key, 0.0), abs=5e-5
        )  # an edge is straight in degrees: 0.03 mm


@given(st.integers(0, 11), st.booleans())
@settings(max_examples=24, deadline=None)
def test_vertex_order_does_not_matter(start: int, backwards: bool) -> None:  # noqa: FBT001 - a strategy's value
    angles = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    ring = np.column_stack([np.cos(angles) * (20 + 8 * np.cos(3 * angles)), np.sin(angles) * 25])
    turned = np.roll(ring, start, axis=0)[:: -1 if backwards else 1]
    covariance = np.array([[30.0, 8.0], [8.0, 12.0]])
    assert mass(shapely.Polygon(turned), covariance) == pytest.approx(
        mass(shapely.Polygon(ring), covariance), abs=1e-13
    )


@pytest.mark.parametrize(("threshold", "margin"), [(0.4, 0.2), (1.1, 0.2), (0.95, -0.1), (0.95, 1.1)])
def test_thresholds_out_of_range_are_a_callers_mistake(threshold: float, margin: float) -> None:
    with pytest.raises(ValueError, match="threshold"):
        attribute(
            sighting(ORIGIN, Covariance(east_m2=1, north_m2=1)),
            build_index(register()),
            threshold=threshold,
            margin=margin,
            at=NOW,
        )


def test_a_batch_says_what_each_alone_is_told_to_the_last_bit() -> None:
    rng = np.random.default_rng(5)
    index = build_index(_district())
    seen = [
        sighting(point(*rng.uniform(-10, 140, 2)), Covariance(east_m2=rng.uniform(1, 90), north_m2=rng.uniform(1, 90)))
        for _ in range(60)
    ]
    alone = [attribute(one, index, at=NOW) for one in seen]
    assert list(attribute_all(seen, index, at=NOW)) == alone
    assert list(attribute_all(seen[::-1], index, at=NOW)) == alone[::-1]
    assert list(attribute_all(iter(seen), build_index(_district()))) == alone  # zones unbounded: the instant is idle
    assert {type(outcome) for outcome in alone} == {Attribution, Undecided}


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_what_is_cut_in_two_has_the_mass_of_both_parts(seed: int) -> None:
    # Outlines of a centimetre to a kilometre, errors of a centimetre to a hundred metres, thin and round, cut anywhere.
    rng = np.random.default_rng(seed)
    turns = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(3, 40)))
    radii = rng.uniform(0.05, 1, len(turns)) * 10 ** rng.uniform(-2, 3)
    star = shapely.Polygon(np.column_stack([radii * np.cos(turns), radii * np.sin(turns)]) + rng.normal(0, 3, 2))
    assume(star.is_valid and star.area > 0)
    covariance = rotated(*10 ** rng.uniform(-2, 2, 2), rng.uniform(0, np.pi))
    along = np.array([math.cos(angle := rng.uniform(0, np.pi)), math.sin(angle)]) * 1e5
    aside, through = np.array([-along[1], along[0]]), rng.normal(0, 1, 2) * rng.choice([0.0, 1e-9, 1e-3, 1.0])
    half = shapely.Polygon([through - along, through + along, through + along + aside, through - along + aside])
    both = [shapely.intersection(star, half), shapely.difference(star, half)]
    assume(all(isinstance(part, shapely.Polygon | shapely.MultiPolygon) for part in both))
    assert mass(star, covariance) == pytest.approx(
        sum(mass(part, covariance) for part in both if not part.is_empty), abs=1e-10
    )
