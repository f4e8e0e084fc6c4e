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


def take_in_announced() -> int:
    """Take in the runs that were announced since the last look; return how many were.

    One that cannot be read here (it lies on another machine) is written down and left until it is announced again.
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


def _ours(folder: Path) -> bool:
    uploads = station().options.upload_folder
    return uploads is not None and folder.is_relative_to(uploads.resolve())
