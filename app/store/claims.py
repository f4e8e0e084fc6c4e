"""What only one of several processes on one store does at a time: PostgreSQL's advisory locks.

Two stations may serve one PostgreSQL. A claim belongs to a connection: it ends with the block, and when its process is
killed or its line is cut, so that another takes over and nothing waits for the dead. A SQLite store has one station,
whose threads know each other; there a claim is always granted.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256

from django.db import connections


def _number(what: str) -> int:
    """Return the claim's number, a signed 64-bit integer."""
    return int.from_bytes(sha256(f"skywarden {what}".encode()).digest()[:8], "big", signed=True)


@contextmanager
def claimed(what: str, *, alias: str) -> Iterator[bool]:
    """Yield whether ``what`` is this process's to do until the block ends; False where another is at it."""
    connection = connections[alias]
    if connection.vendor != "postgresql":
        yield True
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [_number(what)])
        granted = bool(cursor.fetchone()[0])
    try:
        yield granted
    finally:
        if granted:
            _give_back(what, alias)


@contextmanager
def alone(what: str, *, alias: str) -> Iterator[None]:
    """Do something while no other process does it; waits its turn."""
    connection = connections[alias]
    if connection.vendor != "postgresql":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [_number(what)])
    try:
        yield
    finally:
        _give_back(what, alias)


def _give_back(what: str, alias: str) -> None:
    """Let a claim go; one whose connection was lost is gone already."""
    connection = connections[alias]
    if connection.is_usable():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [_number(what)])
