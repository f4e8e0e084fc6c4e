"""Table of the finished runs that a station takes in."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    """Makes it."""

    dependencies: ClassVar = [
        ("store", "0002_append_only"),
    ]

    operations: ClassVar = [
        migrations.CreateModel(
            name="AnnouncedRun",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("folder", models.TextField(unique=True)),
                ("title", models.CharField(max_length=200)),
                ("announced_at", models.DateTimeField()),
                ("taken_at", models.DateTimeField(null=True)),
                ("words", models.TextField(blank=True, default="")),
            ],
            options={"db_table": "store_announced_run"},
        ),
    ]
