"""The commands for weights, as a bureau with a weight of its own uses them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from app.commands import build
from core.errors import InputRefused, WeightRefused
from detection.registry import SHIPPED, bureau_register, read_registry
from detection.training.trainer import read_sources
from detection.weight_card import Sees

SPEC = """
name: yard
classes: [vehicle]
labels: {vehicle: vehicle}
thresholds: {vehicle: 0.4}
training_gsd_m: 0.1
coarsest_gsd_m: 0.15
largest_thing_m: 12
licence: AGPL-3.0-or-later
default: true
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path


@pytest.fixture
def own(home: Path) -> Path:
    """A weight of the bureau's own, with its card and specification."""
    shutil.copyfile(read_registry().named("vehicle-n-3").path, home / "yard.pt")
    (home / "yard.md").write_text("# yard\n")
    (home / "yard.yaml").write_text(SPEC)
    return home


def run(*words: str) -> str:
    done = CliRunner().invoke(build(), list(words), catch_exceptions=True, env={"COLUMNS": "200"})
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.output


def add(folder: Path, *more: str) -> str:
    return run(
        "model", "add", str(folder / "yard.pt"), "--spec", str(folder / "yard.yaml"), "--card", str(folder / "yard.md"),
        "--device", "cpu", *more,
    )  # fmt: skip


def test_a_weight_of_ones_own_is_registered_and_takes_the_place_of_the_default(own: Path) -> None:
    assert "registered yard" in add(own)
    assert bureau_register().is_file()
    registry = read_registry((SHIPPED, bureau_register()))
    assert [entry.card.name for entry in registry.defaults_for(Sees.LIGHT)] == ["fire-n", "yard"]
    assert "yard" in run("model", "list")


def test_a_weight_for_heat_joins_the_default_for_light_and_does_not_replace_it(own: Path) -> None:
    (own / "yard.yaml").write_text(SPEC + "sees: heat\n")
    before = [entry.card.name for entry in read_registry().defaults() if entry.card.sees is Sees.LIGHT]
    assert "finds vehicle in heat" in add(own)
    registry = read_registry((SHIPPED, bureau_register()))
    assert registry.default_for("vehicle", Sees.HEAT).card.name == "yard"
    assert set(before) <= {entry.card.name for entry in registry.defaults()}
    (line,) = (line for line in run("model", "list").splitlines() if "yard " in line)
    assert "heat" in line
    assert run("model", "check", "yard", "--device", "cpu").count("passed") == 4
    sample = own / "sample"
    sample.mkdir()
    cv2.imwrite(str(sample / "a.png"), np.full((256, 256, 3), 90, np.uint8))
    run("model", "check", "yard", "--device", "cpu", "--sample", str(sample))
    cv2.imwrite(str(sample / "a.png"), np.full((256, 256, 3), (200, 30, 90), np.uint8))
    with pytest.raises(InputRefused, match="in colours, and yard sees heat"):
        run("model", "check", "yard", "--device", "cpu", "--sample", str(sample))
    with pytest.raises(InputRefused, match="in colours, and yard sees heat"):
        run("model", "operating-point", "yard", "--sample", str(sample), "--false-leads-per-km2", "9", "--gsd-m", "0.1")
    with pytest.raises(InputRefused, match="sees heat, and the weight in use sees light"):
        run("model", "compare", "vehicle-n-3", "yard", "--sample", str(sample))


def test_a_weight_whose_classes_are_not_those_of_its_card_is_not_registered(own: Path) -> None:
    (own / "yard.yaml").write_text(SPEC.replace("[vehicle]", "[boat]").replace("{vehicle: v", "{boat: v"))
    with pytest.raises(WeightRefused, match="did not pass"):
        add(own)
    assert not bureau_register().exists()


def test_a_weight_that_fails_leaves_the_register_as_it_was(own: Path) -> None:
    add(own)
    before = {path.name: path.read_bytes() for path in bureau_register().parent.iterdir()}
    good = (own / "yard.pt").read_bytes()
    for name, content in (
        ("broken.pt", good[: len(good) // 2]),
        ("page.pt", b"<html>"),
        ("noise.pt", bytes(range(256))),
    ):
        (own / name).write_bytes(content)
        with pytest.raises(WeightRefused, match="did not pass"):
            run("model", "add", str(own / name), "--spec", str(own / "yard.yaml"), "--card", str(own / "yard.md"))
    (own / "yard.yaml").write_text(SPEC.replace("vehicle", "lorry"))
    with pytest.raises(WeightRefused, match="did not pass"):
        add(own)
    assert {path.name: path.read_bytes() for path in bureau_register().parent.iterdir()} == before
    (own / "yard.pt").write_bytes(good + b"\0")
    with pytest.raises(InputRefused, match="another weight of that name"):
        add(own)


def test_a_weight_that_is_blind_on_the_bureaus_own_images_is_not_registered(own: Path) -> None:
    sample = own / "sample"
    sample.mkdir()
    cv2.imwrite(str(sample / "a.png"), np.full((256, 256, 3), 90, np.uint8))
    (sample / "a.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    with pytest.raises(WeightRefused, match="did not pass"):
        add(own, "--sample", str(sample))
    assert not bureau_register().exists()


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("- a list\n", "no table"),
        (SPEC.replace("labels:", "lables:"), "lables"),
        (SPEC.replace("0.4", "4"), "between 0 and 1"),
        (SPEC + "sees: x-rays\n", "light or heat, not x-rays"),
        ("a: [", "line"),
    ],
)
def test_a_wrong_specification_names_what_is_wrong(own: Path, spec: str, words: str) -> None:
    (own / "yard.yaml").write_text(spec)
    with pytest.raises(InputRefused, match=words):
        add(own)
    assert not bureau_register().exists()


def test_a_missing_weight_and_a_missing_card_are_named(own: Path) -> None:
    (own / "yard.md").unlink()
    with pytest.raises(InputRefused, match=r"yard\.md"):
        add(own)
    (own / "yard.pt").unlink()
    with pytest.raises(WeightRefused, match=r"yard\.pt"):
        add(own)


def test_verdicts_become_positives_and_hard_negatives(home: Path) -> None:
    cv2.imwrite(str(home / "frame.png"), np.full((600, 800, 3), 90, np.uint8))
    rows = [
        {"image": "frame.png", "flight": "f1", "label": "smoke", "box": [10, 10, 60, 60], "decision": "confirmed"},
        {"image": "frame.png", "flight": "f1", "label": "fire", "box": [600, 400, 700, 500], "decision": "rejected"},
    ]
    (home / "verdicts.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    told = run("train", "set", str(home / "set"), "--verdicts", str(home / "verdicts.jsonl"), "--tile-px", "256")
    assert "smoke" in told
    assert read_sources(home / "set") == {"verdicts-0": ("smoke", "fire")}
    labels = sorted((home / "set").glob("labels/*/*.txt"))
    assert [bool(path.read_text()) for path in labels] == [True, False]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "line 1 is no verdict"),
        ('{"image": "gone.png", "label": "fire", "box": [1, 1, 5, 5], "decision": "confirmed"}', "not there"),
        ('{"image": "gone.png", "label": "fire", "box": [1, 1, 5, 5], "decision": "perhaps"}', "perhaps"),
        ('{"image": "gone.png", "label": "fire", "box": [9, 1, 5, 5], "decision": "rejected"}', "width"),
    ],
)
def test_a_wrong_verdict_names_its_line(home: Path, line: str, words: str) -> None:
    (home / "verdicts.jsonl").write_text(line + "\n")
    with pytest.raises(InputRefused, match=words):
        run("train", "set", str(home / "set"), "--verdicts", str(home / "verdicts.jsonl"))
    assert not (home / "set").exists()


def test_a_foreign_set_is_read_by_the_names_that_it_gives(home: Path) -> None:
    for part in ("train", "valid"):
        for kind in ("images", "labels"):
            (home / "foreign" / part / kind).mkdir(parents=True)
        cv2.imwrite(str(home / f"foreign/{part}/images/a.jpg"), np.zeros((64, 64, 3), np.uint8))
        (home / f"foreign/{part}/labels/a.txt").write_text("1 0.5 0.5 0.2 0.2\n0 0.2 0.2 0.1 0.1\n")
    listing = "train: ../train/images\nval: ../valid/images\nnames: ['cat', 'Big fire']\n"
    (home / "foreign/data.yaml").write_text(listing)
    folder = str(home / "foreign")
    run("train", "set", str(home / "set"), "--yolo", folder, "--label", "Big fire=fire")
    assert read_sources(home / "set") == {"foreign-train": ("fire",), "foreign-val": ("fire",)}
    with pytest.raises(InputRefused, match="no class dog"):
        run("train", "set", str(home / "set2"), "--yolo", folder, "--label", "dog=fire")
    with pytest.raises(InputRefused, match="OWN=LABEL"):
        run("train", "set", str(home / "set2"), "--yolo", folder, "--label", "dog")
    with pytest.raises(InputRefused, match="no images"):
        run("train", "set", str(home / "set2"))


def test_a_recipe_that_is_unknown_or_lacks_its_images_is_refused(home: Path) -> None:
    with pytest.raises(InputRefused, match="vehicle, fire, yard, heat, all"):
        run("train", "recipe", "cats", str(home / "w.pt"), "--data", str(home))
    with pytest.raises(InputRefused, match="lacks"):
        run("train", "recipe", "fire", str(home / "w.pt"), "--data", str(home))
    with pytest.raises(InputRefused, match=r"\.pt"):
        run("train", "recipe", "fire", str(home / "w.onnx"), "--data", str(home))


def test_a_weight_that_lost_a_label_is_not_promoted(own: Path) -> None:
    sample = own / "sample"
    sample.mkdir()
    cv2.imwrite(str(sample / "a.png"), np.full((256, 256, 3), 90, np.uint8))
    add(own)
    told = run("model", "compare", "vehicle-n-3", "yard", "--sample", str(sample), "--device", "cpu")
    assert "not tested" in told
    with pytest.raises(InputRefused, match="no weight is called"):
        run("model", "compare", "vehicle-n-3", "ghost", "--sample", str(sample))


def test_thresholds_are_chosen_by_review_load_and_written_into_the_bureaus_card(own: Path, shared: Path) -> None:
    add(own)
    sample = own / "sample"
    sample.mkdir()
    for path in sorted((shared / "data" / "aerial_vehicles" / "train").glob("DJI_0013-*"))[:4]:
        shutil.copyfile(path, sample / path.name)
    for path in sample.glob("*.txt"):  # buses and vans are vehicles too
        path.write_text("".join("0" + line[1:] for line in path.read_text().splitlines(keepends=True)))
    asked = ("--sample", str(sample), "--gsd-m", "0.056", "--device", "cpu", "--on", "a crossing")
    told = run("model", "operating-point", "yard", *asked, "--false-leads-per-km2", "100")
    assert "a crossing" in told
    kept = read_registry([bureau_register()]).named("yard").card
    point = kept.measured["vehicle"]
    assert kept.thresholds["vehicle"] == point.threshold
    assert point.false_per_km2 <= 100
    assert point.found > 0
    shipped = run("model", "operating-point", "vehicle-n-3", *asked, "--false-leads-per-km2", "100")
    assert "Nothing was written" in shipped
    with pytest.raises(InputRefused, match="how much ground"):
        run(
            "model", "operating-point", "yard", "--sample", str(sample), "--false-leads-per-km2", "9", "--device", "cpu"
        )
