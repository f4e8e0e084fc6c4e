"""Smoke by its source: what is said does not depend on how the outline is written or in which order sites come."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from core.points import LocalPlane, from_plane
from geofence.attributing.attribute_extended import Wind, locate_source
from geofence.attributing.attribute_picture import draw_attribution
from geofence.attributing.attribute_source import attribute_source
from geofence.attribution import Attribution, Undecided
from geofence.fix import Extent
from geofence.register.site_index import build_index
from geofence.sighting import Sighting
from tests.geofence.synthetic_district import CENTRE, district_code, make_sighting, register_parcels

PLANE = LocalPlane(origin=CENTRE)
WEST, EAST = district_code(0), district_code(1)


def sites(*, swapped: bool = False) -> tuple[shapely.Polygon, ...]:
    made = tuple(
        shapely.transform(box, lambda metres: from_plane(PLANE, metres))
        for box in (shapely.box(-100, -300, 0, 300), shapely.box(0, -300, 100, 300))
    )
    return made[::-1] if swapped else made


INDEX = build_index(register_parcels(np.array(sites(), dtype=object), 0.5))


def smoke(*, foot_east: float, length: float = 40.0, start: int = 0, backwards: bool = False) -> Sighting:
    """Return smoke that leaves a foot and drifts east in a cone, seen from straight above its middle."""
    cone = [(foot_east, 0.5), (foot_east + length, 7.0), (foot_east + length, -7.0), (foot_east, -0.5)]
    cone = cone[start:] + cone[:start]
    corners = from_plane(PLANE, cone[::-1] if backwards else cone)
    lonlat = from_plane(PLANE, [[foot_east + length / 2, 0.0]])[0]
    seen = make_sighting(0, lonlat, np.array([100.0, 16.0, 0.0]))
    extent = Extent(
        outline=tuple((float(lon), float(lat)) for lon, lat in corners), area_m2=300, sigma_m2=90, place_sigma_m=1.5
    )
    return replace(seen, label="smoke", fixes=(replace(seen.fixes[0], extent=extent, camera_point=seen.point),))


def shares(outcome: Attribution | Undecided | None) -> dict[str, float]:
    assert outcome is not None
    return {share.key: share.probability for share in outcome.sites}


def test_the_wind_names_the_site_at_the_foot_though_the_smoke_hangs_over_the_other() -> None:
    seen = smoke(foot_east=-12.0)
    outcome = attribute_source(seen, INDEX, wind=Wind(from_deg=270))
    assert isinstance(outcome, Attribution)
    assert outcome.site_code == WEST
    assert outcome.origin is not None
    assert [overlap.key for overlap in outcome.origin.on_sites] == [EAST, WEST]  # by ground, the other one
    assert math.fsum(overlap.share for overlap in outcome.origin.on_sites) == pytest.approx(1, abs=1e-6)
    against = attribute_source(seen, INDEX, wind=Wind(from_deg=90))
    assert shares(against)[EAST] > 0.95
    picture = draw_attribution(outcome, seen, INDEX)
    assert "it covers 300 ± 90 m²" in picture


def test_without_wind_both_ends_may_be_it_and_smoke_without_an_outline_has_no_source() -> None:
    seen = smoke(foot_east=-20.0)
    outcome = attribute_source(seen, INDEX, wind=None)
    assert isinstance(outcome, Undecided)
    assert shares(outcome) == pytest.approx({WEST: 0.5, EAST: 0.5}, abs=0.08)  # from above, next to nothing tells
    assert "the wind would decide" in outcome.reason
    bare = replace(seen, fixes=(replace(seen.fixes[0], extent=None),))
    assert attribute_source(bare, INDEX, wind=None) is None


def test_a_round_patch_without_wind_has_its_source_anywhere_in_it_or_near() -> None:
    disc = shapely.transform(shapely.Point(0, 0).buffer(10), lambda metres: from_plane(PLANE, metres))
    (mode,) = locate_source(disc, None, outline_sigma_m=1.0).modes
    assert math.sqrt(mode.covariance.east_m2) == pytest.approx(10, rel=0.03)
    (told,) = locate_source(disc, Wind(from_deg=0), outline_sigma_m=1.0).modes
    assert told.covariance.north_m2 < mode.covariance.north_m2


@given(
    foot=st.floats(-60, 60),
    bearing=st.one_of(st.none(), st.floats(0, 360)),
    start=st.integers(0, 3),
    backwards=st.booleans(),
)
@settings(max_examples=25, deadline=None)
def test_what_is_said_depends_on_neither_vertex_nor_site_order_and_sums_to_one_at_most(
    foot: float,
    bearing: float | None,
    start: int,
    backwards: bool,  # noqa: FBT001 - a strategy's value
) -> None:
    wind = None if bearing is None else Wind(from_deg=bearing)
    plain = shares(attribute_source(smoke(foot_east=foot), INDEX, wind=wind))
    turned = attribute_source(smoke(foot_east=foot, start=start, backwards=backwards), INDEX, wind=wind)
    assert shares(turned) == pytest.approx(plain, abs=1e-3)
    swapped = build_index(register_parcels(np.array(sites(swapped=True), dtype=object), 0.5))
    names = {WEST: EAST, EAST: WEST}
    other = {
        names[key]: share for key, share in shares(attribute_source(smoke(foot_east=foot), swapped, wind=wind)).items()
    }
    assert other == pytest.approx(plain, abs=1e-9)
    assert math.fsum(plain.values()) <= 1 + 1e-9
