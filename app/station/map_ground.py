"""The map's ground: sites, zones, and what patrols flew and looked at, from the case folders of the runs taken in.

A folder is read once and held as long as it stays as it is. A folder that is gone or unreadable is left out, and the
page says how many were; the cases themselves are in the store. Patrols are those of runs in somebody's districts; sites
are those whose middle lies in one of them (or in none, for a run of one of them).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from app.station.cards import Districts
from app.station.models import District, Run
from app.station.objects import district_scope
from core.errors import InputRefused
from core.text import _
from flight.patrol import Patrol
from geofence.site import Register, Site, Zone
from maps.case_folder import CaseFolder, read_case_folder
from maps.change_file import CHANGES, SHAPES, Change, read_changes
from maps.coverage_file import COVERAGE
from maps.geo_files import GEOPACKAGE, MOSAIC
from maps.planned_areas import PlannedArea, planned_areas
from maps.sheet import Premises, Seen, patrols_of, premises_of

PER_PAGE: Final = 60
"""Patrols that the map shows at a time; older ones are turned to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What lies under somebody's incidents.

    Attributes:
        patrols: In order of time, each with the run that it was.
        premises: Sites.
        zones: Zones.
        areas: Key areas of the patrols that the station was given files of.
        left_out: Runs whose folder cannot be read any more.
        page, pages: Which page of the runs this is, from 0, newest first, and how many there are.
        runs: How many runs there are in all.
    """

    patrols: tuple[tuple[Run, Seen], ...]
    premises: tuple[Premises, ...]
    zones: tuple[Zone, ...]
    areas: tuple[PlannedArea, ...]
    left_out: int
    page: int
    pages: int
    runs: int


_unfit: Final[dict[str, tuple[tuple[int, int], str]]] = {}
"""Why folders could not be read when they were as they were then."""


@lru_cache(maxsize=128)
def _read(folder: str, _changed: tuple[int, int]) -> tuple[CaseFolder, tuple[Seen, ...]]:
    read = read_case_folder(Path(folder))
    return read, patrols_of([] if read.trace is None else [read.trace])


def folder_of(run: Run) -> tuple[CaseFolder, tuple[Seen, ...]] | None:
    """Return what a run left for the map, or None where its folder is gone or unreadable."""
    try:
        changed = _changed(run)
    except OSError:
        return None
    try:
        return _read(run.folder, changed)
    except (OSError, InputRefused) as unfit:
        _unfit[run.folder] = changed, str(unfit)
        return None


def _changed(run: Run) -> tuple[int, int]:
    """Return when a run's folder was written, and when it was compared with an earlier patrol; 0 for never."""
    compared = Path(run.folder) / CHANGES / SHAPES
    return (Path(run.folder) / GEOPACKAGE).stat().st_mtime_ns, compared.stat().st_mtime_ns if compared.exists() else 0


@lru_cache(maxsize=256)
def _changes(folder: str, _changed_ns: int) -> tuple[Change, ...]:
    return read_changes(Path(folder))


def changes_of(run: Run) -> tuple[Change, ...]:
    """Return what a comparison of a run with an earlier patrol found; the rest of its folder is not read for that."""
    folder = Path(run.folder) / CHANGES
    try:
        return _changes(str(folder), (folder / SHAPES).stat().st_mtime_ns)
    except (OSError, InputRefused):
        return ()


def fault_of(run: Run) -> str:
    """Return why a run's folder cannot be read, or an empty text.

    What is in it is not read for that: whoever drew its patrol last (the map, the dashboard) left word of it here.
    """
    try:
        changed = _changed(run)
    except OSError as gone:
        return f"{run.folder}: {gone.strerror}"
    if not (Path(run.folder) / COVERAGE).is_file():
        return _("{path}: is missing, so nobody knows what the run looked at. Process the footage again.").format(
            path=Path(run.folder) / COVERAGE
        )
    known, why = _unfit.get(run.folder, (changed, ""))
    return why if known == changed else ""


def runs_of(user: Any, *, since: datetime | None = None, until: datetime | None = None) -> list[Run]:  # noqa: ANN401 - Django
    """Return the runs of somebody's districts, newest first."""
    scope = district_scope(user)
    runs = Run.objects.all() if scope is None else Run.objects.filter(district_id__in=scope)
    if since is not None:
        runs = runs.filter(finished_at__gte=since)
    if until is not None:
        runs = runs.filter(started_at__lt=until)
    return list(runs.order_by("-started_at"))


def ground_of(user: Any, leads: dict[str, int], *, page: int = 0, plans: Sequence[Patrol] = ()) -> Ground:  # noqa: ANN401 - as above
    """Return the ground under somebody's incidents.

    Args:
        user: Whose.
        leads: How many incidents are open on each site, by its code.
        page: Which page of their runs, from 0, newest first; beyond the last there are none.
        plans: Patrols as planned, whose key areas are drawn.
    """
    scope = district_scope(user)
    outlines = Districts(District.objects.all())
    sites: dict[str, Site] = {}
    zones: dict[str, Zone] = {}
    patrols: list[tuple[Run, Seen]] = []
    left_out = 0
    runs = runs_of(user)
    for run in reversed(runs[page * PER_PAGE : (page + 1) * PER_PAGE]):
        found = folder_of(run)
        if found is None:
            left_out += 1
            continue
        read, seen = found
        patrols += [(run, one) for one in seen]
        for site in _within(read.register.sites, outlines, scope):
            sites[site.code] = site
        zones |= {zone.zone_id: zone for zone in _zones(read.register, sites)}
    patrols.sort(key=lambda pair: pair[1].trace.started_at)
    looked = [seen for _run, seen in patrols]
    return Ground(
        patrols=tuple(patrols),
        premises=premises_of(sites.values(), leads, looked),
        zones=tuple(zones.values()),
        areas=planned_areas(plans, [seen.ground for seen in looked]),
        left_out=left_out,
        page=page,
        pages=max(1, -(-len(runs) // PER_PAGE)),
        runs=len(runs),
    )


def _within(sites: Sequence[Site], outlines: Districts, scope: frozenset[int] | None) -> list[Site]:
    if scope is None:
        return list(sites)
    found = []
    for site in sites:
        middle = site.shape.representative_point()
        if outlines.holding(middle.x, middle.y) in {None, *scope}:
            found.append(site)
    return found


def _zones(register: Register, sites: dict[str, Site]) -> list[Zone]:
    return [zone for zone in register.zones if zone.site_code is None or zone.site_code in sites]


def change_of(user: Any, run_id: int, number: str) -> tuple[Run, Change] | None:  # noqa: ANN401 - as above
    """Return a change that a run of somebody's districts was compared to find, or None where there is none for them."""
    run = next((one for one in runs_of(user) if one.pk == run_id), None)
    change = None if run is None else next((one for one in changes_of(run) if one.number == number), None)
    return None if run is None or change is None else (run, change)


def mosaic_of(user: Any, run_id: int) -> bytes | None:  # noqa: ANN401 - as above
    """Return the mosaic of a run of somebody's districts (WebP), or None where there is none for them."""
    run = next((one for one in runs_of(user) if one.pk == run_id), None)
    path = None if run is None else Path(run.folder) / MOSAIC
    try:
        return None if path is None else path.read_bytes()
    except OSError:
        return None
