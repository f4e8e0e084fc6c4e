"""Look-alikes lie beside vehicles, never over them, and come from their seed."""

from __future__ import annotations

import numpy as np
import pytest

from detection.training import look_alikes
from detection.training.look_alikes import strew
from detection.training.yolo_sets import Labelled

GSD_M = (0.045, 0.13)


def street() -> Labelled:
    boxes = np.array([[60.0, 60.0, 120.0, 90.0], [200.0, 240.0, 230.0, 300.0], [10.0, 10.0, 406.0, 40.0]])
    return Labelled(
        name="DJI_0762-7",
        pixels=np.full((416, 416, 3), 90, np.uint8),
        boxes=boxes,
        labels=("vehicle", "vehicle", "truck"),
    )


@pytest.mark.parametrize("seed", range(12))
def test_what_is_labelled_stays_as_it_was(seed: int) -> None:
    tile = street()
    strewn = strew(tile, gsd_m=GSD_M, random=np.random.default_rng(seed))
    assert strewn.labels == tile.labels
    assert (strewn.boxes == tile.boxes).all()
    for left, top, right, bottom in tile.boxes.astype(int):
        assert (strewn.pixels[top:bottom, left:right] == 90).all()
    assert (tile.pixels == 90).all()  # the tile itself is not drawn on


def test_nearly_every_tile_gets_some_and_most_of_it_stays_ground() -> None:
    changed = [
        float((strew(street(), gsd_m=GSD_M, random=np.random.default_rng(seed)).pixels != 90).any(axis=2).mean())
        for seed in range(40)
    ]
    assert np.mean([share > 0.001 for share in changed]) > 0.8
    assert max(changed) < 0.5


def test_they_come_from_the_seed_and_the_flight_stays_its_own() -> None:
    one, same, other = (strew(street(), gsd_m=GSD_M, random=np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert (one.pixels == same.pixels).all()
    assert (one.pixels != other.pixels).any()
    assert one.flight.startswith("DJI_0762")


def test_an_empty_tile_can_be_strewn() -> None:
    empty = Labelled(name="a-1", pixels=np.zeros((416, 416, 3), np.uint8), boxes=np.empty((0, 4)), labels=())
    assert not strew(empty, gsd_m=GSD_M, random=np.random.default_rng(1)).labels


@pytest.mark.parametrize("side", [416, 417])
def test_softening_the_surroundings_gives_the_pixels_of_softening_the_whole_tile(
    side: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def strewn(seed: int) -> np.ndarray:
        pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
        tile = Labelled(name="a-1", pixels=pixels, boxes=np.empty((0, 4)), labels=())
        return strew(tile, gsd_m=GSD_M, random=np.random.default_rng(seed)).pixels

    near = [strewn(seed) for seed in range(6)]
    monkeypatch.setattr(look_alikes, "SOFT_PX", side)
    whole = [strewn(seed) for seed in range(6)]
    assert all((one == other).all() for one, other in zip(near, whole, strict=True))
    assert len({pixels.tobytes() for pixels in near}) == 6
