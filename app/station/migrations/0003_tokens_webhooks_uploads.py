"""Tables of the API's tokens, of webhooks and of uploads."""

from typing import ClassVar

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """Makes the tables."""

    dependencies: ClassVar = [
        ("station", "0002_state_follows"),
    ]

    operations: ClassVar = [
        migrations.CreateModel(
            name="WebhookTarget",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("address", models.CharField(max_length=500, unique=True)),
                ("secret", models.CharField(max_length=100)),
                ("active", models.BooleanField(default=True)),
                ("seen_decision", models.BigIntegerField(default=0)),
            ],
            options={
                "db_table": "station_webhook",
            },
        ),
        migrations.CreateModel(
            name="ApiToken",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=80)),
                ("sha256", models.CharField(max_length=64, unique=True)),
                ("created_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("revoked_at", models.DateTimeField(null=True)),
                ("used_at", models.DateTimeField(null=True)),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="tokens", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "db_table": "station_token",
                "ordering": ["-created_at"],
            },
        ),
        migrations.CreateModel(
            name="Upload",
            fields=[
                ("upload_id", models.CharField(max_length=36, primary_key=True, serialize=False)),
                ("batch", models.CharField(max_length=80)),
                ("name", models.CharField(max_length=255)),
                ("size_bytes", models.BigIntegerField()),
                ("modified_ms", models.BigIntegerField()),
                ("received_bytes", models.BigIntegerField(default=0)),
                ("state", models.CharField(default="receiving", max_length=16)),
                ("reason", models.CharField(blank=True, default="", max_length=500)),
                ("sha256", models.CharField(blank=True, default="", max_length=64)),
                ("sm3", models.CharField(blank=True, default="", max_length=64)),
                ("begun_at", models.DateTimeField()),
                ("changed_at", models.DateTimeField()),
                (
                    "district",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="uploads",
                        to="station.district",
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="uploads", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "db_table": "station_upload",
                "ordering": ["-begun_at"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("owner", "batch", "name", "size_bytes", "modified_ms"), name="upload_goes_on"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["receiving", "storing", "stored", "refused"])),
                        name="upload_state_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="WebhookMessage",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("message_id", models.CharField(max_length=64, unique=True)),
                ("body", models.TextField()),
                ("made_at", models.DateTimeField()),
                ("next_at", models.DateTimeField()),
                ("tries", models.PositiveSmallIntegerField(default=0)),
                ("outcome", models.CharField(default="waiting", max_length=16)),
                ("answer", models.CharField(blank=True, default="", max_length=200)),
                (
                    "case",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="messages", to="station.casecard"
                    ),
                ),
                (
                    "target",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="messages", to="station.webhooktarget"
                    ),
                ),
            ],
            options={
                "db_table": "station_webhook_message",
                "indexes": [models.Index(fields=["outcome", "next_at"], name="message_queue")],
            },
        ),
    ]
