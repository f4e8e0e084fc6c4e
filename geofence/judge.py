"""Judge what a sighting means: rules over class, zone, motion and period, and the law in force that day.

For one sighting:

1. Every rule that speaks of the sighting's class is tried, in the file's order.
2. Its conditions are tried in the order zone, motion, times seen, period. All must hold.
3. Among the zones that satisfy it, the most probable one is named.
4. For one hazard class, the first rule that holds decides.
5. The hazard cites the law as it stood in Beijing on the day the thing was last seen.

A sighting that is no hazard keeps a reason: that of the rule that came closest.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from core.clock import BEIJING
from core.refusal import Refusal
from core.text import _
from geofence.attribution import Attribution, Share, Undecided
from geofence.hazard import Hazard
from geofence.law import cite
from geofence.law_book import LawBook
from geofence.rule import Motion, Rule, RuleBook
from geofence.sighting import Sighting
from geofence.site import Register, Zone


@dataclass(frozen=True, slots=True, kw_only=True)
class NoHazard:
    """A sighting to which no rule applies, and why.

    Attributes:
        sighting_id: Which sighting.
        code: Stable slug: "no-rule", "no-zone", "zone-uncertain", "motion", "seen-too-rarely", "period".
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Miss:
    """A rule that does not hold: how far it came, and what failed."""

    step: int
    code: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Match:
    """A rule that holds: in which zone, with what probability."""

    rule: Rule
    zone: Zone | None
    probability: float


def judge(
    sighting: Sighting,
    attribution: Attribution | Undecided,
    *,
    rules: RuleBook,
    register: Register,
    law: LawBook,
    periods: tuple[str, ...] = (),
) -> tuple[Hazard, ...]:
    """Return the hazards that a sighting is; none when no rule applies.

    Args:
        sighting: What was seen.
        attribution: Where it stands, from the same register.
        rules: The rules.
        register: For the zones' types.
        law: For names, citations and penalties.
        periods: Codes of the key periods running when it was seen.

    Raises:
        ValueError: Sighting and attribution speak of two things, a zone is not in the register, or a rule names a
            hazard that the catalogue lacks.
    """
    outcome = _judge_one(sighting, attribution, _bench(rules, register, law, periods))
    return outcome if isinstance(outcome, tuple) else ()


def judge_all(
    pairs: Iterable[tuple[Sighting, Attribution | Undecided]],
    *,
    rules: RuleBook,
    register: Register,
    law: LawBook,
    periods: tuple[str, ...] = (),
) -> Judgement:
    """Return what many sightings mean, with a reason for each that is no hazard.

    Args:
        pairs: Sightings with their attributions.
        rules: As in :func:`judge`.
        register: As in :func:`judge`.
        law: As in :func:`judge`.
        periods: As in :func:`judge`.
    """
    check_codes(rules, law)
    bench = _bench(rules, register, law, periods)
    hazards: list[Hazard] = []
    missed: list[NoHazard] = []
    refused: list[Refusal] = []
    for sighting, attribution in pairs:
        try:
            outcome = _judge_one(sighting, attribution, bench)
        except ValueError as error:
            refused.append(Refusal(subject=sighting.sighting_id, code="not-judged", reason=str(error)))
            continue
        if isinstance(outcome, NoHazard):
            missed.append(outcome)
        else:
            hazards += outcome
    return Judgement(hazards=tuple(hazards), no_hazard=tuple(missed), refused=tuple(refused))


def check_codes(rules: RuleBook, law: LawBook) -> None:
    """Raise ``ValueError`` when a rule names a hazard that the catalogue lacks."""
    known = {hazard.code for hazard in law.classes}
    for rule in rules.rules:
        if rule.hazard_code not in known:
            raise ValueError(f"{rule.rule_id}: the catalogue has no hazard {rule.hazard_code}")


def _bench(rules: RuleBook, register: Register, law: LawBook, periods: tuple[str, ...]) -> _Bench:
    return _Bench(rules=rules, zones={zone.zone_id: zone for zone in register.zones}, law=law, periods=periods)


def _judge_one(
    sighting: Sighting, attribution: Attribution | Undecided, bench: _Bench
) -> tuple[Hazard, ...] | NoHazard:
    if sighting.sighting_id != attribution.sighting_id:
        raise ValueError("the attribution speaks of another sighting")
    for share in attribution.zones:
        if share.key not in bench.zones or bench.zones[share.key].version != share.version:
            raise ValueError(f"the zone {share.key} is not in this register as it was when it was attributed")
    speaking = [rule for rule in bench.rules.rules if sighting.label in rule.labels]
    closest = _Miss(step=-1, code="no-rule", reason=_("no rule speaks of {label}").format(label=sighting.label))
    hazards: dict[str, Hazard] = {}
    for rule in speaking:
        outcome = _try_rule(rule, sighting, attribution, bench)
        if isinstance(outcome, _Miss):
            closest = max(closest, outcome, key=lambda miss: miss.step)  # the first of equals stays
        elif rule.hazard_code not in hazards:
            hazards[rule.hazard_code] = _hazard(outcome, sighting, bench)
    if hazards:
        return tuple(hazards.values())
    return NoHazard(sighting_id=sighting.sighting_id, code=closest.code, reason=closest.reason)


def _try_rule(rule: Rule, sighting: Sighting, attribution: Attribution | Undecided, bench: _Bench) -> _Match | _Miss:
    """Return the match of a rule, or the first of its conditions that fails."""
    place = _place(rule, attribution, bench.zones)
    if isinstance(place, _Miss):
        return place
    if rule.motion is Motion.STANDING and sighting.moving is not False:
        reason = (
            _("{rule}: it was seen once, so whether it stands is not known")
            if sighting.moving is None
            else _("{rule}: it moves")
        )
        return _Miss(step=2, code="motion", reason=reason.format(rule=rule.rule_id))
    if rule.motion is Motion.MOVING and not sighting.moving:
        return _Miss(step=2, code="motion", reason=_("{rule}: it does not move").format(rule=rule.rule_id))
    if sighting.passes < rule.least_passes and len(sighting.fixes) < rule.least_fixes:
        reason = _("{rule}: seen in {passes} of {least_passes} passes and {fixes} of {least_fixes} frames").format(
            rule=rule.rule_id,
            passes=sighting.passes,
            least_passes=rule.least_passes,
            fixes=len(sighting.fixes),
            least_fixes=rule.least_fixes,
        )
        return _Miss(step=3, code="seen-too-rarely", reason=reason)
    if rule.only_in and not rule.only_in.intersection(bench.periods):
        reason = _("{rule}: holds only in the periods {periods}").format(
            rule=rule.rule_id, periods=", ".join(sorted(rule.only_in))
        )
        return _Miss(step=4, code="period", reason=reason)
    zone, probability = place
    return _Match(rule=rule, zone=zone, probability=probability)


def _place(
    rule: Rule, attribution: Attribution | Undecided, zones: dict[str, Zone]
) -> tuple[Zone | None, float] | _Miss:
    """Return the most probable zone of the rule's types, or why there is none."""
    if not rule.zone_types:
        return None, 1.0
    fitting: list[Share] = [share for share in attribution.zones if zones[share.key].zone_type in rule.zone_types]
    kinds = ", ".join(sorted(rule.zone_types))
    if not fitting:
        reason = _("{rule}: it is in no zone of the type {kinds}").format(rule=rule.rule_id, kinds=kinds)
        return _Miss(step=0, code="no-zone", reason=reason)
    best = max(fitting, key=lambda share: (share.probability, share.key))
    if best.probability < rule.zone_probability:
        reason = _("{rule}: in {zone} with probability {probability:.2f}, below {least:.2f}").format(
            rule=rule.rule_id, zone=best.key, probability=best.probability, least=rule.zone_probability
        )
        return _Miss(step=1, code="zone-uncertain", reason=reason)
    return zones[best.key], best.probability


def _hazard(match: _Match, sighting: Sighting, bench: _Bench) -> Hazard:
    rule, zone = match.rule, match.zone
    try:
        known = bench.law.hazard_class(rule.hazard_code)
    except KeyError:
        raise ValueError(f"{rule.rule_id}: the catalogue has no hazard {rule.hazard_code}") from None
    running = sorted(rule.raised_in.intersection(bench.periods))
    severity = rule.raised_severity if running and rule.raised_severity is not None else rule.severity
    where = _("anywhere") if zone is None else f"{zone.name} ({zone.zone_type}, {zone.zone_id})"
    explanation = _(
        "{label} in {where} with probability {probability:.2f} (least {least:.2f}), seen in {passes} passes and "
        "{fixes} frames, by rule {rule}"
    ).format(
        label=sighting.label,
        where=where,
        probability=match.probability,
        least=rule.zone_probability,
        passes=sighting.passes,
        fixes=len(sighting.fixes),
        rule=rule.rule_id,
    )
    if running:
        explanation += _("; severity raised to {severity} in {periods}").format(
            severity=severity, periods=", ".join(running)
        )
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
        value=rule.value or known.value,
        periods=bench.periods,
        citations=cite(bench.law, known.code, sighting.last_seen.astimezone(BEIJING).date()),
        authority=known.authority,
        explanation=explanation,
        severity=severity,
        penalties=known.penalties,
        transfer=known.transfer,
        rectification=known.rectification,
    )
