"""Checks the audit chain without keeping anybody waiting.

The store's own check holds the store still, which takes minutes when there are a hundred thousand cases. The station
therefore checks a copy of one instant (SQLite's online backup, beside the store's file) and throws the copy away; a
backup to keep is ``app.store.backup``'s, which refuses a chain that does not hold, while here every break is wanted. On
PostgreSQL the check is the store's own; do it when nobody reviews.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from django.db import connections

from app.station.context import station
from app.store.database import join_database
from app.store.django_store import DjangoCaseStore
from core.errors import StoreFailed
from core.text import _
from evidence.custody import Break


def audit_breaks() -> tuple[Break, ...]:
    """Return every place where the audit chain, or what it speaks of, does not hold.

    Raises:
        StoreFailed: The copy cannot be made.
    """
    here = station()
    if not isinstance(here.options.store, Path):
        return here.store.audit_breaks()
    with TemporaryDirectory(prefix=".audit-", dir=here.options.store.absolute().parent) as folder:
        copied = Path(folder) / "copy.sqlite3"
        _copy(here.options.store, copied)
        alias = join_database(copied)
        try:
            with closing(DjangoCaseStore(alias=alias, clock=here.clock)) as copy:
                return copy.audit_breaks()
        finally:
            del connections[alias]
            del connections.databases[alias]


def _copy(store: Path, place: Path) -> None:
    """Copy a SQLite store as it is at one instant, while others write."""
    try:
        with (
            closing(sqlite3.connect(f"{store.absolute().as_uri()}?mode=ro", uri=True)) as live,
            closing(sqlite3.connect(place)) as copy,
        ):
            live.backup(copy)
    except sqlite3.Error as problem:
        raise StoreFailed(_("The store cannot be read or written: {problem}").format(problem=problem)) from problem
