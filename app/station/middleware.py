"""What every answer goes through besides access: headers, language, and failures as pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from django.conf import settings
from django.utils import translation

from app.languages import LANGUAGES, catalogue_of
from core.errors import InputRefused, SkywardenError
from core.text import speaking

LANGUAGE_COOKIE: Final = "language"
_DJANGO_LANGUAGE: Final = {"en": "en", "zh_CN": "zh-hans"}
_POLICY: Final = (
    "accelerometer=(), autoplay=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), microphone=(), "
    "payment=(), usb=()"
)

Answer = Callable[[Any], Any]


def harden_headers(answer: Answer) -> Answer:
    """Say what no page of ours needs, and that nobody keeps a copy of what only the signed-in may see."""

    def middleware(request: Any) -> Any:  # noqa: ANN401 - Django's request and response
        response = answer(request)
        response.headers.setdefault("Permissions-Policy", _POLICY)
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        response.headers.setdefault("Cache-Control", "no-store")
        page = getattr(request, "page", None)
        if page is not None and page.framed:
            response.headers["X-Frame-Options"] = "SAMEORIGIN"
            response._csp_replace = {"frame-ancestors": ["'self'"]}  # noqa: SLF001 - django-csp's own way to say it
        return response

    return middleware


def language_for(request: Any) -> str:  # noqa: ANN401 - as above
    """Return the language to answer in: the account's, or the one chosen in this browser, or the station's."""
    for chosen in (getattr(request.user, "language", ""), request.COOKIES.get(LANGUAGE_COOKIE, "")):
        if chosen in LANGUAGES:
            return str(chosen)
    return str(settings.STATION_OPTIONS.language)


def speak(answer: Answer) -> Answer:
    """Answer each person in their own language, Django's own sentences included."""

    def middleware(request: Any) -> Any:  # noqa: ANN401 - as above
        request.language = language_for(request)
        with speaking(catalogue_of(request.language)), translation.override(_DJANGO_LANGUAGE[request.language]):
            return answer(request)

    return middleware


class FailureMiddleware:
    """Turn the world's failures into a page with their one sentence."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def __call__(self, request: Any) -> Any:  # noqa: ANN401 - as above
        """Pass the request on."""
        return self._answer(request)

    def process_exception(self, request: Any, failure: Exception) -> Any:  # noqa: ANN401 - as above
        """Answer a failure of ours; anything else is Django's to answer."""
        from app.station.pages.failures import failed

        if not isinstance(failure, SkywardenError):
            return None
        return failed(request, str(failure), 400 if isinstance(failure, InputRefused) else 503)
