"""Videos as frames: which instants are worth decoding, and their pixels with time and pose.

The instants are chosen from the track (:mod:`detection.frames.frame_choice`): a frame that sees little ground that was
not seen often enough before is skipped, and a blurred one does not count as having seen any. Only the chosen frames are
turned into pixels; between distant ones the decoder seeks to the key frame before the next. One frame is held at a
time, so that memory does not grow with length.

The zero of the video's timeline is at ``started_at``; where that is None, the first frame is at the track's first pose,
which is how subtitle telemetry is written (one record per frame from the first on). Each frame has the time that the
container gives it (variable rates, dropped frames and edit lists included) and the pose of that time. As with photos,
a rotation that the container asks for is not applied: geometry refers to the sensor.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from core.clock import in_utc, iso_utc
from core.refusal import Refusal
from core.text import _
from detection.frame import Frame
from detection.frames.frame_choice import FrameChoice, InstantChooser, considered
from detection.frames.image_quality import ImageQuality, measure_quality
from detection.frames.video_decoding import Decoding, NotAVideoError, VideoCursor, decoding, timeline_zero_s
from detection.seen_ground import UsualSharpness
from flight.camera import Camera
from flight.telemetry.container import FrameTimes, read_frame_times
from flight.track import Pose, Track, pose_at

TRIES: Final = 4  # frames after a blurred one that are tried instead
_BRIGHTNESS_FIRST: Final = frozenset({"yuv420p", "yuvj420p", "nv12"})  # formats whose first plane is it, in bytes
_WHOLE_RANGE: Final = 2  # AVCOL_RANGE_JPEG

if TYPE_CHECKING:
    import av


def video_size(path: Path) -> tuple[int, int] | Refusal:
    """Return a video's width and height in pixels as stored, or the refusal that :func:`frames_of_video` would give."""
    try:
        with decoding(path, hardware=False) as how:
            return how.stream.width, how.stream.height
    except NotAVideoError as problem:
        return _no_video(path, problem)


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
            video = _opened(
                how,
                path,
                sha256=sha256,
                track=track,
                camera=camera,
                started_at=started_at,
                key_gap_s=asked.key_gap_s,
            )
            if isinstance(video, Refusal):
                yield video
                return
            yield from _decode(video, asked)
            if video.lost_s:
                reason = _("the last {lost:.1f} s that its header promises are missing")
                yield _refused(path, "cut-short", reason.format(lost=video.lost_s), _("Copy it from the card again."))
    except NotAVideoError as problem:
        yield _no_video(path, problem)


def frames_at(
    path: Path,
    instants: Sequence[datetime],
    *,
    sha256: str,
    track: Track,
    camera: Camera | None,
    started_at: datetime | None = None,
    max_gap_s: float = 1.0,
    key_gap_s: float = 0.0,
) -> Iterator[Frame]:
    """Yield the frames that a video shows at the given instants, in order of time, each frame once.

    An instant that the video or the track does not cover, or where nothing can be decoded, gives no frame: these are
    frames beside those that :func:`frames_of_video` gives, and what is wrong with the video is refused there.

    Args:
        path: The video file.
        instants: World times, aware.
        sha256: Its digest when it was taken in, hex.
        track: Timed poses that cover the video.
        camera: The camera at the video's size, or None.
        started_at: World time of the zero of the video's timeline, as for :func:`frames_of_video`.
        max_gap_s: The longest gap of the track that may be bridged, seconds.
        key_gap_s: Where key frames are never farther apart than this, the nearest of them are given instead.
    """
    if not track.poses or not instants:
        return
    try:
        with decoding(path) as how:
            video = _opened(
                how,
                path,
                sha256=sha256,
                track=track,
                camera=camera,
                started_at=started_at,
                key_gap_s=key_gap_s,
            )
            if isinstance(video, Refusal):
                return
            given = -1
            for instant in sorted(instants):
                at_s = (in_utc(instant) - video.zero).total_seconds()
                if video.keys_only:
                    at_s = float(video.keys_s[np.abs(video.keys_s - at_s).argmin()])
                if not video.times_s[0] - video.interval_s < at_s < video.times_s[-1] + video.interval_s:
                    continue
                if video.number(at_s) <= given:
                    continue
                image = video.cursor.at(at_s)
                if image is None:
                    continue
                shown_s = video.cursor.time_s(image)
                pose = pose_at(track, video.zero + timedelta(seconds=shown_s), max_gap_s=max_gap_s)
                if not isinstance(pose, Refusal) and video.number(shown_s) > given:
                    given = video.number(shown_s)
                    yield video.frame(image, shown_s, pose)
    except NotAVideoError:
        return


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Video:
    """An open video and what its frames have in common.

    Attributes:
        path, sha256, track, camera: As for :func:`frames_of_video`.
        cursor: Walks through it.
        zero: World time of the timeline's zero.
        times_s: (n,) times of all frames on the timeline, rising.
        interval_s: Usual time between two frames.
        lost_s: Seconds that the header promises and the file does not hold.
        keys_s: (k,) times of the key frames on the timeline, rising.
        keys_only: Whether the cursor gives key frames only.
    """

    path: Path
    sha256: str
    track: Track
    camera: Camera | None
    cursor: VideoCursor
    zero: datetime
    times_s: NDArray[np.float64]
    interval_s: float
    lost_s: float
    keys_s: NDArray[np.float64]
    keys_only: bool = False

    def number(self, time_s: float) -> int:
        """Return which frame of the video is shown at a time, counted from zero."""
        right = int(np.searchsorted(self.times_s, time_s))
        near = [place for place in (right - 1, right) if 0 <= place < len(self.times_s)]
        return min(near, key=lambda place: abs(float(self.times_s[place]) - time_s))

    def has_keys_every(self, gap_s: float) -> bool:
        """Return whether there are several key frames, never farther apart, from the first frame to the last.

        One alone would show a short video at one instant, in which nothing can be seen to move or to stand.
        """
        if gap_s <= 0 or len(self.keys_s) < 2:
            return False
        ends = np.concatenate([self.times_s[:1], self.keys_s, self.times_s[-1:]])
        return bool(np.diff(ends).max() <= gap_s + 1e-6)

    def frame(self, image: av.VideoFrame, shown_s: float, pose: Pose, quality: ImageQuality | None = None) -> Frame:
        """Return a decoded picture as a frame."""
        pixels = _pixels(image)
        return Frame(
            original_sha256=self.sha256,
            original_name=self.path.name,
            index=self.number(shown_s),
            captured_at=pose.captured_at,
            pixels=pixels,
            pose=pose,
            camera=self.camera,
            quality=quality or _quality(image),
        )


def _opened(
    how: Decoding,
    path: Path,
    *,
    sha256: str,
    track: Track,
    camera: Camera | None,
    started_at: datetime | None,
    key_gap_s: float,
) -> _Video | Refusal:
    """Return an open video; its cursor gives key frames only where they are never farther apart than ``key_gap_s``."""
    refusal = _other_size(path, how, camera)
    if refusal is not None:
        return refusal
    known = path.stat()
    shown = _times_of(path, known.st_size, known.st_mtime_ns)
    if isinstance(shown, Refusal):
        return shown
    zero_s = timeline_zero_s(how.container)
    times_s = shown.times_s - zero_s
    began = track.poses[0].captured_at - timedelta(seconds=float(times_s[0]))
    video = _Video(
        path=path,
        sha256=sha256,
        track=track,
        camera=camera,
        cursor=VideoCursor(how, zero_s=zero_s),
        zero=in_utc(started_at) if started_at is not None else began,
        times_s=times_s,
        interval_s=shown.interval_s,
        lost_s=shown.lost_s,
        keys_s=shown.keys_s - zero_s,
    )
    if not video.has_keys_every(key_gap_s):
        return video
    return replace(video, cursor=VideoCursor(how, zero_s=zero_s, keys_only=True), keys_only=True)


@lru_cache(maxsize=4)
def _times_of(path: Path, _size: int, _written_ns: int) -> FrameTimes | Refusal:
    """Return when a video's frames are shown; reading it takes all of the file, and a run asks several times."""
    return read_frame_times(path)


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


def _decode(video: _Video, choice: FrameChoice) -> Iterator[Frame | Refusal]:
    """Yield the frames worth looking at, seeking over long gaps; each has the pose of its own time."""
    steady = _Steady(video.cursor, choice.blurred_below, tries=0 if video.keys_only else TRIES)
    first_s = float(video.times_s[0])
    chooser = InstantChooser(video.track, video.camera, video.zero + timedelta(seconds=first_s), choice)
    length_s = float(video.times_s[-1]) - first_s + video.interval_s
    given = -1
    steps = considered(length_s, choice)
    if video.keys_only:
        steps = [(float(key_s) - first_s, False) for key_s in video.keys_s]
    for at_s, last in steps:
        want = chooser.asks_for(at_s, last=last)
        if want is None:
            continue
        if isinstance(want, Refusal):
            yield want
            continue
        image, quality, is_sharp = steady.frame_at(first_s + at_s)
        if image is None or quality is None:
            want.counts()  # asked for once: what is damaged stays damaged
            yield _refused(
                video.path,
                "damaged",
                _("no frame can be decoded at {time}").format(time=iso_utc(want.pose.captured_at)),
                _("The video ends early or is damaged there; copy it from the card again."),
            )
            continue
        shown_s, pose = video.cursor.time_s(image), want.pose
        if abs(shown_s - first_s - at_s) > 1e-4:  # the frame nearest in time has a pose of its own
            own = pose_at(video.track, video.zero + timedelta(seconds=shown_s), max_gap_s=choice.max_gap_s)
            pose = pose if isinstance(own, Refusal) else own
        if video.number(shown_s) <= given:
            continue
        given = video.number(shown_s)
        if is_sharp and quality.is_exposed:
            want.counts()
        yield video.frame(image, shown_s, pose, quality)
    if video.cursor.dropped:
        yield _refused(
            video.path,
            "damaged",
            _("{count} frames are damaged or refer to damaged ones; they were left out").format(
                count=video.cursor.dropped
            ),
            _("Copy the video from the card again."),
        )


class _Steady:
    """Passes over blurred frames: when one is much less sharp than usual, the sharpest of the next few is taken."""

    def __init__(self, cursor: VideoCursor, blurred_below: float, *, tries: int) -> None:
        self._cursor, self._tries = cursor, tries
        self._usual = UsualSharpness(blurred_below=blurred_below)

    def frame_at(self, at_s: float) -> tuple[av.VideoFrame | None, ImageQuality | None, bool]:
        """Return the frame at ``at_s``, or a sharper one just after it, how good it is, and whether it is sharp.

        There is none when none can be decoded.
        """
        image = self._cursor.at(at_s)
        if image is None:
            return None, None, False
        best, quality = image, _quality(image)
        for _try in range(self._tries):
            if not self._usual.is_blurred(quality.sharpness):
                break
            following = self._cursor.next()
            if following is None:
                break
            other = _quality(following)
            if other.sharpness > quality.sharpness:
                best, quality = following, other
        is_sharp = not self._usual.is_blurred(quality.sharpness)
        self._usual.note(quality.sharpness)
        return best, quality, is_sharp


def _quality(image: av.VideoFrame) -> ImageQuality:
    """Return how good a picture is, from its brightness as it was decoded: no colours are made for measuring.

    What spans 16 to 235 ("limited range") is measured as it is, and its numbers are brought to the whole range.
    """
    if image.format.name not in _BRIGHTNESS_FIRST:
        return measure_quality(np.asarray(image.to_ndarray(format="gray"), dtype=np.uint8))
    plane = image.planes[0]
    stored = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width]
    return measure_quality(stored, limited=image.color_range != _WHOLE_RANGE and image.format.name != "yuvj420p")


def _pixels(image: av.VideoFrame) -> NDArray[np.uint8]:
    return np.ascontiguousarray(image.to_ndarray(format="bgr24"), dtype=np.uint8)


def _no_video(path: Path, problem: NotAVideoError) -> Refusal:
    """Return why a file is no video: what its container says of itself, where that tells more than the decoder."""
    told = read_frame_times(path)
    if isinstance(told, Refusal):
        return told
    remedy = _("Copy it from the card again, or give a whole video.")
    return _refused(path, "not-a-video", str(problem), remedy)


def _refused(path: Path, code: str, reason: str, remedy: str = "") -> Refusal:
    return Refusal(subject=path.name, code=code, reason=reason, remedy=remedy)
