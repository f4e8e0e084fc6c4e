"""Network: a loaded weight that turns canvases into raw boxes, whatever runs it."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class DeviceMemoryShort(Exception):
    """The device has no memory for this batch; a smaller one may fit."""


class Network(Protocol):
    """A weight on a device; its drivers are the other modules of ``detection.networks``."""

    @property
    def classes(self) -> tuple[str, ...]:
        """The weight's own class names, by class number."""
        ...

    @property
    def runtime(self) -> str:
        """What runs it, for reports ("torch 2.13 cpu")."""
        ...

    def run(self, canvases: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return what the weight says of a batch.

        Args:
            canvases: (batch, height, width, 3) uint8 BGR; height and width are multiples of 32.

        Returns:
            (batch, 4 + classes, anchors): centre x, centre y, width, height in canvas pixels, then a score per class.

        Raises:
            DeviceMemoryShort: The device has no memory for the batch.
        """
        ...

    def to_cpu(self) -> bool:
        """Move to the CPU; False when it is there already."""
        ...


def rows_of(raw: NDArray[np.float32], floors: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Return for each canvas (n, 6) rows of left, top, right, bottom, score, class number, from the classes' floors on.

    Each anchor speaks for its best class only. Weights that end in their own selection, (batch, anchors, 6) with
    corners, score and class (YOLOv10, YOLO26), are understood too.

    Args:
        raw: What :meth:`Network.run` returned.
        floors: (classes,) least score of each class; infinite for classes that are not reported.
    """
    if raw.shape[1] != 4 + len(floors) and raw.shape[2] == 6:
        selected = [np.asarray(canvas, dtype=np.float64) for canvas in raw]
        return [rows[rows[:, 4] >= floors[rows[:, 5].astype(np.int64)]] for rows in selected]
    rows = []
    for canvas in raw:
        scores = canvas[4:]
        likely = np.flatnonzero((scores >= floors[:, None]).any(axis=0))
        reportable = np.where(np.isfinite(floors)[:, None], scores[:, likely], -1.0)
        number = reportable.argmax(axis=0)
        score = reportable.max(axis=0).astype(np.float64)
        centre, half = canvas[:2, likely].T.astype(np.float64), canvas[2:4, likely].T.astype(np.float64) / 2
        boxes = np.concatenate([centre - half, centre + half], axis=1)
        found = np.concatenate([boxes, score[:, None], number[:, None]], axis=1)
        rows.append(found[score >= floors[number]])
    return rows
