"""Says in a store that a run is finished, so that a station that serves the store takes it in."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from app.store.models import AnnouncedRun


def announce_run(folder: Path, *, title: str, at: datetime, alias: str) -> None:
    """Say in a store that a run is finished; saying it again has it taken in again, which adds only what is new.

    Args:
        folder: The run's case folder.
        title: What the run is called.
        at: When it was finished.
        alias: Django's name of the store's database.
    """
    AnnouncedRun.objects.using(alias).update_or_create(
        folder=str(folder.resolve()),
        defaults={"title": title[:200], "announced_at": at, "taken_at": None, "words": ""},
    )
