"""Commands for single files: inspect one; take a still or a clip out of a video; rescue one that was cut off."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.style import Style
from rich.table import Table
from rich.text import Text

from app.wiring import camera_zone as zone_called
from core.clock import BEIJING
from core.errors import InputRefused
from core.refusal import Refusal
from core.text import _
from detection.thermal.thermogram import Conditions, Unit

PREVIEW_COLUMNS = 72


def add_commands(application: typer.Typer) -> None:
    """Add the commands for single files to the command line."""
    panel = _("After the flight")
    application.command(
        name="inspect", rich_help_panel=panel, help=_("Show what a file is, what is known of it and what is missing.")
    )(_inspect)
    application.command(
        name="still", rich_help_panel=panel, help=_("Take one picture out of a video, with its exact time.")
    )(_still)
    application.command(
        name="clip", rich_help_panel=panel, help=_("Take a clip for review out of a video, with exact frame times.")
    )(_clip)
    application.command(
        name="rescue", rich_help_panel=panel, help=_("Rescue the frames of a recording that was never closed.")
    )(_rescue)


def _inspect(
    *,
    path: Annotated[Path, typer.Argument(help=_("Any photo, video, subtitle file or flight log."))],
    camera_zone: Annotated[str, typer.Option(help=_("Time zone that the camera's clock is set to."))] = str(BEIJING),
    emissivity: Annotated[
        float | None,
        typer.Option(min=0.05, max=1.0, help=_("Emissivity, instead of what a thermal photo's file says.")),
    ] = None,
    thermal_unit: Annotated[
        Unit | None, typer.Option(help=_("What the numbers of exported temperatures, or of DJI's raw data, stand for."))
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help=_("Folder for the same as an offline page, with map, plot and first picture."))
    ] = None,
) -> None:
    from app.inspection_page import first_picture, rows_of, write_inspection
    from app.thermal_inspection import with_thermal
    from flight.telemetry.inspect import inspect_file
    from flight.telemetry.read_track import Declared
    from flight.telemetry.sketch import draw_heights, draw_map

    _expect_file(path)
    try:
        seen = inspect_file(path, Declared(camera_zone=zone_called(camera_zone)))
    except OSError as problem:
        reason = _("cannot be read ({why})").format(why=problem.strerror or problem)
        raise InputRefused(path, reason, _("Check that you may read it.")) from problem
    seen = with_thermal(seen, path, Conditions(emissivity=emissivity, unit=thermal_unit))
    console = Console()
    title = Text(f"{seen.name} · {seen.kind.value} · {seen.size_bytes:,} B")
    table = Table(title=title, show_header=False, title_justify="left")
    for _kind, label, text in rows_of(seen):
        table.add_row(Text(label), Text(text))
    console.print(table)
    if seen.track is not None and len(seen.track.poses) > 1:
        for drawing in (draw_map(seen.track), draw_heights(seen.track)):
            console.print(drawing, markup=False, highlight=False)
    picture = first_picture(path, seen.kind)
    if isinstance(picture, Refusal) and not seen.facts:
        picture = None  # what is no video at all has been refused above already
    _preview(picture, console)
    if out is not None:
        console.print(str(write_inspection(seen, picture, out)), markup=False, highlight=False, soft_wrap=True)


def _expect_file(path: Path) -> None:
    if path.is_dir():
        raise InputRefused(path, _("is a folder"), _("Name one file; skywarden ingest takes folders."))
    if not path.is_file():
        raise InputRefused(path, _("does not exist"), _("Name one file."))


def _preview(picture: object, console: Console) -> None:
    """Show a picture in the terminal, two rows of pixels a line; elsewhere only say what it is, or why it is not."""
    import cv2

    from app.inspection_page import FirstPicture

    if picture is not None:
        said = picture.caption if isinstance(picture, FirstPicture) else str(picture)
        console.print(said, markup=False, highlight=False, soft_wrap=True)
    if not isinstance(picture, FirstPicture) or not console.is_terminal:
        return
    high, wide = picture.pixels.shape[:2]
    columns = min(PREVIEW_COLUMNS, console.width)
    rows = max(round(columns * high / wide / 2), 1)
    small = cv2.resize(picture.pixels, (columns, rows * 2), interpolation=cv2.INTER_AREA)[..., ::-1]
    for upper, lower in zip(small[::2], small[1::2], strict=True):
        line = Text()
        for above, below in zip(upper, lower, strict=True):
            colours = ("#{:02x}{:02x}{:02x}".format(*pixel) for pixel in (above.tolist(), below.tolist()))
            line.append("▀", Style(color=next(colours), bgcolor=next(colours)))
        console.print(line)


def _still(
    *,
    video: Annotated[Path, typer.Argument(help=_("The video."))],
    out: Annotated[Path, typer.Option(help=_("JPEG to write."))],
    at: Annotated[float, typer.Option(min=0.0, help=_("Seconds on the video's timeline."))] = 0.0,
    width: Annotated[int | None, typer.Option(min=1, help=_("Width to reduce it to, pixels."))] = None,
) -> None:
    import cv2

    from core.whole_file import write_bytes
    from detection.frames.video_stills import thumbnail

    still = thumbnail(_video(video), at, width_px=width)
    if isinstance(still, Refusal):
        raise InputRefused(video, still.reason, still.remedy)
    write_bytes(_fresh(out), bytes(cv2.imencode(".jpg", still.pixels, [cv2.IMWRITE_JPEG_QUALITY, 92])[1]))
    typer.echo(
        _("{path}: shown at {time:.6f} s, turned by {turned}°, decoded by {device}").format(
            path=out, time=still.time_s, turned=still.turned_deg, device=still.device
        )
    )


def _clip(
    *,
    video: Annotated[Path, typer.Argument(help=_("The video."))],
    start: Annotated[float, typer.Option("--from", min=0.0, help=_("From when, seconds on the video's timeline."))],
    end: Annotated[float, typer.Option("--to", help=_("Until when, seconds."))],
    out: Annotated[Path, typer.Option(help=_("MP4 to write; the frames' exact times go beside it as CSV."))],
    width: Annotated[int, typer.Option(min=16, help=_("Width at most, pixels."))] = 1280,
) -> None:
    from core.whole_file import write_bytes, write_text
    from evidence.sealing.clip import make_clip

    if not start < end:
        raise InputRefused(video, _("a clip ends after it begins"), _("Give --to later than --from."))
    clip = make_clip(_video(video), start, end, width_px=width)
    if isinstance(clip, Refusal):
        raise InputRefused(video, clip.reason, clip.remedy)
    write_bytes(_fresh(out), clip.content)
    first = clip.times_s[0]
    lines = [f"{number},{time_s - first:.6f},{time_s:.6f}" for number, time_s in enumerate(clip.times_s)]
    write_text(out.with_suffix(".csv"), "\n".join(["frame,clip_s,original_s", *lines]) + "\n")
    typer.echo(
        _("{path}: {count} frames, {first:.6f} to {last:.6f} s of {video}, {width}×{height}").format(
            path=out,
            count=len(clip.times_s),
            first=first,
            last=clip.times_s[-1],
            video=video.name,
            width=clip.width_px,
            height=clip.height_px,
        )
    )


def _rescue(
    *,
    video: Annotated[Path, typer.Argument(help=_("The recording that was never closed."))],
    like: Annotated[Path, typer.Option(help=_("A whole video that the same camera took in the same mode."))],
    out: Annotated[Path, typer.Option(help=_("Derived video to write (.mkv)."))],
) -> None:
    from flight.telemetry.rescue import rescue_video

    rescued = rescue_video(_video(video), _video(like), _fresh(out))
    if isinstance(rescued, Refusal):
        raise InputRefused(video, f"{rescued.subject}: {rescued.reason}", rescued.remedy)
    typer.echo(
        _("{path}: {frames} frames, {seconds:.1f} s; {used} bytes used, {skipped} skipped").format(
            path=rescued.path,
            frames=rescued.frames,
            seconds=rescued.frames * rescued.interval_s,
            used=rescued.used_bytes,
            skipped=rescued.skipped_bytes,
        )
    )
    for sentence in rescued.assumptions:
        typer.echo(_("assumed: {what}").format(what=sentence))


def _video(path: Path) -> Path:
    if not path.is_file():
        raise InputRefused(path, _("is no file"), _("Name a video."))
    return path


def _fresh(path: Path) -> Path:
    if path.exists():
        raise InputRefused(path, _("is there already"), _("Name a file that is not there yet."))
    if not path.absolute().parent.is_dir():
        raise InputRefused(path.parent, _("is no folder"), _("Make it first."))
    return path
