"""The reports of whole weeks, Monday to Sunday: which there are, and each as a file.

The page makes them when they are asked for; ``skywarden station report`` writes them on schedule, so that a week stands
on the disk as it was counted then. Weeks are those of ISO 8601 in Beijing's days ("2026-W47").
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from app.station.case_filter import CaseFilter
from app.station.figure_files import FORMS
from app.station.figures import Figures, figures_of
from app.station.models import District, User
from app.station.objects import districts_of
from app.station.roles import Role
from core.clock import BEIJING
from core.errors import InputRefused
from core.text import _
from core.whole_file import write_bytes

MOST_WEEKS: Final = 53
_WEEK: Final = re.compile(r"([0-9]{4})-?W([0-9]{2})\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Week:
    """A week.

    Attributes:
        name: As ISO 8601 writes it, "2026-W47".
        first, last: Its Monday and its Sunday.
    """

    name: str
    first: date
    last: date


def week_of(day: date) -> Week:
    """Return the week that a day lies in."""
    monday = day - timedelta(days=day.weekday())
    year, number, _weekday = monday.isocalendar()
    return Week(name=f"{year:04d}-W{number:02d}", first=monday, last=monday + timedelta(days=6))


def read_week(text: str, today: date) -> Week:
    """Return the week that somebody names: "2026-W47", "last" or "this".

    Raises:
        InputRefused: It names no week.
    """
    if text in {"last", "this"}:
        return week_of(today - timedelta(days=7 * (text == "last")))
    found = _WEEK.match(text.upper())
    try:
        if found is not None:
            return week_of(date.fromisocalendar(int(found[1]), int(found[2]), 1))
    except ValueError:
        pass
    raise InputRefused(text, _("names no week"), _("Write it as 2026-W47, or say last or this."))


def weeks_of(cards: Any, today: date) -> list[Week]:  # noqa: ANN401 - a queryset
    """Return the weeks from the first case to the last whole week, newest first, a year's at most."""
    first = cards.order_by("seen_on").values_list("seen_on", flat=True).first()
    found: list[Week] = []
    week = week_of(today - timedelta(days=7))
    while first is not None and week.last >= first and len(found) < MOST_WEEKS:
        found.append(week)
        week = week_of(week.first - timedelta(days=7))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFile:
    """A report as a file.

    Attributes:
        name: What the file is called.
        media_type: Its media type.
        content: Its bytes.
    """

    name: str
    media_type: str
    content: bytes


def report_file(form: str, figures: Figures, wanted: CaseFilter, *, bureau: str, now: datetime) -> ReportFile:
    """Return figures as a file.

    Args:
        form: csv, xlsx or pdf.
        figures: What it tells.
        wanted: What they were counted of.
        bureau: Whose report it is.
        now: When it is made.

    Raises:
        InputRefused: There is no such form.
        StoreFailed: The page cannot be set.
    """
    if form not in FORMS:
        raise InputRefused(_("report"), _("is written as csv, xlsx or pdf"), _("Choose one of them."))
    until = wanted.until or now.astimezone(BEIJING).date().isoformat()
    period, title = f"{wanted.since} – {until}", _("Report of aerial patrols")
    kind, write = FORMS[form]
    if form == "csv":
        content = write(figures)
    elif form == "xlsx":
        content = write(figures, title=f"{title} {period}", now=now)
    else:
        content = write(figures, title=title, period=period, bureau=bureau, now=now)
    return ReportFile(name=f"patrols-{wanted.since}-{until}.{form}", media_type=kind, content=content)


def bureau_of(user: User, district: str) -> str:
    """Return whose report it is: the districts that it tells of, the first six by name."""
    return "、".join(one.name for one in districts_of(user)[:6] if not district or one.code == district)


def write_week(
    week: Week, folder: Path, *, forms: tuple[str, ...], district: str, now: datetime, chinese: bool
) -> list[Path]:
    """Write a week's report into a folder, and return the files.

    Args:
        week: Which week.
        folder: Where to; made when missing. A file of an earlier try is replaced, whole.
        forms: csv, xlsx, pdf.
        district: Code of the one district that is told of; empty for all.
        now: When it is made.
        chinese: Whether hazards are named in Chinese.

    Raises:
        InputRefused: There is no such district or form.
        StoreFailed: The page cannot be set, or the folder not be written to.
    """
    if district and not District.objects.filter(code=district).exists():
        raise InputRefused(district, _("is no district of this station"), _("Make it first, or leave it out."))
    everybody = User(username="program", name="program", roles=[Role.COMMANDER.value], all_districts=True)
    wanted = CaseFilter(since=week.first.isoformat(), until=week.last.isoformat(), district=district)
    figures = figures_of(everybody, wanted, now=now, chinese=chinese)
    bureau = bureau_of(everybody, district)
    written = []
    folder.mkdir(parents=True, exist_ok=True)
    for form in forms:
        report = report_file(form, figures, wanted, bureau=bureau, now=now)
        place = folder / f"{week.name}{'-' if district else ''}{district}.{form}"
        write_bytes(place, report.content)
        written.append(place)
    return written
