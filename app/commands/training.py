"""Commands that train detector weights: by a recipe, or on a set of one's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from app.commands.weights import RegisterOption
from app.weights import open_registry, registered_weight
from core.errors import InputRefused
from core.text import _

if TYPE_CHECKING:
    from detection.training.sets import Source


def add_commands(application: typer.Typer) -> None:
    """Add the group ``train`` to the command line."""
    train = typer.Typer(no_args_is_help=True, help=_("Train a detector weight, on the CPU or a GPU."))
    train.command(name="recipe", help=_("Make a shipped weight again: render, put together, train."))(_recipe)
    train.command(name="set", help=_("Put a training set together from labelled folders and verdicts."))(_set)
    train.command(name="on", help=_("Train on a set, from a registered weight."))(_on)
    application.add_typer(train, name="train", rich_help_panel=_("Detector"))


def _recipe(
    *,
    name: Annotated[str, typer.Argument(help=_("vehicle, fire, yard, heat or all."))],
    out: Annotated[Path, typer.Argument(help=_("The weight file to write (.pt)."))],
    data: Annotated[Path, typer.Option(help=_("Folder that holds the outside sets; docs/models.md names them."))],
    work: Annotated[
        Path | None, typer.Option(help=_("Folder for scenes and set; by default beside the weight."))
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help=_("Passes over the set, instead of the recipe's."))] = None,
    device: Annotated[str, typer.Option(help=_("cpu, or a CUDA device: 0."))] = "cpu",
) -> None:
    from detection.training.recipes import RECIPES, follow

    recipe = RECIPES.get(name)
    if recipe is None:
        raise InputRefused(name, _("is no recipe"), _("Say one of {known}.").format(known=", ".join(RECIPES)))
    console = Console(highlight=False)
    _check_out(out)
    follow(
        recipe,
        data=data,
        work=work if work is not None else out.with_suffix(".set"),
        out=out,
        registry=open_registry(),
        device=device,
        epochs=epochs,
        told=console.print,
    )
    console.print(_("wrote {path}; register it with skywarden model add").format(path=out), soft_wrap=True)


def _set(
    *,
    folder: Annotated[Path, typer.Argument(help=_("A new folder for the training set."))],
    yolo: Annotated[list[Path] | None, typer.Option(help=_("Folder with a data.yaml; may be repeated."))] = None,
    labels: Annotated[
        list[str] | None, typer.Option("--label", help=_("Class of those folders and our label: OWN=LABEL; repeated."))
    ] = None,
    verdicts: Annotated[list[Path] | None, typer.Option(help=_("Verdict file (JSON lines); may be repeated."))] = None,
    tile_px: Annotated[int, typer.Option(min=64, help=_("Side of the tiles cut around reviewed boxes."))] = 416,
) -> None:
    from detection.training.foreign_sets import foreign_sources
    from detection.training.sets import Source, write_sources
    from detection.training.verdict_file import read_verdicts, training_tiles

    mapped = _label_map(labels or ())
    sources: list[Source] = [source for each in yolo or () for source in foreign_sources(each, mapped)]
    for number, file in enumerate(verdicts or ()):
        reviewed = read_verdicts(file)
        said = tuple(dict.fromkeys(verdict.label for image in reviewed for verdict in image.verdicts))
        tiles = training_tiles(reviewed, tile_px=tile_px)
        sources.append(Source(name=f"verdicts-{number}", images=tiles, searched_for=said))
    if not sources:
        raise InputRefused(folder, _("would hold no images"), _("Name --yolo folders or --verdicts files."))
    classes = tuple(dict.fromkeys(label for source in sources for label in source.searched_for))
    counts = write_sources(folder, sources, classes)
    table = Table(_("Split"), _("Source"), _("Label"), _("Boxes"))
    for (split, source, label), count in sorted(counts.items()):
        table.add_row(split, source, label, str(count))
    Console().print(table)


def _on(
    *,
    folder: Annotated[Path, typer.Argument(help=_("A training set."))],
    out: Annotated[Path, typer.Argument(help=_("The weight file to write (.pt)."))],
    start: Annotated[str, typer.Option("--from", help=_("Name or file of the registered weight to start from."))],
    epochs: Annotated[int, typer.Option(min=1, help=_("Passes over the set."))] = 20,
    image_px: Annotated[int, typer.Option(min=64, help=_("Side of the training images, a multiple of 32."))] = 416,
    seed: Annotated[int, typer.Option(help=_("Settles order and augmentation."))] = 0,
    device: Annotated[str, typer.Option(help=_("cpu, or a CUDA device: 0."))] = "cpu",
    register: RegisterOption = None,
) -> None:
    from detection.registry import verify_weight
    from detection.training.trainer import TrainingSettings, train_weight

    registry = open_registry(register)
    initial = registered_weight(start, registry)
    verify_weight(initial, registry)
    _check_out(out)
    try:
        settings = TrainingSettings(image_px=image_px, epochs=epochs, seed=seed, device=device)
    except ValueError as unfit:
        raise InputRefused(str(image_px), str(unfit), _("Say a multiple of 32.")) from unfit
    console = Console(highlight=False)
    told = _("epoch {done} of {of}")
    train_weight(folder, initial, out, settings, progress=lambda done, of: console.print(told.format(done=done, of=of)))
    console.print(_("wrote {path}; register it with skywarden model add").format(path=out), soft_wrap=True)


def _check_out(out: Path) -> None:
    if out.exists():
        raise InputRefused(out, _("is there already"), _("Name a new file; a weight is not written over."))
    if out.suffix != ".pt":
        raise InputRefused(out, _("a weight file ends in .pt"), _("Name it so."))
    out.parent.mkdir(parents=True, exist_ok=True)


def _label_map(given: Sequence[str]) -> Mapping[str, str]:
    mapped = {}
    for pair in given:
        own, equals, label = pair.partition("=")
        if not (own and equals and label):
            raise InputRefused(pair, _("is no pair of class and label"), _("Write OWN=LABEL, as in car=vehicle."))
        mapped[own] = label
    return mapped
