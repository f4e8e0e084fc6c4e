"""The training set of the weight for people and vehicles in heat.

It is made of HIT-UAV (Suo et al., Scientific Data 10, 227, 2023; CC BY 4.0): thermal pictures, warm white, of 640 × 512
pixels, from 60 to 130 m, looking down by 30° to 90°. A picture's name says its height and angle
(``night_height_angle_weather_number``), and the numbers run through one flight after the other.

Whole stretches of numbers are held out, so that no flight is in both splits. Of the first numbers, hundreds of pictures
of one playground, two fifths are taken. Pictures with a region that the labellers called ``DontCare`` are left out:
what is in it is neither labelled nor background. Bicycles are not sought.

The lens is not told. Its angle per pixel was estimated from the lengths of the labelled cars, so that a car comes out
as long as a car is.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from core.errors import InputRefused
from core.text import _
from detection.training.sets import Source, write_sources
from detection.training.yolo_sets import Labelled, cut_training_tiles

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

FOLDER: Final = "hit_uav"
LABELS: Final = ("person", "vehicle")
OWN_CLASSES: Final = {"Person": "person", "Car": "vehicle", "OtherVehicle": "vehicle"}
UNSOUGHT: Final = frozenset({"Bicycle"})
UNDECIDED: Final = "DontCare"
RAD_PER_PX: Final = 0.00068
"""Angle that a pixel sees, estimated from the lengths of the labelled cars; nobody stated the lens."""
TILE_PX: Final = 416
GSD_RANGE_M: Final = (0.05, 0.13)
VALIDATION_GSD_M: Final = 0.08
MOST_ENLARGED: Final = 1.4
HELD_OUT: Final = (range(3280, 4086), range(9446, 100_000))
PLAYGROUND: Final = range(862)
PLAYGROUND_SHARE: Final = 0.4
MOST_BYTES: Final = 1_000_000  # the longest annotation of the set has eleven thousand
_NAME: Final = re.compile(r"[01]_(?P<height>\d{2,3})_(?P<angle>\d{2})_\d_(?P<number>\d{5})")
_EDGES: Final = ("xmin", "ymin", "xmax", "ymax")


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatPhoto:
    """A picture of the set, by its name.

    Attributes:
        path: The picture.
        number: Its number in the set; neighbours are of one flight.
        height_m: Height above the ground, metres.
        angle_deg: How far the camera looked down, 90 for straight down.
    """

    path: Path
    number: int
    height_m: float
    angle_deg: float

    @property
    def gsd_m(self) -> float:
        """Metres that a pixel spans across its line of sight in the picture's middle."""
        return self.height_m / math.sin(math.radians(self.angle_deg)) * RAD_PER_PX

    @property
    def split(self) -> str:
        """Return "val" for a held-out flight, else "train"."""
        return "val" if any(self.number in block for block in HELD_OUT) else "train"


def heat_photos(folder: Path) -> tuple[HeatPhoto, ...]:
    """Return the pictures of the set in order of number.

    Args:
        folder: Holds ``normal_xml/JPEGImages``, as the public repository is laid out.

    Raises:
        InputRefused: There are none, or one has no name of the set.
    """
    pictures = folder / "normal_xml" / "JPEGImages"
    paths = sorted(pictures.glob("*.jpg")) if pictures.is_dir() else []
    if not paths:
        raise InputRefused(
            pictures, _("holds no images"), _("Put the public repository of HIT-UAV there; docs/models.md names it.")
        )
    return tuple(sorted(map(_photo, paths), key=lambda photo: photo.number))


def read_heat_photo(photo: HeatPhoto) -> Labelled | None:
    """Return a picture with its boxes, or None where a part of it is undecided.

    Raises:
        InputRefused: The picture cannot be decoded, or its annotation is missing or none (Pascal VOC, XML).
    """
    import cv2

    annotation = photo.path.parent.parent / "Annotations" / f"{photo.path.stem}.xml"
    found = _objects(annotation)
    if any(name == UNDECIDED for name, _box in found):
        return None
    pixels = cv2.imread(str(photo.path), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    if pixels is None:
        raise InputRefused(photo.path, _("cannot be decoded"), _("Take it out of the training set."))
    height, width = pixels.shape[:2]
    sought = [(OWN_CLASSES[name], box) for name, box in found if name in OWN_CLASSES]
    boxes = np.array([box for _label, box in sought], dtype=np.float64).reshape(-1, 4)
    if (boxes > [width, height, width, height]).any():
        raise InputRefused(annotation, _("has a box outside its picture"), _remedy())
    labels = tuple(label for label, _box in sought)
    return Labelled(name=f"hit-{photo.number:05d}", pixels=pixels, boxes=boxes, labels=labels)


def prepare_heat_set(folder: Path, *, data: Path, scenes: Path, seed: int = 3) -> Mapping[tuple[str, str, str], int]:
    """Write the training set of the weight for heat and return its boxes by (split, source, label).

    Args:
        folder: A new folder for the set.
        data: Holds ``hit_uav``.
        scenes: Not used: nothing is rendered in heat.
        seed: Settles every choice.

    Raises:
        InputRefused: The set is missing, or a file of it is malformed.
    """
    del scenes
    random = np.random.default_rng(seed)
    photos = heat_photos(data / FOLDER)
    return write_sources(
        folder,
        [
            Source(
                name=f"heat-{split}",
                images=_tiles([photo for photo in photos if photo.split == split], split, random),
                searched_for=LABELS,
                split=split,
            )
            for split in ("train", "val")
        ],
        LABELS,
    )


def _tiles(photos: list[HeatPhoto], split: str, random: np.random.Generator) -> Iterator[Labelled]:
    """Yield a tile of each picture: at a GSD drawn by chance to train on, at the weight's own to validate on."""
    for photo in photos:
        if photo.number in PLAYGROUND and random.random() >= PLAYGROUND_SHARE:
            continue
        image = read_heat_photo(photo)
        if image is None:
            continue
        drawn_m = math.exp(random.uniform(*np.log(GSD_RANGE_M))) if split == "train" else VALIDATION_GSD_M
        gsd_m = max(photo.gsd_m / MOST_ENLARGED, drawn_m)
        yield from cut_training_tiles(
            image,
            gsd_m=photo.gsd_m,
            tile_px=TILE_PX,
            count=1,
            gsd_range_m=(gsd_m, gsd_m),
            random=random,
            squeezed_to=1.0,  # the set looks down at every angle already
        )


def _remedy() -> str:
    return _("Fetch the set again, or take this picture out of it.")


def _photo(path: Path) -> HeatPhoto:
    named = _NAME.fullmatch(path.stem)
    if named is None or not 0 < int(named["angle"]) <= 90 or not int(named["height"]):
        raise InputRefused(path, _("is not named as HIT-UAV names its pictures"), _remedy())
    height_m, angle_deg = float(named["height"]), float(named["angle"])
    return HeatPhoto(path=path, number=int(named["number"]), height_m=height_m, angle_deg=angle_deg)


def _objects(path: Path) -> list[tuple[str, tuple[float, ...]]]:
    """Return the class and box of each object in an annotation; document types and entities are refused."""
    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import ParseError, fromstring

    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise ValueError(_("larger than an annotation is"))  # noqa: TRY301 - one place tells all that is wrong
        root = fromstring(content, forbid_dtd=True)
        return [_object(one) for one in root.iter("object")]
    except OSError as missing:
        raise InputRefused(path, _("cannot be read"), _remedy()) from missing
    except (ParseError, DefusedXmlException, ValueError) as unfit:
        raise InputRefused(
            path, _("is no annotation in Pascal VOC's form ({problem})").format(problem=unfit), _remedy()
        ) from unfit


def _object(one: Element) -> tuple[str, tuple[float, ...]]:
    name = (one.findtext("name") or "").strip()
    if name not in OWN_CLASSES and name not in UNSOUGHT and name != UNDECIDED:
        raise ValueError(_("an object is called {name}").format(name=repr(name[:40])))
    box: NDArray[np.float64] = np.array([float(one.findtext(f"bndbox/{edge}") or "nan") for edge in _EDGES])
    if not (np.isfinite(box).all() and (box >= 0).all() and (box[:2] < box[2:]).all()):
        raise ValueError(_("an object has no box"))
    return name, tuple(box.tolist())
