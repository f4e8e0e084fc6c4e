"""Paints the ground: patches of material with grain, markings, and the shadows that fall on it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from flight.rehearsal.render_canvas import SHIFT, UP, Canvas, Face, fixed_point, mesh_of, paint_mesh
from flight.rehearsal.render_view import Floats, clipped_pixels, ground_homography, ground_under, pixels_of
from flight.rehearsal.world_things import Marking, MarkingKind, Material, Patch, Ring

GRAIN_M: Final = 0.05
"""Ground length of one pixel of the grain tile, metres."""

MOTTLE_M: Final = 0.6
"""Ground length of one pixel of the mottle tile, metres."""

GRAIN_PX: Final = 2048
MOTTLE_PX: Final = 512
STRIP_ROWS: Final = 48
"""Whole-image arithmetic goes in strips that stay in the processor's cache: twice as fast at 12 megapixels."""

REPEATS: Final = 3


@dataclass(frozen=True, slots=True)
class _Look:
    """A material's colour (sRGB) and how strongly grain and mottle vary its brightness (8-bit units at full swing)."""

    colour: tuple[int, int, int]
    grain: int
    mottle: int


LOOKS: Final = {
    Material.GRASS: _Look((104, 116, 66), 70, 60),
    Material.ASPHALT: _Look((108, 108, 109), 20, 22),
    Material.CONCRETE: _Look((165, 162, 154), 15, 24),
    Material.GRAVEL: _Look((150, 142, 128), 60, 40),
    Material.SOIL: _Look((146, 122, 94), 46, 54),
    Material.WATER: _Look((62, 84, 82), 8, 22),
    Material.PAVING: _Look((176, 164, 148), 26, 22),
}


@lru_cache(maxsize=8)
def noise_tile(seed: int, softness: tuple[float, ...], side: int) -> NDArray[np.uint8]:
    """Return a (REPEATS·side, REPEATS·side) tile of blurred noise around 128 that repeats after ``side``."""
    import cv2

    random = np.random.default_rng(seed)
    total = np.zeros((side, side), np.float32)
    for sigma in softness:
        white = random.standard_normal((side, side), dtype=np.float32)
        margin = min(side // 2, int(4 * sigma) + 1)
        framed = cv2.copyMakeBorder(white, margin, margin, margin, margin, cv2.BORDER_WRAP)
        soft = cv2.GaussianBlur(framed, (0, 0), sigma)[margin:-margin, margin:-margin] if sigma > 0 else white
        total += soft / soft.std()
    tile = np.clip(128 + total / total.std() * 40, 0, 255).astype(np.uint8)
    return np.tile(tile, (REPEATS, REPEATS))


def paint_ground(
    canvas: Canvas, ground: Material, patches: Sequence[Patch], markings: tuple[Marking, ...], seed: int
) -> None:
    """Paint the ground and everything painted on it."""
    import cv2

    height, width = canvas.pixels.shape[:2]
    grain_gain = np.zeros((height, width), np.uint8)
    mottle_gain = np.zeros((height, width), np.uint8)
    cv2.rectangle(canvas.pixels, (0, 0), (width, height), (214, 196, 176), -1)  # sky; the ground goes over it
    far = canvas.view.place[2] * 60 + 3_000
    east, north = canvas.view.place[:2]
    endless = (
        (east - far, north - far),
        (east + far, north - far),
        (east + far, north + far),
        (east - far, north + far),
    )
    for patch in (Patch(material=ground, ring=endless), *patches):
        flat = clipped_pixels(canvas.view, _on_ground(patch.ring))
        if not len(flat) or _outside(flat, width, height):
            continue
        look = LOOKS[patch.material]
        corners = [fixed_point(flat)]
        red, green, blue = patch.colour or look.colour
        cv2.fillPoly(canvas.pixels, corners, (blue, green, red), cv2.LINE_AA, SHIFT)
        cv2.fillPoly(grain_gain, corners, look.grain, cv2.LINE_8, SHIFT)
        cv2.fillPoly(mottle_gain, corners, look.mottle, cv2.LINE_8, SHIFT)
    paint_mesh(canvas, mesh_of(marking_faces(canvas, markings)))
    _vary(canvas, grain_gain, mottle_gain, seed)


def _vary(canvas: Canvas, grain_gain: NDArray[np.uint8], mottle_gain: NDArray[np.uint8], seed: int) -> None:
    """Vary the ground's brightness by grain (every pixel) and mottle (stains, wear: at an eighth of the size)."""
    import cv2

    height, width = grain_gain.shape
    grain = _warped(canvas, noise_tile(seed, (0.0, 1.2, 4.0), GRAIN_PX), GRAIN_M, 1)
    coarse = _warped(canvas, noise_tile(seed + 1, (2.0, 8.0, 30.0), MOTTLE_PX), MOTTLE_M, 8)
    mottle = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    for top in range(0, height, STRIP_ROWS):
        rows = slice(top, top + STRIP_ROWS)
        fine = cv2.subtract(grain[rows], 128, dtype=cv2.CV_16S)
        slow = cv2.subtract(mottle[rows], 128, dtype=cv2.CV_16S)
        change = cv2.multiply(fine, grain_gain[rows], scale=1 / 128, dtype=cv2.CV_16S)
        cv2.add(change, cv2.multiply(slow, mottle_gain[rows], scale=1 / 128, dtype=cv2.CV_16S), dst=change)
        cv2.add(canvas.pixels[rows], cv2.merge([change] * 3), dst=canvas.pixels[rows], dtype=cv2.CV_8U)


def _warped(canvas: Canvas, tile: NDArray[np.uint8], pixel_m: float, shrink: int) -> NDArray[np.uint8]:
    """Return a tile laid on the ground as the camera sees it, at 1/``shrink`` of the image's size."""
    import cv2

    view = canvas.view
    middle = ground_under(view, (view.width_px / 2, view.height_px / 2), farthest_m=view.place[2] * 1.5)
    period_m = tile.shape[0] / REPEATS * pixel_m
    # The tile repeats, so it may be laid down anywhere by whole periods: under the middle of what is seen.
    start = [math.floor(place / period_m - (REPEATS - 1) / 2) * period_m for place in middle]
    onto_ground = np.array([[pixel_m, 0, start[0]], [0, pixel_m, start[1]], [0, 0, 1]])
    smaller = np.diag([1 / shrink, 1 / shrink, 1.0])
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1.0]])
    chain = np.linalg.inv(half) @ smaller @ ground_homography(view) @ onto_ground @ half
    size = (math.ceil(view.width_px / shrink), math.ceil(view.height_px / shrink))
    seen: NDArray[np.uint8] = cv2.warpPerspective(
        tile,
        np.linalg.inv(chain),
        size,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=128,
    )
    return seen


def cast_shadows(canvas: Canvas, rings: Sequence[Floats], softness_m: float = 0.12) -> None:
    """Darken the ground inside (N, 2) shadow outlines, with soft edges and the blue of the sky."""
    import cv2

    height, width = canvas.pixels.shape[:2]
    shade = np.zeros((height, width), np.uint8)
    for ring in rings:
        flat = clipped_pixels(canvas.view, np.column_stack([ring, np.zeros(len(ring))]))
        if len(flat) and not _outside(flat, width, height):
            cv2.fillPoly(shade, [fixed_point(flat)], 255, cv2.LINE_AA, SHIFT)
    reach = max(1, round(softness_m * canvas.view.focal_px / canvas.view.place[2]))
    shade = cv2.blur(shade, (2 * reach + 1, 2 * reach + 1))
    ambient = canvas.light.ambient
    depth = np.arange(256, dtype=np.float64) / 255
    scales = [
        np.round(255 * (1 - depth * (1 - min(1.0, ambient * tint)))).astype(np.uint8) for tint in (1.10, 1.0, 0.95)
    ]
    for top in range(0, height, STRIP_ROWS):
        rows = slice(top, top + STRIP_ROWS)
        if not shade[rows].any():
            continue
        scale = cv2.merge([cv2.LUT(shade[rows], table) for table in scales])
        cv2.multiply(canvas.pixels[rows], scale, dst=canvas.pixels[rows], scale=1 / 255)


def _on_ground(ring: Ring) -> Floats:
    points = np.asarray(ring, dtype=np.float64)
    return np.column_stack([points, np.zeros(len(points))])


def _outside(flat: Floats, width: int, height: int) -> bool:
    """Return whether a polygon's box misses the image."""
    low, high = flat.min(axis=0), flat.max(axis=0)
    return bool(high[0] < 0 or high[1] < 0 or low[0] > width or low[1] > height)


def marking_faces(canvas: Canvas, markings: tuple[Marking, ...]) -> list[Face]:
    """Return the painted quads of markings near what the camera sees."""
    quads, colours, middles = _all_quads(markings)
    if not quads:
        return []
    height, width = canvas.pixels.shape[:2]
    seen = pixels_of(canvas.view, middles)
    reach = 12.0 * canvas.view.focal_px / canvas.view.place[2]  # half of the longest quad, and some
    near = (np.abs(seen[:, 0] - width / 2) < width / 2 + reach) & (np.abs(seen[:, 1] - height / 2) < height / 2 + reach)
    return [(quads[index], UP, colours[index]) for index in np.flatnonzero(near)]


@lru_cache(maxsize=4)
def _all_quads(
    markings: tuple[Marking, ...],
) -> tuple[list[Floats], list[tuple[float, float, float]], Floats]:
    """Return every marking's quads, their colours (BGR) and middles."""
    quads: list[Floats] = []
    colours: list[tuple[float, float, float]] = []
    for marking in markings:
        red, green, blue = marking.colour
        pieces = _marking_quads(marking)
        quads += pieces
        colours += [(blue, green, red)] * len(pieces)
    middles = np.stack([quad.mean(axis=0) for quad in quads]) if quads else np.empty((0, 3))
    return quads, colours, middles


def _marking_quads(marking: Marking) -> tuple[Floats, ...]:
    """Return the (4, 3) quads of paint that a marking is made of."""
    if marking.kind is MarkingKind.HATCHED:
        return tuple(_hatching(marking))
    points = [np.asarray(point) for point in marking.path]
    quads = []
    for start, end in pairwise(points):
        length = float(np.hypot(*(end - start)))
        if length < 1e-6:
            continue
        along = (end - start) / length
        across = np.array([-along[1], along[0]]) * marking.width_m / 2
        dash, gap = (3.0, 4.0) if marking.kind is MarkingKind.DASHED else (min(length, 20.0), 0.0)
        place = 0.0
        while place < length - 1e-6:
            a, b = start + along * place, start + along * min(length, place + dash)
            quads.append(_on_ground(tuple(map(tuple, (a - across, b - across, b + across, a + across)))))
            place += dash + gap
    return tuple(quads)


def _hatching(marking: Marking) -> list[Floats]:
    """Return diagonal bars that fill a marking's ring (bars of its width, three widths apart)."""
    from shapely import LineString, Polygon

    outline = Polygon(marking.path)
    west, south, east, north = outline.bounds
    step = marking.width_m * 5
    quads = []
    for offset in np.arange(west - (north - south), east, step):
        bar = LineString([(offset, south), (offset + north - south, north)]).buffer(
            marking.width_m / 2, cap_style="flat"
        )
        inside = bar.intersection(outline)
        quads += [
            _on_ground(tuple(part.exterior.coords[:-1]))
            for part in getattr(inside, "geoms", [inside])
            if part.geom_type == "Polygon" and not part.is_empty
        ]
    return quads
