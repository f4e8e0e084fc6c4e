"""The read-only API: lists and single cases as JSON, GeoJSON and Cursor-on-Target, page by page.

Pages of a list are joined by a cursor (the last row's time and id), so that rows that come in between shift nothing.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from typing import Any, Final

from django.db.models import Q
from django.http import HttpResponse, JsonResponse

from app.station.audit import person_of
from app.station.case_filter import filtered, read_filter
from app.station.case_json import case_feature, case_json
from app.station.context import station
from app.station.cursor_on_target import cot_document
from app.station.models import CaseCard
from app.station.objects import cards_of
from app.station.openapi import MAX_LIMIT, describe_api
from core.clock import from_iso
from core.errors import InputRefused
from core.text import _

DEFAULT_LIMIT: Final = 100
GEOJSON: Final = "application/geo+json"
XML: Final = "application/xml; charset=utf-8"


def describe(_request: Any) -> Any:  # noqa: ANN401 - Django's request and response
    """Return the OpenAPI document."""
    return JsonResponse(describe_api())


def incidents(request: Any) -> Any:  # noqa: ANN401 - as above
    """Return a page of cases as JSON."""
    cards, following = _page(request)
    return JsonResponse({"incidents": [case_json(card) for card in cards], "next": following})


def geojson(request: Any) -> Any:  # noqa: ANN401 - as above
    """Return a page of cases as GeoJSON."""
    cards, following = _page(request)
    document = {
        "type": "FeatureCollection",
        "features": [case_feature(card) for card in cards],
        "next": following,
    }
    return JsonResponse(document, content_type=GEOJSON)


def cursor_on_target(request: Any) -> Any:  # noqa: ANN401 - as above
    """Return a page of cases as CoT events; the cursor of the next page stands in a Link header."""
    cards, following = _page(request)
    response = _events(request, cards)
    if following is not None:
        query = request.GET.copy()
        query["after"] = following
        response.headers["Link"] = f'<{request.path}?{query.urlencode()}>; rel="next"'
    return response


def incident(request: Any, incident_id: str) -> Any:  # noqa: ANN401, ARG001 - as above; the check found it
    """Return one case as JSON; reading it is an entry of its audit."""
    _note_read(request)
    return JsonResponse(case_json(request.found))


def incident_cot(request: Any, incident_id: str) -> Any:  # noqa: ANN401, ARG001 - as above
    """Return one case as a CoT event."""
    _note_read(request)
    return _events(request, [request.found])


def _note_read(request: Any) -> None:  # noqa: ANN401 - as above
    station().store.read_case(request.found.pk, viewer=person_of(request.user))


def _events(request: Any, cards: list[CaseCard]) -> Any:  # noqa: ANN401 - as above
    chinese = request.language == "zh_CN"
    return HttpResponse(cot_document(cards, now=station().clock.now(), chinese=chinese), content_type=XML)


def _page(request: Any) -> tuple[list[CaseCard], str | None]:  # noqa: ANN401 - as above
    """Return the rows that an address asks for, and the cursor of the next page."""
    cards = filtered(cards_of(request.user), read_filter(request.GET)).select_related("district")
    after = _after(str(request.GET.get("after", "")))
    if after is not None:
        at, key = after
        cards = cards.filter(Q(opened_at__gt=at) | Q(opened_at=at, pk__gt=key))
    limit = _limit(str(request.GET.get("limit", DEFAULT_LIMIT)))
    rows = list(cards.order_by("opened_at", "pk")[: limit + 1])
    if len(rows) <= limit:
        return rows, None
    last = rows[limit - 1]
    cursor = json.dumps([last.opened_at.isoformat(), last.pk]).encode()
    return rows[:limit], urlsafe_b64encode(cursor).decode()


def _limit(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= MAX_LIMIT):
        raise InputRefused("limit", _("is no number from 1 to {most}").format(most=MAX_LIMIT), _("Ask for fewer."))
    return int(text)


def _after(text: str) -> tuple[Any, str] | None:
    if not text:
        return None
    try:
        at, key = json.loads(urlsafe_b64decode(text.encode()))
        return from_iso(at), str(key)
    except (ValueError, TypeError, NotBase64):
        raise InputRefused("after", _("is no cursor of this list"), _("Begin without one.")) from None
