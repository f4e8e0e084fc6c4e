"""Several aircraft in one sky: who is where, who gives way to whom, and the one planned answer to every conflict.

The answers, in order:

1. Of two that close in and could no longer both stop in time, the one named later holds until they are apart again.
2. One that cannot be ordered keeps its way and the other gives way, whatever the order of names: one that is flown by
   its pilot, comes home, lands, or is not heard. One that is not heard may be anywhere on its straight way home.
3. If the two are too close all the same, the other holds too: two that hover are safer than one that guesses.
4. If both hover too close for fifteen seconds, the upper one is sent home: a way home begins with a climb, so it goes
   up and away, at its own return height, which is a vertical separation above the other; the lower one goes on when
   they are apart. Without such a height, or when the upper one cannot be ordered, the pilots are called.
5. Nobody takes off into the air above its place while another is there, whatever the plan's times said.

A crew's own order to pause outlives the separation: nobody is sent on whom a person stopped.
"""

from __future__ import annotations

import itertools
import math
import queue
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from core.points import GeoPoint, LocalPlane, to_plane
from core.text import _
from flight.flying.monitors import reaction_s, stopping_distance_m
from flight.flying.separation import Separation, gap, gap_to_way
from flight.flying.watch import RETURN_MODES, FlightView, Order, OrderKind

_STILL_M_S: Final = 1.0
_APART_AGAIN: Final = 1.3  # times the separation, so that a pair does not stop and go at its edge
_LOST_S: Final = 5.0
_STALEMATE_S: Final = 15.0  # of the vehicles' time


@dataclass(slots=True)
class Sky:
    """Who is where, and who holds for whom; shared by the flights' threads.

    Attributes:
        separation: What is kept.
        order: Names, in order of precedence.
        orders: What is ordered, by name.
        homes: Where each comes home to.
        return_heights: The height of each one's way home, metres above take-off; None where none is its own.
        tell: Called with a sentence for the pilots.
    """

    separation: Separation
    order: list[str]
    orders: dict[str, queue.SimpleQueue[Order]]
    homes: Mapping[str, GeoPoint] = field(default_factory=dict)
    return_heights: Mapping[str, float | None] = field(default_factory=dict)
    tell: Callable[[str], None] = lambda _text: None
    views: dict[str, FlightView] = field(default_factory=dict)
    holding: dict[str, set[str]] = field(default_factory=dict)
    stopped_by_crew: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)
    sent_home: set[str] = field(default_factory=set)
    _both_still_since: dict[tuple[str, str], datetime] = field(default_factory=dict)
    _called: set[tuple[str, str]] = field(default_factory=set)

    def look(self, name: str, view: FlightView) -> None:
        """Take what is seen of an aircraft, and give the orders that keep pairs apart."""
        with self.lock:
            if not view.state.armed or view.state.landed is True:
                self._forget(name)
                return
            self.views[name] = view
            for first, later in itertools.combinations([n for n in self.order if n in self.views], 2):
                if name in {first, later}:
                    self._judge(first, later)

    def down(self, name: str) -> None:
        """An aircraft's flight is over: nobody holds for it any more."""
        with self.lock:
            self._forget(name)

    def hear_crew(self, name: str, orders: queue.SimpleQueue[Order]) -> None:
        """Take what a crew has ordered since the last time."""
        while not orders.empty():
            self.crew_orders(name, orders.get_nowait())

    def crew_orders(self, name: str, order: Order) -> None:
        """Take a crew's order, and pass it on unless it would send an aircraft into another."""
        with self.lock:
            if order.kind is OrderKind.PAUSE:
                self.stopped_by_crew.add(name)
            else:
                self.stopped_by_crew.discard(name)
            if order.kind in {OrderKind.CONTINUE, OrderKind.SKIP} and self.holding.get(name):
                others = ", ".join(sorted(self.holding[name]))
                self.tell(_("{name} keeps clear of {others}; it goes on by itself").format(name=name, others=others))
                return
            self.orders[name].put(order)

    def _forget(self, name: str) -> None:
        self.views.pop(name, None)
        self.holding.pop(name, None)
        self.sent_home.discard(name)
        for other in [other for other, whom in self.holding.items() if name in whom]:
            self._release(other, name)

    # --- judging a pair -----------------------------------------------------------------------------------------

    def _judge(self, first: str, later: str) -> None:
        near = self._within(first, later, 1.0, moving=False)
        if near or (self._within(first, later, 1.0, moving=True) and self._closing(first, later)):
            self._keep_apart(first, later, near=near)
        elif not self._within(first, later, _APART_AGAIN, moving=False):
            self._both_still_since.pop((first, later), None)
            self._called.discard((first, later))
            self._release(later, first)
            self._release(first, later)

    def _keep_apart(self, first: str, later: str, *, near: bool) -> None:
        orderable = [name for name in (later, first) if self._takes_orders(name)]
        if not orderable:
            self._call_pilots(first, later)
            return
        self._hold(orderable[0], first if orderable[0] == later else later)
        if not near or self.views[orderable[0]].state.ground_speed_m_s >= _STILL_M_S:
            return
        if len(orderable) == 2:
            self._hold(first, later)
        self._end_stalemate(first, later)

    def _end_stalemate(self, first: str, later: str) -> None:
        """Send the upper one home over the other, when both have hovered too close for long enough."""
        upper, lower = sorted((first, later), key=lambda name: -self.views[name].state.height_takeoff_m)
        now = max(self.views[name].state.at for name in (upper, lower))
        since = self._both_still_since.setdefault((first, later), now)
        if (now - since).total_seconds() < _STALEMATE_S:
            return
        height, below_m = self.return_heights.get(upper), self.views[lower].state.height_takeoff_m
        if height is None or height - below_m < self.separation.vertical_m or not self._takes_orders(upper):
            self._call_pilots(first, later)
            return
        self.holding.pop(upper, None)
        self.sent_home.add(upper)
        reason = _("clear of {other}, {height:.0f} m high").format(other=lower, height=height)
        self.orders[upper].put(Order(kind=OrderKind.RETURN, reason=reason))
        del self._both_still_since[first, later]

    def clear_above(self, name: str, place: GeoPoint, top_m: float) -> bool:
        """Return whether nobody is in the air through which ``name`` would climb from ``place`` to ``top_m``."""
        plane = LocalPlane(origin=place)
        with self.lock:
            for other, view in self.views.items():
                if other == name:
                    continue
                if view.state.position is None:
                    return False
                east, north = to_plane(plane, [view.state.position.lon_deg, view.state.position.lat_deg])
                near = math.hypot(float(east), float(north)) < self.separation.horizontal_m * _APART_AGAIN
                if near and view.state.height_takeoff_m < top_m + self.separation.vertical_m:
                    return False
        return True

    def _takes_orders(self, name: str) -> bool:
        view = self.views[name]
        return (
            name not in self.sent_home
            and view.in_command in {"mission", "hold"}
            and view.state.mode not in RETURN_MODES
            and view.state.heartbeat_age_s < _LOST_S
        )

    def _within(self, first: str, later: str, factor: float, *, moving: bool) -> bool:
        """Return whether a pair is within the separation times ``factor``, plus its ways to a stop when ``moving``."""
        pair = {name: self.views[name].state for name in (first, later)}
        stops = (
            sum(
                stopping_distance_m(state.ground_speed_m_s, reaction_s=reaction_s(state.time_rate))
                for state in pair.values()
            )
            if moving
            else 0.0
        )
        reach_m = self.separation.horizontal_m * factor + stops
        for lost, other in ((first, later), (later, first)):
            if pair[lost].heartbeat_age_s >= _LOST_S and lost in self.homes:
                away = gap_to_way(pair[lost], self.homes[lost], pair[other])
                return away is not None and away < reach_m
        apart = gap(pair[first], pair[later])
        return apart is not None and apart[0] < reach_m and apart[1] < self.separation.vertical_m * factor

    def _closing(self, first: str, later: str) -> bool:
        one, other = self.views[first].state, self.views[later].state
        if one.position is None or other.position is None:
            return True
        east, north = to_plane(LocalPlane(origin=one.position), [other.position.lon_deg, other.position.lat_deg])
        return float(east) * (other.east_m_s - one.east_m_s) + float(north) * (other.north_m_s - one.north_m_s) < 0

    # --- orders -------------------------------------------------------------------------------------------------

    def _hold(self, who: str, whom: str) -> None:
        if whom in self.holding.setdefault(who, set()):
            return
        if not self.holding[who]:
            self.orders[who].put(Order(kind=OrderKind.PAUSE, reason=_("keeps clear of {other}").format(other=whom)))
        self.holding[who].add(whom)

    def _release(self, who: str, whom: str) -> None:
        waited_for = self.holding.get(who, set())
        if whom not in waited_for:
            return
        waited_for.discard(whom)
        if waited_for:
            return
        del self.holding[who]
        # Whoever was taken over by its pilot, or went home, meanwhile is not sent back into its mission.
        if who in self.views and self._takes_orders(who) and who not in self.stopped_by_crew:
            self.orders[who].put(Order(kind=OrderKind.CONTINUE, reason=_("clear of {other}").format(other=whom)))

    def _call_pilots(self, first: str, later: str) -> None:
        if (first, later) not in self._called:
            self._called.add((first, later))
            self.tell(_("{one} and {other} are too close: fly one of them away by hand").format(one=first, other=later))
