"""What a crew types in flight: orders by the keyboard, and what the two Ctrl-C mean.

One line is one order. Landing where it is has to be spelled out: a slip of a finger must not put an aircraft into a
pond. Whatever is no order is answered with the list of orders.
"""

from __future__ import annotations

import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Final

from rich.console import Console

from core.text import _
from flight.flying.watch import Order, OrderKind

_WORDS: Final = {
    "p": OrderKind.PAUSE,
    "pause": OrderKind.PAUSE,
    "c": OrderKind.CONTINUE,
    "continue": OrderKind.CONTINUE,
    "r": OrderKind.RETURN,
    "return": OrderKind.RETURN,
    "land": OrderKind.LAND,
}
_SKIP: Final = frozenset({"s", "skip"})
_ALL: Final = "all"
_AGAIN_S: Final = 5.0


def order_of(line: str) -> Order | None:
    """Return the order that a typed line is, or None when it is none."""
    words = line.lower().split()
    if len(words) == 1 and words[0] in _WORDS:
        return Order(kind=_WORDS[words[0]])
    if len(words) == 2 and words[0] in _SKIP and words[1].isdigit():
        return Order(kind=OrderKind.SKIP, waypoint=int(words[1]))
    return None


def orders_help(names: Iterable[str] = ()) -> str:
    """Return the line that says what can be typed; with ``names``, for several aircraft."""
    text = _("orders: p pause · c continue · r return · s N skip to waypoint N · land (in full) · ? this line")
    aircraft = list(names)
    if not aircraft:
        return text
    return _("{orders}; begin with the aircraft ({names}) or “all”: {example} r").format(
        orders=text, names=", ".join(aircraft), example=aircraft[0]
    )


def take_line(line: str, queues: Mapping[str, queue.SimpleQueue[Order]]) -> bool:
    """Put the order that ``line`` is where it belongs; return whether it is one.

    Args:
        line: What was typed. For several aircraft it begins with a name or "all".
        queues: Orders by aircraft; one whose only name is empty is an aircraft alone.
    """
    if "" in queues:
        order, names = order_of(line), [""]
    else:
        name, _gap, rest = line.strip().partition(" ")
        order = order_of(rest)
        names = list(queues) if name.lower() == _ALL else [name] if name in queues else []
    if order is None or not names:
        return False
    for name in names:
        queues[name].put(order)
    return True


def listen_to_keyboard(queues: Mapping[str, queue.SimpleQueue[Order]], console: Console) -> None:
    """Fill ``queues`` with what is typed, from now on. Without a terminal nothing is read.

    The reading thread is a daemon: it ends with the process.
    """
    if not sys.stdin.isatty():
        return
    text = orders_help(name for name in queues if name)
    console.print(text, markup=False, highlight=False)

    def read() -> None:
        for line in sys.stdin:
            if line.strip() and not take_line(line, queues):
                console.print(text, markup=False, highlight=False)

    threading.Thread(target=read, name="orders", daemon=True).start()


@contextmanager
def first_interrupt_asks(console: Console, flying: Callable[[], bool]) -> Iterator[None]:
    """Let the first Ctrl-C in flight say what a second one would do: the aircraft flies on without its station.

    Args:
        console: Where it is said.
        flying: Whether there is anything in the air; before that one Ctrl-C ends the command.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    pressed_s = -_AGAIN_S

    def pressed(number: int, frame: FrameType | None) -> None:
        nonlocal pressed_s
        now_s = time.monotonic()
        if not flying() or now_s - pressed_s < _AGAIN_S:
            signal.default_int_handler(number, frame)
        pressed_s = now_s
        console.print(
            _(
                "The aircraft is still flying. Type r to bring it home. Ctrl-C again within five seconds leaves it to "
                "its own failsafe; `skywarden fly --reattach` takes it up again."
            ),
            markup=False,
            soft_wrap=True,
        )

    before = signal.signal(signal.SIGINT, pressed)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
