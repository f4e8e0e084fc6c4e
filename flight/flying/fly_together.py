"""Flying several aircraft from one station: each with its own link and log, kept apart by height, by time, by orders.

Before any of them takes off, all are loaded and gone over: one that is not ready keeps all on the ground. Take-offs are
delayed as ``flight.flying.separation`` works out, and each has a height of its own for its way home, so that a failsafe
meets nobody. In the air ``flight.flying.sky`` has an answer for every pair that comes too close. The pilot of each is
respected as in a flight alone.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from core.clock import Clock
from core.errors import PlanRefused, SkywardenError
from core.text import _
from flight.flight_log import FlightLog
from flight.flight_plan import FlightPlan, Sortie
from flight.fly import fly, look_over, sortie_of
from flight.flying.preflight import Check, Override, failures
from flight.flying.separation import Separation, departures, return_heights
from flight.flying.sky import Sky
from flight.flying.watch import FlightView, Order
from flight.link import Link
from flight.patrol import Approval, Patrol

_DEFAULT_CEILING_M = 120.0


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
        reopen: Opens its link anew when the wire has died; without it a dead wire ends the watch.
    """

    name: str
    link: Link
    plan: FlightPlan
    sortie_number: int
    log_path: Path
    approval: Approval | None = None
    patrol: Patrol | None = None
    reopen: Callable[[], Link] | None = None


def fly_together(
    flights: Sequence[Together],
    *,
    clock: Clock,
    rehearsal: bool = False,
    separation: Separation | None = None,
    time_scale: float = 1.0,
    overrides: Mapping[str, Override] | None = None,
    set_guards: bool = False,
    confirm: Callable[[str, tuple[Check, ...]], bool] | None = None,
    on_all_checked: Callable[[], None] | None = None,
    orders: Mapping[str, queue.SimpleQueue[Order]] | None = None,
    on_view: Callable[[str, FlightView], None] | None = None,
    on_plan: Callable[[str], None] | None = None,
) -> dict[str, FlightLog | SkywardenError]:
    """Fly several sorties at once and return, by name, each one's log, or why it did not fly.

    Args:
        flights: The aircraft, in order of precedence: of two that come too close, the later one gives way.
        clock: The clock.
        rehearsal: Whether simulated vehicles are flown.
        separation: What is kept; the default's figures when None.
        time_scale: Vehicle seconds per wall-clock second: a simulator's speed-up.
        overrides: Failed checks that a person lets pass, by check code, for all of them.
        set_guards: Whether to set the fence and failsafe parameters that the plans demand, return heights included.
        confirm: Asked with each one's name and checklist before any takes off; one False stops all.
        on_all_checked: Called once when all may take off.
        orders: Where the crews put their orders, by name.
        on_view: Called with an aircraft's name and what there is to see.
        on_plan: Told who takes off when and comes home how high, and what the pilots must know in the air.

    Raises:
        ValueError: Two aircraft have one name, there is none, or a plan has no such sortie.
        PlanRefused: One of them is not ready, or was not confirmed; none has taken off.
        LinkFailed: One of them could not be loaded; none has taken off.
    """
    names = _names(flights)
    keep, tell = separation or Separation(), on_plan or (lambda _text: None)
    sorties = {flight.name: sortie_of(flight.plan, flight.sortie_number) for flight in flights}
    delays = {one.aircraft: one.takeoff_s for one in departures(sorties, flights[0].plan.home, keep)}
    heights = return_heights(sorties, keep, ceiling_m=min(map(_ceiling_m, flights)))
    _tell_plan(sorties, delays, heights, set_guards=set_guards, tell=tell)
    for flight in flights:
        checks = look_over(
            flight.link, flight.plan, flight.sortie_number, clock=clock, approval=flight.approval,
            patrol=flight.patrol, rehearsal=rehearsal, overrides=overrides, set_guards=set_guards,
            return_height_m=heights[flight.name],
        )  # fmt: skip
        _stay_on_the_ground(flight.name, checks, confirm)
    (on_all_checked or (lambda: None))()
    sky = Sky(
        separation=keep,
        order=names,
        orders={name: queue.SimpleQueue() for name in names},
        homes={name: sortie.waypoints[-1].position for name, sortie in sorties.items()},
        return_heights=heights if set_guards else {},
        tell=tell,
    )
    leaving = threading.Event()

    def wait(seconds: float) -> None:
        if leaving.wait(seconds):
            raise KeyboardInterrupt

    def run(flight: Together) -> FlightLog | SkywardenError:
        crew = (orders or {}).get(flight.name, queue.SimpleQueue())

        def see(view: FlightView) -> None:
            sky.hear_crew(flight.name, crew)
            sky.look(flight.name, view)
            if on_view is not None:
                on_view(flight.name, view)

        try:
            wait(delays[flight.name] / time_scale)
            return fly(
                flight.link, flight.plan, flight.sortie_number, clock=clock, log_path=flight.log_path,
                approval=flight.approval, patrol=flight.patrol, rehearsal=rehearsal, overrides=overrides,
                orders=sky.orders[flight.name], on_view=see, reopen=flight.reopen, set_guards=set_guards,
                return_height_m=heights[flight.name], clear_above=partial(_clear_above, sky, flight.name, sorties),
                wait=wait,
            )  # fmt: skip
        except SkywardenError as error:
            return error
        finally:
            sky.down(flight.name)

    with ThreadPoolExecutor(len(flights), thread_name_prefix="together") as pool:
        try:
            return dict(zip(names, pool.map(run, flights), strict=True))
        except KeyboardInterrupt:
            leaving.set()
            raise


def _clear_above(sky: Sky, name: str, sorties: Mapping[str, Sortie]) -> bool:
    takeoff = sorties[name].waypoints[0]
    return sky.clear_above(name, takeoff.position, takeoff.height.metres)


def _names(flights: Sequence[Together]) -> list[str]:
    names = [flight.name for flight in flights]
    if not names or len(set(names)) != len(names):
        raise ValueError("aircraft that fly together are at least one, each with a name of its own")
    return names


def _ceiling_m(flight: Together) -> float:
    limits = [] if flight.patrol is None else [flight.patrol.limits.max_height_agl_m]
    limits += [] if flight.approval is None else [flight.approval.max_height_agl_m]
    return min(limits, default=_DEFAULT_CEILING_M)


def _tell_plan(
    sorties: Mapping[str, Sortie],
    delays: Mapping[str, float],
    heights: Mapping[str, float | None],
    *,
    set_guards: bool,
    tell: Callable[[str], None],
) -> None:
    """Say who takes off when, and who comes home how high."""
    for name in sorties:
        text = _("{name}: sortie {sortie}, takes off after {delay:.0f} s").format(
            name=name, sortie=sorties[name].number, delay=delays[name]
        )
        height = heights[name]
        if not set_guards:
            text += _("; its return height stays as it is set")
        elif height is None:
            text += _("; no return height of its own fits under the limit")
        else:
            text += _("; comes home {height:.0f} m high").format(height=height)
        tell(text)


def _stay_on_the_ground(
    name: str, checks: tuple[Check, ...], confirm: Callable[[str, tuple[Check, ...]], bool] | None
) -> None:
    """Stop all when one is not ready.

    Raises:
        PlanRefused: Its checklist fails, or it was not confirmed.
    """
    agreed = confirm is None or confirm(name, checks)
    failed = failures(checks)
    if failed:
        raise PlanRefused(
            _("{name} is not ready, so nobody takes off: {failures}.").format(
                name=name, failures="; ".join(f"{check.number}. {check.code}: {check.text}" for check in failed)
            )
        )
    if not agreed:
        raise PlanRefused(_("{name} was not confirmed, so nobody takes off.").format(name=name))
