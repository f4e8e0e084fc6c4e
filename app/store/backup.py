"""Backups of a store: online, checked, whole or not there; and putting one back.

A backup is always one SQLite file, whatever the store lies in, so that it can be looked at and put back anywhere. From
SQLite it is the database's own online copy, with every table. From PostgreSQL the cases, decisions and audit are copied
as of one instant; accounts and whatever else shares that database are for ``pg_dump``.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from django.db import DatabaseError, connections, transaction

from app.store.models import AuditHead, AuditRow, CaseRow, DecisionRow
from core.clock import Clock
from core.errors import InputRefused, StoreFailed
from core.text import _
from evidence.cases.audit_check import Anchor, AuditLine, check_lines
from evidence.sealing.staging import replace_durably

_TABLES = (CaseRow, DecisionRow, AuditRow, AuditHead)  # in the order in which they refer to each other
_BATCH = 500


def back_up(alias: str, destination: Path) -> Path:
    """Copy the store that Django knows as ``alias``, while others use it, to ``destination`` and return it.

    The copy gets its name only after SQLite found it whole (``integrity_check``, ``foreign_key_check``) and its audit
    chain was checked from end to end.

    Raises:
        StoreFailed: ``destination`` exists, the disk refuses, or the copy does not hold.
    """
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        with replace_durably(destination) as partial:
            if connections[alias].vendor == "sqlite":
                _copy_file(Path(connections.databases[alias]["NAME"]), partial)
            else:
                _copy_rows(alias, partial)
            _check(partial)
    except (sqlite3.Error, DatabaseError, OSError) as problem:
        raise StoreFailed(
            _("{path}: the backup could not be made ({problem}).").format(path=destination, problem=problem)
        ) from problem
    return destination


def restore(backup: Path, where: Path | str, clock: Clock) -> int:
    """Put a backup in the place of a store that is not there yet, or is empty; return how many cases it holds.

    Args:
        backup: The backup; it is checked first and stays as it is.
        where: A file that does not exist, or the address of a PostgreSQL database without cases.
        clock: For the store.

    Raises:
        InputRefused: ``backup`` is no backup, or there is something at ``where`` already.
        StoreFailed: The backup does not hold, or cannot be written there.
    """
    from app.store.open_store import open_store

    if not backup.is_file():
        raise InputRefused(backup, _("is no backup"), _("Name the file that skywarden backup wrote."))
    try:
        _check(backup)
        if isinstance(where, Path):
            if where.exists():
                raise InputRefused(where, _("exists already; nothing is overwritten"), _("Name a new file."))
            where.parent.mkdir(parents=True, exist_ok=True)
            with replace_durably(where) as partial:
                _copy_file(backup, partial)
                _check(partial)
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


def _copy_file(source: Path, destination: Path) -> None:
    """Copy a SQLite file as of one instant."""
    with (
        closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as live,
        closing(sqlite3.connect(destination)) as copy,
    ):
        live.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")


def _copy_rows(alias: str, destination: Path) -> None:
    """Copy a PostgreSQL store's tables as of one instant into a new SQLite file."""
    from app.store.open_store import migrate

    target = migrate(destination)
    try:
        with transaction.atomic(using=alias):
            with connections[alias].cursor() as cursor:
                cursor.execute("LOCK TABLE store_audit_head IN EXCLUSIVE MODE")
            _transfer(alias, target)
    finally:
        connections[target].close()
    with closing(sqlite3.connect(destination)) as copy:
        copy.execute("PRAGMA journal_mode=DELETE")


def _fill(where: str, backup: Path, clock: Clock) -> None:
    """Copy a backup's tables into an empty PostgreSQL store."""
    from app.store.open_store import join_database, open_store

    store = open_store(where, clock)
    if store.list_cases() or store.audit():
        raise InputRefused(backup, _("is not put into a store that holds cases"), _("Name an empty database."))
    source = join_database(backup)
    try:
        with transaction.atomic(using=store.alias):
            _transfer(source, store.alias)
            with connections[store.alias].cursor() as cursor:  # the next decision's number follows on
                cursor.execute(
                    "SELECT setval(pg_get_serial_sequence('store_decision', 'id'), "
                    "COALESCE((SELECT max(id) FROM store_decision), 1))"
                )
    finally:
        connections[source].close()
        store.close()


def _transfer(source: str, target: str) -> None:
    with transaction.atomic(using=target):
        for table in _TABLES:
            rows = table.objects.using(source).order_by("pk").iterator(chunk_size=_BATCH)
            table.objects.using(target).bulk_create(rows, batch_size=_BATCH)


def _check(path: Path) -> None:
    """Raise ``StoreFailed`` when a SQLite store is not whole, or its audit chain does not hold."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as copy:
        faults = [row[0] for row in copy.execute("PRAGMA integrity_check") if row[0] != "ok"]
        faults += [str(row) for row in copy.execute("PRAGMA foreign_key_check")]
        rows = copy.execute("SELECT seq, subject, action, sha256, document FROM store_audit ORDER BY seq").fetchall()
        heads = copy.execute("SELECT entries, sha256 FROM store_audit_head").fetchall()
    lines = [
        AuditLine(seq=seq, subject=subject, action=action, sha256=sha256, document=document)
        for seq, subject, action, sha256, document in rows
    ]
    anchor = Anchor(entries=heads[0][0], sha256=heads[0][1]) if heads else None
    faults += [broken.reason for broken in check_lines(lines, anchor)]
    if faults:
        raise StoreFailed(_("{path}: does not hold ({fault}).").format(path=path, fault=faults[0]))
