"""Mission Planner's ``.waypoints`` (``QGC WPL 110``): one tab-separated line for each mission item, item 0 is home."""

from __future__ import annotations

from pathlib import Path

from core.whole_file import write_text
from flight.exports.qgc import sortie_path
from flight.flight_plan import FlightPlan, Sortie
from flight.mavlink.mission import WITH_POSITION, mission_items


def write_waypoints(flight_plan: FlightPlan, path: Path) -> tuple[Path, ...]:
    """Write one ``.waypoints`` for each sortie and return the paths, in order.

    The format has no fence and no rally points; write these from the ``.plan``.
    """
    written = []
    for sortie in flight_plan.sorties:
        target = sortie_path(path, sortie.number, len(flight_plan.sorties))
        write_text(target, waypoints_text(sortie))
        written.append(target)
    return tuple(written)


def waypoints_text(sortie: Sortie) -> str:
    """Return the file's text for one sortie: the items that the link uploads, item 0 the launch point."""
    lines = ["QGC WPL 110"]
    for item in mission_items(sortie, sortie.waypoints[0].position):
        scale = 1e7 if item.command in WITH_POSITION else 1.0
        fields = [str(item.seq), str(int(item.seq == 0)), str(int(item.frame)), str(int(item.command))]
        fields += [f"{value:.8f}" for value in item.params]
        lines.append("\t".join([*fields, f"{item.x_e7 / scale:.7f}", f"{item.y_e7 / scale:.7f}", f"{item.z:.6f}", "1"]))
    return "\n".join(lines) + "\n"
