"""Triggers: an audit entry is written after the last one and nowhere else, and what stands is not written over.

A row that is inserted is as bad as one that is changed. SQLite besides replaces rows by inserting (``INSERT OR
REPLACE``) without asking the triggers against removal, so what stands there is looked for before anything is inserted.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import migrations

_ORIGIN = "0" * 64  # what the first entry names as the digest of the one before it

_SQLITE = {
    "store_audit_follows": (
        "BEFORE INSERT ON store_audit BEGIN "  # noqa: S608 - no value from outside
        "SELECT RAISE(ABORT, 'store_audit is append-only: the row does not follow the last') WHERE "
        "NEW.seq <> coalesce((SELECT max(seq) + 1 FROM store_audit), 0) "
        "OR json_extract(NEW.document, '$.previous_sha256') IS NOT "
        f"coalesce((SELECT sha256 FROM store_audit ORDER BY seq DESC LIMIT 1), '{_ORIGIN}'); END"
    ),
    "store_audit_head_once": (
        "BEFORE INSERT ON store_audit_head BEGIN "
        "SELECT RAISE(ABORT, 'store_audit_head is append-only: it is not where the audit ends') WHERE "
        "EXISTS (SELECT 1 FROM store_audit_head) "
        "OR NEW.entries <> coalesce((SELECT max(seq) + 1 FROM store_audit), 0) "
        "OR NEW.sha256 IS NOT (SELECT sha256 FROM store_audit WHERE seq = NEW.entries - 1); END"
    ),
    "store_audit_head_onward": (
        "BEFORE UPDATE ON store_audit_head BEGIN "
        "SELECT RAISE(ABORT, 'store_audit_head is append-only: it is not where the audit ends') WHERE "
        "NEW.entries <> OLD.entries + 1 "
        "OR NEW.sha256 IS NOT (SELECT sha256 FROM store_audit WHERE seq = NEW.entries - 1); END"
    ),
    "store_case_once": (
        "BEFORE INSERT ON store_case BEGIN "
        "SELECT RAISE(ABORT, 'store_case is append-only') WHERE EXISTS (SELECT 1 FROM store_case AS here "
        "WHERE here.incident_id = NEW.incident_id OR here.number = NEW.number); END"
    ),
    "store_decision_once": (
        "BEFORE INSERT ON store_decision BEGIN "
        "SELECT RAISE(ABORT, 'store_decision is append-only') WHERE EXISTS "
        "(SELECT 1 FROM store_decision AS here WHERE here.id = NEW.id); "
        "SELECT RAISE(ABORT, 'decision_seq_once') WHERE EXISTS (SELECT 1 FROM store_decision AS here "
        "WHERE here.case_id = NEW.case_id AND here.seq = NEW.seq); "
        "SELECT RAISE(ABORT, 'second_reviewer_is_another') WHERE EXISTS (SELECT 1 FROM store_decision AS here "
        "WHERE here.case_id = NEW.case_id AND here.round = NEW.round AND here.reviewer = NEW.reviewer); "
        "SELECT RAISE(ABORT, 'two_verdicts_a_round') WHERE EXISTS (SELECT 1 FROM store_decision AS here "
        "WHERE here.case_id = NEW.case_id AND here.round = NEW.round AND here.place_in_round = NEW.place_in_round); "
        "END"
    ),
}

_FOLLOWS = (
    "CREATE FUNCTION store_audit_follows() RETURNS trigger LANGUAGE plpgsql AS $$ "  # noqa: S608 - as above
    "DECLARE last store_audit; BEGIN "
    "SELECT * INTO last FROM store_audit ORDER BY seq DESC LIMIT 1; "
    "IF NEW.seq <> coalesce(last.seq + 1, 0) "
    f"OR NEW.document::json ->> 'previous_sha256' IS DISTINCT FROM coalesce(last.sha256, '{_ORIGIN}') THEN "
    "RAISE EXCEPTION 'store_audit is append-only: the row does not follow the last' "
    "USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN NEW; END $$"
)
_ENDS = (
    "CREATE FUNCTION store_audit_ends() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE last store_audit; BEGIN "
    "SELECT * INTO last FROM store_audit ORDER BY seq DESC LIMIT 1; "
    "IF NEW.entries IS DISTINCT FROM last.seq + 1 OR NEW.sha256 IS DISTINCT FROM last.sha256 "
    "OR (TG_OP = 'UPDATE' AND NEW.entries <> OLD.entries + 1) THEN "
    "RAISE EXCEPTION 'store_audit_head is append-only: it is not where the audit ends' "
    "USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN NEW; END $$"
)
_POSTGRESQL = {
    "store_audit_follows": "BEFORE INSERT ON store_audit FOR EACH ROW EXECUTE FUNCTION store_audit_follows()",
    "store_audit_head_onward": (
        "BEFORE INSERT OR UPDATE ON store_audit_head FOR EACH ROW EXECUTE FUNCTION store_audit_ends()"
    ),
}


def _guard(_apps: Any, editor: Any) -> None:  # noqa: ANN401 - Django hands over its own objects
    on_postgresql = editor.connection.vendor == "postgresql"
    if on_postgresql:
        for function in (_FOLLOWS, _ENDS):
            editor.execute(function, params=None)
    for name, what in (_POSTGRESQL if on_postgresql else _SQLITE).items():
        editor.execute(f"CREATE TRIGGER {name} {what}", params=None)


def _unguard(_apps: Any, editor: Any) -> None:  # noqa: ANN401 - as above
    if editor.connection.vendor == "postgresql":
        editor.execute("DROP FUNCTION store_audit_follows() CASCADE")
        editor.execute("DROP FUNCTION store_audit_ends() CASCADE")
        return
    for name in _SQLITE:
        editor.execute(f"DROP TRIGGER {name}")


class Migration(migrations.Migration):
    """Makes the database refuse rows that are put between others, and rows that are written over."""

    dependencies: ClassVar = [("store", "0004_order_of_papers")]
    operations: ClassVar = [migrations.RunPython(_guard, _unguard)]
