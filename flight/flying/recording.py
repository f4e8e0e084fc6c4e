"""Recording: what a flight leaves behind, in memory and on disk at once.

Every word of the vehicle, every pose and photograph, every decision with its reason goes through here; the disk comes
first, so that a killed program has lost nothing that it acted on.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from core.clock import Clock
from core.errors import StoreFailed
from core.text import _
from flight.flight_log import FlightEvent, FlightLog, Outcome, PhotoGap, Trigger
from flight.flight_plan import Sortie
from flight.flying.log_file import FORMAT, LogFile, gap_fields, pose_fields, still_missing, trigger_fields
from flight.link import Link, VehicleState
from flight.track import Pose, Track


@dataclass(slots=True)
class Recording:
    """The log of one sortie while it is flown.

    Attributes:
        patrol: The patrol's name.
        sortie: The sortie.
        file: The log on disk.
        clock: The station's clock.
        vehicle_time: The vehicle's own time, once known; what happens is noted by it.
        last_item: Index of the last waypoint reached.
        disk_failed: Whether the log could not be written any more.
        highest_m: Greatest height above take-off so far, metres.
    """

    patrol: str
    sortie: Sortie
    file: LogFile
    clock: Clock
    vehicle_time: datetime | None = None
    last_item: int = -1
    poses: list[Pose] = field(default_factory=list)
    triggers: list[Trigger] = field(default_factory=list)
    events: list[FlightEvent] = field(default_factory=list)
    gaps: list[PhotoGap] = field(default_factory=list)
    disk_failed: bool = False
    highest_m: float = 0.0
    _states_at_s: float = -1e9

    def _write(self, kind: str, at: datetime | None = None, **fields: Any) -> None:  # noqa: ANN401 - JSON values
        """Write to disk; a full disk is said once and must not end the watch over an aircraft in the air."""
        try:
            self.file.write(kind, at, **fields)
        except StoreFailed as error:
            self._failed(error)

    def _flush(self) -> None:
        try:
            self.file.flush()
        except StoreFailed as error:
            self._failed(error)

    def _failed(self, error: StoreFailed) -> None:
        if not self.disk_failed:
            self.disk_failed = True
            self.events.append(FlightEvent(at=self.clock.now(), kind="failed", text=str(error)))

    def begin(self, *, rehearsal: bool, approval: str | None, attached: bool = False) -> None:
        """Write the log's head."""
        self._write(
            "begin",
            format=FORMAT,
            patrol=self.patrol,
            sortie=self.sortie.number,
            rehearsal=rehearsal,
            approval=approval,
            attached=attached,
        )

    def go_on(self, before: FlightLog) -> None:
        """Go on from what the log of the same flight holds already; nothing of it is written again."""
        self.poses += before.track.poses
        self.triggers += before.triggers
        self.events += before.events
        self.gaps += before.gaps
        self.last_item = before.last_item

    def note(self, kind: str, text: str) -> None:
        """Record an event, by the vehicle's time (UTC like the clock's, save in a rehearsal) once it is known."""
        event = FlightEvent(at=self.vehicle_time or self.clock.now(), kind=kind, text=text)
        self._write("event", event.at, event=kind, text=text)
        self.events.append(event)

    def trigger(self, trigger: Trigger) -> None:
        """Record a photograph; called from the link's thread."""
        self.file.enqueue("trigger", trigger.at, **trigger_fields(trigger))
        self.triggers.append(trigger)

    def gap(self, gap: PhotoGap) -> None:
        """Record photographs of which no pose is known, and say so."""
        self._write("gap", gap.before, **gap_fields(gap))
        self.gaps.append(gap)
        self.note(
            "camera",
            _("photographs {first} to {last} were taken and not reported; their poses are not known").format(
                first=gap.first, last=gap.last
            )
            if gap.last > gap.first
            else _("photograph {number} was taken and not reported; its pose is not known").format(number=gap.first),
        )

    def _count_photographs(self) -> None:
        """Say how many photographs there are, against those planned and those that were not reported."""
        missing = sum(gap.last - gap.first + 1 for gap in still_missing(self.gaps, self.triggers))
        if self.sortie.photos or self.triggers or missing:
            self.note(
                "camera",
                _("{reported} photographs with a pose, {missing} without, {planned} planned").format(
                    reported=len(self.triggers), missing=missing, planned=self.sortie.photos
                ),
            )

    def message(self, sent: bool, name: str, packed: bytes) -> None:  # noqa: FBT001 - a link's listener
        """Record a message as it went over the wire; called from the link's thread and from senders."""
        self.file.enqueue("tx" if sent else "rx", name=name, raw=base64.b64encode(packed).decode())

    def gather(self, link: Link) -> VehicleState:
        """Take from the link what came since the last turn, and return the present state."""
        state = link.state()
        self.vehicle_time = state.at
        self.said(link.messages())
        for gap in link.photo_gaps():
            self.gap(gap)
        for pose in link.poses():
            if not self.poses or pose.captured_at > self.poses[-1].captured_at:
                self.file.enqueue("pose", pose.captured_at, **pose_fields(pose))
                self.poses.append(pose)
                if pose.height_takeoff is not None:
                    self.highest_m = max(self.highest_m, pose.height_takeoff.metres)
        self._flush()
        now_s = self.clock.monotonic_s()
        if now_s - self._states_at_s >= 0.5:
            self._states_at_s = now_s
            self._write(
                "state",
                state.at,
                mode=state.mode,
                item=state.item,
                waypoint=state.waypoint,
                battery=state.battery_share,
                armed=state.armed,
                landed=state.landed,
                heartbeat_age_s=round(min(state.heartbeat_age_s, 1e6), 2),
                last_item=self.last_item,
            )
        return state

    def said(self, texts: Iterable[str]) -> None:
        """Record the vehicle's status texts."""
        for text in texts:
            self.note("vehicle", text)

    def finish(self, outcome: Outcome) -> FlightLog:
        """Write the end and return the log."""
        if outcome is not Outcome.REFUSED:
            self._count_photographs()
        try:
            self.file.end(self.vehicle_time, outcome=outcome.value, last_item=self.last_item)
        except StoreFailed as error:
            self._failed(error)
        return FlightLog(
            patrol=self.patrol,
            sortie=self.sortie.number,
            outcome=outcome,
            track=Track(poses=tuple(self.poses), source=f"{self.patrol} #{self.sortie.number}"),
            triggers=tuple(sorted(self.triggers, key=lambda trigger: trigger.number)),
            events=tuple(self.events),
            last_item=self.last_item,
            gaps=still_missing(self.gaps, self.triggers),
        )
