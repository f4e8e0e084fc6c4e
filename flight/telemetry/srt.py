"""Tracks out of subtitle files: every record read or refused, video time and world time kept apart.

A subtitle belongs to a video: each record says from when to when of the video it holds. Whether that also is a time of
the world depends on the family. Where the camera wrote its clock, the poses carry it, in the zone that somebody
declared; where it did not, there is no track unless the video's start is given, and the records still stand.

Which field means what is ``flight.telemetry.subtitle_fields``; this module settles time, counts, and builds the track.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Final

from core.clock import in_utc
from core.heights import Geoid, MslHeight, TakeoffHeight
from core.refusal import Refusal
from core.text import _
from flight.telemetry.subtitle_fields import FAMILIES, SubtitleFields, read_fields
from flight.telemetry.subtitle_text import MAX_BYTES, SubtitleBlock, decode_subtitle, split_blocks
from flight.track import Pose, Track, pose_at

CLOCK_SPREAD_S: Final = 2.0  # a camera clock that wanders more than this against its video was set during the recording


@dataclass(frozen=True, slots=True, kw_only=True)
class SubtitleRecord:
    """One record that was read.

    Attributes:
        number: From 1, in the order of the file; refused records leave gaps.
        begin_s: From when in the video, seconds, or None in a family without time lines.
        end_s: To when, likewise.
        fields: What it says, the camera's settings among it.
    """

    number: int
    begin_s: float | None
    end_s: float | None
    fields: SubtitleFields


@dataclass(frozen=True, slots=True, kw_only=True)
class SrtTelemetry:
    """A subtitle file, read.

    Attributes:
        source: File name and family.
        family: Key of the family most records belong to.
        encoding: How the text was encoded.
        records: What was read, in the order of the file.
        refused: Records that hold no telemetry or impossible values; records + refused = records in the file.
        track: Timed poses, or None when no time of the world is known.
        video_started_at: World time of the video's zero, or None.
        begins_s: Video time of each of the track's poses, seconds; empty when some have none.
        assumptions: What was assumed, as sentences; also in the poses.
    """

    source: str
    family: str
    encoding: str
    records: tuple[SubtitleRecord, ...]
    refused: tuple[Refusal, ...]
    track: Track | None
    video_started_at: datetime | None
    begins_s: tuple[float, ...] = ()
    assumptions: tuple[str, ...] = ()


def read_srt(
    path: Path, *, camera_zone: tzinfo | None, video_started_at: datetime | None = None
) -> SrtTelemetry | Refusal:
    """Return what a subtitle file says.

    Args:
        path: The file.
        camera_zone: The time zone declared for the camera's clock; None for none.
        video_started_at: World time of the video's first frame, for families without a clock; None when unknown.

    Returns:
        The telemetry, or a refusal: "empty-file", "unreadable-file", "oversized-file", "no-telemetry" (no record says
        anything) or "no-time-zone" (the camera wrote its clock and no zone is declared).
    """
    try:
        size = path.stat().st_size
        content = path.read_bytes() if size <= MAX_BYTES else b""
    except OSError as problem:
        reason = _("cannot be read ({why})").format(why=problem.strerror or problem)
        return Refusal(subject=path.name, code="unreadable-file", reason=reason)
    if size > MAX_BYTES:
        reason = _("holds {size} MB, more than any video's subtitles").format(size=size >> 20)
        return Refusal(subject=path.name, code="oversized-file", reason=reason)
    if not content.strip():
        return Refusal(subject=path.name, code="empty-file", reason=_("is empty"))
    text, encoding = decode_subtitle(content)
    return read_blocks(
        split_blocks(text),
        name=path.name,
        encoding=encoding,
        camera_zone=camera_zone,
        video_started_at=video_started_at,
    )


def read_blocks(
    blocks: tuple[SubtitleBlock, ...],
    *,
    name: str,
    encoding: str,
    camera_zone: tzinfo | None,
    video_started_at: datetime | None = None,
) -> SrtTelemetry | Refusal:
    """Return what subtitle records say, wherever they came from (a file, or a stream inside a video).

    Args:
        blocks: The records.
        name: File name, for people.
        encoding: How their text was encoded.
        camera_zone: As for :func:`read_srt`.
        video_started_at: As for :func:`read_srt`.

    Returns:
        As :func:`read_srt`.
    """
    records, refused = parse_blocks(blocks, name=name)
    if not records:
        return Refusal(
            subject=name,
            code="no-telemetry",
            reason=_("none of its {count} records holds telemetry").format(count=len(blocks)),
            remedy=_("Use the subtitle file that the aircraft wrote beside the video."),
        )
    if camera_zone is None and any(record.fields.clock for record in records):
        return Refusal(
            subject=name,
            code="no-time-zone",
            reason=_("its camera wrote its clock without a time zone"),
            remedy=_("Declare the zone that the camera's clock was set to."),
        )
    notes = [] if encoding.startswith("UTF") else [_("its text is {encoding}").format(encoding=encoding)]
    if camera_zone is not None and any(record.fields.clock for record in records):
        notes.append(_("the camera's clock is taken to show {zone} time, as declared").format(zone=camera_zone))
    started = in_utc(video_started_at) if video_started_at is not None else None
    instants, said = _instants(records, camera_zone, started)
    notes += said
    poses, late = _poses(records, instants, tuple(notes), name)
    return _timed(
        name, encoding, records, instants, poses=poses, refused=(*refused, *late), started=started, notes=tuple(notes)
    )


def _timed(
    name: str,
    encoding: str,
    records: tuple[SubtitleRecord, ...],
    instants: list[datetime | None],
    *,
    poses: tuple[Pose, ...],
    refused: tuple[Refusal, ...],
    started: datetime | None,
    notes: tuple[str, ...],
) -> SrtTelemetry:
    """Return the telemetry of records whose times are settled; records that were refused for theirs are left out."""
    family = Counter(record.fields.family for record in records).most_common(1)[0][0]
    source = f"{name}, {FAMILIES[family]}"
    starts = [
        instant - timedelta(seconds=record.begin_s)
        for record, instant in zip(records, instants, strict=True)
        if instant is not None and record.begin_s is not None
    ]
    dropped = {refusal.subject for refusal in refused}
    kept = tuple(record for record in records if _subject(name, record.number) not in dropped)
    begins = [record.begin_s for record in kept if record.begin_s is not None]
    aligned = len(begins) == len(kept) == len(poses) and all(later > earlier for earlier, later in pairwise(begins))
    return SrtTelemetry(
        source=source,
        family=family,
        encoding=encoding,
        records=kept,
        refused=refused,
        track=Track(poses=poses, source=source) if poses else None,
        video_started_at=sorted(starts)[len(starts) // 2] if starts else started,
        begins_s=tuple(begins) if aligned else (),
        assumptions=notes,
    )


def parse_blocks(
    blocks: tuple[SubtitleBlock, ...], *, name: str
) -> tuple[tuple[SubtitleRecord, ...], tuple[Refusal, ...]]:
    """Return the records that hold telemetry and a refusal for each that does not.

    Args:
        blocks: The records of a subtitle.
        name: File name, for the refusals.
    """
    records, refused = [], []
    for block in blocks:
        fields = read_fields(block.text)
        if not fields.family:
            reason = _("holds no telemetry; perhaps it was cut off")
            refused.append(Refusal(subject=_subject(name, block.number), code="no-telemetry", reason=reason))
        elif fields.problems:
            reason = _("holds values that cannot be: {which}").format(which=", ".join(fields.problems))
            refused.append(Refusal(subject=_subject(name, block.number), code=fields.problems[0], reason=reason))
        else:
            records.append(SubtitleRecord(number=block.number, begin_s=block.begin_s, end_s=block.end_s, fields=fields))
    return tuple(records), tuple(refused)


def pose_at_video_time(telemetry: SrtTelemetry, video_s: float, *, max_gap_s: float = 1.5) -> Pose | Refusal:
    """Return the pose at a time of the video.

    Args:
        telemetry: A subtitle that was read.
        video_s: Seconds from the video's zero.
        max_gap_s: The longest time between two records that may be bridged; some families write one a second.

    Returns:
        The pose, or a refusal: "no-track", or those of :func:`flight.track.pose_at`.
    """
    if not math.isfinite(video_s):
        raise ValueError("a time of the video is finite")
    if telemetry.track is None or telemetry.video_started_at is None:
        return Refusal(
            subject=telemetry.source,
            code="no-track",
            reason=_("its records cannot be tied to a time of the world"),
            remedy=_("Give the time at which the video began."),
        )
    if telemetry.begins_s:
        # The records say which video time each pose belongs to; going by the camera's clock would add its jitter.
        return _pose_between_records(telemetry, telemetry.track, video_s, max_gap_s)
    return pose_at(telemetry.track, telemetry.video_started_at + timedelta(seconds=video_s), max_gap_s=max_gap_s)


def _pose_between_records(telemetry: SrtTelemetry, track: Track, video_s: float, max_gap_s: float) -> Pose | Refusal:
    """Return the pose at a video time by the records' own video times (the last record holds until its end)."""
    begins, poses = telemetry.begins_s, track.poses
    right = bisect_right(begins, video_s)
    last_end = telemetry.records[-1].end_s or begins[-1]
    if right == len(begins) and video_s < max(last_end, begins[-1] + 1e-9):
        return poses[-1]
    if 0 < right < len(begins):
        share = (video_s - begins[right - 1]) / (begins[right] - begins[right - 1])
        span = poses[right].captured_at - poses[right - 1].captured_at
        return pose_at(track, poses[right - 1].captured_at + span * share, max_gap_s=max_gap_s)
    return pose_at(track, poses[0].captured_at - timedelta(days=1))  # refused as outside the track


def _subject(name: str, number: int) -> str:
    return f"{name} #{number}"


def _instants(
    records: tuple[SubtitleRecord, ...], zone: tzinfo | None, started: datetime | None
) -> tuple[list[datetime | None], tuple[str, ...]]:
    """Return each record's world time, and what was assumed for it.

    The camera's clock is used as it is while it rises from record to record. A clock that is coarser than the records
    (whole seconds at thirty records a second) only says where the video's zero lies; a clock that was set during the
    recording says nothing.
    """
    clocks = [_aware(record.fields.clock, zone) for record in records]
    known = [clock for clock in clocks if clock is not None]
    if not known:
        if started is None:
            return [None] * len(records), (_("its text holds no clock, and the video's start is not known"),)
        note = _("times are the video's, counted from its declared start")
        return [_shifted(started, record.begin_s) for record in records], (note,)
    if len(known) == len(clocks) and all(later > earlier for earlier, later in pairwise(known)):
        coarse = all(clock.microsecond == 0 for clock in known) and len(known) > 1
        return clocks, (_("the camera's clock is written in whole seconds"),) if coarse else ()
    pairs = [
        (clock - timedelta(seconds=record.begin_s))
        for clock, record in zip(clocks, records, strict=True)
        if clock is not None and record.begin_s is not None
    ]
    if not pairs:
        return clocks, ()
    if (max(pairs) - min(pairs)).total_seconds() > CLOCK_SPREAD_S:
        return [None] * len(records), (_("the camera's clock was changed during the recording; it is not used"),)
    zero = datetime.fromtimestamp(median(pair.timestamp() for pair in pairs), UTC)
    note = _("times are the video's, set against the camera's coarse clock")
    return [_shifted(zero, record.begin_s) for record in records], (note,)


def _aware(clock: datetime | None, zone: tzinfo | None) -> datetime | None:
    return None if clock is None or zone is None else clock.replace(tzinfo=zone).astimezone(UTC)


def _shifted(zero: datetime, seconds: float | None) -> datetime | None:
    return None if seconds is None else zero + timedelta(seconds=seconds)


def _poses(
    records: tuple[SubtitleRecord, ...], instants: list[datetime | None], notes: tuple[str, ...], name: str
) -> tuple[tuple[Pose, ...], tuple[Refusal, ...]]:
    """Return the poses in rising order of time, and a refusal for every record whose time does not rise."""
    poses: list[Pose] = []
    refused = []
    for record, instant in zip(records, instants, strict=True):
        if instant is None:
            continue
        if poses and instant <= poses[-1].captured_at:
            reason = _("its time does not rise; the record before it is kept")
            refused.append(Refusal(subject=_subject(name, record.number), code="time-goes-back", reason=reason))
            continue
        poses.append(pose_of(record.fields, instant, notes))
    return tuple(poses), tuple(refused)


def pose_of(fields: SubtitleFields, instant: datetime, notes: tuple[str, ...] = ()) -> Pose:
    """Return what one record says as a pose at ``instant``; what it does not say is absent."""
    takeoff, msl = fields.height_takeoff_m, fields.height_msl_m
    return Pose(
        captured_at=instant,
        position=fields.position,
        height_takeoff=None if takeoff is None else TakeoffHeight(metres=takeoff),
        height_msl=None if msl is None else MslHeight(metres=msl, geoid=Geoid.UNSTATED),
        yaw_deg=fields.gimbal_yaw_deg,
        pitch_deg=fields.gimbal_pitch_deg,
        roll_deg=fields.gimbal_roll_deg,
        assumptions=notes,
    )
