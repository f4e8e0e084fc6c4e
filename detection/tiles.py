"""Tiles: which parts of an image a detector is shown, and how large.

With a known ground scale the image is cut into bands of nearly equal ground sampling distance (GSD); each band is
resampled so that a metre is as many pixels as the detector was trained for, then cut into tiles that overlap by the
largest thing sought. Sky, and ground so far away that the thing sought is a speck, is not run at all. Without a ground
scale the image is tiled at the scales given.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detection.ground_scale import GroundScale

STRIDE_PX: Final = 32  # YOLO's coarsest feature map; canvases are multiples of it
BAND_RATIO: Final = 1.6  # largest over smallest GSD inside one band; training varies scale by more than this


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """A part of an image and the size at which a detector sees it.

    Attributes:
        left_px, top_px, right_px, bottom_px: The part, in whole pixels of the image (right and bottom exclusive).
        scale: Detector pixels per image pixel (0.5 shrinks).
    """

    left_px: int
    top_px: int
    right_px: int
    bottom_px: int
    scale: float

    def __post_init__(self) -> None:
        if not (0 <= self.left_px < self.right_px and 0 <= self.top_px < self.bottom_px):
            raise ValueError("a tile has width and height and lies inside its image")
        if not (math.isfinite(self.scale) and self.scale > 0):
            raise ValueError("a tile's scale is positive")

    @property
    def canvas_px(self) -> tuple[int, int]:
        """Width and height of what the detector is shown, pixels, multiples of its stride."""
        width = (self.right_px - self.left_px) * self.scale
        height = (self.bottom_px - self.top_px) * self.scale
        return _up_to_stride(width), _up_to_stride(height)


@dataclass(frozen=True, slots=True, kw_only=True)
class TilePlan:
    """How a detector wants its images.

    Attributes:
        training_gsd_m: Metres per pixel that the detector was trained for.
        largest_thing_m: Length of the largest thing sought; tiles overlap by it.
        tile_px: Longest side of a tile as the detector sees it, pixels.
        max_upscale: The most an image is enlarged. Enlarging brings no detail, and costs its square in time.
        coarsest_gsd_m: Ground with a larger GSD than this is not run; the things sought are specks there.
        plain_scales: Scales at which an image without a ground scale is tiled.
    """

    training_gsd_m: float
    largest_thing_m: float
    tile_px: int = 960
    max_upscale: float = 1.0
    coarsest_gsd_m: float = math.inf
    plain_scales: tuple[float, ...] = (0.5,)

    def __post_init__(self) -> None:
        lengths = (self.training_gsd_m, self.largest_thing_m, self.max_upscale, self.coarsest_gsd_m)
        if not all(length > 0 for length in lengths):
            raise ValueError("the lengths and scales of a tile plan are positive")
        if self.tile_px < 2 * STRIDE_PX or self.tile_px % STRIDE_PX:
            raise ValueError(f"a tile's side is a multiple of {STRIDE_PX} pixels, at least {2 * STRIDE_PX}")
        if not self.plain_scales or not all(0 < scale <= 4 for scale in self.plain_scales):
            raise ValueError("plain tiling needs scales in (0, 4]")


def plan_tiles(width_px: int, height_px: int, scale: GroundScale | None, plan: TilePlan) -> list[Tile]:
    """Return the tiles to run for one image, from near to far.

    Args:
        width_px: The image's width.
        height_px: The image's height.
        scale: Its ground scale; None falls back to plain tiling at ``plan.plain_scales``.
        plan: What the detector wants.

    Returns:
        Tiles; empty when no ground that could show anything is in view.
    """
    if scale is None:
        overlap_px = plan.largest_thing_m / plan.training_gsd_m
        return [
            tile
            for factor in plan.plain_scales
            for tile in _cut((0, 0, width_px, height_px), factor, overlap_px, plan.tile_px)
        ]
    return _banded(width_px, height_px, scale, plan)


def _banded(width_px: int, height_px: int, scale: GroundScale, plan: TilePlan) -> list[Tile]:
    """Return tiles by bands of nearly equal GSD, along the image axis over which the GSD changes more."""
    by_row, by_column = _profile(scale.gsd_m, 1), _profile(scale.gsd_m, 0)
    upright = _spread(by_row) >= _spread(by_column)
    profile, length_px = (by_row, height_px) if upright else (by_column, width_px)
    tiles: list[Tile] = []
    for start, stop, gsd_m in _bands(profile, plan.coarsest_gsd_m):
        margin_px = plan.largest_thing_m / gsd_m / 2
        low = max(0, math.floor(start * length_px - margin_px))
        high = min(length_px, math.ceil(stop * length_px + margin_px))
        part = (0, low, width_px, high) if upright else (low, 0, high, height_px)
        factor = min(gsd_m / plan.training_gsd_m, plan.max_upscale)
        overlap_px = min(plan.largest_thing_m / gsd_m * factor, plan.tile_px / 2)
        tiles.extend(_cut(part, factor, overlap_px, plan.tile_px))
    return tiles


def _profile(gsd_m: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """Return the median GSD of the ground in each row (axis 1) or column (axis 0); ``inf`` where it is all sky."""
    seen = np.where(np.isfinite(gsd_m), gsd_m, np.nan)
    lines = np.full(gsd_m.shape[1 - axis], np.inf)
    some = np.isfinite(gsd_m).any(axis=axis)
    lines[some] = np.nanmedian(seen[some] if axis == 1 else seen[:, some], axis=axis)
    return lines


def _spread(profile: NDArray[np.float64]) -> float:
    finite = profile[np.isfinite(profile)]
    if not finite.size:
        return 0.0
    return math.inf if finite.size < profile.size else float(finite.max() / finite.min())


def _bands(profile: NDArray[np.float64], coarsest_gsd_m: float) -> list[tuple[float, float, float]]:
    """Return (start, stop, GSD) of each band, as shares of the axis, fine ground first.

    A band is a run of neighbouring samples in one octave-like class of GSD; its GSD is the geometric mean of its ends.
    """
    usable = np.isfinite(profile) & (profile <= coarsest_gsd_m)
    if not usable.any():
        return []
    finest = profile[usable].min()
    classes = max(1, math.ceil(math.log(profile[usable].max() / finest) / math.log(BAND_RATIO) - 1e-9))
    ratio = (profile[usable].max() / finest) ** (1 / classes)
    level = np.full(profile.size, -1)
    if ratio > 1:
        level[usable] = np.clip(np.log(profile[usable] / finest) / math.log(ratio), 0, classes - 1).astype(int)
    else:
        level[usable] = 0
    edges = np.flatnonzero(np.diff(level)) + 1
    runs = np.split(np.arange(profile.size), edges)
    bands = [
        (run[0] / profile.size, (run[-1] + 1) / profile.size, math.sqrt(profile[run].min() * profile[run].max()))
        for run in runs
        if level[run[0]] >= 0
    ]
    return sorted(bands, key=lambda band: band[2])


def _cut(part: tuple[int, int, int, int], scale: float, overlap_px: float, tile_px: int) -> list[Tile]:
    """Return tiles that cover ``part`` (left, top, right, bottom), evenly, overlapping by ``overlap_px`` when shown."""
    left, top, right, bottom = part
    columns = _spans(left, right, scale, overlap_px, tile_px)
    rows = _spans(top, bottom, scale, overlap_px, tile_px)
    return [
        Tile(left_px=x0, top_px=y0, right_px=x1, bottom_px=y1, scale=scale) for y0, y1 in rows for x0, x1 in columns
    ]


def _spans(start: int, stop: int, scale: float, overlap_px: float, tile_px: int) -> list[tuple[int, int]]:
    """Return even spans over [start, stop) image pixels, each at most ``tile_px`` when scaled."""
    length_px = (stop - start) * scale
    if length_px <= tile_px:
        return [(start, stop)]
    overlap_px = min(overlap_px, tile_px / 2)
    count = math.ceil((length_px - overlap_px) / (tile_px - overlap_px) - 1e-9)
    size = min(stop - start, math.floor(((length_px - overlap_px) / count + overlap_px) / scale))
    last = stop - start - size
    return [(start + round(last * k / (count - 1)), start + round(last * k / (count - 1)) + size) for k in range(count)]


def _up_to_stride(length_px: float) -> int:
    return max(STRIDE_PX, math.ceil(round(length_px, 3) / STRIDE_PX) * STRIDE_PX)
