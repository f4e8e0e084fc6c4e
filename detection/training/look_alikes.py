"""Look-alikes: boxes of a vehicle's size, drawn on real pictures beside real vehicles, for training.

A row of roof lights seen from the side is as long, as wide, as bright and as evenly spaced as a row of parked cars; so
are skips, stacked boards and crates. A detector that meets them only on drawn ground learns to tell drawings from
photographs. Here they lie on the same pictures as the vehicles, so only what they are tells them apart. They carry no
boxes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detection.training.yolo_sets import Labelled

LIDS: Final = ((220, 218, 214), (200, 196, 190), (228, 232, 232), (168, 160, 150), (118, 110, 96), (236, 236, 236))
SIDES: Final = ((124, 122, 120), (90, 86, 84), (156, 160, 160), (196, 200, 200), (60, 62, 66))
CLEAR_PX: Final = 4.0
SOFT_PX: Final = 8  # beyond that: the mask's edge is softened over four pixels, from ground softened over four more
LANES_PX: Final = 16
FINER: Final = 4  # drawn in units of a sixteenth of a pixel

Canvas = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class _View:
    """From where a picture's ground is seen: metres east and north, and up, to pixels."""

    gsd_m: float
    turn: float
    squeeze: float

    def on(self, plane: NDArray[np.float64], up_m: float) -> NDArray[np.float64]:
        """Return (n, 2) pixels of (n, 2) metres, ``up_m`` above the ground."""
        along = np.array([np.cos(self.turn), np.sin(self.turn) * self.squeeze])
        across = np.array([-np.sin(self.turn), np.cos(self.turn) * self.squeeze])
        lifted = np.array([0.0, -up_m * np.sqrt(1 - self.squeeze**2)])
        pixels: NDArray[np.float64] = (plane[:, :1] * along + plane[:, 1:] * across + lifted) / self.gsd_m
        return pixels


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """What the boxes of one group look like: metres, and BGR."""

    length_m: float
    width_m: float
    height_m: float
    lid: NDArray[np.float64]
    side: NDArray[np.float64]
    ridged: bool
    framed: bool


def strew(tile: Labelled, *, gsd_m: tuple[float, float], random: np.random.Generator) -> Labelled:
    """Return the tile with one to three groups of look-alikes on it, none over a labelled box.

    Args:
        tile: A real picture; what of it is labelled stays clear.
        gsd_m: Finest and coarsest metres per pixel that the picture may have.
        random: Where chance comes from.
    """
    import cv2

    canvas = tile.pixels.astype(np.float32)
    view = _View(
        gsd_m=float(random.uniform(*gsd_m)),
        turn=float(random.uniform(0, 2 * np.pi)),
        squeeze=float(random.uniform(0.33, 1.0)),
    )
    softness = float(random.uniform(0.4, 0.9))
    for _group in range(int(random.integers(1, 4))):
        kind, side = _kind(random), canvas.shape[0]
        spots = _spots(kind, random)
        origin = random.uniform(-0.1 * side, 0.9 * side, 2)
        for spot in spots:
            base = _corners(kind) + spot
            foot = view.on(base, 0.0) + origin
            lid = view.on(base, kind.height_m) + origin
            reach = np.concatenate([foot, lid])
            low, high = reach.min(axis=0) - CLEAR_PX, reach.max(axis=0) + CLEAR_PX
            if _covers(tile.boxes, low, high) or (high < 0).any() or (low > side).any():
                continue
            patch = canvas.copy()
            _paint(patch, kind, foot, lid, random)
            mask = np.zeros(canvas.shape[:2], np.float32)
            cv2.fillConvexPoly(mask, _fine(cv2.convexHull(_grown(reach).astype(np.float32))[:, 0]), 1.0, shift=FINER)
            near = _surroundings(low, high, canvas)
            soft = cv2.GaussianBlur(mask[near], (0, 0), softness)[..., None]
            canvas[near] += soft * (cv2.GaussianBlur(patch[near], (0, 0), softness) - canvas[near])
    return replace(tile, name=f"{tile.name}-strewn", pixels=np.clip(canvas, 0, 255).astype(np.uint8))


def _surroundings(low: NDArray[np.float64], high: NDArray[np.float64], canvas: Canvas) -> tuple[slice, slice]:
    """Return the rows and columns between two corners, and so much around them that softening is as on the whole.

    As on the whole to the last bit: columns begin and end at whole steps, so that each pixel stays in the lane of the
    processor's vectors, or in the rest after them, in which the whole row has it.
    """
    height, width = canvas.shape[:2]
    left, top = np.floor(low).astype(int) - SOFT_PX
    right, bottom = np.ceil(high).astype(int) + SOFT_PX
    rows = slice(max(0, int(top)), min(height, int(bottom)))
    return rows, slice(max(0, int(left) // LANES_PX * LANES_PX), min(width, -(-int(right) // LANES_PX) * LANES_PX))


def _kind(random: np.random.Generator) -> _Kind:
    lid: NDArray[np.float64] = np.array(LIDS[int(random.integers(len(LIDS)))], np.float64) + int(
        random.integers(-20, 21)
    )
    if random.random() < 0.15:
        lid = random.integers(20, 235, 3).astype(np.float64)
    return _Kind(
        length_m=float(random.uniform(1.5, 5.2)),
        width_m=float(random.uniform(0.9, 2.4)),
        height_m=float(random.choice([0.02, 1.0], p=[0.15, 0.85]) * random.uniform(0.2, 1.1)),
        lid=np.asarray(lid * float(random.uniform(0.6, 1.05)), np.float64),
        side=np.array(SIDES[int(random.integers(len(SIDES)))], float) + random.integers(-20, 21),
        ridged=bool(random.random() < 0.35),
        framed=bool(random.random() < 0.5),
    )


def _spots(kind: _Kind, random: np.random.Generator) -> list[NDArray[np.float64]]:
    """Return where the boxes of a group stand, metres: a lattice with gaps, or a few strewn about."""
    if random.random() < 0.25:
        return [random.uniform(-8, 8, 2) for _box in range(int(random.integers(1, 6)))]
    step = np.array([kind.length_m + random.uniform(0.5, 4), kind.width_m + random.uniform(0.5, 5)])
    skew = random.uniform(-0.4, 0.4)
    return [
        np.array([column + skew * row, row]) * step + random.normal(0, 0.08, 2)
        for column in range(int(random.integers(1, 6)))
        for row in range(int(random.integers(2, 7)))
        if random.random() < 0.9
    ]


def _corners(kind: _Kind) -> NDArray[np.float64]:
    half = np.array([kind.length_m, kind.width_m]) / 2
    return np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]]) * half


def _paint(
    canvas: Canvas, kind: _Kind, foot: NDArray[np.float64], lid: NDArray[np.float64], random: np.random.Generator
) -> None:
    """Draw one box: its sides, its lid, and what is on the lid."""
    import cv2

    shade = random.uniform(0.93, 1.07)
    faces = sorted(range(4), key=lambda face: float(foot[[face, (face + 1) % 4], 1].mean()))
    for face in faces:
        quad = np.array([foot[face], foot[(face + 1) % 4], lid[(face + 1) % 4], lid[face]])
        tone = kind.side * shade * (0.75 if face % 2 else 1.0)
        cv2.fillConvexPoly(canvas, _fine(quad), tone.tolist(), cv2.LINE_AA, FINER)
    cv2.fillConvexPoly(canvas, _fine(lid), (kind.lid * shade).tolist(), cv2.LINE_AA, FINER)
    if kind.ridged:
        middle = (lid[[1, 0]] + lid[[2, 3]]) / 2
        half = np.array([lid[0], lid[1], middle[0], middle[1]])
        cv2.fillConvexPoly(canvas, _fine(half), (kind.lid * shade * 0.85).tolist(), cv2.LINE_AA, FINER)
    if kind.framed:
        cv2.polylines(canvas, [_fine(lid)], True, kind.side.tolist(), 1, cv2.LINE_AA, FINER)  # noqa: FBT003 - cv2's own


def _grown(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return corners moved outward by half a pixel, so that a soft mask keeps the edge."""
    away = corners - corners.mean(axis=0)
    grown: NDArray[np.float64] = corners + 0.5 * away / np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-6)
    return grown


def _fine(corners: NDArray[np.float64] | NDArray[np.float32]) -> NDArray[np.int32]:
    return np.round(corners * 2**FINER).astype(np.int32)


def _covers(boxes: NDArray[np.float64], low: NDArray[np.float64], high: NDArray[np.float64]) -> bool:
    return bool(((boxes[:, :2] < high).all(axis=1) & (boxes[:, 2:] > low).all(axis=1)).any())
