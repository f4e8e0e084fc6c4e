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
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np
import shapely

from app.station.case_filter import CaseFilter, filtered
from app.station.map_ground import folder_of, runs_of
from app.station.objects import cards_of
from app.store.django_store import DECISION_SCHEMA
from app.store.models import CaseRow, DecisionRow
from core.clock import BEIJING, from_iso
from evidence.cases.case_store import begin_life
from evidence.cases.life import Decision, Deed, Life
from evidence.cases.timers import overdue, timers_of
from evidence.incident import State
from evidence.sealing.canonical import decode
from maps.coverage import area_km2
from maps.sheet import OPEN_STATES

CONFIRMED: Final = frozenset(
    {State.CONFIRMED_LEAD, State.ON_SITE_CHECKED, State.EVIDENCE, State.RECTIFIED, State.TRANSFERRED, State.CLOSED}
)
LIMITATION_YEARS: Final = 2
MOST_SITES: Final = 50
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
class _Case:
    """One case as it is counted."""

    pk: str
    state: State
    hazard: str
    hazard_name: str
    district: str
    district_name: str
    site: str
    site_name: str
    seen_at: datetime
    hours: float | None = None
    rectified: bool = False
    overdue: bool = False


@dataclass(slots=True)
class _Group:
    """Counts in the making."""

    name: str = ""
    counts: Counter[str] = field(default_factory=Counter)
    hours: list[float] = field(default_factory=list)
    days: set[str] = field(default_factory=set)

    def add(self, case: _Case) -> None:
        self.counts["leads"] += 1
        self.counts["confirmed"] += case.state in CONFIRMED
        self.counts["rejected"] += case.state is State.REJECTED
        self.counts["rectified"] += case.rectified
        self.counts["open"] += case.state in OPEN_STATES
        self.counts["overdue"] += case.overdue
        if case.hours is not None:
            self.hours.append(case.hours)
        if case.state in CONFIRMED:
            self.days.add(case.seen_at.astimezone(BEIJING).date().isoformat())

    def tally(self, key: str) -> Tally:
        median = float(np.median(self.hours)) if self.hours else None
        return Tally(key=key, name=self.name, median_h=median, **self.counts)


def figures_of(user: Any, wanted: CaseFilter, *, now: datetime, chinese: bool) -> Figures:  # noqa: ANN401 - Django's
    """Return the figures of the cases that somebody may see and a filter leaves.

    Args:
        user: Who looks.
        wanted: Period, district, hazard, site and whatever else lists filter by.
        now: The present instant.
        chinese: Whether hazards are named in Chinese.
    """
    cases = _cases(user, wanted, now=now, chinese=chinese)
    total = _Group()
    groups: dict[str, defaultdict[str, _Group]] = {
        name: defaultdict(_Group) for name in ("district", "hazard", "site", "week")
    }
    for case in cases:
        total.add(case)
        monday = case.seen_at.astimezone(BEIJING).date()
        monday -= timedelta(days=monday.weekday())
        for name, key, words in (
            ("district", case.district, case.district_name),
            ("hazard", case.hazard, case.hazard_name),
            ("site", case.site, case.site_name),
            ("week", monday.isoformat(), monday.isoformat()),
        ):
            if key or name == "district":
                groups[name][key].name = words
                groups[name][key].add(case)
    repeats = {key: group for key, group in groups["site"].items() if len(group.days) > 1}
    patrols, looked, ground, gone = _flown(user, wanted)
    return Figures(
        total=total.tally("all"),
        patrols=patrols,
        km2_looked=looked,
        km2_ground=ground,
        folders_gone=gone,
        p90_h=float(np.percentile(total.hours, 90)) if total.hours else None,
        repeats=_worst(repeats)[:MOST_SITES],
        by_district=_worst(groups["district"]),
        by_hazard=_worst(groups["hazard"]),
        by_site=_worst(groups["site"])[:MOST_SITES],
        by_week=tuple(group.tally(key) for key, group in sorted(groups["week"].items())),
    )


def _worst(groups: Mapping[str, _Group]) -> tuple[Tally, ...]:
    tallies = [group.tally(key) for key, group in groups.items()]
    return tuple(sorted(tallies, key=lambda one: (-one.confirmed, -one.leads, one.key)))


def _cases(user: Any, wanted: CaseFilter, *, now: datetime, chinese: bool) -> list[_Case]:  # noqa: ANN401 - as above
    cards = filtered(cards_of(user), wanted).order_by()
    rows = cards.values_list(
        "pk", "state", "hazard_code", "hazard_zh" if chinese else "hazard_en", "district__code", "district__name",
        "site_code", "site_name", "last_seen",
    )  # fmt: skip
    cases = {
        row[0]: _Case(pk=row[0], state=State(row[1]), hazard=row[2], hazard_name=row[3], district=row[4] or "",
                      district_name=row[5] or "", site=row[6], site_name=row[7] or row[6], seen_at=row[8])
        for row in rows
    }  # fmt: skip
    decided = DecisionRow.objects.filter(case__in=cards.values("pk")).order_by("case_id", "seq")
    for pk in decided.filter(deed=Deed.RECTIFIED.value).values_list("case_id", flat=True):
        cases[pk].rectified = True
    for pk, document in decided.filter(place_in_round=2).values_list("case_id", "document"):
        case = cases[pk]
        if case.hours is None:  # the first review counts
            case.hours = (from_iso(json.loads(document)["at"]) - case.seen_at).total_seconds() / 3600
    for pk in _overdue(decided, cases, now):
        cases[pk].overdue = True
    return list(cases.values())


def _overdue(decided: Any, cases: Mapping[str, _Case], now: datetime) -> Iterable[str]:  # noqa: ANN401 - as above
    """Yield the open cases of which a period of law has run out.

    Only a case with a document issued, or one seen nearly two years ago, can be; only those are read whole.
    """
    issued = set(decided.filter(deed=Deed.DOCUMENT_ISSUED.value).values_list("case_id", flat=True))
    long_ago = now - timedelta(days=365 * LIMITATION_YEARS)
    asked = [
        case.pk
        for case in cases.values()
        if case.state in OPEN_STATES and (case.pk in issued or case.seen_at < long_ago)
    ]
    for start in range(0, len(asked), AT_A_TIME):
        for life in _lives(asked[start : start + AT_A_TIME]):
            if overdue(timers_of(life), now):
                yield life.incident_id


def _lives(ids: Sequence[str]) -> Iterable[Life]:
    from evidence.sealing.incident_json import decode_incident

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
