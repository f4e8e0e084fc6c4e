"""Survey: an area photographed whole, in parallel lines, once or (crosshatch) twice."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from shapely.geometry.base import BaseGeometry

from core.errors import PlanRefused
from core.text import _
from flight.camera import Camera, Orientation
from flight.patrol import KeyArea, Wind
from flight.planning.coverage import TURN_M, CoverageOrder, best_angles, cover
from flight.planning.coverage_order import ordered
from flight.planning.endurance import airspeed_m_s, power_share
from flight.planning.footprint import footprint, ground_extent_m
from flight.planning.routing import Points, Router, length_m
from flight.planning.run import Run

TRIGGER_STEP_S: Final = 0.02  # ArduCopter looks fifty times a second whether the next photograph is due
SHORT_OF_END_M: Final = 2.0  # ArduCopter's WPNAV_RADIUS: a waypoint this near counts as reached
_ANGLES_TRIED: Final = 3
_MOST_LINES: Final = 4_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Spacing:
    """What camera, height and overlap ask of an area.

    Attributes:
        line_m: Between lines.
        photo_m: Between photographs along a line.
        reach_m: How far what is seen reaches beyond the end of a line; negative when the camera looks ahead so far
            that the ground under the line's beginning is not seen.
        speed_m_s: Ground speed, lowered where the camera could not keep up.
        interval_s: Shortest time between two photographs.
    """

    line_m: float
    photo_m: float
    reach_m: float
    speed_m_s: float
    interval_s: float


def spacing_of(area: KeyArea, camera: Camera, photo_interval_s: float) -> Spacing:
    """Return the spacings that keep the area's overlaps from its height.

    Raises:
        PlanRefused: The camera sees the horizon at that pitch, so its footprint has no end.
    """
    extent = ground_extent_m(camera, area.gimbal_pitch_deg, area.height_agl_m)
    outline = footprint(
        camera, Orientation(yaw_deg=0.0, pitch_deg=area.gimbal_pitch_deg, roll_deg=0.0), area.height_agl_m
    )
    if extent is None or outline is None:
        raise PlanRefused(
            _("{area}: at a gimbal pitch of {pitch:g}° the picture reaches the horizon; look further down").format(
                area=area.name, pitch=area.gimbal_pitch_deg
            )
        )
    across, along = extent
    line = across * (1 - area.side_overlap)
    photo = along * (1 - area.front_overlap)
    behind = -float(outline[:, 1].min())
    return Spacing(
        line_m=line,
        photo_m=photo,
        reach_m=min(line / 2, behind - SHORT_OF_END_M),
        speed_m_s=min(area.speed_m_s, photo / photo_interval_s),
        interval_s=photo_interval_s,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What a survey is planned in.

    Attributes:
        router: Knows the free ground.
        wind: Steady wind.
        start, end: Where the aircraft comes from and where it goes to afterwards, plane metres.
    """

    router: Router
    wind: Wind
    start: Points
    end: Points


def survey_runs(area: KeyArea, ground: BaseGeometry, height_m: float, spacing: Spacing, setting: Setting) -> list[Run]:
    """Return the runs that photograph ``ground`` whole, in a short order from the setting's start to its end.

    Args:
        area: The key area.
        ground: What of it is to be seen, plane metres.
        height_m: Above take-off.
        spacing: From :func:`spacing_of`.
        setting: Free ground, wind, and where the survey begins and ends.

    Raises:
        PlanRefused: The area asks for more lines than any mission holds.
    """
    lines_asked = math.sqrt(ground.area) / spacing.line_m
    if lines_asked > _MOST_LINES:
        raise PlanRefused(
            _("{area}: {lines:.0f} lines of {spacing:.2f} m would be needed; fly higher or divide the area").format(
                area=area.name, lines=lines_asked, spacing=spacing.line_m
            )
        )
    given = None if area.angle_deg is None else (90.0 - area.angle_deg) % 180.0
    order = CoverageOrder(spacing_m=spacing.line_m, reach_m=spacing.reach_m, angle_deg=given)
    passes = [_cheapest(ground, order, setting, spacing.speed_m_s)]
    if area.crosshatch and passes[0][1]:
        angle, lines = passes[0]
        across = replace(order, angle_deg=(angle + 90.0) % 180.0)
        passes.append(_cheapest(ground, across, replace(setting, start=lines[-1][-1]), spacing.speed_m_s))
    return [line_run(area, line, height_m, spacing) for _angle, lines in passes for line in lines]


def line_run(area: KeyArea, line: Points, height_m: float, spacing: Spacing) -> Run:
    """Return the run along ``line``: photographs divide it evenly, from its beginning to a little before its end.

    An autopilot counts a waypoint as reached a little before it, and a camera triggered by distance would miss a
    photograph that is due just there. It also triggers a little late each time, and measures from there: the distance
    that is asked for is shorter by that.
    """
    length = length_m(line)
    span = length - min(SHORT_OF_END_M, length / 4)
    photo = span / max(1, math.ceil(span / spacing.photo_m - 1e-9))
    late = min(spacing.speed_m_s, photo / spacing.interval_s) * TRIGGER_STEP_S
    photo = max(photo - late, 0.9 * photo)
    return Run(
        path=line,
        heights_m=np.full(len(line), height_m),
        speed_m_s=min(spacing.speed_m_s, photo / spacing.interval_s),
        gimbal_pitch_deg=area.gimbal_pitch_deg,
        photo_spacing_m=photo,
        area=area.name,
    )


def _cheapest(
    ground: BaseGeometry, order: CoverageOrder, setting: Setting, speed_m_s: float
) -> tuple[float, list[Points]]:
    """Return the direction and the ordered lines whose whole way, links included, costs least."""
    best: tuple[float, float, list[Points]] | None = None
    for angle in best_angles(ground, order, lambda a: _metre_cost(a, setting.wind, speed_m_s), _ANGLES_TRIED):
        lines = cover(ground, setting.router, order, angle)
        lines = ordered(lines, setting.router, setting.start, setting.end, thorough=False)
        cost = _way_cost(lines, setting, speed_m_s)
        if best is None or cost < best[0] - 1e-6:
            best = (cost, angle, lines)
    if best is None:
        raise ValueError("no direction was tried")
    return best[1], ordered(best[2], setting.router, setting.start, setting.end)


def _metre_cost(angle_deg: float, wind: Wind, speed_m_s: float) -> float:
    """Return the power of flying both ways along an angle (anticlockwise from east), as a share of hover."""
    course = 90.0 - angle_deg
    return 0.5 * sum(power_share(airspeed_m_s(speed_m_s, course + turn, wind)) for turn in (0.0, 180.0))


def _way_cost(lines: list[Points], setting: Setting, speed_m_s: float) -> float:
    """Return the cost of the whole way from the setting's start over the lines to its end."""
    cost, at = TURN_M * len(lines), setting.start
    for line in [*lines, setting.end[None]]:
        link = setting.router.way(at, line[0])
        for path in (link, line) if link is not None else (line,):
            for leg in np.diff(path, axis=0):
                angle = math.degrees(math.atan2(leg[1], leg[0]))
                cost += math.hypot(*leg) * power_share(airspeed_m_s(speed_m_s, 90.0 - angle, setting.wind))
        at = line[-1]
    return cost
