"""What a crew names on the command line of a flight, read and refused in one sentence."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from rich.console import Console

from core.clock import SystemClock
from core.errors import InputRefused, PlanRefused, StoreFailed
from core.text import _
from flight.flight_plan import FlightPlan
from flight.flying.preflight import Override
from flight.patrol import Patrol
from flight.rehearsal.vehicle_faults import Fault, FaultKind, Phase, Planned

if TYPE_CHECKING:
    from flight.dronekit_link import DroneKitLink

_STDOUT: Final = "-"


def read_plan_and_patrol(plan_file: Path, patrol: Path | None) -> tuple[FlightPlan, Patrol | None]:
    """Return both files' contents.

    Raises:
        InputRefused: One cannot be read, or the plan was made of another patrol.
    """
    from flight.planning.patrol_file import read_patrol
    from flight.planning.plan_file import read_plan_file

    flight_plan = read_plan_file(plan_file)
    asked = None if patrol is None else read_patrol(patrol)
    if asked is not None and asked.name != flight_plan.patrol:
        raise InputRefused(
            plan_file,
            _("is a plan of “{plan}”, and {patrol} holds “{name}”").format(
                plan=flight_plan.patrol, patrol=patrol, name=asked.name
            ),
            _("Name the patrol that the plan was made of, or plan anew."),
        )
    return flight_plan, asked


def refuse_wrong_sortie(flight_plan: FlightPlan, path: Path, number: int) -> None:
    """Refuse a sortie that the plan does not have.

    Raises:
        InputRefused: It has none of this number.
    """
    numbers = [sortie.number for sortie in flight_plan.sorties]
    if number not in numbers:
        raise InputRefused(
            path,
            _("has no sortie {number}").format(number=number),
            _("It has {numbers}.").format(numbers=", ".join(map(str, numbers))),
        )


def log_for(log: Path | None, plan_file: Path, sortie: int, now: datetime, *, reattach: bool = False) -> Path:
    """Return the flight log's path: the one named, or one beside the plan with the sortie and the time.

    Raises:
        InputRefused: A new flight would be written behind another one's, or there is no log to take up.
    """
    path = log or plan_file.parent / f"sortie-{sortie}-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}.jsonl"
    if not reattach and path.is_file() and path.stat().st_size > 0:
        raise InputRefused(
            path,
            _("holds a flight already"),
            _("Name another log; to go on with a flight that is in the air, add --reattach."),
        )
    if path.is_dir():
        raise InputRefused(path, _("is a folder"), _("Name a file for the log."))
    return path


def read_signing_key(path: Path | None) -> bytes | None:
    """Return the 32 bytes of a MAVLink signing key, None where none was named.

    Raises:
        InputRefused: The file cannot be read or does not hold 64 hexadecimal digits.
    """
    if path is None:
        return None
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except OSError as error:
        raise InputRefused(path, _("cannot be read"), _("Name the file with the signing key.")) from error
    except ValueError as error:
        raise InputRefused(path, _("is no signing key"), _("Write its 32 bytes as 64 hexadecimal digits.")) from error
    if len(key) != 32:
        raise InputRefused(
            path,
            _("holds {count} bytes").format(count=len(key)),
            _("A MAVLink signing key has 32, written as 64 hexadecimal digits."),
        )
    return key


def aircraft_of(text: str) -> tuple[str, int, str]:
    """Return name, sortie and address of ``NAME=SORTIE@ADDRESS``.

    Raises:
        InputRefused: It is not of this form.
    """
    name, _equals, rest = text.partition("=")
    number, _at, address = rest.partition("@")
    name = name.strip()
    if not (name and name.lower() != "all" and " " not in name and "/" not in name and number.isdigit() and address):
        raise InputRefused(
            text, _("names no aircraft"), _("Write NAME=SORTIE@ADDRESS, e.g. A=1@udp:127.0.0.1:14550; not “all”.")
        )
    return name, int(number), address


def refuse_twins(crews: list[tuple[str, int, str]]) -> None:
    """Refuse two aircraft of one name, one sortie or one address.

    Raises:
        InputRefused: There are two.
    """
    for place, what in enumerate((_("name"), _("sortie"), _("address"))):
        seen = [crew[place] for crew in crews]
        twice = next((one for one in seen if seen.count(one) > 1), None)
        if twice is not None:
            raise InputRefused(
                str(twice), _("is the {what} of two aircraft").format(what=what), _("Give each its own.")
            )


def opener(address: str, system_id: int | None, key: bytes | None) -> Callable[[], DroneKitLink]:
    """Return what opens the link to ``address``, and opens it anew when it broke."""

    def open_link() -> DroneKitLink:
        from flight.dronekit_link import connect

        return connect(address, clock=SystemClock(), system_id=system_id, signing_key=key)

    return open_link


def open_checked(
    open_link: Callable[[], DroneKitLink], address: str, closing: ExitStack, *, simulator: bool
) -> DroneKitLink:
    """Open a link that ``closing`` closes; refuse to treat a vehicle as a simulator that does not say it is one.

    Raises:
        PlanRefused: It has none of the parameters that only simulators have.
        LinkFailed: Nothing is there.
    """
    link = open_link()
    closing.callback(link.close)
    if simulator and not link.is_simulator():
        raise PlanRefused(
            _(
                "{address}: this vehicle does not say that it is a simulator. "
                "Fly it without --simulator, with the patrol's approval."
            ).format(address=address)
        )
    return link


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
        InputRefused: A part is missing, or there is no such check.
    """
    from flight.flying.preflight import check_codes

    parts = [part.strip() for part in text.split(":", 2)]
    if len(parts) != 3 or not all(parts):
        raise InputRefused(text, _("is no override"), _("Write CODE:NAME:REASON, e.g. clock:NAME:checked by hand."))
    if parts[0] not in check_codes():
        raise InputRefused(
            text,
            _("names no line of the checklist"),
            _("The lines are {codes}.").format(codes=", ".join(check_codes())),
        )
    return parts[0], Override(name=parts[1], reason=parts[2])


def open_stream(stream: str | None, closing: ExitStack) -> tuple[IO[str] | None, Console]:
    """Return where the JSON lines go, and the console for people (standard error when the lines take the other).

    Raises:
        StoreFailed: The file cannot be opened.
    """
    if stream is None:
        return None, Console()
    if stream == _STDOUT:
        return sys.stdout, Console(stderr=True)
    try:
        return closing.enter_context(Path(stream).open("a", encoding="utf-8")), Console()
    except OSError as error:
        raise StoreFailed(
            _("{path}: the stream cannot be opened ({reason}).").format(path=stream, reason=error.strerror)
        ) from error
