"""Standing hazards in a file, from patrol to patrol: JSON, written whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from core.clock import from_iso, iso_utc
from core.errors import StoreFailed
from core.points import GeoPoint
from core.text import _
from core.whole_file import write_text
from geofence.fix import Covariance
from geofence.persistence import Entry, Event, Standing

_SCHEMA: Final = 1


def write_standings(standings: Sequence[Standing], path: Path) -> None:
    """Write standing hazards; a file that was there before is replaced as a whole or not at all.

    Args:
        standings: In their order.
        path: The file.

    Raises:
        StoreFailed: It cannot be written.
    """
    document = {"schema": _SCHEMA, "standings": [_as_json(standing) for standing in standings]}
    try:
        write_text(path, json.dumps(document, ensure_ascii=False, indent=1) + "\n")
    except OSError as error:
        raise StoreFailed(_("{path}: cannot be written: {reason}").format(path=path, reason=error)) from error


def read_standings(path: Path) -> tuple[Standing, ...]:
    """Return the standing hazards of a file; none when it does not exist yet.

    Args:
        path: The file.

    Raises:
        StoreFailed: It cannot be read, or is not what was written.
    """
    if not path.exists():
        return ()
    try:
        return _from_document(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise StoreFailed(_("{path}: cannot be read: {reason}").format(path=path, reason=error)) from error


def _from_document(document: Mapping[str, Any]) -> tuple[Standing, ...]:
    if document["schema"] != _SCHEMA:
        raise ValueError(f"schema {document['schema']}")
    return tuple(_from_json(entry) for entry in document["standings"])


def _as_json(standing: Standing) -> dict[str, Any]:
    return {
        "code": standing.code,
        "label": standing.label,
        "site_code": standing.site_code,
        "zone_id": standing.zone_id,
        "lon_deg": standing.point.lon_deg,
        "lat_deg": standing.point.lat_deg,
        "covariance_m2": [
            standing.covariance.east_m2,
            standing.covariance.north_m2,
            standing.covariance.east_north_m2,
        ],
        "severity": standing.severity,
        "deadline": iso_utc(standing.deadline) if standing.deadline else None,
        "entries": [
            {
                "event": entry.event.value,
                "patrol_id": entry.patrol_id,
                "at": entry.at.isoformat(),
                "sighting_id": entry.sighting_id,
            }
            for entry in standing.entries
        ],
    }


def _from_json(entry: Mapping[str, Any]) -> Standing:
    east, north, cross = entry["covariance_m2"]
    return Standing(
        code=entry["code"],
        label=entry["label"],
        site_code=entry["site_code"],
        zone_id=entry["zone_id"],
        point=GeoPoint(lon_deg=entry["lon_deg"], lat_deg=entry["lat_deg"]),
        covariance=Covariance(east_m2=east, north_m2=north, east_north_m2=cross),
        severity=entry["severity"],
        deadline=from_iso(entry["deadline"]) if entry["deadline"] else None,
        entries=tuple(
            Entry(
                event=Event(step["event"]),
                patrol_id=step["patrol_id"],
                at=from_iso(step["at"]),
                sighting_id=step["sighting_id"],
            )
            for step in entry["entries"]
        ),
    )
