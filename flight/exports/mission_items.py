"""A sortie as MAVLink mission items: what QGroundControl, Mission Planner and an autopilot hold.

Field meanings and command numbers are those of MAVLink's common message set (MAV_CMD, MISSION_ITEM_INT). Item 0, the
autopilot's home, is not in the list; ArduPilot's file formats add it where they need it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from flight.flight_plan import Leg, Sortie, Waypoint

NAV_WAYPOINT: Final = 16
NAV_LAND: Final = 21
NAV_TAKEOFF: Final = 22
CONDITION_YAW: Final = 115
DO_CHANGE_SPEED: Final = 178
DO_MOUNT_CONTROL: Final = 205
DO_SET_CAM_TRIGG_DIST: Final = 206
FRAME_MISSION: Final = 2
FRAME_RELATIVE_ALT: Final = 3
_MOUNT_MAVLINK_TARGETING: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MissionItem:
    """One MAVLink mission item.

    Attributes:
        command: MAV_CMD number.
        frame: MAV_FRAME number.
        params: Parameters 1 to 4; NaN where the command leaves one unset.
        lat_deg, lon_deg: Parameters 5 and 6 of a navigation command; 0 for others.
        height_m: Parameter 7, metres above take-off (or the seventh parameter of a command without a place).
        waypoint: Index of the sortie's waypoint that it serves.
    """

    command: int
    frame: int
    params: tuple[float, float, float, float]
    lat_deg: float
    lon_deg: float
    height_m: float
    waypoint: int


def mission_items(sortie: Sortie) -> tuple[MissionItem, ...]:
    """Return the items that fly ``sortie``: speed, gimbal and camera commands go just before the leg they are for."""
    items: list[MissionItem] = []
    speed: float | None = None
    pitch: float | None = None
    trigger = 0.0
    for index, waypoint in enumerate(sortie.waypoints):
        spacing = waypoint.photo_spacing_m or 0.0
        if waypoint.leg is not Leg.TAKEOFF:
            if waypoint.leg is not Leg.LAND and waypoint.speed_m_s != speed:
                items.append(_command(index, DO_CHANGE_SPEED, (1.0, waypoint.speed_m_s, -1.0, 0.0)))
                speed = waypoint.speed_m_s
            if waypoint.gimbal_pitch_deg != pitch:
                items.append(_gimbal(index, waypoint.gimbal_pitch_deg))
                pitch = waypoint.gimbal_pitch_deg
            if waypoint.yaw_deg is not None:
                items.append(_command(index, CONDITION_YAW, (waypoint.yaw_deg % 360.0, 0.0, 0.0, 0.0)))
            if spacing != trigger:
                items.append(_command(index, DO_SET_CAM_TRIGG_DIST, (spacing, 0.0, 1.0 if spacing else 0.0, 0.0)))
                trigger = spacing
        items.append(_place(index, waypoint))
    return tuple(items)


def _command(index: int, command: int, params: tuple[float, float, float, float]) -> MissionItem:
    return MissionItem(
        command=command,
        frame=FRAME_MISSION,
        params=params,
        lat_deg=0.0,
        lon_deg=0.0,
        height_m=0.0,
        waypoint=index,
    )


def _gimbal(index: int, pitch_deg: float) -> MissionItem:
    return MissionItem(
        command=DO_MOUNT_CONTROL,
        frame=FRAME_MISSION,
        params=(pitch_deg, 0.0, 0.0, 0.0),
        lat_deg=0.0,
        lon_deg=0.0,
        height_m=_MOUNT_MAVLINK_TARGETING,
        waypoint=index,
    )


def _place(index: int, waypoint: Waypoint) -> MissionItem:
    command = {Leg.TAKEOFF: NAV_TAKEOFF, Leg.LAND: NAV_LAND}.get(waypoint.leg, NAV_WAYPOINT)
    return MissionItem(
        command=command,
        frame=FRAME_RELATIVE_ALT,
        params=(waypoint.hover_s, 0.0, 0.0, math.nan),
        lat_deg=waypoint.position.lat_deg,
        lon_deg=waypoint.position.lon_deg,
        height_m=waypoint.height.metres,
        waypoint=index,
    )
