from __future__ import annotations

import dataclasses
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import shapely
import yaml
from scipy.stats import norm

from core.clock import BEIJING
from core.errors import InputRefused
from core.points import GeoPoint, LocalPlane, from_plane
from detection.detection import Box, Detection
from geofence.attribute import attribute
from geofence.attributing.attribute_footing import attribute_footing
from geofence.attribution import Attribution, Share, Undecided
from geofence.fix import Covariance, Fix
from geofence.hazard import Value
from geofence.judge import check_codes, judge, judge_all, uncovered
from geofence.register.site_index import build_index
from geofence.rules.law import read_law
from geofence.rules.law_book import LawBook
from geofence.rules.rule import RuleBook
from geofence.rules.rule_cases import unguarded, untested
from geofence.rules.rule_file import parse_rules, read_rules
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


@pytest.mark.parametrize(("share", "value"), [(0.94, Value.LEAD), (0.95, Value.PROVABLE), (1.0, Value.PROVABLE)])
def test_a_place_that_is_not_sure_proves_nothing(rules: RuleBook, law: LawBook, share: float, value: Value) -> None:
    seen = sighting()
    (hazard,) = judge(seen, placed(seen, lane=share), rules=rules, register=REGISTER, law=law)
    assert hazard.value is value
    assert ("a lead, since" in hazard.explanation) is (value is Value.LEAD)


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
        (sighting("pallet_stack"), {"lane": 1.0}, "seen-too-rarely", "seen in 1/2 passes"),
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
        (book(zonse=["fire_lane"]), "r: a rule: unknown fields zonse"),
        (book(zones=["fire_line"]), "r: 'fire_line' is not a valid ZoneType"),
        (book(zones=[]), "r: zones is empty"),
        (book(labels="vehicle"), "r: labels is a list"),
        (book(labels=[]), "r: labels is empty"),
        (book(zone_probability=0), r"r: zone_probability is in \(0, 1\]"),
        (book(zone_probability="high"), "r: zone_probability has the wrong type"),
        (book(motion="parked"), "'parked' is not a valid Motion"),
        (book(seen={"times": 2}), "r: seen: unknown fields times"),
        (book(seen={"passes": 0}), "r: a thing is seen at least once"),
        (book(reach=0), r"r: reach is in \(0, 1\]"),
        ({"schema": 1, "rules": [{"id": "r", "hazard": "H13", "labels": ["v"], "reach": 0.9}]}, "there are none"),
        (book(severity=True), "r: severity has the wrong type"),
        (book(severity=5), "r: a severity is 1 to 4"),
        (book(raised={"severity": 3}), "r: raised names its periods"),
        (book(value="certain"), "'certain' is not a valid Value"),
        (book(outside={"zones": []}), "r: zones is empty"),
        (book(outside={"probability": 0.5}), "r: zones says of which types"),
        (book(near={"zones": ["dike"], "within_m": 0}), "r: near: within_m is in"),
        (book(near={"zones": ["dike"], "within_m": 5, "probability": 2}), "r: near: probability is in"),
        (book(company=[{"labels": ["person"], "within_m": 5}]), "at_least or at_most says how many"),
        (book(company=[{"labels": ["person"], "within_m": 5, "at_least": 3, "at_most": 1}]), "not above at_most"),
        (book(company=[{"within_m": 5, "at_least": 1}]), "labels says of what"),
        (book(hours={"from": "25:00", "to": "06:00"}), "hour must be in 0..23"),
        (book(hours={"from": "06:00", "to": "06:00"}), "two times"),
        (book(dwell_minutes=-1), "dwell_minutes is not negative"),
        (book(score=1.5), r"score is in \[0, 1\]"),
        ({"schema": 1, "rules": []}, "an empty one would pass everything"),
        ({"schema": 1, "rules": [RULE, RULE]}, "two rules have one id"),
        ({"schema": 1, "rules": [RULE], "not_decided": {"H13": "x"}}, "not both"),
        ({"schema": 1, "rules": [RULE], "not_decided": {"H14": ""}}, "a reason for each"),
        ({"schema": 1, "rules": [{}]}, "without its id"),
        ({"schema": 2, "rules": [RULE]}, "schema is not 1"),
        ([], "the file is a mapping"),
        (None, "the file is a mapping"),
        ({"schema": 1, "rules": [RULE], "tests": [{"name": "t", "given": {"lable": "x"}, "expect": []}]},
         "t: given: unknown fields lable"),
        ({"schema": 1, "rules": [RULE], "tests": [{"name": "t", "given": {"label": "x"}}]}, "t: expect is a list"),
        ({"schema": 1, "rules": [RULE], "tests": [{"name": "parked", "given": {"label": "vehicle"},
          "expect": ["H13"]}]}, "fails 1 of its own 1 tests: test “parked” expects H13 and gets no hazard"),
        ({"schema": 1, "rules": [RULE], "tests": [{"name": "t", "expect": [], "given":
          {"label": "vehicle", "zones": {"fire_lane": 1}}}]}, "expects no hazard and gets H13"),
        ({"schema": 1, "rules": [RULE], "tests": [{"name": "t", "expect": ["H13"], "severity": 2, "given":
          {"label": "vehicle", "zones": {"fire_lane": 1}}}]}, "expects the severity 2 and gets 1"),
        ({"schema": 1, "rules": [RULE], "tests": [{"name": "t", "expect": [], "severity": "high", "given":
          {"label": "x"}}]}, "t: severity has the wrong type"),
    ],
)  # fmt: skip
def test_a_rule_that_is_not_well_formed_is_refused_at_load(tmp_path: Path, document: object, says: str) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(yaml.safe_dump(document))
    with pytest.raises(InputRefused, match=says):
        read_rules(path)


def test_a_condition_written_twice_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text(
        "schema: 1\nrules:\n  - id: r\n    hazard: H13\n    labels: [v]\n    hazard: H14\n"
    )
    with pytest.raises(InputRefused, match="line 6: the key hazard is written twice"):
        read_rules(tmp_path / "r.yaml")
    (tmp_path / "r.yaml").write_text(
        "schema: 1\nrules:\n  - id: r\n    hazard: H13\n    labels: [v]\n    zonse: [dike]\n"
    )
    with pytest.raises(InputRefused, match="line 3: r: a rule: unknown fields zonse"):
        read_rules(tmp_path / "r.yaml")


def test_a_missing_or_broken_rule_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="cannot be read"):
        read_rules(tmp_path / "none.yaml")
    (tmp_path / "bad.yaml").write_text("rules: [")
    with pytest.raises(InputRefused, match=r"bad\.yaml: line"):
        read_rules(tmp_path / "bad.yaml")


def test_rules_are_checked_against_the_catalogue_before_anything_is_judged(law: LawBook, rules: RuleBook) -> None:
    check_codes(rules, law)
    with pytest.raises(ValueError, match="has no hazard H99"):
        check_codes(parse_rules(book(hazard="H99"), sha256="0" * 64)[0], law)
    with pytest.raises(ValueError, match="it claims provable, and of H01 the air shows lead"):
        check_codes(parse_rules(book(hazard="H01", value="provable"), sha256="0" * 64)[0], law)


def test_the_shipped_rules_speak_of_every_class_or_say_why_not(law: LawBook, rules: RuleBook) -> None:
    assert uncovered(rules, law) == ()
    assert set(rules.not_decided) < {hazard.code for hazard in law.classes}
    assert len({rule.hazard_code for rule in rules.rules}) == 32


def test_every_shipped_rule_decides_a_test_and_each_of_its_conditions_is_missed_when_it_is_struck_out() -> None:
    path = Path(__file__).resolve().parents[2] / "missions" / "rules" / "default.yaml"
    shipped, tests = parse_rules(yaml.safe_load(path.read_text()), sha256="0" * 64)
    assert untested(shipped, tests) == []
    assert unguarded(shipped, tests) == []
    without = tuple(test for test in tests if not test.name.startswith("a tanker at the road side at five"))
    assert unguarded(shipped, without) == []  # noon guards the hours, too
    day = tuple(test for test in tests if test.facts.seen_at.astimezone(BEIJING).hour in {22, 23, 4})
    assert ("tanker-over-night", "hours") in unguarded(shipped, day)


def test_the_shipped_rules_use_every_condition_of_the_language() -> None:
    rules = read_rules().rules
    assert any(rule.hours for rule in rules)
    assert any(rule.dwell_minutes for rule in rules)
    assert any(rule.only_in for rule in rules)
    assert any(rule.raised_in for rule in rules)
    assert any(rule.count for rule in rules)
    assert any(rule.near for rule in rules)
    assert any(rule.outside for rule in rules)
    assert any(rule.reach for rule in rules)
    assert any(rule.least_passes == 2 and rule.least_fixes is None for rule in rules)
    assert any(one.at_most is not None for rule in rules for one in rule.company)
    assert any(one.at_least > 1 for rule in rules for one in rule.company)


LORRY = ((-6.0, 1.5), (6.0, 1.5), (6.0, -1.5), (-6.0, -1.5))


def lorry(east_m: float) -> Sighting:
    """Return a lorry of twelve metres that stands so far east, as a box straight from above shows it."""
    made = sighting(label="truck", passes=2)
    east, north = from_plane(LocalPlane(origin=POINT), [[east_m, 0.0]])[0]
    at = GeoPoint(lon_deg=float(east), lat_deg=float(north))
    fixes = tuple(dataclasses.replace(fix, outline_m=LORRY, camera_point=at, point=at) for fix in made.fixes)
    return dataclasses.replace(made, fixes=fixes, point=at, covariance=Covariance(east_m2=0.09, north_m2=0.09))


def lane_register(zone_type: ZoneType = ZoneType.FIRE_LANE) -> Register:
    """Return a register of one lane, four metres wide about east 0."""
    plane = LocalPlane(origin=POINT)
    shape = shapely.transform(shapely.box(-2, -80, 2, 80), lambda xy: from_plane(plane, xy))
    lane = Zone(zone_id="lane", zone_type=zone_type, name="车道", shape=shape, boundary_sigma_m=0.0, version="v-lane")
    return Register(sites=(), zones=(lane,), sha256="0" * 64)


@pytest.mark.parametrize(("east_m", "code"), [(0.0, "H13"), (4.0, "H13"), (-6.0, "H13"), (9.0, None)])
def test_a_lorry_across_a_lane_blocks_it_wherever_its_middle_is(
    rules: RuleBook, law: LawBook, east_m: float, code: str | None
) -> None:
    register, seen = lane_register(), lorry(east_m)
    index = build_index(register)
    outcome = attribute_footing(seen, attribute(seen, index), index)
    hazards = judge(seen, outcome, rules=rules, register=register, law=law)
    assert [hazard.code for hazard in hazards] == ([] if code is None else [code])
    if code and east_m:
        assert "it reaches in" in hazards[0].explanation
        assert hazards[0].zone_id == "lane"
        assert hazards[0].probability > 0.95
        pointlike = attribute(seen, index)
        assert judge(seen, pointlike, rules=rules, register=register, law=law) == ()  # its middle alone misses it


def test_what_is_large_is_near_when_any_of_it_is(law: LawBook) -> None:
    register = lane_register(ZoneType.TANK_FARM)
    rules = one_rule(labels=["truck"], near={"zones": ["tank_farm"], "within_m": 1, "probability": 0.9})
    seen = lorry(8.0)  # its end lies at the tanks, its middle six metres off
    (hazard,) = judge(seen, placed(seen), rules=rules, register=register, law=law)
    assert hazard.probability > 0.9
    away = lorry(10.0)
    assert judge(away, placed(away), rules=rules, register=register, law=law) == ()
    small = dataclasses.replace(seen, fixes=tuple(dataclasses.replace(fix, outline_m=()) for fix in seen.fixes))
    assert judge(small, placed(small), rules=rules, register=register, law=law) == ()


def test_a_mutated_rule_is_caught_by_the_files_own_tests(tmp_path: Path) -> None:
    text = (Path(__file__).resolve().parents[2] / "missions" / "rules" / "default.yaml").read_text()
    head, tests = text.split("\ntests:")
    for old, new in (
        ("at_most: 1}", "at_most: 2}"),
        ("within_m: 8,", "within_m: 20,"),
        ("    motion: standing\n", ""),
        ("    zone_probability: 0.5\n", "    zone_probability: 0.1\n"),
        ("    periods: [FS, TY]\n", ""),
        ("at_least: 79", "at_least: 2"),
        ("    score: 0.5\n", ""),
        ("raised: {in_periods: [FF, FF+, QM], severity: 4}", "raised: {in_periods: [FF], severity: 4}"),
        ("dwell_minutes: 20", "dwell_minutes: 19.8"),
        ('to: "05:00"', 'to: "05:01"'),
        ("    reach: 0.9\n", "    reach: 0.8\n"),
    ):
        assert old in head
        (tmp_path / "rules.yaml").write_text(head.replace(old, new) + "\ntests:" + tests)
        with pytest.raises(InputRefused, match="of its own"):
            read_rules(tmp_path / "rules.yaml")


def one_rule(**conditions: object) -> RuleBook:
    entry = {"id": "r", "hazard": "H13", "labels": ["vehicle"]} | conditions
    return parse_rules({"schema": 1, "name": "x", "rules": [entry]}, sha256="0" * 64)[0]


@pytest.mark.parametrize(
    ("metres", "expected"), [(2.0, norm.cdf(4)), (5.0, norm.cdf(1)), (6.0, 0.5), (9.0, norm.cdf(-3))]
)
def test_nearness_is_a_probability(law: LawBook, metres: float, expected: float) -> None:
    # A tank farm east of the line; the thing stands some metres west of it with a sigma of 1 m; asked: within 6 m.
    plane = LocalPlane(origin=POINT)
    shape = shapely.transform(shapely.box(metres, -400, 400, 400), lambda xy: from_plane(plane, xy))
    farm = Zone(zone_id="T", zone_type=ZoneType.TANK_FARM, name="T", shape=shape, boundary_sigma_m=0.0, version="1")
    register = Register(sites=(), zones=(farm,), sha256="0" * 64)
    seen = sighting()
    hazards = judge(
        seen,
        placed(seen),
        rules=one_rule(near={"zones": ["tank_farm"], "within_m": 6, "probability": 1e-4}),
        register=register,
        law=law,
    )
    assert hazards[0].probability == pytest.approx(expected, abs=1e-4)
    assert hazards[0].zone_id == "T"


def beside(label: str, metres: float, minutes: float = 0.0) -> Sighting:
    east, north = from_plane(LocalPlane(origin=POINT), [[metres, 0.0]])[0]
    seen = sighting(label, seen_at=NOON + timedelta(minutes=minutes))
    return dataclasses.replace(seen, point=GeoPoint(lon_deg=float(east), lat_deg=float(north)))


@pytest.mark.parametrize(
    ("others", "found"),
    [
        ([beside("person", 4)], True),
        ([beside("person", 6)], False),
        ([beside("dog", 4)], False),
        ([beside("person", 4, minutes=30)], False),
        ([beside("person", 4), beside("worker", 3)], False),
        ([], False),
    ],
)
def test_company_counts_others_close_by_at_the_same_time(law: LawBook, others: list[Sighting], found: bool) -> None:  # noqa: FBT001
    seen = sighting()
    rules = one_rule(company=[{"labels": ["person", "worker"], "within_m": 5, "at_least": 1, "at_most": 1}])
    pairs = [(one, placed(one)) for one in (seen, *others)]
    judgement = judge_all(pairs, rules=rules, register=REGISTER, law=law)
    assert bool(judgement.hazards) is found
    assert judge(seen, placed(seen), rules=rules, register=REGISTER, law=law) == ()  # nobody looked around


def test_a_group_is_judged_within_the_whole_scene_under_each_ones_periods(law: LawBook) -> None:
    seen, other = sighting(), beside("person", 4)
    rules = one_rule(
        company=[{"labels": ["person"], "within_m": 5, "at_least": 1}], raised={"in_periods": ["NT"], "severity": 4}
    )
    pairs = [(seen, placed(seen))]
    assert not judge_all(pairs, rules=rules, register=REGISTER, law=law).hazards
    (hazard,) = judge_all(
        pairs,
        rules=rules,
        register=REGISTER,
        law=law,
        scene=[seen, other],
        periods=lambda one: ("NT",) if one is seen else (),
    ).hazards
    assert (hazard.severity, hazard.periods) == (4, ("NT",))


@pytest.mark.parametrize(("hour", "found"), [(13, False), (14, True), (21, True), (22, False)])
def test_hours_are_those_of_beijing_and_may_pass_midnight(law: LawBook, hour: int, found: bool) -> None:  # noqa: FBT001
    seen = sighting(seen_at=datetime(2026, 10, 1, hour, tzinfo=UTC))
    rules = one_rule(hours={"from": "22:00", "to": "06:00"})
    assert bool(judge(seen, placed(seen), rules=rules, register=REGISTER, law=law)) is found


def test_dwell_and_outside(law: LawBook) -> None:
    seen = sighting(fixes=121)  # a fix a second
    for minutes, found in ((2, True), (3, False)):
        rules = one_rule(dwell_minutes=minutes)
        assert bool(judge(seen, placed(seen), rules=rules, register=REGISTER, law=law)) is found
    rules = one_rule(outside={"zones": ["fire_lane", "exclusion"], "probability": 0.7})
    (hazard,) = judge(seen, placed(seen, lane=0.1, shut=0.15), rules=rules, register=REGISTER, law=law)
    assert hazard.probability == pytest.approx(0.75)
    assert judge(seen, placed(seen, lane=0.2, shut=0.15), rules=rules, register=REGISTER, law=law) == ()
