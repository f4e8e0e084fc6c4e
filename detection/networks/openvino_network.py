"""A weight run by OpenVINO: on Intel and AMD processors two to three times as fast as torch.

The weight is converted once and kept in a cache folder under its digest (:mod:`detection.networks.conversions`). Colour
order, scaling and layout are part of the converted network: it takes the pixels as they are.

Eight-bit integers (INT8) are faster where the processor has instructions for them, and cost some accuracy. They are
made on purpose (:mod:`detection.networks.openvino_int8`), never by themselves, and run only after a comparison with
the float weight was passed.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from core.errors import WeightRefused
from core.text import _
from detection.networks.conversions import Conversion, keep_conversion, kept_conversion
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
        conversion: A conversion to run instead of the weight's own.

    Raises:
        WeightRefused: The weight cannot be loaded or converted.
    """

    def __init__(
        self,
        path: Path,
        *,
        sha256: str,
        cache: Path,
        threads: int | None = None,
        conversion: Conversion | None = None,
    ) -> None:
        import openvino

        if conversion is None:
            conversion = float_conversion(path, sha256=sha256, cache=cache)
        folder = conversion.folder
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
        self._classes = conversion.classes
        self._runtime = f"OpenVINO {version()} cpu" + (" int8" if "int8" in folder.name else "")

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
        except (MemoryError, RuntimeError) as problem:
            said = str(problem).lower()
            if isinstance(problem, RuntimeError) and "allocate" not in said and "bad_alloc" not in said:
                raise
            raise DeviceMemoryShort from problem
        return raw

    def to_cpu(self) -> bool:
        """Return False: it is on the CPU already."""
        return False


def float_conversion(path: Path, *, sha256: str, cache: Path) -> Conversion:
    """Return the conversion of a weight, made now when there is none.

    Raises:
        WeightRefused: The weight cannot be loaded or converted.
    """
    folder = cache / f"{sha256}-openvino-{version()}-{FORMAT}"
    return kept_conversion(folder) or keep_conversion(folder, lambda aside: _convert(path, aside))


def version() -> str:
    """Return OpenVINO's version, without its build number."""
    import openvino

    return str(openvino.__version__).split("-")[0]


def _convert(path: Path, aside: Path) -> tuple[str, ...]:
    """Write the conversion of the weight at ``path`` into the folder ``aside`` and return its class names."""
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
    openvino.save_model(ready, str(aside / "weight.xml"), compress_to_fp16=False)
    return classes_of(module)
