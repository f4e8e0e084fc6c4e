"""Looks in a working plane, and the groups that they are gathered into.

A group's place is the mean of its looks, weighted by their inverse covariances; its errors are kept apart by cause, so
that what two groups share cancels in their difference.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from geofence.fix import Fix

Floats = NDArray[np.float64]

MOVING_CHI2: Final = 13.82  # 99.9 %: only then is a difference called motion
SURELY_MOVING_CHI2: Final = 30.0  # asked again with every fix of a long look, so a stricter question
_NOTHING: Final = np.zeros(2)


@dataclass(slots=True, kw_only=True, eq=False)
class Member:
    """A fix in the working plane.

    Attributes:
        fix: The fix.
        at: (2,) its place east and north, metres.
        own: (2, 2) what is this frame's own of its covariance.
        whole: (2, 2) its covariance.
        shared: (2,) displacements for one standard deviation of each cause that others share.
        time_s: When, seconds from the first fix of the area.
        slope: (2,) how far the ray goes on, east and north, for each metre that it falls; None where the fix does not
            say where its camera was above the ground.
        drop_m: How far the camera was above the point that the ray aims at.
    """

    fix: Fix
    at: Floats
    own: Floats
    whole: Floats
    shared: dict[tuple[str, int], Floats]
    time_s: float
    slope: Floats | None = None
    drop_m: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stand:
    """Where a thing stands that does not stand on the ground, or may not.

    Attributes:
        place: (2,) plumb below it, in the working plane.
        covariance: (2, 2) of that.
        height_m: How high above the ground it stands.
        sigma_m: One sigma of that.
        told: Whether it is told from a thing that moves; where it is not, nothing is said of height or motion.
    """

    place: Floats
    covariance: Floats
    height_m: float
    sigma_m: float
    told: bool


@dataclass(slots=True, kw_only=True, eq=False)
class Group:
    """A sighting in the making: a weighted mean of its members, with what errors do to it."""

    label: str
    members: list[Member] = field(default_factory=list)
    information: Floats = field(default_factory=lambda: np.zeros((2, 2)))
    weighted: Floats = field(default_factory=lambda: np.zeros(2))
    weighted_own: Floats = field(default_factory=lambda: np.zeros((2, 2)))
    weighted_shared: dict[tuple[str, int], Floats] = field(default_factory=dict)
    place: Floats = field(default_factory=lambda: np.zeros(2))
    own: Floats = field(default_factory=lambda: np.zeros((2, 2)))
    shared: dict[tuple[str, int], Floats] = field(default_factory=dict)
    width: float = 0.0
    moving: bool = False
    followed: bool = False  # a look was taken for it that cannot be at the same place: it set off, however slowly
    stand: Stand | None = None
    velocity_m_s: tuple[float, float] | None = None  # of what was gathered in pieces and drives

    def add(self, member: Member) -> None:
        """Take a member in: weights are inverse whole covariances."""
        weight = np.linalg.inv(member.whole)
        self.members.append(member)
        self.information = self.information + weight
        self.weighted = self.weighted + weight @ member.at
        self.weighted_own = self.weighted_own + weight @ member.own @ weight
        for cause, displacement in member.shared.items():
            self.weighted_shared[cause] = self.weighted_shared.get(cause, np.zeros(2)) + weight @ displacement
        # The fused place, its own covariance, its displacements per shared cause, and the greatest variance of it all.
        spread = np.linalg.inv(self.information)
        self.shared = {cause: spread @ displacement for cause, displacement in self.weighted_shared.items()}
        self.place, self.own = spread @ self.weighted, spread @ self.weighted_own @ spread
        self.moving = self.moving or motion_of(self, chi2=SURELY_MOVING_CHI2)[0] is True
        self.width = float(np.trace(self.own)) + sum(float(d @ d) for d in self.shared.values())

    def covariance(self) -> Floats:
        """Return the whole covariance of the fused place."""
        return self.own + sum((np.outer(d, d) for d in self.shared.values()), np.zeros((2, 2)))


def group_of(label: str, members: Iterable[Member]) -> Group:
    """Return a group of members, which are put in order of time and frame."""
    group = Group(label=label)
    for member in in_order(members):
        group.add(member)
    return group


def in_order(members: Iterable[Member]) -> list[Member]:
    """Return members in order of time, frame and detection."""
    return sorted(
        members,
        key=lambda member: (member.time_s, member.fix.detection.frame_id, member.fix.detection.detection_id),
    )


def difference(member: Member, group: Group) -> tuple[Floats, Floats]:
    """Return the vector from a group's place to a member, and the covariance of that difference."""
    covariance = member.own + group.own
    for cause in member.shared.keys() | group.shared.keys():
        apart = member.shared.get(cause, _NOTHING) - group.shared.get(cause, _NOTHING)
        covariance = covariance + np.outer(apart, apart)
    return member.at - group.place, covariance


def definite(covariance: Floats) -> Floats:
    """Return a symmetric matrix with no eigenvalue below a square millimetre."""
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    safe: Floats = (vectors * np.maximum(values, 1e-6)) @ vectors.T
    return safe


def motion_of(group: Group, chi2: float = MOVING_CHI2) -> tuple[bool | None, tuple[float, float] | None]:
    """Return whether the members cannot be one standing thing, and their mean velocity if so.

    The first and the last fix are compared with the covariance of their difference.
    """
    first, last = group.members[0], group.members[-1]
    elapsed = last.time_s - first.time_s
    if len(group.members) < 2 or elapsed <= 0:
        return None, None
    alone = Group(label=group.label)
    alone.add(first)
    gap, covariance = difference(last, alone)
    if float(gap @ np.linalg.solve(covariance, gap)) <= chi2:
        return False, None
    return True, (float(gap[0] / elapsed), float(gap[1] / elapsed))
