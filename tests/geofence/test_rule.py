from __future__ import annotations

import dataclasses
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import shapely
import yaml

from core.errors import InputRefused
from core.points import GeoPoint
from detection.detection import Box, Detection
from geofence.attribution import Attribution, Share, Undecided
from geofence.fix import Covariance, Fix
from geofence.hazard import Value
from geofence.judge import check_codes, judge, judge_all
from geofence.law import read_law
from geofence.law_book import LawBook
from geofence.rule import RuleBook
from geofence.rule_file import parse_rules, read_rules
from geofence.sighting import Sighting
from geofence.site import Register, Zone, ZoneType

POINT = GeoPoint(lon_deg=113.5, lat_deg=22.75)
NOON = datetime(2026, 10, 1, 4, tzinfo=UTC)


@pytest.fixture(scope="module")
def law() -> LawBook:
    return read_law()


@pytest.fixture(scope="module")
def rules() -> RuleBook:
    return read_rules()


def zone(zone_id: str, zone_type: ZoneType) -> Zone:
    return Zone(
        zone_id=zone_id, zone_type=zone_type, name=zone_id, shape=shapely.box(113, 22, 114, 23), version=f"v-{zone_id}"
    )


REGISTER = Register(
    sites=(),
    zones=(zone("lane", ZoneType.FIRE_LANE), zone("shut", ZoneType.EXCLUSION), zone("park", ZoneType.PARKING)),
    sha256="0" * 64,
)


def sighting(
    label: str = "vehicle",
    *,
    fixes: int = 2,
    passes: int = 1,
    moving: bool | None = False,
    seen_at: datetime = NOON,
) -> Sighting:
    def fix(number: int) -> Fix:
        detection = Detection(
            frame_id=f"{label}{number}",
            label=label,
            score=0.9,
            box=Box(left_px=0, top_px=0, right_px=9, bottom_px=9),
            weight_sha256="0" * 64,
        )
        return Fix(
            detection=detection,
            captured_at=seen_at + timedelta(seconds=number),
            point=POINT,
            covariance=Covariance(east_m2=1, north_m2=1),
            ground_hae_m=None,
            slant_m=100.0,
            camera_point=POINT,
            assumptions=(),
        )

    return Sighting(
        label=label,
        fixes=tuple(fix(number) for number in range(fixes)),
        point=POINT,
        covariance=Covariance(east_m2=1, north_m2=1),
        passes=passes,
        moving=moving,
    )


def placed(seen: Sighting, **zones: float) -> Attribution:
    shares = tuple(Share(key=key, version=f"v-{key}", probability=share) for key, share in zones.items())
    return Attribution(sighting_id=seen.sighting_id, site_code=None, sites=(), zones=shares)


def test_a_vehicle_standing_in_a_fire_lane_is_h13(rules: RuleBook, law: LawBook) -> None:
    seen = sighting()
    (hazard,) = judge(seen, placed(seen, lane=0.97, park=0.2), rules=rules, register=REGISTER, law=law)
    assert (hazard.code, hazard.zone_id, hazard.zone_version, hazard.probability) == ("H13", "lane", "v-lane", 0.97)
    assert hazard.value is Value.PROVABLE
    assert hazard.rules_sha256 == rules.sha256
    assert hazard.citations[0].article == "第二十八条"
    assert hazard.transfer == "消防救援机构"
    assert "0.97" in hazard.explanation
    assert "vehicle-standing-in-fire-lane" in hazard.explanation


def test_an_exclusion_zone_is_a_site_rule_and_a_lead(rules: RuleBook, law: LawBook) -> None:
    seen = sighting()
    (hazard,) = judge(seen, placed(seen, shut=0.9), rules=rules, register=REGISTER, law=law)
    assert (hazard.code, hazard.value) == ("S01", Value.LEAD)


@pytest.mark.parametrize(
    ("seen", "zones", "code", "says"),
    [
        (sighting(), {"park": 1.0}, "no-zone", "in no zone of the type"),
        (sighting(), {}, "no-zone", "in no zone"),
        (sighting(), {"lane": 0.4}, "zone-uncertain", "0.40, below 0.50"),
        (sighting(moving=True), {"lane": 1.0}, "motion", "it moves"),
        (sighting(fixes=1, moving=None), {"lane": 1.0}, "motion", "seen once"),
        (sighting(label="dog"), {"lane": 1.0}, "no-rule", "no rule speaks of dog"),
    ],
)
def test_what_is_no_hazard_keeps_the_reason_of_the_closest_rule(
    *, seen: Sighting, zones: dict[str, float], code: str, says: str, rules: RuleBook, law: LawBook
) -> None:
    attribution = placed(seen, **zones)
    assert judge(seen, attribution, rules=rules, register=REGISTER, law=law) == ()
    judgement = judge_all([(seen, attribution)], rules=rules, register=REGISTER, law=law)
    assert judgement.no_hazard[0].code == code
    assert says in judgement.no_hazard[0].reason


def test_a_key_period_raises_the_severity(rules: RuleBook, law: LawBook) -> None:
    seen = sighting()
    plain, raised = (
        judge(seen, placed(seen, lane=1.0), rules=rules, register=REGISTER, law=law, periods=periods)[0]
        for periods in ((), ("ND", "FF"))
    )
    assert (plain.severity, raised.severity) == (2, 3)
    assert raised.periods == ("ND", "FF")
    assert "raised to 3 in ND" in raised.explanation


def test_an_undecided_site_does_not_hide_the_hazard(rules: RuleBook, law: LawBook) -> None:
    seen = sighting()
    shares = (Share(key="lane", version="v-lane", probability=0.9),)
    undecided = Undecided(sighting_id=seen.sighting_id, sites=(), zones=shares, reason="two fences")
    assert judge(seen, undecided, rules=rules, register=REGISTER, law=law)[0].code == "H13"


def test_the_law_is_that_of_the_day_in_beijing(rules: RuleBook, law: LawBook) -> None:
    # 2021-04-28 17:00 in Greenwich is the 29th in Beijing, the first day of the amended fire protection law.
    for hour, held in ((15, False), (17, True)):
        seen = sighting(seen_at=datetime(2021, 4, 28, hour, tzinfo=UTC))
        (hazard,) = judge(seen, placed(seen, lane=1.0), rules=rules, register=REGISTER, law=law)
        assert bool(hazard.citations[0].text) is held


def test_every_sighting_is_counted_once(rules: RuleBook, law: LawBook) -> None:
    parked, passing, alien = sighting(), sighting(label="truck", moving=True), sighting(label="bus")
    foreign = dataclasses.replace(
        placed(alien, lane=1.0), zones=(Share(key="lane", version="another", probability=1.0),)
    )
    pairs = [(parked, placed(parked, lane=0.9, shut=0.8)), (passing, placed(passing, lane=0.9)), (alien, foreign)]
    judgement = judge_all(pairs, rules=rules, register=REGISTER, law=law)
    assert judgement.counts == {"hazard": 1, "no_hazard": 1, "refused": 1}
    assert Counter(hazard.code for hazard in judgement.hazards) == {"H13": 1, "S01": 1}
    assert "not in this register" in judgement.refused[0].reason


def test_two_things_are_not_mixed_up(rules: RuleBook, law: LawBook) -> None:
    with pytest.raises(ValueError, match="another sighting"):
        judge(sighting(), placed(sighting(label="bus")), rules=rules, register=REGISTER, law=law)


RULE = {"id": "r", "hazard": "H13", "labels": ["vehicle"], "zones": ["fire_lane"]}


def book(**changes: object) -> dict[str, object]:
    return {"schema": 1, "name": "x", "rules": [RULE | changes]}


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (book(zonse=["fire_lane"]), "r: unknown fields zonse"),
        (book(zones=["fire_line"]), "r: 'fire_line' is not a valid ZoneType"),
        (book(zones=[]), "r: zones is empty"),
        (book(labels="vehicle"), "r: labels is a list"),
        (book(labels=[]), "r: labels is empty"),
        (book(zone_probability=0), r"r: zone_probability is in \(0, 1\]"),
        (book(zone_probability="high"), "r: zone_probability has the wrong type"),
        (book(motion="parked"), "'parked' is not a valid Motion"),
        (book(seen={"times": 2}), "r: seen: unknown fields times"),
        (book(seen={"passes": 0}), "r: a thing is seen at least once"),
        (book(severity=True), "r: severity has the wrong type"),
        (book(severity=5), "r: a severity is 1 to 4"),
        (book(raised={"severity": 3}), "r: raised names its periods"),
        (book(value="certain"), "'certain' is not a valid Value"),
        ({"schema": 1, "rules": []}, "an empty one would pass everything"),
        ({"schema": 1, "rules": [RULE, RULE]}, "two rules have one id"),
        ({"schema": 2, "rules": [RULE]}, "schema is not 1"),
        ([], "the file is a mapping"),
        (None, "the file is a mapping"),
    ],
)
def test_a_rule_that_is_not_well_formed_is_refused_at_load(tmp_path: Path, document: object, says: str) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(yaml.safe_dump(document))
    with pytest.raises(InputRefused, match=says):
        read_rules(path)


def test_a_missing_or_broken_rule_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="cannot be read"):
        read_rules(tmp_path / "none.yaml")
    (tmp_path / "bad.yaml").write_text("rules: [")
    with pytest.raises(InputRefused, match="is no rule file"):
        read_rules(tmp_path / "bad.yaml")


def test_a_rule_for_an_unknown_hazard_is_found_before_anything_is_judged(law: LawBook, rules: RuleBook) -> None:
    check_codes(rules, law)
    with pytest.raises(ValueError, match="has no hazard H99"):
        check_codes(parse_rules(book(hazard="H99"), sha256="0" * 64), law)
