"""A season as rows of text for a person: its flights, and what was asked of each area."""

from __future__ import annotations

from collections.abc import Sequence

from core.clock import BEIJING
from core.text import _
from flight.calendars.season import Season
from flight.calendars.season_demand import Demand

Rows = tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]


def flight_rows(planned: Season) -> Rows:
    """Return the heading and one row for each flight, in order of time (Beijing)."""
    heading = (_("day"), _("time"), _("area"), _("patrol"), _("crew"), _("periods"))
    rows = []
    for flight in planned.flights:
        begin, end = flight.starts_at.astimezone(BEIJING), flight.ends_at.astimezone(BEIJING)
        rows.append(
            (
                f"{begin:%Y-%m-%d}",
                f"{begin:%H:%M}–{end:%H:%M}",
                flight.area,
                flight.patrol,
                flight.crew,
                " ".join(flight.periods),
            )
        )
    return heading, tuple(rows)


def demand_rows(demanded: Sequence[Demand]) -> Rows:
    """Return the heading and one row for each area: its grades, its interval, and what the schedule gives it."""
    heading = (
        _("area"), _("hazard grade"), _("credit"), _("every days"), _("open days"), _("visits"), _("longest gap"),
        _("met"),
    )  # fmt: skip
    return heading, tuple(
        (
            one.area,
            "" if one.risk_grade is None else str(one.risk_grade),
            one.credit_grade,
            str(one.every_days),
            str(one.open_days),
            str(one.visits),
            "" if one.longest_gap_days is None else str(one.longest_gap_days),
            _("yes") if one.met else _("NO"),
        )
        for one in demanded
    )
