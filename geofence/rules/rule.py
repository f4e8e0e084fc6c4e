"""Rule and RuleBook: what a sighting means, as values that validate themselves (see ``docs/rules.md``)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import time
from enum import StrEnum
from types import MappingProxyType

from geofence.hazard import Value
from geofence.site import ZoneType


class Motion(StrEnum):
    """What a rule asks of a sighting's motion."""

    ANY = "any"
    STANDING = "standing"  # known to stand: a sighting of one fix may be moving, and does not satisfy it
    MOVING = "moving"


def _check_share(name: str, share: float) -> None:
    if not (math.isfinite(share) and 0 < share <= 1):
        raise ValueError(f"{name} is in (0, 1]")


def _check_metres(name: str, metres: float) -> None:
    if not (math.isfinite(metres) and 0 < metres <= 5_000):
        raise ValueError(f"{name} is in (0, 5000] metres")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """The sighting stands in no zone of these types: 1 less the sum of its shares there reaches the probability."""

    zone_types: frozenset[ZoneType]
    probability: float = 0.8

    def __post_init__(self) -> None:
        _check_share("outside: probability", self.probability)


@dataclass(frozen=True, slots=True, kw_only=True)
class Near:
    """The sighting stands inside a zone of these types or within a distance of it, with a probability."""

    zone_types: frozenset[ZoneType]
    within_m: float
    probability: float = 0.5

    def __post_init__(self) -> None:
        _check_metres("near: within_m", self.within_m)
        _check_share("near: probability", self.probability)


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """How many other things of certain classes stand around the sighting, seen at about the same time.

    Attributes:
        labels: Their classes.
        within_m: Greatest distance between the fused positions, metres.
        at_least: Fewest of them.
        at_most: Most of them, or None for no bound.
        within_minutes: Greatest gap in time between the two being seen.
    """

    labels: frozenset[str]
    within_m: float
    at_least: int = 0
    at_most: int | None = None
    within_minutes: float = 10.0

    def __post_init__(self) -> None:
        _check_metres("company: within_m", self.within_m)
        if self.at_least < 0 or (self.at_most is not None and self.at_most < self.at_least):
            raise ValueError("company: at_least is not negative and not above at_most")
        if self.at_least == 0 and self.at_most is None:
            raise ValueError("company: at_least or at_most says how many")
        if not (math.isfinite(self.within_minutes) and self.within_minutes >= 0):
            raise ValueError("company: within_minutes is not negative")


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """How many things of certain classes stand in the zone that the rule finds the sighting in, itself counted.

    Only what was seen is counted: who was missed would make more of them, never fewer.

    Attributes:
        labels: Their classes.
        at_least: Fewest of them.
        probability: Least probability that so many of those seen stand in the zone, given where each may be.
        within_minutes: Greatest gap in time between the sighting and each of them being seen.
    """

    labels: frozenset[str]
    at_least: int
    probability: float = 0.9
    within_minutes: float = 1.0

    def __post_init__(self) -> None:
        if not self.labels or self.at_least < 2:
            raise ValueError("count: labels says of what, and at_least is two or more")
        _check_share("count: probability", self.probability)
        if not (math.isfinite(self.within_minutes) and self.within_minutes >= 0):
            raise ValueError("count: within_minutes is not negative")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """Hours of the day in Beijing, from one up to but without the other; they may pass midnight."""

    begin: time
    end: time

    def __post_init__(self) -> None:
        if self.begin == self.end:
            raise ValueError("hours: from and to are two times")

    def holds_at(self, clock: time) -> bool:
        """Return whether a time of day lies in them."""
        if self.begin < self.end:
            return self.begin <= clock < self.end
        return clock >= self.begin or clock < self.end


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule: conditions that must all hold, and the hazard that then is.

    Attributes:
        rule_id: Its id.
        hazard_code: The hazard class.
        about: Why it is as it is, for people.
        labels: Classes of sightings it speaks of.
        zone_types: Types of zones, one of which must hold the sighting; empty for anywhere.
        zone_probability: Least probability of that zone, in (0, 1].
        reach: Where the middle of a large thing is not so probably in such a zone: the least probability that some of
            it is; None where only its middle counts.
        outside: Zones it must not stand in.
        near: Zones it must stand near.
        motion: What is asked of its motion.
        least_score: Least detector's score of its best fix.
        least_passes: Passes that suffice to have been seen, or None.
        least_fixes: Fixes that suffice to have been seen, or None; where both are given, either does.
        dwell_minutes: Least time between its first and last fix.
        company: Other things around it; all must hold.
        count: How many such things stand in its zone; None for any number.
        once_within_m: Of the things that the rule holds for within so many metres of each other, seen within ten
            minutes, one is the incident; None for each its own.
        hours: Hours of the day in which it must have been seen last.
        only_in: Codes of periods, one of which must be running; empty for always.
        severity: 1 (look at it) to 4 (act at once).
        raised_in: Codes of periods that raise the severity.
        raised_severity: To what.
        value: What the rule claims; None for the hazard class's own. It may claim less than its class, not more.
    """

    rule_id: str
    hazard_code: str
    about: str = ""
    labels: frozenset[str]
    zone_types: frozenset[ZoneType] = frozenset()
    zone_probability: float = 0.5
    reach: float | None = None
    outside: Outside | None = None
    near: Near | None = None
    motion: Motion = Motion.ANY
    least_score: float = 0.0
    least_passes: int | None = None
    least_fixes: int | None = None
    dwell_minutes: float = 0.0
    company: tuple[Company, ...] = ()
    count: Count | None = None
    once_within_m: float | None = None
    hours: Hours | None = None
    only_in: frozenset[str] = frozenset()
    severity: int = 1
    raised_in: frozenset[str] = frozenset()
    raised_severity: int | None = None
    value: Value | None = None

    def __post_init__(self) -> None:
        if not (self.rule_id and self.hazard_code and self.labels):
            raise ValueError("a rule has an id, a hazard and at least one label")
        _check_share("zone_probability", self.zone_probability)
        _check_zone_words(self)
        if not 0 <= self.least_score <= 1:
            raise ValueError("score is in [0, 1]")
        if any(least is not None and least < 1 for least in (self.least_passes, self.least_fixes)):
            raise ValueError("a thing is seen at least once")
        if not (math.isfinite(self.dwell_minutes) and self.dwell_minutes >= 0):
            raise ValueError("dwell_minutes is not negative")
        severities = (self.severity, self.severity if self.raised_severity is None else self.raised_severity)
        if not all(1 <= severity <= 4 for severity in severities):
            raise ValueError("a severity is 1 to 4")
        if bool(self.raised_in) != (self.raised_severity is not None):
            raise ValueError("raised names its periods and its severity")
        if self.once_within_m is not None:
            _check_metres("once_within_m", self.once_within_m)


def _check_zone_words(rule: Rule) -> None:
    """Check what speaks of the zones that ``zones`` names."""
    if rule.reach is not None:
        _check_share("reach", rule.reach)
        if not rule.zone_types:
            raise ValueError("reach speaks of the zones that zones names, and there are none")
    if rule.count is not None and not rule.zone_types:
        raise ValueError("count speaks of the zone that zones finds, and there are no zones")


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleBook:
    """The rules of one run.

    Attributes:
        name: The file's own name for itself.
        rules: In the file's order; ids are unique. For one hazard class the first rule that holds decides.
        not_decided: Hazard codes that these rules cannot decide, with the reason for each.
        sha256: Digest of the file, hex.
    """

    name: str
    rules: tuple[Rule, ...]
    not_decided: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    sha256: str

    def __post_init__(self) -> None:
        if not self.rules:
            raise ValueError("a rule book has rules; an empty one would pass everything")
        ids = [rule.rule_id for rule in self.rules]
        if len(set(ids)) != len(ids):
            raise ValueError("two rules have one id")
        both = {rule.hazard_code for rule in self.rules} & set(self.not_decided)
        if both:
            raise ValueError(f"{', '.join(sorted(both))}: a hazard is decided by a rule or not decided, not both")
