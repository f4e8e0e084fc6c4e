"""Plan: a patrol becomes sorties of waypoints, or a refusal that says which promise cannot be kept.

The promises: every area is seen with its overlaps; no metre is flown inside a no-fly zone or its margin, or outside the
permitted airspace, transits and turns included; every sortie comes home with its reserve. What a person has to decide
on (height above the lawful limit, ground that cannot be seen from free airspace) becomes a finding. The same patrol
gives the same plan.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from core.errors import PlanRefused
from core.points import LocalPlane, to_plane
from core.text import _
from flight.coverage import CoverageOrder, seen_share
from flight.flight_plan import Finding, FlightPlan, Sortie
from flight.patrol import KeyArea, NoFlyZone, Patrol, Pattern
from flight.plan_findings import engineering_findings
from flight.routing import Points, Router, free_space, inside
from flight.sorties import Run, SortieBuilder
from flight.survey import Setting, Spacing, spacing_of, survey_runs

_ROOM_M: Final = 1_000.0  # free ground drawn around everything when the patrol names no permitted airspace
_BAND_M: Final = 5.0  # height error allowed for when asking whether a no-fly zone's band is entered


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """The patrol's shapes in the local plane, metres.

    Attributes:
        plane: The plane, its origin at home.
        home: Home in it.
        areas: Each key area's shape, by name.
        closed: Shapes of the no-fly zones and obstacles that matter at the heights flown.
        router: Ways over free ground.
    """

    plane: LocalPlane
    home: Points
    areas: dict[str, BaseGeometry]
    closed: tuple[BaseGeometry, ...]
    router: Router


def plan(patrol: Patrol, *, at: datetime | None = None) -> FlightPlan:
    """Return the sorties that fly ``patrol``, with numbered findings.

    Args:
        patrol: What is asked.
        at: When it is to be flown, aware; the approval's window is then checked. None checks everything else.

    Raises:
        PlanRefused: No flight can keep what the patrol promises; the text says which promise and why.
    """
    ground = ground_of(patrol)
    runs, seen = _runs(patrol, ground)
    if not runs:
        raise PlanRefused(
            _("{patrol}: nothing of its areas can be seen from free airspace; review the no-fly zones").format(
                patrol=patrol.name
            )
        )
    sorties = SortieBuilder(patrol, ground.plane, ground.router).build(runs, ground.home)
    asked = sum(area for area, _share in seen.values())
    covered = sum(area * share for area, share in seen.values()) / asked if asked > 0 else 1.0
    return FlightPlan(
        patrol=patrol.name,
        home=patrol.home,
        sorties=tuple(sorties),
        findings=_findings(patrol, ground, sorties, seen, at),
        covered_share=min(1.0, covered),
    )


def _findings(
    patrol: Patrol, ground: Ground, sorties: list[Sortie], seen: dict[str, tuple[float, float]], at: datetime | None
) -> tuple[Finding, ...]:
    return tuple(engineering_findings(patrol, ground.plane, ground.closed, sorties, seen=seen, at=at))


def ground_of(patrol: Patrol) -> Ground:
    """Return the patrol's shapes in the local plane at home, and the free ground between them.

    Raises:
        PlanRefused: A shape is unusable there, or home itself is not over free ground.
    """
    plane = LocalPlane(origin=patrol.home)
    home = np.zeros(2)
    areas = {area.name: _in_plane(plane, area.name, area.shape) for area in patrol.areas}
    heights = [area.height_agl_m for area in patrol.areas]
    closed = tuple(
        [
            _in_plane(plane, zone.name, zone.shape)
            for zone in patrol.no_fly_zones
            if _matters(zone, min(heights), max(heights))
        ]
        + _obstacles(patrol, plane, min(heights))
    )
    permitted = (
        _in_plane(plane, _("permitted"), patrol.permitted)
        if patrol.permitted is not None
        else shapely.box(*shapely.union_all([*areas.values(), *closed, shapely.Point(home)]).buffer(_ROOM_M).bounds)
    )
    margin = patrol.limits.no_fly_margin_m
    space = (
        free_space(permitted, closed, margin)
        if patrol.permitted is not None
        else free_space(permitted.buffer(margin), closed, margin)
    )
    if not inside(space, home[None])[0] or any(
        zone.floor_m < max(heights) and _in_plane(plane, zone.name, zone.shape).distance(shapely.Point(home)) < margin
        for zone in patrol.no_fly_zones
    ):
        raise PlanRefused(
            _(
                "home lies in a no-fly zone, outside the permitted airspace, or within {margin:g} m of its edge; "
                "launch from elsewhere"
            ).format(margin=margin)
        )
    return Ground(plane=plane, home=home, areas=areas, closed=closed, router=Router(space))


def _matters(zone: NoFlyZone, lowest_m: float, highest_m: float) -> bool:
    return zone.floor_m < highest_m + _BAND_M and zone.ceiling_m > lowest_m - _BAND_M


def _obstacles(patrol: Patrol, plane: LocalPlane, lowest_m: float) -> list[BaseGeometry]:
    """Return the ground around obstacles that reach up to the heights flown, with the distance to keep."""
    extra = max(patrol.limits.obstacle_distance_m - patrol.limits.no_fly_margin_m, 0.1)
    return [
        _in_plane(plane, obstacle.name, obstacle.shape).buffer(extra, quad_segs=4)
        for obstacle in patrol.obstacles
        if obstacle.top_m + patrol.limits.obstacle_distance_m > lowest_m
    ]


def _in_plane(plane: LocalPlane, name: str, shape: BaseGeometry) -> BaseGeometry:
    if shape.is_empty:
        raise PlanRefused(_("{name}: the shape is empty").format(name=name))
    coordinates = shapely.get_coordinates(shape)
    if not np.all(np.isfinite(coordinates)):
        raise PlanRefused(_("{name}: a position of the shape is not a number").format(name=name))
    try:
        local = shapely.transform(shape, lambda lonlat: to_plane(plane, lonlat))
    except ValueError as error:
        raise PlanRefused(
            _("{name}: the shape reaches more than 50 km from home; launch nearer").format(name=name)
        ) from error
    if not local.is_valid:
        raise PlanRefused(
            _("{name}: the outline is not valid ({why})").format(name=name, why=shapely.is_valid_reason(local))
        )
    if shape.geom_type in {"Polygon", "MultiPolygon"} and local.area < 1e-6:
        raise PlanRefused(_("{name}: the outline encloses no ground").format(name=name))
    return local


def _runs(patrol: Patrol, ground: Ground) -> tuple[list[Run], dict[str, tuple[float, float]]]:
    """Return all runs in order of flight, and for each survey its ground (m²) with the share seen."""
    runs: list[Run] = []
    seen: dict[str, tuple[float, float]] = {}
    at = ground.home
    for area in _in_order(patrol, ground):
        if area.pattern is not Pattern.SURVEY:
            raise PlanRefused(
                _("{area}: the pattern {pattern} cannot be planned").format(area=area.name, pattern=area.pattern.value)
            )
        spacing = spacing_of(area, patrol.camera, patrol.photo_interval_s)
        asked = ground.areas[area.name]
        if ground.closed:
            asked = asked.difference(shapely.union_all(ground.closed))
        fresh = _survey(area, asked, spacing, patrol=patrol, ground=ground, at=at) if asked.area > 0 else []
        order = CoverageOrder(spacing_m=spacing.line_m, reach_m=spacing.reach_m)
        share = seen_share(asked, [run.path for run in fresh], order) if fresh else 0.0
        seen[area.name] = (float(asked.area), share)
        runs.extend(fresh)
        at = fresh[-1].path[-1] if fresh else at
    return runs, seen


def _survey(
    area: KeyArea, asked: BaseGeometry, spacing: Spacing, *, patrol: Patrol, ground: Ground, at: Points
) -> list[Run]:
    setting = Setting(router=ground.router, wind=patrol.wind, start=at, end=ground.home)
    return survey_runs(area, asked, area.height_agl_m, spacing, setting)


def _in_order(patrol: Patrol, ground: Ground) -> list[KeyArea]:
    """Return the areas by priority, and within one priority by nearness to the one before."""
    waiting = list(patrol.areas)
    chosen: list[KeyArea] = []
    at: BaseGeometry = shapely.Point(ground.home)
    while waiting:
        best = min(waiting, key=lambda area: (area.priority, round(ground.areas[area.name].distance(at), 3), area.name))
        waiting.remove(best)
        chosen.append(best)
        at = ground.areas[best.name]
    return chosen


def plan_length_m(flight_plan: FlightPlan) -> float:
    """Return the way over ground of all sorties together, metres."""
    return math.fsum(sortie.length_m for sortie in flight_plan.sorties)
