"""Memory over an hour of video: what the process holds at the start, on the way, and at the end.

    python -m benchmarks.detection_soak [--minutes 60] [--fps 1]

A made video (640×360, a short clip over and over) of a flight up and down a district is examined as ``process`` does:
frames chosen by coverage, tiles by what was seen, looks followed, everything but sealing. The findings of a run are
kept, so a few kilobytes a frame are expected; the decoder, the lookout and the networks must not grow.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from detection.frame import Frame
from detection.frames.video_frames import frames_of_video
from detection.lookout import Lookout
from detection.registry import read_registry
from detection.seen_ground import Enough
from detection.yolo import YoloDetector
from flight.camera import Camera
from flight.rehearsal.scenes_video import lawnmower
from flight.rehearsal.world_file import read_world
from flight.track import Track

HERE = Path(__file__).resolve().parent
SIZE = (640, 360)
CLIP_FRAMES = 20
REPORTS = 8


def write_video(path: Path, *, minutes: float, fps: int) -> None:
    import av
    import cv2

    random = np.random.default_rng(0)
    grounds = [
        cv2.resize(random.integers(0, 255, (45, 80, 3), dtype=np.uint8), SIZE, interpolation=cv2.INTER_CUBIC)
        for _ in range(CLIP_FRAMES)
    ]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps, options={"g": str(fps), "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        for number in range(round(minutes * 60 * fps)):
            image = av.VideoFrame.from_ndarray(grounds[number % CLIP_FRAMES], format="bgr24")
            image.pts = number
            container.mux(stream.encode(image))
        container.mux(stream.encode())


def flown(minutes: float) -> Track:
    world = read_world(HERE.parent / "missions/demo/world.yaml")
    whole = lawnmower(world, ((0.0, 0.0), (1500.0, 1500.0)), seconds=minutes * 60 + 2)
    return Track(poses=whole.poses[::5], source=whole.source)


def rss_mib() -> float:
    """Return the process's resident memory; the greatest so far where the system does not tell the present one."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform != "darwin" else 1024**2)
    return pages * resource.getpagesize() / 1024**2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--fps", type=int, default=1)
    parser.add_argument("--growth-mib", type=float, default=60.0, help="more than this after the warm-up is a failure")
    asked = parser.parse_args()
    width, height = SIZE
    camera = Camera(
        model="soak",
        width_px=width,
        height_px=height,
        focal_px=width * 1.2,  # nine centimetres a pixel
        centre_x_px=width / 2,
        centre_y_px=height / 2,
        source="made",
    )
    lookout = Lookout(enough=Enough())
    card = read_registry().default_for("vehicle")
    detector = YoloDetector(card.path, threads=2, lookout=lookout)
    with TemporaryDirectory() as folder:
        video = Path(folder) / "soak.mp4"
        write_video(video, minutes=asked.minutes, fps=asked.fps)
        begun = time.perf_counter()
        lookout.begin("00" * 32)
        track = flown(asked.minutes)
        start = track.poses[0].captured_at
        every = timedelta(minutes=asked.minutes / REPORTS)
        due, found = start + every / 4, 0
        readings: list[tuple[datetime, float]] = []
        print(f"{'minute of video':>16}{'frames':>8}{'tiles run':>11}{'found':>7}{'RSS MiB':>9}")
        looked_at = frames_of_video(video, sha256="00" * 32, track=track, camera=camera)
        for frames, given in enumerate(looked_at, start=1):
            if not isinstance(given, Frame):
                raise SystemExit(str(given))
            found += len(detector.detect([given])[0])
            if given.captured_at >= due:
                readings.append((given.captured_at, rss_mib()))
                at = (given.captured_at - start).total_seconds() / 60
                print(f"{at:16.1f}{frames:8}{lookout.counts['run']:11}{found:7}{readings[-1][1]:9.0f}", flush=True)
                due += every
    growth = readings[-1][1] - readings[1][1]
    wall_s = time.perf_counter() - begun
    print(f"growth after the warm-up: {growth:+.0f} MiB; {wall_s / 60:.1f} min for {asked.minutes:g} min of video")
    if growth > asked.growth_mib:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
