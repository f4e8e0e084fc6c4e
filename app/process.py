"""``skywarden process``: from a folder of footage to sealed incidents and a map.

Safe to kill at any moment and run again: finished originals are not examined twice, nothing is half written, originals
are hashed before anything else reads them and are never modified. Every file in the folder is accounted for.

The case folder::

    map.html  patrol.gpkg  incidents.geojson  mosaic.webp  report.json
    coverage.geojson           which ground was seen how often, how finely, and which never
    fences.jsonl               the fences that incidents refer to, as they were
    packages/NUMBER/           one sealed package per incident
    changes/                   what changed since the earlier patrol that it was compared with, if any
    cases.sqlite3              the store of its cases, unless another is named
    patrols/                   hazards over patrols, unless a ledger elsewhere was named
    work/                      the journal; may be deleted once the run is done
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Final
from urllib.parse import quote

from shapely.geometry.base import BaseGeometry

from app.comparing.change_leads import Compared, attachments_of, compare_run, write_compared
from app.comparing.patrol_view import PatrolView, open_case_folder, seen_in
from app.conclude import Conclusion, conclude
from app.coverage_file import map_coverage, write_coverage
from app.examine import examine, recall_looks, reopen, take_in
from app.exit_codes import said_of_disk
from app.inputs import FootageFile, Kind, list_inputs
from app.instruments import Jurisdiction, Station
from app.journal import FrameFindings, InputFindings, journal_folder, recall, remember
from app.lock import held
from app.looked_at import ground_looked_at
from app.looks import tell_looks
from app.operating import operating_lines
from app.over_patrols import histories, tell_over_patrols
from app.patrol_ledger import PatrolRecord, finest_gsd_m, keep_patrol, patrol_id_of
from app.plume_watch import StillAlarm, watch_bursts
from app.publish import Sealed, context_of, fixes_to_mark, register_of, scene_of, seal_incident, track_of
from app.roof_alarms import RoofAlarm
from app.run_report import IncidentLine, RunReport, crowd_line, write_report
from core.clock import from_iso, iso_utc
from core.errors import InputRefused, StoreFailed
from core.refusal import Refusal
from core.text import _
from core.whole_file import write_text
from detection.changes import method as changes_method
from detection.frame import Frame
from detection.thermal import hot_spot_detector
from evidence.incident import Incident
from evidence.original import Original
from evidence.sealing.context import Context, FlightApproval
from evidence.sealing.package import VIEWER
from flight.patrol import NoFlyZone, Patrol
from geofence.attributing.attribute_extended import Wind
from geofence.attributing.origin_words import tell_ground, tell_origin
from geofence.attribution import Undecided
from geofence.crowd import Recall
from geofence.register.datums_suspicion import LEAST_PLACES, suspect_datum
from geofence.register.site_archive import archive_register
from geofence.register.site_folder import ARCHIVE
from maps.coverage_file import COVERAGE
from maps.features import incident_feature, semi_major_90_m
from maps.geo_files import GEOPACKAGE, write_geojson, write_geopackage, write_mosaic
from maps.offline_map import draw

MAP: Final = "map.html"
GEOJSON: Final = "incidents.geojson"
REPORT: Final = "report.json"
PACKAGES: Final = "packages"
STORE: Final = "cases.sqlite3"
LEDGER: Final = "patrols"
METHOD_CARDS: Final = {
    method.METHOD_SHA256: method.METHOD_CARD for method in (hot_spot_detector, changes_method)
}  # what stands for a weight's card where no weight saw it
ORIGINALS_OPEN: Final = 4  # originals whose wanted frames are kept while sealing; neighbouring incidents share them


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What a run is asked to do.

    Attributes:
        footage: The folder (or file) to process.
        out: The case folder; made when missing.
        title: The map's title.
        program: Name and version of this program.
        settings: What findings depend on, besides the original: weight digest, camera zone, ground, program.
        register_refusals: What was refused when the register was read.
        no_fly_zones: Forbidden ground to show on the map.
        plan: The patrol as it was planned, whose key areas the map shows; None when no patrol file was named.
        chinese: Whether hazards are named in Chinese on the map.
        flight: What allowed the flight, for the packages; None when it was not stated.
        ledger: The folder that keeps hazards from patrol to patrol; None for one in the case folder.
        area: The ground that the patrol was to look at, longitude and latitude; None where it is not known.
        wind: The wind during the flight, which tells where smoke comes from; None where nobody knows it.
        recall: The share of people that the weight finds, for counting crowds; None where nobody measured it.
        compare_with: The case folder of an earlier patrol of the same place; None for no comparison.
    """

    footage: Path
    out: Path
    title: str
    program: str
    settings: dict[str, str]
    register_refusals: tuple[Refusal, ...] = ()
    no_fly_zones: tuple[NoFlyZone, ...] = ()
    plan: Patrol | None = None
    chinese: bool = False
    flight: FlightApproval | None = None
    ledger: Path | None = None
    area: BaseGeometry | None = None
    wind: Wind | None = None
    recall: Recall | None = None
    compare_with: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Taken:
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


def process(job: Job, station: Station) -> RunReport:
    """Run the whole way over a folder and return the report (which is written to the case folder too).

    Raises:
        InputRefused: The folder holds no footage.
        StoreFailed: Another run writes to the case folder, or the disk refuses.
    """
    files = list_inputs(job.footage)
    with _disk_told(job.out):
        job.out.mkdir(parents=True, exist_ok=True)
        with held(job.out):
            return _run(files, job, station)


@contextmanager
def _disk_told(out: Path) -> Iterator[None]:
    """Turn what the disk refuses into :class:`StoreFailed`; writing says no file's name when the disk is full."""
    try:
        yield
    except OSError as problem:
        said = said_of_disk(problem if problem.filename else OSError(problem.errno, problem.strerror, str(out)))
        if said is None:
            raise
        raise StoreFailed(said) from problem


def _run(files: tuple[FootageFile, ...], job: Job, station: Station) -> RunReport:
    _instant(job, station, "started")
    early = None if job.compare_with is None else open_case_folder(job.compare_with)  # refused before hours of work
    taken = _watched(_examine_all(files, job, station), station)
    opened_at = _instant(job, station, "opened")
    compared, taken = _compared(early, taken, job, station)
    conclusion = conclude(
        taken.findings,
        station.jurisdiction,
        opened_at=opened_at,
        wind=job.wind,
        recall=job.recall,
        further=() if compared is None else compared.sightings,
    )
    sealed = _seal_all(conclusion, taken, job, station, compared)
    if compared is not None:
        write_compared(compared, job.out, station.jurisdiction, conclusion.incidents)
    archive_register(register_of(conclusion, station.jurisdiction), job.out / ARCHIVE, at=opened_at)
    patrol = _patrol(taken, conclusion, job, station)
    ledger = None if patrol is None else keep_patrol(patrol, job.ledger or job.out / LEDGER)
    seen = map_coverage(taken.findings)
    coverage = seen.parts(job.area)
    scene = scene_of(
        conclusion,
        taken.findings,
        station.jurisdiction,
        coverage=coverage,
        title=job.title,
        thumbnails={number: place.thumbnail for number, place in sealed.items() if place.thumbnail},
        no_fly_zones=job.no_fly_zones,
        plans=() if job.plan is None else (job.plan,),
        views=_work(job) / "views",
        drawn_at=opened_at,
        histories={} if ledger is None else histories(ledger),
    )
    write_geopackage(scene, job.out / GEOPACKAGE)
    write_geojson(scene, job.out / GEOJSON)
    for mosaic in (trace.mosaic for trace in scene.traces if trace.mosaic is not None):
        write_mosaic(mosaic, job.out)
    draw(scene, job.out / MAP, chinese=job.chinese, links=_links(sealed, job.out))
    covered = write_coverage(coverage, job.out / COVERAGE, asked=job.area is not None, unplaced=seen.unplaced)
    report = replace(_report(taken, conclusion, sealed, job, station), covered=covered)
    if patrol is not None and ledger is not None:
        register = station.jurisdiction.register
        report = replace(report, over_patrols=tell_over_patrols(ledger, patrol, register, now=opened_at))
    write_report(report, job.out / REPORT)
    return report


def _compared(early: PatrolView | None, taken: _Taken, job: Job, station: Station) -> tuple[Compared | None, _Taken]:
    """Compare the run with an earlier patrol; where that cannot be done it is refused, and the run goes on."""
    if early is None or job.compare_with is None:
        return None, taken
    try:
        late = seen_in(job.out, taken.findings, _work(job) / "views")
        compared = compare_run(
            job.compare_with,
            early,
            late,
            instruments=station.instruments,
            jurisdiction=station.jurisdiction,
            progress=station.progress,
        )
    except InputRefused as refused:
        told = Refusal(subject=str(refused.path), code="not-compared", reason=refused.problem, remedy=refused.remedy)
        return None, replace(taken, refusals=(*taken.refusals, told))
    return compared, taken


def _links(sealed: dict[str, Sealed], out: Path) -> dict[str, str]:
    """Return where the map finds the page of each case, by incident id."""
    return {key: f"{quote(place.package.relative_to(out).as_posix())}/{VIEWER}" for key, place in sealed.items()}


def _work(job: Job) -> Path:
    return job.out / "work"


def _patrol(taken: _Taken, conclusion: Conclusion, job: Job, station: Station) -> PatrolRecord | None:
    """Return what the ledger keeps of this run, or None where no frame was seen."""
    seen = [frame for given in taken.findings for frame in given.frames]
    frames = tuple(frame.frame for frame in seen)
    if not frames:
        return None
    instants = [frame.captured_at for frame in frames]
    return PatrolRecord(
        patrol_id=patrol_id_of(original.sha256 for original in taken.originals),
        title=job.title,
        case_folder=str(job.out.resolve()),
        footage=str(job.footage.resolve()),
        started_at=min(instants),
        ended_at=max(instants),
        frames=frames,
        incidents=conclusion.incidents,
        gsd_m=finest_gsd_m(conclusion.incidents, frames),
        grades=ground_looked_at([frame.frame for frame in seen if not frame.thermal]),
        heat=ground_looked_at([frame.frame for frame in seen if frame.thermal]),
        sought=tuple(sorted(station.instruments.detector.labels)),
    )


def _instant(job: Job, station: Station, name: str) -> datetime:
    """Return when something happened for the first time in this case folder, noting it now if it is new.

    The run began ("started") and its incidents were opened ("opened") once; a try that goes on keeps these times, so
    that it writes the same incidents.
    """
    path = _work(job) / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_file():
        write_text(path, json.dumps({name: iso_utc(station.instruments.clock.now())}) + "\n")
    try:
        return from_iso(json.loads(path.read_text(encoding="utf-8"))[name])
    except (ValueError, KeyError, TypeError) as unfit:
        raise StoreFailed(
            _("{path}: is not as it was written. Delete the folder {folder} and run again.").format(
                path=path, folder=path.parent
            )
        ) from unfit


def _examine_all(files: tuple[FootageFile, ...], job: Job, station: Station) -> _Taken:
    """Hash and examine every file, taking from the journal what an earlier try finished."""
    folder = journal_folder(_work(job), job.settings)
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
    return _Taken(
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
        found = examine(file, original, station.instruments, views=_work(job) / "views")
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


def _watched(taken: _Taken, station: Station) -> _Taken:
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


def _duplicate(again: Original, first: Original) -> Refusal:
    return Refusal(
        subject=again.name,
        code="duplicate",
        reason=_("the file has the same content as {first}, which is already taken in").format(first=first.name),
    )


def _seal_all(
    conclusion: Conclusion, taken: _Taken, job: Job, station: Station, compared: Compared | None
) -> dict[str, Sealed]:
    """Seal every incident and return where, by incident id; one about a change with what it was compared with."""
    frames = {frame.frame.frame_id: frame for given in taken.findings for frame in given.frames}
    originals = {original.sha256: original for original in taken.originals}
    wanted: dict[str, dict[str, datetime]] = {}
    for incident in conclusion.incidents:
        for fix in fixes_to_mark(incident):
            record = frames[fix.detection.frame_id].frame
            wanted.setdefault(record.original_sha256, {})[record.frame_id] = record.captured_at

    @lru_cache(maxsize=ORIGINALS_OPEN)
    def opened(sha256: str) -> dict[str, Frame]:
        original = originals[sha256]
        return reopen(taken.sources[sha256], original, wanted[sha256], station.instruments)

    def open_frame(frame_id: str) -> Frame | None:
        return opened(frames[frame_id].frame.original_sha256).get(frame_id)

    sealed = {}
    track = track_of(taken.findings)
    station.progress.start(_("sealing incidents"), len(conclusion.incidents))
    for incident in conclusion.incidents:
        sealed[incident.incident_id] = seal_incident(
            incident,
            frames={frame_id: frame.frame for frame_id, frame in frames.items()},
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


def _report(taken: _Taken, conclusion: Conclusion, sealed: dict[str, Sealed], job: Job, station: Station) -> RunReport:
    frames = [frame for given in taken.findings for frame in given.frames]
    unlocated = Counter(lost.code for frame in frames for lost in frame.unlocated)
    located = sum(len(frame.fixes) for frame in frames)
    with_incident = len({incident.sighting.sighting_id for incident in conclusion.incidents})
    assumptions = {
        words
        for frame in frames
        for words in (*frame.frame.pose.assumptions, *(said for fix in frame.fixes for said in fix.assumptions))
    }
    return RunReport(
        footage=str(job.footage),
        started_at=iso_utc(_instant(job, station, "started")),
        finished_at=iso_utc(station.instruments.clock.now()),
        program=job.program,
        inputs=len(taken.files),
        results=sum(not given.refused for given in taken.findings),
        sidecars=len(taken.files)
        - len(taken.findings)
        - (taken.refused_inputs - sum(given.refused for given in taken.findings)),
        refused_inputs=taken.refused_inputs,
        refusals=taken.refusals,
        resumed=taken.resumed,
        frames=len(frames),
        detections=located + sum(unlocated.values()),
        located=located,
        unlocated=dict(unlocated),
        sightings=len(conclusion.sightings),
        with_incident=with_incident,
        without=conclusion.without,
        undecided=sum(isinstance(outcome, Undecided) for outcome in conclusion.attributions),
        incidents=tuple(_line(incident, sealed, job, station.jurisdiction) for incident in conclusion.incidents),
        assumptions=tuple(sorted(assumptions)),
        register_refusals=job.register_refusals,
        findings=_findings(taken, conclusion, station.jurisdiction),
        looks=tell_looks(taken.findings),
        crowds=tuple(map(crowd_line, conclusion.crowds)),
        still_alarms=tuple(_alarm_line(alarm, frames) for alarm in conclusion.still),
        roof_alarms=tuple(_alarm_line(alarm, frames) for alarm in conclusion.roofs),
        operating=operating_lines(station.instruments.detector),
    )


def _findings(taken: _Taken, conclusion: Conclusion, jurisdiction: Jurisdiction) -> tuple[str, ...]:
    """Return what speaks against trusting the run: sites that lie where a Chinese map's offset would put them."""
    places = [sighting.point for sighting in conclusion.sightings]
    if len(places) < LEAST_PLACES:
        frames = [frame.frame for given in taken.findings for frame in given.frames]
        places = [frame.pose.position for frame in frames if frame.pose.position is not None]
    suspicion = suspect_datum(jurisdiction.register.sites, places, declared=jurisdiction.datum)
    return () if suspicion is None else (str(suspicion),)


def _line(incident: Incident, sealed: dict[str, Sealed], job: Job, jurisdiction: Jurisdiction) -> IncidentLine:
    properties = incident_feature(incident, jurisdiction.register)["properties"]
    site = f"{properties['site_name']} {properties['site_code']}".strip()
    if not properties["site_decided"]:
        site = _("undecided") + ": " + properties["candidates"]
    return IncidentLine(
        number=incident.number,
        hazard=f"{incident.hazard.code} {incident.hazard.name_zh if job.chinese else incident.hazard.name_en}",
        site=site,
        site_code=properties["site_code"],
        zone=properties["zone_name"],
        probability=incident.hazard.probability,
        lon_deg=incident.sighting.point.lon_deg,
        lat_deg=incident.sighting.point.lat_deg,
        error_90_m=semi_major_90_m(incident.sighting.covariance),
        package=str(sealed[incident.incident_id].package.relative_to(job.out)),
        remark=_remark(incident, jurisdiction),
    )


def _remark(incident: Incident, jurisdiction: Jurisdiction) -> str:
    """Return what would decide an undecided site, and where smoke comes from."""
    outcome = incident.attribution
    parts = [outcome.reason] if isinstance(outcome, Undecided) else []
    if outcome.origin is not None:
        parts.append(tell_origin(outcome.origin))
    parts.append(tell_ground(outcome, {site.code: site.name for site in jurisdiction.register.sites}))
    return "; ".join(part for part in parts if part)


def _alarm_line(alarm: StillAlarm | RoofAlarm, frames: Sequence[FrameFindings]) -> str:
    """Return where an alarm that is none was seen, in which file first, and why it is none."""
    sighting = alarm.sighting
    first = sighting.fixes[0].detection.frame_id
    name, index = next(
        (frame.frame.original_name, frame.frame.index) for frame in frames if frame.frame.frame_id == first
    )
    return _("{lat:.6f}, {lon:.6f}, seen {count} times, score {score:.2f}, first in {file}: {reason}").format(
        lat=sighting.point.lat_deg,
        lon=sighting.point.lon_deg,
        count=len(sighting.fixes),
        score=max(fix.detection.score for fix in sighting.fixes),
        reason=alarm.reason,
        file=f"{name} #{index}" if index else name,
    )
