"""Rehearsing a sortie: the whole flight against the rehearsal vehicle, with whatever is to go wrong.

A training tool: a crew sees what each fault does, what the station says, and what the log holds, without an aircraft.
The station's side is the same as in earnest (:func:`flight.fly.fly` over :func:`flight.dronekit_link.connect`).
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from core.clock import Clock, SystemClock
from core.errors import LinkFailed, PlanRefused
from flight.dronekit_link import DroneKitLink, connect
from flight.flight_log import FlightLog, Outcome, Trigger
from flight.flight_plan import FlightPlan
from flight.fly import fly, record_refusal, sortie_of
from flight.flying.log_file import read_log
from flight.flying.watch import FlightView, Order
from flight.patrol import Patrol, Wind
from flight.rehearsal.vehicle import RehearsalVehicle
from flight.rehearsal.vehicle_faults import Planned
from flight.track import Track


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """What a rehearsed sortie came to.

    Attributes:
        log: The flight as the station knows it.
        refused: Why it never took off, in the words the crew read; empty when it did.
        faults: What went wrong, with the phase ("on-mission: gps-loss").
        landed: Whether the vehicle stood on the ground in the end.
        mode: The vehicle's mode in the end.
        true_track, true_triggers: The truth, for the renderer only.
    """

    log: FlightLog
    refused: str
    faults: tuple[str, ...]
    landed: bool
    mode: str
    true_track: Track
    true_triggers: tuple[Trigger, ...]


def rehearse(
    plan: FlightPlan,
    sortie_number: int,
    *,
    log_path: Path,
    faults: Sequence[Planned] = (),
    patrol: Patrol | None = None,
    home_hae_m: float = 0.0,
    undulation_m: float = 0.0,
    start_at: datetime | None = None,
    seed: int = 0,
    speedup: float = 10.0,
    wind: Wind | None = None,
    battery_share: float = 1.0,
    parameters: Mapping[str, float] | None = None,
    clock: Clock | None = None,
    orders: queue.SimpleQueue[Order] | None = None,
    on_view: Callable[[FlightView], None] | None = None,
    patience_s: float = 20.0,
    connect_s: float = 15.0,
    silence_s: float = 4.0,
    heartbeat_every_s: float = 1.0,
) -> Rehearsal:
    """Fly a sortie in rehearsal and return what happened, whatever went wrong.

    Args:
        plan: The plan.
        sortie_number: Which sortie.
        log_path: The flight log.
        faults: What is to go wrong.
        patrol: The patrol, for fence, limits and no-fly zones.
        home_hae_m: Home above the ellipsoid, metres.
        undulation_m: Geoid undulation at home, metres.
        start_at: The vehicle's time at start, aware; the wall clock's when None.
        seed: Of everything random.
        speedup: Vehicle seconds per wall-clock second.
        wind: The wind it flies in.
        battery_share: Charge at start, in (0, 1].
        parameters: Autopilot parameters to be set otherwise.
        clock: The station's clock.
        orders: The crew's orders in flight.
        on_view: Called with what the crew sees.
        patience_s: How long a lost link is waited for, seconds.
        connect_s: How long connecting may take, seconds.
        silence_s: How long the vehicle may leave a question unanswered, seconds.
        heartbeat_every_s: Seconds of the wall clock between the vehicle's heartbeats.

    Raises:
        ValueError: The plan has no such sortie, or the vehicle no such parameter.
    """
    sortie = sortie_of(plan, sortie_number)
    station = clock or SystemClock()
    vehicle = RehearsalVehicle(
        plan.home,
        home_hae_m=home_hae_m,
        undulation_m=undulation_m,
        start_at=start_at,
        seed=seed,
        speedup=speedup,
        wind=wind,
        battery_share=battery_share,
        faults=faults,
        heartbeat_every_s=heartbeat_every_s,
    )
    for name, value in (parameters or {}).items():
        vehicle.set_parameter(name, value)
    refused = ""
    link: DroneKitLink | None = None
    with vehicle:
        try:
            link = connect(vehicle.address, timeout_s=connect_s, clock=station, silence_s=silence_s)
            log = fly(
                link,
                plan,
                sortie_number,
                clock=station,
                log_path=log_path,
                approval=None,
                patrol=patrol,
                rehearsal=True,
                orders=orders,
                on_view=on_view,
                link_patience_s=patience_s,
                ready_s=1.0,  # it stands ready when it is made, unless a fault is to be seen
                reopen=lambda: connect(vehicle.address, timeout_s=connect_s, clock=station, silence_s=silence_s),
            )
        except (LinkFailed, PlanRefused) as error:
            refused = str(error)
            if link is None:
                record_refusal(plan, sortie, log_path=log_path, clock=station, text=refused, rehearsal=True)
            log = read_log(log_path)
        finally:
            if link is not None:
                link.close()
        _let_it_land(vehicle, log.outcome, speedup)
        return Rehearsal(
            log=log,
            refused=refused,
            faults=vehicle.fault_notes,
            landed=not vehicle.flying,
            mode=vehicle.mode,
            true_track=vehicle.true_track(),
            true_triggers=vehicle.true_triggers(),
        )


def _let_it_land(vehicle: RehearsalVehicle, outcome: Outcome, speedup: float) -> None:
    """Give a vehicle that the station lost sight of the time to follow its own failsafe home (300 s of its time)."""
    until = time.monotonic() + 300 / speedup
    while outcome is Outcome.LINK_LOST and vehicle.flying and time.monotonic() < until:
        time.sleep(0.02)
