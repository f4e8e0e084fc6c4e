"""Which instants of a video are worth decoding, from its track alone.

A frame is worth it when it adds a look that a good share of its ground still lacks (:mod:`detection.seen_ground`):
from another direction, or from the same one a moment later. A hovering camera is looked at a few times, and again when
those looks are no longer fresh. Whether a look counts is said after the frame was seen: a blurred one does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from core.refusal import Refusal
from detection.ground_scale import height_above_ground_m
from detection.seen_ground import Enough, Look, SeenGround
from flight.camera import Camera
from flight.track import Pose, Track, pose_at


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameChoice:
    """How frames of a video are chosen.

    Attributes:
        views: How often each piece of ground should be seen.
        new_share: Share of a frame's ground that must still lack the look for the frame to be taken.
        look_s: Seconds between instants that are considered.
        coarsest_gsd_m: Ground seen with a larger GSD than this does not count as seen,
        far_gsd_m: unless no ground is in view as finely: then ground up to this GSD does. From high up there are no
            cars to be found, but smoke is.
        turned_deg: Two looks differ when the directions from the ground to the camera do by this much,
        moment_s: or when they are as far apart in time, seconds.
        fresh_s: A look counts up to this long, seconds; then the ground is looked at anew.
        blind_every_s: Seconds between frames where the pose or camera does not tell which ground is seen.
        max_gap_s: The longest gap of the track that may be bridged, seconds.
        blurred_below: A frame less sharp than this share of the usual is blurred; the sharpest of the next frames is
            taken instead. Zero takes every frame as it is.
        key_gap_s: Where key frames are never farther apart than this, only they are considered: they are decoded by
            themselves, all others only with every frame since the last key frame. Zero considers all frames alike.
    """

    views: int = 2
    new_share: float = 0.25
    look_s: float = 0.2
    coarsest_gsd_m: float = 0.15
    far_gsd_m: float = 0.6
    turned_deg: float = 4.0
    moment_s: float = 2.0
    fresh_s: float = 120.0
    blind_every_s: float = 1.0
    max_gap_s: float = 1.0
    blurred_below: float = 0.5
    key_gap_s: float = 1.25

    def __post_init__(self) -> None:
        if self.views < 1 or not 0 < self.new_share <= 1 or not 0 <= self.turned_deg < 180:
            raise ValueError("ground is seen at least once, a share is in (0, 1], and a turn in [0, 180) degrees")
        spans = (self.look_s, self.coarsest_gsd_m, self.moment_s, self.fresh_s, self.blind_every_s, self.max_gap_s)
        if not all(span > 0 for span in spans):
            raise ValueError("times and the coarsest GSD of a frame choice are positive")
        if self.far_gsd_m < self.coarsest_gsd_m:
            raise ValueError("far ground is seen more coarsely than near ground")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Instant:
    """An instant worth decoding.

    Attributes:
        after_s: Seconds after the start.
        pose: The pose then.
        look: What is counted when the frame is seen clearly; None where the ground in view is unknown.
    """

    after_s: float
    pose: Pose
    look: Look | None

    def counts(self) -> None:
        """Count the look: the frame showed its ground."""
        if self.look is not None:
            self.look.note()


class InstantChooser:
    """Walks along a track and says which instants are worth decoding.

    Args:
        track: Timed poses.
        camera: The camera at the video's size, or None.
        start: World time from which seconds count, aware.
        choice: How frames are chosen.
    """

    def __init__(self, track: Track, camera: Camera | None, start: datetime, choice: FrameChoice) -> None:
        self._track, self._camera, self._start, self._choice = track, camera, start, choice
        self._seen: dict[float, SeenGround] = {}
        self._last_blind_s = -choice.blind_every_s
        self._dark: str | None = None

    def asks_for(self, at_s: float, *, last: bool = False) -> Instant | Refusal | None:
        """Return the instant if it is worth decoding, None if not; or the refusal where a stretch without poses begins.

        Args:
            at_s: Seconds after the start; never less than before.
            last: Whether it is the last one; there the track may have ended before the video.
        """
        choice = self._choice
        pose = pose_at(self._track, self._start + timedelta(seconds=at_s), max_gap_s=choice.max_gap_s)
        if isinstance(pose, Refusal):
            if last and pose.code == "outside-track":
                return None
            told, self._dark = pose.code == self._dark, pose.code
            return None if told else pose
        self._dark = None
        look = self._look(pose)
        if look is None:
            if at_s - self._last_blind_s < choice.blind_every_s - 1e-9:
                return None
            self._last_blind_s = at_s
        elif look.gain < choice.new_share:
            return None
        return Instant(after_s=at_s, pose=pose, look=look)

    def _look(self, pose: Pose) -> Look | None:
        if pose.position is None:
            return None
        choice = self._choice
        near = self._seen_to(choice.coarsest_gsd_m, pose).look(pose, self._camera, pose.captured_at)
        if near is None or near.shows_ground:
            return near
        return self._seen_to(choice.far_gsd_m, pose).look(pose, self._camera, pose.captured_at)

    def _seen_to(self, gsd_m: float, pose: Pose) -> SeenGround:
        """Return the looks at ground of up to this GSD; looks at finer ground count alike."""
        if gsd_m not in self._seen:
            choice = self._choice
            enough = Enough(
                views=choice.views,
                found_views=choice.views,
                turned_deg=choice.turned_deg,
                moment_s=choice.moment_s,
                fresh_s=choice.fresh_s,
                margin_m=0.0,
            )
            cell_m = _cell_m(pose, self._camera)
            self._seen[gsd_m] = SeenGround(enough, cell_m=cell_m, coarsest_gsd_m=gsd_m, finest_gsd_m=gsd_m)
        return self._seen[gsd_m]


def choose_instants(
    track: Track, camera: Camera | None, start: datetime, duration_s: float, choice: FrameChoice
) -> list[tuple[float, Pose] | Refusal]:
    """Return the instants to decode if all frames are sharp, as seconds from ``start`` with their pose, in order.

    Stretches without a pose give one refusal each, where they begin.
    """
    chooser = InstantChooser(track, camera, start, choice)
    chosen: list[tuple[float, Pose] | Refusal] = []
    for at_s, last in considered(duration_s, choice):
        asked = chooser.asks_for(at_s, last=last)
        if isinstance(asked, Refusal):
            chosen.append(asked)
        elif asked is not None:
            asked.counts()
            chosen.append((asked.after_s, asked.pose))
    return chosen


def considered(duration_s: float, choice: FrameChoice) -> list[tuple[float, bool]]:
    """Return the instants that are considered, seconds, and of each whether the video ends with it.

    The stated length runs to the end of the last frame, the track to its beginning.
    """
    steps = int(duration_s / choice.look_s) + 1
    return [(step * choice.look_s, step * choice.look_s > duration_s - choice.look_s) for step in range(steps)]


def _cell_m(pose: Pose, camera: Camera | None) -> float:
    """Return a cell side that is a twentieth of what the camera spans straight below, at least half a metre."""
    height_m = height_above_ground_m(pose)
    if height_m is None or camera is None:
        return 5.0
    return max(0.5, height_m * camera.width_px / camera.focal_px / 20)
