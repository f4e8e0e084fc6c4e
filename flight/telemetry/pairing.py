"""Which files of a card belong together: a video, its subtitles and its flight log; a photo and its log.

Names come first, because aircraft name what belongs together alike; content must not contradict them. A subtitle that
runs much longer or shorter than the video of its name belongs to another recording and is not paired. A flight log has
no common name with anything; it belongs to what was taken while it ran.

Every file of the folder is in exactly one recording, or among the unpaired with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from core.refusal import Refusal
from core.text import _
from flight.telemetry.container import ContainerFacts, read_container
from flight.telemetry.file_kind import FileKind, kind_of
from flight.telemetry.photo import PhotoTelemetry
from flight.telemetry.read_track import Declared, Telemetry, read_telemetry, track_of
from flight.telemetry.srt import SrtTelemetry
from flight.track import Track

DURATIONS_AGREE_S: Final = 2.0  # subtitles of one a second end up to a second early or late
DURATIONS_AGREE_SHARE: Final = 0.02

# Cameras with several lenses write one file each: DJI_20261001100304_0001_W.MP4, …_T.MP4, …_Z.MP4, …_V.MP4, …_S.MP4.
_LENS: Final = re.compile(r"_(?:W|T|Z|V|S|WIDE|ZOOM|THRM|IR)$", re.IGNORECASE)
_LOGS: Final = frozenset({FileKind.DATAFLASH, FileKind.TLOG, FileKind.ULOG, FileKind.KLV, FileKind.GPX})


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """Files that belong together.

    Attributes:
        footage: The photo or video.
        kind: Which of them it is.
        subtitle: Its subtitle file, or None.
        logs: Flight logs that ran while it was taken.
        reasons: Why the files were put together, as sentences.
    """

    footage: Path
    kind: FileKind
    subtitle: Path | None = None
    logs: tuple[Path, ...] = ()
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairing:
    """What a card holds.

    Attributes:
        recordings: In the order of their footage's paths.
        unpaired: Files that belong to none, each with its reason.
    """

    recordings: tuple[Recording, ...]
    unpaired: tuple[Refusal, ...]


def pair_files(paths: Sequence[Path], declared: Declared | None = None) -> Pairing:
    """Return which files belong together.

    Args:
        paths: Files of one card; opened for reading only.
        declared: What is declared of them (the camera's time zone lets logs be paired by time).
    """
    declared = declared or Declared()
    kinds: dict[Path, FileKind] = {}
    unpaired: list[Refusal] = []
    for path in sorted(paths):
        try:
            kinds[path] = kind_of(path)
        except OSError as problem:
            reason = _("cannot be read ({why})").format(why=problem.strerror or problem)
            unpaired.append(Refusal(subject=path.name, code="unreadable-file", reason=reason))

    def of_kind(*wanted: FileKind) -> list[Path]:
        return [path for path, kind in kinds.items() if kind in wanted]

    subtitles = {path: read_telemetry(path, declared) for path in of_kind(FileKind.SUBTITLE)}
    videos = {path: read_container(path) for path in of_kind(FileKind.VIDEO)}
    owners = _owners(videos, subtitles, unpaired)
    logs = {path: answer for path in of_kind(*_LOGS) if (answer := _track(path, declared, unpaired)) is not None}
    recordings = []
    for path in of_kind(FileKind.VIDEO, FileKind.PHOTO):
        subtitle, reasons = owners.get(path, (None, ()))
        span = _span(path, videos.get(path), subtitle, subtitles, declared)
        running = tuple(log for log, track in logs.items() if span is not None and _ran(track, span))
        told = (_("{log} ran while it was taken").format(log=log.name) for log in running)
        recordings.append(
            Recording(footage=path, kind=kinds[path], subtitle=subtitle, logs=running, reasons=(*reasons, *told))
        )
    used = {log for recording in recordings for log in recording.logs}
    unpaired += [
        Refusal(
            subject=log.name, code="no-footage", reason=_("nothing was taken while it ran, as far as times are known")
        )
        for log in logs
        if log not in used
    ]
    unpaired += [
        Refusal(subject=path.name, code="unknown-kind", reason=_("is no file of a flight"))
        for path in of_kind(FileKind.UNKNOWN, FileKind.EMPTY, FileKind.TABLE)
    ]
    return Pairing(recordings=tuple(recordings), unpaired=tuple(unpaired))


def _owners(
    videos: Mapping[Path, ContainerFacts | Refusal],
    subtitles: Mapping[Path, Telemetry | Refusal],
    unpaired: list[Refusal],
) -> dict[Path, tuple[Path, tuple[str, ...]]]:
    """Return each video's subtitle with the reasons: same name, else same name but for the lens, else same duration."""
    owners: dict[Path, tuple[Path, tuple[str, ...]]] = {}
    for subtitle, telemetry in subtitles.items():
        same = [video for video in videos if _key(video) == _key(subtitle)]
        lenses = [video for video in videos if _key(video, lens=False) == _key(subtitle, lens=False)]
        told = _("same name")
        if not same and lenses:
            same, told = lenses, _("same name but for the lens")
        if not same:
            same = _by_duration(videos, telemetry, owners)
            told = _("the only video of the same duration")
        fitting = [video for video in same if video not in owners and _fits(videos[video], telemetry)]
        owners.update(dict.fromkeys(fitting, (subtitle, (told,))))
        if not fitting:
            code, reason = "no-footage", _("no video belongs to it")
            if same and not isinstance(telemetry, Refusal):
                code, reason = (
                    "duration-differs",
                    _("the video of its name runs for another time; it belongs to another"),
                )
            unpaired.append(Refusal(subject=subtitle.name, code=code, reason=reason))
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


def _track(path: Path, declared: Declared, unpaired: list[Refusal]) -> Track | None:
    """Return a log's track; a log without one is among the unpaired."""
    answer = read_telemetry(path, declared)
    track = answer if isinstance(answer, Refusal) else track_of(answer)
    if isinstance(track, Refusal):
        unpaired.append(track)
        return None
    return track


def _span(
    path: Path,
    facts: ContainerFacts | Refusal | None,
    subtitle: Path | None,
    subtitles: Mapping[Path, Telemetry | Refusal],
    declared: Declared,
) -> tuple[datetime, datetime] | None:
    """Return from when to when footage was taken, or None when that is not known."""
    if facts is None:
        photo = read_telemetry(path, declared)
        return (photo.captured_at, photo.captured_at) if isinstance(photo, PhotoTelemetry) else None
    telemetry = subtitles.get(subtitle) if subtitle is not None else None
    if isinstance(telemetry, SrtTelemetry) and telemetry.track is not None:
        return telemetry.track.poses[0].captured_at, telemetry.track.poses[-1].captured_at
    if isinstance(facts, ContainerFacts) and facts.created_at is not None:
        return facts.created_at, facts.created_at + timedelta(seconds=facts.duration_s or 0)
    return None


def _ran(track: Track, span: tuple[datetime, datetime]) -> bool:
    """Return whether a track overlaps a span."""
    return track.poses[0].captured_at <= span[1] and span[0] <= track.poses[-1].captured_at
