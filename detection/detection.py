"""Detection: a box in pixels, and the Protocol of whatever finds them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from core.ids import derived_id
from detection.frame import Frame


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """An axis-parallel box in pixels of the original image, edges included, top-left origin."""

    left_px: float
    top_px: float
    right_px: float
    bottom_px: float

    def __post_init__(self) -> None:
        edges = (self.left_px, self.top_px, self.right_px, self.bottom_px)
        if not all(map(math.isfinite, edges)):
            raise ValueError("a box's edges are finite")
        if not (self.left_px < self.right_px and self.top_px < self.bottom_px):
            raise ValueError("a box has width and height")


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """One thing that a detector saw in one frame.

    Attributes:
        frame_id: The frame it was seen in.
        label: The class, by the name that the rules use ("vehicle").
        score: The detector's confidence, in [0, 1].
        box: Where in the image.
        weight_sha256: Digest of the weight that saw it, hex.
        remarks: What was measured of it besides, and on what that rests, as sentences ("83 ± 5 °C at its peak").
    """

    frame_id: str
    label: str
    score: float
    box: Box
    weight_sha256: str
    remarks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not (math.isfinite(self.score) and 0 <= self.score <= 1):
            raise ValueError("a score is in [0, 1]")

    @property
    def detection_id(self) -> str:
        """The detection's id, derived from its frame, class, box and weight."""
        box = self.box
        edges = (f"{edge:.2f}" for edge in (box.left_px, box.top_px, box.right_px, box.bottom_px))
        return derived_id("detection", self.frame_id, self.label, *edges, self.weight_sha256)


class Detector(Protocol):
    """Finds things in frames; drivers are ``detection.yolo`` and, for rehearsal, ``detection.scripted``."""

    @property
    def weight_sha256(self) -> str:
        """Digest of the weight in use, hex."""
        ...

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes it can find."""
        ...

    def detect(self, frames: Sequence[Frame]) -> list[list[Detection]]:
        """Return the detections of each frame, in the frames' order, best score first."""
        ...
