"""The day of each case as a column, and indexes in the orders of the queue."""

from typing import Any, ClassVar

from django.db import migrations, models
from django.db.models.functions import TruncDate

from core.clock import BEIJING


def _fill(apps: Any, editor: Any) -> None:  # noqa: ANN401 - Django hands over its own objects
    cards = apps.get_model("station", "CaseCard").objects.using(editor.connection.alias)
    cards.filter(seen_on=None).update(seen_on=TruncDate("last_seen", tzinfo=BEIJING))


class Migration(migrations.Migration):
    """Adds them."""

    dependencies: ClassVar = [
        ("station", "0005_fences_known_answers"),
    ]

    operations: ClassVar = [
        migrations.AddField(
            model_name="casecard",
            name="seen_on",
            field=models.DateField(null=True),
        ),
        migrations.AddIndex(
            model_name="casecard",
            index=models.Index(fields=["state", "opened_at"], name="card_oldest"),
        ),
        migrations.AddIndex(
            model_name="casecard",
            index=models.Index(fields=["state", "-last_seen"], name="card_newest"),
        ),
        migrations.AddIndex(
            model_name="casecard",
            index=models.Index(fields=["state", "site_code", "-severity", "opened_at"], name="card_by_site"),
        ),
        migrations.AddIndex(
            model_name="casecard",
            index=models.Index(fields=["state", "seen_on"], name="card_days"),
        ),
        migrations.AddIndex(
            model_name="casecard",
            index=models.Index(fields=["district", "state", "seen_on"], name="card_district_days"),
        ),
        migrations.AddIndex(
            model_name="casecard",
            index=models.Index(fields=["district", "-severity", "opened_at"], name="card_district_all"),
        ),
        migrations.AddIndex(
            model_name="casecard",
            index=models.Index(
                fields=["seen_on", "district", "hazard_code", "site_code", "state"], name="card_figures"
            ),
        ),
        migrations.AddIndex(
            model_name="casecard",
            index=models.Index(fields=["site_code", "-severity", "opened_at"], name="card_site_all"),
        ),
        migrations.RemoveIndex(model_name="casecard", name="card_site"),
        migrations.RemoveIndex(model_name="casecard", name="card_last_seen"),
        migrations.RunPython(_fill, migrations.RunPython.noop),
    ]
