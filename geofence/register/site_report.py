"""Examine a register: what is wrong with fences that are each sound by themselves.

Reported, never mended here: fences that overlap, slivers and small gaps between neighbours (the trace of a tiny shift
or of tracing one fence twice), zones outside their site, two entries with one outline, shapes too small or too large to
be premises, and a register that lies as a whole where GCJ-02 or BD-09 coordinates read as WGS-84 would put it. Findings
carry the ground they are about, so that :func:`findings_geojson` makes a map of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from core.points import GeoPoint, LocalPlane, from_plane, to_plane
from core.text import _
from geofence.datums import Datum, from_wgs84
from geofence.site import Register, Site, Zone

OVERLAP_M2: Final = 1.0
"""Overlaps below a square metre are the rounding of coordinates."""
SLIVER_M: Final = 2.0
"""An overlap or gap narrower than this (twice its area by its outline) is a shifted or twice-traced fence."""
SMALLEST_M2: Final = 20.0
LARGEST_M2: Final = 50e6
_SAME_OUTLINE: Final = 0.98
_DATUM_FIT_M: Final = 30.0
_METRES_PER_DEGREE: Final = 110_500.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that a person should look at.

    Attributes:
        code: Stable slug: "overlap", "sliver", "gap", "same-outline", "outside-its-site", "too-small", "too-large",
            "datum-shift".
        keys: The site codes and zone ids it is about.
        says: What is wrong, with its numbers.
        remedy: What a person can do.
        where: The ground it is about, WGS-84 degrees.
    """

    code: str
    keys: tuple[str, ...]
    says: str
    remedy: str
    where: BaseGeometry


def examine_register(register: Register, *, before: Register | None = None) -> tuple[Finding, ...]:
    """Return what is wrong with a register, in order of its entries.

    Args:
        register: The register.
        before: An earlier register of the same enterprises, to find one that moved as a whole.
    """
    entries: list[Site | Zone] = [*register.sites, *register.zones]
    findings = [finding for entry in entries for finding in _of_size(entry)]
    findings += _of_neighbours(register.sites)
    findings += _of_zones(register)
    findings += _of_datum(register, before)
    return tuple(findings)


def findings_geojson(findings: Iterable[Finding]) -> str:
    """Return findings as a GeoJSON text, for a map."""
    features = [
        {
            "type": "Feature",
            "properties": {"code": found.code, "keys": list(found.keys), "says": found.says, "remedy": found.remedy},
            "geometry": shapely.geometry.mapping(found.where),
        }
        for found in findings
    ]
    return json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False)


def _plane_at(shape: BaseGeometry) -> LocalPlane:
    point = shape.representative_point()
    return LocalPlane(origin=GeoPoint(lon_deg=point.x, lat_deg=point.y))


def _metric(plane: LocalPlane, shape: BaseGeometry) -> BaseGeometry:
    return shapely.transform(shape, lambda lonlat: to_plane(plane, lonlat))


def _placed(plane: LocalPlane, shape: BaseGeometry) -> BaseGeometry:
    return shapely.transform(shape, lambda metres: from_plane(plane, metres))


def _key(entry: Site | Zone) -> str:
    return entry.code if isinstance(entry, Site) else entry.zone_id


def _of_size(entry: Site | Zone) -> Iterator[Finding]:
    west, south, east, north = entry.shape.bounds
    if max(east - west, north - south) > 0.4:  # beyond the local plane; such ground is no premises, but zones may be
        area = LARGEST_M2 * 2
    else:
        area = _metric(_plane_at(entry.shape), entry.shape).area
    if area < SMALLEST_M2:
        says = _("{key} has {area:.1f} m², too little for premises").format(key=_key(entry), area=area)
        remedy = _("Draw the whole fence.")
        yield Finding(code="too-small", keys=(_key(entry),), says=says, remedy=remedy, where=entry.shape)
    if area > LARGEST_M2 and isinstance(entry, Site):
        says = _("{key} is larger than {area:.0f} km²").format(key=_key(entry), area=LARGEST_M2 / 1e6)
        remedy = _("Draw the fence of the premises, not the district.")
        yield Finding(code="too-large", keys=(_key(entry),), says=says, remedy=remedy, where=entry.shape)


def _of_neighbours(sites: Sequence[Site]) -> Iterator[Finding]:
    """Yield what is wrong between fences that touch, overlap or nearly do."""
    shapes = [site.shape for site in sites]
    tree = shapely.STRtree(shapes)
    for place, site in enumerate(sites):
        west, south, east, north = site.shape.bounds
        reach = SLIVER_M / _METRES_PER_DEGREE * 2
        window = shapely.box(west - reach, south - reach, east + reach, north + reach)
        for other in sorted(tree.query(window).tolist()):
            if other > place and max(east - west, north - south) <= 0.4:
                yield from _between(site, sites[other])


def _between(one: Site, other: Site) -> Iterator[Finding]:
    plane = _plane_at(one.shape)
    mine, theirs = _metric(plane, one.shape), _metric(plane, shapely.clip_by_rect(other.shape, *_around(one)))
    if theirs.is_empty:
        return
    keys = (one.code, other.code)
    shared = shapely.intersection(mine, theirs)
    if shared.area > _SAME_OUTLINE * max(mine.area, theirs.area):
        says = _("{one} and {other} have one outline").format(one=one.name, other=other.name)
        remedy = _("Find out which of the two stands there.")
        yield Finding(code="same-outline", keys=keys, says=says, remedy=remedy, where=one.shape)
    elif shared.area > OVERLAP_M2:
        width = 2 * shared.area / shared.length
        sliver = width < SLIVER_M
        says = _("{one} and {other} overlap by {area:.0f} m², {width:.1f} m wide").format(
            one=one.name, other=other.name, area=shared.area, width=width
        )
        remedy = (
            _("One fence is shifted or traced twice; let both share one line.")
            if sliver
            else _("Settle whose ground it is; until then sightings there stay undecided.")
        )
        code = "sliver" if sliver else "overlap"
        yield Finding(code=code, keys=keys, says=says, remedy=remedy, where=_placed(plane, shared))
    yield from _gap(one, other, plane, mine, theirs)


def _around(site: Site) -> tuple[float, float, float, float]:
    west, south, east, north = site.shape.bounds
    margin = 0.005
    return west - margin, south - margin, east + margin, north + margin


def _gap(one: Site, other: Site, plane: LocalPlane, mine: BaseGeometry, theirs: BaseGeometry) -> Iterator[Finding]:
    """Yield the strip between two fences that run alongside each other closer than a sliver's width."""
    half = SLIVER_M / 2
    closed = shapely.buffer(shapely.union(mine, theirs), half, join_style="mitre")
    strip = shapely.difference(
        shapely.intersection(shapely.buffer(closed, -half, join_style="mitre"), shapely.buffer(mine, SLIVER_M)),
        shapely.union(mine, theirs),
    )
    if strip.area > OVERLAP_M2:
        says = _("{one} and {other} leave a strip of {area:.0f} m² between them, narrower than {width:.0f} m").format(
            one=one.name, other=other.name, area=strip.area, width=SLIVER_M
        )
        remedy = _("If they share a fence, let both entries share one line.")
        where = _placed(plane, strip)
        yield Finding(code="gap", keys=(one.code, other.code), says=says, remedy=remedy, where=where)


def _of_zones(register: Register) -> Iterator[Finding]:
    sites = {site.code: site for site in register.sites}
    for zone in register.zones:
        if zone.site_code is None:
            continue
        plane = _plane_at(zone.shape)
        mine = _metric(plane, zone.shape)
        window = zone.shape.buffer(0.005).bounds
        home = _metric(plane, shapely.clip_by_rect(sites[zone.site_code].shape, *window))
        beyond = shapely.difference(mine, home)
        if beyond.area > 0.05 * mine.area:
            says = _("{zone} lies {share:.0%} outside {site}").format(
                zone=zone.zone_id, share=beyond.area / mine.area, site=sites[zone.site_code].name
            )
            remedy = _("Correct its outline, its site_code, or the datum of its file.")
            keys = (zone.zone_id, zone.site_code)
            yield Finding(code="outside-its-site", keys=keys, says=says, remedy=remedy, where=_placed(plane, beyond))


def _of_datum(register: Register, before: Register | None) -> Iterator[Finding]:
    """Yield that a register moved as a whole by what GCJ-02 or BD-09 differs from WGS-84."""
    pairs = []
    if before is not None:
        earlier = {site.code: site for site in before.sites}
        pairs += [(site.code, site.shape, earlier[site.code].shape) for site in register.sites if site.code in earlier]
    # Zones of another file betray themselves against their own sites.
    sites = {site.code: site for site in register.sites}
    for zone in register.zones:
        if zone.site_code is not None and not zone.shape.intersects(sites[zone.site_code].shape):
            pairs.append((zone.zone_id, zone.shape, sites[zone.site_code].shape))
    if len(pairs) < 2:
        return
    centres = np.array([[now.centroid.x, now.centroid.y, then.centroid.x, then.centroid.y] for _, now, then in pairs])
    plane = LocalPlane(origin=GeoPoint(lon_deg=float(centres[0, 2]), lat_deg=float(centres[0, 3])))
    moved = np.median(to_plane(plane, centres[:, :2]) - to_plane(plane, centres[:, 2:]), axis=0)
    for datum in (Datum.GCJ02, Datum.BD09):
        there = from_wgs84(centres[:, 2:], datum)
        expected = np.median(to_plane(plane, there) - to_plane(plane, centres[:, 2:]), axis=0)
        off = [float(np.hypot(*(moved - sense * expected))) for sense in (1, -1)]
        if min(off) < _DATUM_FIT_M:
            says = _(
                "{count} outlines lie {east:.0f} m east and {north:.0f} m north of where they belong, as {how} does"
            )
            how = _("{datum} read as WGS-84") if off[0] < off[1] else _("WGS-84 read as {datum}")
            yield Finding(
                code="datum-shift",
                keys=tuple(key for key, _now, _then in pairs),
                says=says.format(count=len(pairs), east=moved[0], north=moved[1], how=how.format(datum=datum)),
                remedy=_("Read the file again with its datum declared."),
                where=shapely.MultiPoint(centres[:, :2]),
            )
            return
