"""Tables of the fences as they were, and of leads whose answer is known."""

from typing import ClassVar

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """Makes the tables."""

    dependencies: ClassVar = [
        ("station", "0004_processing_jobs"),
    ]

    operations: ClassVar = [
        migrations.CreateModel(
            name="Fence",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(max_length=8)),
                ("key", models.CharField(max_length=64)),
                ("version", models.CharField(max_length=64)),
                ("name", models.CharField(max_length=200)),
                ("outline", models.TextField()),
            ],
            options={
                "db_table": "station_fence",
                "constraints": [models.UniqueConstraint(fields=("kind", "key", "version"), name="fence_version_once")],
            },
        ),
        migrations.CreateModel(
            name="KnownAnswer",
            fields=[
                (
                    "case",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="known_answer",
                        serialize=False,
                        to="station.casecard",
                    ),
                ),
                ("verdict", models.CharField(max_length=16)),
                ("set_at", models.DateTimeField()),
                (
                    "set_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "db_table": "station_known_answer",
            },
        ),
        migrations.CreateModel(
            name="KnownReply",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("reviewer", models.CharField(max_length=64)),
                ("verdict", models.CharField(max_length=16)),
                ("seconds_spent", models.FloatField()),
                ("at", models.DateTimeField()),
                (
                    "answer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="replies", to="station.knownanswer"
                    ),
                ),
            ],
            options={
                "db_table": "station_known_reply",
            },
        ),
        migrations.AddConstraint(
            model_name="knownanswer",
            constraint=models.CheckConstraint(
                condition=models.Q(("verdict__in", ["confirm", "reject"])), name="known_answer_is_one"
            ),
        ),
        migrations.AddConstraint(
            model_name="knownreply",
            constraint=models.UniqueConstraint(fields=("answer", "reviewer"), name="known_answer_asked_once"),
        ),
    ]
