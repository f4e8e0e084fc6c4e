"""Training scenes: repeatable, split by site, and labelled as the trainer reads them."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from shapely import Polygon

from flight.camera import Camera, Orientation
from flight.rehearsal.render import render
from flight.rehearsal.render_scene import prepare
from flight.rehearsal.render_things import stack_pile
from flight.rehearsal.scenes import CLASSES, Backdrop, SceneSettings, label_lines, site_tiles, write_training_set
from flight.rehearsal.scenes_site import random_world
from flight.rehearsal.world import Light
from flight.rehearsal.world_things import DrumStack, Posture

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


BUSY = SceneSettings(tile_px=96, is_busy=True, sought=("person", "person", "drums"), nadir_share=0.5)


def test_a_busy_site_holds_the_plain_one_and_every_look_of_people_and_stacks() -> None:
    worlds = [random_world(seed, is_busy=True) for seed in range(8)]
    for seed, world in enumerate(worlds):
        plain = random_world(seed)
        assert world.people[: len(plain.people)] == plain.people
        assert world.light == plain.light
        assert len(world.people) > len(plain.people)
    people = [person for world in worlds for person in world.people]
    assert {person.pose for person in people} == set(Posture)
    assert len({person.clothes for person in people}) > 50
    stacks = [stack for world in worlds for stack in world.drums]
    for look in ("mixed", "missing", "covered", "palleted"):
        assert {bool(getattr(stack, look)) for stack in stacks} == {False, True}


def test_views_are_aimed_at_what_is_sought() -> None:
    found = Counter(thing.label for seed in (2, 3, 4) for tile in site_tiles(seed, BUSY) for thing in tile.things)
    assert found["person"] > found["container"] + found["tank"] + found["tent"] + found["debris"]


@pytest.mark.parametrize("pitched", [1.0, 0.0])
def test_scenes_stand_on_the_pictures_given(pitched: float) -> None:
    green = Backdrop(pixels=np.full((300, 300, 3), (0, 255, 0), np.uint8), gsd_m=0.06)
    settings = replace(BUSY, backdrop_share=1.0, nadir_share=pitched)
    plain = [tile for seed in (2, 3) for tile in site_tiles(seed, settings)]
    laid = [tile for seed in (2, 3) for tile in site_tiles(seed, settings, [green])]
    assert [tile.things for tile in laid] == [tile.things for tile in plain]
    greener = [float((tile.pixels[..., 1] > tile.pixels[..., 0] * 1.0 + 60).mean()) for tile in laid]
    assert np.median(greener) > 0.3
    assert [tile.pixels.tobytes() for tile in site_tiles(2, settings, [green])] == [
        tile.pixels.tobytes() for tile in laid[:6]
    ]


def test_a_backdrop_of_another_size_is_a_mistake() -> None:
    scene = prepare(random_world(1))
    camera = Camera(model="m", width_px=64, height_px=48, focal_px=60.0, centre_x_px=32, centre_y_px=24, source="test")
    level = Orientation(yaw_deg=0, pitch_deg=-90, roll_deg=0)
    with pytest.raises(ValueError, match="size of the image"):
        render(scene, camera, level, (0.0, 0.0, 50.0), backdrop=np.zeros((10, 10, 3), np.uint8))


def test_a_tarpaulin_hides_part_of_a_stack_and_gaps_are_left_out() -> None:
    stack = DrumStack(stack_id="d", centre=(0.0, 0.0), heading_deg=0, columns=8, rows=3)
    light = Light()
    whole, _meshes = stack_pile(stack, light, lit=True)
    covered, _meshes = stack_pile(replace(stack, covered=0.5), light, lit=True)
    gappy, _meshes = stack_pile(replace(stack, missing=0.3), light, lit=True)
    assert len(whole) == 24
    assert len(covered) == 12 + 1  # the sheet is one piece
    assert 10 < len(gappy) < 24
    with pytest.raises(ValueError, match="out of range"):
        replace(stack, missing=0.9)
