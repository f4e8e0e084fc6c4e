"""What the fleet page shows of patrols: their files as they lie in the folder that the station was started with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Final

from app.station.cards import Districts
from app.station.models import District, User
from app.station.objects import district_ids_of
from core.errors import InputRefused
from flight.calendars.periods import PeriodCalendar, PeriodWindow, next_window, read_calendar, windows
from flight.patrol import Approval, Patrol
from flight.planning.patrol_file import read_patrol

AHEAD: Final = timedelta(days=60)
MAX_PATROLS: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class PatrolLine:
    """One patrol file.

    Attributes:
        file: Its name.
        patrol: The patrol, or None where the file cannot be used.
        fault: Why not.
        window: The next window of its periods, or None where it has none or needs none.
        approval_state: "none", "coming", "running" or "over".
    """

    file: str
    patrol: Patrol | None
    fault: str = ""
    window: PeriodWindow | None = None
    approval_state: str = "none"


def patrol_lines(folder: Path, user: User, now: datetime) -> tuple[PatrolLine, ...]:
    """Return the patrols whose home lies in a district that ``user`` may see, by file name."""
    calendar, lines = _calendar(), []
    outlines = Districts(District.objects.all())
    theirs = None if user.all_districts else set(district_ids_of(user))
    for path in sorted(folder.glob("*.y*ml"))[:MAX_PATROLS]:
        try:
            patrol = _read(path, path.stat().st_mtime_ns)
        except (InputRefused, OSError) as refusal:
            if theirs is None:
                lines.append(PatrolLine(file=path.name, patrol=None, fault=str(refusal)))
            continue
        if theirs is None or outlines.holding(patrol.home.lon_deg, patrol.home.lat_deg) in theirs:
            window = next_window(calendar, patrol.periods, now) if patrol.periods else None
            lines.append(
                PatrolLine(
                    file=path.name, patrol=patrol, window=window, approval_state=approval_state(patrol.approval, now)
                )
            )
    return tuple(lines)


def approval_state(approval: Approval | None, now: datetime) -> str:
    """Return how an approval stands at ``now``."""
    if approval is None:
        return "none"
    if now < approval.starts_at:
        return "coming"
    return "running" if now < approval.ends_at else "over"


def upcoming_windows(now: datetime) -> tuple[PeriodWindow, ...]:
    """Return the windows of key periods of the next sixty days, running ones included, by their beginning."""
    found = windows(_calendar(), now, now + AHEAD)
    longer = [window for window in found if window.ends_at - window.starts_at >= timedelta(days=1)]
    return tuple(sorted(longer, key=lambda window: (window.starts_at, window.period.code)))


@lru_cache(maxsize=1)
def _calendar() -> PeriodCalendar:
    return read_calendar(None)


@lru_cache(maxsize=MAX_PATROLS)
def _read(path: Path, _modified_ns: int) -> Patrol:
    return read_patrol(path)
