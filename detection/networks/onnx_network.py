"""A weight run by ONNX Runtime: for machines that OpenVINO does not know, ARM and Apple processors among them.

Ultralytics exports the weight once; the export is kept under the weight's digest
(:mod:`detection.networks.conversions`).
"""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.errors import WeightRefused
from core.text import _
from detection.networks.conversions import Conversion, keep_conversion, kept_conversion
from detection.networks.network import DeviceMemoryShort
from detection.networks.torch_network import classes_of, load_module
from detection.networks.ultralytics_import import import_ultralytics

FORMAT: Final = 1  # part of the cache key; raised when the export changes


def is_available() -> bool:
    """Return whether ONNX Runtime is installed, and what exporting for it needs."""
    import importlib.util

    return all(importlib.util.find_spec(name) is not None for name in ("onnxruntime", "onnx"))


class OnnxNetwork:
    """A ``.pt`` weight exported to ONNX, run by ONNX Runtime on the CPU.

    Args:
        path: The weight; its digest must have been checked before.
        sha256: That digest, the key of the cache.
        cache: Folder for converted weights.
        threads: CPU threads of the forward pass; ONNX Runtime's own choice when None.

    Raises:
        WeightRefused: ONNX Runtime is not installed, or the weight cannot be loaded or exported.
    """

    def __init__(self, path: Path, *, sha256: str, cache: Path, threads: int | None = None) -> None:
        if not is_available():
            raise WeightRefused(
                path,
                _("ONNX Runtime is not installed here"),
                _("Install the packages onnxruntime and onnx, or use --device auto or cpu."),
            )
        import onnxruntime

        conversion = onnx_conversion(path, sha256=sha256, cache=cache)
        settings = onnxruntime.SessionOptions()
        settings.log_severity_level = 3
        if threads is not None:
            settings.intra_op_num_threads = threads
        try:
            self._session = onnxruntime.InferenceSession(
                str(conversion.folder / "weight.onnx"), settings, providers=["CPUExecutionProvider"]
            )
        except Exception as problem:
            raise WeightRefused(
                path,
                _("ONNX Runtime cannot load its export ({problem})").format(problem=problem),
                _("Delete {folder} and try again, or use --device cpu.").format(folder=conversion.folder),
            ) from problem
        self._input = str(self._session.get_inputs()[0].name)
        self._classes = conversion.classes
        self._runtime = f"ONNX Runtime {onnxruntime.__version__} cpu"

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
        planes = np.ascontiguousarray(canvases[..., ::-1].transpose(0, 3, 1, 2))
        try:
            raw: NDArray[np.float32] = self._session.run(None, {self._input: planes.astype(np.float32) / 255})[0]
        except MemoryError as problem:
            raise DeviceMemoryShort from problem
        except Exception as problem:
            if "allocate" in str(problem).lower() or "bad_alloc" in str(problem):
                raise DeviceMemoryShort from problem
            raise
        return raw

    def to_cpu(self) -> bool:
        """Return False: it is on the CPU already."""
        return False


def onnx_conversion(path: Path, *, sha256: str, cache: Path) -> Conversion:
    """Return the export of a weight, made now when there is none.

    Raises:
        WeightRefused: The weight cannot be loaded or exported.
    """
    import onnx

    folder = cache / f"{sha256}-onnx-{onnx.__version__}-{FORMAT}"
    return kept_conversion(folder) or keep_conversion(folder, lambda aside: _export(path, aside))


def _export(path: Path, aside: Path) -> Sequence[str]:
    """Write the export of the weight at ``path`` into the folder ``aside`` and return its class names."""
    classes = classes_of(load_module(path))
    beside = shutil.copyfile(path, aside / "weight.pt")  # Ultralytics exports beside the weight
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the exporter traces the network by means that torch calls old
            import_ultralytics().YOLO(str(beside)).export(
                format="onnx", dynamic=True, simplify=False, device="cpu", verbose=False
            )
    except Exception as problem:
        raise WeightRefused(
            path,
            _("Ultralytics cannot export this weight to ONNX ({problem})").format(problem=problem),
            _("Use --device cpu, or a detection weight of a kind that can be exported."),
        ) from problem
    beside.unlink()
    return classes
