"""Videos as frames: which instants are worth decoding, and their pixels with time and pose.

The instants are chosen from the track before anything is decoded (:mod:`detection.coverage`): a frame that sees little
ground that was not seen before is skipped. Only the chosen frames are turned into pixels; between distant ones the
decoder seeks to the key frame before the next. One frame is held at a time, so that memory does not grow with length.

The zero of the video's timeline is at ``started_at``; where that is None, the first frame is at the track's first pose,
which is how subtitle telemetry is written (one record per frame from the first on). Each frame has the time that the
container gives it (variable rates, dropped frames and edit lists included) and the pose of that time. As with photos,
a rotation that the container asks for is not applied: geometry refers to the sensor.
"""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from core.clock import in_utc, iso_utc
from core.points import LocalPlane
from core.refusal import Refusal
from core.text import _
from detection.coverage import Coverage, seen_cells
from detection.frame import Frame
from detection.frames.image_quality import measure_quality
from detection.frames.video_decoding import Decoding, NotAVideoError, VideoCursor, decoding, timeline_zero_s
from detection.ground_scale import height_above_ground_m
from flight.camera import Camera
from flight.telemetry.container import read_frame_times
from flight.track import Pose, Track, pose_at

if TYPE_CHECKING:
    import av


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameChoice:
    """How frames of a video are chosen.

    Attributes:
        views: How often each piece of ground should be seen.
        new_share: Share of a frame's ground that must still lack views for the frame to be taken.
        look_s: Seconds between instants that are considered.
        coarsest_gsd_m: Ground seen with a larger GSD than this does not count as seen.
        blind_every_s: Seconds between frames where the pose or camera does not tell which ground is seen.
        max_gap_s: The longest gap of the track that may be bridged, seconds.
        blurred_below: A frame less sharp than this share of the usual is blurred; the sharpest of the next frames is
            taken instead. Zero takes every frame as it is.
    """

    views: int = 2
    new_share: float = 0.25
    look_s: float = 0.2
    coarsest_gsd_m: float = 0.15
    blind_every_s: float = 1.0
    max_gap_s: float = 1.0
    blurred_below: float = 0.5

    def __post_init__(self) -> None:
        if self.views < 1 or not 0 < self.new_share <= 1:
            raise ValueError("ground is seen at least once, and a share is in (0, 1]")
        if not all(span > 0 for span in (self.look_s, self.coarsest_gsd_m, self.blind_every_s, self.max_gap_s)):
            raise ValueError("times and the coarsest GSD of a frame choice are positive")


def choose_instants(
    track: Track, camera: Camera | None, start: datetime, duration_s: float, choice: FrameChoice
) -> list[tuple[float, Pose] | Refusal]:
    """Return the instants to decode, as seconds from ``start`` with their pose, in order of time.

    Stretches without a pose give one refusal each, where they begin.
    """
    chosen: list[tuple[float, Pose] | Refusal] = []
    coverage: Coverage | None = None
    last_blind_s = -choice.blind_every_s
    dark: str | None = None
    for step in range(int(duration_s / choice.look_s) + 1):
        at_s = step * choice.look_s
        pose = pose_at(track, start + timedelta(seconds=at_s), max_gap_s=choice.max_gap_s)
        if isinstance(pose, Refusal):
            if pose.code == "outside-track" and at_s > duration_s - choice.look_s:
                break  # the stated length runs to the end of the last frame, the track to its beginning
            if pose.code != dark:
                chosen.append(pose)
            dark = pose.code
            continue
        dark = None
        if coverage is None and pose.position is not None:
            coverage = Coverage(plane=LocalPlane(origin=pose.position), cell_m=_cell_m(pose, camera))
        cells = None
        if coverage is not None and camera is not None:
            cells = seen_cells(
                pose, camera, coverage.plane, cell_m=coverage.cell_m, coarsest_gsd_m=choice.coarsest_gsd_m
            )
        if coverage is None or cells is None:
            if at_s - last_blind_s >= choice.blind_every_s - 1e-9:
                chosen.append((at_s, pose))
                last_blind_s = at_s
        elif coverage.wanting(cells, choice.views) >= choice.new_share:
            coverage.add(cells)
            chosen.append((at_s, pose))
    return chosen


def video_size(path: Path) -> tuple[int, int] | Refusal:
    """Return a video's width and height in pixels as stored, or the refusal that :func:`frames_of_video` would give."""
    try:
        with decoding(path, hardware=False) as how:
            return how.stream.width, how.stream.height
    except NotAVideoError as problem:
        return _refused(path, "not-a-video", str(problem))


def frames_of_video(
    path: Path,
    *,
    sha256: str,
    track: Track,
    camera: Camera | None,
    started_at: datetime | None = None,
    choice: FrameChoice | None = None,
) -> Iterator[Frame | Refusal]:
    """Yield the frames of a video that are worth looking at, in order of time, and refusals for what gave none.

    Args:
        path: The video file.
        sha256: Its digest when it was taken in, hex.
        track: Timed poses that cover the video.
        camera: The camera at the video's size, or None.
        started_at: World time of the zero of the video's timeline, aware; when None, the first frame is taken to be at
            the track's first pose.
        choice: How frames are chosen.

    Yields:
        Frames; or refusals with code "not-a-video", "no-track", "camera-mismatch", "no-frames", "outside-track",
        "gap-in-track", "damaged" or "cut-short".
    """
    if not track.poses:
        yield _refused(path, "no-track", _("there is no telemetry for this video"))
        return
    asked = choice or FrameChoice()
    try:
        with decoding(path) as how:
            refusal = _other_size(path, how, camera)
            if refusal is not None:
                yield refusal
                return
            shown = read_frame_times(path)
            if isinstance(shown, Refusal):
                yield shown
                return
            zero_s = timeline_zero_s(how.container)
            times_s = shown.times_s - zero_s
            first_s = float(times_s[0])
            began = track.poses[0].captured_at - timedelta(seconds=first_s)
            video = _Video(
                path=path,
                sha256=sha256,
                track=track,
                camera=camera,
                zero=in_utc(started_at) if started_at is not None else began,
                times_s=times_s,
                choice=asked,
            )
            length_s = float(times_s[-1]) - first_s + shown.interval_s
            wanted = choose_instants(track, camera, video.zero + timedelta(seconds=first_s), length_s, asked)
            yield from _decode(video, VideoCursor(how, zero_s=zero_s), wanted, first_s=first_s)
            if shown.lost_s:
                reason = _("the last {lost:.1f} s that its header promises are missing")
                yield _refused(path, "cut-short", reason.format(lost=shown.lost_s), _("Copy it from the card again."))
    except NotAVideoError as problem:
        yield _refused(path, "not-a-video", str(problem), _("Copy it from the card again, or give a whole video."))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Video:
    """What the frames of one video have in common.

    Attributes:
        path, sha256, track, camera, choice: As for :func:`frames_of_video`.
        zero: World time of the timeline's zero.
        times_s: (n,) times of all frames on the timeline, rising.
    """

    path: Path
    sha256: str
    track: Track
    camera: Camera | None
    zero: datetime
    times_s: NDArray[np.float64]
    choice: FrameChoice

    def number(self, time_s: float) -> int:
        """Return which frame of the video is shown at a time, counted from zero."""
        return int(np.abs(self.times_s - time_s).argmin())


def _other_size(path: Path, how: Decoding, camera: Camera | None) -> Refusal | None:
    """Return the refusal of a camera that is described at another size than the video's."""
    size = (how.stream.width, how.stream.height)
    if camera is None or size == (camera.width_px, camera.height_px):
        return None
    return _refused(
        path,
        "camera-mismatch",
        _("the video is {width}×{height} pixels, the camera {camera_width}×{camera_height}").format(
            width=size[0], height=size[1], camera_width=camera.width_px, camera_height=camera.height_px
        ),
        _("Describe the camera at the size of its files."),
    )


def _decode(
    video: _Video, cursor: VideoCursor, wanted: list[tuple[float, Pose] | Refusal], *, first_s: float
) -> Iterator[Frame | Refusal]:
    """Yield the wanted frames, seeking over long gaps; each has the pose of its own time."""
    steady = _Steady(cursor, video.choice.blurred_below)
    for want in wanted:
        if isinstance(want, Refusal):
            yield want
            continue
        after_first_s, pose = want
        image = steady.frame_at(first_s + after_first_s)
        if image is None:
            yield _refused(
                video.path,
                "damaged",
                _("no frame can be decoded at {time}").format(time=iso_utc(pose.captured_at)),
                _("The video ends early or is damaged there; copy it from the card again."),
            )
            continue
        shown_s = cursor.time_s(image)
        if abs(shown_s - first_s - after_first_s) > 1e-4:  # the frame nearest in time has a pose of its own
            own = pose_at(video.track, video.zero + timedelta(seconds=shown_s), max_gap_s=video.choice.max_gap_s)
            pose = pose if isinstance(own, Refusal) else own
        yield Frame(
            original_sha256=video.sha256,
            original_name=video.path.name,
            index=video.number(shown_s),
            captured_at=pose.captured_at,
            pixels=np.ascontiguousarray(image.to_ndarray(format="bgr24")),
            pose=pose,
            camera=video.camera,
        )
    if cursor.dropped:
        yield _refused(
            video.path,
            "damaged",
            _("{count} frames are damaged or refer to damaged ones; they were left out").format(count=cursor.dropped),
            _("Copy the video from the card again."),
        )


class _Steady:
    """Passes over blurred frames: when one is much less sharp than usual, the sharpest of the next few is taken."""

    TRIES: Final = 4
    MEMORY: Final = 15

    def __init__(self, cursor: VideoCursor, blurred_below: float) -> None:
        self._cursor = cursor
        self._below = blurred_below
        self._usual: deque[float] = deque(maxlen=self.MEMORY)

    def frame_at(self, at_s: float) -> av.VideoFrame | None:
        """Return the frame at ``at_s``, or a sharper one just after it, or None when none can be decoded."""
        image = self._cursor.at(at_s)
        if image is None or self._below == 0:
            return image
        best, best_sharpness = image, self._sharpness(image)
        for _try in range(self.TRIES):
            if len(self._usual) < 3 or best_sharpness >= self._below * statistics.median(self._usual):
                break
            following = self._cursor.next()
            if following is None:
                break
            sharpness = self._sharpness(following)
            if sharpness > best_sharpness:
                best, best_sharpness = following, sharpness
        self._usual.append(best_sharpness)
        return best

    @staticmethod
    def _sharpness(image: av.VideoFrame) -> float:
        return measure_quality(np.ascontiguousarray(image.to_ndarray(format="bgr24"))).sharpness


def _cell_m(pose: Pose, camera: Camera | None) -> float:
    """Return a cell side that is a twentieth of what the camera spans straight below, at least half a metre."""
    height_m = height_above_ground_m(pose)
    if height_m is None or camera is None:
        return 5.0
    return max(0.5, height_m * camera.width_px / camera.focal_px / 20)


def _refused(path: Path, code: str, reason: str, remedy: str = "") -> Refusal:
    return Refusal(subject=path.name, code=code, reason=reason, remedy=remedy)
