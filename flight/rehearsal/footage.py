"""Writes what a rehearsed flight's camera leaves on its card: photos with EXIF and XMP, a video with SRT.

Pixels show the *true* pose; metadata holds the *reported* one, as on a real aircraft, whose receiver and gimbal err.
Nothing of the world's truth is written. Files say that they are of a rehearsal (EXIF Software, XMP CreatorTool, the
video's comment), so that nobody takes them for evidence. Each is written aside and renamed when whole.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from core.clock import BEIJING, in_utc
from core.refusal import Refusal
from core.whole_file import written_whole
from flight.camera import Camera, Orientation, resized
from flight.flight_log import Trigger
from flight.rehearsal.footage_header import header_segments, with_segments
from flight.rehearsal.render_jobs import Shot, shoot_jpegs, shoot_yuv
from flight.rehearsal.world import World
from flight.track import Pose, Track, orientation_of, pose_at

HOME_MSL_M: Final = 6.0
"""Height of the demo district above the sea, metres: a reclaimed plain."""

Progress = Callable[[int, int], None]
"""Told how many of how many are done."""


def write_photos(
    world: World,
    true_triggers: Sequence[Trigger],
    reported_triggers: Sequence[Trigger],
    camera: Camera,
    folder: Path,
    *,
    progress: Progress | None = None,
    workers: int = 2,
    quality: int = 90,
) -> tuple[Path, ...]:
    """Render a photograph for every trigger and write it.

    Args:
        world: What there is to see.
        true_triggers: Where the camera really was.
        reported_triggers: Where the aircraft believed it was; the same numbers in the same order.
        camera: The camera at its image size.
        folder: Where to; made if missing. Files of the same name are replaced.
        progress: Told after each photo.
        workers: Processes to render on.
        quality: JPEG quality, 1 to 100.

    Returns:
        The files, in the order of the triggers.

    Raises:
        ValueError: The two lists are not of the same photographs.
        OSError: A file cannot be written.
    """
    if [trigger.number for trigger in true_triggers] != [trigger.number for trigger in reported_triggers]:
        raise ValueError("true and reported triggers are of the same photographs, in the same order")
    folder.mkdir(parents=True, exist_ok=True)
    shots = [
        Shot(
            number=trigger.number,
            position=trigger.position,
            height_m=trigger.height_takeoff_m,
            orientation=Orientation(yaw_deg=trigger.yaw_deg, pitch_deg=trigger.pitch_deg, roll_deg=trigger.roll_deg),
        )
        for trigger in true_triggers
    ]
    files: list[Path] = []
    pictures = shoot_jpegs(world, camera, shots, workers=workers, quality=quality)
    for picture, reported in zip(pictures, reported_triggers, strict=True):
        path = folder / f"SKY_{reported.number:04d}.JPG"
        segments = header_segments(reported, camera, home_msl_m=HOME_MSL_M)
        with written_whole(path) as aside:
            aside.write_bytes(with_segments(picture, segments))
        files.append(path)
        if progress is not None:
            progress(len(files), len(shots))
    return tuple(files)


def video_camera(camera: Camera, *, width_px: int = 1920, height_px: int = 1080) -> Camera:
    """Return the camera in video mode: the sensor's full width, cut to the video's height, resampled.

    Raises:
        ValueError: The camera distorts (its video mode would need a calibration of its own), or its image is too flat.
    """
    if camera.distortion:
        raise ValueError("a distorting camera has no derived video mode")
    scale = width_px / camera.width_px
    if camera.height_px * scale < height_px - 1e-6:
        raise ValueError("the camera's image is flatter than the video's")
    whole = resized(camera, scale, width_px=width_px, height_px=height_px)
    cut_px = (camera.height_px * scale - height_px) / 2
    return replace(whole, centre_y_px=whole.centre_y_px - cut_px, source=f"{camera.source}, video mode")


def write_video(
    world: World,
    true_track: Track,
    reported_track: Track,
    camera: Camera,
    folder: Path,
    *,
    start: datetime,
    seconds: float,
    fps: int = 12,
    name: str = "SKY_0001",
    progress: Progress | None = None,
    workers: int = 2,
) -> tuple[Path, Path]:
    """Render a stretch of a flight as an H.264 video, with the aircraft's telemetry in an SRT beside it.

    Args:
        world: What there is to see.
        true_track: Where the camera really was.
        reported_track: Where the aircraft believed it was.
        camera: The camera at the video's size (:func:`video_camera`); width and height are even.
        folder: Where to; made if missing.
        start: When the first frame is taken, aware.
        seconds: How long.
        fps: Frames per second.
        name: File name without suffix.
        progress: Told after each frame.
        workers: Processes to render on.

    Returns:
        The MP4 and the SRT.

    Raises:
        ValueError: A track does not cover the stretch, or the size is odd.
        OSError: A file cannot be written.
    """
    if camera.width_px % 2 or camera.height_px % 2:
        raise ValueError("a video's width and height are even")
    folder.mkdir(parents=True, exist_ok=True)
    times = frame_times(start, seconds, fps)
    shots = shots_along(true_track, times)
    reported = [_complete(reported_track, instant) for instant in times]
    video, subtitles = folder / f"{name}.MP4", folder / f"{name}.SRT"
    with written_whole(video) as aside:
        _encode(world, camera, shots, aside, fps=fps, start=times[0], progress=progress, workers=workers)
    with written_whole(subtitles) as aside:
        aside.write_text(srt_text(reported, camera, fps=fps, home_msl_m=HOME_MSL_M), encoding="utf-8", newline="\n")
    return video, subtitles


def frame_times(start: datetime, seconds: float, fps: int) -> tuple[datetime, ...]:
    """Return the instants of a video's frames; at least one."""
    return tuple(in_utc(start) + timedelta(seconds=index / fps) for index in range(max(1, round(seconds * fps))))


def shots_along(track: Track, times: Sequence[datetime]) -> list[Shot]:
    """Return a shot from a track for each instant; smoke moves with the time since the first.

    Raises:
        ValueError: The track does not cover an instant with position, height above take-off and angles.
    """
    shots = []
    for number, instant in enumerate(times):
        pose = _complete(track, instant)
        orientation = orientation_of(pose)
        if pose.position is None or pose.height_takeoff is None or orientation is None:
            raise ValueError(f"{track.source}: a pose to film from has position, height above take-off and angles")
        moment = (instant - times[0]).total_seconds()
        height = pose.height_takeoff.metres
        shots.append(
            Shot(number=number, position=pose.position, height_m=height, orientation=orientation, time_s=moment)
        )
    return shots


def _complete(track: Track, instant: datetime) -> Pose:
    """Return a pose of a track that the caller promises to cover the instant."""
    pose = pose_at(track, instant, max_gap_s=2.0)
    if isinstance(pose, Refusal):
        raise ValueError(str(pose))  # noqa: TRY004 - the caller's stretch is wrong, not a type
    return pose


def _encode(
    world: World,
    camera: Camera,
    shots: Sequence[Shot],
    path: Path,
    *,
    fps: int,
    start: datetime,
    progress: Progress | None,
    workers: int,
) -> None:
    """Render and encode; a key frame each second, so that readers can seek."""
    import av

    with av.open(str(path), "w", format="mp4") as container:
        container.metadata["creation_time"] = start.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        container.metadata["comment"] = "Skywarden rehearsal: rendered, not filmed"
        stream = container.add_stream("libx264", rate=fps, options={"crf": "23", "preset": "superfast"})
        stream.width, stream.height, stream.pix_fmt = camera.width_px, camera.height_px, "yuv420p"
        stream.gop_size = fps
        for index, planar in enumerate(shoot_yuv(world, camera, shots, workers=workers)):
            frame = av.VideoFrame.from_ndarray(planar, format="yuv420p")
            frame.pts = index
            container.mux(stream.encode(frame))
            if progress is not None:
                progress(index + 1, len(shots))
        container.mux(stream.encode())


def srt_text(poses: Sequence[Pose], camera: Camera, *, fps: int, home_msl_m: float) -> str:
    """Return the subtitle telemetry of a video in the style of the Mavic 3 Enterprise series: one record a frame.

    Times inside records are Beijing time without a zone, as such aircraft write them.
    """
    # The 35 mm equivalent belongs to the sensor's full 4:3 image, of which the video keeps the width.
    equivalent = camera.focal_px / (camera.width_px * 1.25) * 43.2666
    records = []
    for index, pose in enumerate(poses):
        if pose.position is None or pose.height_takeoff is None or pose.yaw_deg is None:
            raise ValueError("a reported pose has position, height above take-off and angles")
        yaw = (pose.yaw_deg + 180) % 360 - 180
        local = pose.captured_at.astimezone(BEIJING)
        stamp = f"{local:%Y-%m-%d %H:%M:%S}.{local.microsecond // 1000:03d}"
        up = pose.height_takeoff.metres
        records.append(
            f"{index + 1}\n{_clock(index / fps)} --> {_clock((index + 1) / fps)}\n"
            f'<font size="28">FrameCnt: {index + 1}, DiffTime: {round(1000 / fps)}ms\n{stamp}\n'
            f"[iso: 100] [shutter: 1/1000.0] [fnum: 2.8] [ev: 0] [color_md: default] [ae_meter_md: 1] "
            f"[focal_len: {equivalent:.2f}] [dzoom_ratio: 1.00], [latitude: {pose.position.lat_deg:.6f}] "
            f"[longitude: {pose.position.lon_deg:.6f}] [rel_alt: {up:.3f} abs_alt: {home_msl_m + up:.3f}] [ct: 5500] "
            f"[gb_yaw: {yaw:.1f} gb_pitch: {pose.pitch_deg:.1f} gb_roll: {pose.roll_deg:.1f}] </font>\n"
        )
    return "\n".join(records) + "\n"


def _clock(seconds: float) -> str:
    """Return a subtitle time, HH:MM:SS,mmm."""
    whole = round(seconds * 1000)
    return f"{whole // 3_600_000:02d}:{whole // 60_000 % 60:02d}:{whole // 1000 % 60:02d},{whole % 1000:03d}"
