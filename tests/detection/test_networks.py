"""Runtimes: what is kept of them, what is refused, how many threads they get, and when the device has no memory."""

from __future__ import annotations

import importlib.util
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from core.errors import WeightRefused
from detection.frame import Frame
from detection.networks import open_network as opening
from detection.networks import openvino_int8, thread_count
from detection.networks.conversions import keep_conversion, kept_conversion
from detection.networks.network import DeviceMemoryShort
from detection.networks.onnx_network import OnnxNetwork
from detection.networks.open_network import DEVICES, open_network
from detection.networks.thread_count import best_threads, trials
from detection.networks.torch_network import TorchNetwork
from detection.registry import SHIPPED, read_registry, verify_weight
from detection.yolo import YoloDetector

WEIGHT = SHIPPED.parent / "vehicle_yolov8n_3.pt"


def write_one(aside: Path) -> list[str]:
    (aside / "weight.bin").write_bytes(b"network")
    return ["vehicle"]


def test_a_conversion_is_kept_whole_or_not_at_all(tmp_path: Path) -> None:
    folder = tmp_path / "cache" / "abc"
    assert kept_conversion(folder) is None
    made = keep_conversion(folder, write_one, notes={"made": 1})
    kept = kept_conversion(folder)
    assert kept == made
    assert kept is not None
    assert kept.classes == ("vehicle",)
    (folder / "weight.bin").write_bytes(b"netwerk")
    assert kept_conversion(folder) is None

    def fails(_aside: Path) -> list[str]:
        raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        keep_conversion(tmp_path / "cache" / "def", fails)
    there = {path.name for path in (tmp_path / "cache").iterdir() if not path.name.endswith(".lock")}
    assert there == {"abc"}  # nothing half-written lies about


def test_of_two_that_convert_at_once_one_waits_and_uses_what_the_other_made(tmp_path: Path) -> None:
    folder, made = tmp_path / "abc", []

    def slowly(aside: Path) -> list[str]:
        made.append(aside)
        time.sleep(0.2)
        return write_one(aside)

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _number: keep_conversion(folder, slowly), range(2))
    assert len(made) == 1
    assert first == second == kept_conversion(folder)
    keep_conversion(folder, slowly, anew=True)
    assert len(made) == 2


@pytest.mark.parametrize("device", ["tensorrt", "cuda", "openvino-int8"])
def test_a_device_that_is_not_there_is_refused_in_one_sentence(device: str, tmp_path: Path) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(WeightRefused) as refused:
        YoloDetector(WEIGHT, device=device, cache=tmp_path)
    assert "--device" in str(refused.value)
    assert WEIGHT.name in str(refused.value)


def test_onnx_runtime_that_is_not_installed_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "onnxruntime" else found(name, *rest)
    )
    with pytest.raises(WeightRefused, match="onnxruntime"):
        OnnxNetwork(WEIGHT, sha256="ab" * 32, cache=tmp_path)


@pytest.mark.parametrize(
    ("there", "chosen"),
    [
        ({"tensorrt", "cuda", "openvino", "onnx"}, "tensorrt"),
        ({"cuda", "openvino", "onnx"}, "cuda"),
        ({"openvino", "onnx"}, "openvino"),
        ({"onnx"}, "onnx"),
        (set[str](), "cpu"),
    ],
)
def test_auto_takes_the_fastest_that_is_there(monkeypatch: pytest.MonkeyPatch, there: set[str], chosen: str) -> None:
    monkeypatch.setattr(opening.tensorrt_network, "is_available", lambda: "tensorrt" in there)
    monkeypatch.setattr(opening, "_has_cuda", lambda: "cuda" in there)
    monkeypatch.setattr(opening.openvino_network, "is_available", lambda: "openvino" in there)
    monkeypatch.setattr(opening.onnx_network, "is_available", lambda: "onnx" in there)
    assert opening.fastest_device() == chosen
    assert chosen in DEVICES


def test_a_cache_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    with pytest.raises(WeightRefused, match="cannot be kept"):
        open_network(WEIGHT, verify_weight(WEIGHT, read_registry()), device="openvino", cache=blocked)


def test_the_fastest_number_of_threads_is_measured_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(thread_count, "cores", lambda: 4)
    opened: list[int] = []

    def network(count: int) -> Callable[[NDArray[np.uint8]], NDArray[np.float32]]:
        opened.append(count)

        def run(_canvas: NDArray[np.uint8]) -> NDArray[np.float32]:
            time.sleep(0.02 if count == 3 else 0.06)
            return np.zeros((1, 5, 1), np.float32)

        return run

    assert best_threads("test", network, tmp_path, trial_s=0.01) == 3
    assert opened == [1, 2, 3, 4]
    assert best_threads("test", network, tmp_path, trial_s=0.01) == 3
    assert opened == [1, 2, 3, 4]  # remembered
    assert best_threads("another", network, tmp_path, trial_s=0.01) == 3
    assert len(opened) == 8
    kept = json.loads((tmp_path / "threads.json").read_text())
    assert len(kept) == 2
    (name,) = [name for name in kept if name.startswith("test ")]
    for torn in ("torn {", "[]", '{"a": Infinity}', '{"a": null}', json.dumps({name: 64}), json.dumps({name: 0})):
        (tmp_path / "threads.json").write_text(torn)  # broken, or from a machine with more cores
        opened.clear()
        assert best_threads("test", network, tmp_path, trial_s=0.01) == 3
        assert opened == [1, 2, 3, 4]
    assert trials(1) == [1]
    assert trials(32)[-1] == 32


def test_a_detector_takes_the_threads_that_were_measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[Any] = []
    within = opening._OPENERS["cpu"]
    monkeypatch.setattr(opening, "best_threads", lambda key, _opened, cache: asked.append((key, cache)) or 1)
    monkeypatch.setitem(
        opening._OPENERS, "cpu", lambda weight, threads: asked.append(threads) or within(weight, threads)
    )
    YoloDetector(WEIGHT, device="cpu", threads="auto", cache=tmp_path)
    assert asked[0][1] == tmp_path
    assert asked[1] == 1


def test_a_weight_is_made_eight_bit_and_runs_only_once_accepted(
    make_frame: Callable[..., Frame], tmp_path_factory: pytest.TempPathFactory
) -> None:
    cache = tmp_path_factory.getbasetemp() / "weights"
    sha256 = verify_weight(WEIGHT, read_registry()).sha256
    random = np.random.default_rng(2)
    canvases = [random.integers(0, 255, (96, 128, 3), dtype=np.uint8) for _ in range(8)]
    with pytest.raises(WeightRefused, match="too few"):
        openvino_int8.make_candidate(WEIGHT, canvases[:7], sha256=sha256, cache=cache)
    candidate = openvino_int8.make_candidate(WEIGHT, canvases, sha256=sha256, cache=cache)
    with pytest.raises(WeightRefused, match="quantise"):
        YoloDetector(WEIGHT, device="openvino-int8", cache=cache)
    trial = YoloDetector(WEIGHT, device="openvino-int8", cache=cache, threads=1, trial=True)
    assert "int8" in trial.runtime
    with pytest.raises(ValueError, match="measured"):
        openvino_int8.accept_candidate(candidate, {})
    openvino_int8.accept_candidate(candidate, {"vehicle": [0.5, 0.5]})
    accepted = YoloDetector(WEIGHT, device="openvino-int8", cache=cache, threads=1)
    frame = make_frame(random.integers(0, 255, (480, 640, 3), dtype=np.uint8))
    assert accepted.detect([frame]) == trial.detect([frame])


class FullGpu:
    """A module on a GPU whose memory holds one canvas."""

    def __init__(self, torch: ModuleType, within: Any) -> None:
        self.torch, self.within, self.moved_to = torch, within, list[str]()

    def __call__(self, images: Any) -> Any:
        if len(images) > 1:
            raise self.torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")
        return self.within(images)

    def to(self, device: Any) -> None:
        self.moved_to.append(str(device))


def test_a_gpu_that_runs_out_of_memory_loses_no_detection(make_frame: Callable[..., Frame]) -> None:
    """The driver turns torch's own error into ours, and the detector goes on with smaller batches."""
    import torch

    network = TorchNetwork(WEIGHT, device="cpu", threads=1)
    full = FullGpu(torch, network._module)
    network._module = full
    with pytest.raises(DeviceMemoryShort):
        network.run(np.zeros((2, 64, 64, 3), np.uint8))
    detector = YoloDetector(WEIGHT, device="cpu", threads=1, tile_px=192, score_floor=0.02)
    frame = make_frame(np.random.default_rng(5).integers(0, 255, (480, 640, 3), dtype=np.uint8))
    assert len(detector.tiles_of(frame)) > 1
    plenty = detector.detect([frame])
    detector._network = network
    again = detector.detect([frame])
    assert [each.label for each in again[0]] == [each.label for each in plenty[0]]
    assert [each.score for each in again[0]] == pytest.approx([each.score for each in plenty[0]], abs=1e-4)


@pytest.mark.parametrize("size", [(20_000, 20_000), (1, 1), (1, 20_000)])
def test_a_frame_of_any_size_is_looked_at_in_bounded_batches(
    make_frame: Callable[..., Frame], monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    """Whatever reaches the detector is cut into batches of bounded size; photos of such sizes are refused before."""
    detector = YoloDetector(WEIGHT, device="cpu", threads=1)
    most = 0

    def run(canvases: NDArray[np.uint8]) -> NDArray[np.float32]:
        nonlocal most
        most = max(most, canvases[..., 0].size)
        return np.zeros((len(canvases), 5, 0), np.float32)

    monkeypatch.setattr(
        detector, "_network", SimpleNamespace(run=run, classes=("vehicle",), runtime="none", to_cpu=lambda: False)
    )
    pixels = np.broadcast_to(np.uint8(90), (*size, 3))  # no memory of its own
    frame = make_frame(pose=None)
    object.__setattr__(frame, "pixels", pixels)
    object.__setattr__(frame, "camera", None)
    assert detector.detect([frame]) == [[]]
    assert 0 < most <= 2_000_000


def test_the_broken_weight_and_the_wrong_classes_are_refused_by_every_runtime(tmp_path: Path) -> None:
    registry = read_registry()
    card = verify_weight(WEIGHT, registry)
    broken = tmp_path / "vehicle_yolov8n_3.pt"
    broken.write_bytes(WEIGHT.read_bytes()[:100_000])
    with pytest.raises(WeightRefused):
        YoloDetector(broken, registry=registry)  # its digest is not registered
    for device in ("cpu", "openvino", "onnx"):
        with pytest.raises(WeightRefused, match="cannot load"):
            open_network(broken, card, device=device, cache=tmp_path / "cache")
    other = replace(
        card,
        classes=("boat",),
        labels={"boat": "boat"},
        thresholds={"boat": 0.5},
        sizes_m={},
        flat_views={},
        measured={},
    )
    with pytest.raises(WeightRefused, match="boat"):
        open_network(WEIGHT, other, device="cpu", cache=tmp_path / "cache")
