"""Fences as they were: kept when a run is taken in, drawn when a case is looked at."""

from __future__ import annotations

import json
from pathlib import Path

from app.station.models import Fence
from evidence.incident import Incident
from geofence.attribution import Share
from geofence.register.site_archive import versions_of

MAX_DRAWN = 6  # candidates beyond these have a share that decides nothing


def shares_of(incident: Incident) -> list[tuple[str, Share]]:
    """Return the sites and zones that an incident's attribution speaks of, with their kinds."""
    attribution = incident.attribution
    return [("site", share) for share in attribution.sites] + [("zone", share) for share in attribution.zones]


def keep_fences(incident: Incident, archive: Path) -> int:
    """Keep the fences that an incident speaks of, in the versions that it names; return how many were new.

    Args:
        incident: The incident.
        archive: The archive of fences of its run; without one nothing is kept, and maps show the position alone.
    """
    if not archive.is_file():
        return 0
    kept = 0
    for kind, share in shares_of(incident):
        if Fence.objects.filter(kind=kind, key=share.key, version=share.version).exists():
            continue
        for feature in versions_of(archive, share.key):
            named = feature["properties"]
            if (named["kind"], named["version"]) == (kind, share.version):
                outline = json.dumps(feature["geometry"])
                Fence.objects.create(
                    kind=kind, key=share.key, version=share.version, name=str(named["name"])[:200], outline=outline
                )
                kept += 1
                break
    return kept


def fences_of(incident: Incident) -> list[tuple[Fence, Share]]:
    """Return the fences to draw for an incident, with their shares, most probable first."""
    found = []
    for kind, share in shares_of(incident):
        fence = Fence.objects.filter(kind=kind, key=share.key, version=share.version).first()
        if fence is not None:
            found.append((fence, share))
    sites = [pair for pair in found if pair[0].kind == "site"][:MAX_DRAWN]
    return sites + [pair for pair in found if pair[0].kind == "zone"][:MAX_DRAWN]
