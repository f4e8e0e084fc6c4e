"""Which objects somebody may see, and how: the rule of districts and the veil over known answers, in one place.

A case belongs to the district that its card names. Somebody sees the cases of the districts that the account names, or
all of them. A case without a district is seen only by those who see all. What somebody may not see does not exist for
them: the answer is the same as for an id that was never given.

A decided case that is mixed in among the leads must look like a lead to those who are asked about it. To them every
list, map, count and file tells the state that a lead would have (``shown``) and not the state that the case has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Case, CharField, F, Value, When

from app.station.access import OBJECT_KEYS, About
from app.station.models import (
    ApiToken,
    CaseCard,
    District,
    KnownAnswer,
    KnownReply,
    MediaRow,
    SavedFilter,
    Upload,
    User,
)
from app.station.roles import Role
from app.store.models import DecisionRow
from evidence.incident import State

# Who works with decided cases must know how they stand, and so is not asked about them.
_KNOWING: Final = frozenset({Role.SENIOR_REVIEWER, Role.OFFICER, Role.COMMANDER, Role.AUDITOR})


@dataclass(frozen=True, slots=True, kw_only=True)
class Veil:
    """Cases with a known answer that somebody must take for leads.

    Attributes:
        fresh: Not answered by them yet: shown as a lead.
        replied: Answered: shown as a lead that waits for the other reviewer.
    """

    fresh: frozenset[str] = frozenset()
    replied: frozenset[str] = frozenset()

    @property
    def all(self) -> frozenset[str]:
        """Every case under the veil."""
        return self.fresh | self.replied

    def state_of(self, incident_id: str, state: State) -> State:
        """Return the state that a case is shown in."""
        if incident_id in self.fresh:
            return State.LEAD
        return State.IN_REVIEW if incident_id in self.replied else state


def judges_blindly(user: User) -> bool:
    """Return whether somebody only reviews, so that known answers may be put to them."""
    return Role.REVIEWER in user.role_set and not _KNOWING & user.role_set


def veil_of(user: User) -> Veil:
    """Return which cases somebody must take for leads; asked of the database once in a request."""
    held: Veil | None = getattr(user, "_veil", None)
    if held is not None:
        return held
    veil = Veil()
    if judges_blindly(user):
        who = user.certificate_no or f"account:{user.username}"
        known = set(KnownAnswer.objects.values_list("pk", flat=True))
        judged = DecisionRow.objects.filter(case_id__in=known, reviewer=who) if known else DecisionRow.objects.none()
        known -= set(judged.values_list("case_id", flat=True))
        replied = set(KnownReply.objects.filter(reviewer=who).values_list("answer_id", flat=True)) & known
        veil = Veil(fresh=frozenset(known - replied), replied=frozenset(replied))
    user._veil = veil  # noqa: SLF001 - an account's row lives as long as its request
    return veil


def cards_of(user: User) -> Any:  # noqa: ANN401 - a queryset of Django
    """Return the query of the case cards that ``user`` may see; ``shown`` is the state that they may know."""
    veil = veil_of(user)
    shown: Any = F("state")
    if veil.all:
        shown = Case(
            When(pk__in=veil.fresh, then=Value(State.LEAD.value)),
            When(pk__in=veil.replied, then=Value(State.IN_REVIEW.value)),
            default=F("state"),
            output_field=CharField(),
        )
    cards = CaseCard.objects.annotate(shown=shown)
    scope = district_scope(user)
    return cards if scope is None else cards.filter(district_id__in=scope)


def district_scope(user: User) -> frozenset[int] | None:
    """Return the ids of the districts whose cases ``user`` may see; None for all cases, those of no district too."""
    return None if user.all_districts else frozenset(district_ids_of(user))


def district_ids_of(user: User) -> list[int]:
    """Return the ids of the districts that an account names."""
    return list(user.districts.values_list("id", flat=True))


def districts_of(user: User) -> Any:  # noqa: ANN401 - as above
    """Return the query of the districts that ``user`` may see."""
    return District.objects.all() if user.all_districts else user.districts.all()


def _case(user: User, incident_id: str) -> Any:  # noqa: ANN401 - a row of Django's, or None
    return cards_of(user).filter(case_id=incident_id).first()


def _media(user: User, sha256: str) -> Any:  # noqa: ANN401 - as above
    rows = MediaRow.objects.filter(sha256=sha256).select_related("case").order_by("id")
    if not user.all_districts:
        rows = rows.filter(case__district_id__in=district_ids_of(user))
    return rows.first()


def _account(_user: User, username: str) -> Any:  # noqa: ANN401 - as above
    return User.objects.filter(username=username).first()


def _district(_user: User, code: str) -> Any:  # noqa: ANN401 - as above
    return District.objects.filter(code=code).first()


def _own_filter(user: User, filter_id: int) -> Any:  # noqa: ANN401 - as above
    return SavedFilter.objects.filter(id=filter_id, owner=user).first()


def _own_upload(user: User, upload_id: str) -> Any:  # noqa: ANN401 - as above
    return Upload.objects.filter(upload_id=upload_id, owner=user).first()


def _own_token(user: User, token_id: int) -> Any:  # noqa: ANN401 - as above
    return ApiToken.objects.filter(id=token_id, owner=user).first()


_FINDERS: Final[Mapping[About, Callable[[User, Any], object | None]]] = {
    About.CASE: _case,
    About.MEDIA: _media,
    About.ACCOUNT: _account,
    About.DISTRICT: _district,
    About.OWN_UPLOAD: _own_upload,
    About.OWN_TOKEN: _own_token,
    About.OWN_FILTER: _own_filter,
}


def find_object(about: About, user: User, named: Mapping[str, Any]) -> object | None:
    """Return the object that an address names, or None where there is none that ``user`` may see."""
    return _FINDERS[about](user, named[OBJECT_KEYS[about]])
