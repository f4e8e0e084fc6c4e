"""Frame: one image with its time and pose."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from core.clock import in_utc
from core.ids import derived_id
from detection.frames.image_quality import ImageQuality
from flight.camera import Camera
from flight.track import Pose


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Frame:
    """One image of an original, with what is known of it.

    Attributes:
        original_sha256: Digest of the original file it comes from, hex.
        original_name: The file's name, for people.
        index: 0 for a photo; the frame number for a video.
        captured_at: When, aware UTC.
        pixels: (height, width, 3) uint8, BGR as OpenCV has it. Never written to.
        pose: Where the camera was; fields may be missing.
        camera: The camera at this image size, or None when it is unknown.
        quality: How sharp and how exposed the image was measured to be; None where nobody measured it.
    """

    original_sha256: str
    original_name: str
    index: int = 0
    captured_at: datetime
    pixels: NDArray[np.uint8] = field(repr=False)
    pose: Pose
    camera: Camera | None
    quality: ImageQuality | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "captured_at", in_utc(self.captured_at))
        if self.pixels.ndim != 3 or self.pixels.shape[2] != 3 or self.pixels.dtype != np.uint8:
            raise ValueError("a frame's pixels are (height, width, 3) uint8")
        if self.camera is not None and (self.camera.height_px, self.camera.width_px) != self.pixels.shape[:2]:
            raise ValueError("a frame's camera has the size of its pixels")

    @property
    def frame_id(self) -> str:
        """The frame's id, derived from its original and index."""
        return derived_id("frame", self.original_sha256, self.index)
