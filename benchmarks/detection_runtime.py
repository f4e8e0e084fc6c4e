"""How much of the bare network's speed is left: tiles per second through the detector against the forward pass alone.

    python -m benchmarks.detection_runtime [--seconds 6]

For each runtime and thread count: the bare forward pass on ready canvases, and the whole way (cutting, resampling,
stacking, forward, reading boxes, merging) on a 4000×2250 frame with a pose. Both are measured turn by turn in one
process, so that whatever else the machine does hits both.
"""

from __future__ import annotations

import argparse
import statistics
import time
from datetime import UTC, datetime

import numpy as np

from core.heights import TakeoffHeight
from core.points import GeoPoint
from detection.frame import Frame
from detection.networks import onnx_network, openvino_network, tensorrt_network
from detection.registry import read_registry
from detection.yolo import YoloDetector
from flight.camera import Camera
from flight.track import Pose

NOON = datetime(2026, 5, 1, 4, 0, tzinfo=UTC)


def frame() -> Frame:
    import cv2

    random = np.random.default_rng(0)
    pixels = cv2.resize(random.integers(40, 200, (225, 400, 3), dtype=np.uint8), (4000, 2250))
    return Frame(
        original_sha256="0" * 64,
        original_name="bench",
        captured_at=NOON,
        pixels=pixels,
        pose=Pose(
            captured_at=NOON,
            position=GeoPoint(lon_deg=113.3, lat_deg=23.1),
            height_takeoff=TakeoffHeight(metres=100.0),
            yaw_deg=0.0,
            pitch_deg=-60.0,
            roll_deg=0.0,
        ),
        camera=Camera(
            model="bench",
            width_px=4000,
            height_px=2250,
            focal_px=2889.0,
            centre_x_px=2000.0,
            centre_y_px=1125.0,
            source="bench",
        ),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=6.0)
    asked = parser.parse_args()
    view = frame()
    print(f"{'runtime':28}{'threads':>8}{'tiles':>7}{'bare tiles/s':>14}{'whole way':>11}{'ratio':>8}")
    others = [("openvino", openvino_network), ("onnx", onnx_network), ("tensorrt", tensorrt_network)]
    for device in ["cpu", *(name for name, driver in others if driver.is_available())]:
        for threads in (1, 2):
            detector = YoloDetector(read_registry().default_for("vehicle").path, device=device, threads=threads)
            tiles = detector.tiles_of(view)
            canvases: dict[tuple[int, int], int] = {}
            for tile in tiles:
                canvases[tile.canvas_px] = canvases.get(tile.canvas_px, 0) + 1
            ready = [np.full((count, high, wide, 3), 114, np.uint8) for (wide, high), count in canvases.items()]
            bare: list[float] = []
            whole: list[float] = []
            detector.detect([view])
            end = time.perf_counter() + asked.seconds
            while time.perf_counter() < end or len(bare) < 2:
                start = time.perf_counter()
                for batch in ready:
                    detector._network.run(batch)  # noqa: SLF001 - the bare forward pass is what is measured
                bare.append(time.perf_counter() - start)
                start = time.perf_counter()
                detector.detect([view])
                whole.append(time.perf_counter() - start)
            rates = [len(tiles) / statistics.median(times) for times in (bare, whole)]
            print(f"{detector.runtime:28}{threads:8}{len(tiles):7}", end="")
            print(f"{rates[0]:14.1f}{rates[1]:11.1f}{rates[1] / rates[0]:8.2f}")


if __name__ == "__main__":
    main()
