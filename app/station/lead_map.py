"""The small map of a lead: its position with the error ellipse, and the candidates' fences with their shares.

Plain figures for an SVG that the page's template draws. North is up, one unit of the picture is a fixed number of
metres, so that a click on it is a place.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from app.station.models import Fence
from core.points import GeoPoint, LocalPlane, from_plane, to_plane
from evidence.incident import Incident
from geofence.attribution import Share
from geofence.locating.locate_ellipse import ellipse_axes_m

SIDE: Final = 400  # units of the picture
LEAST_HALF_M: Final = 25.0
BARS_M: Final = (5, 10, 20, 50, 100, 200, 500, 1000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """A fence as it is drawn.

    Attributes:
        kind: "site" or "zone".
        key, name: Which.
        share: Probability, in [0, 1].
        path: An SVG path.
    """

    kind: str
    key: str
    name: str
    share: float
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadMap:
    """What a lead's map shows.

    Attributes:
        side: Width and height of the picture, units.
        metres_per_unit: Its scale.
        lon_deg, lat_deg: Its middle, WGS-84.
        radii: Half axes of the 90 % ellipse, units, the longer first.
        turn_deg: Turn of the longer axis from east, clockwise as SVG counts.
        outlines: The fences.
        bar_m: Length of the scale bar, metres.
    """

    side: int
    metres_per_unit: float
    lon_deg: float
    lat_deg: float
    radii: tuple[float, float]
    turn_deg: float
    outlines: tuple[Outline, ...]
    bar_m: int

    @property
    def bar(self) -> float:
        """Length of the scale bar, units."""
        return self.bar_m / self.metres_per_unit


def lead_map(incident: Incident, fences: Sequence[tuple[Fence, Share]]) -> LeadMap:
    """Return the figures of an incident's map."""
    sighting = incident.sighting
    plane = LocalPlane(origin=sighting.point)
    major_m, minor_m, bearing_deg = ellipse_axes_m(sighting.covariance, 0.90)
    half_m = max(LEAST_HALF_M, 4 * major_m)
    scale = 2 * half_m / SIDE
    return LeadMap(
        side=SIDE,
        metres_per_unit=scale,
        lon_deg=sighting.point.lon_deg,
        lat_deg=sighting.point.lat_deg,
        radii=(major_m / scale, minor_m / scale),
        turn_deg=bearing_deg - 90,
        outlines=tuple(
            Outline(
                kind=fence.kind,
                key=fence.key,
                name=fence.name,
                share=share.probability,
                path=_path(json.loads(fence.outline), plane, scale),
            )
            for fence, share in fences
        ),
        bar_m=max((bar for bar in BARS_M if bar <= half_m * 0.8), default=BARS_M[0]),
    )


def _path(geometry: dict[str, Any], plane: LocalPlane, scale: float) -> str:
    """Return a polygon or several as an SVG path about the middle of the picture, cut to what is near it."""
    import shapely

    shape = shapely.geometry.shape(geometry)

    def drawn(lonlat: Any) -> Any:  # noqa: ANN401 - shapely hands over and takes arrays
        points = to_plane(plane, lonlat)
        return np.column_stack([SIDE / 2 + points[:, 0] / scale, SIDE / 2 - points[:, 1] / scale])

    window = shapely.box(-SIDE, -SIDE, 2 * SIDE, 2 * SIDE)
    near = shapely.make_valid(shapely.transform(shape, drawn)).intersection(window)
    parts = [part for part in getattr(near, "geoms", [near]) if part.geom_type == "Polygon"]
    rings = [ring for part in parts for ring in (part.exterior, *part.interiors)]
    return " ".join("M" + "L".join(f"{x:.1f},{y:.1f}" for x, y in ring.coords) + "Z" for ring in rings)


def corrected_place(given: LeadMap, x: float, y: float) -> GeoPoint:
    """Return the place of a point of the picture; what the page sends back when somebody moved the point."""
    east, north = (x - given.side / 2) * given.metres_per_unit, (given.side / 2 - y) * given.metres_per_unit
    plane = LocalPlane(origin=GeoPoint(lon_deg=given.lon_deg, lat_deg=given.lat_deg))
    lon, lat = from_plane(plane, np.array([[east, north]]))[0]
    return GeoPoint(lon_deg=float(lon), lat_deg=float(lat))
