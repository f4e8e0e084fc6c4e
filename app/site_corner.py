"""A site's corner as a known point: the vertex of the register that a pointed pixel must mean, or a refusal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import shapely

from core.points import GeoPoint, LocalPlane, to_enu
from core.refusal import Refusal
from core.text import _
from geofence.calibrating.self_calibration import KnownPoint, View
from geofence.locating.ground import Ground
from geofence.locating.locate_point import LocatedPoint, locate_point
from geofence.site import Site

CORNER_SIGMA_M: Final = 0.5  # how well a fence's corner is drawn in a register
_CLEARER: Final = 2.0  # the next corner must lie this many times farther away


def corner_at(
    view: View, u_px: float, v_px: float, *, sites: Sequence[Site], ground: Ground, name: str
) -> KnownPoint | Refusal:
    """Return the corner of a site that a pixel shows.

    The pixel is located as the photo's telemetry has it; the nearest vertex within twice its CE90 is meant, provided
    that the next one is clearly farther.

    Args:
        view: The photo's view.
        u_px: Column of the corner.
        v_px: Its row.
        sites: The sites.
        ground: The ground.
        name: The photo's name, for refusals.

    Returns:
        The known point; or the refusal of locating, or "no-corner", or "which-corner".
    """
    located = locate_point(u_px, v_px, name=name, pose=view.pose, camera=view.camera, ground=ground)
    if not isinstance(located, LocatedPoint):
        return located
    vertices = np.unique(np.concatenate([shapely.get_coordinates(site.shape) for site in sites]), axis=0)
    plane = LocalPlane(origin=located.point)
    away = np.hypot(*to_enu(plane, vertices)[:, :2].T)
    order = np.argsort(away)
    nearest = float(away[order[0]])
    if nearest > 2 * located.ce90_m:
        return Refusal(
            subject=name,
            code="no-corner",
            reason=_("no site has a corner near there; the nearest is {far:.0f} m off, CE90 is {ce:.0f} m").format(
                far=nearest, ce=located.ce90_m
            ),
            remedy=_("Point at a corner that the register holds."),
        )
    if len(order) > 1 and away[order[1]] < _CLEARER * max(nearest, CORNER_SIGMA_M):
        return Refusal(
            subject=name,
            code="which-corner",
            reason=_("two corners lie {one:.1f} m and {two:.1f} m from there").format(one=nearest, two=away[order[1]]),
            remedy=_("Point at a corner that stands alone, or give it as a known point."),
        )
    lon, lat = vertices[order[0]]
    return KnownPoint(
        frame_id=view.frame_id,
        u_px=u_px,
        v_px=v_px,
        point=GeoPoint(lon_deg=float(lon), lat_deg=float(lat)),
        sigma_m=CORNER_SIGMA_M,
    )
