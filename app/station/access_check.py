"""Enforces the access table, page by page, before a view runs.

The order: a page of the table; the method; how often; set up at all; signed in; password and second factor in order;
role; object and district; the audit. A view that runs has ``request.page``, and ``request.found``: the object that the
address names.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.models import AnonymousUser
from django.http import Http404, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import reverse

from app.station.access import About, Page, Rate
from app.station.access_table import BY_NAME
from app.station.api_tokens import owner_of
from app.station.audit import note_refused, note_seen
from app.station.context import station
from app.station.objects import find_object
from app.station.opening import has_administrator
from app.station.pages import failures

LOG = logging.getLogger(__name__)
UNTIL_SET_UP = frozenset({"asset", "setup", "language"})


class AccessMiddleware:
    """Lets through what the access table allows."""

    def __init__(self, answer: Callable[[Any], Any]) -> None:
        self._answer = answer

    def __call__(self, request: Any) -> Any:  # noqa: ANN401 - Django's request and response
        """Pass the request on."""
        return self._answer(request)

    def process_view(self, request: Any, _view: object, _args: object, named: dict[str, Any]) -> Any:  # noqa: ANN401
        """Return nothing to let the view run, or the answer that refuses it."""
        page = BY_NAME.get(request.resolver_match.url_name)
        if page is None:
            raise Http404
        request.page, request.found = page, None
        if page.api:
            request.user = owner_of(request.headers.get("Authorization", ""), station().clock) or AnonymousUser()
        if request.method not in page.methods:
            return HttpResponseNotAllowed(sorted(page.methods))
        return _too_often(request, page) or _not_yet(request, page) or _not_theirs(request, page, named)


def _too_often(request: Any, page: Page) -> Any:  # noqa: ANN401 - as above
    """Refuse who asks too often; guesses at secrets are counted by address, whoever is signed in.

    To look at a form is no guess: an office behind one address opens it twenty times on a Monday morning.
    """
    here = station()
    who = f"address {request.META.get('REMOTE_ADDR', '')}"
    if not page.public and request.user.is_authenticated:
        who = f"account {request.user.pk}"
    rate = Rate.PAGE if page.rate is Rate.SECRET and request.method == "GET" else page.rate
    wait_s = here.limits.admit(who, rate, here.clock.monotonic_s()) if request.method != "HEAD" else 0.0
    return failures.too_often(request, wait_s) if wait_s else None


def _not_yet(request: Any, page: Page) -> Any:  # noqa: ANN401 - as above
    """Send somewhere else first: set-up, sign-in, a new password, the second factor."""
    here = station()
    if not here.set_up:  # another station on this store may have been asked
        here.set_up = has_administrator()
    if not here.set_up and page.name not in UNTIL_SET_UP:
        return _go(request, "setup")
    if page.public:
        return None
    if not request.user.is_authenticated and page.api:
        return failures.unknown_token(request)
    if request.user.is_authenticated and request.user.unknown_roles and page.name != "sign-out":
        LOG.error("account %s names roles that are none: %s", request.user.username,
                  ", ".join(request.user.unknown_roles)[:200])  # fmt: skip
        return failures.unknown_role(request)
    if not request.user.is_authenticated:
        wanted = request.get_full_path() if request.method == "GET" else ""
        return _go(request, "sign-in", {"next": wanted} if wanted not in {"", "/"} else {})
    return None if page.before_second_factor else _first_things(request)


def _first_things(request: Any) -> Any:  # noqa: ANN401 - as above
    """Send somebody whose password or second factor is not in order there."""
    if request.user.must_change_password:
        return _go(request, "password")
    if request.user.second_factor_required and not request.user.totp_confirmed:
        return _go(request, "second-factor")
    return None


def _not_theirs(request: Any, page: Page, named: dict[str, Any]) -> Any:  # noqa: ANN401 - as above
    """Refuse a wrong role with 403 and an object that is not theirs with 404; enter what is seen into the audit."""
    if page.public:
        return None
    if not page.roles & request.user.role_set:
        note_refused(request, page.name)
        return failures.forbidden(request)
    if page.about is not About.NOTHING:
        request.found = find_object(page.about, request.user, named)
        if request.found is None:
            note_refused(request, page.name)
            raise Http404
    if page.audited and request.method == "GET":
        note_seen(request, page.name)
    return None


def _go(request: Any, name: str, query: dict[str, str] | None = None) -> Any:  # noqa: ANN401 - as above
    address = reverse(name) + (f"?{urlencode(query)}" if query else "")
    if request.headers.get("HX-Request") == "true":  # a piece of a page: the whole page goes there
        return HttpResponse(status=204, headers={"HX-Redirect": address})
    return HttpResponseRedirect(address)
