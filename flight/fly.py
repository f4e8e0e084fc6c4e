"""Flying a sortie: from an uploaded mission to a landed aircraft and a log.

:func:`fly` refuses to take off without an approval (rehearsals excepted), uploads and verifies the mission, starts it,
watches it, and ends when the aircraft is on the ground and disarmed, when the pilot took over and landed, or when the
link is lost for good. What it decided, and why, is in the log, which is on disk before anything is acted on.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from core.clock import Clock, iso_utc
from core.errors import LinkFailed, PlanRefused
from core.points import distance_m
from core.text import _
from flight.flight_log import FlightEvent, FlightLog, Outcome, Trigger
from flight.flight_plan import FlightPlan, Severity, Sortie
from flight.link import Link, VehicleState
from flight.log_file import FORMAT, LogFile, pose_fields, trigger_fields
from flight.mission import last_waypoint_before, mission_items
from flight.patrol import Approval
from flight.track import Pose, Track

POLL_S: Final = 0.05
MISSION_MODES: Final = frozenset({"AUTO", "MISSION"})
RETURN_MODES: Final = frozenset({"RTL", "SMART_RTL", "AUTO_RTL", "LAND"})
_STATE_EVERY_S: Final = 1.0


@dataclass(slots=True)
class _Flight:
    """What is gathered while a sortie is flown."""

    plan: FlightPlan
    sortie: Sortie
    log: LogFile
    clock: Clock
    poses: list[Pose] = field(default_factory=list)
    triggers: list[Trigger] = field(default_factory=list)
    events: list[FlightEvent] = field(default_factory=list)
    last_item: int = -1
    flew: bool = False
    mode: str = ""
    returning: str = ""
    took_over: bool = False
    vehicle_time: datetime | None = None

    def note(self, kind: str, text: str) -> None:
        """Record an event, by the vehicle's time (UTC like the clock's, save in a rehearsal) once it is known."""
        event = FlightEvent(at=self.vehicle_time or self.clock.now(), kind=kind, text=text)
        self.events.append(event)
        self.log.write("event", event.at, event=kind, text=text)

    def trigger(self, trigger: Trigger) -> None:
        """Record a photograph; called from the link's thread."""
        self.triggers.append(trigger)
        self.log.write("trigger", trigger.at, **trigger_fields(trigger))

    def finish(self, outcome: Outcome) -> FlightLog:
        """Write the end and return the log."""
        self.log.write("end", self.vehicle_time, outcome=outcome.value, last_item=self.last_item)
        return FlightLog(
            patrol=self.plan.patrol,
            sortie=self.sortie.number,
            outcome=outcome,
            track=Track(poses=tuple(self.poses), source=f"{self.plan.patrol} #{self.sortie.number}"),
            triggers=tuple(sorted(self.triggers, key=lambda trigger: trigger.number)),
            events=tuple(self.events),
            last_item=self.last_item,
        )


def sortie_of(plan: FlightPlan, number: int) -> Sortie:
    """Return the sortie with this number.

    Raises:
        ValueError: The plan has none.
    """
    for sortie in plan.sorties:
        if sortie.number == number:
            return sortie
    raise ValueError(f"the plan of {plan.patrol} has no sortie {number}")


def refuse_unapproved(plan: FlightPlan, approval: Approval | None, clock: Clock) -> None:
    """Refuse a real flight that nobody approved.

    Raises:
        PlanRefused: There is no approval, it is not valid now, or the plan's checklist has a failure.
    """
    if approval is None:
        raise PlanRefused(
            _(
                "{patrol} has no flight approval (飞行活动批准); it may be rehearsed, not flown. "
                "Enter the approval's number and window in the patrol file."
            ).format(patrol=plan.patrol)
        )
    now = clock.now()
    if not approval.starts_at <= now < approval.ends_at:
        raise PlanRefused(
            _("Approval {number} is valid from {start} to {end}; it is {now} now.").format(
                number=approval.number,
                start=iso_utc(approval.starts_at),
                end=iso_utc(approval.ends_at),
                now=iso_utc(now),
            )
        )
    failed = [finding for finding in plan.findings if finding.severity is Severity.FAIL]
    if failed:
        raise PlanRefused(
            _("The plan's checklist has failures: {failures}.").format(
                failures="; ".join(f"{finding.code}: {finding.text}" for finding in failed)
            )
        )


def fly(
    link: Link,
    plan: FlightPlan,
    sortie_number: int,
    *,
    clock: Clock,
    log_path: Path,
    approval: Approval | None,
    rehearsal: bool = False,
    on_state: Callable[[VehicleState], None] | None = None,
    link_patience_s: float = 60.0,
    wait: Callable[[float], None] = time.sleep,
) -> FlightLog:
    """Fly one sortie of a plan and return what happened.

    Args:
        link: A connected vehicle; it stays open.
        plan: The plan.
        sortie_number: Which sortie.
        clock: The clock.
        log_path: The flight log on disk; appended to when it exists.
        approval: The flight approval; only a rehearsal may go without.
        rehearsal: Whether a simulated vehicle is flown.
        on_state: Called with the vehicle's state on every turn.
        link_patience_s: How long a lost link is waited for before the flight is called LINK_LOST, seconds.
        wait: Sleeps; a test may hand in another.

    Raises:
        ValueError: The plan has no such sortie.
        PlanRefused: A real flight is not approved, or the plan has failures.
        LinkFailed: The vehicle could not be loaded or started; it has not taken off.
    """
    sortie = sortie_of(plan, sortie_number)
    if not rehearsal:
        refuse_unapproved(plan, approval, clock)
    with LogFile(log_path, clock) as log:
        flight = _Flight(plan, sortie, log, clock)
        log.write(
            "begin",
            format=FORMAT,
            patrol=plan.patrol,
            sortie=sortie.number,
            rehearsal=rehearsal,
            approval=None if approval is None else approval.number,
        )
        try:
            flight.vehicle_time = link.state().at
            flight.note("upload", _("loading {count} waypoints").format(count=len(sortie.waypoints)))
            link.upload(sortie)
            flight.note("upload", _("loaded and verified"))
            link.on_trigger(flight.trigger)
            link.arm_and_start()
            flight.note("start", _("armed, mission begun"))
        except LinkFailed as error:
            for text in link.messages():
                flight.note("vehicle", text)
            flight.note("refused", str(error))
            flight.finish(Outcome.REFUSED)
            raise
        return flight.finish(_watch(flight, link, on_state, link_patience_s, wait))


def _watch(
    flight: _Flight,
    link: Link,
    on_state: Callable[[VehicleState], None] | None,
    patience_s: float,
    wait: Callable[[float], None],
) -> Outcome:
    items = mission_items(flight.sortie, flight.sortie.waypoints[0].position)
    state_logged_s, lost = -math.inf, False
    while True:
        try:
            state = _gather(flight, link)
        except LinkFailed as error:
            flight.note("link", str(error))
            return Outcome.LINK_LOST
        if on_state is not None:
            on_state(state)
        now_s = flight.clock.monotonic_s()
        if now_s - state_logged_s >= _STATE_EVERY_S:
            state_logged_s = now_s
            flight.log.write("state", state.at, mode=state.mode, item=state.item, battery=state.battery_share,
                             armed=state.armed, heartbeat_age_s=round(state.heartbeat_age_s, 2),
                             last_item=flight.last_item)  # fmt: skip
        if state.heartbeat_age_s > patience_s:
            flight.note("link", _("nothing heard for {age:.0f} s").format(age=state.heartbeat_age_s))
            return Outcome.LINK_LOST
        if (state.heartbeat_age_s > 5) != lost:
            lost = not lost
            flight.note("link", _("link lost; the vehicle follows its own failsafe") if lost else _("link is back"))
        _follow(flight, state)
        flight.last_item = max(flight.last_item, last_waypoint_before(items, state.item) if flight.flew else -1)
        if flight.flew and not state.armed and not lost:
            return _outcome(flight, state)
        wait(POLL_S)


def _gather(flight: _Flight, link: Link) -> VehicleState:
    """Take from the link what came since the last turn."""
    state = link.state()
    flight.vehicle_time = state.at
    for text in link.messages():
        flight.note("vehicle", text)
    for pose in link.poses():
        if not flight.poses or pose.captured_at > flight.poses[-1].captured_at:
            flight.poses.append(pose)
            flight.log.write("pose", pose.captured_at, **pose_fields(pose))
    return state


def _follow(flight: _Flight, state: VehicleState) -> None:
    """Notice take-off and changes of mode."""
    flight.flew = flight.flew or (state.armed and (state.landed is False or state.height_takeoff_m > 1.5))
    if state.mode != flight.mode:
        if flight.mode:
            flight.note("mode", _("{before} → {after}").format(before=flight.mode, after=state.mode))
        flight.mode = state.mode
        if state.armed and flight.flew:
            if state.mode in RETURN_MODES:
                flight.returning = flight.returning or state.mode
            elif state.mode not in MISSION_MODES:
                flight.took_over = True


def _outcome(flight: _Flight, state: VehicleState) -> Outcome:
    last = len(flight.sortie.waypoints) - 1
    home = flight.sortie.waypoints[-1].position
    at_home = state.position is None or distance_m(state.position, home) < 30
    if flight.took_over and not flight.returning:
        return Outcome.PILOT_TOOK_OVER
    if not at_home:
        return Outcome.LANDED_AWAY
    if flight.returning or flight.last_item < last - 1:
        return Outcome.RETURNED
    flight.last_item = last
    return Outcome.COMPLETED
