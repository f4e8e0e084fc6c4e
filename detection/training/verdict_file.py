"""Reviewers' verdicts as a file that training reads: one JSON object a line.

Each line names an image (a path beside the file), the label that the detector gave, the box in pixels of that image
(left, top, right, bottom) and the decision, "confirmed" or "rejected"; "flight" names the flight, so that no ground is
in both training and validation. Confirmed boxes become positives, rejected ones hard negatives.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import InputRefused
from core.text import _
from detection.detection import Box
from detection.training.sets import Decision, Verdict, from_reviewed
from detection.training.yolo_sets import Labelled


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewedImage:
    """An image and what reviewers said of it.

    Attributes:
        path: The image file.
        flight: The flight it was taken on.
        verdicts: What was said.
    """

    path: Path
    flight: str
    verdicts: tuple[Verdict, ...]


def read_verdicts(path: Path) -> tuple[ReviewedImage, ...]:
    """Return the reviewed images that a verdict file names, in its order.

    Raises:
        InputRefused: The file cannot be read, a line is not a verdict, or an image is missing.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as problem:
        raise InputRefused(
            path, _("cannot be read ({problem})").format(problem=problem), _("Name a file of verdicts.")
        ) from problem
    images: dict[tuple[Path, str], list[Verdict]] = {}
    for number, line in enumerate(lines, start=1):
        if line.strip():
            image, flight, verdict = _verdict(path, number, line)
            images.setdefault((image, flight), []).append(verdict)
    return tuple(
        ReviewedImage(path=image, flight=flight, verdicts=tuple(said)) for (image, flight), said in images.items()
    )


def training_tiles(images: tuple[ReviewedImage, ...], *, tile_px: int) -> Iterator[Labelled]:
    """Yield the training tiles of reviewed images; see :func:`detection.training.sets.from_reviewed`.

    Raises:
        InputRefused: An image cannot be decoded.
    """
    import cv2

    for number, image in enumerate(images):
        pixels = cv2.imread(str(image.path), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
        if pixels is None:
            raise InputRefused(image.path, _("cannot be decoded"), _("Take its lines out of the verdict file."))
        name = f"{_plain(image.flight)}-{number}"
        yield from from_reviewed(pixels, image.verdicts, name=name, tile_px=tile_px)


def _plain(flight: str) -> str:
    return "".join(letter if letter.isalnum() else "." for letter in flight) or "flight"


def _verdict(path: Path, number: int, line: str) -> tuple[Path, str, Verdict]:
    try:
        row: dict[str, Any] = json.loads(line)
        left, top, right, bottom = map(float, row["box"])
        image = (path.parent / str(row["image"])).resolve()
        verdict = Verdict(
            label=str(row["label"]),
            box=Box(left_px=left, top_px=top, right_px=right, bottom_px=bottom),
            decision=Decision(row["decision"]),
        )
        flight = str(row.get("flight", image.stem))
    except (ValueError, TypeError, KeyError) as problem:
        raise InputRefused(
            path,
            _("line {number} is no verdict ({problem})").format(number=number, problem=problem),
            _("A line is a JSON object with image, label, box and decision."),
        ) from problem
    if not image.is_file():
        raise InputRefused(
            path,
            _("line {number} names {image}, which is not there").format(number=number, image=row["image"]),
            _("Put the images beside the file."),
        )
    return image, flight, verdict
