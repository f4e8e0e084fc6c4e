"""Findings: the checklist of a plan, measured on the finished sorties and not on the planner's intentions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

import numpy as np
import shapely

from core.clock import BEIJING, in_utc
from core.points import LocalPlane, to_plane
from core.text import _
from flight.flight_plan import Finding, Severity, Sortie
from flight.mavlink.mission import dialect_of, mission_items
from flight.patrol import Patrol, flown_by
from flight.planning.airspace_law import checklist, takeoffs
from flight.planning.airspace_rules import AirspaceRules
from flight.planning.ground import Ground
from flight.planning.kits import kits_of
from flight.planning.patterns import AreaRuns
from flight.planning.profile import profile
from flight.planning.routing import Points, length_m
from flight.planning.run import Run
from flight.planning.sorties import SortieBuilder
from flight.planning.terrain import Terrain, over_ground_m

FULLY_SEEN: Final = 0.995
_RESOLUTION_M: Final = 0.02  # missions hold positions to 1e-7 degrees, about a centimetre each way
_HARDLY: Final = 0.1  # an area of which less is seen has not been patrolled
_ROUNDING: Final = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A finished plan, to be measured.

    Attributes:
        patrol: What was asked.
        ground: Its shapes in the plane.
        sorties: What was planned.
        shares: What each area gave, by name.
        strays_m: How far heights above ground stray below and above what was asked.
        left: Runs that no battery is left for.
        terrain: The ground, or None when it counts as level with home.
    """

    patrol: Patrol
    ground: Ground
    sorties: tuple[Sortie, ...]
    shares: dict[str, AreaRuns]
    strays_m: tuple[float, float]
    left: tuple[Run, ...] = ()
    terrain: Terrain | None = None


def engineering_findings(measured: Measured, at: datetime | None = None) -> list[Finding]:
    """Return the engineering checklist of a plan flown at ``at`` (None: some time), in a fixed order."""
    patrol, sorties = measured.patrol, measured.sorties
    paths = [path_of(measured.ground.plane, sortie) for sortie in sorties]
    lowest, highest = _true_heights(measured, paths)
    return [
        *_coverage(measured.shares),
        *_left(measured),
        _no_fly(measured, paths),
        _height_finding(highest, patrol.limits.max_height_agl_m),
        *_terrain(measured, lowest),
        _distance(patrol, paths),
        _battery(patrol, sorties),
        _way_home(measured, paths),
        _items(patrol, sorties),
        _wind(patrol),
        _temperature(patrol),
        *_windows(measured, at),
    ]


def mission_findings(measured: Measured) -> list[Finding]:
    """Return the findings that hold for any mission, made here or elsewhere: measured on its waypoints alone."""
    paths = [path_of(measured.ground.plane, sortie) for sortie in measured.sorties]
    highest = max(point.height.metres for sortie in measured.sorties for point in sortie.waypoints)
    return [
        _no_fly(measured, paths),
        _height_finding(highest, measured.patrol.limits.max_height_agl_m),
        _distance(measured.patrol, paths),
        _battery(measured.patrol, measured.sorties),
        _items(measured.patrol, measured.sorties),
        _wind(measured.patrol),
    ]


def path_of(plane: LocalPlane, sortie: Sortie) -> Points:
    """Return the (n, 2) way over ground of a sortie, plane metres."""
    return to_plane(plane, [[point.position.lon_deg, point.position.lat_deg] for point in sortie.waypoints])


def _coverage(shares: dict[str, AreaRuns]) -> list[Finding]:
    texts = {
        "m2": _("{area}: {share:.1%} of its {hectares:.2f} ha outside no-fly zones is seen"),
        "m": _("{area}: {share:.1%} of the {metres:.0f} m around it is flown"),
        "points": _("{area}: {share:.1%} of its {asked:.0f} points is looked at"),
    }
    return [
        Finding(
            code="coverage",
            severity=_coverage_severity(found.share),
            text=texts[found.unit].format(
                area=name, share=found.share, hectares=found.asked / 1e4, metres=found.asked, asked=found.asked
            ),
        )
        for name, found in shares.items()
    ]


def _coverage_severity(share: float) -> Severity:
    if share >= FULLY_SEEN:
        return Severity.PASS
    return Severity.WARN if share >= _HARDLY else Severity.FAIL


def _left(measured: Measured) -> list[Finding]:
    """Say what the crews' batteries do not suffice for, by area."""
    metres: dict[str, float] = {}
    for run in measured.left:
        metres[run.area] = metres.get(run.area, 0.0) + length_m(run.path)
    return [
        Finding(
            code="batteries",
            severity=Severity.FAIL,
            text=_("{area}: {metres:.0f} m of its lines are not flown, the crews have no battery left").format(
                area=name, metres=length
            ),
        )
        for name, length in metres.items()
    ]


def _windows(measured: Measured, at: datetime | None) -> list[Finding]:
    """Check that each area with a time window is flown inside it, sortie after sortie for each crew."""
    if at is None:
        return []
    starts = takeoffs(measured.sorties, at)
    found = []
    for area in measured.patrol.areas:
        if area.window is None:
            continue
        times = [
            starts[sortie.number] + timedelta(seconds=moment.time_s)
            for sortie in measured.sorties
            for moment in profile(sortie, measured.patrol)
            if area.name in {point.area for point in sortie.waypoints[moment.index : moment.index + 2]}
        ]
        kept = all(area.window.starts_at <= time <= area.window.ends_at for time in times)
        found.append(
            Finding(
                code="time-window",
                severity=Severity.PASS if kept else Severity.FAIL,
                text=_("{area} is flown from {first} to {last}, allowed from {start} to {end}").format(
                    area=area.name,
                    first=_beijing(min(times, default=in_utc(at))),
                    last=_beijing(max(times, default=in_utc(at))),
                    start=_beijing(area.window.starts_at),
                    end=_beijing(area.window.ends_at),
                ),
            )
        )
    return found


def _beijing(moment: datetime) -> str:
    return moment.astimezone(BEIJING).isoformat(timespec="minutes")


def _no_fly(measured: Measured, paths: Sequence[Points]) -> Finding:
    """Measure every leg against what is closed at the heights of that leg."""
    inside_m = outside_m = 0.0
    nearest = math.inf
    short = False
    permitted = None if measured.ground.permitted is None else measured.ground.permitted.buffer(_RESOLUTION_M)
    closed_ground = [(closed, closed.shape.buffer(-_RESOLUTION_M)) for closed in measured.ground.closed]
    for sortie, path in zip(measured.sorties, paths, strict=True):
        heights = [waypoint.height.metres for waypoint in sortie.waypoints]
        for (a, b), low, high in zip(
            pairwise(path), map(min, pairwise(heights)), map(max, pairwise(heights)), strict=True
        ):
            leg = shapely.LineString([a, b])
            for closed, core in closed_ground:
                if not (closed.floor_m < high and low < closed.ceiling_m):
                    continue
                inside_m += leg.intersection(core).length
                distance = leg.distance(closed.shape)
                nearest = min(nearest, distance)
                short = short or distance < closed.keep_m - _RESOLUTION_M
            if permitted is not None:
                outside_m += leg.difference(permitted).length
    text = _("{inside:.0f} m of the way lie in no-fly zones and {outside:.0f} m outside the permitted airspace").format(
        inside=inside_m, outside=outside_m
    )
    if math.isfinite(nearest):
        text += _("; the nearest zone or obstacle is {nearest:.1f} m away").format(nearest=nearest)
    kept = inside_m + outside_m == 0 and not short
    return Finding(code="no-fly", severity=Severity.PASS if kept else Severity.FAIL, text=text)


def _terrain(measured: Measured, lowest_m: float) -> list[Finding]:
    if measured.patrol.terrain is None:
        return [
            Finding(
                code="terrain",
                severity=Severity.WARN,
                text=_("no terrain is given: the ground is taken as level with home"),
            )
        ]
    below, above = measured.strays_m
    tolerance, keep = measured.patrol.limits.terrain_tolerance_m, measured.patrol.limits.obstacle_distance_m
    return [
        Finding(
            code="terrain",
            severity=Severity.PASS if max(below, above) <= tolerance else Severity.WARN,
            text=_(
                "heights above ground stray {below:.1f} m below and {above:.1f} m above what is asked, between "
                "waypoints too; {tolerance:.0f} m are allowed"
            ).format(below=below, above=above, tolerance=tolerance),
        ),
        Finding(
            code="ground-clearance",
            severity=Severity.PASS if lowest_m >= keep else Severity.FAIL,
            text=_(
                "the ground comes as near as {lowest:.1f} m anywhere on the way, {keep:.0f} m are to be kept"
            ).format(lowest=lowest_m, keep=keep),
        ),
    ]


def _true_heights(measured: Measured, paths: Sequence[Points]) -> tuple[float, float]:
    """Return the lowest and highest true height between take-off and landing, metres."""
    low, high = math.inf, 0.0
    for sortie, path in zip(measured.sorties, paths, strict=True):
        heights = np.array([point.height.metres for point in sortie.waypoints])[:-1]
        if measured.terrain is None:
            lowest, highest = float(heights.min()), float(heights.max())
        else:
            lowest, highest = over_ground_m(measured.terrain, path[:-1], heights)
        low, high = min(low, lowest), max(high, highest)
    return low, high


def _height_finding(highest: float, limit: float) -> Finding:
    return Finding(
        code="height-limit",
        severity=Severity.PASS if highest <= limit else Severity.FAIL,
        text=_("the highest flight is {highest:.0f} m above ground, the limit {limit:.0f} m").format(
            highest=highest, limit=limit
        ),
    )


def _distance(patrol: Patrol, paths: Sequence[Points]) -> Finding:
    farthest = max(float(np.hypot(*(path - path[0]).T).max()) for path in paths)
    return Finding(
        code="distance-limit",
        severity=Severity.PASS if farthest <= patrol.limits.max_distance_m else Severity.FAIL,
        text=_("the farthest point is {farthest:.0f} m from take-off, the limit {limit:.0f} m").format(
            farthest=farthest, limit=patrol.limits.max_distance_m
        ),
    )


def _battery(patrol: Patrol, sorties: Sequence[Sortie]) -> Finding:
    most = max(sortie.battery_used for sortie in sorties)
    reserve = patrol.limits.battery_reserve
    return Finding(
        code="battery-reserve",
        severity=Severity.PASS if most <= 1 - reserve + 1e-9 else Severity.FAIL,
        text=_("{count} sorties; the fullest lands with {left:.0%} of its battery, {reserve:.0%} asked").format(
            count=len(sorties), left=1 - most, reserve=reserve
        ),
    )


def _way_home(measured: Measured, paths: Sequence[Points]) -> Finding:
    """Measure at every waypoint what would be left on landing if the flight were broken off there."""
    least, where = 1.0, ""
    for sortie, path in zip(measured.sorties, paths, strict=True):
        builder = SortieBuilder(flown_by(measured.patrol, sortie.crew), measured.ground, measured.terrain)
        for moment in profile(sortie, measured.patrol)[:-1]:
            point = sortie.waypoints[moment.index]
            home = builder.home_effort_from(path[moment.index], point.height.metres, path[0], point.area)
            left = moment.battery_left - home.battery
            if left < least:
                least, where = left, f"{sortie.number}.{moment.index}"
    reserve = measured.patrol.limits.battery_reserve
    return Finding(
        code="way-home",
        severity=Severity.PASS if least >= reserve - _ROUNDING else Severity.FAIL,
        text=_(
            "broken off at any waypoint it lands with {left:.1%} or more, {reserve:.0%} asked; least at {where}"
        ).format(left=least, where=where, reserve=reserve),
    )


def _items(patrol: Patrol, sorties: Sequence[Sortie]) -> Finding:
    counts = []
    for sortie in sorties:
        craft = flown_by(patrol, sortie.crew).aircraft
        items = mission_items(sortie, sortie.waypoints[0].position, dialect=dialect_of(craft.autopilot))
        counts.append((craft.max_items - len(items), len(items), craft.max_items))
    spare, most, limit = min(counts)
    return Finding(
        code="mission-items",
        severity=Severity.PASS if spare >= 0 else Severity.FAIL,
        text=_("the longest sortie is {count} mission items; the autopilot holds {limit}").format(
            count=most, limit=limit
        ),
    )


def _wind(patrol: Patrol) -> Finding:
    limit = min(kit.aircraft.max_wind_m_s for kit in kits_of(patrol))
    return Finding(
        code="wind-limit",
        severity=Severity.PASS if patrol.wind.speed_m_s <= limit else Severity.FAIL,
        text=_("planned with {wind:.1f} m/s of wind; the aircraft flies up to {limit:.1f} m/s").format(
            wind=patrol.wind.speed_m_s, limit=limit
        ),
    )


def _temperature(patrol: Patrol) -> Finding:
    crafts = [kit.aircraft for kit in kits_of(patrol)]
    low, high = max(one.min_temperature_c for one in crafts), min(one.max_temperature_c for one in crafts)
    return Finding(
        code="temperature",
        severity=Severity.PASS if low <= patrol.temperature_c <= high else Severity.FAIL,
        text=_("planned for {temperature:.0f} °C; the aircraft flies from {low:.0f} to {high:.0f} °C").format(
            temperature=patrol.temperature_c, low=low, high=high
        ),
    )


def law_findings(
    measured: Measured, rules: AirspaceRules, at: datetime | None, now: datetime | None = None
) -> list[Finding]:
    """Return the lawful-flight checklist of every sortie, the first taking off at ``at``, as things stand ``now``."""
    starts = takeoffs(measured.sorties, at) if at is not None else {}
    return [
        finding
        for sortie in measured.sorties
        for finding in checklist(measured.patrol, sortie, rules, starts.get(sortie.number), now)
    ]
