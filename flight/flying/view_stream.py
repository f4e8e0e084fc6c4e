"""The stream of a flight for the station: what the crew sees, one JSON object a line.

Whoever shows a flight elsewhere (a wall screen, another program) reads this. The form is versioned and its JSON Schema
is :data:`SCHEMA`; every line that is written keeps it. Times are the vehicle's, UTC.
"""

from __future__ import annotations

import json
from typing import IO, Any, Final

from core.clock import iso_utc
from flight.flying.watch import FlightView

FORM: Final = "flight-view/1"


def _number(text: str, *, nothing: bool = False) -> dict[str, Any]:
    return {"type": ["number", "null"] if nothing else "number", "description": text}


_PROPERTIES: Final[dict[str, dict[str, Any]]] = {
    "skywarden": {"const": FORM},
    "aircraft": {"type": "string", "description": "name among several; empty for one alone"},
    "sortie": {"type": "integer"},
    "at": {"type": "string", "format": "date-time", "description": "the vehicle's time, UTC"},
    "lon_deg": _number("WGS-84; null without a position", nothing=True),
    "lat_deg": _number("WGS-84; null without a position", nothing=True),
    "height_takeoff_m": _number("above take-off"),
    "yaw_deg": _number("from north"),
    "ground_speed_m_s": _number("over ground"),
    "battery": _number("share in [0, 1]; null when not reported", nothing=True),
    "battery_home": _number("share expected on the ground at home when turning back now", nothing=True),
    "armed": {"type": "boolean"},
    "mode": {"type": "string", "description": "the autopilot's name of its mode"},
    "waypoint": {"type": ["integer", "null"], "description": "index in the plan's sortie that it flies to"},
    "heartbeat_age_s": _number("seconds of the wall clock since the last heartbeat"),
    "along_m": _number("way flown along the plan"),
    "length_m": _number("all of it"),
    "off_m": _number("distance from the leg", nothing=True),
    "home_m": _number("distance to home", nothing=True),
    "home_s": _number("seconds to be on the ground at home when turning back now"),
    "edge_m": _number("distance to the nearest edge that may not be crossed", nothing=True),
    "next_action": {"type": "string"},
    "in_command": {"enum": ["mission", "pilot", "return", "hold"]},
    "advice": {
        "type": "array",
        "items": {
            "type": "object",
            "required": ["monitor", "action", "text"],
            "additionalProperties": False,
            "properties": {
                "monitor": {"type": "string"},
                "action": {"enum": ["none", "warn", "hold", "return", "land"]},
                "text": {"type": "string"},
            },
        },
        "description": "what the monitors say, gravest first",
    },
    "messages": {"type": "array", "items": {"type": "string"}, "description": "recorded since the last line"},
}
SCHEMA: Final[dict[str, Any]] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "One line of a flight's stream",
    "type": "object",
    "required": list(_PROPERTIES),
    "additionalProperties": False,
    "properties": _PROPERTIES,
}


def view_fields(view: FlightView, *, sortie: int, aircraft: str = "") -> dict[str, object]:
    """Return a view as JSON values: one line of the stream."""
    state, progress = view.state, view.progress
    position = state.position
    return {
        "skywarden": FORM,
        "aircraft": aircraft,
        "sortie": sortie,
        "at": iso_utc(state.at),
        "lon_deg": None if position is None else position.lon_deg,
        "lat_deg": None if position is None else position.lat_deg,
        "height_takeoff_m": round(state.height_takeoff_m, 2),
        "yaw_deg": round(state.yaw_deg, 1),
        "ground_speed_m_s": round(state.ground_speed_m_s, 2),
        "battery": state.battery_share,
        "battery_home": progress.battery_home,
        "armed": state.armed,
        "mode": state.mode,
        "waypoint": state.waypoint,
        "heartbeat_age_s": round(min(state.heartbeat_age_s, 1e6), 2),
        "along_m": round(progress.along_m, 1),
        "length_m": round(progress.length_m, 1),
        "off_m": progress.off_m,
        "home_m": progress.home_m,
        "home_s": round(progress.home_s, 1),
        "edge_m": progress.edge_m,
        "next_action": view.next_action,
        "in_command": view.in_command,
        "advice": [{"monitor": a.monitor, "action": a.action.name.lower(), "text": a.text} for a in view.advice],
        "messages": list(view.messages),
    }


def write_view(view: FlightView, sink: IO[str], *, sortie: int, aircraft: str = "") -> None:
    """Write a view to ``sink`` as one line, and send it on at once."""
    text = json.dumps(view_fields(view, sortie=sortie, aircraft=aircraft), ensure_ascii=False, allow_nan=False)
    sink.write(text + "\n")
    sink.flush()
