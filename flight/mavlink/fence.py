"""The fence and the rally points that a patrol demands, as lists of the mission protocol.

The autopilot's fence is the last guard, behind the plan and the monitors: the permitted airspace becomes an inclusion
polygon, no-fly zones become exclusion polygons. It knows neither holes nor height bands, so the conservative reading is
taken: a zone is fenced off whole at every height unless the sortie stays clear of its band by a margin, and holes of
the permitted airspace are fenced off. ArduPilot demands that *every* inclusion polygon be kept, so an airspace in
several parts cannot be fenced and is refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from shapely import MultiPolygon, Polygon

from core.errors import PlanRefused
from core.points import GeoPoint
from core.text import _
from flight.flight_plan import Sortie
from flight.mavlink.mission import Command, Frame, MissionItem
from flight.patrol import NoFlyZone

MAX_VERTICES: Final = 64  # of one list; autopilots with little storage hold some 70
_TOLERANCE_DEG: Final = 1e-5  # about one metre
_BAND_MARGIN_M: Final = 10.0


def fence_items(
    permitted: Polygon | MultiPolygon | None, zones: Iterable[NoFlyZone], sortie: Sortie
) -> tuple[MissionItem, ...]:
    """Return the fence list for a sortie; empty when nothing bounds it.

    Args:
        permitted: The airspace that may not be left, lon/lat, or None.
        zones: No-fly zones.
        sortie: What will be flown: zones that lie above or below its heights by more than 10 m are left out.

    Raises:
        PlanRefused: The airspace is in several parts, or too many corners are needed.
    """
    rings: list[tuple[Command, list[tuple[float, ...]]]] = []
    for part in _parts(permitted):
        rings.append((Command.NAV_FENCE_POLYGON_VERTEX_INCLUSION, list(part.exterior.coords)))
        rings += [(Command.NAV_FENCE_POLYGON_VERTEX_EXCLUSION, list(hole.coords)) for hole in part.interiors]
    if sum(command is Command.NAV_FENCE_POLYGON_VERTEX_INCLUSION for command, _ring in rings) > 1:
        raise PlanRefused(
            _("The permitted airspace is in several parts, an autopilot's fence holds one; plan a patrol for each.")
        )
    top = max(waypoint.height.metres for waypoint in sortie.waypoints)
    for zone in zones:
        if zone.floor_m > top + _BAND_MARGIN_M:
            continue
        for part in _parts(zone.shape):
            outline = Polygon(part.exterior)
            if len(part.exterior.coords) > 16:
                # Fewer corners, never less ground: simplified by a metre, then widened by as much.
                outline = outline.simplify(_TOLERANCE_DEG).buffer(_TOLERANCE_DEG, quad_segs=1)
            rings.append((Command.NAV_FENCE_POLYGON_VERTEX_EXCLUSION, list(outline.exterior.coords)))
    items: list[MissionItem] = []
    for command, ring in rings:
        corners = ring[:-1]  # Shapely repeats the first corner
        items += [
            MissionItem(
                seq=len(items) + number,
                frame=Frame.GLOBAL,
                command=command,
                params=(float(len(corners)), 0.0, 0.0, 0.0),
                x_e7=round(corner[1] * 1e7),
                y_e7=round(corner[0] * 1e7),
            )
            for number, corner in enumerate(corners)
        ]
    if len(items) > MAX_VERTICES:
        raise PlanRefused(
            _("The fence needs {count} corners, an autopilot holds {limit}; draw the zones with fewer.").format(
                count=len(items), limit=MAX_VERTICES
            )
        )
    return tuple(items)


def rally_items(points: Iterable[GeoPoint], height_takeoff_m: float) -> tuple[MissionItem, ...]:
    """Return the rally list: places nearer than home where a failsafe may land, at a height above take-off."""
    return tuple(
        MissionItem(
            seq=seq,
            frame=Frame.GLOBAL_RELATIVE_ALT,
            command=Command.NAV_RALLY_POINT,
            x_e7=round(point.lat_deg * 1e7),
            y_e7=round(point.lon_deg * 1e7),
            z=float(round(height_takeoff_m)),  # autopilots keep whole metres here
        )
        for seq, point in enumerate(points)
    )


def _parts(shape: Polygon | MultiPolygon | None) -> list[Polygon]:
    if shape is None:
        return []
    return list(shape.geoms) if isinstance(shape, MultiPolygon) else [shape]
