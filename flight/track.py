"""Track: timed poses, with what is missing left missing.

A pose says where the camera was and where it looked, as far as the telemetry knows. A field that the telemetry does not
hold is ``None``, never zero. What a patrol declares instead ("gimbal: nadir") is filled in by
:func:`declare` and named in ``assumptions``, which travel with every result. A time outside the track is refused, never
clamped: a clamped pose would blame the wrong enterprise.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from core.clock import in_utc, iso_utc
from core.heights import AglHeight, HaeHeight, MslHeight, TakeoffHeight
from core.points import GeoPoint, LocalPlane, from_plane, to_enu, to_plane
from core.refusal import Refusal
from core.text import _
from flight.camera import Orientation, camera_to_enu

_H = TypeVar("_H", HaeHeight, MslHeight, AglHeight, TakeoffHeight)


@dataclass(frozen=True, slots=True, kw_only=True)
class PoseSigma:
    """One-sigma errors of a pose, with where the figures come from.

    Attributes:
        horizontal_m: Position, per axis, metres.
        vertical_m: Height, metres.
        yaw_deg, pitch_deg, roll_deg: Camera angles, degrees.
        source: Where the figures come from ("RTK fixed", "class: consumer GNSS").
    """

    horizontal_m: float
    vertical_m: float
    yaw_deg: float
    pitch_deg: float
    roll_deg: float
    source: str

    def __post_init__(self) -> None:
        figures = (self.horizontal_m, self.vertical_m, self.yaw_deg, self.pitch_deg, self.roll_deg)
        if not all(math.isfinite(figure) and figure >= 0 for figure in figures):
            raise ValueError("sigmas are finite and not negative")


@dataclass(frozen=True, slots=True, kw_only=True)
class Velocity:
    """How a camera moves over ground, metres a second.

    Attributes:
        east_m_s: Towards east.
        north_m_s: Towards north.
        up_m_s: Upwards, or None when only the horizontal motion is known.
    """

    east_m_s: float
    north_m_s: float
    up_m_s: float | None = None

    def __post_init__(self) -> None:
        if not all(math.isfinite(part) for part in (self.east_m_s, self.north_m_s, self.up_m_s or 0.0)):
            raise ValueError("a velocity is finite")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pose:
    """Where a camera was at an instant and where it looked.

    Attributes:
        captured_at: The instant, aware UTC.
        position: WGS-84 position of the camera, or None when the telemetry has no fix.
        height_takeoff, height_hae, height_msl, height_agl: The heights that the telemetry states; each may be None.
        yaw_deg, pitch_deg, roll_deg: Camera (gimbal) angles as in :class:`flight.camera.Orientation`; each may be None.
        sigma: One-sigma errors, or None when nothing is known (``geofence`` then uses the device class).
        velocity: How the camera moves, or None when the telemetry does not say.
        assumptions: What was declared rather than measured, as short sentences.
    """

    captured_at: datetime
    position: GeoPoint | None = None
    height_takeoff: TakeoffHeight | None = None
    height_hae: HaeHeight | None = None
    height_msl: MslHeight | None = None
    height_agl: AglHeight | None = None
    yaw_deg: float | None = None
    pitch_deg: float | None = None
    roll_deg: float | None = None
    sigma: PoseSigma | None = None
    velocity: Velocity | None = None
    assumptions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "captured_at", in_utc(self.captured_at))
        for angle in (self.yaw_deg, self.pitch_deg, self.roll_deg):
            if angle is not None and not math.isfinite(angle):
                raise ValueError("a pose's angle is finite, or None when it is not known")


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """Timed poses of one camera, in order of time.

    Attributes:
        poses: In strictly rising order of ``captured_at``.
        source: What it was read from ("DJI_0007.SRT, Mavic 3 style").
    """

    poses: tuple[Pose, ...]
    source: str

    def __post_init__(self) -> None:
        times = [pose.captured_at for pose in self.poses]
        if any(later <= earlier for earlier, later in pairwise(times)):
            raise ValueError("a track's poses are in strictly rising order of time")


@dataclass(frozen=True, slots=True, kw_only=True)
class PoseDeclaration:
    """What a patrol declares of its cameras where the telemetry is silent; every use is an assumption that travels.

    Attributes:
        yaw_deg, pitch_deg, roll_deg: Camera angles as in :class:`flight.camera.Orientation`; None for not declared.
        course_as_yaw: Whether the course over ground may stand for a missing yaw while the aircraft moves.
    """

    yaw_deg: float | None = None
    pitch_deg: float | None = None
    roll_deg: float | None = None
    course_as_yaw: bool = False

    def __post_init__(self) -> None:
        for angle in (self.yaw_deg, self.pitch_deg, self.roll_deg):
            if angle is not None and not math.isfinite(angle):
                raise ValueError("a declared angle is finite")
        if self.course_as_yaw and self.yaw_deg is not None:
            raise ValueError("a patrol declares the yaw, or permits the course over ground for it, not both")

    @property
    def empty(self) -> bool:
        """Whether nothing is declared."""
        return not self.course_as_yaw and (self.yaw_deg, self.pitch_deg, self.roll_deg) == (None, None, None)


NOTHING_DECLARED: Final = PoseDeclaration()


def declare_track(track: Track, declaration: PoseDeclaration) -> Track:
    """Return ``track`` with what a patrol declares filled in where, and only where, its poses have nothing.

    Args:
        track: The track.
        declaration: What is declared.
    """
    poses = tuple(
        declare(pose, yaw_deg=declaration.yaw_deg, pitch_deg=declaration.pitch_deg, roll_deg=declaration.roll_deg)
        for pose in track.poses
    )
    declared = replace(track, poses=poses)
    return with_course_as_yaw(declared) if declaration.course_as_yaw else declared


def missing(pose: Pose) -> tuple[str, ...]:
    """Return the names of what a pose lacks for locating: of "position", "height", "yaw", "pitch", "roll"."""
    heights = (pose.height_takeoff, pose.height_hae, pose.height_msl, pose.height_agl)
    present = {
        "position": pose.position is not None,
        "height": any(height is not None for height in heights),
        "yaw": pose.yaw_deg is not None,
        "pitch": pose.pitch_deg is not None,
        "roll": pose.roll_deg is not None,
    }
    return tuple(name for name, known in present.items() if not known)


def orientation_of(pose: Pose) -> Orientation | None:
    """Return the camera's orientation, or None when an angle is missing."""
    if pose.yaw_deg is None or pose.pitch_deg is None or pose.roll_deg is None:
        return None
    return Orientation(yaw_deg=pose.yaw_deg, pitch_deg=pose.pitch_deg, roll_deg=pose.roll_deg)


def declare(
    pose: Pose, *, yaw_deg: float | None = None, pitch_deg: float | None = None, roll_deg: float | None = None
) -> Pose:
    """Return ``pose`` with declared angles where (and only where) it has none; each declaration is an assumption."""
    notes = []

    def settle(name: str, known: float | None, declared: float | None) -> float | None:
        if known is not None or declared is None:
            return known
        notes.append(_("{angle} declared as {value}°, not measured").format(angle=name, value=declared))
        return declared

    yaw, pitch, roll = (
        settle(name, known, declared)
        for name, known, declared in (
            (_("yaw"), pose.yaw_deg, yaw_deg),
            (_("pitch"), pose.pitch_deg, pitch_deg),
            (_("roll"), pose.roll_deg, roll_deg),
        )
    )
    return replace(pose, yaw_deg=yaw, pitch_deg=pitch, roll_deg=roll, assumptions=(*pose.assumptions, *notes))


def pose_at(track: Track, instant: datetime, *, max_gap_s: float = 1.0) -> Pose | Refusal:
    """Return the pose at ``instant``, interpolated between the two poses around it.

    Positions follow the velocities where both poses know theirs (cubic Hermite in the local plane), else the straight
    line; heights likewise. A complete orientation turns the shorter way about one axis (slerp; Shoemake, SIGGRAPH
    1985), which also holds at nadir, where yaw and roll are one; an incomplete one turns angle by angle. Nothing is
    extrapolated.

    Args:
        track: The track.
        instant: An aware time.
        max_gap_s: The longest time between the two poses that may be bridged, seconds.

    Returns:
        The pose, or a refusal with code "outside-track" or "gap-in-track".
    """
    wanted = in_utc(instant)
    subject = f"{track.source} @ {iso_utc(wanted)}"
    right = bisect_left(track.poses, wanted, key=lambda pose: pose.captured_at)
    if right < len(track.poses) and track.poses[right].captured_at == wanted:
        return track.poses[right]
    if right in {0, len(track.poses)}:
        return Refusal(
            subject=subject,
            code="outside-track",
            reason=_("the time lies outside the track; no pose is known there"),
            remedy=_("Give the telemetry that covers this footage, or the device's clock offset."),
        )
    before, after = track.poses[right - 1], track.poses[right]
    gap_s = (after.captured_at - before.captured_at).total_seconds()
    if gap_s > max_gap_s:
        return Refusal(
            subject=subject,
            code="gap-in-track",
            reason=_("the track has a gap of {gap:.1f} s here, more than {limit:.1f} s").format(
                gap=gap_s, limit=max_gap_s
            ),
        )
    share = (wanted - before.captured_at).total_seconds() / gap_s
    return _between(before, after, share, wanted)


def with_course_as_yaw(track: Track, *, min_speed_m_s: float = 2.0, window_s: float = 1.0) -> Track:
    """Return ``track`` with the course over ground as yaw where a pose has none and the aircraft moves.

    To be called only when the patrol permits it: a multicopter may fly sideways, and then the course is not where the
    camera looks. Each pose says what was done. Where the aircraft is slower than ``min_speed_m_s``, yaw stays absent.

    Args:
        track: The track.
        min_speed_m_s: Slowest ground speed whose course means anything, metres a second.
        window_s: Longest time on either side from which the course is taken when no velocity is known, seconds.
    """
    note = _("yaw is the course over ground, as the patrol permits; it was not measured")
    poses = []
    for index, pose in enumerate(track.poses):
        motion = pose.velocity or _motion(track.poses, index, window_s)
        moving = motion is not None and math.hypot(motion.east_m_s, motion.north_m_s) >= min_speed_m_s
        if pose.yaw_deg is None and motion is not None and moving:
            course = math.degrees(math.atan2(motion.east_m_s, motion.north_m_s)) % 360
            poses.append(replace(pose, yaw_deg=course, assumptions=(*pose.assumptions, note)))
        else:
            poses.append(pose)
    return replace(track, poses=tuple(poses))


def _motion(poses: tuple[Pose, ...], index: int, window_s: float) -> Velocity | None:
    """Return the mean motion around a pose from the positions within the window, or None when there are not two."""
    here = poses[index].captured_at

    def reach(step: int) -> Pose | None:
        found, at = None, index
        while 0 <= at < len(poses) and abs((poses[at].captured_at - here).total_seconds()) <= window_s:
            found = poses[at] if poses[at].position is not None else found
            at += step
        return found

    first, last = reach(-1), reach(1)
    if first is None or last is None or first.position is None or last.position is None:
        return None
    elapsed_s = (last.captured_at - first.captured_at).total_seconds()
    if elapsed_s <= 0:
        return None
    offset = to_enu(LocalPlane(origin=first.position), [last.position.lon_deg, last.position.lat_deg])
    return Velocity(east_m_s=float(offset[0]) / elapsed_s, north_m_s=float(offset[1]) / elapsed_s)


def _between(before: Pose, after: Pose, share: float, instant: datetime) -> Pose:
    """Return the pose a ``share`` of the way from one pose to the next; what either lacks is absent."""
    gap_s = (after.captured_at - before.captured_at).total_seconds()
    a, b = before.velocity, after.velocity
    up = None if a is None or b is None or a.up_m_s is None or b.up_m_s is None else (a.up_m_s, b.up_m_s)

    def raised(low: _H | None, high: _H | None) -> _H | None:
        if low is None or high is None:
            return None
        return replace(low, metres=_hermite(low.metres, high.metres, up, gap_s, share))

    yaw, pitch, roll = _turned(before, after, share)
    return Pose(
        captured_at=instant,
        position=_moved(before, after, gap_s, share),
        height_takeoff=raised(before.height_takeoff, after.height_takeoff),
        height_hae=raised(before.height_hae, after.height_hae),
        height_msl=raised(before.height_msl, after.height_msl),
        height_agl=raised(before.height_agl, after.height_agl),
        yaw_deg=yaw,
        pitch_deg=pitch,
        roll_deg=roll,
        sigma=before.sigma if before.sigma == after.sigma else _coarser(before.sigma, after.sigma),
        velocity=_mixed(a, b, share),
        assumptions=tuple(dict.fromkeys((*before.assumptions, *after.assumptions))),
    )


def _mixed(a: Velocity | None, b: Velocity | None, share: float) -> Velocity | None:
    """Return the velocity a ``share`` of the way from one to the next."""
    if a is None or b is None:
        return None
    up = None if a.up_m_s is None or b.up_m_s is None else a.up_m_s + (b.up_m_s - a.up_m_s) * share
    return Velocity(
        east_m_s=a.east_m_s + (b.east_m_s - a.east_m_s) * share,
        north_m_s=a.north_m_s + (b.north_m_s - a.north_m_s) * share,
        up_m_s=up,
    )


def _coarser(a: PoseSigma | None, b: PoseSigma | None) -> PoseSigma | None:
    """Return the larger errors of two, or None when either pose's are unknown."""
    return None if a is None or b is None else max(a, b, key=lambda sigma: sigma.horizontal_m)


def _hermite(a: float, b: float, rates: tuple[float, float] | None, gap_s: float, share: float) -> float:
    """Return the value a ``share`` of the way from ``a`` to ``b``, leaving and arriving at ``rates`` per second."""
    if rates is None:
        return a + (b - a) * share
    s2, s3 = share * share, share**3
    leave, arrive = rates[0] * gap_s, rates[1] * gap_s
    return (2 * s3 - 3 * s2 + 1) * a + (s3 - 2 * s2 + share) * leave + (3 * s2 - 2 * s3) * b + (s3 - s2) * arrive


def _moved(before: Pose, after: Pose, gap_s: float, share: float) -> GeoPoint | None:
    """Return the position between two poses, in the plane that touches the first."""
    if before.position is None or after.position is None:
        return None
    plane = LocalPlane(origin=before.position)
    try:
        east, north = to_plane(plane, [after.position.lon_deg, after.position.lat_deg])
    except ValueError:  # more than 50 km in one gap: no aircraft of ours; no position rather than a wrong one
        return None
    a, b = before.velocity, after.velocity
    rates_east = None if a is None or b is None else (a.east_m_s, b.east_m_s)
    rates_north = None if a is None or b is None else (a.north_m_s, b.north_m_s)
    lonlat = from_plane(
        plane,
        [
            _hermite(0.0, float(east), rates_east, gap_s, share),
            _hermite(0.0, float(north), rates_north, gap_s, share),
        ],
    )
    return GeoPoint(lon_deg=float(lonlat[0]), lat_deg=float(lonlat[1]))


def _turned(before: Pose, after: Pose, share: float) -> tuple[float | None, float | None, float | None]:
    """Return yaw, pitch and roll between two poses."""
    a, b = orientation_of(before), orientation_of(after)
    if a is not None and b is not None:
        if (a.yaw_deg, a.pitch_deg, a.roll_deg) == (b.yaw_deg, b.pitch_deg, b.roll_deg):
            return a.yaw_deg, a.pitch_deg, a.roll_deg
        return _slerp(a, b, share)

    def one(x: float | None, y: float | None) -> float | None:
        return None if x is None or y is None else x + ((y - x + 180) % 360 - 180) * share

    return (
        one(before.yaw_deg, after.yaw_deg),
        one(before.pitch_deg, after.pitch_deg),
        one(before.roll_deg, after.roll_deg),
    )


def _slerp(a: Orientation, b: Orientation, share: float) -> tuple[float, float, float]:
    """Return the orientation a ``share`` of the way from ``a`` to ``b`` about the one axis that joins them."""
    first = camera_to_enu(a)
    difference = first.T @ camera_to_enu(b)
    angle = math.acos(max(-1.0, min(1.0, (float(np.trace(difference)) - 1) / 2)))
    if angle < 1e-9 or math.pi - angle < 1e-6:  # the same, or opposite: no axis is shorter than another
        nearest = a if share < 0.5 else b
        return nearest.yaw_deg, nearest.pitch_deg, nearest.roll_deg
    x, y, z = (float(difference[i, j] - difference[j, i]) / (2 * math.sin(angle)) for i, j in ((2, 1), (0, 2), (1, 0)))
    turn = angle * share
    skew = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    step = np.eye(3) + math.sin(turn) * skew + (1 - math.cos(turn)) * skew @ skew  # Rodrigues
    return _angles_of(first @ step, a.roll_deg + ((b.roll_deg - a.roll_deg + 180) % 360 - 180) * share)


def _angles_of(rotation: NDArray[np.float64], roll_hint_deg: float) -> tuple[float, float, float]:
    """Return yaw, pitch and roll of a rotation from camera axes to east, north, up.

    Two triples name every rotation (pitch and 180° − pitch); the one whose roll is nearer the hint is taken, so that an
    inverted mount stays inverted. Straight up or down only yaw ± roll is determined, and the hint settles the roll.
    """
    right, forward = rotation[:, 0], rotation[:, 2]
    pitch = math.asin(max(-1.0, min(1.0, float(forward[2]))))
    if math.hypot(float(forward[0]), float(forward[1])) < 1e-6:
        # right = about_up(yaw) · (cos roll, ±sin roll, 0) in east, north, up: undo the hinted roll.
        turned = math.radians(roll_hint_deg) * (1 if pitch > 0 else -1)
        yaw = -math.atan2(float(right[1]), float(right[0])) - turned
        return math.degrees(yaw) % 360, math.degrees(pitch), roll_hint_deg
    yaw = math.atan2(float(forward[0]), float(forward[1]))
    level = np.array([math.cos(yaw), -math.sin(yaw), 0.0])
    below = np.cross(forward, level)
    roll = math.degrees(math.atan2(float(right @ below), float(right @ level)))
    if abs((roll - roll_hint_deg + 180) % 360 - 180) > 90:
        return (
            (math.degrees(yaw) + 180) % 360,
            math.copysign(180, pitch) - math.degrees(pitch),
            (roll + 360) % 360 - 180,
        )
    return math.degrees(yaw) % 360, math.degrees(pitch), roll
