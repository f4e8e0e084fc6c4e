"""The tables of ``docs/telemetry.md``: what is read from every sample and every generated file.

Run with ``python -m benchmarks.telemetry_samples`` from a checkout beside the folder of real footage; the test of the
documentation compares the same lines with the page.
"""

from __future__ import annotations

import csv
import importlib.util
import json
import sys
import tempfile
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from types import ModuleType
from typing import Any

from core.refusal import Refusal
from flight.telemetry.flight_record import FlightRecord
from flight.telemetry.klv import KlvTelemetry
from flight.telemetry.photo import PhotoTelemetry, read_photo
from flight.telemetry.read_track import Declared, read_telemetry
from flight.telemetry.srt import SrtTelemetry, read_srt
from flight.telemetry.subtitle_fields import FAMILIES, SubtitleFields
from flight.telemetry.table import Column, TableMapping, read_table
from flight.track import Pose

ROOT = Path(__file__).resolve().parent.parent
ZONE = timezone(timedelta(hours=8))
START = datetime(2026, 10, 1, 2, 3, 4, tzinfo=UTC)


def load(name: str) -> ModuleType:
    """Return a writer of samples from beside the tests."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "tests/flight" / f"{name}.py")
    if spec is None or spec.loader is None:
        raise SystemExit(f"tests/flight/{name}.py is missing")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def place(fields: SubtitleFields) -> str:
    """Return a record's place and heights with their units and datums."""
    parts = []
    if fields.position is not None:
        parts.append(f"{fields.position.lat_deg:.6f}, {fields.position.lon_deg:.6f}")
    for metres, datum in (
        (fields.height_takeoff_m, "take-off"),
        (fields.height_msl_m, "sea level"),
        (fields.height_unstated_m, "datum unstated"),
    ):
        if metres is not None:
            parts.append(f"{metres:g} m ({datum})")
    return "; ".join(parts) or "nothing"


def gimbal(fields: SubtitleFields) -> str:
    angles = (fields.gimbal_yaw_deg, fields.gimbal_pitch_deg, fields.gimbal_roll_deg)
    return "–" if None in angles else " / ".join(f"{angle:g}" for angle in angles)


def real_subtitles(shared: Path) -> list[str]:
    lines = ["| file | family | read | refused | first record | last record |", "|---|---|---|---|---|---|"]
    for path in sorted((shared / "data/srt").iterdir()):
        answer = read_srt(path, camera_zone=ZONE)
        if isinstance(answer, Refusal):
            lines.append(f"| {path.name} | – | 0 | the file: {answer.code} | – | – |")
            continue
        codes = sorted({refusal.code for refusal in answer.refused})
        refused = f"{len(answer.refused)}: {', '.join(codes)}" if codes else "0"
        first, last = place(answer.records[0].fields), place(answer.records[-1].fields)
        lines.append(f"| {path.name} | {answer.family} | {len(answer.records)} | {refused} | {first} | {last} |")
    return lines


def real_photos(shared: Path) -> list[str]:
    lines = ["| photo | place | height | gimbal yaw / pitch / roll | focal length |", "|---|---|---|---|---|"]
    for path in sorted((shared / "data/aerial_vehicles/dji_photos").glob("*.JPG")):
        photo = read_photo(path, camera_zone=ZONE)
        if not isinstance(photo, PhotoTelemetry) or photo.camera is None:
            raise SystemExit(f"{path.name} is not read: {photo}")
        pose = photo.pose
        lines.append(
            f"| {path.name} | {pose_place(pose)} | {photo.camera.focal_px:.0f} px ± {photo.camera.focal_sigma:.1%} |"
        )
    return lines


def auair(shared: Path) -> list[str]:
    """Return the first and last annotated frames of AU-AIR, read as a table with its declared units."""
    notes = json.loads((shared / "data/auair/annotations.json").read_text(encoding="utf-8"))
    frames = notes["annotations"]
    mapping = TableMapping(
        columns={
            "time": Column(name="time", unit="iso"),
            "lon": Column(name="longtitude", unit="deg"),
            "lat": Column(name="latitude", unit="deg"),
            "height_takeoff": Column(name="altitude", unit="mm"),
        },
        zone=UTC,
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "auair.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["time", "longtitude", "latitude", "altitude"])
            for frame in sorted(frames, key=instant):
                writer.writerow([instant(frame), frame["longtitude"], frame["latitude"], frame["altitude"]])
        answer = read_table(path, mapping)
    if isinstance(answer, Refusal):
        raise SystemExit(f"AU-AIR is not read: {answer}")
    lines = [
        "| frames | poses | refused | first time | first place | first height | last time | last place | last height |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    ends = []
    for pose in (answer.track.poses[0], answer.track.poses[-1]):
        place, height, _angles = pose_place(pose).split(" | ")
        ends.append(f"{pose.captured_at:%Y-%m-%d %H:%M:%S.%f} | {place} | {height}")
    codes = sorted({refusal.code for refusal in answer.refused})
    refused = f"{len(answer.refused)}" + (f": {', '.join(codes)}" if codes else "")
    return [*lines, f"| {len(frames)} | {len(answer.track.poses)} | {refused} | {ends[0]} | {ends[1]} |"]


def instant(frame: dict[str, Any]) -> str:
    """Return an annotation's time as text (its field "ms" holds microseconds, and may pass a million)."""
    when = frame["time"]
    whole = datetime(*(int(when[part]) for part in ("year", "month", "day", "hour", "min", "sec")), tzinfo=UTC)
    return (whole + timedelta(microseconds=float(when["ms"]))).isoformat()


def pose_place(pose: Pose) -> str:
    """Return three cells: place, heights, camera angles."""
    position = "–" if pose.position is None else f"{pose.position.lat_deg:.6f}, {pose.position.lon_deg:.6f}"
    heights = [
        f"{height.metres:.2f} m ({datum})"
        for height, datum in (
            (pose.height_takeoff, "take-off"),
            (pose.height_msl, f"sea level, {pose.height_msl.geoid.value}" if pose.height_msl else ""),
            (pose.height_hae, "ellipsoid"),
        )
        if height is not None
    ]
    angles = (pose.yaw_deg, pose.pitch_deg, pose.roll_deg)
    looks = "–" if any(angle is None for angle in angles) else " / ".join(f"{angle or 0:.1f}" for angle in angles)
    return f"{position} | {'; '.join(heights) or '–'} | {looks}"


def families() -> list[str]:
    samples = load("subtitle_samples")
    lines = ["| family | aircraft | place and heights | gimbal yaw / pitch / roll | time |", "|---|---|---|---|---|"]
    with tempfile.TemporaryDirectory() as folder:
        for key, name in FAMILIES.items():
            path = Path(folder) / "a.srt"
            path.write_text(samples.subtitle(key), encoding="utf-8")
            answer = read_srt(path, camera_zone=ZONE)
            if not isinstance(answer, SrtTelemetry):
                raise SystemExit(f"family {key} is not read: {answer}")
            fields = answer.records[0].fields
            clock = "camera clock" if fields.clock else "video only"
            lines.append(f"| {key} | {name} | {place(fields)} | {gimbal(fields)} | {clock} |")
    return lines


def records() -> list[str]:
    logs, klv = load("log_samples"), load("klv_samples")
    packet = {13: 23.12, 14: 113.25, 15: 70.5, 5: 10.0, 90: 0.0, 91: 0.0, 18: 10.0, 19: -45.0, 20: 0.0}
    files = {
        "flight.bin": logs.dataflash(),
        "flight.tlog": logs.tlog(),
        "flight.ulg": logs.ulog(),
        "flight.klv": b"".join(klv.packet(START + timedelta(seconds=t), packet) for t in range(3)),
    }
    lines = [
        "| file | read | place | height | camera yaw / pitch / roll | error of time |",
        "|---|---|---|---|---|---|",
    ]
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            path = Path(folder) / name
            path.write_bytes(content)
            answer = read_telemetry(path, Declared())
            if not isinstance(answer, FlightRecord | KlvTelemetry):
                raise SystemExit(f"{name} is not read: {answer}")
            record = isinstance(answer, FlightRecord)
            count = (
                f"{answer.messages} messages" if isinstance(answer, FlightRecord) else f"{len(answer.records)} packets"
            )
            sigma = (
                f"± {answer.clock_sigma_s:.3f} s" if record and isinstance(answer, FlightRecord) else "in the packet"
            )
            lines.append(f"| {name} | {count} | {pose_place(answer.track.poses[0])} | {sigma} |")
    return lines


def tables(shared: Path) -> dict[str, list[str]]:
    """Return every table of the page by the name of its marker."""
    return {
        "real-subtitles": real_subtitles(shared),
        "real-photos": real_photos(shared),
        "auair": auair(shared),
        "families": families(),
        "records": records(),
    }


if __name__ == "__main__":
    for name, lines in tables(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT.parent / "shared").items():
        print(f"<!-- table: {name} -->")
        print("\n".join(lines))
        print(f"<!-- end: {name} -->\n")
