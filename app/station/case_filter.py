"""The filter of lists of cases: what an address's query asks for, as a value, and the query of the cards it leaves.

Lists, queues, the map and the API read the same words, so that a filter saved in one is a filter in all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from django.db import connections

from core.clock import BEIJING
from core.errors import InputRefused
from core.text import _
from evidence.incident import State
from geofence.hazard import Value

FEW: Final = 200  # cases that a question to the database names one by one


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFilter:
    """What is asked for; an empty text asks for everything.

    Attributes:
        state: State.
        severity: At least this severity, "1" to "4".
        hazard: Hazard code.
        district: District code.
        site: Site code.
        value: What the air can show.
        label: Class of what was seen.
        period: Code of a key period.
        since, until: Seen last on these days (Beijing), ISO dates, both included.
        number: What the case's number begins with.
    """

    state: str = ""
    severity: str = ""
    hazard: str = ""
    district: str = ""
    site: str = ""
    value: str = ""
    label: str = ""
    period: str = ""
    since: str = ""
    until: str = ""
    number: str = ""

    def __post_init__(self) -> None:
        if self.state and self.state not in set(State):
            raise _unknown("state")
        if self.value and self.value not in set(Value):
            raise _unknown("value")
        if self.severity and self.severity not in {"1", "2", "3", "4"}:
            raise _unknown("severity")
        for name in ("since", "until"):
            _day(getattr(self, name), name)

    def bounds(self) -> tuple[datetime | None, datetime | None]:
        """Return the first instant of the period and the first after it; None where it is open."""
        first, last = _day(self.since, "since"), _day(self.until, "until")
        after = None if last is None else _begin(last + timedelta(days=1))
        return (None if first is None else _begin(first)), after

    @property
    def said(self) -> dict[str, str]:
        """What was asked for, without the empty words."""
        return {field.name: value for field in fields(self) if (value := getattr(self, field.name))}


def _unknown(name: str) -> InputRefused:
    return InputRefused(name, _("is none that cases have"), _("Choose one of the list."))


def _day(text: str, name: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise InputRefused(name, _("is no date"), _("Write it as 2026-10-01.")) from None


def read_filter(query: Mapping[str, str]) -> CaseFilter:
    """Return the filter that an address's query asks for; words that are none of ours are left out.

    Raises:
        InputRefused: A word asks for what there cannot be.
    """
    names = {field.name for field in fields(CaseFilter)}
    return CaseFilter(**{name: str(value).strip()[:64] for name, value in query.items() if name in names})


def filtered(cards: Any, wanted: CaseFilter) -> Any:  # noqa: ANN401 - querysets of Django
    """Return the cards of :func:`app.station.objects.cards_of` that a filter leaves."""
    exact = {
        "shown": wanted.state,
        "severity__gte": wanted.severity,
        "hazard_code": wanted.hazard,
        "district__code": wanted.district,
        "site_code": wanted.site,
        "value": wanted.value,
        "label": wanted.label,
    }
    cards = cards.filter(**{name: value for name, value in exact.items() if value})
    if wanted.number:
        cards = _numbered(cards, wanted.number.upper())
    if wanted.period:
        cards = cards.filter(periods__contains=f",{wanted.period},")
    for name, end in (("since", "gte"), ("until", "lte")):
        day = _day(getattr(wanted, name), name)
        if day is not None:
            cards = cards.filter(**{f"seen_on__{end}": day})
    return cards


def _numbered(cards: Any, prefix: str) -> Any:  # noqa: ANN401 - as above
    """Return the cards whose number begins with ``prefix``, asked so that the index of numbers answers."""
    if (
        connections[cards.db].vendor == "sqlite"
    ):  # whose LIKE asks no index; its texts stand in the order of code points
        found = cards.model.objects.filter(number__gte=prefix, number__lt=prefix + "\U0010ffff")
        few = list(found.order_by().values_list("pk", flat=True)[: FEW + 1])
        return cards.filter(pk__in=few if len(few) <= FEW else found.order_by().values("pk"))
    return cards.filter(number__startswith=prefix)


def _begin(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=BEIJING)
