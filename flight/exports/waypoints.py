"""Mission Planner's ``.waypoints`` (``QGC WPL 110``): one tab-separated line for each mission item, item 0 is home."""

from __future__ import annotations

from pathlib import Path

from flight.exports.mission_items import NAV_WAYPOINT, mission_items
from flight.exports.qgc import sortie_path
from flight.flight_plan import FlightPlan, Sortie


def write_waypoints(flight_plan: FlightPlan, path: Path) -> tuple[Path, ...]:
    """Write one ``.waypoints`` for each sortie and return the paths, in order.

    The format has no fence and no rally points; write these from the ``.plan``.
    """
    written = []
    for sortie in flight_plan.sorties:
        target = sortie_path(path, sortie.number, len(flight_plan.sorties))
        target.write_text(waypoints_text(sortie), encoding="ascii")
        written.append(target)
    return tuple(written)


def waypoints_text(sortie: Sortie) -> str:
    """Return the file's text for one sortie; positions with nine decimals (a tenth of a millimetre)."""
    home = sortie.waypoints[0].position
    rows = [(0, 1, 0, NAV_WAYPOINT, (0.0, 0.0, 0.0, 0.0), home.lat_deg, home.lon_deg, 0.0)]
    for number, item in enumerate(mission_items(sortie), start=1):
        params = tuple(0.0 if value != value else value for value in item.params)  # noqa: PLR0124 - NaN is unset
        rows.append((number, 0, item.frame, item.command, params, item.lat_deg, item.lon_deg, item.height_m))  # type: ignore[arg-type]
    lines = ["QGC WPL 110"]
    for number, current, frame, command, params, lat, lon, height in rows:
        fields = [str(number), str(current), str(frame), str(command), *(f"{value:.8f}" for value in params)]
        lines.append("\t".join([*fields, f"{lat:.9f}", f"{lon:.9f}", f"{height:.6f}", "1"]))
    return "\n".join(lines) + "\n"
