"""A thing larger than a point, from its boxes to the sealed case."""

from __future__ import annotations

from dataclasses import replace

import pytest
import shapely

from app.conclude import conclude
from app.instruments import Station
from app.journal import FrameFindings, InputFindings
from core.points import from_plane
from evidence.sealing.incident_json import decode_incident, encode_incident
from geofence.attribution import Undecided
from geofence.rules.law import read_law
from geofence.rules.rule_file import read_rules
from geofence.site import Register, Site, Zone, ZoneType
from maps.features import incident_feature
from tests.geofence.drawn_container import LENGTH_M, make_record, shot
from tests.geofence.locating import NOON, PLANE


def test_a_container_across_a_fence_is_told_so_in_its_case(station: Station) -> None:
    """From boxes to the sealed incident: it blocks the lane that it reaches into, and is nobody's alone."""

    def ground(*metres: float) -> shapely.Polygon:
        placed: shapely.Polygon = shapely.transform(shapely.box(*metres), lambda flat: from_plane(PLANE, flat))
        return placed

    # The fence lies two metres east of the container's middle, and the lane beyond it.
    sites = (
        Site(code="914401010000000019", name="西厂", shape=ground(-90, -90, 2, 90), version="v1", boundary_sigma_m=0.1),
        Site(code="914401010000000027", name="东厂", shape=ground(2, -90, 90, 90), version="v1", boundary_sigma_m=0.1),
    )
    lane = Zone(
        zone_id="lane", zone_type=ZoneType.FIRE_LANE, name="消防车道", shape=ground(3, -90, 9, 90),
        site_code=sites[1].code, version="v1", boundary_sigma_m=0.1,
    )  # fmt: skip
    register = Register(sites=sites, zones=(lane,), sha256="a" * 64)
    frames = []
    for number in range(6):
        fix = shot(90.0 * (number % 4), -80.0, number)
        sure = replace(
            fix, covariance=replace(fix.covariance, east_m2=0.25, north_m2=0.25, east_north_m2=0.0), common=()
        )
        frames.append(FrameFindings(frame=make_record(number), fixes=(sure,), unlocated=()))
    findings = InputFindings(sha256="b" * 64, name="SKY_0007.MP4", ingested_at=NOON, frames=tuple(frames), refusals=())
    jurisdiction = replace(station.jurisdiction, register=register, rules=read_rules(), law=read_law())
    concluded = conclude([findings], jurisdiction, opened_at=NOON)
    (incident,) = concluded.incidents
    assert incident.hazard.code == "H13"
    assert "it reaches in" in incident.hazard.explanation
    outcome = incident.attribution
    assert isinstance(outcome, Undecided)
    assert "it stands across a fence" in outcome.reason
    assert outcome.footing is not None
    shares = {overlap.key: overlap.share for overlap in outcome.footing.on_sites}
    assert shares[sites[0].code] == pytest.approx((2 + LENGTH_M / 2) / LENGTH_M, abs=0.05)
    assert decode_incident(encode_incident(incident), "test") == incident
    told = incident_feature(incident, register)["properties"]
    assert not told["site_decided"]
    assert "东厂" in told["undecided_because"]
    (picture,) = concluded.pictures.values()
    assert "its box covers" in picture
