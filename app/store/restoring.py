"""Puts a backup in the place of a store that is not there yet, into a SQLite file or an empty PostgreSQL database."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from app.store.database import configure_django, join_database
from app.store.open_store import open_store
from core.clock import Clock
from core.errors import InputRefused, StoreFailed
from core.text import _
from evidence.sealing.staging import replace_durably


def restore_store(backup: Path, where: Path | str, clock: Clock) -> int:
    """Put a backup in the place of a store that is not there yet, or is empty; return how many cases it holds.

    Args:
        backup: The backup; it is checked first and stays as it is.
        where: A file that does not exist, or the address of a PostgreSQL database without cases.
        clock: For the store.

    Raises:
        InputRefused: ``backup`` is no backup, or there is something at ``where`` already.
        StoreFailed: The backup does not hold, or cannot be written there.
    """
    configure_django()
    from django.db import DatabaseError

    from app.store.backup import check_backup, copy_file

    if not backup.is_file():
        raise InputRefused(backup, _("is no backup"), _("Name the file that skywarden backup wrote."))
    try:
        check_backup(backup)
        if isinstance(where, Path):
            if where.exists():
                raise InputRefused(where, _("exists already; nothing is overwritten"), _("Name a new file."))
            where.parent.mkdir(parents=True, exist_ok=True)
            with replace_durably(where) as partial:
                copy_file(backup, partial)
                check_backup(partial)
        else:
            _fill(where, backup, clock)
    except (sqlite3.Error, DatabaseError) as problem:
        raise StoreFailed(
            _("{path}: the backup could not be put back ({problem}).").format(path=backup, problem=problem)
        ) from problem
    store = open_store(where, clock)
    breaks, count = store.audit_breaks(), len(store.list_cases())
    store.close()
    if breaks:
        raise StoreFailed(_("{path}: does not hold ({fault}).").format(path=backup, fault=breaks[0].reason))
    return count


def _fill(where: str, backup: Path, clock: Clock) -> None:
    """Copy a backup's tables into an empty PostgreSQL store."""
    from django.db import connections, transaction

    from app.store.backup import transfer

    store = open_store(where, clock)
    if store.list_cases() or store.audit():
        raise InputRefused(backup, _("is not put into a store that holds cases"), _("Name an empty database."))
    source = join_database(backup)
    try:
        with transaction.atomic(using=store.alias):
            transfer(source, store.alias)
            with connections[store.alias].cursor() as cursor:  # the next decision's number follows on
                cursor.execute(
                    "SELECT setval(pg_get_serial_sequence('store_decision', 'id'), "
                    "COALESCE((SELECT max(id) FROM store_decision), 1))"
                )
    finally:
        connections[source].close()
        store.close()
