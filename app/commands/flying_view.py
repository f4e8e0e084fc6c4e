"""What a crew sees of a flight on the terminal: the checklist, a line that stays, the messages above it, the end."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import IO

from rich.console import Console
from rich.markup import escape

from app.commands.planning import MARKS
from core.text import _
from flight.flight_log import FlightLog, outcome_name
from flight.flying.preflight import Check
from flight.flying.view_stream import write_view
from flight.flying.watch import FlightView


class Live:
    """Shows a flight as it goes on: a line that stays, the messages above it, and the stream for the station.

    Args:
        console: Where people look.
        sink: Where the JSON lines go, or None.
        closing: Ends the display.
        sortie: The sortie's number.
        aircraft: Its name among several.
        quiet: Whether messages are left to what is printed after the flight, or by others.
    """

    def __init__(
        self,
        console: Console,
        sink: IO[str] | None,
        closing: ExitStack,
        sortie: int,
        aircraft: str = "",
        *,
        quiet: bool = False,
    ) -> None:
        self._console, self._sink, self._sortie, self._aircraft = console, sink, sortie, aircraft
        self._quiet = quiet and not aircraft
        self.begun = False
        # It must not run while a question is asked, so it begins with the first view of the flight. Several aircraft
        # cannot share it: their messages are printed, and the stream has the rest.
        self._status = None if aircraft else console.status(_("in flight"))
        if self._status is not None:
            closing.callback(self._status.stop)

    def __call__(self, view: FlightView) -> None:
        """Show a view."""
        self.begun = True
        if self._sink is not None:
            write_view(view, self._sink, sortie=self._sortie, aircraft=self._aircraft)
        if not self._quiet:
            head = f"{self._aircraft} " if self._aircraft else ""
            for text in view.messages:
                self._console.print(f"{head}{view.state.at:%H:%M:%S} {text}", markup=False, highlight=False)
        if self._status is not None:
            self._status.start()
            self._status.update(view_line(view))


def view_line(view: FlightView) -> str:
    """Return one line that shows where a flight stands."""
    state, progress = view.state, view.progress

    def share(value: float | None) -> str:
        return "?" if value is None else f"{value:.0%}"

    line = _(
        "{mode} · {along:.0f} of {length:.0f} m · {height:.0f} m high · {speed:.1f} m/s · "
        "battery {now}, at home {home} · edge {edge} · heard {age:.1f} s ago · {action}"
    ).format(
        mode=state.mode,
        along=progress.along_m,
        length=progress.length_m,
        height=max(0.0, state.height_takeoff_m),
        speed=state.ground_speed_m_s,
        now=share(state.battery_share),
        home=share(progress.battery_home),
        edge="–" if progress.edge_m is None else _("{away:.0f} m").format(away=progress.edge_m),
        age=state.heartbeat_age_s,
        action=view.next_action,
    )
    return line + "".join(f" · [yellow]{escape(advice.text)}[/yellow]" for advice in view.advice)


def print_checks(checks: tuple[Check, ...], console: Console) -> None:
    """Print the preflight checklist."""
    for check in checks:
        override = f" [dim]({escape(check.overridden_by)})[/dim]" if check.overridden_by else ""
        console.print(
            f"{check.number:>2}. {MARKS[check.severity]} {check.code}: {escape(check.text)}{override}", soft_wrap=True
        )


def print_flight(flown: FlightLog, log: Path, console: Console, aircraft: str = "") -> None:
    """Print how a flight ended."""
    text = _("sortie {number}: {outcome}, {photos} photographs; log {log}").format(
        number=flown.sortie, outcome=outcome_name(flown.outcome), photos=len(flown.triggers), log=log
    )
    missing = sum(gap.last - gap.first + 1 for gap in flown.gaps)
    if missing:
        text += "; " + _("{count} photographs were taken and not reported").format(count=missing)
    console.print(f"{aircraft}: {text}" if aircraft else text, soft_wrap=True, markup=False)
