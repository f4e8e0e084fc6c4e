"""A season's flights as an iCalendar file (RFC 5545) that any calendar opens; same season, same bytes."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from core.clock import in_utc
from core.ids import derived_id
from flight.calendars.season import Season


def write_icalendar(season: Season, path: Path, *, made_at: datetime) -> None:
    """Write one event for each flight; ``made_at`` (aware) is the file's time stamp."""
    from icalendar import Calendar, Event

    calendar = Calendar()
    calendar.add("prodid", "-//Skywarden//Season//EN")
    calendar.add("version", "2.0")
    for flight in season.flights:
        event = Event()
        event.add("uid", derived_id("season-flight", flight.patrol, flight.area, flight.starts_at.isoformat()))
        event.add("dtstamp", in_utc(made_at))
        event.add("dtstart", flight.starts_at)
        event.add("dtend", flight.ends_at)
        event.add("summary", f"{flight.area} · {flight.crew}")
        event.add("description", " ".join((flight.patrol, *flight.periods)))
        event.add("categories", list(flight.periods) or [flight.patrol])
        calendar.add_component(event)
    path.write_bytes(calendar.to_ical())
