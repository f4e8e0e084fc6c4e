"""How often somebody may ask: token buckets in memory, for the station is one process.

A bucket holds ``burst`` requests and fills by ``per_s``. Buckets of people who went away are forgotten.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from threading import Lock
from types import MappingProxyType
from typing import Final

from app.station.access import Rate

MAX_BUCKETS: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """How often.

    Attributes:
        burst: Requests at once.
        per_s: Requests a second in the long run.
    """

    burst: float
    per_s: float


# A reviewer who holds a key down makes ten requests a second; a map asks for a screenful of pieces at once.
ALLOWANCES: Final = MappingProxyType(
    {
        Rate.PAGE: Allowance(burst=120, per_s=20),
        Rate.SECRET: Allowance(burst=20, per_s=0.2),
        Rate.API: Allowance(burst=60, per_s=10),
        Rate.ASSET: Allowance(burst=600, per_s=100),
    }
)


@dataclass(slots=True, kw_only=True)
class RateLimiter:
    """The buckets of a station."""

    _buckets: OrderedDict[tuple[str, Rate], tuple[float, float]] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def admit(self, who: str, rate: Rate, now_s: float) -> float:
        """Take one request from ``who``'s bucket; return 0.0, or the seconds to wait when it is empty."""
        allowance = ALLOWANCES[rate]
        with self._lock:
            left, filled_at = self._buckets.pop((who, rate), (allowance.burst, now_s))
            left = min(allowance.burst, left + max(0.0, now_s - filled_at) * allowance.per_s)
            wait_s = 0.0 if left >= 1 else (1 - left) / allowance.per_s
            self._buckets[who, rate] = (left - 1 if left >= 1 else left, now_s)
            while len(self._buckets) > MAX_BUCKETS:
                self._buckets.popitem(last=False)
        return wait_s
