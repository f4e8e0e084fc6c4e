"""The YOLO detector: which parts of a frame a network looks at, and what it saw as one box per thing.

A driver loads and runs the weight (:mod:`detection.networks`); which parts of an image it sees and how large
(:mod:`detection.tiles`), and how the boxes of neighbouring tiles become one per thing (:mod:`detection.merging`), is
ours. Tiles run in batches bounded by pixels; when the device has no memory for a batch, the batch is halved, and at one
tile the work moves to the CPU.

What this module does not do: it fetches nothing, installs nothing, and loads no weight that is not registered.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.text import _
from detection.detection import Box, Detection
from detection.frame import Frame
from detection.frames.shrinking import shrink
from detection.ground_scale import ground_scale, gsd_at, steepness_at
from detection.lookout import Lookout
from detection.merging import merge_tiles
from detection.networks.network import DeviceMemoryShort, rows_of
from detection.networks.open_network import DEVICES, Threads, open_network
from detection.registry import Registry, read_registry, verify_weight
from detection.tiles import Tile, TilePlan, plan_tiles
from detection.weight_card import WeightCard

GREY: Final = 114  # Ultralytics' letterbox colour, which the weights know from training
BATCH_PIXELS: Final = 2_000_000
UNTOLD_STEEPNESS: Final = 0.5  # of a view that no pose tells: 30° down, as flat as most that are flown
LEAST_STEEPNESS: Final = 0.1


class YoloDetector:
    """A registered YOLO weight as a :class:`detection.detection.Detector`.

    Args:
        weight: The weight file.
        registry: The weights that may be loaded; the shipped register when None.
        device: "auto" (the fastest there is), or one of the others of :data:`detection.networks.open_network.DEVICES`.
        threads: CPU threads for the forward pass; the runtime's own choice when None, the fastest number, measured once
            on this machine, when "auto".
        tile_px: Longest side of a tile as the network sees it.
        batch_pixels: Pixels per forward pass at most.
        score_floor: Report everything from this score on, instead of from the card's thresholds (for calibration).
        plain_scales: Scales for images without a ground scale, instead of the card's.
        cache: Folder for converted weights; ``~/.cache/skywarden/weights`` when None.
        tile_filter: Asked for each tile of a frame; tiles it answers False for are not run.
        lookout: Chooses tiles by what the run has looked at so far, and is told what was found.
        trial: Whether an eight-bit conversion may be run that was not accepted yet: to compare it.

    Raises:
        WeightRefused: The weight is missing, not registered, altered, broken, or its classes are not those of its card.
    """

    def __init__(
        self,
        weight: Path,
        *,
        registry: Registry | None = None,
        device: str = "auto",
        threads: Threads = None,
        tile_px: int = 960,
        batch_pixels: int = BATCH_PIXELS,
        score_floor: float | None = None,
        plain_scales: tuple[float, ...] | None = None,
        cache: Path | None = None,
        tile_filter: Callable[[Frame, Tile], bool] | None = None,
        lookout: Lookout | None = None,
        trial: bool = False,
    ) -> None:
        if device not in DEVICES:
            raise ValueError(f"a device is one of {', '.join(DEVICES)}")
        if isinstance(threads, int) and threads < 1:
            raise ValueError("at least one thread")
        known = registry if registry is not None else read_registry()
        self._card = verify_weight(weight, known)
        self._plan = TilePlan(
            training_gsd_m=self._card.training_gsd_m,
            largest_thing_m=self._card.largest_thing_m,
            tile_px=tile_px,
            coarsest_gsd_m=self._card.coarsest_gsd_m,
            plain_scales=plain_scales if plain_scales is not None else self._card.plain_scales,
        )
        self._batch_pixels = batch_pixels
        self._floors = np.array([_floor(self._card, name, score_floor) for name in self._card.classes])
        self._falls = np.array(
            [self._card.flat_views.get(_label(self._card, name), 0.0) for name in self._card.classes]
        )
        self._tile_filter = tile_filter
        self._lookout = lookout
        if lookout is not None:
            lookout.register(self._card)
        self._network = open_network(weight, self._card, device=device, threads=threads, cache=cache, trial=trial)

    @property
    def card(self) -> WeightCard:
        """The card of the weight in use."""
        return self._card

    @property
    def runtime(self) -> str:
        """What runs the weight, for reports ("OpenVINO 2026.4.1 cpu")."""
        return self._network.runtime

    @property
    def weight_sha256(self) -> str:
        """Digest of the weight in use, hex."""
        return self._card.sha256

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that the weight's classes are reported as."""
        return tuple(dict.fromkeys(self._card.labels[name] for name in self._card.classes if name in self._card.labels))

    def detect(self, frames: Sequence[Frame]) -> list[list[Detection]]:
        """Return the detections of each frame, in the frames' order, best score first."""
        return [self._detect_one(frame) for frame in frames]

    def canvases_of(self, frame: Frame) -> list[NDArray[np.uint8]]:
        """Return what the network is shown of ``frame``, tile by tile."""
        return [_shown(frame.pixels, tile) for tile in self.tiles_of(frame)]

    def tiles_of(self, frame: Frame) -> list[Tile]:
        """Return the tiles that :meth:`detect` runs for ``frame``, unless a lookout leaves some out."""
        height_px, width_px = frame.pixels.shape[:2]
        scale = ground_scale(frame.pose, frame.camera)
        tiles = plan_tiles(width_px, height_px, scale, self._plan)
        if self._tile_filter is None:
            return tiles
        return [tile for tile in tiles if self._tile_filter(frame, tile)]

    def _detect_one(self, frame: Frame) -> list[Detection]:
        height_px, width_px = frame.pixels.shape[:2]
        planned = self.tiles_of(frame)
        tiles = planned if self._lookout is None else self._lookout.chosen(frame, planned, self._card)
        left_out = [tile for tile in planned if tile not in tiles] if len(tiles) < len(planned) else []
        found = [np.empty((0, 6))]
        cut = [np.empty((0, 4), dtype=bool)]
        for tile, rows in self._run(frame.pixels, tiles):
            inner = np.array([tile.left_px > 0, tile.top_px > 0, tile.right_px < width_px, tile.bottom_px < height_px])
            edges = np.array([tile.left_px, tile.top_px, tile.right_px, tile.bottom_px], dtype=np.float64)
            sides = (np.abs(rows[:, :4] - edges) < 2 / tile.scale) & inner
            kept = ~(sides.any(axis=1) & _centred_in(rows, left_out))  # a piece of what a tile left out shows whole
            found.append(rows[kept])
            cut.append(sides[kept])
        rows = np.concatenate(found)
        rows[:, [0, 2]] = rows[:, [0, 2]].clip(0, width_px)
        rows[:, [1, 3]] = rows[:, [1, 3]].clip(0, height_px)
        boxes, scores, classes = merge_tiles(rows[:, :4], rows[:, 4], rows[:, 5].astype(np.int64), np.concatenate(cut))
        scores = self._by_view(frame, boxes, scores, classes)
        best_first = np.argsort(-scores, kind="stable")
        boxes, scores, classes = boxes[best_first], scores[best_first], classes[best_first]
        fits = self._of_fitting_size(frame, boxes, classes) & (scores >= self._floors[classes])
        detections = [
            Detection(
                frame_id=frame.frame_id,
                label=self._card.labels[self._card.classes[number]],
                score=float(score),
                box=Box(left_px=float(box[0]), top_px=float(box[1]), right_px=float(box[2]), bottom_px=float(box[3])),
                weight_sha256=self._card.sha256,
            )
            for box, score, number in zip(boxes[fits], scores[fits], classes[fits], strict=True)
            if box[2] > box[0] and box[3] > box[1]
        ]
        if self._lookout is not None:
            self._lookout.note(frame, detections, self._card)
        return detections

    def _by_view(
        self, frame: Frame, boxes: NDArray[np.float64], scores: NDArray[np.float64], classes: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Return (n,) scores, lowered where the view is flat and the card says what that costs.

        The flatter a view the more façades and roofs it shows, and the more of what looks like a vehicle is a window or
        a roof light: the odds that a score is right fall with the sine of the depression angle.
        """
        falls = self._falls[classes]
        if not falls.any():
            return scores
        seen = steepness_at(frame.pose, frame.camera, (boxes[:, :2] + boxes[:, 2:]) / 2)
        steepness = np.full(len(boxes), UNTOLD_STEEPNESS) if seen is None else seen.clip(LEAST_STEEPNESS, 1.0)
        odds = scores / np.maximum(1 - scores, 1e-9) * steepness**falls
        lowered: NDArray[np.float64] = odds / (1 + odds)
        return lowered

    def _of_fitting_size(
        self, frame: Frame, boxes: NDArray[np.float64], classes: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Return (n,) whether each box is as long on the ground as its label can be; all of them without a pose.

        A box at the image's edge may be a part of something, so it only must not be too long.
        """
        gsd_m = gsd_at(frame.pose, frame.camera, (boxes[:, :2] + boxes[:, 2:]) / 2)
        if gsd_m is None:
            return np.ones(len(boxes), dtype=bool)
        height_px, width_px = frame.pixels.shape[:2]
        whole = (boxes[:, :2] > 1).all(axis=1) & (boxes[:, 2:] < np.array([width_px, height_px]) - 1).all(axis=1)
        length_m = (boxes[:, 2:] - boxes[:, :2]).max(axis=1) * gsd_m
        bounds = np.array([_size_bounds(self._card, name) for name in self._card.classes])[classes]
        fits: NDArray[np.bool_] = ((length_m >= bounds[:, 0]) | ~whole) & (length_m <= bounds[:, 1])
        return fits

    def _run(self, pixels: NDArray[np.uint8], tiles: Sequence[Tile]) -> list[tuple[Tile, NDArray[np.float64]]]:
        """Return for each tile its (n, 6) boxes in image pixels, score and class number, above the classes' floors."""
        by_canvas: dict[tuple[int, int], list[Tile]] = {}
        for tile in tiles:
            by_canvas.setdefault(tile.canvas_px, []).append(tile)
        outcome: list[tuple[Tile, NDArray[np.float64]]] = []
        for (width, height), alike in by_canvas.items():
            step = max(1, self._batch_pixels // (width * height))
            start = 0
            while start < len(alike):
                batch = alike[start : start + step]
                try:
                    raw = self._network.run(np.stack([_shown(pixels, tile) for tile in batch]))
                except DeviceMemoryShort as problem:
                    step = self._make_room(step, problem)
                    continue
                outcome.extend(zip(batch, map(_to_image, rows_of(raw, self._floors), batch), strict=True))
                start += len(batch)
        return outcome

    def _make_room(self, step: int, problem: DeviceMemoryShort) -> int:
        """Return a smaller batch size after the device ran out of memory; from one tile on, move to the CPU."""
        if step > 1:
            return step // 2
        if not self._network.to_cpu():
            raise MemoryError(_("the CPU has no memory for one tile")) from problem
        return 1


def _floor(card: WeightCard, name: str, score_floor: float | None) -> float:
    """Return the least score at which class ``name`` is reported; infinite for a class without a label."""
    if name not in card.labels:
        return math.inf
    return card.thresholds[card.labels[name]] if score_floor is None else score_floor


def _size_bounds(card: WeightCard, name: str) -> tuple[float, float]:
    """Return the least and greatest length of class ``name`` on the ground, metres."""
    return card.sizes_m.get(_label(card, name), (0.0, math.inf))


def _label(card: WeightCard, name: str) -> str:
    """Return the label that class ``name`` is reported as; empty for a class without one."""
    return card.labels.get(name, "")


def _centred_in(rows: NDArray[np.float64], tiles: Sequence[Tile]) -> NDArray[np.bool_]:
    """Return (n,) whether each box's centre lies in one of the tiles."""
    centres = (rows[:, :2] + rows[:, 2:4]) / 2
    inside = np.zeros(len(rows), dtype=bool)
    for tile in tiles:
        low, high = np.array([tile.left_px, tile.top_px]), np.array([tile.right_px, tile.bottom_px])
        inside |= ((centres >= low) & (centres < high)).all(axis=1)
    return inside


def _shown(pixels: NDArray[np.uint8], tile: Tile) -> NDArray[np.uint8]:
    """Return (height, width, 3) BGR of what the network sees of ``tile``, padded to whole strides.

    The area mean would take a third as long as the network; :func:`~detection.frames.shrinking.shrink` takes a fifth
    of that, and thresholds were measured with it.
    """
    import cv2

    part = pixels[tile.top_px : tile.bottom_px, tile.left_px : tile.right_px]
    width, height = tile.canvas_px
    inner = (
        min(width, max(1, round(part.shape[1] * tile.scale))),
        min(height, max(1, round(part.shape[0] * tile.scale))),
    )
    if inner[0] <= part.shape[1] and inner[1] <= part.shape[0]:
        part = shrink(part, *inner)
    elif inner != (part.shape[1], part.shape[0]):
        part = cv2.resize(part, inner, interpolation=cv2.INTER_LINEAR)
    canvas = np.full((height, width, 3), GREY, dtype=np.uint8)
    canvas[: inner[1], : inner[0]] = part
    return canvas


def _to_image(rows: NDArray[np.float64], tile: Tile) -> NDArray[np.float64]:
    """Return rows with their boxes moved from a tile's canvas to the image."""
    moved = rows.copy()
    moved[:, :4] = rows[:, :4] / tile.scale + [tile.left_px, tile.top_px, tile.left_px, tile.top_px]
    moved[:, 2] = moved[:, 2].clip(max=tile.right_px)
    moved[:, 3] = moved[:, 3].clip(max=tile.bottom_px)
    return moved
