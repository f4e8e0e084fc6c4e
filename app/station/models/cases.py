"""What lists, queues and maps show of a case without opening its document.

A case's card repeats what the case's document says, for searching among a hundred thousand; it is made from the
document and can be made again (:func:`app.station.cards.fill_missing_cards`). Its state follows the case's by a trigger
in the database, so that no way of deciding can leave it behind.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from app.station.models.accounts import District, User


class Run(models.Model):
    """A run of ``skywarden process`` whose incidents were taken in."""

    folder = models.TextField(unique=True)
    title = models.CharField(max_length=200)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField()
    imported_at = models.DateTimeField()
    imported_by = models.CharField(max_length=200)
    report = models.TextField()  # skywarden/run/1
    district = models.ForeignKey(District, null=True, on_delete=models.PROTECT, related_name="runs")

    class Meta:
        """Table."""

        db_table = "station_run"
        ordering: ClassVar = ["-started_at"]

    def __str__(self) -> str:
        return str(self.title)


class CaseCard(models.Model):
    """What lists, queues and maps show of a case."""

    case = models.OneToOneField("store.CaseRow", primary_key=True, on_delete=models.PROTECT, related_name="card")
    number = models.CharField(max_length=32, unique=True)
    state = models.CharField(max_length=32)  # follows store_case.state by a trigger
    district = models.ForeignKey(District, null=True, on_delete=models.PROTECT, related_name="cards")
    run = models.ForeignKey(Run, null=True, on_delete=models.PROTECT, related_name="cards")
    hazard_code = models.CharField(max_length=16)
    hazard_zh = models.CharField(max_length=120)
    hazard_en = models.CharField(max_length=200)
    severity = models.PositiveSmallIntegerField()
    value = models.CharField(max_length=16)  # provable, lead, alert
    probability = models.FloatField()
    label = models.CharField(max_length=64)
    sighting_id = models.CharField(max_length=36, db_index=True)
    site_code = models.CharField(max_length=32, blank=True, default="")
    site_name = models.CharField(max_length=200, blank=True, default="")
    zone_id = models.CharField(max_length=64, blank=True, default="")
    periods = models.CharField(max_length=200, blank=True, default="")  # codes, each between commas
    lon_deg = models.FloatField()
    lat_deg = models.FloatField()
    error_90_m = models.FloatField()
    passes = models.PositiveIntegerField()
    first_seen = models.DateTimeField()
    last_seen = models.DateTimeField()
    seen_on = models.DateField(null=True)  # day of last_seen in Beijing, so that the database counts days by an index
    opened_at = models.DateTimeField()

    class Meta:
        """The indexes are the questions that the queue and the map ask."""

        db_table = "station_case"
        indexes: ClassVar = [
            models.Index(fields=["state", "-severity", "opened_at"], name="card_queue"),
            models.Index(fields=["-severity", "opened_at"], name="card_all"),
            models.Index(fields=["district", "state", "-severity", "opened_at"], name="card_district_queue"),
            models.Index(fields=["hazard_code", "-severity", "opened_at"], name="card_hazard"),
            models.Index(fields=["site_code", "-severity", "opened_at"], name="card_site_all"),
            models.Index(fields=["lon_deg", "lat_deg"], name="card_place"),
            models.Index(fields=["state", "opened_at"], name="card_oldest"),
            models.Index(fields=["state", "-last_seen"], name="card_newest"),
            models.Index(fields=["state", "site_code", "-severity", "opened_at"], name="card_by_site"),
            models.Index(fields=["state", "seen_on"], name="card_days"),
            models.Index(fields=["district", "state", "seen_on"], name="card_district_days"),
            models.Index(fields=["district", "-severity", "opened_at"], name="card_district_all"),
            models.Index(fields=["seen_on", "district", "hazard_code", "site_code", "state"], name="card_figures"),
        ]

    def __str__(self) -> str:
        return str(self.number)

    @property
    def shown_state(self) -> str:
        """The state as the reader of :func:`app.station.objects.cards_of` may know it; otherwise the state."""
        return str(getattr(self, "shown", self.state))


class MediaRow(models.Model):
    """A file that a case's page shows: an original, or a copy derived from one. Its bytes lie in the vault."""

    case = models.ForeignKey(CaseCard, on_delete=models.PROTECT, related_name="media")
    sha256 = models.CharField(max_length=64, db_index=True)
    kind = models.CharField(max_length=16)  # original, annotate, crop, clip, redact
    name = models.CharField(max_length=200)
    media_type = models.CharField(max_length=64)
    size_bytes = models.BigIntegerField()
    captured_at = models.DateTimeField(null=True)

    class Meta:
        """A file stands once in a case."""

        db_table = "station_media"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["case", "sha256", "kind"], name="media_once"),
            models.CheckConstraint(
                condition=Q(kind__in=["original", "annotate", "crop", "clip", "redact"]), name="media_kind_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


class SavedFilter(models.Model):
    """A filter of the list of cases that somebody gave a name."""

    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="filters")
    name = models.CharField(max_length=80)
    query = models.CharField(max_length=1000)  # a query string

    class Meta:
        """A name stands once for each person."""

        db_table = "station_saved_filter"
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["owner", "name"], name="filter_name_once")]

    def __str__(self) -> str:
        return str(self.name)


class Fence(models.Model):
    """The outline of a site or zone as it was in one version: what a case's map draws."""

    kind = models.CharField(max_length=8)  # site, zone
    key = models.CharField(max_length=64)  # the site's code, the zone's id
    version = models.CharField(max_length=64)
    name = models.CharField(max_length=200)
    outline = models.TextField()  # GeoJSON geometry, WGS-84

    class Meta:
        """A version stands once."""

        db_table = "station_fence"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["kind", "key", "version"], name="fence_version_once"),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


class KnownAnswer(models.Model):
    """A case that was decided and is shown again among the leads, to learn how surely reviewers judge."""

    case = models.OneToOneField(CaseCard, primary_key=True, on_delete=models.PROTECT, related_name="known_answer")
    verdict = models.CharField(max_length=16)  # confirm, reject
    set_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    set_at = models.DateTimeField()

    class Meta:
        """Table."""

        db_table = "station_known_answer"
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(verdict__in=["confirm", "reject"]), name="known_answer_is_one"),
        ]

    def __str__(self) -> str:
        return f"{self.case_id} {self.verdict}"


class KnownReply(models.Model):
    """What a reviewer said of a known answer; it moves no case."""

    answer = models.ForeignKey(KnownAnswer, on_delete=models.PROTECT, related_name="replies")
    reviewer = models.CharField(max_length=64)  # certificate number, as decisions name people
    verdict = models.CharField(max_length=16)
    seconds_spent = models.FloatField()
    at = models.DateTimeField()

    class Meta:
        """Somebody is asked once."""

        db_table = "station_known_reply"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["answer", "reviewer"], name="known_answer_asked_once"),
        ]

    def __str__(self) -> str:
        return f"{self.reviewer} {self.verdict}"
