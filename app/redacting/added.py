"""What a person adds to what detectors find."""

from __future__ import annotations

from dataclasses import dataclass

from shapely import Polygon

from detection.detection import Box


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """What a person adds to a copy.

    Attributes:
        name: The copy's name, or "" for every picture.
        at_s: In a clip, when it shows the picture that the shape is drawn in, seconds.
        shape: A box that becomes unreadable, or a polygon that is covered; pixels.
    """

    name: str
    at_s: float
    shape: Box | Polygon
