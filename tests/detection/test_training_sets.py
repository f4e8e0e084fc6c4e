from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InputRefused
from core.ids import derived_id
from detection.detection import Box
from detection.frame import Frame
from detection.registry import SHIPPED, read_registry
from detection.scripted import ScriptedDetector
from detection.training.clutter import draw_clutter
from detection.training.promotion import ClassScore, compare, score_detector
from detection.training.sets import Decision, Source, Verdict, from_verdicts, split_of, write_sources
from detection.training.trainer import TrainingSettings, read_sources, train_weight
from detection.training.yolo_sets import Labelled, compose, cut_training_tiles, read_yolo_set


def image(name: str, boxes: list[list[float]], labels: tuple[str, ...], side: int = 128) -> Labelled:
    pixels = np.full((side, side, 3), 90, dtype=np.uint8)
    for left, top, right, bottom in boxes:
        cv2.rectangle(pixels, (int(left), int(top)), (int(right) - 1, int(bottom) - 1), (240, 240, 240), -1)
    return Labelled(name=name, pixels=pixels, boxes=np.array(boxes, dtype=float).reshape(-1, 4), labels=labels)


def test_a_set_reads_back_as_it_was_written(tmp_path: Path) -> None:
    given_images = [
        image("DJI_1-001", [[10, 20, 50, 40]], ("vehicle",)),
        image("DJI_1-002", [[0, 0, 30, 30], [60, 60, 128, 128]], ("smoke", "vehicle")),
        image("DJI_1-003", [], ()),
    ]
    sources = [Source(name="yard", images=given_images, searched_for=("vehicle", "smoke"), split="train")]
    counts = write_sources(tmp_path / "set", sources, ["vehicle", "smoke"])
    assert counts == {("train", "yard", "vehicle"): 2, ("train", "yard", "smoke"): 1}
    folder = tmp_path / "set"
    back = list(read_yolo_set(folder / "images/train", folder / "labels/train", {0: "vehicle", 1: "smoke"}))
    assert [each.labels for each in back] == [each.labels for each in given_images]
    for one, other in zip(back, given_images, strict=True):
        assert one.boxes == pytest.approx(other.boxes, abs=1e-3)
    assert read_sources(folder) == {"yard": ("vehicle", "smoke")}
    with pytest.raises(InputRefused, match="not empty"):
        write_sources(folder, sources, ["vehicle", "smoke"])
    with pytest.raises(InputRefused, match="not a training set"):
        read_sources(tmp_path)


@pytest.mark.parametrize("line", ["0 0.5 0.5 0.1", "0 0.5 0.5 0.1 1.7", "car 0.5 0.5 0.1 0.1"])
def test_a_malformed_label_file_is_refused(tmp_path: Path, line: str) -> None:
    cv2.imwrite(str(tmp_path / "a.jpg"), np.zeros((64, 64, 3), np.uint8))
    (tmp_path / "a.txt").write_text(line)
    with pytest.raises(InputRefused, match="line is not"):
        list(read_yolo_set(tmp_path, tmp_path, {0: "vehicle"}))


def test_a_folder_without_images_and_an_undecodable_image_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="no images"):
        list(read_yolo_set(tmp_path, tmp_path, {0: "vehicle"}))
    (tmp_path / "a.jpg").write_bytes(b"no image")
    with pytest.raises(InputRefused, match="decoded"):
        list(read_yolo_set(tmp_path, tmp_path, {0: "vehicle"}))


@settings(max_examples=50, deadline=None)
@given(flights=st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=20, unique=True))
def test_a_flight_is_always_on_one_side(flights: list[str]) -> None:
    first = {flight: split_of(flight) for flight in flights}
    assert {flight: split_of(flight) for flight in reversed(flights)} == first


def test_flights_are_split_and_never_torn_apart(tmp_path: Path) -> None:
    images = [image(f"DJI_{flight}-{number}", [], ()) for flight in range(40) for number in range(2)]
    write_sources(tmp_path / "set", [Source(name="many", images=images, searched_for=("vehicle",))], ["vehicle"])
    sides = {}
    for split in ("train", "val"):
        for path in (tmp_path / "set" / "images" / split).iterdir():
            flight = path.stem.split("__")[1].rsplit("-", 1)[0]
            assert sides.setdefault(flight, split) == split
    assert set(sides.values()) == {"train", "val"}


def test_tiles_keep_boxes_on_their_things() -> None:
    whole = image("DJI_1-1", [[200, 200, 260, 230]], ("vehicle",), side=512)
    tiles = list(
        cut_training_tiles(
            whole, gsd_m=0.06, tile_px=160, count=60, gsd_range_m=(0.05, 0.12), random=np.random.default_rng(2)
        )
    )
    shown = [tile for tile in tiles if tile.labels]
    assert len(tiles) == 60
    assert shown
    for tile in shown:
        left, top, right, bottom = (round(edge) for edge in tile.boxes[0])
        assert tile.pixels[top + 1 : bottom - 1, left + 1 : right - 1].mean() > 220
        assert tile.pixels.shape == (160, 160, 3)


def test_four_small_images_make_one() -> None:
    parts = [image(f"f-{number}", [[0, 0, 64, 64]], ("fire",)) for number in range(4)]
    whole = compose(parts, cell_px=100, name="four")
    assert whole.pixels.shape == (200, 200, 3)
    assert whole.boxes.tolist() == [[0, 0, 50, 50], [100, 0, 150, 50], [0, 100, 50, 150], [100, 100, 150, 150]]


def test_clutter_comes_from_its_seed() -> None:
    assert (draw_clutter(96, 4) == draw_clutter(96, 4)).all()
    assert (draw_clutter(96, 4) != draw_clutter(96, 5)).any()


def test_verdicts_become_positives_and_hard_negatives(make_frame: Callable[..., Frame]) -> None:
    frame = make_frame()
    near = Box(left_px=100, top_px=100, right_px=140, bottom_px=120)
    far = Box(left_px=600, top_px=450, right_px=640, bottom_px=480)
    tiles = list(
        from_verdicts(
            frame,
            [
                Verdict(label="vehicle", box=near, decision=Decision.CONFIRMED),
                Verdict(label="vehicle", box=far, decision=Decision.REJECTED),
            ],
            tile_px=160,
        )
    )
    assert [tile.labels for tile in tiles] == [("vehicle",), ()]
    assert tiles[0].boxes.tolist() == [[60, 70, 100, 90]]


def test_training_changes_what_is_known_and_leaves_the_rest(tmp_path: Path) -> None:
    """One step on a source that was never searched for smoke must not teach that there is no smoke."""
    import torch

    from detection.networks.torch_network import classes_of, load_module

    images = [image(f"DJI_1-{number}", [[10, 20, 50, 40]], ("vehicle",), side=64) for number in range(4)]
    sources = [Source(name="cars", images=images, searched_for=("vehicle",), split="train")]
    write_sources(tmp_path / "set", sources, ["vehicle", "smoke"])
    initial = SHIPPED.parent / read_registry().named("vehicle-n-3").card.file
    epochs: list[tuple[int, int]] = []
    out = train_weight(
        tmp_path / "set",
        initial,
        tmp_path / "trained.pt",
        TrainingSettings(image_px=64, epochs=1, batch=4, threads=1),
        progress=lambda done, of: epochs.append((done, of)),
    )
    assert epochs == [(1, 1)]
    module = load_module(out)
    assert classes_of(module) == ("vehicle", "smoke")
    assert not out.with_suffix(".work").exists()
    # Ultralytics starts a new class with this bias; a class that no image was searched for keeps it
    head = module.model[-1]
    fresh = [torch.log(torch.tensor(5 / 2 / (640 / stride) ** 2)).item() for stride in head.stride.tolist()]
    for layers, start in zip(head.cv3, fresh, strict=True):
        assert layers[-1].bias[1].item() == pytest.approx(start, abs=0.05)


def test_a_weight_that_is_worse_on_one_label_is_not_promoted() -> None:
    def scored(value: float | None) -> ClassScore:
        return ClassScore(true=10, average_precision=value, recall=value, precision=value)

    old = {"vehicle": scored(0.6), "smoke": scored(0.4), "fire": scored(None)}
    better = compare(old, {"vehicle": scored(0.9), "smoke": scored(0.395), "fire": scored(None)})
    assert better.is_granted
    assert better.untested == ("fire",)
    worse = compare(old, {"vehicle": scored(0.9), "smoke": scored(0.3), "fire": scored(None)})
    assert not worse.is_granted
    assert worse.worse == ("smoke",)
    assert compare(old, {"vehicle": scored(0.9), "smoke": scored(0.5)}).worse == ("fire",)


def test_a_detector_is_scored_on_labelled_images() -> None:
    shown = image("a", [[10, 20, 50, 40]], ("vehicle",))
    frame_id = derived_id("frame", shown.name, 0)
    hit = Box(left_px=10, top_px=20, right_px=50, bottom_px=40)
    miss = Box(left_px=80, top_px=80, right_px=90, bottom_px=90)
    detector = ScriptedDetector({frame_id: [("vehicle", 0.9, hit), ("vehicle", 0.2, miss)]}, labels=["vehicle", "fire"])
    scores = score_detector(detector, [shown], least_iou=0.5, thresholds={"vehicle": 0.5, "fire": 0.5})
    assert scores["vehicle"] == ClassScore(true=1, average_precision=1.0, recall=1.0, precision=1.0)
    assert scores["fire"] == ClassScore(true=0, average_precision=None, recall=None, precision=None)


def test_the_default_recipe_holds_out_whole_flights_and_says_what_was_searched_for(tmp_path: Path) -> None:
    from detection.training.default_model import TILES_PER_STREET, prepare_default_set

    cars = tmp_path / "data" / "aerial_vehicles" / "train"
    scenes = tmp_path / "scenes"
    streets = tmp_path / "data" / "kit_ais"
    for folder in (cars, streets, *(tmp_path / "data/forest_fire" / part / "images" for part in ("train", "valid"))):
        folder.mkdir(parents=True)
    for part in ("train", "valid"):
        (tmp_path / "data/forest_fire" / part / "labels").mkdir()
        for number in range(4):
            cv2.imwrite(
                str(tmp_path / f"data/forest_fire/{part}/images/f{number}.jpg"), np.zeros((64, 64, 3), np.uint8)
            )
            (tmp_path / f"data/forest_fire/{part}/labels/f{number}.txt").write_text("3 0.5 0.5 0.2 0.2\n")
    for flight in ("DJI_0013", "DJI_0762"):
        cv2.imwrite(str(cars / f"{flight}-0001.jpg"), np.full((540, 960, 3), 80, np.uint8))
        (cars / f"{flight}-0001.txt").write_text("0 0.5 0.5 0.08 0.04\n2 0.5 0.7 0.2 0.05\n")
    for name in ("MOS155", "MOS156", "MunichStreet02-MOS74"):
        cv2.imwrite(str(streets / f"{name}.png"), np.full((380, 700, 3), 120, np.uint8))
        (streets / f"{name}.txt").write_text("0 0.5 0.5 0.05 0.05\n")
    for split in ("train", "val"):
        for kind in ("images", "labels"):
            (scenes / kind / split).mkdir(parents=True)
        cv2.imwrite(str(scenes / "images" / split / "s0.jpg"), np.zeros((416, 416, 3), np.uint8))
        (scenes / "labels" / split / "s0.txt").write_text("2 0.5 0.5 0.02 0.02\n1 0.2 0.2 0.1 0.1\n")
    prepare_default_set(tmp_path / "set", data=tmp_path / "data", scenes=scenes)
    names = {path.stem for path in (tmp_path / "set/images/val").iterdir()}
    assert any("DJI_0013" in name for name in names)
    assert not any("DJI_0762" in name for name in names)
    searched = read_sources(tmp_path / "set")
    assert "person" not in searched["cars-train"]
    assert "person" in searched["rendered-train"]
    prepare_default_set(tmp_path / "one", data=tmp_path / "data", scenes=scenes, vehicles_only=True)
    assert set(read_sources(tmp_path / "one").values()) == {("vehicle",)}
    kinds = Counter(path.name.split("__")[0] for path in (tmp_path / "one/images/train").iterdir())
    assert kinds["streets"] == 2 * TILES_PER_STREET  # every second frame
    assert kinds["strewn"] >= kinds["streets"]
    lines = (tmp_path / "one/labels/train/rendered-train__s0.txt").read_text().splitlines()
    assert [line.split()[0] for line in lines] == ["0"]
