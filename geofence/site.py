"""Site and Zone: an enterprise's premises, and typed parts of ground.

Shapes are Shapely geometries in WGS-84 longitude and latitude, valid and not empty. Reading files, converting datums
and mending shapes is ``geofence.register.site_files``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from shapely import MultiPolygon, Polygon

from core.clock import in_utc


class ZoneType(StrEnum):
    """What a zone is for; the rules speak of these."""

    TANK_FARM = "tank_farm"
    DIKE = "dike"
    FIRE_LANE = "fire_lane"
    LOADING = "loading"
    STORAGE = "storage"
    DORMITORY = "dormitory"
    EXCLUSION = "exclusion"
    FIRE_SEPARATION = "fire_separation"
    PARKING = "parking"
    PIPELINE_BUFFER = "pipeline_buffer"
    HYDRANT = "hydrant"
    EXIT = "exit"
    EXCAVATION = "excavation"
    FORECOURT = "forecourt"
    FIREWORKS_DEPOT = "fireworks_depot"
    CONTAINER_YARD = "container_yard"
    DAM_SLOPE = "dam_slope"
    ROOF = "roof"
    PUBLIC_ROAD = "public_road"
    NO_BURN_FOREST = "no_burn_forest"
    FIREWORKS_BAN = "fireworks_ban"


def _check_shape(name: str, shape: Polygon | MultiPolygon, boundary_sigma_m: float) -> None:
    if shape.is_empty or not shape.is_valid:
        raise ValueError(f"{name}: the shape is empty or invalid")
    if not (math.isfinite(boundary_sigma_m) and boundary_sigma_m >= 0):
        raise ValueError(f"{name}: the boundary's sigma is not negative")


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """An enterprise's premises.

    Attributes:
        code: 统一社会信用代码, 18 characters; its check character is verified where the register is read.
        name: The enterprise's name.
        shape: Its fence.
        boundary_sigma_m: How well the fence is known, one sigma, metres.
        version: Digest of the register entry, so that an incident refers to the fence as it was.
        attributes: Whatever else the register says (licence types, hazard grade, credit grade, contact).
    """

    code: str
    name: str
    shape: Polygon | MultiPolygon
    boundary_sigma_m: float = 1.0
    version: str
    attributes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        if not self.code or not self.name:
            raise ValueError("a site has a code and a name")
        _check_shape(self.name, self.shape, self.boundary_sigma_m)


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """A typed part of a site, or of the ground outside.

    Attributes:
        zone_id: Its id in the register.
        zone_type: What it is for.
        name: For people.
        shape: Its outline.
        site_code: The site it belongs to, or None outside.
        boundary_sigma_m: How well the outline is known, one sigma, metres.
        version: Digest of the register entry.
        valid_from, valid_to: When it holds, aware UTC; None for no bound.
    """

    zone_id: str
    zone_type: ZoneType
    name: str
    shape: Polygon | MultiPolygon
    site_code: str | None = None
    boundary_sigma_m: float = 1.0
    version: str
    valid_from: datetime | None = None
    valid_to: datetime | None = None

    def __post_init__(self) -> None:
        if not self.zone_id:
            raise ValueError("a zone has an id")
        _check_shape(self.zone_id, self.shape, self.boundary_sigma_m)
        for name in ("valid_from", "valid_to"):
            instant = getattr(self, name)
            if instant is not None:
                object.__setattr__(self, name, in_utc(instant))


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """The sites and zones that one run works with.

    Attributes:
        sites: In the file's order; codes are unique.
        zones: In the file's order; ids are unique.
        sha256: Digest of the files they were read from, hex.
    """

    sites: tuple[Site, ...]
    zones: tuple[Zone, ...]
    sha256: str

    def __post_init__(self) -> None:
        codes = [site.code for site in self.sites]
        zone_ids = [zone.zone_id for zone in self.zones]
        if len(set(codes)) != len(codes) or len(set(zone_ids)) != len(zone_ids):
            raise ValueError("two sites have one code, or two zones one id")
