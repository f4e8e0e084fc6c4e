"""Commands that tell how far a camera's clock is off: by its own satellite times, a photographed clock, or a log."""

from __future__ import annotations

from datetime import datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.wiring import camera_zone as zone_called
from core.clock import BEIJING
from core.errors import InputRefused
from core.refusal import Refusal
from core.text import _

if TYPE_CHECKING:
    from flight.telemetry.clock_offset import ClockOffset
    from flight.track import Track

_ZONE = _("Time zone that the camera's clock is set to.")


def add_commands(application: typer.Typer) -> None:
    """Add the clock commands to the command line."""
    clock = typer.Typer(no_args_is_help=True)
    clock.command(name="gps", help=_("From the satellite time that photos carry beside the camera's."))(_gps)
    clock.command(name="shown", help=_("From a photograph of a clock, such as the station's."))(_shown)
    clock.command(name="log", help=_("From where the aircraft was: a photo series or video against a flight log."))(
        _log
    )
    application.add_typer(
        clock,
        name="clock",
        rich_help_panel=_("After the flight"),
        help=_("Tell how far a camera's clock is off, for process --clock-offset."),
    )


def _gps(
    *,
    folder: Annotated[Path, typer.Argument(help=_("Folder of photos of one camera, or one photo."))],
    camera_zone: Annotated[str, typer.Option(help=_ZONE)] = str(BEIJING),
) -> None:
    from evidence.ingest import list_footage
    from flight.telemetry.clock_offset import offset_from_pairs
    from flight.telemetry.photo_header import read_photo_header
    from flight.telemetry.photo_time import clock_pair

    zone = zone_called(camera_zone)
    pairs = []
    for path in (folder,) if folder.is_file() else list_footage(folder):
        header = read_photo_header(path)
        pair = None if isinstance(header, Refusal) else clock_pair(header, camera_zone=zone)
        if pair is not None:
            pairs.append(pair)
    _say(offset_from_pairs(pairs, method=_("satellite time in {count} photos").format(count=len(pairs))))


def _shown(
    *,
    photo: Annotated[Path, typer.Argument(help=_("Photograph that the camera took of the clock."))],
    shows: Annotated[str, typer.Option(help=_("What the clock shows, with its zone: 2026-10-01T10:03:07+08:00."))],
    reading: Annotated[float, typer.Option(help=_("How finely the clock can be read, seconds."))] = 1.0,
    camera_zone: Annotated[str, typer.Option(help=_ZONE)] = str(BEIJING),
) -> None:
    from flight.telemetry.clock_offset import offset_from_clock_photo
    from flight.telemetry.photo import read_photo

    told = read_photo(photo, camera_zone=zone_called(camera_zone))
    if isinstance(told, Refusal):
        raise InputRefused(photo, told.reason, told.remedy)
    if not told.camera_clock:
        raise InputRefused(
            photo,
            _("has its time from satellites, not from the camera's clock"),
            _("Its clock needs no correction; or use a camera without a receiver."),
        )
    try:
        shown = datetime.fromisoformat(shows)
    except ValueError as wrong:
        raise InputRefused(shows, _("is no time"), _("Write it like 2026-10-01T10:03:07+08:00.")) from wrong
    if shown.tzinfo is None:
        raise InputRefused(shows, _("does not say its zone"), _("Write it like 2026-10-01T10:03:07+08:00."))
    if not reading > 0:
        raise InputRefused(str(reading), _("is no resolution of a clock"), _("Give seconds above zero."))
    _say(offset_from_clock_photo(told.captured_at, shown, reading_s=reading))


def _log(
    *,
    footage: Annotated[Path, typer.Argument(help=_("Subtitle file, video with its telemetry, or folder of photos."))],
    log: Annotated[Path, typer.Argument(help=_("Flight log with the true time: .bin, .tlog, .ulg, .klv or .gpx."))],
    camera_zone: Annotated[str, typer.Option(help=_ZONE)] = str(BEIJING),
    most: Annotated[float, typer.Option(help=_("Largest offset to consider, seconds."))] = 120.0,
) -> None:
    from flight.telemetry.clock_offset import offset_from_tracks

    zone = zone_called(camera_zone)
    if not most > 0:
        raise InputRefused(str(most), _("is no largest offset"), _("Give seconds above zero."))
    _say(offset_from_tracks(_track_at(footage, zone), _track_at(log, zone), most_s=most))


def _track_at(path: Path, zone: tzinfo) -> Track:
    """Return the track of a file, or of a folder's photos in order of time."""
    from evidence.ingest import list_footage
    from flight.telemetry.read_track import Declared, read_track
    from flight.track import Track

    if not path.is_dir():
        if not path.is_file():
            raise InputRefused(path, _("does not exist"), _("Name a file or a folder."))
        track = read_track(path, Declared(camera_zone=zone))
        if isinstance(track, Refusal):
            raise InputRefused(path, track.reason, track.remedy)
        return track
    read = [read_track(photo, Declared(camera_zone=zone)) for photo in list_footage(path)]
    poses = {pose.captured_at: pose for track in read if not isinstance(track, Refusal) for pose in track.poses}
    if not poses:
        raise InputRefused(path, _("holds no photo with a time"), _("Name a folder of photos of one camera."))
    return Track(poses=tuple(poses[at] for at in sorted(poses)), source=path.name)


def _say(offset: ClockOffset | Refusal) -> None:
    """Print an offset and how to use it."""
    if isinstance(offset, Refusal):
        raise InputRefused(offset.subject, offset.reason, offset.remedy)
    typer.echo(
        _("add {offset:+.3f} s ± {sigma:.3f} s to the camera's time ({method}, {samples} observations)").format(
            offset=offset.offset_s, sigma=offset.sigma_s, method=offset.method, samples=offset.samples
        )
    )
    typer.echo(f"--clock-offset={offset.offset_s:.3f},{offset.sigma_s:.3f}")
