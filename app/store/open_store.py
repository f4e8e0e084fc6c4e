"""Opens a store: a SQLite file, or a PostgreSQL database, with its tables brought up to date."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from app.store.database import configure_django, migrate
from core.clock import Clock
from core.errors import StoreFailed
from core.text import _

if TYPE_CHECKING:
    from app.store.django_store import DjangoCaseStore


def open_store(where: Path | str, clock: Clock) -> DjangoCaseStore:
    """Return the store at ``where``; its tables (and a SQLite file) are made when missing.

    Args:
        where: A file for SQLite, or a ``postgresql://`` address of a database that exists.
        clock: Tells when things are done.

    Raises:
        StoreFailed: It is no store, or cannot be opened or brought up to date.
    """
    configure_django()
    from django.db import DatabaseError

    from app.store.django_store import DjangoCaseStore

    try:
        alias = migrate(where)
    except (DatabaseError, OSError) as problem:
        raise StoreFailed(
            _("{where}: the store cannot be opened ({problem}). Name another, or restore a backup.").format(
                where=where if isinstance(where, Path) else _("the PostgreSQL database"), problem=problem
            )
        ) from problem
    return DjangoCaseStore(alias=alias, clock=clock)
