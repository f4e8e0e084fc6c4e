"""One thing boxed twice: a long vehicle whose cab and tank are two boxes, or a whole box with a piece of itself.

Two boxes of one frame are two things until their outlines on the ground say that they cannot be. Solid things do not
stand in each other, but boxes may overlap all the same: a box is drawn along the image's axes, and beside a lorry that
stands askew there is room in its box for another. So an overlap alone decides nothing, and it is asked

1. whether one outline lies within the other and is of like size, which no two things do;
2. whether it lies within one that is long and narrow: such a box has no room beside its own body;
3. whether the two are boxed apart only now and then: of frames that show either, most show one box. Two things that
   stand side by side are seen as two as often as they are seen at all.

Boxes that were ever seen clearly apart stay two. Over frames a thing lies within each of its outlines, so what is
compared is their intersection, which is narrower than any one of them when the view turns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import shapely
from shapely import Polygon, STRtree

CONTAINED: Final = 0.85  # of the smaller outline lying within the larger
ALIKE: Final = 0.5  # smaller over larger area
NARROW: Final = 1.8  # length over width of an outline that has no room beside the body
OVERLAP: Final = 0.3  # of the smaller: below, two boxes merely touch
APART: Final = 0.15  # seen with less overlap than this in one frame, they are two things
SELDOM: Final = 2.0  # frames with one box for each frame with two, for a thing boxed twice now and then
LEAST_SINGLE: Final = 2
LOOK_GAP_S: Final = 30.0  # pieces that never share a frame belong to one look
_SLACK_M: Final = 0.5  # how far two frames of one flight disagree about one place, and of small things
_SLACK_SHARE: Final = 0.1  # at most so much of their size


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One box of a thing: in which frame, when, and its outline on the ground in the working plane."""

    frame_id: str
    time_s: float
    outline: Polygon


def one_thing_each(things: Sequence[Sequence[Look]]) -> list[list[int]]:
    """Return the indexes of things that are one, in clusters; the one with the largest outline comes first in each.

    Args:
        things: What was gathered as separate standing things of one class; those without outlines stay alone.
    """
    hulls = [_hull(looks) for looks in things]
    shapes = [(at, hull) for at, hull in enumerate(hulls) if hull is not None]
    known = [at for at, _hull_of in shapes]
    parent = list(range(len(things)))

    def root(at: int) -> int:
        while parent[at] != at:
            at = parent[at]
        return at

    if len(known) > 1:
        tree = STRtree([hull for _at, hull in shapes])
        for left, right in tree.query([hull for _at, hull in shapes], predicate="intersects").T:
            one, two = known[int(left)], known[int(right)]
            if one < two and _is_one(things[one], things[two], hulls[one], hulls[two]):
                parent[root(two)] = root(one)
    clusters: dict[int, list[int]] = {}
    for at in range(len(things)):
        clusters.setdefault(root(at), []).append(at)

    def size(at: int) -> float:
        return float(np.median([look.outline.area for look in things[at]])) if things[at] else 0.0

    return [sorted(members, key=lambda at: (-size(at), at)) for members in clusters.values()]


def _hull(looks: Sequence[Look]) -> Polygon | None:
    """Return where a thing must lie: within all of its outlines, or within the middling one where they disagree."""
    if not looks:
        return None
    areas = [look.outline.area for look in looks]
    middling = looks[int(np.argsort(areas)[len(areas) // 2])].outline
    if len(looks) == 1:
        return middling
    slack_m = min(_SLACK_M, _SLACK_SHARE * middling.area**0.5)
    within = shapely.intersection_all([look.outline.buffer(slack_m, join_style="mitre") for look in looks])
    if isinstance(within, Polygon) and within.area >= 0.25 * middling.area:
        return within
    return middling


def _is_one(one: Sequence[Look], two: Sequence[Look], hull_one: Polygon | None, hull_two: Polygon | None) -> bool:
    """Return whether two gathered things are one thing boxed twice, by the numbered list above."""
    if hull_one is None or hull_two is None:
        return False
    frames_one, frames_two = ({look.frame_id: look for look in looks} for looks in (one, two))
    shared = frames_one.keys() & frames_two.keys()
    if any(_overlap(frames_one[frame].outline, frames_two[frame].outline) < APART for frame in shared):
        return False
    if not shared and min(abs(a.time_s - b.time_s) for a in one for b in two) > LOOK_GAP_S:
        return False
    overlap = _overlap(hull_one, hull_two)
    small, large = sorted((hull_one, hull_two), key=lambda hull: hull.area)
    if overlap >= CONTAINED and (small.area >= ALIKE * large.area or _narrowness(large) >= NARROW):
        return True
    single = len(frames_one) + len(frames_two) - 2 * len(shared)
    return bool(shared) and overlap >= OVERLAP and single >= max(LEAST_SINGLE, SELDOM * len(shared))


def _overlap(one: Polygon, two: Polygon) -> float:
    """Return the share of the smaller outline that lies in the other."""
    least = min(one.area, two.area)
    return float(one.intersection(two).area / least) if least > 0 else 0.0


def _narrowness(outline: Polygon) -> float:
    """Return length over width of the narrowest rectangle around an outline."""
    around = shapely.minimum_rotated_rectangle(outline)
    if not isinstance(around, Polygon):
        return 1.0
    corners = np.array(around.exterior.coords)
    sides = np.hypot(*np.diff(corners[:3], axis=0).T)
    return float(sides.max() / max(sides.min(), 1e-6))
