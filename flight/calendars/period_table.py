"""Key periods as rows of text: windows in Beijing time, what they look for first, and the areas they make due."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from core.clock import BEIJING
from core.text import _
from flight.calendars.periods import PeriodCalendar, Rule, windows
from flight.calendars.season import areas_due
from flight.patrol import Patrol


def period_rows(
    calendar: PeriodCalendar, starts_at: datetime, ends_at: datetime, patrols: Sequence[Patrol] = ()
) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Return the heading and one row for each window that touches the time from ``starts_at`` to ``ends_at``, by time.

    Windows are whole days of Beijing time and told by their first and last day. Those of daily periods are told once,
    by their hours, instead of one row for each night.
    """
    heading = (
        _("code"), _("period"), _("from"), _("to"), _("hazards"), _("areas due"), _("note"),
    )  # fmt: skip
    rows: list[tuple[datetime, tuple[str, ...]]] = []
    told: set[str] = set()
    for window in windows(calendar, starts_at, ends_at):
        period = window.period
        daily = period.rule is Rule.DAILY
        if daily and period.code in told:
            continue
        told.add(period.code)
        begin, end = window.starts_at.astimezone(BEIJING), window.ends_at.astimezone(BEIJING)
        notes = [
            *([_("daily")] if daily else []),
            *([] if window.announced else [_("usual days; not announced yet")]),
            *([period.scope] if period.scope else []),
        ]
        rows.append(
            (
                window.starts_at,
                (
                    period.code,
                    period.name,
                    f"{begin:%H:%M}" if daily else f"{begin:%Y-%m-%d}",
                    f"{end:%H:%M}" if daily else f"{end - timedelta(microseconds=1):%Y-%m-%d}",
                    " ".join(period.hazards) or _("all"),
                    ", ".join(areas_due(patrols, window)),
                    "; ".join(notes),
                ),
            )
        )
    return heading, tuple(cells for _start, cells in sorted(rows, key=lambda row: (row[0], row[1][0])))
