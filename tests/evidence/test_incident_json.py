from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import InputRefused
from core.points import GeoPoint
from detection.detection import Box, Detection
from evidence.incident import Incident, State
from evidence.sealing.incident_json import decode_incident, encode_incident, incident_from_json, incident_to_json
from geofence.attribution import Attribution, Share, Undecided
from geofence.fix import Covariance, Fix
from geofence.hazard import Citation, Hazard, Value
from geofence.sighting import Sighting

words = st.text(st.characters(codec="utf-8"), max_size=12)
some_words = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
hexes = st.text("0123456789abcdef", min_size=64, max_size=64)
shares_of_one = st.floats(0, 1)
times = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - made aware by timezones
points = st.builds(GeoPoint, lon_deg=st.floats(-180, 180), lat_deg=st.floats(-90, 90))
variances = st.floats(1e-6, 1e6)
covariances = st.builds(Covariance, east_m2=variances, north_m2=variances, east_north_m2=st.floats(-9e-7, 9e-7))


@st.composite
def boxes(draw: Any) -> Box:
    left, top = draw(st.floats(-100, 5000)), draw(st.floats(-100, 5000))
    return Box(
        left_px=left,
        top_px=top,
        right_px=left + draw(st.floats(0.1, 500)),
        bottom_px=top + draw(st.floats(0.1, 500)),
    )


detections = st.builds(
    Detection, frame_id=some_words, label=words, score=shares_of_one, box=boxes(), weight_sha256=hexes
)
fixes = st.builds(
    Fix,
    detection=detections,
    captured_at=times,
    point=points,
    covariance=covariances,
    ground_hae_m=st.none() | st.floats(-400, 9000),
    slant_m=st.floats(0.1, 1e5),
    camera_point=points,
    assumptions=st.lists(words, max_size=3).map(tuple),
)
shares = st.lists(st.builds(Share, key=words, version=words, probability=shares_of_one), max_size=3).map(tuple)
citations = st.builds(
    Citation,
    law=words,
    article=words,
    version=words,
    effective_from=st.none() | st.dates(date(1949, 10, 1)),
    text=words,
    confidence=st.sampled_from("ABC"),
)


@st.composite
def incidents(draw: Any) -> Incident:
    sighting = Sighting(
        label=draw(words),
        fixes=tuple(draw(st.lists(fixes, min_size=1, max_size=3))),
        point=draw(points),
        covariance=draw(covariances),
        passes=1,
        moving=draw(st.none() | st.booleans()),
    )
    attribution = st.builds(
        Attribution,
        sighting_id=st.just(sighting.sighting_id),
        site_code=st.none() | some_words,
        sites=shares,
        zones=shares,
    ) | st.builds(Undecided, sighting_id=st.just(sighting.sighting_id), sites=shares, zones=shares, reason=words)
    hazard = st.builds(
        Hazard,
        code=some_words,
        name_zh=words,
        name_en=words,
        rule_id=words,
        rules_sha256=hexes,
        sighting_id=st.just(sighting.sighting_id),
        zone_id=st.none() | words,
        zone_version=words,
        probability=shares_of_one,
        value=st.sampled_from(Value),
        periods=st.lists(words, max_size=2).map(tuple),
        citations=st.lists(citations, max_size=2).map(tuple),
        authority=words,
        explanation=words,
    )
    return Incident(
        hazard=draw(hazard),
        sighting=sighting,
        attribution=draw(attribution),
        opened_at=draw(times),
        state=draw(st.sampled_from(State)),
    )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(incidents())
def test_an_incident_survives_the_round_trip(incident: Incident) -> None:
    content = encode_incident(incident)
    again = decode_incident(content)
    assert again == incident
    assert encode_incident(again) == content
    assert incident_from_json(incident_to_json(incident)) == incident


def test_the_record_holds_what_the_incident_rests_on(case: Any) -> None:
    document = json.loads(encode_incident(case.incident))
    assert document["schema"] == "skywarden/incident/1"
    assert document["weights_sha256"] == ["ab" * 32]
    assert document["sighting"]["fixes"][0]["covariance"] == {"east_m2": 2, "north_m2": 3.5, "east_north_m2": 0.1}
    assert document["sighting"]["fixes"][1]["assumptions"] == ["ground flat at take-off height"]
    assert document["attribution"]["outcome"] == "attributed"
    assert document["attribution"]["sites"][0]["version"] == "e1"
    assert document["hazard"]["citations"][0]["effective_from"] == "2021-04-29"


def _changed(document: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    copy = json.loads(json.dumps(document))
    place = copy
    *way, last = path.split(".")
    for name in way:
        place = place[int(name)] if isinstance(place, list) else place[name]
    place[last] = value
    return copy


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("schema", "skywarden/incident/2"),
        ("incident_id", "00000000-0000-0000-0000-000000000000"),
        ("hazard.code", "H14"),  # the number no longer follows
        ("hazard.probability", "0.97"),
        ("hazard.probability", True),
        ("hazard.surplus", 1),
        ("sighting.passes", 2.5),
        ("sighting.fixes", []),
        ("sighting.fixes.0.captured_at", "2026-10-01T02:03:04"),
        ("sighting.fixes.0.captured_at", "2026-10-01T10:03:04.500000+08:00"),
        ("sighting.fixes.0.covariance.east_m2", -1),
        ("sighting.fixes.0.detection.weight_sha256", "cc" * 32),
        ("attribution.outcome", "guessed"),
        ("attribution.sighting_id", "another"),
        ("opened_at", None),
    ],
)
def test_a_changed_record_is_refused(case: Any, path: str, value: Any) -> None:
    with pytest.raises(InputRefused):
        incident_from_json(_changed(incident_to_json(case.incident), path, value))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: content + b" ",
        lambda content: content.replace(b'{"', b'{ "', 1),
        lambda content: b"\xff" + content,
        lambda content: content[:-1],
        lambda content: b'{"schema":"x",' + content[1:],
        lambda _content: b"",
        lambda _content: b"[" * 100_000,
        lambda _content: b"7",
        lambda _content: b"NaN",
    ],
)
def test_only_the_canonical_bytes_are_read(case: Any, spoil: Any) -> None:
    with pytest.raises(InputRefused):
        decode_incident(spoil(encode_incident(case.incident)))
