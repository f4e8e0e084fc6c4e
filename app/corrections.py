"""Corrections of a flight as a file: what a self-calibration found, for a person to read and then to apply or not.

``skywarden calibrate-flight`` writes it, ``skywarden process --corrections FILE`` applies it. It holds each photo's
corrected pose and camera, by the frame's id, with the report they come from; a photo that is no part of it is left as
it is, and says so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from core.clock import in_utc
from core.errors import InputRefused
from core.text import _
from core.whole_file import write_bytes
from evidence.sealing.canonical import decode, encode
from flight.camera import Camera
from flight.track import Pose
from geofence.calibrating.self_calibration import SelfCalibration

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
class FlightCorrections:
    """What a self-calibration would change.

    Attributes:
        made_at: When it was estimated, aware UTC.
        program: Name and version of the program that estimated it.
        ground: The ground it rests on.
        known_points: How many known points it rests on.
        report: The self-calibration's own report.
        frames: By frame id.
    """

    made_at: datetime
    program: str
    ground: str
    known_points: int
    report: SelfCalibration
    frames: Mapping[str, CorrectedFrame]

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
