"""Renders what a camera over the rehearsal world would photograph.

:func:`~flight.rehearsal.render_scene.prepare` works out once per world what does not depend on the camera;
:func:`render` paints one image: ground, shadows, things from the farthest to the nearest, smoke, air, night, fire,
and sensor. The same scene, camera, moment and seed give the same image on one machine.
"""

from __future__ import annotations

import heapq

import numpy as np
from numpy.typing import NDArray

from flight.camera import Camera, Orientation
from flight.rehearsal.render_air import darken, veil
from flight.rehearsal.render_canvas import Canvas
from flight.rehearsal.render_ground import cast_shadows, paint_ground
from flight.rehearsal.render_plumes import paint_plumes
from flight.rehearsal.render_scene import Scene, prepare
from flight.rehearsal.render_sensor import develop, through_lens, wide_enough
from flight.rehearsal.render_view import Floats, View, pixels_of, view_of
from flight.rehearsal.world_things import PlumeKind

__all__ = ["Scene", "prepare", "render"]


def render(
    scene: Scene,
    camera: Camera,
    orientation: Orientation,
    place: tuple[float, float, float],
    *,
    seed: int = 0,
    time_s: float = 0.0,
    backdrop: NDArray[np.uint8] | None = None,
) -> NDArray[np.uint8]:
    """Return the photograph that a camera takes.

    Args:
        scene: From :func:`prepare`.
        camera: Image size, focal length and distortion.
        orientation: Where it looks.
        place: East, north, up of the camera in the world's plane, metres.
        seed: Settles the sensor's noise; give each photograph its own.
        time_s: The moment, seconds; smoke and fire move with it.
        backdrop: (height, width, 3) uint8 BGR: a real picture of ground, as the camera sees it, in place of the world's
            own ground; shadows fall on it and things stand on it.

    Returns:
        (camera.height_px, camera.width_px, 3) uint8, BGR.
    """
    ideal = wide_enough(camera)
    view = view_of(ideal, orientation, place)
    pixels = np.empty((ideal.height_px, ideal.width_px, 3), np.uint8)
    canvas = Canvas(view=view, pixels=pixels, light=scene.world.light)
    world = scene.world
    if backdrop is None:
        paint_ground(canvas, world.ground, world.patches, world.markings, world.seed)
    else:
        if backdrop.shape != pixels.shape:
            raise ValueError("a backdrop has the size of the image")
        pixels[:] = backdrop
    _shown, shadow_is_near = image_boxes(view, scene.shadow_corners, scene.shadow_starts)
    cast_shadows(canvas, [scene.things[index].shadow for index in np.flatnonzero(shadow_is_near)])
    for index in painting_order(scene, view):
        scene.things[index].paint(canvas)
    paint_plumes(canvas, world.plumes, PlumeKind.SMOKE, time_s)
    veil(canvas)
    darken(canvas, world.lamps)
    paint_plumes(canvas, world.plumes, PlumeKind.FIRE, time_s)  # fire is seen through haze and dark
    return develop(through_lens(canvas.pixels, ideal, camera), world.light, seed=seed)


def image_boxes(view: View, corners: Floats, starts: NDArray[np.intp]) -> tuple[Floats, NDArray[np.bool_]]:
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


def painting_order(scene: Scene, view: View) -> list[int]:
    """Return the indices of the things that may be seen, each after whatever it may hide.

    Footprints are convex and do not overlap, so some edge of one of a pair has the other wholly outside; the one on
    the camera's side of that edge is in front. Among things with no order between them the farthest comes first.
    """
    all_boxes, is_near = image_boxes(view, scene.solid_corners, scene.solid_starts)
    seen = np.flatnonzero(is_near).tolist()
    boxes, eye = all_boxes[is_near], view.place[:2]
    distance = [-float(np.hypot(*(scene.things[index].footprint.mean(axis=0) - eye))) for index in seen]
    before: list[list[int]] = [[] for _thing in seen]
    waits = [0] * len(seen)
    meets = (
        (boxes[:, None, 0] < boxes[None, :, 2])
        & (boxes[:, None, 2] > boxes[None, :, 0])
        & (boxes[:, None, 1] < boxes[None, :, 3])
        & (boxes[:, None, 3] > boxes[None, :, 1])
    )
    for one, other in zip(*(part.tolist() for part in np.nonzero(np.triu(meets, 1))), strict=True):
        front = _front_of(scene, seen[one], seen[other], eye)
        if front:
            behind, ahead = (one, other) if front > 0 else (other, one)
            before[behind].append(ahead)
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
    # A ring of things that each hide the next has no right order; then the distance decides.
    placed = set(order)
    rest = sorted((index for index in range(len(seen)) if index not in placed), key=distance.__getitem__)
    return [seen[index] for index in (*order, *rest)]


def _front_of(scene: Scene, one: int, other: int, eye: Floats) -> int:
    """Return 1 when ``other`` may hide ``one``, -1 when ``one`` may hide ``other``, 0 when neither is known."""
    if (one, other) not in scene.separators:
        scene.separators[one, other] = _separator(scene.things[one].footprint, scene.things[other].footprint)
    found = scene.separators[one, other]
    if found is None:
        return 0
    point, outward, sign = found
    return sign if (eye - point) @ outward > 0 else -sign


def _separator(one: Floats, other: Floats) -> tuple[Floats, Floats, int] | None:
    """Return a point and outward normal of the edge that parts two footprints widest; 1 if it is ``one``'s, else -1."""
    best: tuple[float, Floats, Floats, int] | None = None
    for owner, far, sign in ((one, other, 1), (other, one, -1)):
        edge = np.roll(owner, -1, axis=0) - owner
        outward = np.column_stack([edge[:, 1], -edge[:, 0]]) / np.maximum(1e-9, np.hypot(*edge.T))[:, None]
        reach = ((far[None, :, :] - owner[:, None, :]) * outward[:, None, :]).sum(axis=2).min(axis=1)
        index = int(np.argmax(reach))
        if reach[index] >= -1e-6 and (best is None or reach[index] > best[0]):
            best = (float(reach[index]), owner[index], outward[index], sign)
    return None if best is None else best[1:]
