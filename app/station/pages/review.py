"""Review: one lead on the screen, decided by a key, and the next one there.

A verdict is one request: what comes back is the next lead. Reading a lead is an entry of the audit, so nothing reads
ahead; only the pictures of the next three are fetched beforehand.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlencode

from django.http import Http404, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.urls import reverse

from app.station.audit import person_of
from app.station.case_filter import CaseFilter, read_filter
from app.station.context import station
from app.station.environment import verdict_name
from app.station.fences import fences_of
from app.station.lead_map import LeadMap, corrected_place, lead_map
from app.station.models import CaseCard
from app.station.objects import cards_of, districts_of, veil_of
from app.station.paging import PER_PAGE, ListPage, page_number
from app.station.previous_visit import visit_before
from app.station.review_queue import (
    ORDERS,
    Answer,
    following,
    give_verdict,
    in_order,
    is_known_answer,
    known_answer_for,
    reply_to_known,
    siblings_of,
    take_back,
    waiting_for,
)
from app.store.models import CaseRow
from core.errors import InputRefused
from core.refusal import Refusal
from core.text import _
from evidence.cases.life import Correction, Deed, Reason, Verdict, visible_to
from evidence.incident import State
from evidence.sealing.incident_json import decode_incident
from geofence.attribution import Undecided

AHEAD: Final = 3  # leads whose pictures are fetched while one is looked at
TRAIL: Final = 50  # leads that "previous" and "undo" know
_OPEN: Final = frozenset({State.LEAD, State.IN_REVIEW, State.NEEDS_ANOTHER_LOOK})
MAX_SECONDS: Final = 3600.0
# One key for each reason of a rejection; the page shows them and listens to them.
REASON_KEYS: Final = tuple(zip("12345678", Reason, strict=True))


def begin(request: Any) -> Any:  # noqa: ANN401 - Django's request and response
    """Lead to the first lead of a queue, or say that nothing waits."""
    card = _next(request)
    if card is None:
        return _nothing(request)
    return HttpResponseRedirect(_address(request, card))


def queue(request: Any) -> Any:  # noqa: ANN401 - as above
    """List what waits for the person, by any filter and order."""
    wanted, order = _asked(request)
    number = page_number(request.GET)
    rows = in_order(
        request.user, person_of(request.user), wanted, order, first=(number - 1) * PER_PAGE, count=PER_PAGE + 1,
        also=str(request.session.get("put", "")),
    )  # fmt: skip
    context = {
        "page": ListPage(rows=tuple(rows[:PER_PAGE]), number=number, more=len(rows) > PER_PAGE),
        "wanted": wanted,
        "order": order,
        "orders": list(ORDERS),
        "districts": list(districts_of(request.user)),
        "saved": list(request.user.filters.all()),
        "query": _query(request),
    }
    piece = request.htmx and not request.htmx.history_restore_request
    return render(request, "station/queue_rows.html" if piece else "station/queue.html", context)


def show(request: Any, incident_id: str) -> Any:  # noqa: ANN401, ARG001 - as above; the check found it
    """Show one lead."""
    return _lead(request, request.found)


def decide(request: Any, incident_id: str) -> Any:  # noqa: ANN401, ARG001 - as above
    """Take a verdict and show the next lead; with the reason why not, when it was not taken."""
    card, person = request.found, person_of(request.user)
    answer = _answer(request, card)
    _asked(request)  # an order that is none is refused before anything is decided
    _go_on(request, card)
    if is_known_answer(card, person):
        reply_to_known(card, person, answer)
        return _advance(request, said="")
    refusal = give_verdict(card, person, answer)
    if refusal is not None:  # somebody else decided it meanwhile: the next lead, and the reason why
        fault = str(_too_late(card, refusal))
        return (
            _advance(request, said="", fault=fault) if request.htmx else _lead(request, card, fault=fault, status=409)
        )
    together = siblings_of(request.user, person, card) if request.POST.get("together") == "yes" else []
    lost = [given for other in together if (given := give_verdict(other, person, answer)) is not None]
    said = _("{number}: {verdict}").format(number=card.number, verdict=verdict_name(answer.verdict))
    if together:
        said += " " + _("(and {count} more of the same sighting)").format(count=len(together) - len(lost))
    return _advance(request, said=" ".join([said, *map(str, lost)]))


def _too_late(card: CaseCard, refusal: Refusal) -> Refusal:
    """Return a refusal in words for the reviewer: a lead that others decided meanwhile is the usual one."""
    if refusal.code != "out-of-order":
        return replace(refusal, subject=card.number)
    return Refusal(
        subject=card.number,
        code="decided-meanwhile",
        reason=_("others decided it in the meantime, so your verdict was not taken"),
        remedy=_("Go on with the next lead."),
    )


def skip(request: Any, incident_id: str) -> Any:  # noqa: ANN401, ARG001 - as above
    """Leave a lead for later and show the next."""
    skipped = [key for key in request.session.get("skipped", []) if key != request.found.pk]
    request.session["skipped"] = [*skipped, request.found.pk][-500:]
    return _advance(request, said=_("{number}: left for later").format(number=request.found.number))


def undo(request: Any) -> Any:  # noqa: ANN401 - as above
    """Take back the last verdict and show its lead again."""
    trail = list(request.session.get("trail", []))
    card = cards_of(request.user).filter(pk=trail[-1]).first() if trail else None
    if card is None:
        return _advance(request, said="", fault=_("There is nothing to take back."))
    refusal: Refusal | None
    if is_known_answer(card, person_of(request.user)):
        refusal = Refusal(subject=card.number, code="not-taken-back", reason=_("this answer cannot be taken back"))
    else:
        refusal = take_back(card, person_of(request.user))
    if refusal is not None:
        return _advance(request, said="", fault=str(refusal))
    request.session["trail"] = trail[:-1]
    return _lead(request, card, said=_("{number}: the verdict was taken back").format(number=card.number))


def previous(request: Any) -> Any:  # noqa: ANN401 - as above
    """Show the lead that was decided last, to look at it again."""
    trail = list(request.session.get("trail", []))
    card = cards_of(request.user).filter(pk=trail[-1]).first() if trail else None
    if card is None:
        return _advance(request, said="", fault=_("There is no previous lead."))
    return _lead(request, card)


def _asked(request: Any) -> tuple[CaseFilter, str]:  # noqa: ANN401 - as above
    """Return the filter and order that the address, or a form's ``queue`` field, asks for."""
    source = QueryDict(str(request.POST.get("queue", ""))[:1000]) if request.method == "POST" else request.GET
    order = str(source.get("order", "severity"))
    if order not in ORDERS:
        raise InputRefused("order", _("is none that queues have"), _("Choose one of the list."))
    return read_filter(source), order


def _query(request: Any) -> str:  # noqa: ANN401 - as above
    wanted, order = _asked(request)
    return urlencode(wanted.said | ({} if order == "severity" else {"order": order}))


def _address(request: Any, card: CaseCard) -> str:  # noqa: ANN401 - as above
    query = _query(request)
    return f"{reverse('review-lead', kwargs={'incident_id': card.pk})}{'?' if query else ''}{query}"


def _go_on(request: Any, card: CaseCard) -> None:  # noqa: ANN401 - as above
    """Note that a lead was answered: for undo, and for the turn of the next known answer."""
    trail = [key for key in request.session.get("trail", []) if key != card.pk]
    request.session["trail"] = [*trail, card.pk][-TRAIL:]
    request.session["answered"] = int(request.session.get("answered", 0)) + 1
    request.session["skipped"] = [key for key in request.session.get("skipped", []) if key != card.pk]


def _next(request: Any) -> CaseCard | None:  # noqa: ANN401 - as above
    person = person_of(request.user)
    known = known_answer_for(request.user, person, answered=int(request.session.get("answered", 0)))
    request.session["put"] = "" if known is None else known.pk  # the queue lists it while it is on the screen
    if known is not None:
        return known
    wanted, order = _asked(request)
    skipped = list(request.session.get("skipped", []))
    ahead = following(request.user, person, wanted, order=order, skipped=skipped, count=1)
    return ahead[0] if ahead else None


def _advance(request: Any, *, said: str, fault: str = "") -> Any:  # noqa: ANN401 - as above
    """Show the next lead, or go there where the page was not asked for as a piece."""
    card = _next(request)
    if card is None:
        return _nothing(request, said=said, fault=fault)
    return _lead(request, card, said=said, fault=fault)


def _nothing(request: Any, *, said: str = "", fault: str = "") -> Any:  # noqa: ANN401 - as above
    context = {"said": said, "fault": fault, "query": _query(request)}
    piece = "station/review_nothing_piece.html" if request.htmx else "station/review_nothing.html"
    return render(request, piece, context)


def _lead(request: Any, card: CaseCard, *, said: str = "", fault: str = "", status: int = 200) -> Any:  # noqa: ANN401 - as above
    """Show a lead: all that a verdict needs, and nothing of what others said of it."""
    person = person_of(request.user)
    case = station().store.read_case(card.pk, viewer=person)
    if isinstance(case, Refusal):
        raise Http404
    if not fault and veil_of(request.user).state_of(card.pk, State(card.state)) not in _OPEN:
        fault = _("{number} is decided; no verdict is taken any more.").format(number=card.number)
    wanted, order = _asked(request)
    skipped = [*request.session.get("skipped", []), card.pk]
    ahead = following(request.user, person, wanted, order=order, skipped=skipped, count=AHEAD)
    attribution = case.incident.attribution
    fences = fences_of(case.incident)
    context = {
        "card": card,
        "incident": case.incident,
        "own": [one for one in visible_to(case.life, person) if one.people == (person,) and one.deed is Deed.VERDICT],
        "undecided": attribution.reason if isinstance(attribution, Undecided) else "",
        "names": {fence.key: fence.name for fence, _share in fences},
        "map": lead_map(case.incident, fences),
        "media": list(card.media.order_by("kind", "captured_at", "name")),
        "before": visit_before(request.user, card),
        "siblings": siblings_of(request.user, person, card),
        "ahead": [file for other in ahead for file in other.media.filter(kind__in=["crop", "annotate"])[:2]],
        "reasons": REASON_KEYS,
        "query": _query(request),
        "said": said,
        "fault": fault,
        "waiting": waiting_for(request.user, person, wanted).order_by()[:1000].count(),
    }
    answer = render(request, "station/review_lead.html" if request.htmx else "station/review.html", context)
    answer.status_code = 200 if request.htmx else status  # htmx swaps nothing in for an error; the page says the fault
    if request.htmx:
        answer["HX-Push-Url"] = _address(request, card)
    return answer


def _answer(request: Any, card: CaseCard) -> Answer:  # noqa: ANN401 - as above
    """Return what the form says.

    Raises:
        InputRefused: It says what there is not.
    """
    given = request.POST
    try:
        verdict = Verdict(str(given.get("verdict", "")))
        reason = Reason(str(given["reason"])) if given.get("reason") else None
        seconds = min(max(float(given.get("seconds") or 0), 0.0), MAX_SECONDS)
        correction = _correction(request, card)
    except (ValueError, OverflowError) as unfit:
        raise InputRefused(_("verdict"), str(unfit), _("Decide the lead again.")) from unfit
    if verdict is not Verdict.CONFIRM and reason is None:
        raise InputRefused(_("verdict"), _("has no reason"), _("Choose one."))
    return Answer(verdict=verdict, reason=reason, seconds=seconds if seconds == seconds else 0.0, correction=correction)  # noqa: PLR0124 - not a number is none


def _correction(request: Any, card: CaseCard) -> Correction | None:  # noqa: ANN401 - as above
    """Return what the reviewer put right, or None for nothing; ``ValueError`` for what cannot be."""
    given = request.POST
    fields: dict[str, Any] = {}
    if not any(given.get(name) for name in ("site", "point", "box")):
        return None
    incident = decode_incident(CaseRow.objects.get(pk=card.pk).document.encode(), card.number)  # it was read before
    site = str(given.get("site", ""))[:64]
    if site:
        if site not in {share.key for share in incident.attribution.sites}:
            raise ValueError(_("the site is not one of the candidates"))
        fields["site_code"] = site
    if given.get("point"):
        x, y = (float(part) for part in str(given["point"]).split(",", 1))
        drawn: LeadMap = lead_map(incident, ())
        if not (0 <= x <= drawn.side and 0 <= y <= drawn.side):
            raise ValueError(_("the point lies outside the map"))
        place = corrected_place(drawn, x, y)
        fields |= {"lon_deg": place.lon_deg, "lat_deg": place.lat_deg}
    if given.get("box"):
        digest = str(given.get("picture", ""))
        if not card.media.filter(sha256=digest).exists():
            raise ValueError(_("the box is drawn on a picture that is not this lead's"))
        left, top, right, bottom = (float(part) for part in str(given["box"]).split(",", 3))
        fields |= {"picture_sha256": digest, "box_px": (left, top, right, bottom)}
    return Correction(**fields)
