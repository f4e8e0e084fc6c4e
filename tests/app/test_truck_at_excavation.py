"""A lorry at the edge of a pit, from boxes that a weight calls vehicles to the sealed case."""

from __future__ import annotations

from dataclasses import replace

import pytest
import shapely

from app.conclude import Conclusion, conclude
from app.instruments import Station
from app.journal import FrameFindings, InputFindings
from core.points import from_plane
from evidence.sealing.frame_record import FrameRecord
from evidence.sealing.incident_json import decode_incident, encode_incident
from evidence.sealing.viewer import class_rows
from flight.track import Pose
from geofence.fix import Fix
from geofence.rules.rule_file import read_rules
from geofence.site import Register, Site, Zone, ZoneType
from maps.features import incident_feature
from tests.geofence.drawn_vehicles import ABOVE, Vehicle, draw
from tests.geofence.locating import NOON, PLANE

CODE = "914401010000000019"
LORRY = Vehicle(length_m=9.2, width_m=2.48, height_m=3.4, heading_deg=0.0)
VAN = Vehicle(length_m=6.2, width_m=2.2, height_m=2.5, heading_deg=0.0)


@pytest.fixture
def pit(station: Station) -> Station:
    """The station over a building site whose pit begins two metres west of the middle of what stands there."""

    def ground(*metres: float) -> shapely.Polygon:
        placed: shapely.Polygon = shapely.transform(shapely.box(*metres), lambda flat: from_plane(PLANE, flat))
        return placed

    site = Site(code=CODE, name="工地", shape=ground(-90, -90, 90, 90), version="v1", boundary_sigma_m=0.1)
    zone = Zone(
        zone_id="pit", zone_type=ZoneType.EXCAVATION, name="基坑", shape=ground(-40, -40, -1.7, 40), site_code=CODE,
        version="v1", boundary_sigma_m=0.1,
    )  # fmt: skip
    register = Register(sites=(site,), zones=(zone,), sha256="a" * 64)
    return replace(station, jurisdiction=replace(station.jurisdiction, register=register, rules=read_rules()))


def flown(body: Vehicle) -> InputFindings:
    """Return what two passes over a vehicle found, at places so well known that only its class is in question."""
    frames = []
    for number, at in enumerate((*ABOVE, *ABOVE)):
        fix = draw([body], at, number if number < len(ABOVE) else number + 40)
        record = FrameRecord(
            original_sha256="b" * 64, original_name="SKY_0007.MP4", index=number + 1, captured_at=fix.captured_at,
            width_px=4000, height_px=3000, pose=Pose(captured_at=fix.captured_at), camera=None,
        )  # fmt: skip
        frames.append(FrameFindings(frame=record, fixes=(_sure(fix, record.frame_id),), unlocated=()))
    return InputFindings(sha256="b" * 64, name="SKY_0007.MP4", ingested_at=NOON, frames=tuple(frames), refusals=())


def _sure(fix: Fix, frame_id: str) -> Fix:
    sure = replace(fix.covariance, east_m2=0.09, north_m2=0.09, east_north_m2=0.0)
    return replace(fix, covariance=sure, common=(), detection=replace(fix.detection, frame_id=frame_id))


def concluded(pit: Station, body: Vehicle) -> Conclusion:
    return conclude([flown(body)], pit.jurisdiction, opened_at=NOON)


def test_a_lorry_at_the_pit_is_an_incident_that_says_how_it_was_told(pit: Station) -> None:
    (incident,) = concluded(pit, LORRY).incidents
    assert incident.hazard.code == "H12"
    assert incident.sighting.label == "truck"
    assert "truck in" in incident.hazard.explanation
    assert "longer than any car (7.5 m) with probability" in incident.hazard.explanation
    assert "told from 4 sides in 8 frames" in incident.hazard.explanation
    sealed = decode_incident(encode_incident(incident), "test")
    assert sealed == incident
    length = sealed.sighting.length
    assert length is not None
    assert length.least_m <= LORRY.length_m <= length.most_m
    told = incident_feature(incident, pit.jurisdiction.register)["properties"]
    assert (told["label"], told["length_m"]) == ("truck", length.metres)
    rows = dict(class_rows(sealed.sighting))
    assert rows["识别类别"] == "truck（模型识别为 vehicle，按量得的车长判定）"
    assert rows["车长"].startswith(f"{length.metres:.1f} 米")


def test_a_van_there_is_none(pit: Station) -> None:
    found = concluded(pit, VAN)
    assert [sighting.label for sighting in found.sightings] == ["vehicle"]
    assert found.incidents == ()


def test_whatever_is_judged_of_a_vehicle_is_judged_of_a_truck_too() -> None:
    """Else a vehicle would be an incident no more because more is known of it."""
    speaking = [rule for rule in read_rules().rules if "vehicle" in rule.labels]
    assert len(speaking) >= 3
    assert all("truck" in rule.labels for rule in speaking)
