"""Labelled images in YOLO's folder format: reading, writing, and cutting training tiles out of large images.

A label file holds one line per box: class number, then centre x, centre y, width and height as shares of the image.
Tiles are cut at a stated ground sampling distance, and squeezed along one axis as an oblique view squeezes the ground,
so that a set of nadir images also teaches what a slanting camera sees.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.errors import InputRefused
from core.text import _

Image = NDArray[np.uint8]
VISIBLE_SHARE: Final = 0.4  # a box of which less than this is left in a tile is not labelled there
SUFFIXES: Final = (".jpg", ".jpeg", ".png")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Labelled:
    """One image with its true boxes.

    Attributes:
        name: File name without suffix; the flight is its part before the last "-" or "_".
        pixels: (height, width, 3) uint8 BGR.
        boxes: (n, 4) left, top, right, bottom, pixels.
        labels: (n,) label of each box.
    """

    name: str
    pixels: Image = field(repr=False)
    boxes: NDArray[np.float64]
    labels: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.boxes.shape != (len(self.labels), 4):
            raise ValueError("each box has a label")

    @property
    def flight(self) -> str:
        """The flight that the image is of, by its name: what a split must not tear apart."""
        cut = max(self.name.rfind("-"), self.name.rfind("_"))
        return self.name[:cut] if cut > 0 else self.name


def read_yolo_set(images: Path, labels: Path, classes: Mapping[int, str]) -> Iterator[Labelled]:
    """Yield the labelled images of a YOLO-format folder, in order of name.

    Args:
        images: Folder of images.
        labels: Folder of label files (may be the same); an image without one shows nothing.
        classes: Class number of the set → our label; boxes of other classes are dropped.

    Raises:
        InputRefused: There are no images, an image cannot be decoded, or a label line is malformed.
    """
    import cv2

    paths = sorted(path for path in images.iterdir() if path.suffix.lower() in SUFFIXES) if images.is_dir() else []
    if not paths:
        raise InputRefused(images, _("holds no images"), _("Name a folder of JPEG or PNG images."))
    for path in paths:
        pixels = cv2.imread(str(path), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
        if pixels is None:
            raise InputRefused(path, _("cannot be decoded"), _("Take it out of the training set."))
        rows = _label_rows(labels / f"{path.stem}.txt")
        known = [(classes[int(row[0])], row[1:]) for row in rows if int(row[0]) in classes]
        shares = np.array([box for _label, box in known]).reshape(-1, 4)
        size = np.array([pixels.shape[1], pixels.shape[0]] * 2)
        boxes = np.concatenate([shares[:, :2] - shares[:, 2:] / 2, shares[:, :2] + shares[:, 2:] / 2], axis=1) * size
        yield Labelled(name=path.stem, pixels=pixels, boxes=boxes, labels=tuple(label for label, _box in known))


def _label_rows(path: Path) -> NDArray[np.float64]:
    if not path.exists():
        return np.empty((0, 5))
    try:
        rows = [[float(word) for word in line.split()] for line in path.read_text().splitlines() if line.strip()]
    except ValueError as problem:
        raise InputRefused(
            path, _("a line is not five numbers ({problem})").format(problem=problem), _("Repair the label file.")
        ) from problem
    if any(len(row) != 5 or not 0 <= min(row[1:]) <= max(row[1:]) <= 1.0001 for row in rows):
        raise InputRefused(
            path, _("a line is not a class number and four shares of the image"), _("Repair the label file.")
        )
    return np.array(rows).reshape(-1, 5)


def write_yolo_image(folder: Path, split: str, image: Labelled, classes: Sequence[str]) -> None:
    """Write an image and its labels under ``folder/images/split`` and ``folder/labels/split``."""
    import cv2

    for kind in ("images", "labels"):
        (folder / kind / split).mkdir(parents=True, exist_ok=True)
    height, width = image.pixels.shape[:2]
    cv2.imwrite(str(folder / "images" / split / f"{image.name}.jpg"), image.pixels, [cv2.IMWRITE_JPEG_QUALITY, 92])
    lines = [
        f"{classes.index(label)} {(x0 + x1) / 2 / width:.6f} {(y0 + y1) / 2 / height:.6f} "
        f"{(x1 - x0) / width:.6f} {(y1 - y0) / height:.6f}"
        for label, (x0, y0, x1, y1) in zip(image.labels, image.boxes.tolist(), strict=True)
    ]
    (folder / "labels" / split / f"{image.name}.txt").write_text("\n".join(lines) + "\n" if lines else "")


def cut_training_tiles(
    image: Labelled,
    *,
    gsd_m: float,
    tile_px: int,
    count: int,
    gsd_range_m: tuple[float, float],
    random: np.random.Generator,
    squeezed_to: float = 0.45,
) -> Iterator[Labelled]:
    """Yield ``count`` tiles of ``image``, each at a GSD drawn log-uniformly from a range and squeezed at random.

    Args:
        image: The image.
        gsd_m: Its own ground sampling distance, metres.
        tile_px: Side of a tile.
        count: How many.
        gsd_range_m: Finest and coarsest GSD of a tile.
        random: Where chance comes from.
        squeezed_to: The most that a tile is squeezed along one axis: the sine of the flattest view's depression.
    """
    import cv2

    finest, coarsest = gsd_range_m
    for number in range(count):
        scale = gsd_m / float(np.exp(random.uniform(np.log(finest), np.log(coarsest))))
        squeeze = float(random.uniform(squeezed_to, 1.0)) if random.random() < 0.5 else 1.0
        factors = np.array([scale, scale * squeeze] if random.random() < 0.5 else [scale * squeeze, scale])
        size = (
            max(1, round(image.pixels.shape[1] * factors[0])),
            max(1, round(image.pixels.shape[0] * factors[1])),
        )
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        whole = cv2.resize(image.pixels, size, interpolation=method)
        left, top = (int(random.integers(0, max(1, side - tile_px + 1))) for side in size)
        tile = np.full((tile_px, tile_px, 3), 114, dtype=np.uint8)
        part = whole[top : top + tile_px, left : left + tile_px]
        tile[: part.shape[0], : part.shape[1]] = part
        boxes, kept = _clipped(image.boxes * np.tile(factors, 2) - [left, top, left, top], tile_px)
        labels = tuple(label for label, keep in zip(image.labels, kept, strict=True) if keep)
        yield Labelled(name=f"{image.name}-t{number}", pixels=tile, boxes=boxes, labels=labels)


def compose(images: Sequence[Labelled], *, cell_px: int, name: str) -> Labelled:
    """Return four images side by side, each resized to a square of ``cell_px``: small images made one training tile."""
    import cv2

    if len(images) != 4:
        raise ValueError("four images make one composition")
    canvas = np.empty((2 * cell_px, 2 * cell_px, 3), dtype=np.uint8)
    boxes: list[NDArray[np.float64]] = []
    labels: list[str] = []
    for number, image in enumerate(images):
        left, top = number % 2 * cell_px, number // 2 * cell_px
        canvas[top : top + cell_px, left : left + cell_px] = cv2.resize(image.pixels, (cell_px, cell_px))
        factors = np.array([cell_px / image.pixels.shape[1], cell_px / image.pixels.shape[0]] * 2)
        boxes.append(image.boxes * factors + [left, top, left, top])
        labels.extend(image.labels)
    return Labelled(name=name, pixels=canvas, boxes=np.concatenate(boxes), labels=tuple(labels))


def _clipped(boxes: NDArray[np.float64], side_px: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the boxes of which enough lies inside a square tile, clipped to it, and which of all they are."""
    inside = boxes.clip(0, side_px)
    area = np.maximum((boxes[:, 2:] - boxes[:, :2]).prod(axis=1), 1e-9)
    left = (inside[:, 2:] - inside[:, :2]).prod(axis=1)
    kept = left / area >= VISIBLE_SHARE
    return inside[kept], kept
