"""What the vehicle says of its camera: gimbal reports and photographs, brought together by the vehicle's own time.

ArduPilot fills the angles of CAMERA_FEEDBACK with the *aircraft's* attitude, so a photograph's angles are taken from
the gimbal reports before and after it, interpolated. Three dialects of gimbal report are read:
GIMBAL_DEVICE_ATTITUDE_STATUS (gimbal protocol v2), MOUNT_ORIENTATION and MOUNT_STATUS (v1). Times are seconds since the
vehicle started.

A gimbal of plain servos (ArduPilot's MNT1_TYPE 1) has no sensor of its own: ArduPilot reports the servos' angles, which
it made by taking the aircraft's roll and pitch off the wanted ones (AP_Mount_Servo::update_angle_outputs), while its
flags say that they are against the horizon. The aircraft's attitude is put back on here; without that a camera that
looks straight down from an aircraft that leans by 12° would seem to look 12° aside.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias

from core.points import GeoPoint
from flight.flight_log import PhotoGap, Trigger

Message: TypeAlias = Any  # a pymavlink message

_STALE_S: Final = 1.0  # a gimbal report older than this (vehicle time) says nothing of the present
_OTHER_CLOCK_S: Final = 3.0  # times further than this from the autopilot's are another clock's
_REPORT_LATE_S: Final = 60.0  # a report that was asked for again tells of a photograph that is as old as this
_LATE_S: Final = 3.0  # how long a report may be overtaken on the way before its number counts as missing
_SAME_S: Final = 0.25  # two reports of one number and one time are of one photograph
_WAIT_S: Final = 1.5  # how long a photograph waits for the gimbal report behind it, vehicle time
_YAW_LOCK, _YAW_VEHICLE, _YAW_EARTH = 16, 32, 64  # GIMBAL_DEVICE_FLAGS


@dataclass(frozen=True, slots=True, kw_only=True)
class Angles:
    """Camera angles at an instant: yaw from north, pitch from the horizon, roll; degrees."""

    time_s: float
    yaw_deg: float
    pitch_deg: float
    roll_deg: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Photograph:
    """A photograph that waits for its angles."""

    boot_s: float
    at: datetime
    position: GeoPoint
    height_m: float
    number: int
    index: int


@dataclass(slots=True)
class VehicleTime:
    """Turns the vehicle's seconds since start into UTC, as far as the vehicle knows UTC itself.

    Attributes:
        zero: UTC of the vehicle's start.
        from_vehicle: Whether ``zero`` is the vehicle's own word (GNSS time) and not our arrival time.
        rate: Vehicle seconds per wall-clock second, about 1 in the air, more in a simulator.
        rate_known: Whether the rate has been measured.
        latest_s: The newest vehicle time heard.
    """

    zero: datetime | None = None
    from_vehicle: bool = False
    rate: float = 1.0
    rate_known: bool = False
    latest_s: float = 0.0
    _marks: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=200))

    def heard(self, boot_s: float, wall_s: float, now: datetime) -> None:
        """Note a message that carries time since start."""
        if boot_s + 5 < self.latest_s:  # the vehicle has started anew
            self._marks.clear()
            self.zero, self.from_vehicle, self.latest_s = None, False, boot_s
        if self.zero is None:
            self.zero = now - timedelta(seconds=boot_s)
        self.latest_s = max(self.latest_s, boot_s)
        if not self._marks or wall_s - self._marks[-1][0] >= 0.05:
            self._marks.append((wall_s, boot_s))
            first = self._marks[0]
            if wall_s - first[0] > 0.5:
                self.rate, self.rate_known = max(0.1, (boot_s - first[1]) / (wall_s - first[0])), True

    def unix_heard(self, unix_s: float, boot_s: float) -> bool:
        """Note SYSTEM_TIME; return whether it moved the times told so far.

        A vehicle without GNSS sends 0 or a date long ago, which is no time. Milliseconds of rounding are not followed,
        or times would run backward.
        """
        if unix_s <= 1_500_000_000:
            return False
        zero = datetime.fromtimestamp(unix_s - boot_s, UTC)
        moved = self.zero is None or abs((zero - self.zero).total_seconds()) > 0.02
        if moved:
            self.zero = zero
        self.from_vehicle = True
        return moved

    def utc(self, boot_s: float) -> datetime:
        """Return the instant at ``boot_s``."""
        if self.zero is None:
            raise ValueError("no message with the vehicle's time has been heard yet")
        return self.zero + timedelta(seconds=boot_s)


def euler(q: Sequence[float]) -> tuple[float, float, float]:
    """Return yaw, pitch and roll in degrees of a quaternion (w, x, y, z), aerospace order.

    Near nadir the same rotation has two readings; the one with |roll| ≤ 90° is given, so that a camera that shakes
    across −90° does not seem to stand on its head.
    """
    w, x, y, z = q
    roll = math.degrees(math.atan2(2 * (w * x + y * z), 1 - 2 * (x * x + y * y)))
    pitch = math.degrees(math.asin(max(-1.0, min(1.0, 2 * (w * y - z * x)))))
    yaw = math.degrees(math.atan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z)))
    if abs(roll) > 90:
        yaw, pitch, roll = yaw + 180, 180 - pitch, roll + 180
    return yaw % 360, (pitch + 180) % 360 - 180, (roll + 180) % 360 - 180


@dataclass(slots=True, kw_only=True)
class CameraReports:
    """Gathers gimbal reports and photographs.

    Attributes:
        times: The vehicle's time.
        heading_deg: The aircraft's heading, degrees from north, as last reported.
        planned_pitch_deg: The pitch that the mission orders now, for vehicles that report no gimbal.
        servo_gimbal: Whether gimbal reports are angles of servos on the airframe.
    """

    times: VehicleTime
    heading_deg: float = 0.0
    planned_pitch_deg: float | None = None
    servo_gimbal: bool = False
    _leaning: deque[tuple[float, float, float]] = field(default_factory=lambda: deque(maxlen=50))
    _base: int | None = None
    _highest: tuple[int, float] = (0, -math.inf)
    _angles: deque[Angles] = field(default_factory=lambda: deque(maxlen=600))
    _waiting: deque[_Photograph] = field(default_factory=deque)
    _seen: set[tuple[int, int]] = field(default_factory=set)
    _known: dict[int, datetime] = field(default_factory=dict)
    _complete_to: int = 0
    _gaps: deque[PhotoGap] = field(default_factory=deque)

    def attitude(self, message: Message) -> None:
        """Take the aircraft's attitude (ATTITUDE)."""
        if all(map(math.isfinite, (message.yaw, message.pitch, message.roll))):
            self.heading_deg = math.degrees(message.yaw) % 360
            leaning = (message.time_boot_ms / 1000, math.degrees(message.pitch), math.degrees(message.roll))
            self._leaning.append(leaning)

    def _levelled(self, boot_s: float, pitch_deg: float, roll_deg: float) -> tuple[float, float] | None:
        """Return servo angles against the horizon; None when the aircraft's attitude then is not known."""
        near = min(self._leaning, key=lambda leaning: abs(leaning[0] - boot_s), default=None)
        if near is None or abs(near[0] - boot_s) > _STALE_S:
            return None
        return pitch_deg + near[1], roll_deg + near[2]

    def gimbal(self, message: Message) -> None:
        """Take a gimbal report."""
        kind = message.get_type()
        if kind == "GIMBAL_DEVICE_ATTITUDE_STATUS":
            boot_s = message.time_boot_ms / 1000
            yaw, pitch, roll = euler(message.q)
            earth = message.flags & _YAW_EARTH or (not message.flags & _YAW_VEHICLE and message.flags & _YAW_LOCK)
            yaw = yaw if earth else yaw + self.heading_deg
        elif kind == "MOUNT_ORIENTATION":
            boot_s, pitch, roll = message.time_boot_ms / 1000, message.pitch, message.roll
            absolute = getattr(message, "yaw_absolute", 0.0)
            yaw = absolute or message.yaw + self.heading_deg
        else:  # MOUNT_STATUS: centidegrees, body frame yaw
            boot_s = self.times.latest_s
            pitch, roll = message.pointing_a / 100, message.pointing_b / 100
            yaw = message.pointing_c / 100 + self.heading_deg
        if abs(boot_s - self.times.latest_s) > _OTHER_CLOCK_S:
            boot_s = self.times.latest_s  # a gimbal with a computer, and a start, of its own
        if self.servo_gimbal:
            level = self._levelled(boot_s, pitch, roll)
            if level is None:
                return
            pitch, roll = level
        if all(map(math.isfinite, (yaw, pitch, roll))):
            self._angles.append(Angles(time_s=boot_s, yaw_deg=yaw % 360, pitch_deg=pitch, roll_deg=roll))

    def now(self) -> Angles | None:
        """Return the newest camera angles, or None when there are none or they are stale."""
        newest = self._angles[-1] if self._angles else None
        return newest if newest is not None and self.times.latest_s - newest.time_s <= _STALE_S else None

    def at(self, boot_s: float) -> Angles | None:
        """Return the angles at a vehicle time, interpolated; None when no report is near."""
        before = next((a for a in reversed(self._angles) if a.time_s <= boot_s), None)
        after = next((a for a in self._angles if a.time_s >= boot_s), None)
        if before is None or after is None:
            near = before or after
            return near if near is not None and abs(near.time_s - boot_s) <= _STALE_S else None
        span = after.time_s - before.time_s
        if span > 2 * _STALE_S:
            return None
        share = (boot_s - before.time_s) / span if span > 0 else 0.0
        turn = (after.yaw_deg - before.yaw_deg + 180) % 360 - 180
        return Angles(
            time_s=boot_s,
            yaw_deg=(before.yaw_deg + share * turn) % 360,
            pitch_deg=before.pitch_deg + share * (after.pitch_deg - before.pitch_deg),
            roll_deg=before.roll_deg + share * (after.roll_deg - before.roll_deg),
        )

    def photograph(self, message: Message) -> None:
        """Take CAMERA_FEEDBACK (ArduPilot) or CAMERA_IMAGE_CAPTURED (MAVLink camera protocol, PX4)."""
        if message.get_type() == "CAMERA_FEEDBACK":
            unix_us, index = message.time_usec, message.img_idx
            lat, lon, height = message.lat, message.lng, message.alt_rel
            late_s = _REPORT_LATE_S
        else:
            unix_us, index = message.time_utc, message.image_index
            lat, lon, height = message.lat, message.lon, message.relative_alt / 1000
            late_s = _OTHER_CLOCK_S  # the camera's clock, which need not be the autopilot's
        if (unix_us, index) in self._seen or self.times.zero is None:
            return  # the link delivered it twice, or it comes before the first word of the vehicle's time
        self._seen.add((unix_us, index))
        if not (abs(lat) <= 900_000_000 and abs(lon) <= 1_800_000_000 and (lat or lon) and math.isfinite(height)):
            if self._base is None and not self._known:
                self._base = index  # asked for before the first photograph: where the camera's numbering stands
            return  # without a position a photograph has no pose; what is missing shows as a gap in the numbering
        at, boot_s = self._moment(unix_us, late_s)
        if self._had(index, at):
            return
        self._waiting.append(
            _Photograph(
                boot_s=boot_s,
                at=at,
                position=GeoPoint(lon_deg=lon / 1e7, lat_deg=lat / 1e7),
                height_m=float(height),
                number=self._numbered(index, boot_s),
                index=index,
            )
        )

    def begin_sortie(self, taken: Sequence[Trigger] = ()) -> None:
        """Number photographs from 1 again, or on from those that were taken before this link was opened."""
        if self._base is not None:
            self._base += self._highest[0]
        self._known = {trigger.number: trigger.at for trigger in taken}
        self._waiting.clear()
        self._gaps.clear()
        self._highest, self._complete_to = (0, -math.inf), 0
        if taken:
            last = max(taken, key=lambda trigger: trigger.number)
            self._base = last.index - last.number
            self._highest, self._complete_to = (last.number, -math.inf), last.number

    def _had(self, index: int, at: datetime) -> bool:
        """Return whether a photograph is here already: a report that was asked for again, by this link or another."""
        known = None if self._base is None else self._known.get(index - self._base)
        return known is not None and abs((at - known).total_seconds()) < _SAME_S

    def _moment(self, unix_us: int, late_s: float) -> tuple[datetime, float]:
        """Return when a photograph was taken, in UTC and in vehicle time.

        A time further from the present than a report can be late is another clock's; that of arrival stands in.
        """
        boot_s = self.times.latest_s
        if self.times.zero is not None and unix_us > 1_500_000_000_000_000:
            told = datetime.fromtimestamp(unix_us / 1e6, UTC)
            told_s = (told - self.times.zero).total_seconds()
            if abs(told_s - boot_s) <= late_s:
                return told, told_s
        return self.times.utc(boot_s), boot_s

    def _numbered(self, index: int, boot_s: float) -> int:
        """Return a photograph's number in this sortie from the camera's own numbering.

        Reports that were lost leave a gap, so numbers keep step with the images on the card; one that was overtaken on
        the way keeps its place; a camera that began to count anew is counted on from where it was.
        """
        highest, highest_s = self._highest
        if self._base is None:
            self._base = index - 1 - highest
        number = index - self._base
        if number < 1 or (number <= highest and boot_s > highest_s):
            self._base = index - 1 - highest
            number = highest + 1
        if number > highest:
            self._highest = (number, boot_s)
        return number

    def settled(self, *, flush: bool = False) -> list[Trigger]:
        """Return the photographs whose angles are now known (with ``flush``, all that still wait)."""
        done = []
        while self._waiting:
            photograph = self._waiting[0]
            newest = self._angles[-1].time_s if self._angles else -math.inf
            if newest < photograph.boot_s and self.times.latest_s - photograph.boot_s < _WAIT_S and not flush:
                break
            self._waiting.popleft()
            angles = self.at(photograph.boot_s)
            if angles is None and self.planned_pitch_deg is None:
                continue  # no angles, not even ordered ones: its number becomes a gap
            self._known[photograph.number] = photograph.at
            done.append(
                Trigger(
                    at=photograph.at,
                    number=photograph.number,
                    position=photograph.position,
                    height_takeoff_m=photograph.height_m,
                    yaw_deg=self.heading_deg if angles is None else angles.yaw_deg,
                    pitch_deg=(self.planned_pitch_deg or 0.0) if angles is None else angles.pitch_deg,
                    roll_deg=0.0 if angles is None else angles.roll_deg,
                    angles_from="plan" if angles is None else "gimbal",
                    index=photograph.index,
                )
            )
        self._look_for_gaps(flush=flush)
        return done

    def gaps(self) -> list[PhotoGap]:
        """Return the gaps found since the last call."""
        found = list(self._gaps)
        self._gaps.clear()
        return found

    def _look_for_gaps(self, *, flush: bool) -> None:
        """Note the numbers that are missing before the newest photograph, once a late report would have come."""
        highest, highest_s = self._highest
        if highest <= self._complete_to or (self.times.latest_s - highest_s < _LATE_S and not flush):
            return
        if any(photograph.number <= highest for photograph in self._waiting):
            return
        number = self._complete_to + 1
        while number <= highest:
            if number in self._known:
                number += 1
                continue
            last = number
            while last + 1 not in self._known and last + 1 <= highest:
                last += 1
            behind = self._known.get(last + 1)
            self._gaps.append(
                PhotoGap(
                    first=number,
                    last=last,
                    after=self._known.get(number - 1),
                    before=behind if behind is not None else self.times.utc(self.times.latest_s),
                )
            )
            number = last + 1
        self._complete_to = highest
