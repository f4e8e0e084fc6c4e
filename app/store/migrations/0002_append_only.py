"""Triggers: audit entries, decisions and incidents are added and never changed or removed, whoever asks."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import migrations

# Of a case only the state moves, as its decisions move it.
_CASE_COLUMNS = "incident_id, number, hazard_code, site_code, document"
_FORBIDDEN = (
    ("store_audit", "UPDATE"),
    ("store_audit", "DELETE"),
    ("store_decision", "UPDATE"),
    ("store_decision", "DELETE"),
    ("store_case", f"UPDATE OF {_CASE_COLUMNS}"),
    ("store_case", "DELETE"),
    ("store_audit_head", "DELETE"),
)


def _names() -> list[tuple[str, str, str]]:
    return [(f"{table}_no_{event.split()[0].lower()}", table, event) for table, event in _FORBIDDEN]


def _forbid(_apps: Any, editor: Any) -> None:  # noqa: ANN401 - Django hands over its own objects
    if editor.connection.vendor == "postgresql":
        editor.execute(
            "CREATE FUNCTION store_append_only() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME "
            "USING ERRCODE = 'integrity_constraint_violation'; END $$",
            params=None,  # the per cent sign is PostgreSQL's
        )
        for name, table, event in _names():
            editor.execute(
                f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW EXECUTE FUNCTION store_append_only()"
            )
            if event == "DELETE":
                editor.execute(
                    f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
                    "FOR EACH STATEMENT EXECUTE FUNCTION store_append_only()"
                )
        return
    for name, table, event in _names():
        editor.execute(
            f"CREATE TRIGGER {name} BEFORE {event} ON {table} BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        )


def _permit(_apps: Any, editor: Any) -> None:  # noqa: ANN401 - as above
    if editor.connection.vendor == "postgresql":
        editor.execute("DROP FUNCTION store_append_only() CASCADE")
        return
    for name, _table, _event in _names():
        editor.execute(f"DROP TRIGGER {name}")


class Migration(migrations.Migration):
    """Makes the tables append-only."""

    dependencies: ClassVar = [("store", "0001_initial")]
    operations: ClassVar = [migrations.RunPython(_forbid, _permit)]
