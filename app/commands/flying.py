"""Commands in flight: fly a sortie of a plan, or rehearse it with things going wrong."""

from __future__ import annotations

import json
import queue
import sys
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from app.commands.planning import MARKS
from core.clock import SystemClock
from core.errors import InputRefused
from core.text import _
from flight.flight_log import FlightLog, outcome_name
from flight.flying.preflight import Check, Override
from flight.flying.watch import FlightView, Order, OrderKind, view_fields
from flight.rehearsal.vehicle_faults import Fault, FaultKind, Phase, Planned

_KEYS = {
    "p": OrderKind.PAUSE,
    "c": OrderKind.CONTINUE,
    "r": OrderKind.RETURN,
    "l": OrderKind.LAND,
}


def add_commands(application: typer.Typer) -> None:
    """Add the flying commands to the command line."""
    panel = _("In flight")
    application.command(
        name="fly",
        rich_help_panel=panel,
        help=_("Fly one sortie of a plan with DroneKit. Refuses without a flight approval that covers now."),
    )(_fly)
    application.command(
        name="rehearse",
        rich_help_panel=panel,
        help=_("Fly a sortie against a simulated vehicle, with faults on demand: a training tool for crews."),
    )(_rehearse)


def _fly(
    *,
    patrol: Annotated[Path, typer.Argument(help=_("Patrol file; it holds the approval."))],
    plan_file: Annotated[Path, typer.Argument(help=_("Plan file made of it (plan.json)."))],
    connect: Annotated[str, typer.Option(help=_("MAVLink address, e.g. tcp:127.0.0.1:5760 or /dev/ttyACM0."))],
    log: Annotated[Path, typer.Option(help=_("Flight log to write; appended to when it exists."))],
    sortie: Annotated[int, typer.Option(help=_("Number of the sortie."))] = 1,
    override: Annotated[
        list[str] | None,
        typer.Option(help=_("CODE:NAME:REASON: who lets a failed check pass, and why; logged. May be repeated.")),
    ] = None,
    stream: Annotated[Path | None, typer.Option(help=_("File or pipe for one JSON line per view."))] = None,
    yes: Annotated[bool, typer.Option("--yes", help=_("Arm without asking once the checklist has passed."))] = False,
) -> None:
    from flight.dronekit_link import connect as open_link
    from flight.fly import fly
    from flight.planning.patrol_file import read_patrol
    from flight.planning.plan_file import read_plan_file

    clock = SystemClock()
    asked = read_patrol(patrol)
    flight_plan = read_plan_file(plan_file)
    overrides = dict(override_of(text) for text in override or [])
    console = Console()

    def confirm(checks: tuple[Check, ...]) -> bool:
        print_checks(checks, console)
        return yes or typer.confirm(_("Arm and start sortie {number}?").format(number=sortie))

    link = open_link(connect, clock=clock)
    with ExitStack() as closing:
        closing.callback(link.close)
        sink = None if stream is None else closing.enter_context(stream.open("a", encoding="utf-8"))
        # The status line must not run while a question is asked, so it begins with the first view of the flight.
        status = console.status(_("in flight"))

        closing.callback(status.stop)

        def show(view: FlightView) -> None:
            status.start()
            status.update(view_line(view))
            if sink is not None:
                print(json.dumps(view_fields(view), ensure_ascii=False), file=sink, flush=True)

        flown = fly(
            link,
            flight_plan,
            sortie,
            clock=clock,
            log_path=log,
            approval=asked.approval,
            patrol=asked,
            confirm=confirm,
            overrides=overrides,
            orders=orders_from_keyboard(console),
            on_view=show,
            reopen=lambda: open_link(connect, clock=clock),
        )
    print_flight(flown, log, console)


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
) -> None:
    from flight.plan import plan
    from flight.planning.patrol_file import read_patrol
    from flight.rehearsal.rehearse import rehearse

    asked = read_patrol(patrol)
    console = Console()
    with console.status(_("rehearsing")) as status:
        done = rehearse(
            plan(asked),
            sortie,
            log_path=log,
            faults=[fault_of(text) for text in fault or []],
            patrol=asked,
            seed=seed,
            speedup=speedup,
            wind=asked.wind,
            orders=orders_from_keyboard(console),
            on_view=lambda view: status.update(view_line(view)),
        )
    for event in done.log.events:
        console.print(f"{event.at:%H:%M:%S} {event.kind:>9}  {event.text}", markup=False, highlight=False)
    for text in done.faults:
        console.print(_("went wrong: {fault}").format(fault=text), markup=False)
    if done.refused:
        console.print(_("never took off: {words}").format(words=done.refused), markup=False)
    print_flight(done.log, log, console)


def fault_of(text: str) -> Planned:
    """Return the planned fault that ``KIND:PHASE[:AFTER_S[:AMOUNT]]`` describes.

    Raises:
        InputRefused: It is not of this form, or there is no such fault or phase.
    """
    parts = text.split(":")
    try:
        kind, phase = FaultKind(parts[0]), Phase(parts[1])
        after_s = float(parts[2]) if len(parts) > 2 else 0.0
        amount = float(parts[3]) if len(parts) > 3 else 0.0
        return Planned(fault=Fault(kind=kind, amount=amount), phase=phase, after_s=after_s)
    except (ValueError, IndexError) as wrong:
        raise InputRefused(
            text,
            _("is no fault"),
            _("Write KIND:PHASE, with KIND of {kinds} and PHASE of {phases}.").format(
                kinds=", ".join(FaultKind), phases=", ".join(Phase)
            ),
        ) from wrong


def override_of(text: str) -> tuple[str, Override]:
    """Return the check's code and the decision that ``CODE:NAME:REASON`` is.

    Raises:
        InputRefused: A part is missing.
    """
    parts = [part.strip() for part in text.split(":", 2)]
    if len(parts) != 3 or not all(parts):
        raise InputRefused(text, _("is no override"), _("Write CODE:NAME:REASON, e.g. clock:NAME:checked by hand."))
    return parts[0], Override(name=parts[1], reason=parts[2])


def orders_from_keyboard(console: Console) -> queue.SimpleQueue[Order]:
    """Return a queue that the keyboard fills: p pause, c continue, r return, l land, s N skip to waypoint N.

    Without a terminal the queue stays empty. The reading thread is a daemon: it ends with the process.
    """
    orders: queue.SimpleQueue[Order] = queue.SimpleQueue()
    if not sys.stdin.isatty():
        return orders
    console.print(_("orders: p pause · c continue · r return · l land · s N skip to waypoint N, then Enter"))

    def read() -> None:
        for line in sys.stdin:
            order = order_of(line)
            if order is not None:
                orders.put(order)

    threading.Thread(target=read, name="orders", daemon=True).start()
    return orders


def order_of(line: str) -> Order | None:
    """Return the order that a typed line is, or None when it is none."""
    words = line.split()
    if len(words) == 1 and words[0] in _KEYS:
        return Order(kind=_KEYS[words[0]])
    if len(words) == 2 and words[0] == "s" and words[1].isdigit():
        return Order(kind=OrderKind.SKIP, waypoint=int(words[1]))
    return None


def view_line(view: FlightView) -> str:
    """Return one line that shows where a flight stands."""
    state, progress = view.state, view.progress

    def share(value: float | None) -> str:
        return "?" if value is None else f"{value:.0%}"

    line = _(
        "{mode} · {along:.0f} of {length:.0f} m · {height:.0f} m high · {speed:.1f} m/s · "
        "battery {now}, at home {home} · heard {age:.1f} s ago · {action}"
    ).format(
        mode=state.mode,
        along=progress.along_m,
        length=progress.length_m,
        height=state.height_takeoff_m,
        speed=state.ground_speed_m_s,
        now=share(state.battery_share),
        home=share(progress.battery_home),
        age=state.heartbeat_age_s,
        action=view.next_action,
    )
    return line + "".join(f" · [yellow]{advice.text}[/yellow]" for advice in view.advice)


def print_checks(checks: tuple[Check, ...], console: Console) -> None:
    """Print the preflight checklist."""
    for check in checks:
        override = f" [dim]({check.overridden_by})[/dim]" if check.overridden_by else ""
        console.print(f"{check.number:>2}. {MARKS[check.severity]} {check.text}{override}", soft_wrap=True)


def print_flight(flown: FlightLog, log: Path, console: Console) -> None:
    """Print how a flight ended."""
    console.print(
        _("sortie {number}: {outcome}, {photos} photographs; log {log}").format(
            number=flown.sortie, outcome=outcome_name(flown.outcome), photos=len(flown.triggers), log=log
        ),
        soft_wrap=True,
    )
