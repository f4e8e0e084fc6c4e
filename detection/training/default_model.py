"""The training set of the vehicle weight, and of a weight for all classes.

The set is made of outside sets (``aerial_vehicles/train``, ``forest_fire`` and, for vehicles, ``kit_ais``), of scenes
that ``flight.rehearsal.scenes`` renders, and of drawn clutter. How it is trained on says
:mod:`detection.training.recipes`.

What is not in it: the eight photos that the weight is measured on, and AU-AIR, whose own annotation file states a
licence for non-commercial use.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detection.training.clutter import draw_clutter
from detection.training.look_alikes import strew
from detection.training.sets import Source, write_sources
from detection.training.yolo_sets import Labelled, compose, cut_training_tiles, read_yolo_set

CLASSES: Final = ("vehicle", "truck", "person", "smoke", "fire", "drums", "container", "tank", "debris", "tent")
TILE_PX: Final = 416
GSD_RANGE_M: Final = (0.045, 0.13)

# aerial_vehicles: car, truck, bus, minibus. What is longer than this is a truck, whatever the label says: the set calls
# some estate cars buses.
CAR_CLASSES: Final[Mapping[int, str]] = {0: "vehicle", 1: "truck", 2: "truck", 3: "vehicle"}
LONGEST_CAR_M: Final = 7.5
# Metres per pixel of each flight, from the length of its cars.
FLIGHT_GSD_M: Final[Mapping[str, float]] = {
    "DJI-00760": 0.060,
    "DJI_0005": 0.056,
    "DJI_0013": 0.056,
    "DJI_0762": 0.075,
}
VALIDATION_FLIGHT: Final = "DJI_0013"
# The same for the three aerial sequences of KIT AIS, by how their files begin. Their streets run between houses, so
# they show what the flights above do not: roof lights, dormers and balconies beside cars.
STREET_GSD_M: Final[Mapping[str, float]] = {"MOS1": 0.135, "MOS": 0.118, "MunichStreet02": 0.123}
STREET_GSD_RANGE_M: Final = (0.08, 0.14)
FIRE_CLASSES: Final[Mapping[int, str]] = {0: "smoke", 1: "fire", 2: "smoke", 3: "fire", 4: "fire"}
SCENE_CLASSES: Final = ("vehicle", "truck", "person", "smoke", "fire", "drums", "container", "tank", "debris", "tent")
TILES_PER_PHOTO: Final = 7
VEHICLE_TILES_PER_PHOTO: Final = 16
TILES_PER_STREET: Final = 7
VEHICLE_SQUEEZED_TO: Final = 0.33  # the sine of 19°, the flattest view that vehicles are looked for in
FIRE_IMAGES: Final = {"train": 480, "val": 60}
CLUTTER_IMAGES: Final = 60

# Nobody labelled the people on the pavements of the car set, nor tents and debris; absence there means nothing.
SEARCHED_IN_CARS: Final = ("vehicle", "truck", "smoke", "fire", "tank", "container", "drums")
SEARCHED_IN_FIRES: Final = tuple(name for name in CLASSES if name != "person")


def prepare_default_set(
    folder: Path, *, data: Path, scenes: Path, vehicles_only: bool = False, seed: int = 7
) -> Mapping[tuple[str, str, str], int]:
    """Write the training set of the default weight and return its boxes by (split, source, label).

    Args:
        folder: A new folder for the set.
        data: Holds ``aerial_vehicles/train`` and ``forest_fire``; for vehicles also ``kit_ais``.
        scenes: A YOLO-format folder of rendered scenes, split into ``train`` and ``val``.
        vehicles_only: One class, ``vehicle``, for cars, vans, lorries and buses alike; everything else is background.
        seed: Settles every choice.

    Raises:
        InputRefused: A set is missing or malformed.
    """
    random = np.random.default_rng(seed)
    count, squeezed_to = (VEHICLE_TILES_PER_PHOTO, VEHICLE_SQUEEZED_TO) if vehicles_only else (TILES_PER_PHOTO, 0.45)
    cars = list(_car_tiles(data / "aerial_vehicles" / "train", count, squeezed_to, random))
    empty = [tile.pixels for _split, tile in cars if not tile.labels and (tile.pixels == 114).mean() < 0.1]
    kept = [(split, tile) for split, tile in cars if tile.labels or random.random() > 0.6]
    sources = [
        Source(
            name=f"cars-{split}",
            images=[tile for side, tile in kept if side == split],
            searched_for=SEARCHED_IN_CARS,
            split=split,
        )
        for split in ("train", "val")
    ]
    for split, part in (("train", "train"), ("val", "valid")):
        sources.append(
            Source(
                name=f"forest-fire-{split}",
                images=_fire_tiles(data / "forest_fire" / part, 100 if vehicles_only else FIRE_IMAGES[split], random),
                searched_for=SEARCHED_IN_FIRES,
                split=split,
            )
        )
        rendered = read_yolo_set(scenes / "images" / split, scenes / "labels" / split, dict(enumerate(SCENE_CLASSES)))
        sources.append(Source(name=f"rendered-{split}", images=rendered, searched_for=CLASSES, split=split))
    pictures = CLUTTER_IMAGES + (100 if vehicles_only else 0)
    sources.append(
        Source(name="clutter", images=_clutter(empty, pictures, random), searched_for=CLASSES, split="train")
    )
    if vehicles_only:
        # Tiles without a vehicle stay: houses and gardens fill them.
        streets = list(_street_tiles(data / "kit_ais", random))
        on_roads = [tile for split, tile in cars if split == "train"]
        strewn = [strew(tile, gsd_m=GSD_RANGE_M, random=random) for tile in (*on_roads, *streets)]
        for name, images in (("streets", streets), ("strewn", strewn)):
            sources.append(Source(name=name, images=images, searched_for=("vehicle", "truck"), split="train"))
        sources = [
            replace(source, images=map(_vehicles_of, source.images), searched_for=("vehicle",)) for source in sources
        ]
        return write_sources(folder, sources, ("vehicle",))
    return write_sources(folder, sources, CLASSES)


def _vehicles_of(image: Labelled) -> Labelled:
    """Return the image with vehicles of all kinds as one class, and nothing else labelled."""
    kept = [label in {"vehicle", "truck"} for label in image.labels]
    return replace(image, boxes=image.boxes[kept], labels=("vehicle",) * sum(kept))


def _car_tiles(
    folder: Path, count: int, squeezed_to: float, random: np.random.Generator
) -> Iterator[tuple[str, Labelled]]:
    for image in read_yolo_set(folder, folder, CAR_CLASSES):
        gsd_m = FLIGHT_GSD_M[image.flight]
        lengths_m = (image.boxes[:, 2:] - image.boxes[:, :2]).max(axis=1) * gsd_m if len(image.boxes) else []
        labels = tuple(
            "vehicle" if label == "truck" and length < LONGEST_CAR_M else label
            for label, length in zip(image.labels, lengths_m, strict=True)
        )
        split = "val" if image.flight == VALIDATION_FLIGHT else "train"
        for tile in cut_training_tiles(
            replace(image, labels=labels),
            gsd_m=gsd_m,
            tile_px=TILE_PX,
            count=count,
            gsd_range_m=GSD_RANGE_M,
            random=random,
            squeezed_to=squeezed_to,
        ):
            yield split, tile


def _street_tiles(folder: Path, random: np.random.Generator) -> Iterator[Labelled]:
    """Yield tiles of the aerial sequences of KIT AIS, every second frame: neighbours are nearly the same."""
    for number, image in enumerate(read_yolo_set(folder, folder, CAR_CLASSES)):
        begin = next((begin for begin in STREET_GSD_M if image.name.startswith(begin)), None)
        if begin is None or number % 2:
            continue
        yield from cut_training_tiles(
            image,
            gsd_m=STREET_GSD_M[begin],
            tile_px=TILE_PX,
            count=TILES_PER_STREET,
            gsd_range_m=STREET_GSD_RANGE_M,
            random=random,
            squeezed_to=VEHICLE_SQUEEZED_TO,
        )


def _fire_tiles(folder: Path, count: int, random: np.random.Generator) -> Iterator[Labelled]:
    images = list(read_yolo_set(folder / "images", folder / "labels", FIRE_CLASSES))
    order = random.permutation(len(images))[:count]
    for start in range(0, len(order) - 3, 4):
        four = [images[number] for number in order[start : start + 4]]
        yield compose(four, cell_px=TILE_PX // 2, name=f"fire-{start}")


def _clutter(grounds: Sequence[NDArray[np.uint8]], count: int, random: np.random.Generator) -> Iterator[Labelled]:
    for number in range(count):
        ground = grounds[int(random.integers(len(grounds)))] if grounds and number % 3 else None
        pixels = draw_clutter(TILE_PX, number, ground=ground)
        yield Labelled(name=f"clutter-{number}", pixels=pixels, boxes=np.empty((0, 4)), labels=())
