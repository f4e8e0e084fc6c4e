"""Home: what waits for the person who signed in."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.db.models import Count
from django.shortcuts import render

from app.station.objects import cards_of, veil_of
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
    counts: Counter[str] = Counter()
    if wanted:
        cards, veil = cards_of(request.user).order_by(), veil_of(request.user)
        # Counted by an index of states, which knows no veil; the few cases under it are moved by hand.
        counts.update(dict(cards.values_list("state").annotate(cases=Count("*"))))
        for key, state in cards.filter(pk__in=veil.all).values_list("pk", "state"):
            counts[state] -= 1
            counts[veil.state_of(key, State(state))] += 1
    waiting = [(state.value, counts[state.value]) for state in State if state in wanted]
    return render(request, "station/home.html", {"waiting": waiting})
