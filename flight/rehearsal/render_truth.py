"""Where things are in a rendered image: boxes for training a detector and for scoring one, never for finding anything.

A thing's box is that of its drawn body, cut to the image. How much of it is seen is measured on a small image in which
every thing's outline is painted with its number, in the renderer's own order, so that what stands in front covers what
stands behind.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from flight.camera import Camera, Orientation
from flight.rehearsal.render import painting_order
from flight.rehearsal.render_canvas import fixed_point
from flight.rehearsal.render_plumes import puffs
from flight.rehearsal.render_scene import Scene, Thing
from flight.rehearsal.render_view import Floats, View, in_camera, pixels_of, view_of
from flight.rehearsal.world_things import Plume, PlumeKind

MASK_PX: Final = 640
"""The mask's longer side: enough to tell shares of anything that a detector can see."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenThing:
    """A thing in an image.

    Attributes:
        thing_id: Its id in the world.
        label: Its class.
        left_px, top_px, right_px, bottom_px: Its box, cut to the image.
        visible_share: Share of its whole outline that is inside the image and not hidden, in [0, 1].
    """

    thing_id: str
    label: str
    left_px: float
    top_px: float
    right_px: float
    bottom_px: float
    visible_share: float


def seen_things(
    scene: Scene,
    camera: Camera,
    orientation: Orientation,
    place: tuple[float, float, float],
    *,
    time_s: float = 0.0,
) -> tuple[SeenThing, ...]:
    """Return every labelled thing of which anything is seen, in the world's order, plumes last.

    Args:
        scene: From :func:`~flight.rehearsal.render_scene.prepare`.
        camera: A camera without distortion.
        orientation: Where it looks.
        place: East, north, up of the camera, metres.
        time_s: The moment, for plumes.

    Raises:
        ValueError: The camera distorts.
    """
    if camera.distortion:
        raise ValueError("boxes are known for cameras without distortion")
    import cv2

    view = view_of(camera, orientation, place)
    scale = min(1.0, MASK_PX / max(camera.width_px, camera.height_px))
    mask = np.zeros((max(1, round(camera.height_px * scale)), max(1, round(camera.width_px * scale))), np.int32)
    hulls: dict[int, Floats] = {}
    for index in painting_order(scene, view):
        hull = _hull(view, scene.things[index])
        if hull is not None:
            hulls[index] = hull
            cv2.fillConvexPoly(mask, fixed_point(hull * scale), index + 1, cv2.LINE_8, 4)
    counts = np.bincount(mask.ravel(), minlength=len(scene.things) + 1)
    found = [
        _seen(view, scene.things[index], hulls[index], float(counts[index + 1]) / scale**2)
        for index in sorted(hulls)
        if scene.things[index].label and counts[index + 1]
    ]
    found += [_seen_plume(view, plume, time_s) for plume in scene.world.plumes]
    return tuple(thing for thing in found if thing is not None)


def _hull(view: View, thing: Thing) -> Floats | None:
    """Return the (N, 2) convex outline of a thing in the image; None when it reaches behind the camera."""
    import cv2

    flat = pixels_of(view, thing.corners)
    if np.isnan(flat).any():
        return None
    hull: Floats = cv2.convexHull(flat.astype(np.float32))[:, 0, :].astype(np.float64)
    return hull if len(hull) >= 3 else None


def _area(hull: Floats) -> float:
    after = np.roll(hull, -1, axis=0)
    return abs(float((hull[:, 0] * after[:, 1] - after[:, 0] * hull[:, 1]).sum())) / 2


def _cut(view: View, low: Floats, high: Floats) -> tuple[float, float, float, float] | None:
    left, top = max(0.0, float(low[0])), max(0.0, float(low[1]))
    right, bottom = min(float(view.width_px), float(high[0])), min(float(view.height_px), float(high[1]))
    return (left, top, right, bottom) if right > left and bottom > top else None


def _seen(view: View, thing: Thing, hull: Floats, seen_px: float) -> SeenThing | None:
    box = _cut(view, hull.min(axis=0), hull.max(axis=0))
    if box is None:
        return None
    share = min(1.0, seen_px / max(1.0, _area(hull)))
    return SeenThing(
        thing_id=thing.thing_id,
        label=thing.label,
        left_px=box[0],
        top_px=box[1],
        right_px=box[2],
        bottom_px=box[3],
        visible_share=share,
    )


def _seen_plume(view: View, plume: Plume, time_s: float) -> SeenThing | None:
    """Return a plume's box: around the puffs that are dense enough to be noticed."""
    places, radii, life = puffs(plume, time_s)
    dense = life < (0.86 if plume.kind is PlumeKind.SMOKE else 0.9)
    flat = pixels_of(view, places[dense])
    if not len(flat) or np.isnan(flat).any():
        return None
    sizes = (radii[dense] * view.focal_px / in_camera(view, places[dense])[:, 2])[:, None] * 0.85
    low, high = (flat - sizes).min(axis=0), (flat + sizes).max(axis=0)
    box = _cut(view, low, high)
    if box is None:
        return None
    whole = float(np.prod(high - low))
    return SeenThing(
        thing_id=plume.plume_id,
        label=plume.kind.value,
        left_px=box[0],
        top_px=box[1],
        right_px=box[2],
        bottom_px=box[3],
        visible_share=(box[2] - box[0]) * (box[3] - box[1]) / max(1.0, whole),
    )
