from __future__ import annotations

import dataclasses
import math
from datetime import timedelta

import numpy as np
import pytest
import shapely
from scipy.stats import norm

from core.points import GeoPoint, LocalPlane, from_plane, to_plane
from geofence.attributing.attribute_belief import Belief, Mode, attribute_belief, belief_shares
from geofence.attributing.attribute_extended import Wind, attribute_moving, attribute_path, locate_source, overlaps
from geofence.attribution import Attribution, Undecided
from geofence.fix import Covariance
from geofence.register.site_index import SiteIndex, build_index
from tests.geofence.synthetic_district import CENTRE, SEEN_AT, district_code, make_sighting, register_parcels

PLANE = LocalPlane(origin=CENTRE)


def ground(shape: shapely.Polygon) -> shapely.Polygon:
    placed: shapely.Polygon = shapely.transform(shape, lambda metres: from_plane(PLANE, metres))
    return placed


def point(east: float, north: float) -> GeoPoint:
    lon, lat = from_plane(PLANE, [[east, north]])[0]
    return GeoPoint(lon_deg=float(lon), lat_deg=float(lat))


def mode(east: float, sigma: float = 2.0, weight: float = 1.0) -> Mode:
    return Mode(point=point(east, 0), covariance=Covariance(east_m2=sigma**2, north_m2=sigma**2), weight=weight)


@pytest.fixture(scope="module")
def index() -> SiteIndex:
    """Two sites that share the fence at east 0."""
    shapes = [ground(shapely.box(-100, -300, 0, 300)), ground(shapely.box(0, -300, 100, 300))]
    return build_index(register_parcels(np.array(shapes, dtype=object), 0.0))


def shares(index: SiteIndex, belief: Belief) -> dict[str, float]:
    return {share.key: share.probability for share in belief_shares(index.sites, belief)}


WEST, EAST = district_code(0), district_code(1)


def test_two_modes_share_by_their_weights(index: SiteIndex) -> None:
    found = shares(index, Belief(modes=(mode(-50, weight=3), mode(50, weight=1))))
    assert found == pytest.approx({WEST: 0.75, EAST: 0.25}, abs=1e-9)


def test_a_window_cuts_off_and_scales_up(index: SiteIndex) -> None:
    # A standard law about the fence, cut to east > -2: Φ(1) of it is left, of which the half is east.
    window = ground(shapely.box(-2, -400, 400, 400))
    found = shares(index, Belief(modes=(mode(0.0),), window=window))
    assert found[EAST] == pytest.approx(0.5 / norm.cdf(1), abs=1e-6)
    assert found[EAST] + found[WEST] == pytest.approx(1.0, abs=1e-9)


def test_a_window_without_mass_is_a_callers_mistake(index: SiteIndex) -> None:
    with pytest.raises(ValueError, match="no mass"):
        belief_shares(index.sites, Belief(modes=(mode(0.0),), window=ground(shapely.box(90, 0, 99, 9))))


def test_a_belief_is_decided_like_an_ellipse(index: SiteIndex) -> None:
    seen = make_sighting(0, np.array([point(50, 0).lon_deg, point(50, 0).lat_deg]), np.array([4.0, 4.0, 0.0]))
    named = attribute_belief(seen, Belief(modes=(mode(50),)), index)
    unsure = attribute_belief(seen, Belief(modes=(mode(50), mode(-50))), index)
    assert isinstance(named, Attribution)
    assert named.site_code == EAST
    assert isinstance(unsure, Undecided)


def plume(bearing_deg: float, length: float = 60.0, half_angle_deg: float = 12.0) -> shapely.Polygon:
    """Return a cone of smoke that leaves the origin downwind of a wind from a bearing."""
    down = math.radians(bearing_deg + 180)
    sides = [down - math.radians(half_angle_deg), down + math.radians(half_angle_deg)]
    return ground(shapely.Polygon([(0, 0), *((length * math.sin(side), length * math.cos(side)) for side in sides)]))


@pytest.mark.parametrize("bearing", [0.0, 45.0, 100.0, 200.0, 330.0])
@pytest.mark.parametrize("error", [-15.0, 0.0, 15.0])
def test_a_plumes_source_lies_within_two_sigmas_of_where_it_is_put(bearing: float, error: float) -> None:
    belief = locate_source(plume(bearing), Wind(from_deg=bearing + error, sigma_deg=15), outline_sigma_m=1.0)
    (found,) = belief.modes
    off = to_plane(LocalPlane(origin=found.point), [[CENTRE.lon_deg, CENTRE.lat_deg]])[0]
    assert math.sqrt(off @ np.linalg.inv(found.covariance.matrix()) @ off) < 2.0
    assert np.hypot(*off) < 8.0  # of a plume of 60 m, whose middle lies 40 m off


def test_without_wind_either_end_may_be_the_source() -> None:
    belief = locate_source(plume(90.0), None, outline_sigma_m=1.0)
    east = sorted(to_plane(PLANE, [[m.point.lon_deg, m.point.lat_deg]])[0][0] for m in belief.modes)
    assert east[0] < -50
    assert east[1] > -10


def test_an_area_is_shared_by_its_overlap(index: SiteIndex) -> None:
    pool = ground(shapely.box(-6, 10, 2, 20))
    first, second = overlaps(pool, index.sites)
    assert (first.key, second.key) == (WEST, EAST)
    assert first.area_m2 == pytest.approx(60, abs=0.01)
    assert second.share == pytest.approx(0.25, abs=1e-4)


def test_an_areas_overlap_is_bounded_by_the_fences_error() -> None:
    shapes = np.array([ground(shapely.box(-100, -300, 0, 300))], dtype=object)
    blurred = build_index(register_parcels(shapes, 1.0))
    (found,) = overlaps(ground(shapely.box(-6, 10, 4, 20)), blurred.sites)
    assert (found.least_m2, found.area_m2, found.most_m2) == pytest.approx((40, 60, 80), abs=0.1)
    assert overlaps(ground(shapely.box(50, 50, 60, 60)), blurred.sites) == ()


def test_a_moving_thing_is_attributed_where_it_was_at_each_time(index: SiteIndex) -> None:
    places = [-60.0, -30.0, 0.0, 30.0]
    fixes = []
    for number, east in enumerate(places):
        where = point(east, 0)
        seen = make_sighting(number, np.array([where.lon_deg, where.lat_deg]), np.array([4.0, 4.0, 0.0]))
        fixes.append(dataclasses.replace(seen.fixes[0], captured_at=SEEN_AT + timedelta(seconds=number)))
    lorry = dataclasses.replace(seen, fixes=tuple(fixes), moving=True, point=point(-15, 0))
    path = attribute_path(lorry, index)
    assert [moment for moment, _ in path] == [fix.captured_at for fix in fixes]
    assert [getattr(outcome, "site_code", "undecided") for _, outcome in path] == [WEST, WEST, "undecided", EAST]
    assert {outcome.sighting_id for _, outcome in path} == {lorry.sighting_id}
    moved = attribute_moving(lorry, index)
    assert isinstance(moved, Undecided)
    assert "it moved" in moved.reason
    assert "undecided" in moved.reason
    at_home = dataclasses.replace(lorry, fixes=tuple(fixes[:2]))
    stayed = attribute_moving(at_home, index)
    assert isinstance(stayed, Attribution)
    assert stayed.site_code == WEST
    at_fence = dataclasses.replace(lorry, fixes=(fixes[2],))
    assert "would decide" in getattr(attribute_moving(at_fence, index), "reason", "")
