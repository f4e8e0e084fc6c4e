"""``skywarden process``: from a folder of footage to sealed incidents and a map.

Safe to kill at any moment and run again: finished originals are not examined twice, nothing is half written, originals
are hashed before anything else reads them and are never modified. Every file in the folder is accounted for.
What it leaves is drawn in ``app.case_folder``; the longer steps stand in ``app.processing``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

from app.case_folder import GEOJSON, LEDGER, MAP, REPORT, first_time, views_of
from app.comparing.change_leads import Compared, compare_run, write_compared
from app.comparing.patrol_view import PatrolView, open_case_folder, seen_in
from app.conclude import Conclusion, conclude
from app.coverage_file import cover_in_heat, map_coverage, write_coverage
from app.exit_codes import said_of_disk
from app.inputs import FootageFile, list_inputs
from app.instruments import Station
from app.lock import held
from app.looked_at import ground_looked_at
from app.over_patrols import histories, tell_over_patrols
from app.patrol_ledger import PatrolRecord, finest_gsd_m, keep_patrol, patrol_id_of
from app.processing.examine_all import Taken, examine_all, watch_photo_bursts
from app.processing.job import Job
from app.processing.seal_all import seal_all
from app.processing.sum_up import sum_up
from app.publish import Sealed, register_of, scene_of
from app.run_report import RunReport, write_report
from core.errors import InputRefused, StoreFailed
from core.refusal import Refusal
from evidence.sealing.package import VIEWER
from geofence.register.site_archive import archive_register
from geofence.register.site_folder import ARCHIVE
from maps.coverage_file import COVERAGE
from maps.geo_files import GEOPACKAGE, write_geojson, write_geopackage, write_mosaic
from maps.offline_map import draw


def process(job: Job, station: Station) -> RunReport:
    """Run the whole way over a folder and return the report (which is written to the case folder too).

    Raises:
        InputRefused: The folder holds no footage.
        StoreFailed: Another run writes to the case folder, or the disk refuses.
    """
    files = list_inputs(job.footage, own=(job.out, _ledger_of(job)))
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
    first_time(job.out, "started", station.instruments.clock)
    early = None if job.compare_with is None else open_case_folder(job.compare_with)  # refused before hours of work
    taken = watch_photo_bursts(examine_all(files, job, station), station)
    opened_at = first_time(job.out, "opened", station.instruments.clock)
    compared, taken = _compared(early, taken, job, station)
    conclusion = conclude(
        taken.findings,
        station.jurisdiction,
        opened_at=opened_at,
        wind=job.wind,
        recall=job.recall,
        further=() if compared is None else compared.sightings,
    )
    sealed = seal_all(conclusion, taken, job, station, compared)
    if compared is not None:
        write_compared(compared, job.out, station.jurisdiction, conclusion.incidents)
    archive_register(register_of(conclusion, station.jurisdiction), job.out / ARCHIVE, at=opened_at)
    patrol = _patrol(taken, conclusion, job, station)
    ledger = None if patrol is None else keep_patrol(patrol, _ledger_of(job))
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
        views=views_of(job.out),
        drawn_at=opened_at,
        histories={} if ledger is None else histories(ledger),
    )
    write_geopackage(scene, job.out / GEOPACKAGE)
    write_geojson(scene, job.out / GEOJSON)
    for mosaic in (trace.mosaic for trace in scene.traces if trace.mosaic is not None):
        write_mosaic(mosaic, job.out)
    draw(scene, job.out / MAP, chinese=job.chinese, links=_links(sealed, job.out))
    covered = write_coverage(coverage, job.out / COVERAGE, asked=job.area is not None, unplaced=seen.unplaced)
    covered_in_heat = cover_in_heat(taken.findings, station.instruments.heat, job.out, area=job.area)
    report = replace(sum_up(taken, conclusion, sealed, job, station), covered=covered, covered_in_heat=covered_in_heat)
    if patrol is not None and ledger is not None:
        register = station.jurisdiction.register
        report = replace(report, over_patrols=tell_over_patrols(ledger, patrol, register, now=opened_at))
    write_report(report, job.out / REPORT)
    return report


def _compared(early: PatrolView | None, taken: Taken, job: Job, station: Station) -> tuple[Compared | None, Taken]:
    """Compare the run with an earlier patrol; where that cannot be done it is refused, and the run goes on."""
    if early is None or job.compare_with is None:
        return None, taken
    try:
        late = seen_in(job.out, taken.findings, views_of(job.out))
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


def _ledger_of(job: Job) -> Path:
    return job.ledger or job.out / LEDGER


def _links(sealed: dict[str, Sealed], out: Path) -> dict[str, str]:
    """Return where the map finds the page of each case, by incident id."""
    return {key: f"{quote(place.package.relative_to(out).as_posix())}/{VIEWER}" for key, place in sealed.items()}


def _patrol(taken: Taken, conclusion: Conclusion, job: Job, station: Station) -> PatrolRecord | None:
    """Return what the ledger keeps of this run, or None where no frame was seen."""
    seen = [frame for given in taken.findings for frame in given.frames]
    frames = tuple(frame.frame for frame in seen)
    if not frames:
        return None
    instants = [frame.captured_at for frame in frames]
    heat = station.instruments.heat
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
        sought_in_heat={} if heat is None else dict(sorted(heat.coarsest_gsd_m.items())),
    )
