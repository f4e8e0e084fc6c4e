"""Writes what a comparison found: a report, shapes for other programs, a page for people, and its pictures."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import shapely

from app.comparing.change_pictures import ChangePictures, draw_pictures
from app.comparing.ground_changes import GroundChange, GroundChanges
from app.comparing.ground_squares import Pictures
from app.instruments import Jurisdiction
from core.clock import BEIJING, iso_utc
from core.ids import short_code
from core.text import _
from core.whole_file import write_bytes, write_text
from detection.changes.method import METHOD_SHA256
from detection.changes.patches import Becoming, Stuff
from evidence.incident import Incident
from geofence.attributing.origin_words import tell_ground
from geofence.attribution import Undecided
from maps.change_file import PAGE, SHAPES
from maps.changes_page import render_changes
from maps.features import semi_major_90_m
from maps.palette import change_name

SCHEMA: Final = "skywarden/changes/1"
REPORT: Final = "changes.json"
IMAGES: Final = "images"


def write_changes(
    found: GroundChanges,
    out: Path,
    *,
    pictures: Pictures,
    jurisdiction: Jurisdiction,
    incidents: Iterable[Incident] = (),
) -> dict[str, Path]:
    """Write a comparison into a folder and return its files by what they are.

    Args:
        found: The comparison.
        out: The folder; made when missing.
        pictures: Of both patrols.
        jurisdiction: For names.
        incidents: Of the later patrol, to say which lie on ground that changed.
    """
    (out / IMAGES).mkdir(parents=True, exist_ok=True)
    there = tuple(incidents)
    names = {site.code: site.name for site in jurisdiction.register.sites}
    zones = {zone.zone_id: zone.name for zone in jurisdiction.register.zones}
    records, cards = [], []
    for change in found.changes:
        record = change_as_json(change, names=names, zones=zones, incidents=there)
        drawn = draw_change(change, pictures)
        if drawn is not None:
            for when, content in (("before", drawn.before), ("after", drawn.after)):
                path = out / IMAGES / f"{record['number']}-{when}.jpg"
                write_bytes(path, content)
                record[f"picture_{when}"] = path.relative_to(out).as_posix()
        records.append(record)
        cards.append(_card(change, record, drawn))
    vehicles = [change_as_json(change, names=names, zones=zones, incidents=there) for change in found.vehicles]
    head = {**_head(found), "vehicles": vehicles}
    write_text(out / REPORT, json.dumps({**head, "changes": records}, ensure_ascii=False, indent=1) + "\n")
    features = [
        {"type": "Feature", "geometry": shapely.geometry.mapping(change.outline), "properties": record}
        for change, record in zip(found.changes, records, strict=True)
    ]
    shapes = {"type": "FeatureCollection", "name": "changes", "features": features}
    write_text(out / SHAPES, json.dumps(shapes, ensure_ascii=False, default=list) + "\n")
    title = _("{before} → {after}").format(before=found.before, after=found.after)
    write_text(out / PAGE, render_changes(cards, title=title, summary=summary_of(found), vehicles=vehicles))
    return {_("page"): out / PAGE, _("report"): out / REPORT, _("for QGIS"): out / SHAPES}


def _head(found: GroundChanges) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "before": found.before,
        "after": found.after,
        "method_sha256": METHOD_SHA256,
        "squares": found.squares,
        "compared_m2": round(found.compared_m2, 1),
        "shaded_m2": round(found.shaded_m2, 1),
        "unlocated": found.unlocated,
        "refusals": [
            {"subject": refusal.subject, "code": refusal.code, "reason": refusal.reason} for refusal in found.refusals
        ],
    }


def summary_of(found: GroundChanges) -> list[str]:
    """Return what a comparison came to, as sentences."""
    said = [
        _("{changes} changes on {area:.2f} ha compared").format(
            changes=len(found.changes), area=found.compared_m2 / 10_000
        ),
        _("{count} of {squares} squares of 30 m could not be compared").format(
            count=len(found.refusals), squares=found.squares
        ),
    ]
    if found.vehicles:
        said.append(
            _("{count} more are where a vehicle was seen; they are listed at the end").format(count=len(found.vehicles))
        )
    if found.shaded_m2 >= 1:
        said.append(_("{area:.0f} m² differ as the sun's shadows explain").format(area=found.shaded_m2))
    if found.unlocated:
        said.append(_("{count} changes could not be put on the ground").format(count=sum(found.unlocated.values())))
    return said


def change_as_json(
    change: GroundChange, *, names: Mapping[str, str], zones: Mapping[str, str], incidents: Iterable[Incident]
) -> dict[str, Any]:
    """Return one change as a JSON-able dict.

    Args:
        change: The change.
        names: Of sites, by code.
        zones: Names of zones, by id.
        incidents: Of the later patrol.
    """
    patch, outcome, place = change.patch, change.outcome, change.sighting
    decided = None if isinstance(outcome, Undecided) else outcome.site_code
    first, last = change.frames
    return {
        "number": f"C-{short_code(change.change_id, 6)}",
        "change_id": change.change_id,
        "became": patch.becoming.value,
        "seems": patch.stuff.value,
        "area_m2": round(patch.area_m2, 1),
        "before_m2": round(patch.before_m2, 1),
        "after_m2": round(patch.after_m2, 1),
        "height_m": None if patch.height_m is None else round(patch.height_m, 1),
        "darker": patch.darker,
        "strength": round(patch.strength, 3),
        "lon_deg": place.point.lon_deg,
        "lat_deg": place.point.lat_deg,
        "error_90_m": round(semi_major_90_m(place.covariance), 2),
        "site_code": decided or "",
        "site_name": names.get(decided or "", ""),
        "sites": {share.key: round(share.probability, 3) for share in outcome.sites},
        "undecided_because": outcome.reason if isinstance(outcome, Undecided) else "",
        "covers_sites": tell_ground(outcome, names),
        "zones": {zones.get(share.key, share.key): round(share.probability, 3) for share in outcome.zones},
        "before_at": iso_utc(first.captured_at),
        "after_at": iso_utc(last.captured_at),
        "before_original": first.original_name,
        "after_original": last.original_name,
        "before_sha256": first.original_sha256,
        "after_sha256": last.original_sha256,
        "incidents": [incident.number for incident in incidents if _lies_on(incident, change)],
        "remarks": list(change.remarks),
    }


def _lies_on(incident: Incident, change: GroundChange) -> bool:
    """Return whether an incident's place is on ground that changed, within its error of a metre or so."""
    point = incident.sighting.point
    return bool(change.outline.buffer(2e-5).covers(shapely.Point(point.lon_deg, point.lat_deg)))


def draw_change(change: GroundChange, pictures: Pictures) -> ChangePictures | None:
    """Return a change before and after; None when one of its pictures is no longer there."""
    views = [pictures.epoch([frame])[0].views for frame in change.frames]
    return draw_pictures(change, views[0][0], views[1][0]) if all(views) else None


def _card(change: GroundChange, record: Mapping[str, Any], drawn: ChangePictures | None) -> dict[str, Any]:
    first, last = change.frames
    sites = record["site_name"] or (
        _("site undecided") if isinstance(change.outcome, Undecided) else _("on nobody's site")
    )
    zones = [f"{name} {share:.2f}" for name, share in record["zones"].items() if share >= 0.05]
    return {
        "number": record["number"],
        "became": becoming_name(change.patch.becoming),
        "kind": change.patch.becoming.value,
        "seems": stuff_name(change.patch.stuff),
        "size": size_of(change),
        "where": " · ".join([sites, *zones]),
        "whose": record["undecided_because"] or record["covers_sites"],
        "place": _("{lat:.6f}, {lon:.6f} ± {error:.1f} m").format(
            lat=record["lat_deg"], lon=record["lon_deg"], error=record["error_90_m"]
        ),
        "strength": f"{record['strength']:.2f}",
        "remarks": [*record["remarks"], *([] if record["incidents"] else [_("no rule says what it means: undecided")])],
        "incidents": record["incidents"],
        "before": f"{first.captured_at.astimezone(BEIJING):%Y-%m-%d %H:%M} · {first.original_name}",
        "after": f"{last.captured_at.astimezone(BEIJING):%Y-%m-%d %H:%M} · {last.original_name}",
        "picture": None
        if drawn is None
        else {
            "before": base64.b64encode(drawn.before).decode(),
            "after": base64.b64encode(drawn.after).decode(),
            "outline": " ".join(f"{x},{y}" for x, y in drawn.outline_px),
            "side": round(drawn.side_m),
        },
    }


def size_of(change: GroundChange) -> str:
    """Return a change's size in words: "4.5 → 21.2 m²"."""
    patch = change.patch
    if patch.becoming in {Becoming.GREW, Becoming.SHRANK}:
        return _("{before:.1f} → {after:.1f} m²").format(before=patch.before_m2, after=patch.after_m2)
    return _("{area:.1f} m²").format(area=patch.area_m2)


def becoming_name(becoming: Becoming) -> str:
    """Return what became of something, in the reader's language."""
    return change_name(becoming.value)


def stuff_name(stuff: Stuff) -> str:
    """Return what something seems to be, in the reader's language."""
    return {
        Stuff.STANDING: _("something that stands"),
        Stuff.FLAT: _("flat, or plain on top"),
        Stuff.UNKNOWN: _("height not known"),
    }[stuff]
