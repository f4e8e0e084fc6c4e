"""FlightLog: what really happened in the air."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from core.clock import in_utc
from core.points import GeoPoint
from core.text import _
from flight.track import Track


class Outcome(StrEnum):
    """How a sortie ended."""

    COMPLETED = "completed"
    RETURNED = "returned"  # came home before the plan was flown
    LANDED_AWAY = "landed-away"
    LINK_LOST = "link-lost"
    PILOT_TOOK_OVER = "pilot-took-over"
    REFUSED = "refused"  # never took off


def outcome_name(outcome: Outcome) -> str:
    """Return how a sortie ended, in the reader's language."""
    return {
        Outcome.COMPLETED: _("completed"),
        Outcome.RETURNED: _("returned early"),
        Outcome.LANDED_AWAY: _("landed elsewhere"),
        Outcome.LINK_LOST: _("link lost"),
        Outcome.PILOT_TOOK_OVER: _("pilot took over"),
        Outcome.REFUSED: _("never took off"),
    }[outcome]


@dataclass(frozen=True, slots=True, kw_only=True)
class FlightEvent:
    """One thing that happened: a decision, a message from the vehicle, a photograph."""

    at: datetime
    kind: str
    text: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "at", in_utc(self.at))


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """A photograph taken in flight, as the vehicle reported it (CAMERA_FEEDBACK).

    Attributes:
        at: When.
        number: From 1 in this sortie.
        position: Where the aircraft was.
        height_takeoff_m: Above take-off, metres.
        yaw_deg, pitch_deg, roll_deg: Camera angles.
        angles_from: Where the angles are from: "gimbal" (measured), or "plan" (the pitch that was ordered, level,
            facing as the aircraft does) when the vehicle reports no gimbal.
        index: The camera's own number of it, which goes on from flight to flight.
    """

    at: datetime
    number: int
    position: GeoPoint
    height_takeoff_m: float
    yaw_deg: float
    pitch_deg: float
    roll_deg: float
    angles_from: str = "gimbal"
    index: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "at", in_utc(self.at))


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoGap:
    """Photographs that were taken and of which the station knows no pose: their reports were lost on the way.

    The camera's own numbering tells that they exist. Their poses are never made up; the aircraft's own log has them.

    Attributes:
        first, last: Their numbers in this sortie, both included.
        after: When the photograph before them was taken, or None when they are the first.
        before: When the photograph behind them was taken.
    """

    first: int
    last: int
    after: datetime | None
    before: datetime

    def __post_init__(self) -> None:
        if not 1 <= self.first <= self.last:
            raise ValueError("a gap has a first and a last photograph, numbered from 1")
        object.__setattr__(self, "after", None if self.after is None else in_utc(self.after))
        object.__setattr__(self, "before", in_utc(self.before))


@dataclass(frozen=True, slots=True, kw_only=True)
class FlightLog:
    """What one sortie did.

    Attributes:
        patrol: The patrol's name.
        sortie: The sortie's number.
        outcome: How it ended.
        track: Poses flown (camera angles included when the vehicle reports a gimbal).
        triggers: Photographs taken.
        events: Everything else, in order.
        last_item: Index of the last mission waypoint that was reached, for resuming.
        gaps: Photographs taken without a known pose.
    """

    patrol: str
    sortie: int
    outcome: Outcome
    track: Track
    triggers: tuple[Trigger, ...]
    events: tuple[FlightEvent, ...]
    last_item: int
    gaps: tuple[PhotoGap, ...] = ()
