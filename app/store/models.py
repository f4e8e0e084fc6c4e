"""Tables of the store. What the order of decisions and four eyes ask for is a constraint here, not only a habit above.

Documents are canonical JSON as text, so that a row's digest is the record's; the other columns are for searching and
for constraints, and must agree with the document (:meth:`app.store.django_store.DjangoCaseStore.audit_breaks`).
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from evidence.cases.life import Deed
from evidence.custody import Action
from evidence.incident import State


class CaseRow(models.Model):
    """A case: its incident as it was opened, and the state that its decisions lead to."""

    incident_id = models.CharField(max_length=36, primary_key=True)
    number = models.CharField(max_length=32, unique=True)
    hazard_code = models.CharField(max_length=16, db_index=True)
    site_code = models.CharField(max_length=32, null=True, db_index=True)  # noqa: DJ001 - None is nobody's ground
    state = models.CharField(max_length=32, db_index=True)
    document = models.TextField()

    class Meta:
        """Constraints."""

        db_table = "store_case"
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(state__in=[state.value for state in State]), name="case_state_known"),
        ]

    def __str__(self) -> str:
        return str(self.number)


class DecisionRow(models.Model):
    """A decision. Its round and reviewer, or its two officers, stand in columns so that the database can refuse."""

    case = models.ForeignKey(CaseRow, on_delete=models.PROTECT, related_name="decisions")
    seq = models.PositiveIntegerField()
    deed = models.CharField(max_length=32)
    round = models.PositiveIntegerField(null=True)
    place_in_round = models.PositiveSmallIntegerField(null=True)
    reviewer = models.CharField(max_length=64, null=True)  # noqa: DJ001 - None: no verdict
    officer_1 = models.CharField(max_length=64, null=True)  # noqa: DJ001 - None: no check on site
    officer_2 = models.CharField(max_length=64, null=True)  # noqa: DJ001 - as above
    document = models.TextField()

    class Meta:
        """Constraints."""

        db_table = "store_decision"
        ordering: ClassVar = ["case_id", "seq"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["case", "seq"], name="decision_seq_once"),
            models.UniqueConstraint(fields=["case", "round", "reviewer"], name="second_reviewer_is_another"),
            models.UniqueConstraint(fields=["case", "round", "place_in_round"], name="two_verdicts_a_round"),
            models.CheckConstraint(condition=Q(deed__in=[deed.value for deed in Deed]), name="deed_known"),
            models.CheckConstraint(
                condition=~Q(deed=Deed.VERDICT.value)
                | Q(round__isnull=False, reviewer__isnull=False, place_in_round__in=[1, 2]),
                name="verdict_has_reviewer",
            ),
            models.CheckConstraint(
                condition=~Q(deed=Deed.CHECKED_ON_SITE.value)
                | (Q(officer_1__isnull=False, officer_2__isnull=False) & ~Q(officer_1=F("officer_2"))),
                name="two_officers_on_site",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.case_id} {self.seq} {self.deed}"


class AuditRow(models.Model):
    """An entry of the audit chain."""

    seq = models.PositiveBigIntegerField(primary_key=True)
    subject = models.CharField(max_length=64, db_index=True)
    action = models.CharField(max_length=32)
    document = models.TextField()
    sha256 = models.CharField(max_length=64, unique=True)

    class Meta:
        """Constraints."""

        db_table = "store_audit"
        ordering: ClassVar = ["seq"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(action__in=[action.value for action in Action]), name="action_known"),
        ]

    def __str__(self) -> str:
        return f"{self.seq} {self.action} {self.subject}"


class AuditHead(models.Model):
    """The one row that says where the audit chain ends, so that a cut end shows."""

    only = models.PositiveSmallIntegerField(primary_key=True, default=1)
    entries = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64)

    class Meta:
        """Constraints."""

        db_table = "store_audit_head"
        constraints: ClassVar = [models.CheckConstraint(condition=Q(only=1), name="one_head")]

    def __str__(self) -> str:
        return f"{self.entries} {self.sha256}"


class AnnouncedRun(models.Model):
    """A finished run of ``skywarden process``, which a station that serves the store takes in by itself."""

    folder = models.TextField(unique=True)
    title = models.CharField(max_length=200)
    announced_at = models.DateTimeField()
    taken_at = models.DateTimeField(null=True)
    words = models.TextField(blank=True, default="")  # why it was not taken in

    class Meta:
        """Table."""

        db_table = "store_announced_run"

    def __str__(self) -> str:
        return str(self.folder)
