"""Reads the case folders of finished runs back, so that one map can show many patrols.

What a run found is read from its GeoPackage (``maps.geo_files`` wrote it), the mosaic from the picture beside it. The
folder is read, never written. The only module that reads through pyogrio.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import shapely

from core.clock import from_iso
from core.errors import InputRefused
from core.points import GeoPoint
from core.text import _
from evidence.incident import State
from evidence.sealing.package import PACKAGES, VIEWER
from flight.patrol import Patrol
from geofence.hazard import Value
from geofence.site import Register, Site, Zone, ZoneType
from maps.change_file import CHANGES, read_changes
from maps.coverage import areal
from maps.coverage_file import COVERAGE, read_parts
from maps.geo_files import GEOPACKAGE, read_mosaic
from maps.picture import thumbnail_of
from maps.planned_areas import planned_areas
from maps.scene import Footprint, Trace
from maps.sheet import Mark, Sheet, open_leads, patrols_of, premises_of
from maps.sheet_json import PICTURES_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFolder:
    """What a finished run left for the map.

    Attributes:
        trace: Where its patrol flew and what it looked at, or None where it saw nothing.
        register: The sites and zones that it worked with.
        marks: Its incidents.
    """

    trace: Trace | None
    register: Register
    marks: tuple[Mark, ...]


def read_case_folder(folder: Path, *, chinese: bool = False, link_from: Path | None = None) -> CaseFolder:
    """Return what a run left in its case folder.

    Args:
        folder: The run's folder.
        chinese: Whether hazards are named in Chinese.
        link_from: The folder of the page that will show it; links to the cases' viewers are made relative to it.

    Raises:
        InputRefused: The folder holds no GeoPackage of a run, or something in it cannot be read.
    """
    path = folder / GEOPACKAGE
    if not path.is_file():
        raise InputRefused(folder, _("holds no finished run"), _("Give the folder that skywarden process wrote."))
    layers = _layers(path)
    try:
        register = Register(
            sites=tuple(_site(row) for row in layers.get("sites", ())),
            zones=tuple(_zone(row) for row in layers.get("zones", ())),
            sha256="",
        )
        marks = tuple(_mark(row, folder, chinese, link_from) for row in layers.get("incidents", ()))
        trace = _trace(folder, layers.get("flown", ()), layers.get("footprints", ()), marks)
    except (KeyError, ValueError, TypeError) as unfit:
        raise InputRefused(
            path, _("is not as a run of this version writes it"), _("Process the footage again.")
        ) from unfit
    return CaseFolder(trace=trace, register=register, marks=marks)


def sheet_of_folders(
    folders: Sequence[Path],
    *,
    title: str,
    drawn_at: datetime,
    chinese: bool = False,
    link_from: Path | None = None,
    plans: Sequence[Patrol] = (),
) -> Sheet:
    """Return one sheet of many runs: every patrol, every incident, each site once (as the newest run knew it).

    Args:
        folders: The runs' case folders.
        title: The page's title.
        drawn_at: When the records are taken, aware.
        chinese: Whether hazards are named in Chinese.
        link_from: As in :func:`read_case_folder`.
        plans: Patrols as planned, whose key areas are drawn.

    Raises:
        InputRefused: A folder is none of a finished run.
    """
    read = [read_case_folder(folder, chinese=chinese, link_from=link_from) for folder in folders]
    read.sort(key=lambda one: (one.trace is None, one.trace.started_at if one.trace else drawn_at))
    sites = {site.code: site for one in read for site in one.register.sites}
    zones = {zone.zone_id: zone for one in read for zone in one.register.zones}
    marks = tuple({mark.number: mark for one in read for mark in one.marks}.values())
    marks = _pictured(marks, [folder / PACKAGES for folder in folders])
    patrols = patrols_of(one.trace for one in read if one.trace is not None)
    return Sheet(
        title=title,
        drawn_at=drawn_at,
        marks=marks,
        premises=premises_of(sites.values(), open_leads(marks), patrols),
        zones=tuple(zones.values()),
        no_fly_zones=tuple(zone for plan in plans for zone in plan.no_fly_zones),
        areas=planned_areas(plans, [seen.ground for seen in patrols]),
        patrols=patrols,
    )


def _pictured(marks: Sequence[Mark], packages: Sequence[Path]) -> tuple[Mark, ...]:
    """Return marks with the picture that their package holds: the gravest and newest first, while there is room."""
    pictures: dict[str, bytes] = {}
    room = PICTURES_BYTES
    for mark in sorted(marks, key=lambda one: (-one.severity, -one.last_seen.timestamp())):
        crops = (path for folder in packages for path in sorted((folder / mark.number).glob("data/derived/*-crop-*")))
        crop = next(crops, None)
        try:
            content = b"" if crop is None else thumbnail_of(crop.read_bytes())
        except (ValueError, OSError):  # a picture that cannot be read leaves its incident without one
            continue
        room -= len(content) * 4 // 3
        if room < 0:
            break
        pictures[mark.number] = content
    return tuple(replace(mark, thumbnail=pictures.get(mark.number, b"")) for mark in marks)


def _layers(path: Path) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of the layers that a map needs, each with its geometry under "shape"."""
    import pyogrio
    from pyogrio.errors import DataLayerError, DataSourceError

    try:
        there = {str(name) for name, _kind in pyogrio.list_layers(path)}
        wanted = there & {"sites", "zones", "incidents", "flown", "footprints"}
        return {name: list(_rows(pyogrio.raw.read(path, layer=name))) for name in wanted}
    except (DataLayerError, DataSourceError) as problem:
        raise InputRefused(path, _("is no GeoPackage that can be read"), _("Process the footage again.")) from problem


def _rows(read: tuple[Any, ...]) -> Iterator[dict[str, Any]]:
    meta, _ids, geometry, columns = read
    names = [str(name) for name in meta["fields"]]
    for place, shape in enumerate(shapely.from_wkb(geometry)):
        yield {"shape": shape} | {name: column[place] for name, column in zip(names, columns, strict=True)}


def _text(row: dict[str, Any], name: str) -> str:
    return str(row.get(name) or "")


def _site(row: dict[str, Any]) -> Site:
    grade = _text(row, "credit_grade")
    return Site(code=row["code"], name=row["name"], shape=areal(row["shape"]), version=_text(row, "version"),
                attributes=MappingProxyType({"credit_grade": grade} if grade else {}))  # fmt: skip


def _zone(row: dict[str, Any]) -> Zone:
    return Zone(zone_id=row["zone_id"], zone_type=ZoneType(row["zone_type"]), name=_text(row, "name"),
                shape=areal(row["shape"]), site_code=_text(row, "site_code") or None,
                version=_text(row, "version"))  # fmt: skip


def _mark(row: dict[str, Any], folder: Path, chinese: bool, link_from: Path | None) -> Mark:  # noqa: FBT001 - private
    number = str(row["number"])
    viewer = folder / PACKAGES / number / VIEWER
    return Mark(
        number=number,
        hazard=row["hazard"],
        hazard_name=row["hazard_zh"] if chinese else row["hazard_en"],
        severity=int(row.get("severity") or 1),
        value=Value(row["value"]),
        state=State(row["state"]),
        lon_deg=float(row["shape"].x),
        lat_deg=float(row["shape"].y),
        error_90_m=float(row["semi_major_90_m"]),
        first_seen=from_iso(row["first_seen"]),
        last_seen=from_iso(row["last_seen"]),
        site_code=_text(row, "site_code") if row["site_decided"] else None,
        site_name=_text(row, "site_name"),
        candidates="" if row["site_decided"] else _text(row, "candidates"),
        note=" ".join(words for name in ("undecided_because", "declared_prior") if (words := _text(row, name))),
        zone=_text(row, "zone_name") or _text(row, "zone_id"),
        basis=_text(row, "basis"),
        authority=_text(row, "authority"),
        history=_text(row, "over_patrols"),
        link=relative_link(viewer, link_from) if link_from is not None and viewer.is_file() else "",
    )


def relative_link(file: Path, page_folder: Path) -> str:
    """Return the address of a file as a page in ``page_folder`` names it."""
    import os.path
    from urllib.parse import quote

    return quote(Path(os.path.relpath(file.resolve(), page_folder.resolve())).as_posix())


def _trace(
    folder: Path, flown: Sequence[dict[str, Any]], footprints: Sequence[dict[str, Any]], marks: Sequence[Mark]
) -> Trace | None:
    times = [from_iso(row[name]) for row in flown for name in ("started_at", "ended_at") if row.get(name)]
    times = times or [instant for mark in marks for instant in (mark.first_seen, mark.last_seen)]
    if not times:
        return None
    return Trace(
        name=next((_text(row, "patrol") for row in flown if row.get("patrol")), "") or folder.resolve().name,
        started_at=min(times),
        ended_at=max(times),
        ways=tuple(
            tuple(
                GeoPoint(lon_deg=float(lon), lat_deg=float(lat)) for lon, lat in shapely.get_coordinates(row["shape"])
            )
            for row in flown
        ),
        footprints=tuple(
            Footprint(
                name=_text(row, "name"),
                shape=row["shape"],
                camera=GeoPoint(lon_deg=float(row["camera_lon"]), lat_deg=float(row["camera_lat"])),
                detections=int(row["detections"]),
                thermal=bool(row.get("thermal")),
            )
            for row in footprints
        ),
        coverage=read_parts(folder / COVERAGE),
        mosaic=read_mosaic(folder),
        changes=read_changes(folder / CHANGES),
    )
