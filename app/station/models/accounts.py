"""Who is let in, and to which ground: districts, accounts, tokens, and what the lockout counts."""

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
