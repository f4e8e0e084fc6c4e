"""A weight run by OpenVINO: on Intel and AMD processors two to three times as fast as torch.

The weight is converted once and kept in a cache folder under its digest; the conversion is written aside and renamed,
so that a run that is killed leaves nothing half-written, and a kept conversion whose bytes changed is made anew. Colour
order, scaling and layout are part of the converted network: it takes the pixels as they are.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import warnings
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from core.errors import WeightRefused
from core.text import _
from detection.networks.network import DeviceMemoryShort
from detection.networks.torch_network import classes_of, load_module

FORMAT: Final = 2  # part of the cache key; raised when the conversion changes


def is_available() -> bool:
    """Return whether OpenVINO is installed."""
    import importlib.util

    return importlib.util.find_spec("openvino") is not None


class OpenVinoNetwork:
    """A ``.pt`` weight converted for OpenVINO, on the CPU.

    Args:
        path: The weight; its digest must have been checked before.
        sha256: That digest, the key of the cache.
        cache: Folder for converted weights.
        threads: CPU threads of the forward pass; OpenVINO's own choice when None.

    Raises:
        WeightRefused: The weight cannot be loaded or converted.
    """

    def __init__(self, path: Path, *, sha256: str, cache: Path, threads: int | None = None) -> None:
        import openvino

        folder = cache / f"{sha256}-openvino-{openvino.__version__.split('-')[0]}-{FORMAT}"
        classes = _kept_classes(folder)
        if classes is None:
            classes = _convert(path, folder)
        # Precision is left to OpenVINO: bfloat16 where the processor has it, which moves scores a little.
        settings: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY"}
        if threads is not None:
            settings["INFERENCE_NUM_THREADS"] = threads
        try:
            self._compiled = openvino.Core().compile_model(str(folder / "weight.xml"), "CPU", settings)
        except RuntimeError as problem:
            raise WeightRefused(
                path,
                _("OpenVINO cannot load its conversion ({problem})").format(problem=problem),
                _("Delete {folder} and try again, or use --device cpu.").format(folder=folder),
            ) from problem
        self._classes = classes
        self._runtime = f"OpenVINO {openvino.__version__.split('-')[0]} cpu"

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
        try:
            raw: NDArray[np.float32] = self._compiled(canvases, share_inputs=True)[0]
        except MemoryError as problem:
            raise DeviceMemoryShort from problem
        return raw

    def to_cpu(self) -> bool:
        """Return False: it is on the CPU already."""
        return False


def _kept_classes(folder: Path) -> tuple[str, ...] | None:
    """Return the class names of a kept conversion, or None when there is none or its bytes are not those written."""
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        if all(_digest(folder / name) == digest for name, digest in manifest["files"].items()):
            return tuple(manifest["classes"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    return None


def _convert(path: Path, folder: Path) -> tuple[str, ...]:
    """Write the conversion of the weight at ``path`` to ``folder`` and return its class names."""
    import openvino
    import torch
    from openvino.preprocess import ColorFormat, PrePostProcessor

    module = load_module(path)

    for part in module.modules():
        if hasattr(part, "export") and hasattr(part, "dynamic"):  # Ultralytics' head: boxes only, for any image size
            part.export, part.dynamic = True, True
    try:
        with warnings.catch_warnings(), torch.inference_mode():
            warnings.simplefilter("ignore")  # the converter traces the network by means that torch calls old
            converted = openvino.convert_model(module, example_input=torch.zeros(1, 3, 320, 416), input=[-1, 3, -1, -1])
        steps = PrePostProcessor(converted)
        pixels = steps.input().tensor().set_element_type(openvino.Type.u8).set_layout(openvino.Layout("NHWC"))
        pixels.set_shape([-1, -1, -1, 3]).set_color_format(ColorFormat.BGR)
        steps.input().preprocess().convert_element_type(openvino.Type.f32).convert_color(ColorFormat.RGB).scale(255.0)
        steps.input().model().set_layout(openvino.Layout("NCHW"))
        ready = steps.build()
    except Exception as problem:
        raise WeightRefused(
            path,
            _("OpenVINO cannot convert this weight ({problem})").format(problem=problem),
            _("Use --device cpu, or a detection weight of a kind that OpenVINO knows."),
        ) from problem
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=".part-", dir=folder.parent))
    openvino.save_model(ready, str(aside / "weight.xml"), compress_to_fp16=False)
    classes = classes_of(module)
    files = {file.name: _digest(file) for file in sorted(aside.iterdir())}
    (aside / "manifest.json").write_text(json.dumps({"classes": classes, "files": files}), encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    try:
        aside.rename(folder)
    except OSError:  # another process put the same conversion there first
        shutil.rmtree(aside, ignore_errors=True)
    return classes


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
