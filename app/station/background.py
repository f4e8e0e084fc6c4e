"""Work beside the requests: one thread for each kind, each with a database connection of its own."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from django.db import connections

from app.station.settings import ALIAS

LOG = logging.getLogger(__name__)


def let_go() -> None:
    """Close this thread's connection and forget it."""
    connections[ALIAS].close()
    del connections[ALIAS]


class Worker:
    """One thread that does one thing after another. What goes wrong is written where the station runs."""

    def __init__(self, name: str) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)

    def submit(self, work: Callable[..., object], *arguments: object) -> None:
        """Put work into the queue."""

        def done() -> None:
            try:
                work(*arguments)
            finally:
                let_go()

        self._pool.submit(done).add_done_callback(_report)

    def wait(self) -> None:
        """Return when everything that stood in the queue is done."""
        self._pool.submit(lambda: None).result()


def _report(future: Future[None]) -> None:
    failure = future.exception()
    if failure is not None:
        LOG.error("work beside the requests failed", exc_info=failure)
