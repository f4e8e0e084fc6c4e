"""The set of the weight for people and yard things: marked people, real ground, and what is held out."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np

from detection.training.default_model import VALIDATION_FLIGHT
from detection.training.recipes import RECIPES
from detection.training.sets import SOURCES
from detection.training.yard_model import (
    LABELS,
    PEOPLE_MARKS,
    TILE_PX,
    marked_people,
    prepare_yard_set,
    road_backdrops,
)
from flight.rehearsal.scenes import SceneSettings, write_training_set


def test_every_mark_lies_in_the_part_that_was_searched() -> None:
    marks = json.loads(PEOPLE_MARKS.read_text(encoding="utf-8"))["images"]
    parts = [part for image in marks.values() for part in image]
    assert sum(len(part["people"]) for part in parts) > 100
    for part in parts:
        left, top, right, bottom = part["searched"]
        assert all(left <= x <= right and top <= y <= bottom for x, y in part["people"])


def test_marked_people_are_cut_out_with_their_flights_split(shared: Path) -> None:
    parts = list(marked_people(shared / "data" / "aerial_vehicles" / "train"))
    assert {split for split, _part in parts} == {"train", "val"}
    for split, part in parts:
        assert (part.flight == VALIDATION_FLIGHT) == (split == "val")
        height, width = part.pixels.shape[:2]
        assert (part.boxes >= 0).all()
        assert (part.boxes <= [width, height, width, height]).all()


def test_grounds_are_of_roads_and_leave_out_the_held_out_flight(shared: Path) -> None:
    pictures = road_backdrops(shared / "data")
    assert len(pictures) > 50
    assert len({picture.gsd_m for picture in pictures}) > 1
    assert all(
        np.array_equal(a.pixels, b.pixels) for a, b in zip(pictures, road_backdrops(shared / "data"), strict=True)
    )


def test_the_yard_set_says_which_of_its_images_were_searched_for_people(tmp_path: Path, shared: Path) -> None:
    recipe = RECIPES["yard"]
    assert recipe.scenes.tile_px == recipe.settings.image_px == TILE_PX
    write_training_set(tmp_path / "scenes", 24, 3, settings=SceneSettings(tile_px=64, is_busy=True), workers=1)
    counts = prepare_yard_set(tmp_path / "set", data=shared / "data", scenes=tmp_path / "scenes")
    sources = json.loads((tmp_path / "set" / SOURCES).read_text(encoding="utf-8"))
    assert all("person" not in searched for name, searched in sources.items() if name.startswith("streets"))
    assert all(tuple(searched) == LABELS for name, searched in sources.items() if not name.startswith("streets"))
    by_source = Counter(dict.fromkeys(sources, 0))
    for (_split, source, _label), count in counts.items():
        by_source[source] += count
    assert by_source["people-train"] > 100
    assert by_source["people-val"] > 30
    assert by_source["streets-train"] == by_source["clutter"] == 0
