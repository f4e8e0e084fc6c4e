"""Writes a long patrol video of a rehearsal world with its truth, for measuring detectors.

Beside the video and its SRT lie ``NAME.truth.json`` (every thing that the camera saw well enough, once, with where it
stands) and ``NAME.boxes.jsonl`` (boxes of every few frames). Both are for the scorer. Nothing of this is ever
committed: a minute in 4K is some hundred megabytes and a few minutes of rendering.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np

from core.heights import TakeoffHeight
from core.points import GeoPoint, LocalPlane, from_plane
from core.whole_file import written_whole
from flight.camera import Camera
from flight.rehearsal.footage import frame_times, shots_along, write_video
from flight.rehearsal.render_jobs import place_of
from flight.rehearsal.render_scene import prepare
from flight.rehearsal.render_truth import SeenThing, seen_things
from flight.rehearsal.world import World
from flight.rehearsal.world_things import PlanePoint
from flight.track import Pose, Track

STEP_S: Final = 0.1  # between poses of the track
LEAST_VISIBLE: Final = 0.6
LEAST_PX: Final = 12.0
BENCHMARK_FOCAL: Final = 24 / 43.2666 * 1.25
"""Focal length over image width of a 24 mm equivalent lens on a 4:3 sensor, of which video keeps the full width."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PatrolVideo:
    """A rendered patrol and its truth.

    Attributes:
        video, subtitles: What a detector may see.
        truth, boxes: What only the scorer may see.
        things: How many things the camera saw well enough.
    """

    video: Path
    subtitles: Path
    truth: Path
    boxes: Path
    things: int


def lawnmower(
    world: World,
    corners: tuple[PlanePoint, PlanePoint],
    *,
    seconds: float,
    height_m: float = 70.0,
    speed_m_s: float = 10.0,
    spacing_m: float = 70.0,
    pitch_deg: float = -70.0,
    start: datetime | None = None,
) -> Track:
    """Return the track of a camera that goes up and down a rectangle, looking ahead and down.

    Turns are arcs of half the spacing, flown at the same speed, so that the heading never jumps.

    Args:
        world: Gives the plane's origin.
        corners: South-west and north-east corner of the rectangle, metres.
        seconds: How long.
        height_m: Above the ground.
        speed_m_s: Over the ground.
        spacing_m: Between lines.
        pitch_deg: Of the camera.
        start: The first instant, aware; a fixed one by default.
    """
    (west, south), (east, north) = corners
    begin = start or datetime(2026, 10, 1, 2, 0, tzinfo=UTC)
    plane = LocalPlane(origin=world.origin)
    poses = []
    for step in range(round(seconds / STEP_S) + 1):
        place, yaw = _along((west, south, east, north), spacing_m, step * STEP_S * speed_m_s)
        lon, lat = from_plane(plane, place)
        poses.append(
            Pose(
                captured_at=begin + timedelta(seconds=step * STEP_S),
                position=GeoPoint(lon_deg=float(lon), lat_deg=float(lat)),
                height_takeoff=TakeoffHeight(metres=height_m),
                yaw_deg=yaw,
                pitch_deg=pitch_deg,
                roll_deg=0.0,
            )
        )
    return Track(poses=tuple(poses), source="rehearsed lawnmower")


def _along(rectangle: tuple[float, float, float, float], spacing: float, way: float) -> tuple[PlanePoint, float]:
    """Return place and heading after some way along the lines, up the rectangle and down again for ever."""
    west, south, east, north = rectangle
    half_turn = np.pi * spacing / 2
    number, rest = divmod(way, east - west + half_turn)
    lines = max(2, int((north - south) // spacing) + 1)
    row, later = (_bounced(int(number) + more, lines) for more in (0, 1))
    is_eastward = int(number) % 2 == 0
    side = 1 if is_eastward else -1
    line_north, up = south + row * spacing, later - row
    if rest <= east - west:
        return ((west if is_eastward else east) + side * rest, line_north), 90.0 * side
    angle = (rest - (east - west)) / half_turn * np.pi
    place = (
        (east if is_eastward else west) + side * float(np.sin(angle)) * spacing / 2,
        line_north + up * float(1 - np.cos(angle)) * spacing / 2,
    )
    return place, side * (90.0 - up * float(np.degrees(angle)))


def _bounced(number: int, lines: int) -> int:
    """Return the row of the n-th line when rows go 0, 1, … and back."""
    there = number % (2 * lines - 2)
    return min(there, 2 * lines - 2 - there)


def write_patrol_video(
    world: World,
    track: Track,
    camera: Camera,
    folder: Path,
    *,
    seconds: float,
    fps: int = 30,
    name: str = "PATROL_4K",
    boxes_every: int = 5,
    workers: int = 2,
    progress: Callable[[int, int], None] | None = None,
) -> PatrolVideo:
    """Render a patrol video and write its truth beside it.

    Args:
        world: What there is to see.
        track: Where the camera is; it reports just that.
        camera: At the video's size (3840 × 2160 for 4K), without distortion.
        folder: Where to; made if missing.
        seconds: How long.
        fps: Frames per second.
        name: File name without suffix.
        boxes_every: Boxes are written for one frame in this many.
        workers: Processes to render on.
        progress: Told after each frame.
    """
    start = track.poses[0].captured_at
    video, subtitles = write_video(
        world,
        track,
        track,
        camera,
        folder,
        start=start,
        seconds=seconds,
        fps=fps,
        name=name,
        progress=progress,
        workers=workers,
    )
    truth, boxes, count = write_truth(
        world, track, camera, folder, seconds=seconds, fps=fps, name=name, every=boxes_every
    )
    return PatrolVideo(video=video, subtitles=subtitles, truth=truth, boxes=boxes, things=count)


def write_benchmark_video(
    world: World,
    folder: Path,
    *,
    corners: tuple[PlanePoint, PlanePoint] = ((20.0, 40.0), (580.0, 380.0)),
    seconds: float = 60.0,
    size_px: tuple[int, int] = (3840, 2160),
    fps: int = 30,
    workers: int = 2,
    progress: Callable[[int, int], None] | None = None,
) -> PatrolVideo:
    """Render the patrol video that detectors are measured on: up and down a district at 70 m, looking 70° down.

    Args:
        world: What there is to see, for instance the demo district.
        folder: Where to; made if missing.
        corners: The flown rectangle; the demo district's by default.
        seconds: How long.
        size_px: Width and height.
        fps: Frames per second.
        workers: Processes to render on.
        progress: Told after each frame.
    """
    width, height = size_px
    camera = Camera(
        model="SKYWARDEN-VIDEO",
        width_px=width,
        height_px=height,
        focal_px=width * BENCHMARK_FOCAL,
        centre_x_px=width / 2,
        centre_y_px=height / 2,
        source="rehearsal",
    )
    track = lawnmower(world, corners, seconds=seconds + 1)
    return write_patrol_video(
        world, track, camera, folder, seconds=seconds, fps=fps, workers=workers, progress=progress
    )


def write_truth(
    world: World, track: Track, camera: Camera, folder: Path, *, seconds: float, fps: int, name: str, every: int
) -> tuple[Path, Path, int]:
    """Write what a video of this track shows; return the two files and the number of things."""
    scene = prepare(world)
    places = {thing.thing_id: thing.footprint.mean(axis=0) for thing in scene.things if thing.label}
    places |= {plume.plume_id: np.asarray(plume.centre) for plume in world.plumes}
    seen: dict[str, dict[str, Any]] = {}
    lines = []
    for shot in shots_along(track, frame_times(track.poses[0].captured_at, seconds, fps))[::every]:
        frame = shot.number
        found = seen_things(scene, camera, shot.orientation, place_of(world, shot), time_s=shot.time_s)
        lines.append(json.dumps({"frame": frame, "boxes": [_row(thing) for thing in found]}))
        for thing in found:
            if _is_clear(thing):
                _note(seen, thing, frame, places)
    plane = LocalPlane(origin=world.origin)
    for entry in seen.values():
        lon, lat = from_plane(plane, entry.pop("place"))
        entry |= {"lon": round(float(lon), 8), "lat": round(float(lat), 8)}
    card = {"video": f"{name}.MP4", "fps": fps, "least_visible": LEAST_VISIBLE, "least_px": LEAST_PX}
    truth, boxes = folder / f"{name}.truth.json", folder / f"{name}.boxes.jsonl"
    with written_whole(truth) as aside:
        aside.write_text(json.dumps({**card, "things": list(seen.values())}, indent=1) + "\n", encoding="utf-8")
    with written_whole(boxes) as aside:
        aside.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return truth, boxes, len(seen)


def _is_clear(thing: SeenThing) -> bool:
    longer = max(thing.right_px - thing.left_px, thing.bottom_px - thing.top_px)
    return thing.visible_share >= LEAST_VISIBLE and longer >= LEAST_PX


def _row(thing: SeenThing) -> list[Any]:
    edges = (thing.left_px, thing.top_px, thing.right_px, thing.bottom_px)
    return [thing.thing_id, thing.label, *(round(edge, 1) for edge in edges), round(thing.visible_share, 3)]


def _note(seen: dict[str, dict[str, Any]], thing: SeenThing, frame: int, places: dict[str, Any]) -> None:
    entry = seen.setdefault(
        thing.thing_id,
        {
            "id": thing.thing_id,
            "label": thing.label,
            "first_frame": frame,
            "last_frame": frame,
            "frames": 0,
            "place": places[thing.thing_id],
        },
    )
    entry["last_frame"] = frame
    entry["frames"] += 1
