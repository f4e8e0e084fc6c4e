"""The training set of the weight for heat, from a made set that is laid out as HIT-UAV is."""

from __future__ import annotations

import json
import math
from pathlib import Path

import cv2
import numpy as np
import pytest

from core.errors import InputRefused
from detection.registry import read_registry
from detection.training.heat_model import (
    FOLDER,
    GSD_RANGE_M,
    LABELS,
    MOST_ENLARGED,
    RAD_PER_PX,
    TILE_PX,
    heat_photos,
    prepare_heat_set,
    read_heat_photo,
)
from detection.training.recipes import INITIAL, RECIPES, follow
from detection.training.trainer import SOURCES
from detection.training.yolo_sets import read_yolo_set

CAR = ("Car", (300, 250, 340, 270))
VAN = ("OtherVehicle", (400, 250, 440, 270))
PERSON = ("Person", (100, 100, 108, 112))
OBJECT = "<object><name>{}</name><bndbox>{}</bndbox></object>"


def annotation(*objects: tuple[str, tuple[float, ...]]) -> str:
    edges = ("xmin", "ymin", "xmax", "ymax")
    return "<annotation><size><width>640</width><height>512</height></size>{}</annotation>".format(
        "".join(
            OBJECT.format(name, "".join(f"<{edge}>{at}</{edge}>" for edge, at in zip(edges, box, strict=True)))
            for name, box in objects
        )
    )


def put(data: Path, name: str, text: str) -> None:
    """Write a picture in which boxes are white, and its annotation."""
    root = data / FOLDER / "normal_xml"
    for part in ("JPEGImages", "Annotations"):
        (root / part).mkdir(parents=True, exist_ok=True)
    pixels = np.full((512, 640, 3), 90, dtype=np.uint8)
    for _name, (left, top, right, bottom) in (CAR, VAN, PERSON):
        pixels[top:bottom, left:right] = 250
    cv2.imwrite(str(root / "JPEGImages" / f"{name}.jpg"), pixels)
    (root / "Annotations" / f"{name}.xml").write_text(text)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for number in (900, 3279, 3280, 4085, 4086, 9445, 9446):
        put(tmp_path, f"1_100_60_0_{number:05d}", annotation(CAR, PERSON, ("Bicycle", (10, 10, 20, 20))))
    put(tmp_path, "0_60_90_0_01000", annotation(CAR, VAN))
    put(tmp_path, "0_60_90_0_01001", annotation(CAR, ("DontCare", (0, 0, 100, 100))))
    return tmp_path


def test_a_name_tells_the_flight_s_split_and_the_ground_that_a_pixel_sees(data: Path) -> None:
    photos = {photo.number: photo for photo in heat_photos(data / FOLDER)}
    assert [number for number, photo in photos.items() if photo.split == "val"] == [3280, 4085, 9446]
    assert photos[1000].gsd_m == pytest.approx(60 * RAD_PER_PX)
    assert photos[900].gsd_m == pytest.approx(100 / math.sin(math.radians(60)) * RAD_PER_PX)
    whole = read_heat_photo(photos[900])
    assert whole is not None
    assert (whole.labels, whole.boxes.tolist()) == (("vehicle", "person"), [list(CAR[1]), list(PERSON[1])])
    assert read_heat_photo(photos[1001]) is None  # a part of it is undecided


def test_tiles_are_at_a_drawn_scale_with_their_boxes_on_what_is_warm(data: Path, tmp_path: Path) -> None:
    counts = prepare_heat_set(tmp_path / "set", data=data, scenes=tmp_path / "none")
    assert {key[:2] for key in counts} == {("train", "heat-train"), ("val", "heat-val")}
    assert json.loads((tmp_path / "set" / SOURCES).read_text()) == {
        each: list(LABELS) for each in ("heat-train", "heat-val")
    }
    gsds = {photo.number: photo.gsd_m for photo in heat_photos(data / FOLDER)}
    classes = dict(enumerate(LABELS))
    found = 0
    for split, expected in (("train", [900, 1000, 3279, 4086, 9445]), ("val", [3280, 4085, 9446])):
        folder = tmp_path / "set"
        tiles = list(read_yolo_set(folder / "images" / split, folder / "labels" / split, classes))
        assert sorted(int(tile.name.split("hit-")[1][:5]) for tile in tiles) == expected
        for tile in tiles:
            assert tile.pixels.shape == (TILE_PX, TILE_PX, 3)
            gsd_m = gsds[int(tile.name.split("hit-")[1][:5])]
            for label, (left, top, right, bottom) in zip(tile.labels, tile.boxes, strict=True):
                edge = left < 1 or top < 1 or right > TILE_PX - 1 or bottom > TILE_PX - 1
                if label == "vehicle" and not edge:
                    scale = (right - left) / 40
                    assert scale <= MOST_ENLARGED + 0.02
                    assert GSD_RANGE_M[0] - 0.002 <= gsd_m / scale <= max(GSD_RANGE_M[1], gsd_m) + 0.002
                    inner = tile.pixels[round(top) + 2 : round(bottom) - 2, round(left) + 2 : round(right) - 2]
                    assert inner.mean() > 200
                    found += 1
    assert found >= 3


def test_of_the_playground_s_many_pictures_two_fifths_are_taken(tmp_path: Path) -> None:
    for number in range(60):
        put(tmp_path, f"1_60_30_0_{number:05d}", annotation(CAR))
    prepare_heat_set(tmp_path / "set", data=tmp_path, scenes=tmp_path)
    assert 14 <= len(list((tmp_path / "set" / "images" / "train").iterdir())) <= 34


BOMB = '<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;">]><annotation>&c;</annotation>'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (BOMB, "DTDForbidden"),
        ("", "no element"),
        ("<annotation><object>", "no element|unclosed"),
        ("x" * 1_000_001, "larger than"),
        (annotation(("Tank", (1, 1, 2, 2))), "called 'Tank'"),
        (annotation(("Car", (5, 5, 5, 9))), "no box"),
        (annotation(("Car", (math.nan, 5, 7, 9))), "no box"),
        (annotation(CAR).replace(">300<", ">three hundred<"), "convert"),
        (annotation(("Car", (5, 5, 900, 9))), "outside its picture"),
    ],
)
def test_a_hostile_or_broken_annotation_is_refused_in_one_sentence(tmp_path: Path, text: str, words: str) -> None:
    put(tmp_path, "1_60_30_0_02000", text)
    with pytest.raises(InputRefused, match=words) as refused:
        prepare_heat_set(tmp_path / "set", data=tmp_path, scenes=tmp_path)
    assert refused.value.path is not None
    assert Path(refused.value.path).name == "1_60_30_0_02000.xml"
    assert "\n" not in str(refused.value)


def test_a_missing_annotation_a_broken_picture_a_strange_name_and_an_empty_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="holds no images"):
        prepare_heat_set(tmp_path / "set", data=tmp_path, scenes=tmp_path)
    put(tmp_path, "1_60_30_0_02000", annotation(CAR))
    pictures = tmp_path / FOLDER / "normal_xml" / "JPEGImages"
    (tmp_path / FOLDER / "normal_xml" / "Annotations" / "1_60_30_0_02000.xml").unlink()
    with pytest.raises(InputRefused, match="cannot be read"):
        prepare_heat_set(tmp_path / "set", data=tmp_path, scenes=tmp_path)
    put(tmp_path, "1_60_30_0_02000", annotation(CAR))
    (pictures / "1_60_30_0_02000.jpg").write_bytes(b"no picture")
    with pytest.raises(InputRefused, match="cannot be decoded"):
        prepare_heat_set(tmp_path / "again", data=tmp_path, scenes=tmp_path)
    (pictures / "holiday.jpg").write_bytes(b"")
    with pytest.raises(InputRefused, match="not named as"):
        heat_photos(tmp_path / FOLDER)


def test_the_recipe_trains_on_the_set_alone_and_renders_nothing(data: Path, tmp_path: Path) -> None:
    recipe = RECIPES["heat"]
    assert recipe.settings.image_px == TILE_PX
    assert recipe.settings.bfloat16
    assert recipe.settings.threads == 1
    assert {each.initial for each in RECIPES.values()} == {INITIAL}
    assert "vehicle" in read_registry().named(INITIAL).card.thresholds
    told: list[str] = []

    class StopError(Exception):
        """Raised where training would begin."""

    def tell(words: str) -> None:
        told.append(words)
        if words.startswith("training"):
            raise StopError

    with pytest.raises(StopError):
        follow(recipe, data=data, work=tmp_path / "w", out=tmp_path / "w.pt", registry=read_registry(), told=tell)
    assert not any("rendering" in words for words in told)
    assert not (tmp_path / "w" / "scenes").exists()
    assert (tmp_path / "w" / "set" / SOURCES).is_file()
    with pytest.raises(InputRefused, match="lacks hit_uav"):
        follow(recipe, data=tmp_path / "w", work=tmp_path, out=tmp_path / "w.pt", registry=read_registry(), told=tell)
