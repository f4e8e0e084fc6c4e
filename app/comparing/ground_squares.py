"""Which ground two patrols both saw, cut into squares, and the pictures that show each best."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.comparing.patrol_view import PatrolView
from core.points import GeoPoint, LocalPlane, from_plane, to_plane
from detection.changes.compare import Epoch, Square
from detection.frame_on_ground import View
from detection.ground_scale import height_above_ground_m
from evidence.sealing.frame_record import FrameRecord
from flight.calendars.sun import sun_place
from flight.camera import Orientation, project
from flight.track import orientation_of

CORE_M: Final = 30.0
MARGIN_M: Final = 12.0
GSD_M: Final = 0.15
MOST_VIEWS: Final = 3
_APART_M: Final = 6.0
_MOST_OFF_NADIR_DEG: Final = 50.0
_LEAST_POINTS: Final = 3  # of a square's middle and four corners
_CORNERS: Final = np.array([[0, 0], [-1, -1], [1, -1], [1, 1], [-1, 1]]) * CORE_M / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """A frame that may show a square.

    Attributes:
        frame: It.
        place_m: East and north in the comparison's plane.
        height_m: Above the ground.
        orientation: Where it looks.
    """

    frame: FrameRecord
    place_m: tuple[float, float]
    height_m: float
    orientation: Orientation


@dataclass(frozen=True, slots=True, kw_only=True)
class Twice:
    """A square that both patrols show.

    Attributes:
        square: It.
        before, after: The frames to compare, the best first.
    """

    square: Square
    before: tuple[FrameRecord, ...]
    after: tuple[FrameRecord, ...]


def seen_twice(before: PatrolView, after: PatrolView, *, gsd_m: float = GSD_M) -> tuple[Twice, ...]:
    """Return the squares that both patrols show, south to north, west to east.

    Args:
        before: The earlier patrol.
        after: The later one.
        gsd_m: Metres a pixel of what is compared.
    """
    first = before.frames[0].pose.position
    if first is None:
        return ()
    plane = LocalPlane(origin=first)
    early, late = (_shots(patrol.frames, plane) for patrol in (before, after))
    found = []
    for row, column in sorted(_cells(early) & _cells(late)):
        centre = (np.array([column, row]) + 0.5) * CORE_M
        chosen = [_best(shots, centre) for shots in (early, late)]
        if all(chosen):
            lon, lat = from_plane(plane, centre)
            square = Square(
                centre=GeoPoint(lon_deg=float(lon), lat_deg=float(lat)), half_m=CORE_M / 2 + MARGIN_M, gsd_m=gsd_m
            )
            found.append(Twice(square=square, before=chosen[0], after=chosen[1]))
    return tuple(found)


def _shots(frames: Sequence[FrameRecord], plane: LocalPlane) -> list[Shot]:
    found = []
    for frame in frames:
        height_m, orientation = height_above_ground_m(frame.pose), orientation_of(frame.pose)
        if frame.camera is None or frame.pose.position is None or height_m is None or orientation is None:
            continue
        east, north = to_plane(plane, [frame.pose.position.lon_deg, frame.pose.position.lat_deg]).tolist()
        found.append(Shot(frame=frame, place_m=(east, north), height_m=height_m, orientation=orientation))
    return found


def _cells(shots: Sequence[Shot]) -> set[tuple[int, int]]:
    """Return the rows and columns of squares near what was looked at."""
    cells = set()
    for shot in shots:
        reach = shot.height_m * math.tan(math.radians(_MOST_OFF_NADIR_DEG)) + CORE_M
        low, high = ([math.floor((place + sign * reach) / CORE_M) for place in shot.place_m] for sign in (-1.0, 1.0))
        cells |= {(row, column) for row in range(low[1], high[1] + 1) for column in range(low[0], high[0] + 1)}
    return cells


def _best(shots: Sequence[Shot], centre: NDArray[np.float64]) -> tuple[FrameRecord, ...]:
    """Return the frames that show most of a square, looking down most steeply, from places apart."""
    showing = []
    for shot in shots:
        camera = shot.frame.camera
        offset = centre - np.asarray(shot.place_m)
        steep = math.degrees(math.atan2(float(np.hypot(*offset)), shot.height_m))
        if camera is None or steep > _MOST_OFF_NADIR_DEG:
            continue
        corners = np.column_stack([_CORNERS + offset, np.full(len(_CORNERS), -shot.height_m)])
        pixels = project(camera, shot.orientation, corners)
        inside = ((pixels >= 0) & (pixels <= [camera.width_px, camera.height_px])).all(axis=1)
        if inside.sum() >= _LEAST_POINTS:
            # Whole ones first, then steep ones.
            showing.append((steep + (0.0 if inside.all() else 90.0), shot))
    chosen: list[Shot] = []
    for _steep, shot in sorted(showing, key=lambda entry: (entry[0], entry[1].frame.frame_id)):
        apart = (math.dist(shot.place_m, other.place_m) for other in chosen)
        if len(chosen) < MOST_VIEWS and all(metres >= _APART_M for metres in apart):
            chosen.append(shot)
    return tuple(shot.frame for shot in chosen)


class Pictures:
    """Opens the pictures of two patrols and keeps the last ones, since neighbouring squares share them."""

    def __init__(self, before: PatrolView, after: PatrolView) -> None:
        frames = {frame.frame_id: (patrol, frame) for patrol in (before, after) for frame in patrol.frames}

        @lru_cache(maxsize=24)
        def opened(frame_id: str) -> View | None:
            patrol, frame = frames[frame_id]
            return patrol.view_of(frame)

        self._opened = opened

    def epoch(self, frames: Sequence[FrameRecord]) -> tuple[Epoch, tuple[FrameRecord, ...]]:
        """Return the pictures that are there, with the sun's place, and the frames that they are of."""
        pairs = [(view, frame) for frame in frames if (view := self._opened(frame.frame_id)) is not None]
        sun = None
        if pairs and frames[0].pose.position is not None:
            sun = sun_place(frames[0].pose.position, frames[0].captured_at)
        return Epoch(views=tuple(view for view, _frame in pairs), sun_deg=sun), tuple(frame for _view, frame in pairs)
