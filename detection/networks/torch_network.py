"""A weight run by torch, loaded by Ultralytics: the driver that needs nothing converted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from core.errors import WeightRefused
from core.text import _
from detection.networks.network import DeviceMemoryShort
from detection.networks.ultralytics_import import import_ultralytics

if TYPE_CHECKING:
    import torch

_MOST_WORDS: Final = 160  # characters of another program's complaint that are repeated


class TorchNetwork:
    """A ``.pt`` weight on the CPU or a CUDA device.

    Args:
        path: The weight; its digest must have been checked before, because loading it runs a pickle.
        device: "auto" (CUDA when there is one), "cpu" or "cuda".
        threads: CPU threads of torch in this process; torch's own choice when None.

    Raises:
        WeightRefused: Ultralytics cannot load the file, or there is no such device.
    """

    def __init__(self, path: Path, *, device: str = "auto", threads: int | None = None) -> None:
        self._module = load_module(path)
        import torch

        if threads is not None:
            torch.set_num_threads(threads)
        if device == "cuda" and not torch.cuda.is_available():
            raise WeightRefused(path, _("this machine has no CUDA device"), _("Use --device auto or cpu."))
        self._device = torch.device("cuda" if device != "cpu" and torch.cuda.is_available() else "cpu")
        self._classes = classes_of(self._module)
        self._module.to(self._device)

    @property
    def classes(self) -> tuple[str, ...]:
        """The weight's own class names, by class number."""
        return self._classes

    @property
    def runtime(self) -> str:
        """What runs it."""
        import torch

        return f"torch {torch.__version__} {self._device}"

    def run(self, canvases: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return (batch, 4 + classes, anchors) for (batch, height, width, 3) BGR canvases."""
        import torch

        try:
            with torch.inference_mode():
                images = torch.from_numpy(canvases).to(self._device).flip(-1).permute(0, 3, 1, 2).float() / 255
                raw = first_output(self._module(images))
        except torch.OutOfMemoryError as problem:
            if self._device.type == "cuda":
                torch.cuda.empty_cache()
            raise DeviceMemoryShort from problem
        except (MemoryError, RuntimeError) as problem:
            if isinstance(problem, RuntimeError) and "allocate" not in str(problem):  # as torch says of the CPU
                raise
            raise DeviceMemoryShort from problem
        rows: NDArray[np.float32] = raw.cpu().numpy()
        return rows

    def to_cpu(self) -> bool:
        """Move to the CPU; False when it is there already."""
        import torch

        if self._device.type == "cpu":
            return False
        self._device = torch.device("cpu")
        self._module.to(self._device)
        return True


def load_module(path: Path) -> Any:  # noqa: ANN401 - a torch module of Ultralytics' own class
    """Return the weight's network as a torch module on the CPU, fused and in evaluation mode.

    Raises:
        WeightRefused: Ultralytics cannot load the file.
    """
    import_ultralytics()
    from ultralytics.nn.tasks import load_checkpoint

    try:
        return load_checkpoint(str(path))[0].float().fuse(verbose=False).eval()
    except Exception as problem:
        raise WeightRefused(
            path,
            _("Ultralytics cannot load this weight ({problem})").format(problem=_first_words(problem)),
            _("Use a detection weight that this version of Ultralytics wrote."),
        ) from problem


def _first_words(problem: Exception) -> str:
    """Return what a loader complains of, without its advice and its pictures: one clause of ours has to hold it."""
    first = next((line.strip() for line in str(problem).splitlines() if line.strip()), type(problem).__name__)
    clause = first.removeprefix("ERROR").lstrip(" \u274c\ufe0f").split(". ", 1)[0]
    return clause if len(clause) <= _MOST_WORDS else clause[:_MOST_WORDS].rsplit(" ", 1)[0] + " …"


def classes_of(module: Any) -> tuple[str, ...]:  # noqa: ANN401 - as above
    """Return the class names of a loaded module, by class number."""
    names: dict[int, str] = module.names
    return tuple(str(names[number]) for number in sorted(names))


def first_output(outcome: Any) -> torch.Tensor:  # noqa: ANN401 - a tensor, or a sequence that begins with it
    """Return the boxes of what an Ultralytics network gives back in evaluation mode."""
    tensor: torch.Tensor = outcome[0] if isinstance(outcome, list | tuple) else outcome
    return tensor
