"""Opens a weight on the device asked for, or on the fastest that the machine has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from core.errors import WeightRefused
from core.text import _
from detection.networks import onnx_network, openvino_int8, openvino_network, tensorrt_network
from detection.networks.network import Network
from detection.networks.thread_count import best_threads
from detection.networks.torch_network import TorchNetwork
from detection.weight_card import WeightCard

DEVICES: Final = ("auto", "cpu", "cuda", "openvino", "openvino-int8", "onnx", "tensorrt")
Threads = int | Literal["auto"] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Weight:
    path: Path
    sha256: str
    cache: Path
    trial: bool


def default_cache() -> Path:
    """Return the folder in which converted weights are kept."""
    return Path.home() / ".cache" / "skywarden" / "weights"


def fastest_device() -> str:
    """Return what "auto" stands for here: TensorRT, CUDA, OpenVINO, ONNX Runtime, else torch on the CPU."""
    if tensorrt_network.is_available():
        return "tensorrt"
    if _has_cuda():
        return "cuda"
    if openvino_network.is_available():
        return "openvino"
    return "onnx" if onnx_network.is_available() else "cpu"


def open_network(
    path: Path,
    card: WeightCard,
    *,
    device: str,
    threads: Threads = None,
    cache: Path | None = None,
    trial: bool = False,
) -> Network:
    """Return a weight's network, ready to run.

    Args:
        path: The weight; its digest must have been checked before.
        card: Its card.
        device: One of :data:`DEVICES`.
        threads: CPU threads of the forward pass; "auto" measures once which number is fastest, None leaves the choice
            to the runtime. On a GPU it has no meaning.
        cache: Folder for converted weights; :func:`default_cache` when None.
        trial: Whether an eight-bit conversion may be run that was not accepted yet: to compare it.

    Raises:
        WeightRefused: The device is not there, or the weight cannot be loaded, or has other classes than its card says.
    """
    weight = _Weight(path=path, sha256=card.sha256, cache=cache if cache is not None else default_cache(), trial=trial)
    chosen = fastest_device() if device == "auto" else device
    try:
        if threads == "auto":
            threads = None if chosen in {"cuda", "tensorrt"} else _measured(weight, chosen)
        network = _OPENERS[chosen](weight, threads)
    except WeightRefused:
        raise
    except OSError as problem:
        raise WeightRefused(
            path,
            _("its conversion cannot be kept in {folder} ({problem})").format(folder=weight.cache, problem=problem),
            _("Make room there, or use --device cpu."),
        ) from problem
    if network.classes != card.classes:
        raise WeightRefused(
            path,
            _("its classes are {found}, not {wanted} as its card says").format(
                found=", ".join(network.classes), wanted=", ".join(card.classes)
            ),
            _("Correct the card's classes, or use the weight that the card means."),
        )
    return network


def _measured(weight: _Weight, device: str) -> int:
    return best_threads(
        f"{device} {weight.sha256[:12]}", lambda count: _OPENERS[device](weight, count).run, weight.cache
    )


def _torch(device: str) -> Callable[[_Weight, int | None], Network]:
    return lambda weight, threads: TorchNetwork(weight.path, device=device, threads=threads)


def _openvino(weight: _Weight, threads: int | None) -> Network:
    return openvino_network.OpenVinoNetwork(weight.path, sha256=weight.sha256, cache=weight.cache, threads=threads)


def _openvino_int8(weight: _Weight, threads: int | None) -> Network:
    kept = openvino_int8.eight_bit_conversion(weight.path, sha256=weight.sha256, cache=weight.cache, trial=weight.trial)
    return openvino_network.OpenVinoNetwork(
        weight.path, sha256=weight.sha256, cache=weight.cache, threads=threads, conversion=kept
    )


def _onnx(weight: _Weight, threads: int | None) -> Network:
    return onnx_network.OnnxNetwork(weight.path, sha256=weight.sha256, cache=weight.cache, threads=threads)


def _tensorrt(weight: _Weight, _threads: int | None) -> Network:
    return tensorrt_network.TensorRtNetwork(weight.path, sha256=weight.sha256, cache=weight.cache)


_OPENERS: Final[Mapping[str, Callable[[_Weight, int | None], Network]]] = {
    "cpu": _torch("cpu"),
    "cuda": _torch("cuda"),
    "openvino": _openvino,
    "openvino-int8": _openvino_int8,
    "onnx": _onnx,
    "tensorrt": _tensorrt,
}


def _has_cuda() -> bool:
    import torch

    return bool(torch.cuda.is_available())
