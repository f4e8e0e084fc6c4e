"""Recipes: what ``skywarden train recipe`` does to make a weight, from images to a file.

A recipe renders its scenes, puts the training set together and trains from a registered weight. Every step is seeded;
on one machine with one number of threads it gives the same weight again, on another one a weight like it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final, Protocol

from core.errors import InputRefused
from core.text import _
from detection.registry import Registry, verify_weight
from detection.training.default_model import TILE_PX, prepare_default_set
from detection.training.fire_model import prepare_fire_set
from detection.training.heat_model import FOLDER as HIT_UAV
from detection.training.heat_model import TILE_PX as HEAT_TILE_PX
from detection.training.heat_model import prepare_heat_set
from detection.training.trainer import SOURCES, TrainingSettings, train_weight
from detection.training.yard_model import GSD_RANGE_M as YARD_GSD_M
from detection.training.yard_model import LABELS as YARD_LABELS
from detection.training.yard_model import prepare_yard_set, road_backdrops
from flight.rehearsal.scenes import Backdrop, SceneSettings, write_training_set

Counts = Mapping[tuple[str, str, str], int]


class Prepare(Protocol):
    """Puts a training set together and returns its boxes by (split, source, label)."""

    def __call__(self, folder: Path, *, data: Path, scenes: Path) -> Counts:
        """Write the set to ``folder``."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a weight is made.

    Attributes:
        name: What it is called on the command line.
        initial: The registered weight that training starts from.
        prepare: Puts the training set together.
        scenes: How its scenes are rendered; None where nothing is rendered.
        scene_images: How many rendered images.
        scene_seed: Which.
        settings: How it is trained.
        needs: Folders that DATA must hold.
        backdrops: Takes from DATA the real pictures of ground that scenes stand on; None for none.
    """

    name: str
    initial: str
    prepare: Prepare
    settings: TrainingSettings
    scenes: SceneSettings | None = None
    scene_images: int = 0
    scene_seed: int = 0
    needs: tuple[str, ...] = ("aerial_vehicles/train", "forest_fire")
    backdrops: Callable[[Path], Sequence[Backdrop]] | None = None


INITIAL: Final = "vehicle-n-3"
"""The registered weight that every recipe starts from."""
_YARDS: Final = SceneSettings(tile_px=TILE_PX, gsd_m=(0.04, 0.13), nadir_share=1 / 3)
_GENTLY: Final = TrainingSettings(
    image_px=TILE_PX, epochs=4, learning_rate=0.0005, frozen_layers=10, keep_statistics=True, bfloat16=True
)

RECIPES: Final[Mapping[str, Recipe]] = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="vehicle",
            initial=INITIAL,
            prepare=partial(prepare_default_set, vehicles_only=True),
            scenes=_YARDS,
            scene_images=480,
            scene_seed=1,
            settings=_GENTLY,
            needs=("aerial_vehicles/train", "forest_fire", "kit_ais"),
        ),
        Recipe(
            name="fire",
            initial=INITIAL,
            prepare=prepare_fire_set,
            scenes=SceneSettings(tile_px=256, gsd_m=(0.08, 0.4), nadir_share=0.45),
            scene_images=900,
            scene_seed=11,
            settings=TrainingSettings(image_px=256, epochs=28, learning_rate=0.002, bfloat16=True, threads=2),
        ),
        Recipe(
            name="yard",
            initial=INITIAL,
            prepare=prepare_yard_set,
            scenes=SceneSettings(
                tile_px=256, gsd_m=YARD_GSD_M, nadir_share=0.5, is_busy=True, sought=("person", *YARD_LABELS)
            ),
            scene_images=2100,
            scene_seed=21,
            settings=TrainingSettings(
                image_px=256, epochs=8, learning_rate=0.002, bfloat16=True, threads=1, turned_deg=0.0
            ),
            needs=("aerial_vehicles/train",),
            backdrops=road_backdrops,
        ),
        Recipe(
            name="heat",
            initial=INITIAL,
            prepare=prepare_heat_set,
            settings=TrainingSettings(
                image_px=HEAT_TILE_PX,
                epochs=6,
                learning_rate=0.0012,
                keep_statistics=True,
                bfloat16=True,
                threads=1,
                turned_deg=0.0,
            ),
            needs=(HIT_UAV,),
        ),
        Recipe(
            name="all",
            initial=INITIAL,
            prepare=prepare_default_set,
            scenes=_YARDS,
            scene_images=6000,
            scene_seed=2,
            settings=TrainingSettings(image_px=TILE_PX, epochs=60, learning_rate=0.002),
        ),
    )
}


def follow(
    recipe: Recipe,
    *,
    data: Path,
    work: Path,
    out: Path,
    registry: Registry,
    device: str = "cpu",
    epochs: int | None = None,
    told: Callable[[str], None],
) -> Path:
    """Follow a recipe and return the trained weight.

    Args:
        recipe: The recipe.
        data: Holds the outside sets that it needs.
        work: A folder for the scenes and the training set; what lies there whole is used again.
        out: Where the weight goes.
        registry: Where the initial weight is registered.
        device: "cpu", or a CUDA device as Ultralytics names it.
        epochs: Passes over the set, instead of the recipe's.
        told: Told what is being done.

    Raises:
        InputRefused: An outside set is missing.
        WeightRefused: The initial weight is not registered, or was altered.
    """
    missing = [name for name in recipe.needs if not (data / name).is_dir()]
    if missing:
        raise InputRefused(
            data,
            _("lacks {folders}, which the recipe trains on").format(folders=", ".join(missing)),
            _("Name the folder that holds them; docs/models.md says where they come from."),
        )
    initial = registry.named(recipe.initial).path
    verify_weight(initial, registry)
    scenes, folder = work / "scenes", work / "set"
    if recipe.scenes is not None and not (scenes / "data.yaml").is_file():
        told(_("rendering {count} images").format(count=recipe.scene_images))
        backdrops = () if recipe.backdrops is None else recipe.backdrops(data)
        write_training_set(
            scenes, recipe.scene_images, recipe.scene_seed, settings=recipe.scenes, backdrops=backdrops, workers=1
        )
    if not (folder / SOURCES).is_file():
        told(_("putting the training set together"))
        counts = recipe.prepare(folder, data=data, scenes=scenes)
        for (split, source, label), count in sorted(counts.items()):
            told(f"{split:6}{source:20}{label:12}{count:6}")
    settings = replace(recipe.settings, device=device, epochs=epochs or recipe.settings.epochs)
    if device != "cpu":
        settings = replace(settings, bfloat16=False)  # Ultralytics' own mixed precision instead
    told(_("training, {epochs} epochs on {device}").format(epochs=settings.epochs, device=device))
    return train_weight(
        folder,
        initial,
        out,
        settings,
        progress=lambda done, of: told(_("epoch {done} of {of}").format(done=done, of=of)),
    )
