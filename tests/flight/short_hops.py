"""A short sortie over one place: what tests fly when any flight will do."""

from __future__ import annotations

from core.heights import TakeoffHeight
from core.points import GeoPoint, LocalPlane, from_plane
from flight.flight_plan import Leg, Sortie, Waypoint

HOME = GeoPoint(lon_deg=113.5, lat_deg=23.1)


def at(leg: Leg, east: float, north: float, height: float, home: GeoPoint = HOME) -> Waypoint:
    lon, lat = from_plane(LocalPlane(origin=home), [east, north])
    return Waypoint(
        leg=leg,
        position=GeoPoint(lon_deg=float(lon), lat_deg=float(lat)),
        height=TakeoffHeight(metres=height),
        speed_m_s=8.0,
        gimbal_pitch_deg=-90.0,
    )


def hop(height: float = 12.0, *points: tuple[float, float]) -> Sortie:
    waypoints = (
        at(Leg.TAKEOFF, 0, 0, height),
        *(at(Leg.TRANSIT, east, north, height) for east, north in points or ((30.0, 30.0),)),
        at(Leg.RETURN, 0, 0, height),
        at(Leg.LAND, 0, 0, 0.0),
    )
    return Sortie(number=1, waypoints=waypoints, length_m=90, duration_s=50, photos=0, battery_used=0.03)
