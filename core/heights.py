"""Heights as types: four numbers that are never mixed.

An aircraft 100 m above its take-off point may be 60 m above the hill it flies over, 362 m above the geoid and 385 m
above the ellipsoid. Each of these is its own type, so that the type checker and the constructor stop a mix-up. Turning
one into another needs a geoid or a terrain model and lives in ``geofence``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum


class Geoid(StrEnum):
    """The geoid model that a mean-sea-level height refers to."""

    EGM96 = "EGM96"
    EGM2008 = "EGM2008"
    UNSTATED = "unstated"  # the maker does not say; treated as EGM96 with a metre of doubt, and reported


class HeightDatum(StrEnum):
    """What a height is measured from, by the words that options and files use."""

    TAKEOFF = "takeoff"
    GROUND = "ground"
    ELLIPSOID = "ellipsoid"
    EGM96 = "EGM96"
    EGM2008 = "EGM2008"
    UNSTATED_GEOID = "unstated"


def _check(metres: float, sigma_m: float | None) -> None:
    if isinstance(metres, bool) or not isinstance(metres, int | float):
        raise TypeError(f"a height is built from a number of metres, not from {type(metres).__name__}")
    if not math.isfinite(metres) or not -12_000 <= metres <= 60_000:
        raise ValueError(f"{metres} m is no height on Earth")
    if sigma_m is not None and not (math.isfinite(sigma_m) and sigma_m >= 0):
        raise ValueError("a height's sigma is finite and not negative")


@dataclass(frozen=True, slots=True, kw_only=True)
class HaeHeight:
    """Height above the WGS-84 ellipsoid, metres (HAE)."""

    metres: float
    sigma_m: float | None = None

    def __post_init__(self) -> None:
        _check(self.metres, self.sigma_m)


@dataclass(frozen=True, slots=True, kw_only=True)
class MslHeight:
    """Height above mean sea level, metres, on a named geoid model."""

    metres: float
    geoid: Geoid
    sigma_m: float | None = None

    def __post_init__(self) -> None:
        _check(self.metres, self.sigma_m)


@dataclass(frozen=True, slots=True, kw_only=True)
class AglHeight:
    """Height above the ground directly below, metres (AGL)."""

    metres: float
    sigma_m: float | None = None

    def __post_init__(self) -> None:
        _check(self.metres, self.sigma_m)


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeoffHeight:
    """Height above the take-off point, metres (DJI's RelativeAltitude, MAVLink's relative_alt)."""

    metres: float
    sigma_m: float | None = None

    def __post_init__(self) -> None:
        _check(self.metres, self.sigma_m)
