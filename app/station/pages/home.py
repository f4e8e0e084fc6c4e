"""Home: what waits for the person who signed in."""

from __future__ import annotations

from typing import Any

from django.db.models import Count
from django.shortcuts import render

from app.station.objects import cards_of
from app.station.roles import Role
from evidence.incident import State

# Who acts on cases in which state; the home page leads there.
WAITING: dict[Role, tuple[State, ...]] = {
    Role.REVIEWER: (State.LEAD, State.IN_REVIEW),
    Role.SENIOR_REVIEWER: (State.NEEDS_ANOTHER_LOOK, State.IN_REVIEW),
    Role.OFFICER: (State.CONFIRMED_LEAD, State.ON_SITE_CHECKED),
    Role.COMMANDER: (State.CONFIRMED_LEAD, State.EVIDENCE),
}


def show(request: Any) -> Any:  # noqa: ANN401 - Django's request and response
    """Show how many cases stand in the states that the person's roles act on."""
    wanted = {state for role in request.user.role_set for state in WAITING.get(role, ())}
    counts = {}
    if wanted:
        rows = cards_of(request.user).order_by().values_list("shown").annotate(cases=Count("*"))
        counts = dict(rows)
    waiting = [(state.value, counts.get(state.value, 0)) for state in State if state in wanted]
    return render(request, "station/home.html", {"waiting": waiting})
