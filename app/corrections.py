"""Corrections of a flight as a file: what a self-calibration found, for a person to read and then to apply or not.

``skywarden calibrate-flight`` writes it, ``skywarden process --corrections FILE`` applies it. It holds each photo's
corrected pose and camera, by the frame's id, and the videos that took part, by their digest, with the report they come
from: a video's poses are read at the corrected time, and its sortie's biases are taken off all of them. A photo or
video that is no part of it is left as it is, and says so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from core.clock import in_utc
from core.errors import InputRefused
from core.text import _
from core.whole_file import write_bytes
from evidence.sealing.canonical import decode, encode
from flight.camera import Camera
from flight.track import Pose, Track, orientation_of
from geofence.calibrating.self_calibration import SelfCalibration, View, corrected_between

SCHEMA: Final = "skywarden/corrections/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectedFrame:
    """A photo's pose and camera after correction.

    Attributes:
        name: The photo's file name, for people.
        pose: The corrected pose; its assumptions say what was corrected.
        camera: The corrected camera.
    """

    name: str
    pose: Pose
    camera: Camera


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectedVideo:
    """A video that took part.

    Attributes:
        name: Its file name, for people.
        sortie: Which sortie of the report it belongs to, counted from zero.
    """

    name: str
    sortie: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FlightCorrections:
    """What a self-calibration would change.

    Attributes:
        made_at: When it was estimated, aware UTC.
        program: Name and version of the program that estimated it.
        ground: The ground it rests on.
        known_points: How many known points it rests on.
        report: The self-calibration's own report.
        frames: By frame id.
        videos: By the digest of the original, hex.
    """

    made_at: datetime
    program: str
    ground: str
    known_points: int
    report: SelfCalibration
    frames: Mapping[str, CorrectedFrame]
    videos: Mapping[str, CorrectedVideo] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "made_at", in_utc(self.made_at))


def write_corrections(corrections: FlightCorrections, path: Path) -> None:
    """Write corrections as canonical JSON, whole or not at all."""
    write_bytes(path, encode(SCHEMA, corrections))


def read_corrections(path: Path) -> tuple[FlightCorrections, str]:
    """Return corrections and the file's digest, hex.

    Raises:
        InputRefused: The file cannot be read or is none that ``calibrate-flight`` wrote.
    """
    try:
        content = path.read_bytes()
    except OSError as problem:
        raise InputRefused(
            path,
            _("cannot be read ({why})").format(why=problem.strerror or problem),
            _("Name the file that skywarden calibrate-flight wrote."),
        ) from problem
    return decode(SCHEMA, FlightCorrections, content, path), hashlib.sha256(content).hexdigest()


def apply_corrections(
    corrections: FlightCorrections | None, frame_id: str, pose: Pose, camera: Camera
) -> tuple[Pose, Camera]:
    """Return a frame's pose and camera with its corrections, or as they are, saying so, when it has none."""
    if corrections is None:
        return pose, camera
    found = corrections.frames.get(frame_id)
    if found is None:
        note = _("the corrections that were given hold nothing for this frame; its pose is as stated")
        return replace(pose, assumptions=(*pose.assumptions, note)), camera
    notes = dict.fromkeys((*pose.assumptions, *found.pose.assumptions))
    # The time is not theirs to correct: it was settled when the file was read.
    return replace(found.pose, captured_at=pose.captured_at, assumptions=tuple(notes)), found.camera


def correct_video(
    corrections: FlightCorrections | None, sha256: str, track: Track, camera: Camera | None
) -> tuple[Track, Camera | None]:
    """Return a video's track and camera with its corrections, or as they are, saying so, when it has none."""
    if corrections is None or camera is None:
        return track, camera
    video = corrections.videos.get(sha256)
    if video is None:
        note = _("the corrections that were given hold nothing for this video; its poses are as stated")
        return replace(
            track, poses=tuple(replace(pose, assumptions=(*pose.assumptions, note)) for pose in track.poses)
        ), camera
    report = corrections.report
    sortie, offset_s = report.sorties[video.sortie], report.clock_offset_s or 0.0
    shift, said = timedelta(seconds=offset_s), clock_note(offset_s) if offset_s else ()
    poses, seen_by = [], camera
    for pose in track.poses:
        moved = pose
        if pose.position is not None and orientation_of(pose) is not None:
            after = corrected_between(report, View(frame_id=sha256, pose=pose, camera=camera), sortie)
            moved, seen_by = after.pose, after.camera
        poses.append(replace(moved, captured_at=pose.captured_at - shift, assumptions=(*moved.assumptions, *said)))
    return replace(track, poses=tuple(poses)), seen_by


def clock_note(offset_s: float) -> tuple[str, ...]:
    """Return the assumption that a clock offset is."""
    return (_("the camera's clock is taken as {offset:+.2f} s off, as its overlap shows").format(offset=-offset_s),)
