"""The step of a run that seals every incident into its package."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import Final

from app.comparing.change_leads import Compared, attachments_of
from app.conclude import Conclusion
from app.examine import reopen
from app.instruments import Station
from app.processing.examine_all import Taken
from app.processing.job import Job
from app.publish import Sealed, context_of, fixes_to_mark, seal_incident, track_of
from core.text import _
from detection.changes import method as changes_method
from detection.frame import Frame
from detection.thermal import hot_spot_detector
from evidence.incident import Incident
from evidence.sealing.context import Context
from evidence.sealing.package import PACKAGES

METHOD_CARDS: Final = {
    method.METHOD_SHA256: method.METHOD_CARD for method in (hot_spot_detector, changes_method)
}  # what stands for a weight's card where no weight saw it
ORIGINALS_OPEN: Final = 4  # originals whose wanted frames are kept while sealing; neighbouring incidents share them


def seal_all(
    conclusion: Conclusion, taken: Taken, job: Job, station: Station, compared: Compared | None
) -> dict[str, Sealed]:
    """Seal every incident and return where, by incident id; one about a change with what it was compared with."""
    frames = {frame.frame.frame_id: frame.frame for given in taken.findings for frame in given.frames}
    originals = {original.sha256: original for original in taken.originals}
    wanted: dict[str, dict[str, datetime]] = {}
    for incident in conclusion.incidents:
        for fix in fixes_to_mark(incident):
            record = frames[fix.detection.frame_id]
            wanted.setdefault(record.original_sha256, {})[record.frame_id] = record.captured_at

    @lru_cache(maxsize=ORIGINALS_OPEN)
    def opened(sha256: str) -> dict[str, Frame]:
        original = originals[sha256]
        return reopen(taken.sources[sha256], original, wanted[sha256], station.instruments)

    def open_frame(frame_id: str) -> Frame | None:
        return opened(frames[frame_id].original_sha256).get(frame_id)

    sealed = {}
    track = track_of(taken.findings)
    station.progress.start(_("sealing incidents"), len(conclusion.incidents))
    for incident in conclusion.incidents:
        sealed[incident.incident_id] = seal_incident(
            incident,
            frames=frames,
            originals=taken.originals,
            context=_context(incident, conclusion, job, station, compared),
            signing=station.signing,
            open_frame=open_frame,
            clock=station.instruments.clock,
            packages=job.out / PACKAGES,
            store=station.store,
            track=track,
        )
        station.progress.step()
    return sealed


def _context(
    incident: Incident, conclusion: Conclusion, job: Job, station: Station, compared: Compared | None
) -> Context:
    context = context_of(
        incident,
        station.jurisdiction,
        program=job.program,
        parameters=job.settings,
        model_cards={**METHOD_CARDS, **station.instruments.weight_cards},
        flight=job.flight,
        picture=conclusion.pictures[incident.sighting.sighting_id],
    )
    change = None if compared is None else compared.behind(incident)
    if change is None or compared is None:
        return context
    further = attachments_of(change, compared, station.instruments, station.jurisdiction)
    return replace(context, attachments=(*context.attachments, *further))
