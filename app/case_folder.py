"""The names of what a run leaves in its case folder, and the times that it keeps there.

The case folder::

    map.html  patrol.gpkg  incidents.geojson  mosaic.webp  report.json
    coverage.geojson           which ground was seen how often, how finely, and which never
    coverage-heat.geojson      the same of what weights for heat looked at in thermal frames, if any did
    fences.jsonl               the fences that incidents refer to, as they were
    packages/NUMBER/           one sealed package per incident
    changes/                   what changed since the earlier patrol that it was compared with, if any
    cases.sqlite3              the store of its cases, unless another is named
    patrols/                   hazards over patrols, unless a ledger elsewhere was named
    work/                      the journal and the reduced frames; may be deleted once the run is done

What a module of its own writes is named there: the GeoPackage and the mosaic in ``maps.geo_files``, the coverage in
``maps.coverage_file``, the fences in ``geofence.register.site_folder``, the changes in ``maps.change_file``.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Final

from core.clock import Clock, from_iso, iso_utc
from core.errors import StoreFailed
from core.text import _
from core.whole_file import write_text

MAP: Final = "map.html"
GEOJSON: Final = "incidents.geojson"
REPORT: Final = "report.json"
STORE: Final = "cases.sqlite3"
LEDGER: Final = "patrols"


def work_of(out: Path) -> Path:
    """Return where a run keeps what it needs to go on after a kill: its journal, its times, its reduced frames."""
    return out / "work"


def views_of(out: Path) -> Path:
    """Return where a run keeps its reduced frames, for the map's mosaic and for comparing patrols."""
    return work_of(out) / "views"


def first_time(out: Path, name: str, clock: Clock) -> datetime:
    """Return when something happened for the first time in a case folder, noting it now if it is new.

    The run began ("started") and its incidents were opened ("opened") once; a try that goes on keeps these times, so
    that it writes the same incidents.

    Raises:
        StoreFailed: The note is not as it was written.
    """
    path = work_of(out) / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_file():
        write_text(path, json.dumps({name: iso_utc(clock.now())}) + "\n")
    try:
        return from_iso(json.loads(path.read_text(encoding="utf-8"))[name])
    except (ValueError, KeyError, TypeError) as unfit:
        raise StoreFailed(
            _("{path}: is not as it was written. Delete the folder {folder} and run again.").format(
                path=path, folder=path.parent
            )
        ) from unfit
