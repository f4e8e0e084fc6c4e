"""Which lead a reviewer sees next, and what a reviewer's answer does.

The queue is a question to the database each time, so that two reviewers never wait for each other: what one decided is
gone from the other's queue at the next question. A lead waits for somebody when it has fewer than two verdicts of the
running round and none of theirs. Now and then a case with a known answer is mixed in; it looks the same, and its
reply moves no case.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, Q

from app.station.case_filter import CaseFilter, filtered
from app.station.context import station
from app.station.models import CaseCard, KnownAnswer, KnownReply, User
from app.station.objects import cards_of
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


def waiting_for(user: User, person: Person, wanted: CaseFilter, order: str = "severity") -> Any:  # noqa: ANN401 - queryset
    """Return the query of the cards that wait for a person's verdict, in order."""
    states = [State.LEAD, State.IN_REVIEW]
    if Role.SENIOR_REVIEWER in user.role_set:
        states.append(State.NEEDS_ANOTHER_LOOK)
    begun_again = DecisionRow.objects.filter(
        case_id=OuterRef("case_id"), deed__in=[Deed.TAKEN_UP, Deed.RESUMED], seq__gt=OuterRef("seq")
    )
    mine = DecisionRow.objects.filter(case_id=OuterRef("pk"), deed=Deed.VERDICT, reviewer=person.certificate_no).filter(
        ~Exists(begun_again)
    )
    cards = filtered(cards_of(user), wanted).filter(state__in=states)
    return cards.filter(~Exists(mine) | _disputed(user)).order_by(*ORDERS.get(order, ORDERS["severity"]))


def _disputed(user: User) -> Any:  # noqa: ANN401 - a condition of Django's
    """Return the condition for cases whose reviewers differ: a senior looks again, who gave a verdict too."""
    senior = Role.SENIOR_REVIEWER in user.role_set
    return Q(state=State.NEEDS_ANOTHER_LOOK) if senior else Q(pk__in=[])


def following(
    user: User, person: Person, wanted: CaseFilter, *, order: str, skipped: list[str], count: int
) -> list[CaseCard]:
    """Return the next ``count`` leads; those that were skipped come when nothing else is left."""
    cards = waiting_for(user, person, wanted, order).select_related("district")
    fresh = list(cards.exclude(pk__in=skipped)[:count])
    if len(fresh) < count and skipped:
        fresh += list(cards.filter(pk__in=skipped)[: count - len(fresh)])
    return fresh


def known_answer_for(user: User, person: Person, *, answered: int) -> CaseCard | None:
    """Return a case with a known answer to show next, or None when it is no turn for one, or none is left.

    Args:
        user: The reviewer.
        person: As decisions name them; somebody who judged the case itself is not asked.
        answered: How many leads they answered in this session; decides with their name whose turn it is, so that
            nobody can count along.
    """
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
    return list(cards[:MAX_BULK])
