"""Renders what a camera over the rehearsal world would photograph.

:func:`prepare` works out once per world what does not depend on the camera; :func:`render` paints one image: ground,
shadows, then things from the farthest to the nearest, then air and sensor. The same scene, camera and seed give the
same image on one machine.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from flight.camera import Camera, Orientation
from flight.rehearsal import render_things as things
from flight.rehearsal.render_canvas import Canvas, sun_direction
from flight.rehearsal.render_ground import cast_shadows, paint_ground
from flight.rehearsal.render_sensor import develop, through_lens, wide_enough
from flight.rehearsal.render_vehicles import outline, paint_vehicle
from flight.rehearsal.render_view import Floats, View, pixels_of, view_of
from flight.rehearsal.world import Wall, World


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Thing:
    """Something that stands on the ground and hides what is behind it.

    Attributes:
        footprint: (N, 2) convex outline, anticlockwise.
        height_m: Its top.
        shadow: (M, 2) convex outline of its shadow on the ground.
        paint: Paints it.
    """

    footprint: Floats
    height_m: float
    shadow: Floats
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
    """

    world: World
    things: tuple[Thing, ...]
    solid_corners: Floats
    solid_starts: NDArray[np.intp]
    shadow_corners: Floats
    shadow_starts: NDArray[np.intp]


def prepare(world: World) -> Scene:
    """Return a world made ready for rendering: outlines, shadows, and what stands in the shade of what."""
    made = [
        Thing(footprint=ring, height_m=height, shadow=_shadow(world, ring, height), paint=paint)
        for ring, height, paint in (
            (_anticlockwise(outline), height, paint) for outline, height, paint in _solids(world)
        )
    ]
    solids = [_prism_corners(thing) for thing in made]
    shadows = [np.column_stack([thing.shadow, np.zeros(len(thing.shadow))]) for thing in made]
    return Scene(
        world=world,
        things=tuple(made),
        solid_corners=np.concatenate([np.empty((0, 3)), *solids]),
        solid_starts=_starts(solids),
        shadow_corners=np.concatenate([np.empty((0, 3)), *shadows]),
        shadow_starts=_starts(shadows),
    )


def _solids(world: World) -> Iterator[tuple[Floats, float, Callable[[Canvas], None]]]:
    """Yield the outline, height and painter of everything that stands on the ground."""
    for building in world.buildings:
        ring = np.asarray(building.ring, dtype=np.float64)
        yield ring, building.height_m, partial(things.paint_building, building=building, seed=world.seed)
    for tank in world.tanks:
        yield things.circle(tank.centre, tank.radius_m, 16), tank.height_m, partial(things.paint_tank, tank=tank)
    for wall in world.walls:
        for ring in _wall_rings(wall):
            yield ring, wall.height_m, partial(things.paint_wall, wall=wall, ring=ring)
    for tree in world.trees:
        crown = things.circle(tree.centre, tree.radius_m * 0.9, 10)
        yield crown, tree.height_m, partial(things.paint_tree, tree=tree, seed=world.seed)
    yield from _goods(world)


def _goods(world: World) -> Iterator[tuple[Floats, float, Callable[[Canvas], None]]]:
    """Yield the outline, height and painter of what can be moved, which may stand in the shade of what cannot."""
    tall = [(np.asarray(building.ring, dtype=np.float64), building.height_m) for building in world.buildings]
    tall += [(things.circle(tank.centre, tank.radius_m, 24), tank.height_m) for tank in world.tanks]
    shades = [_shadow(world, ring, height) for ring, height in tall]

    def is_lit(place: tuple[float, float]) -> bool:
        return not any(_inside(shade, place) for shade in shades)

    for container in world.containers:
        paint = partial(things.paint_container, container=container, lit=is_lit(container.centre))
        yield things.container_ring(container), container.height_m, paint
    for stack in world.drums:
        paint = partial(things.paint_drums, stack=stack, lit=is_lit(stack.centre))
        yield things.drum_ring(stack), things.DRUM_HEIGHT_M * stack.layers, paint
    for vehicle in world.vehicles:
        paint = partial(paint_vehicle, vehicle=vehicle, lit=is_lit(vehicle.centre))
        yield outline(vehicle), vehicle.height_m, paint


def _prism_corners(thing: Thing) -> Floats:
    levels = [np.column_stack([thing.footprint, np.full(len(thing.footprint), up)]) for up in (0.0, thing.height_m)]
    return np.concatenate(levels)


def _starts(arrays: list[Floats]) -> NDArray[np.intp]:
    lengths = np.array([0, *(len(array) for array in arrays)], dtype=np.intp)
    return np.cumsum(lengths)[:-1]


def render(
    scene: Scene, camera: Camera, orientation: Orientation, place: tuple[float, float, float], *, seed: int = 0
) -> NDArray[np.uint8]:
    """Return the photograph that a camera takes.

    Args:
        scene: From :func:`prepare`.
        camera: Image size, focal length and distortion.
        orientation: Where it looks.
        place: East, north, up of the camera in the world's plane, metres.
        seed: Settles the sensor's noise; give each photograph its own.

    Returns:
        (camera.height_px, camera.width_px, 3) uint8, BGR.
    """
    ideal = wide_enough(camera)
    view = view_of(ideal, orientation, place)
    canvas = Canvas(view=view, pixels=np.empty((ideal.height_px, ideal.width_px, 3), np.uint8), light=scene.world.light)
    world = scene.world
    paint_ground(canvas, world.ground, world.patches, world.markings, world.seed)
    _shown, shadow_is_near = _boxes(view, scene.shadow_corners, scene.shadow_starts)
    cast_shadows(canvas, [scene.things[index].shadow for index in np.flatnonzero(shadow_is_near)])
    boxes, is_near = _boxes(view, scene.solid_corners, scene.solid_starts)
    for thing in _farthest_first(view, [scene.things[index] for index in np.flatnonzero(is_near)], boxes[is_near]):
        thing.paint(canvas)
    return develop(through_lens(canvas.pixels, ideal, camera), world.light, seed=seed)


def _shadow(world: World, ring: Floats, height_m: float) -> Floats:
    """Return the convex outline of a prism's shadow on level ground."""
    import cv2

    sun = sun_direction(world.light)
    both = np.concatenate([ring, ring - sun[:2] / sun[2] * height_m]).astype(np.float32)
    hull: Floats = cv2.convexHull(both - both[0])[:, 0, :].astype(np.float64) + both[0]
    return hull


def _inside(ring: Floats, place: tuple[float, float]) -> bool:
    edges = np.roll(ring, -1, axis=0) - ring
    offset = np.asarray(place) - ring
    cross = edges[:, 0] * offset[:, 1] - edges[:, 1] * offset[:, 0]
    return bool((cross > 0).all() or (cross < 0).all())


def _anticlockwise(ring: Floats) -> Floats:
    after = np.roll(ring, -1, axis=0)
    doubled = float((ring[:, 0] * after[:, 1] - after[:, 0] * ring[:, 1]).sum())
    return ring if doubled > 0 else ring[::-1]


def _wall_rings(wall: Wall) -> list[Floats]:
    """Return the thin rectangles that a wall is made of."""
    rings = []
    for start, end in zip(wall.path, wall.path[1:], strict=False):
        a, b = np.asarray(start, float), np.asarray(end, float)
        along = (b - a) / max(1e-9, float(np.hypot(*(b - a))))
        across = np.array([-along[1], along[0]]) * wall.width_m / 2
        rings.append(np.stack([a - across, b - across, b + across, a + across]))
    return rings


def _boxes(view: View, corners: Floats, starts: NDArray[np.intp]) -> tuple[Floats, NDArray[np.bool_]]:
    """Return (N, 4) image boxes (left, top, right, bottom) of point groups, and whether each may be seen.

    A group partly behind the camera has the box of everything.
    """
    if not len(starts):
        return np.empty((0, 4)), np.empty(0, dtype=np.bool_)
    flat = pixels_of(view, corners)
    hidden = np.isnan(flat[:, 0])
    low = np.minimum.reduceat(np.where(hidden[:, None], np.inf, flat), starts)
    high = np.maximum.reduceat(np.where(hidden[:, None], -np.inf, flat), starts)
    some_behind = np.logical_or.reduceat(hidden, starts)
    all_behind = np.logical_and.reduceat(hidden, starts)
    low[some_behind], high[some_behind] = -1e9, 1e9
    inside = (high > 0).all(axis=1) & (low[:, 0] < view.width_px) & (low[:, 1] < view.height_px)
    return np.hstack([low, high]), inside & ~all_behind


def _farthest_first(view: View, seen: list[Thing], boxes: Floats) -> list[Thing]:
    """Return things so that each comes after whatever it may hide.

    Footprints are convex and do not overlap, so some edge of one of a pair has the other wholly outside; the one on
    the camera's side of that edge is in front. Among things with no order between them the farthest comes first.
    """
    eye = view.place[:2]
    distance = [-float(np.hypot(*(thing.footprint.mean(axis=0) - eye))) for thing in seen]
    before: list[set[int]] = [set() for _thing in seen]
    waits = [0] * len(seen)
    for one in range(len(seen)):
        meets = (
            (boxes[:, 0] < boxes[one, 2])
            & (boxes[:, 2] > boxes[one, 0])
            & (boxes[:, 1] < boxes[one, 3])
            & (boxes[:, 3] > boxes[one, 1])
        )
        for other in np.flatnonzero(meets):
            if other <= one:
                continue
            front = _front_of(seen[one].footprint, seen[other].footprint, eye)
            if front:
                behind, ahead = (one, int(other)) if front > 0 else (int(other), one)
                before[behind].add(ahead)
                waits[ahead] += 1
    ready = [(distance[index], index) for index in range(len(seen)) if not waits[index]]
    heapq.heapify(ready)
    order: list[int] = []
    while ready:
        _far, index = heapq.heappop(ready)
        order.append(index)
        for ahead in before[index]:
            waits[ahead] -= 1
            if not waits[ahead]:
                heapq.heappush(ready, (distance[ahead], ahead))
    placed = set(order)
    rest = sorted((index for index in range(len(seen)) if index not in placed), key=distance.__getitem__)
    return [seen[index] for index in (*order, *rest)]


def _front_of(one: Floats, other: Floats, eye: Floats) -> int:
    """Return 1 when ``other`` may hide ``one``, -1 when ``one`` may hide ``other``, 0 when neither is known."""
    for near, far, sign in ((one, other, 1), (other, one, -1)):
        edge = np.roll(near, -1, axis=0) - near
        outward = np.column_stack([edge[:, 1], -edge[:, 0]])
        reach = ((far[None, :, :] - near[:, None, :]) * outward[:, None, :]).sum(axis=2).min(axis=1)
        beyond = np.flatnonzero(reach >= -1e-6)
        if len(beyond):
            side = ((eye - near[beyond]) * outward[beyond]).sum(axis=1)
            return sign if bool((side > 0).any()) else -sign
    return 0
