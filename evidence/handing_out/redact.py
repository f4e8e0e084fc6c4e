"""Redacted copies for hands outside the bureau: faces and plates made unreadable, secret ground covered.

The original and the bureau's own copies stay as they are. A redacted region keeps nothing of its content: boxes become
a coarse mosaic of at most a few cells (their averages are all that is left), masked polygons one flat colour. The copy
is encoded anew, so no metadata and no thumbnail of the original travels with it.

Finding faces and plates is a detector's (:class:`detection.detection.Detector`); a person may add boxes and masks. What
no detector finds is not redacted: somebody looks at every copy before it leaves.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from shapely import Polygon

from detection.detection import Box, Detection
from detection.frame import Frame
from evidence.sealing.derivation import Derived
from evidence.sealing.derive import derived_picture, picture_of

PERSONAL: Final = frozenset({"face", "plate"})  # classes whose boxes are redacted
CELLS: Final = 4  # cells along a redacted box's longer side
_COVER: Final = (96, 96, 96)


def personal_boxes(detections: Sequence[Detection], *, margin: float = 0.15) -> tuple[Box, ...]:
    """Return the boxes to redact: those of :data:`PERSONAL` classes, grown by ``margin`` of their sides."""
    boxes = []
    for detection in detections:
        if detection.label in PERSONAL:
            box = detection.box
            wide, high = margin * (box.right_px - box.left_px), margin * (box.bottom_px - box.top_px)
            boxes.append(
                Box(
                    left_px=box.left_px - wide,
                    top_px=box.top_px - high,
                    right_px=box.right_px + wide,
                    bottom_px=box.bottom_px + high,
                )
            )
    return tuple(boxes)


def redact_frame(frame: Frame, *, boxes: Sequence[Box] = (), masks: Sequence[Polygon] = ()) -> Derived:
    """Return the frame as a JPEG without what is in ``boxes`` and ``masks``.

    Args:
        frame: The frame.
        boxes: What becomes a mosaic, pixels.
        masks: What is covered, polygons in pixels (x right, y down), valid and not empty.

    Raises:
        ValueError: Nothing is to be redacted (hand out the plain copy then), or a mask is no valid polygon.
    """
    from PIL import Image, ImageDraw

    if not boxes and not masks:
        raise ValueError("a redacted copy redacts something")
    if any(mask.is_empty or not mask.is_valid for mask in masks):
        raise ValueError("a mask is a valid polygon")
    picture = picture_of(frame)
    for box in boxes:
        left, top = max(0, math.floor(box.left_px)), max(0, math.floor(box.top_px))
        right, bottom = min(picture.width, math.ceil(box.right_px)), min(picture.height, math.ceil(box.bottom_px))
        if left >= right or top >= bottom:
            continue  # outside the picture
        wide, high = right - left, bottom - top
        cell = max(1, math.ceil(max(wide, high) / CELLS))
        grid = (max(1, wide // cell), max(1, high // cell))
        part = picture.crop((left, top, right, bottom)).resize(grid, Image.Resampling.BOX)
        picture.paste(part.resize((wide, high), Image.Resampling.NEAREST), (left, top))
    draw = ImageDraw.Draw(picture)
    for mask in masks:
        # A hole in a mask is covered too: what a secret place encloses is not for showing either.
        draw.polygon([(x, y) for x, y in mask.exterior.coords], fill=_COVER)
    return derived_picture(
        frame,
        picture,
        "redact",
        "redacted",
        {
            "boxes": ";".join(
                f"{box.left_px:.0f},{box.top_px:.0f},{box.right_px:.0f},{box.bottom_px:.0f}" for box in boxes
            ),
            "cells": CELLS,
            "masks": ";".join(mask.wkt for mask in masks),
        },
    )
