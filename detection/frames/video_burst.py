"""The frames right after one: what a detection does over the next second or two.

A chosen frame (:mod:`detection.frames.video_frames`) is one look. Whether smoke billows takes several looks at one
place within a second or so; they are decoded only where something was found that needs them. In each the detection's
box lies where the ground under it is seen from there: level ground at the height that the pose states; what is left of
the aircraft's movement, whoever compares the pictures takes out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.points import LocalPlane, to_plane
from core.refusal import Refusal
from detection.detection import Box
from detection.frame import Frame
from detection.frames.video_decoding import NotAVideoError, VideoCursor, decoding, timeline_zero_s
from detection.ground_scale import ground_offsets_m, height_above_ground_m
from flight.camera import project
from flight.track import Pose, Track, orientation_of, pose_at

BURST_FRAMES: Final = 8
BURST_STEP_S: Final = 0.4
_GAP_S: Final = 1.0
_INSIDE_PX: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BurstSource:
    """A video that frames are taken from again.

    Attributes:
        path: The file.
        track: Its poses.
        started_at: World time of its timeline's zero, aware UTC; None where its first frame is at the track's first
            pose.
    """

    path: Path
    track: Track
    started_at: datetime | None


def frames_after(
    source: BurstSource, first: Frame, *, count: int = BURST_FRAMES, step_s: float = BURST_STEP_S
) -> tuple[Frame, ...]:
    """Return a frame and those that the video shows after it, in order of time; fewer where it ends or is damaged.

    Args:
        source: The video that the frame is of.
        first: The frame.
        count: How many at most, itself included.
        step_s: Seconds between them.
    """
    frames = [first]
    try:
        with decoding(source.path, hardware=False) as how:
            zero_s = timeline_zero_s(how.container)
            start = how.stream.start_time
            first_s = 0.0 if start is None else float(start * (how.stream.time_base or 1)) - zero_s
            began = source.started_at or source.track.poses[0].captured_at - timedelta(seconds=first_s)
            cursor = VideoCursor(how, zero_s=zero_s)
            at_s = (first.captured_at - began).total_seconds()
            for number in range(1, count):
                image = cursor.at(at_s + number * step_s)
                if image is None:
                    break
                pose = pose_at(source.track, began + timedelta(seconds=cursor.time_s(image)), max_gap_s=_GAP_S)
                if isinstance(pose, Refusal) or pose.captured_at <= frames[-1].captured_at:
                    continue
                frames.append(
                    replace(
                        first,
                        index=first.index + number,  # names nothing: these frames are compared and let go
                        captured_at=pose.captured_at,
                        pixels=np.ascontiguousarray(image.to_ndarray(format="bgr24")),
                        pose=pose,
                    )
                )
    except NotAVideoError:
        return tuple(frames)
    return tuple(frames)


def boxes_over(frames: Sequence[Frame], box: Box) -> tuple[tuple[Frame, Box], ...]:
    """Return the frames that see the ground under a box of the first whole, each with the box as it lies there.

    Args:
        frames: Frames of one camera; the first is the one that the box is of.
        box: The detection's box.
    """
    first = frames[0]
    kept = [(first, box)]
    corners = np.array([[box.left_px, box.top_px], [box.right_px, box.bottom_px]])
    middle = corners.mean(axis=0, keepdims=True)
    for frame in frames[1:]:
        moved, scale = _moved(first, frame, middle)
        half = (corners[1] - corners[0]) / 2 * scale
        (left, top), (right, bottom) = moved[0] - half, moved[0] + half
        height, width = frame.pixels.shape[:2]
        inside = left >= -_INSIDE_PX and top >= -_INSIDE_PX
        if inside and right <= width + _INSIDE_PX and bottom <= height + _INSIDE_PX:
            there = Box(left_px=float(left), top_px=float(top), right_px=float(right), bottom_px=float(bottom))
            kept.append((frame, there))
    return tuple(kept)


def _moved(first: Frame, later: Frame, middle: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Return where the ground under a pixel is seen in a later frame, and how much larger; as it was without a pose."""
    here, there = _stand(first.pose), _stand(later.pose)
    one, other = orientation_of(first.pose), orientation_of(later.pose)
    camera, again = first.camera, later.camera
    if camera is None or again is None or one is None or other is None or here is None or there is None:
        return middle, 1.0
    if first.pose.position is None or later.pose.position is None:
        return middle, 1.0
    ground = ground_offsets_m(camera, one, here, middle)
    if not np.isfinite(ground).all():
        return middle, 1.0
    step = to_plane(
        LocalPlane(origin=first.pose.position), [[later.pose.position.lon_deg, later.pose.position.lat_deg]]
    )
    before = np.column_stack([ground, [[-here]]])
    after = np.column_stack([ground - step, [[-there]]])
    seen = project(again, other, after)
    if not np.isfinite(seen).all():
        return middle, 1.0
    return seen, float(np.linalg.norm(before) / np.linalg.norm(after))


def _stand(pose: Pose) -> float | None:
    return height_above_ground_m(pose)
