"""Registers that moved as a whole: by a Chinese map's offset, or by a little.

A file drawn on one map and traced from another moves all its fences together. Against an earlier register of the same
enterprises, or against zones that belong to the sites, the common shift shows; its amount says what it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from core.points import GeoPoint, LocalPlane, to_plane
from core.text import _
from geofence.datums import Datum, from_wgs84
from geofence.register.site_finding import Finding
from geofence.site import Register

_DATUM_FIT_M: Final = 30.0
_LEAST_SHIFT_M: Final = 0.2
_LARGEST_TINY_M: Final = 50.0
_LEAST_SITES: Final = 3
_Pair = tuple[str, BaseGeometry, BaseGeometry]
_TOGETHER_M: Final = 0.15
"""Fences moved together when half of them agree to this, metres."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """How far a register lies from an earlier one, median over the enterprises that both have.

    Attributes:
        keys: The enterprises.
        east_m, north_m: Now minus then.
        spread_m: Median distance of the single shifts from it.
        places: (n, 2) where they are now, degrees.
    """

    keys: tuple[str, ...]
    east_m: float
    north_m: float
    spread_m: float
    places: NDArray[np.float64]

    @property
    def is_tiny(self) -> bool:
        """Whether it is one small shift of the whole register."""
        size = float(np.hypot(self.east_m, self.north_m))
        together = len(self.keys) >= _LEAST_SITES and self.spread_m <= _TOGETHER_M
        return together and _LEAST_SHIFT_M <= size <= _LARGEST_TINY_M


def measure_shift(register: Register, before: Register) -> Shift | None:
    """Return how far a register lies from an earlier one, or None where they have no enterprise in common."""
    earlier = {site.code: site.shape for site in before.sites}
    pairs: list[_Pair] = [
        (site.code, site.shape, earlier[site.code]) for site in register.sites if site.code in earlier
    ]
    return _shift(pairs) if pairs else None


def find_shift(register: Register, before: Register | None) -> Iterator[Finding]:
    """Yield that a register moved as a whole.

    Args:
        register: The register.
        before: An earlier register of the same enterprises, or None.
    """
    pairs: list[_Pair] = []
    if before is not None:
        earlier = {site.code: site.shape for site in before.sites}
        pairs += [(site.code, site.shape, earlier[site.code]) for site in register.sites if site.code in earlier]
    sites = {site.code: site.shape for site in register.sites}
    # Zones of another file betray themselves against their own sites.
    owned = [zone for zone in register.zones if zone.site_code in sites]
    away = ~shapely.intersects(
        np.array([zone.shape for zone in owned], dtype=object),
        np.array([sites[zone.site_code or ""] for zone in owned], dtype=object),
    )
    pairs += [
        (zone.zone_id, zone.shape, sites[zone.site_code or ""]) for zone, lost in zip(owned, away, strict=True) if lost
    ]
    if len(pairs) < 2:
        return
    shift = _shift(pairs)
    datum = _as_datum(shift, pairs)
    if datum:
        yield _finding("datum-shift", shift, datum, _("Read the file again with its datum declared."))
    elif shift.is_tiny:
        says = _("{count} outlines lie {east:+.2f} m east and {north:+.2f} m north of where they were, all together")
        remedy = _("Find out which file is right; “register mend --undo-shift” moves them back.")
        yield _finding("tiny-shift", shift, says, remedy)


def _finding(code: str, shift: Shift, says: str, remedy: str) -> Finding:
    text = says.format(count=len(shift.keys), east=shift.east_m, north=shift.north_m)
    return Finding(code=code, keys=shift.keys, says=text, remedy=remedy, where=shapely.MultiPoint(shift.places))


def _centres(pairs: list[_Pair]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    now, then = (shapely.centroid(np.array([pair[place] for pair in pairs], dtype=object)) for place in (1, 2))
    return shapely.get_coordinates(now), shapely.get_coordinates(then)


def _shift(pairs: list[_Pair]) -> Shift:
    now, then = _centres(pairs)
    moved = _moved(now, then)
    middle = np.median(moved, axis=0)
    spread = float(np.median(np.hypot(*(moved - middle).T)))
    keys = tuple(key for key, _now, _then in pairs)
    return Shift(keys=keys, east_m=float(middle[0]), north_m=float(middle[1]), spread_m=spread, places=now)


def _moved(now: NDArray[np.float64], then: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (n, 2) metres east and north from ``then`` to ``now``; each in the plane at its own ``then``."""
    moved = [
        to_plane(LocalPlane(origin=GeoPoint(lon_deg=lon, lat_deg=lat)), here) if abs(here - (lon, lat)).max() < 0.4
        else np.full(2, np.inf)
        for here, (lon, lat) in zip(now, then.tolist(), strict=True)
    ]  # fmt: skip
    return np.array(moved)


def _as_datum(shift: Shift, pairs: list[_Pair]) -> str:
    """Return in what way a shift is that of a datum, as a sentence to fill in; empty where it is none."""
    _now, then = _centres(pairs)
    for datum in (Datum.GCJ02, Datum.BD09):
        expected = np.median(_moved(from_wgs84(then, datum), then), axis=0)
        off = [
            float(np.hypot(shift.east_m - sense * expected[0], shift.north_m - sense * expected[1]))
            for sense in (1, -1)
        ]
        if min(off) < _DATUM_FIT_M:
            says = _(
                "{count} outlines lie {east:.0f} m east and {north:.0f} m north of where they belong, as {how} does"
            )
            how = _("{datum} read as WGS-84") if off[0] < off[1] else _("WGS-84 read as {datum}")
            return says.replace("{how}", how.format(datum=datum))
    return ""
