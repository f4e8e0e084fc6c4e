"""Training a weight: the Ultralytics driver of ``skywarden train``.

Sets that were labelled for different things are trained on together. An image of cars in which nobody labelled the
pedestrians must not teach that pedestrians are background; so each source of images states which labels it was searched
for, and for the others the classification loss is left out on its images (partial labels; Cour, Sapp & Taskar, Learning
from Partial Labels, JMLR 2011, treat the general case).

The run is seeded; on one machine with one number of threads it gives the same weight again. Nothing is fetched: the
initial weight is a registered one.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from core.errors import InputRefused
from core.text import _
from detection.networks.ultralytics_import import import_ultralytics

if TYPE_CHECKING:
    import torch

SOURCES: Final = "sources.json"
SEPARATOR: Final = "__"  # a file of source "yard" is named "yard__<image>.jpg"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSettings:
    """How a weight is trained.

    Attributes:
        image_px: Side of the training images.
        epochs: Passes over the training set.
        hours: Wall-clock limit; epochs are cut to fit. None for none.
        batch: Images per step.
        learning_rate: AdamW's first learning rate.
        seed: Settles order, augmentation and initialisation of new classes.
        device: "cpu" or a CUDA device as Ultralytics names it ("0").
        threads: CPU threads; torch's own choice when None.
        bfloat16: Run the network in bfloat16 (losses stay in single precision): twice as fast on processors that have
            it, and another weight than without.
        frozen_layers: How many of the network's first layers stay as they are; 10 is the backbone of YOLOv8.
        keep_statistics: Leave the batch statistics of the initial weight as they are. Sources that look different
            (drawn and real) pull common statistics to a place that suits neither; for a short fine-tuning this
            matters more than the weights do.
        turned_deg: Images are turned by up to this. A turned box becomes the box around it, and is too large by up to
            two fifths: 0 where tight boxes matter and the images show every heading already.
    """

    image_px: int = 416
    epochs: int = 10
    hours: float | None = None
    batch: int = 16
    learning_rate: float = 0.0015
    seed: int = 0
    device: str = "cpu"
    threads: int | None = None
    bfloat16: bool = False
    frozen_layers: int = 0
    keep_statistics: bool = False
    turned_deg: float = 180.0

    def __post_init__(self) -> None:
        if self.image_px % 32 or self.image_px < 64 or self.epochs < 1 or self.batch < 1 or self.learning_rate <= 0:
            raise ValueError("images are multiples of 32 px, at least 64; epochs, batch and learning rate are positive")


def train_weight(
    folder: Path,
    initial: Path,
    out: Path,
    settings: TrainingSettings,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Train on the set in ``folder`` from the weight ``initial`` and write the trained weight to ``out``.

    Args:
        folder: A training set as :func:`detection.training.sets.write_sources` leaves it: ``data.yaml``, images and
            labels by split, and ``sources.json``.
        initial: The weight to start from; its digest must have been checked before. Classes of the same name keep
            what they know.
        out: Where the trained weight goes; written aside and renamed.
        settings: How to train.
        progress: Told after each epoch: epochs done, epochs in all.

    Returns:
        ``out``.

    Raises:
        InputRefused: The folder is not a training set.
    """
    sources = read_sources(folder)
    ultralytics = import_ultralytics()
    import torch

    if settings.threads is not None:
        torch.set_num_threads(settings.threads)
    model = ultralytics.YOLO(str(initial))
    model.add_callback("on_train_start", lambda trainer: _replace_loss(trainer, sources, settings))
    if progress is not None:
        model.add_callback("on_train_epoch_end", lambda trainer: progress(trainer.epoch + 1, trainer.epochs))
    work = out.with_suffix(".work")
    model.train(
        data=str(folder / "data.yaml"),
        epochs=settings.epochs,
        time=settings.hours,
        imgsz=settings.image_px,
        batch=settings.batch,
        device=settings.device,
        freeze=settings.frozen_layers or None,
        workers=0,
        cache="ram",
        optimizer="AdamW",
        lr0=settings.learning_rate,
        lrf=0.05,
        warmup_epochs=0.5,
        seed=settings.seed,
        amp=settings.device != "cpu",
        mosaic=0.0,  # a mosaic mixes sources, and with them what is known to be background
        degrees=settings.turned_deg,  # there is no up in a view from above
        flipud=0.5,
        scale=0.3,
        plots=False,
        val=False,
        save_period=1,
        verbose=False,
        project=str(work.resolve()),
        name="run",
        exist_ok=True,
    )
    trained = work / "run" / "weights" / "last.pt"
    aside = out.with_suffix(".part")
    _copy_without_paths(trained, aside)
    aside.replace(out)
    shutil.rmtree(work, ignore_errors=True)
    return out


def _copy_without_paths(trained: Path, out: Path) -> None:
    """Copy a checkpoint, leaving of the paths that Ultralytics notes in it only the last parts.

    Where a weight was trained is nobody's business who gets it.
    """
    import torch

    checkpoint = torch.load(trained, map_location="cpu", weights_only=False)  # written by this very run
    module = checkpoint["model"]
    for noted in (checkpoint.get("train_args"), getattr(module, "args", None)):
        if isinstance(noted, dict):
            noted.update({key: Path(text).name for key, text in noted.items() if _is_path(text)})
    for name in ("yaml_file", "pt_path"):
        if _is_path(getattr(module, name, None)):
            setattr(module, name, Path(getattr(module, name)).name)
    torch.save(checkpoint, out)


def _is_path(noted: object) -> bool:
    return isinstance(noted, str) and Path(noted).is_absolute()


def read_sources(folder: Path) -> Mapping[str, tuple[str, ...]]:
    """Return for each source of a training set the labels that its images were searched for.

    Raises:
        InputRefused: The folder holds no ``data.yaml`` and ``sources.json``.
    """
    try:
        rows = json.loads((folder / SOURCES).read_text(encoding="utf-8"))
        return {str(name): tuple(map(str, labels)) for name, labels in rows.items()}
    except (OSError, ValueError, AttributeError, TypeError) as problem:
        raise InputRefused(
            folder,
            _("is not a training set ({problem})").format(problem=problem),
            _("Make one with `skywarden train --prepare`."),
        ) from problem


def _replace_loss(trainer: Any, sources: Mapping[str, tuple[str, ...]], settings: TrainingSettings) -> None:  # noqa: ANN401 - Ultralytics' own
    """Make the trainer's classification loss skip, image by image, the classes that its source was not searched for."""
    import torch

    names = [trainer.data["names"][number] for number in sorted(trainer.data["names"])]
    known = {
        source: torch.tensor([float(name in searched) for name in names], device=trainer.device)
        for source, searched in sources.items()
    }
    model = trainer.model.to(memory_format=torch.channels_last) if settings.bfloat16 else trainer.model
    model.criterion = model.init_criterion()
    layers = model.modules() if settings.keep_statistics else ()
    kept_statistics = [layer for layer in layers if isinstance(layer, torch.nn.BatchNorm2d)]
    plain = torch.nn.BCEWithLogitsLoss(reduction="none")
    whole_loss = model.loss

    def loss(batch: dict[str, Any], preds: Any = None) -> Any:  # noqa: ANN401 - Ultralytics' own
        weights = torch.stack([known[Path(file).name.split(SEPARATOR)[0]] for file in batch["im_file"]])[:, None, :]

        def known_only(scores: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
            return plain(scores, wanted) * weights

        model.criterion.bce = known_only
        for layer in kept_statistics:
            layer.eval()
        if preds is None and settings.bfloat16:
            with torch.autocast(trainer.device.type, torch.bfloat16):
                preds = model.forward(batch["img"].contiguous(memory_format=torch.channels_last))
            preds = _single_precision(preds)
        return whole_loss(batch, preds)

    model.loss = loss


def _single_precision(outcome: Any) -> Any:  # noqa: ANN401 - nested lists and dicts of tensors
    """Return a network's outcome with every tensor in single precision."""
    import torch

    if isinstance(outcome, torch.Tensor):
        return outcome.float()
    if isinstance(outcome, dict):
        return {name: _single_precision(part) for name, part in outcome.items()}
    return type(outcome)(_single_precision(part) for part in outcome)
