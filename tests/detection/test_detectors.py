"""One contract for every driver that finds things in frames."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from detection.detection import Box, Detector
from detection.frame import Frame
from detection.ground_scale import steepness_at
from detection.networks.network import DeviceMemoryShort, Network, rows_of
from detection.registry import SHIPPED
from detection.scripted import ScriptedDetector
from detection.tiles import TilePlan
from detection.yolo import YoloDetector
from flight.rehearsal.scenes import SceneSettings, site_tiles
from flight.track import Pose

RUNTIMES = {"yolo on torch": "cpu", "yolo on OpenVINO": "openvino", "yolo on ONNX Runtime": "onnx"}


@pytest.fixture(scope="module")
def street(make_frame: Callable[..., Frame]) -> Frame:
    """A rendered yard with parked cars, seen from 50 m straight above (0.1 m a pixel)."""
    views = SceneSettings(tile_px=640, gsd_m=(0.1, 0.1), nadir_share=1.0, sought=("car",))
    pixels = next(site_tiles(0, views)).pixels[:480]
    return make_frame(np.ascontiguousarray(pixels))


@pytest.fixture(scope="module", params=[*RUNTIMES, "scripted"])
def detector(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, street: Frame) -> Detector:
    if request.param != "scripted":
        return YoloDetector(
            SHIPPED.parent / "vehicle_yolov8n_3.pt",
            device={"yolo on torch": "cpu", "yolo on OpenVINO": "openvino", "yolo on ONNX Runtime": "onnx"}[
                request.param
            ],
            threads=1,
            score_floor=0.05,
            cache=tmp_path_factory.getbasetemp() / "weights",
        )
    box = Box(left_px=100, top_px=100, right_px=146, bottom_px=120)
    return ScriptedDetector({street.frame_id: [("vehicle", 0.4, box), ("vehicle", 0.8, box)]})


def test_contract_one_list_per_frame_in_order(
    detector: Detector, street: Frame, make_frame: Callable[..., Frame]
) -> None:
    black = make_frame(np.zeros((480, 640, 3), dtype=np.uint8))
    outcome = detector.detect([street, black, street])
    assert len(outcome) == 3
    assert outcome[0] == outcome[2]
    assert outcome[0], "the street shows something"
    assert all(detection.frame_id == street.frame_id for detection in outcome[0])
    assert detector.detect([]) == []


def test_contract_best_first_inside_the_image_under_its_own_labels(detector: Detector, street: Frame) -> None:
    (found,) = detector.detect([street])
    scores = [detection.score for detection in found]
    assert scores == sorted(scores, reverse=True)
    for detection in found:
        assert detection.label in detector.labels
        assert detection.weight_sha256 == detector.weight_sha256
        assert 0 <= detection.box.left_px < detection.box.right_px <= 640
        assert 0 <= detection.box.top_px < detection.box.bottom_px <= 480


def test_contract_the_digest_is_64_hex_digits_and_ids_repeat(detector: Detector, street: Frame) -> None:
    assert len(detector.weight_sha256) == 64
    int(detector.weight_sha256, 16)
    first, second = (detector.detect([street])[0] for _ in range(2))
    assert [each.detection_id for each in first] == [each.detection_id for each in second]


def test_contract_pixels_are_not_written_to(detector: Detector, street: Frame) -> None:
    before = street.pixels.copy()
    detector.detect([street])
    assert (street.pixels == before).all()


def test_a_script_must_keep_to_its_labels() -> None:
    box = Box(left_px=0, top_px=0, right_px=1, bottom_px=1)
    with pytest.raises(ValueError, match="boat"):
        ScriptedDetector({"f": [("boat", 0.5, box)]}, labels=["vehicle"])


@pytest.fixture(scope="module")
def yolo() -> YoloDetector:
    return YoloDetector(SHIPPED.parent / "vehicle_yolov8n_3.pt", device="cpu", threads=1)


def test_odd_sizes_are_no_trouble(yolo: YoloDetector, make_frame: Callable[..., Frame]) -> None:
    for height, width in ((1, 1), (3, 900), (33, 31)):
        frame = make_frame(np.zeros((height, width, 3), dtype=np.uint8))
        assert yolo.detect([frame]) == [[]]


def test_a_frame_that_sees_only_sky_costs_no_tile(
    yolo: YoloDetector, make_frame: Callable[..., Frame], make_pose: Callable[..., Pose]
) -> None:
    frame = make_frame(pose=make_pose(pitch=60.0))
    assert yolo.tiles_of(frame) == []
    assert yolo.detect([frame]) == [[]]


class ScarceNetwork:
    """A device with memory for one tile at a time, and at first not even for that."""

    classes = ("vehicle",)
    runtime = "scarce"

    def __init__(self, within: Network) -> None:
        self.within, self.moved, self.asked = within, False, list[int]()

    def run(self, canvases: NDArray[np.uint8]) -> NDArray[np.float32]:
        self.asked.append(len(canvases))
        if len(canvases) > 1 or not self.moved:
            raise DeviceMemoryShort
        return self.within.run(canvases)

    def to_cpu(self) -> bool:
        first, self.moved = not self.moved, True
        return first


class OneBoxNetwork:
    """Sees one box of a car's size in the middle of every canvas."""

    runtime = "none"

    def run(self, canvases: NDArray[np.uint8]) -> NDArray[np.float32]:
        height, width = canvases.shape[1:3]
        return np.full((len(canvases), 5, 1), [[width / 2], [height / 2], [46.0], [20.0], [0.5]], dtype=np.float32)

    def to_cpu(self) -> bool:
        return False


def test_the_flatter_the_view_the_lower_the_score(
    make_frame: Callable[..., Frame], make_pose: Callable[..., Pose], monkeypatch: pytest.MonkeyPatch
) -> None:
    detector = YoloDetector(SHIPPED.parent / "vehicle_yolov8n_3.pt", device="cpu", threads=1, score_floor=0.05)
    monkeypatch.setattr(detector, "_network", OneBoxNetwork())
    fall = detector.card.flat_views["vehicle"]
    assert fall > 0
    (straight,) = detector.detect([make_frame()])[0]
    assert straight.score == pytest.approx(0.5, abs=0.01)
    slanting = make_frame(pose=make_pose(pitch=-30.0))
    found = detector.detect([slanting])[0]
    assert found
    assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)
    for each in found:
        middle = [(each.box.left_px + each.box.right_px) / 2, (each.box.top_px + each.box.bottom_px) / 2]
        seen = steepness_at(slanting.pose, slanting.camera, middle)
        assert seen is not None
        assert each.score / (1 - each.score) == pytest.approx(float(seen) ** fall, rel=0.01)
    untold = detector.detect([make_frame(pose=make_pose(pitch=None))])[0]
    assert {round(each.score, 3) for each in untold} == {round(0.5**fall / (1 + 0.5**fall), 3)}
    strict = YoloDetector(SHIPPED.parent / "vehicle_yolov8n_3.pt", device="cpu", threads=1, score_floor=0.45)
    monkeypatch.setattr(strict, "_network", OneBoxNetwork())
    assert strict.detect([make_frame()])[0]
    assert not strict.detect([slanting])[0]


def test_a_device_that_runs_out_of_memory_gets_smaller_batches_then_the_cpu(
    yolo: YoloDetector, street: Frame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(yolo, "_plan", TilePlan(training_gsd_m=0.1, largest_thing_m=4.0, tile_px=192))
    plenty = yolo.detect([street])
    scarce = ScarceNetwork(yolo._network)
    monkeypatch.setattr(yolo, "_network", scarce)
    assert [each.detection_id for each in yolo.detect([street])[0]] == [each.detection_id for each in plenty[0]]
    assert max(scarce.asked) > 1
    assert scarce.moved


def test_a_conversion_is_kept_and_a_damaged_one_is_made_anew(tmp_path: Path, street: Frame) -> None:
    def detector() -> YoloDetector:
        return YoloDetector(weight, device="openvino", threads=1, score_floor=0.05, cache=tmp_path)

    weight = SHIPPED.parent / "vehicle_yolov8n_3.pt"
    first = detector().detect([street])
    (kept,) = tmp_path.glob("[!.]*")
    written = (kept / "weight.bin").stat().st_mtime_ns
    assert detector().detect([street]) == first
    assert (kept / "weight.bin").stat().st_mtime_ns == written
    content = bytearray((kept / "weight.bin").read_bytes())
    content[1000] ^= 0xFF
    (kept / "weight.bin").write_bytes(content)
    assert detector().detect([street]) == first
    assert (kept / "weight.bin").stat().st_mtime_ns != written


@pytest.mark.parametrize("device", ["openvino", "onnx"])
def test_all_runtimes_see_the_same(
    street: Frame, yolo: YoloDetector, tmp_path_factory: pytest.TempPathFactory, device: str
) -> None:
    weight, cache = SHIPPED.parent / "vehicle_yolov8n_3.pt", tmp_path_factory.getbasetemp() / "weights"
    torch_found = YoloDetector(weight, device="cpu", threads=1, score_floor=0.05).detect([street])[0]
    other = YoloDetector(weight, device=device, threads=1, score_floor=0.05, cache=cache)
    found = other.detect([street])[0]
    assert torch_found
    assert abs(len(torch_found) - len(found)) <= 1  # one may stand at the floor
    for one in torch_found[:3]:
        two = min(
            found, key=lambda each: abs(each.box.left_px - one.box.left_px) + abs(each.box.top_px - one.box.top_px)
        )
        assert one.score == pytest.approx(two.score, abs=0.06)
        for side in ("left_px", "top_px", "right_px", "bottom_px"):
            assert getattr(one.box, side) == pytest.approx(getattr(two.box, side), abs=3.0)
    assert "torch" in yolo.runtime
    assert {"openvino": "OpenVINO", "onnx": "ONNX Runtime"}[device] in other.runtime


def test_raw_boxes_of_both_head_kinds_are_understood() -> None:
    floors = np.array([0.5, np.inf])
    plain = np.array([[[50.0, 10], [40, 10], [20, 4], [10, 4], [0.9, 0.2], [0.95, 0.9]]], dtype=np.float32)
    assert rows_of(plain, floors)[0].tolist() == [pytest.approx([40, 35, 60, 45, 0.9, 0])]
    selected = np.array([[[40, 35, 60, 45, 0.9, 0], [1, 1, 2, 2, 0.3, 0], [0, 0, 9, 9, 0.99, 1]]], dtype=np.float32)
    assert rows_of(selected, floors)[0].tolist() == [pytest.approx([40, 35, 60, 45, 0.9, 0])]


def test_tiles_can_be_filtered_by_what_they_see(make_frame: Callable[..., Frame]) -> None:
    chosen = YoloDetector(
        SHIPPED.parent / "vehicle_yolov8n_3.pt", device="cpu", threads=1, tile_filter=lambda _frame, _tile: False
    )
    assert chosen.detect([make_frame()]) == [[]]


@pytest.mark.parametrize("wrong", [{"device": "tpu"}, {"threads": 0}])
def test_a_wrong_setting_is_a_mistake(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"device|thread"):
        YoloDetector(SHIPPED.parent / "vehicle_yolov8n_3.pt", **wrong)


def test_importing_the_room_does_not_import_its_drivers() -> None:
    rooms = (
        "detection.yolo, detection.frames.photo_frames, detection.frames.video_frames, "
        "detection.scripted, detection.registry"
    )
    heavy = "{'torch', 'ultralytics', 'openvino', 'cv2', 'av', 'PIL'}"
    code = f"import sys, {rooms}; loaded = {heavy} & set(sys.modules); assert not loaded, loaded"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert importlib.import_module("detection.yolo")
