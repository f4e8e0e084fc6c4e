"""Chunks of runs shared out by OR-Tools: a vehicle routing problem with capacities, depots, priorities, time windows.

Each battery of each crew is a vehicle with its crew's aircraft and launch point; a crew's batteries fly one after
another, with a change between them. A battery may wait on the ground before take-off and never in the air. The search
runs to a number of solutions and not to a time, so the same patrol gives the same plan. Reading OR-Tools is this
module's alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from core.errors import PlanRefused
from core.text import _
from flight.patrol import Crew
from flight.planning.endurance import NO_EFFORT, Effort
from flight.planning.open_times import WORKING_DAY_S, OpenTimes, Span, closing
from flight.planning.routing import Points
from flight.planning.run import Run
from flight.planning.sorties import SortieBuilder

CHANGE_S: Final = 300.0  # landing, battery change, take-off again
_SOLUTIONS: Final = 60
_UNITS: Final = 100_000  # of battery, because OR-Tools counts in integers
_DROP_S: Final = 1_000_000  # penalty for leaving out a chunk of priority 1
_HORIZON_S: Final = 10 * round(WORKING_DAY_S)  # enough for every battery of a plan that no window limits

Chunk = tuple[Run, ...]
Builders = Mapping[str, SortieBuilder]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What one battery flies: runs in order, by whom, from where, and when (None: as soon as the crew is free)."""

    crew: str
    launch: Points
    runs: tuple[Run, ...]
    takeoff_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """Runs shared out.

    Attributes:
        tasks: By crew and in order of flight.
        left: Runs for which the batteries, or the times at which their areas are open, do not suffice.
        late: Whether more could be flown if every area were open all the time.
    """

    tasks: tuple[Task, ...]
    left: tuple[Run, ...]
    late: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """Who flies: crews, their launch points (plane metres), what builds their sorties, and how urgent each area is."""

    crews: tuple[Crew, ...]
    launches: tuple[Points, ...]
    builders: Builders
    priorities: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Costs:
    """A crew's seconds and battery units from each chunk or depot to each; flying a chunk counts on leaving it.

    Attributes:
        times, batteries: Square, chunks first and then the depots of all crews.
        inner_s: Seconds that each chunk takes.
        out_s, home_s: Seconds from this crew's launch point to each chunk, and home from it.
    """

    times: list[list[int]]
    batteries: list[list[int]]
    inner_s: list[float]
    out_s: list[float]
    home_s: list[float]


def routed(fleet: Fleet, chunks: list[Chunk], times: OpenTimes | None) -> Shares:
    """Return chunks shared out over crews and their batteries.

    Args:
        fleet: Who flies.
        chunks: What is shared out, each of one area.
        times: When areas may be flown; None for any time.

    Raises:
        PlanRefused: Not even an empty order of flight was found.
    """
    from ortools.constraint_solver import pywrapcp, routing_enums_pb2

    crews = fleet.crews
    vehicles = [index for index, crew in enumerate(crews) for _battery in range(crew.batteries)]
    depots = [len(chunks) + index for index in vehicles]
    manager = pywrapcp.RoutingIndexManager(len(chunks) + len(crews), len(vehicles), depots, depots)
    model = pywrapcp.RoutingModel(manager)
    costs = [_costs(chunks, fleet.launches, index, fleet.builders[crew.name]) for index, crew in enumerate(crews)]
    _add_costs(model, manager, costs, vehicles, fleet.builders[crews[0].name])
    clock = model.GetDimensionOrDie("time")
    _one_after_another(model, clock, vehicles)
    for node, chunk in enumerate(chunks):
        index = manager.NodeToIndex(node)
        rank = fleet.priorities[chunk[0].area]
        model.AddDisjunction([index], _DROP_S // rank)
        clock.SetCumulVarSoftUpperBound(index, 0, max(0, 3 - rank))  # waiting is dearer for the more urgent
        if times is not None:
            _keep_open(model, clock, index, _arrivals(times.spans[chunk[0].area], node, costs))
    settings = pywrapcp.DefaultRoutingSearchParameters()
    settings.first_solution_strategy = routing_enums_pb2.FirstSolutionStrategy.PARALLEL_CHEAPEST_INSERTION
    settings.solution_limit = _SOLUTIONS
    solution = model.SolveWithParameters(settings)
    if solution is None:
        raise PlanRefused(_("the crews' batteries do not suffice for any order of flight; bring more"))
    tasks, flown = _read((model, manager, solution), fleet, vehicles, chunks, timed=times is not None)
    left = tuple(run for node, chunk in enumerate(chunks) if node not in flown for run in chunk)
    return Shares(tasks=tasks, left=left)


def inner_effort(chunk: tuple[Run, ...], builder: SortieBuilder) -> Effort:
    """Return what flying a chunk costs from its first run's beginning to its last run's end."""
    effort = NO_EFFORT
    for run in chunk:
        effort += builder.run_effort(run)
    for before, after in pairwise(chunk):
        effort += builder.transfer(before, after)
    return effort


def _costs(chunks: list[Chunk], launches: tuple[Points, ...], own: int, builder: SortieBuilder) -> _Costs:
    inner = [inner_effort(chunk, builder) for chunk in chunks]
    size = len(chunks) + len(launches)
    times = [[0] * size for _row in range(size)]
    batteries = [[0] * size for _row in range(size)]
    depot = len(chunks) + own
    out = [builder.transfer(launches[own], chunk[0]) for chunk in chunks]
    back = [builder.home_effort(chunk[-1], launches[own]) for chunk in chunks]
    for i, chunk in enumerate(chunks):
        for j, other in enumerate(chunks):
            if i != j:
                effort = inner[i] + builder.transfer(chunk[-1], other[0])
                times[i][j], batteries[i][j] = math.ceil(effort.time_s), math.ceil(effort.battery * _UNITS)
        whole = inner[i] + back[i]
        times[i][depot], batteries[i][depot] = math.ceil(whole.time_s), math.ceil(whole.battery * _UNITS)
        times[depot][i], batteries[depot][i] = math.ceil(out[i].time_s), math.ceil(out[i].battery * _UNITS)
    return _Costs(
        times=times,
        batteries=batteries,
        inner_s=[effort.time_s for effort in inner],
        out_s=[effort.time_s for effort in out],
        home_s=[effort.time_s for effort in back],
    )


def _add_costs(
    model: Any,  # noqa: ANN401 - OR-Tools carries no types
    manager: Any,  # noqa: ANN401 - as above
    costs: list[_Costs],
    vehicles: list[int],
    builder: SortieBuilder,
) -> None:
    """Give each vehicle its crew's times and batteries."""

    def read(table: list[list[int]]) -> Any:  # noqa: ANN401 - as above
        return lambda i, j: table[int(manager.IndexToNode(i))][int(manager.IndexToNode(j))]

    clocks = [model.RegisterTransitCallback(read(cost.times)) for cost in costs]
    loads = [model.RegisterTransitCallback(read(cost.batteries)) for cost in costs]
    for vehicle, crew in enumerate(vehicles):
        model.SetArcCostEvaluatorOfVehicle(clocks[crew], vehicle)
    model.SetFixedCostOfAllVehicles(round(CHANGE_S))
    capacity = round(builder.allowed * _UNITS)
    from_zero, not_from_zero = True, False  # OR-Tools takes them by position
    model.AddDimensionWithVehicleTransits([loads[crew] for crew in vehicles], 0, capacity, from_zero, "battery")
    model.AddDimensionWithVehicleTransits([clocks[crew] for crew in vehicles], 0, _HORIZON_S, not_from_zero, "time")


def _one_after_another(model: Any, clock: Any, vehicles: list[int]) -> None:  # noqa: ANN401 - OR-Tools carries no types
    """Let a crew's batteries fly in their order, with a change between two, each as early as it can."""
    solver = model.solver()
    for vehicle, crew in enumerate(vehicles):
        start = clock.CumulVar(model.Start(vehicle))
        model.AddVariableMinimizedByFinalizer(start)
        if vehicle and vehicles[vehicle - 1] == crew:
            before = clock.CumulVar(model.End(vehicle - 1))
            active = model.ActiveVehicleVar(vehicle)
            solver.Add(start >= before + round(CHANGE_S) * active)
            solver.Add(model.ActiveVehicleVar(vehicle - 1) >= active)


def _arrivals(spans: tuple[Span, ...], node: int, costs: list[_Costs]) -> list[tuple[int, int]]:
    """Return when a chunk may be begun, so that whoever flies it takes off and is home while its area is open."""
    out = max(cost.out_s[node] for cost in costs)
    rest = max(cost.inner_s[node] + cost.home_s[node] for cost in costs)
    found = [
        (math.ceil(low + (out if low > 0 else 0.0)), math.floor(min(closing(high), _HORIZON_S) - rest))
        for low, high in spans
    ]
    return [span for span in found if span[0] <= span[1]]


def _keep_open(model: Any, clock: Any, index: int, spans: list[tuple[int, int]]) -> None:  # noqa: ANN401 - as above
    """Let a chunk be begun within one of the spans only, or left out."""
    if not spans:
        model.solver().Add(model.ActiveVar(index) == 0)
        return
    arrival = clock.CumulVar(index)
    arrival.SetRange(spans[0][0], spans[-1][1])
    for (_low, closes), (opens, _high) in pairwise(spans):
        if closes + 1 <= opens - 1:
            arrival.RemoveInterval(closes + 1, opens - 1)


def _read(
    solved: tuple[Any, Any, Any],
    fleet: Fleet,
    vehicles: list[int],
    chunks: list[Chunk],
    *,
    timed: bool,
) -> tuple[tuple[Task, ...], set[int]]:
    """Return the tasks that a solution says, and the chunks they fly."""
    model, manager, solution = solved
    clock = model.GetDimensionOrDie("time")
    tasks: list[Task] = []
    flown: set[int] = set()
    for vehicle, crew in enumerate(vehicles):
        index = model.Start(vehicle)
        takeoff_s = float(solution.Min(clock.CumulVar(index)))
        order: list[int] = []
        while not model.IsEnd(index):
            node = manager.IndexToNode(index)
            if node < len(chunks):
                order.append(node)
            index = solution.Value(model.NextVar(index))
        if order:
            flown.update(order)
            runs = tuple(run for node in order for run in chunks[node])
            tasks.append(
                Task(
                    crew=fleet.crews[crew].name,
                    launch=fleet.launches[crew],
                    runs=runs,
                    takeoff_s=takeoff_s if timed else None,
                )
            )
    return tuple(tasks), flown
