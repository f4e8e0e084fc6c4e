"""Brings together what one thing on a roof left scattered over the ground.

Looks at a thing that stands above the ground lie apart on the ground, along the ways that they came: it is gathered as
several things, as one that moves, or as one with looks that hardly agree. Here every such group is asked, alone and
with others, whether all its rays meet above the ground (:mod:`geofence.gathering.gather_height`). Groups whose looks
from different sides agree with the ground are left as they are, and so is everything else that the rays do not bring
together better than any story on the ground.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from geofence.gathering.gather_group import Group, Stand, group_of, in_order
from geofence.gathering.gather_height import HIGHEST_ROOF_M, LEAST_LOOKS, judge_stand, stays_on_ground
from geofence.gathering.gather_likeness import alike
from geofence.locating.locate_contact import Stature, stature_of

Floats = NDArray[np.float64]

_APART: Final = 0.15  # slopes that differ by less come from one side: 9° straight down
_REACH_M: Final = 80.0  # looks at one thing lie no farther apart on the ground: a high roof, seen flatly from two sides
_PAST: Final = 3.0  # two rays meet where they pass within so many sigmas of each other
_LEAST_M: Final = 1.5  # lower than that, a thing stands on the ground as far as gathering goes
_TRIES: Final = 4  # how many groups are dropped, one by one, from a cluster whose rays do not meet
_ONE_RUN_S: Final = 10.0  # looks that follow each other so closely may be of one thing that creeps


def raise_groups(groups: Sequence[Group], *, fastest_m_s: float, by_colour: bool) -> list[Group]:
    """Return groups of one class in which what stands above the ground is one group with its place and height.

    Args:
        groups: As gathered on the ground.
        fastest_m_s: How fast things move at most, metres per second.
        by_colour: Whether the colour of bodies has a say.

    Returns:
        The groups, every member in exactly one of them; those that are left as they were are the same objects.
    """
    if not groups:
        return []
    stature = stature_of(groups[0].label)
    if stature.raised_share <= 0:
        return list(groups)
    open_groups = [group for group in groups if _may_be_raised(group)]
    found: list[tuple[float, list[Group], Stand]] = []
    for cluster in ([group] for group in open_groups if len(group.members) >= LEAST_LOOKS):
        stand = judge_stand(cluster[0].members, stature, fastest_m_s=fastest_m_s)
        if stand is not None:
            found.append((1.0, cluster, stand))
    for cluster in _clusters(open_groups, by_colour=by_colour):
        told = _told(cluster, stature, fastest_m_s=fastest_m_s)
        if told is not None:
            found.append((float(sum(len(group.members) for group in told[0])), *told))
    # What brings most looks together goes first; a group is taken once.
    found.sort(key=lambda one: (-one[0], _key(one[1][0])))
    taken: set[int] = set()
    raised: dict[int, Group] = {}
    for _looks, cluster, stand in found:
        if any(id(group) in taken for group in cluster):
            continue
        others = [group for group in groups if id(group) not in taken and not any(group is one for one in cluster)]
        whole = _with_more(cluster, stand, others, stature, fastest_m_s=fastest_m_s, by_colour=by_colour)
        taken |= {id(group) for group in whole.made_of}
        raised[id(min(whole.made_of, key=_key))] = whole.group
    return [raised.get(id(group), group) for group in groups if id(group) in raised or id(group) not in taken]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Raised:
    """A raised group, and the groups that it was made of."""

    group: Group
    made_of: tuple[Group, ...]


def _with_more(
    cluster: Sequence[Group],
    stand: Stand,
    others: Sequence[Group],
    stature: Stature,
    *,
    fastest_m_s: float,
    by_colour: bool,
) -> _Raised:
    """Return a cluster as one raised group, with smaller groups that were taken for the ground and fit it as well."""
    made_of = list(cluster)
    frames = {frame for group in made_of for frame in _frames(group)}
    most = sum(len(group.members) for group in made_of)
    for other in others if stand.told else ():
        off = other.place - stand.place - _slope(other) * stand.height_m
        reach2 = _PAST**2 * (float(np.trace(stand.covariance)) + other.width)
        if len(other.members) >= most or float(off @ off) > reach2 or frames & _frames(other):
            continue
        if not alike(other.members[-1].fix, [member.fix for member in made_of[0].members], by_colour=by_colour):
            continue
        members = in_order(member for group in (*made_of, other) for member in group.members)
        again = judge_stand(members, stature, fastest_m_s=fastest_m_s)
        if again is not None and again.told:
            stand, frames = again, frames | _frames(other)
            made_of.append(other)
    group = group_of(cluster[0].label, [member for one in made_of for member in one.members])
    group.stand, group.moving = stand, False
    return _Raised(group=group, made_of=tuple(made_of))


def _frames(group: Group) -> set[str]:
    return {member.fix.detection.frame_id for member in group.members}


def _key(group: Group) -> tuple[float, str, str]:
    first = group.members[0]
    return first.time_s, first.fix.detection.frame_id, first.fix.detection.detection_id


def _may_be_raised(group: Group) -> bool:
    return all(member.slope is not None for member in group.members) and not stays_on_ground(group.members)


def _told(cluster: Sequence[Group], stature: Stature, *, fastest_m_s: float) -> tuple[list[Group], Stand] | None:
    """Return the groups of a cluster whose rays meet, and where; those that fit worst are dropped one by one."""
    left = list(cluster)
    for _try in range(_TRIES):
        members = in_order(member for group in left for member in group.members)
        if len(left) < 2 or len(members) < LEAST_LOOKS:
            return None
        stand = judge_stand(members, stature, fastest_m_s=fastest_m_s)
        if stand is not None:
            # What may as well move is one thing only within one run of looks.
            if stand.told or all(b.time_s - a.time_s <= _ONE_RUN_S for a, b in pairwise(members)):
                return left, stand
            return None
        if len(left) == 2:
            return None
        left.remove(_worst(left))
    return None


def _worst(groups: Sequence[Group]) -> Group:
    """Return the group that lies farthest from where the rays of the others meet, by least squares of all."""
    slopes = np.array([_slope(group) for group in groups])
    places = np.array([group.place for group in groups])
    rows = np.concatenate([np.tile(np.eye(2), (len(groups), 1)), slopes.reshape(-1, 1)], axis=1)
    found = np.linalg.lstsq(rows, places.reshape(-1), rcond=None)[0]
    off = np.hypot(*(places - found[:2] - slopes * found[2]).T)
    return groups[int(np.argmax(off))]


def _slope(group: Group) -> Floats:
    """Return (2,) the mean slope of a group's rays, weighted as its place is."""
    weighted = np.zeros(2)
    for member in group.members:
        if member.slope is not None:
            weighted = weighted + np.linalg.inv(member.whole) @ member.slope
    mean: Floats = np.linalg.inv(group.information) @ weighted
    return mean


def _clusters(groups: Sequence[Group], *, by_colour: bool) -> list[list[Group]]:
    """Return for each group the others whose rays pass by its own at one height; each cluster once."""
    if len(groups) < 2:
        return []
    places = np.array([group.place for group in groups])
    slopes = np.array([_slope(group) for group in groups])
    drops = np.array([min(member.drop_m for member in group.members) for group in groups])
    own = np.array([float(np.trace(group.own)) / 2 for group in groups])
    keys = sorted({cause for group in groups for cause in group.shared})
    shared = np.zeros((len(groups), len(keys), 2))
    for at, group in enumerate(groups):
        for column, cause in enumerate(keys):
            shared[at, column] = group.shared.get(cause, 0.0)
    frames = [_frames(group) for group in groups]
    found: dict[frozenset[int], list[Group]] = {}
    neighbours = cKDTree(places).query_ball_point(places, _REACH_M)
    for at, group in enumerate(groups):
        by = np.array(sorted(neighbours[at]))
        apart, turned = places[by] - places[at], slopes[by] - slopes[at]
        length = np.maximum(np.hypot(*turned.T), 1e-9)
        heights = np.sum(apart * turned, axis=1) / length**2
        past = np.abs(apart[:, 0] * turned[:, 1] - apart[:, 1] * turned[:, 0]) / length
        sigma = np.sqrt(own[by] + own[at] + np.sum((shared[by] - shared[at]) ** 2, axis=(1, 2)) / 2)
        near = (length >= _APART) & (past <= _PAST * sigma)
        near &= (heights >= _LEAST_M) & (heights <= np.minimum(HIGHEST_ROOF_M, 0.8 * np.minimum(drops[by], drops[at])))
        partners = {
            int(by[row]): (float(heights[row]), float(sigma[row] / length[row]))
            for row in np.flatnonzero(near)[np.argsort((past / sigma)[near])]
            if not frames[at] & frames[by[row]]
            and alike(
                group.members[-1].fix, [member.fix for member in groups[int(by[row])].members], by_colour=by_colour
            )
        }
        if partners:
            chosen = _agreeing(partners, frames=frames, looks=[len(one.members) for one in groups])
            cluster = frozenset((at, *chosen))
            found.setdefault(cluster, [groups[j] for j in sorted(cluster)])
    return [cluster for cluster in found.values() if sum(len(group.members) for group in cluster) >= LEAST_LOOKS]


def _agreeing(
    partners: Mapping[int, tuple[float, float]], *, frames: Sequence[set[str]], looks: Sequence[int]
) -> list[int]:
    """Return the partners that agree on one height, with the most looks together, and no two from one frame.

    Args:
        partners: The height at which each group's rays pass, and one sigma of it; those that pass closest first.
        frames: The frames of each group.
        looks: How many looks each group has.
    """
    best: list[int] = []
    for middle_m, middle_sigma_m in partners.values():
        chosen: list[int] = []
        seen: set[str] = set()
        for j, (height_m, sigma_m) in partners.items():
            if abs(height_m - middle_m) <= _PAST * np.hypot(sigma_m, middle_sigma_m) and not frames[j] & seen:
                chosen.append(j)
                seen |= frames[j]
        if sum(looks[j] for j in chosen) > sum(looks[j] for j in best):
            best = chosen
    return best
