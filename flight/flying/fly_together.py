"""Flying several aircraft from one station: each with its own link and log, kept apart by time and by orders.

Take-offs are delayed as ``flight.flying.separation`` works out. In the air every pair is watched: when two close in on
each other and could no longer both stop in time, the one that was named later holds until they are apart again.
Should the other come on all the same, it holds too, and the pilots sort it out: two that hover are safer than one that
guesses. The pilot of each is respected as in a flight alone.
"""

from __future__ import annotations

import itertools
import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from core.clock import Clock
from core.errors import SkywardenError
from core.points import LocalPlane, to_plane
from flight.flight_log import FlightLog
from flight.flight_plan import FlightPlan
from flight.fly import fly, sortie_of
from flight.flying.monitors import stopping_distance_m
from flight.flying.separation import Separation, departures, too_close
from flight.flying.watch import FlightView, Order, OrderKind
from flight.link import Link, VehicleState
from flight.patrol import Approval, Patrol

_STILL_M_S: Final = 1.0
_APART_AGAIN: Final = 1.3  # times the separation, so that a pair does not stop and go at its edge


@dataclass(frozen=True, slots=True, kw_only=True)
class Together:
    """One aircraft among several.

    Attributes:
        name: Its name, for people.
        link: Its connected vehicle.
        plan: Its plan.
        sortie_number: Which sortie.
        log_path: Its flight log.
        approval: Its approval.
        patrol: Its patrol, or None.
    """

    name: str
    link: Link
    plan: FlightPlan
    sortie_number: int
    log_path: Path
    approval: Approval | None = None
    patrol: Patrol | None = None


@dataclass(slots=True)
class _Sky:
    """Who is where, and who holds for whom; shared by the flights' threads."""

    separation: Separation
    order: list[str]
    orders: dict[str, queue.SimpleQueue[Order]]
    states: dict[str, VehicleState] = field(default_factory=dict)
    holding: dict[str, str] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def look(self, name: str, view: FlightView) -> None:
        """Take a state, and give the orders that keep pairs apart."""
        with self.lock:
            self.states[name] = view.state
            for first, later in itertools.combinations([n for n in self.order if n in self.states], 2):
                if name in {first, later}:
                    self._judge(first, later)

    def _judge(self, first: str, later: str) -> None:
        near = self._within(first, later, 1.0, moving=False)
        if near or (self._within(first, later, 1.0, moving=True) and self._closing(first, later)):
            self._hold(later, first)
            if near and self.states[later].ground_speed_m_s < _STILL_M_S:
                self._hold(first, later)
        elif not self._within(first, later, _APART_AGAIN, moving=False):
            self._release(later, first)
            self._release(first, later)

    def _within(self, first: str, later: str, factor: float, *, moving: bool) -> bool:
        """Return whether a pair is within the separation times ``factor``, plus its ways to a stop when ``moving``."""
        keep, pair = self.separation, {first: self.states[first], later: self.states[later]}
        stops = sum(stopping_distance_m(state.ground_speed_m_s) for state in pair.values()) if moving else 0.0
        reach = replace(keep, horizontal_m=keep.horizontal_m * factor + stops, vertical_m=keep.vertical_m * factor)
        return bool(too_close(pair, reach))

    def _closing(self, first: str, later: str) -> bool:
        one, other = self.states[first], self.states[later]
        if one.position is None or other.position is None:
            return True
        east, north = to_plane(LocalPlane(origin=one.position), [other.position.lon_deg, other.position.lat_deg])
        return float(east) * (other.east_m_s - one.east_m_s) + float(north) * (other.north_m_s - one.north_m_s) < 0

    def _hold(self, who: str, whom: str) -> None:
        if who not in self.holding:
            self.holding[who] = whom
            self.orders[who].put(Order(kind=OrderKind.PAUSE))

    def _release(self, who: str, whom: str) -> None:
        if self.holding.get(who) == whom:
            del self.holding[who]
            self.orders[who].put(Order(kind=OrderKind.CONTINUE))

    def down(self, name: str) -> None:
        """An aircraft has landed, or its flight is over: nobody holds for it any more."""
        with self.lock:
            self.states.pop(name, None)
            for later in [later for later, first in self.holding.items() if first == name]:
                del self.holding[later]
                self.orders[later].put(Order(kind=OrderKind.CONTINUE))


def fly_together(
    flights: Sequence[Together],
    *,
    clock: Clock,
    rehearsal: bool = False,
    separation: Separation | None = None,
    time_scale: float = 1.0,
    on_view: Callable[[str, FlightView], None] | None = None,
    wait: Callable[[float], None] = time.sleep,
) -> dict[str, FlightLog | SkywardenError]:
    """Fly several sorties at once and return, by name, each one's log, or why it did not fly.

    Args:
        flights: The aircraft, in order of precedence: of two that come too close, the later one holds.
        clock: The clock.
        rehearsal: Whether simulated vehicles are flown.
        separation: What is kept; the default's figures when None.
        time_scale: Vehicle seconds per wall-clock second: a simulator's speed-up.
        on_view: Called with an aircraft's name and what there is to see.
        wait: Sleeps.

    Raises:
        ValueError: Two aircraft have one name, there is none, or a plan has no such sortie.
    """
    names = [flight.name for flight in flights]
    if not names or len(set(names)) != len(names):
        raise ValueError("aircraft that fly together are at least one, each with a name of its own")
    keep = separation or Separation()
    sorties = {flight.name: sortie_of(flight.plan, flight.sortie_number) for flight in flights}
    delays = {one.aircraft: one.takeoff_s for one in departures(sorties, flights[0].plan.home, keep)}
    sky = _Sky(keep, names, {name: queue.SimpleQueue() for name in names})

    def run(flight: Together) -> FlightLog | SkywardenError:
        wait(delays[flight.name] / time_scale)

        def see(view: FlightView) -> None:
            sky.look(flight.name, view)
            if on_view is not None:
                on_view(flight.name, view)

        try:
            return fly(
                flight.link,
                flight.plan,
                flight.sortie_number,
                clock=clock,
                log_path=flight.log_path,
                approval=flight.approval,
                patrol=flight.patrol,
                rehearsal=rehearsal,
                orders=sky.orders[flight.name],
                on_view=see,
                wait=wait,
            )
        except SkywardenError as error:
            return error
        finally:
            sky.down(flight.name)

    with ThreadPoolExecutor(len(flights), thread_name_prefix="together") as pool:
        return dict(zip(names, pool.map(run, flights), strict=True))
