"""What the dashboard counts: patrols, ground, leads and what became of them, from the cases that somebody may see.

Every figure is a count of cards (:func:`app.station.objects.cards_of`) that the filter leaves, so it can be followed
into the list. Meanings, once and for all:

* leads: cases seen last in the period; confirmed: those that two reviewers confirmed, whatever became of them later;
  rejected: those that two rejected; rectified: those with a decision that says so; open: those with something to do.
* overdue: open cases of which a period of law has run out (:mod:`evidence.cases.timers`).
* repeat offender: a site with confirmed cases seen on two different days (Beijing) of the period.
* time to decision: from when it was seen last to the verdict that ended its first review; median and 90th percentile.
"""

from __future__ import annotations

import json
import threading
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Final

import numpy as np
import shapely
from django.db.models import Count, Exists, OuterRef

from app.station.case_filter import CaseFilter, filtered
from app.station.map_ground import folder_of, runs_of
from app.station.map_live import pulse
from app.station.models import CaseCard, District
from app.station.objects import cards_of, district_scope, veil_of
from app.store.django_store import DECISION_SCHEMA
from app.store.models import CaseRow, DecisionRow
from core.clock import BEIJING, from_iso
from evidence.cases.case_store import begin_life
from evidence.cases.life import Decision, Deed, Life, state_of
from evidence.cases.timers import overdue, timers_of
from evidence.cases.working_days import read_working_days
from evidence.incident import State
from evidence.sealing.canonical import decode
from evidence.sealing.incident_json import decode_incident
from maps.coverage import area_km2
from maps.sheet import OPEN_STATES

CONFIRMED: Final = frozenset(
    {State.CONFIRMED_LEAD, State.ON_SITE_CHECKED, State.EVIDENCE, State.RECTIFIED, State.TRANSFERRED, State.CLOSED}
)
LIMITATION_YEARS: Final = 2
MOST_SITES: Final = 50
MOST_HELD: Final = 64
AT_A_TIME: Final = 500  # ids in one question to the database


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """The counts of one group of cases.

    Attributes:
        key, name: What the group is: a code, and its name for people.
        leads, confirmed, rejected, rectified, open, overdue: As the module says.
        median_h: Median hours from flight to decision; None where nothing was decided.
    """

    key: str
    name: str
    leads: int = 0
    confirmed: int = 0
    rejected: int = 0
    rectified: int = 0
    open: int = 0
    overdue: int = 0
    median_h: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What the dashboard shows.

    Attributes:
        total: All cases that the filter leaves.
        patrols: Patrols flown in the period.
        km2_looked: Square kilometres looked at, patrol by patrol.
        km2_ground: Square kilometres of ground looked at at least once.
        folders_gone: Patrols whose case folder cannot be read any more; their ground is not in the figures.
        p90_h: 90th percentile of hours from flight to decision; None where nothing was decided.
        repeats: Repeat offenders, worst first.
        by_district, by_hazard, by_site, by_week: The same counts by group; sites only the first fifty.
    """

    total: Tally
    patrols: int
    km2_looked: float
    km2_ground: float
    folders_gone: int
    p90_h: float | None
    repeats: tuple[Tally, ...]
    by_district: tuple[Tally, ...] = ()
    by_hazard: tuple[Tally, ...] = ()
    by_site: tuple[Tally, ...] = ()
    by_week: tuple[Tally, ...] = ()


@dataclass(slots=True, kw_only=True)
class _Extra:
    """What of a case its card does not tell: from its decisions, so only of cases that have some."""

    hours: float | None = None
    rectified: bool = False
    overdue: bool = False


_OPEN: Final = [state.value for state in OPEN_STATES]
_CONFIRMED: Final = {state.value for state in CONFIRMED}
Counted = tuple[Any, str, int]  # the group's column, a state, how many


def figures_of(user: Any, wanted: CaseFilter, *, now: datetime, chinese: bool) -> Figures:  # noqa: ANN401 - Django's
    """Return the figures of the cases that somebody may see and a filter leaves.

    Args:
        user: Who looks.
        wanted: Period, district, hazard, site and whatever else lists filter by.
        now: The present instant.
        chinese: Whether hazards are named in Chinese.
    """
    cards = filtered(cards_of(user), wanted).order_by()
    extras = _extras(cards.exclude(pk__in=veil_of(user).all), now)
    hazard = "hazard_zh" if chinese else "hazard_en"
    # Two passes over an index, whatever is shown: by day, district and hazard at once, and by site.
    kinds = list(cards.values_list("seen_on", "district_id", "hazard_code", "shown").annotate(cases=Count("*")))
    at_sites = cards.exclude(site_code="")
    by_site = _worst(
        _groups(at_sites, extras, "site_code", at_sites.values_list("site_code", "shown").annotate(cases=Count("*")))
    )
    by_week = _groups(cards, extras, "seen_on", [(row[0], row[3], row[4]) for row in kinds], fold=_monday)
    by_district = _groups(cards, extras, "district_id", [(row[1], row[3], row[4]) for row in kinds])
    by_hazard = _groups(cards, extras, "hazard_code", [(row[2], row[3], row[4]) for row in kinds])
    hours = [extra.hours for extra in extras.values() if extra.hours is not None]
    repeats = _repeats(cards)
    patrols, looked, ground, gone = _flown(user, wanted)
    return Figures(
        total=_total(by_week, hours),
        patrols=patrols,
        km2_looked=looked,
        km2_ground=ground,
        folders_gone=gone,
        p90_h=float(np.percentile(hours, 90)) if hours else None,
        repeats=_named([one for one in by_site if one.key in repeats][:MOST_SITES], "site_code", "site_name"),
        by_district=_worst(_districts(by_district)),
        by_hazard=_named(_worst(by_hazard), "hazard_code", hazard),
        by_site=_named(by_site[:MOST_SITES], "site_code", "site_name"),
        by_week=tuple(sorted(by_week, key=lambda one: one.key)),
    )


class Remembered:
    """Figures that were counted within the minute and since when nothing changed; one question is counted at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: OrderedDict[object, Figures] = OrderedDict()

    def figures(
        self,
        user: Any,  # noqa: ANN401 - Django's
        wanted: CaseFilter,
        *,
        now: datetime,
        chinese: bool,
        store: object,
    ) -> Figures:
        """Return :func:`figures_of`, counted anew when the store changed or the minute did."""
        key = (
            id(store),
            district_scope(user),
            veil_of(user),
            wanted,
            pulse(store),
            now.replace(second=0, microsecond=0),
            chinese,
        )
        with self._lock:
            if key not in self._held:
                self._held[key] = figures_of(user, wanted, now=now, chinese=chinese)
            self._held.move_to_end(key)
            while len(self._held) > MOST_HELD:
                self._held.popitem(last=False)
            return self._held[key]


REMEMBERED: Final = Remembered()


def _total(groups: Sequence[Tally], hours: Sequence[float]) -> Tally:
    names = ("leads", "confirmed", "rejected", "rectified", "open", "overdue")
    sums = {name: sum(getattr(group, name) for group in groups) for name in names}
    return Tally(key="all", name="", median_h=float(np.median(hours)) if hours else None, **sums)


def _monday(day: date) -> str:
    return (day - timedelta(days=day.weekday())).isoformat()


def _groups(
    cards: Any,  # noqa: ANN401 - Django's
    extras: Mapping[str, _Extra],
    key: str,
    rows: Iterable[Counted],
    *,
    fold: Callable[[Any], str] = lambda value: str(value or ""),
) -> list[Tally]:
    """Return the counts by one column, from what the database counted; what decisions tell is added.

    Only columns of one index are asked for; names come later, of the groups that are shown (:func:`_named`).

    Args:
        cards: Which cases.
        extras: What decisions tell of them.
        key: The column.
        rows: How many cases have each value of it, by state.
        fold: The group that a value of the column belongs to; several values may belong to one.
    """
    counts: dict[str, Counter[str]] = defaultdict(lambda: Counter(leads=0, confirmed=0, rejected=0, open=0))
    for value, state, cases in rows:
        counts[fold(value)].update(
            leads=cases,
            confirmed=cases * (state in _CONFIRMED),
            rejected=cases * (state == State.REJECTED),
            open=cases * (state in _OPEN),
        )
    hours: dict[str, list[float]] = defaultdict(list)
    for ids in _bunches(sorted(extras)):
        for pk, group in cards.filter(pk__in=ids).values_list("pk", key):
            extra, place = extras[pk], fold(group)
            counts[place].update({"rectified": int(extra.rectified), "overdue": int(extra.overdue)})
            if extra.hours is not None:
                hours[place].append(extra.hours)
    return [
        Tally(
            key=place,
            name=place,
            median_h=float(np.median(hours[place])) if hours[place] else None,
            **counted,
        )
        for place, counted in counts.items()
    ]


def _named(groups: Iterable[Tally], key: str, name: str) -> tuple[Tally, ...]:
    """Return groups with the name that their gravest case bears."""
    gravest = CaseCard.objects.order_by("-severity", "opened_at").values_list(name, flat=True)
    return tuple(replace(one, name=str(gravest.filter(**{key: one.key}).first() or one.key)) for one in groups)


def _districts(groups: Iterable[Tally]) -> tuple[Tally, ...]:
    """Return groups by a district's row as groups by its code, with its name."""
    rows = {str(row.pk): row for row in District.objects.all()}
    return tuple(
        replace(one, key=str(rows[one.key].code), name=str(rows[one.key].name)) if one.key in rows else one
        for one in groups
    )


def _worst(groups: Iterable[Tally]) -> tuple[Tally, ...]:
    return tuple(sorted(groups, key=lambda one: (-one.confirmed, -one.leads, one.key)))


def _repeats(cards: Any) -> set[str]:  # noqa: ANN401 - as above
    """Return the sites with confirmed cases of two different days, Beijing."""
    days: dict[str, set[date]] = defaultdict(set)
    confirmed = cards.filter(shown__in=[state.value for state in CONFIRMED]).exclude(site_code="")
    for site, day in confirmed.values_list("site_code", "seen_on").distinct():
        days[site].add(day)
    return {site for site, found in days.items() if len(found) > 1}


def _extras(cards: Any, now: datetime) -> dict[str, _Extra]:  # noqa: ANN401 - as above
    """Return what decisions tell of the cases that have some, and which open cases are overdue."""
    extras: dict[str, _Extra] = defaultdict(_Extra)
    # Asked decision by decision: of a hundred thousand cases, few have decisions of these kinds.
    decided = DecisionRow.objects.filter(Exists(cards.filter(pk=OuterRef("case_id")))).order_by("case_id", "seq")
    for pk in decided.filter(deed=Deed.RECTIFIED.value).values_list("case_id", flat=True):
        extras[pk].rectified = True
    second = decided.filter(place_in_round=2).values_list("case_id", "document", "case__card__last_seen")
    for pk, document, seen_at in second:
        if extras[pk].hours is None:  # the first review counts
            extras[pk].hours = (from_iso(json.loads(document)["at"]) - seen_at).total_seconds() / 3600
    # Only a case with a document issued, or one seen nearly two years ago, can be late; only those are read whole.
    asked = set(decided.filter(deed=Deed.DOCUMENT_ISSUED.value).values_list("case_id", flat=True))
    long_ago = now - timedelta(days=365 * LIMITATION_YEARS)
    long_since = cards.filter(seen_on__lte=long_ago.astimezone(BEIJING).date(), last_seen__lt=long_ago)
    asked |= set(long_since.filter(state__in=_OPEN).values_list("pk", flat=True))
    known = read_working_days()
    for ids in _bunches(sorted(asked)):
        for life in _lives(ids):
            if state_of(life) in OPEN_STATES and overdue(timers_of(life, working_days=known), now):
                extras[life.incident_id].overdue = True
    return dict(extras)


def _bunches(ids: Sequence[str]) -> Iterable[Sequence[str]]:
    for start in range(0, len(ids), AT_A_TIME):
        yield ids[start : start + AT_A_TIME]


def _lives(ids: Sequence[str]) -> Iterable[Life]:
    rows = CaseRow.objects.filter(pk__in=ids).prefetch_related("decisions")
    for row in rows:
        fresh = begin_life(decode_incident(row.document.encode(), row.number))
        decisions = tuple(
            decode(DECISION_SCHEMA, Decision, one.document.encode(), row.number)
            for one in sorted(row.decisions.all(), key=lambda one: one.seq)
        )
        yield Life(
            incident_id=fresh.incident_id, opened_at=fresh.opened_at, last_seen=fresh.last_seen, decisions=decisions
        )


def _flown(user: Any, wanted: CaseFilter) -> tuple[int, float, float, int]:  # noqa: ANN401 - as above
    """Return patrols, square kilometres patrol by patrol and at least once, and patrols without a folder.

    A patrol counts in the period in which it was flown, and for the district whose run it was.
    """
    since, until = wanted.bounds()
    patrols = gone = 0
    looked, grounds = 0.0, []
    for run in runs_of(user):
        if wanted.district and (run.district is None or run.district.code != wanted.district):
            continue
        found = folder_of(run)
        flown = [seen.trace.started_at for seen in found[1]] if found and found[1] else [run.started_at]
        if (since is not None and max(flown) < since) or (until is not None and min(flown) >= until):
            continue
        patrols += 1
        gone += found is None
        for seen in found[1] if found else ():
            looked += seen.area_km2
            grounds.append(seen.ground)
    return patrols, looked, area_km2(shapely.union_all(grounds)) if grounds else 0.0, gone
