"""Judge what a sighting means: rules over class, zone, motion, company and period, and the law in force that day.

For one sighting:

1. Every rule that speaks of the sighting's class is tried, in the file's order.
2. Its conditions are tried in the order place, motion, times seen, dwell, company, hours, periods. All must hold.
3. Among the zones that satisfy it, the most probable one is named.
4. For one hazard class, the first rule that holds decides.
5. What a class calls provable is a lead while its place is less than 0.95 probable.
6. The hazard cites the law, and what it provides, as it stood in Beijing on the day the thing was last seen.

A sighting that is no hazard keeps a reason: that of the rule that came closest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from core.clock import BEIJING
from core.points import distance_m
from core.refusal import Refusal
from core.text import _
from geofence.attributing.origin_words import tell_origin
from geofence.attribution import Attribution, Undecided
from geofence.gathering.body_length import tell_length
from geofence.hazard import Hazard, Value
from geofence.rules.law import cite, penalties_on
from geofence.rules.law_book import LawBook
from geofence.rules.rule import RuleBook
from geofence.rules.rule_scene import Around, Scene, build_scene, gap_minutes
from geofence.rules.rule_trial import Facts, Match, Miss, ZoneStand, severity_of, try_rule
from geofence.sighting import Sighting
from geofence.site import Register, Zone

PROVABLE_FROM: Final = 0.95
"""Below this probability of the place nothing is proven, whatever a frame shows: the claim is that of a lead."""
ONCE_MINUTES: Final = 10.0
_CLAIMS: Final = {Value.ALERT: 0, Value.LEAD: 1, Value.PROVABLE: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class NoHazard:
    """A sighting to which no rule applies, and why.

    Attributes:
        sighting_id: Which sighting.
        code: Stable slug of the condition that failed: "no-rule", "no-zone", "zone-uncertain", "not-outside",
            "not-near", "motion", "score", "seen-too-rarely", "dwell", "company", "count", "hours", "period",
            "told-once".
        reason: For a person, with the numbers of the rule that came closest.
    """

    sighting_id: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What a run's sightings mean: every sighting is in exactly one of the three.

    Attributes:
        hazards: What was found; one sighting may be several hazards.
        no_hazard: Sightings to which no rule applies.
        refused: Sightings that could not be judged.
    """

    hazards: tuple[Hazard, ...]
    no_hazard: tuple[NoHazard, ...]
    refused: tuple[Refusal, ...]

    @property
    def counts(self) -> dict[str, int]:
        """Sightings by outcome; their sum is the number judged."""
        return {
            "hazard": len({hazard.sighting_id for hazard in self.hazards}),
            "no_hazard": len(self.no_hazard),
            "refused": len(self.refused),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bench:
    """What a sighting is judged by."""

    rules: RuleBook
    zones: dict[str, Zone]
    law: LawBook
    periods: tuple[str, ...]
    scene: Scene


def judge(
    sighting: Sighting,
    attribution: Attribution | Undecided,
    *,
    rules: RuleBook,
    register: Register,
    law: LawBook,
    periods: tuple[str, ...] = (),
    scene: Sequence[Sighting] | None = None,
) -> tuple[Hazard, ...]:
    """Return the hazards that a sighting is; none when no rule applies.

    Args:
        sighting: What was seen.
        attribution: Where it stands, from the same register.
        rules: The rules.
        register: For the zones' types.
        law: For names, citations and penalties.
        periods: Codes of the key periods running when it was seen.
        scene: Everything seen in the run; None when that is not known (rules about company then never hold).

    Raises:
        ValueError: Sighting and attribution speak of two things, a zone is not in the register, or a rule names a
            hazard that the catalogue lacks.
    """
    outcome = _judge_one(sighting, attribution, _bench(rules, register, law, periods, build_scene(register, scene)))
    return outcome if isinstance(outcome, tuple) else ()


def judge_all(
    pairs: Iterable[tuple[Sighting, Attribution | Undecided]],
    *,
    rules: RuleBook,
    register: Register,
    law: LawBook,
    periods: tuple[str, ...] | Callable[[Sighting], tuple[str, ...]] = (),
    scene: Sequence[Sighting] | None = None,
) -> Judgement:
    """Return what many sightings mean, with a reason for each that is no hazard.

    Args:
        pairs: Sightings with their attributions.
        rules: As in :func:`judge`.
        register: As in :func:`judge`.
        law: As in :func:`judge`.
        periods: As in :func:`judge`; a function says for each sighting which periods were running.
        scene: Everything seen in the run, where that is more than these sightings; None for just these.

    Raises:
        ValueError: A rule names a hazard that the catalogue lacks, or claims more than its class.
    """
    check_codes(rules, law)
    listed = list(pairs)
    shares = {attribution.sighting_id: attribution.zones for _sighting, attribution in listed}
    whole = build_scene(register, [sighting for sighting, _attribution in listed] if scene is None else scene, shares)
    running = periods if callable(periods) else lambda _sighting: periods
    bench = _bench(rules, register, law, (), whole)
    hazards: list[Hazard] = []
    missed: list[NoHazard] = []
    refused: list[Refusal] = []
    for sighting, attribution in listed:
        try:
            outcome = _judge_one(sighting, attribution, replace(bench, periods=running(sighting)))
        except ValueError as error:
            refused.append(Refusal(subject=sighting.sighting_id, code="not-judged", reason=str(error)))
            continue
        if isinstance(outcome, NoHazard):
            missed.append(outcome)
        else:
            hazards += outcome
    told, merged = _told_once(hazards, {sighting.sighting_id: sighting for sighting, _attribution in listed}, rules)
    return Judgement(hazards=told, no_hazard=(*missed, *merged), refused=tuple(refused))


def _told_once(
    hazards: Sequence[Hazard], sightings: Mapping[str, Sighting], rules: RuleBook
) -> tuple[tuple[Hazard, ...], tuple[NoHazard, ...]]:
    """Return the hazards without those that another one of the same rule tells already, and these with the reason.

    Whatever the order they come in, the one that was seen first tells for those around it.
    """
    once = {rule.rule_id: rule.once_within_m for rule in rules.rules if rule.once_within_m is not None}
    telling: dict[str, list[Sighting]] = {}
    silent: dict[tuple[str, str], str] = {}
    for hazard in sorted(hazards, key=lambda one: (sightings[one.sighting_id].first_seen, one.sighting_id)):
        within_m = once.get(hazard.rule_id)
        if within_m is None:
            continue
        seen = sightings[hazard.sighting_id]
        told = telling.setdefault(hazard.rule_id, [])
        teller = next((other for other in told if _together(seen, other, within_m)), None)
        if teller is None:
            told.append(seen)
        else:
            silent[hazard.rule_id, hazard.sighting_id] = teller.sighting_id
    kept = tuple(hazard for hazard in hazards if (hazard.rule_id, hazard.sighting_id) not in silent)
    speaking = {hazard.sighting_id for hazard in kept}
    merged = {
        sighting_id: NoHazard(
            sighting_id=sighting_id,
            code="told-once",
            reason=_("{rule}: the incident of the one seen first nearby counts it").format(rule=rule_id),
        )
        for rule_id, sighting_id in silent
        if sighting_id not in speaking
    }
    return kept, tuple(merged.values())


def _together(one: Sighting, other: Sighting, within_m: float) -> bool:
    return distance_m(one.point, other.point) <= within_m and gap_minutes(one, other) <= ONCE_MINUTES


def check_codes(rules: RuleBook, law: LawBook) -> None:
    """Check rules against the catalogue they will be used with.

    Args:
        rules: The rules.
        law: The catalogue.

    Raises:
        ValueError: A rule names a hazard that the catalogue lacks, or claims more than the air can show of it.
    """
    known = {hazard.code: hazard for hazard in law.classes}
    for rule in rules.rules:
        if rule.hazard_code not in known:
            raise ValueError(f"{rule.rule_id}: the catalogue has no hazard {rule.hazard_code}")
        most = known[rule.hazard_code].value
        if rule.value is not None and _CLAIMS[rule.value] > _CLAIMS[most]:
            raise ValueError(f"{rule.rule_id}: it claims {rule.value}, and of {rule.hazard_code} the air shows {most}")


def uncovered(rules: RuleBook, law: LawBook) -> tuple[str, ...]:
    """Return the codes of the catalogue that no rule decides and that the rule file does not name as undecided."""
    spoken = {rule.hazard_code for rule in rules.rules} | set(rules.not_decided)
    return tuple(hazard.code for hazard in law.classes if hazard.code not in spoken)


def _bench(rules: RuleBook, register: Register, law: LawBook, periods: tuple[str, ...], scene: Scene) -> _Bench:
    zones = {zone.zone_id: zone for zone in register.zones}
    return _Bench(rules=rules, zones=zones, law=law, periods=periods, scene=scene)


def _judge_one(
    sighting: Sighting, attribution: Attribution | Undecided, bench: _Bench
) -> tuple[Hazard, ...] | NoHazard:
    facts = _facts(sighting, attribution, bench)
    closest = Miss(step=-1, code="no-rule", reason=_("no rule speaks of {label}").format(label=sighting.label))
    hazards: dict[str, Hazard] = {}
    for rule in bench.rules.rules:
        if sighting.label not in rule.labels or rule.hazard_code in hazards:
            continue
        outcome = try_rule(rule, facts)
        if isinstance(outcome, Miss):
            closest = max(closest, outcome, key=lambda miss: miss.step)  # the first of equals stays
        else:
            hazards[rule.hazard_code] = _hazard(outcome, facts, (sighting, attribution), bench)
    if hazards:
        return tuple(hazards.values())
    return NoHazard(sighting_id=sighting.sighting_id, code=closest.code, reason=closest.reason)


def _facts(sighting: Sighting, attribution: Attribution | Undecided, bench: _Bench) -> Facts:
    if sighting.sighting_id != attribution.sighting_id:
        raise ValueError("the attribution speaks of another sighting")
    stands = [
        ZoneStand(zone_id=zone.zone_id, zone_type=zone.zone_type, probability=probability, reach=reach)
        for zone, probability, reach in _zones_of(attribution, bench)
    ]
    return Facts(
        label=sighting.label,
        score=max(fix.detection.score for fix in sighting.fixes),
        moving=sighting.moving,
        passes=sighting.passes,
        fixes=len(sighting.fixes),
        dwell_minutes=(sighting.last_seen - sighting.first_seen).total_seconds() / 60,
        seen_at=sighting.last_seen,
        zones=tuple(stands),
        periods=frozenset(bench.periods),
        surroundings=Around(scene=bench.scene, sighting=sighting),
    )


def _zones_of(attribution: Attribution | Undecided, bench: _Bench) -> Iterator[tuple[Zone, float, float]]:
    """Yield the zones that may hold a sighting, with the probability of its middle and that of any of it."""
    middles = {share.key: share for share in attribution.zones}
    parts = {} if attribution.footing is None else {part.key: part for part in attribution.footing.on_zones}
    for key in {**middles, **parts}:
        zone = bench.zones.get(key)
        if zone is None or zone.version != (middles.get(key) or parts[key]).version:
            raise ValueError(f"the zone {key} is not in this register as it was when it was attributed")
        reach = parts[key].reach if key in parts else None
        yield zone, middles[key].probability if key in middles else 0.0, reach or 0.0


def _hazard(match: Match, facts: Facts, seen: tuple[Sighting, Attribution | Undecided], bench: _Bench) -> Hazard:
    rule, (sighting, attribution) = match.rule, seen
    zone = None if match.stand is None else bench.zones[match.stand.zone_id]
    try:
        known = bench.law.hazard_class(rule.hazard_code)
    except KeyError:
        raise ValueError(f"{rule.rule_id}: the catalogue has no hazard {rule.hazard_code}") from None
    day = facts.seen_at.astimezone(BEIJING).date()
    value = rule.value or known.value
    unsure = value is Value.PROVABLE and match.probability < PROVABLE_FROM
    if unsure:
        value = Value.LEAD
    running = sorted(rule.raised_in & facts.periods)
    severity = severity_of(rule, facts.periods)
    where = _("anywhere") if zone is None else f"{zone.name} ({zone.zone_type}, {zone.zone_id})"
    explanation = _(
        "{label} in {where} with probability {probability:.2f}, seen in {passes} passes and {fixes} frames, "
        "by rule {rule}"
    ).format(
        label=sighting.label,
        where=where,
        probability=match.probability,
        passes=facts.passes,
        fixes=facts.fixes,
        rule=rule.rule_id,
    )
    if unsure:
        explanation += _("; a lead, since its place is less than {least:.2f} probable").format(least=PROVABLE_FROM)
    if running:
        explanation += _("; severity raised to {severity} in {periods}").format(
            severity=severity, periods=", ".join(running)
        )
    if match.stand is not None and match.stand.in_part:
        explanation += "; " + _in_part(attribution, match.stand)
    if attribution.origin is not None:
        explanation += "; " + tell_origin(attribution.origin)
    if sighting.length is not None:
        explanation += tell_length(sighting.label, sighting.length)
    return Hazard(
        code=known.code,
        name_zh=known.name_zh,
        name_en=known.name_en,
        rule_id=rule.rule_id,
        rules_sha256=bench.rules.sha256,
        sighting_id=sighting.sighting_id,
        zone_id=zone.zone_id if zone else None,
        zone_version=zone.version if zone else "",
        probability=match.probability,
        value=value,
        periods=bench.periods,
        citations=cite(bench.law, known.code, day),
        authority=known.authority,
        explanation=explanation,
        severity=severity,
        penalties=penalties_on(bench.law, known.code, day),
        transfer=known.transfer,
        rectification=known.rectification,
    )


def _in_part(attribution: Attribution | Undecided, stand: ZoneStand) -> str:
    """Return how much of a large thing's outline lies in the zone that it reaches into."""
    parts = () if attribution.footing is None else attribution.footing.on_zones
    part = next(part for part in parts if part.key == stand.zone_id)
    return _(
        "its middle may stand beside the zone, but it reaches in: of the outline around it {area:.0f} m² "
        "({least:.0f} to {most:.0f}) lie there"
    ).format(area=part.area_m2, least=part.least_m2, most=part.most_m2)
