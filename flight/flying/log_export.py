"""The flight log in other people's formats: MAVLink telemetry logs (.tlog) and GeoJSON.

A .tlog is what Mission Planner, QGroundControl and MAVProxy write and read: for every packet the station's time as
microseconds since 1970, eight bytes big-endian, and then the packet as it went over the wire. GeoJSON (RFC 7946) holds
the track as one line and the photographs and events as points, for any map.
"""

from __future__ import annotations

import base64
import binascii
import json
import struct
from pathlib import Path
from typing import Any

from core.clock import from_iso, iso_utc
from core.errors import InputRefused
from core.text import _
from flight.flight_log import FlightLog
from flight.flying.log_file import read_records
from flight.track import Pose, pose_at


def tlog_bytes(log_path: Path) -> bytes:
    """Return the messages of a flight log as a .tlog.

    Raises:
        InputRefused: The file is no flight log, or holds no message.
    """
    packets = []
    for record in read_records(log_path):
        if record["kind"] not in {"rx", "tx"}:
            continue
        try:
            packet = base64.b64decode(record["raw"], validate=True)
        except (KeyError, binascii.Error):
            continue  # a line that a crash of the machine garbled
        micros = round(from_iso(record["utc"]).timestamp() * 1e6)
        packets.append((micros, packet))
    if not packets:
        raise InputRefused(log_path, _("holds no messages"), _("Name the log of a flight that had a link."))
    return b"".join(struct.pack(">Q", micros) + packet for micros, packet in packets)


def geojson(log: FlightLog) -> dict[str, Any]:
    """Return a flight as a GeoJSON FeatureCollection: the track, the photographs, and the events where it was then."""
    features: list[dict[str, Any]] = []
    placed = [pose for pose in log.track.poses if pose.position is not None]
    head = {"patrol": log.patrol, "sortie": log.sortie}
    if len(placed) >= 2:
        features.append(
            {
                "type": "Feature",
                "geometry": {"type": "LineString", "coordinates": [_coordinates(pose) for pose in placed]},
                "properties": {
                    **head,
                    "kind": "track",
                    "outcome": log.outcome.value,
                    "started_at": iso_utc(placed[0].captured_at),
                    "ended_at": iso_utc(placed[-1].captured_at),
                },
            }
        )
    features += [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [trigger.position.lon_deg, trigger.position.lat_deg]},
            "properties": {
                **head,
                "kind": "photograph",
                "number": trigger.number,
                "at": iso_utc(trigger.at),
                "height_takeoff_m": trigger.height_takeoff_m,
                "yaw_deg": trigger.yaw_deg,
                "pitch_deg": trigger.pitch_deg,
                "roll_deg": trigger.roll_deg,
            },
        }
        for trigger in log.triggers
    ]
    for event in log.events:
        pose = pose_at(log.track, event.at, max_gap_s=5.0)
        point = (
            {"type": "Point", "coordinates": [pose.position.lon_deg, pose.position.lat_deg]}
            if isinstance(pose, Pose) and pose.position is not None
            else None  # before take-off and after landing nothing was in the air; RFC 7946 allows no geometry
        )
        properties = {**head, "kind": "event", "event": event.kind, "text": event.text, "at": iso_utc(event.at)}
        features.append({"type": "Feature", "geometry": point, "properties": properties})
    return {"type": "FeatureCollection", "features": features}


def geojson_text(log: FlightLog) -> str:
    """Return :func:`geojson` as text."""
    return json.dumps(geojson(log), ensure_ascii=False, allow_nan=False)


def _coordinates(pose: Pose) -> list[float]:
    if pose.position is None:
        raise ValueError("a pose without a position has no coordinates")
    height = pose.height_hae or pose.height_msl
    return [pose.position.lon_deg, pose.position.lat_deg, *([] if height is None else [round(height.metres, 2)])]
