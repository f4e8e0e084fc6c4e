"""Try a rule on facts: which of its conditions fails first, or in which zone it holds.

Facts are what the rules' language speaks of, drawn from a sighting by :mod:`geofence.judge` or from the tests that a
rule file carries by :mod:`geofence.rules.rule_cases`, so that both go through this one evaluation.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Protocol

from core.clock import BEIJING
from core.text import _
from geofence.rules.rule import Company, Count, Motion, Rule
from geofence.site import ZoneType


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneStand:
    """A zone that may hold the sighting.

    Attributes:
        zone_id: The zone.
        zone_type: Its type.
        probability: That the sighting's middle stands in it, or near it, as was asked.
        reach: That some of the sighting stands in it, for what is large; 0 where only its middle counts.
        in_part: Whether a rule holds for this zone because some of the sighting reaches into it.
    """

    zone_id: str
    zone_type: ZoneType
    probability: float
    reach: float = 0.0
    in_part: bool = False


class Surroundings(Protocol):
    """What lies around a sighting; asked only by rules that need it."""

    def near(self, zone_types: frozenset[ZoneType], within_m: float) -> ZoneStand | None:
        """Return the zone of these types that the sighting most probably stands within a distance of."""
        ...

    def company(self, company: Company) -> int | None:
        """Return how many such things stand around it; None when nobody looked at the whole scene."""
        ...

    def count(self, count: Count, zone_id: str) -> float | None:
        """Return how probable it is that so many such things stand in the zone, itself counted; None as above."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the rules are asked about.

    Attributes:
        label: Class of the sighting.
        score: Detector's score of its best fix.
        moving: As in a sighting.
        passes: As in a sighting.
        fixes: How many.
        dwell_minutes: From its first to its last fix.
        seen_at: When it was seen last.
        zones: The zones that may hold it.
        periods: Codes of the key periods running.
        surroundings: What lies around it.
    """

    label: str
    score: float
    moving: bool | None
    passes: int
    fixes: int
    dwell_minutes: float
    seen_at: datetime
    zones: tuple[ZoneStand, ...]
    periods: frozenset[str]
    surroundings: Surroundings


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A rule that holds.

    Attributes:
        rule: The rule.
        stand: In or near which zone; None for a rule that asks for none.
        probability: The least of the probabilities that the rule asked for; 1 when it asked for none.
    """

    rule: Rule
    stand: ZoneStand | None
    probability: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Miss:
    """A rule that does not hold.

    Attributes:
        step: How close it came: conditions of place that held count most, then how far the others were tried.
        code: Stable slug of the condition that failed.
        reason: For a person.
    """

    step: int
    code: str
    reason: str


def try_rule(rule: Rule, facts: Facts) -> Match | Miss:
    """Return the match of a rule, or the first of its conditions that fails, in the order in which they are written.

    Args:
        rule: A rule that speaks of the facts' label.
        facts: About one sighting.
    """
    stands: list[ZoneStand] = []
    probabilities: list[float] = []
    placed = 0  # conditions of place that were asked and held: they say more of how close a rule came than the rest
    for outcome in _place(rule, facts):
        if isinstance(outcome, tuple):
            return _miss(rule, placed * _PLACE_STEP, outcome)
        if isinstance(outcome, ZoneStand):
            stands.append(outcome)
        if isinstance(outcome, ZoneStand | float):
            probabilities.append(outcome if isinstance(outcome, float) else outcome.probability)
            placed += 1
    for step, failure in enumerate(_conduct(rule, facts), start=1):
        if failure is not None:
            return _miss(rule, placed * _PLACE_STEP + step, failure)
    if rule.count is not None and stands:
        counted = _counted(rule.count, facts, stands[0])
        if isinstance(counted, tuple):
            return _miss(rule, placed * _PLACE_STEP + _PLACE_STEP - 1, counted)
        probabilities.append(counted)
    return Match(rule=rule, stand=stands[0] if stands else None, probability=min(probabilities, default=1.0))


def severity_of(rule: Rule, periods: frozenset[str]) -> int:
    """Return a rule's severity while certain key periods are running."""
    raised = rule.raised_severity is not None and rule.raised_in & periods
    return rule.raised_severity if raised and rule.raised_severity is not None else rule.severity


_PLACE_STEP: Final = 100


def _miss(rule: Rule, step: int, failure: _Failure) -> Miss:
    code, reason = failure
    return Miss(step=step, code=code, reason=f"{rule.rule_id}: {reason}")


_Failure = tuple[str, str]
_Outcome = ZoneStand | float | tuple[str, str] | None
"""A condition: held in a zone, held with a probability, failed with a code and a reason, or simply held."""


def _place(rule: Rule, facts: Facts) -> Iterator[_Outcome]:
    """Yield the conditions of place."""
    fitting = [stand for stand in facts.zones if stand.zone_type in rule.zone_types]
    kinds = ", ".join(sorted(rule.zone_types))
    if not rule.zone_types:
        yield None
    elif not fitting:
        yield "no-zone", _("it is in no zone of the type {kinds}").format(kinds=kinds)
    else:
        yield _standing(rule, fitting)
    if rule.outside is not None:
        inside = sum(stand.probability for stand in facts.zones if stand.zone_type in rule.outside.zone_types)
        outside = max(0.0, 1 - inside)
        short = outside < rule.outside.probability
        kinds = ", ".join(sorted(rule.outside.zone_types))
        reason = _("outside {kinds} with probability {probability:.2f}, below {least:.2f}")
        text = reason.format(kinds=kinds, probability=outside, least=rule.outside.probability)
        yield ("not-outside", text) if short else outside
    if rule.near is not None:
        stand = facts.surroundings.near(rule.near.zone_types, rule.near.within_m)
        if stand is None:
            kinds = ", ".join(sorted(rule.near.zone_types))
            reason = _("no zone of the type {kinds} is within {metres:g} m")
            yield "not-near", reason.format(kinds=kinds, metres=rule.near.within_m)
        else:
            yield _enough(stand, rule.near.probability)


def _by_probability(stand: ZoneStand) -> tuple[float, str]:
    return stand.probability, stand.zone_id


def _standing(rule: Rule, fitting: list[ZoneStand]) -> _Outcome:
    """Return the zone that holds a sighting's middle, or else the one that it reaches into."""
    middle = max(fitting, key=_by_probability)
    partly = max(fitting, key=lambda stand: (stand.reach, stand.zone_id))
    if rule.reach is None or middle.probability >= rule.zone_probability or partly.reach < rule.reach:
        return _enough(middle, rule.zone_probability)
    return replace(partly, probability=partly.reach, in_part=True)


def _enough(stand: ZoneStand, least: float) -> _Outcome:
    if stand.probability >= least:
        return stand
    reason = _("in {zone} with probability {probability:.2f}, below {least:.2f}")
    return "zone-uncertain", reason.format(zone=stand.zone_id, probability=stand.probability, least=least)


def _conduct(rule: Rule, facts: Facts) -> Iterator[_Failure | None]:
    """Yield the conditions of motion, being seen, company and time."""
    yield _motion(rule, facts)
    if facts.score < rule.least_score:
        reason = _("its best score is {score:.2f}, below {least:.2f}")
        yield "score", reason.format(score=facts.score, least=rule.least_score)
    yield _seen(rule, facts)
    if facts.dwell_minutes < rule.dwell_minutes:
        reason = _("seen for {minutes:.1f} of {least:g} minutes")
        yield "dwell", reason.format(minutes=facts.dwell_minutes, least=rule.dwell_minutes)
    for company in rule.company:
        yield _company(company, facts)
    if rule.hours is not None and not rule.hours.holds_at(facts.seen_at.astimezone(BEIJING).time()):
        reason = _("holds only from {begin:%H:%M} to {end:%H:%M}")
        yield "hours", reason.format(begin=rule.hours.begin, end=rule.hours.end)
    if rule.only_in and not rule.only_in & facts.periods:
        yield "period", _("holds only in the periods {periods}").format(periods=", ".join(sorted(rule.only_in)))


def _counted(count: Count, facts: Facts, stand: ZoneStand) -> float | _Failure:
    """Return how probable it is that enough things stand in a zone, or that it is not probable enough."""
    chance = facts.surroundings.count(count, stand.zone_id)
    if chance is None:
        return "count", _("what else stands in {zone} was not looked at").format(zone=stand.zone_id)
    if chance < count.probability:
        reason = _("{least} or more of {labels} in {zone} with probability {chance:.2f}, below {asked:.2f}")
        told = reason.format(
            least=count.at_least,
            labels=", ".join(sorted(count.labels)),
            zone=stand.zone_id,
            chance=chance,
            asked=count.probability,
        )
        return "count", told
    return chance


def _motion(rule: Rule, facts: Facts) -> _Failure | None:
    if rule.motion is Motion.STANDING and facts.moving is None:
        return "motion", _("it was seen once, so whether it stands is not known")
    if rule.motion is Motion.STANDING and facts.moving:
        return "motion", _("it moves")
    if rule.motion is Motion.MOVING and not facts.moving:
        return "motion", _("it is not known to move")
    return None


def _seen(rule: Rule, facts: Facts) -> _Failure | None:
    counts = [(facts.passes, rule.least_passes, _("passes")), (facts.fixes, rule.least_fixes, _("frames"))]
    asked = [(count, least, name) for count, least, name in counts if least is not None]
    if not asked or any(count >= least for count, least, _name in asked):
        return None
    shown = _(" and ").join(f"{count}/{least} {name}" for count, least, name in asked)
    return "seen-too-rarely", _("seen in {shown}").format(shown=shown)


def _company(company: Company, facts: Facts) -> _Failure | None:
    count = facts.surroundings.company(company)
    labels = ", ".join(sorted(company.labels))
    if count is None:
        return "company", _("what stands around it was not looked at")
    if count < company.at_least or (company.at_most is not None and count > company.at_most):
        reason = _("{count} of {labels} within {metres:g} m, which is not what is asked")
        return "company", reason.format(count=count, labels=labels, metres=company.within_m)
    return None
