"""Paints smoke and fire: soft puffs that rise, spread and drift, blended over what is behind them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from flight.rehearsal.render_canvas import Canvas
from flight.rehearsal.render_view import Floats, in_camera, pixels_of
from flight.rehearsal.world_things import Plume, PlumeKind

SHRINK: Final = 4
"""Plumes have no sharp edges: they are painted at a quarter of the image's size and enlarged."""

RISE_S: Final = 12.0
"""Time in which a puff rises from the ground to the plume's top, seconds."""


def puffs(plume: Plume, time_s: float) -> tuple[Floats, Floats, Floats]:
    """Return (N, 3) places, (N,) radii in metres and (N,) shares of life of a plume's puffs at a moment.

    Each puff lives :data:`RISE_S` and starts again, so that a plume goes on for ever and two moments of it belong
    together.
    """
    random = np.random.default_rng((*plume.plume_id.encode(), 3))
    count = 140 if plume.kind is PlumeKind.SMOKE else 46
    period = RISE_S if plume.kind is PlumeKind.SMOKE else 1.6
    life = (random.uniform(0, 1, count) + time_s / period) % 1.0
    turn, reach = random.uniform(0, 2 * math.pi, count), np.sqrt(random.uniform(0, 1, count))
    drift = math.radians(plume.drift_deg)
    wide = plume.radius_m * (0.45 + 0.9 * life) if plume.kind is PlumeKind.SMOKE else plume.radius_m * (1 - 0.7 * life)
    lean = plume.height_m * (0.9 if plume.kind is PlumeKind.SMOKE else 0.15) * life**1.3
    places = np.column_stack(
        [
            plume.centre[0] + wide * reach * np.cos(turn) * 0.7 + lean * math.sin(drift),
            plume.centre[1] + wide * reach * np.sin(turn) * 0.7 + lean * math.cos(drift),
            0.2 + plume.height_m * life**0.8,
        ]
    )
    size = 0.38 if plume.kind is PlumeKind.SMOKE else 0.30
    radii = plume.radius_m * size * (0.5 + (1.2 * life if plume.kind is PlumeKind.SMOKE else 0.5 * (1 - life)))
    return places, radii * random.uniform(0.7, 1.3, count), life


def paint_plumes(canvas: Canvas, plumes: Sequence[Plume], kind: PlumeKind, time_s: float) -> None:
    """Blend all plumes of a kind over the image, the farthest first."""
    eye = canvas.view.place[:2]
    for plume in sorted(plumes, key=lambda plume: -float(np.hypot(*(eye - plume.centre)))):
        if plume.kind is kind:
            paint_plume(canvas, plume, time_s)


def paint_plume(canvas: Canvas, plume: Plume, time_s: float) -> None:
    """Blend a plume over the image."""
    import cv2

    places, radii, life = puffs(plume, time_s)
    flat = pixels_of(canvas.view, places)
    ahead = ~np.isnan(flat[:, 0])
    if not ahead.any():
        return
    flat, life = flat[ahead], life[ahead]
    sizes = radii[ahead] * canvas.view.focal_px / in_camera(canvas.view, places[ahead])[:, 2]
    low = np.floor((flat - 2.2 * sizes[:, None]).min(axis=0) / SHRINK).astype(int)
    high = np.ceil((flat + 2.2 * sizes[:, None]).max(axis=0) / SHRINK).astype(int)
    height, width = canvas.pixels.shape[:2]
    left, top = np.maximum(low, 0).tolist()
    right, bottom = min(int(high[0]), width // SHRINK), min(int(high[1]), height // SHRINK)
    if right <= left or bottom <= top:
        return
    shape = (bottom - top, right - left)
    colour, cover = _blend(plume, flat / SHRINK - [left, top], sizes / SHRINK, life, shape)
    full = (shape[1] * SHRINK, shape[0] * SHRINK)
    colour = cv2.resize(colour, full, interpolation=cv2.INTER_LINEAR)
    share = cv2.resize(cover, full, interpolation=cv2.INTER_LINEAR)[..., None]
    region = canvas.pixels[top * SHRINK : bottom * SHRINK, left * SHRINK : right * SHRINK]
    region[:] = np.clip(region * (1 - share) + colour * share, 0, 255).astype(np.uint8)


def _blend(
    plume: Plume, centres: Floats, sizes: Floats, life: Floats, shape: tuple[int, int]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the (H, W, 3) colour (BGR) and (H, W) cover in [0, 1] of puffs laid over one another, oldest last."""
    import cv2

    random = np.random.default_rng((*plume.plume_id.encode(), 5))
    colour = np.zeros((*shape, 3), np.float32)
    cover = np.zeros(shape, np.float32)
    tone = float(random.uniform(70, 215))
    rows, columns = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    ripple = random.standard_normal((max(2, shape[0] // 6 + 2), max(2, shape[1] // 6 + 2))).astype(np.float32)
    ripple = cv2.resize(ripple, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)
    for index in np.argsort(life if plume.kind is PlumeKind.SMOKE else -life).tolist():
        (x, y), size = centres[index], max(0.8, float(sizes[index]))
        r0, r1 = max(0, int(y - 2.2 * size)), min(shape[0], int(y + 2.2 * size) + 2)
        c0, c1 = max(0, int(x - 2.2 * size)), min(shape[1], int(x + 2.2 * size) + 2)
        if r1 <= r0 or c1 <= c0:
            continue
        window = (slice(r0, r1), slice(c0, c1))
        square = ((columns[window] - x) ** 2 + (rows[window] - y) ** 2) / (size * size)
        if plume.kind is PlumeKind.SMOKE:
            strength = 0.55 * (1 - float(life[index])) ** 0.7
            shade = tone * float(random.uniform(0.85, 1.12))
            puff_colour = (shade * 1.02, shade, shade * 0.98)
        else:
            strength = 0.75 * (1 - float(life[index])) ** 0.4
            heat = float(life[index])
            puff_colour = (40 + 90 * (1 - heat) ** 3, 110 + 130 * (1 - heat) ** 1.4, 252.0)
        share = np.clip(strength * np.exp(-square) * (1 + 0.28 * ripple[window]), 0, 1)
        kept = cover[window] * (1 - share)
        total = kept + share
        weight = np.where(total > 1e-4, share / np.maximum(total, 1e-4), 0)[..., None]
        colour[window] = colour[window] * (1 - weight) + np.array(puff_colour, np.float32) * weight
        cover[window] = total
    return colour, np.clip(cover, 0, 0.97)
