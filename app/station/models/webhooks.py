"""Whom the station tells of newly confirmed cases, and how far it has."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from app.station.models.cases import CaseCard


class WebhookTarget(models.Model):
    """An address that is told of newly confirmed cases, and how far it was told."""

    address = models.CharField(max_length=500, unique=True)
    secret = models.CharField(max_length=100)
    active = models.BooleanField(default=True)  # named when the station was started last
    seen_decision = models.BigIntegerField(default=0)  # decisions up to this one were looked at

    class Meta:
        """Table."""

        db_table = "station_webhook"

    def __str__(self) -> str:
        return str(self.address)


class WebhookMessage(models.Model):
    """A message on its way to an address; kept until it arrived or was given up."""

    target = models.ForeignKey(WebhookTarget, on_delete=models.PROTECT, related_name="messages")
    case = models.ForeignKey(CaseCard, on_delete=models.PROTECT, related_name="messages")
    message_id = models.CharField(max_length=64, unique=True)
    body = models.TextField()
    made_at = models.DateTimeField()
    next_at = models.DateTimeField()
    tries = models.PositiveSmallIntegerField(default=0)
    outcome = models.CharField(max_length=16, default="waiting")  # waiting, arrived, given-up
    answer = models.CharField(max_length=200, blank=True, default="")

    class Meta:
        """A case is told once to an address for each time it is confirmed."""

        db_table = "station_webhook_message"
        indexes: ClassVar = [models.Index(fields=["outcome", "next_at"], name="message_queue")]

    def __str__(self) -> str:
        return f"{self.message_id} {self.outcome}"
