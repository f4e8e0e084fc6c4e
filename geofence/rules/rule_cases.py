"""The tests that a rule file carries: facts in plain words, and the hazards they must give.

A rule file whose own tests fail is refused when it is read, so that a rule that somebody changed by mistake stops the
run instead of changing what an enterprise is accused of.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final

from core.text import _
from geofence.rules.rule import Company, Count, Motion, Rule, RuleBook
from geofence.rules.rule_trial import Facts, Match, ZoneStand, severity_of, try_rule
from geofence.site import ZoneType


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTest:
    """One test of a rule file.

    Attributes:
        name: What it shows.
        facts: What is given.
        expect: Hazard codes that must come of it, in any order; empty for none.
        severity: The greatest severity that they must have; None where the test does not ask.
    """

    name: str
    facts: Facts
    expect: frozenset[str]
    severity: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenSurroundings:
    """Surroundings as a test gives them.

    Attributes:
        distances_m: Distance to the nearest zone of a type.
        others: Classes of other things with their distances in metres; None when nobody looked.
        in_zone: How many other things of a class stand in the same zone, for certain.
    """

    distances_m: Mapping[ZoneType, float]
    others: tuple[tuple[str, float], ...] | None
    in_zone: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))

    def near(self, zone_types: frozenset[ZoneType], within_m: float) -> ZoneStand | None:
        """Return a zone of these types that is given as within the distance."""
        within = sorted(
            (metres, kind) for kind, metres in self.distances_m.items() if kind in zone_types and metres <= within_m
        )
        return ZoneStand(zone_id=within[0][1], zone_type=within[0][1], probability=1.0) if within else None

    def company(self, company: Company) -> int | None:
        """Return how many of the things given are such."""
        if self.others is None:
            return None
        return sum(label in company.labels and metres <= company.within_m for label, metres in self.others)

    def count(self, count: Count, zone_id: str) -> float | None:
        """Return 1 when the things given in the zone, with the one in question, are so many; else 0."""
        if self.others is None:
            return None
        del zone_id  # a test speaks of one zone
        return float(1 + sum(self.in_zone.get(label, 0) for label in count.labels) >= count.at_least)


def decide_hazards(rules: tuple[Rule, ...], facts: Facts) -> dict[str, Match]:
    """Return the first rule that holds for each hazard code."""
    found: dict[str, Match] = {}
    for rule in rules:
        if facts.label in rule.labels and rule.hazard_code not in found:
            outcome = try_rule(rule, facts)
            if isinstance(outcome, Match):
                found[rule.hazard_code] = outcome
    return found


def failures(book: RuleBook, tests: tuple[RuleTest, ...]) -> list[str]:
    """Return one sentence for each test that fails."""
    return [said for test in tests if (said := _failure(book.rules, test))]


def _failure(rules: tuple[Rule, ...], test: RuleTest) -> str:
    """Return what a test expects and does not get; "" where it passes."""
    found = decide_hazards(rules, test.facts)
    if set(found) != test.expect:
        return _("test “{name}” expects {expected} and gets {found}").format(
            name=test.name,
            expected=", ".join(sorted(test.expect)) or _("no hazard"),
            found=", ".join(sorted(found)) or _("no hazard"),
        )
    severity = max((severity_of(match.rule, test.facts.periods) for match in found.values()), default=None)
    if test.severity not in {None, severity}:
        return _("test “{name}” expects the severity {expected} and gets {found}").format(
            name=test.name, expected=test.severity, found=severity
        )
    return ""


def untested(book: RuleBook, tests: tuple[RuleTest, ...]) -> list[str]:
    """Return the ids of rules that decide no test."""
    deciding = {match.rule.rule_id for test in tests for match in decide_hazards(book.rules, test.facts).values()}
    return [rule.rule_id for rule in book.rules if rule.rule_id not in deciding]


_LOOSE: Final[Mapping[str, Mapping[str, object]]] = MappingProxyType(
    {
        # "count" and "reach" speak of the zones, so that they go with them.
        "zones": {"zone_types": frozenset(), "reach": None, "count": None},
        "zone_probability": {"zone_probability": 1e-9},
        "reach": {"reach": None},
        "outside": {"outside": None},
        "near": {"near": None},
        "motion": {"motion": Motion.ANY},
        "score": {"least_score": 0.0},
        "seen": {"least_passes": None, "least_fixes": None},
        "dwell_minutes": {"dwell_minutes": 0.0},
        "company": {"company": ()},
        "count": {"count": None},
        "hours": {"hours": None},
        "periods": {"only_in": frozenset()},
        "raised": {"raised_in": frozenset(), "raised_severity": None},
    }
)
"""What each word of a rule asks when nobody writes it."""


def unguarded(book: RuleBook, tests: tuple[RuleTest, ...]) -> list[tuple[str, str]]:
    """Return the conditions, by rule and word, that could be struck out without any test noticing.

    A rule whose condition is lost by a slip of the hand accuses more enterprises than its author meant, so each
    condition is worth a test that fails without it.
    """
    passing = [test for test in tests if not _failure(book.rules, test)]
    spared = []
    for place, rule in enumerate(book.rules):
        for word, loose in _LOOSE.items():
            fields: dict[str, Any] = dict(loose)
            looser = replace(rule, **fields)
            if looser == rule or (word == "zone_probability" and not rule.zone_types):
                continue
            rules = (*book.rules[:place], looser, *book.rules[place + 1 :])
            if not any(_failure(rules, test) for test in passing):
                spared.append((rule.rule_id, word))
    return spared
