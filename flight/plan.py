"""Plan: a patrol becomes sorties of waypoints, or a refusal that says which promise cannot be kept.

The promises: every area is seen with its overlaps; no metre is flown inside a no-fly zone or its margin, or outside the
permitted airspace, transits and turns included; every sortie comes home with its reserve. What a person has to decide
on (height above the lawful limit, ground that cannot be seen from free airspace) becomes a finding. The same patrol
gives the same plan.
"""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, TypeAlias

import shapely
from shapely.geometry.base import BaseGeometry

from core.clock import BEIJING, in_utc
from core.errors import PlanRefused
from core.text import _
from flight.calendars.periods import PeriodCalendar, active_periods, next_window, read_calendar
from flight.flight_plan import FlightPlan, Sortie
from flight.patrol import KeyArea, Patrol, Pattern
from flight.planning.airspace_rules import AirspaceRules, read_airspace_rules
from flight.planning.coverage import CoverageOrder, seen_share
from flight.planning.fleet import crew_builders, share_out
from flight.planning.fleet_routing import Builders, Shares
from flight.planning.ground import Ground
from flight.planning.kits import strictest
from flight.planning.open_times import WORKING_DAY_S, OpenTimes, next_opening, open_times
from flight.planning.patterns import AreaRuns, corridor_runs, orbit_runs, point_runs, ring_runs, tier_heights
from flight.planning.plan_findings import Measured, engineering_findings, law_findings
from flight.planning.routing import Points
from flight.planning.run import Run
from flight.planning.survey import Setting, spacing_of, survey_runs
from flight.planning.terrain import Terrain, followed, read_terrain, strays_m

_TERRAIN_ROOM_M: Final = 1_200.0

Sources: TypeAlias = tuple[PeriodCalendar, AirspaceRules]


def plan(
    patrol: Patrol, *, at: datetime | None = None, calendar: PeriodCalendar | None = None, now: datetime | None = None
) -> FlightPlan:
    """Return the sorties that fly ``patrol``, with numbered findings.

    Args:
        patrol: What is asked.
        at: When the first sortie takes off, aware; periods, windows, approval and daylight then hold, and areas that
            open later in the working day are waited for on the ground. None plans for any time.
        calendar: The key periods; the shipped ones by default.
        now: What time it is, aware, to say whether an application still comes in time; None does not judge that.

    Raises:
        PlanRefused: No flight can keep what the patrol promises; the text says which promise and why.
        InputRefused: The terrain raster or the jurisdiction's rules cannot be read.
    """
    rules = read_airspace_rules(patrol.jurisdiction)
    sources = (read_calendar() if calendar is None else calendar, rules)
    times = None if at is None else open_day(patrol, at, sources)
    ground = Ground(patrol)
    terrain = read_ground_heights(patrol, ground)
    ground.check_launch(ground.home, min(area.height_agl_m for area in patrol.areas))
    everybody = strictest(patrol)
    runs, shares = _runs(everybody, ground)
    if not runs:
        raise PlanRefused(
            _("{patrol}: no way leads to any of its areas that stays in free airspace; review the no-fly zones").format(
                patrol=patrol.name
            )
        )
    runs, strays = _over_terrain(everybody, runs, terrain)
    sorties, left = flown_sorties(patrol, ground, terrain, runs, times, sources)
    surveyed = [share for share in shares.values() if share.unit == "m2"] or list(shares.values())
    asked = math.fsum(share.asked for share in surveyed)
    covered = math.fsum(share.asked * share.share for share in surveyed) / asked if asked > 0 else 0.0
    measured = Measured(
        patrol=patrol,
        ground=ground,
        sorties=tuple(sorties),
        shares=shares,
        strays_m=strays,
        left=left,
        terrain=terrain,
    )
    return FlightPlan(
        patrol=patrol.name,
        home=patrol.home,
        sorties=tuple(sorties),
        findings=(*engineering_findings(measured, at), *law_findings(measured, rules, at, now)),
        covered_share=min(1.0, covered),
    )


def open_day(patrol: Patrol, at: datetime, sources: Sources) -> OpenTimes:
    """Return when a patrol's areas may be flown on the day that begins at ``at`` (aware).

    Raises:
        PlanRefused: It is outside the patrol's key periods, or an area is not open that day, or none at its beginning;
            the text names what opens next.
    """
    check_time(patrol, at, sources[0])
    times = open_times(patrol, at, *sources)
    _check_open(patrol, times, sources)
    return times


def flown_sorties(  # noqa: PLR0917 - what a plan and the rest of a plan have in common, in the order of the work
    patrol: Patrol,
    ground: Ground,
    terrain: Terrain | None,
    runs: list[Run],
    times: OpenTimes | None,
    sources: Sources,
) -> tuple[list[Sortie], tuple[Run, ...]]:
    """Return the sorties that fly ``runs``, and the runs for which the crews' batteries do not suffice.

    Raises:
        PlanRefused: A run is beyond what a battery reaches, or an area cannot be flown whole while it is open.
    """
    builders = crew_builders(patrol, ground, terrain)
    shared = share_out(patrol, ground, runs, builders, times)
    if shared.late and times is not None:
        raise PlanRefused(_too_late(patrol, shared, times, sources))
    return _sorties(shared, builders), shared.left


def check_time(patrol: Patrol, at: datetime, calendar: PeriodCalendar) -> None:
    """Refuse an instant outside the patrol's key periods, naming the next one.

    Raises:
        PlanRefused: It is not the time, or a period is not in the calendar.
    """
    known = {period.code for period in calendar.periods}
    unknown = [code for code in patrol.periods if code not in known]
    if unknown:
        raise PlanRefused(
            _("the calendar of {region} knows no period {codes}").format(
                region=calendar.region, codes=", ".join(unknown)
            )
        )
    if patrol.periods and not set(patrol.periods) & set(active_periods(at, calendar)):
        following = next_window(calendar, patrol.periods, at)
        when = (
            _("; the next is {name} from {start}").format(
                name=following.period.name, start=following.starts_at.astimezone(BEIJING).isoformat(timespec="minutes")
            )
            if following
            else _("; none is entered for the next two years")
        )
        raise PlanRefused(
            _("{at} lies in none of the patrol's key periods ({codes})").format(
                at=in_utc(at).astimezone(BEIJING).isoformat(timespec="minutes"), codes=", ".join(patrol.periods)
            )
            + when
        )


def _check_open(patrol: Patrol, times: OpenTimes, sources: Sources) -> None:
    """Refuse a beginning at which nothing may be flown, or a day on which an area is not open any more."""
    at = _moment(times.begins_at)
    for area in patrol.areas:
        if not times.spans[area.name]:
            only = (
                _("{area} may not be flown in the {hours:.0f} hours after {at}").format(
                    area=area.name, hours=WORKING_DAY_S / 3600, at=at
                )
                if area.window is None
                else _(
                    "{area} may be flown from {start} to {end} only, and not in the {hours:.0f} hours after {at}"
                ).format(
                    area=area.name,
                    start=_moment(area.window.starts_at),
                    end=_moment(area.window.ends_at),
                    hours=WORKING_DAY_S / 3600,
                    at=at,
                )
            )
            raise PlanRefused(f"{only}; {_following(patrol, area, times, sources)}")
    if all(spans[0][0] > 0 for spans in times.spans.values()):
        first = min(patrol.areas, key=lambda area: (times.spans[area.name][0][0], area.name))
        raise PlanRefused(
            _("no area may be flown at {at}; {following}").format(
                at=at,
                following=_following(patrol, first, times, sources),
            )
        )


def _too_late(patrol: Patrol, shared: Shares, times: OpenTimes, sources: Sources) -> str:
    """Return why areas cannot be flown whole in the time that they are open, and when they are open next."""
    names = {run.area for run in shared.left}
    area = min((one for one in patrol.areas if one.name in names), key=lambda one: (one.priority, one.name))
    spans = times.spans[area.name]
    return _(
        "{area} cannot be flown whole while it is open ({spans}): bring more crews, or begin earlier; {following}"
    ).format(
        area=area.name,
        spans=", ".join(
            " – ".join(_moment(times.begins_at + timedelta(seconds=end)) for end in span) for span in spans
        ),
        following=_following(patrol, area, times, sources, after_s=spans[-1][1]),
    )


def _following(patrol: Patrol, area: KeyArea, times: OpenTimes, sources: Sources, *, after_s: float = 0.0) -> str:
    opening = next_opening(patrol, area, times, sources, after_s)
    if opening is None:
        return _("it does not open again within two weeks")
    return _("{area} opens next from {start} to {end}").format(
        area=area.name, start=_moment(opening[0]), end=_moment(opening[1])
    )


def _moment(moment: datetime) -> str:
    return in_utc(moment).astimezone(BEIJING).isoformat(timespec="minutes")


def read_ground_heights(patrol: Patrol, ground: Ground) -> Terrain | None:
    """Return the patrol's terrain around its areas and home, or None when it names no raster."""
    if patrol.terrain is None:
        return None
    everything = shapely.union_all([*ground.areas.values(), shapely.Point(ground.home)])
    return read_terrain(patrol.terrain, ground.plane, everything.buffer(_TERRAIN_ROOM_M).bounds)


def _runs(patrol: Patrol, ground: Ground) -> tuple[list[Run], dict[str, AreaRuns]]:
    """Return all runs in order of flight (heights above ground), and what each area gave."""
    runs: list[Run] = []
    given: dict[str, AreaRuns] = {}
    at = ground.home
    order = _in_order(patrol, ground)
    for index, area in enumerate(order):
        end = _towards(ground, area, order[index + 1]) if index + 1 < len(order) else ground.home
        found = _area_runs(area, patrol, ground, (at, end))
        given[area.name] = found
        runs.extend(found.runs)
        at = runs[-1].path[-1] if runs else at
    return runs, given


def _towards(ground: Ground, area: KeyArea, following: KeyArea) -> Points:
    """Return the place of the following area that is nearest to this one: where to go on to."""
    line = shapely.shortest_line(ground.areas[area.name], ground.areas[following.name])
    nearest: Points = shapely.get_coordinates(line)[-1]
    return nearest


def _area_runs(area: KeyArea, patrol: Patrol, ground: Ground, ends: tuple[Points, Points]) -> AreaRuns:
    heights = tier_heights(area, patrol.camera)
    keep = patrol.limits.obstacle_distance_m
    if (
        area.pattern in {Pattern.FACADE, Pattern.ORBIT}
        and area.top_m > 0
        and area.standoff_m < keep
        and min(heights) < area.top_m + keep
    ):
        raise PlanRefused(
            _(
                "{area}: its standoff of {standoff:g} m is nearer than the {keep:g} m kept from obstacles; stand off "
                "farther, or lower limits: obstacle_distance_m"
            ).format(area=area.name, standoff=area.standoff_m, keep=keep)
        )
    router = ground.router(min(heights), max(heights))
    setting = Setting(router=router, wind=patrol.wind, start=ends[0], end=ends[1])
    shape, camera, interval_s = ground.areas[area.name], patrol.camera, patrol.photo_interval_s
    if area.pattern is Pattern.CORRIDOR:
        return corridor_runs(area, shape, camera, interval_s, setting)
    if area.pattern in {Pattern.PERIMETER, Pattern.FACADE}:
        return ring_runs(area, shape, camera, interval_s, setting)
    if area.pattern is Pattern.ORBIT:
        return orbit_runs(area, shape, camera, interval_s, setting)
    if area.pattern is Pattern.POINTS:
        return point_runs(area, shape, setting)
    closed = [zone.shape for zone in ground.closed_between(min(heights), max(heights))]
    return _survey(area, shape.difference(shapely.union_all(closed)) if closed else shape, patrol, setting)


def _survey(area: KeyArea, asked: BaseGeometry, patrol: Patrol, setting: Setting) -> AreaRuns:
    if asked.area <= 0:
        return AreaRuns(runs=(), asked=0.0, unit="m2", share=0.0)
    spacing = spacing_of(area, patrol.camera, patrol.photo_interval_s)
    runs = survey_runs(area, asked, area.height_agl_m, spacing, setting)
    order = CoverageOrder(spacing_m=spacing.line_m, reach_m=spacing.reach_m)
    share = seen_share(asked, [run.path for run in runs], order) if runs else 0.0
    return AreaRuns(runs=tuple(runs), asked=float(asked.area), unit="m2", share=share)


def _over_terrain(patrol: Patrol, runs: list[Run], terrain: Terrain | None) -> tuple[list[Run], tuple[float, float]]:
    """Return the runs with heights above home instead of above ground, and how far they stray below and above."""
    if terrain is None:
        return runs, (0.0, 0.0)
    low = high = 0.0
    lifted = []
    for run in runs:
        agl = float(run.heights_m[0])
        path, heights = followed(
            terrain,
            run.path,
            agl,
            steepest_climb=patrol.aircraft.climb_m_s / run.speed_m_s,
            steepest_descent=patrol.aircraft.descent_m_s / run.speed_m_s,
            tolerance_m=patrol.limits.terrain_tolerance_m,
        )
        below, above = strays_m(terrain, path, heights, agl)
        low, high = max(low, below), max(high, above)
        lifted.append(replace(run, path=path, heights_m=heights, yaws_deg=_spread_yaws(run, path)))
    return lifted, (low, high)


def _spread_yaws(run: Run, path: Points) -> tuple[float, ...]:
    """Return the headings for a path with points added between those of the run: each keeps its leg's heading."""
    if not run.yaws_deg:
        return ()
    yaws: list[float] = []
    leg = 0
    for point in path:
        yaws.append(run.yaws_deg[min(leg, len(run.yaws_deg) - 1)])
        if leg < len(run.path) and not (point - run.path[leg]).any():
            leg += 1
            yaws[-1] = run.yaws_deg[leg - 1]
    return tuple(yaws)


def _sorties(shared: Shares, builders: Builders) -> list[Sortie]:
    """Return the sorties that fly what was shared out."""
    sorties: list[Sortie] = []
    for task in shared.tasks:
        sorties += builders[task.crew].build(
            list(task.runs),
            task.launch,
            first_number=len(sorties) + 1,
            crew=task.crew,
            takeoff_s=task.takeoff_s,
        )
    return sorties


def _in_order(patrol: Patrol, ground: Ground) -> list[KeyArea]:
    """Return the areas by priority, then by when their window closes, then by nearness to the one before."""
    waiting = list(patrol.areas)
    chosen: list[KeyArea] = []
    at: BaseGeometry = shapely.Point(ground.home)
    while waiting:
        best = min(waiting, key=lambda area: _urgency(area, ground.areas[area.name].distance(at)))
        waiting.remove(best)
        chosen.append(best)
        at = ground.areas[best.name]
    return chosen


def _urgency(area: KeyArea, distance_m: float) -> tuple[int, float, float, str]:
    closes = math.inf if area.window is None else area.window.ends_at.timestamp()
    return (area.priority, closes, round(distance_m, 3), area.name)


def plan_length_m(flight_plan: FlightPlan) -> float:
    """Return the way over ground of all sorties together, metres."""
    return math.fsum(sortie.length_m for sortie in flight_plan.sorties)
