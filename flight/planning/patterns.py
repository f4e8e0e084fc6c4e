"""Patterns besides the survey: corridor, perimeter, orbit, facade and points.

Each gives runs over free ground and says how much of what was asked they cover; what lies over closed ground is left
out, never flown. Oblique looks turn the aircraft towards the thing: each leg holds the heading from its middle.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from core.errors import PlanRefused
from core.text import _
from flight.camera import Camera
from flight.patrol import KeyArea, Pattern
from flight.planning.coverage import CoverageOrder, seen_share
from flight.planning.coverage_order import ordered
from flight.planning.routing import Points, Router, inside, length_m
from flight.planning.run import Run
from flight.planning.survey import Setting, Spacing, line_run, spacing_of

_CIRCLE_SIDES: Final = 36
_LEAST_ORBIT_PHOTOS: Final = 12
_LEAST_HEIGHT_M: Final = 8.0
_LEAST_PIECE_M: Final = 2.0
_BEARINGS: Final = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class AreaRuns:
    """What one area gives.

    Attributes:
        runs: In order of flight.
        asked: Ground to be seen (m²), way to be flown (m) or points, whatever the pattern counts.
        unit: "m2", "m" or "points".
        share: Share of it that the runs cover, in [0, 1].
    """

    runs: tuple[Run, ...]
    asked: float
    unit: str
    share: float


def tier_heights(area: KeyArea, camera: Camera) -> tuple[float, ...]:
    """Return the heights above ground at which an area is flown, lowest first.

    An orbit spreads its laps evenly up to the height asked for. A facade's tiers look at levels of the wall that
    overlap by the side overlap, the whole wall between them; none is lower than 8 m nor higher than asked.
    """
    if area.pattern is Pattern.ORBIT:
        return tuple(max(_LEAST_HEIGHT_M, area.height_agl_m * (lap + 1) / area.laps) for lap in range(area.laps))
    if area.pattern is not Pattern.FACADE:
        return (area.height_agl_m,)
    standoff = max(area.standoff_m, 1.0)
    seen = 2 * standoff * (camera.height_px / 2 / camera.focal_px)
    count = math.ceil(max(0.0, area.top_m - seen) / (seen * (1 - area.side_overlap))) + 1
    levels = np.linspace(seen / 2, area.top_m - seen / 2, count) if count > 1 else np.array([area.top_m / 2])
    above = standoff * math.tan(math.radians(-min(area.gimbal_pitch_deg, 0.0)))
    heights = np.clip(levels + above, min(_LEAST_HEIGHT_M, area.height_agl_m), area.height_agl_m)
    return tuple(dict.fromkeys(round(float(height), 2) for height in heights))


def corridor_runs(area: KeyArea, shape: BaseGeometry, camera: Camera, interval_s: float, setting: Setting) -> AreaRuns:
    """Return passes along a line: as many side by side as its width needs."""
    spacing = spacing_of(area, camera, interval_s)
    width = spacing.line_m / (1 - area.side_overlap)
    beside = max(0.0, area.width_m - width)  # what one pass in the middle would not see
    count = math.ceil(beside / spacing.line_m - 1e-9) + 1
    offsets = np.linspace(-beside / 2, beside / 2, count) if count > 1 else np.zeros(1)
    lines: list[Points] = []
    for part in shapely.get_parts(shape):
        for offset in offsets:
            moved = part if offset == 0 else part.offset_curve(float(offset), join_style="mitre", mitre_limit=2.0)
            for piece in shapely.get_parts(moved):
                lines.extend(over_free_ground(shapely.get_coordinates(piece), setting.router))
    in_order = ordered(lines, setting.router, setting.start, setting.end)
    runs = tuple(line_run(area, line, area.height_agl_m, spacing) for line in in_order)
    ground = shape.buffer(max(area.width_m, 1.0) / 2, cap_style="flat")
    share = seen_share(ground, in_order, CoverageOrder(spacing_m=width, reach_m=spacing.reach_m)) if runs else 0.0
    return AreaRuns(runs=runs, asked=float(ground.area), unit="m2", share=share)


def ring_runs(area: KeyArea, shape: BaseGeometry, camera: Camera, interval_s: float, setting: Setting) -> AreaRuns:
    """Return rounds of a perimeter or a facade, at their standoff outside the outline, looking in."""
    looking_in = area.standoff_m > 0
    spacing = _aside(area, camera, interval_s, area.standoff_m) if looking_in else spacing_of(area, camera, interval_s)
    runs: list[Run] = []
    asked = flown = 0.0
    at = setting.start
    for part in shapely.get_parts(shape):
        outline = part.exterior if not looking_in else part.buffer(
            area.standoff_m, join_style="mitre", mitre_limit=2.0
        ).exterior  # fmt: skip
        ring = shapely.get_coordinates(outline)
        for height in tier_heights(area, camera)[::-1]:
            asked += outline.length
            for path in over_free_ground(_begun_near(ring, at), setting.router):
                flown += length_m(path)
                run = line_run(area, path, height, spacing)
                runs.append(replace(run, yaws_deg=_inward(path, part)) if looking_in else run)
                at = path[-1]
    return AreaRuns(runs=tuple(runs), asked=asked, unit="m", share=min(1.0, flown / asked))


def orbit_runs(area: KeyArea, shape: BaseGeometry, camera: Camera, interval_s: float, setting: Setting) -> AreaRuns:
    """Return circles around a thing, looking at the middle of its height."""
    if not area.standoff_m > 0:
        raise PlanRefused(_("{area}: an orbit needs its standoff_m").format(area=area.name))
    runs: list[Run] = []
    asked = flown = 0.0
    at = setting.start
    for part in shapely.get_parts(shape):
        around = shapely.minimum_bounding_circle(part) if part.geom_type == "Polygon" else part
        centre = shapely.get_coordinates(around.centroid)[0]
        radius = area.standoff_m + shapely.minimum_bounding_radius(part)
        angles = np.linspace(0, 2 * math.pi, _CIRCLE_SIDES + 1)
        outer = radius / math.cos(math.pi / _CIRCLE_SIDES)
        ring = centre + outer * np.column_stack([np.cos(angles), np.sin(angles)])
        spacing = _aside(area, camera, interval_s, radius)
        spacing = replace(spacing, photo_m=min(spacing.photo_m, 2 * math.pi * radius / _LEAST_ORBIT_PHOTOS))
        for height in tier_heights(area, camera)[::-1]:
            asked += float(length_m(ring))
            pitch = -math.degrees(math.atan2(height - area.top_m / 2, radius))
            for path in over_free_ground(_begun_near(ring, at), setting.router):
                flown += length_m(path)
                run = line_run(area, path, height, spacing)
                runs.append(
                    replace(run, yaws_deg=_towards(path, centre), gimbal_pitch_deg=max(-90.0, min(30.0, pitch)))
                )
                at = path[-1]
    return AreaRuns(runs=tuple(runs), asked=asked, unit="m", share=min(1.0, flown / asked))


def point_runs(area: KeyArea, shape: BaseGeometry, setting: Setting) -> AreaRuns:
    """Return a look at each point: the aircraft goes there, stands still, and takes one photograph."""
    spots = shapely.get_coordinates(shape)
    looks: dict[tuple[float, float], Points] = {}
    for spot in spots:
        stand = _stand(spot, area.standoff_m, setting)
        if stand is not None:
            looks[float(stand[0]), float(stand[1])] = spot
    down = area.height_agl_m - area.top_m / 2
    pitch = -math.degrees(math.atan2(down, area.standoff_m)) if area.standoff_m else -90.0
    stands = [np.array([place]) for place in looks]
    runs = []
    for path in ordered(stands, setting.router, setting.start, setting.end):
        spot = looks[float(path[0][0]), float(path[0][1])]
        runs.append(
            Run(
                path=path,
                heights_m=np.array([area.height_agl_m]),
                speed_m_s=area.speed_m_s,
                gimbal_pitch_deg=max(-90.0, min(30.0, pitch)),
                photo_spacing_m=math.nan,
                area=area.name,
                yaws_deg=(_bearing(path[0], spot),) if area.standoff_m else (),
                hover_s=area.hover_s,
                look=True,
            )
        )
    return AreaRuns(runs=tuple(runs), asked=float(len(spots)), unit="points", share=len(runs) / len(spots))


def over_free_ground(path: Points, router: Router) -> list[Points]:
    """Return the stretches of a path that lie over free ground, in order; a closed path may begin inside one."""
    stretches: list[list[Points]] = []
    for a, b in pairwise(path):
        if not np.any(a != b):
            continue
        cut = shapely.LineString([a, b]).intersection(router.space.ground)
        parts = [shapely.get_coordinates(part) for part in shapely.get_parts(cut) if part.geom_type == "LineString"]
        parts = [part if (part[-1] - part[0]) @ (b - a) > 0 else part[::-1] for part in parts]
        for part in sorted(parts, key=lambda part: float((part[0] - a) @ (b - a))):
            if stretches and np.hypot(*(stretches[-1][-1] - part[0])) < 1e-6:
                stretches[-1].extend(part[1:])
            else:
                stretches.append(list(part))
    found = [np.array(stretch) for stretch in stretches]
    return [stretch for stretch in found if length_m(stretch) > _LEAST_PIECE_M]


def _aside(area: KeyArea, camera: Camera, interval_s: float, distance_m: float) -> Spacing:
    """Return the spacing of photographs that look sideways at something ``distance_m`` away."""
    width = camera.width_px / camera.focal_px * distance_m
    photo = width * (1 - area.front_overlap)
    return Spacing(
        line_m=width,
        photo_m=photo,
        reach_m=width / 2,
        speed_m_s=min(area.speed_m_s, photo / interval_s),
        interval_s=interval_s,
    )


def _begun_near(ring: Points, at: Points) -> Points:
    """Return a closed ring begun at its corner nearest to ``at``."""
    corners = ring[:-1]
    first = int(np.argmin(np.hypot(*(corners - at).T)))
    return np.concatenate([corners[first:], corners[: first + 1]])


def _inward(path: Points, part: BaseGeometry) -> tuple[float, ...]:
    """Return for each point the heading from the middle of the leg to it towards the nearest of the outline."""
    yaws = []
    for a, b in pairwise(path):
        middle = (a + b) / 2
        nearest = shapely.get_coordinates(shapely.shortest_line(shapely.Point(middle), part))[1]
        yaws.append(_bearing(middle, nearest))
    return (yaws[0], *yaws)


def _towards(path: Points, spot: Points) -> tuple[float, ...]:
    yaws = [_bearing((a + b) / 2, spot) for a, b in pairwise(path)]
    return (yaws[0], *yaws)


def _bearing(start: Points, end: Points) -> float:
    east, north = end - start
    return math.degrees(math.atan2(east, north)) % 360.0


def _stand(spot: Points, standoff_m: float, setting: Setting) -> Points | None:
    """Return where to stand to look at ``spot``: towards where the aircraft comes from, or the nearest free bearing."""
    if standoff_m == 0:
        return spot if inside(setting.router.space, spot[None])[0] else None
    from_start = math.atan2(*(setting.start - spot)[::-1])
    turns = [sign * 2 * math.pi / _BEARINGS * step for step in range(_BEARINGS // 2 + 1) for sign in (1, -1)]
    around: NDArray[np.float64] = np.array([from_start + turn for turn in turns])
    stands = spot + standoff_m * np.column_stack([np.cos(around), np.sin(around)])
    free = np.flatnonzero(inside(setting.router.space, stands))
    return stands[free[0]] if len(free) else None
