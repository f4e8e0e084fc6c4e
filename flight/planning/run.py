"""A run: a stretch, or one look, that is flown in one go; what a sortie is made of."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from flight.planning.routing import Points


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A stretch flown in one go with photographs.

    Attributes:
        path: (n, 2) plane metres.
        heights_m: (n,) above take-off.
        speed_m_s: Ground speed.
        gimbal_pitch_deg: Camera pitch.
        photo_spacing_m: Distance between photographs.
        area: The key area it belongs to.
        yaws_deg: (n,) heading to hold on the way to each point, or empty to face along the way.
        hover_s: Time stood still at its end.
        look: Whether it is one photograph from one place instead of a stretch: the path is that place alone.
        waypoint: Index of the waypoint it was read from, for runs read back from a plan.
    """

    path: Points
    heights_m: NDArray[np.float64]
    speed_m_s: float
    gimbal_pitch_deg: float
    photo_spacing_m: float
    area: str
    yaws_deg: tuple[float, ...] = ()
    hover_s: float = 0.0
    look: bool = False
    waypoint: int = 0

    def __post_init__(self) -> None:
        if (len(self.path) == 1) != self.look or len(self.path) != len(self.heights_m):
            raise ValueError("a stretch has two points or more, a look one, and each its height")


def cut_at(run: Run, metres: float) -> tuple[Run, Run]:
    """Return the run up to ``metres`` along its path and the rest of it, both through the point of the cut."""
    steps = np.hypot(*np.diff(run.path, axis=0).T)
    along = np.concatenate([[0.0], np.cumsum(steps)])
    if not 0 < metres < along[-1]:
        raise ValueError("a run is cut inside its length")
    index = int(np.searchsorted(along, metres, side="left"))
    share = (metres - along[index - 1]) / (along[index] - along[index - 1])
    point = run.path[index - 1] + (run.path[index] - run.path[index - 1]) * share
    height = run.heights_m[index - 1] + (run.heights_m[index] - run.heights_m[index - 1]) * share
    yaws = run.yaws_deg
    head = replace(
        run,
        path=np.concatenate([run.path[:index], point[None]]),
        heights_m=np.concatenate([run.heights_m[:index], [height]]),
        yaws_deg=(*yaws[:index], yaws[index]) if yaws else (),
    )
    tail = replace(
        run,
        path=np.concatenate([point[None], run.path[index:]]),
        heights_m=np.concatenate([[height], run.heights_m[index:]]),
        yaws_deg=(yaws[index], *yaws[index:]) if yaws else (),
    )
    return head, tail


def first_yaw_deg(run: Run) -> float:
    """Return the heading at a run's beginning, degrees clockwise from north: its own, or along its first stretch."""
    if run.yaws_deg:
        return run.yaws_deg[0]
    east, north = run.path[1] - run.path[0]
    return math.degrees(math.atan2(east, north)) % 360.0
