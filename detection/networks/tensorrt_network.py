"""A weight run by TensorRT on an NVIDIA GPU: chosen only where TensorRT is installed and there is such a GPU.

Ultralytics builds the engine (half precision, any canvas up to the largest asked for) and runs it; the engine fits one
GPU and one version of TensorRT, which are part of its key in the cache (:mod:`detection.networks.conversions`).
"""

from __future__ import annotations

import re
import shutil
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.errors import WeightRefused
from core.text import _
from detection.networks.conversions import keep_conversion, kept_conversion
from detection.networks.network import DeviceMemoryShort
from detection.networks.torch_network import classes_of, first_output, load_module
from detection.networks.ultralytics_import import import_ultralytics

FORMAT: Final = 1
LARGEST_PX: Final = 1280
LARGEST_BATCH: Final = 8


def is_available() -> bool:
    """Return whether TensorRT is installed and a CUDA device is there."""
    import importlib.util

    if importlib.util.find_spec("tensorrt") is None:
        return False
    import torch

    return bool(torch.cuda.is_available())


class TensorRtNetwork:
    """A ``.pt`` weight built into a TensorRT engine.

    Args:
        path: The weight; its digest must have been checked before.
        sha256: That digest, the key of the cache.
        cache: Folder for converted weights.

    Raises:
        WeightRefused: There is no TensorRT or no GPU, or the engine cannot be built.
    """

    def __init__(self, path: Path, *, sha256: str, cache: Path) -> None:
        if not is_available():
            raise WeightRefused(
                path,
                _("this machine has no TensorRT, or no NVIDIA GPU for it"),
                _("Install the package tensorrt on a machine with such a GPU, or use --device auto."),
            )
        import tensorrt
        import torch

        gpu = re.sub(r"\W+", "-", torch.cuda.get_device_name(0))
        folder = cache / f"{sha256}-tensorrt-{tensorrt.__version__}-{gpu}-{FORMAT}"
        conversion = kept_conversion(folder) or keep_conversion(folder, lambda aside: _build(path, aside))
        import_ultralytics()
        from ultralytics.nn.autobackend import AutoBackend

        try:
            self._engine = AutoBackend(str(folder / "weight.engine"), device=torch.device("cuda:0"), fp16=True)
        except Exception as problem:
            raise WeightRefused(
                path,
                _("TensorRT cannot load its engine ({problem})").format(problem=problem),
                _("Delete {folder} and try again, or use --device cuda.").format(folder=folder),
            ) from problem
        self._classes = conversion.classes
        self._runtime = f"TensorRT {tensorrt.__version__} {gpu}"

    @property
    def classes(self) -> tuple[str, ...]:
        """The weight's own class names, by class number."""
        return self._classes

    @property
    def runtime(self) -> str:
        """What runs it."""
        return self._runtime

    def run(self, canvases: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return (batch, 4 + classes, anchors) for (batch, height, width, 3) BGR canvases."""
        import torch

        parts = []
        try:
            with torch.inference_mode():
                for start in range(0, len(canvases), LARGEST_BATCH):
                    part = torch.from_numpy(canvases[start : start + LARGEST_BATCH]).to("cuda:0")
                    images = part.flip(-1).permute(0, 3, 1, 2).half() / 255
                    parts.append(first_output(self._engine(images)).float().cpu().numpy())
        except torch.OutOfMemoryError as problem:
            torch.cuda.empty_cache()
            raise DeviceMemoryShort from problem
        return np.concatenate(parts)

    def to_cpu(self) -> bool:
        """Return False: an engine runs on its GPU only."""
        return False


def _build(path: Path, aside: Path) -> Sequence[str]:
    """Write the engine of the weight at ``path`` into the folder ``aside`` and return its class names."""
    classes = classes_of(load_module(path))
    beside = shutil.copyfile(path, aside / "weight.pt")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import_ultralytics().YOLO(str(beside)).export(
                format="engine",
                dynamic=True,
                half=True,
                simplify=False,
                imgsz=LARGEST_PX,
                batch=LARGEST_BATCH,
                device=0,
                verbose=False,
            )
    except Exception as problem:
        raise WeightRefused(
            path,
            _("TensorRT cannot build an engine of this weight ({problem})").format(problem=problem),
            _("Use --device cuda."),
        ) from problem
    for part in (beside, aside / "weight.onnx"):
        part.unlink(missing_ok=True)
    return classes
