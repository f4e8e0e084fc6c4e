"""Mission items: a sortie in the words of the MAVLink mission protocol; the one place that says how it becomes them.

The link uploads these items and the ``.plan`` and ``.waypoints`` files hold the very same.

One waypoint of a sortie becomes one navigation item and, before it, the items that set the speed, the camera pitch,
the heading and the photographs *on the way to it*: an autopilot carries out the DO items that stand between two
navigation items when it starts on the second one. A single photograph (a LOOK) stands behind its navigation item, whose
first parameter is the time to stand still. ArduPilot and PX4 differ in four places, all settled here: ArduPilot keeps
home as item 0, ignores what PX4 reads from ``param4`` and ``z``, cannot be sent a NaN, and takes a single photograph by
DO_DIGICAM_CONTROL (which every version knows; ardupilot.org/dev/docs/mavlink-camera.html) where PX4 takes it by
IMAGE_START_CAPTURE (mavlink.io/en/services/camera.html).

Numbers of commands, frames and results are those of the MAVLink common message set
(https://mavlink.io/en/messages/common.html). Nothing here needs pymavlink, so planning and export can use it too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Final

from core.points import GeoPoint
from flight.flight_plan import Leg, Sortie, Waypoint


class Dialect(StrEnum):
    """Which autopilot's reading of the protocol is meant."""

    ARDUPILOT = "ardupilot"
    PX4 = "px4"


class Command(IntEnum):
    """The MAV_CMD numbers that Skywarden's missions, fences and rally points use."""

    NAV_WAYPOINT = 16
    NAV_RETURN_TO_LAUNCH = 20
    NAV_LAND = 21
    NAV_TAKEOFF = 22
    CONDITION_YAW = 115
    DO_CHANGE_SPEED = 178
    DO_DIGICAM_CONTROL = 203
    DO_MOUNT_CONTROL = 205
    DO_SET_CAM_TRIGG_DIST = 206
    IMAGE_START_CAPTURE = 2000
    NAV_FENCE_POLYGON_VERTEX_INCLUSION = 5001
    NAV_FENCE_POLYGON_VERTEX_EXCLUSION = 5002
    NAV_RALLY_POINT = 5100


class Frame(IntEnum):
    """The MAV_FRAME numbers in use."""

    GLOBAL = 0
    MISSION = 2
    GLOBAL_RELATIVE_ALT = 3
    GLOBAL_INT = 5
    GLOBAL_RELATIVE_ALT_INT = 6


WITH_POSITION: Final = frozenset(
    {
        Command.NAV_WAYPOINT,
        Command.NAV_LAND,
        Command.NAV_TAKEOFF,
        Command.NAV_FENCE_POLYGON_VERTEX_INCLUSION,
        Command.NAV_FENCE_POLYGON_VERTEX_EXCLUSION,
        Command.NAV_RALLY_POINT,
    }
)
HOME_WAYPOINT: Final = -1  # MissionItem.waypoint of ArduPilot's item 0
_MOUNT_TARGETING: Final = 2.0  # MAV_MOUNT_MODE_MAVLINK_TARGETING


@dataclass(frozen=True, slots=True, kw_only=True)
class MissionItem:
    """One MISSION_ITEM_INT.

    Attributes:
        seq: Place in the list, from 0.
        frame: MAV_FRAME.
        command: MAV_CMD.
        params: param1 … param4.
        x_e7, y_e7: Latitude and longitude in 1e-7 degrees; the fifth and sixth parameters, whole, where the command has
            no position.
        z: Height in metres in ``frame``, or the command's seventh parameter.
        waypoint: Index in ``Sortie.waypoints`` that the item serves, or :data:`HOME_WAYPOINT`.
    """

    seq: int
    frame: int
    command: int
    params: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    x_e7: int = 0
    y_e7: int = 0
    z: float = 0.0
    waypoint: int = HOME_WAYPOINT

    def __post_init__(self) -> None:
        # A NaN or infinite coordinate has brought autopilots down; NaN is legal in params only (PX4: "keep as it is").
        if not math.isfinite(self.z):
            raise ValueError("a mission item's height is finite")
        if not (abs(self.x_e7) <= 900_000_000 and abs(self.y_e7) <= 1_800_000_000):
            raise ValueError("a mission item's position lies on Earth")


def dialect_of(autopilot: str) -> Dialect:
    """Return how an aircraft's autopilot reads missions; ground stations read what is not PX4 as ArduPilot does."""
    return Dialect.PX4 if autopilot == Dialect.PX4.value else Dialect.ARDUPILOT


def mission_items(
    sortie: Sortie, home: GeoPoint, *, dialect: Dialect = Dialect.ARDUPILOT, home_msl_m: float = 0.0
) -> tuple[MissionItem, ...]:
    """Return the mission that flies ``sortie``.

    Args:
        sortie: The sortie.
        home: Take-off and landing point (ArduPilot: written as item 0, deliberately, never left to chance).
        dialect: The autopilot's reading.
        home_msl_m: Home above mean sea level, metres; used in ArduPilot's item 0 only.
    """
    bodies: list[MissionItem] = []
    if dialect is Dialect.ARDUPILOT:
        bodies.append(_at(Command.NAV_WAYPOINT, home, home_msl_m, HOME_WAYPOINT, frame=Frame.GLOBAL))
    before: Waypoint | None = None
    for index, waypoint in enumerate(sortie.waypoints):
        bodies += _settings(before, waypoint, index, dialect)
        bodies.append(_navigation(waypoint, index, dialect))
        if waypoint.leg is Leg.LOOK:
            bodies.append(_photograph(index, dialect))
        before = waypoint
    return tuple(
        MissionItem(
            seq=seq,
            frame=item.frame,
            command=item.command,
            params=item.params,
            x_e7=item.x_e7,
            y_e7=item.y_e7,
            z=item.z,
            waypoint=item.waypoint,
        )
        for seq, item in enumerate(bodies)
    )


def last_waypoint_before(items: tuple[MissionItem, ...], seq: int) -> int:
    """Return the index of the last waypoint that was reached when item ``seq`` is being flown to; -1 for none."""
    reached = HOME_WAYPOINT
    for item in items:
        if item.seq >= seq:
            break
        if item.command in WITH_POSITION:
            reached = max(reached, item.waypoint)
    return reached


def navigation_seq(items: tuple[MissionItem, ...], waypoint: int) -> int:
    """Return the seq at which the settings of ``waypoint`` begin, so that jumping there also sets speed and camera.

    Raises:
        ValueError: The mission has no such waypoint.
    """
    for item in items:
        if item.waypoint == waypoint:
            return item.seq
    raise ValueError(f"the mission has no waypoint {waypoint}")


def differences(sent: MissionItem, held: MissionItem) -> tuple[str, ...]:
    """Return the names of the fields in which a vehicle's item differs from what was sent; empty when it holds.

    Every field is compared. Tolerances are those of the protocol's own number formats: parameters travel as float32,
    ArduPilot stores heights in whole centimetres. RELATIVE_ALT and RELATIVE_ALT_INT name one frame, as do GLOBAL and
    GLOBAL_INT; the frame of an item without a position has no meaning and autopilots give it back as they like.
    """
    wrong = []
    if sent.command != held.command:
        wrong.append("command")
    if sent.command in WITH_POSITION and _plain_frame(sent.frame) != _plain_frame(held.frame):
        wrong.append("frame")
    for number, (ours, theirs) in enumerate(zip(sent.params, held.params, strict=True), start=1):
        if sent.command == Command.NAV_LAND and number == 4 and {ours, theirs} <= {0.0, 1.0}:
            continue  # ArduPilot keeps a sign here that only fixed wings read; versions give it back as 0 or 1
        same = math.isnan(theirs) if math.isnan(ours) else math.isclose(ours, theirs, rel_tol=1e-6, abs_tol=1e-6)
        if not same:
            wrong.append(f"param{number}")
    if sent.x_e7 != held.x_e7:
        wrong.append("x")
    if sent.y_e7 != held.y_e7:
        wrong.append("y")
    if not math.isclose(sent.z, held.z, rel_tol=1e-6, abs_tol=0.011):
        wrong.append("z")
    return tuple(wrong)


def _plain_frame(frame: int) -> int:
    return {Frame.GLOBAL_INT: Frame.GLOBAL, Frame.GLOBAL_RELATIVE_ALT_INT: Frame.GLOBAL_RELATIVE_ALT}.get(
        Frame(frame) if frame in set(Frame) else Frame.GLOBAL, frame
    )


def _at(  # noqa: PLR0917 - private; the order is that of the protocol
    command: Command,
    position: GeoPoint,
    height_m: float,
    waypoint: int,
    params: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0),
    frame: Frame = Frame.GLOBAL_RELATIVE_ALT,
) -> MissionItem:
    return MissionItem(
        seq=0,
        frame=frame,
        command=command,
        params=params,
        x_e7=round(position.lat_deg * 1e7),
        y_e7=round(position.lon_deg * 1e7),
        z=height_m,
        waypoint=waypoint,
    )


def _do(command: Command, waypoint: int, params: tuple[float, float, float, float], z: float = 0.0) -> MissionItem:
    return MissionItem(seq=0, frame=Frame.MISSION, command=command, params=params, z=z, waypoint=waypoint)


def _photograph(waypoint: int, dialect: Dialect) -> MissionItem:
    """Return the item that takes one photograph with every camera there is."""
    if dialect is Dialect.PX4:  # camera 0: all; no interval; one picture
        return _do(Command.IMAGE_START_CAPTURE, waypoint, (0.0, 0.0, 1.0, 0.0))
    return MissionItem(seq=0, frame=Frame.MISSION, command=Command.DO_DIGICAM_CONTROL, x_e7=1, waypoint=waypoint)


def _settings(before: Waypoint | None, waypoint: Waypoint, index: int, dialect: Dialect) -> list[MissionItem]:
    """Return the DO items that stand before ``waypoint``: camera off, speed, camera pitch, camera on, heading.

    Only changes are written: items are scarce (an autopilot holds some 650).
    """
    items = []
    spacing_before = before.photo_spacing_m if before is not None else None
    if before is None:
        return []  # a take-off is the first item; settings follow it
    if spacing_before is not None and waypoint.photo_spacing_m is None:
        items.append(_do(Command.DO_SET_CAM_TRIGG_DIST, index, (0.0, 0.0, 0.0, 0.0)))
    if waypoint.leg is not Leg.LAND:
        if before.leg is Leg.TAKEOFF or before.speed_m_s != waypoint.speed_m_s:
            # param1 = 1: ground speed; param3 = -1: leave the throttle alone.
            items.append(_do(Command.DO_CHANGE_SPEED, index, (1.0, waypoint.speed_m_s, -1.0, 0.0)))
        if before.leg is Leg.TAKEOFF or before.gimbal_pitch_deg != waypoint.gimbal_pitch_deg:
            z = _MOUNT_TARGETING if dialect is Dialect.PX4 else 0.0
            items.append(_do(Command.DO_MOUNT_CONTROL, index, (waypoint.gimbal_pitch_deg, 0.0, 0.0, 0.0), z))
    if waypoint.photo_spacing_m is not None and waypoint.photo_spacing_m != spacing_before:
        # param3 = 1: take the first photograph at once, so that the line's start is covered.
        items.append(_do(Command.DO_SET_CAM_TRIGG_DIST, index, (waypoint.photo_spacing_m, 0.0, 1.0, 0.0)))
    if waypoint.yaw_deg is not None and dialect is Dialect.ARDUPILOT and waypoint.leg is not Leg.LAND:
        # Last, because it holds up the items behind it until the heading is reached. 0 = absolute angle, shorter way.
        items.append(_do(Command.CONDITION_YAW, index, (waypoint.yaw_deg % 360, 0.0, 0.0, 0.0)))
    return items


def _navigation(waypoint: Waypoint, index: int, dialect: Dialect) -> MissionItem:
    yaw = 0.0 if dialect is Dialect.ARDUPILOT else math.nan if waypoint.yaw_deg is None else waypoint.yaw_deg
    if waypoint.leg is Leg.TAKEOFF:
        return _at(Command.NAV_TAKEOFF, waypoint.position, waypoint.height.metres, index, (0.0, 0.0, 0.0, yaw))
    if waypoint.leg is Leg.LAND:
        # ArduPilot gives param4 back as the sign of a yaw direction; 1 survives the way there and back.
        direction = 1.0 if dialect is Dialect.ARDUPILOT else yaw
        return _at(Command.NAV_LAND, waypoint.position, 0.0, index, (0.0, 0.0, 0.0, direction))
    hover_s = float(math.ceil(waypoint.hover_s))  # ArduPilot keeps whole seconds
    return _at(Command.NAV_WAYPOINT, waypoint.position, waypoint.height.metres, index, (hover_s, 0.0, 0.0, yaw))
