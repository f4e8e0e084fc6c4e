"""Read a register of sites and zones from files; refuse what cannot be trusted.

:mod:`geofence.register.site_features` reads the files and refuses whole ones whose positions cannot be believed. Here a
single feature is refused (:class:`Refusal`) and the rest goes on when it alone is wrong: a self-crossing outline, a
wrong code, a duplicate. Nothing is mended; :mod:`geofence.register.site_mend` does that on request, before.

A feature is a zone when it has a ``zone_type``; otherwise it is a site. Sites carry ``code`` and ``name``, zones
``zone_id``, ``zone_type``, ``name`` and, if they belong to one, ``site_code``; both may carry ``boundary_sigma_m``,
zones ``valid_from`` and ``valid_to`` (RFC 3339 with an offset). Every other property of a site becomes an attribute.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Final

import shapely
from shapely import MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry

from core.clock import from_iso, iso_utc
from core.errors import InputRefused
from core.refusal import Refusal
from core.text import _
from geofence.datums import Datum
from geofence.register.credit_code import fault_in_code
from geofence.register.site_features import Feature, parts_of, read_features
from geofence.site import Register, Site, Zone, ZoneType

DEFAULT_BOUNDARY_SIGMA_M: Final = 1.0
SITES_FILE: Final = "sites.geojson"
ZONES_FILE: Final = "zones.geojson"
ZONE_NAMES: Final[Mapping[str, ZoneType]] = MappingProxyType(
    {
        "罐区": ZoneType.TANK_FARM,
        "围堰": ZoneType.DIKE,
        "防火堤": ZoneType.DIKE,
        "消防车通道": ZoneType.FIRE_LANE,
        "消防通道": ZoneType.FIRE_LANE,
        "装卸区": ZoneType.LOADING,
        "仓库": ZoneType.STORAGE,
        "宿舍": ZoneType.DORMITORY,
        "禁入区": ZoneType.EXCLUSION,
        "防火间距": ZoneType.FIRE_SEPARATION,
        "停车场": ZoneType.PARKING,
        "管道保护范围": ZoneType.PIPELINE_BUFFER,
        "消火栓": ZoneType.HYDRANT,
        "安全出口": ZoneType.EXIT,
        "基坑": ZoneType.EXCAVATION,
        "加油作业区": ZoneType.FORECOURT,
        "危险货物集装箱堆场": ZoneType.CONTAINER_YARD,
        "坝坡": ZoneType.DAM_SLOPE,
        "屋顶": ZoneType.ROOF,
        "露台": ZoneType.ROOF,
        "烟花爆竹库区": ZoneType.FIREWORKS_DEPOT,
        "公共道路": ZoneType.PUBLIC_ROAD,
        "森林防火区": ZoneType.NO_BURN_FOREST,
        "烟花爆竹禁放区": ZoneType.FIREWORKS_BAN,
    }
)
"""Chinese words for zone types."""
_SITE_FIELDS: Final = frozenset({"code", "name", "boundary_sigma_m", "zone_type"})
_ZONE_ONLY_FIELDS: Final = frozenset({"zone_id", "site_code", "valid_from", "valid_to"})


def read_register(
    sites: Path, zones: Path | None = None, *, datum: Datum = Datum.WGS84
) -> tuple[Register, tuple[Refusal, ...]]:
    """Return the register that one or two files hold, and a refusal for each feature left out.

    Args:
        sites: File of sites; it may hold zones too.
        zones: A second file of zones, if they are kept apart.
        datum: What the files' degrees are in, where that is declared to be other than WGS-84.

    Raises:
        InputRefused: A file cannot be read, or its positions cannot be believed.
    """
    source = read_files(sites, zones, datum=datum)
    register, refused = compile_register(source.features, sha256=source.sha256)
    refusals = (*source.doubts, *refused)
    refuse_empty(register, refusals, sites)
    return register, refusals


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What one or two files, or tables, hold, before it is known to be a register.

    Attributes:
        features: In their order.
        doubts: What their driver read otherwise than it is written.
        sha256: Their digest, hex.
    """

    features: tuple[Feature, ...]
    doubts: tuple[Refusal, ...]
    sha256: str


def read_files(sites: Path, zones: Path | None = None, *, datum: Datum = Datum.WGS84) -> Source:
    """Return what register files hold.

    Args:
        sites: A file, or a folder that an import wrote.
        zones: A second file of zones, if they are kept apart.
        datum: What the files' degrees are in.

    Raises:
        InputRefused: As in :func:`read_register`.
    """
    paths = [sites] if zones is None else [sites, zones]
    if sites.is_dir():
        paths = [path for path in (sites / SITES_FILE, sites / ZONES_FILE) if path.is_file()] + paths[1:]
        if not (sites / SITES_FILE).is_file():
            problem = _("is a folder without {file}").format(file=SITES_FILE)
            raise InputRefused(sites, problem, _("Name a register file, or a folder that “register import” wrote."))
    features: list[Feature] = []
    doubts: list[Refusal] = []
    for path in paths:
        found, warned = read_features(path, datum=datum)
        features += found
        doubts += warned
    return Source(features=tuple(features), doubts=tuple(doubts), sha256=digest_files(paths))


def refuse_empty(register: Register, refusals: Sequence[Refusal], source: Path | str) -> None:
    """Refuse a register that holds nothing: a run over it would find everybody innocent.

    Raises:
        InputRefused: It has neither a site nor a zone.
    """
    if register.sites or register.zones:
        return
    reasons = "; ".join(str(refusal) for refusal in refusals[:3]) or _("it has no features")
    raise InputRefused(
        source,
        _("holds no usable site or zone ({reasons})").format(reasons=reasons),
        _("Name a file of polygons with the properties code and name."),
    )


def digest_files(paths: Iterable[Path]) -> str:
    """Return the digest of files with their companions, hex."""
    digest = hashlib.sha256()
    for path in paths:
        for part in parts_of(path):
            digest.update(hashlib.sha256(part.read_bytes()).digest())
    return digest.hexdigest()


def compile_register(features: Iterable[Feature], *, sha256: str) -> tuple[Register, tuple[Refusal, ...]]:
    """Return the register of the features that are sound, and a refusal for each that is not.

    Args:
        features: From :func:`read_features`.
        sha256: Digest of what they were read from, hex.
    """
    refusals: list[Refusal] = []
    sites: dict[str, Site] = {}
    zones: dict[str, Zone] = {}
    pending: list[Feature] = []
    for feature in features:
        if feature.properties.get("zone_type"):
            pending.append(feature)
            continue
        try:
            site = _site(feature, sites)
        except _FeatureRefusedError as refused:
            refusals.append(refused.refusal)
        else:
            sites[site.code] = site
    for feature in pending:  # after all sites are known, wherever they stand in the file
        try:
            zone = _zone(feature, sites, zones)
        except _FeatureRefusedError as refused:
            refusals.append(refused.refusal)
        else:
            zones[zone.zone_id] = zone
    register = Register(sites=tuple(sites.values()), zones=tuple(zones.values()), sha256=sha256)
    return register, tuple(refusals)


class _FeatureRefusedError(Exception):
    """One feature is wrong; caught where the register is compiled, never seen outside this module."""

    def __init__(self, feature: Feature, code: str, reason: str, remedy: str) -> None:
        super().__init__(reason)
        name = feature.properties.get("name") or feature.properties.get("zone_id") or feature.properties.get("code")
        subject = f"{feature.subject} ({name})" if name else feature.subject
        self.refusal = Refusal(subject=subject, code=code, reason=reason, remedy=remedy)


def _shape(feature: Feature) -> Polygon | MultiPolygon:
    shape = feature.shape
    if feature.fault:
        remedy = _("Write it like POLYGON((113.50 22.70, 113.51 22.70, 113.51 22.71, 113.50 22.70)).")
        raise _FeatureRefusedError(feature, "no-shape", feature.fault, remedy)
    if shape is None or shape.is_empty:
        raise _FeatureRefusedError(
            feature, "no-shape", _("it has no outline that can be read"), _("Draw its outline, closed.")
        )
    if not isinstance(shape, Polygon | MultiPolygon):
        reason = _("it is a {kind} and not a polygon").format(kind=shape.geom_type)
        raise _FeatureRefusedError(feature, "not-a-polygon", reason, _("Draw its outline as a closed polygon."))
    if not shape.is_valid:
        raise _FeatureRefusedError(feature, "invalid-shape", *_what_is_invalid(shape))
    west, south, east, north = shape.bounds
    if max(map(abs, (west, south, east, north))) < 0.01:
        reason = _("it lies at longitude 0, latitude 0, where no premises are")
        raise _FeatureRefusedError(feature, "null-island", reason, _("Give its true position."))
    return shapely.force_2d(shape)


def _what_is_invalid(shape: BaseGeometry) -> tuple[str, str]:
    """Return what is wrong with an outline, and what to do: GEOS says it as "Self-intersection[113.5 22.7]"."""
    kind, _bracket, place = shapely.is_valid_reason(shape).partition("[")
    numbers = place.rstrip("]").split()
    where = ""
    if len(numbers) == 2:
        where = _(" at {lat:.6f}, {lon:.6f}").format(lat=float(numbers[1]), lon=float(numbers[0]))
    if "hole" in kind.lower():
        reason = _("a hole of its outline lies outside it or in another hole{where}").format(where=where)
        return reason, _("Draw the hole inside the outline, or remove it.")
    if "self-intersection" in kind.lower():
        reason = _("its outline crosses or touches itself{where}").format(where=where)
    else:
        reason = _("its outline is invalid{where}: {fault}").format(where=where, fault=kind)
    return reason, _("Redraw the outline there, or let “register mend --crossings” do it where it can.")


def _sigma(feature: Feature) -> float:
    text = feature.properties.get("boundary_sigma_m", "")
    try:
        sigma = float(text) if text else DEFAULT_BOUNDARY_SIGMA_M
    except ValueError:
        sigma = math.nan
    if not (math.isfinite(sigma) and sigma >= 0):
        reason = _("boundary_sigma_m is {text} and not a number of metres").format(text=text)
        raise _FeatureRefusedError(feature, "bad-sigma", reason, _("Give one sigma of the outline in metres."))
    return sigma


def _instant(feature: Feature, key: str) -> datetime | None:
    text = feature.properties.get(key)
    try:
        return None if text is None else from_iso(text)
    except ValueError as error:
        reason = _("{key} is {text}, which is no time with an offset").format(key=key, text=text)
        remedy = _("Write it like 2026-01-31T00:00:00+08:00.")
        raise _FeatureRefusedError(feature, "bad-time", reason, remedy) from error


def _version(shape: BaseGeometry, sigma_m: float, *words: str) -> str:
    """Return the digest of a register entry; the same for the same ring wherever its first vertex is."""
    outline = shapely.to_wkb(shapely.normalize(shape), byte_order=1)
    digest = hashlib.sha256(outline + f"|{sigma_m!r}".encode())
    for word in words:
        digest.update(f"|{len(word)}:{word}".encode())
    return digest.hexdigest()


def _site(feature: Feature, known: Mapping[str, Site]) -> Site:
    properties = feature.properties
    code, name = properties.get("code", ""), properties.get("name", "")
    if not code:
        remedy = _("Give its 18-character unified social credit code.")
        raise _FeatureRefusedError(feature, "no-code", _("it has no code"), remedy)
    fault = fault_in_code(code)
    if fault is not None:
        reason = _("its code {code} {fault}").format(code=code, fault=fault)
        remedy = _("Copy the code from the business licence.")
        if "e+" in code:
            remedy = _("A spreadsheet took the code for a number; make its column text and enter the code again.")
        raise _FeatureRefusedError(feature, "bad-code", reason, remedy)
    if not name:
        raise _FeatureRefusedError(feature, "no-name", _("it has no name"), _("Give the enterprise's name."))
    if code in known:
        reason = _("the code {code} occurs twice, first as {name}").format(code=code, name=known[code].name)
        raise _FeatureRefusedError(feature, "duplicate-code", reason, _("Keep one entry for each enterprise."))
    shape, sigma = _shape(feature), _sigma(feature)
    skipped = _SITE_FIELDS | _ZONE_ONLY_FIELDS
    attributes = {key: value for key, value in sorted(properties.items()) if key not in skipped}
    words = (code, name, *(f"{key}={value}" for key, value in attributes.items()))
    return Site(
        code=code,
        name=name,
        shape=shape,
        boundary_sigma_m=sigma,
        version=_version(shape, sigma, *words),
        attributes=MappingProxyType(attributes),
    )


def _zone(feature: Feature, sites: Mapping[str, Site], known: Mapping[str, Zone]) -> Zone:
    properties = feature.properties
    zone_id, kind = properties.get("zone_id", ""), properties["zone_type"]
    kind = ZONE_NAMES.get(kind, kind)
    if not zone_id:
        raise _FeatureRefusedError(feature, "no-zone-id", _("it has no zone_id"), _("Give the zone an id of its own."))
    if zone_id in known:
        reason = _("the zone id {zone_id} occurs twice").format(zone_id=zone_id)
        raise _FeatureRefusedError(feature, "duplicate-zone", reason, _("Give the zone an id of its own."))
    if kind not in set(ZoneType):
        reason = _("its zone_type {kind} is not known").format(kind=kind)
        remedy = _("Use one of: {kinds}.").format(kinds=", ".join(ZoneType))
        raise _FeatureRefusedError(feature, "bad-zone-type", reason, remedy)
    site_code = properties.get("site_code") or None
    if site_code is not None and site_code not in sites:
        reason = _("its site {code} is not in the register, or was refused").format(code=site_code)
        remedy = _("Correct site_code, or the site's own entry.")
        raise _FeatureRefusedError(feature, "unknown-site", reason, remedy)
    shape, sigma = _shape(feature), _sigma(feature)
    name = properties.get("name") or zone_id
    valid_from, valid_to = _instant(feature, "valid_from"), _instant(feature, "valid_to")
    bounds = (iso_utc(bound) if bound else "" for bound in (valid_from, valid_to))  # the instant, however it is spelt
    words = (zone_id, kind, name, site_code or "", *bounds)
    return Zone(
        zone_id=zone_id,
        zone_type=ZoneType(kind),
        name=name,
        shape=shape,
        site_code=site_code,
        boundary_sigma_m=sigma,
        version=_version(shape, sigma, *words),
        valid_from=valid_from,
        valid_to=valid_to,
    )
