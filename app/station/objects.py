"""Which objects somebody may see: the rule of districts, in one place.

A case belongs to the district that its card names. Somebody sees the cases of the districts that the account names, or
all of them. A case without a district is seen only by those who see all. What somebody may not see does not exist for
them: the answer is the same as for an id that was never given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from app.station.access import OBJECT_KEYS, About
from app.station.models import ApiToken, CaseCard, District, MediaRow, SavedFilter, Upload, User


def cards_of(user: User) -> Any:  # noqa: ANN401 - a queryset of Django
    """Return the query of the case cards that ``user`` may see."""
    cards = CaseCard.objects.all()
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
