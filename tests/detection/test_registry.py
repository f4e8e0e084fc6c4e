from __future__ import annotations

import json
import pickle
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.errors import WeightRefused
from detection.registry import SHIPPED, read_registry, register_weight, sha256_of, verify_weight
from detection.weight_card import Sees, WeightCard
from detection.yolo import YoloDetector


@pytest.fixture(scope="module")
def card() -> WeightCard:
    return read_registry().default_for("vehicle").card


def test_every_shipped_weight_is_the_registered_bytes_and_has_its_page() -> None:
    registry = read_registry()
    assert registry.entries
    for entry in registry.entries:
        assert sha256_of(entry.path) == entry.card.sha256
        page = (entry.folder / entry.card.card).read_text(encoding="utf-8")
        assert entry.card.sha256 in page
        for heading in ("## Data", "## Licence", "## How it was trained", "## Measured"):
            assert heading in page
    assert sum(entry.path.stat().st_size for entry in registry.entries) <= 25 * 1024 * 1024
    assert "vehicle" in registry.default_for("vehicle").card.labels.values()


class Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return (pytest.fail, ("the weight was unpickled",))


def test_an_unknown_weight_is_refused_before_it_is_unpickled(tmp_path: Path) -> None:
    path = tmp_path / "stranger.pt"
    path.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(WeightRefused, match="not registered"):
        YoloDetector(path)


def test_an_altered_a_missing_and_an_empty_weight_are_refused(tmp_path: Path, card: WeightCard) -> None:
    altered = tmp_path / card.file
    content = bytearray((SHIPPED.parent / card.file).read_bytes())
    content[len(content) // 2] ^= 1
    altered.write_bytes(content)
    with pytest.raises(WeightRefused, match="altered or is incomplete"):
        YoloDetector(altered)
    with pytest.raises(WeightRefused, match="cannot be read"):
        YoloDetector(tmp_path / "gone.pt")
    (tmp_path / "empty.pt").write_bytes(b"")
    with pytest.raises(WeightRefused, match="empty"):
        YoloDetector(tmp_path / "empty.pt")


def test_a_registered_file_that_is_no_weight_and_one_with_other_classes_are_refused(
    tmp_path: Path, card: WeightCard
) -> None:
    broken = tmp_path / "broken.pt"
    broken.write_bytes(b"PK\x03\x04 not a weight")
    register_weight(broken, replace(card, name="broken", file="broken.pt"), tmp_path / "registry.json")
    with pytest.raises(WeightRefused, match="cannot load"):
        YoloDetector(broken, registry=read_registry([tmp_path / "registry.json"]), device="cpu")
    shutil.copy(SHIPPED.parent / card.file, tmp_path / "own.pt")
    wrong = replace(
        card,
        name="wrong",
        file="own.pt",
        classes=("boat",),
        labels={"boat": "boat"},
        thresholds={"boat": 0.5},
        measured={},
        sizes_m={},
        flat_views={},
    )
    register_weight(tmp_path / "own.pt", wrong, tmp_path / "registry.json")
    with pytest.raises(WeightRefused, match="as its card says"):
        YoloDetector(tmp_path / "own.pt", registry=read_registry([tmp_path / "registry.json"]), device="cpu")


def test_registering_writes_a_register_that_reads_back(tmp_path: Path, card: WeightCard) -> None:
    weight = tmp_path / "own.pt"
    weight.write_bytes(b"weight bytes")
    register = tmp_path / "registry.json"
    first = register_weight(weight, replace(card, name="one", file="own.pt"), register)
    second = register_weight(weight, replace(card, name="two", file="own.pt", default=True), register)
    registry = read_registry([register])
    assert registry.default_for("vehicle").card == second
    assert registry.named("one").card == replace(first, default=False)
    assert verify_weight(weight, registry) == replace(first, default=False)
    with pytest.raises(LookupError, match="one, two"):
        registry.named("three")
    with pytest.raises(WeightRefused, match="beside the register"):
        register_weight(SHIPPED.parent / card.file, card, register)


def test_a_default_for_heat_stands_beside_one_for_light_and_replaces_only_its_like(
    tmp_path: Path, card: WeightCard
) -> None:
    register = tmp_path / "registry.json"
    for name, sees in (("day", Sees.LIGHT), ("night-1", Sees.HEAT), ("night-2", Sees.HEAT)):
        weight = tmp_path / f"{name}.pt"
        weight.write_bytes(name.encode())
        register_weight(weight, replace(card, name=name, file=weight.name, sees=sees, default=True), register)
    assert {row["name"]: row["sees"] for row in json.loads(register.read_text())["weights"]} == {
        "day": "light",
        "night-1": "heat",
        "night-2": "heat",
    }
    registry = read_registry([SHIPPED, register])
    assert registry.default_for("vehicle").card.name == "day"
    assert registry.default_for("vehicle", Sees.HEAT).card.name == "night-2"
    assert [entry.card.name for entry in registry.defaults_for(Sees.HEAT)] == ["night-2"]
    assert not registry.named("night-1").card.default
    with pytest.raises(LookupError, match="finds smoke in heat"):
        registry.default_for("smoke", Sees.HEAT)


def test_a_card_that_does_not_say_what_it_sees_sees_light(tmp_path: Path) -> None:
    document = json.loads(SHIPPED.read_text())
    for row in document["weights"]:
        row.pop("sees", None)
    register = tmp_path / "registry.json"
    register.write_text(json.dumps(document))
    assert {entry.card.sees for entry in read_registry([register]).entries} == {Sees.LIGHT}


@pytest.mark.parametrize(
    "document",
    [
        "",
        "[]",
        '{"schema": 2, "weights": []}',
        '{"schema": 1, "weights": [{}]}',
        '{"schema": 1, "weights": [7]}',
    ],
)
def test_a_register_that_cannot_be_used_is_refused(tmp_path: Path, document: str) -> None:
    path = tmp_path / "registry.json"
    path.write_text(document)
    with pytest.raises(WeightRefused):
        read_registry([path])


def test_a_misspelt_field_of_a_card_is_not_ignored(tmp_path: Path) -> None:
    document = json.loads(SHIPPED.read_text())
    document["weights"][0]["treshold"] = 0.9
    path = tmp_path / "registry.json"
    path.write_text(json.dumps(document))
    with pytest.raises(WeightRefused, match="treshold"):
        read_registry([path])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sha256": "ABC"}, "64 lower-case"),
        ({"labels": {"boat": "boat"}}, "does not have"),
        ({"thresholds": {}}, "has a threshold"),
        ({"thresholds": {"vehicle": 1.0}}, "between 0 and 1"),
        ({"training_gsd_m": -1.0}, "positive"),
        ({"file": "../x.pt"}, "bare name"),
        ({"sizes_m": {"boat": (1, 2)}}, "class map only"),
        ({"sizes_m": {"vehicle": (3, 2)}}, "below the greatest"),
        ({"flat_views": {"boat": 1.0}}, "what flat views cost"),
        ({"flat_views": {"vehicle": -1.0}}, "between 0 and 5"),
        ({"sees": "sound"}, "light or heat, not sound"),
    ],
)
def test_a_card_that_does_not_hold_together_is_a_mistake(change: dict[str, Any], message: str) -> None:
    shipped = read_registry().named("vehicle-n-3").card
    with pytest.raises(ValueError, match=message):
        replace(shipped, **change)
