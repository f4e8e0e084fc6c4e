"""Answers that are refusals: a page with one sentence, a status, and no trace of the inside."""

from __future__ import annotations

import math
from typing import Any

from django.http import HttpResponse, JsonResponse
from django.shortcuts import render

from core.text import _


def _say(request: Any, status: int, title: str, sentence: str) -> Any:  # noqa: ANN401 - Django's request and response
    page = getattr(request, "page", None)
    if page is not None and page.api:
        problem = {"title": title, "status": status, "detail": sentence}
        return JsonResponse(problem, status=status, content_type="application/problem+json")
    if not hasattr(request, "language"):  # refused before it was known who asks: a foreign host name, a broken cookie
        return HttpResponse(f"{title}. {sentence}\n", status=status, content_type="text/plain; charset=utf-8")
    return render(request, "station/failure.html", {"title": title, "sentence": sentence}, status=status)


def bad_request(request: Any, exception: object = None) -> Any:  # noqa: ANN401, ARG001 - as above
    """Answer what no browser of ours would send."""
    return _say(request, 400, _("Not understood"), _("The request is not one that this station answers."))


def forbidden(request: Any, exception: object = None) -> Any:  # noqa: ANN401, ARG001 - as above
    """Answer who may not open the page."""
    return _say(request, 403, _("Not allowed"), _("Your roles do not open this page. Ask the administrator."))


def unknown_role(request: Any) -> Any:  # noqa: ANN401 - as above
    """Answer whose account names a role that this version does not know."""
    sentence = _("Your account names a role that this station does not know. Ask the administrator to set your roles.")
    return _say(request, 403, _("Not allowed"), sentence)


def csrf_failed(request: Any, reason: str = "") -> Any:  # noqa: ANN401, ARG001 - Django's form; the reason is not told
    """Answer a form that was not made by this station for this browser."""
    sentence = _("The form is out of date. Go back, load the page again, and send it once more.")
    return _say(request, 403, _("Not allowed"), sentence)


def unknown_token(request: Any) -> Any:  # noqa: ANN401 - as above
    """Answer a program without a token that holds."""
    response = _say(request, 401, _("Who asks?"), _("The request carries no token that holds: Authorization: Bearer …"))
    response.headers["WWW-Authenticate"] = "Bearer"
    return response


def not_found(request: Any, exception: object = None) -> Any:  # noqa: ANN401, ARG001 - as above
    """Answer an address that is none, or names what is not the asker's to see."""
    return _say(request, 404, _("Not here"), _("There is nothing at this address that you may see."))


def too_often(request: Any, wait_s: float) -> Any:  # noqa: ANN401 - as above
    """Answer who asks too often."""
    wait = max(1, math.ceil(wait_s))
    sentence = _("Too many requests. Try again in {seconds} s.").format(seconds=wait)
    response = _say(request, 429, _("Too often"), sentence)
    response.headers["Retry-After"] = str(wait)
    return response


def failed(request: Any, sentence: str, status: int) -> Any:  # noqa: ANN401 - as above
    """Answer a failure of the world with its own sentence."""
    return _say(request, status, _("That did not work"), sentence)


def broken(request: Any) -> Any:  # noqa: ANN401 - as above
    """Answer a mistake of ours; what it was stands on the terminal alone."""
    sentence = _("The station made a mistake; it is written down where the station runs.")
    return _say(request, 500, _("That did not work"), sentence)
