"""Which part of each frame of a clip is made unreadable, from what detectors saw in some of them.

No detector sees a thing in every frame. What was seen is therefore followed: hits of one kind that lie where the
picture's motion takes the earlier one are one track, and a track covers, in every frame between two of its hits,
everything between where the earlier hit has moved to and where the later one has come from. Before its first hit and
after its last, to the ends of the clip, it is held where the ground under it moves to, and for a while along
its own way, and grows with each frame. So nothing that was seen once shows in the frames between, and a thing that
stands still does not show in any frame, however early a detector lost it.

Boxes and motions only; no pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detection.detection import Box

GROWTH: Final = 0.02  # of its longer side, for each frame that a box is held without a hit
MOST_GROWTH: Final = 1.0
_NEAR: Final = 0.75  # of the longer side: a hit this far from where the last one has moved to is the same thing
_FARTHER: Final = 0.25  # and this much farther for each frame in which it was not seen

Motion = NDArray[np.float64] | None
Edges = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """What was seen in one frame.

    Attributes:
        frame: Number of the frame in the clip.
        kind: A detector's label, or "by-hand".
        box: Where, pixels.
        found_by: Who or what found it.
    """

    frame: int
    kind: str
    box: Box
    found_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """Hits that are one thing, in order of their frames."""

    hits: tuple[Hit, ...]

    @property
    def kind(self) -> str:
        """What it is."""
        return self.hits[0].kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Covered:
    """What one track makes unreadable in one frame.

    Attributes:
        track: The track's number.
        box: Where, pixels; may reach out of the picture.
        seen: Whether a detector saw it in this very frame.
    """

    track: int
    box: Box
    seen: bool


class UnknownMotionError(Exception):
    """Something is to be followed over a pair of frames whose motion is not known; the number is the first's."""

    def __init__(self, frame: int) -> None:
        super().__init__(frame)
        self.frame = frame


def link_hits(hits: Sequence[Hit], motions: Sequence[Motion], *, longest_gap: int) -> tuple[Track, ...]:
    """Return the tracks that hits make.

    Args:
        hits: In order of their frames. Those by hand stay alone.
        motions: How pixels move from each frame to the next; one fewer than there are frames.
        longest_gap: A thing that was not seen for more frames than this begins a track anew.
    """
    open_tracks: list[list[Hit]] = []
    done: list[list[Hit]] = []
    for frame in sorted({hit.frame for hit in hits}):
        done += [track for track in open_tracks if frame - track[-1].frame > longest_gap]
        open_tracks = [track for track in open_tracks if frame - track[-1].frame <= longest_gap]
        here = [hit for hit in hits if hit.frame == frame]
        pairs = sorted(
            (distance, number, place)
            for number, track in enumerate(open_tracks)
            for place, hit in enumerate(here)
            if (distance := _apart(track[-2:], hit, motions)) is not None
        )
        taken: set[int] = set()
        followed: set[int] = set()
        for _distance, number, place in pairs:
            if number not in taken and place not in followed:
                open_tracks[number].append(here[place])
                taken.add(number)
                followed.add(place)
        open_tracks += [[hit] for place, hit in enumerate(here) if place not in followed]
    return tuple(Track(hits=tuple(track)) for track in [*done, *open_tracks])


def _apart(last: Sequence[Hit], after: Hit, motions: Sequence[Motion]) -> float | None:
    """Return how far a hit lies from where a track's last hits lead to, in longer sides; None when it is another thing.

    They lead to where the ground has moved to, or as far from there as the thing's own way goes, whichever is nearer.
    """
    before = last[-1]
    if before.kind != after.kind or before.kind == "by-hand" or before.frame == after.frame:
        return None
    gap = after.frame - before.frame
    try:
        still = _edges(carried(before.box, before.frame, after.frame, motions))
        across, down = _drift(last, motions)
    except UnknownMotionError:
        return None
    distance = min(_between(still, after.box), _between(_moved(still, across * gap, down * gap), after.box))
    return distance if distance <= _NEAR + _FARTHER * (gap - 1) else None


def _between(edges: Edges, box: Box) -> float:
    """Return the distance of two boxes' middles along the farther axis, in the longest of their sides."""
    there = _edges(box)
    side = max(edges[2] - edges[0], edges[3] - edges[1], there[2] - there[0], there[3] - there[1])
    return max(abs(edges[i] + edges[i + 2] - there[i] - there[i + 2]) / 2 for i in (0, 1)) / side


def cover_tracks(
    tracks: Sequence[Track], motions: Sequence[Motion], *, margin: float, ahead: int, width_px: int, height_px: int
) -> tuple[tuple[Covered, ...], ...]:
    """Return what each frame of a clip makes unreadable.

    Args:
        tracks: What was seen.
        motions: How pixels move from each frame to the next.
        margin: By how much of its sides every box grows.
        ahead: For how many frames a thing is taken to go on its own way before its first and after its last hit; where
            it was seen is covered to the ends of the clip in any case.
        width_px: The picture's width; what has moved out of the picture is let go.
        height_px: Its height.

    Raises:
        UnknownMotionError: Something has to be followed where the picture's motion is not known.
    """
    frames = len(motions) + 1
    covered: list[list[Covered]] = [[] for _frame in range(frames)]
    for number, track in enumerate(tracks):
        for frame, edges, seen in _spans(track, motions, ahead, frames, (width_px, height_px)):
            covered[frame].append(Covered(track=number, box=_grown(edges, margin), seen=seen))
    return tuple(tuple(one) for one in covered)


def _spans(
    track: Track, motions: Sequence[Motion], ahead: int, frames: int, size: tuple[int, int]
) -> list[tuple[int, Edges, bool]]:
    """Return frame, edges and whether it was seen there, for every frame that a track covers."""
    hits = track.hits
    spans = [(hit.frame, _edges(hit.box), True) for hit in hits]
    for before, after in pairwise(hits):
        for frame in range(before.frame + 1, after.frame):
            ends = (carried(one.box, one.frame, frame, motions) for one in (before, after))
            edges = _hull(*(_edges(end) for end in ends))
            missed = min(frame - before.frame, after.frame - frame)
            spans.append((frame, _swollen(edges, missed), False))
    for hit, step, drift in ((hits[0], -1, _drift(hits[:2], motions)), (hits[-1], 1, _drift(hits[-2:], motions))):
        for away in range(1, frames):
            frame = hit.frame + step * away
            if not 0 <= frame < frames:
                break
            still = _edges(carried(hit.box, hit.frame, frame, motions))
            way = step * min(away, ahead)
            edges = _swollen(_hull(still, _moved(still, drift[0] * way, drift[1] * way)), away)
            if edges[2] < 0 or edges[3] < 0 or edges[0] > size[0] or edges[1] > size[1]:
                break  # it has left the picture
            spans.append((frame, edges, False))
    return spans


def _drift(hits: Sequence[Hit], motions: Sequence[Motion]) -> tuple[float, float]:
    """Return a thing's own motion over the ground, pixels a frame, from two neighbouring hits; none from one."""
    if len(hits) < 2:
        return 0.0, 0.0
    before, after = hits
    still, there = _edges(carried(before.box, before.frame, after.frame, motions)), _edges(after.box)
    gap = after.frame - before.frame
    across, down = ((there[i] + there[i + 2] - still[i] - still[i + 2]) / 2 / gap for i in (0, 1))
    return across, down


def carried(box: Box, start: int, end: int, motions: Sequence[Motion]) -> Box:
    """Return the box around where the picture's motion takes a box from one frame to another, forward or back.

    Raises:
        UnknownMotionError: The motion is not known on the way.
    """
    corners = np.array(
        [[x, y, 1.0] for x in (box.left_px, box.right_px) for y in (box.top_px, box.bottom_px)], dtype=np.float64
    )
    corners = corners @ motion_over(start, end, motions).T
    if (corners[:, 2] <= 0).any():
        raise UnknownMotionError(min(start, end))  # beyond the horizon of the homography
    places = corners[:, :2] / corners[:, 2:]
    (left, top), (right, bottom) = places.min(axis=0), places.max(axis=0)
    return Box(left_px=float(left), top_px=float(top), right_px=float(right), bottom_px=float(bottom))


def motion_over(start: int, end: int, motions: Sequence[Motion]) -> NDArray[np.float64]:
    """Return the (3, 3) homography from one frame's pixels to another's, forward or back in time.

    Raises:
        UnknownMotionError: The motion is not known on the way.
    """
    whole: NDArray[np.float64] = np.eye(3)
    for frame in range(min(start, end), max(start, end)):
        step = motions[frame]
        if step is None:
            raise UnknownMotionError(frame)
        whole = step @ whole
    if end < start:
        whole = np.asarray(np.linalg.inv(whole), dtype=np.float64)
    scaled: NDArray[np.float64] = whole / whole[2, 2]
    return scaled


def _edges(box: Box) -> Edges:
    return box.left_px, box.top_px, box.right_px, box.bottom_px


def _hull(one: Edges, other: Edges) -> Edges:
    return min(one[0], other[0]), min(one[1], other[1]), max(one[2], other[2]), max(one[3], other[3])


def _moved(edges: Edges, across: float, down: float) -> Edges:
    return edges[0] + across, edges[1] + down, edges[2] + across, edges[3] + down


def _swollen(edges: Edges, frames: int) -> Edges:
    room = max(edges[2] - edges[0], edges[3] - edges[1]) * min(GROWTH * frames, MOST_GROWTH)
    return edges[0] - room, edges[1] - room, edges[2] + room, edges[3] + room


def _grown(edges: Edges, margin: float) -> Box:
    wide, high = margin * (edges[2] - edges[0]), margin * (edges[3] - edges[1])
    return Box(left_px=edges[0] - wide, top_px=edges[1] - high, right_px=edges[2] + wide, bottom_px=edges[3] + high)
