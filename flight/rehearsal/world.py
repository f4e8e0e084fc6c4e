"""The rehearsal world: its light, its things, some of them planted hazards, and the truth of these.

Only the rehearsal room reads a world. What leaves the room is footage (pixels and the metadata that any drone writes)
and, for whoever scores a rehearsal afterwards, the truth of :func:`truths`. Nothing that judges footage sees either.

The ground is flat. Positions are metres east and north of ``origin`` in its local plane, heights metres above that
ground; a heading is clockwise from north, and a thing's length lies along it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from core.points import GeoPoint, LocalPlane, from_plane
from flight.rehearsal.world_things import (
    Building,
    Container,
    DrumStack,
    Heap,
    Lamp,
    Marking,
    Material,
    Patch,
    Person,
    PlanePoint,
    Planted,
    Plume,
    Tank,
    Tent,
    Tree,
    Vehicle,
    Wall,
    finite,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Light:
    """The sun and the air.

    Attributes:
        azimuth_deg: Where the sun stands, clockwise from north.
        elevation_deg: How high, in (5, 90].
        ambient: Brightness of full shade relative to full sun, in (0, 1].
        exposure: Overall brightness; 1 for a well exposed photograph.
        haze: Share of air light at 100 m, in [0, 0.9].
        dark: Share of the daylight that is gone, in [0, 0.99]; lamps shine into it.
    """

    azimuth_deg: float = 135.0
    elevation_deg: float = 52.0
    ambient: float = 0.52
    exposure: float = 1.0
    haze: float = 0.02
    dark: float = 0.0

    def __post_init__(self) -> None:
        finite("light", self.azimuth_deg)
        if not 5 < self.elevation_deg <= 90:
            raise ValueError("light: the sun stands between 5 and 90 degrees high")
        if not (0 < self.ambient <= 1 and 0 < self.exposure <= 4 and 0 <= self.haze <= 0.9):
            raise ValueError("light: ambient is in (0, 1], exposure in (0, 4], haze in [0, 0.9]")
        if not 0 <= self.dark <= 0.99:
            raise ValueError("light: dark is in [0, 0.99]")


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Everything that the rehearsal's camera can see.

    Attributes:
        name: Its name.
        origin: Where (0, 0) of the local plane is.
        seed: Settles every random texture, so that two renderings of one world are equal.
        ground: What lies where no patch does.
        light: Sun and air.
        patches, markings: Ground and paint, bottom first.
        buildings, tanks, walls, trees, lamps, containers, vehicles, drums, heaps, tents, people, plumes: Things; ids
            are unique among all.
    """

    name: str
    origin: GeoPoint
    seed: int = 1
    ground: Material = Material.GRASS
    light: Light = Light()
    patches: tuple[Patch, ...] = ()
    markings: tuple[Marking, ...] = ()
    buildings: tuple[Building, ...] = ()
    tanks: tuple[Tank, ...] = ()
    walls: tuple[Wall, ...] = ()
    trees: tuple[Tree, ...] = ()
    lamps: tuple[Lamp, ...] = ()
    containers: tuple[Container, ...] = ()
    vehicles: tuple[Vehicle, ...] = ()
    drums: tuple[DrumStack, ...] = ()
    heaps: tuple[Heap, ...] = ()
    tents: tuple[Tent, ...] = ()
    people: tuple[Person, ...] = ()
    plumes: tuple[Plume, ...] = ()

    def __post_init__(self) -> None:
        if not self.name.isprintable():
            raise ValueError(f"a world's name is one printable line, not {self.name!r}")
        ids = [
            *(building.building_id for building in self.buildings),
            *(tank.tank_id for tank in self.tanks),
            *(person.person_id for person in self.people),
            *(thing_id for thing_id, *_ in _plantable(self)),
        ]
        twice = {thing for thing in ids if ids.count(thing) > 1}
        if twice:
            raise ValueError(f"two things have one id: {', '.join(sorted(twice))}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """One planted hazard, as the scorer needs it.

    Attributes:
        thing_id: The thing's id in the world.
        label: Its class, by the detector's name ("vehicle").
        position: Where it stands.
        hazard, site_code, zone_id: What it is expected to become.
    """

    thing_id: str
    label: str
    position: GeoPoint
    hazard: str
    site_code: str
    zone_id: str


def _plantable(world: World) -> Iterator[tuple[str, str, PlanePoint, Planted | None]]:
    """Yield id, detector class, place and expectation of everything that can be planted."""
    for vehicle in world.vehicles:
        yield vehicle.vehicle_id, "vehicle", vehicle.centre, vehicle.planted
    for container in world.containers:
        yield container.container_id, "container", container.centre, container.planted
    for stack in world.drums:
        yield stack.stack_id, "drums", stack.centre, stack.planted
    for heap in world.heaps:
        yield heap.heap_id, "debris", heap.centre, heap.planted
    for tent in world.tents:
        yield tent.tent_id, "tent", tent.centre, tent.planted
    for plume in world.plumes:
        yield plume.plume_id, plume.kind.value, plume.centre, plume.planted


def point_of(world: World, place: PlanePoint) -> GeoPoint:
    """Return the position of a place in the world's plane."""
    lon, lat = from_plane(LocalPlane(origin=world.origin), place)
    return GeoPoint(lon_deg=float(lon), lat_deg=float(lat))


def without(world: World, thing_ids: Collection[str]) -> World:
    """Return the world after some things were taken away: what a follow-up patrol finds when they were put right.

    Raises:
        ValueError: An id names nothing that can be taken away.
    """
    unknown = set(thing_ids) - {thing_id for thing_id, *_ in _plantable(world)}
    if unknown:
        raise ValueError(f"nothing movable is called {', '.join(sorted(unknown))}")
    return replace(
        world,
        vehicles=tuple(vehicle for vehicle in world.vehicles if vehicle.vehicle_id not in thing_ids),
        containers=tuple(container for container in world.containers if container.container_id not in thing_ids),
        drums=tuple(stack for stack in world.drums if stack.stack_id not in thing_ids),
        heaps=tuple(heap for heap in world.heaps if heap.heap_id not in thing_ids),
        tents=tuple(tent for tent in world.tents if tent.tent_id not in thing_ids),
        plumes=tuple(plume for plume in world.plumes if plume.plume_id not in thing_ids),
    )


def truths(world: World) -> tuple[Truth, ...]:
    """Return what was planted, in the world's order: for scoring a rehearsal after it, never for finding anything."""
    return tuple(
        Truth(
            thing_id=thing_id,
            label=label,
            position=point_of(world, place),
            hazard=planted.hazard,
            site_code=planted.site_code,
            zone_id=planted.zone_id,
        )
        for thing_id, label, place, planted in _plantable(world)
        if planted is not None
    )
