"""The training set of the weight for people and for what stands about in yards.

The set is made of rendered scenes, half of which stand on real pictures of roads; of parts of
``aerial_vehicles/train`` in which every person was marked by eye (``people_marks.json``); of other tiles of those
images, searched for everything but people; and of drawn clutter. The flight DJI_0013 is held out. How it is
trained on says :mod:`detection.training.recipes`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from detection.training.clutter import draw_clutter
from detection.training.default_model import CAR_CLASSES, FLIGHT_GSD_M, SCENE_CLASSES, VALIDATION_FLIGHT
from detection.training.sets import Source, write_sources
from detection.training.yolo_sets import Labelled, cut_training_tiles, read_yolo_set
from flight.rehearsal.scenes import Backdrop

LABELS: Final = ("person", "drums", "container", "tank", "debris", "tent")
TILE_PX: Final = 256
GSD_RANGE_M: Final = (0.042, 0.085)
PEOPLE_MARKS: Final = Path(__file__).with_name("people_marks.json")
PERSON_M: Final = 0.8
"""Side of the box around a marked person, metres: a walker from above, legs and all."""
PEOPLE_TILES_PER_PART: Final = 60
STREET_TILES_PER_PHOTO: Final = 4
CLUTTER_IMAGES: Final = 60
BACKDROP_PX: Final = 520
BACKDROPS_PER_PHOTO: Final = 2


def road_backdrops(data: Path, *, seed: int = 4) -> tuple[Backdrop, ...]:
    """Return real pictures of ground to render on: surroundings of cars on roads, where few people walk.

    Args:
        data: Holds ``aerial_vehicles/train``; the held-out flight is left out.
        seed: Settles which.
    """
    random = np.random.default_rng(seed)
    folder = data / "aerial_vehicles" / "train"
    pictures = []
    for image in read_yolo_set(folder, folder, CAR_CLASSES):
        if image.flight == VALIDATION_FLIGHT or not len(image.boxes):
            continue
        size = np.array(image.pixels.shape[1::-1])
        for _picture in range(BACKDROPS_PER_PHOTO):
            box = image.boxes[int(random.integers(len(image.boxes)))]
            left, top = np.clip((box[:2] + box[2:]) / 2 - BACKDROP_PX / 2, 0, size - BACKDROP_PX).astype(int).tolist()
            part = image.pixels[top : top + BACKDROP_PX, left : left + BACKDROP_PX]
            pictures.append(Backdrop(pixels=part, gsd_m=FLIGHT_GSD_M[image.flight]))
    return tuple(pictures)


def prepare_yard_set(folder: Path, *, data: Path, scenes: Path, seed: int = 7) -> Mapping[tuple[str, str, str], int]:
    """Write the training set of the yard weight and return its boxes by (split, source, label).

    Args:
        folder: A new folder for the set.
        data: Holds ``aerial_vehicles/train``.
        scenes: A YOLO-format folder of rendered scenes, split into ``train`` and ``val``.
        seed: Settles every choice.

    Raises:
        InputRefused: A set is missing or malformed.
    """
    random = np.random.default_rng(seed)
    classes = {number: name for number, name in enumerate(SCENE_CLASSES) if name in LABELS}
    photos = data / "aerial_vehicles" / "train"
    people = list(_people_tiles(photos, random))
    streets = list(_street_tiles(photos, random))
    everything_else = tuple(name for name in LABELS if name != "person")
    sources = []
    for split in ("train", "val"):
        rendered = read_yolo_set(scenes / "images" / split, scenes / "labels" / split, classes)
        sources.append(Source(name=f"rendered-{split}", images=rendered, searched_for=LABELS, split=split))
        for name, tiles, searched in (("people", people, LABELS), ("streets", streets, everything_else)):
            chosen = [tile for side, tile in tiles if side == split]
            sources.append(Source(name=f"{name}-{split}", images=chosen, searched_for=searched, split=split))
    clutter = (
        Labelled(name=f"clutter-{number}", pixels=draw_clutter(TILE_PX, number), boxes=np.empty((0, 4)), labels=())
        for number in range(CLUTTER_IMAGES)
    )
    sources.append(Source(name="clutter", images=clutter, searched_for=LABELS, split="train"))
    return write_sources(folder, sources, LABELS)


def marked_people(photos: Path) -> Iterator[tuple[str, Labelled]]:
    """Yield the parts of images in which every person was marked, with the split of their flight.

    Args:
        photos: ``aerial_vehicles/train``.
    """
    marks: Mapping[str, list[Mapping[str, Any]]] = json.loads(PEOPLE_MARKS.read_text(encoding="utf-8"))["images"]
    for image in read_yolo_set(photos, photos, {}):
        half = PERSON_M / 2 / FLIGHT_GSD_M[image.flight]
        for number, part in enumerate(marks.get(image.name, ())):
            left, top, right, bottom = part["searched"]
            middles = np.array(part["people"], dtype=np.float64).reshape(-1, 2) - [left, top]
            boxes = np.concatenate([middles - half, middles + half], axis=1).clip(0, [right - left, bottom - top] * 2)
            yield (
                "val" if image.flight == VALIDATION_FLIGHT else "train",
                Labelled(
                    name=f"{image.name}p{number}",
                    pixels=image.pixels[top:bottom, left:right],
                    boxes=boxes,
                    labels=("person",) * len(boxes),
                ),
            )


def _people_tiles(photos: Path, random: np.random.Generator) -> Iterator[tuple[str, Labelled]]:
    for split, part in marked_people(photos):
        for tile in cut_training_tiles(
            part,
            gsd_m=FLIGHT_GSD_M[part.flight],
            tile_px=TILE_PX,
            count=PEOPLE_TILES_PER_PART,
            gsd_range_m=GSD_RANGE_M,
            random=random,
        ):
            yield split, tile


def _street_tiles(photos: Path, random: np.random.Generator) -> Iterator[tuple[str, Labelled]]:
    """Yield tiles of streets, in which nothing sought lies except people, whom nobody marked there."""
    for image in read_yolo_set(photos, photos, {}):
        for tile in cut_training_tiles(
            replace(image, boxes=np.empty((0, 4)), labels=()),
            gsd_m=FLIGHT_GSD_M[image.flight],
            tile_px=TILE_PX,
            count=STREET_TILES_PER_PHOTO,
            gsd_range_m=GSD_RANGE_M,
            random=random,
        ):
            yield "val" if image.flight == VALIDATION_FLIGHT else "train", tile
