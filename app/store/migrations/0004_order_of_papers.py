"""Triggers: papers come in the order of the procedure, and every verdict has its place, whoever inserts them."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import migrations

# What must have been issued (one of them) before a paper is; as the rules of order had it when this was written.
ORDER = (
    ("现场处理措施决定书", ("现场检查记录",)),
    ("责令限期整改指令书", ("现场检查记录",)),
    ("整改复查意见书", ("现场处理措施决定书", "责令限期整改指令书", "强制措施决定书")),
    ("先行登记保存证据处理决定书", ("先行登记保存证据通知书",)),
    ("行政处罚告知书", ("立案审批表",)),
    ("陈述申辩笔录", ("行政处罚告知书",)),
    ("行政处罚决定书", ("行政处罚告知书",)),
)
RECHECK = "整改复查意见书"


def _listed(papers: tuple[str, ...]) -> str:
    return ", ".join(f"'{paper}'" for paper in papers)


def _on_postgresql(editor: Any) -> None:  # noqa: ANN401 - Django hands over its own objects
    cases = "".join(
        f"WHEN paper = '{paper}' AND NOT issued && ARRAY[{_listed(needed)}] THEN "
        f"RAISE EXCEPTION 'document_order: {paper}' USING ERRCODE = 'integrity_constraint_violation'; "
        for paper, needed in ORDER
    )
    editor.execute(
        "CREATE FUNCTION store_order_of_papers() RETURNS trigger LANGUAGE plpgsql AS $$ "  # noqa: S608 - as above
        "DECLARE paper text; issued text[]; BEGIN "
        "IF NEW.deed = 'verdict' THEN IF NEW.place_in_round IS NULL THEN "
        "RAISE EXCEPTION 'verdict_has_place' USING ERRCODE = 'integrity_constraint_violation'; END IF; "
        "RETURN NEW; END IF; "
        "IF NEW.deed NOT IN ('document-issued', 'rectified') THEN RETURN NEW; END IF; "
        "SELECT coalesce(array_agg(document::json ->> 'document'), ARRAY[]::text[]) INTO issued "
        "FROM store_decision WHERE case_id = NEW.case_id AND deed = 'document-issued'; "
        f"IF NEW.deed = 'rectified' THEN IF NOT '{RECHECK}' = ANY (issued) THEN "
        f"RAISE EXCEPTION 'document_order: {RECHECK}' USING ERRCODE = 'integrity_constraint_violation'; END IF; "
        "RETURN NEW; END IF; "
        "paper := NEW.document::json ->> 'document'; "
        f"CASE {cases}ELSE NULL; END CASE; RETURN NEW; END $$",
        params=None,
    )
    editor.execute(
        "CREATE TRIGGER store_decision_order BEFORE INSERT ON store_decision "
        "FOR EACH ROW EXECUTE FUNCTION store_order_of_papers()"
    )


def _on_sqlite(editor: Any) -> None:  # noqa: ANN401 - as above
    missing = (
        "NOT EXISTS (SELECT 1 FROM store_decision AS earlier WHERE earlier.case_id = NEW.case_id "
        "AND earlier.deed = 'document-issued' AND json_extract(earlier.document, '$.document') IN ({papers}))"
    )
    guards = [("place", "NEW.deed = 'verdict' AND NEW.place_in_round IS NULL", "verdict_has_place")]
    guards.append(
        ("rectified", f"NEW.deed = 'rectified' AND {missing.format(papers=_listed((RECHECK,)))}",
         f"document_order: {RECHECK}")
    )  # fmt: skip
    guards += [
        (
            f"paper_{number}",
            (
                f"NEW.deed = 'document-issued' AND json_extract(NEW.document, '$.document') = '{paper}' "
                f"AND {missing.format(papers=_listed(needed))}"
            ),
            f"document_order: {paper}",
        )
        for number, (paper, needed) in enumerate(ORDER)
    ]
    for name, when, words in guards:
        editor.execute(
            f"CREATE TRIGGER store_decision_{name} BEFORE INSERT ON store_decision WHEN {when} "
            f"BEGIN SELECT RAISE(ABORT, '{words}'); END",
            params=None,
        )


def _guard(_apps: Any, editor: Any) -> None:  # noqa: ANN401 - as above
    if editor.connection.vendor == "postgresql":
        _on_postgresql(editor)
    else:
        _on_sqlite(editor)


def _unguard(_apps: Any, editor: Any) -> None:  # noqa: ANN401 - as above
    if editor.connection.vendor == "postgresql":
        editor.execute("DROP FUNCTION store_order_of_papers() CASCADE")
        return
    for name in ("place", "rectified", *(f"paper_{number}" for number in range(len(ORDER)))):
        editor.execute(f"DROP TRIGGER store_decision_{name}")


class Migration(migrations.Migration):
    """Makes the database refuse papers out of order."""

    dependencies: ClassVar = [("store", "0003_announced_runs")]
    operations: ClassVar = [migrations.RunPython(_guard, _unguard)]
