"""What a running station works with: its store of cases, its vault, its clock and its limits.

One per process, set when the station is opened; pages ask :func:`station` for it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app.station.options import StationOptions
from app.station.rate_limit import RateLimiter
from core.clock import Clock
from evidence.originals.vault_store import VaultStore

if TYPE_CHECKING:  # the store's models want Django configured, which opening the station does
    from app.store.django_store import DjangoCaseStore


@dataclass(slots=True, kw_only=True)
class RunningStation:
    """A station that runs.

    Attributes:
        options: How it was started.
        store: The cases and the audit.
        vault: The bytes of originals and derived copies.
        clock: Tells when.
        limits: How often people asked.
        setup_token: Opens the set-up page while there is no administrator; empty when it is not to be opened.
        set_up: Whether there is an administrator.
    """

    options: StationOptions
    store: DjangoCaseStore
    vault: VaultStore
    clock: Clock
    limits: RateLimiter = field(default_factory=RateLimiter)
    setup_token: str = ""
    set_up: bool = False


_running: list[RunningStation] = []


def run_station(opened: RunningStation) -> None:
    """Make ``opened`` the station of this process."""
    _running[:] = [opened]


def station() -> RunningStation:
    """Return the station of this process.

    Raises:
        RuntimeError: None was opened.
    """
    if not _running:
        raise RuntimeError("no station was opened in this process")
    return _running[0]
