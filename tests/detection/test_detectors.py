"""One contract for every driver that finds things in frames."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest

from detection.detection import Box, Detector
from detection.frame import Frame
from detection.registry import SHIPPED
from detection.scripted import ScriptedDetector
from detection.yolo import YoloDetector
from flight.track import Pose


@pytest.fixture(scope="module")
def street(make_frame: Callable[..., Frame]) -> Frame:
    """Grey ground with bright boxes of a car's size, seen from 50 m straight above (0.1 m a pixel)."""
    pixels = np.full((480, 640, 3), 110, dtype=np.uint8)
    for left, top in ((100, 100), (300, 220), (500, 350)):
        cv2.rectangle(pixels, (left, top), (left + 45, top + 19), (230, 230, 230), -1)
        cv2.rectangle(pixels, (left + 10, top + 2), (left + 18, top + 17), (40, 40, 40), -1)
        cv2.rectangle(pixels, (left + 33, top + 2), (left + 39, top + 17), (40, 40, 40), -1)
    return make_frame(pixels)


@pytest.fixture(scope="module", params=["yolo", "scripted"])
def detector(request: pytest.FixtureRequest, street: Frame) -> Detector:
    if request.param == "yolo":
        return YoloDetector(SHIPPED.parent / "vehicle_yolov8n.pt", device="cpu", threads=1, score_floor=0.05)
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
    return YoloDetector(SHIPPED.parent / "vehicle_yolov8n.pt", device="cpu", threads=1)


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


def test_a_device_that_runs_out_of_memory_gets_smaller_batches(
    yolo: YoloDetector, street: Frame, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    network, asked = yolo._network, []

    def scarce(images: Any) -> Any:
        asked.append(len(images))
        if len(images) > 1:
            raise torch.OutOfMemoryError
        return network(images)

    plenty = yolo.detect([street])
    monkeypatch.setattr(yolo, "_network", scarce)
    monkeypatch.setattr(yolo, "_plan", type(yolo._plan)(training_gsd_m=0.1, largest_thing_m=4.0, tile_px=192))
    assert yolo.detect([street])[0] is not None
    assert max(asked) > 1
    assert asked[-1] == 1
    assert plenty is not None


def test_tiles_can_be_filtered_by_what_they_see(make_frame: Callable[..., Frame]) -> None:
    chosen = YoloDetector(
        SHIPPED.parent / "vehicle_yolov8n.pt", device="cpu", threads=1, tile_filter=lambda _frame, _tile: False
    )
    assert chosen.detect([make_frame()]) == [[]]


@pytest.mark.parametrize("wrong", [{"device": "tpu"}, {"threads": 0}])
def test_a_wrong_setting_is_a_mistake(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"device|thread"):
        YoloDetector(**wrong)


def test_importing_the_room_does_not_import_its_drivers() -> None:
    rooms = "detection.yolo, detection.photo_frames, detection.video_frames, detection.scripted, detection.registry"
    heavy = "{'torch', 'ultralytics', 'cv2', 'av', 'PIL'}"
    code = f"import sys, {rooms}; loaded = {heavy} & set(sys.modules); assert not loaded, loaded"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert importlib.import_module("detection.yolo")
