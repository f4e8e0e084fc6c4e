"""What an autopilot's log says, whichever log it is: the noun, and how its streams are joined in time.

An autopilot writes positions, attitudes, gimbal angles and GPS accuracy in streams of their own, each at its own rate.
A pose is made at every position; the other streams are taken at that instant between their neighbours, never beyond
them. The attitude of the airframe is *not* where the camera looks: it is kept apart, and a log without gimbal angles
gives incomplete poses.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Final

from core.clock import in_utc
from core.heights import Geoid, HaeHeight, MslHeight, TakeoffHeight
from core.points import GeoPoint
from core.refusal import Refusal
from core.text import _
from flight.track import Pose, PoseSigma, Track, Velocity

# A log's clock begins at power-on, or (PX4 in simulation) is seconds since 1970; beyond 2100 it is damage either way.
LOG_LIMIT_S: Final = 4_102_444_800.0
EARLIEST_S: Final = 946_684_800.0  # 2000-01-01, before any of these logs was written
FASTEST_M_S: Final = 150.0  # no aircraft of ours; a place that needs more from both its neighbours is damage
STREAM_GAP_S: Final = 1.0  # streams of 1 Hz and more are joined; a longer silence is a gap
GIMBAL_SIGMA_DEG: Final = 2.0  # class of vehicle-mounted gimbals whose angles are reported, not measured

# Seconds that GPS time is ahead of UTC, from a day on (IERS Bulletin C).
_LEAP_SECONDS: Final = (
    (datetime(2017, 1, 1, tzinfo=UTC), 18),
    (datetime(2015, 7, 1, tzinfo=UTC), 17),
    (datetime(2012, 7, 1, tzinfo=UTC), 16),
    (datetime(2009, 1, 1, tzinfo=UTC), 15),
)
_GPS_EPOCH: Final = datetime(1980, 1, 6, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attitude:
    """How the airframe stood at an instant, degrees; yaw clockwise from north, pitch nose-up, roll right-down."""

    at: datetime
    yaw_deg: float
    pitch_deg: float
    roll_deg: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Shutter:
    """A photograph that the autopilot recorded.

    Attributes:
        at: When, aware UTC.
        number: From 1 in the log, or the camera's own number.
        position: Where the aircraft was, or None.
        height_takeoff_m: Above take-off, metres, or None.
    """

    at: datetime
    number: int
    position: GeoPoint | None
    height_takeoff_m: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FlightRecord:
    """What an autopilot's log says.

    Attributes:
        source: File name and kind.
        vehicle: What the log says of the vehicle; empty when it does not.
        track: Poses; camera angles only where the log holds a gimbal's.
        attitudes: The airframe's attitude.
        shutters: Photographs.
        messages: Messages read.
        damaged: Bytes that were no message and were skipped.
        clock_sigma_s: One-sigma error of the world times, seconds.
        assumptions: What was assumed or found odd, as sentences; also in the poses.
    """

    source: str
    vehicle: str
    track: Track
    attitudes: tuple[Attitude, ...]
    shutters: tuple[Shutter, ...]
    messages: int
    damaged: int
    clock_sigma_s: float
    assumptions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A position of a log at its own time.

    Attributes:
        t: Seconds on the log's clock.
        position: Where.
        msl_m: Above mean sea level, metres, or None.
        takeoff_m: Above take-off (home), metres, or None.
        hae_m: Above the WGS-84 ellipsoid, metres, or None.
        velocity: How it moves, or None.
    """

    t: float
    position: GeoPoint
    msl_m: float | None = None
    takeoff_m: float | None = None
    hae_m: float | None = None
    velocity: Velocity | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """Values at the log's own times, each a tuple of numbers.

    Attributes:
        times: Seconds, rising.
        values: One tuple a time.
        angles: Whether the values are degrees of a circle.
    """

    times: tuple[float, ...]
    values: tuple[tuple[float, ...], ...]
    angles: bool = False


def within_log(t: float) -> bool:
    """Return whether ``t`` can be a log's own time."""
    return math.isfinite(t) and 0 <= t <= LOG_LIMIT_S


def stream_of(samples: Iterable[tuple[float, Sequence[float]]], *, angles: bool = False) -> Stream:
    """Return a stream of the finite samples in rising order; of two at one time the first is kept."""
    times: list[float] = []
    values: list[tuple[float, ...]] = []
    for t, sample in sorted(samples, key=lambda pair: pair[0]):
        if within_log(t) and all(map(math.isfinite, sample)) and (not times or t > times[-1]):
            times.append(t)
            values.append(tuple(sample))
    return Stream(times=tuple(times), values=tuple(values), angles=angles)


def axes_of(samples: Iterable[tuple[float, Sequence[float]]]) -> tuple[Stream, Stream, Stream]:
    """Return yaw, pitch and roll as streams of their own, so that a missing one (NaN) does not hide the others."""
    kept = list(samples)
    yaw, pitch, roll = (stream_of(((t, angles[i : i + 1]) for t, angles in kept), angles=True) for i in range(3))
    return yaw, pitch, roll


def sample(stream: Stream, t: float, *, max_gap_s: float = STREAM_GAP_S) -> tuple[float, ...] | None:
    """Return a stream's values at ``t`` between its neighbours, or None outside it and in gaps."""
    right = bisect_right(stream.times, t)
    if right and stream.times[right - 1] == t:
        return stream.values[right - 1]
    if right in {0, len(stream.times)}:
        return None
    before, after = stream.times[right - 1], stream.times[right]
    if after - before > max_gap_s:
        return None
    share = (t - before) / (after - before)

    def between(a: float, b: float) -> float:
        return a + (((b - a + 180) % 360 - 180) if stream.angles else b - a) * share

    return tuple(between(a, b) for a, b in zip(stream.values[right - 1], stream.values[right], strict=True))


def clock_offset(pairs: Iterable[tuple[float, float]]) -> tuple[float, float] | None:
    """Return the offset (UTC seconds since 1970 less log seconds) and its one-sigma error, or None without pairs.

    Args:
        pairs: Log time and UTC time of the same instants, seconds. The median is robust against the odd late one; the
            spread is 1.4826 times the median absolute deviation.
    """
    differences = [utc - own for own, utc in pairs if within_log(own) and EARLIEST_S < utc < LOG_LIMIT_S]
    if not differences:
        return None
    middle = median(differences)
    return middle, max(1.4826 * median(abs(difference - middle) for difference in differences), 0.001)


def gps_to_unix_s(week: float, second_of_week: float) -> float | None:
    """Return UTC seconds since 1970 of a GPS week and second, or None outside 2009 to 2100."""
    if not (1500 < week < 6300 and 0 <= second_of_week < 604_800):
        return None
    instant = _GPS_EPOCH + timedelta(weeks=int(week), seconds=second_of_week)
    leap = next((seconds for since, seconds in _LEAP_SECONDS if instant >= since), None)
    return None if leap is None else instant.timestamp() - leap


def place_of(lon_deg: float | None, lat_deg: float | None) -> GeoPoint | None:
    """Return a position; zero coordinates and impossible ones are none."""
    if lon_deg is None or lat_deg is None or (lon_deg == 0 and lat_deg == 0):
        return None
    try:
        return GeoPoint(lon_deg=lon_deg, lat_deg=lat_deg)
    except ValueError:
        return None


def joined(
    *,
    name: str,
    kind: str,
    places: Sequence[Place],
    attitude: Stream,
    gimbal: tuple[Stream, Stream, Stream],
    accuracy: Stream,
    shutters: Sequence[tuple[float, int, GeoPoint | None, float | None]],
    offset: tuple[float, float] | None,
    vehicle: str,
    messages: int,
    damaged: int,
    notes: Sequence[str],
) -> FlightRecord | Refusal:
    """Return the record of a log's streams.

    Args:
        name: File name.
        kind: Kind of log, for people.
        places: Positions with a fix.
        attitude: (yaw, pitch, roll) of the airframe, degrees.
        gimbal: Yaw, pitch and roll of the camera in the world, degrees; empty when not logged.
        accuracy: (horizontal, vertical) one-sigma errors that the GPS states, metres; empty when not logged.
        shutters: Log time, number, position and height above take-off of each photograph.
        offset: As :func:`clock_offset`.
        vehicle: What the log says of the vehicle.
        messages: Messages read.
        damaged: Bytes skipped.
        notes: What was assumed already.

    Returns:
        The record, or a refusal: "no-time" (no GPS time in the log) or "no-position" (no fix in the log).
    """
    if not places:
        reason = _("holds no position with a GPS fix")
        return Refusal(subject=name, code="no-position", reason=reason)
    if offset is None:
        return Refusal(
            subject=name,
            code="no-time",
            reason=_("holds no GPS time; its own clock starts at power-on"),
            remedy=_("Use a log that was written with a GPS fix."),
        )
    seconds, sigma_s = offset
    said = list(notes)
    if damaged:
        said.append(_("{count} bytes of the log are damaged and were skipped").format(count=damaged))
    if not any(axis.times for axis in gimbal):
        said.append(_("the log holds no gimbal angles; where the camera looked is not known"))

    def dated(t: float) -> bool:
        return within_log(t) and EARLIEST_S < t + seconds < LOG_LIMIT_S

    ordered = sorted((place for place in places if dated(place.t)), key=lambda place: place.t)
    sound = _without_jumps(ordered)
    if len(sound) < len(ordered):
        said.append(_("{count} positions jump and were left out").format(count=len(ordered) - len(sound)))
    assumptions = tuple(said)
    source = f"{name}, {kind}"
    return FlightRecord(
        source=source,
        vehicle=vehicle,
        track=Track(poses=_poses(sound, gimbal, accuracy, seconds, assumptions), source=source),
        attitudes=_attitudes(attitude, seconds, dated),
        shutters=tuple(
            Shutter(at=_at(t, seconds), number=number, position=position, height_takeoff_m=height)
            for t, number, position, height in shutters
            if dated(t)
        ),
        messages=messages,
        damaged=damaged,
        clock_sigma_s=sigma_s,
        assumptions=assumptions,
    )


def _at(t: float, offset_s: float) -> datetime:
    return datetime.fromtimestamp(t + offset_s, UTC)


def _poses(
    places: Sequence[Place],
    gimbal: tuple[Stream, Stream, Stream],
    accuracy: Stream,
    offset_s: float,
    assumptions: tuple[str, ...],
) -> tuple[Pose, ...]:
    """Return a pose for every place, in strictly rising order of time."""
    poses: list[Pose] = []
    for place in places:
        at = _at(place.t, offset_s)
        if not poses or at > poses[-1].captured_at:
            angles = [sample(axis, place.t) for axis in gimbal]
            poses.append(_pose(place, at, angles, sample(accuracy, place.t), assumptions))
    return tuple(poses)


def _attitudes(attitude: Stream, offset_s: float, dated: Callable[[float], bool]) -> tuple[Attitude, ...]:
    return tuple(
        Attitude(at=_at(t, offset_s), yaw_deg=yaw % 360, pitch_deg=pitch, roll_deg=roll)
        for t, (yaw, pitch, roll) in zip(attitude.times, attitude.values, strict=True)
        if dated(t)
    )


def _without_jumps(places: Sequence[Place]) -> list[Place]:
    """Return the places less those that no flight joins to either neighbour (a log has no checksums)."""

    def reached(a: Place, b: Place) -> bool:
        apart_m = math.hypot(
            (b.position.lat_deg - a.position.lat_deg) * 111_195,
            ((b.position.lon_deg - a.position.lon_deg + 180) % 360 - 180)
            * 111_195
            * math.cos(math.radians(a.position.lat_deg)),
        )
        return apart_m <= FASTEST_M_S * max(b.t - a.t, 0.1)

    return [
        place
        for index, place in enumerate(places)
        if len(places) < 3
        or (index > 0 and reached(places[index - 1], place))
        or (index + 1 < len(places) and reached(place, places[index + 1]))
    ]


def _pose(
    place: Place,
    at: datetime,
    gimbal: Sequence[tuple[float, ...] | None],
    accuracy: tuple[float, ...] | None,
    assumptions: tuple[str, ...],
) -> Pose:
    yaw, pitch, roll = (None if angle is None else angle[0] for angle in gimbal)
    sigma = None
    if accuracy is not None and min(accuracy) > 0:
        sigma = PoseSigma(
            horizontal_m=accuracy[0],
            vertical_m=accuracy[1],
            yaw_deg=GIMBAL_SIGMA_DEG,
            pitch_deg=GIMBAL_SIGMA_DEG,
            roll_deg=GIMBAL_SIGMA_DEG,
            source="GPS accuracy in the log; angles: class of vehicle gimbals",
        )
    return Pose(
        captured_at=in_utc(at),
        position=place.position,
        height_takeoff=None if place.takeoff_m is None else TakeoffHeight(metres=place.takeoff_m),
        height_msl=None if place.msl_m is None else MslHeight(metres=place.msl_m, geoid=Geoid.UNSTATED),
        height_hae=None if place.hae_m is None else HaeHeight(metres=place.hae_m),
        yaw_deg=yaw,
        pitch_deg=pitch,
        roll_deg=roll,
        sigma=sigma,
        velocity=place.velocity,
        assumptions=assumptions,
    )


def sound_height(metres: float | None) -> float | None:
    """Return a height that can be one on Earth, else None."""
    return metres if metres is not None and math.isfinite(metres) and -12_000 <= metres <= 60_000 else None


def quaternion_angles_deg(w: float, x: float, y: float, z: float) -> tuple[float, float, float] | None:
    """Return yaw, pitch and roll of a quaternion from body to north-east-down, degrees; None when it is none.

    Aerospace sequence (yaw, pitch, roll; Z-Y'-X''), as MAVLink and PX4 have it.
    """
    norm = math.sqrt(w * w + x * x + y * y + z * z)
    if not math.isfinite(norm) or abs(norm - 1) > 0.05:
        return None
    w, x, y, z = (part / norm for part in (w, x, y, z))
    return (
        math.degrees(math.atan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))),
        math.degrees(math.asin(max(-1.0, min(1.0, 2 * (w * y - z * x))))),
        math.degrees(math.atan2(2 * (w * x + y * z), 1 - 2 * (x * x + y * y))),
    )
