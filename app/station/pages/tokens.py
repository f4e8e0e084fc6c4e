"""One's own tokens of the API."""

from __future__ import annotations

from typing import Any

from django.shortcuts import redirect, render

from app.station.api_tokens import MAX_DAYS, make_token
from app.station.audit import actor_of_user, note_account
from app.station.context import station
from core.errors import InputRefused
from core.text import _


def browse(request: Any) -> Any:  # noqa: ANN401 - Django's request and response
    """List them; a new one is shown once."""
    made = ""
    if request.method == "POST":
        name, days = str(request.POST.get("name", "")).strip()[:80], str(request.POST.get("days", ""))
        if not name or not (days.isascii() and days.isdigit() and 1 <= int(days[:6]) <= MAX_DAYS):
            raise InputRefused(
                _("token"), _("has no name, or no number of days up to {most}").format(most=MAX_DAYS), _("Give both.")
            )
        made = make_token(request.user, name, days=int(days), clock=station().clock)
        note_account(actor_of_user(request.user), request.user.username, "token made", token=name, days=days)
    tokens = list(request.user.tokens.all())
    return render(request, "station/tokens.html", {"tokens": tokens, "made": made, "now": station().clock.now()})


def revoke(request: Any, token_id: int) -> Any:  # noqa: ANN401, ARG001 - as above; the check found it
    """End one."""
    token = request.found
    if token.revoked_at is None:
        token.revoked_at = station().clock.now()
        token.save(update_fields=["revoked_at"])
        note_account(actor_of_user(request.user), request.user.username, "token revoked", token=token.name)
    return redirect("tokens")
