"""Triggers: audit entries, decisions and incidents are added and never changed or removed, whoever asks."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations

_TABLES = ("store_audit", "store_decision")


def _trigger(table: str, event: str, condition: str = "") -> migrations.RunSQL:
    name = f"{table}_no_{event.split(maxsplit=1)[0].lower()}"
    return migrations.RunSQL(
        f"CREATE TRIGGER {name} BEFORE {event} ON {table} {condition} "
        f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END",
        f"DROP TRIGGER {name}",
    )


class Migration(migrations.Migration):
    """Makes the tables append-only."""

    dependencies: ClassVar = [("store", "0001_initial")]
    operations: ClassVar = [
        *(_trigger(table, event) for table in _TABLES for event in ("UPDATE", "DELETE")),
        _trigger("store_case", "DELETE"),
        # Of a case only the state moves, and only as its decisions move it.
        _trigger(
            "store_case",
            "UPDATE OF incident_id, number, hazard_code, site_code, document",
        ),
        _trigger("store_audit_head", "DELETE"),
    ]
