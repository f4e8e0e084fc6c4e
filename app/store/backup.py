"""Backups of a store: online, checked, whole or not there. Putting one back is :mod:`app.store.restoring`.

A backup is always one SQLite file, whatever the store lies in, so that it can be looked at and put back anywhere. From
SQLite it is the database's own online copy, with every table. From PostgreSQL the cases, decisions and audit are copied
as of one instant; accounts and whatever else shares that database are for ``pg_dump``.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from django.db import DatabaseError, connections, transaction

from app.store.database import migrate
from app.store.models import AuditHead, AuditRow, CaseRow, DecisionRow
from core.errors import StoreFailed
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
                copy_file(Path(connections.databases[alias]["NAME"]), partial)
            else:
                _copy_rows(alias, partial)
            check_backup(partial)
    except (sqlite3.Error, DatabaseError, OSError) as problem:
        raise StoreFailed(
            _("{path}: the backup could not be made ({problem}).").format(path=destination, problem=problem)
        ) from problem
    return destination


def copy_file(source: Path, destination: Path) -> None:
    """Copy a SQLite file as of one instant."""
    with (
        closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as live,
        closing(sqlite3.connect(destination)) as copy,
    ):
        live.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")


def _copy_rows(alias: str, destination: Path) -> None:
    """Copy a PostgreSQL store's tables as of one instant into a new SQLite file."""
    target = migrate(destination)
    try:
        with transaction.atomic(using=alias):
            with connections[alias].cursor() as cursor:
                cursor.execute("LOCK TABLE store_audit_head IN EXCLUSIVE MODE")
            transfer(alias, target)
    finally:
        connections[target].close()
    with closing(sqlite3.connect(destination)) as copy:
        copy.execute("PRAGMA journal_mode=DELETE")


def transfer(source: str, target: str) -> None:
    """Copy every row of the store that Django knows as ``source`` into the empty one that it knows as ``target``."""
    with transaction.atomic(using=target):
        for table in _TABLES:
            rows = table.objects.using(source).order_by("pk").iterator(chunk_size=_BATCH)
            table.objects.using(target).bulk_create(rows, batch_size=_BATCH)


def check_backup(path: Path) -> None:
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
