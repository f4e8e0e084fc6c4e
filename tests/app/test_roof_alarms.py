"""A vehicle on a roof is listed with its height and is no incident; drums on a roof stay one, where they stand."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import numpy as np
import pytest
import shapely
from rich.console import Console

from app.conclude import conclude
from app.instruments import Station
from app.journal import FrameFindings, InputFindings
from app.processing.sum_up import _alarm_line
from app.roof_alarms import roof_alarms
from app.run_report import RunReport, print_report
from core.points import from_plane
from evidence.sealing.frame_record import FrameRecord
from evidence.sealing.incident_json import decode_incident, encode_incident
from flight.track import Pose
from geofence.gather import gather
from geofence.site import Register, Site, Zone, ZoneType
from maps.features import incident_feature
from tests.geofence.drawn_roofs import Pass, Thing, fly
from tests.geofence.locating import NOON, PLANE

SITE = "914401010000000019"
AREA = shapely.transform(shapely.box(-60, -60, 60, 60), lambda metres: from_plane(PLANE, metres))
SURVEY = (
    Pass(east_m=-15, bearing_deg=0, pitch_deg=-70),
    Pass(east_m=15, bearing_deg=180, pitch_deg=-70, begins_s=60),
    Pass(bearing_deg=90, pitch_deg=-70, begins_s=120),
)


@pytest.fixture
def lane(station: Station) -> Station:
    """The station over a site that is all fire lane, so that whatever stands there is an incident."""
    site = Site(code=SITE, name="厂", shape=AREA, version="v1", boundary_sigma_m=0.5)
    zone = Zone(zone_id="lane", zone_type=ZoneType.FIRE_LANE, name="消防车道", shape=AREA, site_code=SITE, version="v1")
    register = Register(sites=(site,), zones=(zone,), sha256="a" * 64)
    return replace(station, jurisdiction=replace(station.jurisdiction, register=register))


def flown(height_m: float, label: str) -> InputFindings:
    fixes, _truth = fly(
        [Thing(name="it", east_m=2.0, north_m=-3.0, height_m=height_m)], SURVEY, np.random.default_rng(6), label=label
    )
    frames = []
    for index, fix in enumerate(fixes):
        record = FrameRecord(
            original_sha256="b" * 64, original_name="SKY_0007.MP4", index=index + 1, captured_at=fix.captured_at,
            width_px=4000, height_px=3000, pose=Pose(captured_at=fix.captured_at), camera=None,
        )  # fmt: skip
        seen = replace(fix, detection=replace(fix.detection, frame_id=record.frame_id))
        frames.append(FrameFindings(frame=record, fixes=(seen,), unlocated=()))
    return InputFindings(sha256="b" * 64, name="SKY_0007.MP4", ingested_at=NOON, frames=tuple(frames), refusals=())


def test_a_vehicle_on_a_roof_is_listed_and_one_on_the_ground_is_an_incident(lane: Station) -> None:
    parked = conclude([flown(0.0, "vehicle")], lane.jurisdiction, opened_at=NOON)
    assert {incident.hazard.code for incident in parked.incidents} == {"H13"}
    assert parked.roofs == ()
    given = flown(12.0, "vehicle")
    raised = conclude([given], lane.jurisdiction, opened_at=NOON)
    assert raised.incidents == ()
    assert raised.without == {"on-a-roof": 1}
    assert len(raised.sightings) == 1  # nothing is lost: it is listed instead
    (alarm,) = raised.roofs
    said = _alarm_line(alarm, given.frames)
    assert "SKY_0007.MP4" in said
    assert re.search(r"vehicle \d+\.\d ± \d\.\d m above the ground, where the rays of \d+ looks meet: on a roof", said)


def test_drums_on_a_roof_stay_an_incident_and_say_how_high(lane: Station) -> None:
    raised = conclude([flown(12.0, "drum")], lane.jurisdiction, opened_at=NOON)
    assert raised.roofs == ()
    assert raised.incidents
    for incident in raised.incidents:
        said = incident_feature(incident, lane.jurisdiction.register)["properties"]
        assert said["height_above_ground_m"] == pytest.approx(12.0, abs=3 * said["height_sigma_m"])
        assert decode_incident(encode_incident(incident), "test") == incident  # the height is sealed with the case


@pytest.mark.parametrize(
    ("label", "height", "sigma", "listed"),
    [
        ("vehicle", 8.0, 1.0, True),
        ("truck", 6.0, 1.0, True),
        ("vehicle", 8.0, 4.0, False),  # not clearly above three metres
        ("vehicle", 2.5, 0.2, False),  # on a loader or a ramp
        ("drums", 8.0, 1.0, False),
        ("vehicle", None, None, False),
    ],
)
def test_only_what_is_clearly_on_a_roof_and_cannot_be_there_is_listed(
    label: str, height: float | None, sigma: float | None, *, listed: bool
) -> None:
    (sighting,) = gather([flown(0.0, label).frames[0].fixes[0]])
    assert bool(roof_alarms([replace(sighting, height_above_ground_m=height, height_sigma_m=sigma)])) is listed


def test_the_report_lists_roofs_with_their_reason() -> None:
    report = RunReport(
        footage="card", started_at="2026-10-01T04:00:00Z", finished_at="2026-10-01T04:01:00Z", program="test",
        inputs=1, results=1, sidecars=0, refused_inputs=0, refusals=(), resumed=0, frames=3, detections=3, located=3,
        unlocated={}, sightings=1, with_incident=0, without={"on-a-roof": 1}, undecided=0, incidents=(), assumptions=(),
        register_refusals=(),
        roof_alarms=("22.550000, 113.950000: vehicle 9.0 ± 1.0 m above the ground",),
    )  # fmt: skip
    console = Console(file=io.StringIO(), width=200)
    print_report(report, console, places=())
    told = console.file.getvalue()  # type: ignore[attr-defined]
    assert "Taken for vehicles, and on roofs:" in told
    assert "vehicle 9.0 ± 1.0 m above the ground" in told
