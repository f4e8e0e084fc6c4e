"""Decoding 4K video against ``ffmpeg -f null`` on the same files in the same run.

Films of 3840 × 2160 are made first (H.264, HEVC, HEVC of 10 bits; a moving texture, a key frame a second). ``walk`` is
Skywarden's cursor handing over every picture as FFmpeg decoded it: strict decoding, damage left out. ``pixels`` adds
what detection needs besides, the conversion to BGR. ``chosen`` is what processing does: one picture a second.
Memory is the largest resident size of a process that does nothing else.

The peer is Debian's ``ffmpeg`` or, where there is none, the one of the package ``imageio-ffmpeg`` (extra ``bench``).
Run with ``python -m benchmarks.decoding [seconds] [rounds]``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SIZE = (3840, 2160)
KINDS = {
    "H.264": ("libx264", "yuv420p"),
    "HEVC": ("libx265", "yuv420p"),
    "HEVC 10 bit": ("libx265", "yuv420p10le"),
}
WALK = """
import resource, sys, time
from pathlib import Path
import numpy as np
from detection.frames.video_decoding import VideoCursor, decoding, timeline_zero_s
path, job, hardware = Path(sys.argv[1]), sys.argv[2], sys.argv[3] == "hardware"
begun, count = time.perf_counter(), 0
with decoding(path, hardware=hardware) as how:
    cursor = VideoCursor(how, zero_s=timeline_zero_s(how.container))
    step = 1.0 if job == "chosen" else 0.0
    image = cursor.at(0.0)
    while image is not None:
        count += 1
        if job != "walk":
            np.ascontiguousarray(image.to_ndarray(format="bgr24"))
        image = cursor.at(count * step) if step else cursor.next()
    device = how.device
print(count, time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, device)
"""


def ffmpeg() -> str:
    found = shutil.which("ffmpeg")
    if found is None:
        from imageio_ffmpeg import get_ffmpeg_exe

        found = str(get_ffmpeg_exe())
    return found


def make_film(path: Path, kind: str, seconds: int) -> Path:
    codec, pixel_format = KINDS[kind]
    subprocess.run(
        [
            ffmpeg(), "-v", "error", "-f", "lavfi", "-i", f"testsrc2=size={SIZE[0]}x{SIZE[1]}:rate=30",
            "-t", str(seconds), "-pix_fmt", pixel_format, "-c:v", codec, "-preset", "ultrafast", "-g", "30",
            "-b:v", "60M", str(path),
        ],
        check=True, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    return path


def peer(path: Path) -> float:
    begun = time.perf_counter()
    subprocess.run([ffmpeg(), "-v", "error", "-i", str(path), "-f", "null", "-"], check=True)
    return time.perf_counter() - begun


def ours(path: Path, job: str, hardware: str) -> tuple[int, float, float, str]:
    done = subprocess.run(
        [sys.executable, "-c", WALK, str(path), job, hardware], check=True, capture_output=True, text=True
    )
    count, seconds, megabytes, device = done.stdout.split()
    return int(count), float(seconds), float(megabytes), device


def main() -> None:
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    print(f"{seconds} s of {SIZE[0]}x{SIZE[1]} at 30/s, best of {rounds}, load {os.getloadavg()[0]:.1f}\n")
    print(f"{'':14}{'job':16}{'frames/s':>10}{'ratio to ffmpeg':>17}{'memory MB':>11}  device")
    with tempfile.TemporaryDirectory(prefix="bench-decoding-") as place:
        for kind in KINDS:
            film = make_film(Path(place) / f"{kind.replace(' ', '-')}.mp4", kind, seconds)
            fastest = {"ffmpeg": float("inf")}
            told: dict[str, tuple[int, float, str]] = {}
            for _round in range(rounds):
                fastest["ffmpeg"] = min(fastest["ffmpeg"], peer(film))
                for job, hardware in (("walk", "no"), ("pixels", "no"), ("chosen", "no"), ("walk", "hardware")):
                    count, took, megabytes, device = ours(film, job, hardware)
                    if hardware == "hardware" and device == "software":
                        continue  # there is no hardware here
                    name = job if hardware == "no" else f"{job} ({device})"
                    fastest[name] = min(fastest.get(name, float("inf")), took)
                    told[name] = (count, max(told.get(name, (0, 0.0, ""))[1], megabytes), device)
            print(f"{kind:14}{'ffmpeg -f null':16}{30 * seconds / fastest['ffmpeg']:10.1f}{1:17.2f}")
            for name, (count, megabytes, device) in told.items():
                spanned = 30 * seconds if name == "chosen" else count
                rate, ratio = spanned / fastest[name], fastest["ffmpeg"] / fastest[name] * spanned / (30 * seconds)
                print(f"{'':14}{name:16}{rate:10.1f}{ratio:17.2f}{megabytes:11.0f}  {device}")


if __name__ == "__main__":
    main()
