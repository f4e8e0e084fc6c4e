"""Tokens of the API: a long random text that is shown once, of which the store keeps the digest.

A token reads what its owner may read, by roles and districts, at the time it is used; it ends with its day, when it is
revoked, or when its owner's account is switched off.
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from hashlib import sha256
from typing import Final

from app.station.models import ApiToken, User
from core.clock import Clock

PREFIX: Final = "skw_"  # so that a scanner of repositories knows one when it sees one
MAX_DAYS: Final = 366
USED_EVERY: Final = timedelta(minutes=5)


def make_token(owner: User, name: str, *, days: int, clock: Clock) -> str:
    """Make a token and return it; it cannot be had again."""
    token = PREFIX + secrets.token_urlsafe(32)
    now = clock.now()
    ApiToken.objects.create(
        owner=owner, name=name, sha256=_digest(token), created_at=now, expires_at=now + timedelta(days=days)
    )
    return token


def owner_of(header: str, clock: Clock) -> User | None:
    """Return whose token an Authorization header carries, or None when it carries no token that holds."""
    scheme, _space, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token.startswith(PREFIX):
        return None
    now = clock.now()
    found = (
        ApiToken.objects.filter(sha256=_digest(token), revoked_at=None, expires_at__gt=now, owner__is_active=True)
        .select_related("owner")
        .first()
    )
    if found is None:
        return None
    if found.used_at is None or now - found.used_at > USED_EVERY:
        ApiToken.objects.filter(pk=found.pk).update(used_at=now)
    owner: User = found.owner
    return owner


def _digest(token: str) -> str:
    return sha256(token.strip().encode()).hexdigest()
