"""Watching over the review: days that wait, how reviewers agree, and leads whose answer is known."""

from __future__ import annotations

import calendar
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from statistics import median
from typing import Any, Final

from django.db.models import Count, OuterRef, Subquery
from django.http import HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from app.station.audit import actor_of_user, note_account
from app.station.context import station
from app.station.models import KnownAnswer, KnownReply
from app.station.objects import cards_of
from app.store.django_store import DECISION_SCHEMA
from app.store.models import DecisionRow
from core.clock import BEIJING
from core.errors import InputRefused
from core.text import _
from evidence.cases.life import Decision, Deed, Verdict
from evidence.incident import State
from evidence.sealing.canonical import decode

LATEST: Final = 4000  # verdicts that the figures are made of
DECIDED: Final = {State.REJECTED: "reject", State.EVIDENCE: "confirm", State.RECTIFIED: "confirm",
                  State.TRANSFERRED: "confirm", State.CONFIRMED_LEAD: "confirm"}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewerLine:
    """How one reviewer works.

    Attributes:
        name, certificate_no: Who.
        verdicts: How many verdicts.
        median_s: Median of the seconds that they took; None where none were measured.
        agreed, paired: Of the rounds that have two verdicts, how many agree, and how many there are.
        right, asked: Of the known answers, how many were answered right, and how many were asked.
    """

    name: str
    certificate_no: str
    verdicts: int
    median_s: float | None
    agreed: int
    paired: int
    right: int
    asked: int


def days(request: Any) -> Any:  # noqa: ANN401 - Django's request and response
    """Show a month: how many leads wait of each day."""
    year, month = _month(str(request.GET.get("month", "")))
    waiting = cards_of(request.user).filter(state__in=[State.LEAD, State.IN_REVIEW, State.NEEDS_ANOTHER_LOOK])
    counts: dict[date, int] = dict(waiting.order_by().values_list("seen_on").annotate(leads=Count("*")))
    weeks = calendar.Calendar().monthdatescalendar(year, month)
    before, after = _beside(year, month)
    context = {
        "weeks": [[(day, counts.get(day, 0), day.month == month) for day in week] for week in weeks],
        "month": f"{year:04d}-{month:02d}",
        "before": before,
        "after": after,
        "oldest": min(counts, default=None),
        "all": sum(counts.values()),
    }
    return render(request, "station/review_days.html", context)


def reviewers(request: Any) -> Any:  # noqa: ANN401 - as above
    """Show how reviewers agree and how long they take, from the latest verdicts of the person's districts."""
    keys = cards_of(request.user).order_by().values("pk")
    rows = DecisionRow.objects.filter(deed=Deed.VERDICT, case_id__in=keys).order_by("-id")[:LATEST]
    lines = reviewer_lines(rows, KnownReply.objects.select_related("answer").filter(answer_id__in=keys))
    return render(request, "station/reviewers.html", {"lines": lines, "latest": LATEST})


def known(request: Any) -> Any:  # noqa: ANN401 - as above
    """List the leads whose answer is known, with how they were answered."""
    cards = cards_of(request.user).filter(known_answer__isnull=False).select_related("known_answer__set_by")
    asked = KnownReply.objects.filter(answer_id=OuterRef("pk")).order_by().values("answer_id")
    right = asked.filter(verdict=OuterRef("known_answer__verdict"))
    counted = cards.annotate(
        asked=Subquery(asked.annotate(n=Count("pk")).values("n")),
        right=Subquery(right.annotate(n=Count("pk")).values("n")),
    )
    return render(request, "station/known_answers.html", {"cards": list(counted.order_by("number"))})


def keep_known(request: Any, incident_id: str) -> Any:  # noqa: ANN401, ARG001 - as above; the check found it
    """Mix a decided case in among the leads, or take it out again."""
    card = request.found
    if request.POST.get("known") == "no":
        if KnownReply.objects.filter(answer_id=card.pk).exists():
            raise InputRefused(card.number, _("was answered already"), _("Leave it; replies are kept."))
        KnownAnswer.objects.filter(pk=card.pk).delete()
    else:
        verdict = DECIDED.get(State(card.state))
        if verdict is None:
            raise InputRefused(card.number, _("is not decided yet"), _("Choose a case that is confirmed or rejected."))
        KnownAnswer.objects.get_or_create(
            pk=card.pk, defaults={"verdict": verdict, "set_by": request.user, "set_at": station().clock.now()}
        )
    note_account(
        actor_of_user(request.user),
        f"known {card.number}",
        "known answer kept",
        known=str(request.POST.get("known", "yes"))[:3],
    )
    return HttpResponseRedirect(reverse("known-answers"))


def reviewer_lines(rows: Iterable[DecisionRow], replies: Iterable[KnownReply]) -> list[ReviewerLine]:
    """Return a line for each reviewer among verdicts and replies, most verdicts first."""
    names: dict[str, str] = {}
    seconds: dict[str, list[float]] = defaultdict(list)
    verdicts: dict[str, int] = defaultdict(int)
    rounds: dict[tuple[str, int], list[tuple[str, Verdict | None]]] = defaultdict(list)
    for row in rows:
        decision = decode(DECISION_SCHEMA, Decision, row.document.encode(), row.case_id)
        person = decision.people[0]
        names[person.certificate_no] = person.name
        verdicts[person.certificate_no] += 1
        if decision.seconds_spent > 0:
            seconds[person.certificate_no].append(decision.seconds_spent)
        rounds[row.case_id, row.round].append((person.certificate_no, decision.verdict))
    agreed: dict[str, int] = defaultdict(int)
    paired: dict[str, int] = defaultdict(int)
    for pair in rounds.values():
        if len(pair) == 2:
            for who, _verdict in pair:
                paired[who] += 1
                agreed[who] += pair[0][1] == pair[1][1]
    right: dict[str, int] = defaultdict(int)
    asked: dict[str, int] = defaultdict(int)
    for reply in replies:
        asked[reply.reviewer] += 1
        right[reply.reviewer] += reply.verdict == reply.answer.verdict
    return [
        ReviewerLine(
            name=names.get(who, ""),
            certificate_no=who,
            verdicts=verdicts[who],
            median_s=median(seconds[who]) if seconds[who] else None,
            agreed=agreed[who],
            paired=paired[who],
            right=right[who],
            asked=asked[who],
        )
        for who in sorted({*names, *asked}, key=lambda who: (-verdicts[who], who))
    ]


def _month(text: str) -> tuple[int, int]:
    if not text:
        today = station().clock.now().astimezone(BEIJING)
        return today.year, today.month
    try:
        first = date.fromisoformat(f"{text}-01")
    except ValueError:
        raise InputRefused("month", _("is no month"), _("Write it as 2026-10.")) from None
    return first.year, first.month


def _beside(year: int, month: int) -> tuple[str, str]:
    before = (year, month - 1) if month > 1 else (year - 1, 12)
    after = (year, month + 1) if month < 12 else (year + 1, 1)
    return f"{before[0]:04d}-{before[1]:02d}", f"{after[0]:04d}-{after[1]:02d}"
