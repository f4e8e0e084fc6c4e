"""A person's view of one file: what it is, what is known, what is missing. Data only; showing it is ``app``'s.

Nothing here is stricter or laxer than the readers: a file that they refuse is shown with their reason. The one
difference: where a reader refuses a bare time for want of a declared zone, the inspection goes on with that time as it
is written, and says so, because the person who declares the zone has to see it first.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from core.clock import iso_utc
from core.refusal import Refusal
from core.text import _
from flight.camera import Camera
from flight.telemetry.container import ContainerFacts, FrameTimes, read_container, read_frame_times
from flight.telemetry.file_kind import FileKind, kind_of
from flight.telemetry.flight_record import FlightRecord
from flight.telemetry.klv import KlvTelemetry
from flight.telemetry.photo import PhotoTelemetry
from flight.telemetry.photo_header import read_photo_header
from flight.telemetry.read_track import Declared, Telemetry, read_telemetry
from flight.telemetry.srt import SrtTelemetry, pose_of
from flight.track import Pose, Track, missing


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One line of an inspection: a label and its value, both for a person."""

    label: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What is known of one file.

    Attributes:
        name: File name.
        kind: What it is.
        size_bytes: Its size.
        facts: What is known, in the order to show.
        missing: What a pose lacks for locating ("position", "height", "yaw", "pitch", "roll"), with how many poses lack
            it, of how many.
        notes: Assumptions and oddities, as sentences.
        refusals: Why the file, or parts of it, gave nothing.
        track: Its poses, or None.
        camera: Its camera, or None.
        bare_times: Whether the track's times are the camera's bare clock, for want of a declared zone (its poses then
            carry them as if they were UTC: for drawing only).
    """

    name: str
    kind: FileKind
    size_bytes: int
    facts: tuple[Fact, ...]
    missing: tuple[tuple[str, int, int], ...]
    notes: tuple[str, ...]
    refusals: tuple[Refusal, ...]
    track: Track | None = None
    camera: Camera | None = None
    bare_times: bool = False


def inspect_file(path: Path, declared: Declared | None = None) -> Inspection:
    """Return what is known of one file.

    Args:
        path: Any file; opened for reading only.
        declared: What somebody declares of it; None for nothing.

    Raises:
        OSError: The file cannot be read.
    """
    declared = declared or Declared()
    kind = kind_of(path)
    blank = Inspection(
        name=path.name, kind=kind, size_bytes=path.stat().st_size, facts=(), missing=(), notes=(), refusals=()
    )
    if kind is FileKind.VIDEO:
        blank = _video(blank, path)
    telemetry = read_telemetry(path, declared)
    if not isinstance(telemetry, Refusal):
        return _telemetry(blank, telemetry)
    if kind is FileKind.PHOTO:
        blank = _photo_header(blank, path)
    if telemetry.code != "no-time-zone":
        return _refused(blank, telemetry)
    bare = read_telemetry(path, replace(declared, camera_zone=UTC))
    blank = replace(_refused(blank, telemetry), bare_times=True)
    shown = blank if isinstance(bare, Refusal) else _telemetry(blank, bare)
    if shown.track is not None and shown.track.poses:
        ends = " – ".join(f"{shown.track.poses[end].captured_at:%Y-%m-%d %H:%M:%S}" for end in (0, -1))
        shown = replace(shown, facts=(*shown.facts, Fact(label=_("camera clock, zone unknown"), value=ends)))
    note = _("its times are the camera's bare clock; declare the zone before using them")
    said = tuple(sentence for sentence in shown.notes if "UTC" not in sentence)
    return replace(shown, notes=(note, *said))


def _telemetry(blank: Inspection, telemetry: Telemetry) -> Inspection:
    """Return the inspection with what a reader read."""
    if isinstance(telemetry, PhotoTelemetry):
        return _photo(blank, telemetry)
    if isinstance(telemetry, SrtTelemetry):
        return _subtitle(blank, telemetry)
    if isinstance(telemetry, KlvTelemetry):
        return _klv(blank, telemetry)
    if isinstance(telemetry, FlightRecord):
        return _log(blank, telemetry)
    return _with_track(replace(blank, refusals=telemetry.refused), telemetry.track)


def _refused(blank: Inspection, refusal: Refusal) -> Inspection:
    return replace(blank, refusals=(*blank.refusals, refusal))


def _photo(blank: Inspection, photo: PhotoTelemetry) -> Inspection:
    facts = [
        Fact(label=_("camera"), value=" ".join(part for part in (photo.maker, photo.model) if part) or "-"),
        Fact(label=_("serial number"), value=photo.serial or "-"),
        *_camera_facts(photo.camera),
    ]
    shown = replace(blank, facts=tuple(facts), camera=photo.camera, notes=photo.assumptions)
    return _with_track(shown, Track(poses=(photo.pose,), source=blank.name))


def _photo_header(blank: Inspection, path: Path) -> Inspection:
    """Return the inspection with what the header of a photo says whose telemetry was refused."""
    header = read_photo_header(path)
    if isinstance(header, Refusal):
        return blank
    named = " ".join(part for part in (header.text("Make"), header.text("Model")) if part)
    facts = (
        Fact(label=_("camera"), value=named or "-"),
        Fact(label=_("image size"), value=f"{header.width_px} × {header.height_px}"),
    )
    return replace(blank, facts=facts)


def _camera_facts(camera: Camera | None) -> list[Fact]:
    if camera is None:
        return [Fact(label=_("focal length"), value=_("not known; nothing in it can be measured"))]
    focal = _("{focal:.0f} px ± {sigma:.1f} % ({source})").format(
        focal=camera.focal_px, sigma=camera.focal_sigma * 100, source=camera.source
    )
    return [
        Fact(label=_("image size"), value=f"{camera.width_px} × {camera.height_px}"),
        Fact(label=_("focal length"), value=focal),
    ]


def _video(blank: Inspection, path: Path) -> Inspection:
    """Return the inspection with what a video's container says; its refusal comes with its telemetry's."""
    facts = read_container(path)
    if isinstance(facts, Refusal):
        return blank
    times = read_frame_times(path)
    shown = replace(blank, facts=(*_container_facts(facts), *_time_facts(times)))
    if isinstance(times, Refusal):
        return _refused(shown, times)
    notes = []
    if times.gaps:
        notes.append(_("frames are missing at {count} places").format(count=len(times.gaps)))
    if times.lost_s:
        notes.append(_("the last {lost:.1f} s that its header promises are missing").format(lost=times.lost_s))
    return replace(shown, notes=tuple(notes))


def _container_facts(facts: ContainerFacts) -> tuple[Fact, ...]:
    duration = "-" if facts.duration_s is None else _("{seconds:.2f} s").format(seconds=facts.duration_s)
    created = (
        "-" if facts.created_at is None else _("{time} (as the file claims)").format(time=iso_utc(facts.created_at))
    )
    return (
        Fact(label=_("container"), value=facts.format),
        Fact(label=_("video"), value=f"{facts.codec} {facts.width_px} × {facts.height_px} {facts.pixel_format}"),
        Fact(label=_("turned by"), value=f"{facts.rotation_deg:.0f}°"),
        Fact(label=_("duration"), value=duration),
        Fact(label=_("created"), value=created),
    )


def _time_facts(times: FrameTimes | Refusal) -> tuple[Fact, ...]:
    if isinstance(times, Refusal):
        return ()
    rate = 1 / times.interval_s if times.interval_s else 0.0
    kind = _("constant") if times.steady else _("variable")
    return (
        Fact(label=_("frames"), value=str(times.times_s.size)),
        Fact(label=_("frame rate"), value=_("{rate:.3f} a second, {kind}").format(rate=rate, kind=kind)),
    )


def _subtitle(blank: Inspection, telemetry: SrtTelemetry) -> Inspection:
    facts = [
        *blank.facts,
        Fact(label=_("telemetry"), value=telemetry.source.partition(", ")[2]),
        Fact(label=_("records"), value=_counted(len(telemetry.records), len(telemetry.refused))),
        Fact(label=_("encoding"), value=telemetry.encoding),
    ]
    shown = replace(
        blank,
        facts=tuple(facts),
        notes=(*blank.notes, *telemetry.assumptions),
        refusals=(*blank.refusals, *telemetry.refused),
    )
    # Without a time of the world there is no track, but the person shall see where the flight was.
    if telemetry.track is not None:
        return _with_track(shown, telemetry.track)
    return _with_track(replace(shown, bare_times=True), _untimed(telemetry))


def _untimed(telemetry: SrtTelemetry) -> Track:
    """Return the records' places as a track that begins at the year 2000, for drawing only."""
    zero = datetime(2000, 1, 1, tzinfo=UTC)
    poses: list[Pose] = []
    for record in telemetry.records:
        at = zero + timedelta(seconds=record.begin_s or 0.0)
        if not poses or at > poses[-1].captured_at:
            poses.append(pose_of(record.fields, at))
    return Track(poses=tuple(poses), source=telemetry.source)


def _klv(blank: Inspection, telemetry: KlvTelemetry) -> Inspection:
    texts = {name: text for record in telemetry.records[:1] for name, text in record.texts.items() if text}
    facts = [
        *blank.facts,
        Fact(label=_("telemetry"), value="MISB ST 0601"),
        Fact(label=_("packets"), value=_counted(len(telemetry.records), len(telemetry.refused))),
        *(Fact(label=name, value=text) for name, text in texts.items()),
    ]
    shown = replace(
        blank,
        facts=tuple(facts),
        notes=(*blank.notes, *telemetry.assumptions),
        refusals=(*blank.refusals, *telemetry.refused),
    )
    return _with_track(shown, telemetry.track)


def _log(blank: Inspection, record: FlightRecord) -> Inspection:
    facts = (
        Fact(label=_("log"), value=record.source.partition(", ")[2]),
        Fact(label=_("vehicle"), value=record.vehicle or "-"),
        Fact(label=_("messages"), value=str(record.messages)),
        Fact(label=_("damaged bytes"), value=str(record.damaged)),
        Fact(label=_("photographs"), value=str(len(record.shutters))),
        Fact(label=_("error of its times"), value=_("± {sigma:.3f} s").format(sigma=record.clock_sigma_s)),
    )
    return _with_track(replace(blank, facts=facts, notes=record.assumptions), record.track)


def _counted(read: int, refused: int) -> str:
    return _("{read} read, {refused} refused").format(read=read, refused=refused)


def _with_track(blank: Inspection, track: Track) -> Inspection:
    """Return the inspection with what a track tells: times, first place, and what its poses lack."""
    lacking = Counter(name for pose in track.poses for name in missing(pose))
    facts = list(blank.facts)
    if track.poses:
        first, last = track.poses[0], track.poses[-1]
        facts.append(Fact(label=_("poses"), value=str(len(track.poses))))
        if not blank.bare_times:
            facts.append(Fact(label=_("from"), value=iso_utc(first.captured_at)))
            facts.append(Fact(label=_("to"), value=iso_utc(last.captured_at)))
        facts += _pose_facts(first)
    return replace(
        blank,
        facts=tuple(facts),
        missing=tuple((name, count, len(track.poses)) for name, count in lacking.items()),
        track=track,
    )


def _pose_facts(pose: Pose) -> list[Fact]:
    """Return the first pose, each value with its unit and datum."""
    facts = []
    if pose.position is not None:
        place = f"{pose.position.lat_deg:.7f}° N, {pose.position.lon_deg:.7f}° E (WGS-84)"
        facts.append(Fact(label=_("first place"), value=place))
    heights = (
        (_("height above take-off"), pose.height_takeoff, ""),
        (_("height above sea level"), pose.height_msl, pose.height_msl.geoid.value if pose.height_msl else ""),
        (_("height above ellipsoid"), pose.height_hae, "WGS-84"),
        (_("height above ground"), pose.height_agl, ""),
    )
    for label, height, datum in heights:
        if height is not None:
            facts.append(Fact(label=label, value=f"{height.metres:.2f} m" + (f" ({datum})" if datum else "")))
    for label, angle in (
        (_("camera yaw"), pose.yaw_deg),
        (_("camera pitch"), pose.pitch_deg),
        (_("camera roll"), pose.roll_deg),
    ):
        if angle is not None:
            facts.append(Fact(label=label, value=f"{angle:.1f}°"))
    if pose.sigma is not None:
        sigma = f"± {pose.sigma.horizontal_m:.2f} m, ± {pose.sigma.vertical_m:.2f} m ({pose.sigma.source})"
        facts.append(Fact(label=_("error of the place"), value=sigma))
    return facts
