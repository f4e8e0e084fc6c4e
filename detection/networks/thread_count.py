"""How many threads are fastest on this machine, measured once and kept.

More threads than real cores slow a network down, and virtual cores are not told from real ones reliably; so each count
is tried for a moment. What was measured holds for one processor, runtime and weight.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from core.whole_file import write_text

FILE: Final = "threads.json"
TRIAL_S: Final = 1.0
CANVAS: Final = (1, 544, 960, 3)

Run = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


def best_threads(key: str, opened: Callable[[int], Run], cache: Path, *, trial_s: float = TRIAL_S) -> int:
    """Return the number of threads with which a network is fastest.

    Args:
        key: What is run by what: runtime and weight.
        opened: Gives the forward pass with so many threads.
        cache: Folder in which the outcome is kept.
        trial_s: Seconds for each number of threads.
    """
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(cache / f".{FILE}.lock"):  # two that measure at once would disturb each other, and one file is both's
        return _best(key, opened, cache / FILE, trial_s)


def _best(key: str, opened: Callable[[int], Run], path: Path, trial_s: float) -> int:
    machine = f"{key} on {processor()}, {cores()} cores"
    known = _known(path)
    if known.get(machine, 0) in trials(cores()):
        return known[machine]
    canvas = np.full(CANVAS, 114, dtype=np.uint8)
    times = {count: _time(opened(count), canvas, trial_s) for count in trials(cores())}
    best = min(times, key=lambda count: times[count])
    write_text(path, json.dumps(known | {machine: best}, indent=1, sort_keys=True) + "\n")
    return best


def trials(most: int) -> list[int]:
    """Return the numbers of threads that are tried: every one up to four, then steps of about a third."""
    counts = {1, most}
    count = 1
    while count < most:
        counts.add(count)
        count = max(count + 1, round(count * 4 / 3)) if count >= 4 else count + 1
    return sorted(counts)


def cores() -> int:
    """Return how many cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # systems without processor affinity
        return os.cpu_count() or 1


def processor() -> str:
    """Return the processor's name, as far as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _time(run: Run, canvas: NDArray[np.uint8], trial_s: float) -> float:
    """Return the median seconds of a forward pass."""
    run(canvas)
    times: list[float] = []
    end = time.perf_counter() + trial_s
    while len(times) < 2 or time.perf_counter() < end:
        start = time.perf_counter()
        run(canvas)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def _known(path: Path) -> dict[str, int]:
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        return {str(key): int(value) for key, value in kept.items() if int(value) >= 1}
    except (OSError, ValueError, TypeError, AttributeError, OverflowError):
        return {}
