"""Does a register of sites lie where the footage does, or shifted by a Chinese map's offset?

A site file drawn on Amap or Baidu tiles and saved as WGS-84 lies 100–700 m off, always, and every incident would be
tied to the neighbour. Its own coordinates cannot tell; the footage can: patrols fly over sites. This module counts
how many places of the footage lie on a site when the file is taken as it declares itself, and when it is taken as
GCJ-02 or BD-09. It reports and changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray

from core.points import GeoPoint, LocalPlane, to_enu
from core.text import _
from geofence.datums import Datum, from_wgs84, in_gcj_area, to_wgs84
from geofence.site import Site

LEAST_PLACES: Final = 5
_LITTLE: Final = 0.5  # suspicion begins where fewer than half of the places lie on a site as declared
_MORE: Final = 0.35  # and another datum puts at least this much more of them on one


@dataclass(frozen=True, slots=True, kw_only=True)
class DatumSuspicion:
    """Why a site file may be in another datum than it declares.

    Attributes:
        declared: As what the file was read.
        likely: What explains the footage better.
        on_site_as_declared: Share of the footage's places on a site as declared.
        on_site_as_likely: The same if the file is taken as ``likely``.
        shift_m: How far the sites would move, median, metres.
        places: How many places were looked at.
    """

    declared: Datum
    likely: Datum
    on_site_as_declared: float
    on_site_as_likely: float
    shift_m: float
    places: int

    def __str__(self) -> str:
        return _(
            "The sites are declared as {declared}, and only {before:.0%} of {places} places of the footage lie on one. "
            "Taken as {likely} they would move by {shift:.0f} m and {after:.0%} would. "
            "Find out which datum the file is in."
        ).format(
            declared=self.declared,
            likely=self.likely,
            before=self.on_site_as_declared,
            after=self.on_site_as_likely,
            places=self.places,
            shift=self.shift_m,
        )


def suspect_datum(
    sites: Sequence[Site], places: Sequence[GeoPoint], *, declared: Datum = Datum.WGS84
) -> DatumSuspicion | None:
    """Return why the sites' file may be in another datum than it declares, or None when nothing speaks for it.

    Args:
        sites: As read, that is: already turned from ``declared`` into WGS-84.
        places: Where the footage looks: fixes, or the camera's positions; at least five.
        declared: As what the file was read.

    Returns:
        None, too, outside the GCJ-02 area, where there is no such offset.
    """
    if not sites or len(places) < LEAST_PLACES:
        return None
    points = np.array([[place.lon_deg, place.lat_deg] for place in places])
    if not in_gcj_area(points).all():
        return None
    plane = LocalPlane(origin=places[0])
    on_ground = to_enu(plane, points)[:, :2]
    from_datum = {datum: _as_if(sites, declared, datum) for datum in (declared, Datum.WGS84, Datum.GCJ02, Datum.BD09)}
    shares = {datum: _share(shapes, plane, on_ground) for datum, shapes in from_datum.items()}
    likely = max(shares, key=lambda datum: (shares[datum], datum is declared))
    if shares[declared] >= _LITTLE or shares[likely] < shares[declared] + _MORE:
        return None
    moved = [
        np.hypot(*(to_enu(plane, _middle(there))[:2] - to_enu(plane, _middle(here))[:2]))
        for here, there in zip(from_datum[declared], from_datum[likely], strict=True)
    ]
    return DatumSuspicion(
        declared=declared,
        likely=likely,
        on_site_as_declared=shares[declared],
        on_site_as_likely=shares[likely],
        shift_m=float(np.median(moved)),
        places=len(places),
    )


def _as_if(sites: Sequence[Site], declared: Datum, datum: Datum) -> list[shapely.Geometry]:
    """Return the sites' shapes had the file been read as ``datum`` instead of as ``declared``."""
    if datum is declared:
        return [site.shape for site in sites]
    return [
        shapely.transform(site.shape, lambda lonlat: to_wgs84(from_wgs84(lonlat, declared), datum)) for site in sites
    ]


def _share(shapes: list[shapely.Geometry], plane: LocalPlane, on_ground: NDArray[np.float64]) -> float:
    """Return the share of places (east, north in the plane) that lie on one of the shapes."""
    flat = [shapely.transform(shape, lambda lonlat: to_enu(plane, lonlat)[:, :2]) for shape in shapes]
    tree = shapely.STRtree(flat)
    hit, _shape = tree.query(shapely.points(on_ground), predicate="intersects")
    return len(np.unique(hit)) / len(on_ground)


def _middle(shape: shapely.Geometry) -> NDArray[np.float64]:
    """Return (2,) longitude and latitude of a shape's centroid."""
    centroid = shapely.centroid(shape)
    return np.array([centroid.x, centroid.y])
