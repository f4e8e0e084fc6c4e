"""Progress bars on the terminal, silent where there is no terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn


class Bars:
    """One bar per stage, as :class:`app.instruments.Progress` asks for."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._stage: TaskID | None = None

    def start(self, stage: str, total: int) -> None:
        """Begin a stage of ``total`` steps."""
        self._stage = self._progress.add_task(stage, total=total)

    def step(self) -> None:
        """Move the stage's bar by one."""
        if self._stage is None:
            raise ValueError("no stage has begun")
        self._progress.advance(self._stage)


@contextmanager
def bars_on(console: Console) -> Iterator[Bars]:
    """Show bars on ``console`` for the length of the context."""
    columns = (TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        yield Bars(progress)
