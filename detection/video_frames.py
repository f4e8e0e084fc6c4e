"""Videos as frames: which instants are worth decoding, and their pixels with time and pose.

The instants are chosen from the track before anything is decoded (:mod:`detection.coverage`): a frame that sees little
ground that was not seen before is skipped. Only the chosen frames are turned into pixels; between distant ones the
decoder seeks to the key frame before the next. One frame is held at a time, so that memory does not grow with length.

The video's first frame is at ``started_at``; where that is None, at the track's first pose, which is how subtitle
telemetry is written (one record per frame from the first on). As with photos, a rotation that the container asks for
is not applied: geometry refers to the sensor.
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

from core.clock import in_utc, iso_utc
from core.points import LocalPlane
from core.refusal import Refusal
from core.text import _
from detection.coverage import Coverage, seen_cells
from detection.frame import Frame
from detection.ground_scale import height_above_ground_m
from detection.image_quality import measure_quality
from flight.camera import Camera
from flight.track import Pose, Track, pose_at

if TYPE_CHECKING:
    import av
    from av.container import InputContainer

SEEK_GAP_S: Final = 4.0  # decoding through is cheaper than seeking over shorter gaps (key frames are about 1 s apart)


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
        with _opened(path) as container:
            stream = container.streams.video[0]
            return stream.width, stream.height
    except _NoVideo as problem:
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
        started_at: The time of the first frame, aware; the track's first pose when None.
        choice: How frames are chosen.

    Yields:
        Frames; or refusals with code "not-a-video", "no-track", "camera-mismatch", "outside-track", "gap-in-track" or
        "damaged".
    """
    if not track.poses:
        yield _refused(path, "no-track", _("there is no telemetry for this video"))
        return
    start = in_utc(started_at) if started_at is not None else track.poses[0].captured_at
    try:
        with _opened(path) as container:
            stream = container.streams.video[0]
            size = (stream.width, stream.height)
            if camera is not None and size != (camera.width_px, camera.height_px):
                yield _refused(
                    path,
                    "camera-mismatch",
                    _("the video is {width}×{height} pixels, the camera {camera_width}×{camera_height}").format(
                        width=size[0], height=size[1], camera_width=camera.width_px, camera_height=camera.height_px
                    ),
                    _("Describe the camera at the size of its files."),
                )
                return
            asked = choice or FrameChoice()
            wanted = choose_instants(track, camera, start, _duration_s(container), asked)
            yield from _decode(
                path,
                container,
                wanted,
                sha256=sha256,
                track=track,
                camera=camera,
                blurred_below=asked.blurred_below,
            )
    except _NoVideo as problem:
        yield _refused(path, "not-a-video", str(problem), _("Copy it from the card again, or give a whole video."))


class _NoVideo(Exception):
    """The container cannot be opened or has no video."""


def _opened(path: Path) -> InputContainer:
    import av

    try:
        if path.stat().st_size == 0:
            raise _NoVideo(_("the file is empty"))
        container = av.open(str(path))
    except (OSError, av.FFmpegError) as problem:
        raise _NoVideo(
            _("the file is not a video that can be decoded ({problem})").format(problem=problem)
        ) from problem
    if not container.streams.video:
        container.close()
        raise _NoVideo(_("the file has no video stream"))
    container.streams.video[0].thread_type = "AUTO"
    return container


def _duration_s(container: InputContainer) -> float:
    """Return the stated length of the video in seconds (an upper bound when the file was cut short)."""
    stream = container.streams.video[0]
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    return (container.duration or 0) / 1_000_000


def _decode(
    path: Path,
    container: InputContainer,
    wanted: list[tuple[float, Pose] | Refusal],
    *,
    sha256: str,
    track: Track,
    camera: Camera | None,
    blurred_below: float,
) -> Iterator[Frame | Refusal]:
    """Yield the wanted frames, seeking over long gaps."""
    cursor = _Cursor(container)
    steady = _Steady(cursor, blurred_below)
    for want in wanted:
        if isinstance(want, Refusal):
            yield want
            continue
        at_s, pose = want
        image = steady.frame_at(at_s)
        if image is None:
            yield _refused(
                path,
                "damaged",
                _("no frame can be decoded at {time}").format(time=iso_utc(pose.captured_at)),
                _("The video ends early or is damaged there; copy it from the card again."),
            )
            continue
        late_s = cursor.time_s(image) - at_s
        if late_s > 1e-3:  # a sharper frame a moment later has a pose of its own
            later = pose_at(track, pose.captured_at + timedelta(seconds=late_s))
            pose = pose if isinstance(later, Refusal) else later
        yield Frame(
            original_sha256=sha256,
            original_name=path.name,
            index=cursor.number(image),
            captured_at=pose.captured_at,
            pixels=np.ascontiguousarray(image.to_ndarray(format="bgr24")),
            pose=pose,
            camera=camera,
        )


class _Steady:
    """Passes over blurred frames: when one is much less sharp than usual, the sharpest of the next few is taken."""

    TRIES: Final = 4
    MEMORY: Final = 15

    def __init__(self, cursor: _Cursor, blurred_below: float) -> None:
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


class _Cursor:
    """Walks a video forward to the frame nearest to each asked time."""

    def __init__(self, container: InputContainer) -> None:
        self._container = container
        self._stream = container.streams.video[0]
        self._rate = float(self._stream.average_rate or self._stream.guessed_rate or 30)
        origin = self._stream.start_time
        self._origin_s = float((origin or 0) * self._stream.time_base) if self._stream.time_base else 0.0
        self._frames: Iterator[av.VideoFrame] | None = None
        self._at_s = 0.0

    def at(self, at_s: float) -> av.VideoFrame | None:
        """Return the first frame at or after ``at_s`` less half a frame, or None when none can be decoded."""
        import av

        try:
            if self._frames is None or at_s - self._at_s > SEEK_GAP_S:
                offset = round((at_s + self._origin_s) / float(self._stream.time_base or 1))
                self._container.seek(max(offset, 0), stream=self._stream, backward=True)
                self._frames = self._container.decode(self._stream)
            for image in self._frames:
                self._at_s = self.time_s(image)
                if self._at_s >= at_s - 0.5 / self._rate:
                    return image
        except (av.FFmpegError, OSError):
            self._frames = None
        return None

    def next(self) -> av.VideoFrame | None:
        """Return the frame after the last one given, or None at the end or where nothing can be decoded."""
        import av

        try:
            image = next(self._frames, None) if self._frames is not None else None
        except (av.FFmpegError, OSError):
            self._frames = None
            return None
        if image is not None:
            self._at_s = self.time_s(image)
        return image

    def time_s(self, image: av.VideoFrame) -> float:
        """Return the time of a frame, seconds after the video's first."""
        return (image.time or 0.0) - self._origin_s

    def number(self, image: av.VideoFrame) -> int:
        """Return the frame's number in the video, from its time and the frame rate."""
        return max(0, round(self.time_s(image) * self._rate))


def _cell_m(pose: Pose, camera: Camera | None) -> float:
    """Return a cell side that is a twentieth of what the camera spans straight below, at least half a metre."""
    height_m = height_above_ground_m(pose)
    if height_m is None or camera is None:
        return 5.0
    return max(0.5, height_m * camera.width_px / camera.focal_px / 20)


def _refused(path: Path, code: str, reason: str, remedy: str = "") -> Refusal:
    return Refusal(subject=path.name, code=code, reason=reason, remedy=remedy)
