"""From fixes to sightings: counts of things, not of boxes.

Fixes are taken frame by frame in order of time. Those of one frame are matched to the sightings gathered so far,
class by class, as one assignment problem (Hungarian method) on Mahalanobis distances, so that a row of parked cars
keeps its order. Where several places are possible, the size on the ground and the colour of the box's middle help to
choose; a lorry is never taken for the car beside it, nor a red car for a white one. Two boxes of one frame end in one
sighting only where their outlines over the frames show that they are pieces of one thing
(:mod:`geofence.gathering.gather_parts`). Every fix ends in exactly one sighting.

What decides whether two fixes can be one thing is the covariance of their *difference*. Errors that they share (one
compass bias, one ground) move both and cancel as far as the geometry says so: two photos from one spot are compared
to decimetres, two from opposite sides to the full width of a heading error. What decides how well the fused place is
known is the covariance of their *mean*, in which the same shared errors do not shrink. Both come from the causes that
each :class:`~geofence.fix.Fix` carries; causes are shared within a sortie, and the ground's and the body's own for
ever.

A thing that moves is followed over short gaps only (footage, not photographs every few seconds), from its first look
on and as long as it keeps moving; what was seen to stand and then drives off is a new sighting. Passes count looks
that are separated by at least ``pass_gap_s``: photos along a survey strip follow each other in 2–5 s and the
neighbouring strip comes back after half a minute or more, so 30 s tells one look from the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray
from shapely import Polygon

from core.points import GeoPoint, LocalPlane, distance_m, from_plane, to_plane
from geofence.fix import Covariance, Fix
from geofence.gathering.gather_drive import join_driven
from geofence.gathering.gather_group import Group, Member, Stand, definite, difference, in_order, motion_of
from geofence.gathering.gather_likeness import UNLIKE_ALTOGETHER, unlike
from geofence.gathering.gather_parts import Look, one_thing_each
from geofence.gathering.gather_raise import raise_groups
from geofence.sighting import Sighting

Floats = NDArray[np.float64]

GATE_CHI2: Final = 9.21  # 99 % of two degrees of freedom
_SPEED_CHANGE_M_S: Final = 3.0  # how much a vehicle's speed changes from one look to the next, one sigma
_AREA_M: Final = 20_000.0  # fixes farther apart are gathered in planes of their own
_SETTING_OFF: Final = 2.0  # what it costs, as a squared distance, to take one look's thing for moving
_FLATTEST: Final = 0.05  # sine of the flattest ray that says how it falls; locating refuses such rays
_LASTING: Final = frozenset({"ground", "lift", "focal"})  # causes that outlive a sortie


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathering:
    """How fixes are gathered.

    Attributes:
        gate_chi2: Largest squared Mahalanobis distance of two fixes of one thing.
        pass_gap_s: Looks separated by at least this are two passes, seconds.
        sortie_gap_s: Fixes separated by more than this come from two sorties, whose pose errors are independent.
        follow_s: How long a moving thing is followed from its last fix, seconds.
        fastest_m_s: How fast things move at most, metres per second.
        by_colour: Whether the colour of bodies has a say.
    """

    gate_chi2: float = GATE_CHI2
    pass_gap_s: float = 30.0
    sortie_gap_s: float = 900.0
    follow_s: float = 1.5
    fastest_m_s: float = 20.0
    by_colour: bool = True

    def __post_init__(self) -> None:
        figures = (self.gate_chi2, self.pass_gap_s, self.sortie_gap_s, self.follow_s, self.fastest_m_s)
        if not all(np.isfinite(figure) and figure >= 0 for figure in figures):
            raise ValueError("the figures of a gathering are finite and not negative")


def gather(fixes: Sequence[Fix], *, how: Gathering | None = None) -> tuple[Sighting, ...]:
    """Return sightings such that every fix is in exactly one of them.

    Args:
        fixes: Fixes of any classes, frames, places, sorties and days.
        how: The figures; the defaults are described in :class:`Gathering`.

    Returns:
        Sightings in order of their first fix.
    """
    rules = how or Gathering()
    sightings = [sighting for area in _areas(fixes) for sighting in _gather_area(area, rules)]
    return tuple(sorted(sightings, key=lambda sighting: (sighting.first_seen, sighting.sighting_id)))


def _areas(fixes: Sequence[Fix]) -> list[list[Fix]]:
    """Return the fixes in groups that each fit a local plane: within 20 km of the first of their group."""
    areas: list[list[Fix]] = []
    for fix in sorted(fixes, key=lambda fix: (fix.captured_at, fix.detection.detection_id)):
        home = next((area for area in areas if distance_m(area[0].point, fix.point) <= _AREA_M), None)
        if home is None:
            areas.append([fix])
        else:
            home.append(fix)
    return areas


def _gather_area(fixes: Sequence[Fix], rules: Gathering) -> list[Sighting]:
    """Return the sightings of one area."""
    plane = LocalPlane(origin=fixes[0].point)
    members = _members(fixes, plane, rules)
    groups: dict[str, list[Group]] = {}
    for _frame, frame_members in groupby(members, key=lambda member: (member.time_s, member.fix.detection.frame_id)):
        of_frame = list(frame_members)
        for label in sorted({member.fix.detection.label for member in of_frame}):
            kin = groups.setdefault(label, [])
            _take(kin, label, [member for member in of_frame if member.fix.detection.label == label], rules)
    sightings = []
    for gathered in groups.values():
        kin = raise_groups(gathered, fastest_m_s=rules.fastest_m_s, by_colour=rules.by_colour)
        kin = join_driven(kin, follow_s=rules.follow_s, fastest_m_s=rules.fastest_m_s, by_colour=rules.by_colour)
        for first, *parts in one_thing_each([_looks(group) for group in kin]):
            sightings.append(_sighting(kin[first], [kin[at] for at in parts], plane, rules))
    return sightings


def _looks(group: Group) -> list[Look]:
    """Return a standing group's boxes as outlines in the working plane; what moves or is raised has none there."""
    if group.moving or group.stand is not None:
        return []
    return [
        Look(frame_id=member.fix.detection.frame_id, time_s=member.time_s, outline=outline)
        for member in group.members
        if member.fix.outline_m
        and (outline := Polygon(member.at + np.array(member.fix.outline_m))).is_valid
        and outline.area > 0
    ]


def _members(fixes: Sequence[Fix], plane: LocalPlane, rules: Gathering) -> list[Member]:
    """Return the fixes in the working plane, in order of time and frame."""
    ordered = sorted(fixes, key=lambda fix: (fix.captured_at, fix.detection.frame_id, fix.detection.detection_id))
    places = to_plane(plane, np.array([[fix.point.lon_deg, fix.point.lat_deg] for fix in ordered]))
    # A camera that lies farther off than the slant says is none; its fix is gathered without its ray.
    seers = [fix.camera_point if distance_m(fix.point, fix.camera_point) < fix.slant_m else None for fix in ordered]
    cameras = to_plane(
        plane,
        np.array([[(at := seer or fix.point).lon_deg, at.lat_deg] for seer, fix in zip(seers, ordered, strict=True)]),
    )
    start = ordered[0].captured_at
    members: list[Member] = []
    sortie, before = 0, 0.0
    for fix, place, camera in zip(ordered, places, cameras, strict=True):
        now = (fix.captured_at - start).total_seconds()
        if now - before > rules.sortie_gap_s:
            sortie += 1
        before = now
        shared = {
            (error.cause, -1 if error.cause in _LASTING else sortie): np.array([error.east_m, error.north_m])
            for error in fix.common
        }
        whole = fix.covariance.matrix()
        own = whole - sum((np.outer(d, d) for d in shared.values()), np.zeros((2, 2)))
        slope, drop_m = (None, 0.0) if seers[len(members)] is None else _fall(fix, place - camera)
        members.append(
            Member(
                fix=fix,
                at=place,
                own=definite(own),
                whole=whole,
                shared=shared,
                time_s=now,
                slope=slope,
                drop_m=drop_m,
            )
        )
    return members


def _fall(fix: Fix, onward: Floats) -> tuple[Floats | None, float]:
    """Return how far a fix's ray goes on for each metre that it falls, and how far it fell; None if it is no ray."""
    drop2 = fix.slant_m**2 - float(onward @ onward)
    if drop2 <= (_FLATTEST * fix.slant_m) ** 2:
        return None, 0.0
    drop_m = float(np.sqrt(drop2))
    return onward / drop_m, drop_m


def _take(kin: list[Group], label: str, members: list[Member], rules: Gathering) -> None:
    """Put the members of one frame and class into that class's groups; those that fit none begin one."""
    for member in _assign(_near(kin, members, rules), members, rules):
        group = Group(label=label)
        group.add(member)
        kin.append(group)


def _near(groups: list[Group], members: list[Member], rules: Gathering) -> list[Group]:
    """Return the groups that may take any of the members: a coarse test that never leaves one out.

    The covariance of a difference is at most twice the sum of both, since (a − b)(a − b)ᵀ ≤ 2aaᵀ + 2bbᵀ.
    """
    if not groups:
        return []
    places = np.array([group.place for group in groups])
    last = np.array([group.members[-1].at for group in groups])
    width = np.array([group.width for group in groups])
    elapsed = members[0].time_s - np.array([group.members[-1].time_s for group in groups])
    run = np.where(elapsed <= rules.follow_s, rules.fastest_m_s * elapsed, 0.0)
    reach = np.zeros(len(groups), dtype=bool)
    for member in members:
        far2 = 2 * rules.gate_chi2 * (width + float(np.trace(member.whole)))
        reach |= np.sum((places - member.at) ** 2, axis=1) <= far2
        reach |= np.sum((last - member.at) ** 2, axis=1) <= (np.sqrt(far2) + run) ** 2
    return [group for group, may in zip(groups, reach, strict=True) if may]


def _assign(groups: list[Group], members: list[Member], rules: Gathering) -> list[Member]:
    """Give members to groups by the assignment of least cost within the gate; return those that found none."""
    from scipy.optimize import linear_sum_assignment

    if not groups or not members:
        return members
    cost = np.full((len(members), len(groups)), np.inf)
    for i, member in enumerate(members):
        for j, group in enumerate(groups):
            apart = _cost(member, group, rules)
            if np.isfinite(apart):
                looked = [one.fix for one in group.members]
                cost[i, j] = apart + unlike(member.fix, looked, by_colour=rules.by_colour)
    # Staying alone costs the gate: a column of its own for each member.
    alone = np.full((len(members), len(members)), 1e9)
    np.fill_diagonal(alone, rules.gate_chi2)
    alone[np.diag_indices(len(members))] += UNLIKE_ALTOGETHER
    rows, columns = linear_sum_assignment(np.concatenate([np.where(np.isfinite(cost), cost, 1e9), alone], axis=1))
    left = []
    for i, j in zip(rows, columns, strict=True):
        if j < len(groups) and np.isfinite(cost[i, j]):
            groups[j].followed |= not _may_stand(members[i], groups[j], rules) < np.inf
            groups[j].add(members[i])
        else:
            left.append(members[i])
    return left


def _cost(member: Member, group: Group, rules: Gathering) -> float:
    """Return the squared Mahalanobis distance of a member to a group, or inf outside the gate."""
    moving = group.moving
    standing = np.inf if moving else _may_stand(member, group, rules)
    if standing < np.inf:
        return standing
    # What was seen to stand is not taken to have driven off: that would make one thing of two parked side by side.
    last = group.members[-1]
    elapsed = member.time_s - last.time_s
    setting_off = group.followed or len(group.members) == 1
    if not (moving or setting_off) or not 0 < elapsed <= rules.follow_s:
        return np.inf
    if float(np.hypot(*(member.at - last.at))) > rules.fastest_m_s * elapsed + 3 * np.sqrt(np.trace(last.own)):
        return np.inf
    # Where it went on to, if it was seen to go; within how much, by how well its speed is known.
    velocity = _velocity(group, rules)
    gap = member.at - last.at - (0.0 if velocity is None else velocity * elapsed)
    loose = rules.fastest_m_s / 3 if velocity is None else _SPEED_CHANGE_M_S
    covariance = member.own + last.own + np.eye(2) * (loose * elapsed) ** 2
    distance = float(gap @ np.linalg.solve(covariance, gap)) + (0.0 if moving else _SETTING_OFF)
    return distance if distance <= rules.gate_chi2 else np.inf


def _may_stand(member: Member, group: Group, rules: Gathering) -> float:
    """Return the squared Mahalanobis distance of a member to where a group stands, or inf outside the gate."""
    far = member.at - group.place
    if float(far @ far) > 2 * rules.gate_chi2 * (group.width + float(np.trace(member.whole))):
        return np.inf
    gap, covariance = difference(member, group)
    distance = float(gap @ np.linalg.solve(covariance, gap))
    return distance if distance <= rules.gate_chi2 else np.inf


def _velocity(group: Group, rules: Gathering) -> Floats | None:
    """Return how fast the last two fixes of a group moved, metres per second; None when they do not tell."""
    if len(group.members) < 2:
        return None
    before, last = group.members[-2:]
    elapsed = last.time_s - before.time_s
    if not 0 < elapsed <= rules.follow_s:
        return None
    velocity: Floats = (last.at - before.at) / elapsed
    return velocity


def _sighting(group: Group, parts: Sequence[Group], plane: LocalPlane, rules: Gathering) -> Sighting:
    """Return a finished group as a sighting; pieces of it that were boxed apart count as seen, but do not place it."""
    moving, velocity = _motion(group)
    if moving is None and any(motion_of(part)[0] is False for part in parts):
        moving = False  # a piece that was seen to stand stands with the whole
    if group.stand is not None:
        place, covariance = _standing(group, group.stand)
    elif moving:
        # A moving thing has no one place: it is where it was seen last.
        last = group.members[-1]
        place, covariance = last.at, last.whole
    else:
        place, covariance = group.place, group.covariance()
    lon, lat = from_plane(plane, place)
    members = in_order(member for one in (group, *parts) for member in one.members)
    times = [member.time_s for member in members]
    return Sighting(
        label=group.label,
        fixes=tuple(member.fix for member in members),
        point=GeoPoint(lon_deg=float(lon), lat_deg=float(lat)),
        covariance=Covariance(
            east_m2=float(covariance[0, 0]), north_m2=float(covariance[1, 1]), east_north_m2=float(covariance[0, 1])
        ),
        passes=1 + sum(later - earlier >= rules.pass_gap_s for earlier, later in pairwise(times)),
        moving=moving,
        velocity_m_s=velocity,
        height_above_ground_m=group.stand.height_m if group.stand is not None and group.stand.told else None,
        height_sigma_m=group.stand.sigma_m if group.stand is not None and group.stand.told else None,
    )


def _motion(group: Group) -> tuple[bool | None, tuple[float, float] | None]:
    """Return whether a group moves, and its velocity: as its rays or its pieces told, else by its ends."""
    if group.stand is not None:
        return (False if group.stand.told else None), None
    if group.velocity_m_s is not None:
        return True, group.velocity_m_s
    return motion_of(group)


def _standing(group: Group, stand: Stand) -> tuple[Floats, Floats]:
    """Return place and covariance of what stands above the ground, or of what may as well creep over it."""
    if stand.told:
        return stand.place, stand.covariance
    # Between where it would stand and where it was seen on the ground, as doubtful as those lie apart.
    places = np.array([stand.place, *(member.at for member in group.members)])
    middle = (stand.place + group.place) / 2
    off = places - middle
    return middle, stand.covariance + group.covariance() + np.einsum("ni,nj->ij", off, off) / len(off)
