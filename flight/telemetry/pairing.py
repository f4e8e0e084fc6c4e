"""Which files of a card belong together: a video, its subtitles and its flight log; a photo and its log.

Names come first, because aircraft name what belongs together alike; content must not contradict them. A subtitle that
runs much longer or shorter than the video of its name belongs to another recording and is not paired. A flight log has
no common name with anything; it belongs to what was taken while it ran, unless it puts the aircraft somewhere else.

Every file of the folder is in exactly one place: in a recording, or among the unpaired with the reason. Each recording
says by what evidence its files were put together, and what is missing for locating what it shows.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Final

from core.clock import iso_utc
from core.points import distance_m
from core.refusal import Refusal
from core.text import _
from flight.telemetry.container import ContainerFacts, read_container
from flight.telemetry.file_kind import FileKind, kind_of
from flight.telemetry.photo import PhotoTelemetry
from flight.telemetry.read_track import Declared, Telemetry, read_telemetry, track_of
from flight.telemetry.srt import SrtTelemetry
from flight.track import Pose, Track, missing, pose_at

DURATIONS_AGREE_S: Final = 2.0  # subtitles of one a second end up to a second early or late
DURATIONS_AGREE_SHARE: Final = 0.02
PLACES_AGREE_M: Final = 150.0  # two receivers and a camera clock some seconds off at 20 m/s; another flight is farther
LOG_GAP_S: Final = 10.0
MOST_GAPS_NAMED: Final = 20

# Cameras with several lenses write one file each: DJI_20261001100304_0001_W.MP4, …_T.MP4, …_Z.MP4, …_V.MP4, …_S.MP4.
_LENS: Final = re.compile(r"_(?:W|T|Z|V|S|WIDE|ZOOM|THRM|IR)$", re.IGNORECASE)
_NUMBER: Final = re.compile(r"^(?P<before>.*?)(?:\d{14}_)?(?P<number>\d{4})$")
_LOGS: Final = frozenset({FileKind.DATAFLASH, FileKind.TLOG, FileKind.ULOG, FileKind.KLV, FileKind.GPX})


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """Files that belong together.

    Attributes:
        footage: The photo or video.
        kind: Which of them it is.
        subtitle: Its subtitle file, or None.
        logs: Flight logs that ran while it was taken.
        reasons: By what evidence the files were put together, as sentences.
        missing: What it lacks for locating what it shows, as sentences; empty for nothing.
    """

    footage: Path
    kind: FileKind
    subtitle: Path | None = None
    logs: tuple[Path, ...] = ()
    reasons: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpaired:
    """A file that belongs to no recording.

    Attributes:
        path: The file.
        code: "no-footage", "duration-differs", "unknown-kind", "unreadable-file", or why a log gave no track.
        reason: The same for a person.
    """

    path: Path
    code: str
    reason: str

    @property
    def subject(self) -> str:
        """The file's name, for people."""
        return self.path.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairing:
    """What a card holds.

    Attributes:
        recordings: In the order of their footage's paths.
        unpaired: Files that belong to none, each with its reason.
        gaps: Numbers that are missing in the names of the footage, as sentences: deleted in the field, or lost.
    """

    recordings: tuple[Recording, ...]
    unpaired: tuple[Unpaired, ...]
    gaps: tuple[str, ...] = ()


def pair_files(paths: Sequence[Path], declared: Declared | None = None) -> Pairing:
    """Return which files belong together.

    Args:
        paths: Files of one card; opened for reading only.
        declared: What is declared of them (the camera's time zone lets logs be paired by time).
    """
    declared = declared or Declared()
    kinds: dict[Path, FileKind] = {}
    unpaired: list[Unpaired] = []
    for path in sorted(paths):
        try:
            kinds[path] = kind_of(path)
        except OSError as problem:
            reason = _("cannot be read ({why})").format(why=problem.strerror or problem)
            unpaired.append(Unpaired(path=path, code="unreadable-file", reason=reason))

    def of_kind(*wanted: FileKind) -> list[Path]:
        return [path for path, kind in kinds.items() if kind in wanted]

    told = {path: read_telemetry(path, declared) for path in of_kind(FileKind.SUBTITLE, FileKind.PHOTO, FileKind.VIDEO)}
    subtitles = {path: told[path] for path in of_kind(FileKind.SUBTITLE)}
    videos = {path: read_container(path) for path in of_kind(FileKind.VIDEO)}
    owners = _owners(videos, subtitles, unpaired)
    logs = {path: answer for path in of_kind(*_LOGS) if (answer := _track(path, declared, unpaired)) is not None}
    recordings = []
    for path in of_kind(FileKind.VIDEO, FileKind.PHOTO):
        subtitle, reasons = owners.get(path, (None, ()))
        telemetry = told[path] if subtitle is None else told[subtitle]
        running = _running(logs, telemetry, _span(telemetry, videos.get(path)))
        recordings.append(
            Recording(
                footage=path,
                kind=kinds[path],
                subtitle=subtitle,
                logs=tuple(running),
                reasons=(*reasons, *_inside(path, telemetry, subtitle, videos), *running.values()),
                missing=_missing(telemetry, videos.get(path), has_log=bool(running)),
            )
        )
    unpaired += _left_over(kinds, logs, recordings)
    return Pairing(
        recordings=tuple(recordings),
        unpaired=tuple(unpaired),
        gaps=gaps_in_numbers([recording.footage for recording in recordings]),
    )


def gaps_in_numbers(footage: Sequence[Path]) -> tuple[str, ...]:
    """Return which numbers are missing between the first and the last of each folder's footage, as sentences.

    Args:
        footage: Photos and videos; names that do not end in four digits (a lens aside) are not looked at.
    """
    groups: dict[tuple[Path, str], dict[int, str]] = {}
    for path in footage:
        found = _NUMBER.match(_LENS.sub("", path.stem))
        if found:
            groups.setdefault((path.parent, found["before"]), {})[int(found["number"])] = path.name
    sentences = []
    for (_parent, _before), names in sorted(groups.items()):
        absent = [number for number in range(min(names), max(names)) if number not in names]
        if absent and len(absent) < 10 * len(names):  # a number that jumps by hundreds began anew; nothing is missing
            runs = _runs(absent)
            shown = ", ".join(runs[:MOST_GAPS_NAMED])
            more = _(" and more") if len(runs) > MOST_GAPS_NAMED else ""
            sentences.append(
                _("between {first} and {last} these numbers are missing: {numbers}").format(
                    first=names[min(names)], last=names[max(names)], numbers=shown + more
                )
            )
    return tuple(sentences)


def _runs(numbers: Sequence[int]) -> list[str]:
    """Return rising numbers as four digits each, neighbours drawn together ("0004–0012")."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return [f"{first:04d}" if first == last else f"{first:04d}–{last:04d}" for first, last in runs]


def _left_over(
    kinds: Mapping[Path, FileKind], logs: Mapping[Path, Track], recordings: Sequence[Recording]
) -> list[Unpaired]:
    """Return the logs that no recording took, and the files that are of no flight."""
    used = {log for recording in recordings for log in recording.logs}
    idle = _("nothing was taken while it ran, as far as times and places are known")
    strange = {
        FileKind.UNKNOWN: _("is no file of a flight"),
        FileKind.EMPTY: _("is empty (zero bytes)"),
        FileKind.TABLE: _("is a table, and nobody has said what its columns mean"),
    }
    return [
        *(Unpaired(path=log, code="no-footage", reason=idle) for log in logs if log not in used),
        *(
            Unpaired(path=path, code="unknown-kind", reason=strange[kind])
            for path, kind in kinds.items()
            if kind in strange
        ),
    ]


def _owners(
    videos: Mapping[Path, ContainerFacts | Refusal],
    subtitles: Mapping[Path, Telemetry | Refusal],
    unpaired: list[Unpaired],
) -> dict[Path, tuple[Path, tuple[str, ...]]]:
    """Return each video's subtitle with the reasons: same name, else same name but for the lens, else same duration."""
    owners: dict[Path, tuple[Path, tuple[str, ...]]] = {}
    for subtitle, telemetry in subtitles.items():
        same = [video for video in videos if _key(video) == _key(subtitle)]
        lenses = [video for video in videos if _key(video, lens=False) == _key(subtitle, lens=False)]
        told = _("{subtitle} has the same name").format(subtitle=subtitle.name)
        if not same and lenses:
            same, told = lenses, _("{subtitle} has the same name but for the lens").format(subtitle=subtitle.name)
        if not same:
            same = _by_duration(videos, telemetry, owners)
            told = _("{subtitle} runs as long as this video alone").format(subtitle=subtitle.name)
        fitting = [video for video in same if video not in owners and _fits(videos[video], telemetry)]
        for video in fitting:
            owners[video] = (subtitle, (told, *_durations(videos[video], telemetry)))
        if not fitting:
            code, reason = "no-footage", _("no video belongs to it")
            if same and not isinstance(telemetry, Refusal):
                code, reason = (
                    "duration-differs",
                    _("the video of its name runs for another time; it belongs to another"),
                )
            unpaired.append(Unpaired(path=subtitle, code=code, reason=reason))
    return owners


def _key(path: Path, *, lens: bool = True) -> tuple[str, str]:
    """Return folder and stem, without case (cards are written on FAT), and without the lens where it does not count."""
    stem = path.stem if lens else _LENS.sub("", path.stem)
    return str(path.parent), stem.lower()


def _duration_s(telemetry: Telemetry | Refusal) -> float | None:
    """Return how long a subtitle runs, seconds of its video."""
    if not isinstance(telemetry, SrtTelemetry):
        return None
    ends = [record.end_s for record in telemetry.records if record.end_s is not None]
    return max(ends) if ends else None


def _durations(facts: ContainerFacts | Refusal, telemetry: Telemetry | Refusal) -> tuple[str, ...]:
    """Return what the two lengths say, where both are known."""
    duration = _duration_s(telemetry)
    if isinstance(facts, Refusal) or facts.duration_s is None or duration is None:
        return (_("their lengths could not be compared"),)
    return (
        _("the video runs {video:.1f} s, the subtitles {subtitles:.1f} s").format(
            video=facts.duration_s, subtitles=duration
        ),
    )


def _fits(facts: ContainerFacts | Refusal, telemetry: Telemetry | Refusal) -> bool:
    """Return whether a subtitle runs as long as a video, as far as both say."""
    duration = _duration_s(telemetry)
    if isinstance(facts, Refusal) or facts.duration_s is None or duration is None:
        return True
    allowed = max(DURATIONS_AGREE_S, DURATIONS_AGREE_SHARE * facts.duration_s)
    return abs(facts.duration_s - duration) <= allowed


def _by_duration(
    videos: Mapping[Path, ContainerFacts | Refusal],
    telemetry: Telemetry | Refusal,
    taken: Mapping[Path, object],
) -> list[Path]:
    """Return the one video without a subtitle that runs as long, when there is exactly one and both are long enough."""
    duration = _duration_s(telemetry)
    if duration is None or duration < 10:  # short clips are alike too often
        return []
    alike = [
        path
        for path, facts in videos.items()
        if path not in taken and isinstance(facts, ContainerFacts) and facts.duration_s and _fits(facts, telemetry)
    ]
    return alike if len(alike) == 1 else []


def _track(path: Path, declared: Declared, unpaired: list[Unpaired]) -> Track | None:
    """Return a log's track; a log without one is among the unpaired."""
    answer = read_telemetry(path, declared)
    track = answer if isinstance(answer, Refusal) else track_of(answer)
    if isinstance(track, Refusal):
        unpaired.append(Unpaired(path=path, code=track.code, reason=track.reason))
        return None
    return track


def _poses(telemetry: Telemetry | Refusal | None) -> tuple[Pose, ...]:
    """Return the timed poses that footage brings itself, none where it brings none."""
    if telemetry is None or isinstance(telemetry, Refusal):
        return ()
    track = track_of(telemetry)
    return () if isinstance(track, Refusal) else track.poses


def _span(telemetry: Telemetry | Refusal, facts: ContainerFacts | Refusal | None) -> tuple[datetime, datetime] | None:
    """Return from when to when footage was taken, or None when that is not known."""
    poses = _poses(telemetry)
    if poses:
        return poses[0].captured_at, poses[-1].captured_at
    if isinstance(facts, ContainerFacts) and facts.created_at is not None:
        return facts.created_at, facts.created_at + timedelta(seconds=facts.duration_s or 0)
    return None


def _running(
    logs: Mapping[Path, Track], telemetry: Telemetry | Refusal, span: tuple[datetime, datetime] | None
) -> dict[Path, str]:
    """Return the logs that ran while footage was taken, each with the evidence."""
    if span is None:
        return {}
    found = {}
    for log, track in logs.items():
        first, last = track.poses[0].captured_at, track.poses[-1].captured_at
        if not (first <= span[1] and span[0] <= last):
            continue
        apart = _apart_m(track, _poses(telemetry))
        if apart is not None and apart > PLACES_AGREE_M:
            continue
        told = _("{log} ran from {first} to {last}, while it was taken").format(
            log=log.name, first=iso_utc(first), last=iso_utc(last)
        )
        if apart is not None:
            told += _(", and puts the aircraft {metres:.0f} m from where the footage does").format(metres=apart)
        found[log] = told
    return found


def _apart_m(track: Track, poses: Sequence[Pose]) -> float | None:
    """Return the median distance of footage's poses from a log, metres; None when there is nothing to compare."""
    sampled = poses[:: max(len(poses) // 20, 1)]
    apart = []
    for pose in sampled:
        there = pose_at(track, pose.captured_at, max_gap_s=LOG_GAP_S)
        if pose.position is not None and isinstance(there, Pose) and there.position is not None:
            apart.append(distance_m(pose.position, there.position))
    return median(apart) if apart else None


def _inside(
    path: Path,
    telemetry: Telemetry | Refusal,
    subtitle: Path | None,
    videos: Mapping[Path, ContainerFacts | Refusal],
) -> tuple[str, ...]:
    """Return that footage carries its telemetry itself, where it does."""
    if subtitle is not None or isinstance(telemetry, Refusal):
        return ()
    if path in videos:
        return (_("its telemetry is inside the video"),)
    return (_("its pose is in its own header"),) if isinstance(telemetry, PhotoTelemetry) else ()


def _missing(
    telemetry: Telemetry | Refusal, facts: ContainerFacts | Refusal | None, *, has_log: bool
) -> tuple[str, ...]:
    """Return what a recording lacks, as sentences."""
    if isinstance(facts, Refusal):
        return (facts.reason,)
    if isinstance(telemetry, Refusal):
        if facts is not None and telemetry.code == "no-telemetry":
            lacking = _("no subtitle file, and no telemetry inside")
            return (lacking + (_("; only a flight log knows where it was") if has_log else ""),)
        return (telemetry.reason,)
    poses = _poses(telemetry)
    if not poses:
        return (_("its telemetry cannot be tied to a time of the world"),)
    lacking_parts = Counter(part for pose in poses for part in missing(pose))
    return tuple(
        part
        if len(poses) == 1
        else _("{part} in {lacking} of {total} poses").format(part=part, lacking=lacking, total=len(poses))
        for part, lacking in lacking_parts.items()
    )
