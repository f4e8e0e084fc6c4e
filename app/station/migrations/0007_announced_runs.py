"""Table of the runs that the station takes in by itself."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    """Makes it."""

    dependencies: ClassVar = [
        ("station", "0006_days_and_queues"),
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
            options={"db_table": "station_announced_run"},
        ),
    ]
