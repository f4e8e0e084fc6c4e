"""Redacted copies for hands outside the bureau: faces, people and plates made unreadable, secret ground covered.

The original and the bureau's own copies stay as they are. A redacted region keeps nothing of its content but a coarse
mosaic; masked polygons become one flat colour. The copy is encoded anew, so no metadata and no thumbnail of the
original travels with it.

Faces and people found by a detector become four cells. Plates are not looked for: from the air they are too small for
any detector, and one that is missed would be readable. Instead the whole of every vehicle becomes 24 cells along its
longer side. A plate (GA 36: 440 mm by 140 mm) on a vehicle that shows its narrow end (1.6 m) is then at most seven
cells wide and three high for seven characters, and on one that shows its length at most three cells: not readable,
while the vehicle can still be told from a heap of pallets. A person may add boxes and masks. What no detector finds is
not redacted: somebody looks at every copy before it leaves, and the record says what was found by what.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray
from shapely import Polygon

from detection.detection import Box, Detection
from detection.frame import Frame
from evidence.sealing.derivation import Derived
from evidence.sealing.derive import derived_picture, picture_of

if TYPE_CHECKING:
    from PIL.Image import Image

# Cells along a region's longer side that are left of it, by what a detector calls it; other classes stay as they are.
CELLS: Final = {"face": 4, "person": 4, "plate": 4, "vehicle": 24}
COVER: Final = (96, 96, 96)
MUST_LOOK_FOR: Final = ("face", "person", "vehicle")


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """What is made unreadable.

    Attributes:
        kind: What it is: a class of :data:`CELLS`, or "by-hand".
        box: Where, pixels.
        cells: Cells along its longer side that are left of it.
        found_by: Who or what found it: a detector's weight by its digest, or a person.
    """

    kind: str
    box: Box
    cells: int
    found_by: str

    def __post_init__(self) -> None:
        if self.cells < 1 or not self.found_by:
            raise ValueError("a region keeps at least one cell and says who found it")

    def __str__(self) -> str:
        box = self.box
        edges = f"{box.left_px:.0f},{box.top_px:.0f},{box.right_px:.0f},{box.bottom_px:.0f}"
        return f"{self.kind} {edges} {self.cells} {self.found_by}"


def regions_of(detections: Iterable[Detection], *, margin: float = 0.15) -> tuple[Region, ...]:
    """Return what of some detections is to be made unreadable, each box grown by ``margin`` of its sides."""
    return tuple(
        Region(
            kind=detection.label,
            box=_grown(detection.box, margin),
            cells=CELLS[detection.label],
            found_by=f"weight {detection.weight_sha256[:16]} score {detection.score:.2f}",
        )
        for detection in detections
        if detection.label in CELLS
    )


def _grown(box: Box, margin: float) -> Box:
    wide, high = margin * (box.right_px - box.left_px), margin * (box.bottom_px - box.top_px)
    return Box(
        left_px=box.left_px - wide,
        top_px=box.top_px - high,
        right_px=box.right_px + wide,
        bottom_px=box.bottom_px + high,
    )


def redact_frame(
    frame: Frame,
    *,
    regions: Sequence[Region] = (),
    masks: Sequence[Polygon] = (),
    looked_by: Sequence[str] = (),
    looked_for: Sequence[str] = (),
    secret_there: NDArray[np.bool_] | None = None,
    secret: str = "",
) -> Derived:
    """Return the frame as a JPEG without what is in ``regions`` and ``masks``.

    Args:
        frame: The frame.
        regions: What becomes a mosaic.
        masks: What is covered, polygons in pixels (x right, y down), valid and not empty.
        looked_by: Detectors that looked at the whole frame, and may have found nothing.
        looked_for: The classes that they know; which of :data:`MUST_LOOK_FOR` are missing is written down.
        secret_there: (rows, columns) which pixels show secret ground; its rows may end before the frame's do.
        secret: What that ground is, for the record.

    Raises:
        ValueError: Nothing is to be redacted and nothing looked (hand out the plain copy then), or a mask is no valid
            polygon.
    """
    from PIL import ImageDraw

    if not regions and not masks and not looked_by:
        raise ValueError("a redacted copy redacts something, or was looked at for what there is to redact")
    if any(mask.is_empty or not mask.is_valid for mask in masks):
        raise ValueError("a mask is a valid polygon")
    picture = picture_of(frame)
    # The finer mosaics first: a coarse one over the same place then has the last word.
    for region in sorted(regions, key=lambda one: -one.cells):
        coarsen(picture, region)
    draw = ImageDraw.Draw(picture)
    for mask in masks:
        # A hole in a mask is covered too: what a secret place encloses is not for showing either.
        draw.polygon([(x, y) for x, y in mask.exterior.coords], fill=COVER)
    if secret_there is not None:
        cover_where(picture, secret_there)
    return derived_picture(
        frame,
        picture,
        "redact",
        "redacted",
        {
            **({"secret_ground": secret} if secret else {}),
            "looked_by": "; ".join(looked_by),
            "not_looked_for": ", ".join(kind for kind in MUST_LOOK_FOR if kind not in looked_for),
            "masks": "; ".join(mask.wkt for mask in masks),
            "regions": "; ".join(str(region) for region in regions),
        },
    )


def coarsen(picture: Image, region: Region) -> None:
    """Put a mosaic of the region's means in its place."""
    from PIL import Image

    box = region.box
    left, top = max(0, math.floor(box.left_px)), max(0, math.floor(box.top_px))
    right, bottom = min(picture.width, math.ceil(box.right_px)), min(picture.height, math.ceil(box.bottom_px))
    if left >= right or top >= bottom:
        return  # outside the picture
    wide, high = right - left, bottom - top
    cell = max(1, math.ceil(max(wide, high) / region.cells))
    grid = (max(1, wide // cell), max(1, high // cell))
    part = picture.crop((left, top, right, bottom)).resize(grid, Image.Resampling.BOX)
    picture.paste(part.resize((wide, high), Image.Resampling.NEAREST), (left, top))


def cover_where(picture: Image, where: NDArray[np.bool_]) -> None:
    """Cover the pixels of a picture that are marked; ``where`` may have fewer rows or columns than it."""
    from PIL import Image

    picture.paste(COVER, (0, 0, where.shape[1], where.shape[0]), Image.fromarray(where.astype(np.uint8) * 255))
