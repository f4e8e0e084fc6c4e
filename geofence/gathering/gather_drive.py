"""Joins the pieces that a driving thing left, where frames follow each other so closely that each look hardly moved.

At four frames a second a car at 8 m/s goes two metres from look to look: less than the errors, so its first looks are
taken to stand, the next no longer fit there and begin another thing, and so on. Each piece looks parked. Here pieces
that follow each other, and never share a frame, are asked together whether one thing that drives explains them better
than so many things that stand by turns (:func:`geofence.gathering.gather_height.judge_motion`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from geofence.gathering.gather_group import Group, Member, group_of
from geofence.gathering.gather_height import Drive, judge_motion
from geofence.gathering.gather_likeness import alike
from geofence.locating.locate_contact import stature_of

_LONGEST_S: Final = 30.0  # what is seen for longer than that without driving off stands
_SLACK: Final = 3.0  # sigmas


def join_driven(groups: Sequence[Group], *, follow_s: float, fastest_m_s: float, by_colour: bool) -> list[Group]:
    """Return groups of one class in which what drives is one group.

    Args:
        groups: As gathered.
        follow_s: Looks farther apart in time do not follow each other, seconds.
        fastest_m_s: How fast things move at most, metres per second.
        by_colour: Whether the colour of bodies has a say.

    Returns:
        The groups, every member in exactly one of them; those that are left as they were are the same objects.
    """
    if not groups or not stature_of(groups[0].label).moves:
        return list(groups)
    pieces = sorted((group for group in groups if _may_be_piece(group)), key=_begins)
    joined: dict[int, Group] = {}
    gone: set[int] = set()
    for seed in pieces:
        if id(seed) in gone:
            continue
        near = [piece for piece in pieces if piece is not seed and id(piece) not in gone]
        chain, drive = _chain(seed, near, follow_s=follow_s, fastest_m_s=fastest_m_s, by_colour=by_colour)
        if drive is None:
            continue
        whole = group_of(seed.label, [member for piece in chain for member in piece.members])
        whole.moving, whole.velocity_m_s = True, drive.velocity_m_s
        gone |= {id(piece) for piece in chain}
        joined[id(seed)] = whole
    return [joined.get(id(group), group) for group in groups if id(group) in joined or id(group) not in gone]


def _may_be_piece(group: Group) -> bool:
    return group.stand is None and group.members[-1].time_s - group.members[0].time_s <= _LONGEST_S


def _begins(group: Group) -> tuple[float, str, str]:
    first = group.members[0]
    return first.time_s, first.fix.detection.frame_id, first.fix.detection.detection_id


def _chain(
    seed: Group, others: Sequence[Group], *, follow_s: float, fastest_m_s: float, by_colour: bool
) -> tuple[list[Group], Drive | None]:
    """Return the longest run of pieces from ``seed`` on that is told to be one thing that drives, and how it drives.

    A run may go on through pieces that do not tell yet, as long as one thing that drives explains them at all.
    """
    chain, best, told = [seed], [seed], None
    left = list(others)
    while True:
        going = [
            (piece, drive)
            for piece in left
            if _follows(chain, piece, follow_s=follow_s, fastest_m_s=fastest_m_s)
            and alike(piece.members[0].fix, [member.fix for member in chain[-1].members], by_colour=by_colour)
            and (drive := judge_motion([one.members for one in (*chain, piece)], fastest_m_s=fastest_m_s)) is not None
        ]
        if not going:
            return best, told
        piece, drive = min(going, key=lambda one: (not one[1].told, _begins(one[0])))
        chain.append(piece)
        left.remove(piece)
        if drive.told:
            best, told = list(chain), drive


def _follows(chain: Sequence[Group], piece: Group, *, follow_s: float, fastest_m_s: float) -> bool:
    """Return whether a piece begins within the run or shortly after it, where the thing can have come to."""
    first = piece.members[0]
    members = [member for one in chain for member in one.members]
    if not members[0].time_s <= first.time_s <= max(member.time_s for member in members) + follow_s:
        return False
    if {member.fix.detection.frame_id for member in members} & {m.fix.detection.frame_id for m in piece.members}:
        return False
    last = min(members, key=lambda member: abs(member.time_s - first.time_s))
    return _within(last, first, fastest_m_s)


def _within(last: Member, first: Member, fastest_m_s: float) -> bool:
    run = fastest_m_s * abs(first.time_s - last.time_s)
    slack = _SLACK * float(np.sqrt(np.trace(first.own) + np.trace(last.own)))
    return float(np.hypot(*(first.at - last.at))) <= run + slack
