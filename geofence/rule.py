"""Rule and RuleBook: what a sighting means, as values that validate themselves."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from geofence.hazard import Value
from geofence.site import ZoneType


class Motion(StrEnum):
    """What a rule asks of a sighting's motion."""

    ANY = "any"
    STANDING = "standing"  # known to stand: a sighting of one fix may be moving, and does not satisfy it
    MOVING = "moving"


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
        motion: What is asked of its motion.
        least_passes: Passes that suffice to have been seen.
        least_fixes: Fixes that suffice too; the condition is passes or fixes.
        only_in: Codes of periods, one of which must be running; empty for always.
        severity: 1 (look at it) to 4 (act at once).
        raised_in: Codes of periods that raise the severity.
        raised_severity: To what.
        value: The most the rule claims; None for the hazard class's own.
    """

    rule_id: str
    hazard_code: str
    about: str = ""
    labels: frozenset[str]
    zone_types: frozenset[ZoneType] = frozenset()
    zone_probability: float = 0.5
    motion: Motion = Motion.ANY
    least_passes: int = 1
    least_fixes: int = 1
    only_in: frozenset[str] = frozenset()
    severity: int = 1
    raised_in: frozenset[str] = frozenset()
    raised_severity: int | None = None
    value: Value | None = None

    def __post_init__(self) -> None:
        if not (self.rule_id and self.hazard_code and self.labels):
            raise ValueError(f"{self.rule_id}: a rule has an id, a hazard and at least one label")
        if not (math.isfinite(self.zone_probability) and 0 < self.zone_probability <= 1):
            raise ValueError(f"{self.rule_id}: zone_probability is in (0, 1]")
        if self.least_passes < 1 or self.least_fixes < 1:
            raise ValueError(f"{self.rule_id}: a thing is seen at least once")
        severities = (self.severity, self.severity if self.raised_severity is None else self.raised_severity)
        if not all(1 <= severity <= 4 for severity in severities):
            raise ValueError(f"{self.rule_id}: a severity is 1 to 4")
        if bool(self.raised_in) != (self.raised_severity is not None):
            raise ValueError(f"{self.rule_id}: raised names its periods and its severity")


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleBook:
    """The rules of one run.

    Attributes:
        name: The file's own name for itself.
        rules: In the file's order; ids are unique. For one hazard class the first rule that holds decides.
        sha256: Digest of the file, hex.
    """

    name: str
    rules: tuple[Rule, ...]
    sha256: str

    def __post_init__(self) -> None:
        if not self.rules:
            raise ValueError("a rule book has rules; an empty one would pass everything")
        ids = [rule.rule_id for rule in self.rules]
        if len(set(ids)) != len(ids):
            raise ValueError("two rules have one id")
