"""Makes a world ready for rendering: everything that does not depend on the camera, worked out once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from flight.rehearsal import render_things as things
from flight.rehearsal.render_buildings import building_pieces
from flight.rehearsal.render_canvas import Canvas, Lines, Mesh, paint_pieces, paint_pile, sun_direction
from flight.rehearsal.render_shapes import circle
from flight.rehearsal.render_vehicles import outline, vehicle_mesh
from flight.rehearsal.render_view import Floats
from flight.rehearsal.world import World
from flight.rehearsal.world_things import PlanePoint, Vehicle, VehicleKind

LABELS = {
    VehicleKind.CAR: "car",
    VehicleKind.VAN: "car",
    VehicleKind.TRUCK: "truck",
    VehicleKind.TANKER: "truck",
    VehicleKind.BUS: "truck",
}
"""The detector's class of each vehicle body: what is driven on a car licence, and what is not."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Thing:
    """Something that stands on the ground and hides what is behind it.

    Attributes:
        thing_id: Its id in the world; empty for what has none (walls, trees).
        label: Its class by the detector's name; empty for what no detector looks for.
        footprint: (N, 2) convex outline, anticlockwise.
        height_m: Its top.
        shadow: (M, 2) convex outline of its shadow on the ground.
        corners: (K, 3) points whose hull is its body.
        paint: Paints it.
    """

    thing_id: str
    label: str
    footprint: Floats
    height_m: float
    shadow: Floats
    corners: Floats
    paint: Callable[[Canvas], None]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scene:
    """A world made ready for rendering.

    Attributes:
        world: The world.
        things: What stands in it.
        solid_corners: (K, 3) corners of all things' prisms, one thing after another, so that all are projected at once.
        solid_starts: Where each thing's corners start.
        shadow_corners, shadow_starts: The same for shadows, on the ground.
        separators: For a pair of things, a point and outward normal of an edge between them and which of the two owns
            it, found when first needed; None when there is none.
    """

    world: World
    things: tuple[Thing, ...]
    solid_corners: Floats
    solid_starts: NDArray[np.intp]
    shadow_corners: Floats
    shadow_starts: NDArray[np.intp]
    separators: dict[tuple[int, int], tuple[Floats, Floats, int] | None] = field(default_factory=dict)


_Solid = tuple[str, str, Floats, float, Floats | None, Callable[[Canvas], None]]
"""Id, label, outline, height, body corners (None for the whole prism), painter."""


def prepare(world: World) -> Scene:
    """Return a world made ready for rendering: outlines, shadows, meshes, and what stands in the shade of what."""
    made = []
    for thing_id, label, ring, height, corners, paint in _solids(world):
        footprint = _anticlockwise(ring)
        body = prism_corners(footprint, height) if corners is None else corners
        shadow = _shadow(world, footprint, height)
        made.append(
            Thing(
                thing_id=thing_id,
                label=label,
                footprint=footprint,
                height_m=height,
                shadow=shadow,
                corners=body,
                paint=paint,
            )
        )
    solids = [prism_corners(thing.footprint, thing.height_m) for thing in made]
    shadows = [np.column_stack([thing.shadow, np.zeros(len(thing.shadow))]) for thing in made]
    return Scene(
        world=world,
        things=tuple(made),
        solid_corners=np.concatenate([np.empty((0, 3)), *solids]),
        solid_starts=_starts(solids),
        shadow_corners=np.concatenate([np.empty((0, 3)), *shadows]),
        shadow_starts=_starts(shadows),
    )


def _solids(world: World) -> Iterator[_Solid]:
    """Yield everything that stands on the ground, fixed things first."""
    light = world.light
    for building in world.buildings:
        ring = np.asarray(building.ring, dtype=np.float64)
        yield (
            building.building_id,
            "",
            ring,
            building.height_m,
            None,
            _painter(building_pieces(building, light, world.seed)),
        )
    for tank in world.tanks:
        yield (
            tank.tank_id,
            "tank",
            circle(tank.centre, tank.radius_m, 24),
            tank.height_m,
            None,
            _painter(things.tank_pieces(tank, light)),
        )
    for wall in world.walls:
        for ring in things.wall_rings(wall):
            yield "", "", ring, wall.height_m, None, _painter(things.wall_pieces(wall, ring, light))
    for tree in world.trees:
        crown = things.Crown(tree, light, world.seed)
        yield "", "", circle(tree.centre, tree.radius_m * 0.9, 10), tree.height_m, None, crown.paint
    yield from _goods(world)


def _goods(world: World) -> Iterator[_Solid]:
    """Yield what can be moved, which may stand in the shade of what cannot."""
    light = world.light
    tall = [(np.asarray(building.ring, dtype=np.float64), building.height_m) for building in world.buildings]
    tall += [(circle(tank.centre, tank.radius_m, 24), tank.height_m) for tank in world.tanks]
    shades = [_shadow(world, ring, height) for ring, height in tall]

    def lit(place: PlanePoint) -> bool:
        return not any(_inside(shade, place) for shade in shades)

    for box in world.containers:
        pieces = things.container_pieces(box, light, lit=lit(box.centre))
        yield box.container_id, "container", things.container_ring(box), box.height_m, None, _painter(pieces)
    for stack in world.drums:
        places, meshes = things.stack_pile(stack, light, lit=lit(stack.centre))
        ring, height = things.stack_ring(stack), things.stack_height_m(stack)
        yield stack.stack_id, "drums", ring, height, None, partial(paint_pile, places=places, meshes=meshes)
    for heap in world.heaps:
        heap_pieces = things.heap_pieces(heap, light, lit=lit(heap.centre))
        body = np.concatenate([piece.corners for piece in heap_pieces if isinstance(piece, Mesh)])
        yield heap.heap_id, "debris", things.heap_ring(heap), heap.height_m, body, _painter(heap_pieces)
    for tent in world.tents:
        pieces = things.tent_pieces(tent, light, lit=lit(tent.centre))
        yield tent.tent_id, "tent", things.tent_ring(tent), tent.height_m, None, _painter(pieces)
    for person in world.people:
        pieces = things.person_pieces(person, light, lit=lit(person.centre))
        ring, height = things.person_ring(person), things.person_height_m(person)
        yield person.person_id, "person", ring, height, None, _painter(pieces)
    for vehicle in world.vehicles:
        yield _vehicle(vehicle, world, lit=lit(vehicle.centre))


def _vehicle(vehicle: Vehicle, world: World, *, lit: bool) -> _Solid:
    mesh = vehicle_mesh(vehicle, world.light, lit=lit)
    painter = _painter([mesh])
    return vehicle.vehicle_id, LABELS[vehicle.kind], outline(vehicle), vehicle.height_m, mesh.corners, painter


def _painter(pieces: list[Mesh | Lines]) -> Callable[[Canvas], None]:
    return partial(paint_pieces, pieces=pieces)


def prism_corners(ring: Floats, height_m: float) -> Floats:
    """Return the (2N, 3) corners of a prism over an (N, 2) ring."""
    return np.concatenate([np.column_stack([ring, np.full(len(ring), up)]) for up in (0.0, height_m)])


def _starts(arrays: list[Floats]) -> NDArray[np.intp]:
    lengths = np.array([0, *(len(array) for array in arrays)], dtype=np.intp)
    return np.cumsum(lengths)[:-1]


def _shadow(world: World, ring: Floats, height_m: float) -> Floats:
    """Return the convex outline of a prism's shadow on level ground."""
    import cv2

    sun = sun_direction(world.light)
    both = np.concatenate([ring, ring - sun[:2] / sun[2] * height_m])
    # OpenCV's hull works in single precision: take it near zero.
    hull: Floats = cv2.convexHull((both - both[0]).astype(np.float32))[:, 0, :].astype(np.float64) + both[0]
    return hull


def _inside(ring: Floats, place: PlanePoint) -> bool:
    edges = np.roll(ring, -1, axis=0) - ring
    offset = np.asarray(place) - ring
    cross = edges[:, 0] * offset[:, 1] - edges[:, 1] * offset[:, 0]
    return bool((cross > 0).all() or (cross < 0).all())


def _anticlockwise(ring: Floats) -> Floats:
    after = np.roll(ring, -1, axis=0)
    doubled = float((ring[:, 0] * after[:, 1] - after[:, 0] * ring[:, 1]).sum())
    return ring if doubled > 0 else ring[::-1]
