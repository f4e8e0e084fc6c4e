"""Looks at smoke and fire for longer than a frame: does it live, and which ground does it cover?

In a video the frames after the one that raised the alarm are decoded too; photos are compared with the others of their
burst. What keeps as still as the ground around it is no alarm (:func:`still_alarms`); it is listed with its numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from typing import Final

from app.journal import InputFindings
from core.points import distance_m
from core.text import _
from detection.frame import Frame
from detection.frames.video_burst import BurstSource, boxes_over, frames_after
from detection.plumes import ALIVE_RATIO, BURNING, LEAST_FRAMES, PlumeLife, PlumeMotion, watch_plume
from detection.smoke_area import AREA_SIGMA, cut_smoke
from geofence.attributing.extent_on_ground import lay_outline
from geofence.fix import Fix
from geofence.gather import gather
from geofence.locating.ground import Ground
from geofence.sighting import Sighting

SMOKE: Final = frozenset({"smoke"})
BURST_GAP_S: Final = 4.0  # photos farther apart than this are no burst
BURST_REACH_M: Final = 3.0  # between two photos of a burst the camera stays; else the view itself changes

OpenFrames = Callable[[Collection[str]], Mapping[str, Frame]]


@dataclass(frozen=True, slots=True, kw_only=True)
class StillAlarm:
    """An alarm for smoke or fire that is none, because it keeps still.

    Attributes:
        sighting: What was taken for smoke or fire.
        motion: The liveliest that it was seen.
    """

    sighting: Sighting
    motion: PlumeMotion

    @property
    def reason(self) -> str:
        """Why it is no alarm, for a person."""
        return _(
            "{label} that keeps as still as the ground around it: over {span:.1f} s and {frames} frames it changes "
            "{ratio:.2f} times what noise and shake do; what burns changes {alive:g} times or more"
        ).format(
            label=self.sighting.label,
            span=self.motion.span_s,
            frames=self.motion.frames,
            ratio=self.motion.ratio,
            alive=ALIVE_RATIO,
        )


def burst_of(source: BurstSource | None, frame: Frame) -> Callable[[], tuple[Frame, ...]]:
    """Return how to come by a frame and those after it; they are decoded at the first call only, and not for photos."""
    return cache(lambda: (frame,) if source is None else frames_after(source, frame))


def watch(fix: Fix, frame: Frame, ground: Ground, burst: Callable[[], tuple[Frame, ...]]) -> Fix:
    """Return a fix of smoke or fire with the ground that it covers and what it does over time; any other as it is.

    Args:
        fix: The fix.
        frame: Its frame.
        ground: The ground that rays are cut with.
        burst: From :func:`burst_of`.
    """
    if fix.detection.label not in BURNING:
        return fix
    extent = None
    if fix.detection.label in SMOKE:
        patch = cut_smoke(frame.pixels, fix.detection.box)
        extent = None if patch is None else lay_outline(patch.outline_px, frame, ground, area_sigma=AREA_SIGMA)
    seen = boxes_over(burst(), fix.detection.box)
    motion = watch_plume([shown for shown, _box in seen], [box for _shown, box in seen])
    return replace(fix, extent=extent, motion=motion)


def watch_bursts(
    findings: Sequence[InputFindings], photos: Collection[str], open_frames: OpenFrames
) -> tuple[InputFindings, ...]:
    """Return findings in which smoke and fire of photo bursts have been watched over their photos.

    Args:
        findings: Of every input.
        photos: Digests of the originals that are photos.
        open_frames: Opens frames' pixels again, by their ids; those that cannot be read any more are missing.
    """
    fixes = [
        fix
        for given in findings
        if given.sha256 in photos
        for frame in given.frames
        for fix in frame.fixes
        if fix.detection.label in BURNING
    ]
    moved: dict[str, PlumeMotion] = {}
    for sighting in gather(fixes):
        for burst in _bursts(sighting.fixes):
            motion = _watch_photos(burst, open_frames({fix.detection.frame_id for fix in burst}))
            if motion is not None:
                moved.update({fix.detection.detection_id: motion for fix in burst})
    return tuple(_with_motion(given, moved) for given in findings) if moved else tuple(findings)


def _bursts(fixes: Sequence[Fix]) -> list[list[Fix]]:
    """Return the runs of fixes that are close enough in time and place to be compared, at least four each."""
    runs: list[list[Fix]] = []
    for fix in fixes:
        last = runs[-1][-1] if runs else None
        apart_s = float("inf") if last is None else (fix.captured_at - last.captured_at).total_seconds()
        near = last is not None and distance_m(runs[-1][0].camera_point, fix.camera_point) <= BURST_REACH_M
        if near and 0 < apart_s <= BURST_GAP_S:
            runs[-1].append(fix)
        elif apart_s > 0:
            runs.append([fix])
    return [run for run in runs if len(run) >= LEAST_FRAMES]


def _watch_photos(burst: Sequence[Fix], frames: Mapping[str, Frame]) -> PlumeMotion | None:
    seen = [(frames[fix.detection.frame_id], fix.detection.box) for fix in burst if fix.detection.frame_id in frames]
    if len({frame.pixels.shape for frame, _box in seen}) != 1:
        return None
    ordered = all(one.captured_at < other.captured_at for (one, _a), (other, _b) in pairwise(seen))
    return watch_plume([frame for frame, _box in seen], [box for _frame, box in seen]) if ordered else None


def _with_motion(given: InputFindings, moved: Mapping[str, PlumeMotion]) -> InputFindings:
    frames = tuple(
        replace(
            frame,
            fixes=tuple(replace(fix, motion=moved.get(fix.detection.detection_id, fix.motion)) for fix in frame.fixes),
        )
        for frame in given.frames
    )
    return replace(given, frames=frames)


def liveliest(sighting: Sighting) -> PlumeMotion | None:
    """Return the liveliest that a sighting was seen, or None where it was never watched."""
    watched = [fix.motion for fix in sighting.fixes if fix.motion is not None]
    return max(watched, key=lambda motion: motion.ratio, default=None)


def still_alarms(sightings: Sequence[Sighting]) -> tuple[StillAlarm, ...]:
    """Return the sightings of smoke and fire that keep still: watched, and never once seen to change."""
    found = []
    for sighting in sightings:
        motion = liveliest(sighting) if sighting.label in BURNING else None
        if motion is not None and motion.life is PlumeLife.STILL:
            found.append(StillAlarm(sighting=sighting, motion=motion))
    return tuple(found)
