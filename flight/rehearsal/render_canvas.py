"""The canvas that the renderer paints on: polygons of the world, shaded by the sun.

Colours go in as sRGB (red, green, blue) and come out as OpenCV has them. Light is a sun and a sky: a face turned to the
sun has brightness 1, one in full shade ``ambient``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flight.rehearsal.render_view import Floats, View, clipped_pixels, in_camera, pixels_of
from flight.rehearsal.world import Colour, Light

SHIFT = 4
"""Fractional bits of polygon corners handed to OpenCV: a sixteenth of a pixel."""

Face = tuple[Floats, tuple[float, float, float]]
"""(N, 3) corners in the world, and their final colour (blue, green, red)."""


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


def sun_direction(light: Light) -> Floats:
    """Return the (3,) unit vector east, north, up towards the sun."""
    azimuth, elevation = math.radians(light.azimuth_deg), math.radians(light.elevation_deg)
    return np.array(
        [math.sin(azimuth) * math.cos(elevation), math.cos(azimuth) * math.cos(elevation), math.sin(elevation)]
    )


def shaded(
    colour: Colour, normal: Floats | tuple[float, float, float], light: Light, *, lit: bool = True, gain: float = 1.0
) -> tuple[float, float, float]:
    """Return the BGR colour of a face with this normal under this light; ``lit`` false puts it in shade."""
    towards = max(0.0, float(np.dot(normal, sun_direction(light)))) if lit else 0.0
    top = math.sin(math.radians(light.elevation_deg))
    # Brightness is relative to level ground in the sun, which a camera exposes for.
    level = light.ambient + (1 - light.ambient) * towards / top
    factor = min(1.35, level) * gain
    red, green, blue = colour
    cool = 1.0 + 0.06 * (1 - min(1.0, level))  # shade is lit by blue sky
    return min(255.0, blue * factor * cool), min(255.0, green * factor), min(255.0, red * factor)


def paint_faces(canvas: Canvas, faces: Iterable[Face]) -> None:
    """Paint faces in their order, clipped to what lies before the camera."""
    import cv2

    listed = list(faces)
    if not listed:
        return
    corners = np.concatenate([face[0] for face in listed])
    projected = pixels_of(canvas.view, corners)
    start = 0
    for points, colour in listed:
        flat = projected[start : start + len(points)]
        start += len(points)
        if np.isnan(flat).any():
            flat = clipped_pixels(canvas.view, points)
            if not len(flat):
                continue
        cv2.fillPoly(canvas.pixels, [fixed_point(flat)], colour, cv2.LINE_AA, SHIFT)


def fixed_point(pixels: Floats) -> NDArray[np.int32]:
    """Return pixel coordinates for OpenCV's drawing, whose integer coordinates name pixel centres."""
    limited = np.clip((pixels - 0.5) * (1 << SHIFT), -(2**26), 2**26)
    return np.round(limited).astype(np.int32)


def prism_faces(
    ring: Floats,
    levels_m: tuple[float, float],
    colours: tuple[Colour, Colour | None],
    canvas: Canvas,
    *,
    lit: bool = True,
    top_ring: Floats | None = None,
) -> list[Face]:
    """Return the faces of a prism or frustum that the camera sees: sides, then the top.

    Args:
        ring: (N, 2) convex outline at the bottom, any turning sense.
        levels_m: Heights of its bottom and top.
        colours: Of its sides and its top; None for no top face.
        canvas: Gives the camera's place and the light.
        lit: Whether the sun reaches it.
        top_ring: (N, 2) outline at the top; the same as ``ring`` for a prism.
    """
    (bottom_m, top_m), (side, top) = levels_m, colours
    upper = ring if top_ring is None else top_ring
    low = np.column_stack([ring, np.full(len(ring), bottom_m)])
    high = np.column_stack([upper, np.full(len(upper), top_m)])
    middle = np.append(ring.mean(axis=0), (bottom_m + top_m) / 2)
    faces: list[Face] = []
    for index in range(len(ring)):
        after = (index + 1) % len(ring)
        quad = np.stack([low[index], low[after], high[after], high[index]])
        normal = np.cross(quad[1] - quad[0], quad[3] - quad[0])
        length = float(np.linalg.norm(normal))
        if length < 1e-9:
            continue
        normal = normal / length
        if normal @ (quad.mean(axis=0) - middle) < 0:
            normal = -normal
        if normal @ (canvas.view.place - quad[0]) > 0:
            faces.append((quad, shaded(side, normal, canvas.light, lit=lit)))
    if top is not None and canvas.view.place[2] > top_m:
        faces.append((high, shaded(top, (0.0, 0.0, 1.0), canvas.light, lit=lit)))
    return faces


def paint_lines(
    canvas: Canvas, segments: Floats, colour: tuple[float, float, float], width_m: float, *, limit_px: int = 12
) -> None:
    """Paint (N, 2, 3) straight segments of the world as thin lines of a width in metres; those behind are left out."""
    import cv2

    if not len(segments):
        return
    flat = pixels_of(canvas.view, segments)
    usable = ~np.isnan(flat).any(axis=(1, 2))
    if not usable.any():
        return
    depth = float(np.median(in_camera(canvas.view, segments[usable].reshape(-1, 3))[:, 2]))
    thickness = int(np.clip(round(width_m * canvas.view.focal_px / depth), 1, limit_px))
    lines = [fixed_point(line) for line in flat[usable]]
    cv2.polylines(
        canvas.pixels, lines, isClosed=False, color=colour, thickness=thickness, lineType=cv2.LINE_AA, shift=SHIFT
    )
