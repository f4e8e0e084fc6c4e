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
from typing import TypeVar

from core.clock import in_utc, iso_utc
from core.heights import AglHeight, HaeHeight, MslHeight, TakeoffHeight
from core.points import GeoPoint
from core.refusal import Refusal
from core.text import _
from flight.camera import Orientation

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
class Pose:
    """Where a camera was at an instant and where it looked.

    Attributes:
        captured_at: The instant, aware UTC.
        position: WGS-84 position of the camera, or None when the telemetry has no fix.
        height_takeoff, height_hae, height_msl, height_agl: The heights that the telemetry states; each may be None.
        yaw_deg, pitch_deg, roll_deg: Camera (gimbal) angles as in :class:`flight.camera.Orientation`; each may be None.
        sigma: One-sigma errors, or None when nothing is known (``geofence`` then uses the device class).
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

    Position and heights are interpolated linearly, angles along the shorter way. Nothing is extrapolated.

    Args:
        track: The track.
        instant: An aware time.
        max_gap_s: The longest time between the two poses that may be bridged, seconds.

    Returns:
        The pose, or a refusal with code "outside-track" or "gap-in-track".
    """
    wanted = in_utc(instant)
    subject = f"{track.source} @ {iso_utc(wanted)}"
    times = [pose.captured_at for pose in track.poses]
    right = bisect_left(times, wanted)
    if right < len(times) and times[right] == wanted:
        return track.poses[right]
    if right in {0, len(times)}:
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


def _between(before: Pose, after: Pose, share: float, instant: datetime) -> Pose:
    """Return the pose a ``share`` of the way from one pose to the next; what either lacks is absent."""

    def straight(a: float | None, b: float | None) -> float | None:
        return None if a is None or b is None else a + (b - a) * share

    def turned(a: float | None, b: float | None) -> float | None:
        return None if a is None or b is None else a + ((b - a + 180) % 360 - 180) * share

    def raised(a: _H | None, b: _H | None) -> _H | None:
        if a is None or b is None:
            return None
        return replace(a, metres=a.metres + (b.metres - a.metres) * share)

    position = None
    if before.position is not None and after.position is not None:
        lon = turned(before.position.lon_deg, after.position.lon_deg) or 0.0
        position = GeoPoint(
            lon_deg=(lon + 180) % 360 - 180,
            lat_deg=before.position.lat_deg + (after.position.lat_deg - before.position.lat_deg) * share,
        )
    return Pose(
        captured_at=instant,
        position=position,
        height_takeoff=raised(before.height_takeoff, after.height_takeoff),
        height_hae=raised(before.height_hae, after.height_hae),
        height_msl=raised(before.height_msl, after.height_msl),
        height_agl=raised(before.height_agl, after.height_agl),
        yaw_deg=turned(before.yaw_deg, after.yaw_deg),
        pitch_deg=straight(before.pitch_deg, after.pitch_deg),
        roll_deg=turned(before.roll_deg, after.roll_deg),
        sigma=before.sigma,
        assumptions=tuple(dict.fromkeys((*before.assumptions, *after.assumptions))),
    )
