"""Keep every version of every fence, so that an incident refers to the fence as it was.

The archive is a file of JSON lines, one for each version of a site or zone, in the order in which they became known.
Lines are only ever added: a version is a digest of its entry, so a line never needs to change. The file is whole at
any moment.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import shapely

from core.clock import from_iso, iso_utc
from core.errors import StoreFailed
from core.text import _
from core.whole_file import write_text
from geofence.site import Register, Site, Zone, ZoneType


def archive_register(register: Register, path: Path, *, at: datetime) -> int:
    """Add to an archive what it does not hold yet, and return how many versions that were.

    Args:
        register: What is in force now.
        path: The archive; made when it does not exist.
        at: When it became known, aware.

    Raises:
        StoreFailed: The archive cannot be read or written.
    """
    held = _lines(path)
    known = {(line["kind"], line["key"], line["version"]) for line in held}
    entries: Iterable[Site | Zone] = (*register.sites, *register.zones)
    lines = [_line(entry, at) for entry in entries]
    fresh = [line for line in lines if (line["kind"], line["key"], line["version"]) not in known]
    if fresh:
        text = "".join(json.dumps(line, ensure_ascii=False, sort_keys=True) + "\n" for line in (*held, *fresh))
        try:
            write_text(path, text)
        except OSError as error:
            raise StoreFailed(
                _("{path}: the archive cannot be written: {reason}").format(path=path, reason=error)
            ) from error
    return len(fresh)


def site_as_it_was(path: Path, code: str, version: str) -> Site:
    """Return a site in a version that an incident names.

    Args:
        path: The archive.
        code: The site's code.
        version: The version.

    Raises:
        StoreFailed: The archive does not hold it, or cannot be read.
    """
    line = _find(path, "site", code, version)
    return Site(
        code=code,
        name=line["name"],
        shape=shapely.from_wkb(line["shape"]),
        boundary_sigma_m=line["boundary_sigma_m"],
        version=version,
        attributes=dict(line["attributes"]),
    )


def zone_as_it_was(path: Path, zone_id: str, version: str) -> Zone:
    """Return a zone in a version that an incident names.

    Args:
        path: The archive.
        zone_id: The zone's id.
        version: The version.

    Raises:
        StoreFailed: The archive does not hold it, or cannot be read.
    """
    line = _find(path, "zone", zone_id, version)
    return Zone(
        zone_id=zone_id,
        zone_type=ZoneType(line["zone_type"]),
        name=line["name"],
        shape=shapely.from_wkb(line["shape"]),
        site_code=line["site_code"],
        boundary_sigma_m=line["boundary_sigma_m"],
        version=version,
        valid_from=from_iso(line["valid_from"]) if line["valid_from"] else None,
        valid_to=from_iso(line["valid_to"]) if line["valid_to"] else None,
    )


def versions_of(path: Path, key: str) -> list[dict[str, Any]]:
    """Return every version of a site or zone as a GeoJSON feature, in the order in which they became known.

    Args:
        path: The archive.
        key: The site's code or the zone's id.

    Raises:
        StoreFailed: It cannot be read.
    """
    return [
        {
            "type": "Feature",
            "properties": {name: value for name, value in line.items() if name != "shape"},
            "geometry": shapely.geometry.mapping(shapely.from_wkb(line["shape"])),
        }
        for line in _lines(path)
        if line["key"] == key
    ]


def names_in(path: Path) -> dict[str, str]:
    """Return the sites' names of an archive by code, the latest of each; none when the file does not exist.

    Raises:
        StoreFailed: It cannot be read.
    """
    return {line["key"]: line["name"] for line in _lines(path) if line["kind"] == "site"}


def _find(path: Path, kind: str, key: str, version: str) -> Mapping[str, Any]:
    for line in _lines(path):
        if (line["kind"], line["key"], line["version"]) == (kind, key, version):
            return line
    raise StoreFailed(
        _("{path}: the archive holds no version {version} of {key}").format(path=path, version=version, key=key)
    )


def _lines(path: Path) -> list[dict[str, Any]]:
    try:
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        return [json.loads(line) for line in text.splitlines() if line]
    except (OSError, ValueError) as error:
        raise StoreFailed(_("{path}: the archive cannot be read: {reason}").format(path=path, reason=error)) from error


def _line(entry: Site | Zone, at: datetime) -> dict[str, Any]:
    common = {
        "version": entry.version,
        "name": entry.name,
        "shape": shapely.to_wkb(entry.shape, hex=True),
        "boundary_sigma_m": entry.boundary_sigma_m,
        "known_at": iso_utc(at),
    }
    if isinstance(entry, Site):
        return common | {"kind": "site", "key": entry.code, "attributes": dict(entry.attributes)}
    return common | {
        "kind": "zone",
        "key": entry.zone_id,
        "zone_type": entry.zone_type.value,
        "site_code": entry.site_code,
        "valid_from": iso_utc(entry.valid_from) if entry.valid_from else None,
        "valid_to": iso_utc(entry.valid_to) if entry.valid_to else None,
    }
