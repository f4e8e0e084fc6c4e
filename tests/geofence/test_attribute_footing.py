from __future__ import annotations

import dataclasses
import math
from datetime import timedelta

import numpy as np
import pytest
import shapely
import shapely.affinity
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from core.points import GeoPoint, LocalPlane, from_plane
from geofence.attribute import attribute
from geofence.attributing.attribute_footing import (
    DEEP_M,
    GroundOutline,
    attribute_footing,
    chance_of_reaching,
    lay_footing,
    outline_on_ground,
)
from geofence.attribution import Attribution, Undecided
from geofence.register.site_index import SiteIndex, build_index
from geofence.sighting import Sighting
from geofence.site import Register, Zone, ZoneType
from tests.geofence.synthetic_district import CENTRE, SEEN_AT, district_code, make_sighting, register_parcels

PLANE = LocalPlane(origin=CENTRE)
WEST, EAST = district_code(0), district_code(1)
BOX_12_BY_6 = ((-6.0, 3.0), (6.0, 3.0), (6.0, -3.0), (-6.0, -3.0))
BOX = np.array(BOX_12_BY_6)[::-1]


def ground(shape: shapely.Polygon) -> shapely.Polygon:
    placed: shapely.Polygon = shapely.transform(shape, lambda metres: from_plane(PLANE, metres))
    return placed


def seen_at(
    east: float,
    *,
    label: str = "liquid_stain",
    sigma_m: float = 0.5,
    outline: tuple[tuple[float, float], ...] = BOX_12_BY_6,
    camera: tuple[float, float, float] = (0.0, 0.0, 60.0),
) -> Sighting:
    """Return a standing thing whose box covers an outline, seen from a camera so far east, north and up of it."""
    lonlat = from_plane(PLANE, [[east, 0.0]])[0]
    made = make_sighting(7, lonlat, np.array([sigma_m**2, sigma_m**2, 0.0]))
    east_m, north_m, up_m = camera
    at = from_plane(PLANE, [[east + east_m, north_m]])[0]
    fix = dataclasses.replace(
        made.fixes[0],
        detection=dataclasses.replace(made.fixes[0].detection, label=label),
        outline_m=outline,
        slant_m=math.hypot(east_m, north_m, up_m),
        camera_point=GeoPoint(lon_deg=float(at[0]), lat_deg=float(at[1])),
    )
    later = dataclasses.replace(fix, captured_at=SEEN_AT + timedelta(seconds=60))
    return dataclasses.replace(made, label=label, fixes=(fix, later), passes=2, moving=False)


def two_sites(sigma_m: float = 0.0, *, zones: tuple[Zone, ...] = ()) -> SiteIndex:
    """Two sites that share the fence at east 0."""
    shapes = [ground(shapely.box(-100, -300, 0, 300)), ground(shapely.box(0, -300, 100, 300))]
    register = register_parcels(np.array(shapes, dtype=object), sigma_m)
    return build_index(Register(sites=register.sites, zones=zones, sha256="0" * 64))


def outcome_of(seen: Sighting, index: SiteIndex) -> Attribution | Undecided:
    return attribute_footing(seen, attribute(seen, index), index)


def test_a_thing_across_a_fence_is_named_for_nobody_though_its_middle_is_on_one_site() -> None:
    index, seen = two_sites(), seen_at(-3.0)
    assert isinstance(attribute(seen, index), Attribution)  # the middle is three metres, six sigmas, inside
    told = outcome_of(seen, index)
    assert isinstance(told, Undecided)
    assert "it stands across a fence" in told.reason
    assert told.view is None  # no look from the air would change it
    assert told.footing is not None
    west, east = told.footing.on_sites
    assert (west.key, east.key) == (WEST, EAST)
    assert west.area_m2 == pytest.approx(54, abs=1.5)
    assert east.area_m2 == pytest.approx(18, abs=1.5)
    assert east.least_m2 < east.area_m2 < east.most_m2
    assert west.area_m2 + east.area_m2 == pytest.approx(72, abs=0.1)


def test_a_thing_across_the_last_fence_is_not_nobodys() -> None:
    index, seen = two_sites(), seen_at(103.0)
    assert attribute(seen, index) == Attribution(sighting_id=seen.sighting_id, site_code=None, sites=(), zones=())
    told = outcome_of(seen, index)
    assert isinstance(told, Undecided)
    assert told.footing is not None
    assert told.footing.outside > 0.99
    assert "outside all sites" in told.reason


def test_a_thing_well_inside_stays_attributed_and_says_what_it_covers() -> None:
    told = outcome_of(seen_at(-30.0), two_sites())
    assert isinstance(told, Attribution)
    assert told.site_code == WEST
    assert told.footing is not None
    (only,) = told.footing.on_sites
    assert (only.reach, only.share) == (1.0, 1.0)
    assert told.footing.outside == 0


def test_a_corner_over_the_fence_changes_nothing() -> None:
    told = outcome_of(seen_at(-5.2), two_sites())  # 0.8 m of twelve: less than a fifth
    assert isinstance(told, Attribution)
    assert told.footing is not None
    assert [part.key for part in told.footing.on_sites] == [WEST, EAST]


def test_an_askew_thing_in_a_loose_box_is_not_accused_of_what_only_the_box_covers() -> None:
    # The neighbour holds a corner of the box alone; a thing may touch all four sides and leave that corner free.
    corner = build_index(
        register_parcels(
            np.array(
                [
                    ground(shapely.difference(shapely.box(-100, -100, 100, 100), shapely.box(1, 0.5, 100, 100))),
                    ground(shapely.box(1, 0.5, 100, 100)),
                ],
                dtype=object,
            ),
            0.0,
        )
    )
    seen = seen_at(0.0, sigma_m=0.1, outline=((-6.0, 5.0), (6.0, 5.0), (6.0, -5.0), (-6.0, -5.0)))
    laid = outline_on_ground(seen)
    assert laid is not None
    footing = lay_footing(seen, laid, corner)
    neighbour = next(part for part in footing.on_sites if part.key == EAST)
    assert neighbour.share > 0.15
    assert neighbour.reach == 0
    # With its own outline known, the same ground is the thing itself.
    told = attribute_footing(seen, attribute(seen, corner), corner, outline=ground(shapely.box(-6, -5, 6, 5)))
    assert told.footing is not None
    assert not told.footing.boxed
    assert next(part for part in told.footing.on_sites if part.key == EAST).reach == 1


@pytest.mark.parametrize("turn_deg", [0, 30, 45, 90])
def test_how_long_an_own_outline_is_does_not_hang_on_how_it_lies_to_the_north(turn_deg: float) -> None:
    index, seen = two_sites(), seen_at(0.0, outline=())

    def footing(length_m: float, width_m: float) -> object:
        bar = shapely.affinity.rotate(shapely.box(-length_m / 2, -width_m / 2, length_m / 2, width_m / 2), turn_deg)
        return attribute_footing(seen, attribute(seen, index), index, outline=ground(bar)).footing

    assert footing(6.5, 1.5) is not None
    assert footing(5.0, 4.8) is None


@pytest.mark.parametrize("outline", [shapely.Polygon(), shapely.box(-3, 0, 3, 0.0004)])
def test_an_own_outline_of_no_ground_is_told_by_its_middle(outline: shapely.Polygon) -> None:
    index, seen = two_sites(), seen_at(-30.0, outline=())
    middle = attribute(seen, index)
    assert attribute_footing(seen, middle, index, outline=ground(outline)) == middle


def test_a_fence_drawn_by_eye_leaves_room_for_standing_outside_it() -> None:
    """Five metres inside the last fence: certain where that was surveyed, not where its own error is three metres."""
    seen = seen_at(-89.0, sigma_m=0.1)
    surveyed, by_eye = (outcome_of(seen, two_sites(sigma_m)).footing for sigma_m in (0.0, 3.0))
    assert surveyed is not None
    assert by_eye is not None
    assert (surveyed.outside, surveyed.outside_m2) == (0.0, 0.0)
    assert by_eye.outside == pytest.approx(norm.sf((5.0 + DEEP_M) / 3.0), abs=0.02)
    assert by_eye.outside > 0
    assert by_eye.on_sites[0].area_m2 + by_eye.outside_m2 == pytest.approx(by_eye.area_m2, abs=0.1)


@pytest.mark.parametrize(
    ("label", "moving", "outline"),
    [
        ("person", False, BOX_12_BY_6),
        ("smoke", False, BOX_12_BY_6),
        ("truck", True, BOX_12_BY_6),
        ("truck", False, ()),
        ("car", False, ((-2.2, 0.9), (2.2, 0.9), (2.2, -0.9), (-2.2, -0.9))),
    ],
)
def test_what_is_small_moves_or_has_no_whole_box_is_told_by_its_middle(
    label: str, *, moving: bool, outline: tuple[tuple[float, float], ...]
) -> None:
    seen = dataclasses.replace(seen_at(-3.0, label=label, outline=outline), moving=moving)
    index = two_sites()
    assert outline_on_ground(seen) is None
    assert outcome_of(seen, index) == attribute(seen, index)


def test_what_leans_in_the_picture_stands_on_less_than_its_box_covers() -> None:
    # Seen from 45°, a body of 3.2 m leans over 3.2 m of ground: 1.6 m come off at either end, along the view only.
    leaning = outline_on_ground(seen_at(-30.0, label="truck", camera=(-60.0, 0.0, 60.0)))
    flat = outline_on_ground(seen_at(-30.0, camera=(-60.0, 0.0, 60.0)))
    assert leaning is not None
    assert flat is not None
    assert np.ptp(leaning.corners, axis=0) == pytest.approx([12 - 3.2, 6.0], abs=0.06)
    assert np.ptp(flat.corners, axis=0) == pytest.approx([12.0, 6.0], abs=0.02)
    assert leaning.covariance[0, 0] > flat.covariance[0, 0] - 0.1


def test_a_box_that_is_all_height_bounds_nothing() -> None:
    assert outline_on_ground(seen_at(-30.0, label="truck", camera=(-240.0, 0.0, 20.0))) is None


@given(st.floats(-8, 8), st.floats(0.5, 4.0), st.floats(0, math.pi))
@settings(max_examples=25, deadline=None)
def test_the_chance_of_reaching_over_a_straight_fence_is_that_of_its_farthest_side(
    gap_m: float, sigma_m: float, turn: float
) -> None:
    """A box whose near side is parallel to the fence reaches over it exactly when that side does."""
    away = np.array([math.sin(turn), math.cos(turn)])
    beside = np.array([away[1], -away[0]])
    corners = np.array([-4 * beside, 4 * beside, 4 * beside + 3 * away, -4 * beside + 3 * away])[::-1]
    laid = GroundOutline(corners=corners, boxed=True, covariance=sigma_m**2 * np.eye(2))
    far = 500.0
    beyond = shapely.Polygon(
        [far * beside + (3 + gap_m) * away, -far * beside + (3 + gap_m) * away, -far * beside + far * away,
         far * beside + far * away]
    )  # fmt: skip
    assert chance_of_reaching(laid, beyond, 0.0) == pytest.approx(norm.sf(gap_m / sigma_m), abs=0.025)


def test_a_thing_that_spans_a_lane_reaches_into_it_though_no_corner_lies_there() -> None:
    lane = shapely.box(-2, -100, 2, 100)
    laid = GroundOutline(corners=BOX, boxed=True, covariance=0.01 * np.eye(2))
    beside = GroundOutline(corners=BOX + np.array([9.0, 0.0]), boxed=True, covariance=0.01 * np.eye(2))
    assert chance_of_reaching(laid, lane, 0.0) == 1
    assert chance_of_reaching(beside, lane, 0.0) == 0


def test_reaching_agrees_with_things_drawn_at_random_into_boxes() -> None:
    """Triangles that touch all sides of a box: whenever reaching is certain, every one of them reaches."""
    rng = np.random.default_rng(5)
    fence = shapely.Polygon([(1, -20), (30, -20), (30, 20), (-2, 20)])
    reached = never = 0
    for _trial in range(60):
        shift = rng.uniform(-8, 4)
        laid = GroundOutline(corners=BOX + np.array([shift, 0.0]), boxed=True, covariance=1e-8 * np.eye(2))
        certain = chance_of_reaching(laid, fence, 0.0) == 1
        for _thing in range(20):
            u = rng.uniform(-1, 1, 4)
            touching = shapely.Polygon(
                [(-6 + shift, 3 * u[0]), (6 * u[1] + shift, 3), (6 + shift, 3 * u[2]), (6 * u[3] + shift, -3)]
            ).convex_hull
            overlaps = touching.intersection(fence).area > 0
            assert overlaps or not certain
            reached += certain
            never += not overlaps
    assert reached > 100
    assert never > 100


def test_zones_count_only_while_they_are_valid() -> None:
    lane = Zone(
        zone_id="L1", zone_type=ZoneType.FIRE_LANE, name="车道", shape=ground(shapely.box(-2, -50, 2, 50)),
        boundary_sigma_m=0.0, version="1", valid_to=SEEN_AT + timedelta(seconds=60),
    )  # fmt: skip
    seen = seen_at(-4.0)
    closed = outcome_of(seen, two_sites(zones=(lane,)))
    assert closed.footing is not None
    assert closed.footing.on_zones == ()  # it was seen last at the instant from which the lane is none
    held = dataclasses.replace(lane, valid_to=SEEN_AT + timedelta(seconds=61))
    opened = outcome_of(seen, two_sites(zones=(held,)))
    assert opened.footing is not None
    (part,) = opened.footing.on_zones
    assert part.reach is not None
    assert part.reach > 0.95
    assert part.area_m2 == pytest.approx(24, abs=3)


def test_a_footing_does_not_depend_on_the_order_of_sites_or_the_sense_of_the_box() -> None:
    seen = seen_at(-3.0)
    index = two_sites(0.5)
    backwards = build_index(Register(sites=index.register.sites[::-1], zones=(), sha256=index.register.sha256))
    turned = dataclasses.replace(
        seen, fixes=tuple(dataclasses.replace(fix, outline_m=fix.outline_m[::-1]) for fix in seen.fixes)
    )
    first = outcome_of(seen, index)
    assert outcome_of(seen, backwards) == first
    other = outcome_of(turned, index)
    assert first.footing is not None
    assert other.footing is not None
    for one, two in zip(first.footing.on_sites, other.footing.on_sites, strict=True):
        assert (one.key, one.area_m2, one.reach) == (two.key, pytest.approx(two.area_m2, abs=0.05), two.reach)


def test_half_a_metre_behind_the_fence_is_not_yet_over_it() -> None:
    index = two_sites()
    seen = seen_at(-6.0 + DEEP_M - 0.1, sigma_m=1e-3)
    laid = outline_on_ground(seen)
    assert laid is not None
    exact = dataclasses.replace(laid, covariance=1e-8 * np.eye(2))
    parts = {part.key: part.reach for part in lay_footing(seen, exact, index).on_sites}
    assert parts == {WEST: 1.0, EAST: 0.0}
