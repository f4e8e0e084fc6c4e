"""Frame record: which original a frame came from and where the camera was, without its pixels."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from core.clock import in_utc
from core.ids import derived_id
from detection.frame import Frame
from flight.camera import Camera
from flight.track import Pose

SCHEMA: Final = "skywarden/frames/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameRecord:
    """What a package keeps of a frame.

    Attributes:
        original_sha256: Digest of the original, hex.
        original_name: Its file name.
        index: 0 for a photo; the frame number for a video.
        captured_at: When, aware UTC.
        width_px, height_px: Image size.
        pose: Where the camera was; what is missing is missing.
        camera: The camera, or None when it is unknown.
    """

    original_sha256: str
    original_name: str
    index: int
    captured_at: datetime
    width_px: int
    height_px: int
    pose: Pose
    camera: Camera | None

    def __post_init__(self) -> None:
        object.__setattr__(self, "captured_at", in_utc(self.captured_at))
        if self.index < 0 or self.width_px < 1 or self.height_px < 1:
            raise ValueError("a frame has an index that is not negative and at least one pixel")

    @property
    def frame_id(self) -> str:
        """The frame's id, the same as :attr:`detection.frame.Frame.frame_id`."""
        return derived_id("frame", self.original_sha256, self.index)


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameRecords:
    """The frames that an incident's fixes were seen in, in order of time."""

    frames: tuple[FrameRecord, ...]


def record_frame(frame: Frame) -> FrameRecord:
    """Return what is kept of ``frame``."""
    height, width = frame.pixels.shape[:2]
    return FrameRecord(
        original_sha256=frame.original_sha256,
        original_name=frame.original_name,
        index=frame.index,
        captured_at=frame.captured_at,
        width_px=width,
        height_px=height,
        pose=frame.pose,
        camera=frame.camera,
    )
