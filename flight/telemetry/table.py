"""Tracks from GPX files and from CSV tables whose columns somebody declares.

GPX 1.1 settles its own meaning: WGS-84 degrees, times in UTC, elevations above mean sea level on a geoid it does not
name. A table settles nothing, so nothing is guessed from its headings: the mapping says which column is what, in which
unit and on which datum, and a row that does not fit is refused by its number.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Final
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from core.heights import AglHeight, Geoid, HaeHeight, MslHeight, TakeoffHeight
from core.refusal import Refusal
from core.text import _
from flight.telemetry.photo import fix_of
from flight.telemetry.photo_header import finite
from flight.telemetry.subtitle_text import decode_subtitle
from flight.track import Pose, Track

MAX_BYTES: Final = 256 << 20
FIELDS: Final = frozenset(
    {"time", "lon", "lat", "height_takeoff", "height_msl", "height_hae", "height_agl", "yaw", "pitch", "roll"}
)
SCALES: Final[Mapping[str, float]] = {
    "deg": 1.0, "rad": 180 / math.pi, "deg*1e7": 1e-7, "m": 1.0, "mm": 1e-3, "cm": 1e-2, "ft": 0.3048,
}  # fmt: skip
TIME_FORMS: Final[Mapping[str, float]] = {"unix_s": 1.0, "unix_ms": 1e-3, "unix_us": 1e-6}


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """Which column holds a field, and how.

    Attributes:
        name: The column's heading.
        unit: For angles "deg", "rad" or "deg*1e7"; for heights "m", "cm", "mm" or "ft"; for the time "iso" (a text such
            as 2026-10-01T10:03:04.5), "unix_s", "unix_ms" or "unix_us".
    """

    name: str
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TableMapping:
    """What the columns of a table mean.

    Attributes:
        columns: Field (of :data:`FIELDS`) to column; "time", "lon" and "lat" are musts.
        geoid: What ``height_msl`` refers to.
        zone: The zone of times that are texts without an offset, or None when they have one.
        delimiter: Between cells.
    """

    columns: Mapping[str, Column]
    geoid: Geoid = Geoid.UNSTATED
    zone: tzinfo | None = None
    delimiter: str = ","

    def __post_init__(self) -> None:
        unknown = set(self.columns) - FIELDS
        if unknown or not {"time", "lon", "lat"} <= set(self.columns):
            raise ValueError(
                f"a mapping names time, lon and lat, and of the fields {sorted(FIELDS)} what else there is"
            )
        for field, column in self.columns.items():
            known = {"iso", *TIME_FORMS} if field == "time" else set(SCALES)
            if column.unit not in known:
                raise ValueError(f"the unit of {field} is one of {sorted(known)}, not {column.unit!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TableTelemetry:
    """A table or GPX file, read: poses + refused = its rows or track points.

    Attributes:
        source: File name and kind.
        track: The poses.
        refused: Rows that gave none.
    """

    source: str
    track: Track
    refused: tuple[Refusal, ...]


def read_table(path: Path, mapping: TableMapping) -> TableTelemetry | Refusal:
    """Return the track of a CSV table.

    Args:
        path: The file; opened for reading only.
        mapping: What its columns mean.

    Returns:
        The track, or a refusal: "unreadable-file", "empty-file", "oversized-file", "no-column" (a mapped column is not
        there) or "no-telemetry" (no row gives a pose).
    """
    text = _text_of(path)
    if isinstance(text, Refusal):
        return text
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=mapping.delimiter)
    try:
        headings = [heading.strip() for heading in rows.fieldnames or ()]
    except csv.Error:
        headings = []
    absent = sorted({column.name for column in mapping.columns.values()} - set(headings))
    if absent:
        return Refusal(
            subject=path.name,
            code="no-column",
            reason=_("has no column {names}").format(names=", ".join(absent)),
            remedy=_("Correct the declared mapping; the columns are {names}.").format(names=", ".join(headings) or "-"),
        )
    rows.fieldnames = headings
    return _gathered(path.name, "CSV", _table_poses(rows, mapping))


def read_gpx(path: Path) -> TableTelemetry | Refusal:
    """Return the track of a GPX file (all its segments).

    Args:
        path: The file; opened for reading only.

    Returns:
        The track, or a refusal: "unreadable-file", "empty-file", "oversized-file", "malformed" or "no-telemetry".
    """
    text = _text_of(path)
    if isinstance(text, Refusal):
        return text
    try:
        root = fromstring(text.encode())
    except (ParseError, DefusedXmlException, ValueError):
        return Refusal(subject=path.name, code="malformed", reason=_("is no GPX that can be read"))
    points = [element for element in root.iter() if element.tag.rpartition("}")[2] == "trkpt"]
    return _gathered(path.name, "GPX", (_gpx_pose(point) for point in points))


def _gpx_pose(point: object) -> Pose | None:
    """Return a track point's pose, or None when it has no time or place."""
    children = {child.tag.rpartition("}")[2]: child.text or "" for child in point}  # type: ignore[attr-defined]
    position = fix_of(finite(point.get("lon")), finite(point.get("lat")))  # type: ignore[attr-defined]
    at = _instant(children.get("time", ""), "iso", None)
    if at is None or position is None:
        return None
    height = finite(children.get("ele"))
    msl = None if height is None or not _on_earth(height) else MslHeight(metres=height, geoid=Geoid.UNSTATED)
    return Pose(captured_at=at, position=position, height_msl=msl)


def _table_poses(rows: csv.DictReader[str], mapping: TableMapping) -> Iterator[Pose | None]:
    """Yield a pose for every row, None for one that does not fit."""
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error:
            yield None
            continue
        yield _row_pose(row, mapping)


def _row_pose(row: Mapping[str, str | None], mapping: TableMapping) -> Pose | None:
    def number(field: str) -> float | None:
        column = mapping.columns.get(field)
        value = finite(row.get(column.name)) if column is not None else None
        return None if value is None or column is None else value * SCALES[column.unit]

    def height(field: str) -> float | None:
        value = number(field)
        return value if value is not None and _on_earth(value) else None

    when = mapping.columns["time"]
    at = _instant(row.get(when.name) or "", when.unit, mapping.zone)
    position = fix_of(number("lon"), number("lat"))
    if at is None or position is None:
        return None
    takeoff, msl, hae, agl = (height(f"height_{datum}") for datum in ("takeoff", "msl", "hae", "agl"))
    return Pose(
        captured_at=at,
        position=position,
        height_takeoff=None if takeoff is None else TakeoffHeight(metres=takeoff),
        height_msl=None if msl is None else MslHeight(metres=msl, geoid=mapping.geoid),
        height_hae=None if hae is None else HaeHeight(metres=hae),
        height_agl=None if agl is None else AglHeight(metres=agl),
        yaw_deg=number("yaw"),
        pitch_deg=number("pitch"),
        roll_deg=number("roll"),
    )


def _on_earth(height_m: float) -> bool:
    return -12_000 <= height_m <= 60_000


def _instant(text: str, unit: str, zone: tzinfo | None) -> datetime | None:
    """Return the instant of a cell, or None when it names none (a text without an offset needs a zone)."""
    if unit != "iso":
        seconds = finite(text)
        seconds = None if seconds is None else seconds * TIME_FORMS[unit]
        if seconds is None or not 315_532_800 < seconds < 7_258_118_400:  # 1980 to 2200
            return None
        return datetime.fromtimestamp(0, UTC) + timedelta(seconds=seconds)
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    if at.tzinfo is None and zone is not None:
        at = at.replace(tzinfo=zone)
    return None if at.tzinfo is None or not 1980 <= at.year < 2200 else at.astimezone(UTC)


def _gathered(name: str, kind: str, answers: Iterator[Pose | None]) -> TableTelemetry | Refusal:
    """Return the poses in rising order of time, with a refusal for every row that gave none."""
    poses: list[Pose] = []
    refused = []
    for number, pose in enumerate(answers, start=1):
        subject = f"{name} #{number}"
        if pose is None:
            refused.append(Refusal(subject=subject, code="no-pose", reason=_("holds no time or no place")))
        elif poses and pose.captured_at <= poses[-1].captured_at:
            refused.append(Refusal(subject=subject, code="time-goes-back", reason=_("its time does not rise")))
        else:
            poses.append(pose)
    if not poses:
        return Refusal(subject=name, code="no-telemetry", reason=_("holds no time with a place"))
    source = f"{name}, {kind}"
    return TableTelemetry(source=source, track=Track(poses=tuple(poses), source=source), refused=tuple(refused))


def _text_of(path: Path) -> str | Refusal:
    """Return a text file's content, or why there is none."""
    try:
        size = path.stat().st_size
        content = path.read_bytes() if size <= MAX_BYTES else b""
    except OSError as problem:
        reason = _("cannot be read ({why})").format(why=problem.strerror or problem)
        return Refusal(subject=path.name, code="unreadable-file", reason=reason)
    if size > MAX_BYTES:
        return Refusal(subject=path.name, code="oversized-file", reason=_("is larger than any track"))
    if not content.strip():
        return Refusal(subject=path.name, code="empty-file", reason=_("is empty"))
    return decode_subtitle(content)[0]
