"""Opens a station: settles Django, brings the tables up to date, and finds out whether it was set up.

The secret that signs cookies is made at the first start and kept in the store. While there is no administrator a token
is made at each start; the terminal shows it, and the set-up page asks for it.
"""

from __future__ import annotations

import secrets

from app.station.options import StationOptions
from core.clock import Clock
from core.errors import StoreFailed
from core.text import _

TOKEN_BYTES = 18


def open_station(options: StationOptions, clock: Clock) -> None:
    """Open the station of this process; :func:`app.station.context.station` returns it from now on.

    Raises:
        StoreFailed: The store or the vault cannot be used.
    """
    from pathlib import Path

    from app.station.settings import ALIAS, configure_station

    configure_station(options, secret_key=secrets.token_urlsafe(48))
    from django.conf import settings
    from django.core.management import call_command
    from django.db import DatabaseError

    from app.station.cards import fill_missing_cards, gauge_tables
    from app.station.context import RunningStation, run_station
    from app.store.claims import alone
    from app.store.django_store import DjangoCaseStore
    from evidence.originals.vault import open_vault

    try:
        if isinstance(options.store, Path):
            options.store.parent.mkdir(parents=True, exist_ok=True)
        with alone("migrate", alias=ALIAS):  # two stations may start on one empty database
            call_command("migrate", database=ALIAS, verbosity=0, interactive=False)
            settings.SECRET_KEY = _kept_secret("session-key")
            fill_missing_cards()
            gauge_tables()
        opened = RunningStation(
            options=options,
            store=DjangoCaseStore(alias=ALIAS, clock=clock),
            vault=open_vault(options.vault),
            clock=clock,
        )
        opened.set_up = has_administrator()
    except (DatabaseError, OSError) as problem:
        raise StoreFailed(
            _("{where}: the store cannot be opened ({problem}). Name another, or restore a backup.").format(
                where=options.store if isinstance(options.store, Path) else "postgresql", problem=problem
            )
        ) from problem
    if not opened.set_up:
        opened.setup_token = secrets.token_urlsafe(TOKEN_BYTES)
    run_station(opened)


def _kept_secret(name: str) -> str:
    from app.station.models import Secret

    row, _made = Secret.objects.get_or_create(name=name, defaults={"value": secrets.token_urlsafe(48)})
    return str(row.value)


def has_administrator() -> bool:
    """Return whether somebody can keep the accounts."""
    from app.station.models import User
    from app.station.roles import Role

    return any(Role.ADMINISTRATOR in user.role_set for user in User.objects.filter(is_active=True))
