"""Densification in time: further frames around those in which something was found, so that it is seen to move or stay.

The frames that coverage chooses are up to seconds apart; a car that drives is then in two places and nobody can tell
that it is one. A few frames within a second or two tell it, and let smoke and fire be told from what looks like them
(:mod:`detection.plumes`). Each thing is followed once, not in every frame that shows it.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from core.points import GeoPoint, LocalPlane, to_plane


@dataclass(frozen=True, slots=True, kw_only=True)
class Following:
    """How things found in a video are followed.

    Attributes:
        frames: Further frames around the one in which a thing was found.
        span_s: Seconds that they spread over, that frame in the middle.
        near_m: Things found nearer to each other than this are followed as one.
        again_s: After so many seconds a thing in the same place is followed anew.
        apart_s: No frame is taken nearer in time than this to one that is there already.
        most: Further frames in one video at most.
    """

    frames: int = 4
    span_s: float = 1.6
    near_m: float = 5.0
    again_s: float = 20.0
    apart_s: float = 0.15
    most: int = 400

    def __post_init__(self) -> None:
        if self.frames < 1 or self.most < 0:
            raise ValueError("following takes at least one frame, and not fewer than none in all")
        if not all(span > 0 for span in (self.span_s, self.near_m, self.again_s, self.apart_s)):
            raise ValueError("the spans of following are positive")

    def around(self, instant: datetime) -> list[datetime]:
        """Return the instants of the further frames around one, in order of time."""
        half = self.frames // 2
        steps = [*range(-half, 0), *range(1, self.frames - half + 1)]
        step_s = self.span_s / self.frames
        return [instant + timedelta(seconds=step * step_s) for step in steps]


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundAt:
    """What was found in one frame: when, and where on the ground.

    Attributes:
        captured_at: When the frame was taken, aware.
        points: Where things were found.
    """

    captured_at: datetime
    points: tuple[GeoPoint, ...]


def instants_to_follow(frames: Sequence[FoundAt], following: Following) -> tuple[tuple[datetime, ...], int]:
    """Return the instants at which to look again, in order of time, and how many more were wanted than may be taken.

    Args:
        frames: Every frame of a video that was looked at, in order of time, also those in which nothing was found.
        following: How things are followed.
    """
    taken = sorted(frame.captured_at for frame in frames)
    first = next((frame.points[0] for frame in frames if frame.points), None)
    if first is None:
        return (), 0
    plane = LocalPlane(origin=first)
    places, times = np.empty((0, 2)), np.empty(0)
    chosen: list[datetime] = []
    wanted = 0
    for frame in frames:
        if not frame.points:
            continue
        here = to_plane(plane, [[point.lon_deg, point.lat_deg] for point in frame.points])
        now = frame.captured_at.timestamp()
        recent = places[now - times < following.again_s]
        near = np.hypot(*np.moveaxis(here[:, None, :] - recent[None, :, :], -1, 0)) < following.near_m
        new = here[~near.any(axis=1)]
        if not len(new):
            continue
        places, times = np.concatenate([places, new]), np.concatenate([times, np.full(len(new), now)])
        for instant in following.around(frame.captured_at):
            at = bisect_left(taken, instant)
            if any(
                abs((instant - other).total_seconds()) < following.apart_s for other in taken[max(at - 1, 0) : at + 1]
            ):
                continue
            wanted += 1
            if len(chosen) < following.most:
                chosen.append(instant)
                insort(taken, instant)
    return tuple(sorted(chosen)), wanted - len(chosen)
