"""What the rehearsal vehicle really flew: for the renderer and the tests, never for the link."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from core.heights import HaeHeight, TakeoffHeight
from core.points import GeoPoint, LocalPlane, from_enu
from flight.flight_log import Trigger
from flight.track import Pose, Track


class TrueInstant(NamedTuple):
    """An instant of the true flight, in the vehicle's own plane."""

    at: datetime
    east_m: float
    north_m: float
    up_m: float
    yaw_deg: float
    pitch_deg: float
    roll_deg: float


@dataclass(slots=True)
class TrueFlight:
    """The true flight.

    Attributes:
        flown: Instants of it, in order of time.
        photographed: The instants at which the camera was triggered, in order.
    """

    flown: list[TrueInstant] = field(default_factory=list)
    photographed: list[TrueInstant] = field(default_factory=list)

    def track(self, plane: LocalPlane, home_hae_m: float) -> Track:
        """Return the flight as a track; ``plane`` is the vehicle's own, at ``home_hae_m`` above the ellipsoid."""
        poses = [
            Pose(
                captured_at=instant.at,
                position=position,
                height_takeoff=TakeoffHeight(metres=instant.up_m),
                height_hae=HaeHeight(metres=home_hae_m + instant.up_m),
                yaw_deg=instant.yaw_deg,
                pitch_deg=instant.pitch_deg,
                roll_deg=instant.roll_deg,
            )
            for instant, position in zip(self.flown, _positions(self.flown, plane), strict=True)
        ]
        return Track(poses=tuple(poses), source="rehearsal truth")

    def triggers(self, plane: LocalPlane) -> tuple[Trigger, ...]:
        """Return the photographs, numbered from one."""
        return tuple(
            Trigger(
                at=instant.at,
                number=number,
                position=position,
                height_takeoff_m=instant.up_m,
                yaw_deg=instant.yaw_deg,
                pitch_deg=instant.pitch_deg,
                roll_deg=instant.roll_deg,
            )
            for number, (instant, position) in enumerate(
                zip(self.photographed, _positions(self.photographed, plane), strict=True), start=1
            )
        )

    def move_home(self, east_m: float, north_m: float) -> None:
        """Tell everything from a home that lies so far east and north of the old one; what was flown stays put."""
        for instants in (self.flown, self.photographed):
            instants[:] = [
                each._replace(east_m=each.east_m - east_m, north_m=each.north_m - north_m) for each in instants
            ]


def _positions(instants: Sequence[TrueInstant], plane: LocalPlane) -> list[GeoPoint]:
    """Return the positions of instants, all turned into longitudes and latitudes at once."""
    if not instants:
        return []
    lonlats, _heights = from_enu(plane, [[each.east_m, each.north_m, 0.0] for each in instants])
    return [GeoPoint(lon_deg=float(lon), lat_deg=float(lat)) for lon, lat in lonlats]
