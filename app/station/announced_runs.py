"""Runs that ``skywarden process --store`` finished: announced in the store, and taken in by the station that serves it.

Processing knows the store but not the station's vault, and the station knows both; so a run only says that it is done
and where it lies, and its cases get their pictures within seconds, without anybody importing it.
"""

from __future__ import annotations

import logging
from pathlib import Path

from app.station.context import station
from app.station.filling import take_in_run
from app.store.models import AnnouncedRun
from core.errors import SkywardenError

LOG = logging.getLogger(__name__)
ACTOR = "program:skywarden"
MAX_WORDS = 2000
SHOWN = 20


def take_in_announced() -> int:
    """Take in the runs that were announced since the last look; return how many were.

    One that cannot be read here (it lies on another machine) is shown on the fleet page with the reason, and left until
    it is announced again or somebody there asks to have it read again.
    """
    here, taken = station(), 0
    for run in AnnouncedRun.objects.filter(taken_at=None, words="").order_by("announced_at"):
        folder, words = Path(run.folder), ""
        if not _ours(folder):  # a card processed by the station itself is taken in there, with its district
            try:
                refusals = take_in_run(folder, actor=ACTOR, title=run.title).refusals
                words = "; ".join(str(refusal) for refusal in refusals)
                taken += 1
            except (SkywardenError, OSError) as problem:
                words = str(problem)
            if words:
                LOG.warning("%s: %s", folder, words[:MAX_WORDS])
        AnnouncedRun.objects.filter(pk=run.pk, announced_at=run.announced_at).update(
            taken_at=here.clock.now(), words=words[:MAX_WORDS]
        )
    return taken


def unread_runs() -> list[AnnouncedRun]:
    """Return the runs that could not be read, or not whole, the newest first."""
    return list(AnnouncedRun.objects.exclude(words="").order_by("-announced_at")[:SHOWN])


def read_again(key: int) -> bool:
    """Have a run that could not be read read again at the next look; return whether there is such a run."""
    return bool(AnnouncedRun.objects.filter(pk=key).exclude(words="").update(taken_at=None, words=""))


def forget(key: int) -> bool:
    """Say no more of a run that could not be read; return whether there was such a run."""
    return bool(AnnouncedRun.objects.filter(pk=key).exclude(words="").update(words=""))


def _ours(folder: Path) -> bool:
    uploads = station().options.upload_folder
    return uploads is not None and folder.is_relative_to(uploads.resolve())
