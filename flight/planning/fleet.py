"""Who flies what: runs shared out over batteries, crews and launch points.

One crew flies the runs in the order given, and only the cuts between batteries are chosen: the split of a giant tour
(Beasley 1983; Prins 2004), by dynamic programming, so that total time is least. Several crews are a vehicle routing
problem with capacities, many depots and priorities, solved by OR-Tools; it runs to a number of solutions and not to a
time, so the same patrol gives the same plan.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from core.errors import PlanRefused
from core.text import _
from flight.patrol import Crew, Patrol
from flight.planning.endurance import NO_EFFORT, Effort
from flight.planning.ground import Ground
from flight.planning.routing import Points, length_m
from flight.planning.sorties import Run, SortieBuilder, cut_at

CHANGE_S: Final = 300.0  # landing, battery change, take-off again
_CHUNK_SHARE: Final = 0.12  # of a usable battery: what is shared out in one piece
_MOST_CHUNKS: Final = 48
_SOLUTIONS: Final = 60
_UNITS: Final = 100_000  # of battery, because OR-Tools counts in integers
_DROP_S: Final = 1_000_000  # penalty for leaving out a chunk of priority 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What one battery flies: runs in order, by whom, from where."""

    crew: str
    launch: Points
    runs: tuple[Run, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """Runs shared out.

    Attributes:
        tasks: By crew and in order of flight.
        left: Runs for which the batteries do not suffice.
    """

    tasks: tuple[Task, ...]
    left: tuple[Run, ...]


def share_out(patrol: Patrol, ground: Ground, runs: list[Run], builder: SortieBuilder) -> Shares:
    """Return who flies which runs on which battery.

    Raises:
        PlanRefused: A run is beyond what one battery reaches.
    """
    pieces = [piece for run in runs for piece in _pieces(run, builder)]
    if not patrol.crews:
        return Shares(tasks=tuple(_split("", ground.home, pieces, builder)), left=())
    if len(patrol.crews) == 1:
        crew = patrol.crews[0]
        tasks = _split(crew.name, ground.to_local(crew.launch), pieces, builder)
        kept, spare = tasks[: crew.batteries], tasks[crew.batteries :]
        return Shares(tasks=tuple(kept), left=tuple(run for task in spare for run in task.runs))
    return _routed(patrol, ground, _chunks(pieces, builder), builder)


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


def _inside(chunk: tuple[Run, ...], builder: SortieBuilder) -> Effort:
    effort = NO_EFFORT
    for run in chunk:
        effort += builder.run_effort(run)
    for before, after in pairwise(chunk):
        effort += builder.transfer(before, after)
    return effort


def _routed(patrol: Patrol, ground: Ground, chunks: list[tuple[Run, ...]], builder: SortieBuilder) -> Shares:
    """Share chunks out over crews and their batteries with OR-Tools."""
    from ortools.constraint_solver import pywrapcp, routing_enums_pb2

    crews = patrol.crews
    launches = [ground.to_local(crew.launch) for crew in crews]
    vehicles = [index for index, crew in enumerate(crews) for _battery in range(crew.batteries)]
    depots = [len(chunks) + index for index in vehicles]
    times, batteries = _costs(chunks, launches, builder)
    manager = pywrapcp.RoutingIndexManager(len(chunks) + len(crews), len(vehicles), depots, depots)
    model = pywrapcp.RoutingModel(manager)

    def time_of(i: int, j: int) -> int:
        return times[int(manager.IndexToNode(i))][int(manager.IndexToNode(j))]

    def battery_of(i: int, j: int) -> int:
        return batteries[int(manager.IndexToNode(i))][int(manager.IndexToNode(j))]

    time_index = model.RegisterTransitCallback(time_of)
    model.SetArcCostEvaluatorOfAllVehicles(time_index)
    model.SetFixedCostOfAllVehicles(round(CHANGE_S))
    capacity = round(builder.allowed * _UNITS)
    model.AddDimension(model.RegisterTransitCallback(battery_of), 0, capacity, True, "battery")  # noqa: FBT003 - theirs
    model.AddDimension(time_index, 0, 10**7, True, "time")  # noqa: FBT003 - OR-Tools takes it by position
    _prefer_priorities(patrol, chunks, model, manager)
    settings = pywrapcp.DefaultRoutingSearchParameters()
    settings.first_solution_strategy = routing_enums_pb2.FirstSolutionStrategy.PARALLEL_CHEAPEST_INSERTION
    settings.solution_limit = _SOLUTIONS
    solution = model.SolveWithParameters(settings)
    if solution is None:
        raise PlanRefused(_("the crews' batteries do not suffice for any order of flight; bring more"))
    return _read(crews, launches, vehicles, chunks, (model, manager, solution))


def _prefer_priorities(patrol: Patrol, chunks: list[tuple[Run, ...]], model: object, manager: object) -> None:
    """Let a chunk be left out only at a price by its area's priority, and make waiting dearer for the more urgent."""
    priority = {area.name: area.priority for area in patrol.areas}
    time_dimension = model.GetDimensionOrDie("time")  # type: ignore[attr-defined]
    for node, chunk in enumerate(chunks):
        index = manager.NodeToIndex(node)  # type: ignore[attr-defined]
        rank = priority[chunk[0].area]
        model.AddDisjunction([index], _DROP_S // rank)  # type: ignore[attr-defined]
        time_dimension.SetCumulVarSoftUpperBound(index, 0, max(0, 3 - rank))


def _costs(
    chunks: list[tuple[Run, ...]], launches: list[Points], builder: SortieBuilder
) -> tuple[list[list[int]], list[list[int]]]:
    """Return seconds and battery units from each chunk or launch to each; flying the chunk counts on leaving it."""
    inner = [_inside(chunk, builder) for chunk in chunks]
    size = len(chunks) + len(launches)
    times = [[0] * size for _row in range(size)]
    batteries = [[0] * size for _row in range(size)]
    for i in range(size):
        for j in range(size):
            if i == j or (i >= len(chunks) and j >= len(chunks)):
                continue
            if i >= len(chunks):
                effort = builder.transfer(launches[i - len(chunks)], chunks[j][0])
            elif j >= len(chunks):
                effort = inner[i] + builder.home_effort(chunks[i][-1], launches[j - len(chunks)])
            else:
                effort = inner[i] + builder.transfer(chunks[i][-1], chunks[j][0])
            times[i][j] = math.ceil(effort.time_s)
            batteries[i][j] = math.ceil(effort.battery * _UNITS)
    return times, batteries


def _read(
    crews: tuple[Crew, ...],
    launches: list[Points],
    vehicles: list[int],
    chunks: list[tuple[Run, ...]],
    solved: tuple[object, object, object],
) -> Shares:
    """Return the tasks that a solution says, and what it leaves out."""
    model, manager, solution = solved
    tasks: list[Task] = []
    flown: set[int] = set()
    for vehicle, crew_index in enumerate(vehicles):
        index = model.Start(vehicle)  # type: ignore[attr-defined]
        order: list[int] = []
        while not model.IsEnd(index):  # type: ignore[attr-defined]
            node = manager.IndexToNode(index)  # type: ignore[attr-defined]
            if node < len(chunks):
                order.append(node)
            index = solution.Value(model.NextVar(index))  # type: ignore[attr-defined]
        if order:
            flown.update(order)
            runs = tuple(run for node in order for run in chunks[node])
            tasks.append(Task(crew=crews[crew_index].name, launch=launches[crew_index], runs=runs))
    left = tuple(run for node, chunk in enumerate(chunks) if node not in flown for run in chunk)
    return Shares(tasks=tuple(tasks), left=left)
