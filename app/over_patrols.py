"""What a run says of hazards over patrols: opened, seen again, gone, back; who repeats; what is late."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from app.patrol_ledger import Ledger, PatrolRecord, incident_numbers, numbers_of
from core.clock import BEIJING, iso_utc
from core.text import _
from geofence.persistence.standing import Event, Standing, overdue, repeat_offenders
from geofence.site import Register

REPEATS_SINCE: Final = timedelta(days=365)


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingLine:
    """A standing hazard as the report lists it.

    Attributes:
        incidents: The numbers of its incidents, in order of time.
        hazard: Its code.
        site: The enterprise's name, or its code where the register no longer has it; empty for nobody's or undecided.
        lon_deg, lat_deg: Where it was seen last.
        last_seen: RFC 3339, UTC.
        deadline: RFC 3339, UTC; empty without one.
    """

    incidents: tuple[str, ...]
    hazard: str
    site: str
    lon_deg: float
    lat_deg: float
    last_seen: str
    deadline: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeats:
    """A site with several hazards opened or back within a year."""

    site_code: str
    site: str
    hazards: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OverPatrols:
    """What this run's patrol changed, and what stands after all patrols of the ledger.

    Attributes:
        patrols: How many patrols the ledger holds.
        events: Hazards by what this patrol says of them ("opened", "seen-again", "gone", "back").
        standing: How many stand after all patrols.
        gone: Those that this patrol looked for and did not find.
        overdue: Those that stand past their deadline.
        repeats: Sites with several hazards within a year.
    """

    patrols: int
    events: dict[str, int]
    standing: int
    gone: tuple[StandingLine, ...]
    overdue: tuple[StandingLine, ...]
    repeats: tuple[Repeats, ...]


def tell_over_patrols(ledger: Ledger, patrol: PatrolRecord, register: Register, *, now: datetime) -> OverPatrols:
    """Return what a run's report says of hazards over patrols.

    Args:
        ledger: With the run's own patrol in it.
        patrol: The run's own.
        register: For names.
        now: The present instant, aware.
    """
    names = {site.code: site.name for site in register.sites}
    numbers = numbers_of(ledger.patrols)
    mine = [
        (standing, entry.event)
        for standing in ledger.standings
        for entry in standing.entries
        if entry.patrol_id == patrol.patrol_id
    ]
    return OverPatrols(
        patrols=len(ledger.patrols),
        events=dict(Counter(event.value for _standing, event in mine)),
        standing=sum(standing.is_there for standing in ledger.standings),
        gone=tuple(line_of(standing, numbers, names) for standing, event in mine if event is Event.GONE),
        overdue=tuple(line_of(standing, numbers, names) for standing in overdue(ledger.standings, now=now)),
        repeats=tuple(
            Repeats(site_code=code, site=names.get(code, code), hazards=count)
            for code, count in repeat_offenders(ledger.standings, since=patrol.ended_at - REPEATS_SINCE)
        ),
    )


def line_of(standing: Standing, numbers: Mapping[tuple[str, str], str], names: Mapping[str, str]) -> StandingLine:
    """Return a standing hazard's line.

    Args:
        standing: The hazard.
        numbers: From :func:`app.patrol_ledger.numbers_of`.
        names: Of sites, by code.
    """
    return StandingLine(
        incidents=incident_numbers(standing, numbers),
        hazard=standing.code,
        site=names.get(standing.site_code or "", standing.site_code or ""),
        lon_deg=standing.point.lon_deg,
        lat_deg=standing.point.lat_deg,
        last_seen=iso_utc(standing.last_seen),
        deadline=iso_utc(standing.deadline) if standing.deadline else "",
    )


def histories(ledger: Ledger) -> dict[str, str]:
    """Return the story of each incident's hazard in words, by the incident's id."""
    told = {}
    ids = {
        (incident.hazard.code, incident.sighting.sighting_id): incident.incident_id
        for patrol in ledger.patrols
        for incident in patrol.incidents
    }
    for standing in ledger.standings:
        story = tell_story(standing)
        for entry in standing.entries:
            if (standing.code, entry.sighting_id) in ids:
                told[ids[standing.code, entry.sighting_id]] = story
    return told


def tell_story(standing: Standing) -> str:
    """Return what patrols said of a hazard, with days in Beijing: "opened 2026-10-01, gone 2026-10-08"."""
    steps = (f"{event_name(entry.event)} {entry.at.astimezone(BEIJING):%Y-%m-%d}" for entry in standing.entries)
    return _(", ").join(steps)


def event_name(event: Event) -> str:
    """Return an event's name in the reader's language."""
    return {
        Event.OPENED: _("opened"),
        Event.SEEN_AGAIN: _("seen again"),
        Event.GONE: _("gone"),
        Event.BACK: _("back"),
    }[event]
