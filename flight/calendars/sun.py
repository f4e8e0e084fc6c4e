"""Where the sun stands: for the checklist's daylight line, for shadows, and for what the sun heats and glints from.

The low-precision formulas of the Astronomical Almanac (page C5; also NOAA's solar calculator): good to 0.02° in the
years 1950 to 2050, refraction left out.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Final

from core.clock import in_utc
from core.points import GeoPoint

_J2000: Final = datetime(2000, 1, 1, 12, tzinfo=UTC)


def sun_elevation_deg(place: GeoPoint, instant: datetime) -> float:
    """Return the sun's true elevation above the horizon in degrees, at an aware ``instant``."""
    return sun_place(place, instant)[1]


def sun_place(place: GeoPoint, instant: datetime) -> tuple[float, float]:
    """Return the sun's azimuth from true north, clockwise, and its true elevation, degrees, at an aware ``instant``."""
    days = (in_utc(instant) - _J2000).total_seconds() / 86_400
    mean_longitude = math.radians((280.460 + 0.9856474 * days) % 360)
    anomaly = math.radians((357.528 + 0.9856003 * days) % 360)
    longitude = mean_longitude + math.radians(1.915 * math.sin(anomaly) + 0.020 * math.sin(2 * anomaly))
    obliquity = math.radians(23.439 - 4e-7 * days)
    declination = math.asin(math.sin(obliquity) * math.sin(longitude))
    right_ascension = math.atan2(math.cos(obliquity) * math.sin(longitude), math.cos(longitude))
    sidereal = math.radians((280.46062 + 360.98564737 * days + place.lon_deg) % 360)
    hour_angle = sidereal - right_ascension
    lat = math.radians(place.lat_deg)
    height = math.sin(lat) * math.sin(declination) + math.cos(lat) * math.cos(declination) * math.cos(hour_angle)
    # Meeus, Astronomical Algorithms, formula 13.5, counted from north.
    south = math.atan2(
        math.sin(hour_angle), math.cos(hour_angle) * math.sin(lat) - math.tan(declination) * math.cos(lat)
    )
    return (math.degrees(south) + 180) % 360, math.degrees(math.asin(max(-1.0, min(1.0, height))))
