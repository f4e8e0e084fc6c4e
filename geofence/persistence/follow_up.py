"""Where the next patrol must look to see whether hazards were put right, and the patrol that looks there."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import shapely
from shapely import Polygon

from core.clock import in_utc
from core.points import GeoPoint, LocalPlane, from_plane, to_plane
from core.text import _
from flight.patrol import KeyArea, Patrol, Pattern
from geofence.persistence.standing import Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class Revisit:
    """Ground to look at again.

    Attributes:
        area: What the next patrol must cover, WGS-84 degrees.
        point: Its middle, for a patrol of single points.
        standing_ids: The hazards there.
        priority: 1 is flown first.
        due: The earliest deadline there, or None.
        radius_m: How far the area reaches from its middle, metres.
        height_agl_m: From how high at most it must be looked at, metres; None where that does not matter.
    """

    area: Polygon
    point: GeoPoint
    standing_ids: tuple[str, ...]
    priority: int
    due: datetime | None
    radius_m: float
    height_agl_m: float | None = None


def follow_up(
    standings: Iterable[Standing],
    *,
    now: datetime,
    heights_m: Mapping[str, float] | None = None,
    margin_m: float = 15.0,
    soon: timedelta = timedelta(days=2),
) -> tuple[Revisit, ...]:
    """Return where the next patrol must look to see whether hazards were put right, first priority first.

    Each hazard asks for a circle of three sigmas and a margin; circles that meet become one area, so that neighbours
    are looked at in one pass. Priority is 1 where a deadline has passed or a severity is 4, 2 where a deadline is near,
    otherwise 3. What is gone asks for nothing.

    Args:
        standings: The hazards to check; hand in those that were confirmed.
        now: The present instant, aware.
        heights_m: From how high at most a hazard must be looked at, by its standing id, where that matters: a site
            that is undecided is decided only from lower down.
        margin_m: Ground around a hazard that a picture of before and after should show, metres.
        soon: How near a deadline must be to count.

    Raises:
        ValueError: The margin is not positive, or ``now`` is naive.
    """
    if not margin_m > 0:
        raise ValueError("the margin is positive")
    instant = in_utc(now)
    open_ones = [standing for standing in standings if standing.is_there]
    circles = [_circle(standing, margin_m) for standing in open_ones]
    merged = [part for part in shapely.get_parts(shapely.union_all(circles)) if isinstance(part, Polygon)]
    revisits = []
    for area in merged:
        here = [one for one, circle in zip(open_ones, circles, strict=True) if area.intersects(circle.centroid)]
        dues = [one.deadline for one in here if one.deadline is not None]
        due = min(dues, default=None)
        urgent = any(one.severity >= 4 for one in here) or (due is not None and due <= instant)
        near = due is not None and due - instant <= soon
        middle = area.centroid
        revisits.append(
            Revisit(
                area=area,
                point=GeoPoint(lon_deg=middle.x, lat_deg=middle.y),
                standing_ids=tuple(sorted(one.standing_id for one in here)),
                priority=1 if urgent else 2 if near else 3,
                due=due,
                radius_m=_reach_m(area),
                height_agl_m=min(
                    (heights_m[one.standing_id] for one in here if heights_m and one.standing_id in heights_m),
                    default=None,
                ),
            )
        )
    return tuple(sorted(revisits, key=lambda revisit: (revisit.priority, revisit.standing_ids)))


def _circle(standing: Standing, margin_m: float) -> Polygon:
    sigma = math.sqrt(float(np.linalg.eigvalsh(standing.covariance.matrix())[-1]))
    plane = LocalPlane(origin=standing.point)
    circle = shapely.Point(0, 0).buffer(3 * sigma + margin_m, quad_segs=8)
    placed: Polygon = shapely.transform(circle, lambda metres: from_plane(plane, metres))
    return placed


def _reach_m(area: Polygon) -> float:
    middle = area.centroid
    plane = LocalPlane(origin=GeoPoint(lon_deg=middle.x, lat_deg=middle.y))
    return float(np.linalg.norm(to_plane(plane, shapely.get_coordinates(area)), axis=1).max())


_MOST_NAMES: Final = 4
_ASIDE: Final = 0.2
"""How far from straight above the two looks of a point are, as a share of what a photograph holds."""
_ORBIT_PITCH_DEG: Final = 65.0
"""An orbit this steep shows a yard from all sides and still its ground."""


def plan_revisit(
    revisits: Sequence[Revisit], before: Patrol, *, name: str, called: Mapping[str, str] | None = None
) -> Patrol:
    """Return the patrol that looks again: aircraft, limits and no-fly zones as before, areas those to revisit.

    The approval is not taken over: it was given for another flight. Height, overlap and speed are those of the earlier
    area flown lowest, so that pictures of before and after show a thing equally large. What is urgent is orbited, so
    that it is seen from all sides; other ground that one photograph holds is looked at from straight above; what is
    larger is surveyed.

    Args:
        revisits: From :func:`follow_up`, at least one.
        before: The patrol that found the hazards.
        name: The new patrol's name.
        called: What people call each hazard, by standing id, for the areas' names.

    Raises:
        ValueError: There is nothing to revisit.
    """
    if not revisits:
        raise ValueError("there is nothing to revisit")
    closest = min(before.areas, key=lambda area: area.height_agl_m)
    areas = tuple(
        replace(_key_area(revisit, closest, before), name=_area_name(number, revisit, called or {}))
        for number, revisit in enumerate(revisits, start=1)
    )
    return replace(before, name=name, areas=areas, approval=None, periods=())


def _area_name(number: int, revisit: Revisit, called: Mapping[str, str]) -> str:
    known = [called[key] for key in revisit.standing_ids if key in called]
    if not known:
        return _("{number}: revisit of {count}").format(number=number, count=len(revisit.standing_ids))
    more = "" if len(known) <= _MOST_NAMES else " …"
    return f"{number}: {', '.join(known[:_MOST_NAMES])}{more}"


def _key_area(revisit: Revisit, like: KeyArea, before: Patrol) -> KeyArea:
    camera = before.camera
    height_m = min(like.height_agl_m, revisit.height_agl_m or like.height_agl_m)
    held_m = height_m * min(camera.width_px, camera.height_px) / 2 / camera.focal_px
    plain = KeyArea(
        name="revisit",
        shape=revisit.area,
        pattern=Pattern.SURVEY,
        height_agl_m=height_m,
        front_overlap=like.front_overlap,
        side_overlap=like.side_overlap,
        gimbal_pitch_deg=-90.0,
        speed_m_s=like.speed_m_s,
        priority=revisit.priority,
        airspace=like.airspace,
    )
    spot = shapely.Point(revisit.point.lon_deg, revisit.point.lat_deg)
    aside = np.array([[-_ASIDE * held_m, 0.0], [_ASIDE * held_m, 0.0]])
    if revisit.radius_m > (1 - _ASIDE) * held_m:
        return plain
    if revisit.priority == 1:
        standoff = height_m / math.tan(math.radians(_ORBIT_PITCH_DEG))
        return replace(plain, shape=spot, pattern=Pattern.ORBIT, standoff_m=round(standoff, 1))
    # Two looks from either side: ground counts as looked at when two frames saw it.
    looks = from_plane(LocalPlane(origin=revisit.point), aside)
    return replace(plain, shape=shapely.MultiPoint(looks), pattern=Pattern.POINTS)
