"""Training sets put together from sources: labelled folders, drawn clutter, and what reviewers decided.

A source is a run of labelled images, with the labels that its images were searched for. Images are split by flight, so
that no piece of ground is in both training and validation; the split of a flight depends on its name alone, and never
changes when other flights come or go.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.errors import InputRefused
from core.text import _
from detection.detection import Box
from detection.frame import Frame
from detection.training.trainer import SEPARATOR, SOURCES
from detection.training.yolo_sets import Labelled, write_yolo_image

VALIDATION_SHARE: Final = 0.15


class Decision(StrEnum):
    """What a reviewer said of a detection."""

    CONFIRMED = "confirmed"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A reviewer's word on one box of one frame.

    Attributes:
        label: What the detector took it for.
        box: Where in the frame.
        decision: Whether it is that.
    """

    label: str
    box: Box
    decision: Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Labelled images of one origin.

    Attributes:
        name: Short name, letters, digits and hyphens.
        images: The images; read once.
        searched_for: The labels that the images were searched for; absence means background for these only.
        split: "train" or "val" for the whole source; None to split by flight.
    """

    name: str
    images: Iterable[Labelled]
    searched_for: tuple[str, ...]
    split: str | None = None

    def __post_init__(self) -> None:
        if not self.name or SEPARATOR in self.name or not self.name.replace("-", "").isalnum():
            raise ValueError("a source's name is letters, digits and hyphens")
        if self.split not in {None, "train", "val"}:
            raise ValueError('a split is "train", "val" or None')


def split_of(flight: str, *, validation_share: float = VALIDATION_SHARE) -> str:
    """Return "train" or "val" for a flight, by its name alone."""
    first = int.from_bytes(hashlib.sha256(flight.encode()).digest()[:8], "big") / 2**64
    return "val" if first < validation_share else "train"


def write_sources(folder: Path, sources: Sequence[Source], classes: Sequence[str]) -> Counter[tuple[str, str, str]]:
    """Write a training set and return how many boxes of each (split, source, label) it holds.

    Args:
        folder: An empty or new folder.
        sources: Where images come from.
        classes: The labels, in the order of their class numbers.

    Raises:
        InputRefused: The folder is not empty, or the training split would be.
    """
    if folder.exists() and any(folder.iterdir()):
        raise InputRefused(folder, _("is not empty"), _("Name a new folder for the training set."))
    strangers = {label for source in sources for label in source.searched_for} - set(classes)
    if strangers:
        raise ValueError(f"sources speak of {sorted(strangers)}, which are not among the classes")
    boxes: Counter[tuple[str, str, str]] = Counter()
    images: Counter[str] = Counter()
    for source in sources:
        for image in source.images:
            split = source.split or split_of(f"{source.name}/{image.flight}")
            write_yolo_image(folder, split, replace(image, name=f"{source.name}{SEPARATOR}{image.name}"), classes)
            images[split] += 1
            boxes.update((split, source.name, label) for label in image.labels)
    if not images["train"]:
        raise InputRefused(folder, _("would hold no training image"), _("Give sources with more flights."))
    (folder / "images" / "val").mkdir(parents=True, exist_ok=True)
    searched = {source.name: list(source.searched_for) for source in sources}
    (folder / SOURCES).write_text(json.dumps(searched, indent=2) + "\n", encoding="utf-8")
    names = "".join(f"  {number}: {name}\n" for number, name in enumerate(classes))
    (folder / "data.yaml").write_text(
        f"path: {folder.resolve()}\ntrain: images/train\nval: images/{'val' if images['val'] else 'train'}\n"
        f"names:\n{names}",
        encoding="utf-8",
    )
    return boxes


def from_verdicts(frame: Frame, verdicts: Sequence[Verdict], *, tile_px: int) -> Iterator[Labelled]:
    """Yield the training tiles of a reviewed frame; see :func:`from_reviewed`."""
    name = f"{frame.original_sha256[:16]}-{frame.index}"
    yield from from_reviewed(frame.pixels, verdicts, name=name, tile_px=tile_px)


def from_reviewed(
    pixels: NDArray[np.uint8], verdicts: Sequence[Verdict], *, name: str, tile_px: int
) -> Iterator[Labelled]:
    """Yield a training tile around each reviewed box: confirmed boxes are labelled, rejected ones are background.

    Only what reviewers spoke of is known. A tile therefore shows at most one undecided surrounding: it is centred on
    the reviewed box, and carries every confirmed box that lies in it.
    """
    height, width = pixels.shape[:2]
    confirmed = [each for each in verdicts if each.decision is Decision.CONFIRMED]
    for number, verdict in enumerate(verdicts):
        box = verdict.box
        left = _start((box.left_px + box.right_px) / 2, tile_px, width)
        top = _start((box.top_px + box.bottom_px) / 2, tile_px, height)
        part = pixels[top : top + tile_px, left : left + tile_px]
        tile = np.full((tile_px, tile_px, 3), 114, dtype=np.uint8)
        tile[: part.shape[0], : part.shape[1]] = part
        inside = [
            (each.label, _moved(each.box, left, top))
            for each in confirmed
            if left <= (each.box.left_px + each.box.right_px) / 2 < left + tile_px
            and top <= (each.box.top_px + each.box.bottom_px) / 2 < top + tile_px
        ]
        yield Labelled(
            name=f"{name}x{number}",
            pixels=tile,
            boxes=np.array([edges for _label, edges in inside], dtype=np.float64).reshape(-1, 4).clip(0, tile_px),
            labels=tuple(label for label, _edges in inside),
        )


def _start(centre_px: float, tile_px: int, length_px: int) -> int:
    return int(min(max(0, centre_px - tile_px / 2), max(0, length_px - tile_px)))


def _moved(box: Box, left: int, top: int) -> tuple[float, float, float, float]:
    return box.left_px - left, box.top_px - top, box.right_px - left, box.bottom_px - top
