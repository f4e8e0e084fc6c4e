"""Carry standing hazards over a patrol: what it found again, what it found new, and what is gone.

A patrol's findings are matched with those already known by class and by place, the whole patrol at once, so that the
sum of squared distances in units of their common error is least. What a patrol did not find is gone only where it
looked, and looked as finely as when the thing was seen: ground that no frame covered says nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import Polygon

from core.points import GeoPoint, LocalPlane, from_plane, to_plane
from geofence.gathering.body_length import LONG
from geofence.persistence.standing import Entry, Event, Found, Look, Standing, may_be_one

GATE: Final = 13.8
"""Squared distance, in units of the common error, beyond which two are two things: 99.9 % of a chi-square law of 2."""
FARTHEST_M: Final = 25.0
"""No two findings farther apart are one thing, however unsure their positions are."""
_FAR: Final = 1e6


def carry_over(standings: Sequence[Standing], look: Look, found: Sequence[Found]) -> tuple[Standing, ...]:
    """Return standing hazards as they are after a patrol: those known, in their order, then those it opened.

    Args:
        standings: As they were before.
        look: What the patrol looked at.
        found: What it found.
    """
    matches = _match(standings, found)
    after = []
    for place, standing in enumerate(standings):
        if place in matches:
            after.append(_seen(standing, found[matches[place]], look))
        elif standing.is_there and _looked_at(standing, look):
            ended_at = max(look.ended_at, standing.entries[-1].at)
            gone = Entry(event=Event.GONE, patrol_id=look.patrol_id, at=ended_at)
            after.append(replace(standing, entries=(*standing.entries, gone)))
        else:
            after.append(standing)
    taken = set(matches.values())
    return (*after, *(_opened(one, look) for place, one in enumerate(found) if place not in taken))


def _match(standings: Sequence[Standing], found: Sequence[Found]) -> dict[int, int]:
    """Return which finding continues which standing hazard."""
    from scipy.optimize import linear_sum_assignment

    if not standings or not found:
        return {}
    costs = np.full((len(standings), len(found)), _FAR)
    tree = shapely.STRtree([shapely.Point(one.sighting.point.lon_deg, one.sighting.point.lat_deg) for one in found])
    for row, standing in enumerate(standings):
        for column in tree.query(_box(standing.point, FARTHEST_M)).tolist():
            costs[row, column] = _cost(standing, found[column])
    rows, columns = linear_sum_assignment(costs)
    return {int(row): int(column) for row, column in zip(rows, columns, strict=True) if costs[row, column] < _FAR}


def _cost(standing: Standing, one: Found) -> float:
    """Return the squared distance in units of the common error; far for two things that cannot be one."""
    if standing.code != one.hazard.code or not may_be_one(standing.label, one.sighting.label):
        return _FAR
    point = one.sighting.point
    off: NDArray[np.float64] = to_plane(LocalPlane(origin=standing.point), [[point.lon_deg, point.lat_deg]])[0]
    if float(np.hypot(*off)) > FARTHEST_M:
        return _FAR
    common = standing.covariance.matrix() + one.sighting.covariance.matrix()
    cost = float(off @ np.linalg.solve(common, off))
    # Beyond the gate all are equally impossible: a sum must not be made small by pairs that are then thrown away.
    return cost if cost <= GATE else _FAR


def _box(point: GeoPoint, reach_m: float) -> Polygon:
    corners = from_plane(LocalPlane(origin=point), [[-reach_m, -reach_m], [reach_m, reach_m]])
    return shapely.box(*corners.ravel())


def _looked_at(standing: Standing, look: Look) -> bool:
    """Return whether the two-sigma circle about a hazard lies on ground that was looked at."""
    sigma = math.sqrt(float(np.linalg.eigvalsh(standing.covariance.matrix())[-1]))
    circle = shapely.Point(0, 0).buffer(max(2 * sigma, 1.0))
    plane = LocalPlane(origin=standing.point)
    placed = shapely.transform(circle, lambda metres: from_plane(plane, metres))
    return bool(shapely.covers(look.seen_at(standing.gsd_m, standing.label), placed))


def _seen(standing: Standing, one: Found, look: Look) -> Standing:
    event = Event.SEEN_AGAIN if standing.is_there else Event.BACK
    entry = _entry(event, one, look)
    if entry.at < standing.entries[-1].at:  # two patrols flew side by side; the story goes on from where it is
        entry = replace(entry, at=standing.entries[-1].at)
    return replace(
        standing,
        label=LONG if one.sighting.label == LONG else standing.label,  # once told, a lorry stays one
        point=one.sighting.point,
        covariance=one.sighting.covariance,
        severity=one.hazard.severity,
        gsd_m=one.gsd_m or standing.gsd_m,
        site_code=one.site_code or standing.site_code,
        zone_id=one.hazard.zone_id or standing.zone_id,
        entries=(*standing.entries, entry),
    )


def _opened(one: Found, look: Look) -> Standing:
    return Standing(
        code=one.hazard.code,
        label=one.sighting.label,
        site_code=one.site_code,
        zone_id=one.hazard.zone_id,
        point=one.sighting.point,
        covariance=one.sighting.covariance,
        severity=one.hazard.severity,
        gsd_m=one.gsd_m,
        entries=(_entry(Event.OPENED, one, look),),
    )


def _entry(event: Event, one: Found, look: Look) -> Entry:
    return Entry(event=event, patrol_id=look.patrol_id, at=one.sighting.last_seen, sighting_id=one.sighting.sighting_id)
