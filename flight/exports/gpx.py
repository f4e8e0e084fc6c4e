"""GPX 1.1: each sortie as a route. ``ele`` is above sea level by the standard, so heights above take-off are words."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

from flight.flight_plan import FlightPlan

_GPX = "http://www.topografix.com/GPX/1/1"


def write_gpx(flight_plan: FlightPlan, path: Path) -> None:
    """Write the plan as GPX routes, one for each sortie."""
    ET.register_namespace("", _GPX)
    root = ET.Element(f"{{{_GPX}}}gpx", {"version": "1.1", "creator": "Skywarden"})
    for sortie in flight_plan.sorties:
        route = ET.SubElement(root, f"{{{_GPX}}}rte")
        ET.SubElement(route, f"{{{_GPX}}}name").text = f"{flight_plan.patrol} {sortie.number}"
        for index, point in enumerate(sortie.waypoints):
            place = ET.SubElement(
                route,
                f"{{{_GPX}}}rtept",
                {"lat": f"{point.position.lat_deg:.9f}", "lon": f"{point.position.lon_deg:.9f}"},
            )
            ET.SubElement(place, f"{{{_GPX}}}name").text = f"{sortie.number}.{index}"
            ET.SubElement(
                place, f"{{{_GPX}}}desc"
            ).text = f"{point.leg.value}; {point.height.metres:.1f} m above take-off"
    ET.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)
