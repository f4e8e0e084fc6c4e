"""Training scenes: repeatable, split by site, and labelled as the trainer reads them."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from shapely import Polygon

from flight.rehearsal.scenes import CLASSES, SceneSettings, label_lines, site_tiles, write_training_set
from flight.rehearsal.scenes_site import random_world

TINY = SceneSettings(tile_px=96)
SMALL = SceneSettings(tile_px=256)


def test_sites_repeat_by_seed_and_differ_between_seeds() -> None:
    assert random_world(7) == random_world(7)
    assert random_world(7) != random_world(8)


def test_over_many_sites_every_class_occurs() -> None:
    counts: Counter[str] = Counter()
    for seed in range(25):
        world = random_world(seed)
        counts.update({"vehicle": len(world.vehicles), "drums": len(world.drums), "tank": len(world.tanks)})
        counts.update({"debris": len(world.heaps), "tent": len(world.tents), "person": len(world.people)})
        counts.update({"container": len(world.containers)})
        counts.update(plume.kind.value for plume in world.plumes)
    assert all(counts[name] > 3 for name in ("vehicle", "drums", "tank", "debris", "tent", "person", "container"))
    assert counts["smoke"] > 0
    assert counts["fire"] > 0


def test_buildings_of_a_site_do_not_overlap() -> None:
    for seed in range(6):
        shapes = [Polygon(building.ring) for building in random_world(seed).buildings]
        assert not any(one.intersects(other) for index, one in enumerate(shapes) for other in shapes[index + 1 :])


def test_labels_lie_in_the_image() -> None:
    tiles = [tile for seed in (1,) for tile in site_tiles(seed, SMALL)]
    assert sum(len(tile.things) for tile in tiles) > 5
    for tile in tiles:
        assert tile.pixels.shape == (256, 256, 3)
        for line in label_lines(tile).splitlines():
            number, x, y, width, height = (float(part) for part in line.split())
            assert 0 <= number < len(CLASSES)
            assert 0 < width <= 1
            assert 0 < height <= 1
            assert width / 2 - 1e-5 <= x <= 1 - width / 2 + 1e-5
            assert height / 2 - 1e-5 <= y <= 1 - height / 2 + 1e-5


def test_a_set_is_whole_split_by_site_and_the_same_for_any_number_of_workers(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    first = write_training_set(
        tmp_path / "a", 18, 3, settings=TINY, workers=1, progress=lambda *step: told.append(step)
    )
    write_training_set(tmp_path / "b", 18, 3, settings=TINY, workers=2)
    description = yaml.safe_load(first.read_text(encoding="utf-8"))
    assert [description["names"][number] for number in range(len(CLASSES))] == list(CLASSES)
    images = sorted((tmp_path / "a").glob("images/*/*.jpg"))
    assert len(images) == 18
    assert told[-1] == (18, 18)
    sites = {
        split: {path.stem.split("_")[0] for path in images if path.parent.name == split} for split in ("train", "val")
    }
    assert sites["val"]
    assert not sites["train"] & sites["val"]
    total = 0
    for path in images:
        label = tmp_path / "a" / "labels" / path.parent.name / f"{path.stem}.txt"
        total += len(label.read_text(encoding="utf-8").splitlines())
        assert cv2.imread(str(path)).shape == (96, 96, 3)
        twin = tmp_path / "b" / path.relative_to(tmp_path / "a")
        assert path.read_bytes() == twin.read_bytes()
    card = json.loads((tmp_path / "a" / "card.json").read_text(encoding="utf-8"))
    assert sum(card["things"].values()) == total
    assert not list((tmp_path / "a").rglob("*.part*"))


def test_no_images_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least one"):
        write_training_set(tmp_path, 0, 1)
    with pytest.raises(ValueError, match="GSD"):
        SceneSettings(gsd_m=(0.2, 0.1))


def test_images_are_neither_black_nor_burnt_out() -> None:
    means = [tile.pixels.mean() for seed in (3, 4) for tile in site_tiles(seed, TINY)]
    assert np.quantile(means, 0.1) > 45
    assert np.quantile(means, 0.9) < 215
