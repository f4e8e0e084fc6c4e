"""Watching over a flight: orders from the crew, advice from the monitors, and one planned answer to each.

The pilot is never fought: once the mode was changed by hand, nothing is ordered until the mission is flown again; what
the monitors see is still said. An order that fails is said and tried again. What was decided, and why, is recorded
before it is done.
"""

from __future__ import annotations

import queue
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import Final

from core.errors import LinkFailed
from core.points import distance_m
from core.text import _
from flight.flight_log import Outcome
from flight.flight_plan import Leg
from flight.flying.monitors import Action, Advice, Monitors, Progress
from flight.flying.recording import Recording
from flight.link import Link, VehicleState

MISSION_MODES: Final = frozenset({"AUTO", "MISSION"})
RETURN_MODES: Final = frozenset({"RTL", "SMART_RTL", "AUTO_RTL", "LAND", "RTGS"})
HOLD_MODES: Final = frozenset({"BRAKE", "LOITER"})
_GROUNDED_S: Final = 3.0  # disarmed for this long after the start: it will not take off any more
_AGAIN_S: Final = 2.0  # between tries of an order that failed
_HOLD_AT_EDGE_S: Final = 60.0  # how long a pilot is waited for at the edge of a no-fly zone, vehicle time
_STILL_M_S: Final = 1.0
_STOPPED_BY_S: Final = 15.0  # by then the wind moves it, not its way
_AT_HOME_M: Final = 30.0


class OrderKind(StrEnum):
    """What a crew may order in flight."""

    PAUSE = "pause"
    CONTINUE = "continue"
    RETURN = "return"
    LAND = "land"
    SKIP = "skip"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An order of the crew.

    Attributes:
        kind: What.
        waypoint: Index in ``Sortie.waypoints`` to skip to; None otherwise.
        reason: Why, where it is not a person's order; for the log.
    """

    kind: OrderKind
    waypoint: int | None = None
    reason: str = ""

    def __post_init__(self) -> None:
        if (self.kind is OrderKind.SKIP) != (self.waypoint is not None):
            raise ValueError("only an order to skip names a waypoint, and it must")


@dataclass(frozen=True, slots=True, kw_only=True)
class FlightView:
    """What a crew sees of a flight at one instant.

    Attributes:
        state: The vehicle.
        progress: Position along the plan, battery now and at home, distance to the edge.
        next_action: What comes next ("line in North yard, photographs every 12 m").
        advice: What the monitors say, gravest first.
        messages: What was recorded since the last view.
        in_command: Who flies: "mission", "pilot", "return" or "hold".
    """

    state: VehicleState
    progress: Progress
    next_action: str
    advice: tuple[Advice, ...]
    messages: tuple[str, ...]
    in_command: str


@dataclass(slots=True, kw_only=True)
class Watch:
    """Watches one flight; call :meth:`turn` with every state until it gives an outcome.

    Attributes:
        recording: Where everything goes.
        monitors: The judges.
        orders: The crew's orders.
        lost_after_s: Heartbeat age that counts as a lost link, seconds.
        patience_s: How long a lost link is waited for, seconds.
        flew: Whether it has been in the air.
        returning: Whether it is on its way home before its time.
        pilot: Whether its pilot flies it.
        lost: Whether it is not heard.
        held_for: What it hovers for; empty when it does not.
        events_seen: How many of the recording's events the crew has been shown.
    """

    recording: Recording
    monitors: Monitors
    orders: queue.SimpleQueue[Order] = field(default_factory=queue.SimpleQueue)
    lost_after_s: float = 5.0
    patience_s: float = 60.0
    flew: bool = False
    returning: bool = False
    pilot: bool = False
    lost: bool = False
    held_for: str = ""
    events_seen: int = 0
    _mode: str = ""
    _boot_s: float = 0.0
    _ours: frozenset[str] = frozenset()
    _said: set[str] = field(default_factory=set)
    _tried_s: dict[str, float] = field(default_factory=dict)
    _held_at_s: float = 0.0
    _began_s: float | None = None
    _down_since_s: float | None = None
    _called_pilot: bool = False

    # --- one turn -----------------------------------------------------------------------------------------------

    def turn(self, link: Link) -> tuple[Outcome | None, FlightView]:
        """Look, decide, act; return the outcome when the flight is over, and what there is to see.

        Raises:
            LinkFailed: The wire is dead (not merely silent).
        """
        recording = self.recording
        state = recording.gather(link)
        if self._began_s is None:
            self._began_s = recording.clock.monotonic_s()
        self._notice(state)
        advice, progress = self.monitors.look(state, in_mission=self._in_mission(state))
        outcome = self._over(state)
        if outcome is None and not self.lost:
            self._obey(link, state)
            self._act(link, state, advice)
        return outcome, self._view(state, progress, advice)

    def link_is_dead(self, reason: str) -> None:
        """Note that the wire itself broke."""
        if not self.lost:
            self.lost = True
            self.recording.note("link", _("{reason} The vehicle follows its own failsafe.").format(reason=reason))

    def _in_mission(self, state: VehicleState) -> bool:
        return state.mode in MISSION_MODES and not self.pilot and self.flew

    def _notice(self, state: VehicleState) -> None:
        recording = self.recording
        silent = state.heartbeat_age_s > self.lost_after_s
        if silent != self.lost:
            self.lost = silent
            recording.note(
                "link", _("link lost; the vehicle follows its own failsafe") if silent else _("the link is back")
            )
        aloft = state.armed and (state.landed is False or state.height_takeoff_m > 2.5)
        self.flew = self.flew or aloft or recording.highest_m > 2.5  # it may have been up and down between two looks
        if state.boot_s + 5 < self._boot_s:
            recording.note("vehicle", _("the autopilot has started anew"))
        self._boot_s = state.boot_s
        if self.flew and state.waypoint is not None and state.mode in MISSION_MODES:
            recording.last_item = max(recording.last_item, state.waypoint - 1)
        if state.mode != self._mode:
            if not self._mode and self.flew and state.armed:
                recording.note("mode", _("it flies in {mode}").format(mode=state.mode))
                self.returning = self.returning or state.mode in RETURN_MODES
            if self._mode:
                recording.note("mode", _("{before} → {after}").format(before=self._mode, after=state.mode))
                self._mode_changed(state)
            self._mode = state.mode

    def _mode_changed(self, state: VehicleState) -> None:
        if not (state.armed and self.flew):
            return
        if state.mode in MISSION_MODES:
            if self.pilot:
                self.recording.note("decision", _("the pilot has given the aircraft back to the mission"))
            self.pilot = self.returning = False
            self.held_for = ""
            self.monitors.rebase(state)
        elif state.mode in RETURN_MODES:
            self.returning, self.held_for = True, ""
        elif state.mode not in self._ours:
            self.pilot = True
            self.recording.note(
                "decision", _("the pilot took over ({mode}); nothing is ordered").format(mode=state.mode)
            )

    def _over(self, state: VehicleState) -> Outcome | None:
        recording = self.recording
        if state.heartbeat_age_s > self.patience_s:
            recording.note("link", _("nothing heard for {age:.0f} s").format(age=state.heartbeat_age_s))
            return Outcome.LINK_LOST
        now_s = recording.clock.monotonic_s()
        if self.lost or state.armed or (state.landed is False and self.flew):
            self._down_since_s = None
            return None
        self._down_since_s = now_s if self._down_since_s is None else self._down_since_s
        # One word is not enough to end a watch; a vehicle that says it has landed needs less patience.
        if now_s - self._down_since_s < (0.4 if state.landed else 2.5):
            return None
        if not self.flew:
            if now_s - (self._began_s or 0.0) > _GROUNDED_S:
                recording.note("decision", _("it is disarmed and has not taken off"))
                return Outcome.REFUSED
            return None
        return self._ending(state)

    def _ending(self, state: VehicleState) -> Outcome:
        """Return how a flight ended that is on the ground and disarmed."""
        recording = self.recording
        last = len(recording.sortie.waypoints) - 1
        home = recording.sortie.waypoints[-1].position
        away = state.position is not None and distance_m(state.position, home) > _AT_HOME_M
        if self.pilot and not self.returning:
            return Outcome.PILOT_TOOK_OVER
        if away:
            return Outcome.LANDED_AWAY
        if self.returning or recording.last_item < last - 1:
            return Outcome.RETURNED
        recording.last_item = last
        return Outcome.COMPLETED

    # --- the crew -----------------------------------------------------------------------------------------------

    def _obey(self, link: Link, state: VehicleState) -> None:
        while not self.orders.empty():
            order = self.orders.get_nowait()
            text = order.kind.value if order.waypoint is None else f"skip to {order.waypoint}"
            self.recording.note("order", f"{text}: {order.reason}" if order.reason else text)
            if order.kind is OrderKind.PAUSE:
                self._ours = HOLD_MODES
                self._do(link.pause, "order")
                self.held_for = "order"
            elif order.kind is OrderKind.CONTINUE:
                self._do(link.resume, "order")
                self.held_for, self.returning = "", False
            elif order.kind is OrderKind.SKIP and order.waypoint is not None:
                if self._do(partial(link.skip_to, order.waypoint), "order"):
                    self.monitors.rebase(state, order.waypoint)
            elif order.kind is OrderKind.LAND:
                self._do(link.land, "order")
            elif state.mode not in RETURN_MODES:
                self._do(link.return_home, "order")

    def _do(self, what: Callable[[], None], why: str) -> bool:
        """Carry out, and say so when it fails."""
        try:
            what()
        except (LinkFailed, ValueError) as error:  # ValueError: a crew may name a waypoint that does not exist
            self.recording.note("failed", f"{why}: {error}")
            return False
        return True

    # --- the monitors -------------------------------------------------------------------------------------------

    def _act(self, link: Link, state: VehicleState, advice: list[Advice]) -> None:
        current = {a.monitor for a in advice}
        for one in advice:
            if one.monitor not in self._said:
                self.recording.note("monitor", f"{one.monitor}: {one.text}")
        self._said = current | ({"battery-curve"} & self._said)
        if not self.flew or self.pilot or state.mode == "LAND":
            return
        gravest = advice[0] if advice else None
        if self.held_for:
            self._while_holding(link, state, gravest)
        elif gravest is not None and gravest.action is not Action.WARN:
            self._answer(link, state, gravest)

    def _answer(self, link: Link, state: VehicleState, advice: Advice) -> None:
        now_s = self.recording.clock.monotonic_s()
        if now_s - self._tried_s.get(advice.monitor, -1e9) < _AGAIN_S:
            return
        on_the_way = state.mode in RETURN_MODES or (
            state.mode in MISSION_MODES and self._leg(state) in {Leg.RETURN, Leg.LAND}
        )
        if advice.action is Action.RETURN and on_the_way and advice.monitor != "corridor":
            return  # it is coming home already
        self._tried_s[advice.monitor] = now_s
        if advice.action is Action.LAND:
            self._decide(_("land"), advice.text)
            self._do(link.land, advice.monitor)
        elif advice.action is Action.RETURN:
            if state.mode in RETURN_MODES:
                return
            self._decide(_("return home"), advice.text)
            self._do(link.return_home, advice.monitor)
        elif state.mode in MISSION_MODES or advice.monitor in {"no-fly", "airspace"}:
            self._decide(_("hold"), advice.text)
            self._ours = HOLD_MODES
            if self._do(link.pause, advice.monitor):
                self.held_for, self._held_at_s, self._called_pilot = advice.monitor, progress_time(state), False

    def _while_holding(self, link: Link, state: VehicleState, gravest: Advice | None) -> None:
        held_s = progress_time(state) - self._held_at_s
        if gravest is not None and gravest.action in {Action.RETURN, Action.LAND} and self.held_for != "order":
            self.held_for = ""  # something graver has come
            return
        if self.held_for in {"position", "position-jump"} and self.monitors.settled(state):
            self._decide(_("continue"), _("the position is steady again"))
            if self._do(link.resume, self.held_for):
                self.held_for = ""
        elif self.held_for in {"no-fly", "airspace"} and held_s > 2.0 and self._stands(state, held_s):
            if self.monitors.way_home_clear(state):
                self._decide(_("return home"), _("stopped before the edge; the straight way home is clear"))
                if self._do(link.return_home, self.held_for):
                    self.held_for = ""
            elif not self._called_pilot:
                self._called_pilot = True
                self._decide(_("hold"), _("the straight way home crosses a no-fly zone; a pilot is needed"))
            elif held_s > _HOLD_AT_EDGE_S:
                self._decide(_("land"), _("no pilot came"))
                if self._do(link.land, self.held_for):
                    self.held_for = ""

    @staticmethod
    def _stands(state: VehicleState, held_s: float) -> bool:
        """Return whether it has come to a stop: only then is it said, and the way home begun."""
        return state.ground_speed_m_s < _STILL_M_S or held_s > _STOPPED_BY_S

    def _decide(self, what: str, why: str) -> None:
        self.recording.note("decision", _("{what}: {why}").format(what=what, why=why))

    # --- the view -----------------------------------------------------------------------------------------------

    def _leg(self, state: VehicleState) -> Leg | None:
        waypoints = self.recording.sortie.waypoints
        if state.waypoint is None or not 0 <= state.waypoint < len(waypoints):
            return None
        return waypoints[state.waypoint].leg

    def _view(self, state: VehicleState, progress: Progress, advice: list[Advice]) -> FlightView:
        events = self.recording.events[self.events_seen :]
        self.events_seen = len(self.recording.events)
        command = "pilot" if self.pilot else "hold" if self.held_for else "return" if self.returning else "mission"
        return FlightView(
            state=state,
            progress=progress,
            next_action=self._next_action(state),
            advice=tuple(advice),
            messages=tuple(event.text for event in events),
            in_command=command,
        )

    def _next_action(self, state: VehicleState) -> str:
        leg = self._leg(state)
        if self.pilot or self.held_for:
            return _("the pilot flies") if self.pilot else _("hover")
        if state.mode in RETURN_MODES:
            return _("land here") if state.mode == "LAND" else _("come home and land")
        if state.mode not in MISSION_MODES or leg is None or state.waypoint is None:
            return state.mode
        waypoint = self.recording.sortie.waypoints[state.waypoint]
        if leg is Leg.LINE:
            return _("line in {area}, photographs every {spacing:.0f} m").format(
                area=waypoint.area or "?", spacing=waypoint.photo_spacing_m
            )
        return {
            Leg.TAKEOFF: _("climb to {height:.0f} m").format(height=waypoint.height.metres),
            Leg.TRANSIT: _("fly to waypoint {number}").format(number=state.waypoint),
            Leg.LOOK: _("one photograph at waypoint {number}").format(number=state.waypoint),
            Leg.RETURN: _("fly home"),
            Leg.LAND: _("land"),
        }[leg]


def progress_time(state: VehicleState) -> float:
    """Return the vehicle's time as seconds."""
    return state.at.timestamp()
