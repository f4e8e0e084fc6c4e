"""The training set of the weight for smoke and fire.

The set is made of two outside sets (``forest_fire``, and ``aerial_vehicles/train`` for streets that do not burn), of
scenes that ``flight.rehearsal.scenes`` renders, and of drawn clutter. Plumes are large and soft, and are learned at 256
pixels, the size of the public images. How it is trained on says :mod:`detection.training.recipes`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from detection.training.clutter import draw_clutter
from detection.training.default_model import CAR_CLASSES, FIRE_CLASSES, FLIGHT_GSD_M, SCENE_CLASSES, VALIDATION_FLIGHT
from detection.training.sets import Source, write_sources
from detection.training.yolo_sets import Labelled, cut_training_tiles, read_yolo_set

LABELS: Final = ("smoke", "fire")
TILE_PX: Final = 256
STREET_TILES_PER_PHOTO: Final = 6
STREET_GSD_M: Final = (0.08, 0.4)
CLUTTER_IMAGES: Final = 60


def prepare_fire_set(folder: Path, *, data: Path, scenes: Path, seed: int = 7) -> Mapping[tuple[str, str, str], int]:
    """Write the training set of the smoke and fire weight and return its boxes by (split, source, label).

    Args:
        folder: A new folder for the set.
        data: Holds ``forest_fire`` and ``aerial_vehicles/train``.
        scenes: A YOLO-format folder of rendered scenes, split into ``train`` and ``val``.
        seed: Settles every choice.

    Raises:
        InputRefused: A set is missing or malformed.
    """
    random = np.random.default_rng(seed)
    sources = []
    for split, part in (("train", "train"), ("val", "valid")):
        real = data / "forest_fire" / part
        burning = read_yolo_set(real / "images", real / "labels", FIRE_CLASSES)
        sources.append(Source(name=f"forest-fire-{split}", images=burning, searched_for=LABELS, split=split))
        classes = {number: name for number, name in enumerate(SCENE_CLASSES) if name in LABELS}
        rendered = read_yolo_set(scenes / "images" / split, scenes / "labels" / split, classes)
        sources.append(Source(name=f"rendered-{split}", images=rendered, searched_for=LABELS, split=split))
    streets = list(_street_tiles(data / "aerial_vehicles" / "train", random))
    sources.extend(
        Source(
            name=f"streets-{split}",
            images=[tile for side, tile in streets if side == split],
            searched_for=LABELS,
            split=split,
        )
        for split in ("train", "val")
    )
    clutter = (
        Labelled(name=f"clutter-{number}", pixels=draw_clutter(TILE_PX, number), boxes=np.empty((0, 4)), labels=())
        for number in range(CLUTTER_IMAGES)
    )
    sources.append(Source(name="clutter", images=clutter, searched_for=LABELS, split="train"))
    return write_sources(folder, sources, LABELS)


def _street_tiles(folder: Path, random: np.random.Generator) -> Iterator[tuple[str, Labelled]]:
    """Yield tiles of streets, in which nothing burns, with the split of their flight."""
    for image in read_yolo_set(folder, folder, CAR_CLASSES):
        split = "val" if image.flight == VALIDATION_FLIGHT else "train"
        for tile in cut_training_tiles(
            replace(image, boxes=np.empty((0, 4)), labels=()),
            gsd_m=FLIGHT_GSD_M[image.flight],
            tile_px=TILE_PX,
            count=STREET_TILES_PER_PHOTO,
            gsd_range_m=STREET_GSD_M,
            random=random,
        ):
            yield split, tile
