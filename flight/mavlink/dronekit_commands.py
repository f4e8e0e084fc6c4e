"""Commands whose answer is heard: sent again when nothing comes, refused in the vehicle's own words.

A refusal's reason arrives as STATUSTEXT, often a moment behind COMMAND_ACK; the texts of those seconds are put into the
refusal. Protocol: https://mavlink.io/en/services/command.html.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from core.errors import LinkFailed, VehicleRefused
from core.text import _

Message: TypeAlias = Any  # a pymavlink message
Module: TypeAlias = Any  # a module without types

_UNSUPPORTED: Final = 3
_IN_PROGRESS: Final = 5
_REASON_WAIT_S: Final = 0.3


def _verdicts() -> dict[int, str]:
    """MAV_RESULT."""
    return {1: _("temporarily rejected"), 2: _("denied"), 3: _("unsupported"), 4: _("failed"), 6: _("cancelled")}


class CommandUnknown(VehicleRefused):
    """The vehicle does not know the command at all (MAV_RESULT_UNSUPPORTED), whatever its state."""


@dataclass(slots=True, kw_only=True)
class Commander:
    """Sends commands to one vehicle, one at a time.

    Attributes:
        mavlink: pymavlink's dialect module.
        send: Sends a message; raises ``LinkFailed`` when the wire is dead.
        alive: Raises ``LinkFailed`` when the link is dead.
        answer_s: How long an answer is waited for before the command is sent again, seconds.
    """

    mavlink: Module
    send: Callable[[Message], None]
    alive: Callable[[], None]
    answer_s: float = 2.0
    _acks: queue.SimpleQueue[Message] = field(default_factory=queue.SimpleQueue)
    _texts: deque[tuple[float, str]] = field(default_factory=lambda: deque(maxlen=20))
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def acknowledged(self, ack: Message) -> None:
        """Take a COMMAND_ACK; called by the reader's thread."""
        self._acks.put(ack)

    def said(self, text: str) -> None:
        """Take a status text; called by the reader's thread."""
        self._texts.append((time.monotonic(), text))

    def order(self, number: int, *params: float, what: str, tries: int = 3) -> None:
        """Send COMMAND_LONG and hear its answer.

        Args:
            number: MAV_CMD.
            params: param1 and on; the rest is 0.
            what: What is asked, for the refusal's text ("arm").
            tries: How often it is sent.

        Raises:
            VehicleRefused: The vehicle said no; its status texts of these seconds are in the text.
            LinkFailed: It said nothing.
        """
        full = (*params, *([0.0] * (7 - len(params))))
        make = self.mavlink.MAVLink_command_long_message
        self._ask(lambda attempt: make(0, 0, number, min(attempt, 255), *full), number, what, tries)

    def order_at(self, number: int, place: tuple[int, int, float], *, what: str, tries: int = 3) -> None:
        """Send COMMAND_INT with a place: latitude e7, longitude e7, height above mean sea level in metres.

        COMMAND_LONG would carry the place as float32, a metre off. Raises as :meth:`order` does.
        """
        make = self.mavlink.MAVLink_command_int_message
        self._ask(lambda _attempt: make(0, 0, 0, number, 0, 0, 0.0, 0.0, 0.0, 0.0, *place), number, what, tries)

    def answer_texts(self, number: int) -> tuple[str, ...]:
        """Send a command whose answer is status texts, and return those of the moment; a vehicle may not know it."""
        began = time.monotonic()
        with contextlib.suppress(LinkFailed):
            self.order(number, what=_("report"), tries=1)
            time.sleep(_REASON_WAIT_S)
        return tuple(text for at, text in tuple(self._texts) if at >= began)

    def _ask(self, make: Callable[[int], Message], number: int, what: str, tries: int) -> None:
        with self._turn:
            while not self._acks.empty():
                self._acks.get_nowait()
            began = time.monotonic()
            for attempt in range(tries):
                self.alive()
                self.send(make(attempt))
                ack = self._answer(number)
                if ack is None:
                    continue
                if ack.result == 0:
                    return
                failure = CommandUnknown if ack.result == _UNSUPPORTED else VehicleRefused
                raise failure(self._refusal(what, ack.result, began))
        raise LinkFailed(
            _("The vehicle was asked to {what} and gave no answer, {tries} times.").format(what=what, tries=tries)
        )

    def _answer(self, number: int) -> Message:
        until = time.monotonic() + self.answer_s
        while (left := until - time.monotonic()) > 0:
            try:
                ack = self._acks.get(timeout=min(left, 0.5))
            except queue.Empty:
                self.alive()
                continue
            if ack.command != number:
                continue
            if ack.result == _IN_PROGRESS:  # it works on it; wait on
                until = time.monotonic() + self.answer_s
                continue
            return ack
        return None

    def _refusal(self, what: str, result: int, since: float) -> str:
        time.sleep(_REASON_WAIT_S)
        words = list(dict.fromkeys(text for at, text in tuple(self._texts) if at >= since - 0.2))
        reason = "; ".join(words) or _("no reason was given")
        verdict = _verdicts().get(result, f"MAV_RESULT {result}")
        return _("The vehicle refused to {what} ({verdict}): {reason}.").format(
            what=what, verdict=verdict, reason=reason
        )
