"""Footage that crews send to the station, and what it is to make of it."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from app.station.models.accounts import District, User


class Upload(models.Model):
    """A file of footage that a browser sends in pieces."""

    upload_id = models.CharField(max_length=36, primary_key=True)
    owner = models.ForeignKey(User, on_delete=models.PROTECT, related_name="uploads")
    district = models.ForeignKey(District, null=True, on_delete=models.PROTECT, related_name="uploads")
    batch = models.CharField(max_length=80)  # a card, as the crew calls it
    name = models.CharField(max_length=255)  # as it was called on the card; never a path of this machine
    size_bytes = models.BigIntegerField()
    modified_ms = models.BigIntegerField()
    received_bytes = models.BigIntegerField(default=0)
    state = models.CharField(max_length=16, default="receiving")  # receiving, storing, stored, refused
    reason = models.CharField(max_length=500, blank=True, default="")
    sha256 = models.CharField(max_length=64, blank=True, default="")
    sm3 = models.CharField(max_length=64, blank=True, default="")
    begun_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    class Meta:
        """A file of a card is sent once; sending it again goes on where it stopped."""

        db_table = "station_upload"
        ordering: ClassVar = ["-begun_at"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["owner", "batch", "name", "size_bytes", "modified_ms"], name="upload_goes_on"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["receiving", "storing", "stored", "refused"]), name="upload_state_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.received_bytes}/{self.size_bytes}"


class ProcessingJob(models.Model):
    """A card's footage that is, or is to be, processed by this station."""

    owner = models.ForeignKey(User, on_delete=models.PROTECT, related_name="jobs")
    district = models.ForeignKey(District, null=True, on_delete=models.PROTECT, related_name="jobs")
    batch = models.CharField(max_length=80)
    files = models.JSONField(default=list)  # [name, SHA-256] of each original
    state = models.CharField(max_length=16, default="waiting")  # waiting, running, done, failed
    words = models.TextField(blank=True, default="")  # what it came to, or why it failed
    asked_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        """Table."""

        db_table = "station_job"
        ordering: ClassVar = ["-asked_at"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(state__in=["waiting", "running", "done", "failed"]), name="job_state_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.batch} {self.state}"
