"""The list of cases with filters, and a case as it stands."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from django.db import IntegrityError
from django.http import Http404, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.urls import reverse

from app.station.audit import person_of
from app.station.case_filter import filtered, read_filter
from app.station.context import station
from app.station.fences import fences_of
from app.station.models import SavedFilter
from app.station.objects import cards_of, districts_of, veil_of
from app.station.paging import page_of
from app.station.previous_visit import visit_before
from app.station.review_queue import ORDERS
from core.errors import InputRefused
from core.refusal import Refusal
from core.text import _
from evidence.incident import State
from geofence.attributing.origin_words import tell_ground, tell_origin
from geofence.attribution import Undecided


def browse(request: Any) -> Any:  # noqa: ANN401 - Django's request and response
    """List the cases of the person's districts, worst and oldest first."""
    wanted = read_filter(request.GET)
    cards = filtered(cards_of(request.user), wanted).select_related("district").order_by("-severity", "opened_at", "pk")
    context = {
        "page": page_of(cards, request.GET),
        "wanted": wanted,
        "states": [state.value for state in State],
        "districts": list(districts_of(request.user)),
        "saved": list(request.user.filters.all()),
        "query": urlencode(wanted.said),
    }
    # A filter that changes replaces the list; somebody who comes back to the page gets all of it.
    piece = request.htmx and not request.htmx.history_restore_request
    return render(request, "station/incident_rows.html" if piece else "station/incidents.html", context)


def show(request: Any, incident_id: str) -> Any:  # noqa: ANN401, ARG001 - as above; the check found it
    """Show a case; reading it is an entry of the audit."""
    card = request.found
    case = station().store.read_case(card.pk, viewer=person_of(request.user))
    if isinstance(case, Refusal):
        raise Http404
    attribution, veil = case.incident.attribution, veil_of(request.user)
    names = {fence.key: fence.name for fence, _share in fences_of(case.incident)}
    origin = attribution.origin
    context = {
        "card": card,
        "incident": replace(case.incident, state=veil.state_of(card.pk, case.incident.state)),
        "decisions": () if card.pk in veil.all else case.life.decisions,
        "undecided": attribution.reason if isinstance(attribution, Undecided) else "",
        "look": attribution.view if isinstance(attribution, Undecided) else None,
        "origin": "" if origin is None else tell_origin(origin),
        "covers": tell_ground(attribution, names),
        "names": names,
        "before": visit_before(request.user, card),
        "media": list(card.media.order_by("kind", "captured_at", "name")),
    }
    return render(request, "station/incident.html", context)


def save_filter(request: Any) -> Any:  # noqa: ANN401 - as above
    """Keep a filter under a name, for the person alone."""
    name = str(request.POST.get("name", "")).strip()[:80]
    asked = QueryDict(str(request.POST.get("query", ""))[:1000])
    order = asked.get("order", "")
    query = urlencode(read_filter(asked).said | ({"order": order} if order in ORDERS else {}))
    if not name:
        raise InputRefused(_("filter"), _("has no name"), _("Give it one."))
    try:
        SavedFilter.objects.update_or_create(owner=request.user, name=name, defaults={"query": query})
    except IntegrityError as twice:
        raise InputRefused(_("filter"), _("was saved twice at once"), _("Save it again.")) from twice
    return HttpResponseRedirect(f"{_list_of(request)}?{query}")


def drop_filter(request: Any, filter_id: int) -> Any:  # noqa: ANN401, ARG001 - as above; the check found it
    """Forget a saved filter."""
    request.found.delete()
    return HttpResponseRedirect(_list_of(request))


def _list_of(request: Any) -> str:  # noqa: ANN401 - as above
    """Return the address of the list that a filter was kept or dropped on."""
    return str(reverse("queue" if request.POST.get("page") == "queue" else "incidents"))
