"""The flight log on disk: one JSON record a line, only ever appended, so that a kill loses at most the last line.

Each line holds ``kind``, ``utc`` (of the thing recorded: by the vehicle's time when that is known) and ``mono_s`` (the
station's monotonic clock). A line that was cut off by a kill is the last one and is left out on reading. Nothing is
ever rewritten: a flight that goes on after a crash appends to the same file.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from core.clock import Clock, from_iso, iso_utc
from core.errors import InputRefused, StoreFailed
from core.heights import Geoid, HaeHeight, MslHeight, TakeoffHeight
from core.points import GeoPoint
from core.text import _
from flight.flight_log import FlightEvent, FlightLog, Outcome, PhotoGap, Trigger
from flight.track import Pose, Track

FORMAT: Final = "skywarden-flight-log/1"
SYNC_EVERY_S: Final = 0.5


class LogFile:
    """An open flight log; safe to write from several threads.

    Args:
        path: The file; created when absent, appended to when there.
        clock: The clock.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._waiting: deque[dict[str, Any]] = deque()
        self._ended = False
        self._closing = threading.Event()
        self._dirty = threading.Event()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            cut_off = path.exists() and path.stat().st_size > 0 and not _ends_whole(path)
            self._file = path.open("ab", buffering=0)
        except OSError as error:
            raise StoreFailed(
                _("{path}: the flight log cannot be opened ({reason}).").format(path=path, reason=error.strerror)
            ) from error
        self._syncer = threading.Thread(target=self._keep_synced, name="flight log", daemon=True)
        self._syncer.start()
        if cut_off:
            self._file.write(b"\n")  # the half line of a killed run stays as it is and is skipped on reading

    def write(self, kind: str, at: datetime | None = None, **fields: Any) -> None:  # noqa: ANN401 - JSON values
        """Append a record, and before it those that :meth:`enqueue` left waiting.

        Args:
            kind: What it is ("event", "pose", "trigger", …).
            at: Its time, aware; the clock's when None.
            fields: What it holds; JSON values.

        Raises:
            StoreFailed: The disk does not take it.
        """
        self.enqueue(kind, at, **fields)
        self.flush()

    def enqueue(self, kind: str, at: datetime | None = None, **fields: Any) -> None:  # noqa: ANN401 - JSON values
        """Leave a record for the next write or flush; for the link's thread, which must never wait for a disk."""
        stamp = at or self._clock.now()
        self._waiting.append({"kind": kind, "utc": stamp, "mono_s": self._clock.monotonic_s(), **fields})

    def flush(self) -> None:
        """Write what waits. Once written it survives the death of this process; the disk has it half a second later.

        Raises:
            StoreFailed: The disk does not take it.
        """
        with self._lock:
            if self._file.closed or self._ended:
                return  # the flight is over; a late message of the link's thread belongs to no log
            lines = []
            while self._waiting:
                record = self._waiting.popleft()
                record["utc"] = iso_micros(record["utc"])
                lines.append(json.dumps(record, ensure_ascii=False, separators=(",", ":"), allow_nan=False) + "\n")
            if not lines:
                return
            try:
                self._file.write("".join(lines).encode())
            except OSError as error:
                raise StoreFailed(_("The flight log cannot be written: {reason}.").format(reason=error)) from error
            self._dirty.set()

    def _keep_synced(self) -> None:
        """Bring what was written to the disk every half second: a crash of the machine loses no more.

        In a thread of its own, because a busy disk can take seconds and the watch over an aircraft cannot wait.
        """
        while not self._closing.wait(SYNC_EVERY_S):
            if self._dirty.is_set():
                self._dirty.clear()
                with contextlib.suppress(OSError):  # a failing disk is told by the next write
                    os.fsync(self._file.fileno())

    def end(self, at: datetime | None = None, **fields: Any) -> None:  # noqa: ANN401 - JSON values
        """Write the last record; whatever comes after it belongs to no flight and is dropped."""
        self.write("end", at, **fields)
        self._ended = True

    def close(self) -> None:
        """Write what waits, bring everything to the disk, and close; calling it again does nothing."""
        self._closing.set()
        self._syncer.join(timeout=10)
        if not self._file.closed:
            try:
                self.flush()
                os.fsync(self._file.fileno())
            finally:
                with self._lock:
                    self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def iso_micros(instant: datetime) -> str:
    """Return ``instant`` as RFC 3339 text in UTC with microseconds (poses are closer together than iso_utc tells)."""
    iso_utc(instant)  # refuses a naive time
    return instant.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _ends_whole(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def pose_fields(pose: Pose) -> dict[str, Any]:
    """Return a pose as JSON values (without its time)."""
    return {
        "lon_deg": None if pose.position is None else round(pose.position.lon_deg, 9),
        "lat_deg": None if pose.position is None else round(pose.position.lat_deg, 9),
        "height_takeoff_m": None if pose.height_takeoff is None else round(pose.height_takeoff.metres, 3),
        "height_hae_m": None if pose.height_hae is None else round(pose.height_hae.metres, 3),
        "height_msl_m": None if pose.height_msl is None else round(pose.height_msl.metres, 3),
        "yaw_deg": _rounded(pose.yaw_deg),
        "pitch_deg": _rounded(pose.pitch_deg),
        "roll_deg": _rounded(pose.roll_deg),
    }


def trigger_fields(trigger: Trigger) -> dict[str, Any]:
    """Return a photograph as JSON values (without its time)."""
    return {
        "number": trigger.number,
        "lon_deg": round(trigger.position.lon_deg, 9),
        "lat_deg": round(trigger.position.lat_deg, 9),
        "height_takeoff_m": round(trigger.height_takeoff_m, 3),
        "yaw_deg": _rounded(trigger.yaw_deg),
        "pitch_deg": _rounded(trigger.pitch_deg),
        "roll_deg": _rounded(trigger.roll_deg),
        "angles_from": trigger.angles_from,
        "index": trigger.index,
    }


def gap_fields(gap: PhotoGap) -> dict[str, Any]:
    """Return a gap in the photographs as JSON values."""
    return {
        "first": gap.first,
        "last": gap.last,
        "after": None if gap.after is None else iso_micros(gap.after),
        "before": iso_micros(gap.before),
    }


def still_missing(gaps: Iterable[PhotoGap], triggers: Iterable[Trigger]) -> tuple[PhotoGap, ...]:
    """Return the gaps without the photographs whose reports came late after all."""
    known = {trigger.number for trigger in triggers}
    left: list[PhotoGap] = []
    for gap in gaps:
        for number in range(gap.first, gap.last + 1):
            if number in known:
                continue
            if left and left[-1].last == number - 1 and left[-1].before == gap.before:
                left[-1] = replace(left[-1], last=number)
            else:
                left.append(replace(gap, first=number, last=number))
    return tuple(left)


def _rounded(angle: float | None) -> float | None:
    return None if angle is None else round(angle, 4)


def read_records(path: Path) -> list[dict[str, Any]]:
    """Return the records of a flight log, in order; half lines of killed runs are left out.

    Raises:
        InputRefused: The file cannot be read or is no flight log.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise InputRefused(path, _("cannot be read"), _("Name a flight log that exists.")) from error
    records = []
    for line in lines:
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict) and "kind" in record and "utc" in record:
            records.append(record)
    if not records or records[0].get("format") != FORMAT:
        raise InputRefused(path, _("is no flight log of Skywarden"), _("Name a file that `skywarden fly` wrote."))
    return records


def read_log(path: Path) -> FlightLog:
    """Return the flight that a log file holds, whole or cut off.

    A log without an end (its program was killed) has the outcome LINK_LOST.

    Raises:
        InputRefused: The file cannot be read or is no flight log.
    """
    records = read_records(path)
    poses: list[Pose] = []
    triggers: list[Trigger] = []
    events: list[FlightEvent] = []
    gaps: list[PhotoGap] = []
    outcome, last_item = Outcome.LINK_LOST, -1
    for record in records:
        at = from_iso(record["utc"])
        if record["kind"] == "pose" and (not poses or at > poses[-1].captured_at):
            poses.append(_pose(at, record))
        elif record["kind"] == "trigger":
            triggers.append(_trigger(at, record))
        elif record["kind"] == "gap":
            gaps.append(_gap(record))
        elif record["kind"] == "event":
            events.append(FlightEvent(at=at, kind=record["event"], text=record["text"]))
        if "last_item" in record:
            last_item = max(last_item, int(record["last_item"]))
        if record["kind"] == "end":
            outcome = Outcome(record["outcome"])
    first = records[0]
    return FlightLog(
        patrol=first["patrol"],
        sortie=first["sortie"],
        outcome=outcome,
        track=Track(poses=tuple(poses), source=path.name),
        triggers=tuple(triggers),
        events=tuple(events),
        last_item=last_item,
        gaps=still_missing(gaps, triggers),
    )


def _gap(record: Mapping[str, Any]) -> PhotoGap:
    return PhotoGap(
        first=record["first"],
        last=record["last"],
        after=None if record["after"] is None else from_iso(record["after"]),
        before=from_iso(record["before"]),
    )


def _pose(at: datetime, record: Mapping[str, Any]) -> Pose:
    lon, lat = record["lon_deg"], record["lat_deg"]
    takeoff, hae, msl = record["height_takeoff_m"], record["height_hae_m"], record["height_msl_m"]
    return Pose(
        captured_at=at,
        position=None if lon is None or lat is None else GeoPoint(lon_deg=lon, lat_deg=lat),
        height_takeoff=None if takeoff is None else TakeoffHeight(metres=takeoff),
        height_hae=None if hae is None else HaeHeight(metres=hae),
        height_msl=None if msl is None else MslHeight(metres=msl, geoid=Geoid.UNSTATED),
        yaw_deg=record["yaw_deg"],
        pitch_deg=record["pitch_deg"],
        roll_deg=record["roll_deg"],
    )


def _trigger(at: datetime, record: Mapping[str, Any]) -> Trigger:
    return Trigger(
        at=at,
        number=record["number"],
        position=GeoPoint(lon_deg=record["lon_deg"], lat_deg=record["lat_deg"]),
        height_takeoff_m=record["height_takeoff_m"],
        yaw_deg=record["yaw_deg"],
        pitch_deg=record["pitch_deg"],
        roll_deg=record["roll_deg"],
        angles_from=record.get("angles_from", "gimbal"),
        index=record.get("index", record["number"]),
    )
