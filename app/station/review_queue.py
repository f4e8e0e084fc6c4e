"""Which lead a reviewer sees next, and what a reviewer's answer does.

The queue is a question to the database each time, so that two reviewers never wait for each other: what one decided is
gone from the other's queue at the next question. A lead waits for somebody when it has fewer than two verdicts of the
running round and none of theirs. Now and then a case with a known answer is mixed in; it looks the same, and its
reply moves no case.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.db.models import Exists, F, OuterRef, Q

from app.station.case_filter import CaseFilter, filtered
from app.station.context import station
from app.station.models import CaseCard, KnownAnswer, KnownReply, User
from app.station.objects import cards_of, judges_blindly
from app.station.roles import Role
from app.store.models import DecisionRow
from core.refusal import Refusal
from core.text import _
from evidence.cases.life import Correction, Decision, Deed, Person, Reason, Verdict
from evidence.incident import State

ORDERS: Final = {
    "severity": ("-severity", "opened_at", "pk"),
    "age": ("opened_at", "pk"),
    "newest": ("-last_seen", "pk"),
    "site": ("site_code", "-severity", "opened_at", "pk"),
}
KNOWN_EVERY: Final = 20  # about one lead in so many is a known answer
MAX_BULK: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a reviewer said of a lead.

    Attributes:
        verdict: The verdict.
        reason: Why, where it is not confirmed.
        seconds: How long the lead was on the screen.
        correction: What was put right.
    """

    verdict: Verdict
    reason: Reason | None
    seconds: float
    correction: Correction | None = None


def waiting_for(user: User, person: Person, wanted: CaseFilter) -> Any:  # noqa: ANN401 - queryset
    """Return the query of the cards that wait for a person's verdict, in no order."""
    return _not_judged(filtered(cards_of(user), wanted).filter(state__in=_states(user)), user, person)


def in_order(
    user: User,
    person: Person,
    wanted: CaseFilter,
    order: str,
    *,
    first: int = 0,
    count: int,
    without: Collection[str] = (),
    also: str = "",
) -> list[CaseCard]:
    """Return the ``count`` cards from place ``first`` on that wait for a person's verdict, in order.

    Each state is asked for by itself and the answers are merged: so an index gives them in order, and of a hundred
    thousand that wait only those are read that are shown.

    Args:
        user: Whose queue.
        person: The same, as decisions name them.
        wanted: Which cards.
        order: One of :data:`ORDERS`.
        first: How many are passed over.
        count: How many are wanted.
        without: Cases that are left out.
        also: A case that is listed whatever its state: the one that was put to the person last.
    """
    by, graded = ORDERS[order], order != "severity" and wanted.severity
    cards = filtered(cards_of(user), replace(wanted, severity="") if graded else wanted).order_by()
    if graded:  # asked of the rows as they come in order, not of an index by severity, whose rows would all be sorted
        cards = cards.alias(grade=F("severity") + 0).filter(grade__gte=int(wanted.severity))
    parts = [_not_judged(cards.filter(state=state), user, person) for state in _states(user)]
    parts += [cards.filter(pk=also)] if also else []
    columns = [name.lstrip("-") for name in by]
    asked = [part.exclude(pk__in=list(without)).values_list(*columns) for part in parts]
    merged = asked[0].union(*asked[1:], all=True) if len(asked) > 1 else asked[0]
    keys = [row[-1] for row in merged.order_by(*by)[first : first + count]]
    found = CaseCard.objects.select_related("district").in_bulk(keys)
    return [found[key] for key in keys if key in found]


def _states(user: User) -> list[State]:
    senior = Role.SENIOR_REVIEWER in user.role_set
    return [State.LEAD, State.IN_REVIEW, *([State.NEEDS_ANOTHER_LOOK] if senior else [])]


def _not_judged(cards: Any, user: User, person: Person) -> Any:  # noqa: ANN401 - querysets
    """Return the cards to which the person has given no verdict in the running round."""
    begun_again = DecisionRow.objects.filter(
        case_id=OuterRef("case_id"), deed__in=[Deed.TAKEN_UP, Deed.RESUMED], seq__gt=OuterRef("seq")
    )
    mine = DecisionRow.objects.filter(case_id=OuterRef("pk"), deed=Deed.VERDICT, reviewer=person.certificate_no).filter(
        ~Exists(begun_again)
    )
    return cards.filter(~Exists(mine) | _disputed(user))


def _disputed(user: User) -> Any:  # noqa: ANN401 - a condition of Django's
    """Return the condition for cases whose reviewers differ: a senior looks again, who gave a verdict too."""
    senior = Role.SENIOR_REVIEWER in user.role_set
    return Q(state=State.NEEDS_ANOTHER_LOOK) if senior else Q(pk__in=[])


def following(
    user: User, person: Person, wanted: CaseFilter, *, order: str, skipped: list[str], count: int
) -> list[CaseCard]:
    """Return the next ``count`` leads; those that were skipped come when nothing else is left."""
    fresh = in_order(user, person, wanted, order, count=count, without=skipped)
    if len(fresh) < count and skipped:
        kept = [card.pk for card in fresh]
        fresh += in_order(user, person, wanted, order, count=count - len(fresh), without=kept)
    return fresh


def known_answer_for(user: User, person: Person, *, answered: int) -> CaseCard | None:
    """Return a case with a known answer to show next, or None when it is no turn for one, or none is left.

    Args:
        user: The reviewer.
        person: As decisions name them; somebody who judged the case itself is not asked, nor who works with decided
            cases and may know how it stands.
        answered: How many leads they answered in this session; decides with their name whose turn it is, so that
            nobody can count along.
    """
    if not judges_blindly(user):
        return None
    draw = sha256(f"{person.certificate_no} {answered}".encode()).digest()[0]
    if not answered or draw % KNOWN_EVERY:
        return None
    judged = DecisionRow.objects.filter(case_id=OuterRef("pk"), reviewer=person.certificate_no)
    asked = KnownReply.objects.filter(answer_id=OuterRef("pk"), reviewer=person.certificate_no)
    cards: Any = cards_of(user).filter(known_answer__isnull=False).filter(~Exists(judged), ~Exists(asked))
    card: CaseCard | None = cards.order_by("pk").first()
    return card


def is_known_answer(card: CaseCard, person: Person) -> bool:
    """Return whether a reviewer's answer to this case is measured, and moves nothing."""
    known: bool = (
        KnownAnswer.objects.filter(pk=card.pk).exists()
        and not DecisionRow.objects.filter(case_id=card.pk, reviewer=person.certificate_no).exists()
    )
    return known


def reply_to_known(card: CaseCard, person: Person, answer: Answer) -> None:
    """Keep what a reviewer said of a case with a known answer; a second reply changes nothing."""
    try:
        with transaction.atomic():
            KnownReply.objects.create(
                answer_id=card.pk,
                reviewer=person.certificate_no,
                verdict=answer.verdict.value,
                seconds_spent=answer.seconds,
                at=station().clock.now(),
            )
    except IntegrityError:
        return


def give_verdict(card: CaseCard, person: Person, answer: Answer) -> Refusal | None:
    """Decide a lead: take it up where nobody did, then append the verdict. Return why not, or None."""
    here = station()
    state = CaseCard.objects.values_list("state", flat=True).get(pk=card.pk)
    begin = {State.LEAD: Deed.TAKEN_UP, State.NEEDS_ANOTHER_LOOK: Deed.RESUMED}.get(state)
    if begin is not None:
        begun = here.store.decide(card.pk, Decision(at=here.clock.now(), deed=begin, people=(person,)))
        if isinstance(begun, Refusal) and begun.code != "out-of-order":  # another reviewer took it up in this moment
            return begun
    decided = here.store.decide(
        card.pk,
        Decision(
            at=here.clock.now(),
            deed=Deed.VERDICT,
            people=(person,),
            verdict=answer.verdict,
            reason=answer.reason,
            seconds_spent=answer.seconds,
            correction=answer.correction,
        ),
    )
    return decided if isinstance(decided, Refusal) else None


def take_back(card: CaseCard, person: Person) -> Refusal | None:
    """Take back the person's verdict, if it is the case's last decision and fresh. Return why not, or None."""
    here = station()
    decided = here.store.decide(
        card.pk, Decision(at=here.clock.now(), deed=Deed.RESUMED, people=(person,), note=_("taken back"))
    )
    if not isinstance(decided, Refusal):
        return None
    return Refusal(
        subject=card.number,
        code="not-taken-back",
        reason=_("the verdict cannot be taken back: another decision followed, or it is more than ten minutes old"),
        remedy=_("Ask a senior reviewer for another look."),
    )


def siblings_of(user: User, person: Person, card: CaseCard) -> list[CaseCard]:
    """Return the other leads of the same sighting that wait for the person: what may be decided together."""
    cards = waiting_for(user, person, CaseFilter()).filter(sighting_id=card.sighting_id).exclude(pk=card.pk)
    return list(cards.order_by("pk")[:MAX_BULK])
