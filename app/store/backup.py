"""Backups of a SQLite store: online, checked, whole or not there."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from django.db import connections

from core.errors import StoreFailed
from core.text import _
from evidence.sealing.staging import replace_durably


def back_up(alias: str, destination: Path) -> Path:
    """Copy the store that Django knows as ``alias`` to ``destination`` and return it.

    SQLite's online backup gives the state of one instant while others write; the copy is checked by SQLite
    (``integrity_check``, ``foreign_key_check``) and compared in its count of audit entries before it gets its name.

    Raises:
        StoreFailed: The store is no SQLite file, ``destination`` exists, the disk refuses, or the copy does not hold.
    """
    if connections[alias].vendor != "sqlite":
        raise StoreFailed(_("A PostgreSQL store is backed up by pg_dump, which knows the server; use that."))
    source = connections.databases[alias]["NAME"]
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        with (
            replace_durably(destination) as partial,
            closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as live,
            closing(sqlite3.connect(partial)) as copy,
        ):
            live.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")
            _check(copy, destination)
    except sqlite3.Error as problem:
        raise StoreFailed(
            _("{path}: the backup could not be made ({problem}).").format(path=destination, problem=problem)
        ) from problem
    return destination


def _check(copy: sqlite3.Connection, destination: Path) -> None:
    faults = [row[0] for row in copy.execute("PRAGMA integrity_check") if row[0] != "ok"]
    faults += [str(row) for row in copy.execute("PRAGMA foreign_key_check")]
    [(entries,)] = copy.execute("SELECT count(*) FROM store_audit")
    heads = [row[0] for row in copy.execute("SELECT entries FROM store_audit_head")]
    if heads not in ([entries], [] if entries == 0 else None):
        faults.append(_("the audit chain was cut"))
    if faults:
        raise StoreFailed(
            _("{path}: the backup does not hold ({fault}); it was not kept.").format(path=destination, fault=faults[0])
        )
