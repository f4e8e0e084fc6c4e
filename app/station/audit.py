"""Entries that the station makes in the audit chain: who saw which page, and who changed which account.

A case that is seen or decided is entered by the store itself. Secrets never stand in an entry, nor what somebody typed.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from app.station.context import station
from app.station.models import User
from evidence.cases.life import Person
from evidence.custody import Action

MAX_FACT = 300


def person_of(user: User) -> Person:
    """Return the person that decides and looks; without a certificate the account's name stands for it."""
    return Person(name=user.name, certificate_no=user.certificate_no or f"account:{user.username}")


def actor_of_user(user: User) -> str:
    """Return how the audit names somebody with an account."""
    person = person_of(user)
    return f"{person.name} {person.certificate_no}"


def _digest(subject: str, facts: Mapping[str, str]) -> str:
    return sha256(
        "\n".join([subject, *(f"{name}={value}" for name, value in sorted(facts.items()))]).encode()
    ).hexdigest()


def note_seen(request: Any, page: str) -> None:  # noqa: ANN401 - Django's request
    """Enter that the signed-in person opened a page that is about no single case."""
    facts = {"address": request.get_full_path()[:MAX_FACT], "from": str(request.META.get("REMOTE_ADDR", ""))}
    subject = f"page:{page}"
    station().store.note_station(
        subject, Action.VIEWED, actor=actor_of_user(request.user), subject_sha256=_digest(subject, facts), facts=facts
    )


def note_file_seen(user: User, *, number: str, name: str, sha256_hex: str) -> None:
    """Enter that somebody opened a file of a case."""
    station().store.note_station(
        f"file:{sha256_hex[:16]}",
        Action.VIEWED,
        actor=actor_of_user(user),
        subject_sha256=sha256_hex,
        facts={"case": number, "name": name[:MAX_FACT]},
    )


def note_account(actor: str, username: str, event: str, **facts: str) -> None:
    """Enter what happened to an account: signed in, locked, role given."""
    subject, said = f"account:{username}"[:64], {"event": event, **facts}
    action = Action.VIEWED if event.startswith("sign") else Action.DECIDED
    station().store.note_station(subject, action, actor=actor, subject_sha256=_digest(subject, said), facts=said)


def note_refused(request: Any, page: str) -> None:  # noqa: ANN401 - as above
    """Enter that somebody asked for a page or an object that is not theirs."""
    facts = {"address": request.get_full_path()[:MAX_FACT], "refused": "yes"}
    subject = f"page:{page}"
    station().store.note_station(
        subject, Action.VIEWED, actor=actor_of_user(request.user), subject_sha256=_digest(subject, facts), facts=facts
    )
