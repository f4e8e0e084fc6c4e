"""Tables of the station, as :mod:`app.station.models` had them at first."""

from typing import ClassVar

import django.db.models.deletion
import django.db.models.functions.text
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """Makes the tables."""

    initial = True

    dependencies: ClassVar = [
        ("store", "0002_append_only"),
    ]

    operations: ClassVar = [
        migrations.CreateModel(
            name="District",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("code", models.CharField(max_length=32, unique=True)),
                ("name", models.CharField(max_length=120)),
                ("outline", models.TextField(blank=True, default="")),
            ],
            options={
                "db_table": "station_district",
                "ordering": ["code"],
            },
        ),
        migrations.CreateModel(
            name="Secret",
            fields=[
                ("name", models.CharField(max_length=32, primary_key=True, serialize=False)),
                ("value", models.CharField(max_length=200)),
            ],
            options={
                "db_table": "station_secret",
            },
        ),
        migrations.CreateModel(
            name="SignInFailure",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("username", models.CharField(db_index=True, max_length=64)),
                ("address", models.CharField(db_index=True, max_length=64)),
                ("at", models.DateTimeField(db_index=True)),
            ],
            options={
                "db_table": "station_sign_in_failure",
            },
        ),
        migrations.CreateModel(
            name="CaseCard",
            fields=[
                (
                    "case",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="card",
                        serialize=False,
                        to="store.caserow",
                    ),
                ),
                ("number", models.CharField(max_length=32, unique=True)),
                ("state", models.CharField(max_length=32)),
                ("hazard_code", models.CharField(max_length=16)),
                ("hazard_zh", models.CharField(max_length=120)),
                ("hazard_en", models.CharField(max_length=200)),
                ("severity", models.PositiveSmallIntegerField()),
                ("value", models.CharField(max_length=16)),
                ("probability", models.FloatField()),
                ("label", models.CharField(max_length=64)),
                ("sighting_id", models.CharField(db_index=True, max_length=36)),
                ("site_code", models.CharField(blank=True, default="", max_length=32)),
                ("site_name", models.CharField(blank=True, default="", max_length=200)),
                ("zone_id", models.CharField(blank=True, default="", max_length=64)),
                ("periods", models.CharField(blank=True, default="", max_length=200)),
                ("lon_deg", models.FloatField()),
                ("lat_deg", models.FloatField()),
                ("error_90_m", models.FloatField()),
                ("passes", models.PositiveIntegerField()),
                ("first_seen", models.DateTimeField()),
                ("last_seen", models.DateTimeField()),
                ("opened_at", models.DateTimeField()),
                (
                    "district",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="cards",
                        to="station.district",
                    ),
                ),
            ],
            options={
                "db_table": "station_case",
            },
        ),
        migrations.CreateModel(
            name="User",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("password", models.CharField(max_length=128, verbose_name="password")),
                ("last_login", models.DateTimeField(blank=True, null=True, verbose_name="last login")),
                ("username", models.CharField(max_length=64, unique=True)),
                ("name", models.CharField(max_length=120)),
                ("certificate_no", models.CharField(blank=True, default="", max_length=64)),
                ("roles", models.JSONField(default=list)),
                ("all_districts", models.BooleanField(default=False)),
                ("is_active", models.BooleanField(default=True)),
                ("language", models.CharField(blank=True, default="", max_length=8)),
                ("must_change_password", models.BooleanField(default=False)),
                ("second_factor_required", models.BooleanField(default=False)),
                ("totp_secret", models.CharField(blank=True, default="", max_length=64)),
                ("totp_confirmed", models.BooleanField(default=False)),
                ("totp_last_step", models.BigIntegerField(default=0)),
                ("created_at", models.DateTimeField()),
                ("districts", models.ManyToManyField(blank=True, related_name="people", to="station.district")),
            ],
            options={
                "db_table": "station_user",
                "ordering": ["username"],
            },
        ),
        migrations.CreateModel(
            name="MediaRow",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("sha256", models.CharField(db_index=True, max_length=64)),
                ("kind", models.CharField(max_length=16)),
                ("name", models.CharField(max_length=200)),
                ("media_type", models.CharField(max_length=64)),
                ("size_bytes", models.BigIntegerField()),
                ("captured_at", models.DateTimeField(null=True)),
                (
                    "case",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="media", to="station.casecard"
                    ),
                ),
            ],
            options={
                "db_table": "station_media",
            },
        ),
        migrations.CreateModel(
            name="Run",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("folder", models.TextField(unique=True)),
                ("title", models.CharField(max_length=200)),
                ("started_at", models.DateTimeField()),
                ("finished_at", models.DateTimeField()),
                ("imported_at", models.DateTimeField()),
                ("imported_by", models.CharField(max_length=200)),
                ("report", models.TextField()),
                (
                    "district",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="runs",
                        to="station.district",
                    ),
                ),
            ],
            options={
                "db_table": "station_run",
                "ordering": ["-started_at"],
            },
        ),
        migrations.AddField(
            model_name="casecard",
            name="run",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="cards", to="station.run"
            ),
        ),
        migrations.CreateModel(
            name="SavedFilter",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=80)),
                ("query", models.CharField(max_length=1000)),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="filters", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "db_table": "station_saved_filter",
                "ordering": ["name"],
            },
        ),
        migrations.AddConstraint(
            model_name="user",
            constraint=models.UniqueConstraint(django.db.models.functions.text.Lower("username"), name="username_once"),
        ),
        migrations.AddConstraint(
            model_name="user",
            constraint=models.UniqueConstraint(
                condition=models.Q(("certificate_no", ""), _negated=True),
                fields=("certificate_no",),
                name="certificate_is_one_persons",
            ),
        ),
        migrations.AddConstraint(
            model_name="mediarow",
            constraint=models.UniqueConstraint(fields=("case", "sha256", "kind"), name="media_once"),
        ),
        migrations.AddConstraint(
            model_name="mediarow",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["original", "annotate", "crop", "clip", "redact"])),
                name="media_kind_known",
            ),
        ),
        migrations.AddIndex(
            model_name="casecard",
            index=models.Index(fields=["state", "-severity", "opened_at"], name="card_queue"),
        ),
        migrations.AddIndex(
            model_name="casecard",
            index=models.Index(fields=["-severity", "opened_at"], name="card_all"),
        ),
        migrations.AddIndex(
            model_name="casecard",
            index=models.Index(fields=["district", "state", "-severity", "opened_at"], name="card_district_queue"),
        ),
        migrations.AddIndex(
            model_name="casecard",
            index=models.Index(fields=["hazard_code", "-severity", "opened_at"], name="card_hazard"),
        ),
        migrations.AddIndex(
            model_name="casecard",
            index=models.Index(fields=["site_code", "state"], name="card_site"),
        ),
        migrations.AddIndex(
            model_name="casecard",
            index=models.Index(fields=["last_seen"], name="card_last_seen"),
        ),
        migrations.AddIndex(
            model_name="casecard",
            index=models.Index(fields=["lon_deg", "lat_deg"], name="card_place"),
        ),
        migrations.AddConstraint(
            model_name="savedfilter",
            constraint=models.UniqueConstraint(fields=("owner", "name"), name="filter_name_once"),
        ),
    ]
