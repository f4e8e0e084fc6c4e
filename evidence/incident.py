"""Incident: a hazard at a site over time. It is a lead (线索) until officers confirm it on site."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from core.clock import in_utc
from core.ids import derived_id, short_code
from geofence.attribution import Attribution, Undecided
from geofence.hazard import Hazard
from geofence.sighting import Sighting


class State(StrEnum):
    """Where an incident stands in its life."""

    LEAD = "lead"  # nobody has looked yet
    IN_REVIEW = "in-review"
    CONFIRMED_LEAD = "confirmed-lead"
    REJECTED = "rejected"
    NEEDS_ANOTHER_LOOK = "needs-another-look"
    ON_SITE_CHECKED = "on-site-checked"
    EVIDENCE = "evidence"
    RECTIFIED = "rectified"
    TRANSFERRED = "transferred"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """A hazard at a place, with everything it rests on.

    Attributes:
        hazard: What it means.
        sighting: What was seen.
        attribution: Whose site, or why that is undecided.
        opened_at: When it was opened, aware UTC.
        state: Where it stands.
    """

    hazard: Hazard
    sighting: Sighting
    attribution: Attribution | Undecided
    opened_at: datetime
    state: State = State.LEAD

    def __post_init__(self) -> None:
        object.__setattr__(self, "opened_at", in_utc(self.opened_at))
        if not self.hazard.sighting_id == self.sighting.sighting_id == self.attribution.sighting_id:
            raise ValueError("an incident's hazard, sighting and attribution speak of one sighting")

    @property
    def incident_id(self) -> str:
        """The incident's id, derived from hazard code, rule and sighting."""
        return derived_id("incident", self.hazard.code, self.hazard.rule_id, self.sighting.sighting_id)

    @property
    def number(self) -> str:
        """The short number that people say and type ("H13-7K2M9Q4T")."""
        return f"{self.hazard.code}-{short_code(self.incident_id)}"
