"""Resume: what a flight left undone becomes a mission of its own.

A planned photograph is done when one was taken near its place, at about its height; lines keep only the stretches whose
photographs are missing. So a sortie that was broken off, skipped a line, or whose camera failed for a while is
completed without flying anything twice. ArduCopter cannot take up a mission after a landing, so the rest is always a
new mission with its own take-off.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from core.errors import PlanRefused
from core.points import to_plane
from core.text import _
from flight.calendars.periods import read_calendar
from flight.flight_log import FlightLog
from flight.flight_plan import FlightPlan, Leg, Sortie
from flight.patrol import Patrol
from flight.plan import flown_sorties, open_day, read_ground_heights
from flight.planning.airspace_rules import read_airspace_rules
from flight.planning.ground import Ground
from flight.planning.plan_findings import Measured, engineering_findings, law_findings
from flight.planning.routing import Points
from flight.planning.run import Run

Taken: TypeAlias = tuple[Points, NDArray[np.float64]]

_NEAR_SPACINGS: Final = 0.6
_LEAST_NEAR_M: Final = 6.0
_HEIGHT_SHARE: Final = 0.15
_LEAST_STRETCH_M: Final = 2.0
_LOOK_M: Final = 10.0


def residual(
    patrol: Patrol, flight_plan: FlightPlan, logs: Sequence[FlightLog], *, at: datetime | None = None
) -> FlightPlan:
    """Return the plan of what ``logs`` left undone of ``flight_plan``.

    Args:
        patrol: What was asked.
        flight_plan: What was planned.
        logs: What happened; sorties without a log were not flown.
        at: When the rest is to be flown, aware, or None.

    Raises:
        PlanRefused: The logs are of another patrol, nothing is left, or the rest cannot be flown.
    """
    others = sorted({log.patrol for log in logs} - {flight_plan.patrol})
    if others:
        raise PlanRefused(
            _("the log is of the patrol {other} and the plan of {patrol}").format(
                other=others[0], patrol=flight_plan.patrol
            )
        )
    ground = Ground(patrol)
    taken = _taken(logs, ground)
    missing: list[Run] = []
    planned_m = left_m = 0.0
    for sortie in flight_plan.sorties:
        mine = [log for log in logs if log.sortie == sortie.number]
        for run in _lines(sortie, ground):
            planned_m += _weight(run)
            stretches = _undone(run, mine, taken)
            left_m += sum(_weight(stretch) for stretch in stretches)
            missing += stretches
    if not missing:
        raise PlanRefused(_("{patrol}: every planned photograph was taken").format(patrol=flight_plan.patrol))
    terrain = read_ground_heights(patrol, ground)
    rules = read_airspace_rules(patrol.jurisdiction)
    sources = (read_calendar(), rules)
    left = {run.area for run in missing}
    rest = replace(patrol, areas=tuple(area for area in patrol.areas if area.name in left))
    times = None if at is None else open_day(rest, at, sources)
    sorties, unflown = flown_sorties(rest, ground, terrain, missing, times, sources)
    measured = Measured(
        patrol=patrol,
        ground=ground,
        sorties=tuple(sorties),
        shares={},
        strays_m=(0.0, 0.0),
        left=unflown,
        terrain=terrain,
    )
    return FlightPlan(
        patrol=flight_plan.patrol,
        home=flight_plan.home,
        sorties=tuple(sorties),
        findings=(*engineering_findings(measured, at), *law_findings(measured, rules, at)),
        covered_share=min(1.0, flight_plan.covered_share * left_m / planned_m),
    )


def _lines(sortie: Sortie, ground: Ground) -> list[Run]:
    """Return the sortie's photographed legs as runs, each leg by itself, with the waypoint it leads to."""
    points = to_plane(ground.plane, [[point.position.lon_deg, point.position.lat_deg] for point in sortie.waypoints])
    found = []
    for (before, after), (a, b), index in zip(
        pairwise(sortie.waypoints), pairwise(points), range(1, len(points)), strict=True
    ):
        look = after.leg is Leg.LOOK
        if not look and (after.leg is not Leg.LINE or after.photo_spacing_m is None):
            continue
        path, heights = np.stack([a, b]), np.array([before.height.metres, after.height.metres])
        yaws = () if after.yaw_deg is None else (after.yaw_deg, after.yaw_deg)
        found.append(
            Run(
                path=path[1:] if look else path,
                heights_m=heights[1:] if look else heights,
                speed_m_s=after.speed_m_s,
                gimbal_pitch_deg=after.gimbal_pitch_deg,
                photo_spacing_m=after.photo_spacing_m or math.nan,
                area=after.area,
                yaws_deg=yaws[1:] if look else yaws,
                hover_s=after.hover_s,
                look=look,
                waypoint=index,
            )
        )
    return found


def _taken(logs: Sequence[FlightLog], ground: Ground) -> Taken | None:
    """Return where and how high photographs were taken, by whatever sortie; None when no vehicle reported any."""
    triggers = [trigger for log in logs for trigger in log.triggers]
    if not triggers:
        return None
    places = to_plane(ground.plane, [[t.position.lon_deg, t.position.lat_deg] for t in triggers])
    return places, np.array([trigger.height_takeoff_m for trigger in triggers])


def _undone(run: Run, mine: Sequence[FlightLog], taken: Taken | None) -> list[Run]:
    """Return the stretches of a leg whose photographs were not taken.

    Photographs count by where they were taken, whichever sortie took them: a plan made anew may divide its lines
    otherwise. A vehicle that reports no photographs is believed by the waypoints that it reached.
    """
    if mine and not any(log.triggers for log in mine):
        return [] if run.waypoint <= max(log.last_item for log in mine) else [run]
    if taken is None:
        return [run]
    if run.look:
        return [] if _near(run.path[0], float(run.heights_m[0]), taken, run) else [run]
    length = _length(run.path)
    count = math.floor(length / run.photo_spacing_m + 1e-6)
    shares = np.minimum(np.arange(count + 1) * run.photo_spacing_m / length, 1.0)
    places = run.path[0] + (run.path[1] - run.path[0]) * shares[:, None]
    wanted = run.heights_m[0] + (run.heights_m[1] - run.heights_m[0]) * shares
    done = np.array([_near(place, height, taken, run) for place, height in zip(places, wanted, strict=True)])
    ends = np.append(shares[:-1], 1.0)  # the last photograph is due a little before the line's end
    return [_stretch(run, shares[first], ends[last]) for first, last in _gaps(done)]


def _near(place: Points, height: float, taken: Taken, run: Run) -> bool:
    places, heights = taken
    within = _LEAST_NEAR_M if run.look else max(_LEAST_NEAR_M, _NEAR_SPACINGS * run.photo_spacing_m)
    level = np.abs(heights - height) <= max(_LEAST_NEAR_M, _HEIGHT_SHARE * height)
    return bool(np.any(level & (np.hypot(*(places - place).T) <= within)))


def _gaps(done: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return (first, last) photographs around each gap, its edges included so that the joint overlaps."""
    gaps: list[tuple[int, int]] = []
    index = 0
    while index < len(done):
        if done[index]:
            index += 1
            continue
        first = index
        while index < len(done) and not done[index]:
            index += 1
        gaps.append((max(0, first - 1), min(len(done) - 1, index)))
    return gaps


def _stretch(run: Run, first: float, last: float) -> Run:
    along = run.path[1] - run.path[0]
    rise = run.heights_m[1] - run.heights_m[0]
    path = np.stack([run.path[0] + along * first, run.path[0] + along * last])
    if math.hypot(*(path[1] - path[0])) < _LEAST_STRETCH_M:
        return run
    return Run(
        path=path,
        heights_m=np.array([run.heights_m[0] + rise * first, run.heights_m[0] + rise * last]),
        speed_m_s=run.speed_m_s,
        gimbal_pitch_deg=run.gimbal_pitch_deg,
        photo_spacing_m=run.photo_spacing_m,
        area=run.area,
        yaws_deg=run.yaws_deg,
        hover_s=run.hover_s,
    )


def _weight(run: Run) -> float:
    """Return what a run counts for in the share that is left: its length, and for a look about a photograph's step."""
    return _LOOK_M if run.look else _length(run.path)


def _length(path: Points) -> float:
    return float(np.hypot(*(path[-1] - path[0])))
