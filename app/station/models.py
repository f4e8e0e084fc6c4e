"""What the station keeps of its own: accounts, districts, and what lists show of a case without opening its document.

A case's card repeats what the case's document says, for searching among a hundred thousand; it is made from the
document and can be made again (:func:`app.station.cards.fill_missing_cards`). Its state follows the case's by a trigger
in the database, so that no way of deciding can leave it behind.
"""

from __future__ import annotations

from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from app.station.roles import Role


class District(models.Model):
    """A part of the bureau's ground; people are let in by district."""

    code = models.CharField(max_length=32, unique=True)
    name = models.CharField(max_length=120)
    outline = models.TextField(blank=True, default="")  # GeoJSON geometry, WGS-84; empty: assigned by hand alone

    class Meta:
        """Table."""

        db_table = "station_district"
        ordering: ClassVar = ["code"]

    def __str__(self) -> str:
        return str(self.name)


class User(AbstractBaseUser):
    """Somebody with an account. Accounts are switched off, never removed: the audit speaks of them for ever."""

    username = models.CharField(max_length=64, unique=True)
    name = models.CharField(max_length=120)
    certificate_no = models.CharField(max_length=64, blank=True, default="")  # 执法证号; who decides has one
    roles = models.JSONField(default=list)
    districts = models.ManyToManyField(District, blank=True, related_name="people")
    all_districts = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    language = models.CharField(max_length=8, blank=True, default="")  # "", "en" or "zh_CN"
    must_change_password = models.BooleanField(default=False)
    second_factor_required = models.BooleanField(default=False)
    totp_secret = models.CharField(max_length=64, blank=True, default="")
    totp_confirmed = models.BooleanField(default=False)
    totp_last_step = models.BigIntegerField(default=0)  # a code counts once
    created_at = models.DateTimeField()

    objects = BaseUserManager()
    USERNAME_FIELD = "username"
    REQUIRED_FIELDS: ClassVar = ["name"]

    class Meta:
        """Table."""

        db_table = "station_user"
        ordering: ClassVar = ["username"]
        constraints: ClassVar = [
            models.UniqueConstraint(Lower("username"), name="username_once"),
            models.UniqueConstraint(
                fields=["certificate_no"], condition=~Q(certificate_no=""), name="certificate_is_one_persons"
            ),
        ]

    def __str__(self) -> str:
        return str(self.username)

    @property
    def role_set(self) -> frozenset[Role]:
        """The person's roles, as far as this version knows them (:attr:`unknown_roles` tells the others)."""
        return frozenset(Role(role) for role in self.roles if role in set(Role))

    @property
    def unknown_roles(self) -> tuple[str, ...]:
        """Words among the roles that are none: of another version, or written into the store by hand."""
        return tuple(str(role) for role in self.roles if role not in set(Role))


class SignInFailure(models.Model):
    """A sign-in that failed: what the lockout counts."""

    username = models.CharField(max_length=64, db_index=True)
    address = models.CharField(max_length=64, db_index=True)
    at = models.DateTimeField(db_index=True)

    class Meta:
        """Table."""

        db_table = "station_sign_in_failure"

    def __str__(self) -> str:
        return f"{self.username} {self.at}"


class Secret(models.Model):
    """A secret that this station made for itself and keeps across restarts."""

    name = models.CharField(max_length=32, primary_key=True)
    value = models.CharField(max_length=200)

    class Meta:
        """Table."""

        db_table = "station_secret"

    def __str__(self) -> str:
        return str(self.name)


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


class ApiToken(models.Model):
    """A token that reads the API for somebody. Only its digest is kept; it reaches no further than its owner."""

    owner = models.ForeignKey(User, on_delete=models.PROTECT, related_name="tokens")
    name = models.CharField(max_length=80)
    sha256 = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    used_at = models.DateTimeField(null=True)

    class Meta:
        """Table."""

        db_table = "station_token"
        ordering: ClassVar = ["-created_at"]

    def __str__(self) -> str:
        return str(self.name)


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
