"""A register that was taken in: one form whatever it came from, its versions kept, and what changed told.

The folder holds::

    sites.geojson  zones.geojson   what is in force, WGS-84, every property as it was read
    fences.jsonl                   every version of every fence since the first import
    imports.jsonl                  one line an import: when, from what, with which digest and datum, what changed

GeoJSON is written with all digits, so that reading it again gives every entry the version it had.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import shapely

from core.clock import iso_utc
from core.errors import InputRefused, StoreFailed
from core.text import _
from core.whole_file import write_text
from geofence.register.site_archive import archive_register
from geofence.register.site_features import Feature
from geofence.register.site_files import SITES_FILE, ZONES_FILE, compile_register, read_register
from geofence.register.site_mend import Mended
from geofence.site import Register

ARCHIVE: Final = "fences.jsonl"
IMPORTS: Final = "imports.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What an import changed.

    Attributes:
        added, removed, changed: Codes and zone ids, in order.
        unchanged: How many are as they were.
        versions: How many versions the archive did not know.
    """

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]
    unchanged: int
    versions: int


def take_in(
    features: Iterable[Feature],
    folder: Path,
    *,
    source: Mapping[str, str],
    at: datetime,
    mended: Sequence[Mended] = (),
) -> tuple[Register, Change]:
    """Write the sound features as the register in force, archive their versions, and say what changed.

    Args:
        features: From files or tables, mended or not; those that are refused are left out.
        folder: The register's folder; made when missing.
        source: Where they came from: file names, digest, datum.
        at: When, aware.
        mended: What was mended, for the log.

    Raises:
        StoreFailed: The folder cannot be written, or its archive is not as it was written.
    """
    listed = list(features)
    compiled, refused = compile_register(listed, sha256="")
    sound = _sound(listed, compiled)
    before = _versions(_in_force(folder))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / SITES_FILE, _collection(feature for feature in sound if _is_site(feature)))
        write_text(folder / ZONES_FILE, _collection(feature for feature in sound if not _is_site(feature)))
        register, _refused = read_register(folder)  # the versions are those that every later run will read
        after = _versions(register)
        versions = archive_register(register, folder / ARCHIVE, at=at)
        change = Change(
            added=tuple(key for key in after if key not in before),
            removed=tuple(key for key in before if key not in after),
            changed=tuple(key for key, version in after.items() if before.get(key, version) != version),
            unchanged=sum(before.get(key) == version for key, version in after.items()),
            versions=versions,
        )
        line = {
            "at": iso_utc(at),
            **source,
            "sites": len(register.sites),
            "zones": len(register.zones),
            "added": len(change.added),
            "removed": list(change.removed),
            "changed": list(change.changed),
            "refused": [str(refusal) for refusal in refused],
            "mended": [{"subject": one.subject, "mend": one.mend.value, "says": one.says} for one in mended],
        }
        log = folder / IMPORTS
        earlier = log.read_text(encoding="utf-8") if log.is_file() else ""
        write_text(log, earlier + json.dumps(line, ensure_ascii=False) + "\n")
    except OSError as error:
        raise StoreFailed(
            _("{folder}: the register cannot be written: {reason}").format(folder=folder, reason=error)
        ) from error
    return register, change


def _in_force(folder: Path) -> Register | None:
    if not (folder / SITES_FILE).is_file():
        return None
    try:
        return read_register(folder)[0]
    except InputRefused:  # what cannot be read is replaced; its versions stay in the archive
        return None


def _versions(register: Register | None) -> dict[str, str]:
    if register is None:
        return {}
    sites = {site.code: site.version for site in register.sites}
    return sites | {zone.zone_id: zone.version for zone in register.zones}


def _is_site(feature: Feature) -> bool:
    return not feature.properties.get("zone_type")


def _sound(features: Sequence[Feature], register: Register) -> list[Feature]:
    """Return the features that the register holds: of those with one key, the first that is the one held."""
    sites = {site.code: site.shape for site in register.sites}
    zones = {zone.zone_id: zone.shape for zone in register.zones}
    sound: list[Feature] = []
    for feature in features:
        held = sites if _is_site(feature) else zones
        key = feature.properties.get("code" if _is_site(feature) else "zone_id", "")
        shape = held.get(key)
        if (
            shape is not None
            and feature.shape is not None
            and shapely.equals_exact(shapely.force_2d(feature.shape), shape)
        ):
            sound.append(feature)
            del held[key]
    return sound


def _collection(features: Iterable[Feature]) -> str:
    """Return features as GeoJSON (RFC 7946), one a line, so that two versions can be compared line by line."""
    lines = [json.dumps(_as_json(feature), ensure_ascii=False, sort_keys=True) for feature in features]
    return '{"type": "FeatureCollection", "features": [\n' + ",\n".join(lines) + "\n]}\n"


def _as_json(feature: Feature) -> dict[str, Any]:
    return {
        "type": "Feature",
        "properties": dict(feature.properties),
        "geometry": None if feature.shape is None else shapely.geometry.mapping(shapely.force_2d(feature.shape)),
    }
