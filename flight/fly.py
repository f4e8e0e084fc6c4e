"""Flying a sortie: from an uploaded mission to a landed aircraft and a log.

:func:`fly` refuses to take off without an approval (rehearsals excepted) and with a failed checklist; it loads and
verifies mission and fence, starts, watches, and ends when the aircraft is on the ground and disarmed, or when the link
is lost for good. :func:`attend` takes up a flight that is in the air already, after the station crashed.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from core.clock import Clock, iso_utc
from core.errors import InputRefused, LinkFailed, PlanRefused, VehicleRefused
from core.text import _
from flight.flight_log import FlightLog, Outcome
from flight.flight_plan import FlightPlan, Severity, Sortie
from flight.flying.log_file import LogFile, read_log
from flight.flying.monitors import Bounds, Monitors
from flight.flying.preflight import Check, Override, failures, preflight, set_demanded
from flight.flying.recording import Recording
from flight.flying.watch import FlightView, Order, Watch
from flight.link import Link, VehicleState
from flight.mavlink.fence import fence_items
from flight.patrol import Approval, Limits, Patrol

POLL_S: Final = 0.05
READY_S: Final = 60.0
_REOPEN_EVERY_S: Final = 1.0


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
        PlanRefused: There is no approval, it is not valid now, or the plan's checklist is missing or has a failure.
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
    if not plan.findings:  # a checklist that was not gone through does not pass
        raise PlanRefused(_("The plan carries no checklist; make it anew with `skywarden plan`."))
    if failed:
        raise PlanRefused(
            _("The plan's checklist has failures: {failures}.").format(
                failures="; ".join(f"{finding.code}: {finding.text}" for finding in failed)
            )
        )


def bounds_of(plan: FlightPlan, sortie: Sortie, patrol: Patrol | None, approval: Approval | None) -> Bounds:
    """Return what a flight of ``sortie`` is watched against."""
    return Bounds(
        home=plan.home,
        sortie=sortie,
        zones=patrol.no_fly_zones if patrol is not None else (),
        permitted=patrol.permitted if patrol is not None else None,
        limits=patrol.limits if patrol is not None else Limits(),
        window_ends_at=approval.ends_at if approval is not None else None,
    )


def fly(
    link: Link,
    plan: FlightPlan,
    sortie_number: int,
    *,
    clock: Clock,
    log_path: Path,
    approval: Approval | None,
    patrol: Patrol | None = None,
    rehearsal: bool = False,
    overrides: Mapping[str, Override] | None = None,
    confirm: Callable[[tuple[Check, ...]], bool] | None = None,
    orders: queue.SimpleQueue[Order] | None = None,
    on_state: Callable[[VehicleState], None] | None = None,
    on_view: Callable[[FlightView], None] | None = None,
    on_checks: Callable[[tuple[Check, ...]], None] | None = None,
    on_wait: Callable[[str], None] | None = None,
    reopen: Callable[[], Link] | None = None,
    link_patience_s: float = 60.0,
    ready_s: float = READY_S,
    set_guards: bool = False,
    return_height_m: float | None = None,
    clear_above: Callable[[], bool] | None = None,
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
        patrol: The patrol that the plan was made of: its no-fly zones, airspace and limits are loaded as the vehicle's
            fence and watched; without it, only the plan is.
        rehearsal: Whether a simulated vehicle is flown.
        overrides: Failed checks that a person lets pass, by check code.
        confirm: Asked with the checklist before arming; False stops the flight. None asks nobody.
        orders: Where the crew puts its orders in flight.
        on_state: Called with the vehicle's state on every turn.
        on_view: Called with what there is to see on every turn.
        on_checks: Shown the checklist, whatever it says.
        on_wait: Told what a vehicle that was just switched on is waited for.
        reopen: Opens a new link when the wire has died; without it a dead wire ends the watch.
        link_patience_s: How long a lost link is waited for before the flight is called LINK_LOST, seconds.
        ready_s: How long a vehicle that was just switched on may take to find its position, seconds.
        set_guards: Whether to set the fence and failsafe parameters that the plan demands
            (:func:`flight.flying.preflight.demanded_parameters`); what changed is in the log.
        return_height_m: Where a failsafe brings it home, metres above take-off; that of the plan when None. Used with
            ``set_guards``.
        clear_above: Asked before arming, until it says that nobody is in the way; None for an aircraft alone.
        wait: Sleeps; a test may hand in another.

    Raises:
        ValueError: The plan has no such sortie.
        PlanRefused: A real flight is not approved, or the checklist has failures that nobody overrode.
        LinkFailed: The vehicle could not be loaded, or refused to start; it has not taken off. (A link that dies
            while it is being started is not this: it may be flying, and the watch goes on.)
    """
    sortie = sortie_of(plan, sortie_number)
    if not rehearsal:
        refuse_unapproved(plan, approval, clock)
    with LogFile(log_path, clock) as file:
        recording = Recording(plan.patrol, sortie, file, clock)
        recording.begin(rehearsal=rehearsal, approval=None if approval is None else approval.number)
        link.on_message(recording.message)
        try:
            _await_ready(recording, link, ready_s, on_wait)
            recording.vehicle_time = link.state().at
            _load(recording, link, sortie, patrol)
            if set_guards:
                _set_guards(recording, link, sortie, patrol, return_height_m)
            checks = preflight(
                link, plan, sortie, clock=clock, patrol=patrol, approval=approval, rehearsal=rehearsal,
                overrides=overrides,
            )  # fmt: skip
            if on_checks is not None:
                on_checks(checks)
            _settle_checks(recording, checks, confirm)
            link.on_trigger(recording.trigger)
            _await_clear_air(recording, clear_above, wait)
            _start(recording, link)
        except (LinkFailed, PlanRefused) as error:
            recording.said(link.messages())
            recording.note("refused", str(error))
            recording.finish(Outcome.REFUSED)
            raise
        watch = Watch(
            recording=recording,
            monitors=Monitors(bounds_of(plan, sortie, patrol, approval)),
            orders=orders if orders is not None else queue.SimpleQueue(),
            patience_s=link_patience_s,
            lost_after_s=min(5.0, link_patience_s / 2),
        )
        return recording.finish(_watch(watch, link, sortie, on_state, on_view, reopen, wait))


def look_over(
    link: Link,
    plan: FlightPlan,
    sortie_number: int,
    *,
    clock: Clock,
    approval: Approval | None,
    patrol: Patrol | None = None,
    rehearsal: bool = False,
    overrides: Mapping[str, Override] | None = None,
    set_guards: bool = False,
    return_height_m: float | None = None,
    ready_s: float = READY_S,
) -> tuple[Check, ...]:
    """Load a vehicle and go through its checklist without flying; arguments and failures as for :func:`fly`."""
    sortie = sortie_of(plan, sortie_number)
    link.await_ready(ready_s)
    link.upload(sortie)
    if patrol is not None:
        link.upload_fence(fence_items(patrol.permitted, patrol.no_fly_zones, sortie))
    if set_guards:
        set_demanded(link, sortie, patrol, return_height_m=return_height_m)
    return preflight(
        link, plan, sortie, clock=clock, patrol=patrol, approval=approval, rehearsal=rehearsal, overrides=overrides
    )


def record_refusal(
    plan: FlightPlan, sortie: Sortie, *, log_path: Path, clock: Clock, text: str, rehearsal: bool
) -> FlightLog:
    """Write the log of a flight that ended before it had a link, and return it."""
    with LogFile(log_path, clock) as file:
        recording = Recording(plan.patrol, sortie, file, clock)
        recording.begin(rehearsal=rehearsal, approval=None)
        recording.note("refused", text)
        return recording.finish(Outcome.REFUSED)


def attend(
    link: Link,
    plan: FlightPlan,
    sortie_number: int,
    *,
    clock: Clock,
    log_path: Path,
    patrol: Patrol | None = None,
    approval: Approval | None = None,
    rehearsal: bool = False,
    orders: queue.SimpleQueue[Order] | None = None,
    on_state: Callable[[VehicleState], None] | None = None,
    on_view: Callable[[FlightView], None] | None = None,
    reopen: Callable[[], Link] | None = None,
    link_patience_s: float = 60.0,
    wait: Callable[[float], None] = time.sleep,
) -> FlightLog:
    """Take up a sortie that is being flown already, and go on recording and watching.

    The vehicle's mission is read back and compared with the plan first: a flight of something else is not attended.
    The log goes on in the same file; what the station missed is missing. Arguments as for :func:`fly`.

    Raises:
        ValueError: The plan has no such sortie.
        InputRefused: The log is another flight's.
        LinkFailed: The vehicle is not in the air, or flies another mission.
    """
    sortie = sortie_of(plan, sortie_number)
    before = read_log(log_path) if log_path.is_file() and log_path.stat().st_size > 0 else None
    if before is not None and (before.patrol, before.sortie) != (plan.patrol, sortie_number):
        raise InputRefused(
            log_path,
            _("is the log of sortie {number} of {patrol}").format(number=before.sortie, patrol=before.patrol),
            _("Name the log of the flight that is to be taken up, or a new one."),
        )
    with LogFile(log_path, clock) as file:
        recording = Recording(plan.patrol, sortie, file, clock)
        recording.begin(rehearsal=rehearsal, approval=None if approval is None else approval.number, attached=True)
        if before is not None:
            recording.go_on(before)
        link.on_message(recording.message)
        try:
            _take_up(link, recording)
        except LinkFailed as error:
            recording.note("refused", str(error))
            raise
        link.on_trigger(recording.trigger)
        recording.vehicle_time = link.state().at
        recording.note("start", _("attending a flight in the air"))
        watch = Watch(
            recording=recording,
            monitors=Monitors(bounds_of(plan, sortie, patrol, approval)),
            orders=orders if orders is not None else queue.SimpleQueue(),
            patience_s=link_patience_s,
            flew=True,
            events_seen=0 if before is None else len(before.events),
        )
        return recording.finish(_watch(watch, link, sortie, on_state, on_view, reopen, wait))


def _take_up(link: Link, recording: Recording) -> None:
    """Make sure that the vehicle flies this sortie.

    Raises:
        LinkFailed: It holds another mission, or stands on the ground.
    """
    link.adopt(recording.sortie, tuple(recording.triggers))
    if not link.state().armed:
        raise LinkFailed(_("The vehicle is on the ground and disarmed; there is nothing to attend."))


def _load(recording: Recording, link: Link, sortie: Sortie, patrol: Patrol | None) -> None:
    recording.note("upload", _("loading {count} waypoints").format(count=len(sortie.waypoints)))
    link.upload(sortie)
    recording.note("upload", _("mission loaded and verified"))
    if patrol is not None:
        fence = fence_items(patrol.permitted, patrol.no_fly_zones, sortie)
        link.upload_fence(fence)
        recording.note("upload", _("fence of {count} corners loaded and verified").format(count=len(fence)))


def _await_ready(recording: Recording, link: Link, ready_s: float, on_wait: Callable[[str], None] | None) -> None:
    def say(text: str) -> None:
        recording.note("wait", text)
        if on_wait is not None:
            on_wait(text)

    link.await_ready(ready_s, say)


def _await_clear_air(
    recording: Recording, clear_above: Callable[[], bool] | None, wait: Callable[[float], None]
) -> None:
    if clear_above is None or clear_above():
        return
    recording.note("wait", _("another aircraft is in the air above; the take-off waits"))
    while not clear_above():
        wait(POLL_S)


def _set_guards(
    recording: Recording, link: Link, sortie: Sortie, patrol: Patrol | None, return_height_m: float | None
) -> None:
    changed = set_demanded(link, sortie, patrol, return_height_m=return_height_m)
    for name, (before, after) in changed.items():
        was = "?" if before is None else f"{before:g}"
        recording.note(
            "guard", _("{name} set to {after:g}; it was {before}").format(name=name, after=after, before=was)
        )


def _start(recording: Recording, link: Link) -> None:
    """Arm and start. A no is final; silence is not: the vehicle may have heard, and taken off, so it is watched."""
    try:
        link.arm_and_start()
    except VehicleRefused:
        raise
    except LinkFailed as error:
        recording.note("start", _("{reason} It is not known whether it took off.").format(reason=error))
    else:
        recording.note("start", _("armed, mission begun"))


def _settle_checks(
    recording: Recording, checks: tuple[Check, ...], confirm: Callable[[tuple[Check, ...]], bool] | None
) -> None:
    """Record the checklist; stop at failures, or when the crew does not confirm."""
    for check in checks:
        recording.note("check", f"{check.number}. {check.code} {check.severity.value}: {check.text}")
        if check.overridden_by:
            recording.note("override", f"{check.code}: {check.overridden_by}")
    failed = failures(checks)
    if failed:
        raise PlanRefused(
            _("The checklist fails: {failures}.").format(
                failures="; ".join(f"{check.number}. {check.code}: {check.text}" for check in failed)
            )
        )
    if confirm is not None and not confirm(checks):
        raise PlanRefused(_("The crew did not confirm the flight."))


def _watch(  # noqa: PLR0917 - private; fly and attend hand on what they were given
    watch: Watch,
    link: Link,
    sortie: Sortie,
    on_state: Callable[[VehicleState], None] | None,
    on_view: Callable[[FlightView], None] | None,
    reopen: Callable[[], Link] | None,
    wait: Callable[[float], None],
) -> Outcome:
    """Turn by turn until the flight is over; a link that was opened here is closed here."""
    opened: Link | None = None
    try:
        while True:
            try:
                outcome, view = watch.turn(opened or link)
            except LinkFailed as error:
                watch.link_is_dead(str(error))
                if opened is not None:
                    opened.close()
                opened = _reopened(watch, sortie, reopen, wait)
                if opened is None:
                    return Outcome.LINK_LOST
                continue
            if on_state is not None:
                on_state(view.state)
            if on_view is not None:
                on_view(view)
            if outcome is not None:
                return outcome
            wait(POLL_S)
    except KeyboardInterrupt:
        watch.recording.note("decision", _("the station was left; the vehicle follows its own failsafe"))
        raise
    finally:
        if opened is not None:
            opened.close()


def _reopened(
    watch: Watch, sortie: Sortie, reopen: Callable[[], Link] | None, wait: Callable[[float], None]
) -> Link | None:
    """Open the link anew until it succeeds or patience ends; the mission aboard must still be ours."""
    recording = watch.recording
    began_s = recording.clock.monotonic_s()
    while reopen is not None and recording.clock.monotonic_s() - began_s < watch.patience_s:
        try:
            link = reopen()
        except LinkFailed:
            wait(_REOPEN_EVERY_S)
            continue
        try:
            link.on_message(recording.message)
            link.on_trigger(recording.trigger)
            link.adopt(sortie, tuple(recording.triggers))
        except LinkFailed as error:
            recording.note("link", str(error))
            link.close()
            wait(_REOPEN_EVERY_S)
            continue
        recording.note("link", _("the link was opened anew"))
        return link
    recording.note("link", _("the link could not be opened anew"))
    return None
