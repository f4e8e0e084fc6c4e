"""DJI's WPML mission as KMZ, for Pilot 2, docks and FlightHub: ``wpmz/template.kml`` and ``wpmz/waylines.wpml``.

Elements and units follow the published WPML reference (DJI Cloud API, "DJI WPML"). Heights are relative to the
take-off point. Take-off and landing are the aircraft's own: the route begins at the first waypoint after the climb and
ends above home. The archive has no varying times, so the same plan gives the same bytes.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

from core.clock import in_utc
from core.errors import PlanRefused
from core.text import _
from core.whole_file import written_whole
from flight.exports.qgc import sortie_path
from flight.flight_plan import FlightPlan, Leg, Sortie, Waypoint
from flight.patrol import Patrol, flown_by

_KML: Final = "http://www.opengis.net/kml/2.2"
_WPML: Final = "http://www.dji.com/wpmz/1.0.6"
_LEAST_SAFE_HEIGHT_M: Final = 1.2
_MOST_SAFE_HEIGHT_M: Final = 1500.0
_FASTEST_M_S: Final = 15.0
_ZIP_DATE: Final = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Action:
    """One action of an action group: its function and its parameters in order."""

    function: str
    params: tuple[tuple[str, str], ...]


def write_wpml(flight_plan: FlightPlan, path: Path, *, patrol: Patrol, made_at: datetime) -> tuple[Path, ...]:
    """Write one KMZ for each sortie and return the paths, in order.

    Args:
        flight_plan: What to write.
        path: Where; with several sorties the number is added to the name.
        patrol: Names the aircraft and the camera.
        made_at: Creation time that the file states, aware.

    Raises:
        PlanRefused: The aircraft or camera is none that reads WPML, or a leg is faster than WPML can say.
    """
    for sortie in flight_plan.sorties:
        _check(sortie, flown_by(patrol, sortie.crew))
    written = []
    for sortie in flight_plan.sorties:
        own = flown_by(patrol, sortie.crew)
        target = sortie_path(path, sortie.number, len(flight_plan.sorties))
        with written_whole(target) as aside, zipfile.ZipFile(aside, "w") as archive:
            for name, root in (
                ("wpmz/template.kml", _template(sortie, own, made_at)),
                ("wpmz/waylines.wpml", _waylines(sortie, own)),
            ):
                text = ET.tostring(root, encoding="utf-8", xml_declaration=True)
                archive.writestr(zipfile.ZipInfo(name, date_time=_ZIP_DATE), text, zipfile.ZIP_DEFLATED)
        written.append(target)
    return tuple(written)


def _check(sortie: Sortie, patrol: Patrol) -> None:
    if patrol.aircraft.wpml_drone is None:
        raise PlanRefused(_("{aircraft} reads no WPML; export another format").format(aircraft=patrol.aircraft.model))
    if patrol.wpml_payload is None:
        raise PlanRefused(
            _("the camera {camera} has no WPML payload number; add it to the catalogue").format(
                camera=patrol.camera.model
            )
        )
    fastest = max(point.speed_m_s for point in _route(sortie))
    if fastest > _FASTEST_M_S:
        raise PlanRefused(
            _("WPML says speeds up to {limit:g} m/s and the plan has {speed:g} m/s").format(
                limit=_FASTEST_M_S, speed=fastest
            )
        )


def _route(sortie: Sortie) -> tuple[Waypoint, ...]:
    return tuple(point for point in sortie.waypoints if point.leg not in {Leg.TAKEOFF, Leg.LAND})


def _root() -> tuple[ET.Element, ET.Element]:
    ET.register_namespace("", _KML)
    ET.register_namespace("wpml", _WPML)
    root = ET.Element(f"{{{_KML}}}kml")
    return root, ET.SubElement(root, f"{{{_KML}}}Document")


def _add(parent: ET.Element, tag: str, text: str | None = None) -> ET.Element:
    element = ET.SubElement(parent, f"{{{_WPML}}}{tag}")
    element.text = text
    return element


def _number(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".")


def _config(document: ET.Element, sortie: Sortie, patrol: Patrol) -> None:
    config = _add(document, "missionConfig")
    climb = min(max(sortie.waypoints[0].height.metres, _LEAST_SAFE_HEIGHT_M), _MOST_SAFE_HEIGHT_M)
    highest = max(point.height.metres for point in sortie.waypoints)
    for tag, text in (
        ("flyToWaylineMode", "safely"),
        ("finishAction", "goHome"),
        ("exitOnRCLost", "executeLostAction"),
        ("executeRCLostAction", "goBack"),
        ("takeOffSecurityHeight", _number(climb)),
        ("globalTransitionalSpeed", _number(min(patrol.aircraft.cruise_m_s, _FASTEST_M_S))),
        ("globalRTHHeight", _number(highest)),
    ):
        _add(config, tag, text)
    drone = _add(config, "droneInfo")
    kind, sub = patrol.aircraft.wpml_drone or (0, 0)
    _add(drone, "droneEnumValue", str(kind))
    _add(drone, "droneSubEnumValue", str(sub))
    payload = _add(config, "payloadInfo")
    _add(payload, "payloadEnumValue", str(patrol.wpml_payload))
    _add(payload, "payloadSubEnumValue", "0")
    _add(payload, "payloadPositionIndex", "0")


def _template(sortie: Sortie, patrol: Patrol, made_at: datetime) -> ET.Element:
    root, document = _root()
    stamp = str(int(in_utc(made_at).timestamp() * 1000))
    _add(document, "author", "Skywarden")
    _add(document, "createTime", stamp)
    _add(document, "updateTime", stamp)
    _config(document, sortie, patrol)
    folder = ET.SubElement(document, f"{{{_KML}}}Folder")
    _add(folder, "templateType", "waypoint")
    _add(folder, "templateId", "0")
    frame = _add(folder, "waylineCoordinateSysParam")
    _add(frame, "coordinateMode", "WGS84")
    _add(frame, "heightMode", "relativeToStartPoint")
    route = _route(sortie)
    _add(folder, "autoFlightSpeed", _number(max(point.speed_m_s for point in route)))
    _add(folder, "globalHeight", _number(max(point.height.metres for point in route)))
    _add(folder, "caliFlightEnable", "0")
    _add(folder, "gimbalPitchMode", "usePointSetting")
    _heading(_add(folder, "globalWaypointHeadingParam"), None)
    _add(folder, "globalWaypointTurnMode", "toPointAndStopWithDiscontinuityCurvature")
    _add(folder, "globalUseStraightLine", "1")
    for index, point in enumerate(route):
        place = _placemark(folder, index, point)
        _add(place, "ellipsoidHeight", _number(point.height.metres))
        _add(place, "height", _number(point.height.metres))
        for tag in ("useGlobalHeight", "useGlobalSpeed", "useGlobalHeadingParam"):
            _add(place, tag, "0")
        _add(place, "useGlobalTurnParam", "1")
        _add(place, "useStraightLine", "1")
        _add(place, "waypointSpeed", _number(point.speed_m_s))
        _add(place, "gimbalPitchAngle", _number(point.gimbal_pitch_deg))
        _heading(_add(place, "waypointHeadingParam"), point.yaw_deg)
        _actions(place, route, index, patrol.wpml_lens)
    payload = _add(folder, "payloadParam")
    _add(payload, "payloadPositionIndex", "0")
    _add(payload, "imageFormat", patrol.wpml_lens)
    return root


def _waylines(sortie: Sortie, patrol: Patrol) -> ET.Element:
    root, document = _root()
    _config(document, sortie, patrol)
    folder = ET.SubElement(document, f"{{{_KML}}}Folder")
    _add(folder, "templateId", "0")
    _add(folder, "executeHeightMode", "relativeToStartPoint")
    _add(folder, "realTimeFollowSurfaceByFov", "0")
    _add(folder, "waylineId", "0")
    _add(folder, "distance", _number(sortie.length_m))
    _add(folder, "duration", _number(sortie.duration_s))
    route = _route(sortie)
    _add(folder, "autoFlightSpeed", _number(max(point.speed_m_s for point in route)))
    for index, point in enumerate(route):
        place = _placemark(folder, index, point)
        _add(place, "executeHeight", _number(point.height.metres))
        _add(place, "waypointSpeed", _number(point.speed_m_s))
        _heading(_add(place, "waypointHeadingParam"), point.yaw_deg)
        turn = _add(place, "waypointTurnParam")
        _add(turn, "waypointTurnMode", "toPointAndStopWithDiscontinuityCurvature")
        _add(turn, "waypointTurnDampingDist", "0")
        _add(place, "useStraightLine", "1")
        _actions(place, route, index, patrol.wpml_lens)
        gimbal = _add(place, "waypointGimbalHeadingParam")
        _add(gimbal, "waypointGimbalPitchAngle", _number(point.gimbal_pitch_deg))
        _add(gimbal, "waypointGimbalYawAngle", "0")
        _add(place, "isRisky", "0")
        _add(place, "waypointWorkType", "0")
    return root


def _placemark(folder: ET.Element, index: int, point: Waypoint) -> ET.Element:
    place = ET.SubElement(folder, f"{{{_KML}}}Placemark")
    spot = ET.SubElement(place, f"{{{_KML}}}Point")
    coordinates = ET.SubElement(spot, f"{{{_KML}}}coordinates")
    coordinates.text = f"{point.position.lon_deg:.9f},{point.position.lat_deg:.9f}"
    _add(place, "index", str(index))
    return place


def _heading(param: ET.Element, yaw_deg: float | None) -> None:
    held = yaw_deg is not None
    _add(param, "waypointHeadingMode", "smoothTransition" if held else "followWayline")
    _add(param, "waypointHeadingAngle", _signed(yaw_deg or 0.0))
    _add(param, "waypointPoiPoint", "0.000000,0.000000,0.000000")
    _add(param, "waypointHeadingAngleEnable", str(int(held)))
    _add(param, "waypointHeadingPathMode", "followBadArc")
    _add(param, "waypointHeadingPoiIndex", "0")


def _signed(yaw_deg: float) -> str:
    """Return a heading as WPML writes it: from -180 to 180 degrees."""
    return _number((yaw_deg + 180.0) % 360.0 - 180.0)


def _actions(place: ET.Element, route: tuple[Waypoint, ...], index: int, lens: str) -> None:
    """Add what happens on reaching this waypoint and, where a line begins here, on the way to the next."""
    following = route[index + 1] if index + 1 < len(route) else None
    point = route[index]
    reached: list[_Action] = []
    if point.leg is Leg.LOOK:
        reached += [*_turned(point.yaw_deg), _gimbal(point.gimbal_pitch_deg)]
    if point.hover_s:
        reached.append(_Action(function="hover", params=(("hoverTime", _number(point.hover_s)),)))
    if point.leg is Leg.LOOK:
        reached.append(_photo(f"w{index}", lens))
    if following is not None and following.leg is Leg.LINE:
        reached += [*_turned(following.yaw_deg), _gimbal(following.gimbal_pitch_deg)]
    if reached:
        _group(place, 2 * index, (index, index), ("reachPoint", None), reached)
    if following is not None and following.leg is Leg.LINE and following.photo_spacing_m is not None:
        trigger = ("multipleDistance", following.photo_spacing_m)
        _group(place, 2 * index + 1, (index, index + 1), trigger, [_photo(f"w{index}", lens)])


def _turned(yaw_deg: float | None) -> list[_Action]:
    if yaw_deg is None:
        return []
    params = (("aircraftHeading", _signed(yaw_deg)), ("aircraftPathMode", "counterClockwise"))
    return [_Action(function="rotateYaw", params=params)]


def _photo(suffix: str, lens: str) -> _Action:
    return _Action(
        function="takePhoto",
        params=(
            ("payloadPositionIndex", "0"),
            ("fileSuffix", suffix),
            ("payloadLensIndex", lens),
            ("useGlobalPayloadLensIndex", "0"),
        ),
    )


def _gimbal(pitch_deg: float) -> _Action:
    return _Action(
        function="gimbalRotate",
        params=(
            ("gimbalHeadingYawBase", "north"),
            ("gimbalRotateMode", "absoluteAngle"),
            ("gimbalPitchRotateEnable", "1"),
            ("gimbalPitchRotateAngle", _number(pitch_deg)),
            ("gimbalRollRotateEnable", "0"),
            ("gimbalRollRotateAngle", "0"),
            ("gimbalYawRotateEnable", "0"),
            ("gimbalYawRotateAngle", "0"),
            ("gimbalRotateTimeEnable", "0"),
            ("gimbalRotateTime", "0"),
            ("payloadPositionIndex", "0"),
        ),
    )


def _group(
    place: ET.Element, number: int, span: tuple[int, int], trigger: tuple[str, float | None], actions: list[_Action]
) -> None:
    group = _add(place, "actionGroup")
    _add(group, "actionGroupId", str(number))
    _add(group, "actionGroupStartIndex", str(span[0]))
    _add(group, "actionGroupEndIndex", str(span[1]))
    _add(group, "actionGroupMode", "sequence")
    when = _add(group, "actionTrigger")
    _add(when, "actionTriggerType", trigger[0])
    if trigger[1] is not None:
        _add(when, "actionTriggerParam", _number(trigger[1]))
    for index, action in enumerate(actions):
        element = _add(group, "action")
        _add(element, "actionId", str(index))
        _add(element, "actionActuatorFunc", action.function)
        params = _add(element, "actionActuatorFuncParam")
        for tag, text in action.params:
            _add(params, tag, text)
