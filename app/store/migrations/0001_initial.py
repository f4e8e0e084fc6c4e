"""Tables of the store, as :mod:`app.store.models` had them at first."""

from typing import ClassVar

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """Makes the tables."""

    initial = True

    dependencies: ClassVar[list[tuple[str, str]]] = []

    operations: ClassVar = [
        migrations.CreateModel(
            name="AuditHead",
            fields=[
                ("only", models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("entries", models.PositiveBigIntegerField()),
                ("sha256", models.CharField(max_length=64)),
            ],
            options={
                "db_table": "store_audit_head",
                "constraints": [models.CheckConstraint(condition=models.Q(("only", 1)), name="one_head")],
            },
        ),
        migrations.CreateModel(
            name="AuditRow",
            fields=[
                ("seq", models.PositiveBigIntegerField(primary_key=True, serialize=False)),
                ("subject", models.CharField(db_index=True, max_length=64)),
                ("action", models.CharField(max_length=32)),
                ("document", models.TextField()),
                ("sha256", models.CharField(max_length=64, unique=True)),
            ],
            options={
                "db_table": "store_audit",
                "ordering": ["seq"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "action__in",
                                [
                                    "ingested",
                                    "opened",
                                    "derived",
                                    "reviewed",
                                    "checked-on-site",
                                    "decided",
                                    "viewed",
                                    "handed-over",
                                    "copied",
                                    "sealed",
                                    "time-stamped",
                                    "held",
                                    "disposed",
                                ],
                            )
                        ),
                        name="action_known",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="CaseRow",
            fields=[
                ("incident_id", models.CharField(max_length=36, primary_key=True, serialize=False)),
                ("number", models.CharField(max_length=32, unique=True)),
                ("hazard_code", models.CharField(db_index=True, max_length=16)),
                ("site_code", models.CharField(db_index=True, max_length=32, null=True)),
                ("state", models.CharField(db_index=True, max_length=32)),
                ("document", models.TextField()),
            ],
            options={
                "db_table": "store_case",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "state__in",
                                [
                                    "lead",
                                    "in-review",
                                    "confirmed-lead",
                                    "rejected",
                                    "needs-another-look",
                                    "on-site-checked",
                                    "evidence",
                                    "rectified",
                                    "transferred",
                                    "closed",
                                ],
                            )
                        ),
                        name="case_state_known",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="DecisionRow",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("seq", models.PositiveIntegerField()),
                ("deed", models.CharField(max_length=32)),
                ("round", models.PositiveIntegerField(null=True)),
                ("place_in_round", models.PositiveSmallIntegerField(null=True)),
                ("reviewer", models.CharField(max_length=64, null=True)),
                ("officer_1", models.CharField(max_length=64, null=True)),
                ("officer_2", models.CharField(max_length=64, null=True)),
                ("document", models.TextField()),
                (
                    "case",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="decisions", to="store.caserow"
                    ),
                ),
            ],
            options={
                "db_table": "store_decision",
                "ordering": ["case_id", "seq"],
                "constraints": [
                    models.UniqueConstraint(fields=("case", "seq"), name="decision_seq_once"),
                    models.UniqueConstraint(fields=("case", "round", "reviewer"), name="second_reviewer_is_another"),
                    models.UniqueConstraint(fields=("case", "round", "place_in_round"), name="two_verdicts_a_round"),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "deed__in",
                                [
                                    "taken-up",
                                    "verdict",
                                    "resumed",
                                    "checked-on-site",
                                    "accepted-as-evidence",
                                    "document-issued",
                                    "rectified",
                                    "transferred",
                                    "closed",
                                ],
                            )
                        ),
                        name="deed_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("deed", "verdict"), _negated=True),
                            models.Q(
                                ("place_in_round__in", [1, 2]), ("reviewer__isnull", False), ("round__isnull", False)
                            ),
                            _connector="OR",
                        ),
                        name="verdict_has_reviewer",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("deed", "checked-on-site"), _negated=True),
                            models.Q(
                                ("officer_1__isnull", False),
                                ("officer_2__isnull", False),
                                models.Q(("officer_1", models.F("officer_2")), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="two_officers_on_site",
                    ),
                ],
            },
        ),
    ]
