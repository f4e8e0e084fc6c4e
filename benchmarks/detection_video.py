"""A rendered 4K patrol video with truth: unique things found, false ones, and seconds per second of video.

    python -m benchmarks.detection_video [--folder CACHE] [--seconds 60] [--cut 10] [--no-whole] [--no-peers]

The video (3840×2160, 30 frames a second, up and down the demo district at 70 m, looking 70° down, with SRT) is rendered
once into a cache folder. This program examines all of it, as ``process`` does: frames chosen by coverage, tiles by
ground scale, looks followed in time, fixes gathered to things on the ground. The peers, ``yolo track`` on every frame
and SAHI on every 15th, are slow, so they and this program run on the same first seconds of it too; recall is compared
there, and speed as seconds per second of video. All have the same weight and as many threads.

What a peer found is put on the ground with the true poses, and counts for a thing within 3 m of it; boxes of one place
count once. This program has the poses of the SRT only.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from app.examine import examine, take_in
from app.footage_pose import VideoPoses, poses_of_video
from app.inputs import list_inputs
from app.instruments import Instruments
from app.weights import open_registry
from app.wiring import open_ground, open_instruments
from core.clock import SystemClock
from core.points import LocalPlane, to_plane
from core.refusal import Refusal
from detection.ground_scale import ground_offsets_m, height_above_ground_m
from detection.networks.ultralytics_import import import_ultralytics
from detection.registry import read_registry
from flight.rehearsal.render_scene import prepare
from flight.rehearsal.scenes_video import write_benchmark_video
from flight.rehearsal.world_file import read_world
from flight.track import orientation_of, pose_at
from geofence.gather import gather

HERE = Path(__file__).resolve().parent
WORLD = HERE.parent / "missions/demo/world.yaml"
NEAR_M = 3.0
NAME = "PATROL_4K"
FPS = 30
VEHICLES = {"vehicle", "truck", "car"}
LEAST_FRAMES = 3  # of the truth's frames, one in five: seen clearly for half a second at least
Places = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one way found: places in the world's plane, metres, one for each thing it tells apart."""

    name: str
    places: Places
    wall_s: float
    cpu_s: float
    video_s: float
    note: str = ""


def rendered(folder: Path, seconds: float) -> Path:
    """Return the folder of the video, rendered now when it is not there."""
    if not (folder / f"{NAME}.truth.json").is_file():
        print(f"rendering {seconds:g} s of 4K video to {folder} …", flush=True)
        write_benchmark_video(read_world(WORLD), folder, seconds=seconds, fps=FPS)
    return folder


def cut(folder: Path, seconds: float, into: Path) -> Path:
    """Write the first seconds of the video and of its SRT, the pictures as they are."""
    import av

    with av.open(str(folder / f"{NAME}.MP4")) as source, av.open(str(into / f"{NAME}.MP4"), "w") as target:
        stream = source.streams.video[0]
        copy = target.add_stream_from_template(stream)
        for packet in source.demux(stream):
            if packet.pts is None or float(packet.pts * stream.time_base) >= seconds:
                break
            packet.stream = copy
            target.mux(packet)
    records = (folder / f"{NAME}.SRT").read_text(encoding="utf-8").split("\n\n")
    (into / f"{NAME}.SRT").write_text("\n\n".join(records[: round(seconds * FPS)]) + "\n", encoding="utf-8")
    return into


def truth(folder: Path, seconds: float) -> tuple[Places, Places]:
    """Return where the vehicles stand that a stretch of the video shows clearly, and where any thing stands."""
    scene = prepare(read_world(WORLD))
    places = {thing.thing_id: thing.footprint.mean(axis=0) for thing in scene.things if thing.label}
    card = json.loads((folder / f"{NAME}.truth.json").read_text())
    seen: dict[str, int] = {}
    for line in (folder / f"{NAME}.boxes.jsonl").open():
        told = json.loads(line)
        if told["frame"] < seconds * FPS:
            for key, label, left, top, right, bottom, visible in told["boxes"]:
                clear = visible >= card["least_visible"] and max(right - left, bottom - top) >= card["least_px"]
                if label in VEHICLES and clear:
                    seen[key] = seen.get(key, 0) + 1
    clear_things = [places[key] for key, count in seen.items() if count >= LEAST_FRAMES]
    return np.array(clear_things).reshape(-1, 2), np.array(list(places.values())).reshape(-1, 2)


def ours(folder: Path, seconds: float, instruments: Callable[[], Instruments], name: str) -> Outcome:
    """Examine a video as ``process`` does."""
    tools = instruments()
    (video,) = [file for file in list_inputs(folder) if file.path.suffix == ".MP4"]
    with TemporaryDirectory() as views:
        start, begun = time.perf_counter(), time.process_time()
        original = take_in(video, tools)
        if isinstance(original, Refusal):
            raise SystemExit(str(original))
        found = examine(video, original, tools, views=Path(views))
        sightings = gather([fix for frame in found.frames for fix in frame.fixes if fix.detection.label in VEHICLES])
        wall_s, cpu_s = time.perf_counter() - start, time.process_time() - begun
    plane = LocalPlane(origin=read_world(WORLD).origin)
    points = [[sighting.point.lon_deg, sighting.point.lat_deg] for sighting in sightings]
    followed = sum(frame.followed for frame in found.frames)
    return Outcome(
        name=name,
        places=to_plane(plane, points) if points else np.empty((0, 2)),
        wall_s=wall_s,
        cpu_s=cpu_s,
        video_s=seconds,
        note=f"{len(found.frames)} frames ({followed} to follow), tiles {dict(found.tiles)}",
    )


def on_ground(told: VideoPoses, at: datetime, boxes: Places) -> Places:
    """Return where (n, 4) boxes' centres meet the ground, in the world's plane."""
    plane = LocalPlane(origin=read_world(WORLD).origin)
    pose = pose_at(told.track, at)
    if isinstance(pose, Refusal) or told.camera is None or pose.position is None:
        raise SystemExit("the video's poses do not cover it")
    orientation, height_m = orientation_of(pose), height_above_ground_m(pose)
    if orientation is None or height_m is None:
        raise SystemExit("the video's poses are incomplete")
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    here = to_plane(plane, [pose.position.lon_deg, pose.position.lat_deg])
    return ground_offsets_m(told.camera, orientation, height_m, centres) + here


def told_of(folder: Path, instruments: Instruments) -> tuple[Path, VideoPoses]:
    video = folder / f"{NAME}.MP4"
    told = poses_of_video(video, folder / f"{NAME}.SRT", instruments)
    if isinstance(told, Refusal):
        raise SystemExit(str(told))
    return video, told


def frame_times(told: VideoPoses) -> list[datetime]:
    return [pose.captured_at for pose in told.track.poses]


def yolo_track(
    folder: Path, seconds: float, weight: Path, *, floor: float, tools: Instruments, size_px: int
) -> Outcome:
    """Ultralytics' own tracking, every frame; a thing is a track, at the median of its places."""
    video, told = told_of(folder, tools)
    times = frame_times(told)
    model = import_ultralytics().YOLO(str(weight))
    start, begun = time.perf_counter(), time.process_time()
    tracks: dict[int, list[Places]] = {}
    outcomes = model.track(str(video), imgsz=size_px, conf=floor, device="cpu", stream=True, verbose=False)
    for number, outcome in enumerate(outcomes):
        if outcome.boxes.id is not None and number < len(times):
            places = on_ground(told, times[number], outcome.boxes.xyxy.numpy().astype(np.float64))
            for key, place in zip(outcome.boxes.id.int().tolist(), places, strict=True):
                tracks.setdefault(key, []).append(place)
    wall_s, cpu_s = time.perf_counter() - start, time.process_time() - begun
    return Outcome(
        name=f"yolo track, every frame, {size_px} px",
        places=np.array([np.median(places, axis=0) for places in tracks.values()]).reshape(-1, 2),
        wall_s=wall_s,
        cpu_s=cpu_s,
        video_s=seconds,
    )


def sahi(folder: Path, seconds: float, weight: Path, *, floor: float, tools: Instruments) -> Outcome:
    """SAHI with 640-pixel slices and 20 % overlap on every 15th frame; boxes of one place are one thing."""
    import av
    from sahi import AutoDetectionModel
    from sahi.predict import get_sliced_prediction

    video, told = told_of(folder, tools)
    times = frame_times(told)
    model = AutoDetectionModel.from_pretrained(
        model_type="ultralytics", model_path=str(weight), confidence_threshold=floor, device="cpu"
    )
    start, begun = time.perf_counter(), time.process_time()
    places: list[Places] = []
    with av.open(str(video)) as container:
        container.streams.video[0].thread_type = "AUTO"
        for number, image in enumerate(container.decode(video=0)):
            if number % 15 or number >= len(times):
                continue
            outcome = get_sliced_prediction(
                image.to_ndarray(format="rgb24"),
                model,
                slice_height=640,
                slice_width=640,
                overlap_height_ratio=0.2,
                overlap_width_ratio=0.2,
                verbose=0,
            )
            boxes = np.array([each.bbox.to_xyxy() for each in outcome.object_prediction_list], float).reshape(-1, 4)
            if len(boxes):
                places.append(on_ground(told, times[number], boxes))
    wall_s, cpu_s = time.perf_counter() - start, time.process_time() - begun
    return Outcome(
        name="SAHI 640, every 15th frame",
        places=one_each(np.concatenate(places) if places else np.empty((0, 2))),
        wall_s=wall_s,
        cpu_s=cpu_s,
        video_s=seconds,
    )


def one_each(places: Places) -> Places:
    """Return one place for those that are within the matching distance of each other, first come."""
    kept: list[Places] = []
    for place in places:
        if not any(np.hypot(*(place - other)) < NEAR_M for other in kept):
            kept.append(place)
    return np.array(kept).reshape(-1, 2)


def score(found: Places, clear: Places, anything: Places) -> tuple[int, int, int]:
    """Return how many of the clear things were found, how many findings are about nothing, and how many are doubled."""
    if not len(found):
        return 0, 0, 0
    near = np.hypot(*np.moveaxis(found[:, None] - clear[None], -1, 0)) < NEAR_M
    about = (np.hypot(*np.moveaxis(found[:, None] - anything[None], -1, 0)) < NEAR_M).any(axis=1)
    hits = int(near.any(axis=0).sum())
    return hits, int((~about).sum()), int(near.any(axis=1).sum()) - hits


def report(outcomes: Sequence[Outcome], clear: Places, anything: Places, ruler: Outcome | None) -> None:
    """Print what was found, and seconds per second of video: by the clock, and of all cores together."""
    print(f"{'':36}{'found':>9}{'recall':>8}{'false':>7}{'doubled':>9}{'s per s':>9}{'cpu s':>7}{'faster':>8}", end="")
    print("" if ruler is None else f"   in CPU time, {ruler.name} = 1")
    for each in outcomes:
        hits, false, doubled = score(each.places, clear, anything)
        pace, work = each.wall_s / each.video_s, each.cpu_s / each.video_s
        print(f"{each.name:36}{hits:4} of {len(clear):<3}{hits / max(len(clear), 1):7.2f}{false:7}{doubled:9}", end="")
        print(f"{pace:9.3f}{work:7.3f}{1 / pace:7.1f}×", end="")
        print("" if ruler is None else f"   {ruler.cpu_s / ruler.video_s / work:.1f}×")
        if each.note:
            print(f"    {each.note}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=Path.home() / ".cache/skywarden/bench-video")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--cut", type=float, default=10.0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--whole", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--peers", action=argparse.BooleanOptionalAction, default=True)
    asked = parser.parse_args()
    folder = rendered(asked.folder, asked.seconds)
    weight = read_registry().default_for("vehicle")

    def instruments() -> Instruments:
        return open_instruments(
            weights=[weight.card.name],
            zone=str(UTC),
            ground=open_ground(),
            device="auto",
            clock=SystemClock(),
            threads=str(asked.threads),
        )

    open_registry()
    digest = hashlib.sha256(weight.path.read_bytes()).hexdigest()[:12]
    print(f"weight {weight.card.name} ({digest}…), {asked.threads} threads, thing within {NEAR_M:g} m\n")
    if asked.whole:
        clear, anything = truth(folder, asked.seconds)
        print(f"all {asked.seconds:g} s")
        report([ours(folder, asked.seconds, instruments, "this program")], clear, anything, None)
    if not asked.peers:
        return
    import_ultralytics()
    import torch

    torch.set_num_threads(asked.threads)
    floor = weight.card.thresholds["vehicle"]
    with TemporaryDirectory() as aside:
        part = cut(folder, asked.cut, Path(aside))
        clear, anything = truth(folder, asked.cut)
        print(f"\nthe first {asked.cut:g} s, the same for all")
        tools = instruments()
        first = ours(part, asked.cut, instruments, "this program")
        track = yolo_track(part, asked.cut, weight.path, floor=floor, tools=tools, size_px=1280)
        sliced = sahi(part, asked.cut, weight.path, floor=floor, tools=tools)
        report([first, track, sliced], clear, anything, sliced)


if __name__ == "__main__":
    main()
