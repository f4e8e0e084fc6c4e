"""One clock, handed in; aware UTC times inside, Beijing time for people.

Nothing in Skywarden reads the system clock except :class:`SystemClock`; every verb that needs "now" takes a
:class:`Clock`. Naive datetimes are a caller's mistake and raise ``ValueError``.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

BEIJING = ZoneInfo("Asia/Shanghai")


class Clock(Protocol):
    """Tells the time; see :class:`SystemClock` and :class:`FrozenClock`."""

    def now(self) -> datetime:
        """Return the present instant, aware, in UTC."""
        ...

    def monotonic_s(self) -> float:
        """Return seconds of a clock that never goes back (its zero has no meaning)."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the present instant, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic_s(self) -> float:
        """Return seconds of the machine's monotonic clock."""
        return time.monotonic()


@dataclass(slots=True, kw_only=True)
class FrozenClock:
    """A clock that stands still until told to move: for rehearsal, tests and reproducible packages.

    Attributes:
        instant: The time it shows, aware.
    """

    instant: datetime
    _elapsed_s: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        self.instant = in_utc(self.instant)

    def now(self) -> datetime:
        """Return the instant it was set to."""
        return self.instant

    def monotonic_s(self) -> float:
        """Return the seconds it was moved in all."""
        return self._elapsed_s

    def advance(self, seconds: float) -> None:
        """Move forward by ``seconds`` (never backward)."""
        if seconds < 0:
            raise ValueError("a clock does not go back")
        self._elapsed_s += seconds
        self.instant += timedelta(seconds=seconds)


def in_utc(instant: datetime) -> datetime:
    """Return an aware ``instant`` in UTC; a naive one raises ``ValueError`` (its zone would be a guess)."""
    if instant.tzinfo is None or instant.utcoffset() is None:
        raise ValueError(f"the time {instant.isoformat()} has no time zone; declare one")
    return instant.astimezone(UTC)


def iso_utc(instant: datetime) -> str:
    """Return ``instant`` as RFC 3339 text in UTC with milliseconds, e.g. ``2026-10-01T02:03:04.500Z``."""
    return in_utc(instant).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_iso(text: str) -> datetime:
    """Return the aware UTC instant that RFC 3339 ``text`` names; text without an offset raises ``ValueError``."""
    return in_utc(datetime.fromisoformat(text))
