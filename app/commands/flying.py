"""Commands in flight: fly a sortie, several at once, or rehearse one with things going wrong."""

from __future__ import annotations

import queue
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from app.commands.flying_arguments import (
    aircraft_of,
    fault_of,
    log_for,
    open_checked,
    open_stream,
    opener,
    override_of,
    read_plan_and_patrol,
    read_signing_key,
    refuse_twins,
    refuse_wrong_sortie,
)
from app.commands.flying_orders import first_interrupt_asks, listen_to_keyboard
from app.commands.flying_view import Live, print_checks, print_flight
from core.clock import SystemClock
from core.errors import PlanRefused
from core.text import _
from flight.flight_log import FlightLog
from flight.flying.preflight import Check
from flight.flying.watch import Order

_CONNECT = _("MAVLink address: tcp:HOST:PORT, udp:HOST:PORT, udpout:HOST:PORT or serial:DEVICE:BAUD.")
_OVERRIDE = _("CODE:NAME:REASON: who lets a failed check pass, and why; logged. May be repeated.")
_STREAM = _("File or pipe for one JSON line per view (schema in docs/flying.md); - for standard output.")
_SIGNING = _("File with the MAVLink signing key: 64 hexadecimal digits.")
_GUARDS = _("Set the vehicle's fence and failsafe parameters as the plan demands; what changed is logged.")
_PATROL = _("Patrol file; it holds the approval, the no-fly zones and the limits. Nothing real flies without.")
_SIMULATOR = _("The vehicle is a simulator (it must say so itself): no approval, and a clock of its own.")


def add_commands(application: typer.Typer) -> None:
    """Add the flying commands to the command line."""
    panel = _("In flight")
    application.command(
        name="fly",
        rich_help_panel=panel,
        help=_("Fly one sortie of a plan with DroneKit. Refuses without a flight approval that covers now."),
    )(_fly)
    application.command(
        name="fly-together",
        rich_help_panel=panel,
        help=_("Fly several sorties of a plan at once from one station, kept apart by height, time and orders."),
    )(_fly_together)
    application.command(
        name="rehearse",
        rich_help_panel=panel,
        help=_("Fly a sortie against a simulated vehicle, with faults on demand: a training tool for crews."),
    )(_rehearse)


def _fly(
    *,
    plan_file: Annotated[Path, typer.Argument(metavar="PLAN", help=_("Plan file (plan.json)."))],
    connect: Annotated[str, typer.Option(help=_CONNECT)],
    sortie: Annotated[int, typer.Option(help=_("Number of the sortie."))] = 1,
    patrol: Annotated[Path | None, typer.Option(help=_PATROL)] = None,
    log: Annotated[
        Path | None, typer.Option(help=_("Flight log to write; beside the plan, with sortie and time, by default."))
    ] = None,
    reattach: Annotated[
        bool, typer.Option("--reattach", help=_("Take up a flight that is in the air, and go on with its log."))
    ] = False,
    override: Annotated[list[str] | None, typer.Option(help=_OVERRIDE)] = None,
    set_guards: Annotated[bool, typer.Option("--set-guards", help=_GUARDS)] = False,
    simulator: Annotated[bool, typer.Option("--simulator", help=_SIMULATOR)] = False,
    system_id: Annotated[
        int | None, typer.Option(min=1, max=255, help=_("MAVLink id of the vehicle, where several share a link."))
    ] = None,
    signing_key: Annotated[Path | None, typer.Option(help=_SIGNING)] = None,
    stream: Annotated[str | None, typer.Option(help=_STREAM)] = None,
    yes: Annotated[bool, typer.Option("--yes", help=_("Arm without asking once the checklist has passed."))] = False,
) -> None:
    from flight.fly import attend, fly, refuse_unapproved

    clock = SystemClock()
    flight_plan, asked = read_plan_and_patrol(plan_file, patrol)
    refuse_wrong_sortie(flight_plan, plan_file, sortie)
    approval = None if asked is None else asked.approval
    if not (reattach or simulator):
        refuse_unapproved(flight_plan, approval, clock)  # before anything is connected to
    log_path = log_for(log, plan_file, sortie, clock.now(), reattach=reattach)
    overrides = dict(override_of(text) for text in override or [])
    key = read_signing_key(signing_key)
    with ExitStack() as closing:
        sink, console = open_stream(stream, closing)
        open_link = opener(connect, system_id, key)
        link = open_checked(open_link, connect, closing, simulator=simulator)
        show = Live(console, sink, closing, sortie)
        orders: queue.SimpleQueue[Order] = queue.SimpleQueue()

        def confirm(_checks: tuple[Check, ...]) -> bool:
            agreed = yes or typer.confirm(_("Arm and start sortie {number}?").format(number=sortie))
            if agreed:
                listen_to_keyboard({"": orders}, console)
            return agreed

        with first_interrupt_asks(console, lambda: show.begun):
            if reattach:
                listen_to_keyboard({"": orders}, console)
                flown = attend(
                    link, flight_plan, sortie, clock=clock, log_path=log_path, patrol=asked, approval=approval,
                    rehearsal=simulator, orders=orders, on_view=show, reopen=open_link,
                )  # fmt: skip
            else:
                flown = fly(
                    link, flight_plan, sortie, clock=clock, log_path=log_path, approval=approval, patrol=asked,
                    rehearsal=simulator, confirm=confirm, overrides=overrides, orders=orders, on_view=show,
                    reopen=open_link, set_guards=set_guards,
                    on_wait=lambda text: console.print(text, markup=False, highlight=False),
                    on_checks=lambda checks: print_checks(checks, console),
                )  # fmt: skip
    print_flight(flown, log_path, console)


def _fly_together(
    *,
    plan_file: Annotated[Path, typer.Argument(metavar="PLAN", help=_("Plan file (plan.json)."))],
    aircraft: Annotated[
        list[str],
        typer.Option(
            help=_("NAME=SORTIE@ADDRESS, e.g. A=1@udp:127.0.0.1:14550; repeated, in order of precedence: of two that "
                   "come too close the later one gives way.")
        ),
    ],
    logs: Annotated[Path, typer.Option(help=_("Folder for the flight logs, one an aircraft: NAME.jsonl."))],
    patrol: Annotated[Path | None, typer.Option(help=_PATROL)] = None,
    horizontal: Annotated[float, typer.Option(help=_("Least distance between two aircraft, metres, or …"))] = 30.0,
    vertical: Annotated[float, typer.Option(help=_("… least difference of height, metres."))] = 15.0,
    override: Annotated[list[str] | None, typer.Option(help=_OVERRIDE)] = None,
    set_guards: Annotated[bool, typer.Option("--set-guards", help=_GUARDS)] = False,
    simulator: Annotated[bool, typer.Option("--simulator", help=_SIMULATOR)] = False,
    signing_key: Annotated[Path | None, typer.Option(help=_SIGNING)] = None,
    stream: Annotated[str | None, typer.Option(help=_STREAM)] = None,
    yes: Annotated[bool, typer.Option("--yes", help=_("Arm without asking once a checklist has passed."))] = False,
) -> None:  # fmt: skip
    from flight.fly import refuse_unapproved
    from flight.flying.fly_together import Together, fly_together
    from flight.flying.preflight import failures
    from flight.flying.separation import Separation

    clock = SystemClock()
    flight_plan, asked = read_plan_and_patrol(plan_file, patrol)
    crews = [aircraft_of(text) for text in aircraft]
    refuse_twins(crews)
    for _name, sortie, _address in crews:
        refuse_wrong_sortie(flight_plan, plan_file, sortie)
    approval = None if asked is None else asked.approval
    if not simulator:
        refuse_unapproved(flight_plan, approval, clock)
    overrides = dict(override_of(text) for text in override or [])
    key = read_signing_key(signing_key)
    paths = {name: log_for(logs / f"{name}.jsonl", plan_file, number, clock.now()) for name, number, _at in crews}
    with ExitStack() as closing:
        sink, console = open_stream(stream, closing)
        flights, rates = [], []
        for name, number, address in crews:
            open_link = opener(address, None, key)
            link = open_checked(open_link, address, closing, simulator=simulator)
            rates.append(link.time_rate)
            flights.append(
                Together(
                    name=name, link=link, plan=flight_plan, sortie_number=number, log_path=paths[name],
                    approval=approval, patrol=asked, reopen=open_link,
                )
            )  # fmt: skip
        views = {name: Live(console, sink, closing, number, name, quiet=True) for name, number, _at in crews}
        orders: dict[str, queue.SimpleQueue[Order]] = {name: queue.SimpleQueue() for name, _n, _a in crews}

        def confirm(name: str, checks: tuple[Check, ...]) -> bool:
            console.print(name, markup=False)
            print_checks(checks, console)
            if failures(checks):
                return True  # the refusal says why
            return yes or typer.confirm(_("Let {aircraft} take off?").format(aircraft=name))

        def all_checked() -> None:
            listen_to_keyboard(orders, console)

        with first_interrupt_asks(console, lambda: any(view.begun for view in views.values())):
            flown = fly_together(
                flights, clock=clock, rehearsal=simulator,
                separation=Separation(horizontal_m=horizontal, vertical_m=vertical),
                time_scale=min(rates) if simulator else 1.0,
                on_view=lambda name, view: views[name](view), confirm=confirm, on_all_checked=all_checked,
                orders=orders, overrides=overrides, set_guards=set_guards,
                on_plan=lambda text: console.print(text, markup=False, highlight=False, soft_wrap=True),
            )  # fmt: skip
    failed = [name for name, outcome in flown.items() if not isinstance(outcome, FlightLog)]
    for name, outcome in flown.items():
        if isinstance(outcome, FlightLog):
            print_flight(outcome, paths[name], console, name)
        else:
            console.print(_("{aircraft}: {reason}").format(aircraft=name, reason=outcome), markup=False, soft_wrap=True)
    if failed:
        raise PlanRefused(_("Not flown: {names}.").format(names=", ".join(failed)))


def _rehearse(
    *,
    patrol: Annotated[Path, typer.Argument(help=_("Patrol file."))],
    log: Annotated[Path, typer.Option(help=_("Flight log to write."))],
    sortie: Annotated[int, typer.Option(help=_("Number of the sortie."))] = 1,
    fault: Annotated[
        list[str] | None,
        typer.Option(help=_("KIND:PHASE[:AFTER_S[:AMOUNT]], e.g. gps-loss:on-mission:20; may be repeated.")),
    ] = None,
    speedup: Annotated[float, typer.Option(help=_("Vehicle seconds per second."))] = 10.0,
    seed: Annotated[int, typer.Option(help=_("Of wind and sensor errors."))] = 0,
    stream: Annotated[str | None, typer.Option(help=_STREAM)] = None,
) -> None:
    from app.commands.flight_log import print_log
    from flight.plan import plan
    from flight.planning.patrol_file import read_patrol
    from flight.rehearsal.rehearse import rehearse

    asked = read_patrol(patrol)
    faults = [fault_of(text) for text in fault or []]
    made = plan(asked)
    refuse_wrong_sortie(made, patrol, sortie)
    log_path = log_for(log, patrol, sortie, SystemClock().now())
    orders: queue.SimpleQueue[Order] = queue.SimpleQueue()
    with ExitStack() as closing:
        sink, console = open_stream(stream, closing)
        listen_to_keyboard({"": orders}, console)
        done = rehearse(
            made,
            sortie,
            log_path=log_path,
            faults=faults,
            patrol=asked,
            seed=seed,
            speedup=speedup,
            wind=asked.wind,
            orders=orders,
            on_view=Live(console, sink, closing, sortie, quiet=True),
        )
    print_log(done.log, console)
    for text in done.faults:
        console.print(_("went wrong: {fault}").format(fault=text), markup=False)
    if done.refused:
        console.print(_("never took off: {words}").format(words=done.refused), markup=False)
    print_flight(done.log, log_path, console)
