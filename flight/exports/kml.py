"""KML of a plan for looking at: sorties and areas on the ground, heights as data.

KML knows heights above ground and above sea, not above take-off; so lines are clamped to the ground and each waypoint
says its height in words, rather than standing at a height it will not be flown at.
"""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import shapely
from shapely.geometry.base import BaseGeometry

from flight.exports.colours import sortie_colour
from flight.exports.geojson import parted
from flight.flight_plan import FlightPlan
from flight.patrol import Patrol

_KML = "http://www.opengis.net/kml/2.2"


def write_kml(flight_plan: FlightPlan, path: Path, *, patrol: Patrol | None = None) -> None:
    """Write the plan (and, with the patrol, its areas and no-fly zones) as KML."""
    ET.register_namespace("", _KML)
    root = ET.Element(f"{{{_KML}}}kml")
    document = _child(root, "Document")
    _child(document, "name", flight_plan.patrol)
    if patrol is not None:
        for area in patrol.areas:
            _place(document, area.name, area.shape, "7f00ff00")
        for zone in patrol.no_fly_zones:
            _place(document, zone.name, zone.shape, "7f0000ff")
    for sortie in flight_plan.sorties:
        folder = _child(document, "Folder")
        _child(folder, "name", f"{sortie.number}")
        line = shapely.LineString([[point.position.lon_deg, point.position.lat_deg] for point in sortie.waypoints])
        _place(folder, f"{sortie.number}", line, _kml_colour(sortie.number))
        for index, point in enumerate(sortie.waypoints):
            spot = shapely.Point(point.position.lon_deg, point.position.lat_deg)
            place = _place(folder, f"{sortie.number}.{index}", spot, _kml_colour(sortie.number))
            _child(place, "visibility", "0")
            details = _child(place, "ExtendedData")
            for name, value in (
                ("leg", point.leg.value),
                ("height_takeoff_m", f"{point.height.metres:.1f}"),
                ("speed_m_s", f"{point.speed_m_s:.1f}"),
            ):
                entry = _child(details, "Data")
                entry.set("name", name)
                _child(entry, "value", value)
    ET.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def _kml_colour(number: int) -> str:
    """Return a sortie's colour as KML writes it: opacity, blue, green, red."""
    red, green, blue = sortie_colour(number)
    return f"ff{blue:02x}{green:02x}{red:02x}"


def _child(parent: ET.Element, tag: str, text: str | None = None) -> ET.Element:
    element = ET.SubElement(parent, f"{{{_KML}}}{tag}")
    element.text = text
    return element


def _place(parent: ET.Element, name: str, shape: BaseGeometry, colour: str) -> ET.Element:
    place = _child(parent, "Placemark")
    _child(place, "name", name)
    style = _child(place, "Style")
    for tag in ("LineStyle", "PolyStyle"):
        _child(_child(style, tag), "color", colour)
    parts = shapely.get_parts(parted(shape))
    holder = _child(place, "MultiGeometry") if len(parts) > 1 else place
    for part in parts:
        if part.geom_type == "Polygon":
            polygon = _child(holder, "Polygon")
            for tag, ring in [
                ("outerBoundaryIs", part.exterior),
                *(("innerBoundaryIs", hole) for hole in part.interiors),
            ]:
                _child(_child(_child(polygon, tag), "LinearRing"), "coordinates", _text(ring))
        else:
            _child(_child(holder, part.geom_type), "coordinates", _text(part))
    return place


def _text(shape: shapely.Geometry) -> str:
    return " ".join(f"{lon:.9f},{lat:.9f}" for lon, lat in shapely.get_coordinates(shape).tolist())
