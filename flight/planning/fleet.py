"""Who flies what: runs shared out over batteries, crews and launch points.

One crew that nothing hurries flies the runs in the order given, and only the cuts between batteries are chosen: the
split of a giant tour (Beasley 1983; Prins 2004), by dynamic programming, so that total time is least. Several crews,
and areas that are open at certain times only, are a vehicle routing problem with capacities, depots, priorities and
time windows (``flight.planning.fleet_routing``).
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Final

from core.errors import PlanRefused
from flight.patrol import Crew, Patrol, flown_by
from flight.planning.fleet_routing import CHANGE_S, Builders, Fleet, Shares, Task, routed
from flight.planning.ground import Ground
from flight.planning.open_times import OpenTimes, closing
from flight.planning.routing import Points, length_m
from flight.planning.run import Run, cut_at
from flight.planning.sorties import SortieBuilder
from flight.planning.terrain import Terrain

_CHUNK_SHARE: Final = 0.12  # of a usable battery: what is shared out in one piece
_MOST_CHUNKS: Final = 48


def crew_builders(patrol: Patrol, ground: Ground, terrain: Terrain | None = None) -> dict[str, SortieBuilder]:
    """Return what builds each crew's sorties, by its name; "" for the patrol's own aircraft where no crew is named."""
    names = [crew.name for crew in patrol.crews] or [""]
    return {name: SortieBuilder(flown_by(patrol, name), ground, terrain) for name in names}


def share_out(
    patrol: Patrol, ground: Ground, runs: list[Run], builders: Builders, times: OpenTimes | None = None
) -> Shares:
    """Return who flies which runs on which battery.

    Args:
        patrol: What is asked.
        ground: Its ground.
        runs: In order of flight.
        builders: Of each crew (:func:`crew_builders`).
        times: When areas may be flown; None for any time.

    Raises:
        PlanRefused: A run is beyond what one battery reaches.
    """
    weakest = min(builders.values(), key=lambda builder: builder.patrol.aircraft.endurance_s)
    pieces = [piece for run in runs for piece in _pieces(run, weakest)]
    if len(patrol.crews) <= 1:
        (crew,) = patrol.crews or (Crew(name="", launch=patrol.home, batteries=_plenty(pieces, weakest)),)
        tasks = _split(crew.name, ground.to_local(crew.launch), pieces, builders[crew.name])
        if times is None or in_time(tasks, builders, times):
            kept, spare = tasks[: crew.batteries], tasks[crew.batteries :]
            return Shares(tasks=tuple(kept), left=tuple(run for task in spare for run in task.runs))
        crews: tuple[Crew, ...] = (crew,)
    else:
        crews = patrol.crews
    fleet = Fleet(
        crews=crews,
        launches=tuple(ground.to_local(crew.launch) for crew in crews),
        builders=builders,
        priorities={area.name: area.priority for area in patrol.areas},
    )
    chunks = _chunks(pieces, weakest)
    shares = routed(fleet, chunks, times)
    if shares.left and times is not None:
        late = _metres(routed(fleet, chunks, None).left) < _metres(shares.left)
        return Shares(tasks=shares.tasks, left=shares.left, late=late)
    return shares


def in_time(tasks: list[Task], builders: Builders, times: OpenTimes) -> bool:
    """Return whether tasks flown one after the other, without a pause, keep within their areas' open times."""
    clock = 0.0
    for task in tasks:
        builder, before = builders[task.crew], None
        for run in task.runs:
            clock += builder.transfer(task.launch if before is None else before, run).time_s
            ends = clock + builder.run_effort(run).time_s
            if not any(low <= clock and ends <= closing(high) for low, high in times.spans[run.area]):
                return False
            clock, before = ends, run
        clock += builder.home_effort(task.runs[-1], task.launch).time_s + CHANGE_S
    return True


def _metres(runs: tuple[Run, ...]) -> float:
    return math.fsum(max(1.0, length_m(run.path)) for run in runs)


def _plenty(runs: list[Run], builder: SortieBuilder) -> int:
    """Return more batteries than a patrol without a named crew can need."""
    used = math.fsum(builder.run_effort(run).battery for run in runs)
    return 2 * math.ceil(used / builder.allowed) + len({run.area for run in runs}) + 2


def _pieces(run: Run, builder: SortieBuilder) -> list[Run]:
    """Return the run cut into pieces none of which takes more than a share of a battery."""
    used = builder.run_effort(run).battery
    count = math.ceil(used / (_CHUNK_SHARE * 2 * builder.allowed))
    if count < 2 or run.look:
        return [run]
    photos = max(1, round(length_m(run.path) / run.photo_spacing_m))
    found: list[Run] = []
    rest = run
    for index in range(1, min(count, photos)):
        metres = (round(photos * index / count) - round(photos * (index - 1) / count)) * run.photo_spacing_m
        if not 0 < metres < length_m(rest.path) - 1e-6:
            continue
        head, rest = cut_at(rest, metres)
        found.append(head)
    return [*found, rest]


def _split(crew: str, launch: Points, runs: list[Run], builder: SortieBuilder) -> list[Task]:
    """Return the runs cut into batteries where the total time is least."""
    own = [builder.run_effort(run) for run in runs]
    out = [builder.transfer(launch, run) for run in runs]
    back = [builder.home_effort(run, launch) for run in runs]
    on = [builder.transfer(before, after) for before, after in pairwise(runs)]
    best = [0.0] + [math.inf] * len(runs)
    begin = [0] * (len(runs) + 1)
    for i in range(len(runs)):
        if math.isinf(best[i]):
            continue
        effort = out[i] + own[i]
        for j in range(i, len(runs)):
            if j > i:
                effort = effort + on[j - 1] + own[j]
            if effort.battery > builder.allowed:
                break
            whole = effort + back[j]
            if whole.battery <= builder.allowed and best[i] + whole.time_s + CHANGE_S < best[j + 1] - 1e-9:
                best[j + 1] = best[i] + whole.time_s + CHANGE_S
                begin[j + 1] = i
    if math.isinf(best[len(runs)]):
        stuck = next(run for run, cost in zip(runs, best[1:], strict=True) if math.isinf(cost))
        raise PlanRefused(builder.too_far(stuck))
    tasks: list[Task] = []
    end = len(runs)
    while end > 0:
        tasks.append(Task(crew=crew, launch=launch, runs=tuple(runs[begin[end] : end])))
        end = begin[end]
    return tasks[::-1]


def _chunks(runs: list[Run], builder: SortieBuilder) -> list[tuple[Run, ...]]:
    """Return runs gathered in order into chunks of one area, each a fair share of a battery."""
    total = sum(builder.run_effort(run).battery for run in runs)
    limit = max(_CHUNK_SHARE * builder.allowed, total / _MOST_CHUNKS)
    chunks: list[list[Run]] = []
    used = 0.0
    for run in runs:
        share = builder.run_effort(run).battery
        if chunks and chunks[-1][-1].area == run.area and used + share <= limit:
            chunks[-1].append(run)
            used += share
        else:
            chunks.append([run])
            used = share
    return [tuple(chunk) for chunk in chunks]
