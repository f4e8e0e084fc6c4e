"""The first step of a run: every file of the folder hashed and examined, or taken from the journal.

Counts in = counts out: each file is examined, used with another (a sidecar), or refused with a reason.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

from app.case_folder import views_of, work_of
from app.examine import examine, recall_looks, reopen, take_in
from app.inputs import FootageFile, Kind
from app.instruments import Station
from app.journal import InputFindings, journal_folder, recall, remember
from app.plume_watch import watch_bursts
from app.processing.job import Job
from core.refusal import Refusal
from core.text import _
from detection.frame import Frame
from evidence.original import Original


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What became of every file of the folder.

    Attributes:
        files: Every file.
        originals: The files that were hashed and examined.
        sources: The footage file of each original, by digest.
        findings: What they gave, in the same order.
        refusals: Files that were refused before anything was found in them, and parts refused within files.
        refused_inputs: How many whole files were refused.
        sidecars: How many subtitle files were used with their video.
        resumed: How many files an earlier try had finished.
    """

    files: tuple[FootageFile, ...]
    originals: tuple[Original, ...]
    sources: dict[str, FootageFile]
    findings: tuple[InputFindings, ...]
    refusals: tuple[Refusal, ...]
    refused_inputs: int
    sidecars: int
    resumed: int


def examine_all(files: tuple[FootageFile, ...], job: Job, station: Station) -> Taken:
    """Hash and examine every file, taking from the journal what an earlier try finished."""
    folder = journal_folder(work_of(job.out), job.settings)
    by_digest: dict[str, Original] = {}
    sources: dict[str, FootageFile] = {}
    findings: list[InputFindings] = []
    refusals: list[Refusal] = []
    refused_inputs = sidecars = resumed = 0
    station.progress.start(_("examining footage"), len(files))
    for file in files:
        original = take_in(file, station.instruments)
        if isinstance(original, Original) and original.sha256 in by_digest:
            original = _duplicate(original, by_digest[original.sha256])
        if isinstance(original, Refusal):
            refusals.append(original)
            refused_inputs += 1
        elif file.kind is Kind.SIDECAR:
            sidecars += 1
        else:
            found = recall(folder, original.sha256)
            if found is not None and not set(found.leans_on) <= by_digest.keys():
                found = None  # a file for whose looks parts of this one were left out is no longer there
            resumed += found is not None
            if found is None:
                found = _examined(file, original, job, station, journal=folder)
            else:
                recall_looks(found, station.instruments)
            by_digest[original.sha256] = replace(original, ingested_at=found.ingested_at)
            sources[original.sha256] = file
            findings.append(found)
            refusals.extend(found.refusals)
            refused_inputs += found.refused
        station.progress.step()
    return Taken(
        files=files,
        originals=tuple(by_digest.values()),
        sources=sources,
        findings=tuple(findings),
        refusals=tuple(refusals),
        refused_inputs=refused_inputs,
        sidecars=sidecars,
        resumed=resumed,
    )


def _examined(file: FootageFile, original: Original, job: Job, station: Station, *, journal: Path) -> InputFindings:
    """Examine one file and remember it; one that is too large for the memory is refused, and tried again next time."""
    try:
        found = examine(file, original, station.instruments, views=views_of(job.out))
    except MemoryError:
        short = Refusal(
            subject=original.name,
            code="no-memory",
            reason=_("the machine has not enough memory to examine it"),
            remedy=_("End other programs, or use a larger machine, and run the same command again."),
        )
        return InputFindings(
            sha256=original.sha256,
            name=original.name,
            ingested_at=original.ingested_at,
            frames=(),
            refusals=(short,),
        )
    remember(journal, found)
    return found


def _duplicate(again: Original, first: Original) -> Refusal:
    return Refusal(
        subject=again.name,
        code="duplicate",
        reason=_("the file has the same content as {first}, which is already taken in").format(first=first.name),
    )


def watch_photo_bursts(taken: Taken, station: Station) -> Taken:
    """Return what was found with the smoke and fire of photo bursts watched over their photos."""
    originals = {original.sha256: original for original in taken.originals}
    records = {frame.frame.frame_id: frame.frame for given in taken.findings for frame in given.frames}

    def open_frames(wanted: Collection[str]) -> dict[str, Frame]:
        instants = {frame_id: records[frame_id].captured_at for frame_id in wanted}
        opened: dict[str, Frame] = {}
        for sha256 in sorted({records[frame_id].original_sha256 for frame_id in wanted}):
            opened |= reopen(taken.sources[sha256], originals[sha256], instants, station.instruments)
        return opened

    photos = {sha256 for sha256, file in taken.sources.items() if file.kind is Kind.PHOTO}
    return replace(taken, findings=watch_bursts(taken.findings, photos, open_frames))
