"""The canvas that the renderer paints on, and the pieces it paints: meshes of flat faces, and thin lines.

A world's light does not change while it is filmed, so the colour of every face is settled once, when its mesh is made;
painting only asks which faces turn to the camera and where their corners fall. Colours go in as sRGB (red, green, blue)
and come out as OpenCV has them. Light is a sun and a sky: level ground in the sun has brightness 1, a face in full
shade ``ambient``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flight.rehearsal.render_view import Floats, View, clipped_pixels, in_camera, pixels_of
from flight.rehearsal.world import Light
from flight.rehearsal.world_things import Colour

SHIFT = 4
"""Fractional bits of polygon corners handed to OpenCV: a sixteenth of a pixel."""

UP = np.array([0.0, 0.0, 1.0])

Bgr = tuple[float, float, float]
"""A final colour: blue, green, red."""

Face = tuple[Floats, Floats | None, Bgr]
"""(N, 3) corners, the (3,) outward normal (None for one that is seen from both sides), and the final colour."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Canvas:
    """An image under the brush.

    Attributes:
        view: Through which the world is seen.
        pixels: (H, W, 3) uint8, painted in place.
        light: Sun and air.
    """

    view: View
    pixels: NDArray[np.uint8]
    light: Light


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Mesh:
    """Faces in painting order, laid out for projecting all corners at once.

    Attributes:
        corners: (K, 3) corners of all faces, one face after another.
        starts: (F + 1,) where each face's corners start, and the end.
        normals: (F, 3) outward; zero for a face that is seen from both sides.
        colours: One a face.
    """

    corners: Floats
    starts: NDArray[np.intp]
    normals: Floats
    colours: tuple[Bgr, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lines:
    """Thin straight lines of one colour.

    Attributes:
        segments: (N, 2, 3) ends.
        colour: Final colour.
        width_m: Width.
        normal: (3,) of the face they lie on, or None when they are seen from everywhere.
        limit_px: Never drawn wider than this.
    """

    segments: Floats
    colour: Bgr
    width_m: float
    normal: Floats | None = None
    limit_px: int = 12


def mesh_of(faces: Iterable[Face]) -> Mesh:
    """Return faces as one mesh, in their order."""
    listed = list(faces)
    lengths = [0, *(len(corners) for corners, _normal, _colour in listed)]
    return Mesh(
        corners=np.concatenate([np.empty((0, 3)), *(corners for corners, _normal, _colour in listed)]),
        starts=np.cumsum(lengths),
        normals=np.array([np.zeros(3) if normal is None else normal for _corners, normal, _colour in listed]).reshape(
            -1, 3
        ),
        colours=tuple(colour for _corners, _normal, colour in listed),
    )


def paint_mesh(canvas: Canvas, mesh: Mesh) -> None:
    """Paint the faces that turn to the camera, clipped to what lies before it."""
    import cv2

    if not mesh.colours:
        return
    towards = ((canvas.view.place - mesh.corners[mesh.starts[:-1]]) * mesh.normals).sum(axis=1)
    seen = np.flatnonzero((towards > 0) | ~mesh.normals.any(axis=1))
    flat = pixels_of(canvas.view, mesh.corners)
    behind = bool(np.isnan(flat).any())
    fixed = fixed_point(np.nan_to_num(flat))
    for index in seen.tolist():
        piece = slice(mesh.starts[index], mesh.starts[index + 1])
        corners = fixed[piece]
        if behind and np.isnan(flat[piece]).any():
            clipped = clipped_pixels(canvas.view, mesh.corners[piece])
            if not len(clipped):
                continue
            corners = fixed_point(clipped)
        cv2.fillPoly(canvas.pixels, [corners], mesh.colours[index], cv2.LINE_AA, SHIFT)


def paint_lines(canvas: Canvas, lines: Lines) -> None:
    """Paint lines whose face turns to the camera; those that reach behind it are left out."""
    import cv2

    if not len(lines.segments):
        return
    if lines.normal is not None and float((canvas.view.place - lines.segments[0, 0]) @ lines.normal) <= 0:
        return
    flat = pixels_of(canvas.view, lines.segments)
    usable = ~np.isnan(flat).any(axis=(1, 2))
    if not usable.any():
        return
    depth = float(np.median(in_camera(canvas.view, lines.segments[usable].reshape(-1, 3))[:, 2]))
    thickness = int(np.clip(round(lines.width_m * canvas.view.focal_px / depth), 1, lines.limit_px))
    fixed = fixed_point(flat[usable])
    cv2.polylines(
        canvas.pixels,
        list(fixed),
        isClosed=False,
        color=lines.colour,
        thickness=thickness,
        lineType=cv2.LINE_AA,
        shift=SHIFT,
    )


def paint_pieces(canvas: Canvas, pieces: Sequence[Mesh | Lines]) -> None:
    """Paint meshes and lines in their order."""
    for piece in pieces:
        if isinstance(piece, Mesh):
            paint_mesh(canvas, piece)
        else:
            paint_lines(canvas, piece)


def paint_pile(canvas: Canvas, places: Floats, meshes: Sequence[Mesh]) -> None:
    """Paint like things that stand close together at (N, 2) places, the farthest first."""
    for index in np.argsort(-np.hypot(*(places - canvas.view.place[:2]).T)).tolist():
        paint_mesh(canvas, meshes[index])


def sun_direction(light: Light) -> Floats:
    """Return the (3,) unit vector east, north, up towards the sun."""
    azimuth, elevation = math.radians(light.azimuth_deg), math.radians(light.elevation_deg)
    return np.array(
        [math.sin(azimuth) * math.cos(elevation), math.cos(azimuth) * math.cos(elevation), math.sin(elevation)]
    )


def shaded(colour: Colour, normal: Floats, light: Light, *, lit: bool = True, gain: float = 1.0) -> Bgr:
    """Return the BGR colour of a face with this normal under this light; ``lit`` false puts it in shade."""
    towards = max(0.0, float(normal @ sun_direction(light))) if lit else 0.0
    top = math.sin(math.radians(light.elevation_deg))
    # Brightness is relative to level ground in the sun, which a camera exposes for.
    level = light.ambient + (1 - light.ambient) * towards / top
    factor = min(1.35, level) * gain
    red, green, blue = colour
    cool = 1.0 + 0.06 * (1 - min(1.0, level))  # shade is lit by blue sky
    return min(255.0, blue * factor * cool), min(255.0, green * factor), min(255.0, red * factor)


def fixed_point(pixels: Floats) -> NDArray[np.int32]:
    """Return pixel coordinates for OpenCV's drawing, whose integer coordinates name pixel centres."""
    limited = np.clip((pixels - 0.5) * (1 << SHIFT), -(2**26), 2**26)
    return np.round(limited).astype(np.int32)


def at_height(ring: Floats, height_m: float) -> Floats:
    """Return (N, 3) points over an (N, 2) ring."""
    return np.column_stack([ring, np.full(len(ring), height_m)])


def level_face(ring: Floats, height_m: float, colour: Colour, light: Light, *, lit: bool = True) -> Face:
    """Return a level face over an (N, 2) ring, seen from above."""
    return at_height(ring, height_m), UP, shaded(colour, UP, light, lit=lit)


def upward(corners: Floats) -> Floats:
    """Return the (3,) unit normal of a face through its first, second and last corner, on the upper side."""
    normal = np.cross(corners[1] - corners[0], corners[-1] - corners[0])
    length = float(np.linalg.norm(normal))
    if length < 1e-9:
        return UP
    found: Floats = normal / length * (1 if normal[2] >= 0 else -1)
    return found


def prism_faces(
    ring: Floats,
    levels_m: tuple[float, float],
    colours: tuple[Colour, Colour | None],
    light: Light,
    *,
    lit: bool = True,
    top_ring: Floats | None = None,
) -> list[Face]:
    """Return the faces of a prism or frustum: sides, then the top.

    Args:
        ring: (N, 2) convex outline at the bottom, any turning sense.
        levels_m: Heights of its bottom and top.
        colours: Of its sides and its top; None for no top face.
        light: Sun and air.
        lit: Whether the sun reaches it.
        top_ring: (N, 2) outline at the top; the same as ``ring`` for a prism.
    """
    (bottom_m, top_m), (side, top) = levels_m, colours
    low, high = at_height(ring, bottom_m), at_height(ring if top_ring is None else top_ring, top_m)
    middle = np.append(ring.mean(axis=0), (bottom_m + top_m) / 2)
    quads = np.stack([low, np.roll(low, -1, axis=0), np.roll(high, -1, axis=0), high], axis=1)
    along, across = quads[:, 1] - quads[:, 0], quads[:, 3] - quads[:, 0]
    normals = np.column_stack(
        [
            along[:, 1] * across[:, 2] - along[:, 2] * across[:, 1],
            along[:, 2] * across[:, 0] - along[:, 0] * across[:, 2],
            along[:, 0] * across[:, 1] - along[:, 1] * across[:, 0],
        ]
    )
    lengths = np.linalg.norm(normals, axis=1)
    outward = ((quads.mean(axis=1) - middle) * normals).sum(axis=1)
    faces: list[Face] = []
    for quad, normal, length, side_of in zip(quads, normals, lengths, outward, strict=True):
        if length > 1e-9:
            unit = normal / length * (1 if side_of >= 0 else -1)
            faces.append((quad, unit, shaded(side, unit, light, lit=lit)))
    if top is not None:
        faces.append((high, UP, shaded(top, UP, light, lit=lit)))
    return faces
