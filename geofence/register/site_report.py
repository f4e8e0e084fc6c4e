"""Examine a register: what is wrong with fences that are each sound by themselves.

Reported, never mended here: fences that overlap, slivers and small gaps between neighbours (the trace of a tiny shift
or of tracing one fence twice), zones outside their site, two entries with one outline or one name, shapes too small or
too large to be premises, and a register that lies as a whole where another datum or a slip of the hand puts it.
Findings carry the ground they are about, so that a map can be made of them. Everything is asked of all entries at once:
a register of 100,000 sites takes about a minute.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from core.points import GeoPoint, LocalPlane, from_plane
from core.text import _
from geofence.register.local_outlines import is_local, origins_of, to_metres
from geofence.register.site_finding import Finding
from geofence.register.site_neighbours import SLIVER_M, Between, look_between
from geofence.register.site_shift import find_shift
from geofence.site import Register, Site, Zone

SMALLEST_M2: Final = 20.0
SMALLEST_ZONE_M2: Final = 1.0
LARGEST_M2: Final = 50e6
_OUTSIDE: Final = 0.05


def examine_register(register: Register, *, before: Register | None = None) -> tuple[Finding, ...]:
    """Return what is wrong with a register, in order of its entries.

    Args:
        register: The register.
        before: An earlier register of the same enterprises, to find one that moved as a whole.
    """
    findings = list(_of_size([*register.sites, *register.zones]))
    findings += _of_names(register.sites)
    for between in look_between(register.sites):
        findings += _of_neighbours(register.sites, between)
    findings += _of_zones(register)
    findings += find_shift(register, before)
    return tuple(findings)


def _key(entry: Site | Zone) -> str:
    return entry.code if isinstance(entry, Site) else entry.zone_id


def _of_size(entries: Sequence[Site | Zone]) -> Iterator[Finding]:
    shapes = np.array([entry.shape for entry in entries], dtype=object)
    local = is_local(shapes)
    areas = np.full(len(shapes), LARGEST_M2 * 2)  # beyond the local plane; such ground is no premises, but zones may be
    metric = shapes.copy()
    metric[local] = to_metres(shapes[local], origins_of(shapes[local]))
    areas[local] = shapely.area(metric[local])
    least = np.array([SMALLEST_M2 if isinstance(entry, Site) else SMALLEST_ZONE_M2 for entry in entries])
    for place in np.flatnonzero(areas < least).tolist():
        entry = entries[place]
        says = _("{key} has {area:.1f} m², too little to be what it says").format(key=_key(entry), area=areas[place])
        remedy = _("Draw the whole fence.")
        yield Finding(code="too-small", keys=(_key(entry),), says=says, remedy=remedy, where=entry.shape)
    for place in np.flatnonzero(areas > LARGEST_M2).tolist():
        entry = entries[place]
        if isinstance(entry, Site):
            says = _("{key} is larger than {area:.0f} km²").format(key=entry.code, area=LARGEST_M2 / 1e6)
            remedy = _("Draw the fence of the premises, not the district.")
            yield Finding(code="too-large", keys=(entry.code,), says=says, remedy=remedy, where=entry.shape)
    parts, of_shape = shapely.get_parts(metric, return_index=True)
    several = np.bincount(of_shape, minlength=len(shapes)) > 1
    small = np.flatnonzero((shapely.area(parts) < SMALLEST_M2) & several[of_shape] & local[of_shape])
    for part in small.tolist():
        entry = entries[of_shape[part]]
        says = _("{key} has a separate piece of {area:.1f} m²").format(key=_key(entry), area=shapely.area(parts[part]))
        remedy = _("Remove the piece, or draw it as it is.")
        piece = shapely.get_parts(entry.shape)[part - int(np.searchsorted(of_shape, of_shape[part]))]
        yield Finding(code="fragment", keys=(_key(entry),), says=says, remedy=remedy, where=piece)


def _of_names(sites: Sequence[Site]) -> Iterator[Finding]:
    """Yield enterprises that share a name under two codes: a branch, or one enterprise entered twice."""
    first: dict[str, Site] = {}
    for site in sites:
        known = first.setdefault(site.name, site)
        if known is not site:
            says = _("{name} stands under two codes, {one} and {other}").format(
                name=site.name, one=known.code, other=site.code
            )
            remedy = _("Keep one entry, or tell the two apart by their full names.")
            yield Finding(code="same-name", keys=(known.code, site.code), says=says, remedy=remedy, where=site.shape)


def _of_neighbours(sites: Sequence[Site], between: Between) -> Iterator[Finding]:
    one, other = sites[between.one], sites[between.other]
    keys = (one.code, other.code)
    if between.same:
        says = _("{one} and {other} have one outline").format(one=one.name, other=other.name)
        remedy = _("Find out which of the two stands there.")
        yield Finding(code="same-outline", keys=keys, says=says, remedy=remedy, where=one.shape)
    elif between.shared is not None:
        sliver = between.width_m < SLIVER_M
        says = _("{one} and {other} overlap by {area:.0f} m², {width:.1f} m wide").format(
            one=one.name, other=other.name, area=between.shared_m2, width=between.width_m
        )
        remedy = (
            _("One fence is shifted or traced twice; let both share one line.")
            if sliver
            else _("Settle whose ground it is; until then sightings there stay undecided.")
        )
        code = "sliver" if sliver else "overlap"
        yield Finding(code=code, keys=keys, says=says, remedy=remedy, where=between.shared)
    if between.strip is not None:
        says = _("{one} and {other} leave a strip of {area:.0f} m² between them, narrower than {width:.0f} m").format(
            one=one.name, other=other.name, area=between.gap_m2, width=SLIVER_M
        )
        remedy = _("If they share a fence, let both entries share one line.")
        yield Finding(code="gap", keys=keys, says=says, remedy=remedy, where=between.strip)


def _of_zones(register: Register) -> Iterator[Finding]:
    """Yield zones of which a part lies outside the site that they belong to."""
    sites = {site.code: site for site in register.sites}
    owned = [zone for zone in register.zones if zone.site_code is not None]
    shapes = np.array([zone.shape for zone in owned], dtype=object)
    homes = np.array([sites[zone.site_code or ""].shape for zone in owned], dtype=object)
    local = is_local(shapes) & is_local(homes)
    owned = [zone for zone, small in zip(owned, local, strict=True) if small]
    origins = origins_of(shapes[local])
    mine, home = to_metres(shapes[local], origins), to_metres(homes[local], origins)
    beyond = shapely.difference(mine, home)
    shares = shapely.area(beyond) / np.maximum(shapely.area(mine), 1e-9)
    for place in np.flatnonzero(shares > _OUTSIDE).tolist():
        zone = owned[place]
        site = sites[zone.site_code or ""]
        says = _("{zone} lies {share:.0%} outside {site}").format(
            zone=zone.zone_id, share=shares[place], site=site.name
        )
        remedy = _("Correct its outline, its site_code, or the datum of its file.")
        lon, lat = origins[place].tolist()
        where = _placed(LocalPlane(origin=GeoPoint(lon_deg=lon, lat_deg=lat)), beyond[place])
        yield Finding(code="outside-its-site", keys=(zone.zone_id, site.code), says=says, remedy=remedy, where=where)


def _placed(plane: LocalPlane, shape: BaseGeometry) -> BaseGeometry:
    return shapely.transform(shape, lambda metres: from_plane(plane, metres))
