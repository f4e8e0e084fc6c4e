"""Triggers: a card's state is its case's, however the case was decided."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import migrations

_UPDATE = "UPDATE station_case SET state = NEW.state WHERE case_id = NEW.incident_id"


def _follow(_apps: Any, editor: Any) -> None:  # noqa: ANN401 - Django hands over its own objects
    if editor.connection.vendor == "postgresql":
        editor.execute(
            "CREATE FUNCTION station_state_follows() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN {_UPDATE}; RETURN NULL; END $$"
        )
        editor.execute(
            "CREATE TRIGGER station_state_follows AFTER UPDATE OF state ON store_case "
            "FOR EACH ROW EXECUTE FUNCTION station_state_follows()"
        )
        return
    editor.execute(f"CREATE TRIGGER station_state_follows AFTER UPDATE OF state ON store_case BEGIN {_UPDATE}; END")


def _stay(_apps: Any, editor: Any) -> None:  # noqa: ANN401 - as above
    if editor.connection.vendor == "postgresql":
        editor.execute("DROP FUNCTION station_state_follows() CASCADE")
        return
    editor.execute("DROP TRIGGER station_state_follows")


class Migration(migrations.Migration):
    """Lets the state follow."""

    dependencies: ClassVar = [("station", "0001_initial")]
    operations: ClassVar = [migrations.RunPython(_follow, _stay)]
