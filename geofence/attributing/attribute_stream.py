"""Attribute streams of sightings over many cores, and go on after a restart: the same bytes in every case.

A sighting's outcome depends on nothing but itself and the register, to the last bit, so batches can be worked on
anywhere. They are handed out and taken back in order, no more than a few for each worker at a time, so that a stream
without an end needs no more memory than its batches. Workers are forked where the system can, and then share the
index's memory.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any, Final

from core.errors import StoreFailed
from core.text import _
from geofence.attribute import DEFAULT_MARGIN, DEFAULT_THRESHOLD, attribute_all
from geofence.attributing.attribute_prior import AdjacencyPrior
from geofence.attribution import Attribution, Undecided
from geofence.register.site_index import SiteIndex
from geofence.sighting import Sighting

BATCH: Final = 512
_WAITING: Final = 3  # batches in flight for each worker

Outcome = Attribution | Undecided


def attribute_stream(
    sightings: Iterable[Sighting],
    index: SiteIndex,
    *,
    workers: int,
    threshold: float = DEFAULT_THRESHOLD,
    margin: float = DEFAULT_MARGIN,
    prior: AdjacencyPrior | None = None,
) -> Iterator[Outcome]:
    """Yield, in order, what :func:`geofence.attribute.attribute` says of each sighting, worked out by many processes.

    Args:
        sightings: Any number, as they come.
        index: The register's index; forked workers share it.
        workers: How many processes; 1 works in this one.
        threshold: As in :func:`geofence.attribute.attribute`.
        margin: As there.
        prior: As there.

    Raises:
        ValueError: Fewer than one worker, or as in :func:`geofence.attribute.attribute`.
    """
    if workers < 1:
        raise ValueError("there is at least one worker")
    chosen: dict[str, Any] = {"threshold": threshold, "margin": margin, "prior": prior}
    if workers == 1:
        yield from attribute_all(sightings, index, **chosen)
        return
    start = "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"
    context = multiprocessing.get_context(start)
    stream = iter(sightings)
    waiting: deque[Future[list[Outcome]]] = deque()
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=(index, chosen)) as pool:
        try:
            while batch := list(islice(stream, BATCH)):
                waiting.append(pool.submit(_work, batch))
                if len(waiting) >= _WAITING * workers:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


_state: dict[str, Any] = {}


def _begin(index: SiteIndex, chosen: dict[str, Any]) -> None:
    """Keep a worker's index; runs once in each worker."""
    _state["index"], _state["chosen"] = index, chosen


def _work(batch: list[Sighting]) -> list[Outcome]:
    return list(attribute_all(batch, _state["index"], **_state["chosen"]))


def attribute_to_file(
    sightings: Iterable[Sighting],
    index: SiteIndex,
    path: Path,
    *,
    workers: int = 1,
    threshold: float = DEFAULT_THRESHOLD,
    margin: float = DEFAULT_MARGIN,
    prior: AdjacencyPrior | None = None,
) -> int:
    """Write the outcomes of a stream as JSON lines, going on where an earlier try was killed; return the lines added.

    Killed at any moment, the file holds whole lines and perhaps a torn last one, which is worked out again. The same
    stream, register and choices have to be given; the first line says which they were.

    Args:
        sightings: The whole stream, from its begin.
        index: The register's index.
        path: The file; made when missing.
        workers: As in :func:`attribute_stream`.
        threshold: As there.
        margin: As there.
        prior: As there.

    Raises:
        StoreFailed: The file cannot be written, or is of another register or of other choices.
    """
    head = _line(
        {
            "schema": "skywarden/attributions/1",
            "register_sha256": index.register.sha256,
            "threshold": threshold,
            "margin": margin,
            "prior": "" if prior is None else hashlib.sha256(repr(prior).encode()).hexdigest(),
        }
    )
    try:
        done = _whole_lines(path, head)
        stream = iter(sightings)
        for _skipped in islice(stream, done):
            pass
        added = 0
        with path.open("ab") as file:
            outcomes = attribute_stream(stream, index, workers=workers, threshold=threshold, margin=margin, prior=prior)
            for outcome in outcomes:
                file.write(outcome_line(outcome))
                added += 1
    except OSError as error:
        raise StoreFailed(_("{path}: cannot be written: {reason}").format(path=path, reason=error)) from error
    return added


def _whole_lines(path: Path, head: bytes) -> int:
    """Cut a torn last line off a file, write its head where it is new, and return how many outcomes it holds."""
    content = path.read_bytes() if path.is_file() else b""
    whole = content[: content.rfind(b"\n") + 1]
    if not whole:
        path.write_bytes(head)
        return 0
    if not whole.startswith(head):
        raise StoreFailed(_("{path}: is of another register or of other choices. Name another file.").format(path=path))
    if len(whole) < len(content):
        path.write_bytes(whole)
    return whole.count(b"\n") - 1


def outcome_line(outcome: Outcome) -> bytes:
    """Return an outcome as one line of JSON, all digits kept; the same outcome gives the same bytes."""
    kind = "attributed" if isinstance(outcome, Attribution) else "undecided"
    return _line({"outcome": kind, **asdict(outcome)})


def _line(fields: dict[str, Any]) -> bytes:
    return (json.dumps(fields, ensure_ascii=False, sort_keys=True, separators=(",", ":")) + "\n").encode()


def digest_outcomes(outcomes: Iterable[Outcome]) -> str:
    """Return the digest of outcomes in their order, hex."""
    digest = hashlib.sha256()
    for outcome in outcomes:
        digest.update(outcome_line(outcome))
    return digest.hexdigest()
